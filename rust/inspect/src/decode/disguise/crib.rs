//! XOR with a short repeating key, when a value that is known lies beneath: the key follows from it.
//!
//! Where text and key repeat alike, the key falls out of the difference between bytes that are a period apart. So the
//! differences of the values are searched for in those of the bytes, period by period.

use std::borrow::Cow;
use std::fmt::Write;

use crate::decode::{base32, base64, hex};
use crate::needles::{Needle, Needles};

/// Longest key.
const MAX_PERIOD: usize = 8;
/// Shortest value: with a key of the longest period seven bytes still must agree.
const SHORTEST: usize = MAX_PERIOD + 7;
/// With short keys also shorter ones will do.
const AGREEING: usize = 7;
/// Fewer different bytes in a difference are found by chance: in runs of one byte, in counters. In a long one, less will do.
const DISTINCT: usize = 4;
const DISTINCT_OF_LONG: usize = 3;
/// Bytes of a long difference.
const LONG: usize = 10;
/// Shorter bytes are not searched.
const SHORTEST_SEARCHED: usize = 16;
/// Fewer bytes hold no value as it is: a MAC address has six.
const SHORTEST_HELD: usize = 6;
/// Values whose differences are searched for.
const MAX_VALUES: usize = 256;

/// Known texts that may lie beneath a cipher: cribs, as code breakers call them.
#[derive(Debug, Clone, Default)]
pub struct Cribs {
    /// By period, from 1.
    periods: Vec<Period>,
}

#[derive(Debug, Clone)]
struct Period {
    finder: Needles,
    /// The text of each needle.
    texts: Vec<Vec<u8>>,
}

/// Bytes beneath which a text was found.
#[derive(Debug)]
pub struct Sealed<'a> {
    /// The step that makes them of what is written.
    pub written: Option<Cow<'static, str>>,
    /// The bytes.
    pub bytes: Cow<'a, [u8]>,
    /// What takes the cipher off; `None` where the bytes themselves hold a value that is no text.
    pub key: Option<Key>,
}

/// Whether bytes hold a known value as it is: packed digits, a digest.
pub type Holds<'h> = dyn Fn(&[u8]) -> bool + 'h;

/// A repeating key, as it begins at the first byte.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key(Vec<u8>);

impl Cribs {
    /// Those texts that are long enough and not too uniform, at most some hundreds.
    pub fn new<T: AsRef<[u8]>>(texts: impl IntoIterator<Item = T>) -> Self {
        let texts: Vec<Vec<u8>> = texts.into_iter().take(MAX_VALUES).map(|it| it.as_ref().to_vec()).collect();
        Self { periods: (1..=MAX_PERIOD).map_while(|period| Period::new(period, &texts)).collect() }
    }

    /// Whether nothing can be found.
    pub fn is_empty(&self) -> bool {
        self.periods.is_empty()
    }

    /// Whether the bytes are enough to be searched.
    pub const fn fit(&self, bytes: &[u8]) -> bool {
        !self.periods.is_empty() && bytes.len() >= SHORTEST_SEARCHED
    }

    /// What lies beneath a cipher in the bytes, which may be written in hexadecimal digits, base64 or base32; or is written
    /// so and holds a value. What looks like noise when it is decoded is found by that alone.
    pub fn open<'a>(&self, bytes: &'a [u8], holds: &Holds<'_>) -> Option<Sealed<'a>> {
        if !self.fit(bytes) {
            return None;
        }
        let text = bytes.trim_ascii();
        let hex = || hex::decode(text).map(|bytes| (Cow::Borrowed("hex"), bytes));
        let base32 = || base32::decode(text).map(|bytes| (Cow::Borrowed("base32"), bytes));
        let base64 = || base64::decode(bytes, SHORTEST_HELD).map(|it| (it.step, it.bytes));
        let ways = [hex().or_else(base64), base32()];
        if ways.iter().all(Option::is_none) {
            let key = Some(self.find(bytes)?);
            return Some(Sealed { written: None, bytes: Cow::Borrowed(bytes), key });
        }
        ways.into_iter().flatten().find_map(|(step, bytes)| {
            let key = self.find(&bytes);
            let found = key.is_some() || holds(&bytes);
            found.then_some(Sealed { written: Some(step), bytes: Cow::Owned(bytes), key })
        })
    }

    /// The shortest key under which one of the texts lies in the bytes.
    fn find(&self, bytes: &[u8]) -> Option<Key> {
        let mut differences = Vec::with_capacity(bytes.len());
        let mut fitting =
            self.periods.iter().zip(1..).take_while(|(_, length)| bytes.len() >= length + AGREEING);
        fitting.find_map(|(period, length)| {
            differences.clear();
            differences.extend(difference(bytes, length));
            let mut first = None;
            period.finder.find(&differences, &mut |hit| {
                if first.is_none()
                    && let Some(text) = period.texts.get(hit.tag)
                {
                    first = key(bytes.get(hit.start..).unwrap_or_default(), text, hit.start, length);
                }
            });
            first
        })
    }
}

