//! WebSocket (RFC 6455) with compressed messages (RFC 7692): every message when it is complete, or as far as it came.

mod deflate;
mod frame;

use std::ops::Range;

use packet::Direction;

use super::session::{StreamSession, Switch};
use super::unknown::Unknown;
use super::{Message, Observation, Part};
use crate::stream::StreamEvent;
use deflate::Inflater;
pub use frame::payload_of;
use frame::{CONTINUATION, Frames, Head, Step};

/// The first word of a message's steps, and of a compressed one's.
pub(super) const NAME: &str = "websocket";
pub(super) const COMPRESSED: &str = "websocket-deflate";
/// How much of a message is kept, outbound and inbound.
const MAX_MESSAGE: [usize; 2] = [1024 * 1024, 256 * 1024];

/// A WebSocket connection.
#[derive(Debug, Clone)]
pub(super) struct WebSocket {
    halves: [Half; 2],
    /// Takes what follows a place from which on a direction could not be read.
    unknown: Unknown,
}

impl WebSocket {
    pub(super) fn new() -> Self {
        Self {
            halves: [Half::new(Direction::Outbound), Half::new(Direction::Inbound)],
            unknown: Unknown::to_the_end(),
        }
    }

    fn hand_on(&mut self, direction: Direction, event: StreamEvent<'_>, out: &mut Vec<Observation>) {
        // One that stays unknown does not switch.
        let _ = StreamSession::handle(&mut self.unknown, direction, event, out);
    }
}

impl StreamSession for WebSocket {
    fn handle(
        &mut self,
        direction: Direction,
        event: StreamEvent<'_>,
        out: &mut Vec<Observation>,
    ) -> Option<Switch> {
        let half = &mut self.halves[direction.index()];
        match event {
            _ if half.lost => self.hand_on(direction, event, out),
            StreamEvent::Data { offset, bytes } => {
                if let Some((at, rest)) = half.take(offset, bytes, out) {
                    self.hand_on(direction, StreamEvent::Data { offset: at, bytes: &rest }, out);
                }
            }
            StreamEvent::Gap { len, .. } => half.handle_gap(len, out),
            StreamEvent::End => half.cut(out),
        }
        None
    }

    fn flush(&mut self, out: &mut Vec<Observation>) -> Option<Switch> {
        self.halves.iter_mut().for_each(|half| half.cut(out));
        StreamSession::flush(&mut self.unknown, out)
    }

    fn is_pending(&self) -> bool {
        let pending = |half: &Half| half.message.iter().chain(&half.control).any(|it| !it.yielded);
        self.halves.iter().any(pending) || StreamSession::is_pending(&self.unknown)
    }

    fn wants(&self, direction: Direction) -> bool {
        !self.halves[direction.index()].lost || StreamSession::wants(&self.unknown, direction)
    }
}

/// One direction.
#[derive(Debug, Clone)]
struct Half {
    direction: Direction,
    frames: Frames,
    /// The message that comes.
    message: Option<Pending>,
    /// The control frame that comes, perhaps amid a message.
    control: Option<Pending>,
    inflater: Inflater,
    /// Whether it is not known any more where frames begin.
    lost: bool,
}

/// A message as far as it came.
#[derive(Debug, Clone)]
struct Pending {
    first: Head,
    payload: Vec<u8>,
    /// Its frames.
    range: Range<u64>,
    /// Whether some of the payload is not kept.
    cut: bool,
    /// Whether it was yielded: what still comes is passed over.
    yielded: bool,
}

impl Half {
    fn new(direction: Direction) -> Self {
        Self {
            direction,
            frames: Frames::default(),
            message: None,
            control: None,
            inflater: Inflater::default(),
            lost: false,
        }
    }

    /// Takes data. Returns what is left from where on it cannot be read.
    fn take(&mut self, offset: u64, bytes: &[u8], out: &mut Vec<Observation>) -> Option<(u64, Vec<u8>)> {
        let mut rest = bytes;
        while !rest.is_empty() || self.frames.is_due() {
            let at = offset + (bytes.len() - rest.len()) as u64;
            match self.frames.next(&mut rest, at) {
                Some(Step::Begin(head, at)) => self.begin(head, at, out),
                Some(Step::Payload(head, payload, end, last)) => self.add(&head, &payload, end, last, out),
                Some(Step::Malformed) => {
                    self.cut(out);
                    self.lost = true;
                    let (mut unread, from) = self.frames.unread();
                    // The header was looked for in `rest` already.
                    unread.truncate((at - from) as usize);
                    unread.extend_from_slice(rest);
                    return Some((from, unread));
                }
                None => {}
            }
        }
        None
    }

    fn begin(&mut self, head: Head, at: u64, out: &mut Vec<Observation>) {
        let new = || Pending { first: head, payload: Vec::new(), range: at..at, cut: false, yielded: false };
        if head.is_control() {
            self.control = Some(new());
        } else if head.opcode != CONTINUATION || self.message.is_none() {
            self.cut(out);
            self.message = Some(new());
        }
    }

    fn add(&mut self, head: &Head, payload: &[u8], end: u64, last: bool, out: &mut Vec<Observation>) {
        let slot = if head.is_control() { &mut self.control } else { &mut self.message };
        let Some(pending) = slot else { return };
        if !pending.yielded && !pending.cut {
            let room = MAX_MESSAGE[self.direction.index()] - pending.payload.len();
            let kept = payload.len().min(room);
            pending.payload.extend_from_slice(&payload[..kept]);
            pending.cut = kept < payload.len();
            pending.range.end = end - (payload.len() - kept) as u64;
        }
        if last
            && head.last
            && let Some(pending) = slot.take()
        {
            self.emit(&pending, true, out);
        }
    }

    /// `whole`: the message ends.
    fn emit(&mut self, pending: &Pending, whole: bool, out: &mut Vec<Observation>) {
        let (compressed, whole) = (pending.first.compressed, whole && !pending.cut && !pending.yielded);
        let value = match &pending.payload[..] {
            payload if compressed => {
                self.inflater.inflate(payload, whole, MAX_MESSAGE[self.direction.index()])
            }
            payload => payload.to_vec(),
        };
        if value.is_empty() || pending.yielded {
            return;
        }
        let part = Part { name: pending.first.name().to_owned(), value, range: pending.range.clone() };
        out.push(Observation::Message(Box::new(Message {
            direction: self.direction,
            protocol: if compressed { COMPRESSED } else { NAME },
            host: None,
            parts: vec![part],
        })));
    }

    /// Yields what came.
    fn cut(&mut self, out: &mut Vec<Observation>) {
        let pending = [self.control.clone(), self.message.clone()];
        for pending in pending.into_iter().flatten() {
            self.emit(&pending, false, out);
        }
        for pending in self.control.iter_mut().chain(&mut self.message) {
            pending.payload = Vec::new();
            pending.yielded = true;
        }
    }

    fn handle_gap(&mut self, len: u64, out: &mut Vec<Observation>) {
        self.cut(out);
        self.inflater.lose();
        self.lost = !self.frames.skip(len);
    }
}

#[cfg(test)]
mod tests;
