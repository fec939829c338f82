//! Contents in binary formats that describe themselves.

use crate::content::{Field, varint};
use crate::markup;
use crate::random::Random;

/// Whether a value is written as a number.
fn number(field: &Field, random: &mut Random) -> Option<u64> {
    (field.is_number() && random.happens(40)).then(|| field.text().parse().ok())?
}

/// The fields as a value's writer takes them: most often within another object.
fn map(
    fields: &[Field],
    random: &mut Random,
    begin: fn(usize) -> Vec<u8>,
    text: fn(&str) -> Vec<u8>,
    value: fn(&Field, &mut Random) -> Vec<u8>,
    end: &[u8],
) -> Vec<u8> {
    let mut inner = begin(fields.len());
    for field in fields {
        inner.extend(text(&field.name));
        inner.extend(value(field, random));
    }
    inner.extend(end);
    if random.happens(40) {
        return inner;
    }
    [begin(2), text("cmd"), text("register"), text("info"), inner, end.to_vec()].concat()
}

/// CBOR (RFC 8949): a map.
pub fn cbor(fields: &[Field], random: &mut Random) -> Vec<u8> {
    let tag: &[u8] = if random.happens(20) { &[0xd9, 0xd9, 0xf7] } else { &[] };
    let item = map(fields, random, |count| cbor_head(5, count as u64), cbor_text, cbor_value, &[]);
    [tag, &item].concat()
}

/// CBOR of which maps and texts do not say how long they are (RFC 8949 section 3.2).
pub fn cbor_indefinite(fields: &[Field], random: &mut Random) -> Vec<u8> {
    let chunks = |field: &Field, random: &mut Random| {
        let text = field.text();
        if !text.is_ascii() || random.happens(50) {
            return cbor_value(field, random);
        }
        let (head, tail) = text.split_at(random.index(text.len() + 1));
        [vec![0x7f], cbor_text(head), cbor_text(tail), vec![0xff]].concat()
    };
    map(fields, random, |_| vec![0xbf], cbor_text, chunks, &[0xff])
}

fn cbor_value(field: &Field, random: &mut Random) -> Vec<u8> {
    match (number(field, random), std::str::from_utf8(&field.value)) {
        (Some(number), _) => cbor_head(0, number),
        (None, Ok(text)) => cbor_text(text),
        (None, Err(_)) => [cbor_head(2, field.value.len() as u64), field.value.clone()].concat(),
    }
}

fn cbor_text(text: &str) -> Vec<u8> {
    [cbor_head(3, text.len() as u64), text.as_bytes().to_vec()].concat()
}

/// Section 3: three bits of the major type, then the argument in as few bytes as will do.
fn cbor_head(major: u8, argument: u64) -> Vec<u8> {
    let bytes = argument.to_be_bytes();
    let (info, size) = match argument {
        0..24 => return vec![major << 5 | argument as u8],
        24..0x100 => (24, 1),
        0x100..0x1_0000 => (25, 2),
        0x1_0000..0x1_0000_0000 => (26, 4),
        _ => (27, 8),
    };
    [&[major << 5 | info], &bytes[8 - size..]].concat()
}

/// MessagePack (github.com/msgpack/msgpack, spec.md): a map.
pub fn messagepack(fields: &[Field], random: &mut Random) -> Vec<u8> {
    let begin = |count: usize| match count {
        0..16 => vec![0x80 | count as u8],
        _ => [&[0xde][..], &(count as u16).to_be_bytes()].concat(),
    };
    map(fields, random, begin, messagepack_text, messagepack_value, &[])
}

fn messagepack_value(field: &Field, random: &mut Random) -> Vec<u8> {
    match (number(field, random), std::str::from_utf8(&field.value)) {
        (Some(number), _) => messagepack_number(number),
        (None, Ok(text)) => messagepack_text(text),
        (None, Err(_)) => [&[0xc4, field.value.len() as u8], &field.value[..]].concat(),
    }
}

fn messagepack_number(number: u64) -> Vec<u8> {
    let bytes = number.to_be_bytes();
    let (first, size) = match number {
        0..0x80 => return vec![number as u8],
        0x80..0x100 => (0xcc, 1),
        0x100..0x1_0000 => (0xcd, 2),
        0x1_0000..0x1_0000_0000 => (0xce, 4),
        _ => (0xcf, 8),
    };
    [&[first], &bytes[8 - size..]].concat()
}

