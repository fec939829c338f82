//! Binary property lists (`bplist00`): what Apple's systems and apps send. XML ones are read with other XML.
//!
//! The objects follow the magic, then a table of their offsets, then 32 bytes that tell the sizes of offsets and
//! references, how many objects there are, and which is the outermost.

use std::ops::Range;

use super::tree::{self, MAX_KEY, Tree};
use super::{Piece, utf16};

const MAGIC: &[u8] = b"bplist0";
const TRAILER: usize = 32;
/// Containers inside each other beyond this are skipped over: they may hold themselves.
const MAX_DEPTH: u8 = 32;

/// Whether it begins as one does.
pub fn is_plist(bytes: &[u8]) -> bool {
    bytes.starts_with(MAGIC)
}

/// The leaves with their key paths, at most `limit`. `stop` hears which bound was met.
pub fn pieces(bytes: &[u8], limit: usize, stop: &mut dyn FnMut(&'static str)) -> Option<Vec<Piece>> {
    let trailer = bytes.len().checked_sub(TRAILER)?;
    let tail = bytes.get(trailer..)?;
    let table = Table {
        bytes,
        offset_size: usize::from(*tail.get(6)?),
        reference_size: usize::from(*tail.get(7)?),
        objects: uint(tail.get(8..16)?)?,
        start: uint(tail.get(24..32)?)?,
    };
    let valid = [table.offset_size, table.reference_size].iter().all(|size| (1..=8).contains(size));
    if !is_plist(bytes) || !valid || table.start >= trailer {
        return None;
    }
    // The same object may stand in many places: visits, and what they lead to, are what is bounded.
    let tree = Tree::with_references(limit, bytes.len());
    let mut reader = Reader { table, tree, visits: limit };
    reader.object(uint(tail.get(16..24)?)?, 0, 0);
    if reader.tree.is_spent() {
        stop("bytes");
    } else if reader.visits == 0 {
        stop("steps");
    }
    let pieces = reader.tree.into_pieces();
    (!pieces.is_empty()).then_some(pieces)
}

/// The number or UTF-16 text that stands at the start of `bytes`, as the leaf is written.
pub fn scalar(bytes: &[u8]) -> Option<Vec<u8>> {
    Marker::read(bytes)?.scalar(bytes)
}

fn uint(bytes: &[u8]) -> Option<usize> {
    let value =
        bytes.iter().try_fold(0u64, |value, byte| Some(value.checked_mul(256)? | u64::from(*byte)))?;
    usize::try_from(value).ok()
}

#[derive(Clone, Copy)]
struct Table<'a> {
    bytes: &'a [u8],
    offset_size: usize,
    reference_size: usize,
    objects: usize,
    start: usize,
}

impl Table<'_> {
    /// Where an object stands.
    fn offset(&self, object: usize) -> Option<usize> {
        if object >= self.objects {
            return None;
        }
        let at = self.start.checked_add(object.checked_mul(self.offset_size)?)?;
        uint(self.bytes.get(at..at.checked_add(self.offset_size)?)?)
    }

    /// Number `index` of the references at `at`.
    fn reference(&self, at: usize, index: usize) -> Option<usize> {
        let at = at.checked_add(index.checked_mul(self.reference_size)?)?;
        uint(self.bytes.get(at..at.checked_add(self.reference_size)?)?)
    }
}

/// What an object begins with.
#[derive(Debug, Clone, Copy)]
struct Marker {
    kind: u8,
    /// Elements, characters, bytes, or the power of two of a number's bytes.
    count: usize,
    /// Bytes before the content.
    head: usize,
}

impl Marker {
    fn read(bytes: &[u8]) -> Option<Self> {
        let first = *bytes.first()?;
        let (kind, low) = (first >> 4, first & 15);
        if low != 15 || kind < 4 {
            return Some(Self { kind, count: usize::from(low), head: 1 });
        }
        // The count is a number object of its own.
        let size = 1usize.checked_shl(u32::from(bytes.get(1)? & 15)).filter(|size| *size <= 8)?;
        Some(Self { kind, count: uint(bytes.get(2..2 + size)?)?, head: 2 + size })
    }

