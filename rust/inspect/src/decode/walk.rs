//! The walk from content to leaves.

use std::borrow::Cow;
use std::ops::Range;
use std::rc::Rc;

use smol_str::SmolStr;

use super::chosen::reader;
use super::compress::{Format, inflate, unmarked};
use super::numbers::Numbers;
use super::part::{Wanted, everything};
use super::schema::Schema;
use super::sniff::{Content, is_coded, is_promising, sniff};
use super::{
    Bytes, Cribs, Decoded, Label, Leaf, Limits, Node, Piece, Place, Sealed, Step, Value, form, header,
    protobuf, text,
};
use crate::protocol::{BodyCoding, HttpMessage, HttpStart, Message};

/// Bytes of leaves that are searched for what lies beneath a cipher.
const CRIBBED: usize = 64 << 10;
/// Shorter segments of a path are not looked into.
const SEGMENT_MIN: usize = 10;

/// Takes an HTTP message apart: target, headers, cookies, body. `host` as the flow is named.
pub fn decode_http<'a>(
    host: Option<&str>,
    message: &'a HttpMessage,
    limits: Limits,
    wanted: &mut Wanted<'_>,
) -> Decoded<'a> {
    let mut walk = Walk::new(limits, wanted);
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
pub fn decode_message<'a>(message: &'a Message, limits: Limits, wanted: &mut Wanted<'_>) -> Decoded<'a> {
    let mut walk = Walk::new(limits, wanted);
    walk.out.objects = 1;
    for part in &message.parts {
        let mut chain = walk.step(None, Cow::Owned(format!("{} {}", message.protocol, part.name)));
        let mut place = place_of(&part.value, &part.range);
        for step in message.undone() {
            chain = walk.step(Some(chain), Cow::Borrowed(*step));
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
pub fn decode_bytes<'a>(
    origin: &str,
    bytes: &'a [u8],
    range: Range<u64>,
    limits: Limits,
    wanted: &mut Wanted<'_>,
) -> Decoded<'a> {
    let mut walk = Walk::new(limits, wanted);
    let chain = walk.step(None, Cow::Owned(origin.to_owned()));
    let node = walk.node(Bytes::Input(bytes), Place::Exact(range.start), chain, 0);
    walk.queue.push(Task::new(node, "", 1, true));
    walk.out.objects = 1;
    walk.run();
    walk.out
}

/// Takes ciphers off that a known value beneath gives away: XOR with a short key, also in hexadecimal or base64.
pub fn uncover<'a>(
    decoded: Decoded<'a>,
    cribs: &Cribs,
    limits: Limits,
    wanted: &mut Wanted<'_>,
) -> Decoded<'a> {
    let mut walk = Walk { out: decoded, ..Walk::new(limits, wanted) };
    let mut left = if cribs.is_empty() { 0 } else { CRIBBED };
    for index in 0..walk.out.leaves.len() {
        let size = walk.out.leaves.get(index).map_or(0, |leaf| walk.out.bytes(leaf).len());
        if size <= left {
            left -= size;
            walk.crib(index, cribs);
        }
    }
    walk.run();
    walk.out
}

/// A node still to be looked into.
struct Task {
    node: u32,
    /// Key and object of the leaf that it was decoded from.
    key: SmolStr,
    object: u32,
    /// Whether it is the body, or all that came of it.
    trunk: bool,
    /// Whether a leaf with the same bytes is listed already.
    listed: bool,
    /// What it is, when that was found out already.
    content: Option<Content>,
    /// Whether formats that nothing marks are tried on it: on what was sent or encoded as a whole.
    tried: bool,
}

impl Task {
    fn new(node: u32, key: impl Into<SmolStr>, object: u32, trunk: bool) -> Self {
        Self { node, key: key.into(), object, trunk, listed: false, content: None, tried: trunk }
    }
}

struct Walk<'a, 'w> {
    out: Decoded<'a>,
    wanted: &'w mut Wanted<'w>,
    limits: Limits,
    queue: Vec<Task>,
    schema: Option<Schema>,
}

impl<'a, 'w> Walk<'a, 'w> {
    fn new(limits: Limits, wanted: &'w mut Wanted<'w>) -> Self {
        Self { out: Decoded::default(), wanted, limits, queue: Vec::new(), schema: None }
    }

    fn run(&mut self) {
        while let Some(task) = self.queue.pop() {
            self.visit(task);
        }
    }

    fn step(&mut self, parent: Option<u32>, label: impl Into<Label>) -> u32 {
        self.out.steps.push(Step { parent, label: label.into() });
        (self.out.steps.len() - 1) as u32
    }

