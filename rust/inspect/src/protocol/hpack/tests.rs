use super::*;

/// A literal field; `indexed`: it enters the table.
pub fn literal(name: &str, value: &str, indexed: bool, huffman: bool) -> Vec<u8> {
    let mut out = vec![if indexed { 0x40 } else { 0 }];
    for text in [name, value] {
        let bytes = if huffman { huffman::encode(text.as_bytes()) } else { text.as_bytes().to_vec() };
        integer(&mut out, 7, if huffman { 0x80 } else { 0 }, bytes.len());
        out.extend(bytes);
    }
    out
}

/// A field by its index.
pub fn index(at: usize) -> Vec<u8> {
    let mut out = Vec::new();
    integer(&mut out, 7, 0x80, at);
    out
}

fn integer(out: &mut Vec<u8>, bits: u32, mark: u8, value: usize) {
    let most = (1 << bits) - 1;
    out.push(mark | value.min(most) as u8);
    let Some(mut rest) = value.checked_sub(most) else { return };
    while rest >= 0x80 {
        out.push(rest as u8 | 0x80);
        rest >>= 7;
    }
    out.push(rest as u8);
}

fn block(bytes: &[u8], at: u64) -> Block {
    let mut block = Block::default();
    block.add(bytes, at);
    block
}

/// Names and values of a sound block.
fn read(decoder: &mut Decoder, bytes: &[u8]) -> Vec<(String, String)> {
    let (fields, sound) = decoder.decode(&block(bytes, 0));
    assert!(sound);
    fields.into_iter().map(|field| (field.name.to_string(), field.value.to_string())).collect()
}

fn own(fields: &[(&str, &str)]) -> Vec<(String, String)> {
    fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

/// RFC 7541 appendix C.4.
#[test]
fn the_requests_of_the_rfc_are_read() {
    let mut decoder = Decoder::new();
    let start = [(":method", "GET"), (":scheme", "http"), (":path", "/"), (":authority", "www.example.com")];
    let first = b"\x82\x86\x84\x41\x8c\xf1\xe3\xc2\xe5\xf2\x3a\x6b\xa0\xab\x90\xf4\xff";
    assert_eq!(read(&mut decoder, first), own(&start));
    let second = b"\x82\x86\x84\xbe\x58\x86\xa8\xeb\x10\x64\x9c\xbf";
    assert_eq!(read(&mut decoder, second), own(&[&start[..], &[("cache-control", "no-cache")]].concat()));
    let third =
        b"\x82\x87\x85\xbf\x40\x88\x25\xa8\x49\xe9\x5b\xa9\x7d\x7f\x89\x25\xa8\x49\xe9\x5b\xb8\xe8\xb4\xbf";
    let expected = [
        (":method", "GET"),
        (":scheme", "https"),
        (":path", "/index.html"),
        (":authority", "www.example.com"),
        ("custom-key", "custom-value"),
    ];
    assert_eq!(read(&mut decoder, third), own(&expected));
    assert_eq!(decoder.table.size(), 164);
}

#[test]
fn a_repeated_value_stands_where_it_was_first_sent() {
    let mut decoder = Decoder::new();
    for huffman in [false, true] {
        let bytes = literal("imei", "490154203237518", true, huffman);
        let (first, _) = decoder.decode(&block(&bytes, 100));
        let start = 100 + bytes.len() as u64 - (first[0].range.end - first[0].range.start);
        assert_eq!((first[0].range.clone(), first[0].huffman), (start..100 + bytes.len() as u64, huffman));
        let (second, _) = decoder.decode(&block(&index(62), 500));
        assert_eq!(first, second);
    }
}

#[test]
fn a_value_in_two_fragments_reaches_over_what_is_between() {
    let bytes = literal("a", "0123456789", false, false);
    let mut block = Block::default();
    block.add(&bytes[..8], 20);
    block.add(&bytes[8..], 37);
    let (fields, sound) = Decoder::new().decode(&block);
    assert!(sound);
    assert_eq!((&*fields[0].value, fields[0].range.clone()), ("0123456789", 24..43));
}

#[test]
fn the_table_forgets_the_oldest() {
    let mut decoder = Decoder::new();
    // Each counts 34.
    let fields: Vec<u8> = ["a", "b", "c"].iter().flat_map(|name| literal(name, "1", true, false)).collect();
    read(&mut decoder, &[&[0x3f, 0x25][..], &fields].concat());
    assert_eq!(read(&mut decoder, &[index(62), index(63)].concat()), own(&[("c", "1"), ("b", "1")]));
    assert!(!decoder.decode(&block(&index(64), 0)).1);
    read(&mut decoder, &[0x20]);
    assert!(!decoder.decode(&block(&index(62), 0)).1);
    // One that is larger than the table empties it.
    read(&mut decoder, &literal("d", "1", true, false));
    assert_eq!(decoder.table.size(), 0);
}

#[test]
fn after_a_miss_what_is_new_is_known() {
    let mut decoder = Decoder::new();
    read(&mut decoder, &literal("old", "1", true, false));
    decoder.miss();
    read(&mut decoder, &literal("new", "2", true, false));
    assert_eq!(read(&mut decoder, &[index(62), index(63)].concat()), own(&[("new", "2")]));
    // A literal whose name was missed.
    assert_eq!(read(&mut decoder, b"\x0f\x30\x01v"), own(&[("", "v")]));
}

#[test]
fn of_a_large_table_the_newest_are_known() {
    let mut decoder = Decoder::new();
    // 1 MiB.
    read(&mut decoder, b"\x3f\xe1\xff\x3f");
    let long = "x".repeat(40_000);
    read(&mut decoder, &[literal("a", &long, true, false), literal("b", &long, true, false)].concat());
    assert_eq!(read(&mut decoder, &[index(62), index(63)].concat()), own(&[("b", &long)]));
}

#[test]
fn broken_blocks_yield_what_stands_before() {
    let good = literal("a", "1", false, false);
    for bad in
        [&[0x80][..], &[0xff], &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff], &[0x40, 0x05, b'a'], &[0xff, 0x80]]
    {
        let (fields, sound) = Decoder::new().decode(&block(&[&good, bad].concat(), 0));
        assert_eq!((fields.len(), sound), (1, false), "{bad:x?}");
    }
}

#[test]
fn a_block_that_swells_is_bounded() {
    let mut decoder = Decoder::new();
    read(&mut decoder, &literal("a", &"x".repeat(4000), true, false));
    let (fields, sound) = decoder.decode(&block(&index(62).repeat(60_000), 0));
    assert!(sound && fields.len() * 4000 <= MAX_LIST);
}

/// The table counts the bytes that were sent, not those of what stands for bytes that are no UTF-8.
#[test]
fn what_is_no_text_counts_as_it_was_sent() {
    let mut decoder = Decoder::new();
    // Two entries of 34 and 36 fill the table.
    read(
        &mut decoder,
        &[&[0x3f, 0x27][..], &literal("a", "1", true, false), b"\x40\x01b\x03\xe9\xe9\xe9"].concat(),
    );
    assert_eq!(decoder.table.size(), 70);
    assert_eq!(read(&mut decoder, &index(63)), own(&[("a", "1")]));
}