    /// Bytes of the content of what is no container.
    fn length(self) -> Option<usize> {
        match self.kind {
            1..=3 => 1usize.checked_shl(u32::try_from(self.count).ok()?).filter(|length| *length <= 16),
            4 | 5 => Some(self.count),
            6 => self.count.checked_mul(2),
            8 => self.count.checked_add(1),
            _ => None,
        }
    }

    fn scalar(self, bytes: &[u8]) -> Option<Vec<u8>> {
        let content = bytes.get(self.head..self.head.checked_add(self.length()?)?)?;
        let text = match (self.kind, content.len()) {
            (1, 1 | 2 | 4) | (8, _) => uint(content)?.to_string(),
            (1, 8) => i64::from_be_bytes(*content.first_chunk()?).to_string(),
            (1, 16) => i128::from_be_bytes(*content.first_chunk()?).to_string(),
            (2, 4) => f32::from_be_bytes(*content.first_chunk()?).to_string(),
            (2 | 3, 8) => f64::from_be_bytes(*content.first_chunk()?).to_string(),
            (6, _) => return Some(utf16::text(content, u16::from_be_bytes)),
            _ => return None,
        };
        Some(text.into_bytes())
    }
}

struct Reader<'a> {
    table: Table<'a>,
    tree: Tree,
    visits: usize,
}

