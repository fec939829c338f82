//! Contents: fields, written as programs write them.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::form;
use crate::random::Random;
use crate::{binary, markup, wrapping};

/// A named value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    /// Its name.
    pub name: String,
    /// Its value.
    pub value: Vec<u8>,
}

impl Field {
    /// A field with a text.
    pub fn new(name: impl Into<String>, value: impl Into<Vec<u8>>) -> Self {
        Self { name: name.into(), value: value.into() }
    }

    /// Its value as text.
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.value).into_owned()
    }

    /// Whether its value is a number that a program may hold as one.
    pub(crate) fn is_number(&self) -> bool {
        let plain = self.value.iter().all(u8::is_ascii_digit) && !self.value.starts_with(b"0");
        plain && (1..=15).contains(&self.value.len())
    }
}

/// A way to write fields.
#[derive(Debug, Clone, Copy)]
pub struct Content {
    /// For tables.
    pub name: &'static str,
    /// What an honest client says it is.
    pub media_type: &'static str,
    /// Whether the names of fields are kept.
    pub named: bool,
    /// Whether the result is text.
    pub text: bool,
    /// Whether values may be any bytes.
    pub binary: bool,
    /// Whether the parts of one thing are seen to belong together.
    pub grouped: bool,
    write: fn(&[Field], &mut Random) -> Vec<u8>,
}

impl Content {
    /// Writes the fields.
    pub fn write(&self, fields: &[Field], random: &mut Random) -> Vec<u8> {
        (self.write)(fields, random)
    }
}

type Write = fn(&[Field], &mut Random) -> Vec<u8>;

const fn named(name: &'static str, media_type: &'static str, write: Write) -> Content {
    Content { name, media_type, named: true, text: true, binary: false, grouped: true, write }
}

/// Every way to write fields.
pub const CONTENTS: [Content; 26] = [
    named("json", "application/json", |fields, random| object(fields, random).into_bytes()),
    named("json, nested", "application/json", nested),
    named("json in json", "application/json", |fields, random| {
        let inner = object(fields, random);
        format!("{{\"seq\":{},\"payload\":\"{}\"}}", random.below(99), escaped(&inner)).into_bytes()
    }),
    named("json lines", "application/x-ndjson", |fields, random| {
        format!("{{\"event\":\"start\",\"n\":{}}}\n{}\n", random.below(99), object(fields, random))
            .into_bytes()
    }),
    named("json array", "application/json", |fields, random| {
        format!("[{{\"event\":\"start\"}},{}]", object(fields, random)).into_bytes()
    }),
    named("form", "application/x-www-form-urlencoded", |fields, _| form_of(fields)),
    named("form, + for spaces", "application/x-www-form-urlencoded", |fields, _| {
        String::from_utf8_lossy(&form_of(fields)).replace("%20", "+").into_bytes()
    }),
    named("multipart", "multipart/form-data; boundary=----x7MA4YWxkTrZu0gW", |fields, _| {
        markup::multipart(fields)
    }),
    named("xml", "text/xml", |fields, _| markup::xml(fields)),
    named("xml attributes", "application/xml", |fields, _| markup::xml_attributes(fields)),
    named("xml property list", "application/x-plist", markup::property_list),
    named("mime", "message/rfc822", |fields, _| markup::mime(fields)),
    named("jwt", "application/jwt", jwt),
    Content {
        grouped: false,
        ..named("syncml", "application/vnd.syncml.dm+xml", |fields, _| markup::syncml(fields))
    },
    Content {
        grouped: false,
        ..named("log line", "text/plain", |fields, _| {
            // Words that hold a space need quotes: where they would end nobody could tell.
            let quote =
                |it: &Field| if it.value.iter().any(|byte| b" ,;".contains(byte)) { "\"" } else { "" };
            let pairs: Vec<_> =
                fields.iter().map(|it| format!("{}={q}{}{q}", it.name, it.text(), q = quote(it))).collect();
            format!("I/Reg: begin {}; done\n", pairs.join(", ")).into_bytes()
        })
    },
    Content {
        grouped: false,
        ..named("lines of names", "text/plain", |fields, _| {
            fields.iter().map(|it| format!("{}: {}\r\n", it.name, it.text())).collect::<String>().into_bytes()
        })
    },
    Content {
        named: false,
        grouped: false,
        ..named("separated values", "text/csv", |fields, random| {
            let values: Vec<_> = fields.iter().map(Field::text).collect();
            let separator = random.pick(&[",", ";", "|", "\t", " "]);
            format!("reg{separator}{}{separator}1", values.join(separator)).into_bytes()
        })
    },
    Content { named: false, grouped: false, ..binary("protobuf", "application/x-protobuf", protobuf) },
    Content { named: false, grouped: false, ..binary("binary record", "application/octet-stream", record) },
    Content {
        named: false,
        grouped: false,
        ..binary("delimited protobuf", "application/x-protobuf", delimited)
    },
    binary("cbor", "application/cbor", binary::cbor),
    binary("cbor, indefinite lengths", "application/cbor", binary::cbor_indefinite),
    binary("messagepack", "application/msgpack", binary::messagepack),
    binary("binary property list", "application/x-plist", |fields, _| binary::property_list(fields)),
    Content {
        grouped: false,
        ..binary("wbxml", "application/vnd.syncml.dm+wbxml", |fields, _| binary::syncml(fields))
    },
    Content { named: false, grouped: false, ..binary("der", "application/octet-stream", binary::der) },
];

const fn binary(name: &'static str, media_type: &'static str, write: Write) -> Content {
    Content { text: false, binary: true, ..named(name, media_type, write) }
}

