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

impl FdTun {
    /// Notices a TUN that is gone, which is no reason to read for the poller. Everything else that there is to hear of
    /// writing is forgotten: [`Tun::poll_send`] only waits after a write that found no room.
    fn poll_gone(&self, cx: &mut Context<'_>) -> io::Result<()> {
        while let Poll::Ready(guard) = self.fd.poll_write_ready(cx) {
            let mut guard = guard?;
            if guard.ready().is_write_closed() {
                return Err(io::Error::new(io::ErrorKind::BrokenPipe, "the TUN is gone"));
            }
            guard.clear_ready();
        }
        Ok(())
    }
}

impl Tun for FdTun {
    fn poll_recv(&mut self, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        while let Poll::Ready(guard) = self.fd.poll_read_ready(cx) {
            match guard?.try_io(|fd| retry(|| rustix::io::read(fd, &mut *buffer))) {
                Ok(result) => return Poll::Ready(result),
                Err(_would_block) => {}
            }
        }
        self.poll_gone(cx)?;
        Poll::Pending
    }

    fn poll_send(&mut self, cx: &mut Context<'_>, packet: &[u8]) -> Poll<io::Result<()>> {
        loop {
            match retry(|| rustix::io::write(&self.fd, packet)) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    ready!(self.fd.poll_write_ready(cx))?.clear_ready();
                }
                result => return Poll::Ready(result.map(drop)),
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
