//! JSON (RFC 8259), read with tolerance: cut off, concatenated, with single quotes or bare words.

use std::borrow::Cow;
use std::ops::Range;

use smol_str::SmolStr;

use super::compress::Format;
use super::mark::find_any;
use super::part::{Part, Wanted};
use super::tree::push_index;
use super::{Piece, hex, shorten, text};

/// Containers inside each other beyond this are skipped over.
const MAX_DEPTH: usize = 64;
/// Longer keys are cut.
const MAX_KEY: usize = 128;
/// Fewer numbers are taken for numbers.
const FEWEST_OCTETS: usize = 12;

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
    let mut cursor = Cursor { bytes, at: 0 };
    let mut nest = Nest::default();
    let mut out = Vec::new();
    while out.len() < limit
        && let Some((start, token)) = cursor.next_token(&mut nest)
    {
        if nest.is_value(token)
            && let Some(piece) = nest.piece(start, token, wanted)
        {
            out.push(piece);
        }
    }
    out
}

/// The octets that an array of numbers stands for, as programs write byte arrays (`[123,34,-61]`): when a text comes of them, or
/// something compressed.
pub fn octets(array: &[u8]) -> Option<Vec<u8>> {
    let (octets, _) = read_octets(array)?;
    Some(octets)
}

/// The same, and where their array ends.
fn read_octets(array: &[u8]) -> Option<(Vec<u8>, usize)> {
    let (octets, end) = small_numbers(array)?;
    let telling = text::is_text(&octets) || Format::of(&octets).is_some();
    (octets.len() >= FEWEST_OCTETS && telling).then_some((octets, end))
}

/// Numbers that octets may be, signed or not, and where their array ends.
fn small_numbers(array: &[u8]) -> Option<(Vec<u8>, usize)> {
    let mut out = Vec::new();
    let mut at = 1;
    loop {
        let rest = array.get(at..)?;
        let length = rest.iter().take(8).position(|byte| matches!(byte, b',' | b']'))?;
        let number: i16 = std::str::from_utf8(rest.get(..length)?.trim_ascii()).ok()?.parse().ok()?;
        out.push(u8::try_from(number).or_else(|_| i8::try_from(number).map(i8::cast_unsigned)).ok()?);
        at += length + 1;
        if rest.get(length) == Some(&b']') {
            return Some((out, at));
        }
    }
}

/// Where the array of octets ends that begins at `at`.
#[cold]
fn octets_end(bytes: &[u8], at: usize) -> Option<usize> {
    let (_, length) = read_octets(bytes.get(at..)?)?;
    Some(at + length)
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
            // As JavaScript writes it, and JSON5.
            b'x' => match text.get(at..).and_then(hex::octet) {
                Some(byte) => {
                    out.push(byte);
                    at += 2;
                }
                None => out.push(b'x'),
            },
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
    written: Written,
}

/// How a value is written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Written {
    #[default]
    Plain,
    Escaped,
    /// As an array of [`octets`].
    Octets,
}

impl<'a> Token<'a> {
    fn get(self) -> Cow<'a, [u8]> {
        match self.written {
            Written::Plain => Cow::Borrowed(self.raw),
            Written::Escaped => Cow::Owned(unescape(self.raw)),
            Written::Octets => Cow::Owned(octets(self.raw).unwrap_or_default()),
        }
    }
}

/// A key as far as it is kept: all that an array holds is asked for by its key.
fn cut(key: &[u8]) -> &[u8] {
    // No character has more than four bytes; what has is no UTF-8.
    let is_boundary = |at: &usize| !matches!(key.get(*at), Some(0x80..=0xbf));
    let end = || (MAX_KEY - 3..=MAX_KEY).rev().find(is_boundary).unwrap_or(MAX_KEY);
    if key.len() <= MAX_KEY { key } else { key.get(..end()).unwrap_or_default() }
}

