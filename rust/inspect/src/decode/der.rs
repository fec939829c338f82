//! Texts in ASN.1's distinguished encoding (X.690): certificates, and what protocols of operators carry.

use std::borrow::Cow;
use std::ops::Range;

use super::tree::Tree;
use super::{Piece, text, utf16};

/// Values inside each other beyond this are not believed.
const MAX_DEPTH: u8 = 32;

const BIT_STRING: u8 = 0x03;
const OCTET_STRING: u8 = 0x04;
const OBJECT_IDENTIFIER: u8 = 0x06;
const BMP_STRING: u8 = 0x1e;
const SEQUENCE: u8 = 0x30;

/// Attributes of names (RFC 4519, RFC 2985).
const ATTRIBUTES: [(&[u8], &str); 8] = [
    (&[0x55, 4, 3], "commonName"),
    (&[0x55, 4, 5], "serialNumber"),
    (&[0x55, 4, 6], "countryName"),
    (&[0x55, 4, 10], "organizationName"),
    (&[0x55, 4, 11], "organizationalUnitName"),
    (&[0x55, 4, 12], "title"),
    (&[0x09, 0x92, 0x26, 0x89, 0x93, 0xf2, 0x2c, 0x64, 1, 1], "userId"),
    (&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 9, 1], "emailAddress"),
];

/// Whether it begins as a sequence that is as long as the bytes.
pub fn is_der(bytes: &[u8]) -> bool {
    bytes.len() >= 16 && bytes.first() == Some(&SEQUENCE) && whole(bytes).is_some()
}

/// The texts, named by the object identifier before them or by their position (`0.3.1.commonName`), at most `limit`.
pub fn pieces(bytes: &[u8], limit: usize) -> Option<Vec<Piece>> {
    let mut parser = Parser { bytes, tree: Tree::new(limit) };
    parser.content(whole(bytes)?, 0)?;
    let pieces = parser.tree.into_pieces();
    let telling = pieces.iter().any(|it| it.bytes(bytes).len() >= 4 && text::is_text(it.bytes(bytes)));
    telling.then_some(pieces)
}

/// The text that stands in the UTF-16 value at the start of `bytes`.
pub fn scalar(bytes: &[u8]) -> Option<Vec<u8>> {
    let (_, content) = value(bytes, 0..bytes.len())?;
    Some(utf16::text(bytes.get(content)?, u16::from_be_bytes))
}

/// The content of a single value without anything behind it.
fn whole(bytes: &[u8]) -> Option<Range<usize>> {
    value(bytes, 0..bytes.len()).map(|(_, content)| content).filter(|content| content.end == bytes.len())
}

/// The value at the start of a range: its tag, and where its content stands.
fn value(bytes: &[u8], range: Range<usize>) -> Option<(u8, Range<usize>)> {
    let rest = bytes.get(range.clone())?;
    let (&tag, &first) = (rest.first()?, rest.get(1)?);
    let (length, head) = match first {
        0..=0x7f => (usize::from(first), 2),
        0x81..=0x84 => {
            let size = usize::from(first & 0x7f);
            let digits = rest.get(2..2 + size)?;
            (digits.iter().fold(0usize, |length, byte| length << 8 | usize::from(*byte)), 2 + size)
        }
        _ => return None,
    };
    // Tags of more than one byte stand in nothing that is read here.
    let end = (range.start + head).checked_add(length).filter(|end| *end <= range.end && tag & 31 != 31)?;
    Some((tag, range.start + head..end))
}

struct Parser<'a> {
    bytes: &'a [u8],
    tree: Tree,
}

