//! Numbers of the SIM: IMSI (3GPP TS 23.003 section 2), ICCID (ITU-T E.118), EID (GSMA SGP.02 section 2.2.2).

use super::digits::{all_digits, all_hex, is_dummy, is_epoch, luhn, swap_nibbles};
use super::phone::country_code;

/// Mobile country codes in use (ITU-T E.212), by their first digit: 001 is for tests, 999 for private networks.
const MCC: [&[u16]; 10] = [
    &[1],
    &[],
    &[
        202, 204, 206, 208, 212, 213, 214, 216, 218, 219, 220, 221, 222, 225, 226, 228, 230, 231, 232, 234,
        235, 238, 240, 242, 244, 246, 247, 248, 250, 255, 257, 259, 260, 262, 263, 266, 268, 270, 272, 274,
        276, 278, 280, 282, 283, 284, 286, 288, 289, 290, 292, 293, 294, 295, 297, 299,
    ],
    &[
        302, 308, 310, 311, 312, 313, 314, 315, 316, 330, 332, 334, 338, 340, 342, 344, 346, 348, 350, 352,
        354, 356, 358, 360, 362, 363, 364, 365, 366, 368, 370, 372, 374, 376,
    ],
    &[
        400, 401, 402, 404, 405, 406, 410, 412, 413, 414, 415, 416, 417, 418, 419, 420, 421, 422, 424, 425,
        426, 427, 428, 429, 430, 431, 432, 434, 436, 437, 438, 440, 441, 450, 452, 454, 455, 456, 457, 460,
        461, 466, 467, 470, 472,
    ],
    &[
        502, 505, 510, 514, 515, 520, 525, 528, 530, 536, 537, 539, 540, 541, 542, 543, 544, 545, 546, 547,
        548, 549, 550, 551, 552, 553, 554, 555,
    ],
    &[
        602, 603, 604, 605, 606, 607, 608, 609, 610, 611, 612, 613, 614, 615, 616, 617, 618, 619, 620, 621,
        622, 623, 624, 625, 626, 627, 628, 629, 630, 631, 632, 633, 634, 635, 636, 637, 638, 639, 640, 641,
        642, 643, 645, 646, 647, 648, 649, 650, 651, 652, 653, 654, 655, 657, 658, 659,
    ],
    &[
        702, 704, 706, 708, 710, 712, 714, 716, 722, 724, 730, 732, 734, 736, 738, 740, 742, 744, 746, 748,
        750,
    ],
    &[],
    &[901, 999],
];

/// Whether the first three digits are a mobile country code.
pub fn has_country(digits: &[u8]) -> bool {
    let Some(code) = digits.get(..3).filter(|it| all_digits(it)) else { return false };
    let number = code.iter().fold(0u16, |number, byte| number * 10 + u16::from(byte - b'0'));
    MCC[usize::from(number / 100)].binary_search(&number).is_ok()
}

/// An IMSI: 14 or 15 digits that begin with a mobile country code. Too weak without a key or a context.
pub fn imsi(digits: &[u8]) -> bool {
    matches!(digits.len(), 14 | 15) && all_digits(digits) && has_country(digits) && !is_dummy(digits)
}

/// Countries whose networks have three digits (ITU-T E.212, list of mobile network codes).
const THREE_DIGITS: [u16; 27] = [
    302, 310, 311, 312, 313, 314, 315, 316, 334, 338, 342, 344, 346, 348, 350, 352, 354, 356, 358, 360, 364,
    365, 366, 376, 708, 722, 732,
];

/// The network of a country and a network code, as text or as numbers that lost their leading zeros.
pub fn network(country: &[u8], network: &[u8]) -> Option<String> {
    let number = |text: &[u8]| -> Option<u16> {
        let valid = all_digits(text) && text.len() <= 3;
        std::str::from_utf8(text).ok().filter(|_| valid)?.parse().ok()
    };
    let country = number(country)?;
    let width = if network.len() == 3 || THREE_DIGITS.contains(&country) { 3 } else { 2 };
    plmn(format!("{country:03}{:0width$}", number(network)?).as_bytes())
}