fn messagepack_text(text: &str) -> Vec<u8> {
    let head = match text.len() {
        len @ 0..32 => vec![0xa0 | len as u8],
        len @ 32..256 => vec![0xd9, len as u8],
        len => [&[0xda][..], &(len as u16).to_be_bytes()].concat(),
    };
    [head, text.as_bytes().to_vec()].concat()
}

/// Apple's binary property list (CFBinaryPList.c): a dictionary, its keys, its values, the table of offsets, the trailer.
pub fn property_list(fields: &[Field]) -> Vec<u8> {
    let count = fields.len() as u8;
    let mut objects = vec![[list_head(0xd0, fields.len()), (1..=2 * count).collect()].concat()];
    objects.extend(fields.iter().map(|it| list_text(&it.name)));
    objects.extend(fields.iter().map(list_value));
    let mut out = b"bplist00".to_vec();
    let mut offsets = Vec::new();
    for object in &objects {
        offsets.extend((out.len() as u16).to_be_bytes());
        out.extend(object);
    }
    let table = out.len() as u64;
    out.extend(offsets);
    out.extend([0, 0, 0, 0, 0, 0, 2, 1]);
    out.extend([objects.len() as u64, 0, table].map(u64::to_be_bytes).concat());
    out
}

fn list_value(field: &Field) -> Vec<u8> {
    match std::str::from_utf8(&field.value) {
        Ok(text) if field.is_number() && field.value.len() > 9 => {
            [vec![0x13], text.parse::<u64>().unwrap_or_default().to_be_bytes().to_vec()].concat()
        }
        Ok(text) => list_text(text),
        Err(_) => [list_head(0x40, field.value.len()), field.value.clone()].concat(),
    }
}

/// ASCII, or UTF-16 with the number of its units.
fn list_text(text: &str) -> Vec<u8> {
    if text.is_ascii() {
        return [list_head(0x50, text.len()), text.as_bytes().to_vec()].concat();
    }
    let units: Vec<u8> = text.encode_utf16().flat_map(u16::to_be_bytes).collect();
    [list_head(0x60, units.len() / 2), units].concat()
}

/// The kind, and how many; from 15 on in a number of its own.
fn list_head(kind: u8, count: usize) -> Vec<u8> {
    match count {
        0..15 => vec![kind | count as u8],
        15..256 => vec![kind | 15, 0x10, count as u8],
        _ => [&[kind | 15, 0x11][..], &(count as u16).to_be_bytes()].concat(),
    }
}

/// SyncML in WBXML 1.2 (WAP-192; tokens of OMA-TS-SyncML-RepPro section 8.1): as [`markup::syncml`].
pub fn syncml(fields: &[Field]) -> Vec<u8> {
    let text = |text: &[u8]| [&[0x03], text, &[0]].concat();
    let element = |token: u8, content: Vec<u8>| [vec![token | 0x40], content, vec![0x01]].concat();
    let (cmd_id, data, last, item, loc_uri) = (0x0b, 0x0f, 0x12, 0x14, 0x17);
    let (msg_id, replace, session, source) = (0x1b, 0x20, 0x25, 0x27);
    let (body, header, package, target, version, protocol) = (0x2b, 0x2c, 0x2d, 0x2e, 0x31, 0x32);
    let address = |token: u8, uri: &[u8]| element(token, element(loc_uri, text(uri)));
    let items = fields.iter().flat_map(|it| {
        // Texts end with a zero; other bytes are opaque.
        let value = match std::str::from_utf8(&it.value) {
            Ok(value) if !value.contains('\0') => text(value.as_bytes()),
            _ => [&[0xc3, it.value.len() as u8], &it.value[..]].concat(),
        };
        element(item, [address(source, markup::node(it).as_bytes()), element(data, value)].concat())
    });
    let head = [
        element(version, text(b"1.2")),
        element(protocol, text(b"DM/1.2")),
        element(session, text(b"1")),
        element(msg_id, text(b"1")),
        address(target, b"http://dm.example/"),
        address(source, b"client"),
    ];
    let command = element(replace, [element(cmd_id, text(b"2")), items.collect()].concat());
    let package = element(
        package,
        [element(header, head.concat()), element(body, [command, vec![last]].concat())].concat(),
    );
    // Version 1.2, `-//SYNCML//DTD SyncML 1.2//EN`, UTF-8, no table of strings.
    [vec![0x02, 0xa4, 0x01, 0x6a, 0x00], package].concat()
}