impl Parser<'_> {
    /// The values of a constructed one, to its end.
    fn content(&mut self, range: Range<usize>, depth: u8) -> Option<()> {
        if depth > MAX_DEPTH {
            return None;
        }
        let object = self.tree.begin_object();
        let mut at = range.start;
        let mut index = 0u32;
        let mut name: Option<&'static str> = None;
        while at < range.end && !self.tree.is_full() {
            let (tag, content) = value(self.bytes, at..range.end)?;
            let key = name.take().map_or_else(|| Cow::Owned(index.to_string()), Cow::Borrowed);
            let back = self.tree.enter_key(&key);
            if tag & 0x20 != 0 {
                self.content(content.clone(), depth + 1)?;
            } else if tag == OBJECT_IDENTIFIER {
                name = self.bytes.get(content.clone()).and_then(attribute);
            } else {
                self.primitive(tag, at, content.clone(), object, depth);
            }
            self.tree.leave(back);
            at = content.end;
            index += 1;
        }
        Some(())
    }

    fn primitive(&mut self, tag: u8, start: usize, content: Range<usize>, object: u32, depth: u8) {
        let bytes = self.bytes.get(content.clone()).unwrap_or_default();
        // A bit string's first byte tells how many bits are unused.
        let inner = if tag == BIT_STRING { content.start + 1..content.end } else { content.clone() };
        if matches!(tag, BIT_STRING | OCTET_STRING) && self.nested(inner, depth) {
            return;
        }
        match tag {
            BMP_STRING => {
                let text = utf16::text(bytes, u16::from_be_bytes);
                self.tree.add_own(text, start..content.end, object, " (utf-16)");
            }
            OCTET_STRING | 0x0c | 0x12..=0x16 | 0x1a | 0x80..=0x9e if !bytes.is_empty() => {
                self.tree.add_slice(content, object);
            }
            _ => {}
        }
    }

    /// A value within a string: read, if it is one to the end and holds anything.
    fn nested(&mut self, range: Range<usize>, depth: u8) -> bool {
        let before = self.tree.len();
        let inner = value(self.bytes, range.clone())
            .filter(|(tag, content)| *tag == SEQUENCE && content.end == range.end && content.len() > 8);
        let read = inner.and_then(|(_, content)| self.content(content, depth + 1));
        read.is_some() && self.tree.len() > before
    }
}

fn attribute(identifier: &[u8]) -> Option<&'static str> {
    ATTRIBUTES.iter().find(|(known, _)| *known == identifier).map(|(_, name)| *name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrap(tag: u8, content: &[u8]) -> Vec<u8> {
        [&[tag, content.len() as u8], content].concat()
    }

    fn read(bytes: &[u8]) -> Option<Vec<String>> {
        let show =
            |it: &Piece| format!("{}={}{}", it.path, String::from_utf8_lossy(it.bytes(bytes)), it.suffix);
        pieces(bytes, 100).map(|pieces| pieces.iter().map(show).collect())
    }

    #[test]
    fn names_texts_by_their_attribute() {
        let attribute =
            |oid: &[u8], tag, text: &[u8]| wrap(0x31, &wrap(0x30, &[wrap(6, oid), wrap(tag, text)].concat()));
        let name = [
            attribute(&[0x55, 4, 5], 0x13, b"001017001234569"),
            attribute(&[0x55, 4, 3], 0x1e, b"\0p\0h\0o\0n\0e"),
        ]
        .concat();
        let nested = wrap(4, &wrap(0x30, &wrap(0x0c, b"nested text")));
        let bytes = wrap(0x30, &[wrap(2, &[1]), wrap(0x30, &name), nested].concat());
        assert!(is_der(&bytes));
        let expected =
            ["1.0.0.serialNumber=001017001234569", "1.1.0.commonName=phone (utf-16)", "2.0=nested text"];
        assert_eq!(read(&bytes).unwrap(), expected);
        assert_eq!(scalar(b"\x1e\x04\0a\0b").unwrap(), b"ab");
    }

    #[test]
    fn refuses_what_does_not_parse_to_the_end() {
        for bytes in
            [&b"0\x03\x02\x01\x01"[..], b"0\x84\xff\xff\xff\xff", b"0\x80ab", b"0", b"0\x04\x30\x05ab"]
        {
            assert_eq!(read(bytes), None, "{bytes:x?}");
        }
        assert!(!is_der(b"0123456789abcdefghij"));
    }
}
