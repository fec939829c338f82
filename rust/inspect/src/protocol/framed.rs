//! Protocols over TCP whose messages say how long they are.

use std::fmt::Debug;

use packet::Direction;

use super::session::{Run, StreamSession, Switch, Upgrade};
use super::{Observation, Readable};
use crate::stream::StreamEvent;

/// Bytes kept of one message; what is longer is passed over.
const MAX_KEPT: usize = 64 * 1024;
/// Bytes within which a message must say how long it is.
const MAX_HEAD: usize = 8 * 1024;

/// How long the message is that begins with some bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Length {
    /// Too few bytes to tell.
    Unknown,
    /// That many bytes in all, never 0.
    Known(u64),
    /// This is no message.
    Broken,
}

/// How a protocol's messages are told apart, and what they say.
pub(super) trait Framing: Debug + Clone + Send + 'static {
    /// The length of the message that begins with `bytes`. What a beginning tells, more bytes do not change.
    fn measure(&self, direction: Direction, bytes: &[u8]) -> Length;

    /// Takes a message that begins at `at`. `bytes` are its first ones only if it is long or was cut off.
    fn take(&mut self, direction: Direction, at: u64, bytes: &[u8], out: &mut Vec<Observation>);
}

/// A connection that speaks such a protocol.
#[derive(Debug, Clone)]
pub(super) struct Framed<F> {
    framing: F,
    halves: [Half; 2],
}

#[derive(Debug, Clone, Default)]
struct Half {
    /// The beginning of a message.
    buffer: Vec<u8>,
    /// Stream offset of `buffer[0]`.
    at: u64,
    /// Bytes still to come of a message that was taken.
    passed_over: u64,
    /// How much of the buffer was handed on because it went on no more.
    told: usize,
    lost: bool,
}

impl<F: Framing> Framed<F> {
    pub(super) fn new(framing: F) -> Self {
        Self { framing, halves: [Half::default(), Half::default()] }
    }

    fn handle_data(
        &mut self,
        direction: Direction,
        offset: u64,
        bytes: &[u8],
        out: &mut Vec<Observation>,
    ) -> Option<Switch> {
        let half = &mut self.halves[direction.index()];
        if half.lost {
            return None;
        }
        let over = bytes.len().min(usize::try_from(half.passed_over).unwrap_or(usize::MAX));
        half.passed_over -= over as u64;
        if half.buffer.is_empty() {
            half.at = offset + over as u64;
        }
        half.buffer.extend_from_slice(&bytes[over..]);
        let mut start = 0;
        while let Some(rest) = half.buffer.get(start..).filter(|rest| !rest.is_empty()) {
            let len = match self.framing.measure(direction, rest) {
                Length::Known(len) => len,
                Length::Unknown if rest.len() < MAX_HEAD => break,
                Length::Unknown | Length::Broken => {
                    half.advance(start);
                    return Some(self.give_way(direction));
                }
            };
            let kept = usize::try_from(len).unwrap_or(usize::MAX).min(MAX_KEPT);
            let Some(message) = rest.get(..kept) else { break };
            let at = half.at + start as u64;
            self.framing.take(direction, at, message, out);
            out.extend(Observation::whole(direction, at, message));
            let taken = rest.len().min(usize::try_from(len).unwrap_or(usize::MAX));
            half.passed_over = len - taken as u64;
            start += taken;
        }
        half.advance(start);
        None
    }

    /// Takes what came of a message that will not come whole, or not soon. Of one whose length is not known the rest may
    /// still come.
    fn take_unfinished(&mut self, direction: Direction, out: &mut Vec<Observation>) {
        let half = &mut self.halves[direction.index()];
        if !half.is_pending(&self.framing, direction) {
            return;
        }
        if let Length::Known(len) = half.measure(&self.framing, direction) {
            self.framing.take(direction, half.at, &half.buffer, out);
            out.extend(Observation::whole(direction, half.at, &half.buffer));
            half.passed_over = len.saturating_sub(half.buffer.len() as u64);
            half.advance(half.buffer.len());
        } else {
            out.push(Observation::Readable(Readable::new(direction, half.at, &half.buffer)));
            half.told = half.buffer.len();
        }
    }

    fn handle_gap(&mut self, direction: Direction, len: u64, out: &mut Vec<Observation>) {
        self.take_unfinished(direction, out);
        let half = &mut self.halves[direction.index()];
        if half.lost {
            return;
        }
        if half.buffer.is_empty() && len <= half.passed_over {
            half.passed_over -= len;
            return;
        }
        *half = Half { lost: true, ..Half::default() };
        out.push(Observation::GiveUp { direction, reason: "gap" });
    }

    /// It was another protocol after all, or became one.
    fn give_way(&mut self, broken: Direction) -> Switch {
        let mut run = |direction: Direction| -> Run {
            let half = &mut self.halves[direction.index()];
            (direction, half.at, std::mem::take(&mut half.buffer))
        };
        Switch { to: Upgrade::Anything, rest: vec![run(broken.reversed()), run(broken)] }
    }
}

