//! Flows that are dissected: what both ends say, in turns.

use inspect::KeyRing;
use inspect::protocol::{Dissector, Observation};
use inspect::stream::StreamEvent;
use packet::{Direction, Timestamp, Transport};

use crate::ranges::ranges;

/// A direction and its bytes.
pub type Turn<'a> = (Direction, &'a [u8]);

/// What fuzzed bytes hold: pieces, each behind a control byte, whose lowest bit is its direction, and its length.
pub fn pieces(mut rest: &[u8]) -> impl Iterator<Item = (u8, Turn<'_>)> {
    std::iter::from_fn(move || {
        let [control, len, after @ ..] = rest else { return None };
        let (bytes, after) = after.split_at(usize::from(*len).min(after.len()));
        rest = after;
        let direction = if control & 1 == 0 { Direction::Outbound } else { Direction::Inbound };
        Some((*control, (direction, bytes)))
    })
}

/// A flow.
pub struct Conversation {
    transport: Transport,
    dissector: Dissector,
    at: [u64; 2],
    out: Vec<Observation>,
}

impl Conversation {
    /// One that begins with these turns, to a port that decides where bytes do not.
    pub fn new(transport: Transport, port: u16, opening: &[Turn<'_>]) -> Self {
        let mut new = Self::with_keys(transport, port, KeyRing::default());
        for (direction, bytes) in opening {
            new.say(*direction, bytes);
        }
        new
    }

    /// One without a beginning, whose keys are given.
    pub fn with_keys(transport: Transport, port: u16, keys: KeyRing) -> Self {
        let dissector = Dissector::new(transport, port).with_keys(keys);
        Self { transport, dissector, at: [0; 2], out: Vec::new() }
    }

    /// Data in one direction: of a stream, or a datagram.
    pub fn say(&mut self, direction: Direction, bytes: &[u8]) {
        let offset = self.at[direction.index()];
        self.at[direction.index()] += bytes.len() as u64;
        match self.transport {
            Transport::Tcp if bytes.is_empty() => {}
            Transport::Tcp => self.handle(direction, StreamEvent::Data { offset, bytes }),
            _ => {
                self.dissector.handle_datagram(Timestamp::default(), direction, offset, bytes, &mut self.out)
            }
        }
    }

    /// Bytes of a stream that were not seen.
    pub fn miss(&mut self, direction: Direction, len: u64) {
        let offset = self.at[direction.index()];
        if len > 0 && self.transport == Transport::Tcp {
            self.at[direction.index()] += len;
            self.handle(direction, StreamEvent::Gap { offset, len });
        }
    }

    /// A stream ends in one direction.
    pub fn end(&mut self, direction: Direction) {
        if self.transport == Transport::Tcp {
            self.handle(direction, StreamEvent::End);
        }
    }

    /// The flow is idle.
    pub fn flush(&mut self) {
        self.dissector.flush(&mut self.out);
        assert!(!self.dissector.is_pending());
    }

    /// Whether what one end says is encrypted, as far as that is known.
    pub fn encrypted(&self, direction: Direction) -> Option<bool> {
        self.dissector.encrypted(direction)
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

/// What comes of turns over TCP that are cut into pieces of `step` bytes.
fn cut(port: u16, turns: &[Turn<'_>], step: usize) -> Vec<Observation> {
    let mut conversation = Conversation::new(Transport::Tcp, port, &[]);
    for (direction, bytes) in turns {
        bytes.chunks(step).for_each(|bytes| conversation.say(*direction, bytes));
    }
    Direction::BOTH.into_iter().for_each(|direction| conversation.end(direction));
    conversation.finish()
}

/// A TCP flow of that opening and the data's pieces: however it is cut, the same must come of it. Only of HTTP/1 that is
/// malformed readers disagree, and what it is taken for may depend on how much of it is there.
pub fn stream(port: u16, opening: &[Turn<'_>], data: &[u8]) {
    let turns = pieces(data).map(|(_, turn)| turn);
    let all: Vec<Turn<'_>> = opening.iter().copied().chain(turns).collect();
    let whole = cut(port, &all, usize::MAX);
    let bytewise = cut(port, &all, 1);
    let is_http = |it: &Observation| matches!(it, Observation::Http(_));
    assert!(
        whole == bytewise || [&whole, &bytewise].into_iter().flatten().any(is_http),
        "{whole:?}\n{bytewise:?}"
    );
}

/// A UDP flow of that opening and the data's pieces.
pub fn datagrams(port: u16, opening: &[Turn<'_>], data: &[u8]) {
    let mut conversation = Conversation::new(Transport::Udp, port, opening);
    pieces(data).for_each(|(_, (direction, bytes))| conversation.say(direction, bytes));
    conversation.finish();
}

/// What a flow that begins so is taken for.
#[cfg(test)]
pub(crate) fn recognised(opening: &[Turn<'_>]) -> Option<&'static str> {
    let protocol = |it: Observation| if let Observation::Protocol(it) = it { Some(it.0) } else { None };
    cut(9999, opening, 1).into_iter().find_map(protocol)
}
