//! Protocol buffers by wire format alone (protobuf.dev/programming-guides/encoding), when they parse to the end.

use std::ops::Range;

use super::{Piece, text};

/// Messages inside each other beyond this are bytes.
const MAX_DEPTH: u8 = 16;
/// Real messages number their fields low; random bytes do not.
const MAX_FIELD: u64 = 19_999;

/// The leaves with their field paths (`4.1.1`), if the bytes are one message from end to end. At most `limit`.
pub fn pieces(bytes: &[u8], limit: usize) -> Option<Vec<Piece>> {
    let mut parser = Parser { bytes, out: Vec::new(), objects: 0, limit };
    parser.message(0..bytes.len(), "", 0)?;
    (!parser.out.is_empty()).then_some(parser.out)
}

/// The messages that stand in the bytes each behind its length (`writeDelimitedTo`, protobuf.dev/programming-guides/techniques),
/// if they fill them and one says anything. A single message is not taken for that.
pub fn delimited(bytes: &[u8], limit: usize) -> Option<Vec<Piece>> {
    let mut out = Vec::new();
    let mut at = 0;
    let mut telling = false;
    while at < bytes.len() && out.len() < limit {
        let (size, length) = varint(bytes.get(at..)?)?;
        let start = at + length;
        let end = start.checked_add(usize::try_from(size).ok()?)?;
        let message = bytes.get(start..end)?;
        // An empty message is valid; many are zeros.
        let fields = pieces(message, limit)?;
        telling |= is_telling(message, &fields, 4);
        let index = out.len();
        out.push(Piece::slice(smol_str::format_smolstr!("[{index}]"), start..end, 0));
        at = end;
    }
    (telling && out.len() > 1).then_some(out)
}

/// Whether a message says anything: one of its fields is text of at least `letters` bytes.
pub fn is_telling(bytes: &[u8], pieces: &[Piece], letters: usize) -> bool {
    pieces
        .iter()
        .any(|it| it.suffix.is_empty() && it.bytes(bytes).len() >= letters && text::is_text(it.bytes(bytes)))
}

/// Reads a varint at the start of `bytes`: its value and length.
pub fn varint(bytes: &[u8]) -> Option<(u64, usize)> {
    let mut value = 0u64;
    for (index, &byte) in bytes.iter().take(10).enumerate() {
        let bits = u64::from(byte & 0x7f);
        if index == 9 && bits > 1 {
            return None;
        }
        value |= bits << (7 * index);
        if byte & 0x80 == 0 {
            return Some((value, index + 1));
        }
    }
    None
}

struct Parser<'a> {
    bytes: &'a [u8],
    out: Vec<Piece>,
    objects: u32,
    limit: usize,
}

