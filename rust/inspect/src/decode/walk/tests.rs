use std::io::Write;

use ::base64::Engine;
use ::base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use flate2::Compression;
use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};
use packet::Direction;

use super::*;
use crate::protocol::{BodyCoding, HttpHeader};

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn zlib(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn deflate(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn post(target: &str, headers: &[(&str, &str)], body: &[u8]) -> HttpMessage {
    let field = |(name, value): &(&str, &str)| HttpHeader {
        name: (*name).into(),
        value: (*value).into(),
        range: 500..500 + value.len() as u64,
        huffman: false,
    };
    HttpMessage {
        direction: Direction::Outbound,
        start: HttpStart::Request {
            method: "POST".into(),
            target: target.into(),
            target_range: 5..5 + target.len() as u64,
            huffman: false,
        },
        headers: headers.iter().map(field).collect(),
        body: body.to_vec(),
        body_range: 1000..1000 + body.len() as u64,
        coding: BodyCoding::Plain,
        cut: None,
        range: 0..1000 + body.len() as u64,
    }
}

#[test]
fn grpc_messages_are_read() {
    // Field 1 is a string, field 2 a fixed64 with an Android id.
    let hello = b"\x0a\x05hello";
    let numbers = b"\x11\x88\x77\x66\x55\x44\x33\x22\x11";
    let packed = gzip(b"{\"imei\":\"490154203237518\"}");
    let mut body = Vec::new();
    for (flags, message) in [(0, &hello[..]), (0, numbers), (1, &packed)] {
        body.push(flags);
        body.extend((message.len() as u32).to_be_bytes());
        body.extend(message);
    }
    let chains = |body: &[u8]| {
        let message = post("/pkg.Service/Method", &[("content-type", "application/grpc")], body);
        let decoded = decode_http(None, &message, Limits::default());
        ["1", "2", "imei"].map(|name| {
            let found = leaves(&decoded, name);
            let [(text, chain, _)] = &found[..] else { panic!("{found:?}") };
            format!("{text}: {chain}")
        })
    };
    let plain = chains(&body);
    assert_eq!(
        plain,
        [
            "hello: http body > grpc message > protobuf 1",
            "1234605616436508552: http body > grpc message#2 > protobuf 2 (fixed64)",
            "490154203237518: http body > grpc message#3 > gzip > json imei",
        ]
    );
    // gRPC-web's text.
    let coded = chains(STANDARD.encode(&body).as_bytes());
    assert_eq!(coded, plain.map(|it| it.replace("http body", "http body > base64")));
}

/// Every leaf called `name`: its bytes, chain and range.
fn leaves(decoded: &Decoded<'_>, name: &str) -> Vec<(String, String, Range<u64>)> {
    let read = |leaf: &Leaf| {
        let bytes = decoded.bytes(leaf);
        let text = String::from_utf8_lossy(bytes).into_owned();
        (text, decoded.chain(leaf).join(" > "), decoded.range(leaf, 0..bytes.len()))
    };
    decoded.leaves().iter().filter(|leaf| leaf.name() == name).map(read).collect()
}

fn body_leaf(headers: &[(&str, &str)], body: &[u8], name: &str) -> (String, String, Range<u64>) {
    let message = post("/", headers, body);
    let decoded = decode_http(None, &message, Limits::default());
    leaves(&decoded, name).pop().unwrap_or_else(|| panic!("{name}: {:#?}", decoded.leaves()))
}

const JSON: &[u8] = br#"{"device":{"imei":"123"}}"#;

#[test]
fn undoes_nested_encodings_and_says_so() {
    let base64 = STANDARD.encode(JSON);
    let cases: [(Vec<u8>, &str); 10] = [
        (JSON.to_vec(), "http body > json device.imei"),
        (base64.clone().into_bytes(), "http body > base64 > json device.imei"),
        (format!("data={base64}").into_bytes(), "http body > form data > base64 > json device.imei"),
        (
            format!("{{\"d\":{:?}}}", String::from_utf8_lossy(JSON)).into_bytes(),
            "http body > json d > json device.imei",
        ),
        (gzip(JSON), "http body > gzip > json device.imei"),
        (zlib(JSON), "http body > zlib > json device.imei"),
        (STANDARD.encode(gzip(JSON)).into_bytes(), "http body > base64 > gzip > json device.imei"),
        (format!("<a><b>{base64}</b></a>").into_bytes(), "http body > xml a.b > base64 > json device.imei"),
        (
            format!("jwt eyJhIjoiMTIzNDU2Nzg5In0.{}.x", URL_SAFE_NO_PAD.encode(JSON)).into_bytes(),
            "http body > text token#2 > base64 > json device.imei",
        ),
        ([b"\x60\x45\xff".as_slice(), JSON].concat(), "http body > text object > json device.imei"),
    ];
    for (body, chain) in cases {
        let found = body_leaf(&[], &body, "imei");
        assert_eq!((found.0.as_str(), found.1.as_str()), ("123", chain));
    }
}

#[test]
fn an_updaters_container_is_opened() {
    let key = b"abcde";
    let cipher =
        b"&device_type=phone&imei1=123&mid=4".iter().zip(key.iter().cycle()).map(|(byte, key)| byte ^ key);
    let container: Vec<u8> =
        [5].into_iter().chain(key.iter().map(|it| it.rotate_left(3))).chain(cipher).collect();
    let hex: String = container.iter().map(|byte| format!("{byte:02X}")).collect();
    let found = body_leaf(&[], format!("key={hex}&shaKey=00").as_bytes(), "imei1");
    assert_eq!(
        (found.0.as_str(), found.1.as_str()),
        ("123", "http body > form key > hex > xor (key inside) > form imei1")
    );
}

#[test]
fn content_codings_are_undone_whatever_they_are() {
    for (coding, body, step) in [
        ("gzip", gzip(JSON), "gzip"),
        ("x-gzip", gzip(JSON), "gzip"),
        ("deflate", zlib(JSON), "zlib"),
        ("deflate", deflate(JSON), "deflate"),
        ("deflate, gzip", gzip(&zlib(JSON)), "gzip > zlib"),
    ] {
        let found = body_leaf(&[("Content-Encoding", coding)], &body, "imei");
        assert_eq!(found.1, format!("http body > {step} > json device.imei"), "{coding}");
        assert_eq!(found.2, 1000..1000 + body.len() as u64);
    }
    for odd in ["x-deflate", ": deflate", "def\0late", "deflate;", "Deflate\u{a0}", "deflate;q=1"] {
        let found = body_leaf(&[("Content-Encoding", odd)], &deflate(JSON), "imei");
        assert_eq!(found.1, "http body > deflate > json device.imei", "{odd}");
    }
    let several =
        [("Content-Encoding", "gzip"), ("Content-Encoding", "identity"), ("content-encoding", "deflate")];
    let found = body_leaf(&several, &deflate(&gzip(JSON)), "imei");
    assert_eq!(found.1, "http body > deflate > gzip > json device.imei");
    // A lie: the body is text, and passes for the beginning of raw deflate.
    let found = body_leaf(&[("Content-Encoding", "gzip")], JSON, "imei");
    assert_eq!(found.1, "http body > json device.imei");
    let message = post("/", &[("Content-Encoding", "br")], b"\x0b\x02\x80");
    assert_eq!(decode_http(None, &message, Limits::default()).stopped(), ["coding"]);
}

#[test]
fn ranges_are_those_of_the_outermost_encoded_value() {
    let body = b"a=1&imei=123&mac=02%3A00&j={\"x\":\"y\",\"e\":\"\\n7\"}";
    assert_eq!(body_leaf(&[], body, "imei").2, 1009..1012);
    let message = post("/", &[], body);
    let decoded = decode_http(None, &message, Limits::default());
    assert_eq!(leaves(&decoded, "x")[0], ("y".into(), "http body > form j > json x".into(), 1033..1034));
    assert_eq!(leaves(&decoded, "e")[0], ("\n7".into(), "http body > form j > json e".into(), 1041..1044));
    let mac = leaves(&decoded, "mac");
    assert!(mac.contains(&("02:00".into(), "http body > form mac > percent".into(), 1017..1024)), "{mac:?}");
}

#[test]
fn target_headers_and_cookies_are_leaves() {
    let headers =
        [("X-IMEI", "123"), ("Cookie", "a=1; uid=77"), ("Authorization", "Basic dXNlcjpwYXNzd29yZDEyMw==")];
    let message = post("/p?id=9&q=%7B%22k%22%3A%22v%22%7D", &headers, b"");
    let decoded = decode_http(None, &message, Limits::default());
    assert_eq!(leaves(&decoded, "id"), [("9".into(), "http query id".into(), 11..12)]);
    assert_eq!(leaves(&decoded, "k"), [("v".into(), "http query q > percent > json k".into(), 15..38)]);
    assert_eq!(leaves(&decoded, "X-IMEI"), [("123".into(), "http header X-IMEI".into(), 500..503)]);
    assert_eq!(leaves(&decoded, "uid"), [("77".into(), "http header Cookie > cookie uid".into(), 509..511)]);
    let basic = leaves(&decoded, "Basic");
    assert!(basic.iter().any(|it| it.0 == "user:password123"), "{basic:?}");
}

#[test]
fn a_repeated_key_is_numbered() {
    let message = post("/?id=1&id=2", &[], b"");
    let decoded = decode_http(None, &message, Limits::default());
    let chains: Vec<_> = leaves(&decoded, "id").into_iter().map(|it| it.1).collect();
    assert_eq!(chains, ["http query id", "http query id#2"]);
}

#[test]
fn fields_of_the_check_in_have_names_at_google_only() {
    // 1: "123", 16: "SERIAL1"
    let body = b"\x0a\x03123\x82\x01\x07SERIAL1";
    let message = post("/checkin", &[("Host", "android.clients.google.com")], body);
    let decoded = decode_http(None, &message, Limits::default());
    assert_eq!(
        leaves(&decoded, "serial"),
        [("SERIAL1".into(), "http body > protobuf 16".into(), 1008..1015)]
    );
    let message = post("/checkin", &[("Host", "example.org")], body);
    let decoded = decode_http(None, &message, Limits::default());
    assert_eq!(leaves(&decoded, "16"), [("SERIAL1".into(), "http body > protobuf 16".into(), 1008..1015)]);
}

#[test]
fn noise_is_left_alone() {
    for body in [
        "hello world, this is text",
        "dGhpcyBpcyBub3Q",
        "0123456789abcdef0123456789abcdef",
        "AAAAAAAAAAAAAAAAAAAAAAAA",
    ] {
        let message = post("/", &[], body.as_bytes());
        let decoded = decode_http(None, &message, Limits::default());
        let last = decoded.leaves().last().map(|leaf| decoded.bytes(leaf)).unwrap_or_default();
        assert!(last == body.as_bytes() || body.starts_with("dGhp"), "{body}");
    }
}
