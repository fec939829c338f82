use super::super::hpack::{MAX_FIELDS, MAX_LIST};
use super::*;

/// Where encoder streams and sections begin here.
const STREAM: u64 = 1000;
const SECTION: u64 = 100;

/// RFC 9204 appendix B.
const CAPACITY: usize = 220;
const B2: &[u8] = b"\x3f\xbd\x01\xc0\x0fwww.example.com\xc1\x0c/sample/path";
const B3: &[u8] = b"\x4acustom-key\x0ccustom-value";
const B4: &[u8] = b"\x02";
const B5: &[u8] = b"\x81\x0dcustom-value2";

fn decoder(capacity: usize) -> Decoder {
    let mut decoder = Decoder::default();
    decoder.announce(capacity);
    decoder
}

/// A decoder that took an encoder stream.
fn after(capacity: usize, stream: &[&[u8]]) -> Decoder {
    let mut decoder = decoder(capacity);
    decoder.handle(&stream.concat(), STREAM);
    decoder
}

fn section(bytes: &[u8]) -> Block {
    let mut block = Block::default();
    block.add(bytes, SECTION);
    block
}

fn read(decoder: &Decoder, bytes: &[u8]) -> (Vec<(String, String)>, bool) {
    let (fields, sound) = decoder.decode(&section(bytes), MAX_LIST);
    (fields.into_iter().map(|field| (field.name.to_string(), field.value.to_string())).collect(), sound)
}

