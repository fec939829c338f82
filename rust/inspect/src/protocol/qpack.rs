//! QPACK (RFC 9204): the header blocks of HTTP/3, as far as they need no table but the one that every connection has.

mod fixed;

use super::hpack::{Block, Field, Reader};

/// More fields than any message has.
const MAX_FIELDS: usize = 1000;

/// The fields of a block, and whether all of it was read: what stands in the table that the sender fills has no name or no
/// value here.
pub(super) fn decode(block: &Block) -> (Vec<Field>, bool) {
    let (mut reader, mut out) = (Reader::new(block), Vec::new());
    // Section 4.5.1: how much of the sender's table is needed, and from where it is counted.
    let begins = reader.integer(8).and_then(|_| reader.integer(7)).is_some();
    let mut sound = begins;
    while begins && out.len() < MAX_FIELDS && reader.peek().is_some() {
        let Some(field) = field(&mut reader) else { return (out, false) };
        sound &= !field.name.is_empty();
        out.push(field);
    }
    (out, sound)
}

/// The next representation (sections 4.5.2 to 4.5.6).
fn field(reader: &mut Reader<'_>) -> Option<Field> {
    let first = reader.peek()?;
    let known = |flag: u8, index: usize| fixed::FIELDS.get(index).filter(|_| first & flag != 0);
    if first & 0x80 != 0 {
        let (index, range) = reader.placed(|reader| reader.integer(6))?;
        let (name, value) = known(0x40, index).copied().unwrap_or_default();
        return Some(Field { name: name.to_owned(), value: value.to_owned(), range, huffman: false });
    }
    let name = match first {
        0x40.. => {
            let index = reader.integer(4)?;
            known(0x10, index).map(|it| it.0.to_owned()).unwrap_or_default()
        }
        0x20.. => reader.string(3)?.value,
        // Behind what is counted from.
        0x10.. => {
            let (_, range) = reader.placed(|reader| reader.integer(4))?;
            return Some(Field { name: String::new(), value: String::new(), range, huffman: false });
        }
        _ => {
            reader.integer(3)?;
            String::new()
        }
    };
    Some(Field { name, ..reader.string(7)? })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8]) -> (Vec<(String, String)>, bool) {
        let mut block = Block::default();
        block.add(bytes, 100);
        let (fields, sound) = decode(&block);
        (fields.into_iter().map(|field| (field.name, field.value)).collect(), sound)
    }

    fn pairs(list: &[(&str, &str)]) -> Vec<(String, String)> {
        list.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn fields_of_the_known_table_and_literals_are_read() {
        // RFC 9204 appendix B.1.
        let example = b"\0\0\x51\x0b/index.html";
        assert_eq!(read(example), (pairs(&[(":path", "/index.html")]), true));
        let fields = [
            (":method", "POST"),
            ("content-type", "text/plain;charset=utf-8"),
            ("imei", "490154203237518"),
            (":authority", "www.example.com"),
        ];
        // The last in the string code: RFC 7541 appendix C.4.1.
        let coded = b"\x8c\xf1\xe3\xc2\xe5\xf2\x3a\x6b\xa0\xab\x90\xf4\xff";
        let block = [&b"\0\0\xd4\xf6\x24imei\x0f490154203237518\x50"[..], coded].concat();
        assert_eq!(read(&block), (pairs(&fields), true));
        let mut placed = Block::default();
        placed.add(&block, 100);
        let (fields, _) = decode(&placed);
        assert_eq!((fields[2].range.clone(), fields[2].huffman), (110..125, false));
        assert_eq!((fields[3].range.clone(), fields[3].huffman), (127..139, true));
    }

    #[test]
    fn what_needs_the_senders_table_is_said_to_be_missing() {
        // RFC 9204 appendix B.4: two fields of the sender's table.
        assert_eq!(read(b"\x05\0\x80\xc1"), (pairs(&[("", ""), (":path", "/")]), false));
        assert_eq!(read(b"\x03\x81\x10\x00\x03abc"), (pairs(&[("", ""), ("", "abc")]), false));
        for cut in [&b"\0"[..], b"\0\0\x51\x0b/index", b"\0\0\x2f"] {
            assert!(!read(cut).1, "{cut:x?}");
        }
    }
}
