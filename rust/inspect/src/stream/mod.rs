//! Rebuilds the two byte streams of a TCP connection from its packets (RFC 9293), whatever order they come in.
//!
//! An observer differs from a receiver: it cannot refuse a segment and have it sent again. So what waits behind a
//! hole is kept in a `Window` that grows with the bytes it holds and allows any number of holes.
//! `smoltcp::storage::Assembler` was measured and left out: how many holes it allows is fixed at compile time for all
//! users of smoltcp in the process (4 by default, 16 bytes each in every socket of the netstack, used or not), and it
//! wants one flat buffer as long as the window. Of 1000 shuffled streams of 128 segments, 755 needed more than 32 holes
//! at a time, all more than 16: each of those would have lost bytes that were there.
//!
//! A hole becomes a [`StreamEvent::Gap`] when the receiver acknowledged what lies behind it (the bytes arrived, the
//! capture lost them), when more than [`MAX_WAITING`] bytes wait behind it, or when the connection is given up.
//! Where segments overlap with different bytes, the first copy wins and the difference is counted.

mod half;
mod window;

use packet::{Direction, TcpSegment};

use half::Half;
pub(crate) use window::Window;

/// How many bytes of one half may wait behind holes, bookkeeping included.
pub const MAX_WAITING: usize = 256 * 1024;

/// What a stream yields, in order: every byte once, or a gap where it was never seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StreamEvent<'a> {
    /// The next bytes.
    Data {
        /// Offset of `bytes[0]` from the stream's first byte (or from where it was picked up).
        offset: u64,
        /// Never empty.
        bytes: &'a [u8],
    },
    /// Bytes that the capture does not hold.
    Gap {
        /// Offset of the first missing byte.
        offset: u64,
        /// How many are missing, never 0.
        len: u64,
    },
    /// The sender closed its half (FIN), or the connection was reset. Nothing follows.
    End,
}

/// What happened to one half, in bytes of its stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct StreamStats {
    /// Yielded as data.
    pub delivered: u64,
    /// Yielded as gaps.
    pub missing: u64,
    /// Came again after they were seen, keep-alives left out.
    pub retransmitted: u64,
    /// Of the retransmitted: differ from the first copy, as far as that was still waiting behind a hole.
    pub conflicting: u64,
    /// How often more than [`MAX_WAITING`] waited and a hole was given up for that.
    pub overflows: u32,
}

/// Both halves of a TCP connection, as seen by somebody who watches its packets.
#[derive(Debug, Clone, Default)]
pub struct TcpStreams {
    halves: [Half; 2],
}

impl TcpStreams {
    /// Takes a segment that went `direction` and hands what it makes readable to `sink`.
    pub fn handle_segment(
        &mut self,
        direction: Direction,
        segment: &TcpSegment<'_>,
        sink: &mut dyn FnMut(Direction, StreamEvent<'_>),
    ) {
        let [outbound, inbound] = &mut self.halves;
        let (half, other) = match direction {
            Direction::Outbound => (outbound, inbound),
            Direction::Inbound => (inbound, outbound),
        };
        if segment.flags.rst {
            if half.accepts_reset(segment, other) {
                self.reset(direction, sink);
            }
            return;
        }
        half.handle_segment(segment, &mut |event| sink(direction, event));
        other.handle_acknowledgment(segment, &mut |event| sink(direction.reversed(), event));
    }

    /// The capture ends, or the flow is given up: yields what waits behind holes, with the holes as gaps.
    pub fn finish(&mut self, sink: &mut dyn FnMut(Direction, StreamEvent<'_>)) {
        for direction in Direction::BOTH {
            self.halves[direction.index()].finish(&mut |event| sink(direction, event));
        }
    }

    /// Nobody reads that direction any more: its bytes are neither kept nor yielded, only its end is.
    pub fn discard(&mut self, direction: Direction) {
        self.halves[direction.index()].discard();
    }

    /// Whether that direction was never discarded.
    pub fn is_read(&self, direction: Direction) -> bool {
        !self.halves[direction.index()].is_discarded()
    }

    /// Whether the beginning of a half was not seen, so that offsets count from where it was picked up.
    pub fn midstream(&self) -> bool {
        self.halves.iter().any(Half::is_guessed)
    }

    /// Whether bytes wait behind a hole.
    pub fn is_waiting(&self) -> bool {
        self.halves.iter().any(Half::is_waiting)
    }

    /// Whether both halves ended.
    pub fn is_closed(&self) -> bool {
        self.halves.iter().all(Half::is_closed)
    }

    /// What happened to that half so far.
    pub fn stats(&self, direction: Direction) -> StreamStats {
        self.halves[direction.index()].stats()
    }

    fn reset(&mut self, direction: Direction, sink: &mut dyn FnMut(Direction, StreamEvent<'_>)) {
        for direction in [direction, direction.reversed()] {
            self.halves[direction.index()].reset(&mut |event| sink(direction, event));
        }
    }
}

#[cfg(test)]
mod tests;
