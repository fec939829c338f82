//! Undoes encodings, nested to a bounded depth, and says which.
//!
//! Content is walked down to its leaves. What a value is encoded with is found out from its bytes; what a header
//! says is only a hint, because telemetry lies about it (`application/encrypted-json` is base64).
//!
//! A leaf knows the chain of steps that led to it. Steps of two sorts make a chain:
//! - *selecting* steps name a part of what they are given: `http body`, `http query imei`, `json device.imei`,
//!   `target path[2]` and `query imei` (of a target that was decoded), `form data`, `xml Source.LocURI`, `protobuf 4.1.1`, `grpc message`, `multipart file`, `cookie uid`, `text IMEI`, and likewise `cbor`,
//!   `msgpack`, `plist`, `wbxml`, `der`, `mime`, `jwt`, `data` (the content of a `data:` URL), `delimited` (of protobuf
//!   messages behind their lengths);
//! - *transforming* steps change the bytes: `chunked`, `frames`, `huffman`, `gzip`, `zlib`, `deflate`, `brotli`, `zstd`, `lz4`, `lz4-block`,
//!   `percent`, `quoted-printable`, `hex`, `base32`, `base64`, `utf-16le`, `utf-16be`, `xor`, `aes-128-cbc`, which may carry
//!   details in parentheses (`base64 (lines of 76)`, `xor (key 5a)`).
//!
//! As long as only selecting steps were taken, a leaf's range in the stream is exact; from the first transforming
//! step on it is that of the value which that step transformed. [`explain`] relies on it.

mod base32;
mod base64;
mod cbor;
mod chosen;
mod compress;
mod data_url;
mod der;
mod disguise;
mod embedded;
mod explain;
mod form;
mod grpc;
mod header;
mod hex;
mod json;
mod jwt;
mod labels;
mod mark;
mod mime;
mod msgpack;
mod multipart;
mod numbers;
mod part;
mod percent;
mod plist;
mod protobuf;
mod quoted;
mod schema;
mod sniff;
mod syncml;
mod target;
mod text;
mod transfer;
mod tree;
mod utf16;
mod walk;
mod wbxml;
mod xml;

use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ops::Range;
use std::rc::Rc;

use smol_str::SmolStr;

use numbers::Numbers;
use transfer::Transfer;

use disguise::Sealed;
pub use disguise::{Cribs, Holds};
pub use explain::{ExplainedStep, explain, explain_step};
pub(crate) use hex::digit as hex_digit;
pub(crate) use mark::word;
pub use part::{Part, Wanted, everything};

/// What a walk may cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Transforming steps and containers inside each other.
    pub depth: u8,
    /// Bytes that decoding may yield in all.
    pub bytes: usize,
    /// How many times its input a decompression may yield.
    pub ratio: usize,
    /// Leaves and containers in all.
    pub steps: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { depth: 8, bytes: 4 << 20, ratio: 256, steps: 100_000 }
    }
}

/// Bytes that are either the input's or the result of a decoding.
#[derive(Debug, Clone)]
enum Bytes<'a> {
    Input(&'a [u8]),
    /// Shared as it came: a slice of its own would copy it.
    Own(Rc<Vec<u8>>),
}

impl Bytes<'_> {
    fn get(&self) -> &[u8] {
        match self {
            Self::Input(bytes) => bytes,
            Self::Own(bytes) => bytes,
        }
    }
}

/// Where bytes stand in the stream.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Place {
    /// They are the stream's own; this is the offset of the first.
    Exact(u64),
    /// They were decoded from these.
    Within(Range<u64>),
}

impl Place {
    fn range(&self, part: &Range<usize>) -> Range<u64> {
        match self {
            Self::Exact(base) => base.saturating_add(part.start as u64)..base.saturating_add(part.end as u64),
            Self::Within(range) => range.clone(),
        }
    }
}

