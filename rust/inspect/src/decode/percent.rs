//! Percent-encoding (RFC 3986 section 2.1), with `+` for a space as forms write it.

use super::hex;
use super::mark::{self, WORD};

/// A search by vector is worth its set-up behind so many bytes.
const SHORT: usize = 16;

/// Whether a `%` with two hexadecimal digits stands somewhere.
pub fn is_encoded(text: &[u8]) -> bool {
    let is_escape = |at: usize| text.get(at + 1..).and_then(escaped).is_some();
    let (begin, rest) = text.split_at(text.len().min(SHORT));
    begin.iter().enumerate().any(|(at, &byte)| byte == b'%' && is_escape(at))
        || memchr::memchr_iter(b'%', rest).any(|at| is_escape(SHORT + at))
}

/// Decodes what is encoded and keeps the rest, broken escapes too, but for white space behind it. `plus`: a `+` is a space.
pub fn decode(text: &[u8], plus: bool) -> Vec<u8> {
    let mut out = Vec::new();
    let length = decode_to(&mut out, text.trim_ascii_end(), plus).len();
    out.truncate(length);
    out
}

/// As [`decode`], into a buffer that grows when it has to.
pub fn decode_to<'o>(out: &'o mut Vec<u8>, text: &[u8], plus: bool) -> &'o [u8] {
    // Whole words are written, of which what is behind counts for nothing.
    if out.len() < text.len() + WORD {
        out.resize(text.len() + WORD, 0);
    }
    // A space where a plus is none, which changes nothing.
    let blank = if plus { b'+' } else { b' ' };
    let (mut rest, mut length) = (text, 0);
    while !rest.is_empty() {
        let word = mark::word(rest);
        let Some(made) = out.get_mut(length..).and_then(<[u8]>::first_chunk_mut) else { break };
        *made = word.to_le_bytes();
        let plain = mark::first_of(word, [b'%', blank]).unwrap_or(WORD).min(rest.len());
        length += plain;
        rest = &rest[plain..];
        if plain == WORD {
            continue;
        }
        let Some((&byte, behind)) = rest.split_first() else { break };
        let escape = escaped(behind).filter(|_| byte == b'%');
        let (byte, behind) = escape.unwrap_or((if byte == blank { b' ' } else { byte }, behind));
        if let Some(made) = out.get_mut(length) {
            *made = byte;
        }
        (rest, length) = (behind, length + 1);
    }
    out.get(..length).unwrap_or_default()
}

/// The byte whose two hexadecimal digits stand first, and what is behind them.
fn escaped(text: &[u8]) -> Option<(u8, &[u8])> {
    Some((hex::octet(text)?, text.get(2..)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decodes_a_mark_wherever_it_stands() {
        for (before, behind) in (0..20).flat_map(|before| (0..20).map(move |behind| (before, behind))) {
            for (mark, plain) in [("%2B", "+"), ("+", " "), ("%", "%"), ("%%25", "%%")] {
                let around = |mark: &str| format!("{}{mark}{}", "x".repeat(before), "y".repeat(behind));
                assert_eq!(decode(around(mark).as_bytes(), true), around(plain).into_bytes());
            }
        }
    }

    #[test]
    fn decodes_and_keeps_what_is_broken() {
        assert_eq!(decode(b"%2B1555+x%3a%zz%4", true), b"+1555 x:%zz%4");
        assert_eq!(decode(b"a+b", false), b"a+b");
        assert_eq!(decode(b"%00%0A\r\n", true), b"\0\n");
        assert!(is_encoded(b"100%25"));
        assert!(!is_encoded(b"100% of %zz"));
    }
}