fn object(fields: &[Field], random: &mut Random) -> String {
    let (colon, comma) = [(":", ","), (": ", ", "), (" : ", ",\n\t")][random.index(3)];
    let pairs = fields.iter().map(|it| {
        let bare = it.is_number() && random.happens(40);
        let value = if bare { it.text() } else { format!("\"{}\"", escaped(&it.text())) };
        format!("\"{}\"{colon}{value}", escaped(&it.name))
    });
    format!("{{{}}}", pairs.collect::<Vec<_>>().join(comma))
}

fn nested(fields: &[Field], random: &mut Random) -> Vec<u8> {
    let inner = object(fields, random);
    match random.below(3) {
        0 => format!("{{\"v\":1,\"info\":{inner}}}"),
        1 => format!("{{\"v\":1,\"body\":{{\"list\":[{{\"n\":2}},{inner}],\"ok\":true}}}}"),
        _ => format!("{{\"msg\":{{\"head\":{{\"cmd\":\"reg\"}},\"body\":{{\"terminal\":{inner}}}}}}}"),
    }
    .into_bytes()
}

/// As JSON strings are written; a slash sometimes stands behind a backslash in them, as PHP and older Android do it.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            '/' => out.push_str("\\/"),
            letter if (letter as u32) < 32 => out.push_str(&format!("\\u{:04x}", letter as u32)),
            letter => out.push(letter),
        }
    }
    out
}

/// As a form is written.
pub fn form_of(fields: &[Field]) -> Vec<u8> {
    let mut out = Vec::new();
    for field in fields {
        if !out.is_empty() {
            out.push(b'&');
        }
        out.extend(wrapping::percent(field.name.as_bytes()));
        out.push(b'=');
        out.extend(wrapping::percent(&field.value));
    }
    out
}

/// A base-128 number, least significant digits first.
pub fn varint(mut value: u64) -> Vec<u8> {
    let mut out = Vec::new();
    while value >= 128 {
        out.push(value as u8 | 128);
        value >>= 7;
    }
    out.push(value as u8);
    out
}

fn protobuf(fields: &[Field], random: &mut Random) -> Vec<u8> {
    let mut inner = Vec::new();
    for (number, field) in (1u64..).zip(fields) {
        inner.extend(varint(number << 3 | 2));
        inner.extend(varint(field.value.len() as u64));
        inner.extend(&field.value);
    }
    let mut out =
        [vec![8], varint(random.below(1 << 40)), vec![18, 7], b"Android".to_vec(), vec![34]].concat();
    out.extend(varint(inner.len() as u64));
    out.extend(inner);
    out
}

/// Messages, each behind its length (protobuf.dev/programming-guides/techniques, section "Streaming Multiple Messages").
fn delimited(fields: &[Field], random: &mut Random) -> Vec<u8> {
    let start = [b"\x0a\x05start\x10".to_vec(), varint(random.below(1 << 30))].concat();
    let mut out = Vec::new();
    for message in [start, protobuf(fields, random)] {
        out.extend(varint(message.len() as u64));
        out.extend(message);
    }
    out
}

/// A signed token (RFC 7519) with the fields as claims.
fn jwt(fields: &[Field], random: &mut Random) -> Vec<u8> {
    let head = URL_SAFE_NO_PAD.encode("{\"alg\":\"HS256\",\"typ\":\"JWT\"}");
    let claims = URL_SAFE_NO_PAD.encode(object(fields, random));
    format!("{head}.{claims}.{}", URL_SAFE_NO_PAD.encode(random.bytes(32))).into_bytes()
}

/// Magic, version, then length, type and value of each field, and a checksum.
fn record(fields: &[Field], random: &mut Random) -> Vec<u8> {
    let mut out = vec![0xa5, 0x5a, 0x01, 0x00];
    for (number, field) in (1u8..).zip(fields) {
        out.extend([(field.value.len() >> 8) as u8, field.value.len() as u8, 0, number]);
        out.extend(&field.value);
    }
    out.push(0);
    out.extend(random.bytes(4));
    out
}

/// What else a client says: nothing that identifies.
pub fn fillers(random: &mut Random) -> Vec<Field> {
    let count = random.index(5);
    let mut out = Vec::new();
    for _ in 0..count {
        let field = match random.below(7) {
            0 => Field::new("lang", random.pick(&["en", "de", "nb_NO", "zh_CN"])),
            1 => Field::new("ver", format!("{}.{}.{}", random.below(9), random.below(20), random.below(99))),
            2 => Field::new("ts", (1_600_000_000_000 + random.below(200_000_000_000)).to_string()),
            3 => Field::new("model", random.pick(&["Nokia 7 plus", "Pixel 4a", "SM-A526B", "M2003J15SC"])),
            4 => Field::new("net", random.pick(&["wifi", "4g", "5g"])),
            5 => Field::new("req", form::hex(&random.bytes(16))),
            _ => Field::new("channel", random.pick(&["store", "oem", "beta"])),
        };
        if !out.iter().any(|it: &Field| it.name == field.name) {
            out.push(field);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(name: &str) -> String {
        let fields = [Field::new("a", "1\"x"), Field::new("b", "y&z")];
        let content = CONTENTS.iter().find(|it| it.name == name).unwrap();
        String::from_utf8_lossy(&content.write(&fields, &mut Random::new(1, 2))).into_owned()
    }

    #[test]
    fn writes_what_parsers_read() {
        assert_eq!(written("form"), "a=1%22x&b=y%26z");
        assert!(written("xml").ends_with("<a>1&quot;x</a><b>y&amp;z</b></entry></req>"));
        let json: String = written("json").split_whitespace().collect();
        assert_eq!(json, r#"{"a":"1\"x","b":"y&z"}"#);
        assert!(written("json in json").contains(r#"\\\"x"#));
        assert_eq!(varint(300), [0xac, 0x02]);
    }
}
