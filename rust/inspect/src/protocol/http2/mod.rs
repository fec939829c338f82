//! HTTP/2 in clear (RFC 9113), with prior knowledge or after an upgrade: a message for each stream and direction.

mod frame;
mod stream;

use packet::Direction;

use super::hpack::{Block, Decoder, Field};
use super::session::{StreamSession, Switch};
use super::unknown::Unknown;
use super::{Observation, Readable};
use crate::stream::StreamEvent;
pub use frame::data_of;
use frame::{Frames, Head, Step};
use stream::Streams;
pub(super) use stream::message_of;

/// What the client says first.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// Fragments of a header block beyond this are not kept.
const MAX_BLOCK: usize = 256 << 10;
/// Settings that a server may begin with: nine are registered, and some stacks send reserved ones.
const MAX_SETTINGS: usize = 6 * 16;

/// Whether a direction begins as HTTP/2: with the client's preface, or with the server's settings.
pub(super) fn probe(bytes: &[u8]) -> Option<bool> {
    if PREFACE.starts_with(bytes) {
        return (bytes.len() >= 16).then_some(true);
    }
    if bytes.starts_with(&PREFACE[..16]) {
        return Some(true);
    }
    let fits = match bytes {
        [0, 0, len, rest @ ..] => {
            let len = usize::from(*len);
            len.is_multiple_of(6)
                && len <= MAX_SETTINGS
                && b"\x04\0\0\0\0\0".starts_with(&rest[..rest.len().min(6)])
        }
        _ => bytes.iter().all(|&byte| byte == 0) && bytes.len() < 3,
    };
    if !fits {
        return Some(false);
    }
    // An empty SETTINGS frame is too little to tell by: another frame's header must follow.
    let len = usize::from(*bytes.get(2)?);
    let setting = |it: &[u8]| matches!(it, [0, 1..=9, ..] | [_, 0x0a | 0x1a | 0x2a | 0x3a | 0x4a, ..]);
    let payload = bytes.get(9..9 + len)?;
    if !payload.chunks(6).all(setting) {
        return Some(false);
    }
    if len > 0 {
        return Some(true);
    }
    let next = Head::parse(*bytes.get(9..)?.first_chunk()?, 0);
    Some(matches!((next.kind, next.len, next.stream), (frame::SETTINGS, 0, 0) | (frame::WINDOW_UPDATE, 4, _)))
}

/// An HTTP/2 connection.
#[derive(Debug, Clone)]
pub(super) struct Http2 {
    halves: [Half; 2],
    /// Takes what follows a place from which on a direction could not be read.
    unknown: Unknown,
}

impl Http2 {
    pub(super) fn new() -> Self {
        Self {
            halves: [Half::new(Direction::Outbound), Half::new(Direction::Inbound)],
            unknown: Unknown::to_the_end(),
        }
    }

    fn handle_data(&mut self, direction: Direction, offset: u64, bytes: &[u8], out: &mut Vec<Observation>) {
        let mut rest = bytes;
        while !rest.is_empty() {
            let at = offset + (bytes.len() - rest.len()) as u64;
            let half = &mut self.halves[direction.index()];
            if half.lost {
                let event = StreamEvent::Data { offset: at, bytes: rest };
                // One that stays unknown does not switch.
                let _ = StreamSession::handle(&mut self.unknown, direction, event, out);
                return;
            }
            if let Some(closed) = half.take(&mut rest, at, out) {
                self.halves[direction.reversed().index()].streams.cut(closed, "reset", out);
            }
        }
    }
}

impl StreamSession for Http2 {
    fn handle(
        &mut self,
        direction: Direction,
        event: StreamEvent<'_>,
        out: &mut Vec<Observation>,
    ) -> Option<Switch> {
        let half = &mut self.halves[direction.index()];
        match event {
            StreamEvent::Data { offset, bytes } => self.handle_data(direction, offset, bytes, out),
            StreamEvent::Gap { .. } | StreamEvent::End if half.lost => {
                let _ = StreamSession::handle(&mut self.unknown, direction, event, out);
            }
            StreamEvent::Gap { len, .. } => half.handle_gap(len, out),
            StreamEvent::End => {
                half.yield_partial(out);
                half.streams.cut_all("unfinished", out);
            }
        }
        None
    }

