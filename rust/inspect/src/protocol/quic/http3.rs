//! One direction of a request in HTTP/3 (RFC 9114): its frames, and the message that they are.

mod fields;
mod one_way;

use packet::Direction;

use super::super::hpack::{Block, Field};
use super::super::http2::message_of;
use super::super::reader::Reader;
use super::super::{BodyCoding, HttpMessage, Message, Observation, Part};
pub(super) use fields::Fields;
use fields::Section;
pub(super) use one_way::OneWay;

/// Bytes of a message's fields, and of its body, that are kept.
const MOST_KEPT: usize = 256 * 1024;
/// Field sections of a message: interim responses, the message's, trailers.
const MOST_SECTIONS: usize = 8;

/// Types of frames (section 7.2).
const DATA: u64 = 0;
const HEADERS: u64 = 1;

#[derive(Debug, Clone)]
pub(super) struct Http3 {
    direction: Direction,
    /// Whether it is the request, and not the reply.
    is_client: bool,
    /// The stream's.
    id: u64,
    /// Head of a frame, as far as it came.
    head: Vec<u8>,
    kind: u64,
    /// Bytes that are left of a frame's content.
    left: u64,
    sections: Vec<Section>,
    /// Bytes that the sections and their fields take.
    kept: usize,
    body: Body,
    /// Bytes taken so far.
    at: u64,
    /// Whether no more comes.
    ended: bool,
    /// Whether it was yielded: more of it is passed over.
    done: bool,
}

#[derive(Debug, Clone, Default)]
struct Body {
    bytes: Vec<u8>,
    /// Where it begins in the stream, and whether it stands there in one piece.
    at: Option<u64>,
    torn: bool,
    cut: bool,
}

impl Http3 {
    pub(super) fn new(direction: Direction, is_client: bool, id: u64) -> Self {
        Self {
            direction,
            is_client,
            id,
            head: Vec::new(),
            kind: 0,
            left: 0,
            sections: Vec::new(),
            kept: 0,
            body: Body::default(),
            at: 0,
            ended: false,
            done: false,
        }
    }

    pub(super) fn handle(&mut self, bytes: &[u8], fields: &mut Fields) {
        let mut rest = bytes;
        while let Some((&first, after)) = rest.split_first() {
            if self.left == 0 {
                self.head.push(first);
                (rest, self.at) = (after, self.at + 1);
                self.begin_frame();
                continue;
            }
            let len = usize::try_from(self.left).unwrap_or(usize::MAX).min(rest.len());
            let (content, after) = rest.split_at(len);
            self.take(content, fields);
            (self.left, rest, self.at) = (self.left - len as u64, after, self.at + len as u64);
            if self.left == 0 && self.kind == HEADERS {
                self.read_sections(false, fields);
            }
        }
    }

    fn begin_frame(&mut self) {
        let mut reader = Reader(&self.head);
        let (Some(kind), Some(len)) = (reader.varint(), reader.varint()) else { return };
        (self.kind, self.left) = (kind, len);
        self.head.clear();
        if kind == HEADERS && len > 0 && self.sections.len() < MOST_SECTIONS {
            self.sections.push(Section::Coming(Block::default()));
        }
    }

    fn take(&mut self, content: &[u8], fields: &mut Fields) {
        match (self.kind, self.sections.last_mut()) {
            _ if self.done => {}
            (DATA, _) => self.body.add(self.at, content),
            (HEADERS, Some(Section::Coming(block))) => {
                let room = MOST_KEPT.saturating_sub(self.kept);
                let taken = fields.take_unread(content.len().min(room));
                self.kept += taken;
                block.add(&content[..taken], self.at);
            }
            _ => {}
        }
    }

    /// Reads the sections whose entries came; `last`: all others too, as far as they can be read.
    fn read_sections(&mut self, last: bool, fields: &mut Fields) {
        for section in &mut self.sections {
            fields.read(self.direction, section, last, &mut self.kept);
        }
    }

    /// Whether a section waits for entries.
    pub(super) fn is_blocked(&self) -> bool {
        self.sections.iter().any(|section| matches!(section, Section::Blocked(_)))
    }

    /// Bytes of the message that are kept.
    pub(super) const fn kept(&self) -> usize {
        self.kept + self.body.bytes.len()
    }

    pub(super) const fn is_pending(&self) -> bool {
        !self.done && self.kept() > 0
    }

    /// Nothing more comes: yields the message, unless it waits for entries.
    pub(super) fn end(&mut self, fields: &mut Fields, out: &mut Vec<Observation>) {
        self.ended = true;
        if !self.is_blocked() {
            self.finish(fields, out);
        }
    }

    /// Entries came: reads what waited for them, and yields the message if it was all that was missing.
    pub(super) fn unblock(&mut self, fields: &mut Fields, out: &mut Vec<Observation>) {
        if !self.is_blocked() {
            return;
        }
        self.read_sections(false, fields);
        if self.ended {
            self.end(fields, out);
        }
    }

    /// Yields the message, or what came of it.
    pub(super) fn finish(&mut self, fields: &mut Fields, out: &mut Vec<Observation>) {
        if !self.is_pending() {
            return;
        }
        self.done = true;
        self.read_sections(true, fields);
        fields.give_back(std::mem::take(&mut self.kept));
        let body = std::mem::take(&mut self.body);
        let lines = self.take_lines(out);
        let start = body.at.unwrap_or(self.at);
        out.push(Observation::Http(Box::new(HttpMessage {
            body_range: start..if body.torn { self.at } else { start + body.bytes.len() as u64 },
            coding: if body.torn { self.frames() } else { BodyCoding::Plain },
            cut: body.cut.then_some("too_long"),
            body: body.bytes,
            ..message_of(self.direction, self.is_client, lines, 0..self.at)
        })));
    }

    /// The fields of all sections. Sections of which not all could be read are yielded as they are: what they refer to is
    /// not known, but they may hold text.
    fn take_lines(&mut self, out: &mut Vec<Observation>) -> Vec<Field> {
        let (mut lines, mut parts) = (Vec::new(), Vec::new());
        for section in std::mem::take(&mut self.sections) {
            let Section::Read { fields, unread } = section else { continue };
            lines.extend(fields);
            parts.extend(unread.map(|block| {
                let range = block.at()..block.at() + block.bytes().len() as u64;
                Part { name: "fields".to_owned(), value: block.bytes().to_vec(), range }
            }));
        }
        if !parts.is_empty() {
            let (direction, host) = (self.direction, None);
            out.push(Observation::Message(Box::new(Message { direction, protocol: "http3", host, parts })));
        }
        lines
    }

    fn frames(&self) -> BodyCoding {
        BodyCoding::Frames(u32::try_from(self.id).unwrap_or(u32::MAX))
    }
}

impl Body {
    /// Takes content that stands at `at`.
    fn add(&mut self, at: u64, content: &[u8]) {
        let start = *self.at.get_or_insert(at);
        self.torn |= start + self.bytes.len() as u64 != at;
        let room = MOST_KEPT.saturating_sub(self.bytes.len());
        self.cut |= content.len() > room;
        self.bytes.extend_from_slice(&content[..content.len().min(room)]);
    }
}

#[cfg(test)]
mod tests;
