//! Values that a key once named, recognised when they are sent again under a name that says nothing.
//!
//! An Android ID is 16 hexadecimal digits, an advertising ID a UUID: without a name neither can be told from noise.
//! But the same value sent to two places is no noise.

use std::collections::BTreeMap;

use super::{Confidence, IdentifierKind as Kind, Match};

/// Values kept; a phone has some dozens.
const MOST: usize = 1024;
/// Shorter values repeat by chance.
const SHORTEST: usize = 8;
/// Longer values are recognised by themselves.
const LONGEST: usize = 64;

/// Values that keys named, by their letters and digits.
#[derive(Debug, Clone, Default)]
pub struct Learned(BTreeMap<Vec<u8>, (Kind, String)>);

impl Learned {
    /// Keeps what keys named in a message that the phone sent.
    pub fn learn(&mut self, matches: &[Match]) {
        for found in matches {
            if found.confidence == Confidence::Shape || !is_lasting(found.kind) || self.0.len() >= MOST {
                continue;
            }
            if let Some(plain) = plain(found.value.as_bytes()) {
                self.0.entry(plain).or_insert_with(|| (found.kind, found.value.clone()));
            }
        }
    }

    /// How many values are kept: none is ever forgotten.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// What a whole value was called before.
    #[inline]
    pub fn recognise(&self, value: &[u8]) -> Option<(Kind, &str)> {
        if self.0.is_empty() { None } else { self.look_up(value) }
    }

    #[inline(never)]
    fn look_up(&self, value: &[u8]) -> Option<(Kind, &str)> {
        self.0.get(&plain(value.trim_ascii())?).map(|(kind, value)| (*kind, value.as_str()))
    }
}

/// Whether a kind of identifier stays the same, and is one of this phone's alone.
fn is_lasting(kind: Kind) -> bool {
    !matches!(
        kind,
        Kind::Cell | Kind::Location | Kind::Ssid | Kind::Bssid | Kind::Fingerprint | Kind::FcmToken
    )
}

fn plain(value: &[u8]) -> Option<Vec<u8>> {
    if value.len() > LONGEST {
        return None;
    }
    let separator = |byte: &u8| matches!(byte, b'-' | b':' | b'+');
    let plain: Vec<u8> = value.iter().filter(|byte| !separator(byte)).map(u8::to_ascii_lowercase).collect();
    (plain.len() >= SHORTEST && plain.iter().all(u8::is_ascii_alphanumeric)).then_some(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recognises_what_a_key_named() {
        let found = |kind, value: &str, confidence| Match {
            kind,
            value: value.into(),
            confidence,
            decode: Vec::new(),
            range: 0..0,
        };
        let mut learned = Learned::default();
        learned.learn(&[
            found(Kind::Mac, "02:00:5e:10:00:fe", Confidence::Key),
            found(Kind::Meid, "a00005f53e9421", Confidence::Shape),
            found(Kind::Ssid, "TestNetwork", Confidence::Key),
        ]);
        for text in ["02005E1000FE", "02-00-5e-10-00-fe", " 02:00:5e:10:00:fe"] {
            assert_eq!(learned.recognise(text.as_bytes()), Some((Kind::Mac, "02:00:5e:10:00:fe")), "{text}");
        }
        for text in ["02005e1000ff", "a00005f53e9421", "TestNetwork", "", "x"] {
            assert_eq!(learned.recognise(text.as_bytes()), None, "{text}");
        }
    }
}