impl Reader<'_> {
    fn object(&mut self, number: usize, object: u32, depth: u8) -> Option<()> {
        if self.is_done() {
            return None;
        }
        self.visits -= 1;
        self.tree.spend(1);
        let at = self.table.offset(number)?;
        let rest = self.table.bytes.get(at..)?;
        let marker = Marker::read(rest)?;
        let start = at + marker.head;
        match marker.kind {
            0 => Some(()),
            4 | 5 => {
                let end = start.checked_add(marker.length()?).filter(|end| *end <= self.table.bytes.len())?;
                self.slice(start..end, object)
            }
            10 | 12 => self.array(start, marker.count, object, depth),
            13 => self.dictionary(start, marker.count, depth),
            kind => {
                let length = marker.length()?;
                let suffix = if kind == 6 { " (utf-16)" } else { " (number)" };
                self.tree.add_own(marker.scalar(rest)?, at..start + length, object, suffix);
                Some(())
            }
        }
    }

    fn slice(&mut self, range: Range<usize>, object: u32) -> Option<()> {
        if !range.is_empty() {
            self.tree.add_slice(range, object);
        }
        Some(())
    }

    fn array(&mut self, start: usize, count: usize, object: u32, depth: u8) -> Option<()> {
        if depth >= MAX_DEPTH {
            return None;
        }
        for index in 0..count {
            let element = self.table.reference(start, index)?;
            let back = self.tree.enter_index(index);
            let read = self.object(element, object, depth + 1);
            self.tree.leave(back);
            // What cannot be read is left out, unless nothing more may be.
            if read.is_none() && self.is_done() {
                return None;
            }
        }
        Some(())
    }

    fn dictionary(&mut self, start: usize, count: usize, depth: u8) -> Option<()> {
        if depth >= MAX_DEPTH {
            return None;
        }
        let object = self.tree.begin_object();
        for index in 0..count {
            let key = self.key(self.table.reference(start, index)?).unwrap_or_default();
            let value = self.table.reference(start, count.checked_add(index)?)?;
            let back = self.tree.enter_key(&key);
            let read = self.object(value, object, depth + 1);
            self.tree.leave(back);
            if read.is_none() && self.is_done() {
                return None;
            }
        }
        Some(())
    }

    /// So much of a key as is kept: many dictionaries may have the same.
    fn key(&self, number: usize) -> Option<String> {
        let rest = self.table.bytes.get(self.table.offset(number)?..)?;
        let marker = Marker::read(rest)?;
        let name = rest.get(marker.head..marker.head.checked_add(marker.length()?)?)?;
        match marker.kind {
            5 => Some(tree::key(name)),
            6 => String::from_utf8(utf16::text(name.get(..2 * MAX_KEY).unwrap_or(name), u16::from_be_bytes))
                .ok(),
            _ => None,
        }
    }

    fn is_done(&self) -> bool {
        self.visits == 0 || self.tree.is_full()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A list of these objects, the first of them the outermost.
    fn plist(objects: &[&[u8]]) -> Vec<u8> {
        let mut out = b"bplist00".to_vec();
        let mut offsets = Vec::new();
        for object in objects {
            offsets.extend((out.len() as u16).to_be_bytes());
            out.extend_from_slice(object);
        }
        let table = out.len();
        out.extend_from_slice(&offsets);
        out.extend_from_slice(&[0, 0, 0, 0, 0, 0, 2, 1]);
        out.extend([objects.len(), 0, table].iter().flat_map(|number| (*number as u64).to_be_bytes()));
        out
    }

    fn read(bytes: &[u8]) -> Option<Vec<String>> {
        let show =
            |it: &Piece| format!("{}={}{}", it.path, String::from_utf8_lossy(it.bytes(bytes)), it.suffix);
        pieces(bytes, 100, &mut |_| {}).map(|pieces| pieces.iter().map(show).collect())
    }

    #[test]
    fn names_leaves_by_key_path() {
        let bytes = plist(&[
            &[0xd2, 1, 3, 2, 4],
            b"\x54imei",
            b"\x53123",
            b"\x51l",
            &[0xa3, 5, 6, 7],
            b"\x12\x00\x01\x00\x00",
            b"\x62\x00\xe9\x00t",
            b"\x5f\x10\x10abcdefghijklmnop",
        ]);
        let expected = ["imei=123", "l[0]=65536 (number)", "l[1]=ét (utf-16)", "l[2]=abcdefghijklmnop"];
        assert_eq!(read(&bytes).unwrap(), expected);
        for (bytes, text) in [(&b"\x12\x00\x01\x00\x00"[..], "65536"), (b"\x62\x00\xe9\x00t", "ét")] {
            assert_eq!(scalar(bytes).unwrap(), text.as_bytes());
        }
    }

    #[test]
    fn what_holds_itself_ends() {
        let loops = plist(&[&[0xa3, 0, 0, 1], b"\x53123"]);
        for (limit, why) in [(1000, "bytes"), (100, "steps")] {
            let mut stopped = Vec::new();
            let found = pieces(&loops, limit, &mut |why| stopped.push(why)).unwrap();
            assert!(found.len() <= limit);
            assert_eq!(stopped, [why]);
        }
        for object in
            [&b"\xdf\x17\xff"[..], b"\xaf\x13\xff\xff\xff\xff\xff\xff\xff\xff", b"\x5f\x10\xff", b"\x1f"]
        {
            assert_eq!(read(&plist(&[object])), None);
        }
        for end in 0..loops.len() {
            pieces(&loops[..end], 100, &mut |_| {});
        }
    }

    #[test]
    fn what_is_named_again_and_again_is_bounded() {
        // A list of lists of lists of one text, 4,096 times in all.
        let again = |object: u8| [&[0xaf, 0x10, 16][..], &[object; 16]].concat();
        let text = [&b"\x6f\x10\x28"[..], &[0, b'x'].repeat(40)].concat();
        let lists = [again(1), again(2), again(3)];
        let bytes = plist(&[&lists[0], &lists[1], &lists[2], &text]);
        let mut stopped = Vec::new();
        let found = pieces(&bytes, 100_000, &mut |why| stopped.push(why)).unwrap();
        let read: usize = found.iter().map(|it| it.bytes(&bytes).len()).sum();
        assert!((1000..=16 * bytes.len()).contains(&read), "{read} bytes of {}", bytes.len());
        assert_eq!(stopped, ["bytes"]);
    }

    #[test]
    fn long_keys_are_cut() {
        let long = |marker: u8, letter: &[u8]| [&[marker, 0x10, 200][..], &letter.repeat(200)].concat();
        for key in [long(0x5f, b"k"), long(0x6f, b"\0k")] {
            let bytes = plist(&[b"\xd1\x01\x02", &key, b"\x53123"]);
            assert_eq!(read(&bytes).unwrap(), [format!("{}=123", "k".repeat(MAX_KEY))]);
        }
    }
}
