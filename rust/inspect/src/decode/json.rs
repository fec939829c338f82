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
    let mut parser =
        Parser { bytes, at: 0, open: Open::default(), around: Vec::new(), objects: 0, skipped: 0 };
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

/// A string or word as it is written, between its quotes.
#[derive(Debug, Clone, Copy, Default)]
struct Token<'a> {
    raw: &'a [u8],
    escaped: bool,
}

impl<'a> Token<'a> {
    fn get(self) -> Cow<'a, [u8]> {
        if self.escaped { Cow::Owned(unescape(self.raw)) } else { Cow::Borrowed(self.raw) }
    }
}

/// What is open.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Kind {
    /// No container.
    #[default]
    Nothing,
    Object,
    Array,
}

/// An open container.
#[derive(Debug, Clone, Copy, Default)]
struct Open<'a> {
    kind: Kind,
    object: u32,
    /// In an array: how many elements have begun.
    begun: usize,
    /// In an object: whether a key was read and its value is due.
    keyed: bool,
    /// The last key; an array's elements are called as the array is.
    key: Token<'a>,
    /// The key of the object around.
    above: Token<'a>,
}

impl Open<'_> {
    const fn expects_key(&self) -> bool {
        matches!(self.kind, Kind::Object) && !self.keyed
    }
}

struct Parser<'a> {
    bytes: &'a [u8],
    at: usize,
    /// The innermost container, and those around it from the outermost.
    open: Open<'a>,
    around: Vec<Open<'a>>,
    objects: u32,
    /// Containers open beyond [`MAX_DEPTH`].
    skipped: usize,
}

impl Parser<'_> {
    /// Reads the next token, and the colon or comma behind it; `false` at the end.
    fn step(&mut self, wanted: &mut Wanted<'_>, out: &mut Vec<Piece>) -> bool {
        let Some(&byte) = self.bytes.get(self.at) else { return false };
        match byte {
            b'"' | b'\'' => self.string(byte, wanted, out),
            b':' => self.at += 1,
            b',' => self.comma(),
            b'{' => self.begin(Kind::Object),
            b'[' => self.begin(Kind::Array),
            b'}' | b']' => self.close(),
            b'/' if matches!(self.bytes.get(self.at + 1), Some(b'/' | b'*')) => self.comment(),
            byte if byte.is_ascii_whitespace() => self.at += 1,
            _ => self.word(wanted, out),
        }
        match self.bytes.get(self.at) {
            Some(b':') => self.at += 1,
            Some(b',') => self.comma(),
            _ => {}
        }
        true
    }

    fn comma(&mut self) {
        self.at += 1;
        if self.skipped == 0 {
            self.open.keyed = false;
        }
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

    fn begin(&mut self, kind: Kind) {
        self.at += 1;
        if self.skipped > 0 || self.around.len() >= MAX_DEPTH {
            self.skipped += 1;
            return;
        }
        self.open.begun += 1;
        self.objects = self.objects.saturating_add(1);
        let around = self.open;
        self.around.push(around);
        let (key, above) = match kind {
            Kind::Array => (around.key, around.above),
            _ => (Token::default(), around.key),
        };
        self.open = Open { kind, object: self.objects, begun: 0, keyed: false, key, above };
    }

    fn close(&mut self) {
        self.at += 1;
        if self.skipped > 0 {
            self.skipped -= 1;
            return;
        }
        self.open = self.around.pop().unwrap_or_default();
        self.open.keyed = false;
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
        if word[0] > b'9' && matches!(word, b"true" | b"false" | b"null") && !self.open.expects_key() {
            return;
        }
        self.token(start..self.at, false, wanted, out);
    }

    /// A string or word was read: the key that is due, or a value.
    fn token(&mut self, range: Range<usize>, escaped: bool, wanted: &mut Wanted<'_>, out: &mut Vec<Piece>) {
        if self.skipped > 0 {
            return;
        }
        let token = Token { raw: self.bytes.get(range.clone()).unwrap_or_default(), escaped };
        let open = &mut self.open;
        if open.expects_key() {
            open.keyed = true;
            open.key = token;
            return;
        }
        open.begun += 1;
        if escaped || open.key.escaped || open.above.escaped {
            return self.escaped_value(token, range, wanted, out);
        }
        let (key, above) = (open.key.raw, open.above.raw);
        if wanted(&Part { key, above, value: token.raw, range: range.clone(), made: false }) {
            out.push(Piece::slice(self.path(), range, self.open.object));
        }
    }

    #[cold]
    fn escaped_value(
        &mut self,
        token: Token<'_>,
        range: Range<usize>,
        wanted: &mut Wanted<'_>,
        out: &mut Vec<Piece>,
    ) {
        let Open { key, above, object, .. } = self.open;
        let (key, above, value) = (key.get(), above.get(), token.get());
        let made = token.escaped;
        if wanted(&Part { key: &key, above: &above, value: &value, range: range.clone(), made }) {
            out.push(match value {
                Cow::Owned(value) => Piece::own(self.path(), value, range, object),
                Cow::Borrowed(_) => Piece::slice(self.path(), range, object),
            });
        }
    }

    /// The path to the value that begins.
    fn path(&self) -> SmolStr {
        let mut path = String::new();
        for open in self.around.iter().chain([&self.open]) {
            match open.kind {
                Kind::Array => push_index(&mut path, open.begun.saturating_sub(1)),
                Kind::Object if open.keyed => {
                    if !path.is_empty() {
                        path.push('.');
                    }
                    let key = open.key.get();
                    let key = String::from_utf8_lossy(&key);
                    path.push_str(&key[..key.floor_char_boundary(MAX_KEY)]);
                }
                Kind::Object | Kind::Nothing => {}
            }
        }
        shorten(&path)
    }
}

/// How long a string is that ends with `quote`, and whether something in it is escaped.
fn string_len(bytes: &[u8], quote: u8) -> (usize, bool) {
    let (mut at, mut escaped) = (0, false);
    loop {
        let rest = bytes.get(at..).unwrap_or_default();
        match find_mark(rest, quote) {
            Some(found) if rest.get(found) == Some(&b'\\') => {
                escaped = true;
                at += found + 2;
            }
            Some(found) => return (at + found, escaped),
            None => return (bytes.len(), escaped),
        }
    }
}

/// Where the quote or an escape stands first.
fn find_mark(bytes: &[u8], quote: u8) -> Option<usize> {
    // Most strings are shorter than what makes a search by vector worth its set-up.
    const WORDS: usize = 3;
    let mut at = 0;
    while at < WORDS * 8
        && let Some(word) = bytes.get(at..).and_then(<[u8]>::first_chunk)
    {
        let word = u64::from_le_bytes(*word);
        let marks = zeros(word ^ repeated(quote)) | zeros(word ^ repeated(b'\\'));
        if marks != 0 {
            return Some(at + marks.trailing_zeros() as usize / 8);
        }
        at += 8;
    }
    let rest = bytes.get(at..)?;
    memchr::memchr2(quote, b'\\', rest).map(|found| at + found)
}

const fn repeated(byte: u8) -> u64 {
    u64::from_ne_bytes([byte; 8])
}

/// The highest bit of the first byte that is zero, and perhaps of others behind it; 0 when there is none.
const fn zeros(word: u64) -> u64 {
    word.wrapping_sub(repeated(0x01)) & !word & repeated(0x80)
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
