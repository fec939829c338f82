//! CBOR (RFC 8949), when it is one data item from end to end and an object with names.

use std::ops::Range;

use super::tree::Tree;
use super::{Piece, text};

/// Items inside each other beyond this are not believed.
const MAX_DEPTH: u8 = 32;
/// Shorter bytes need a name of more than a letter.
const LONG: usize = 12;
/// What ends an item of indefinite length (section 3.2.1).
const BREAK: u8 = 0xff;

/// Whether it begins as a map, an array, or the tag that says that this is CBOR (section 3.4.6).
pub fn is_cbor(bytes: &[u8]) -> bool {
    matches!(bytes, [0x80..=0xbf, _, ..] | [0xd9, 0xd9, 0xf7, ..])
}

/// The leaves with their key paths (`device.imei`, `[0].n`), at most `limit`.
pub fn pieces(bytes: &[u8], limit: usize) -> Option<Vec<Piece>> {
    let mut parser = Parser { bytes, at: 0, tree: Tree::new(limit), telling: false };
    let whole = parser.item(0, 0).is_some() && parser.at == bytes.len();
    (parser.telling && (whole || parser.tree.is_full())).then(|| parser.tree.into_pieces())
}

/// The number, or the text in pieces, that stands at the start of `bytes`, as the leaf is written.
pub fn scalar(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut parser = Parser { bytes, at: 0, tree: Tree::new(1), telling: false };
    parser.item(0, 0)?;
    parser.tree.into_pieces().first().map(|piece| piece.bytes(bytes).to_vec())
}

/// An item's first byte and argument (section 3).
#[derive(Clone, Copy)]
struct Head {
    major: u8,
    /// `None`: indefinite length.
    argument: Option<u64>,
    /// Low five bits of the first byte.
    info: u8,
}

struct Parser<'a> {
    bytes: &'a [u8],
    at: usize,
    tree: Tree,
    /// Whether an object has a name.
    telling: bool,
}

impl Parser<'_> {
    fn byte(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn head(&mut self) -> Option<Head> {
        let first = self.byte()?;
        self.at += 1;
        let (major, info) = (first >> 5, first & 31);
        let argument = match info {
            0..=23 => Some(u64::from(info)),
            24..=27 => {
                let end = self.at.checked_add(1 << (info - 24))?;
                let bytes = self.bytes.get(self.at..end)?;
                self.at = end;
                Some(bytes.iter().fold(0, |value, byte| value << 8 | u64::from(*byte)))
            }
            31 if matches!(major, 2..=5) => None,
            _ => return None,
        };
        Some(Head { major, argument, info })
    }

    fn take(&mut self, length: u64) -> Option<Range<usize>> {
        let end =
            self.at.checked_add(usize::try_from(length).ok()?).filter(|end| *end <= self.bytes.len())?;
        let range = self.at..end;
        self.at = end;
        Some(range)
    }

    fn item(&mut self, object: u32, depth: u8) -> Option<()> {
        if depth > MAX_DEPTH || self.tree.is_full() {
            return None;
        }
        let start = self.at;
        let head = self.head()?;
        match (head.major, head.argument) {
            (0, Some(value)) => self.number(value.to_string(), start, object),
            (1, Some(value)) => self.number((-1 - i128::from(value)).to_string(), start, object),
            (2 | 3, Some(length)) => {
                let range = self.take(length)?;
                if head.major == 3 {
                    std::str::from_utf8(self.bytes.get(range.clone())?).ok()?;
                }
                if !range.is_empty() {
                    self.tree.add_slice(range, object);
                }
            }
            (2 | 3, None) => self.chunks(head.major, start, object)?,
            (4, count) => self.array(count, object, depth)?,
            (5, count) => self.map(count, depth)?,
            (6, Some(_)) => self.item(object, depth + 1)?,
            (7, Some(bits)) => {
                if let Some(value) = float(head.info, bits) {
                    self.number(value.to_string(), start, object);
                }
            }
            _ => return None,
        }
        Some(())
    }

    fn number(&mut self, text: String, start: usize, object: u32) {
        self.tree.add_own(text.into_bytes(), start..self.at, object, " (number)");
    }

    /// A string of indefinite length (section 3.2.3).
    fn chunks(&mut self, major: u8, start: usize, object: u32) -> Option<()> {
        let mut whole = Vec::new();
        while self.byte()? != BREAK {
            let head = self.head().filter(|head| head.major == major)?;
            let range = self.take(head.argument?)?;
            whole.extend_from_slice(self.bytes.get(range)?);
        }
        self.at += 1;
        self.tree.add_own(whole, start..self.at, object, " (chunks)");
        Some(())
    }

    /// Whether another item of `count` follows number `done`.
    fn goes_on(&mut self, count: Option<u64>, done: u64) -> Option<bool> {
        match count {
            Some(count) => Some(done < count),
            None if self.byte()? == BREAK => {
                self.at += 1;
                Some(false)
            }
            None => Some(true),
        }
    }

    fn array(&mut self, count: Option<u64>, object: u32, depth: u8) -> Option<()> {
        let mut done = 0;
        while self.goes_on(count, done)? {
            let back = self.tree.enter_index(usize::try_from(done).ok()?);
            self.item(object, depth + 1)?;
            self.tree.leave(back);
            done += 1;
        }
        Some(())
    }

    fn map(&mut self, count: Option<u64>, depth: u8) -> Option<()> {
        let object = self.tree.begin_object();
        let mut done = 0;
        while self.goes_on(count, done)? {
            let key = self.key()?;
            let back = self.tree.enter_key(&key);
            self.item(object, depth + 1)?;
            self.tree.leave(back);
            done += 1;
        }
        Some(())
    }

    /// A map's key: a text or an integer, as every schema in use has it.
    fn key(&mut self) -> Option<String> {
        let head = self.head()?;
        match (head.major, head.argument?) {
            (0, value) => Some(value.to_string()),
            (1, value) => Some((-1 - i128::from(value)).to_string()),
            (3, length) => {
                let range = self.take(length)?;
                let name = self.bytes.get(range)?;
                let least = if self.bytes.len() >= LONG { 1 } else { 2 };
                self.telling |= name.len() >= least && text::is_text(name);
                String::from_utf8(name.to_vec()).ok()
            }
            _ => None,
        }
    }
}

