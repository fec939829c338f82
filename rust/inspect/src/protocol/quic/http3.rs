//! One direction of a request in HTTP/3 (RFC 9114): its frames, and the message that they are.

use packet::Direction;

use super::super::hpack::Block;
use super::super::http2::message_of;
use super::super::qpack;
use super::super::reader::Reader;
use super::super::{BodyCoding, HttpMessage, Message, Observation, Part};

/// Bytes of a message's fields, and of its body, that are kept.
const MOST_KEPT: usize = 256 * 1024;
/// Header blocks of a message: interim responses, the message's, trailers.
const MOST_BLOCKS: usize = 8;

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
    blocks: Vec<Block>,
    kept: usize,
    body: Body,
    /// Bytes taken so far.
    at: u64,
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
            blocks: Vec::new(),
            kept: 0,
            body: Body::default(),
            at: 0,
            done: false,
        }
    }

    pub(super) fn handle(&mut self, bytes: &[u8]) {
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
            self.take(content);
            (self.left, rest, self.at) = (self.left - len as u64, after, self.at + len as u64);
        }
    }

    fn begin_frame(&mut self) {
        let mut reader = Reader(&self.head);
        let (Some(kind), Some(len)) = (reader.varint(), reader.varint()) else { return };
        (self.kind, self.left) = (kind, len);
        self.head.clear();
        if kind == HEADERS && self.blocks.len() < MOST_BLOCKS {
            self.blocks.push(Block::default());
        }
    }

    fn take(&mut self, content: &[u8]) {
        match self.kind {
            DATA => self.body.add(self.at, content),
            HEADERS => {
                let room = MOST_KEPT.saturating_sub(self.kept);
                let content = &content[..content.len().min(room)];
                self.kept += content.len();
                if let Some(block) = self.blocks.last_mut() {
                    block.add(content, self.at);
                }
            }
            _ => {}
        }
    }

    pub(super) fn is_pending(&self) -> bool {
        !self.done && self.kept + self.body.bytes.len() > 0
    }

    /// Yields the message, or what came of it.
    pub(super) fn finish(&mut self, out: &mut Vec<Observation>) {
        if !self.is_pending() {
            return;
        }
        self.done = true;
        let (blocks, body) = (std::mem::take(&mut self.blocks), std::mem::take(&mut self.body));
        let (mut fields, mut unread) = (Vec::new(), Vec::new());
        for block in blocks {
            let (more, sound) = qpack::decode(&block);
            fields.extend(more);
            unread.extend((!sound).then_some(block));
        }
        // What the codes do not tell may yet hold text.
        let parts = unread.iter().map(|block| {
            let range = block.at()..block.at() + block.bytes().len() as u64;
            Part { name: "fields".to_owned(), value: block.bytes().to_vec(), range }
        });
        let parts: Vec<Part> = parts.collect();
        if !parts.is_empty() {
            let (direction, host) = (self.direction, None);
            out.push(Observation::Message(Box::new(Message { direction, protocol: "http3", host, parts })));
        }
        let start = body.at.unwrap_or(self.at);
        out.push(Observation::Http(Box::new(HttpMessage {
            body_range: start..if body.torn { self.at } else { start + body.bytes.len() as u64 },
            coding: if body.torn { self.frames() } else { BodyCoding::Plain },
            cut: body.cut.then_some("too_long"),
            body: body.bytes,
            ..message_of(self.direction, self.is_client, fields, 0..self.at)
        })));
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
