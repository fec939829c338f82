//! Identifiers that software gives the phone: Android ID, advertising IDs, serial numbers as text, fingerprints, tokens.

use super::digits::{all_digits, all_hex, is_dummy, is_epoch, luhn};

/// An Android ID as its key names it: 14 to 16 hexadecimal digits (leading zeros may be missing), lower case.
pub fn android_id(text: &[u8]) -> Option<String> {
    let length = (14..=16).contains(&text.len());
    let mixed = text.iter().any(u8::is_ascii_alphabetic) && text.iter().any(u8::is_ascii_digit);
    // One in 2,000 has no letter; one that could be a card number is given up.
    let plausible = mixed || (text.len() == 16 && !is_epoch(text) && !luhn(text));
    (length && all_hex(text) && plausible && !is_dummy(text)).then(|| lower(text))
}

/// 16 lower-case hexadecimal digits, letters among them: what an Android ID looks like under a vague key.
pub fn android_id_by_context(text: &[u8]) -> Option<String> {
    let clear = text.len() == 16
        && text.iter().any(u8::is_ascii_alphabetic)
        && !text.iter().any(u8::is_ascii_uppercase);
    android_id(text).filter(|_| clear)
}

/// A Google Services Framework ID as its key names it: a 64-bit number of 17 to 20 digits.
pub fn gsf_id(text: &[u8]) -> Option<String> {
    let valid = (17..=20).contains(&text.len()) && all_digits(text) && !is_dummy(text);
    std::str::from_utf8(text).ok().filter(|it| valid && it.parse::<u64>().is_ok()).map(str::to_owned)
}

/// One under a vague key: a seventh of them could be a time in nanoseconds, and is given up.
pub fn gsf_id_by_context(text: &[u8]) -> Option<String> {
    gsf_id(text).filter(|_| !is_epoch(text))
}

/// A UUID (RFC 9562 section 4) in lower case, with or without hyphens. Placeholders are none.
pub fn uuid(text: &[u8]) -> Option<String> {
    let text = text.strip_prefix(b"{").and_then(|it| it.strip_suffix(b"}")).unwrap_or(text);
    let hyphens = [8, 13, 18, 23];
    let valid = match text.len() {
        36 => text.iter().enumerate().all(|(index, byte)| {
            if hyphens.contains(&index) { *byte == b'-' } else { byte.is_ascii_hexdigit() }
        }),
        _ => false,
    };
    let digits: Vec<u8> = text.iter().copied().filter(|byte| *byte != b'-').collect();
    (valid && !is_dummy(&digits) && digits.iter().any(|byte| *byte != digits[0])).then(|| lower(text))
}

/// An open advertising ID in one of its other forms: 16, 32 or 64 hexadecimal digits.
pub fn open_id(text: &[u8]) -> Option<String> {
    let mixed = text.iter().any(u8::is_ascii_alphabetic) && text.iter().any(u8::is_ascii_digit);
    (matches!(text.len(), 16 | 32 | 64) && all_hex(text) && mixed).then(|| lower(text))
}

/// A hardware serial number as its key names it: 6 to 24 letters and digits, not a word and not a plain count.
pub fn serial(text: &[u8]) -> Option<String> {
    let length = (6..=24).contains(&text.len());
    let clean = text.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'/' | b'_'));
    let letters = text.iter().filter(|byte| byte.is_ascii_alphabetic()).count();
    let digits = text.iter().filter(|byte| byte.is_ascii_digit()).count();
    let upper = text.to_ascii_uppercase();
    let placeholder =
        matches!(upper.as_slice(), b"0123456789ABCDEF" | b"EMULATOR30X1X5X0" | b"C4F12FDD949F22F");
    let number = letters == 0 && (10..=14).contains(&digits) && !is_epoch(text) && !is_dummy(text);
    let size = text.contains(&b'x') && text.split(|&byte| byte == b'x').all(all_digits);
    let varied = text.iter().any(|byte| Some(byte) != text.first());
    let named = letters > 0 && digits >= 2;
    (length && clean && (number || named) && varied && !placeholder && !size)
        .then(|| String::from_utf8_lossy(text).into_owned())
}

/// An Android build fingerprint: `brand/product/device:release/id/incremental:type/keys`.
pub fn fingerprint(text: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(text) else { return false };
    let parts: Vec<_> = text.split(':').collect();
    let [head, build, tail] = parts.as_slice() else { return false };
    let filled =
        |part: &str, count| part.split('/').count() == count && part.split('/').all(|it| !it.is_empty());
    let variant = ["user", "userdebug", "eng"]
        .iter()
        .any(|it| tail.starts_with(it) && tail[it.len()..].starts_with('/'));
    text.len() <= 160
        && filled(head, 3)
        && filled(build, 3)
        && filled(tail, 2)
        && variant
        && tail.ends_with("-keys")
}

/// A Widevine device ID: 32 bytes as 64 hexadecimal digits or 44 characters of base64.
pub fn widevine_id(text: &[u8]) -> bool {
    let base64 = text.len() == 44
        && text.ends_with(b"=")
        && text[..43].iter().all(|byte| byte.is_ascii_alphanumeric() || b"+/-_".contains(byte));
    (text.len() == 64 && all_hex(text) && !is_dummy(text)) || base64
}

/// A Firebase Cloud Messaging token: an instance ID, a colon, `APA91b` and about 130 more.
pub fn fcm_token(text: &[u8]) -> bool {
    let token = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b':');
    let modern = text.windows(7).position(|it| it == b":APA91b").is_some_and(|at| (11..=32).contains(&at));
    (100..=512).contains(&text.len()) && text.iter().all(token) && (modern || text.starts_with(b"APA91b"))
}

fn lower(text: &[u8]) -> String {
    String::from_utf8_lossy(text).to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn validates() {
        assert_eq!(android_id(b"9774D56D682E549C").as_deref(), Some("9774d56d682e549c"));
        assert_eq!(android_id(b"1700000000000000"), None);
        assert_eq!(gsf_id(b"8786574056807174179").as_deref(), Some("8786574056807174179"));
        assert_eq!(gsf_id_by_context(b"1700000000000000000"), None);
        assert!(gsf_id(b"1700000000000000000").is_some());
        assert!(uuid(b"38400000-8cf0-11bd-b23e-10b96e40000d").is_some());
        assert_eq!(uuid(b"00000000-0000-0000-0000-000000000000"), None);
        assert!(fingerprint(b"test/tst/tst:9/PQ1A/1:user/release-keys"));
        assert!(!fingerprint(b"http://a/b:c/d"));
        assert!(fcm_token(format!("cX1{}:APA91b{}", "a".repeat(19), "b".repeat(130)).as_bytes()));
    }

    #[test]
    fn tells_serials_from_words_and_counts() {
        for text in ["TESTSN0012345", "R58MC3CD608", "8A1X0ABCD", "12345/00123456"] {
            assert!(serial(text.as_bytes()).is_some(), "{text}");
        }
        for text in
            ["unknown", "0123456789ABCDEF", "845474855", "1700000000000", "1080x2220", "en_US", "true"]
        {
            assert_eq!(serial(text.as_bytes()), None, "{text}");
        }
    }
}
