//! MessagePack (github.com/msgpack/msgpack, spec.md), when it is one object from end to end and has names.

use std::ops::Range;

use super::tree::Tree;
use super::{Piece, text};

/// Objects inside each other beyond this are not believed.
const MAX_DEPTH: u8 = 32;
/// Shorter bytes need a name of more than a letter.
const LONG: usize = 12;

/// Whether it begins as a map or an array.
pub fn is_msgpack(bytes: &[u8]) -> bool {
    matches!(bytes, [0x80..=0x9f | 0xdc..=0xdf, _, ..])
}

/// The leaves with their key paths, at most `limit`.
pub fn pieces(bytes: &[u8], limit: usize) -> Option<Vec<Piece>> {
    let mut parser = Parser { bytes, at: 0, tree: Tree::new(limit), telling: false };
    let whole = parser.object(0, 0).is_some() && parser.at == bytes.len();
    (parser.telling && (whole || parser.tree.is_full())).then(|| parser.tree.into_pieces())
}

/// The number that stands at the start of `bytes`, as the leaf is written.
pub fn scalar(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut parser = Parser { bytes, at: 0, tree: Tree::new(1), telling: false };
    parser.object(0, 0)?;
    parser.tree.into_pieces().first().map(|piece| piece.bytes(bytes).to_vec())
}

struct Parser<'a> {
    bytes: &'a [u8],
    at: usize,
    tree: Tree,
    /// Whether a map has a name.
    telling: bool,
}