/// A public land mobile network, 5 or 6 digits: `001-01`.
pub fn plmn(digits: &[u8]) -> Option<String> {
    let valid = matches!(digits.len(), 5 | 6) && all_digits(digits) && has_country(digits);
    let text = std::str::from_utf8(digits).ok().filter(|_| valid)?;
    Some(format!("{}-{}", &text[..3], &text[3..]))
}

/// An ICCID that a key names: 19 or 20 digits from 89 and a country. Some issuers end it in hexadecimal digits, or have
/// no check digit. The canonical form: digits in reading order.
pub fn iccid(text: &[u8]) -> Option<Vec<u8>> {
    let text = text.strip_suffix(b"F").or_else(|| text.strip_suffix(b"f")).unwrap_or(text);
    let readable = |digits: &[u8]| {
        let head = digits.get(..12).is_some_and(all_digits);
        let number = matches!(digits.len(), 19 | 20) && head && all_hex(digits) && digits.starts_with(b"89");
        // North America's 1 is written 01.
        let country = digits.get(2..).map(|it| it.strip_prefix(b"0").unwrap_or(it));
        number && country.and_then(country_code).is_some() && !is_dummy(&digits[2..])
    };
    let swapped = swap_nibbles(text);
    if readable(text) {
        Some(text.to_vec())
    } else {
        (readable(&swapped) && all_digits(&swapped)).then_some(swapped)
    }
}

/// An ICCID that needs no key: it has the right check digit.
pub fn iccid_by_shape(text: &[u8]) -> Option<Vec<u8>> {
    iccid(text).filter(|digits| all_digits(digits) && luhn(digits) && !is_epoch(digits))
}

/// An EID: 32 digits from 89 that leave 1 when divided by 97.
pub fn eid(digits: &[u8]) -> bool {
    let rest =
        |digits: &[u8]| digits.iter().fold(0u32, |rest, byte| (rest * 10 + u32::from(byte - b'0')) % 97);
    digits.len() == 32 && all_digits(digits) && digits.starts_with(b"89") && rest(digits) == 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mccs_are_sorted() {
        for (first, codes) in (0u16..).zip(MCC) {
            assert!(codes.is_sorted() && codes.iter().all(|code| code / 100 == first));
        }
        assert!(
            THREE_DIGITS.is_sorted() && THREE_DIGITS.iter().all(|it| has_country(it.to_string().as_bytes()))
        );
        assert!(has_country(b"460") && has_country(b"001") && !has_country(b"170") && !has_country(b"20"));
    }

    #[test]
    fn validates() {
        assert!(imsi(b"001010123456789") && imsi(b"310260123456780"));
        assert!(!imsi(b"000000000000000") && !imsi(b"170000000000000"));
        assert_eq!(iccid(b"89860300000001234564"), Some(b"89860300000001234564".to_vec()));
        assert_eq!(iccid_by_shape(b"8999101000000000011"), iccid(b"8999101000000000011F"));
        assert_eq!(iccid(b"98683000000010325446"), Some(b"89860300000001234564".to_vec()));
        assert!(iccid_by_shape(b"8901260000123456788").is_some());
        assert_eq!(iccid(b"00000000000000000000"), None);
        assert_eq!(iccid_by_shape(b"89860300000001234565"), None);
        assert_eq!(plmn(b"00101"), Some("001-01".to_owned()));
        assert_eq!(plmn(b"99101"), None);
        assert_eq!(network(b"310", b"4").as_deref(), Some("310-004"));
        assert_eq!(network(b"1", b"1").as_deref(), Some("001-01"));
        assert_eq!(network(b"262", b"02").as_deref(), Some("262-02"));
        assert_eq!(network(b"405", b"854").as_deref(), Some("405-854"));
        assert!(network(b"2620", b"2").is_none() && network(b"262", b"").is_none());
        // 89 and a body, closed so that the whole leaves 1 by 97.
        assert!(eid(b"89001012012341234012345678901224") && !eid(b"89001012012341234012345678901225"));
    }
}