impl Parser<'_> {
    fn message(&mut self, range: Range<usize>, path: &str, depth: u8) -> Option<()> {
        self.objects = self.objects.saturating_add(1);
        let object = self.objects;
        let mut groups: Vec<u64> = Vec::new();
        let mut at = range.start;
        while at < range.end {
            let (tag, length) = varint(self.bytes.get(at..range.end)?)?;
            at += length;
            let (field, wire) = (tag >> 3, tag & 7);
            if field == 0 || field > MAX_FIELD || self.out.len() > self.limit {
                return None;
            }
            let rest = self.bytes.get(at..range.end)?;
            let length = match wire {
                0 => {
                    let (value, length) = varint(rest)?;
                    self.number(path, &groups, field, value, at..at + length, object, " (varint)");
                    length
                }
                1 => {
                    let value = u64::from_le_bytes(*rest.first_chunk()?);
                    self.number(path, &groups, field, value, at..at + 8, object, " (fixed64)");
                    8
                }
                2 => {
                    let (size, length) = varint(rest)?;
                    let size = usize::try_from(size).ok().filter(|&size| size <= rest.len() - length)?;
                    let start = at + length;
                    self.field(&join(path, &groups, field), start..start + size, object, depth);
                    length + size
                }
                3 if groups.len() < usize::from(MAX_DEPTH) => {
                    groups.push(field);
                    0
                }
                4 if groups.pop() == Some(field) => 0,
                5 => rest.first_chunk::<4>().map(|_| 4)?,
                _ => return None,
            };
            at += length;
        }
        groups.is_empty().then_some(())
    }

    #[expect(clippy::too_many_arguments, reason = "a number's piece has that many parts")]
    fn number(
        &mut self,
        path: &str,
        groups: &[u64],
        field: u64,
        value: u64,
        range: Range<usize>,
        object: u32,
        suffix: &'static str,
    ) {
        let text = value.to_string().into_bytes();
        self.out.push(Piece { suffix, ..Piece::own(join(path, groups, field), text, range, object) });
    }

    /// A length-delimited field: text, else a message, else bytes.
    fn field(&mut self, path: &str, range: Range<usize>, object: u32, depth: u8) {
        let content = self.bytes.get(range.clone()).unwrap_or_default();
        if content.is_empty() {
            return;
        }
        let (pieces, objects) = (self.out.len(), self.objects);
        // The tag of a message's first string is a line feed.
        let message = !text::is_text(content) || content.starts_with(b"\n");
        if message && depth < MAX_DEPTH {
            if self.message(range.clone(), path, depth + 1).is_some() {
                return;
            }
            self.out.truncate(pieces);
            self.objects = objects;
        }
        self.out.push(Piece::slice(path, range, object));
    }
}

fn join(path: &str, groups: &[u64], field: u64) -> String {
    let mut out = path.to_owned();
    for number in groups.iter().chain([&field]) {
        if !out.is_empty() {
            out.push('.');
        }
        out.push_str(&number.to_string());
    }
    out
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
    fn names_leaves_by_field_path() {
        // 1: "imei", 4: {1: {1: "fp"}, 2: 150}, 13: fixed64 1, group 5 {6: 7}
        let bytes =
            b"\x0a\x04imei\x22\x09\x0a\x04\x0a\x02fp\x10\x96\x01\x69\x01\0\0\0\0\0\0\0\x2b\x30\x07\x2c";
        let expected = ["1=imei", "4.1.1=fp", "4.2=150 (varint)", "13=1 (fixed64)", "5.6=7 (varint)"];
        assert_eq!(read(bytes).unwrap(), expected);
    }

    #[test]
    fn messages_behind_their_lengths_are_split() {
        let bytes = b"\x06\x0a\x04imei\x04\x10\x96\x01\x50";
        assert!(delimited(bytes, 9).is_none(), "a broken one");
        let bytes = b"\x06\x0a\x04imei\x03\x10\x96\x01";
        let found: Vec<_> = delimited(bytes, 9).unwrap().iter().map(|it| it.bytes(bytes).to_vec()).collect();
        assert_eq!(found, [b"\x0a\x04imei".to_vec(), b"\x10\x96\x01".to_vec()]);
        assert!(delimited(&bytes[..7], 9).is_none(), "one alone");
        assert!(delimited(&[0; 40], 9).is_none());
    }

    #[test]
    fn a_message_of_one_string_is_no_text() {
        let inner = [b"\x0aA".as_slice(), &[b'x'; 65]].concat();
        let bytes = [b"\x12C".as_slice(), &inner].concat();
        assert_eq!(read(&bytes).unwrap(), [format!("2.1={}", "x".repeat(65))]);
        assert_eq!(read(b"\x0a\x03\nab").unwrap(), ["1=\nab"]);
    }

    #[test]
    fn refuses_what_does_not_parse_to_the_end() {
        for bytes in [&b"\x0a\x05imei"[..], b"\x00\x01", b"\x0b\x08\x01", b"\x08", b"", b"\x0f", &[0xff; 30]]
        {
            assert_eq!(read(bytes), None, "{bytes:?}");
        }
    }
}
