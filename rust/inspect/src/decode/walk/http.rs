//! The parts of an HTTP message: target, header fields, cookies and body.

use std::borrow::Cow;
use std::ops::Range;
use std::rc::Rc;

use super::{Task, Walk, place_of};
use crate::decode::compress::{Format, inflate};
use crate::decode::{Bytes, Place, header, target, text};
use crate::protocol::{BodyCoding, HttpMessage};

impl<'a> Walk<'a, '_> {
    pub(super) fn target(&mut self, target: &'a str, range: &Range<u64>, huffman: bool) {
        let bytes = target.as_bytes();
        let (mut chain, mut place) = (self.step(None, Cow::Borrowed("http target")), place_of(bytes, range));
        // Of what stands there as it is, each step says itself where it begins.
        let (mut of_path, mut of_query) = ("http", "http query");
        if huffman {
            (chain, place) = self.undo_huffman(chain, range);
            (of_path, of_query) = ("target", "query");
        }
        let node = self.node(Bytes::Input(bytes), place, chain, 0);
        self.out.objects += 1;
        self.parts(node, of_path, target::path(bytes));
        self.parts(node, of_query, target::query(bytes, self.limits.steps));
    }

    pub(super) fn headers(&mut self, message: &'a HttpMessage) {
        self.out.objects += 1;
        let object = self.out.objects;
        // HPACK names a long entry of its table with one byte: what did not come with the message counts as decoded.
        let came =
            usize::try_from(message.range.end.saturating_sub(message.range.start)).unwrap_or(usize::MAX);
        let room = came.saturating_add(self.room());
        let mut told = 0usize;
        for field in &message.headers {
            let bytes = field.value.as_bytes();
            if told + bytes.len() > room {
                self.out.stop("bytes");
                break;
            }
            told += bytes.len();
            let mut place = place_of(bytes, &field.range);
            // A line without a name is no header, but it was sent.
            let step = match field.name.as_str() {
                "" => Cow::Borrowed("http line"),
                name => Cow::Owned(format!("http header {name}")),
            };
            let mut chain = self.step(None, step);
            if field.huffman {
                (chain, place) = self.undo_huffman(chain, &field.range);
            }
            let node = self.node(Bytes::Input(bytes), place, chain, 1);
            let is = |name: &str| field.name.eq_ignore_ascii_case(name);
            if is("cookie") || is("set-cookie") {
                let pieces = header::cookies(bytes, self.limits.steps);
                self.parts(node, "cookie", pieces);
            } else if is("authorization") || is("proxy-authorization") {
                self.parts(node, "credentials", header::credentials(bytes));
            } else {
                self.queue.push(Task::new(node, field.name.clone(), object, false));
            }
        }
        self.out.spent += told.saturating_sub(came);
    }

    /// What HPACK's string code does to a value's chain and place.
    fn undo_huffman(&mut self, chain: u32, range: &Range<u64>) -> (u32, Place) {
        (self.step(Some(chain), Cow::Borrowed("huffman")), Place::Within(range.clone()))
    }

    pub(super) fn body(&mut self, message: &'a HttpMessage) {
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
            bytes = Bytes::Own(Rc::new(plain));
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
}

/// The name of a content coding, as clients read it: whatever else stands there is left out.
fn coding_name(coding: &str) -> String {
    let name = coding.split(';').next().unwrap_or_default();
    name.chars()
        .filter(|it| it.is_ascii_alphanumeric() || *it == '-')
        .collect::<String>()
        .to_ascii_lowercase()
}
