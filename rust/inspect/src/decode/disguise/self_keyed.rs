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
    is_form(&plain).then_some(plain)
}

/// Whether bytes are printable fields with a `&` between, each with a name: what is no such form can be printable by chance.
fn is_form(plain: &[u8]) -> bool {
    let named = |field: &[u8]| {
        let name = field.split(|byte| *byte == b'=').next().unwrap_or_default();
        let word = |byte: &u8| byte.is_ascii_alphanumeric() || b"_-.[]".contains(byte);
        name.len() < field.len() && !name.is_empty() && name.iter().all(word)
    };
    let mut fields = plain.split(|byte| *byte == b'&').filter(|field| !field.is_empty());
    plain.contains(&b'&') && plain.iter().all(|byte| (0x20..0x7f).contains(byte)) && fields.all(named)
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

    #[test]
    fn what_is_printable_by_chance_is_no_form() {
        // A brotli stream that stores a text as it is: its first byte can be the length of a key.
        assert_eq!(decode(b"\x03\x10\x80{\"X-3GPP-IMEI\":\"860833915751500\"}\x03"), None);
    }
}
