//! The walk from content to leaves.

use std::collections::HashMap;
use std::ops::Range;
use std::rc::Rc;

use super::compress::{Format, inflate};
use super::schema::Schema;
use super::{
    Bytes, Decoded, Leaf, Limits, Node, Piece, Place, Step, Value, base64, form, grpc, header, hex, json,
    multipart, percent, protobuf, text, xml, xor,
};
use crate::protocol::{BodyCoding, HttpMessage, HttpStart, Message};

/// Shorter base64 is found too often in ordinary words.
const BASE64_MIN: usize = 10;
/// Shorter hexadecimal text is found too often in ordinary numbers.
const HEX_MIN: usize = 20;

/// Takes an HTTP message apart: target, headers, cookies, body. `host` as the flow is named.
pub fn decode_http<'a>(host: Option<&str>, message: &'a HttpMessage, limits: Limits) -> Decoded<'a> {
    let mut walk = Walk::new(limits);
    if let HttpStart::Request { target, target_range, huffman, .. } = &message.start {
        let host = message.authority().or(host).unwrap_or_default();
        let path = target.split('?').next().unwrap_or_default();
        walk.schema = Schema::of(host, path);
        walk.target(target, target_range, *huffman);
    }
    walk.headers(message);
    walk.body(message);
    walk.run();
    walk.out
}

/// Takes a message with named parts apart. All parts are of one object.
pub fn decode_message(message: &Message, limits: Limits) -> Decoded<'_> {
    let mut walk = Walk::new(limits);
    walk.out.objects = 1;
    for part in &message.parts {
        let mut chain = walk.step(None, format!("{} {}", message.protocol, part.name));
        let mut place = place_of(&part.value, &part.range);
        for step in message.undone() {
            chain = walk.step(Some(chain), (*step).to_owned());
            place = Place::Within(part.range.clone());
        }
        let node = walk.node(Bytes::Input(&part.value), place, chain, 0);
        walk.queue.push(Task::new(node, part.name.clone(), 1, false));
    }
    // The queue is worked off from its end.
    walk.queue.reverse();
    walk.run();
    walk.out
}

/// Bytes stand in the stream as they are, unless their range is of another length.
fn place_of(bytes: &[u8], range: &Range<u64>) -> Place {
    if range.end.saturating_sub(range.start) == bytes.len() as u64 {
        Place::Exact(range.start)
    } else {
        Place::Within(range.clone())
    }
}

/// Takes bytes without a known protocol apart. `origin` becomes the first step.
pub fn decode_bytes<'a>(origin: &str, bytes: &'a [u8], range: Range<u64>, limits: Limits) -> Decoded<'a> {
    let mut walk = Walk::new(limits);
    let chain = walk.step(None, origin.to_owned());
    let node = walk.node(Bytes::Input(bytes), Place::Exact(range.start), chain, 0);
    walk.queue.push(Task::new(node, String::new(), 1, true));
    walk.out.objects = 1;
    walk.run();
    walk.out
}

