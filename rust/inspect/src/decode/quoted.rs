//! Quoted-printable (RFC 2045 section 6.7).

use super::hex::digit;

/// Whether every `=` is an escape or ends a soft line, there are enough of them not to be a form's, and an encoder's hand
/// shows in one: values in a log can begin as escapes do (`serial=3A59`, `ref=40`).
///
/// Encoders escape `=`, white space at the end of a line, and what is no printable ASCII; few escape marks, and none a letter
/// or digit. Who escapes a mark that every mail system lets through escapes all.
pub fn is_encoded(text: &[u8]) -> bool {
    let (mut marks, mut shown, mut thorough) = (0, false, false);
    let mut rest = text;
    while let Some(at) = memchr::memchr(b'=', rest) {
        let after = &rest[at + 1..];
        shown |= shows_encoder(after);
        rest = match after {
            // A soft line end is followed by a line. Base64's padding is not.
            [b'\r', b'\n', rest @ ..] | [b'\n', rest @ ..] if !rest.trim_ascii().is_empty() => {
                marks += 2;
                rest
            }
            [high, low, rest @ ..] if escaped(*high, *low).is_some_and(is_escapable) => {
                marks += 1;
                thorough |= escaped(*high, *low).is_some_and(is_safe);
                rest
            }
            _ => return false,
        };
    }
    marks >= 2 && shown && !(thorough && text.iter().copied().any(is_safe))
}

/// Whether what is behind a `=` is what encoders write because they must.
fn shows_encoder(after: &[u8]) -> bool {
    match after {
        [b'3', b'D', ..] | [b'0' | b'8' | b'9' | b'A'..=b'F', ..] | [b'\r' | b'\n', ..] => true,
        [b'2', b'0', rest @ ..] => matches!(rest, [] | [b'\r' | b'\n', ..]),
        _ => false,
    }
}

/// The same of what can be a form: each of its `=` must be an escaped one, or end a line that goes on.
pub fn is_encoded_form(text: &[u8]) -> bool {
    is_encoded(text)
        && memchr::memchr_iter(b'=', text)
            .all(|at| matches!(&text[at + 1..], [b'3', b'D', ..] | [b'\r' | b'\n', ..]))
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

/// Whether it is a mark that need not be escaped, not even for systems of EBCDIC or lines of a mail's end (section 6.7).
const fn is_safe(byte: u8) -> bool {
    matches!(byte, b'%'..=b'-' | b'/' | b':'..=b'<' | b'>' | b'?' | b'_')
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
    fn text_is_encoded_when_an_encoder_shows() {
        for text in [
            "<a b=3D\"1\" c=3D\"2\"/>",
            "{\"imei\":\"0010170=\n01\"}",
            "a=20\r\nb=40",
            "{\"n\":\"Jos=C3=A9\"}",
        ] {
            assert!(is_encoded(text.as_bytes()), "{text}");
        }
        for text in [
            "<a b=\"1\"/>",
            "{\"q\":\"a=20&b=20\"}",
            "{\"imei\":\"86\"}",
            "begin serial=3A59X785WUK, req=25b3; done",
            "begin req=404a29, ro.serialno=26c3f172; done",
            "begin req=29645c, idfa=3D1C2C16-95D8-44DE-AB92-C9D71568AB4B; done",
        ] {
            assert!(!is_encoded(text.as_bytes()), "{text}");
        }
        assert!(is_encoded_form(b"a=3D1&b=3D2&c=3D=\r\n3") && !is_encoded_form(b"a=3D1&b=20"));
    }

    #[test]
    fn a_form_is_not_taken_for_it() {
        for text in ["a=1&b=2", "a=41&b=42", "id=3DC0FFEE", "a=", "x", "=3d=3d", "aW1laT0=\n", "aW1laT0=\r\n"]
        {
            assert!(!is_encoded(text.as_bytes()), "{text}");
        }
    }
}
