//! Where the phone's packets come from and go to.

use std::io;
use std::os::fd::OwnedFd;
use std::task::{Context, Poll, ready};

use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// A TUN: whole IP packets, without any header before them.
pub trait Tun {
    /// Reads the next packet into `buffer` and returns its length. 0 means that the TUN was closed.
    ///
    /// # Errors
    /// Those of the device; the session ends with them.
    fn poll_recv(&mut self, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>>;

    /// Writes a packet.
    ///
    /// # Errors
    /// Those of the device; the session ends with them.
    fn poll_send(&mut self, cx: &mut Context<'_>, packet: &[u8]) -> Poll<io::Result<()>>;
}

/// A TUN by its file descriptor, as Android's `VpnService.Builder.establish()` or [`crate::linux::open_tun`] give it.
#[derive(Debug)]
pub struct FdTun {
    fd: AsyncFd<OwnedFd>,
}

impl FdTun {
    /// Takes over `fd` and makes it non-blocking. To be called within the runtime that runs the session.
    ///
    /// # Errors
    /// When the descriptor cannot be made non-blocking or watched.
    pub fn from_fd(fd: OwnedFd) -> io::Result<Self> {
        rustix::io::ioctl_fionbio(&fd, true)?;
        // SAFETY: an `OwnedFd` always answers with the same open descriptor, and is closed only when the `AsyncFd` that
        // owns it is dropped, which deregisters it first.
        let fd = unsafe { AsyncFd::register_with_interest(fd, Interest::READABLE | Interest::WRITABLE) }?;
        Ok(Self { fd })
    }
}

impl Tun for FdTun {
    fn poll_recv(&mut self, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        loop {
            let mut guard = ready!(self.fd.poll_read_ready(cx))?;
            match guard.try_io(|fd| retry(|| rustix::io::read(fd, &mut *buffer))) {
                Ok(result) => return Poll::Ready(result),
                Err(_would_block) => {}
            }
        }
    }

    fn poll_send(&mut self, cx: &mut Context<'_>, packet: &[u8]) -> Poll<io::Result<()>> {
        loop {
            let mut guard = ready!(self.fd.poll_write_ready(cx))?;
            match guard.try_io(|fd| retry(|| rustix::io::write(fd, packet))) {
                Ok(result) => return Poll::Ready(result.map(drop)),
                Err(_would_block) => {}
            }
        }
    }
}

fn retry(mut call: impl FnMut() -> rustix::io::Result<usize>) -> io::Result<usize> {
    loop {
        match call() {
            Err(rustix::io::Errno::INTR) => {}
            result => return result.map_err(io::Error::from),
        }
    }
}
