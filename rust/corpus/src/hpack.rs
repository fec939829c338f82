//! Header blocks of HTTP/2 (RFC 7541), each field in one of the ways in which encoders write it.

use crate::content::Field;
use crate::random::Random;

/// Names and values that every connection knows (RFC 7541 appendix A), as far as requests here have them.
const KNOWN: [(u8, &str, &str); 12] = [
    (1, ":authority", ""),
    (2, ":method", "GET"),
    (3, ":method", "POST"),
    (4, ":path", "/"),
    (6, ":scheme", "http"),
    (7, ":scheme", "https"),
    (16, "accept-encoding", "gzip, deflate"),
    (19, "accept", ""),
    (28, "content-length", ""),
    (31, "content-type", ""),
    (32, "cookie", ""),
    (58, "user-agent", ""),
];

/// The table's size before anybody changes it (RFC 9113 section 6.5.2).
const DEFAULT_SIZE: usize = 4096;
/// The index of the first field that is not known to all (RFC 7541 section 2.3.3).
const FIRST_OWN: usize = 62;

/// One end's encoder.
pub struct Encoder {
    /// Whether texts are Huffman-coded.
    huffman: bool,
    /// The newest first, and how large they may become together.
    entries: Vec<Field>,
    most: usize,
}

impl Encoder {
    /// With a table of the usual size, which is empty.
    pub const fn new(huffman: bool) -> Self {
        Self { huffman, entries: Vec::new(), most: DEFAULT_SIZE }
    }

    /// A block. Before some the table's size is changed (section 6.3).
    pub fn block(&mut self, fields: &[Field], random: &mut Random) -> Vec<u8> {
        let mut out = Vec::new();
        if random.happens(20) {
            self.most = [0, 128, 256, DEFAULT_SIZE][random.index(4)];
            self.make_room(0);
            out = number(0x20, 5, self.most);
        }
        out.extend(fields.iter().flat_map(|field| self.representation(field, random)));
        out
    }

    /// Section 6: an index, or a literal that is to be remembered, or not, or never.
    fn representation(&mut self, field: &Field, random: &mut Random) -> Vec<u8> {
        let (whole, name) = self.find(field);
        if let Some(index) = whole {
            return number(0x80, 7, index);
        }
        let (first, bits) = [(0x40, 6), (0x00, 4), (0x10, 4)][random.index(3)];
        if first == 0x40 {
            self.insert(field);
        }
        let value = string(&field.value, 0, 7, self.huffman);
        match name.filter(|_| random.happens(80)) {
            Some(index) => [number(first, bits, index), value].concat(),
            None => [vec![first], string(field.name.as_bytes(), 0, 7, self.huffman), value].concat(),
        }
    }

    /// The index of a field, and of its name, among those that are known and those in the table.
    fn find(&self, field: &Field) -> (Option<usize>, Option<usize>) {
        let (whole, name) = find(&KNOWN, field);
        let whole = whole.map(usize::from).or_else(|| self.index(|entry| entry == field));
        let name = name.map(usize::from).or_else(|| self.index(|entry| entry.name == field.name));
        (whole, name)
    }

    fn index(&self, is: impl Fn(&Field) -> bool) -> Option<usize> {
        self.entries.iter().position(is).map(|place| FIRST_OWN + place)
    }

    /// Section 4.4: a field that is larger than the table empties it.
    fn insert(&mut self, field: &Field) {
        self.make_room(size(field));
        if size(field) <= self.most {
            self.entries.insert(0, field.clone());
        }
    }

    /// Drops the oldest entries until there is room for `more`.
    fn make_room(&mut self, more: usize) {
        while !self.entries.is_empty() && self.entries.iter().map(size).sum::<usize>() + more > self.most {
            self.entries.pop();
        }
    }
}

/// What a field takes in a table (RFC 7541 section 4.1, RFC 9204 section 3.2.1).
pub fn size(field: &Field) -> usize {
    field.name.len() + field.value.len() + 32
}

