//! The walk from content to leaves.

mod http;
mod uncover;

use std::borrow::Cow;
use std::ops::Range;
use std::rc::Rc;

use smol_str::SmolStr;

use super::chosen::reader;
use super::compress::{Format, unmarked};
use super::numbers::Numbers;
use super::part::Wanted;
use super::schema::Schema;
use super::sniff::{Content, is_promising, sniff, sniff_value};
use super::transfer::{self, Transfer};
use super::{Bytes, Decoded, Label, Leaf, Limits, Node, Piece, Place, Step, Value, protobuf, text};
use crate::protocol::{HttpMessage, HttpStart, Message};

pub use uncover::uncover;

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
    let transfer = message.parts.iter().find_map(|part| {
        let name =
            part.name.strip_prefix("header.").filter(|name| name.eq_ignore_ascii_case(transfer::FIELD));
        name.and_then(|_| Transfer::of(&part.value))
    });
    for part in &message.parts {
        let mut chain = walk.step(None, Cow::Owned(format!("{} {}", message.protocol, part.name)));
        let mut place = place_of(&part.value, &part.range);
        for step in message.undone() {
            chain = walk.step(Some(chain), Cow::Borrowed(*step));
            place = Place::Within(part.range.clone());
        }
        let node = walk.node(Bytes::Input(&part.value), place, chain, 0);
        let transfer = transfer.filter(|_| part.name == "body");
        let content = transfer.map(|_| walk.look_into(&part.value, transfer));
        walk.queue.push(Task { tried: true, content, ..Task::new(node, part.name.clone(), 1, false) });
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
    decode_made([origin], bytes, range, limits, wanted)
}

/// The same of bytes that were made by steps already.
pub fn decode_made<'a, 's>(
    steps: impl IntoIterator<Item = &'s str>,
    bytes: &'a [u8],
    range: Range<u64>,
    limits: Limits,
    wanted: &mut Wanted<'_>,
) -> Decoded<'a> {
    let mut walk = Walk::new(limits, wanted);
    let steps =
        steps.into_iter().fold(None, |chain, step| Some(walk.step(chain, Cow::Owned(step.to_owned()))));
    let chain = steps.unwrap_or(u32::MAX);
    let node = walk.node(Bytes::Input(bytes), place_of(bytes, &range), chain, 0);
    walk.queue.push(Task::new(node, "", 1, true));
    walk.out.objects = 1;
    walk.run();
    walk.out
}

