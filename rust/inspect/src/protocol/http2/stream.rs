//! The messages of a connection's streams, one direction each.

use std::collections::BTreeMap;
use std::ops::Range;

use packet::Direction;

use super::super::hpack::Field;
use super::super::{BodyCoding, HttpHeader, HttpMessage, HttpStart, Observation};
use super::frame::{END_STREAM, Head};

/// How much of a body is kept, outbound and inbound.
const MAX_BODY: [usize; 2] = [1024 * 1024, 256 * 1024];
/// How much of all bodies together is.
const MAX_BODIES: [usize; 2] = [2 * 1024 * 1024, 512 * 1024];
/// Streams that are open at once.
const MAX_STREAMS: usize = 256;
/// Header fields of a message, its trailers included.
const MAX_FIELDS: usize = 1000;

/// The open streams of one direction.
#[derive(Debug, Clone)]
pub(super) struct Streams {
    direction: Direction,
    open: BTreeMap<u32, Stream>,
    /// Bytes of all bodies.
    kept: usize,
}

/// One stream.
#[derive(Debug, Clone)]
struct Stream {
    /// `None`: it was yielded, and the rest is passed over.
    message: Option<Box<HttpMessage>>,
    /// Where the DATA frames begin that the body comes from.
    frames_at: Option<u64>,
    /// Whether the body stands in the stream in one piece.
    whole: bool,
    /// Whether the message was yielded up to here: a stream may go on for hours.
    yielded: bool,
}

impl Streams {
    pub(super) fn new(direction: Direction) -> Self {
        Self { direction, open: BTreeMap::new(), kept: 0 }
    }

    /// A header block begins a message, or ends it. `client`: this side sends the requests.
    pub(super) fn add_fields(
        &mut self,
        id: u32,
        client: bool,
        fields: Vec<Field>,
        range: Range<u64>,
        ends: bool,
        out: &mut Vec<Observation>,
    ) {
        let begins = fields.iter().any(|field| matches!(&*field.name, ":method" | ":status"));
        match self.open.get_mut(&id) {
            Some(stream) if !begins => {
                if let Some(message) = &mut stream.message {
                    let room = MAX_FIELDS.saturating_sub(message.headers.len());
                    message.headers.extend(headers(fields).take(room));
                    message.range.end = range.end;
                    stream.yielded = false;
                }
            }
            // A response follows an interim one.
            Some(_) => {
                self.end(id, None, out);
                self.begin(id, client, fields, range, out);
            }
            None => self.begin(id, client, fields, range, out),
        }
        if ends {
            self.end(id, None, out);
        }
    }

    fn begin(
        &mut self,
        id: u32,
        client: bool,
        fields: Vec<Field>,
        range: Range<u64>,
        out: &mut Vec<Observation>,
    ) {
        if self.open.len() >= MAX_STREAMS
            && let Some(&oldest) = self.open.keys().next()
        {
            self.end(oldest, Some("unfinished"), out);
        }
        let message = message_of(self.direction, client, fields, range);
        let stream = Stream { message: Some(message.into()), frames_at: None, whole: true, yielded: false };
        self.open.insert(id, stream);
    }

    /// Takes content of a DATA frame, which stands at `at`; `last`: the frame ends with it.
    pub(super) fn add_data(
        &mut self,
        head: &Head,
        at: u64,
        bytes: &[u8],
        last: bool,
        out: &mut Vec<Observation>,
    ) {
        if let Some(stream) = self.open.get_mut(&head.stream) {
            let way = self.direction.index();
            let room = (MAX_BODIES[way] - self.kept).min(MAX_BODY[way]);
            let (kept, full) = stream.add(head, at, bytes, room, MAX_BODY[way]);
            self.kept += kept;
            if let Some(message) = stream.message.as_mut().filter(|_| last && !full) {
                message.range.end = head.end();
            }
            if full {
                self.cut(head.stream, "too_long", out);
            }
        }
        if last && head.has(END_STREAM) {
            self.end(head.stream, None, out);
        }
    }

    /// The stream is over.
    fn end(&mut self, id: u32, cut: Option<&'static str>, out: &mut Vec<Observation>) {
        if let Some(mut stream) = self.open.remove(&id) {
            self.kept -= stream.kept();
            stream.emit(id, cut, out);
        }
    }

    /// Yields what came of a stream's message and passes over the rest.
    pub(super) fn cut(&mut self, id: u32, reason: &'static str, out: &mut Vec<Observation>) {
        if let Some(stream) = self.open.get_mut(&id) {
            self.kept -= stream.kept();
            stream.emit(id, Some(reason), out);
        }
        if reason == "reset" {
            self.open.remove(&id);
        }
    }

