//! Base64 (RFC 4648 sections 4 and 5, RFC 2045 section 6.8): either alphabet, padded or not, wrapped in any way.

use std::borrow::Cow;

use base64::alphabet;
use base64::engine::{DecodePaddingMode, Engine, GeneralPurpose, GeneralPurposeConfig};

/// What was decoded, and how it was written.
#[derive(Debug, PartialEq, Eq)]
pub struct Base64 {
    /// The bytes.
    pub bytes: Vec<u8>,
    /// `base64`, `base64 (url-safe)`, `base64 (lines of 76)`.
    pub step: Cow<'static, str>,
}

/// `+` or `/`.
const STANDARD: u8 = 1;
/// `-` or `_`.
const URL_SAFE: u8 = 2;
const PADDING: u8 = 4;
const SPACE: u8 = 8;
/// White space that breaks lines or indents them.
const BREAK: u8 = 16;
/// What base64 never has.
const OTHER: u8 = 32;

/// What a byte is; 0 for letters and decimal digits.
const CLASS: [u8; 256] = classes();

const fn classes() -> [u8; 256] {
    let mut out = [OTHER; 256];
    let mut byte = 0;
    while byte < 256 {
        out[byte] = match byte as u8 {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' => 0,
            b'+' | b'/' => STANDARD,
            b'-' | b'_' => URL_SAFE,
            b'=' => PADDING,
            b' ' => SPACE,
            b'\t' | b'\r' | b'\n' => BREAK,
            _ => OTHER,
        };
        byte += 1;
    }
    out
}

/// Whatever the last digits leave over.
const LENIENT: GeneralPurposeConfig = GeneralPurposeConfig::new()
    .with_decode_allow_trailing_bits(true)
    .with_decode_padding_mode(DecodePaddingMode::Indifferent);
static STANDARD_ENGINE: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, LENIENT);
static URL_SAFE_ENGINE: GeneralPurpose = GeneralPurpose::new(&alphabet::URL_SAFE, LENIENT);

const fn engine(url_safe: bool) -> &'static GeneralPurpose {
    if url_safe { &URL_SAFE_ENGINE } else { &STANDARD_ENGINE }
}

/// Whether a byte can stand in base64, padding and white space apart.
pub const fn is_digit(byte: u8) -> bool {
    CLASS[byte as usize] & !(STANDARD | URL_SAFE) == 0
}

/// The first three bytes, if the text begins with four digits.
pub fn first(text: &[u8]) -> Option<[u8; 3]> {
    let digits: &[u8; 4] = text.first_chunk()?;
    let class = digits.iter().fold(0, |class, &byte| class | CLASS[usize::from(byte)]);
    let mut out = [0; 3];
    (engine(class & URL_SAFE != 0).decode_slice_unchecked(digits, &mut out) == Ok(3)).then_some(out)
}

/// Decodes, if nothing else than base64 stands there and at least `min` bytes come of it.
///
/// A last quantum that was cut off yields the bytes it has. A space may stand for a `+` that a form decoded.
pub fn decode(text: &[u8], min: usize) -> Option<Base64> {
    /// What is no base64 shows that soon.
    const PIECE: usize = 64;
    if text.len() < min {
        return None;
    }
    // Most is of the standard alphabet and of one line, which the decoder tells by itself.
    if text.len() > PIECE
        && text[..PIECE].iter().all(|&byte| CLASS[usize::from(byte)] & !STANDARD == 0)
        && let Some(bytes) = decode_digits(text, false, min)
    {
        return Some(Base64 { bytes, step: Cow::Borrowed("base64") });
    }
    let mut class = 0;
    for piece in text.chunks(PIECE) {
        class = piece.iter().fold(class, |class, &byte| class | CLASS[usize::from(byte)]);
        if class & OTHER != 0 {
            return None;
        }
    }
    let url = class & URL_SAFE != 0;
    if url && class & STANDARD != 0 {
        return None;
    }
    let unwrapped =
        if class & (SPACE | BREAK) == 0 { Cow::Borrowed(text) } else { Cow::Owned(unwrap(text, class)?) };
    let bytes = decode_digits(&unwrapped, url, min)?;
    let lines = if class & BREAK == 0 { None } else { line_length(text) };
    let step = match lines {
        Some(length) => Cow::Owned(format!("base64 (lines of {length})")),
        None if url => Cow::Borrowed("base64 (url-safe)"),
        None => Cow::Borrowed("base64"),
    };
    Some(Base64 { bytes, step })
}

/// Takes white space out, or makes it what it was before a form decoded it.
fn unwrap(text: &[u8], class: u8) -> Option<Vec<u8>> {
    let count = |is: fn(u8) -> bool| text.iter().filter(|&&byte| is(byte)).count();
    let (digits, spaces, padding) = (count(is_digit), count(|byte| byte == b' '), count(|byte| byte == b'='));
    let was_plus = class & (BREAK | URL_SAFE) == 0 && (digits + spaces + padding).is_multiple_of(4);
    if !was_plus && spaces * 16 > digits {
        return None; // words, not lines
    }
    Some(if was_plus {
        text.iter().map(|&byte| if byte == b' ' { b'+' } else { byte }).collect()
    } else {
        text.iter().copied().filter(|byte| !byte.is_ascii_whitespace()).collect()
    })
}

fn decode_digits(text: &[u8], url: bool, min: usize) -> Option<Vec<u8>> {
    let padding = text.iter().rev().take_while(|&&byte| byte == b'=').count();
    let digits = text.get(..text.len() - padding)?;
    let alone = usize::from(digits.len() % 4 == 1);
    if padding > 2 || alone * padding > 0 || digits.len() * 3 / 4 < min {
        return None;
    }
    // A digit that is alone has too few bits for a byte.
    engine(url).decode(&digits[..digits.len() - alone]).ok()
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