/// What bytes turn out to be.
pub(super) enum Content {
    /// Nothing to undo.
    Plain,
    /// One encoding to undo: the step and the result.
    Encoded(String, Vec<u8>),
    /// Parts: the step's word and they.
    Parts(&'static str, Vec<Piece>),
}

/// Finds out what bytes are. `room` bounds what may come of them; `stop` hears which bound was met.
pub(super) fn sniff(
    bytes: &[u8],
    limits: &Limits,
    room: usize,
    stop: &mut dyn FnMut(&'static str),
) -> Content {
    // One more than allowed, so that the walk notices.
    let most = limits.steps.saturating_add(1);
    if let Some(format) = Format::of(bytes) {
        let out = inflate(format, bytes, room, limits.ratio);
        if out.complete || out.bytes.len() >= 16 {
            out.stopped.map(&mut *stop);
            return Content::Encoded(format.as_str().to_owned(), out.bytes);
        }
    }
    if !text::is_texty(bytes) {
        if let Some(pieces) = grpc::pieces(bytes, most) {
            return Content::Parts("grpc", pieces);
        }
        if let Some(plain) = xor::decode(bytes).filter(|plain| plain.len() <= room) {
            return Content::Encoded("xor (key inside)".to_owned(), plain);
        }
        return match protobuf::pieces(bytes, most) {
            Some(pieces) if protobuf::is_telling(bytes, &pieces, 4) => Content::Parts("protobuf", pieces),
            _ => match text::tokens(bytes) {
                pieces if pieces.is_empty() => Content::Plain,
                pieces => Content::Parts("text", pieces),
            },
        };
    }
    if json::is_json(bytes) {
        return Content::Parts("json", json::pieces(bytes, most));
    }
    if xml::is_xml(bytes) {
        return Content::Parts("xml", xml::pieces(bytes, most));
    }
    if let Some(boundary) = multipart::boundary(bytes) {
        return Content::Parts("multipart", multipart::pieces(bytes, boundary, most));
    }
    if form::is_form(bytes) {
        return Content::Parts("form", form::pieces(bytes, most));
    }
    if bytes.len() <= room
        && let Some(out) = encoded_text(bytes, limits)
    {
        return out;
    }
    named_text(bytes, limits)
}

/// Base64, hexadecimal and percent-encoding: the first two only when something sensible comes of them.
fn encoded_text(bytes: &[u8], limits: &Limits) -> Option<Content> {
    let trimmed = bytes.trim_ascii();
    if trimmed.len() >= HEX_MIN
        && let Some(out) = hex::decode(trimmed)
        && is_sensible(&out, limits)
    {
        return Some(Content::Encoded("hex".to_owned(), out));
    }
    if let Some(out) = base64::decode(bytes, BASE64_MIN)
        && is_sensible(&out.bytes, limits)
    {
        return Some(Content::Encoded(out.step, out.bytes));
    }
    percent::is_encoded(bytes).then(|| Content::Encoded("percent".to_owned(), percent::decode(bytes, true)))
}

/// What a text without structure holds: a URL's query, tokens, named values.
fn named_text(bytes: &[u8], limits: &Limits) -> Content {
    let query = text::query(bytes, limits.steps);
    if !query.is_empty() {
        return Content::Parts("query", query);
    }
    let pieces = text::pieces(bytes);
    if pieces.is_empty() { Content::Plain } else { Content::Parts("text", pieces) }
}

/// Whether bytes look like what somebody would have encoded, and not like noise.
fn is_sensible(bytes: &[u8], limits: &Limits) -> bool {
    if text::is_text(bytes) || xor::decode(bytes).is_some() || grpc::pieces(bytes, 1).is_some() {
        return true;
    }
    match Format::of(bytes) {
        Some(Format::Gzip) => true,
        Some(format) => inflate(format, bytes, 4096, limits.ratio).bytes.len() >= 16,
        None => {
            bytes.len() >= 16
                && protobuf::pieces(bytes, 4096).is_some_and(|pieces| protobuf::is_telling(bytes, &pieces, 6))
        }
    }
}

/// A node still to be looked into.
struct Task {
    node: u32,
    /// Key and object of the leaf that it was decoded from.
    key: String,
    object: u32,
    /// Whether it is the body, or all that came of it.
    trunk: bool,
    /// Whether a leaf with the same bytes is listed already.
    listed: bool,
    /// What it is, when that was found out already.
    content: Option<Content>,
}

impl Task {
    fn new(node: u32, key: String, object: u32, trunk: bool) -> Self {
        Self { node, key, object, trunk, listed: false, content: None }
    }
}

struct Walk<'a> {
    out: Decoded<'a>,
    limits: Limits,
    spent: usize,
    queue: Vec<Task>,
    schema: Option<Schema>,
}

impl<'a> Walk<'a> {
    fn new(limits: Limits) -> Self {
        Self { out: Decoded::default(), limits, spent: 0, queue: Vec::new(), schema: None }
    }

    fn run(&mut self) {
        while let Some(task) = self.queue.pop() {
            self.visit(task);
        }
    }

    fn step(&mut self, parent: Option<u32>, text: String) -> u32 {
        self.out.steps.push(Step { parent, text });
        (self.out.steps.len() - 1) as u32
    }

    fn node(&mut self, bytes: Bytes<'a>, place: Place, chain: u32, depth: u8) -> u32 {
        self.out.nodes.push(Node { bytes, place, chain, depth });
        (self.out.nodes.len() - 1) as u32
    }

    fn room(&self) -> usize {
        self.limits.bytes.saturating_sub(self.spent)
    }

