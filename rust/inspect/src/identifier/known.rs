//! Values of this phone that its owner gave: searched for in every form and encoding at once.

use std::collections::BTreeMap;
use std::ops::Range;

use aho_corasick::{AhoCorasick, MatchKind};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use sha2::Digest;

use super::IdentifierKind as Kind;
use super::{digits, equipment, mac, phone, place, sim, software};

/// The values, and one automaton over all their forms.
#[derive(Debug, Clone, Default)]
pub struct KnownValues {
    values: Vec<(Kind, String)>,
    patterns: Vec<Pattern>,
    automaton: Option<AhoCorasick>,
}

#[derive(Debug, Clone)]
struct Pattern {
    bytes: Vec<u8>,
    value: usize,
    bound: Bound,
    /// What was done to the value: steps of the decode chain.
    steps: &'static [&'static str],
}

/// What must not touch a hit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Bound {
    /// Nothing matters: the pattern is long and not text.
    Free,
    /// No digits.
    Digits,
    /// No digits before; behind, a check digit or a software version may follow.
    ImeiStem,
    /// No letters, no digits.
    Word,
}

/// A hit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hit<'a> {
    /// What it is.
    pub kind: Kind,
    /// The value's canonical form.
    pub value: &'a str,
    /// Where it stands.
    pub range: Range<usize>,
    /// What was done to the value.
    pub steps: &'static [&'static str],
}

impl KnownValues {
    /// Adds a value.
    ///
    /// # Errors
    /// Its kind does not allow it; one plain sentence says why.
    pub fn add(&mut self, kind: Kind, value: &str) -> Result<(), String> {
        let value = canonical(kind, value)?;
        if self.values.iter().any(|(known, other)| *known == kind && *other == value) {
            return Ok(());
        }
        let index = self.values.len();
        let mut patterns = self.patterns.clone();
        patterns.extend(patterns_of(kind, &value, index));
        let automaton = AhoCorasick::builder()
            .match_kind(MatchKind::Standard)
            .ascii_case_insensitive(true)
            .build(patterns.iter().map(|it| &it.bytes))
            .map_err(|error| format!("too many values to look for: {error}"))?;
        self.values.push((kind, value));
        self.patterns = patterns;
        self.automaton = Some(automaton);
        Ok(())
    }

    /// Whether nothing is looked for.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// The values as they are usually written, to be looked for beneath ciphers.
    pub fn texts(&self) -> impl Iterator<Item = &[u8]> {
        self.values.iter().map(|(_, value)| value.as_bytes())
    }

    /// Every hit in the bytes, by its end.
    pub fn find<'a>(&'a self, bytes: &'a [u8]) -> impl Iterator<Item = Hit<'a>> {
        let hits = self.automaton.iter().flat_map(move |it| it.find_overlapping_iter(bytes));
        hits.filter_map(move |hit| {
            let pattern = self.patterns.get(hit.pattern().as_usize())?;
            let (kind, value) = self.values.get(pattern.value)?;
            let free = is_free(bytes, &hit.range(), pattern.bound);
            free.then(|| Hit { kind: *kind, value, range: hit.range(), steps: pattern.steps })
        })
    }

    /// The given value of that kind, if `value` says the same. For places, whose forms no automaton knows.
    pub fn same(&self, kind: Kind, value: &str) -> Option<&str> {
        let mut known = self.values.iter().filter(|(known, _)| *known == kind);
        known.find(|(_, known)| place::is_same(kind, known, value)).map(|(_, value)| value.as_str())
    }
}

fn is_free(bytes: &[u8], range: &Range<usize>, bound: Bound) -> bool {
    let before = range.start.checked_sub(1).and_then(|at| bytes.get(at));
    let after = bytes.get(range.end);
    let is = |byte: Option<&u8>, test: fn(&u8) -> bool| byte.is_some_and(test);
    match bound {
        Bound::Free => true,
        Bound::Digits => !is(before, u8::is_ascii_digit) && !is(after, u8::is_ascii_digit),
        Bound::Word => !is(before, u8::is_ascii_alphanumeric) && !is(after, u8::is_ascii_alphanumeric),
        Bound::ImeiStem => {
            let digits = bytes[range.end..].iter().take(3).take_while(|byte| byte.is_ascii_digit()).count();
            !is(before, u8::is_ascii_digit) && digits <= 2
        }
    }
}