/// The content of a part: a piece of its container's bytes, or what became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Value {
    Slice(Range<usize>),
    /// The bytes, and the piece of the container they were made of.
    Own(Vec<u8>, Range<usize>),
}

impl Value {
    /// The piece of the container that it is, or was made of.
    fn range(&self) -> &Range<usize> {
        match self {
            Self::Slice(range) | Self::Own(_, range) => range,
        }
    }

    fn len(&self) -> usize {
        match self {
            Self::Slice(range) => range.len(),
            Self::Own(bytes, _) => bytes.len(),
        }
    }
}

/// A part of a container, as its parser yields it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Piece {
    /// Key path in the container: `device.imei`, `events[1].id`, `4.1.1`.
    path: SmolStr,
    /// What it is called, when a schema knows or its neighbours tell.
    key: Option<SmolStr>,
    value: Value,
    /// Number of the innermost object that holds it, counted within the container.
    object: u32,
    /// Added to the step: ` (varint)`.
    suffix: &'static str,
    /// Whether what was decoded from it takes its place.
    replaced: bool,
    /// How its container says that it is encoded.
    transfer: Option<Transfer>,
    /// Whether it may lie in another part: a value that stands in free text.
    overlaps: bool,
}

impl Piece {
    fn slice(path: impl Into<SmolStr>, range: Range<usize>, object: u32) -> Self {
        Self::new(path.into(), Value::Slice(range), object, "")
    }

    fn own(path: impl Into<SmolStr>, bytes: Vec<u8>, range: Range<usize>, object: u32) -> Self {
        Self::new(path.into(), Value::Own(bytes, range), object, "")
    }

    const fn new(path: SmolStr, value: Value, object: u32, suffix: &'static str) -> Self {
        Self { path, key: None, value, object, suffix, replaced: false, transfer: None, overlaps: false }
    }

    fn bytes<'a>(&'a self, container: &'a [u8]) -> &'a [u8] {
        match &self.value {
            Value::Slice(range) => container.get(range.clone()).unwrap_or_default(),
            Value::Own(bytes, _) => bytes,
        }
    }
}

/// Bytes reached by a chain of steps: what a container or a decoding yielded.
#[derive(Debug)]
struct Node<'a> {
    bytes: Bytes<'a>,
    place: Place,
    chain: u32,
    depth: u8,
    /// The word of its parts' steps when only the wanted ones are leaves.
    chosen: Option<&'static str>,
    /// Whether it was taken apart for its form alone, which ciphertext can have by chance.
    by_form: bool,
}

/// A value at the end of a chain.
#[derive(Debug)]
pub struct Leaf {
    /// Key path in its container (`device.imei`, `events[1].id`), or what a schema calls it; empty for text without a key.
    pub key: SmolStr,
    /// Leaves of the same object have the same number.
    pub object: u32,
    /// Whether a decoded form of it is among the leaves and takes its place.
    pub replaced: bool,
    node: u32,
    value: Value,
    chain: u32,
    /// The selecting step: its word (`json`), the path it selects, and a suffix. Empty word: the node itself.
    step: (&'static str, SmolStr, &'static str),
    /// How many leaves stand before it.
    index: usize,
}

impl Leaf {
    /// Last part of the key path without array indices: `imei` of `devices[0].imei[1]`.
    pub fn name(&self) -> &str {
        last_name(&self.key)
    }

    /// Whether it is an excerpt of a text that is a leaf as a whole.
    pub fn is_excerpt(&self) -> bool {
        self.step.0 == "text" || self.is_path_segment()
    }

    /// Whether it is a segment of a request's path.
    fn is_path_segment(&self) -> bool {
        self.step.0 == "http" && self.step.1.starts_with("path[")
    }

    /// The part of the key path before the last: `device` of `events[1].device.id`. Empty when there is none.
    pub fn parent(&self) -> &str {
        parent_name(&self.key)
    }
}

