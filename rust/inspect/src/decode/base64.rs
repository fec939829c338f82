//! Base64 (RFC 4648 sections 4 and 5, RFC 2045 section 6.8): either alphabet, padded or not, wrapped in any way.

use std::borrow::Cow;

/// What was decoded, and how it was written.
#[derive(Debug, PartialEq, Eq)]
pub struct Base64 {
    /// The bytes.
    pub bytes: Vec<u8>,
    /// `base64`, `base64 (url-safe)`, `base64 (lines of 76)`.
    pub step: Cow<'static, str>,
}

const INVALID: u8 = 0xff;
const SPACE: u8 = 0xfe;
const PAD: u8 = 0xfd;

const TABLE: [u8; 256] = table();

const fn table() -> [u8; 256] {
    let mut table = [INVALID; 256];
    let letters = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut i = 0;
    while i < 64 {
        table[letters[i] as usize] = i as u8;
        i += 1;
    }
    table[b'-' as usize] = 62;
    table[b'_' as usize] = 63;
    table[b'=' as usize] = PAD;
    table[b' ' as usize] = SPACE;
    table[b'\t' as usize] = SPACE;
    table[b'\r' as usize] = SPACE;
    table[b'\n' as usize] = SPACE;
    table
}

/// Whether a byte can stand in base64, padding and white space apart.
pub fn is_digit(byte: u8) -> bool {
    TABLE[usize::from(byte)] < 64
}

/// The first three bytes, if the text begins with four digits.
pub fn first(text: &[u8]) -> Option<[u8; 3]> {
    let digits: &[u8; 4] = text.first_chunk()?;
    let bits = digits.iter().try_fold(0u32, |bits, &byte| {
        is_digit(byte).then(|| bits << 6 | u32::from(TABLE[usize::from(byte)]))
    })?;
    let [_, bytes @ ..] = bits.to_be_bytes();
    Some(bytes)
}

/// Decodes, if nothing else than base64 stands there and at least `min` bytes come of it.
///
/// A last quantum that was cut off yields the bytes it has. A space may stand for a `+` that a form decoded.
pub fn decode(text: &[u8], min: usize) -> Option<Base64> {
    if text.len() < min {
        return None;
    }
    let (mut digits, mut spaces, mut breaks, mut url, mut std) = (0usize, 0usize, 0usize, false, false);
    let mut padding = 0usize;
    for &byte in text {
        match TABLE[usize::from(byte)] {
            INVALID => return None,
            PAD => padding += 1,
            SPACE if byte == b' ' => spaces += 1,
            SPACE => breaks += 1,
            _ if padding > 0 => return None,
            _ => {
                digits += 1;
                url |= matches!(byte, b'-' | b'_');
                std |= matches!(byte, b'+' | b'/');
            }
        }
    }
    if padding > 2 || (url && std) || digits % 4 == 1 && padding > 0 {
        return None;
    }
    let plus = spaces > 0 && breaks == 0 && !url && (digits + spaces + padding).is_multiple_of(4);
    let all = if plus { digits + spaces } else { digits };
    if all * 3 / 4 < min {
        return None;
    }
    if spaces > 0 && !plus && spaces * 16 > digits {
        return None; // words, not lines
    }
    let mut bytes = Vec::with_capacity(digits * 3 / 4 + 3);
    let (mut bits, mut count) = (0u32, 0u32);
    for &byte in text {
        let digit = match TABLE[usize::from(byte)] {
            SPACE if plus && byte == b' ' => 62,
            PAD | SPACE | INVALID => continue,
            digit => digit,
        };
        bits = (bits << 6 | u32::from(digit)) & 0xff_ffff;
        count += 1;
        if count == 4 {
            bytes.extend_from_slice(&bits.to_be_bytes()[1..]);
            (bits, count) = (0, 0);
        }
    }
    match count {
        2 => bytes.push((bits >> 4) as u8),
        3 => bytes.extend_from_slice(&((bits >> 2) as u16).to_be_bytes()),
        _ => {}
    }
    let step = match line_length(text) {
        Some(length) => Cow::Owned(format!("base64 (lines of {length})")),
        None if url => Cow::Borrowed("base64 (url-safe)"),
        None => Cow::Borrowed("base64"),
    };
    Some(Base64 { bytes, step })
}

fn line_length(text: &[u8]) -> Option<usize> {
    let start = text.iter().position(|&byte| is_digit(byte))?;
    let text = &text[start..];
    let end = text.iter().position(|&byte| matches!(byte, b'\r' | b'\n'))?;
    let more = text[end..].iter().any(|&byte| is_digit(byte));
    more.then_some(end)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(text: &str) -> Option<Vec<u8>> {
        decode(text.as_bytes(), 4).map(|it| it.bytes)
    }

    #[test]
    fn decodes_either_alphabet_padded_or_not() {
        // RFC 4648 section 10.
        assert_eq!(bytes("Zm9vYmFy"), Some(b"foobar".to_vec()));
        assert_eq!(bytes("Zm9vYmE="), Some(b"fooba".to_vec()));
        assert_eq!(bytes("Zm9vYg"), Some(b"foob".to_vec()));
        assert_eq!(bytes("-_-_Zm9v"), Some([0xfb, 0xff, 0xbf, b'f', b'o', b'o'].to_vec()));
        assert_eq!(bytes("+/+/Zm9v"), bytes("-_-_Zm9v"));
        assert_eq!(bytes("+/-_Zm9v"), None);
    }

    #[test]
    fn the_first_bytes_are_those_of_the_whole() {
        for text in ["Zm9vYmFy", "-_-_Zm9v", "+/+/Zm9v"] {
            assert_eq!(first(text.as_bytes()).map(Vec::from), bytes(text).map(|it| it[..3].to_vec()));
        }
        assert_eq!(first(b"Zm9"), None);
        assert_eq!(first(b"Zm 9"), None);
    }

    #[test]
    fn undoes_any_wrapping() {
        for wrapped in ["Zm9v\nYmFy\n", "Zm9v\r\nYmFy\r\n", "Zm9vY\nmFy"] {
            assert_eq!(bytes(wrapped), Some(b"foobar".to_vec()), "{wrapped:?}");
        }
        assert_eq!(decode(b"Zm9v\nYmFy\n", 4).map(|it| it.step), Some("base64 (lines of 4)".into()));
        assert_eq!(decode(b"Zm9vYmFy\n", 4).map(|it| it.step), Some("base64".into()));
    }

    #[test]
    fn takes_a_space_for_the_plus_a_form_made_of_it() {
        assert_eq!(bytes("  /+Zm9v".replace('+', " ").as_str()), bytes("++/+Zm9v"));
    }

    #[test]
    fn refuses_what_is_no_base64() {
        for text in ["Zm9v,YmFy", "Zm=9vYmFy", "Zm9v====", "Zm9", "hello there my good old friend"] {
            assert_eq!(bytes(text), None, "{text:?}");
        }
    }
}
