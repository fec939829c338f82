//! What the peers' thin mains share: the TUN, which is their standard input, and upstream sockets.

use std::fs::File;
use std::future::Future;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::AsFd;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::unix::AsyncFd;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::UdpSocket;

/// How long an upstream UDP socket waits for one more answer.
pub const UDP_IDLE: Duration = Duration::from_secs(30);

/// The longest packet, and the longest datagram.
pub const LONGEST: usize = 1 << 16;

/// Runs a peer: `PEER MTU`, with the TUN as its standard input. A runtime with a thread for each core, as the peers'
/// own examples have it.
pub fn main<F: Future<Output = io::Result<()>>>(peer: impl FnOnce(Tun, u16) -> F) -> io::Result<()> {
    let mtu = std::env::args().nth(1).and_then(|mtu| mtu.parse().ok());
    let mtu = mtu.ok_or_else(|| io::Error::other("one argument is needed, the MTU"))?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async { peer(Tun::from_stdin()?, mtu).await })
}

/// A non-blocking TUN: each read gives a packet, each write takes one.
pub struct Tun(AsyncFd<File>);

impl Tun {
    /// Needs a runtime.
    fn from_stdin() -> io::Result<Self> {
        let fd = io::stdin().as_fd().try_clone_to_owned()?;
        // SAFETY: a `File` gives the same descriptor each time, and closes it only when it is dropped.
        Ok(Self(unsafe { AsyncFd::register(File::from(fd)) }?))
    }

    /// Waits for the next packet.
    pub async fn receive(&self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let mut ready = self.0.readable().await?;
            if let Ok(result) = ready.try_io(|tun| tun.get_ref().read(buffer)) {
                return result;
            }
        }
    }

    /// Sends a packet once there is room for it.
    pub async fn send(&self, packet: &[u8]) -> io::Result<usize> {
        loop {
            let mut ready = self.0.writable().await?;
            if let Ok(result) = ready.try_io(|tun| tun.get_ref().write(packet)) {
                return result;
            }
        }
    }
}

impl AsyncRead for Tun {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        loop {
            let mut ready = ready!(self.0.poll_read_ready(cx))?;
            if let Ok(read) = ready.try_io(|tun| tun.get_ref().read(buffer.initialize_unfilled())) {
                buffer.advance(read?);
                return Poll::Ready(Ok(()));
            }
        }
    }
}

impl AsyncWrite for Tun {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, packet: &[u8]) -> Poll<io::Result<usize>> {
        loop {
            let mut ready = ready!(self.0.poll_write_ready(cx))?;
            if let Ok(result) = ready.try_io(|tun| tun.get_ref().write(packet)) {
                return Poll::Ready(result);
            }
        }
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// A socket of its own for the datagrams of one flow.
pub async fn udp(remote: SocketAddr) -> io::Result<UdpSocket> {
    let any: SocketAddr = match remote {
        SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
        SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
    };
    let socket = UdpSocket::bind(any).await?;
    socket.connect(remote).await?;
    Ok(socket)
}