/// Where is read. Apart from what is open, so that it stays in registers.
struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Cursor<'a> {
    /// Reads to the next string or word; returns it and where it stands. `None` at the end.
    #[inline]
    fn next_token(&mut self, nest: &mut Nest<'a>) -> Option<(usize, Token<'a>)> {
        loop {
            let byte = *self.bytes.get(self.at)?;
            // Most tokens are strings.
            if byte == b'"' {
                return Some(self.string(b'"'));
            }
            match byte {
                b'\'' => return Some(self.string(b'\'')),
                b',' => nest.end_value(),
                b'{' => nest.begin(Kind::Object),
                b'[' => {
                    if let Some(octets) = self.octets() {
                        return Some(octets);
                    }
                    nest.begin(Kind::Array);
                }
                b'}' | b']' => nest.close(),
                b'/' if matches!(self.bytes.get(self.at + 1), Some(b'/' | b'*')) => {
                    self.at = comment_end(self.bytes, self.at);
                    continue;
                }
                byte if byte == b':' || byte.is_ascii_whitespace() => {}
                _ => match self.word() {
                    (_, Token { raw: b"true" | b"false" | b"null", .. }) if !nest.expects_key() => {
                        nest.skip_value();
                        continue;
                    }
                    word => return Some(word),
                },
            }
            self.at += 1;
        }
    }

    /// An array that octets are written as.
    #[inline]
    fn octets(&mut self) -> Option<(usize, Token<'a>)> {
        if !matches!(self.bytes.get(self.at + 1), Some(b'0'..=b'9' | b'-')) {
            return None;
        }
        let end = octets_end(self.bytes, self.at)?;
        let start = std::mem::replace(&mut self.at, end);
        Some((start, Token { raw: self.bytes.get(start..end)?, written: Written::Octets }))
    }

    #[inline]
    fn string(&mut self, quote: u8) -> (usize, Token<'a>) {
        let start = self.at + 1;
        let (end, escaped) = string_end(self.bytes, start, quote);
        self.at = end + 1;
        // Most have no space behind them.
        if self.bytes.get(self.at) == Some(&b':') {
            self.at += 1;
        }
        let written = if escaped { Written::Escaped } else { Written::Plain };
        (start, Token { raw: self.bytes.get(start..end).unwrap_or_default(), written })
    }

    #[inline]
    fn word(&mut self) -> (usize, Token<'a>) {
        let start = self.at;
        let rest = self.bytes.get(start..).unwrap_or_default();
        let inner = rest.iter().skip(1);
        let length = 1 + inner.take_while(|byte| !ENDS[usize::from(**byte)]).count();
        self.at = start + length;
        (start, Token { raw: rest.get(..length).unwrap_or_default(), written: Written::Plain })
    }
}

/// Where the comment ends that begins at `at`, as JSON5 allows it.
#[cold]
fn comment_end(bytes: &[u8], at: usize) -> usize {
    let rest = bytes.get(at..).unwrap_or_default();
    let length = match rest {
        [_, b'*', inner @ ..] => memchr::memmem::find(inner, b"*/").map(|at| at + 4),
        _ => memchr::memchr(b'\n', rest),
    };
    at + length.unwrap_or(rest.len())
}

/// What is open, and what is due in it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Kind {
    /// No container.
    #[default]
    Nothing,
    /// An object whose next key is due.
    Object,
    /// An object whose key was read: its value is due.
    Keyed,
    Array,
    /// A container inside of [`MAX_DEPTH`] others: none of its values is told.
    TooDeep,
}

/// An open container.
#[derive(Debug, Clone, Copy, Default)]
struct Open<'a> {
    kind: Kind,
    object: u32,
    /// How many values have begun.
    begun: usize,
    /// The last key as it is written; an array's elements are called as the array is.
    key: &'a [u8],
    /// The key of the object around.
    above: &'a [u8],
}

