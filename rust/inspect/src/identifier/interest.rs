//! Which parts of JSON and forms are worth a leaf: those in which one of the searches could find something.

use super::known::KnownValues;
use super::learned::Learned;
use super::names::{Key, Names};
use super::shape::Shapes;
use super::token;
use crate::decode::Part;

/// Shorter values are not searched for what lies beneath a cipher.
const CRIBBED_MIN: usize = 16;

/// No search finds anything in shorter values whose name tells nothing.
const SHORTEST: usize = 8;

/// What is searched for.
pub struct Interest<'s> {
    /// What names say.
    pub names: &'s mut Names,
    /// Values of this phone.
    pub known: &'s KnownValues,
    /// Values that a key named.
    pub learned: &'s Learned,
    /// Validated shapes.
    pub shapes: &'s Shapes,
}

impl Interest<'_> {
    /// Whether a part is worth a leaf.
    pub fn wants(&mut self, part: &Part<'_>) -> bool {
        let key = self.names.get_key(part.key);
        self.wants_name(key, part)
            || self.wants_value(part.value)
            || (key.said.token && token::is_random(part.value))
            || (part.made && !self.known.is_empty() && self.holds_known(part.value))
    }

    fn wants_name(&mut self, key: Key, part: &Part<'_>) -> bool {
        let said = key.said;
        if key.joined.is_some() || said.device || said.tracing || said.agent || said.value {
            return true;
        }
        if said.label {
            return std::str::from_utf8(part.value).is_ok_and(|value| self.names.get(value).key.is_some());
        }
        key.alone && !part.above.is_empty() && self.names.get_inside(part.above, part.key).is_some()
    }

    fn wants_value(&self, value: &[u8]) -> bool {
        if value.len() < SHORTEST {
            return false;
        }
        self.learned.recognise(value).is_some()
            || self.shapes.has_any(value)
            || (!self.known.is_empty() && value.len() >= CRIBBED_MIN && !is_words(value))
    }

    fn holds_known(&self, value: &[u8]) -> bool {
        let mut found = false;
        self.known.find(value, &mut |_| found = true);
        found
    }
}

/// Whether it is plain words, which no cipher leaves.
fn is_words(value: &[u8]) -> bool {
    value.contains(&b' ')
        && value.iter().all(|byte| byte.is_ascii_alphanumeric() || b" .,:;/_()'-".contains(byte))
}
