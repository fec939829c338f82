//! A rehearsed failure: lets a user see that the phone stays online when the engine fails.

use std::io;
use std::task::{Context, Poll};

use tunnel::{FdTun, Tun};

/// A TUN that may be a trap.
#[derive(Debug)]
pub(crate) struct DrillTun {
    pub(crate) tun: FdTun,
    pub(crate) drill: bool,
}

impl Tun for DrillTun {
    fn poll_recv(&mut self, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        let read = self.tun.poll_recv(cx, buffer);
        if self.drill && matches!(read, Poll::Ready(Ok(1..))) {
            fail();
        }
        read
    }

    fn poll_send(&mut self, cx: &mut Context<'_>, packet: &[u8]) -> Poll<io::Result<()>> {
        self.tun.poll_send(cx, packet)
    }
}

/// Panics.
#[expect(clippy::panic, reason = "that is what is rehearsed")]
pub(crate) fn fail() -> ! {
    panic!("a rehearsed failure")
}