    fn target(&mut self, target: &'a str, range: &Range<u64>, huffman: bool) {
        let bytes = target.as_bytes();
        let chain = self.step(None, "http target".to_owned());
        if huffman {
            self.out.objects += 1;
            let (chain, place) = self.undo_huffman(chain, range);
            let node = self.node(Bytes::Input(bytes), place, chain, 0);
            let object = self.out.objects;
            return self.queue.push(Task::new(node, "path".to_owned(), object, false));
        }
        let place = place_of(bytes, range);
        let node = self.node(Bytes::Input(bytes), place, chain, 0);
        let path_end = target.find('?').unwrap_or(target.len());
        self.out.objects += 1;
        self.parts(node, "http", vec![Piece::slice("path", 0..path_end, 1)], false);
        if path_end + 1 < target.len() {
            let mut pieces = form::pieces(&bytes[path_end + 1..], self.limits.steps);
            for piece in &mut pieces {
                if let Value::Slice(range) = &mut piece.value {
                    *range = range.start + path_end + 1..range.end + path_end + 1;
                }
            }
            self.parts(node, "http query", pieces, false);
        }
    }

    fn headers(&mut self, message: &'a HttpMessage) {
        self.out.objects += 1;
        let object = self.out.objects;
        for field in &message.headers {
            let bytes = field.value.as_bytes();
            let mut place = place_of(bytes, &field.range);
            let mut chain = self.step(None, format!("http header {}", field.name));
            if field.huffman {
                (chain, place) = self.undo_huffman(chain, &field.range);
            }
            let node = self.node(Bytes::Input(bytes), place, chain, 1);
            let is = |name: &str| field.name.eq_ignore_ascii_case(name);
            if is("cookie") || is("set-cookie") {
                let pieces = header::cookies(bytes, self.limits.steps);
                self.parts(node, "cookie", pieces, false);
            } else if is("authorization") || is("proxy-authorization") {
                self.parts(node, "credentials", header::credentials(bytes), false);
            } else {
                self.queue.push(Task::new(node, field.name.clone(), object, false));
            }
        }
    }

    /// What HPACK's string code does to a value's chain and place.
    fn undo_huffman(&mut self, chain: u32, range: &Range<u64>) -> (u32, Place) {
        (self.step(Some(chain), "huffman".to_owned()), Place::Within(range.clone()))
    }

    fn body(&mut self, message: &'a HttpMessage) {
        if message.body.is_empty() {
            return;
        }
        let chain = self.step(None, "http body".to_owned());
        let within = || Place::Within(message.body_range.clone());
        let (mut chain, mut place) = match message.coding {
            BodyCoding::Plain => (chain, Place::Exact(message.body_range.start)),
            BodyCoding::Chunked => (self.step(Some(chain), "chunked".to_owned()), within()),
            BodyCoding::Frames(id) => (self.step(Some(chain), format!("frames (stream {id})")), within()),
        };
        let mut bytes = Bytes::Input(&message.body);
        let codings = message.values("content-encoding").flat_map(|value| value.split(',')).rev();
        for coding in codings.take(self.limits.depth.into()) {
            let Some((step, plain)) = self.uncode(&coding_name(coding), bytes.get()) else { continue };
            let whole = 0..bytes.get().len();
            place = Place::Within(place.range(&whole));
            chain = self.step(Some(chain), step.to_owned());
            self.out.formats.push(step);
            bytes = Bytes::Own(Rc::from(plain));
        }
        let node = self.node(bytes, place, chain, 1);
        self.out.objects += 1;
        let object = self.out.objects;
        self.queue.push(Task::new(node, String::new(), object, true));
    }

    /// Undoes a content coding (RFC 9110 section 8.4.1), whichever of the three formats the bytes really are.
    fn uncode(&mut self, coding: &str, bytes: &[u8]) -> Option<(&'static str, Vec<u8>)> {
        match coding {
            "gzip" | "x-gzip" | "deflate" | "x-deflate" => {}
            "" | "identity" => return None,
            _ => {
                self.out.stop("coding");
                return None;
            }
        }
        let undo = |format| (format, inflate(format, bytes, self.room(), self.limits.ratio));
        let marked = Format::of(bytes).map(undo).filter(|(_, out)| !out.bytes.is_empty());
        let (format, out) = marked.unwrap_or_else(|| undo(Format::Deflate));
        // Text can pass for the beginning of raw deflate, but not for all of it.
        if out.bytes.is_empty() || (!out.complete && out.stopped.is_none() && text::is_texty(bytes)) {
            return None;
        }
        if let Some(why) = out.stopped {
            self.out.stop(why);
        }
        self.spent += out.bytes.len();
        Some((format.as_str(), out.bytes))
    }