    /// No stream goes on.
    pub(super) fn cut_all(&mut self, reason: &'static str, out: &mut Vec<Observation>) {
        for (id, mut stream) in std::mem::take(&mut self.open) {
            stream.emit(id, Some(reason), out);
        }
        self.kept = 0;
    }

    /// Yields what came. What still comes is yielded as more of the same message: calls that stream last for hours.
    pub(super) fn flush(&mut self, out: &mut Vec<Observation>) {
        self.kept = 0;
        for (&id, stream) in self.open.iter_mut().filter(|(_, stream)| !stream.yielded) {
            let Some(message) = stream.message.clone() else { continue };
            stream.emit(id, Some("unfinished"), out);
            let end = message.range.end;
            let rest =
                HttpMessage { body: Vec::new(), body_range: end..end, coding: BodyCoding::Plain, ..*message };
            *stream = Stream { message: Some(Box::new(rest)), frames_at: None, whole: true, yielded: true };
        }
    }

    pub(super) fn is_pending(&self) -> bool {
        self.open.values().any(|stream| stream.message.is_some() && !stream.yielded)
    }
}

impl Stream {
    fn kept(&self) -> usize {
        self.message.as_ref().map_or(0, |message| message.body.len())
    }

    /// Adds to the body. Returns how much was kept, and whether that was not all.
    fn add(&mut self, head: &Head, at: u64, bytes: &[u8], room: usize, most: usize) -> (usize, bool) {
        let Some(message) = self.message.as_mut().filter(|_| !bytes.is_empty()) else { return (0, false) };
        let kept = bytes.len().min(room).min(most.saturating_sub(message.body.len()));
        if self.frames_at.is_none() {
            self.frames_at = Some(head.at);
            message.body_range = at..at;
        }
        self.yielded = false;
        self.whole &= message.body_range.end == at;
        message.body.extend_from_slice(&bytes[..kept]);
        message.body_range.end = at + kept as u64;
        message.range.end = message.range.end.max(message.body_range.end);
        (kept, kept < bytes.len())
    }

    fn emit(&mut self, id: u32, cut: Option<&'static str>, out: &mut Vec<Observation>) {
        let yielded = self.yielded;
        let Some(mut message) = self.message.take().filter(|_| !yielded) else { return };
        message.cut = cut;
        if let (false, Some(at)) = (self.whole, self.frames_at) {
            message.body_range.start = at;
            message.coding = BodyCoding::Frames(id);
        }
        out.push(Observation::Http(message));
    }
}

/// A message of these fields, without a body. `client`: this side sends the requests.
pub fn message_of(direction: Direction, client: bool, fields: Vec<Field>, range: Range<u64>) -> HttpMessage {
    HttpMessage {
        direction,
        start: start(client, &fields, range.start),
        headers: headers(fields).collect(),
        body: Vec::new(),
        body_range: range.end..range.end,
        coding: BodyCoding::Plain,
        cut: None,
        range,
    }
}

/// The first line that pseudo-header fields stand for (RFC 9113 section 8.3). Those that were not seen are empty or 0.
fn start(client: bool, fields: &[Field], at: u64) -> HttpStart {
    let find = |name: &str| fields.iter().find(|field| &*field.name == name);
    let (method, status) = (find(":method"), find(":status"));
    if status.is_some() || (method.is_none() && !client) {
        let status = status.and_then(|field| field.value.parse().ok()).unwrap_or_default();
        return HttpStart::Response { status };
    }
    let connect = find(":authority").filter(|_| method.is_some_and(|field| &*field.value == "CONNECT"));
    let target = find(":path").or(connect);
    HttpStart::Request {
        method: method.map(|field| field.value.to_string()).unwrap_or_default(),
        target: target.map(|field| field.value.to_string()).unwrap_or_default(),
        target_range: target.map_or(at..at, |field| field.range.clone()),
        huffman: target.is_some_and(|field| field.huffman),
    }
}

/// All fields but those that the first line stands for.
fn headers(fields: Vec<Field>) -> impl Iterator<Item = HttpHeader> {
    let said = |field: &Field| matches!(&*field.name, ":method" | ":path" | ":scheme" | ":status");
    fields.into_iter().filter(move |field| !said(field)).map(|field| HttpHeader {
        name: field.name.as_ref().to_owned(),
        value: field.value.as_ref().to_owned(),
        range: field.range,
        huffman: field.huffman,
    })
}