/// Longer paths lose their beginning, so that many leaves deep down cost little.
const MAX_PATH: usize = 256;

/// A path as its piece keeps it.
fn shorten(path: &str) -> SmolStr {
    if path.len() <= MAX_PATH {
        return SmolStr::new(path);
    }
    let from = path.ceil_char_boundary(path.len() - MAX_PATH);
    smol_str::format_smolstr!("…{}", &path[from..])
}

fn strip_index(mut key: &str) -> &str {
    while key.ends_with(']') {
        match key.rfind('[') {
            Some(at) if key[at + 1..key.len() - 1].bytes().all(|byte| byte.is_ascii_digit()) => {
                key = &key[..at]
            }
            _ => break,
        }
    }
    key
}

/// The last part of a key path, without array indices.
pub(crate) fn last_name(key: &str) -> &str {
    let key = strip_index(key);
    memchr::memrchr(b'.', key.as_bytes()).map_or(key, |dot| &key[dot + 1..])
}

/// The part of a key path before the last. Empty when there is none.
pub(crate) fn parent_name(key: &str) -> &str {
    let key = strip_index(key);
    memchr::memrchr(b'.', key.as_bytes()).map_or("", |dot| last_name(key.get(..dot).unwrap_or_default()))
}

#[derive(Debug)]
struct Step {
    parent: Option<u32>,
    label: Label,
}

/// What a step is called: put into words only when it is told.
#[derive(Debug)]
enum Label {
    Text(Cow<'static, str>),
    /// A selecting step's word, path, number among those of its path, and suffix.
    Part(&'static str, SmolStr, u32, &'static str),
}

impl From<Cow<'static, str>> for Label {
    fn from(text: Cow<'static, str>) -> Self {
        Self::Text(text)
    }
}

impl Label {
    fn text(&self) -> String {
        match self {
            Self::Text(text) => text.clone().into_owned(),
            Self::Part(word, path, number, suffix) => walk::step_text(word, path, *number, suffix),
        }
    }
}

/// All that decoding yielded.
#[derive(Debug, Default)]
pub struct Decoded<'a> {
    nodes: Vec<Node<'a>>,
    leaves: Vec<Leaf>,
    steps: Vec<Step>,
    objects: u32,
    /// Bytes that decoding yielded.
    spent: usize,
    stopped: Vec<&'static str>,
    /// What the outermost content is, outermost coding first: `base64`, `json`.
    formats: Vec<&'static str>,
    /// How often leaves' paths repeat, as far as it was asked for.
    numbers: RefCell<Numbers>,
    /// The same of nodes of which not all parts are leaves.
    chosen: RefCell<BTreeMap<u32, chosen::Numbers>>,
}

