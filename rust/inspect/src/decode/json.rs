//! JSON (RFC 8259), read with tolerance: cut off, concatenated, with single quotes or bare words.

use std::borrow::Cow;
use std::ops::Range;

use smol_str::SmolStr;

use super::part::{Part, Wanted};
use super::tree::push_index;
use super::{Piece, hex, shorten};

/// Containers inside each other beyond this are skipped over.
const MAX_DEPTH: usize = 64;
/// Longer keys are cut.
const MAX_KEY: usize = 128;

/// Whether it begins as JSON does. A lone string or number is not taken for JSON.
pub fn is_json(bytes: &[u8]) -> bool {
    let rest = skip_preamble(bytes);
    let next = rest.get(1..).unwrap_or_default().iter().find(|byte| !byte.is_ascii_whitespace());
    match (rest.first(), next) {
        (Some(b'{'), Some(next)) => matches!(next, b'"' | b'\'' | b'}' | b'_') || next.is_ascii_alphabetic(),
        (Some(b'['), Some(next)) => {
            matches!(next, b'{' | b'[' | b'"' | b']' | b'-' | b't' | b'f' | b'n') || next.is_ascii_digit()
        }
        _ => false,
    }
}

/// Strings and numbers with their key paths: those that are wanted, at most `limit`.
pub fn pieces(bytes: &[u8], limit: usize, wanted: &mut Wanted<'_>) -> Vec<Piece> {
    let mut parser = Parser { bytes, at: 0, stack: Vec::new(), objects: 0, skipped: 0 };
    let mut out = Vec::new();
    while out.len() < limit && parser.step(wanted, &mut out) {}
    out
}

/// Undoes the escapes of a string (RFC 8259 section 7); broken ones stay.
pub fn unescape(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut at = 0;
    while let Some(&byte) = text.get(at) {
        at += 1;
        if byte != b'\\' {
            out.push(byte);
            continue;
        }
        let Some(&escaped) = text.get(at) else {
            out.push(b'\\');
            break;
        };
        at += 1;
        match escaped {
            b'n' => out.push(b'\n'),
            b't' => out.push(b'\t'),
            b'r' => out.push(b'\r'),
            b'b' => out.push(8),
            b'f' => out.push(12),
            b'u' => at = unescape_unicode(text, at, &mut out),
            other => out.push(other),
        }
    }
    out
}

fn unescape_unicode(text: &[u8], at: usize, out: &mut Vec<u8>) -> usize {
    let Some(first) = code_unit(text, at) else {
        out.extend_from_slice(b"\\u");
        return at;
    };
    let mut units = vec![first];
    let mut end = at + 4;
    if (0xd800..0xdc00).contains(&first)
        && text.get(end..end + 2) == Some(b"\\u")
        && let Some(second) = code_unit(text, end + 2)
    {
        units.push(second);
        end += 6;
    }
    out.extend_from_slice(String::from_utf16_lossy(&units).as_bytes());
    end
}

fn code_unit(text: &[u8], at: usize) -> Option<u16> {
    let digits = text.get(at..at + 4)?;
    digits.iter().try_fold(0u16, |unit, &byte| Some(unit << 4 | u16::from(hex::digit(byte)?)))
}

/// Skips white space, a byte order mark and the prefix against script inclusion (`)]}'`).
fn skip_preamble(bytes: &[u8]) -> &[u8] {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes).trim_ascii_start();
    bytes.strip_prefix(b")]}'").unwrap_or(bytes).trim_ascii_start()
}

/// What ends a word: white space and what JSON is built of.
const ENDS: [bool; 256] = ends();

const fn ends() -> [bool; 256] {
    let mut table = [false; 256];
    let bytes = b" \t\n\r\x0c,:]}[{\"'";
    let mut at = 0;
    while at < bytes.len() {
        table[bytes[at] as usize] = true;
        at += 1;
    }
    table
}

/// A key as it is written, between its quotes.
#[derive(Debug, Clone, Default)]
struct Key {
    range: Range<usize>,
    escaped: bool,
}

impl Key {
    fn get<'a>(&self, bytes: &'a [u8]) -> Cow<'a, [u8]> {
        let raw = bytes.get(self.range.clone()).unwrap_or_default();
        if self.escaped { Cow::Owned(unescape(raw)) } else { Cow::Borrowed(raw) }
    }
}

/// An open container.
struct Open {
    object: u32,
    /// `Some(n)` in an array: how many elements have begun.
    index: Option<usize>,
    /// In an object: whether a key was read and its value is due.
    keyed: bool,
    /// The last key; an array's elements are called as the array is.
    key: Key,
    /// The key of the object around.
    above: Key,
}