    fn flush(&mut self, out: &mut Vec<Observation>) -> Option<Switch> {
        for half in &mut self.halves {
            half.yield_partial(out);
            half.streams.flush(out);
        }
        StreamSession::flush(&mut self.unknown, out)
    }

    fn is_pending(&self) -> bool {
        self.halves.iter().any(Half::is_pending) || StreamSession::is_pending(&self.unknown)
    }

    fn wants(&self, direction: Direction) -> bool {
        !self.halves[direction.index()].lost || StreamSession::wants(&self.unknown, direction)
    }
}

/// One direction.
#[derive(Debug, Clone)]
struct Half {
    direction: Direction,
    /// How much of the preface came; `None`: it is over.
    preface: Option<usize>,
    /// Whether it began with the preface: then it sends the requests.
    client: bool,
    frames: Frames,
    decoder: Decoder,
    /// The header block that a CONTINUATION goes on with.
    block: Option<Pending>,
    streams: Streams,
    /// Whether it is not known any more where frames begin.
    lost: bool,
}

/// A header block of which the end has not come.
#[derive(Debug, Clone)]
struct Pending {
    head: Head,
    /// The stream whose message it begins or ends.
    stream: u32,
    block: Block,
    /// How far it reaches.
    end: u64,
    /// Whether a part of it was not kept.
    cut: bool,
}

impl Half {
    fn new(direction: Direction) -> Self {
        Self {
            direction,
            preface: Some(0),
            client: false,
            frames: Frames::default(),
            decoder: Decoder::new(),
            block: None,
            streams: Streams::new(direction),
            lost: false,
        }
    }

    /// Takes from `rest` up to a frame's end. Returns the stream that it resets.
    fn take(&mut self, rest: &mut &[u8], at: u64, out: &mut Vec<Observation>) -> Option<u32> {
        if let Some(seen) = self.preface {
            self.take_preface(seen, rest, out);
            return None;
        }
        match self.frames.next(rest, at)? {
            Step::Data { head, at, bytes, last } => {
                self.streams.add_data(&head, at, bytes, last, out);
                None
            }
            Step::Frame { head, payload } => self.handle_frame(head, payload, out),
        }
    }

    fn take_preface(&mut self, seen: usize, rest: &mut &[u8], out: &mut Vec<Observation>) {
        let wanted = &PREFACE[seen..];
        let same = rest.iter().zip(wanted).take_while(|(one, other)| one == other).count();
        *rest = &rest[same..];
        let seen = seen + same;
        self.client |= seen > 0;
        if seen == PREFACE.len() || (seen == 0 && !rest.is_empty()) {
            self.preface = None;
        } else if rest.is_empty() {
            self.preface = Some(seen);
        } else {
            self.lose("malformed", out);
        }
    }

    fn handle_frame(
        &mut self,
        head: Head,
        payload: Option<Vec<u8>>,
        out: &mut Vec<Observation>,
    ) -> Option<u32> {
        let at = head.end() - u64::from(head.len);
        let payload = payload.as_deref();
        match head.kind {
            frame::HEADERS | frame::PUSH_PROMISE => self.begin_block(head, payload, at, out),
            frame::CONTINUATION => self.continue_block(&head, payload, at, out),
            frame::RST_STREAM => {
                self.streams.cut(head.stream, "reset", out);
                return Some(head.stream);
            }
            frame::PRIORITY | frame::SETTINGS | frame::PING | frame::WINDOW_UPDATE => {}
            // What a side says as it leaves, and extensions.
            kind => {
                let skip = if kind == frame::GOAWAY { 8 } else { 0 };
                if let Some(bytes) = payload.and_then(|it| it.get(skip..)).filter(|it| !it.is_empty()) {
                    self.hand_on(bytes, at + skip as u64, out);
                }
            }
        }
        None
    }

