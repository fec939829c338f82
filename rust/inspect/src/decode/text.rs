//! Plain text: what is text at all, and the values with a name that stand in it.

use std::sync::LazyLock;

use aho_corasick::{AhoCorasick, MatchKind};

use super::part::everything;
use super::{Piece, base64, form};

/// How base64 of JSON, base64 of gzip, and JSON begin.
static BEGINNINGS: LazyLock<Option<AhoCorasick>> = LazyLock::new(|| {
    AhoCorasick::builder().match_kind(MatchKind::LeftmostFirst).build(["eyJ", "H4sI", "{\""]).ok()
});

/// Bytes of text that are searched for named values.
const SEARCHED: usize = 64 << 10;

/// Longer values of a name in free text are cut.
const LONGEST_VALUE: usize = 8 << 10;
/// Longer lines are no value as a whole.
const LONGEST_LINE: usize = 128;

/// Whether bytes are text: UTF-8 (its end may be cut off) without control characters, mostly ASCII.
pub fn is_text(bytes: &[u8]) -> bool {
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) if error.error_len().is_none() && error.valid_up_to() > 0 => {
            std::str::from_utf8(&bytes[..error.valid_up_to()]).unwrap_or_default()
        }
        Err(_) => return false,
    };
    !text.is_empty() && !has_control(text.as_bytes())
}

/// Whether the beginning looks like text in some 8-bit character set. For content that says of itself that it is.
pub fn is_texty(bytes: &[u8]) -> bool {
    const BEGINNING: usize = 1024;
    !has_control(bytes.get(..BEGINNING).unwrap_or(bytes))
}

/// Whether the first bytes are text: those of a compressed one are none, even where all others are.
pub fn begins_as_text(bytes: &[u8]) -> bool {
    const FIRST: usize = 64;
    is_text(bytes.get(..FIRST).unwrap_or(bytes))
}

/// Whether something to read stands amid binary: a word or a text so long that noise has one in 20,000 places at most.
pub fn has_words(bytes: &[u8]) -> bool {
    let has = |readable: fn(&u8) -> bool, least: usize| {
        bytes.split(|byte| !readable(byte)).any(|run| run.len() >= least)
    };
    has(u8::is_ascii_alphanumeric, 8) || has(|byte| byte.is_ascii_graphic() || *byte == b' ', 10)
}

/// Whether a byte is a control character: by vector, piece by piece.
fn has_control(bytes: &[u8]) -> bool {
    bytes.chunks(256).any(|piece| piece.iter().fold(false, |any, &byte| any | is_control(byte)))
}

const fn is_control(byte: u8) -> bool {
    byte == 0x7f || (byte < 0x20 && !matches!(byte, b'\t' | b'\n' | b'\r' | 0x0c))
}

/// The query of a URL in the text (`…?k=v&…`), as [`form::pieces`].
pub fn query(bytes: &[u8], limit: usize) -> Vec<Piece> {
    let Some(mark) = memchr::memchr(b'?', &bytes[..bytes.len().min(SEARCHED)]) else {
        return Vec::new();
    };
    let start = mark + 1;
    let ends = |byte: &u8| byte.is_ascii_whitespace() || b"\"'<>#".contains(byte);
    let end = start + bytes[start..].iter().position(ends).unwrap_or(bytes.len() - start);
    let query = &bytes[start..end];
    if !form::is_form(query) {
        return Vec::new();
    }
    let mut pieces = form::pieces(query, limit, &mut everything);
    for piece in &mut pieces {
        if let super::Value::Slice(range) = &mut piece.value {
            *range = start + range.start..start + range.end;
        }
    }
    pieces
}

/// All that a text without structure holds: [`tokens`] and named values.
pub fn pieces(bytes: &[u8]) -> Vec<Piece> {
    let mut out = tokens(bytes);
    if is_texty(bytes) {
        out.extend(pairs(bytes, 1024));
    }
    out
}

/// What its beginning gives away amid text or binary: base64 of JSON or gzip (JWTs, log lines), and a JSON object (log
/// lines, CoAP payloads).
pub fn tokens(bytes: &[u8]) -> Vec<Piece> {
    let mut out = Vec::new();
    let Some(finder) = BEGINNINGS.as_ref() else { return out };
    let mut done = 0;
    for found in finder.find_iter(bytes) {
        let start = found.start();
        if start < done || out.len() >= 64 {
            continue;
        }
        let rest = &bytes[start..];
        let (path, length) = if rest[0] == b'{' {
            ("object", rest.iter().position(|&byte| is_control(byte)).unwrap_or(rest.len()))
        } else {
            ("token", rest.iter().position(|&byte| !base64::is_digit(byte)).unwrap_or(rest.len()))
        };
        done = start + length;
        if length >= 16 && length < bytes.len() {
            out.push(Piece::slice(path, start..done, 0));
        }
    }
    out
}