struct Parser<'a> {
    bytes: &'a [u8],
    at: usize,
    stack: Vec<Open>,
    objects: u32,
    /// Containers open beyond [`MAX_DEPTH`].
    skipped: usize,
}

impl Parser<'_> {
    /// Reads the next token; `false` at the end.
    fn step(&mut self, wanted: &mut Wanted<'_>, out: &mut Vec<Piece>) -> bool {
        // Between tokens most often stands one colon or comma.
        if self.bytes.get(self.at) == Some(&b':') {
            self.at += 1;
        } else if self.bytes.get(self.at) == Some(&b',') {
            self.at += 1;
            if self.skipped == 0 {
                self.finish_value();
            }
        }
        let Some(&byte) = self.bytes.get(self.at) else { return false };
        match byte {
            b'"' | b'\'' => self.string(byte, wanted, out),
            b':' => self.at += 1,
            b',' => {
                self.at += 1;
                if self.skipped == 0 {
                    self.finish_value();
                }
            }
            b'{' | b'[' => self.open(byte == b'['),
            b'}' | b']' => self.close(),
            b'/' if matches!(self.bytes.get(self.at + 1), Some(b'/' | b'*')) => self.comment(),
            byte if byte.is_ascii_whitespace() => self.at += 1,
            _ => self.word(wanted, out),
        }
        true
    }

    /// Skips a comment, as JSON5 allows it.
    fn comment(&mut self) {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let length = match rest {
            [_, b'*', inner @ ..] => memchr::memmem::find(inner, b"*/").map(|at| at + 4),
            _ => memchr::memchr(b'\n', rest),
        };
        self.at += length.unwrap_or(rest.len());
    }

    fn open(&mut self, array: bool) {
        self.at += 1;
        if self.skipped > 0 || self.stack.len() >= MAX_DEPTH {
            self.skipped += 1;
            return;
        }
        self.begin_value();
        self.objects = self.objects.saturating_add(1);
        let (mut key, mut above) = (Key::default(), Key::default());
        if let Some(around) = self.stack.last() {
            if array {
                (key, above) = (around.key.clone(), around.above.clone());
            } else {
                above = around.key.clone();
            }
        }
        self.stack.push(Open { object: self.objects, index: array.then_some(0), keyed: false, key, above });
    }

    fn close(&mut self) {
        self.at += 1;
        if self.skipped > 0 {
            self.skipped -= 1;
            return;
        }
        self.stack.pop();
        self.finish_value();
    }

    fn string(&mut self, quote: u8, wanted: &mut Wanted<'_>, out: &mut Vec<Piece>) {
        let start = self.at + 1;
        let (length, escaped) = string_len(self.bytes.get(start..).unwrap_or_default(), quote);
        let end = start + length;
        self.at = end + 1;
        self.token(start..end, escaped, wanted, out);
    }

    fn word(&mut self, wanted: &mut Wanted<'_>, out: &mut Vec<Piece>) {
        let start = self.at;
        let rest = &self.bytes[start..];
        let length = rest.iter().position(|byte| ENDS[usize::from(*byte)]).unwrap_or(rest.len());
        self.at = start + length.max(1);
        let word = &self.bytes[start..self.at];
        if matches!(word, b"true" | b"false" | b"null") && !self.expects_key() {
            return;
        }
        self.token(start..self.at, false, wanted, out);
    }

    /// A string or word was read: the key that is due, or a value.
    fn token(&mut self, range: Range<usize>, escaped: bool, wanted: &mut Wanted<'_>, out: &mut Vec<Piece>) {
        if self.skipped > 0 {
            return;
        }
        match self.stack.last_mut() {
            Some(open) if open.index.is_none() && !open.keyed => {
                open.keyed = true;
                open.key = Key { range, escaped };
                return;
            }
            Some(open) => open.index.iter_mut().for_each(|index| *index += 1),
            None => {}
        }
        let raw = &self.bytes[range.clone()];
        let value = if escaped { Cow::Owned(unescape(raw)) } else { Cow::Borrowed(raw) };
        let open = self.stack.last();
        let (key, above) = match open {
            Some(open) => (open.key.get(self.bytes), open.above.get(self.bytes)),
            None => (Cow::Borrowed(&b""[..]), Cow::Borrowed(&b""[..])),
        };
        let part = Part { key: &key, above: &above, value: &value, range: range.clone(), made: escaped };
        if wanted(&part) {
            let object = open.map_or(0, |open| open.object);
            out.push(match value {
                Cow::Owned(value) => Piece::own(self.path(), value, range, object),
                Cow::Borrowed(_) => Piece::slice(self.path(), range, object),
            });
        }
    }

    fn expects_key(&self) -> bool {
        self.stack.last().is_some_and(|open| open.index.is_none() && !open.keyed)
    }

    /// The path to the value that begins.
    fn path(&self) -> SmolStr {
        let mut path = String::new();
        for open in &self.stack {
            match open.index {
                Some(begun) => push_index(&mut path, begun.saturating_sub(1)),
                None if open.keyed => {
                    if !path.is_empty() {
                        path.push('.');
                    }
                    let key = open.key.get(self.bytes);
                    let key = String::from_utf8_lossy(&key);
                    path.push_str(&key[..key.floor_char_boundary(MAX_KEY)]);
                }
                None => {}
            }
        }
        shorten(&path)
    }

    /// A value begins: in an array the next element.
    fn begin_value(&mut self) {
        if let Some(Open { index: Some(index), .. }) = self.stack.last_mut() {
            *index += 1;
        }
    }

    fn finish_value(&mut self) {
        if let Some(open) = self.stack.last_mut() {
            open.keyed = false;
        }
    }
}

