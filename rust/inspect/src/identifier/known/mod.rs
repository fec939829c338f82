//! Values of this phone that its owner gave: searched for in every form and encoding at once.

mod digest;
mod writings;

use std::ops::Range;

use self::digest::{Steps, Writing};
use super::IdentifierKind as Kind;
use super::{digits, equipment, mac, phone, place, sim, software};
use crate::needles::{Needle, Needles};

/// Values kept; a phone with two SIMs has some dozens. Each takes some 40 KiB.
const MOST: usize = 128;

/// The values, and one search for all their forms.
#[derive(Debug, Clone, Default)]
pub struct KnownValues {
    values: Vec<(Kind, String)>,
    patterns: Vec<Pattern>,
    needles: Needles,
}

/// What a needle stands for.
#[derive(Debug, Clone)]
struct Pattern {
    value: usize,
    length: usize,
    bound: Bound,
    steps: Steps,
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
    /// Adds values.
    ///
    /// # Errors
    /// A kind does not allow its value; one plain sentence says why.
    pub fn add<'v>(&mut self, values: impl IntoIterator<Item = (Kind, &'v str)>) -> Result<(), String> {
        for (kind, value) in values {
            let value = (kind, canonical(kind, value)?);
            if self.values.contains(&value) {
                continue;
            }
            if self.values.len() >= MOST {
                return Err(format!("more than {MOST} values to look for"));
            }
            self.values.push(value);
        }
        self.prepare();
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

    /// Every hit in the bytes, by its first byte.
    pub fn find<'a>(&'a self, bytes: &[u8], found: &mut dyn FnMut(Hit<'a>)) {
        self.needles.find(bytes, &mut |place| {
            let Some(pattern) = self.patterns.get(place.tag) else { return };
            let Some((kind, value)) = self.values.get(pattern.value) else { return };
            let range = place.start..place.start + place.agreed;
            if is_free(bytes, &range, pattern.bound) {
                let steps = pattern.steps.of(place.agreed, pattern.length);
                found(Hit { kind: *kind, value, range, steps });
            }
        });
    }

    /// Whether there is a hit in the bytes.
    pub fn holds(&self, bytes: &[u8]) -> bool {
        let mut any = false;
        self.find(bytes, &mut |_| any = true);
        any
    }

    /// The given value of that kind, if `value` says the same. For places, whose forms no search knows.
    pub fn same(&self, kind: Kind, value: &str) -> Option<&str> {
        let mut known = self.values.iter().filter(|(known, _)| *known == kind);
        known.find(|(_, known)| place::is_same(kind, known, value)).map(|(_, value)| value.as_str())
    }

    fn prepare(&mut self) {
        self.patterns.clear();
        let mut needles = Vec::new();
        for (index, (kind, value)) in self.values.iter().enumerate() {
            for Writing { bytes, fold, least, bound, steps } in writings::of(*kind, value) {
                needles.push(Needle { least, fold, tag: self.patterns.len(), bytes: bytes.into() });
                let length = needles.last().map_or(0, |needle| needle.bytes.len());
                self.patterns.push(Pattern { value: index, length, bound, steps });
            }
        }
        self.needles = Needles::new(needles);
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
        Kind::Serial
        | Kind::Ssid
        | Kind::Cell
        | Kind::Fingerprint
        | Kind::WidevineId
        | Kind::FcmToken
        | Kind::DeviceToken => {
            if value.len() < 5 {
                return wrong("shorter than 5 characters it would be found everywhere");
            }
            Ok(value.to_owned())
        }
    }
}

#[cfg(test)]
mod tests;
