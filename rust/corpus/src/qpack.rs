//! Field sections of HTTP/3 and the table that the encoder fills for them (RFC 9204).

use crate::content::Field;
use crate::hpack::{find, number, size, string};
use crate::random::Random;

/// Names and values that every connection knows (appendix A), as far as requests here have them.
const KNOWN: [(u8, &str, &str); 9] = [
    (0, ":authority", ""),
    (1, ":path", "/"),
    (4, "content-length", "0"),
    (5, "cookie", ""),
    (17, ":method", "GET"),
    (20, ":method", "POST"),
    (23, ":scheme", "https"),
    (44, "content-type", "application/dns-message"),
    (95, "user-agent", ""),
];

/// One end's encoder.
pub struct Encoder {
    /// What the other end announced: SETTINGS_QPACK_MAX_TABLE_CAPACITY.
    most: usize,
    /// What is used of it.
    capacity: usize,
    /// Whether texts are Huffman-coded.
    huffman: bool,
    /// The oldest first, and how many were dropped before it.
    entries: Vec<Field>,
    dropped: usize,
    /// The first entry that a section refers to which the other end did not acknowledge.
    pinned: Option<usize>,
    /// Instructions that were not sent yet.
    instructions: Vec<u8>,
}

/// How a field stands in a section. Entries are told by their absolute index (section 3.2.4).
enum Line {
    Known(u8),
    Entry(usize),
    KnownName(u8),
    EntryName(usize),
    Literal,
}

impl Encoder {
    /// One without a table.
    pub fn of_known(huffman: bool) -> Self {
        let (entries, instructions) = (Vec::new(), Vec::new());
        Self { most: 0, capacity: 0, huffman, entries, dropped: 0, pinned: None, instructions }
    }

    /// One whose table may become as large as the other end announced.
    pub fn new(most: usize, huffman: bool, random: &mut Random) -> Self {
        let capacity = random.between(most as u64 / 2, most as u64) as usize;
        // Section 4.3.1.
        let instructions = number(0x20, 5, capacity);
        Self { most, capacity, instructions, ..Self::of_known(huffman) }
    }

