//! Numbers of the phone itself: IMEI, IMEISV (3GPP TS 23.003 section 6) and MEID (3GPP2 S.R0048).

use super::digits::{all_digits, all_hex, is_dummy, is_epoch, luhn};

/// An IMEI: 15 digits with the right check digit.
pub fn imei(digits: &[u8]) -> bool {
    digits.len() == 15 && all_digits(digits) && luhn(digits) && !is_dummy(digits)
}

/// Whether the digits begin as type allocation codes do: with a reporting body's identifier.
pub fn has_allocated_prefix(digits: &[u8]) -> bool {
    matches!(
        digits,
        [b'0', b'0' | b'1', ..] | [b'3', b'5', ..] | [b'8', b'6', ..] | [b'9', b'1' | b'8' | b'9', ..]
    )
}

/// Whether they begin as nearly all codes in use do. What stands without a key must: a fifth of all numbers that the
/// wider check lets pass, and nearly all phones.
pub fn has_common_prefix(digits: &[u8]) -> bool {
    matches!(digits, [b'0', b'0', b'1', ..] | [b'0', b'1', ..] | [b'3', b'5', ..] | [b'8', b'6', ..])
}

/// An IMEI without its check digit, as a key says.
pub fn imei14(digits: &[u8]) -> bool {
    digits.len() == 14
        && all_digits(digits)
        && has_allocated_prefix(digits)
        && !is_dummy(digits)
        && !is_date(digits)
}

/// An IMEISV: it has no check digit, so the prefix must do.
pub fn imeisv(digits: &[u8]) -> bool {
    digits.len() == 16
        && all_digits(digits)
        && has_allocated_prefix(digits)
        && !is_dummy(digits)
        && !is_epoch(digits)
}

/// A MEID: 14 hexadecimal digits from A0, or 14 decimal digits from 99.
pub fn meid(text: &[u8]) -> bool {
    text.len() == 14 && all_hex(text) && meid_range(text) && !is_dummy(text)
}

/// Manufacturer codes begin with A0; 99 is for those that are IMEIs too.
fn meid_range(text: &[u8]) -> bool {
    matches!(text, [b'a'..=b'f' | b'A'..=b'F', ..]) || text.starts_with(b"99")
}

/// A MEID that needs no key: with the manufacturer codes' first digits in use, A0000.
pub fn meid_by_shape(text: &[u8]) -> bool {
    meid(text) && text[..5].eq_ignore_ascii_case(b"a0000") && !is_dummy(&text[5..])
}

/// The MEID that 18 decimal digits write (3GPP2 S.R0048 section 3): ten for its first eight digits, eight for the others.
pub fn meid_of_decimal(digits: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(digits).ok().filter(|_| digits.len() == 18 && all_digits(digits))?;
    let (first, last) = text.split_at_checked(10)?;
    let (first, last) = (first.parse::<u32>().ok()?, last.parse::<u32>().ok()?);
    let meid = format!("{first:08x}{last:06x}");
    (last < 1 << 24 && meid_range(meid.as_bytes())).then_some(meid)
}

/// An ESN (TIA-41): 8 hexadecimal digits, or 11 decimal ones, three for the manufacturer. Lower-case hexadecimal digits.
pub fn esn(text: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(text).ok().filter(|it| !is_dummy(it.as_bytes()))?;
    match text.len() {
        8 if all_hex(text.as_bytes()) && !is_date(text.as_bytes()) => Some(text.to_ascii_lowercase()),
        11 if all_digits(text.as_bytes()) => {
            let (maker, number) = text.split_at_checked(3)?;
            let (maker, number) = (maker.parse::<u8>().ok()?, number.parse::<u32>().ok()?);
            (number < 1 << 24).then(|| format!("{maker:02x}{number:06x}"))
        }
        _ => None,
    }
}

fn is_date(digits: &[u8]) -> bool {
    matches!(digits, [b'1', b'9', ..] | [b'2', b'0', ..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn validates() {
        assert!(imei(b"001017001234569") && imei(b"359091108778933"));
        assert!(!imei(b"001017001234560") && !imei(b"000000000000000"));
        assert!(imeisv(b"0010170012345607") && !imeisv(b"4111111111111111"));
        assert!(meid(b"99001234567890") && meid(b"A00005F53E9421") && meid(b"a1b2c3d4e5f607"));
        assert!(!meid(b"00000000000000") && !meid(b"12345678901234"));
        assert!(meid_by_shape(b"A00005F53E9421") && !meid_by_shape(b"a1b2c3d4e5f607"));
        assert_eq!(meid_of_decimal(b"268435456006245953").as_deref(), Some("a00000005f4e41"));
        assert_eq!(meid_of_decimal(b"268435456099999999"), None, "more than 24 bits");
        assert_eq!(meid_of_decimal(b"170000000000000000"), None);
        assert_eq!(esn(b"80A1B2C3").as_deref(), Some("80a1b2c3"));
        assert_eq!(esn(b"12810597059").as_deref(), Some("80a1b2c3"));
        assert!(esn(b"20190214").is_none() && esn(b"00000000").is_none() && esn(b"99999999999").is_none());
        assert!(imei14(b"35909110877893") && !imei14(b"20190214080001"));
    }
}