/// The index of a field, and of its name.
pub fn find(known: &[(u8, &str, &str)], field: &Field) -> (Option<u8>, Option<u8>) {
    let named = || known.iter().filter(|(_, name, _)| *name == field.name);
    let whole = named().find(|(.., value)| !value.is_empty() && value.as_bytes() == field.value);
    (whole.map(|it| it.0), named().next().map(|it| it.0))
}

/// RFC 7541 section 5.1: a number whose first bits stand beneath others.
pub fn number(first: u8, bits: u32, value: usize) -> Vec<u8> {
    let most = (1 << bits) - 1;
    match value.checked_sub(most) {
        None => vec![first | value as u8],
        Some(rest) => [vec![first | most as u8], crate::content::varint(rest as u64)].concat(),
    }
}

/// RFC 7541 section 5.2: the mark of the code stands above the length.
pub fn string(text: &[u8], first: u8, bits: u32, huffman: bool) -> Vec<u8> {
    let (mark, text) = if huffman { (1 << bits, coded(text)) } else { (0, text.to_vec()) };
    [number(first | mark, bits, text.len()), text].concat()
}

/// RFC 7541 section 5.2: the codes one after the other, the last byte filled with ones.
fn coded(text: &[u8]) -> Vec<u8> {
    let (mut out, mut held, mut bits) = (Vec::new(), 0u64, 0);
    for &byte in text {
        let (code, length) = code(byte);
        held = held << length | u64::from(code);
        bits += length;
        while bits >= 8 {
            bits -= 8;
            out.push((held >> bits) as u8);
        }
    }
    if bits > 0 {
        out.push((held << (8 - bits)) as u8 | (0xff >> bits));
    }
    out
}

/// The bytes by the length of their code, from the shortest on, but for the last three (RFC 7541 appendix B); within a length
/// in their order, as the codes are.
#[rustfmt::skip]
const CODES: [(u32, &[u8]); 20] = [
    (5, b"012aceiost"),
    (6, b" %-./3456789=A_bdfghlmnpru"),
    (7, b":BCDEFGHIJKLMNOPQRSTUVWYjkqvwxyz"),
    (8, b"&*,;XZ"),
    (10, b"!\"()?"),
    (11, b"'+|"),
    (12, b"#>"),
    (13, b"\0$@[]~"),
    (14, b"^}"),
    (15, b"<`{"),
    (19, b"\\\xc3\xd0"),
    (20, b"\x80\x82\x83\xa2\xb8\xc2\xe0\xe2"),
    (21, b"\x99\xa1\xa7\xac\xb0\xb1\xb3\xd1\xd8\xd9\xe3\xe5\xe6"),
    (22, b"\x81\x84\x85\x86\x88\x92\x9a\x9c\xa0\xa3\xa4\xa9\xaa\xad\xb2\xb5\xb9\xba\xbb\xbd\xbe\xc4\xc6\xe4\
        \xe8\xe9"),
    (23, b"\x01\x87\x89\x8a\x8b\x8c\x8d\x8f\x93\x95\x96\x97\x98\x9b\x9d\x9e\xa5\xa6\xa8\xae\xaf\xb4\xb6\xb7\
        \xbc\xbf\xc5\xe7\xef"),
    (24, b"\x09\x8e\x90\x91\x94\x9f\xab\xce\xd7\xe1\xec\xed"),
    (25, b"\xc7\xcf\xea\xeb"),
    (26, b"\xc0\xc1\xc8\xc9\xca\xcd\xd2\xd5\xda\xdb\xee\xf0\xf2\xf3\xff"),
    (27, b"\xcb\xcc\xd3\xd4\xd6\xdd\xde\xdf\xf1\xf4\xf5\xf6\xf7\xf8\xfa\xfb\xfc\xfd\xfe"),
    (28, b"\x02\x03\x04\x05\x06\x07\x08\x0b\x0c\x0e\x0f\x10\x11\x12\x13\x14\x15\x17\x18\x19\x1a\x1b\x1c\x1d\
        \x1e\x1f\x7f\xdc\xf9"),
];