impl Decoded<'_> {
    /// Every leaf, containers before what was decoded from them.
    pub fn leaves(&self) -> &[Leaf] {
        &self.leaves
    }

    /// A leaf's bytes.
    pub fn bytes<'s>(&'s self, leaf: &'s Leaf) -> &'s [u8] {
        match &leaf.value {
            Value::Own(bytes, _) => bytes,
            Value::Slice(range) => self.node_bytes(leaf.node).get(range.clone()).unwrap_or_default(),
        }
    }

    /// Where a part of a leaf's bytes stands in the stream.
    pub fn range(&self, leaf: &Leaf, part: Range<usize>) -> Range<u64> {
        let Some(node) = self.nodes.get(leaf.node as usize) else { return 0..0 };
        match &leaf.value {
            Value::Own(_, range) => node.place.range(range),
            Value::Slice(range) => {
                let start = range.start.saturating_add(part.start).min(range.end);
                let end = range.start.saturating_add(part.end).min(range.end);
                node.place.range(&(start..end))
            }
        }
    }

    /// The steps that lead to a leaf. A repeated key's second value has `#2` behind its step.
    pub fn chain(&self, leaf: &Leaf) -> Vec<String> {
        let mut chain = self.chain_of(leaf.chain);
        let (word, path, suffix) = &leaf.step;
        if word.is_empty() {
            return chain;
        }
        chain.push(walk::step_text(word, path, self.number(leaf), suffix));
        chain
    }

    /// 1, or more for a path that stood in the leaf's container before.
    fn number(&self, leaf: &Leaf) -> u32 {
        if let Some(number) = self.number_chosen(leaf.node, &leaf.step.1, leaf.value.range().start) {
            return number;
        }
        let key = |index: usize| self.leaves.get(index).map(|leaf| (leaf.node, &leaf.step));
        self.numbers.borrow_mut().get(leaf.index, self.leaves.len(), key)
    }

    /// Bytes that are searched for known values as a whole: every node, which covers the leaves cut out of it.
    pub fn nodes(&self) -> impl Iterator<Item = (u32, &[u8])> {
        (0u32..).zip(self.nodes.iter().map(|node| node.bytes.get()))
    }

    /// The steps that lead to a part of a node's bytes, and where it stands in the stream.
    pub fn locate(&self, node: u32, part: &Range<usize>) -> (Vec<String>, Range<u64>) {
        let holds = |range: &Range<usize>| range.start <= part.start && part.end <= range.end;
        let inside = self.leaves.iter().filter(|leaf| leaf.node == node).find_map(|leaf| match &leaf.value {
            Value::Slice(range) if holds(range) => Some((leaf, range.start)),
            _ => None,
        });
        if let Some((leaf, start)) = inside {
            return (self.chain(leaf), self.range(leaf, part.start - start..part.end - start));
        }
        let Some(found) = self.nodes.get(node as usize) else { return (Vec::new(), 0..0) };
        let mut chain = self.chain_of(found.chain);
        chain.extend(self.step_to(node, found, part));
        (chain, found.place.range(part))
    }

    /// Whether a leaf has bytes of its own that no node holds.
    pub fn is_own(&self, leaf: &Leaf) -> bool {
        matches!(leaf.value, Value::Own(..))
    }

    /// Whether a leaf stands beside letters or digits that are none: lengths and tags of its container, which say where it
    /// begins and ends.
    pub fn is_behind_letters(&self, leaf: &Leaf) -> bool {
        let Value::Slice(range) = &leaf.value else { return false };
        if !matches!(leaf.step.0, "cbor" | "msgpack" | "plist" | "protobuf" | "delimited" | "der") {
            return false;
        }
        let bytes = self.node_bytes(leaf.node);
        let is_letter = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_alphanumeric);
        range.start.checked_sub(1).is_some_and(is_letter) || is_letter(range.end)
    }

    /// Why parts could not be decoded to the end.
    pub fn stopped(&self) -> &[&'static str] {
        &self.stopped
    }

    /// Bytes that decoding yielded.
    pub fn spent(&self) -> usize {
        self.spent
    }

    /// What the HTTP body turned out to be, outermost first: `["base64", "json"]`. Empty for plain text and the unknown.
    pub fn formats(&self) -> &[&'static str] {
        &self.formats
    }

    fn node_bytes(&self, node: u32) -> &[u8] {
        self.nodes.get(node as usize).map(|node| node.bytes.get()).unwrap_or_default()
    }

    fn chain_of(&self, mut index: u32) -> Vec<String> {
        let mut chain = Vec::new();
        while let Some(step) = self.steps.get(index as usize) {
            chain.push(step.label.text());
            match step.parent {
                Some(parent) => index = parent,
                None => break,
            }
        }
        chain.reverse();
        chain
    }

    fn stop(&mut self, why: &'static str) {
        if let Err(at) = self.stopped.binary_search(&why) {
            self.stopped.insert(at, why);
        }
    }
}

pub use labels::Labels;
pub use walk::{decode_bytes, decode_http, decode_made, decode_message, uncover};