    fn node(&mut self, bytes: Bytes<'a>, place: Place, chain: u32, depth: u8) -> u32 {
        self.out.nodes.push(Node { bytes, place, chain, depth, chosen: None });
        (self.out.nodes.len() - 1) as u32
    }

    fn room(&self) -> usize {
        self.limits.bytes.saturating_sub(self.out.spent)
    }

    fn target(&mut self, target: &'a str, range: &Range<u64>, huffman: bool) {
        let bytes = target.as_bytes();
        let chain = self.step(None, Cow::Borrowed("http target"));
        if huffman {
            self.out.objects += 1;
            let (chain, place) = self.undo_huffman(chain, range);
            let node = self.node(Bytes::Input(bytes), place, chain, 0);
            let object = self.out.objects;
            return self.queue.push(Task::new(node, "path", object, false));
        }
        let place = place_of(bytes, range);
        let node = self.node(Bytes::Input(bytes), place, chain, 0);
        let path_end = target.find('?').unwrap_or(target.len());
        self.out.objects += 1;
        let mut pieces = vec![Piece::slice("path", 0..path_end, 1)];
        pieces.extend(segments(bytes.get(..path_end).unwrap_or_default()));
        self.parts(node, "http", pieces, false);
        if path_end + 1 < target.len() {
            let mut pieces = form::pieces(&bytes[path_end + 1..], self.limits.steps, &mut everything);
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
            let mut chain = self.step(None, Cow::Owned(format!("http header {}", field.name)));
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
        (self.step(Some(chain), Cow::Borrowed("huffman")), Place::Within(range.clone()))
    }

    fn body(&mut self, message: &'a HttpMessage) {
        if message.body.is_empty() {
            return;
        }
        let chain = self.step(None, Cow::Borrowed("http body"));
        let within = || Place::Within(message.body_range.clone());
        let (mut chain, mut place) = match message.coding {
            BodyCoding::Plain => (chain, Place::Exact(message.body_range.start)),
            BodyCoding::Chunked => (self.step(Some(chain), Cow::Borrowed("chunked")), within()),
            BodyCoding::Frames(id) => {
                (self.step(Some(chain), Cow::Owned(format!("frames (stream {id})"))), within())
            }
        };
        let mut bytes = Bytes::Input(&message.body);
        let codings = message.values("content-encoding").flat_map(|value| value.split(',')).rev();
        for coding in codings.take(self.limits.depth.into()) {
            let Some((step, plain)) = self.uncode(&coding_name(coding), bytes.get()) else { continue };
            let whole = 0..bytes.get().len();
            place = Place::Within(place.range(&whole));
            chain = self.step(Some(chain), Cow::Borrowed(step));
            self.out.formats.push(step);
            bytes = Bytes::Own(Rc::from(plain));
        }
        let node = self.node(bytes, place, chain, 1);
        self.out.objects += 1;
        let object = self.out.objects;
        self.queue.push(Task::new(node, "", object, true));
    }

    /// Undoes a content coding (RFC 9110 section 8.4.1), whichever format the bytes really are in.
    fn uncode(&mut self, coding: &str, bytes: &[u8]) -> Option<(&'static str, Vec<u8>)> {
        if matches!(coding, "" | "identity") {
            return None;
        }
        let Some(declared) = Format::of_coding(coding) else {
            self.out.stop("coding");
            return None;
        };
        let undo = |format| (format, inflate(format, bytes, self.room(), self.limits.ratio));
        let marked = Format::of(bytes).map(undo).filter(|(_, out)| !out.bytes.is_empty());
        let unmarked = if declared == Format::Brotli { Format::Brotli } else { Format::Deflate };
        let (format, out) = marked.unwrap_or_else(|| undo(unmarked));
        if out.bytes.is_empty() && !text::is_texty(bytes) {
            self.out.stop("coding");
        }
        // Text can pass for the beginning of raw deflate, but not for all of it.
        if out.bytes.is_empty() || (!out.complete && out.stopped.is_none() && text::is_texty(bytes)) {
            return None;
        }
        if let Some(why) = out.stopped {
            self.out.stop(why);
        }
        self.out.spent += out.bytes.len();
        Some((format.as_str(), out.bytes))
    }

    fn visit(&mut self, mut task: Task) {
        let Some(node) = self.out.nodes.get(task.node as usize) else { return };
        let (bytes, place, chain, depth) = (node.bytes.clone(), node.place.clone(), node.chain, node.depth);
        let room = self.room();
        let mut content = match task.content.take() {
            Some(content) => content,
            // What was decoded of a part is a short text most often.
            None if !task.trunk && text::is_texty(bytes.get()) && !is_promising(bytes.get()) => {
                Content::Plain
            }
            None => self.look(bytes.get()),
        };
        if let (Content::Plain, Some(_)) = (&content, self.schema)
            && let Some(pieces) = protobuf::pieces(bytes.get(), self.limits.steps)
        {
            content = Content::Parts("protobuf", pieces);
        }
        if task.tried && is_opaque(&content, bytes.get()) {
            content = self.try_unmarked(bytes.get()).unwrap_or(content);
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
                self.out.spent += decoded.len();
                if task.trunk {
                    self.out.formats.push(format_word(&step));
                }
                let within = Place::Within(place.range(&(0..bytes.get().len())));
                let chain = self.step(Some(chain), step);
                let node = self.node(Bytes::Own(Rc::from(decoded)), within, chain, depth + 1);
                self.queue.push(Task { node, listed: false, tried: true, ..task });
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

    fn try_unmarked(&mut self, bytes: &[u8]) -> Option<Content> {
        let (format, out) = unmarked(bytes, self.room(), self.limits.ratio)?;
        if let Some(why) = out.stopped {
            self.out.stop(why);
        }
        Some(Content::Encoded(Cow::Borrowed(format.as_str()), out.bytes))
    }

    /// Finds out what bytes are.
    fn look(&mut self, bytes: &[u8]) -> Content {
        let mut stopped = None;
        let content = sniff(bytes, &self.limits, self.room(), self.wanted, &mut |why| stopped = Some(why));
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
            step: ("", SmolStr::default(), ""),
            index: self.out.leaves.len(),
        });
    }

    /// The node's parts become leaves, and tasks where they look encoded. `shallow`: of a text's parts, which
    /// may lie in each other, only tokens and what can be base64 do.
    fn parts(&mut self, node: u32, word: &'static str, mut pieces: Vec<Piece>, shallow: bool) {
        let Some(parent) = self.out.nodes.get(node as usize) else { return };
        let (bytes, place, chain, depth) =
            (parent.bytes.clone(), parent.place.clone(), parent.chain, parent.depth);
        // The steps of a query and a path say themselves where they begin.
        let parent_step = (!word.starts_with("http")).then_some(chain);
        let chain_of_parts = parent_step.unwrap_or(u32::MAX);
        let base = self.out.objects;
        if reader(word).is_some()
            && let Some(parent) = self.out.nodes.get_mut(node as usize)
        {
            parent.chosen = Some(word);
        }
        let left = self.limits.steps.saturating_sub(self.out.leaves.len());
        let cut = pieces.len() > left;
        pieces.truncate(left);
        let mut numbers = Numbers::default();
        self.out.leaves.reserve(pieces.len());
        for index in 0..pieces.len() {
            let Some(piece) = pieces.get(index) else { break };
            let part = piece.bytes(bytes.get());
            let looked =
                if shallow && !text::is_token(&piece.path) { is_coded(part) } else { is_promising(part) };
            let content = match (word, if looked { self.look(part) } else { Content::Plain }) {
                // It need not say anything that tells so: gRPC's messages are of protobuf.
                ("grpc", Content::Plain) if !text::is_texty(part) => {
                    let known = protobuf::pieces(part, self.limits.steps);
                    known.map_or(Content::Plain, |pieces| Content::Parts("protobuf", pieces))
                }
                (_, content) => content,
            };
            let replaced = matches!(&content, Content::Encoded(step, _) if *step == "percent");
            if !matches!(content, Content::Plain) {
                let number = self
                    .out
                    .number_chosen(node, &piece.path, piece.value.range().start)
                    .unwrap_or_else(|| {
                        let key = |index: usize| pieces.get(index).map(|it| (&it.path, it.suffix));
                        numbers.get(index, pieces.len(), key)
                    });
                let label = Label::Part(word, piece.path.clone(), number, piece.suffix);
                let child_chain = self.step(parent_step, label);
                let key = piece.key.as_ref().unwrap_or(&piece.path).clone();
                let task = Task::new(0, key, base.saturating_add(piece.object), false);
                self.part(
                    content,
                    (&bytes, &place, &piece.value),
                    child_chain,
                    depth.saturating_add(1),
                    task,
                );
            }
            if replaced && let Some(piece) = pieces.get_mut(index) {
                piece.replaced = true;
            }
        }
        for piece in pieces {
            let object = base.saturating_add(piece.object);
            self.out.objects = self.out.objects.max(object);
            let index = self.out.leaves.len();
            self.out.leaves.push(Leaf {
                key: piece.key.unwrap_or_else(|| piece.path.clone()),
                object,
                replaced: piece.replaced,
                node,
                value: piece.value,
                chain: chain_of_parts,
                step: (word, piece.path, piece.suffix),
                index,
            });
        }
        if cut {
            // What is left is searched as one text at least.
            self.out.stop("steps");
            self.plain(Task::new(node, "", base, false));
        }
    }

    /// Queues what was found in a part; what it was decoded to, if that is all that it is.
    fn part(
        &mut self,
        content: Content,
        (bytes, place, value): (&Bytes<'a>, &Place, &Value),
        chain: u32,
        depth: u8,
        task: Task,
    ) {
        match content {
            Content::Encoded(step, decoded) if depth < self.limits.depth && decoded.len() <= self.room() => {
                self.out.spent += decoded.len();
                let within = Place::Within(place.range(value.range()));
                let chain = self.step(Some(chain), step);
                let node = self.node(Bytes::Own(Rc::from(decoded)), within, chain, depth + 1);
                self.queue.push(Task { node, tried: true, ..task });
            }
            content => {
                let (child, within) = self.child(bytes, place, value);
                let node = self.node(child, within, chain, depth);
                self.queue.push(Task { node, listed: true, content: Some(content), ..task });
            }
        }
    }

    /// Looks for a known value beneath a cipher in a leaf, and queues what lies there.
    fn crib(&mut self, index: usize, cribs: &Cribs) {
        let Some(leaf) = self.out.leaves.get(index) else { return };
        let bytes = self.out.bytes(leaf);
        if is_prose(bytes) {
            return;
        }
        let Some(Sealed { written, bytes: sealed, key }) = cribs.open(bytes) else { return };
        let Some(parent) = self.out.nodes.get(leaf.node as usize) else { return };
        let depth = parent.depth.saturating_add(1);
        if depth >= self.limits.depth || sealed.len() > self.room() {
            return self.out.stop(if depth >= self.limits.depth { "depth" } else { "bytes" });
        }
        let plain = key.apply(&sealed);
        let place = Place::Within(self.out.range(leaf, 0..bytes.len()));
        let (mut chain, name, object) = (leaf.chain, leaf.key.clone(), leaf.object);
        if !leaf.step.0.is_empty() {
            let (word, path, suffix) = leaf.step.clone();
            let label = Label::Part(word, path, self.out.number(leaf), suffix);
            chain = self.step((chain != u32::MAX).then_some(chain), label);
        }
        if let Some(step) = written {
            chain = self.step(Some(chain), step);
        }
        let chain = self.step(Some(chain), Cow::Owned(key.step()));
        self.out.spent += plain.len();
        let node = self.node(Bytes::Own(Rc::from(plain)), place, chain, depth);
        self.queue.push(Task::new(node, name, object, false));
    }

    fn child(&mut self, bytes: &Bytes<'a>, place: &Place, value: &Value) -> (Bytes<'a>, Place) {
        match (value, bytes) {
            (Value::Own(own, range), _) => {
                self.out.spent += own.len();
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
                        self.out.spent += part.len();
                        (Bytes::Own(Rc::from(part)), place)
                    }
                }
            }
        }
    }
}