/// The canonical form of a value that its kind allows.
fn canonical(kind: Kind, value: &str) -> Result<String, String> {
    let value = value.trim();
    let digits: String = value.chars().filter(|it| !matches!(it, ' ' | '-' | '/')).collect();
    let plain = digits.as_bytes();
    let wrong = |why: &str| Err(format!("{value:?} is no {}: {why}", kind.as_str()));
    match kind {
        Kind::Imei if equipment::imei(plain) || (plain.len() == 14 && digits::all_digits(plain)) => {
            Ok(digits)
        }
        Kind::Imei if plain.len() == 15 && digits::all_digits(plain) => wrong("the check digit is wrong"),
        Kind::Imei => wrong("it needs 15 digits"),
        Kind::Imeisv if plain.len() == 16 && digits::all_digits(plain) => Ok(digits),
        Kind::Imeisv => wrong("it needs 16 digits"),
        Kind::Meid if plain.len() == 14 && digits::all_hex(plain) => Ok(digits.to_ascii_lowercase()),
        Kind::Meid => wrong("it needs 14 hexadecimal digits"),
        Kind::Imsi if sim::imsi(plain) => Ok(digits),
        Kind::Imsi => wrong("it needs 14 or 15 digits that begin with a mobile country code"),
        Kind::Iccid => sim::iccid(plain).map_or_else(
            || wrong("it needs 19 or 20 digits that begin with 89 and a country"),
            |digits| Ok(String::from_utf8_lossy(&digits).into_owned()),
        ),
        Kind::Eid if sim::eid(plain) => Ok(digits),
        Kind::Eid => wrong("it needs 32 digits from 89 with the right check digits"),
        Kind::Msisdn => phone::msisdn(value.as_bytes())
            .map_or_else(|| wrong("it needs + and the country code: +4790000000"), Ok),
        Kind::Mac | Kind::Bssid => mac::mac(value.as_bytes(), true)
            .map_or_else(|| wrong("it needs 12 hexadecimal digits that name one interface"), Ok),
        Kind::AndroidId => {
            software::android_id(plain).map_or_else(|| wrong("it needs 16 hexadecimal digits"), Ok)
        }
        Kind::GsfId => software::gsf_id(plain)
            .or_else(|| software::android_id(plain))
            .map_or_else(|| wrong("it needs 17 to 20 digits, or 16 hexadecimal ones"), Ok),
        Kind::AdvertisingId => {
            software::uuid(value.as_bytes()).or_else(|| software::open_id(plain)).map_or_else(
                || wrong("it needs the form 00000000-0000-0000-0000-000000000000, but not all zeros"),
                Ok,
            )
        }
        Kind::Location => place::pair(value.as_bytes())
            .map_or_else(|| wrong("it needs latitude and longitude with three decimals: 48.137,11.575"), Ok),
        Kind::Serial | Kind::Ssid | Kind::Cell | Kind::Fingerprint | Kind::WidevineId | Kind::FcmToken => {
            if value.len() < 5 {
                return wrong("shorter than 5 characters it would be found everywhere");
            }
            Ok(value.to_owned())
        }
    }
}