/// A byte's code and its length: each code is the one before it and one, with zeros behind where it is longer.
fn code(byte: u8) -> (u32, u32) {
    let (mut next, mut last) = (0u32, 0);
    for (length, bytes) in CODES {
        next <<= length - last;
        if let Some(place) = bytes.iter().position(|it| *it == byte) {
            return (next + place as u32, length);
        }
        next += bytes.len() as u32;
        last = length;
    }
    // Line feed, line end and 0x16 come last, with 30 bits.
    (0x3fff_fffc + [b'\n', b'\r', 0x16].iter().position(|it| *it == byte).unwrap_or(0) as u32, 30)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_those_of_the_standard() {
        // RFC 7541 appendix B.
        let codes = [
            (b'0', (0x0, 5)),
            (b'u', (0x2d, 6)),
            (b'z', (0x7b, 7)),
            (b'Z', (0xfd, 8)),
            (b'?', (0x3fc, 10)),
            (b'|', (0x7fc, 11)),
            (b'>', (0xffb, 12)),
            (0, (0x1ff8, 13)),
            (b'~', (0x1ffd, 13)),
            (b'{', (0x7ffe, 15)),
            (b'\\', (0x7fff0, 19)),
            (0x80, (0xfffe6, 20)),
            (0xe6, (0x1fffe8, 21)),
            (0xe9, (0x3fffeb, 22)),
            (0x01, (0x7fffd8, 23)),
            (0xed, (0xfffff5, 24)),
            (0xeb, (0x1ffffef, 25)),
            (0xff, (0x3ffffee, 26)),
            (0xfe, (0x7fffff0, 27)),
            (0xf9, (0xffffffe, 28)),
            (0x16, (0x3ffffffe, 30)),
        ];
        codes.into_iter().for_each(|(byte, expected)| assert_eq!(code(byte), expected, "{byte:#x}"));
    }

    #[test]
    fn texts_are_coded_as_in_the_standard() {
        // RFC 7541 appendices C.4.1 and C.6.1.
        let coded = |text: &[u8]| string(text, 0, 7, true);
        assert_eq!(coded(b"www.example.com"), b"\x8c\xf1\xe3\xc2\xe5\xf2\x3a\x6b\xa0\xab\x90\xf4\xff");
        assert_eq!(coded(b"Mon, 21 Oct 2013 20:13:21 GMT")[..4], [0x96, 0xd0, 0x7a, 0xbe]);
        assert_eq!(string(&[b'x'; 200], 0, 7, false)[..2], [127, 73]);
        assert_eq!(number(0, 5, 1337), [31, 154, 10]);
    }

    #[test]
    fn known_fields_are_an_index() {
        let random = &mut Random::new(1, 1);
        let fields = [Field::new(":method", "GET"), Field::new(":scheme", "http")];
        assert!(Encoder::new(true).block(&fields, random).ends_with(&[0x82, 0x86]));
    }

    /// RFC 7541 appendix C.3: the fields of three requests that are remembered.
    #[test]
    fn a_table_is_filled_as_in_the_standard() {
        let mut encoder = Encoder::new(false);
        let [host, cache, custom] = [
            (":authority", "www.example.com"),
            ("cache-control", "no-cache"),
            ("custom-key", "custom-value"),
        ]
        .map(|(name, value)| Field::new(name, value));
        encoder.insert(&host);
        assert_eq!(encoder.find(&host), (Some(62), Some(1)));
        encoder.insert(&cache);
        assert_eq!(encoder.find(&host), (Some(63), Some(1)));
        encoder.insert(&custom);
        let all = [&custom, &cache, &host].map(|field| encoder.find(field).0);
        assert_eq!(all, [Some(62), Some(63), Some(64)]);
        assert_eq!(encoder.find(&Field::new("custom-key", "else")), (None, Some(62)));
        assert_eq!(encoder.entries.iter().map(size).sum::<usize>(), 164);
    }

    #[test]
    fn the_oldest_make_room() {
        let mut encoder = Encoder { most: 100, ..Encoder::new(false) };
        let field = |value: &str| Field::new("x-id", value);
        ["1", "2", "3"].iter().for_each(|value| encoder.insert(&field(value)));
        assert_eq!(encoder.entries, [field("3"), field("2")]);
        encoder.insert(&field(&"4".repeat(90)));
        assert_eq!(encoder.entries, []);
    }
}
