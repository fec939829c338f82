//! Telephone numbers (ITU-T E.164).

use super::digits::{all_digits, is_dummy, is_epoch};

/// Two-digit country codes; 1 and 7 have one digit, the others three.
const TWO_DIGITS: &[u8] = &[
    20, 27, 30, 31, 32, 33, 34, 36, 39, 40, 41, 43, 44, 45, 46, 47, 48, 49, 51, 52, 53, 54, 55, 56, 57, 58,
    60, 61, 62, 63, 64, 65, 66, 81, 82, 84, 86, 90, 91, 92, 93, 94, 95, 98,
];

/// First two digits of three-digit country codes.
const THREE_DIGITS: &[u8] =
    &[21, 22, 23, 24, 25, 26, 29, 35, 37, 38, 42, 50, 59, 67, 68, 69, 80, 85, 87, 88, 96, 97, 99];

/// The length of the country code that digits begin with.
pub fn country_code(digits: &[u8]) -> Option<usize> {
    match digits {
        [b'1' | b'7', ..] => Some(1),
        [a @ b'0'..=b'9', b @ b'0'..=b'9', rest @ ..] => {
            let two = (a - b'0') * 10 + (b - b'0');
            if TWO_DIGITS.binary_search(&two).is_ok() {
                Some(2)
            } else {
                (THREE_DIGITS.binary_search(&two).is_ok() && !rest.is_empty()).then_some(3)
            }
        }
        _ => None,
    }
}

/// A telephone number that a key names, as `+` and digits; a national one, whose country nobody knows, as digits.
///
/// Spaces, hyphens, dots, slashes and parentheses in it do not matter.
pub fn msisdn(text: &[u8]) -> Option<String> {
    let text = text.trim_ascii();
    let text = text.strip_prefix(b"tel:").unwrap_or(text);
    let international = text.strip_prefix(b"+").or_else(|| text.strip_prefix(b"00"));
    let mut digits = international.unwrap_or(text).to_vec();
    digits.retain(|byte| !b" -./()".contains(byte));
    if !all_digits(&digits) || is_dummy(&digits) || text.len() > 24 {
        return None;
    }
    let number = String::from_utf8(digits).ok()?;
    if international.is_some() || is_international(number.as_bytes()) {
        return is_subscriber(number.as_bytes()).then(|| format!("+{number}"));
    }
    is_national(number.as_bytes()).then_some(number)
}

/// Whether the length fits the country.
fn is_subscriber(digits: &[u8]) -> bool {
    match digits {
        [b'1', ..] => digits.len() == 11 && matches!(digits[1], b'2'..=b'9'),
        [b'7', ..] => digits.len() == 11,
        [b'8', b'6', ..] => matches!(digits.len(), 12 | 13),
        _ => (9..=15).contains(&digits.len()) && country_code(digits).is_some(),
    }
}

/// Digits without a mark that can only be meant with their country code.
fn is_international(digits: &[u8]) -> bool {
    let chinese_mobile = digits.len() == 11 && matches!(digits, [b'1', b'3'..=b'9', ..]);
    (11..=13).contains(&digits.len()) && is_subscriber(digits) && !is_epoch(digits) && !chinese_mobile
}

/// With a trunk 0, ten digits of North America, or eleven of a mobile phone in China.
fn is_national(digits: &[u8]) -> bool {
    match digits {
        [b'0', b'1'..=b'9', ..] => (10..=12).contains(&digits.len()),
        [b'2'..=b'9', _, _, b'2'..=b'9', ..] => digits.len() == 10,
        [b'1', b'3'..=b'9', ..] => digits.len() == 11,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_usual_forms() {
        for text in ["+15550100123", "15550100123", "001 555 010-0123", " 15550100123", "tel:+1-555-010-0123"]
        {
            let number = msisdn(text.as_bytes());
            assert!(
                matches!(number.as_deref(), Some("+15550100123") | Some("15550100123")),
                "{text}: {number:?}"
            );
        }
        assert_eq!(msisdn(b"+49 151 81454212").as_deref(), Some("+4915181454212"));
        assert_eq!(msisdn(b"0151 81454212").as_deref(), Some("015181454212"));
        assert_eq!(msisdn(b"2025550123").as_deref(), Some("2025550123"));
    }

    #[test]
    fn refuses_other_numbers() {
        for text in [
            "1700000000000",
            "1700000000",
            "123456789",
            "845474855",
            "42",
            "1080x2220",
            "+0000000000",
            "true",
        ] {
            assert_eq!(msisdn(text.as_bytes()), None, "{text}");
        }
    }
}