    fn visit(&mut self, mut task: Task) {
        let Some(node) = self.out.nodes.get(task.node as usize) else { return };
        let (bytes, place, chain, depth) = (node.bytes.clone(), node.place.clone(), node.chain, node.depth);
        let room = self.room();
        let mut content = task.content.take().unwrap_or_else(|| self.look(bytes.get()));
        if let (Content::Plain, Some(_)) = (&content, self.schema)
            && let Some(pieces) = protobuf::pieces(bytes.get(), self.limits.steps)
        {
            content = Content::Parts("protobuf", pieces);
        }
        if !matches!(content, Content::Plain) && depth >= self.limits.depth {
            self.out.stop("depth");
            content = Content::Plain;
        }
        match content {
            Content::Plain => self.plain(task),
            Content::Encoded(step, decoded) => {
                if decoded.len() > room {
                    self.out.stop("bytes");
                    return self.plain(task);
                }
                self.spent += decoded.len();
                if task.trunk {
                    self.out.formats.push(format_word(&step));
                }
                let whole = 0..bytes.get().len();
                let chain = self.step(Some(chain), step);
                let within = Place::Within(place.range(&whole));
                let node = self.node(Bytes::Own(Rc::from(decoded)), within, chain, depth + 1);
                self.queue.push(Task { node, listed: false, ..task });
            }
            Content::Parts(word, mut pieces) => {
                if task.trunk {
                    if word != "text" {
                        self.out.formats.push(word);
                    }
                    if let (Some(schema), "protobuf") = (self.schema, word) {
                        schema.name(&mut pieces);
                    }
                }
                let beside = matches!(word, "text" | "query");
                let node = task.node;
                if beside {
                    self.plain(task);
                }
                self.parts(node, word, pieces, word == "text");
            }
        }
    }

    /// Finds out what bytes are.
    fn look(&mut self, bytes: &[u8]) -> Content {
        let mut stopped = None;
        let content = sniff(bytes, &self.limits, self.room(), &mut |why| stopped = Some(why));
        if let Some(why) = stopped {
            self.out.stop(why);
        }
        content
    }

    /// The node is a leaf.
    fn plain(&mut self, task: Task) {
        if task.listed {
            return;
        }
        let Some(node) = self.out.nodes.get(task.node as usize) else { return };
        self.out.leaves.push(Leaf {
            key: task.key,
            object: task.object,
            replaced: false,
            node: task.node,
            value: Value::Slice(0..node.bytes.get().len()),
            chain: node.chain,
            step: ("", String::new(), ""),
            number: 1,
        });
    }

    /// The node's parts become leaves, and tasks where they look encoded. `shallow`: those of a text do not,
    /// tokens apart.
    fn parts(&mut self, node: u32, word: &'static str, pieces: Vec<Piece>, shallow: bool) {
        let Some(parent) = self.out.nodes.get(node as usize) else { return };
        let (bytes, place, chain, depth) =
            (parent.bytes.clone(), parent.place.clone(), parent.chain, parent.depth);
        // The steps of a query and a path say themselves where they begin.
        let chain_of_parts = if word.starts_with("http") { u32::MAX } else { chain };
        let numbers = numbers(&pieces);
        let base = self.out.objects;
        for (piece, number) in pieces.into_iter().zip(numbers) {
            if self.out.leaves.len() >= self.limits.steps {
                // What is left is searched as one text at least.
                self.out.stop("steps");
                return self.plain(Task::new(node, String::new(), base, false));
            }
            let object = base.saturating_add(piece.object);
            self.out.objects = self.out.objects.max(object);
            let part = piece.bytes(bytes.get());
            let key = piece.key.map_or_else(|| piece.path.clone(), str::to_owned);
            let look = is_promising(part, shallow && !text::is_token(&piece.path));
            let mut content = if look { self.look(part) } else { Content::Plain };
            if let ("grpc", Content::Plain, false) = (word, &content, text::is_texty(part)) {
                // It need not say anything that tells so: gRPC's messages are of protobuf.
                let known = protobuf::pieces(part, self.limits.steps);
                content = known.map_or(content, |pieces| Content::Parts("protobuf", pieces));
            }
            let encoded = matches!(&content, Content::Encoded(step, _) if step == "percent");
            if !matches!(content, Content::Plain) {
                let label = step_text(word, &piece.path, number, piece.suffix);
                let parent_step = (chain_of_parts != u32::MAX).then_some(chain);
                let child_chain = self.step(parent_step, label);
                let (child, within) = self.child(&bytes, &place, &piece.value);
                let node = self.node(child, within, child_chain, depth.saturating_add(1));
                let content = Some(content);
                self.queue.push(Task {
                    listed: true,
                    content,
                    ..Task::new(node, key.clone(), object, false)
                });
            }
            self.out.leaves.push(Leaf {
                key,
                object,
                replaced: encoded,
                node,
                value: piece.value,
                chain: chain_of_parts,
                step: (word, piece.path, piece.suffix),
                number,
            });
        }
    }

