//! MAC addresses (IEEE 802-2014 section 8.2).

use crate::decode::hex_digit;

/// The canonical form of an address written with `:`, `-` or `.`, or, when `bare`, without: lower case with colons.
///
/// Group addresses, placeholders and Android's `02:00:00:00:00:00` are none.
pub fn mac(text: &[u8], bare: bool) -> Option<String> {
    let group = match text {
        [_, _, b':' | b'-', ..] if text.len() == 17 => 2,
        [_, _, _, _, b'.' | b'-', ..] if text.len() == 14 => 4,
        _ if bare && text.len() == 12 => 12,
        _ => return None,
    };
    let separator = text.get(group).copied();
    let mut nibbles = Vec::with_capacity(12);
    for (index, &byte) in text.iter().enumerate() {
        if index % (group + 1) == group {
            if Some(byte) != separator {
                return None;
            }
        } else {
            nibbles.push(hex_digit(byte)?);
        }
    }
    let octets: [u8; 6] = std::array::from_fn(|index| nibbles[2 * index] << 4 | nibbles[2 * index + 1]);
    (!is_placeholder(&octets)).then(|| octets.map(|octet| format!("{octet:02x}")).join(":"))
}

/// Whether all groups are decimal and none above 59, as in a time or a date.
pub fn is_time(text: &[u8]) -> bool {
    text.iter().all(|byte| byte.is_ascii_digit() || matches!(byte, b':' | b'-' | b'.'))
        && text
            .split(|byte| !byte.is_ascii_digit())
            .all(|group| group.first().is_none_or(|&tens| tens < b'6'))
}

fn is_placeholder(octets: &[u8; 6]) -> bool {
    let multicast = octets[0] & 1 == 1;
    let same = octets[1..].iter().all(|octet| *octet == octets[1]);
    let counting = octets.windows(2).all(|pair| pair[1].wrapping_sub(pair[0]) == 0x11);
    multicast || same || counting
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_every_notation() {
        for text in ["02:00:5e:10:00:fe", "02-00-5E-10-00-FE", "0200.5e10.00fe", "02005E1000FE"] {
            assert_eq!(mac(text.as_bytes(), true).as_deref(), Some("02:00:5e:10:00:fe"), "{text}");
        }
        assert_eq!(mac(b"02005e1000fe", false), None);
    }

    #[test]
    fn refuses_what_names_no_interface() {
        for text in [
            "ff:ff:ff:ff:ff:ff",
            "00:00:00:00:00:00",
            "02:00:00:00:00:00",
            "01:00:5e:00:00:01",
            "00:11:22:33:44:55",
            "02:00-5e:10:00:fe",
            "02:00:5e:10:00",
            "02:00:5e:10:00:fg",
        ] {
            assert_eq!(mac(text.as_bytes(), true), None, "{text}");
        }
    }
}