/// ASN.1 in its distinguished encoding (X.690): a version, then a list of identifiers with texts or octets.
pub fn der(fields: &[Field], random: &mut Random) -> Vec<u8> {
    let entries = (1u8..).zip(fields).flat_map(|(number, it)| {
        // In an arc for private enterprises.
        let identifier = [&[0x2b, 6, 1, 4, 1, 0x83, 0x8d, 0x1f][..], &[number]].concat();
        let tag = if std::str::from_utf8(&it.value).is_ok() { 0x0c } else { 0x04 };
        der_value(0x30, &[der_value(0x06, &identifier), der_value(tag, &it.value)].concat())
    });
    let list = der_value(0x30, &entries.collect::<Vec<u8>>());
    der_value(0x30, &[der_value(0x02, &[random.below(4) as u8]), list].concat())
}

/// A tag, a length and a content.
pub fn der_value(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = match content.len() {
        len @ 0..128 => vec![len as u8],
        len @ 128..256 => vec![0x81, len as u8],
        len => [&[0x82][..], &(len as u16).to_be_bytes()].concat(),
    };
    [vec![tag], length, content.to_vec()].concat()
}

/// A gRPC message behind its flag and length (gRPC over HTTP/2, section "Requests").
pub fn grpc(message: &[u8], compressed: bool) -> Vec<u8> {
    [&[u8::from(compressed)], &(message.len() as u32).to_be_bytes()[..], message].concat()
}

/// A field of protobuf that holds bytes.
pub fn protobuf_field(number: u64, value: &[u8]) -> Vec<u8> {
    [varint(number << 3 | 2), varint(value.len() as u64), value.to_vec()].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields() -> [Field; 2] {
        [Field::new("imei", "x1"), Field::new("n", vec![0xff])]
    }

    #[test]
    fn heads_are_as_short_as_they_can_be() {
        // RFC 8949 appendix A.
        assert_eq!(cbor_head(0, 23), [0x17]);
        assert_eq!(cbor_head(0, 100), [0x18, 0x64]);
        assert_eq!(cbor_head(0, 1_000_000), [0x1a, 0, 0x0f, 0x42, 0x40]);
        assert_eq!(cbor_text("IETF"), b"\x64IETF");
        assert_eq!(messagepack_number(300), [0xcd, 1, 0x2c]);
        assert_eq!(messagepack_text("a"), [0xa1, b'a']);
        assert_eq!(der_value(4, &[0; 200])[..3], [4, 0x81, 200]);
        assert_eq!(list_head(0x50, 15), [0x5f, 0x10, 15]);
        assert_eq!(grpc(b"ab", true), [1, 0, 0, 0, 2, b'a', b'b']);
    }

    #[test]
    fn maps_hold_the_fields() {
        let random = &mut Random::new(1, 1);
        let ends = |bytes: Vec<u8>, tail: &[u8]| assert!(bytes.ends_with(tail), "{bytes:x?}");
        ends(cbor(&fields(), random), b"\xa2\x64imei\x62x1\x61n\x41\xff");
        ends(messagepack(&fields(), random), b"\x82\xa4imei\xa2x1\xa1n\xc4\x01\xff");
        let list = property_list(&fields());
        assert!(list.starts_with(b"bplist00\xd2\x01\x02\x03\x04\x54imei\x51n\x52x1\x41\xff\0\x08\0\x0d"));
        assert!(
            list.ends_with(&[2, 1, 0, 0, 0, 0, 0, 0, 0, 5, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 25])
        );
        let tokens = syncml(&fields());
        assert!(tokens.starts_with(&[0x02, 0xa4, 0x01, 0x6a, 0x00, 0x6d, 0x6c, 0x71, 0x03, b'1']));
        assert!(tokens.ends_with(&[0x4f, 0xc3, 1, 0xff, 1, 1, 1, 0x12, 1, 1]));
    }
}