/// Every way in which a value is written.
fn forms(kind: Kind, value: &str) -> Vec<String> {
    let join = |text: &str, sizes: &[usize], separator: &str| {
        let mut rest = text;
        let mut parts = Vec::new();
        for &size in sizes {
            let (part, tail) = rest.split_at_checked(size).unwrap_or((rest, ""));
            parts.push(part);
            rest = tail;
        }
        parts.retain(|part| !part.is_empty());
        parts.join(separator)
    };
    let mut out = vec![value.to_owned()];
    match kind {
        Kind::Imei => {
            out.push(value[..14].to_owned());
            out.extend([[2, 6, 6, 1], [6, 2, 6, 1]].map(|sizes| join(value, &sizes, "-")));
            out.push(join(value, &[2, 6, 6, 1], " "));
        }
        Kind::Imeisv => out.push(value[..14].to_owned()),
        Kind::Mac | Kind::Bssid => {
            let plain = value.replace(':', "");
            out.extend([
                value.replace(':', "-"),
                value.replace(':', " "),
                join(&plain, &[4, 4, 4], "."),
                plain,
            ]);
        }
        Kind::Msisdn => {
            let digits = value.trim_start_matches('+');
            out.extend([digits.to_owned(), format!("00{digits}")]);
            if let Some(national) =
                phone::country_code(digits.as_bytes()).and_then(|length| digits.get(length..))
                && national.len() >= 8
                && value.starts_with('+')
            {
                out.extend([national.to_owned(), format!("0{national}")]);
            }
        }
        Kind::AdvertisingId => out.push(value.replace('-', "")),
        Kind::AndroidId | Kind::GsfId => out.extend(other_radix(value)),
        Kind::Iccid if value.len() == 20 => out.push(value[..19].to_owned()),
        _ => {}
    }
    for changed in [value.to_ascii_uppercase(), value.to_ascii_lowercase()] {
        out.push(changed);
    }
    out.sort();
    out.dedup();
    out
}

/// A 64-bit number in decimal for hexadecimal digits, and the other way round.
fn other_radix(value: &str) -> Vec<String> {
    match (u64::from_str_radix(value, 16), value.parse::<u64>()) {
        (_, Ok(number)) if value.len() > 16 => vec![format!("{number:x}")],
        (Ok(number), _) => vec![number.to_string(), (number as i64).to_string()],
        _ => Vec::new(),
    }
}

fn patterns_of(kind: Kind, value: &str, index: usize) -> Vec<Pattern> {
    // By bytes, so that a form which two ways lead to is looked for once.
    let mut out: BTreeMap<Vec<u8>, Pattern> = BTreeMap::new();
    let mut add = |bytes: Vec<u8>, bound, steps| {
        let key = bytes.to_ascii_lowercase();
        out.entry(key).or_insert(Pattern { bytes, value: index, bound, steps });
    };
    if matches!(kind, Kind::Location | Kind::Cell) {
        add(value.as_bytes().to_vec(), Bound::Word, &[]);
        return out.into_values().collect();
    }
    let forms = forms(kind, value);
    for form in &forms {
        let stem = matches!(kind, Kind::Imei | Kind::Imeisv) && form.len() == 14;
        let bound = match form.as_bytes() {
            _ if stem => Bound::ImeiStem,
            bytes if bytes.iter().all(|byte| !byte.is_ascii_alphabetic()) => Bound::Digits,
            _ => Bound::Word,
        };
        add(form.as_bytes().to_vec(), bound, &[]);
    }
    for (bytes, steps) in digit_codings(kind, value) {
        let bound = if bytes.is_ascii() { Bound::Word } else { Bound::Free };
        add(bytes, bound, steps);
    }
    // Hashes are of one case or the other, with separators or without.
    let mut hashed: Vec<String> =
        forms.iter().flat_map(|it| [it.clone(), it.to_ascii_uppercase(), it.to_ascii_lowercase()]).collect();
    hashed.sort();
    hashed.dedup();
    for form in hashed {
        let digests: [(Vec<u8>, &'static [&'static str], &'static [&'static str]); 3] = [
            (md5::Md5::digest(&form).to_vec(), &["md5"], &["base64", "md5"]),
            (sha1::Sha1::digest(&form).to_vec(), &["sha1"], &["base64", "sha1"]),
            (sha2::Sha256::digest(&form).to_vec(), &["sha256"], &["base64", "sha256"]),
        ];
        for (digest, plain, coded) in digests {
            let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
            add(hex.into_bytes(), Bound::Word, plain);
            add(STANDARD_NO_PAD.encode(&digest).into_bytes(), Bound::Word, coded);
            add(URL_SAFE_NO_PAD.encode(&digest).into_bytes(), Bound::Word, coded);
            add(digest, Bound::Free, plain);
        }
    }
    out.into_values().collect()
}

