//! Encoded field sections (RFC 9204 section 4.5).

use std::ops::Range;

use super::super::hpack::{Block, Field, MAX_FIELDS, Reader};
use super::{Decoder, fixed};

/// How many entries must have been added before a section can be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Required {
    Count(u64),
    /// It is told modulo something that is not known yet.
    Unknown,
    /// No sender can mean it.
    Impossible,
}

/// What a section begins with (section 4.5.1), as far as it makes sense.
#[derive(Debug, Clone, Copy)]
struct Prefix {
    required: u64,
    /// From where entries are counted.
    base: u64,
}

impl Decoder {
    /// Whether entries that a section needs are still to come (section 2.1.2).
    pub(in crate::protocol) fn is_blocked(&self, section: &Block) -> bool {
        match Reader::new(section).integer(8).map(|encoded| self.required(encoded as u64)) {
            _ if self.broken => false,
            Some(Required::Count(count)) => count > self.table.inserted(),
            Some(Required::Unknown) => true,
            Some(Required::Impossible) | None => false,
        }
    }

    /// The fields of a section, and whether all of it was read; `room`: how many bytes they may come to. What stands in
    /// entries that are not known has no name or no value.
    pub(in crate::protocol) fn decode(&self, section: &Block, room: usize) -> (Vec<Field>, bool) {
        let (mut reader, mut out) = (Reader::new(section), Vec::new());
        let Some((encoded, base)) = read_prefix(&mut reader) else { return (out, false) };
        let prefix = self.prefix(encoded, base);
        let (mut sound, mut listed) = (true, 0);
        while reader.peek().is_some() {
            let Some(field) = self.line(&mut reader, prefix) else { return (out, false) };
            listed += field.size();
            if out.len() == MAX_FIELDS || listed > room {
                return (out, false);
            }
            sound &= !field.name.is_empty();
            out.push(field);
        }
        (out, sound)
    }

    /// Section 4.5.1.1.
    fn required(&self, encoded: u64) -> Required {
        if encoded == 0 {
            return Required::Count(0);
        }
        let Some(max_entries) = self.max_entries() else { return Required::Unknown };
        let full_range = 2 * max_entries;
        if encoded > full_range {
            return Required::Impossible;
        }
        // Of an encoder stream with a hole it is not known how often the count went round.
        if self.ahead >= max_entries {
            return Required::Unknown;
        }
        let max_value = self.table.inserted() + max_entries;
        let count = max_value / full_range * full_range + encoded - 1;
        match if count > max_value { count.checked_sub(full_range) } else { Some(count) } {
            Some(count) if count > 0 => Required::Count(count),
            _ => Required::Impossible,
        }
    }

    /// Section 4.5.1.2.
    fn prefix(&self, encoded: u64, (negative, delta): (bool, u64)) -> Option<Prefix> {
        let Required::Count(required) = self.required(encoded) else { return None };
        let base = if negative { required.checked_sub(delta + 1)? } else { required + delta };
        Some(Prefix { required, base })
    }

    /// The next field line (sections 4.5.2 to 4.5.6).
    fn line(&self, reader: &mut Reader<'_>, prefix: Option<Prefix>) -> Option<Field> {
        let first = reader.peek()?;
        let name = match first {
            0x80.. => return self.reference(reader, 6, first & 0x40 != 0, prefix),
            0x40.. => self.reference(reader, 4, first & 0x10 != 0, prefix)?.name,
            0x20.. => reader.string(3)?.0.value,
            0x10.. => return self.post_base(reader, 4, prefix),
            _ => self.post_base(reader, 3, prefix)?.name,
        };
        Some(Field { name, ..reader.string(7)?.0 })
    }

    /// A field of the table that all connections know, or one counted backwards from the base.
    fn reference(
        &self,
        reader: &mut Reader<'_>,
        bits: u32,
        is_fixed: bool,
        prefix: Option<Prefix>,
    ) -> Option<Field> {
        let (index, range) = reader.placed(|reader| reader.integer(bits))?;
        if is_fixed {
            return Some(Field::fixed(fixed::FIELDS.get(index).copied().unwrap_or_default(), range));
        }
        let number = prefix.and_then(|prefix| prefix.base.checked_sub(index as u64 + 1));
        Some(self.entry(number, prefix, range))
    }

    /// An entry counted from the base on.
    fn post_base(&self, reader: &mut Reader<'_>, bits: u32, prefix: Option<Prefix>) -> Option<Field> {
        let (index, range) = reader.placed(|reader| reader.integer(bits))?;
        let number = prefix.map(|prefix| prefix.base + index as u64);
        Some(self.entry(number, prefix, range))
    }

    /// The entry of that number, where it was sent; a field without a name at `range`, if it is not known.
    fn entry(&self, number: Option<u64>, prefix: Option<Prefix>, range: Range<u64>) -> Field {
        let number = number.filter(|number| prefix.is_some_and(|prefix| *number < prefix.required));
        let known = number.and_then(|number| self.table.absolute(number));
        known.cloned().unwrap_or_else(|| Field::fixed(("", ""), range))
    }
}

/// The encoded count, and the sign and distance of the base.
fn read_prefix(reader: &mut Reader<'_>) -> Option<(u64, (bool, u64))> {
    let encoded = reader.integer(8)?;
    let negative = reader.peek()? & 0x80 != 0;
    Some((encoded as u64, (negative, reader.integer(7)? as u64)))
}