/// Whether bytes are a long text of words, under which nothing lies: most are letters, and spaces stand between them.
fn is_prose(bytes: &[u8]) -> bool {
    const LONG: usize = 1024;
    let count = |is: fn(&u8) -> bool| bytes.iter().take(LONG).filter(|byte| is(byte)).count();
    bytes.len() >= LONG
        && count(u8::is_ascii_alphabetic) > LONG / 2
        && count(|byte| *byte == b' ') > LONG / 20
        && text::is_text(bytes)
}

/// The segments of a path that are long enough to be encoded. They have no name: the path as a whole has.
fn segments(path: &[u8]) -> Vec<Piece> {
    let mut out = Vec::new();
    let mut start = 0;
    for (number, segment) in path.split(|&byte| byte == b'/').enumerate().take(32) {
        let range = start..start + segment.len();
        if range.len() >= SEGMENT_MIN && range.len() < path.len() {
            let piece = Piece::slice(format!("path[{number}]"), range.clone(), 1);
            out.push(Piece { key: Some(SmolStr::default()), ..piece });
        }
        start = range.end + 1;
    }
    out
}

/// Whether nothing but tokens was found in bytes that are no text.
fn is_opaque(content: &Content, bytes: &[u8]) -> bool {
    matches!(content, Content::Plain | Content::Parts("text", _)) && !text::is_texty(bytes)
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

/// A transforming step without its details.
fn format_word(step: &str) -> &'static str {
    const WORDS: [&str; 9] = [
        "base64",
        "base32",
        "hex",
        "percent",
        "quoted-printable",
        "utf-16le",
        "utf-16be",
        "xor",
        "aes-128-cbc",
    ];
    let word = step.split(' ').next().unwrap_or_default();
    let written = || WORDS.into_iter().find(|it| *it == word);
    Format::of_step(word).map(Format::as_str).or_else(written).unwrap_or("")
}

#[cfg(test)]
mod tests;
