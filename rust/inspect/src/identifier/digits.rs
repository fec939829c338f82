//! Checks that several identifiers share.

/// Whether the last of decimal digits is the check digit of the others (Luhn, ISO/IEC 7812-1 annex B).
pub fn luhn(digits: &[u8]) -> bool {
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(index, byte)| {
            let digit = u32::from(byte.wrapping_sub(b'0').min(9));
            let twice = digit * 2;
            if index % 2 == 0 { digit } else { twice / 10 + twice % 10 }
        })
        .sum();
    sum.is_multiple_of(10)
}

/// Whether there is at least one byte and all are decimal digits.
pub fn all_digits(text: &[u8]) -> bool {
    !text.is_empty() && text.iter().all(u8::is_ascii_digit)
}

/// Whether there is at least one byte and all are hexadecimal digits.
pub fn all_hex(text: &[u8]) -> bool {
    !text.is_empty() && text.iter().all(u8::is_ascii_hexdigit)
}

/// Placeholders: one digit over and over (but for the last), or digits that count up or down.
pub fn is_dummy(digits: &[u8]) -> bool {
    let Some((&first, most)) =
        digits.split_last().and_then(|(_, most)| most.first().map(|first| (first, most)))
    else {
        return true;
    };
    let value = |byte: u8| byte.wrapping_sub(b'0') % 10;
    let counts = |step: u8| most.windows(2).all(|pair| value(pair[1]) == (value(pair[0]) + step) % 10);
    most.iter().all(|&byte| byte == first) || counts(1) || counts(9)
}

/// Whether digits could be a time since 1970 in seconds, or in thousandths, millionths or billionths of them, between
/// 2001 and 2033.
pub fn is_epoch(digits: &[u8]) -> bool {
    matches!(digits.len(), 10 | 13 | 16 | 19) && digits.first() == Some(&b'1')
}

/// Swaps the digits of each pair, as a SIM stores them; a filler `f` at the end falls away.
pub fn swap_nibbles(digits: &[u8]) -> Vec<u8> {
    let mut out: Vec<u8> = digits.chunks(2).flat_map(|pair| pair.iter().rev().copied()).collect();
    while out.last().is_some_and(|byte| byte.eq_ignore_ascii_case(&b'f')) {
        out.pop();
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checks_luhn() {
        assert!(luhn(b"001017001234569") && luhn(b"4111111111111111"));
        assert!(!luhn(b"001017001234560"));
    }

    #[test]
    fn knows_placeholders_and_times() {
        for text in ["000000000000000", "123456789012345", "111111111111119", "987654321098765", "", "5"] {
            assert!(is_dummy(text.as_bytes()), "{text}");
        }
        assert!(!is_dummy(b"001017001234569"));
        assert!(is_epoch(b"1700000000000") && !is_epoch(b"8786574056807174179"));
        assert_eq!(swap_nibbles(b"8968301000f1"), b"98860301001".as_slice());
    }
}