fn pairs(list: &[(&str, &str)]) -> Vec<(String, String)> {
    list.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

/// Insert With Literal Name.
fn insert(name: &str, value: &str) -> Vec<u8> {
    assert!(name.len() < 31 && value.len() < 127);
    [&[0x40 | name.len() as u8], name.as_bytes(), &[value.len() as u8], value.as_bytes()].concat()
}

/// Entries from the newest on.
fn entries(decoder: &Decoder) -> Vec<(String, String)> {
    let entry =
        |newer| decoder.table.relative(newer).map(|(it, _)| (it.name.to_string(), it.value.to_string()));
    (0..).map_while(entry).collect()
}

#[test]
fn fields_of_the_known_table_and_literals_are_read() {
    let decoder = Decoder::default();
    // RFC 9204 appendix B.1.
    assert_eq!(read(&decoder, b"\0\0\x51\x0b/index.html"), (pairs(&[(":path", "/index.html")]), true));
    let fields = [
        (":method", "POST"),
        ("content-type", "text/plain;charset=utf-8"),
        ("imei", "490154203237518"),
        (":authority", "www.example.com"),
    ];
    // The last in the string code: RFC 7541 appendix C.4.1.
    let coded = b"\x8c\xf1\xe3\xc2\xe5\xf2\x3a\x6b\xa0\xab\x90\xf4\xff";
    let bytes = [&b"\0\0\xd4\xf6\x24imei\x0f490154203237518\x50"[..], coded].concat();
    assert_eq!(read(&decoder, &bytes), (pairs(&fields), true));
    let (fields, _) = decoder.decode(&section(&bytes), MAX_LIST);
    assert_eq!((fields[2].range.clone(), fields[2].huffman), (110..125, false));
    assert_eq!((fields[3].range.clone(), fields[3].huffman), (127..139, true));
}

#[test]
fn what_needs_entries_that_are_not_known_is_said_to_be_missing() {
    let decoder = Decoder::default();
    // RFC 9204 appendix B.4: two fields of the sender's table.
    let example = b"\x05\0\x80\xc1\x81";
    assert_eq!(read(&decoder, example), (pairs(&[("", ""), (":path", "/"), ("", "")]), false));
    assert_eq!(read(&decoder, b"\x03\x81\x10\x00\x03abc"), (pairs(&[("", ""), ("", "abc")]), false));
    for cut in [&b"\0"[..], b"\0\0\x51\x0b/index", b"\0\0\x2f"] {
        assert!(!read(&decoder, cut).1, "{cut:x?}");
    }
}

/// How many bytes of the encoder stream come, then a section, its fields, and what the table counts.
type Step<'a> = (usize, &'a [u8], &'a [(&'a str, &'a str)], usize);

/// RFC 9204 appendix B, the encoder stream cut in every place.
#[test]
fn the_connection_of_the_rfc_is_read() {
    let stream = [B2, B3, B4, B5].concat();
    let steps: [Step<'_>; 4] = [
        (B2.len(), b"\x03\x81\x10\x11", &[(":authority", "www.example.com"), (":path", "/sample/path")], 106),
        (B3.len(), b"\x04\x00\x80", &[("custom-key", "custom-value")], 160),
        (
            B4.len(),
            b"\x05\x00\x80\xc1\x81",
            &[(":authority", "www.example.com"), (":path", "/"), ("custom-key", "custom-value")],
            217,
        ),
        (
            B5.len(),
            b"\x06\x00\x80\x82",
            &[("custom-key", "custom-value2"), ("custom-key", "custom-value")],
            215,
        ),
    ];
    for cut in 0..=stream.len() {
        let (mut decoder, mut end) = (decoder(CAPACITY), 0);
        for (len, bytes, expected, size) in steps {
            assert!(decoder.is_blocked(&section(bytes)), "{cut}");
            let start = end;
            end += len;
            let middle = cut.clamp(start, end);
            decoder.handle(&stream[start..middle], STREAM + start as u64);
            decoder.handle(&stream[middle..end], STREAM + middle as u64);
            assert!(!decoder.is_blocked(&section(bytes)), "{cut}");
            assert_eq!(read(&decoder, bytes), (pairs(expected), true), "{cut}");
            assert_eq!(decoder.table.size(), size);
        }
        let last = [
            ("custom-key", "custom-value2"),
            (":authority", "www.example.com"),
            ("custom-key", "custom-value"),
            (":path", "/sample/path"),
        ];
        assert_eq!(entries(&decoder), pairs(&last));
    }
}

#[test]
fn a_stream_may_come_byte_by_byte() {
    let mut decoder = decoder(CAPACITY);
    for (at, byte) in (STREAM..).zip([B2, B3, B4, B5].concat()) {
        decoder.handle(&[byte], at);
    }
    assert_eq!(decoder.table.size(), 215);
    assert_eq!(read(&decoder, b"\x06\x00\x81").0, pairs(&[(":authority", "www.example.com")]));
}

/// A value that the table repeats is where it was first sent, in its stream.
#[test]
fn a_value_is_found_where_it_was_sent() {
    let coded = b"\xc0\x8c\xf1\xe3\xc2\xe5\xf2\x3a\x6b\xa0\xab\x90\xf4\xff";
    let decoder = after(CAPACITY, &[b"\x3f\xbd\x01", B3, coded, b"\x01"]);
    let (fields, _) = decoder.decode(&section(b"\x04\x00\x80\x81\x82"), MAX_LIST);
    let places: Vec<_> = fields.iter().map(|field| (field.range.clone(), field.huffman)).collect();
    let (start, end) = (STREAM + 15, STREAM + 27);
    assert_eq!(places[0], (start..end, false));
    assert_eq!(places[2], (start..end, false));
    assert_eq!(places[1], (STREAM + 3 + B3.len() as u64 + 2..STREAM + 41, true));
}

#[test]
fn a_name_is_taken_from_either_table() {
    let decoder = after(CAPACITY, &[B2, &insert("x-id", "1")]);
    // Of the three entries: relative, behind the base, of the known table; each with a value of its own.
    let bytes = b"\x04\x81\x40\x01a\x01\x01b\x50\x01c";
    let expected = [(":path", "a"), ("x-id", "b"), (":authority", "c")];
    // The base is 1: relative to it only the first entry comes before.
    assert_eq!(read(&decoder, bytes), (pairs(&[(":authority", "a"), expected[1], expected[2]]), true));
    // With the base 3.
    assert_eq!(read(&decoder, b"\x04\x00\x41\x01a"), (pairs(&expected[..1]), true));
}

#[test]
fn a_section_waits_for_all_that_it_needs() {
    let mut decoder = decoder(CAPACITY);
    let (first, second) = (section(b"\x02\x00\x80"), section(b"\x04\x00\x80\x82"));
    assert!(!decoder.is_blocked(&section(b"\0\0\xd1")));
    decoder.handle(b"\x3f\xbd\x01", STREAM);
    assert!(decoder.is_blocked(&first) && decoder.is_blocked(&second));
    decoder.handle(&insert("a", "1"), STREAM + 3);
    assert!(!decoder.is_blocked(&first) && decoder.is_blocked(&second));
    // What can be read of one that waits.
    assert_eq!(read(&decoder, b"\x04\x00\x80\x82"), (pairs(&[("", ""), ("a", "1")]), false));
    decoder.handle(&[insert("b", "2"), insert("c", "3")].concat(), STREAM + 8);
    assert!(!decoder.is_blocked(&second));
    assert_eq!(read(&decoder, b"\x04\x00\x80\x82"), (pairs(&[("c", "3"), ("a", "1")]), true));
}

/// Section 4.5.1.1: the count goes round at twice the entries that fit.
#[test]
fn the_count_goes_round() {
    // Three entries fit.
    let mut decoder = after(102, &[b"\x3f\x47"]);
    for number in 0u32..40 {
        decoder.handle(&insert("a", &(number % 10).to_string()), STREAM);
        let encoded = (number + 1) % 6 + 1;
        let bytes = [encoded as u8, 0, 0x80];
        assert_eq!(read(&decoder, &bytes).0, pairs(&[("a", &(number % 10).to_string())]), "{number}");
        let coming = section(&[encoded as u8 % 6 + 1, 0, 0x80]);
        assert!(decoder.is_blocked(&coming), "{number}");
    }
    assert_eq!(entries(&decoder).len(), 3);
    // Beyond the range.
    assert!(!decoder.is_blocked(&section(b"\x07\x00\x80")));
    assert_eq!(read(&decoder, b"\x07\x00\x80\xd1"), (pairs(&[("", ""), (":method", "GET")]), false));
}

#[test]
fn without_settings_the_table_that_is_used_is_taken_for_the_largest() {
    let mut decoder = Decoder::default();
    // Before anything came, any section that needs entries waits.
    assert!(decoder.is_blocked(&section(b"\x02\x00\x80")));
    decoder.handle(&[b"\x3f\x47", &insert("a", "1")[..]].concat(), STREAM);
    assert_eq!(read(&decoder, b"\x02\x00\x80"), (pairs(&[("a", "1")]), true));
    assert!(!decoder.is_blocked(&section(b"\x07\x00\x80")));
}

/// Missing entries are not taken for others, however often the count may have gone round.
#[test]
fn behind_a_hole_nothing_is_guessed() {
    let mut decoder = after(102, &[b"\x3f\x47", &insert("a", "1")]);
    let bytes = b"\x02\x00\x80\xd1";
    assert!(read(&decoder, bytes).1);
    decoder.set_ahead(3);
    assert!(decoder.is_blocked(&section(bytes)));
    assert_eq!(read(&decoder, bytes), (pairs(&[("", ""), (":method", "GET")]), false));
    decoder.set_ahead(0);
    assert!(!decoder.is_blocked(&section(bytes)) && read(&decoder, bytes).1);
}

#[test]
fn the_oldest_make_room() {
    let mut decoder = after(102, &[b"\x3f\x47", &insert("a", "1"), &insert("b", "2"), &insert("c", "3")]);
    assert_eq!(entries(&decoder), pairs(&[("c", "3"), ("b", "2"), ("a", "1")]));
    // The oldest, again: it makes room for itself.
    decoder.handle(b"\x02", STREAM);
    assert_eq!(entries(&decoder), pairs(&[("a", "1"), ("c", "3"), ("b", "2")]));
    // A smaller table, and none.
    decoder.handle(b"\x3f\x25", STREAM);
    assert_eq!(entries(&decoder), pairs(&[("a", "1"), ("c", "3")]));
    assert_eq!(read(&decoder, b"\x05\x00\x80\x83"), (pairs(&[("a", "1"), ("", "")]), false));
    decoder.handle(b"\x20", STREAM);
    assert_eq!((entries(&decoder), decoder.broken), (vec![], false));
}

#[test]
fn a_broken_encoder_stream_ends_the_table() {
    let long = [&b"\x40\x7f\xff\xff\xff\x7f"[..], &[b'x'; MAX_INSTRUCTION]].concat();
    let broken: [&[u8]; 9] = [
        // More than was announced, larger than the table, entries that there are not.
        b"\x3f\xff\x01",
        &[b"\x21", &insert("a", "1")[..]].concat(),
        b"\x04",
        b"\x84\x01a",
        // No entry of the known table has that index, no text that code, no integer that length.
        b"\xff\x24\x01a",
        b"\x41a\x82\0\0",
        b"\x61\0\x01a",
        &[b"\x3f", &[0xff; MAX_INSTRUCTION][..]].concat(),
        &long,
    ];
    for stream in broken {
        let mut decoder = after(CAPACITY, &[B2]);
        let (blocked, known) = (b"\x04\x00\x80\xd1", b"\x03\x81\x10\x11");
        assert!(decoder.is_blocked(&section(blocked)) && read(&decoder, known).1);
        decoder.handle(stream, STREAM + B2.len() as u64);
        assert!(decoder.broken, "{:x?}", &stream[..stream.len().min(20)]);
        decoder.handle(B3, STREAM);
        // Nobody waits any more, and nothing is taken for what it is not.
        assert!(!decoder.is_blocked(&section(blocked)));
        assert_eq!(read(&decoder, blocked), (pairs(&[("", ""), (":method", "GET")]), false));
        assert_eq!(read(&decoder, known), (pairs(&[("", ""), ("", "")]), false));
    }
    // Without a table there can be no entry.
    assert!(after(CAPACITY, &[B3]).broken);
}

#[test]
fn of_a_large_table_the_newest_are_known() {
    // 1 MiB; three entries of 40,034 bytes, and one as long as no entry can be that is kept.
    let long = |name: &[u8], len: usize| {
        let rest = len - 127;
        let length = [127, rest as u8 | 0x80, (rest >> 7) as u8 | 0x80, (rest >> 14) as u8];
        [&[0x41][..], name, &length, &vec![b'x'; len]].concat()
    };
    let mut decoder = after(1 << 20, &[b"\x3f\xe1\xff\x3f", &long(b"a", 40_000), &long(b"b", 40_000)]);
    assert_eq!(read(&decoder, b"\x03\x00\x80\x81").0[1], (String::new(), String::new()));
    assert_eq!(&read(&decoder, b"\x03\x00\x80").0[0].0, "b");
    decoder.handle(&long(b"c", 70_000), STREAM);
    assert_eq!(decoder.table.size(), 0);
    // A name of an entry that is not kept is not known, its value is.
    decoder.handle(b"\x81\x01d\x02", STREAM);
    assert_eq!(read(&decoder, b"\x06\x00\x80\x81"), (pairs(&[("", ""), ("", "d")]), false));
    assert!(!decoder.broken);
    // There were not as many.
    decoder.handle(b"\x05", STREAM);
    assert!(decoder.broken);
}

#[test]
fn a_section_that_swells_is_bounded() {
    let value = "x".repeat(120);
    let decoder = after(1000, &[b"\x3f\xc9\x07", &insert("a", &value)]);
    let bytes = [&b"\x02\x00"[..], &[0x80; 5000]].concat();
    let (fields, sound) = decoder.decode(&section(&bytes), MAX_LIST);
    assert_eq!((fields.len(), sound), (MAX_FIELDS, false));
    let (fields, sound) = decoder.decode(&section(&bytes), 1000);
    assert_eq!((fields.len(), sound), (6, false));
}

#[test]
fn huge_numbers_are_refused() {
    let decoder = after(CAPACITY, &[B2]);
    let huge = b"\xff\xff\xff\x7f";
    for head in [&b"\x03\x00"[..], b"\x03\x81"] {
        for first in [0xbf, 0xff, 0x4f, 0x5f, 0x1f, 0x07] {
            let (fields, sound) = read(&decoder, &[head, &[first], huge, b"\x01a"].concat());
            assert!(!sound && fields.iter().all(|(name, _)| name.is_empty()), "{first:x}");
        }
    }
    for prefix in [
        &b"\xff\xff\xff\xff\x7f\x00\x80"[..],
        b"\x03\x7f\xff\xff\xff\x7f\x80",
        b"\x03\xff\xff\xff\xff\x7f\x80",
    ] {
        assert!(!decoder.is_blocked(&section(prefix)));
        assert_eq!(read(&decoder, prefix), (pairs(&[("", "")]), false), "{prefix:x?}");
    }
    // Whatever is announced.
    let decoder = after(usize::MAX, &[B2]);
    assert_eq!(read(&decoder, b"\x03\x81\x10\x11").0.len(), 2);
    assert!(decoder.is_blocked(&section(b"\xff\xff\xff\xff\x7f\x00\x80")));
}
