//! Rebuilds the two byte streams of a TCP connection from its packets (RFC 9293), whatever order they come in.

use packet::{Direction, TcpSegment};

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

/// Both halves of a TCP connection, as seen by somebody who watches its packets.
#[derive(Debug, Default)]
pub struct TcpStreams {}

impl TcpStreams {
    /// Takes a segment that went `direction` and hands what it makes readable to `sink`.
    pub fn handle_segment(
        &mut self,
        _direction: Direction,
        _segment: &TcpSegment<'_>,
        _sink: &mut dyn FnMut(Direction, StreamEvent<'_>),
    ) {
    }

    /// The capture ends, or the flow is given up: yields what waits behind holes, with the holes as gaps.
    pub fn finish(&mut self, _sink: &mut dyn FnMut(Direction, StreamEvent<'_>)) {}
}
