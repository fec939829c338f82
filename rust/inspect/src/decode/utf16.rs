//! UTF-16 in either byte order (RFC 2781), with a byte order mark or known by the zeros in it.

/// Shorter texts are not told from other bytes.
const SHORTEST: usize = 8;
/// Bytes that are looked at to find the order out.
const PROBED: usize = 1024;

/// The text in UTF-8, and the step: `utf-16le` or `utf-16be`.
pub fn decode(bytes: &[u8]) -> Option<(&'static str, Vec<u8>)> {
    match bytes {
        [0xff, 0xfe, rest @ ..] if !rest.is_empty() => checked("utf-16le", rest, u16::from_le_bytes),
        [0xfe, 0xff, rest @ ..] if !rest.is_empty() => checked("utf-16be", rest, u16::from_be_bytes),
        // Of a text's first unit one half alone is zero, if that tells anything.
        [first, second, ..] if (*first == 0) == (*second == 0) => None,
        _ if bytes.len() < SHORTEST => None,
        // Of a Latin text one half of each unit is zero. A terminating zero may follow.
        _ if zeros(bytes, 1) => checked("utf-16le", bytes, u16::from_le_bytes),
        _ if zeros(bytes, 0) => checked("utf-16be", bytes, u16::from_be_bytes),
        _ => None,
    }
}

/// Whether every unit's byte number `half` is zero, at least in nine of ten, and no other byte is.
fn zeros(bytes: &[u8], half: usize) -> bool {
    let units = bytes.chunks_exact(2).take(PROBED / 2);
    let total = units.len();
    let (mut zero, mut other) = (0, 0);
    for (index, unit) in units.enumerate() {
        zero += usize::from(unit.get(half) == Some(&0));
        other += usize::from(unit.get(1 - half) == Some(&0) && index + 1 < total);
    }
    other == 0 && zero * 10 >= total * 9
}

fn checked(step: &'static str, bytes: &[u8], unit: fn([u8; 2]) -> u16) -> Option<(&'static str, Vec<u8>)> {
    let text = text(bytes.strip_suffix(&[0, 0]).unwrap_or(bytes), unit);
    super::text::is_text(&text).then_some((step, text))
}

/// Units to UTF-8. A last half of a unit is left out; what is no character becomes U+FFFD.
pub fn text(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> Vec<u8> {
    let units = bytes.as_chunks::<2>().0.iter().map(|pair| unit(*pair));
    let mut out = String::with_capacity(bytes.len() / 2);
    out.extend(char::decode_utf16(units).map(|it| it.unwrap_or(char::REPLACEMENT_CHARACTER)));
    out.into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn units(text: &str, order: fn(u16) -> [u8; 2]) -> Vec<u8> {
        text.encode_utf16().flat_map(order).collect()
    }

    #[test]
    fn tells_the_order_by_mark_or_zeros() {
        let text = "imei=001017001234569 é😀";
        for (step, order) in
            [("utf-16le", u16::to_le_bytes as fn(u16) -> [u8; 2]), ("utf-16be", u16::to_be_bytes)]
        {
            for mark in ["", "\u{feff}"] {
                let bytes = units(&format!("{mark}{text}"), order);
                assert_eq!(decode(&bytes), Some((step, text.as_bytes().to_vec())), "{mark:?}");
            }
            assert_eq!(decode(&units("imei\0", order)).map(|it| it.1), Some(b"imei".to_vec()));
        }
        let chinese = units("\u{feff}自注册", u16::to_le_bytes);
        assert_eq!(decode(&chinese).map(|it| it.1), Some("自注册".as_bytes().to_vec()));
    }

    #[test]
    fn other_bytes_are_left_alone() {
        for bytes in
            [&b"imei=001017001234569"[..], &[0; 32], b"\0\x01\0\x02\0\x03\0\x04", b"\xff\xfe", b"a\0b\0"]
        {
            assert_eq!(decode(bytes), None, "{bytes:x?}");
        }
    }
}