impl Parser<'_> {
    fn take(&mut self, length: usize) -> Option<Range<usize>> {
        let end = self.at.checked_add(length).filter(|end| *end <= self.bytes.len())?;
        let range = self.at..end;
        self.at = end;
        Some(range)
    }

    /// A big-endian number of 1, 2, 4 or 8 bytes.
    fn uint(&mut self, length: usize) -> Option<u64> {
        let range = self.take(length)?;
        Some(self.bytes.get(range)?.iter().fold(0, |value, byte| value << 8 | u64::from(*byte)))
    }

    /// A length of `1 << power` bytes.
    fn length(&mut self, power: u8) -> Option<usize> {
        usize::try_from(self.uint(1 << power)?).ok()
    }

    fn object(&mut self, object: u32, depth: u8) -> Option<()> {
        if depth > MAX_DEPTH || self.tree.is_full() {
            return None;
        }
        let start = self.at;
        let first = *self.bytes.get(start)?;
        self.at += 1;
        match first {
            0x00..=0x7f => self.number(first.to_string(), start, object),
            0xe0..=0xff => self.number((first as i8).to_string(), start, object),
            0x80..=0x8f => self.map(usize::from(first & 15), depth)?,
            0x90..=0x9f => self.array(usize::from(first & 15), object, depth)?,
            0xa0..=0xbf => self.string(usize::from(first & 31), true, object)?,
            0xc0 | 0xc2 | 0xc3 => {}
            0xc4..=0xc6 => {
                let length = self.length(first - 0xc4)?;
                self.string(length, false, object)?;
            }
            0xc7..=0xc9 => {
                let length = self.length(first - 0xc7)?;
                self.extension(length, object)?;
            }
            0xca => {
                let bits = self.uint(4)? as u32;
                self.number(f32::from_bits(bits).to_string(), start, object);
            }
            0xcb => {
                let bits = self.uint(8)?;
                self.number(f64::from_bits(bits).to_string(), start, object);
            }
            0xcc..=0xcf => {
                let value = self.uint(1 << (first - 0xcc))?;
                self.number(value.to_string(), start, object);
            }
            0xd0..=0xd3 => {
                let bits = 8u32 << (first - 0xd0);
                let value = self.uint(bits as usize / 8)?;
                let signed = (value << (64 - bits)) as i64 >> (64 - bits);
                self.number(signed.to_string(), start, object);
            }
            0xd4..=0xd8 => self.extension(1 << (first - 0xd4), object)?,
            0xd9..=0xdb => {
                let length = self.length(first - 0xd9)?;
                self.string(length, true, object)?;
            }
            0xdc | 0xdd => {
                let count = self.length(first - 0xdc + 1)?;
                self.array(count, object, depth)?;
            }
            0xde | 0xdf => {
                let count = self.length(first - 0xde + 1)?;
                self.map(count, depth)?;
            }
            0xc1 => return None,
        }
        Some(())
    }

    fn number(&mut self, text: String, start: usize, object: u32) {
        self.tree.add_own(text.into_bytes(), start..self.at, object, " (number)");
    }

    fn string(&mut self, length: usize, is_text: bool, object: u32) -> Option<()> {
        let range = self.take(length)?;
        if is_text {
            std::str::from_utf8(self.bytes.get(range.clone())?).ok()?;
        }
        if !range.is_empty() {
            self.tree.add_slice(range, object);
        }
        Some(())
    }

    /// A type byte and data.
    fn extension(&mut self, length: usize, object: u32) -> Option<()> {
        self.take(1)?;
        self.string(length, false, object)
    }

    fn array(&mut self, count: usize, object: u32, depth: u8) -> Option<()> {
        for index in 0..count {
            let back = self.tree.enter_index(index);
            self.object(object, depth + 1)?;
            self.tree.leave(back);
        }
        Some(())
    }

    fn map(&mut self, count: usize, depth: u8) -> Option<()> {
        let object = self.tree.begin_object();
        for _ in 0..count {
            let key = self.key()?;
            let back = self.tree.enter_key(&key);
            self.object(object, depth + 1)?;
            self.tree.leave(back);
        }
        Some(())
    }

    /// A map's key: a string or a small number, as every schema in use has it.
    fn key(&mut self) -> Option<String> {
        let first = *self.bytes.get(self.at)?;
        self.at += 1;
        let length = match first {
            0x00..=0x7f => return Some(first.to_string()),
            0xcc | 0xcd => return Some(self.uint(1 << (first - 0xcc))?.to_string()),
            0xa0..=0xbf => usize::from(first & 31),
            0xd9 | 0xda => self.length(first - 0xd9)?,
            _ => return None,
        };
        let range = self.take(length)?;
        let name = self.bytes.get(range)?;
        let least = if self.bytes.len() >= LONG { 1 } else { 2 };
        self.telling |= name.len() >= least && text::is_text(name);
        String::from_utf8(name.to_vec()).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8]) -> Option<Vec<String>> {
        let show =
            |it: &Piece| format!("{}={}{}", it.path, String::from_utf8_lossy(it.bytes(bytes)), it.suffix);
        pieces(bytes, 100).map(|pieces| pieces.iter().map(show).collect())
    }

    #[test]
    fn names_leaves_by_key_path() {
        // {"imei": "123", "d": {"n": -2, 7: 1.5}, "l": [nil, bin ff, 65536, ext 'a', int16 -3]}
        let bytes = b"\x83\xa4imei\xa3123\xa1d\x82\xa1n\xfe\x07\xcb\x3f\xf8\0\0\0\0\0\0\
            \xa1l\x95\xc0\xc4\x01\xff\xce\0\x01\0\0\xd4\x05a\xd1\xff\xfd";
        let expected = [
            "imei=123",
            "d.n=-2 (number)",
            "d.7=1.5 (number)",
            "l[1]=\u{fffd}",
            "l[2]=65536 (number)",
            "l[3]=a",
            "l[4]=-3 (number)",
        ];
        assert_eq!(read(bytes).unwrap(), expected);
        assert_eq!(read(b"\xdc\0\x01\xde\0\x01\xd9\x02vs\xda\0\x01a").unwrap(), ["[0].vs=a"]);
        assert_eq!(scalar(b"\xcf\x00\x01\x42\x9d\x2d\x0c\x5b\x11").unwrap(), b"354717809793809");
    }

    #[test]
    fn refuses_what_is_not_one_named_object() {
        for bytes in [
            &b""[..],
            b"\x93\x01\x02\x03",
            b"\x81\xa4imei\xa3123x",
            b"\x81\xa4imei\xa4123",
            b"\x81\xa2\xff\xff\x01",
            b"\x81\xc1\x01",
            b"\xdd\xff\xff\xff\xff",
            &[0x91; 600],
        ] {
            assert_eq!(read(bytes), None, "{bytes:x?}");
        }
    }
}
