//! Hexadecimal digits, upper or lower case but not mixed.

/// What stands between octets, where something does. Fewer of those are a MAC address.
const SEPARATORS: &[u8] = b" :-,";
const FEWEST_SEPARATED: usize = 7;

/// Decodes an even number of hexadecimal digits of one case, perhaps behind `0x`; octets may be separated.
pub fn decode(text: &[u8]) -> Option<Vec<u8>> {
    if is_separated(text) {
        let octets = text.trim_ascii().chunks(3).filter_map(<[u8]>::first_chunk);
        return joined(&octets.copied().collect::<Vec<[u8; 2]>>().concat());
    }
    joined(text.strip_prefix(b"0x").unwrap_or(text))
}

/// Whether octets are written with the same separator between all of them; white space may be around.
pub fn is_separated(text: &[u8]) -> bool {
    // Most are too short, and asked often.
    if text.len() < 3 * FEWEST_SEPARATED - 1 {
        return false;
    }
    let text = text.trim_ascii();
    if text.len() < 3 * FEWEST_SEPARATED - 1 || text.len() % 3 != 2 {
        return false;
    }
    let separator = text[2];
    SEPARATORS.contains(&separator)
        && text.chunks(3).all(|it| {
            it.iter().take(2).all(u8::is_ascii_hexdigit) && it.get(2).is_none_or(|&byte| byte == separator)
        })
}

/// The same without anything between the digits.
fn joined(text: &[u8]) -> Option<Vec<u8>> {
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
    text.chunks_exact(2).map(octet).collect()
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

/// The octet whose two digits stand first, of whichever case.
pub fn octet(text: &[u8]) -> Option<u8> {
    let &[high, low] = text.first_chunk()?;
    Some(digit(high)? << 4 | digit(low)?)
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
        assert_eq!(decode(b"0x00FF7F"), Some(vec![0, 255, 127]));
        assert_eq!(decode(b"00FF7"), None);
        assert_eq!(decode(b"00 F"), None);
        assert_eq!(decode(b""), None);
    }

    #[test]
    fn decodes_octets_that_are_set_apart() {
        for separator in [" ", ":", "-", ","] {
            let text = ["69", "3d", "33", "35", "39", "30", "39"].join(separator);
            assert_eq!(decode(text.as_bytes()).as_deref(), Some(&b"i=35909"[..]), "{text}");
            assert_eq!(decode(&text.as_bytes()[3..]), None, "as few as a MAC address may have");
        }
        assert_eq!(decode(b"69 3d:33 35 39 30 39"), None);
        assert_eq!(decode(b"69 3D 33 35 39 30 3d"), None);
        assert_eq!(decode(b"69 3d 33 35 39 30 39\r\n").as_deref(), Some(&b"i=35909"[..]));
    }
}