impl Half {
    fn advance(&mut self, len: usize) {
        self.buffer.drain(..len);
        self.at += len as u64;
        self.told = self.told.saturating_sub(len);
    }

    /// Whether something is kept that was not handed on.
    fn is_pending<F: Framing>(&self, framing: &F, direction: Direction) -> bool {
        self.buffer.len() > self.told || matches!(self.measure(framing, direction), Length::Known(_))
    }

    fn measure<F: Framing>(&self, framing: &F, direction: Direction) -> Length {
        if self.buffer.is_empty() { Length::Unknown } else { framing.measure(direction, &self.buffer) }
    }
}

impl<F: Framing> StreamSession for Framed<F> {
    fn handle(
        &mut self,
        direction: Direction,
        event: StreamEvent<'_>,
        out: &mut Vec<Observation>,
    ) -> Option<Switch> {
        match event {
            StreamEvent::Data { offset, bytes } => return self.handle_data(direction, offset, bytes, out),
            StreamEvent::Gap { len, .. } => self.handle_gap(direction, len, out),
            StreamEvent::End => self.take_unfinished(direction, out),
        }
        None
    }

    fn flush(&mut self, out: &mut Vec<Observation>) -> Option<Switch> {
        Direction::BOTH.into_iter().for_each(|direction| self.take_unfinished(direction, out));
        None
    }

    fn is_pending(&self) -> bool {
        Direction::BOTH
            .into_iter()
            .any(|direction| self.halves[direction.index()].is_pending(&self.framing, direction))
    }

    fn wants(&self, direction: Direction) -> bool {
        !self.halves[direction.index()].lost
    }
}

#[cfg(test)]
mod tests {
    use super::super::message::Parts;
    use super::*;

    /// A length, then as many bytes.
    #[derive(Debug, Clone)]
    struct Counted;

    impl Framing for Counted {
        fn measure(&self, _: Direction, bytes: &[u8]) -> Length {
            match bytes {
                [0xff, ..] => Length::Broken,
                [high, low, ..] => Length::Known(2 + u64::from(u16::from_be_bytes([*high, *low]))),
                _ => Length::Unknown,
            }
        }

        fn take(&mut self, direction: Direction, at: u64, bytes: &[u8], out: &mut Vec<Observation>) {
            let mut parts = Parts::new(bytes, at);
            parts.add("all", 0..bytes.len());
            out.extend(parts.finish(direction, "counted", None));
        }
    }

    const OUT: Direction = Direction::Outbound;

    fn data(offset: u64, bytes: &[u8]) -> StreamEvent<'_> {
        StreamEvent::Data { offset, bytes }
    }

    fn ranges(out: &[Observation]) -> Vec<(u64, u64)> {
        out.iter()
            .filter_map(|it| match it {
                Observation::Message(message) => Some(&message.parts[0].range),
                _ => None,
            })
            .map(|range| (range.start, range.end))
            .collect()
    }

    #[test]
    fn a_gap_inside_a_message_loses_only_that() {
        let (mut session, mut out) = (Framed::new(Counted), Vec::new());
        session.handle(OUT, data(0, b"\0\x04ab"), &mut out);
        assert!(session.is_pending());
        session.handle(OUT, StreamEvent::Gap { offset: 4, len: 1 }, &mut out);
        session.handle(OUT, data(5, b"d\0\x01x"), &mut out);
        assert_eq!(ranges(&out), [(0, 4), (6, 9)]);
        session.handle(OUT, StreamEvent::Gap { offset: 9, len: 1 }, &mut out);
        assert!(!session.wants(OUT));
    }

    #[test]
    fn what_breaks_is_looked_at_anew() {
        let (mut session, mut out) = (Framed::new(Counted), Vec::new());
        session.handle(Direction::Inbound, data(0, b"\0"), &mut out);
        let switch = session.handle(OUT, data(0, b"\0\x01x\xffabc"), &mut out).unwrap();
        assert_eq!(switch.rest, [(Direction::Inbound, 0, vec![0]), (OUT, 3, b"\xffabc".to_vec())]);
        assert_eq!(ranges(&out), [(0, 3)]);
    }

    #[test]
    fn of_a_long_message_the_beginning_is_kept() {
        for step in [1000, 70_000] {
            let (mut session, mut out) = (Framed::new(Counted), Vec::new());
            let mut bytes = vec![0xfe, 0xff];
            bytes.resize(2 + 0xfeff + 3, 7);
            let mut at = 0;
            for piece in [&bytes[..], &[0, 1, 9]].concat().chunks(step) {
                session.handle(OUT, data(at, piece), &mut out);
                at += piece.len() as u64;
            }
            session.flush(&mut out);
            assert_eq!(ranges(&out)[0], (0, 0xff01));
            assert!(session.halves[0].buffer.len() < MAX_KEPT);
        }
    }
}