/// `name: value` and `name=value` in free text, where the name is one word.
pub fn pairs(bytes: &[u8], limit: usize) -> Vec<Piece> {
    let bytes = &bytes[..bytes.len().min(SEARCHED)];
    let mut out = Vec::new();
    for at in memchr::memchr2_iter(b':', b'=', bytes) {
        if out.len() >= limit {
            break;
        }
        let name_at = bytes[..at].trim_ascii_end();
        let name_at = name_at.strip_suffix(b"\"").unwrap_or(name_at);
        let is_name = |byte: &u8| byte.is_ascii_alphanumeric() || b"_-.".contains(byte);
        let length = name_at.iter().rev().take(41).take_while(|byte| is_name(byte)).count();
        if length == 0 || length > 40 || !name_at[name_at.len() - length].is_ascii_alphabetic() {
            continue;
        }
        let (start, end) = value_of(bytes, at, name_at.len() - length);
        if start < end {
            let name = String::from_utf8_lossy(&name_at[name_at.len() - length..]).into_owned();
            out.push(Piece { overlaps: true, ..Piece::slice(name, start..end, 0) });
        }
    }
    out
}

/// Where the value behind the mark at `at` stands: what is in quotes; the rest of the line of a name that begins it, when
/// nothing else in it has a name; else a word.
fn value_of(bytes: &[u8], at: usize, name: usize) -> (usize, usize) {
    let rest = &bytes[at + 1..];
    let spaces = rest.iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
    let skip = spaces + rest[spaces..].iter().take_while(|byte| b" \t\"'".contains(byte)).count();
    let start = at + 1 + skip;
    // Marks may follow each other closely, so what is looked at behind each is bounded.
    let rest_of_text = &bytes[start..];
    let value = &rest_of_text[..rest_of_text.len().min(LONGEST_VALUE)];
    let word = || value.iter().position(ends_word).unwrap_or(value.len());
    let quote = rest.get(spaces).copied().filter(|byte| matches!(byte, b'"' | b'\''));
    if let Some(quote) = quote {
        let quoted = memchr::memchr3(quote, b'\r', b'\n', value).filter(|at| value[*at] == quote);
        return (start, start + quoted.unwrap_or_else(word));
    }
    let before = bytes[..name].last();
    let begins_line = || before.is_none_or(|byte| *byte == b'\n');
    // The last line may have no end.
    let last = value.len() == rest_of_text.len();
    let alone = if bytes[at] == b':' && begins_line() { line_of_its_own(value, last) } else { None };
    (start, start + alone.unwrap_or_else(word))
}

const fn ends_word(byte: &u8) -> bool {
    byte.is_ascii_whitespace()
        || matches!(
            byte,
            b',' | b';' | b'&' | b'|' | b'"' | b'\'' | b'<' | b'>' | b'(' | b')' | b'{' | b'}' | b'[' | b']'
        )
}

/// The length of what stands in the rest of a line, if the line is short and nothing else in it has a name. `last`: the end of the
/// text ends it too.
fn line_of_its_own(value: &[u8], last: bool) -> Option<usize> {
    let short = &value[..value.len().min(LONGEST_LINE + 1)];
    let whole = (last && short.len() == value.len()).then_some(value.len());
    let end = short.iter().position(|byte| matches!(byte, b'\r' | b'\n')).or(whole)?;
    let line = &short[..end];
    (!line.iter().any(|byte| b":=\"<>{}[]".contains(byte))).then(|| line.trim_ascii_end().len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, pieces: Vec<Piece>) -> Vec<String> {
        let show = |it: &Piece| format!("{}={}", it.path, String::from_utf8_lossy(it.bytes(text.as_bytes())));
        pieces.iter().map(show).collect()
    }

    #[test]
    fn tells_text() {
        assert!(is_text("straße\r\n".as_bytes()));
        assert!(is_text(&"x€".as_bytes()[..3]));
        assert!(!is_text(b"a\0b") && !is_text(b"\xff\xfeab") && !is_text(b""));
    }

    #[test]
    fn tells_words_amid_binary() {
        assert!(has_words(b"\0\x01359091108778933\xff") && !has_words(b"\0\x01short\xffwords"));
        assert!(has_words(b"\x0828b77ea3\xff"));
    }

    #[test]
    fn finds_named_values() {
        let text = "device IMEI:123; X-Mac = \"02:00\" and\nserial: ABC";
        assert_eq!(read(text, pairs(text.as_bytes(), 9)), ["IMEI=123", "X-Mac=02:00", "serial=ABC"]);
        let text = "wifi: Haus am See\r\nat: 1, 2\nn=\"a b\" c='d e\nmac: x ip: y\n";
        let expected = ["wifi=Haus am See", "at=1, 2", "n=a b", "c=d", "mac=x", "ip=y"];
        assert_eq!(read(text, pairs(text.as_bytes(), 9)), expected);
        let text = "at: home\nwifi: Haus am See";
        assert_eq!(read(text, pairs(text.as_bytes(), 9)), ["at=home", "wifi=Haus am See"]);
        assert_eq!(read("wifi: Haus am See", pairs(b"wifi: Haus am See", 9)), ["wifi=Haus am See"]);
        let text = "GET http://h/p?a=1&b=2 now";
        assert_eq!(read(text, query(text.as_bytes(), 9)), ["a=1", "b=2"]);
        let text = "Bearer eyJhbGciOiJub25lIn0.eyJpbWVpIjoiMSJ9eyJh.sig";
        assert_eq!(
            read(text, tokens(text.as_bytes())),
            ["token=eyJhbGciOiJub25lIn0", "token=eyJpbWVpIjoiMSJ9eyJh"]
        );
        let text = "D/Reg: sent {\"imei\":\"123456\"} ok";
        assert_eq!(read(text, tokens(text.as_bytes())), ["object={\"imei\":\"123456\"} ok"]);
    }
}