    /// What the encoder stream goes on with before the sections that were made since the last time.
    pub fn instructions(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.instructions)
    }

    /// The other end acknowledged all sections.
    pub fn acknowledged(&mut self) {
        self.pinned = None;
    }

    /// A section (section 4.5). New entries are counted from before it on, or it from behind them.
    pub fn section(&mut self, fields: &[Field], random: &mut Random) -> Vec<u8> {
        let before = self.count();
        let lines: Vec<Line> = fields.iter().map(|field| self.choose(field, random)).collect();
        let entry =
            |line: &Line| if let Line::Entry(at) | Line::EntryName(at) = line { Some(at + 1) } else { None };
        let required = lines.iter().filter_map(entry).max();
        let Some(required) = required else {
            return [vec![0, 0], self.write(&lines, fields, 0)].concat();
        };
        // Section 4.5.1.
        let base = [before, self.count(), required][random.index(3)];
        let count = number(0, 8, required % (2 * (self.most / 32)) + 1);
        let base_sent = match base.checked_sub(required) {
            Some(delta) => number(0, 7, delta),
            None => number(0x80, 7, required - base - 1),
        };
        [count, base_sent, self.write(&lines, fields, base)].concat()
    }

    fn choose(&mut self, field: &Field, random: &mut Random) -> Line {
        let (whole, name) = find(&KNOWN, field);
        if let Some(index) = whole {
            return Line::Known(index);
        }
        let at = match self.entries.iter().rposition(|entry| entry == field) {
            Some(place) if random.happens(20) => self.duplicate(place).or(Some(self.dropped + place)),
            Some(place) => Some(self.dropped + place),
            None if random.happens(70) => self.insert(field),
            None => None,
        };
        let named = self.entries.iter().rposition(|entry| entry.name == field.name);
        let line = match (at, named.filter(|_| random.happens(50)), name) {
            (Some(at), ..) => Line::Entry(at),
            (None, Some(place), _) => Line::EntryName(self.dropped + place),
            (None, None, Some(index)) => Line::KnownName(index),
            (None, None, None) => Line::Literal,
        };
        if let Line::Entry(at) | Line::EntryName(at) = line {
            self.pinned = Some(self.pinned.map_or(at, |pinned| pinned.min(at)));
        }
        line
    }

    /// Sections 4.3.2 and 4.3.3. Returns its absolute index, if there is room.
    fn insert(&mut self, field: &Field) -> Option<usize> {
        let named = self.entries.iter().rev().position(|entry| entry.name == field.name);
        let at = self.make_room(field)?;
        let name = match (find(&KNOWN, field).1, named) {
            (Some(index), _) => number(0xc0, 6, index.into()),
            (None, Some(relative)) => number(0x80, 6, relative),
            (None, None) => string(field.name.as_bytes(), 0x40, 5, self.huffman),
        };
        self.instructions.extend([name, string(&field.value, 0, 7, self.huffman)].concat());
        self.entries.push(field.clone());
        Some(at)
    }

    /// Section 4.3.4.
    fn duplicate(&mut self, place: usize) -> Option<usize> {
        let (relative, field) = (self.entries.len() - 1 - place, self.entries[place].clone());
        let at = self.make_room(&field)?;
        self.instructions.extend(number(0, 5, relative));
        self.entries.push(field);
        Some(at)
    }

    /// Drops the oldest entries until there is room for another one, whose absolute index it returns. What sections refer
    /// to must stay (section 2.1.1).
    fn make_room(&mut self, field: &Field) -> Option<usize> {
        let at = self.count();
        let used = |entries: &[Field]| entries.iter().map(size).sum::<usize>();
        let fits = |dropped: &usize| used(&self.entries[*dropped..]) + size(field) <= self.capacity;
        let dropped = (0..=self.entries.len()).find(fits)?;
        if self.pinned.is_some_and(|pinned| self.dropped + dropped > pinned) {
            return None;
        }
        self.entries.drain(..dropped);
        self.dropped += dropped;
        Some(at)
    }

    /// How many entries were ever added.
    fn count(&self) -> usize {
        self.dropped + self.entries.len()
    }

    /// Sections 4.5.2 to 4.5.6.
    fn write(&self, lines: &[Line], fields: &[Field], base: usize) -> Vec<u8> {
        let write = |(line, field): (&Line, &Field)| {
            let value = || string(&field.value, 0, 7, self.huffman);
            match line {
                Line::Known(index) => number(0xc0, 6, (*index).into()),
                Line::Entry(at) if *at < base => number(0x80, 6, base - at - 1),
                Line::Entry(at) => number(0x10, 4, at - base),
                Line::KnownName(index) => [number(0x50, 4, (*index).into()), value()].concat(),
                Line::EntryName(at) if *at < base => [number(0x40, 4, base - at - 1), value()].concat(),
                Line::EntryName(at) => [number(0x00, 3, at - base), value()].concat(),
                Line::Literal => [string(field.name.as_bytes(), 0x20, 3, self.huffman), value()].concat(),
            }
        };
        lines.iter().zip(fields).flat_map(write).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn without_a_table_fields_are_known_or_literal() {
        let random = &mut Random::new(1, 1);
        let mut encoder = Encoder::of_known(false);
        // RFC 9204 appendix B.1.
        let section = encoder.section(&[Field::new(":path", "/index.html")], random);
        assert_eq!(section, b"\0\0\x51\x0b/index.html");
        assert_eq!(encoder.section(&[Field::new("a", "b")], random), b"\0\0\x21a\x01b");
        assert_eq!(encoder.instructions(), b"");
    }

    fn encoder(most: usize) -> Encoder {
        Encoder { most, capacity: most, instructions: number(0x20, 5, most), ..Encoder::of_known(false) }
    }

    /// RFC 9204 appendix B: its instructions, and what is left in the table.
    #[test]
    fn a_table_is_filled_as_in_the_standard() {
        let mut encoder = encoder(220);
        assert_eq!(encoder.insert(&Field::new(":authority", "www.example.com")), Some(0));
        assert_eq!(encoder.insert(&Field::new(":path", "/sample/path")), Some(1));
        assert_eq!(encoder.instructions(), b"\x3f\xbd\x01\xc0\x0fwww.example.com\xc1\x0c/sample/path");
        let (lines, fields) = ([Line::Entry(0), Line::Entry(1)], vec![Field::new("", ""); 2]);
        assert_eq!(encoder.write(&lines, &fields, 0), b"\x10\x11");
        encoder.insert(&Field::new("custom-key", "custom-value"));
        assert_eq!(encoder.instructions(), b"\x4acustom-key\x0ccustom-value");
        assert_eq!(encoder.duplicate(0), Some(3));
        assert_eq!(encoder.instructions(), b"\x02");
        assert_eq!(
            encoder.write(&[Line::Entry(3), Line::Known(1), Line::Entry(2)], &vec![Field::new("", ""); 3], 4),
            b"\x80\xc1\x81"
        );
        encoder.insert(&Field::new("custom-key", "custom-value2"));
        assert_eq!(encoder.instructions(), b"\x81\x0dcustom-value2");
        assert_eq!((encoder.dropped, encoder.entries.iter().map(size).sum::<usize>()), (1, 215));
    }

    #[test]
    fn what_a_section_refers_to_is_not_dropped() {
        let mut encoder = encoder(80);
        let field = |value: &str| Field::new("x-id", value);
        let first = encoder.insert(&field("1")).unwrap();
        encoder.pinned = Some(first);
        assert_eq!(encoder.insert(&field("22")), Some(1));
        assert_eq!(encoder.insert(&field("3")), None);
        encoder.acknowledged();
        assert_eq!((encoder.insert(&field("3")), encoder.dropped), (Some(2), 1));
        assert_eq!(encoder.insert(&field(&"4".repeat(50))), None);
    }

    #[test]
    fn entries_are_counted_from_the_base() {
        let fields = vec![Field::new("a", "b"); 4];
        let lines = [Line::Entry(9), Line::Entry(10), Line::EntryName(9), Line::EntryName(12)];
        assert_eq!(Encoder::of_known(false).write(&lines, &fields, 10), b"\x80\x10\x40\x01b\x02\x01b");
    }

    /// What a section may begin with is drawn: a count that is 0 or not, a base before it, at it and behind it.
    #[test]
    fn sections_differ() {
        let fields = [Field::new("x-id", "1"), Field::new("x-id", "2"), Field::new("cookie", "a=b")];
        let (mut prefixes, mut firsts) = (BTreeSet::new(), BTreeSet::new());
        for item in 0..500 {
            let random = &mut Random::new(1, item);
            let mut encoder = Encoder::new([128, 512][random.index(2)], false, random);
            for _ in 0..2 {
                let section = encoder.section(&fields, random);
                prefixes.insert((section[0].min(1), section[1] & 0x80, (section[1] & 0x7f).min(1)));
                firsts.insert(section[2] & 0xf0);
            }
        }
        assert!([(0, 0, 0), (1, 0, 0), (1, 0x80, 0), (1, 0x80, 1)].iter().all(|it| prefixes.contains(it)));
        assert!([0x10, 0x20, 0x40, 0x80].iter().all(|it| firsts.contains(it)), "{firsts:x?}");
    }
}