/// Formats that nothing but their form tells.
const BY_FORM: [&str; 6] = ["cbor", "delimited", "der", "msgpack", "protobuf", "wbxml"];

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
        self.out.nodes.push(Node { bytes, place, chain, depth, chosen: None, by_form: false });
        (self.out.nodes.len() - 1) as u32
    }

    fn room(&self) -> usize {
        self.limits.bytes.saturating_sub(self.out.spent)
    }

    fn visit(&mut self, mut task: Task) {
        let Some(node) = self.out.nodes.get(task.node as usize) else { return };
        let (bytes, place, chain, depth) = (node.bytes.clone(), node.place.clone(), node.chain, node.depth);
        let room = self.room();
        let mut content = match task.content.take() {
            Some(content) => content,
            // What was decoded of a part is a short text most often.
            None if !task.trunk && is_readable(bytes.get()) && !is_promising(bytes.get()) => Content::Plain,
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
            Content::Plain => self.plain(&task),
            Content::Encoded(step, decoded) => {
                if decoded.len() > room {
                    self.out.stop("bytes");
                    return self.plain(&task);
                }
                self.out.spent += decoded.len();
                if task.trunk {
                    self.out.formats.push(format_word(&step));
                }
                if is_number(&step, bytes.get(), &decoded) || (step == "percent" && is_mixture(bytes.get())) {
                    self.plain(&task);
                }
                let within = Place::Within(place.range(&(0..bytes.get().len())));
                let chain = self.step(Some(chain), step);
                let node = self.node(Bytes::Own(Rc::new(decoded)), within, chain, depth + 1);
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
                let node = task.node;
                if matches!(word, "text" | "query" | "at") || (word == "form" && is_mixture(bytes.get())) {
                    self.plain(&task);
                }
                self.parts(node, word, pieces);
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

    /// The same of bytes that are said to be encoded. Whatever base64 is known to hold tells more than the word does.
    fn look_into(&mut self, bytes: &[u8], transfer: Option<Transfer>) -> Content {
        let fits = bytes.len() <= self.room();
        let said = || transfer.filter(|_| fits).and_then(|it| it.undo(bytes));
        if transfer == Some(Transfer::Quoted)
            && let Some(content) = said()
        {
            return content;
        }
        match self.look(bytes) {
            content @ (Content::Plain | Content::Parts("text" | "query", _)) => said().unwrap_or(content),
            content => content,
        }
    }

    /// The node is a leaf.
    fn plain(&mut self, task: &Task) {
        if !task.listed {
            self.leaf(task);
        }
    }

    fn leaf(&mut self, task: &Task) {
        let Some(node) = self.out.nodes.get(task.node as usize) else { return };
        self.out.leaves.push(Leaf {
            key: task.key.clone(),
            object: task.object,
            replaced: false,
            node: task.node,
            value: Value::Slice(0..node.bytes.get().len()),
            chain: node.chain,
            step: ("", SmolStr::default(), ""),
            index: self.out.leaves.len(),
        });
    }

    /// The node's parts become leaves, and tasks where they look encoded. Of those that may lie in each other only
    /// what can be base64 does.
    fn parts(&mut self, node: u32, word: &'static str, mut pieces: Vec<Piece>) {
        let Some(parent) = self.out.nodes.get(node as usize) else { return };
        let (bytes, place, chain, depth) =
            (parent.bytes.clone(), parent.place.clone(), parent.chain, parent.depth);
        // The steps of a query and a path say themselves where they begin.
        let parent_step = (!word.starts_with("http")).then_some(chain);
        let chain_of_parts = parent_step.unwrap_or(u32::MAX);
        let base = self.out.objects;
        if let Some(parent) = self.out.nodes.get_mut(node as usize) {
            parent.chosen = reader(word).map(|_| word);
            parent.by_form = BY_FORM.contains(&word);
        }
        let left = self.limits.steps.saturating_sub(self.out.leaves.len());
        let cut = pieces.len() > left;
        pieces.truncate(left);
        let mut numbers = Numbers::default();
        self.out.leaves.reserve(pieces.len());
        for index in 0..pieces.len() {
            let Some(piece) = pieces.get(index) else { break };
            let part = piece.bytes(bytes.get());
            let transfer = piece.transfer;
            let content = if piece.overlaps {
                sniff_value(part, &self.limits, self.room())
            } else if is_promising(part) || transfer.is_some() {
                self.look_into(part, transfer)
            } else {
                Content::Plain
            };
            let content = match (word, content) {
                // It need not say anything that tells so: gRPC's messages are of protobuf.
                ("grpc", content) if is_opaque(&content, part) => {
                    let steps = self.limits.steps;
                    let message = || Some(Content::Parts("protobuf", protobuf::pieces(part, steps)?));
                    self.try_unmarked(part).or_else(message).unwrap_or(content)
                }
                (_, content) => content,
            };
            let replaced = match &content {
                Content::Plain => false,
                Content::Encoded(step, _) => *step == "percent" || word == "grpc",
                // Beside a value in a binary message stand names and lengths that pass for more of it.
                Content::Parts(inner, _) => word == "grpc" && !matches!(*inner, "text" | "query"),
            };
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
            self.plain(&Task::new(node, "", base, false));
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
                let node = self.node(Bytes::Own(Rc::new(decoded)), within, chain, depth + 1);
                self.queue.push(Task { node, tried: true, ..task });
            }
            content => {
                let (child, within) = self.child(bytes, place, value);
                let node = self.node(child, within, chain, depth);
                self.queue.push(Task { node, listed: true, content: Some(content), ..task });
            }
        }
    }

    fn child(&mut self, bytes: &Bytes<'a>, place: &Place, value: &Value) -> (Bytes<'a>, Place) {
        match (value, bytes) {
            (Value::Own(own, range), _) => {
                self.out.spent += own.len();
                (Bytes::Own(Rc::new(own.clone())), Place::Within(place.range(range)))
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
                        (Bytes::Own(Rc::new(part.to_vec())), place)
                    }
                }
            }
        }
    }
}

/// Whether nothing, or nothing but what stands in texts by chance, was found in bytes that are none.
fn is_opaque(content: &Content, bytes: &[u8]) -> bool {
    match content {
        Content::Plain | Content::Parts("text" | "query" | "at", _) => {}
        Content::Encoded(step, _) if step == "percent" => {}
        // An LZ4 block of a text begins with fifteen bytes or more as they are, which its first byte says, perhaps behind the
        // block's size. A field's number can be all that.
        Content::Parts("protobuf", _) => {
            let copies = |at: usize| bytes.get(at).is_some_and(|byte| *byte >= 0xf0);
            return copies(0) || copies(size_of::<u32>());
        }
        _ => return false,
    }
    !is_readable(bytes)
}

/// Whether bytes are a text, as far as is soon seen. Of short noise some has no control character.
fn is_readable(bytes: &[u8]) -> bool {
    text::is_texty(bytes) && text::begins_as_text(bytes)
}

/// Whether bytes that seem to be of a text are of none: what was found in them may be there by chance, and something else lie
/// beneath.
fn is_mixture(bytes: &[u8]) -> bool {
    std::str::from_utf8(bytes).is_err()
}

/// Whether what was decoded is rather a number, of whose digits something to read came by chance.
fn is_number(step: &str, digits: &[u8], decoded: &[u8]) -> bool {
    let hex = || step == "hex" || digits.iter().all(u8::is_ascii_hexdigit);
    digits.iter().all(u8::is_ascii_digit) || (hex() && !text::is_text(decoded))
}

/// The text of a selecting step.
pub(super) fn step_text(word: &str, path: &str, number: u32, suffix: &str) -> String {
    if number > 1 { format!("{word} {path}#{number}{suffix}") } else { format!("{word} {path}{suffix}") }
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
