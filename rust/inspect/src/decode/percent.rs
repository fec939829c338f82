//! Percent-encoding (RFC 3986 section 2.1), with `+` for a space as forms write it.

use super::hex::digit;

/// A search by vector is worth its set-up behind so many bytes.
const SHORT: usize = 16;

/// Whether a `%` with two hexadecimal digits stands somewhere.
pub fn is_encoded(text: &[u8]) -> bool {
    let is_escape = |at: usize| escaped(text, at + 1).is_some();
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
    if out.len() < text.len() {
        out.resize(text.len(), 0);
    }
    let (mut at, mut length) = (0, 0);
    // As long as the text is what comes of it at most.
    while let (Some(&byte), Some(made)) = (text.get(at), out.get_mut(length)) {
        *made = if byte == b'+' && plus { b' ' } else { byte };
        at += 1;
        length += 1;
        if byte == b'%'
            && let Some(escaped) = escaped(text, at)
        {
            *made = escaped;
            at += 2;
        }
    }
    out.get(..length).unwrap_or_default()
}

/// The byte whose two hexadecimal digits stand at `at`.
fn escaped(text: &[u8], at: usize) -> Option<u8> {
    let &[high, low] = text.get(at..)?.first_chunk()?;
    Some(digit(high)? << 4 | digit(low)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decodes_and_keeps_what_is_broken() {
        assert_eq!(decode(b"%2B1555+x%3a%zz%4", true), b"+1555 x:%zz%4");
        assert_eq!(decode(b"a+b", false), b"a+b");
        assert_eq!(decode(b"%00%0A\r\n", true), b"\0\n");
        assert!(is_encoded(b"100%25"));
        assert!(!is_encoded(b"100% of %zz"));
    }
}