/// The containers around where is read.
#[derive(Default)]
struct Nest<'a> {
    /// The innermost, and those around it from the outermost.
    open: Open<'a>,
    around: Vec<Open<'a>>,
    objects: u32,
    /// Containers open inside of one that is [`Kind::TooDeep`].
    deeper: usize,
    /// Whether something in a key was escaped. Said once for all of them: a mark on each would be stored and read again in
    /// pieces of different sizes, for which the processor waits.
    escaped_keys: bool,
}

impl<'a> Nest<'a> {
    const fn expects_key(&self) -> bool {
        matches!(self.open.kind, Kind::Object)
    }

    /// Takes a string or word. Whether it is a value: else it is a key, or too deep.
    #[inline]
    fn is_value(&mut self, token: Token<'a>) -> bool {
        if self.expects_key() {
            self.open.kind = Kind::Keyed;
            self.open.key = cut(token.raw);
            self.escaped_keys |= token.written != Written::Plain;
            return false;
        }
        self.skip_value();
        self.open.kind != Kind::TooDeep
    }

    /// A value was read.
    #[inline]
    const fn skip_value(&mut self) {
        self.open.begun += 1;
    }

    /// A value ended: the next key of an object is due.
    #[inline]
    const fn end_value(&mut self) {
        if matches!(self.open.kind, Kind::Keyed) {
            self.open.kind = Kind::Object;
        }
    }

    fn begin(&mut self, kind: Kind) {
        if self.open.kind == Kind::TooDeep {
            self.deeper += 1;
            return;
        }
        let kind = if self.around.len() < MAX_DEPTH { kind } else { Kind::TooDeep };
        self.objects = self.objects.saturating_add(1);
        self.around.push(Open { begun: self.open.begun + 1, ..self.open });
        let (key, above) = match kind {
            Kind::Array => (self.open.key, self.open.above),
            _ => (&[][..], self.open.key),
        };
        self.open = Open { kind, object: self.objects, begun: 0, key, above };
    }

    fn close(&mut self) {
        if self.deeper > 0 {
            self.deeper -= 1;
            return;
        }
        self.open = self.around.pop().unwrap_or_default();
        self.end_value();
    }

    /// A key without its escapes.
    fn unescaped<'k>(&self, key: &'k [u8]) -> Cow<'k, [u8]> {
        let escaped = self.escaped_keys && key.contains(&b'\\');
        if escaped { Cow::Owned(unescape(key)) } else { Cow::Borrowed(key) }
    }

    /// The value that stands at `start`, if it is wanted.
    #[inline]
    fn piece(&self, start: usize, token: Token<'a>, wanted: &mut Wanted<'_>) -> Option<Piece> {
        let Open { key, above, object, .. } = &self.open;
        let range = start..start + token.raw.len();
        if token.written != Written::Plain || self.escaped_keys {
            return self.made_piece(range, token, wanted);
        }
        let part = Part { key, above, value: token.raw, range: range.clone(), made: false };
        wanted(&part).then(|| Piece::slice(self.path(), range, *object))
    }

    #[cold]
    fn made_piece(&self, range: Range<usize>, token: Token<'a>, wanted: &mut Wanted<'_>) -> Option<Piece> {
        let Open { key, above, object, .. } = self.open;
        let (key, above, value) = (self.unescaped(key), self.unescaped(above), token.get());
        let made = token.written != Written::Plain;
        let suffix = if token.written == Written::Octets { " (octets)" } else { "" };
        let part = Part { key: &key, above: &above, value: &value, range: range.clone(), made };
        wanted(&part).then(|| match value {
            Cow::Owned(value) => Piece { suffix, ..Piece::own(self.path(), value, range, object) },
            Cow::Borrowed(_) => Piece::slice(self.path(), range, object),
        })
    }

    /// The path to the value that was read last.
    fn path(&self) -> SmolStr {
        let mut path = String::new();
        for open in self.around.iter().chain([&self.open]) {
            match open.kind {
                Kind::Array => push_index(&mut path, open.begun.saturating_sub(1)),
                Kind::Keyed => {
                    if !path.is_empty() {
                        path.push('.');
                    }
                    let key = self.unescaped(open.key);
                    let key = String::from_utf8_lossy(&key);
                    path.push_str(&key[..key.floor_char_boundary(MAX_KEY)]);
                }
                Kind::Object | Kind::Nothing | Kind::TooDeep => {}
            }
        }
        shorten(&path)
    }
}

