//! A TCP connection's bytes both ways, dissected.

use inspect::protocol::{Dissector, Observation};
use inspect::stream::StreamEvent;
use packet::{Direction, Timestamp, Transport};

use crate::dissect::ranges;

/// A connection.
pub struct Conversation {
    dissector: Dissector,
    at: [u64; 2],
    out: Vec<Observation>,
}

impl Conversation {
    /// One that begins with these turns, the phone's first.
    pub fn new(turns: &[&[u8]]) -> Self {
        let mut new = Self { dissector: Dissector::new(Transport::Tcp, 80), at: [0; 2], out: Vec::new() };
        for (turn, direction) in turns.iter().zip(Direction::BOTH) {
            new.say(direction, turn);
        }
        new
    }

    /// Data in one direction.
    pub fn say(&mut self, direction: Direction, bytes: &[u8]) {
        let offset = self.at[direction.index()];
        self.at[direction.index()] += bytes.len() as u64;
        if !bytes.is_empty() {
            self.handle(direction, StreamEvent::Data { offset, bytes });
        }
    }

    /// Bytes that were not seen.
    pub fn miss(&mut self, direction: Direction, len: u64) {
        let offset = self.at[direction.index()];
        self.at[direction.index()] += len;
        if len > 0 {
            self.handle(direction, StreamEvent::Gap { offset, len });
        }
    }

    /// The flow is idle.
    pub fn flush(&mut self) {
        self.dissector.flush(&mut self.out);
        assert!(!self.dissector.is_pending());
    }

    /// The flow ends. Every range must be inside the stream.
    pub fn finish(mut self) -> Vec<Observation> {
        self.flush();
        for (direction, range) in self.out.iter().flat_map(ranges) {
            let end = direction.map_or(self.at[0].max(self.at[1]), |direction| self.at[direction.index()]);
            assert!(range.start <= range.end && range.end <= end, "{range:?} of {end}");
        }
        self.out
    }

    fn handle(&mut self, direction: Direction, event: StreamEvent<'_>) {
        self.dissector.handle_stream(Timestamp::default(), direction, event, &mut self.out);
    }
}