/// Reversed, with swapped nibbles, packed: ways in which modems and SIMs write numbers.
fn digit_codings(kind: Kind, value: &str) -> Vec<(Vec<u8>, &'static [&'static str])> {
    let bytes = value.as_bytes();
    let mut out: Vec<(Vec<u8>, &'static [&'static str])> = Vec::new();
    if value.len() >= 12 && !matches!(kind, Kind::Ssid | Kind::Fingerprint | Kind::FcmToken) {
        out.push((bytes.iter().rev().copied().collect(), &["reversed"]));
    }
    match kind {
        Kind::Imei | Kind::Imeisv | Kind::Imsi | Kind::Iccid | Kind::Meid => {
            let padded: Vec<u8> = if bytes.len() % 2 == 1 { [bytes, b"f"].concat() } else { bytes.to_vec() };
            let swapped: Vec<u8> = padded.chunks(2).flat_map(|pair| pair.iter().rev().copied()).collect();
            let whole = bytes.len() / 2 * 2;
            out.push((pack(&bytes[..whole]), &["bcd"]));
            out.push((pack(&swapped[..whole]), &["bcd (swapped)"]));
            out.push((swapped, &["swapped nibbles"]));
        }
        Kind::Mac | Kind::Bssid => out.push((pack(value.replace(':', "").as_bytes()), &["binary"])),
        _ => {}
    }
    out
}

fn pack(digits: &[u8]) -> Vec<u8> {
    let value = |byte: u8| crate::decode::hex_digit(byte).unwrap_or(0);
    digits.chunks_exact(2).map(|pair| value(pair[0]) << 4 | value(pair[1])).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(kind: Kind, value: &str, text: &[u8]) -> Vec<(Range<usize>, &'static [&'static str])> {
        let mut known = KnownValues::default();
        known.add(kind, value).unwrap();
        known.find(text).map(|hit| (hit.range, hit.steps)).collect()
    }

    #[test]
    fn finds_numbers_but_not_within_longer_ones() {
        let imei = "001017001234569";
        for text in [
            "001017001234569",
            "x00101700123456y",
            "0010170012345607",
            "00-101700-123456-9",
            "IMEI:001017001234569;",
        ] {
            assert!(!find(Kind::Imei, imei, text.as_bytes()).is_empty(), "{text}");
        }
        for text in ["9001017001234569", "00101700123456999", "1001017001234560"] {
            assert!(find(Kind::Imei, imei, text.as_bytes()).is_empty(), "{text}");
        }
    }

    #[test]
    fn finds_other_writings() {
        let imei = "001017001234569";
        assert_eq!(find(Kind::Imei, imei, b"965432100710100")[0].1, ["reversed"]);
        assert_eq!(find(Kind::Imei, imei, b"x 00017100214365f9")[0].1, ["swapped nibbles"]);
        assert_eq!(find(Kind::Imei, imei, b"\x08\x00\x10\x17\x00\x12\x34\x56\x9f")[0].1, ["bcd"]);
        let mac = "02:00:5E:10:00:FE";
        for text in ["02005e1000fe", "02-00-5e-10-00-FE", "0200.5e10.00fe"] {
            assert_eq!(find(Kind::Mac, mac, text.as_bytes()).len(), 1, "{text}");
        }
        assert_eq!(find(Kind::Mac, mac, b"\x02\x00\x5e\x10\x00\xfe")[0].1, ["binary"]);
        for text in ["+15550100123", "15550100123", "0015550100123", "5550100123"] {
            assert!(!find(Kind::Msisdn, "+15550100123", text.as_bytes()).is_empty(), "{text}");
        }
        assert!(!find(Kind::AndroidId, "79f02e8d28a79023", b"8786574056807174179").is_empty());
    }

    #[test]
    fn refuses_values_that_cannot_be() {
        let mut known = KnownValues::default();
        for (kind, value) in [
            (Kind::Imei, "001017001234560"),
            (Kind::Imei, "123"),
            (Kind::Mac, "ff:ff:ff:ff:ff:ff"),
            (Kind::Iccid, "123"),
            (Kind::Serial, "abc"),
            (Kind::Imsi, "170000000000000"),
            (Kind::AdvertisingId, "00000000-0000-0000-0000-000000000000"),
        ] {
            assert!(known.add(kind, value).unwrap_err().contains(value), "{value}");
        }
        assert!(known.is_empty());
    }
}
