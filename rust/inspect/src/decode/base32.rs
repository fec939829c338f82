//! Base32 (RFC 4648 section 6), upper or lower case, padded or not.

/// Decodes, if nothing else stands there, padding and white space around it apart.
pub fn decode(text: &[u8]) -> Option<Vec<u8>> {
    let text = text.trim_ascii();
    let length = text.len() - text.iter().rev().take_while(|byte| **byte == b'=').count();
    let (digits, padding) = text.split_at_checked(length)?;
    let padded = !padding.is_empty();
    // Of a last group 2, 4, 5 or 7 digits hold whole bytes.
    if matches!(digits.len() % 8, 1 | 3 | 6)
        || (padded && (!text.len().is_multiple_of(8) || padding.len() > 6))
    {
        return None;
    }
    let lower = digits.iter().any(u8::is_ascii_lowercase);
    let mut out = Vec::with_capacity(digits.len() * 5 / 8);
    let (mut bits, mut count) = (0u32, 0);
    for &byte in digits {
        bits = (bits << 5 | u32::from(digit(byte, lower)?)) & 0xfff;
        count += 5;
        if count >= 8 {
            count -= 8;
            out.push((bits >> count) as u8);
        }
    }
    Some(out)
}

fn digit(byte: u8, lower: bool) -> Option<u8> {
    match byte {
        b'a'..=b'z' if lower => Some(byte - b'a'),
        b'A'..=b'Z' if !lower => Some(byte - b'A'),
        b'2'..=b'7' => Some(byte - b'2' + 26),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decodes_with_and_without_padding() {
        // RFC 4648 section 10.
        for (text, bytes) in [
            ("MY======", &b"f"[..]),
            ("MZXQ====", b"fo"),
            ("MZXW6===", b"foo"),
            ("MZXW6YQ=", b"foob"),
            ("MZXW6YTB", b"fooba"),
            ("MZXW6YTBOI======", b"foobar"),
            ("MZXW6YTBOI", b"foobar"),
            ("mzxw6ytboi\n", b"foobar"),
        ] {
            assert_eq!(decode(text.as_bytes()).as_deref(), Some(bytes), "{text}");
        }
    }

    #[test]
    fn refuses_what_is_no_base32() {
        for text in ["MZXW6YTBO", "MZXW6===A", "MZxw6YTB", "MZXW1YTB", "MY=", "MY======="] {
            assert_eq!(decode(text.as_bytes()), None, "{text}");
        }
    }
}
