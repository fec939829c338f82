//! Hexadecimal digits, upper or lower case but not mixed.

/// Decodes an even number of hexadecimal digits of one case.
pub fn decode(text: &[u8]) -> Option<Vec<u8>> {
    if text.is_empty() || !text.len().is_multiple_of(2) {
        return None;
    }
    let (mut upper, mut lower) = (false, false);
    let mut bytes = Vec::with_capacity(text.len() / 2);
    for pair in text.chunks_exact(2) {
        upper |= pair.iter().any(u8::is_ascii_uppercase);
        lower |= pair.iter().any(u8::is_ascii_lowercase);
        bytes.push(digit(pair[0])? << 4 | digit(pair[1])?);
    }
    (!(upper && lower)).then_some(bytes)
}

/// The value of a hexadecimal digit.
pub fn digit(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        b'A'..=b'F' => Some(byte - b'A' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decodes_one_case_and_refuses_odd_and_mixed() {
        assert_eq!(decode(b"00ff7F"), None);
        assert_eq!(decode(b"00ff7f"), Some(vec![0, 255, 127]));
        assert_eq!(decode(b"00FF7F"), Some(vec![0, 255, 127]));
        assert_eq!(decode(b"00FF7"), None);
        assert_eq!(decode(b"00 F"), None);
        assert_eq!(decode(b""), None);
    }
}