    fn child(&mut self, bytes: &Bytes<'a>, place: &Place, value: &Value) -> (Bytes<'a>, Place) {
        match (value, bytes) {
            (Value::Own(own, range), _) => {
                self.spent += own.len();
                (Bytes::Own(Rc::from(own.as_slice())), Place::Within(place.range(range)))
            }
            (Value::Slice(range), bytes) => {
                let place = match place {
                    Place::Exact(base) => Place::Exact(base.saturating_add(range.start as u64)),
                    Place::Within(range) => Place::Within(range.clone()),
                };
                match bytes {
                    Bytes::Input(input) => {
                        (Bytes::Input(input.get(range.clone()).unwrap_or_default()), place)
                    }
                    Bytes::Own(own) => {
                        let part = own.get(range.clone()).unwrap_or_default();
                        self.spent += part.len();
                        (Bytes::Own(Rc::from(part)), place)
                    }
                }
            }
        }
    }
}

/// How often each piece's path stood before it.
fn numbers(pieces: &[Piece]) -> Vec<u32> {
    let mut seen: HashMap<(&str, &str), u32> = HashMap::new();
    pieces
        .iter()
        .map(|piece| {
            let count = seen.entry((&piece.path, piece.suffix)).or_insert(0);
            *count += 1;
            *count
        })
        .collect()
}

/// The text of a selecting step.
pub(super) fn step_text(word: &str, path: &str, number: u32, suffix: &str) -> String {
    if number > 1 { format!("{word} {path}#{number}{suffix}") } else { format!("{word} {path}{suffix}") }
}

/// The name of a content coding, as clients read it: whatever else stands there is left out.
fn coding_name(coding: &str) -> String {
    let name = coding.split(';').next().unwrap_or_default();
    name.chars()
        .filter(|it| it.is_ascii_alphanumeric() || *it == '-')
        .collect::<String>()
        .to_ascii_lowercase()
}

fn format_word(step: &str) -> &'static str {
    ["base64", "hex", "percent", "gzip", "zlib", "deflate"]
        .into_iter()
        .find(|it| step.starts_with(it))
        .unwrap_or("")
}

/// A quick look at whether [`sniff`] could find something in a part.
fn is_promising(part: &[u8], shallow: bool) -> bool {
    let (Some(first), false) = (part.first(), shallow) else { return false };
    if part.contains(&b'%') {
        return true;
    }
    if part.len() < 8 {
        return false;
    }
    let mut digits = 0usize;
    let mut marks = false;
    for &byte in part {
        if byte < 9 {
            return true;
        }
        digits += usize::from(base64::is_digit(byte) || byte.is_ascii_whitespace() || byte == b'=');
        marks |= matches!(byte, b'=' | b':' | b'?');
    }
    let coded = part.len() >= 14 && digits == part.len() && !part.iter().all(u8::is_ascii_digit);
    coded
        || marks
        || matches!(first, b'{' | b'[' | b'<' | 0x1f | b'x')
        || part.windows(3).any(|it| it == b"eyJ")
}

#[cfg(test)]
mod tests;