impl Period {
    /// `None` when no text is long enough.
    fn new(period: usize, texts: &[Vec<u8>]) -> Option<Self> {
        let shortest = if period <= 4 { period + AGREEING } else { SHORTEST };
        let fits = |text: &&Vec<u8>| {
            let mut seen: Vec<u8> = difference(text, period).collect();
            seen.sort_unstable();
            seen.dedup();
            let long = text.len() >= LONG + period;
            text.len() >= shortest && seen.len() >= if long { DISTINCT_OF_LONG } else { DISTINCT }
        };
        let texts: Vec<Vec<u8>> = texts.iter().filter(fits).cloned().collect();
        let needles = texts.iter().enumerate().map(|(tag, text)| {
            let bytes: Box<[u8]> = difference(text, period).collect();
            Needle { least: bytes.len(), bytes, fold: false, tag }
        });
        let finder = Needles::new(needles.collect());
        (!texts.is_empty()).then_some(Self { finder, texts })
    }
}

fn difference(bytes: &[u8], period: usize) -> impl Iterator<Item = u8> {
    bytes.iter().zip(bytes.iter().skip(period)).map(|(one, other)| one ^ other)
}

/// The key that makes `text` of the bytes at `start`, turned so that it begins at the first byte. A key of zeros is none.
fn key(bytes: &[u8], text: &[u8], start: usize, period: usize) -> Option<Key> {
    let mut key: Vec<u8> = bytes.iter().zip(text).take(period).map(|(byte, text)| byte ^ text).collect();
    key.rotate_right(start % period);
    key.iter().any(|byte| *byte != 0).then_some(Key(key))
}

impl Key {
    /// XORs the bytes.
    pub fn apply(&self, bytes: &[u8]) -> Vec<u8> {
        bytes.iter().zip(self.0.iter().cycle()).map(|(byte, key)| byte ^ key).collect()
    }

    /// The step: `xor (key 5a)`.
    pub fn step(&self) -> String {
        let mut out = "xor (key ".to_owned();
        for byte in &self.0 {
            // Writing to a string cannot fail.
            let _ = write!(out, "{byte:02x}");
        }
        out.push(')');
        out
    }

    /// The key that a step names.
    pub fn of_step(step: &str) -> Option<Self> {
        let digits = step.strip_prefix("xor (key ")?.strip_suffix(')')?;
        hex::decode(digits.as_bytes()).filter(|key| key.len() <= MAX_PERIOD).map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const IMEI: &str = "001017001234569";

    fn cribs() -> Cribs {
        Cribs::new([IMEI, "000000000000000", "short"])
    }

    #[test]
    fn the_key_follows_from_what_lies_beneath() {
        let text = format!("{{\"imei\":\"{IMEI}\",\"model\":\"TA-1046\"}}");
        for key in [&b"\x5a"[..], b"\x01\x02", b"k3y", b"\0\0\x80", b"12345678", b"\xff\xee\xdd\xcc\xbb"] {
            let key = Key(key.to_vec());
            let sealed = key.apply(text.as_bytes());
            assert_eq!(cribs().find(&sealed), Some(key.clone()));
            assert_eq!(Key::of_step(&key.step()), Some(key));
        }
    }

    #[test]
    fn digits_that_differ_little_are_enough_where_they_are_many() {
        let key = Key(b"Kj.hk".to_vec());
        let cribs = Cribs::new(["214074723121002"]);
        let sealed = key.apply(b"[{\"event\":\"start\"},{\"p\" : \"214074723121002\"}]");
        assert_eq!(cribs.find(&sealed), Some(key));
        assert!(Cribs::new(["111112222233333"]).periods.get(4).is_none());
    }

    #[test]
    fn what_is_written_may_hold_a_value_as_it_is() {
        let packed = [0x10, 0x10, 0x07, 0x21, 0x43, 0x65, 0xf9];
        let holds = |bytes: &[u8]| bytes.windows(packed.len()).any(|it| it == packed);
        for (written, text) in [
            ("hex", "a55a010000080001101007214365f9007c11d2e4"),
            ("base64", "pVoBAAAIAAEQEAchQ2X5AHwR0uQ="),
            ("base64", "gaFxphAQByFDZfk="),
            ("base32", "UVNACAAABAAACEAQA4QUGZPZAB6BDUXE"),
        ] {
            let sealed = cribs().open(text.as_bytes(), &holds).unwrap();
            assert_eq!((sealed.written.as_deref(), sealed.key), (Some(written), None));
            assert!(holds(&sealed.bytes) && cribs().open(text.as_bytes(), &|_| false).is_none());
        }
    }

    #[test]
    fn a_value_near_both_ends_is_found() {
        let text = b"data1=619414a9-4e03-4c4d-b517-cdc013723f8e\r\n";
        let sealed = Key(vec![0x5a]).apply(&text[..42]);
        let cribs = Cribs::new(["619414a9-4e03-4c4d-b517-cdc013723f8e"]);
        assert_eq!(cribs.find(&sealed), Some(Key(vec![0x5a])));
        assert_eq!(cribs.find(&[&sealed[..], b"\r\n"].concat()), Some(Key(vec![0x5a])));
    }

    #[test]
    fn nothing_is_found_where_nothing_lies() {
        let cribs = cribs();
        assert_eq!(cribs.find(format!("in clear: {IMEI}").as_bytes()), None);
        assert_eq!(cribs.find(&[0x30; 400]), None);
        let mut state = 1u32;
        let noise: Vec<u8> = std::iter::repeat_with(|| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24) as u8
        })
        .take(1 << 20)
        .collect();
        assert_eq!(cribs.find(&noise), None);
        assert!(Cribs::new(["short", "000000000000000"]).is_empty());
    }
}