/// How long a string is that ends with `quote`, and whether something in it is escaped.
fn string_len(bytes: &[u8], quote: u8) -> (usize, bool) {
    // Most are shorter than what makes a search worth its set-up.
    const SHORT: usize = 16;
    let is_mark = |byte: &u8| *byte == quote || *byte == b'\\';
    let (mut at, mut escaped) = (0, false);
    loop {
        let rest = bytes.get(at..).unwrap_or_default();
        let found = rest.iter().take(SHORT).position(is_mark).or_else(|| {
            let long = memchr::memchr2(quote, b'\\', rest.get(SHORT..)?)?;
            Some(SHORT + long)
        });
        match found {
            Some(found) if rest.get(found) == Some(&b'\\') => {
                escaped = true;
                at += found + 2;
            }
            Some(found) => return (at + found, escaped),
            None => return (bytes.len(), escaped),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::part::everything;
    use super::*;

    fn read(text: &str) -> Vec<(String, String, u32)> {
        let show = |piece: &Piece| String::from_utf8_lossy(piece.bytes(text.as_bytes())).into_owned();
        pieces(text.as_bytes(), 100, &mut everything)
            .iter()
            .map(|piece| (piece.path.to_string(), show(piece), piece.object))
            .collect()
    }

    fn paths(text: &str) -> Vec<String> {
        read(text).into_iter().map(|(path, value, _)| format!("{path}={value}")).collect()
    }

    #[test]
    fn names_every_value_by_its_path() {
        let text = r#"{"a": {"b": [1, "x", {"c": -2.5e3}], "d": null}, "e": "\u00e9\"\n\ud83d\ude00"}"#;
        assert_eq!(paths(text), ["a.b[0]=1", "a.b[1]=x", "a.b[2].c=-2.5e3", "e=é\"\n😀"]);
        assert_eq!(paths(r#"[[1,2],[3]]"#), ["[0][0]=1", "[0][1]=2", "[1][0]=3"]);
    }

    #[test]
    fn groups_by_the_innermost_object() {
        let objects: Vec<_> = read(r#"{"a":1,"b":{"c":2,"d":3},"e":4}"#).into_iter().map(|it| it.2).collect();
        assert_eq!(objects, [1, 2, 2, 1]);
    }

    #[test]
    fn reads_what_came_of_cut_json_and_what_follows_the_first() {
        assert_eq!(paths(r#"{"imei":"123","mac":"02:0"#), ["imei=123", "mac=02:0"]);
        assert_eq!(paths("{\"a\":1}\n{\"a\":2}"), ["a=1", "a=2"]);
        assert_eq!(paths("{'a': 'b', c: d}"), ["a=b", "c=d"]);
        assert_eq!(paths("{// x\n a: 1, /* , b: 2 */ c: 'd',}"), ["a=1", "c=d"]);
    }

    #[test]
    fn survives_depth_and_nonsense() {
        assert!(pieces("[".repeat(100_000).as_bytes(), 10, &mut everything).is_empty());
        let deep = format!("{}1{},2]", "[".repeat(200), "]".repeat(199));
        assert_eq!(paths(&deep), ["[1]=2"]);
        for text in ["}}}]]]", "{\"", "{\"a\\", ":::,,,", "\\u12", "{\"a\":\"\\ud83d\\u\"}"] {
            pieces(text.as_bytes(), 10, &mut everything);
        }
    }

    #[test]
    fn tells_json_by_its_beginning() {
        for text in ["{\"a\":1}", " [1]", ")]}'\n[{}]", "{}", "{ a: 1}"] {
            assert!(is_json(text.as_bytes()), "{text}");
        }
        for text in ["hello", "\"x\"", "12", "[link](x)", "{{mustache}}", ""] {
            assert!(!is_json(text.as_bytes()), "{text}");
        }
    }
}