    fn begin_block(&mut self, head: Head, payload: Option<&[u8]>, at: u64, out: &mut Vec<Observation>) {
        let mut pending = Pending {
            head,
            stream: head.stream,
            block: Block::default(),
            end: payload.map_or(head.end(), |payload| at + payload.len() as u64),
            cut: payload.is_none(),
        };
        if self.block.take().is_some() {
            // The one before was not ended.
            self.decoder.miss();
        }
        if let Some(payload) = payload {
            let promised = if head.kind == frame::PUSH_PROMISE { 4 } else { 0 };
            let content = head.content(payload).filter(|content| content.len() >= promised);
            let Some(content) = content else { return self.lose("malformed", out) };
            let (start, content) = (content.start, &payload[content]);
            if let (true, Some(id)) = (promised > 0, content.first_chunk()) {
                pending.stream = u32::from_be_bytes(*id) & 0x7fff_ffff;
            }
            pending.block.add(&content[promised..], at + (start + promised) as u64);
        }
        self.keep_block(pending, head.has(frame::END_HEADERS), out);
    }

    fn continue_block(&mut self, head: &Head, payload: Option<&[u8]>, at: u64, out: &mut Vec<Observation>) {
        let Some(mut pending) = self.block.take() else { return self.lose("malformed", out) };
        pending.end = payload.map_or(head.end(), |payload| at + payload.len() as u64);
        match payload {
            Some(payload) if pending.block.bytes().len() + payload.len() <= MAX_BLOCK => {
                pending.block.add(payload, at);
            }
            _ => pending.cut = true,
        }
        self.keep_block(pending, head.has(frame::END_HEADERS), out);
    }

    fn keep_block(&mut self, pending: Pending, whole: bool, out: &mut Vec<Observation>) {
        if !whole {
            self.block = Some(pending);
            return;
        }
        let (mut fields, mut sound): (Vec<Field>, bool) = (Vec::new(), false);
        if !pending.cut {
            (fields, sound) = self.decoder.decode(&pending.block);
        }
        if !sound {
            // The table is not known any more; the literals that follow are.
            self.decoder.miss();
            self.hand_on(pending.block.bytes(), pending.block.at(), out);
        }
        let range = pending.head.at..pending.end;
        let ends = pending.head.kind == frame::HEADERS && pending.head.has(frame::END_STREAM);
        self.streams.add_fields(pending.stream, self.client, fields, range, ends, out);
    }

    /// Reads what came of a header block that is not whole.
    fn yield_partial(&mut self, out: &mut Vec<Observation>) {
        if let Some((head, payload)) = self.frames.take_partial() {
            let open = Head { flags: head.flags & !(frame::END_HEADERS | frame::END_STREAM), ..head };
            self.handle_frame(open, Some(payload), out);
        }
        let Some(pending) = self.block.as_mut().filter(|pending| !pending.cut) else { return };
        pending.cut = true;
        let (block, stream, range) =
            (std::mem::take(&mut pending.block), pending.stream, pending.head.at..pending.end);
        let (fields, _) = self.decoder.decode(&block);
        self.decoder.miss();
        self.streams.add_fields(stream, self.client, fields, range, false, out);
    }

    fn is_pending(&self) -> bool {
        let block = self.block.as_ref().is_some_and(|pending| !pending.cut);
        block || self.frames.has_partial() || self.streams.is_pending()
    }

    /// Yields bytes for what they are.
    fn hand_on(&self, bytes: &[u8], at: u64, out: &mut Vec<Observation>) {
        if !bytes.is_empty() {
            let range = at..at + bytes.len() as u64;
            out.push(Observation::Readable(Readable {
                direction: self.direction,
                bytes: bytes.to_vec(),
                range,
            }));
        }
    }

    fn handle_gap(&mut self, len: u64, out: &mut Vec<Observation>) {
        match self.frames.skip(len) {
            Some(head) => self.streams.cut(head.stream, "gap", out),
            None => self.lose("gap", out),
        }
    }

    fn lose(&mut self, reason: &'static str, out: &mut Vec<Observation>) {
        self.yield_partial(out);
        self.block = None;
        self.streams.cut_all(reason, out);
        self.lost = true;
    }
}

#[cfg(test)]
mod tests;
