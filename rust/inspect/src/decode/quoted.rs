//! Quoted-printable (RFC 2045 section 6.7).

use super::hex::digit;

/// Whether every `=` is an escape or ends a soft line, and there are enough of them not to be a form's.
///
/// Encoders escape `=`, white space at the end of a line, and what is no printable ASCII: never a letter or digit.
pub fn is_encoded(text: &[u8]) -> bool {
    let mut marks = 0;
    let mut rest = text;
    while let Some(at) = memchr::memchr(b'=', rest) {
        let after = &rest[at + 1..];
        rest = match after {
            // A soft line end is followed by a line. Base64's padding is not.
            [b'\r', b'\n', rest @ ..] | [b'\n', rest @ ..] if !rest.trim_ascii().is_empty() => {
                marks += 2;
                rest
            }
            [high, low, rest @ ..] if escaped(*high, *low).is_some_and(is_escapable) => {
                marks += 1;
                rest
            }
            _ => return false,
        };
    }
    marks >= 2
}

/// Undoes escapes and soft line ends; broken escapes stay.
pub fn decode(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let [first, tail @ ..] = rest {
        rest = match (first, tail) {
            (b'=', [b'\r', b'\n', after @ ..] | [b'\n', after @ ..]) => after,
            (b'=', [high, low, after @ ..]) if let Some(byte) = escaped(*high, *low) => {
                out.push(byte);
                after
            }
            _ => {
                out.push(*first);
                tail
            }
        };
    }
    out
}

fn escaped(high: u8, low: u8) -> Option<u8> {
    let upper = !high.is_ascii_lowercase() && !low.is_ascii_lowercase();
    upper.then(|| Some(digit(high)? << 4 | digit(low)?)).flatten()
}

fn is_escapable(byte: u8) -> bool {
    matches!(byte, b'\t' | b'\n' | b'\r') || (byte >= b' ' && byte != 0x7f && !byte.is_ascii_alphanumeric())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn undoes_escapes_and_soft_lines() {
        let text = b"imei=3D00101701=\r\n7001234569 gr=C3=BC=C3=9Fe=20\r\n";
        assert!(is_encoded(text));
        assert_eq!(decode(text), "imei=001017017001234569 grüße \r\n".as_bytes());
        assert_eq!(decode(b"a=zz=4"), b"a=zz=4");
    }

    #[test]
    fn a_form_is_not_taken_for_it() {
        for text in ["a=1&b=2", "a=41&b=42", "id=3DC0FFEE", "a=", "x", "=3d=3d", "aW1laT0=\n", "aW1laT0=\r\n"]
        {
            assert!(!is_encoded(text.as_bytes()), "{text}");
        }
    }
}
