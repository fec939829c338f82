//! Which parts of JSON and forms are worth a leaf: those in which one of the searches could find something.

use super::known::KnownValues;
use super::learned::Learned;
use super::names::Names;
use super::shape::Shapes;
use super::token;
use crate::decode::{Cribs, Part};

/// No search finds anything in shorter values whose name tells nothing.
const SHORTEST: usize = 8;

/// What is searched for.
pub struct Interest<'s> {
    /// What names say.
    pub names: &'s mut Names,
    /// Values of this phone.
    pub known: &'s KnownValues,
    /// They, beneath ciphers.
    pub cribs: &'s Cribs,
    /// Values that a key named.
    pub learned: &'s Learned,
    /// Validated shapes.
    pub shapes: &'s Shapes,
}

impl Interest<'_> {
    /// Whether a part is worth a leaf.
    pub fn wants(&mut self, part: &Part<'_>) -> bool {
        let worth = self.names.worth(part.key, part.above);
        worth.always
            || (worth.label && self.names_another(part.value))
            || self.wants_value(part.value)
            || (worth.random && token::is_random(part.value))
            || (part.made && !self.known.is_empty() && self.known.holds(part.value))
    }

    /// Whether the value is a name that tells what another value is.
    fn names_another(&mut self, value: &[u8]) -> bool {
        std::str::from_utf8(value).is_ok_and(|value| self.names.get(value).key.is_some())
    }

    fn wants_value(&self, value: &[u8]) -> bool {
        if value.len() < SHORTEST {
            return false;
        }
        self.learned.recognise(value).is_some()
            || self.shapes.has_any(value)
            || (self.cribs.fit(value)
                && !is_words(value)
                && self.cribs.open(value, &|bytes| self.known.holds(bytes)).is_some())
    }
}

/// Whether it is plain words, which no cipher leaves.
fn is_words(value: &[u8]) -> bool {
    value.contains(&b' ')
        && value.iter().all(|byte| byte.is_ascii_alphanumeric() || b" .,:;/_()'-".contains(byte))
}
