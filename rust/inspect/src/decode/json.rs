//! JSON (RFC 8259), read with tolerance: cut off, concatenated, with single quotes or bare words.

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

/// Strings and numbers with their key paths, at most `limit`.
pub fn pieces(bytes: &[u8], limit: usize) -> Vec<Piece> {
    let mut parser = Parser { bytes, at: 0, path: String::new(), stack: Vec::new(), objects: 0, skipped: 0 };
    let mut out = Vec::with_capacity((bytes.len() / 32).min(limit));
    while out.len() < limit {
        match parser.next() {
            Some(Some(piece)) => out.push(piece),
            Some(None) => {}
            None => break,
        }
    }
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

/// An open container.
struct Open {
    /// Length of the path of the container itself.
    path: usize,
    object: u32,
    /// `Some(n)` in an array: the index of the next element.
    index: Option<usize>,
    /// In an object: whether a key was read and its value is due.
    keyed: bool,
}

struct Parser<'a> {
    bytes: &'a [u8],
    at: usize,
    path: String,
    stack: Vec<Open>,
    objects: u32,
    /// Containers open beyond [`MAX_DEPTH`].
    skipped: usize,
}

impl Parser<'_> {
    /// The next token's piece; `Some(None)` when it has none, `None` at the end.
    fn next(&mut self) -> Option<Option<Piece>> {
        let byte = *self.bytes.get(self.at)?;
        match byte {
            b'{' | b'[' => self.open(byte == b'['),
            b'}' | b']' => self.close(),
            b'"' | b'\'' => return Some(self.string(byte)),
            b',' => {
                self.at += 1;
                if self.skipped == 0 {
                    self.finish_value();
                }
            }
            b':' => self.at += 1,
            b'/' if matches!(self.bytes.get(self.at + 1), Some(b'/' | b'*')) => self.comment(),
            byte if byte.is_ascii_whitespace() => self.at += 1,
            _ => return Some(self.word()),
        }
        Some(None)
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
        self.stack.push(Open {
            path: self.path.len(),
            object: self.objects,
            index: array.then_some(0),
            keyed: false,
        });
    }

    fn close(&mut self) {
        self.at += 1;
        if self.skipped > 0 {
            self.skipped -= 1;
            return;
        }
        if let Some(open) = self.stack.pop() {
            self.path.truncate(open.path);
        }
        self.finish_value();
    }

    fn string(&mut self, quote: u8) -> Option<Piece> {
        let start = self.at + 1;
        let mut end = start;
        let mut escaped = false;
        loop {
            let rest = self.bytes.get(end..).unwrap_or_default();
            match memchr::memchr2(quote, b'\\', rest) {
                Some(at) if rest.get(at) == Some(&b'\\') => {
                    escaped = true;
                    end += at + 2;
                }
                Some(at) => {
                    end += at;
                    break;
                }
                None => {
                    end = self.bytes.len();
                    break;
                }
            }
        }
        let end = end.min(self.bytes.len());
        self.at = end + 1;
        self.token(start..end, escaped)
    }

    fn word(&mut self) -> Option<Piece> {
        let start = self.at;
        let is_end = |byte: &u8| byte.is_ascii_whitespace() || b",:]}[{\"'".contains(byte);
        let length = self.bytes[start..].iter().position(is_end).unwrap_or(self.bytes.len() - start);
        self.at = start + length.max(1);
        let word = &self.bytes[start..self.at];
        if matches!(word, b"true" | b"false" | b"null") && !self.expects_key() {
            return None;
        }
        self.token(start..self.at, false)
    }

    /// A string or word was read: the key that is due, or a value.
    fn token(&mut self, range: std::ops::Range<usize>, escaped: bool) -> Option<Piece> {
        if self.skipped > 0 {
            return None;
        }
        let raw = &self.bytes[range.clone()];
        if self.expects_key() {
            if escaped {
                self.push_key(&String::from_utf8_lossy(&unescape(raw)));
            } else {
                self.push_key(&String::from_utf8_lossy(raw));
            }
            return None;
        }
        self.begin_value();
        let object = self.stack.last().map_or(0, |open| open.object);
        let piece = if escaped {
            Piece::own(shorten(&self.path), unescape(raw), range, object)
        } else {
            Piece::slice(shorten(&self.path), range, object)
        };
        if let Some(open) = self.stack.last() {
            self.path.truncate(open.path);
        }
        Some(piece)
    }

    fn expects_key(&self) -> bool {
        self.stack.last().is_some_and(|open| open.index.is_none() && !open.keyed)
    }

    fn push_key(&mut self, key: &str) {
        let Some(open) = self.stack.last_mut() else { return };
        open.keyed = true;
        self.path.truncate(open.path);
        if !self.path.is_empty() {
            self.path.push('.');
        }
        let end = if key.len() > MAX_KEY { key.floor_char_boundary(MAX_KEY) } else { key.len() };
        self.path.push_str(key.get(..end).unwrap_or_default());
    }

    /// A value begins: in an array its index joins the path.
    fn begin_value(&mut self) {
        let Some(open) = self.stack.last_mut() else { return };
        if let Some(index) = &mut open.index {
            self.path.truncate(open.path);
            push_index(&mut self.path, *index);
            *index += 1;
        }
    }

    fn finish_value(&mut self) {
        if let Some(open) = self.stack.last_mut() {
            open.keyed = false;
            self.path.truncate(open.path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Vec<(String, String, u32)> {
        let show = |piece: &Piece| String::from_utf8_lossy(piece.bytes(text.as_bytes())).into_owned();
        pieces(text.as_bytes(), 100)
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
        assert!(pieces("[".repeat(100_000).as_bytes(), 10).is_empty());
        let deep = format!("{}1{},2]", "[".repeat(200), "]".repeat(199));
        assert_eq!(paths(&deep), ["[1]=2"]);
        for text in ["}}}]]]", "{\"", "{\"a\\", ":::,,,", "\\u12", "{\"a\":\"\\ud83d\\u\"}"] {
            pieces(text.as_bytes(), 10);
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
