//! Hexadecimal digits, upper or lower case but not mixed.

/// Decodes an even number of hexadecimal digits of one case.
pub fn decode(text: &[u8]) -> Option<Vec<u8>> {
    if text.is_empty() || !text.len().is_multiple_of(2) {
        return None;
    }
    let mut classes = 0;
    for &byte in text {
        classes |= CLASS[usize::from(byte)];
        if classes & OTHER != 0 {
            return None;
        }
    }
    if classes & UPPER != 0 && classes & LOWER != 0 {
        return None;
    }
    text.chunks_exact(2).map(|pair| Some(digit(pair[0])? << 4 | digit(pair[1])?)).collect()
}

const UPPER: u8 = 1;
const LOWER: u8 = 2;
/// No hexadecimal digit.
const OTHER: u8 = 4;
const CLASS: [u8; 256] = classes();

const fn classes() -> [u8; 256] {
    let mut out = [OTHER; 256];
    let mut byte = 0;
    while byte < 256 {
        out[byte] = match byte as u8 {
            b'0'..=b'9' => 0,
            b'a'..=b'f' => LOWER,
            b'A'..=b'F' => UPPER,
            _ => OTHER,
        };
        byte += 1;
    }
    out
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