/// A floating-point number of half, single or double precision (section 3.3).
fn float(info: u8, bits: u64) -> Option<f64> {
    match info {
        25 => Some(half(bits)),
        26 => u32::try_from(bits).ok().map(|bits| f64::from(f32::from_bits(bits))),
        27 => Some(f64::from_bits(bits)),
        _ => None,
    }
}

fn half(bits: u64) -> f64 {
    let (exponent, fraction) = ((bits >> 10 & 31) as i32, (bits & 0x3ff) as f64);
    let value = match exponent {
        0 => fraction * 2f64.powi(-24),
        31 if fraction == 0.0 => f64::INFINITY,
        31 => f64::NAN,
        _ => (1024.0 + fraction) * 2f64.powi(exponent - 25),
    };
    if bits & 0x8000 == 0 { value } else { -value }
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
        // {"imei": "123", "d": {1: -2, "lat": 1.5}, "l": [true, h'ff', 65536]}
        let bytes = b"\xa3\x64imei\x63123\x61d\xa2\x01\x21\x63lat\xf9\x3e\x00\x61l\x83\xf5\x41\xff\x1a\x00\x01\x00\x00";
        let expected =
            ["imei=123", "d.1=-2 (number)", "d.lat=1.5 (number)", "l[1]=\u{fffd}", "l[2]=65536 (number)"];
        assert_eq!(read(bytes).unwrap(), expected);
        // RFC 8428 section 6, and the tag and the indefinite lengths of RFC 8949.
        assert_eq!(
            read(b"\xd9\xd9\xf7\x9f\xbf\x62vs\x7f\x62ab\x61c\xff\xff\xff").unwrap(),
            ["[0].vs=abc (chunks)"]
        );
    }

    #[test]
    fn a_scalar_is_read_again() {
        for (bytes, text) in [
            (&b"\x1b\x00\x01\x42\x9d\x2d\x0c\x5b\x11"[..], "354717809793809"),
            (b"\x38\x63", "-100"),
            (b"\xfb\x3f\xf8\0\0\0\0\0\0", "1.5"),
            (b"\x7f\x61a\xff", "a"),
        ] {
            assert_eq!(
                scalar(bytes).map(|it| String::from_utf8_lossy(&it).into_owned()).as_deref(),
                Some(text)
            );
        }
    }

    #[test]
    fn refuses_what_is_not_one_named_item() {
        for bytes in [
            &b""[..],
            b"\x83\x01\x02\x03",
            b"\xa1\x64imei\x63123x",
            b"\xa1\x64imei\x64123",
            b"\xa1\x62\xff\xff\x01",
            b"\xa1\xa0\x01",
            b"\x9f\x9f",
            &[0x81; 600],
            &[0xc1; 600],
        ] {
            assert_eq!(read(bytes), None, "{bytes:x?}");
        }
    }
}