/// Where a string that began at `start` ends with `quote`, or the bytes do, and whether something in it is escaped.
#[inline]
fn string_end(bytes: &[u8], start: usize, quote: u8) -> (usize, bool) {
    match find_any(bytes, start, [quote, b'\\']) {
        end if bytes.get(end) == Some(&b'\\') => (escaped_string_end(bytes, end, quote), true),
        end => (end, false),
    }
}

/// The same of one with an escape at `at`.
fn escaped_string_end(bytes: &[u8], mut at: usize, quote: u8) -> usize {
    while bytes.get(at) == Some(&b'\\') {
        at = find_any(bytes, at + 2, [quote, b'\\']);
    }
    at
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
        assert_eq!(paths(r#"[true, null, 5, "false"]"#), ["[2]=5", "[3]=false"]);
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
    fn cuts_long_keys_for_all_that_is_asked_of_them() {
        let text = format!(r#"{{"{}": {{"a": ["x", {{"b": "y"}}]}}}}"#, "é".repeat(MAX_KEY));
        let cut = "é".repeat(MAX_KEY / 2);
        let mut asked = Vec::new();
        let pieces = pieces(text.as_bytes(), 10, &mut |part| {
            let of = |name: &[u8]| String::from_utf8_lossy(name).into_owned();
            asked.push((of(part.key), of(part.above)));
            true
        });
        assert_eq!(asked, [("a".to_owned(), cut.clone()), ("b".to_owned(), "a".to_owned())]);
        assert_eq!(pieces[0].path, format!("{cut}.a[0]"));
        let odd = format!(r#"{{"-{}": 1}}"#, "é".repeat(MAX_KEY));
        assert_eq!(paths(&odd), [format!("-{}=1", "é".repeat(MAX_KEY / 2 - 1))]);
        let no_text = [b"imei".as_slice(), &[0x80; MAX_KEY]].concat();
        assert_eq!(super::cut(&no_text), &no_text[..MAX_KEY]);
    }

    #[test]
    fn arrays_of_octets_are_read_as_these() {
        let list = |bytes: &[u8]| bytes.iter().map(u8::to_string).collect::<Vec<_>>().join(", ");
        let text = format!(r#"{{"a": [{}], "b": [1, 2], "c": 3}}"#, list(br#"{"imei": "1"}"#));
        let all = pieces(text.as_bytes(), 10, &mut everything);
        let told: Vec<_> =
            all.iter().map(|it| (it.path.as_str(), it.suffix, it.bytes(text.as_bytes()))).collect();
        let plain = |path, value| (path, "", value);
        assert_eq!(told[0], ("a", " (octets)", &br#"{"imei": "1"}"#[..]));
        assert_eq!(told[1..], [plain("b[0]", &b"1"[..]), plain("b[1]", b"2"), plain("c", b"3")]);
        assert_eq!(octets(b"[31,-117,8,0,0,0,0,0,0,0,3,1]").unwrap()[..3], [0x1f, 0x8b, 8]);
        let long = format!("[{}]", list(&[200; 20]));
        for text in
            ["[1,2,3]", "[]", "[65", "[65,66,67.5]", "[300,65,65,65,65,65,65,65,65,65,65,65,65]", &long]
        {
            assert_eq!(octets(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn unescapes_keys_and_leaves_the_others() {
        assert_eq!(paths(r#"{"a\tb": 1, "c": {"d\/e": [2], "f": 3}}"#), ["a\tb=1", "c.d/e[0]=2", "c.f=3"]);
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
