//! `k=v&k=v`: query strings and forms (`application/x-www-form-urlencoded`, WHATWG URL).

use std::borrow::Cow;

use super::mark::find_any;
use super::part::{Part, Wanted};
use super::transfer::Transfer;
use super::{Piece, percent};

/// Whether it looks like `k=v`, at least once.
pub fn is_form(bytes: &[u8]) -> bool {
    let bytes = bytes.strip_prefix(b"&").unwrap_or(bytes).trim_ascii_end();
    let first = &bytes[..memchr::memchr(b'&', bytes).unwrap_or(bytes.len())];
    let Some(equals) = memchr::memchr(b'=', first) else {
        return false;
    };
    let (key, value) = (&first[..equals], &first[equals + 1..]);
    let is_key = |byte: &u8| byte.is_ascii_alphanumeric() || b"_.-[]%$:*~@".contains(byte);
    let clean = key.len() <= 80 && key.iter().all(is_key) && !key.is_empty();
    let alone = first.len() == bytes.len();
    // Base64 ends in `=`; so does a form whose only value is empty, which tells nothing.
    let telling = !alone || value.iter().any(|&byte| byte != b'=');
    clean && telling && memchr::memchr3(b'<', b'\n', 0, bytes).is_none()
}

/// The values with their keys, still encoded: those that are wanted, at most `limit`. All are of one object. A line end
/// behind the last is none of it.
pub fn pieces(bytes: &[u8], limit: usize, wanted: &mut Wanted<'_>) -> Vec<Piece> {
    let bytes = bytes.trim_ascii_end();
    let mut out = Vec::new();
    let mut start = 0;
    while start < bytes.len() && out.len() < limit {
        // A key ends at the first mark most often, and then nothing in it is encoded.
        let first = find_any(bytes, start, *b"=&%+");
        let encoded = matches!(bytes.get(first), Some(b'%' | b'+'));
        let mark = if encoded { find_any(bytes, first + 1, *b"=&") } else { first };
        let named = bytes.get(mark) == Some(&b'=');
        let end = if named { find_any(bytes, mark + 1, [b'&']) } else { mark };
        let (key, value) = if named { (start..mark, mark + 1..end) } else { (start..start, start..end) };
        let key = &bytes[key];
        if !value.is_empty() {
            let key = if encoded { Cow::Owned(percent::decode(key, true)) } else { Cow::Borrowed(key) };
            let part = Part {
                key: &key,
                above: b"",
                value: &bytes[value.clone()],
                range: value.clone(),
                made: false,
            };
            if wanted(&part) {
                let transfer = Some(Transfer::Form);
                out.push(Piece { transfer, ..Piece::slice(String::from_utf8_lossy(&key), value, 1) });
            }
        }
        start = end + 1;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::super::part::everything;
    use super::*;

    #[test]
    fn splits_keys_from_values() {
        let text = b"a=1&&b%5B0%5D=x%2By&c=&d&e=f=g";
        let found: Vec<_> = pieces(text, 10, &mut everything)
            .iter()
            .map(|it| (it.path.to_string(), it.bytes(text).to_vec()))
            .collect();
        let expected = [("a", "1"), ("b[0]", "x%2By"), ("", "d"), ("e", "f=g")];
        assert_eq!(found, expected.map(|(key, value)| (key.to_owned(), value.as_bytes().to_vec())));
    }

    #[test]
    fn a_line_end_is_no_part_of_a_value() {
        let found = pieces(b"a=1&b=2\r\n", 10, &mut everything);
        assert_eq!(found.last().map(|it| it.bytes(b"a=1&b=2\r\n")), Some(&b"2"[..]));
    }

    #[test]
    fn tells_a_form_from_text_and_base64() {
        for text in ["a=1", "a=1\r\n", "a=&b=2", "&device_type=phone&imei=1", "data=eyJ9=="] {
            assert!(is_form(text.as_bytes()), "{text}");
        }
        for text in ["", "=1", "eyJhIjoxfQ==", "a b=1", "<a href=1>", "x\n=1", "hello"] {
            assert!(!is_form(text.as_bytes()), "{text}");
        }
    }
}
