//! The container of a firmware updater (Adups, version 5): a form, XORed with a key that it brings along.
//!
//! The first byte tells the length of the padding (high nibble, 0 to 14) and of the key (low nibble, 3 to 14). Then come
//! the padding (8, then zeros), the key with each byte rotated left by 3, and the text XORed with the key over and over.

/// The text, if it is a form: `&k=v&k=v`.
pub fn decode(bytes: &[u8]) -> Option<Vec<u8>> {
    let (&first, rest) = bytes.split_first()?;
    let (padding, length) = (usize::from(first >> 4), usize::from(first & 15));
    if padding > 14 || !(3..=14).contains(&length) {
        return None;
    }
    let (padding, rest) = rest.split_at_checked(padding)?;
    let padded =
        padding.split_first().is_none_or(|(first, rest)| *first == 8 && rest.iter().all(|byte| *byte == 0));
    let (key, text) = rest.split_at_checked(length)?;
    if !padded || text.len() < 16 {
        return None;
    }
    let key = key.iter().map(|byte| byte.rotate_right(3)).cycle();
    let plain: Vec<u8> = text.iter().zip(key).map(|(byte, key)| byte ^ key).collect();
    let printable = plain.iter().all(|byte| (0x20..0x7f).contains(byte));
    (printable && plain.contains(&b'&') && plain.contains(&b'=')).then_some(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decodes_what_brings_its_key() {
        let (key, text) = (b"k3y", b"&imei1=001017001234569&mid=7&");
        for padding in [&[][..], &[8], &[8, 0, 0]] {
            let mut bytes = vec![(padding.len() as u8) << 4 | key.len() as u8];
            bytes.extend_from_slice(padding);
            bytes.extend(key.iter().map(|byte| byte.rotate_left(3)));
            bytes.extend(text.iter().zip(key.iter().cycle()).map(|(byte, key)| byte ^ key));
            assert_eq!(decode(&bytes).as_deref(), Some(text.as_slice()));
            bytes[0] ^= 1;
            assert_eq!(decode(&bytes), None);
        }
        assert_eq!(decode(b"\x03abc"), None);
    }
}
