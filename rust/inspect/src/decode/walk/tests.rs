use std::io::Write;

use ::base64::Engine;
use ::base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use cbc::cipher::block_padding::Pkcs7;
use cbc::cipher::{BlockModeEncrypt, KeyIvInit};
use flate2::Compression;
use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};
use packet::Direction;

use super::*;
use crate::decode::Cribs;
use crate::decode::part::everything;
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
        let decoded = decode_http(None, &message, Limits::default(), &mut everything);
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
    let decoded = decode_http(None, &message, Limits::default(), &mut everything);
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
fn every_format_is_known_by_its_bytes() {
    let base32 = "PMRGIZLWNFRWKIR2PMRGS3LFNERDUIRRGIZSE7L5";
    let utf16: Vec<u8> = String::from_utf8_lossy(JSON).encode_utf16().flat_map(u16::to_le_bytes).collect();
    let long = format!(
        "{{\"device\":{{\"imei\":\"123\",\"note\":\"{}\"}}}}",
        "as it was, the phone was found where nobody had looked before. ".repeat(2)
    );
    let block = lz4_flex::block::compress(long.as_bytes());
    let form = "text: a=3D1&x=3Dy, imei=3D123, =\r\nend";
    let cases: [(Vec<u8>, &str); 14] = [
        (base32.into(), "base32 > json device.imei"),
        (base32.trim_end_matches('=').to_lowercase().into(), "base32 > json device.imei"),
        (utf16.clone(), "utf-16le > json device.imei"),
        (STANDARD.encode(utf16).into(), "base64 > utf-16le > json device.imei"),
        (deflate(long.as_bytes()), "deflate > json device.imei"),
        (STANDARD.encode(deflate(long.as_bytes())).into(), "base64 > deflate > json device.imei"),
        (block, "lz4-block > json device.imei"),
        (form.into(), "quoted-printable > text imei"),
        (b"\xa1\x66device\xa1\x64imei\x63123".to_vec(), "cbor device.imei"),
        (b"\x81\xa6device\x81\xa4imei\xa3123".to_vec(), "msgpack device.imei"),
        (
            format!("{{\"u\":\"data:text/json;base64,{}\"}}", STANDARD.encode(JSON)).into(),
            "json u > data text/json > base64 > json device.imei",
        ),
        (
            format!("{{\"t\":\"eyJhbGciOiJub25lIn0.{}.\"}}", URL_SAFE_NO_PAD.encode(JSON)).into(),
            "json t > jwt claims > base64 > json device.imei",
        ),
        (
            b"MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\
                Content-Type: text/json\r\n\r\n{\"imei\":\"123\"}\r\n--b--\r\n"
                .to_vec(),
            "mime body > multipart  > json imei",
        ),
        (format!("{{\"a\":1}}\n{}\n", String::from_utf8_lossy(JSON)).into(), "json device.imei"),
    ];
    for (body, chain) in cases {
        let found = body_leaf(&[], &body, "imei");
        assert_eq!((found.0.as_str(), found.1), ("123", format!("http body > {chain}")));
    }
}

#[test]
fn a_known_value_gives_a_short_key_away() {
    let text = b"{\"serial\":\"001017001234569\",\"x\":\"y\"}";
    let sealed: Vec<u8> = text.iter().zip(b"k3y".iter().cycle()).map(|(byte, key)| byte ^ key).collect();
    let cribs = Cribs::new(["001017001234569"]);
    for (body, chain) in [
        (sealed.clone(), "http body > xor (key 6b3379) > json serial"),
        (
            format!("{{\"a\":\"b\",\"d\":\"{}\"}}", STANDARD.encode(&sealed)).into_bytes(),
            "http body > json d > base64 > xor (key 6b3379) > json serial",
        ),
    ] {
        let message = post("/", &[], &body);
        let decoded = decode_http(None, &message, Limits::default(), &mut everything);
        assert_eq!(leaves(&decoded, "serial"), []);
        let decoded = uncover(decoded, (&cribs, &|_| false), Limits::default(), &mut everything);
        let found = leaves(&decoded, "serial").pop().unwrap();
        assert_eq!((found.0.as_str(), found.1.as_str()), ("001017001234569", chain));
        let origin = body.get(found.2.start as usize - 1000..found.2.end as usize - 1000).unwrap();
        let steps: Vec<String> = chain.split(" > ").map(str::to_owned).collect();
        let explained = super::super::explain(origin, &steps);
        assert_eq!(explained.last().map(|it| it.bytes.as_slice()), Some(b"001017001234569".as_slice()));
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
    for (coding, body, step) in [
        ("br", &b"\x0f\x0c\x80{\"device\":{\"imei\":\"123\"}}\x03"[..], "brotli"),
        ("zstd", b"\x28\xb5\x2f\xfd\x20\x19\xc9\0\0{\"device\":{\"imei\":\"123\"}}", "zstd"),
    ] {
        let found = body_leaf(&[("Content-Encoding", coding)], body, "imei");
        assert_eq!(found.1, format!("http body > {step} > json device.imei"), "{coding}");
    }
    for (coding, body) in [("br", &b"\xff\x02\x80"[..]), ("sdch", b"text")] {
        let message = post("/", &[("Content-Encoding", coding)], body);
        assert_eq!(decode_http(None, &message, Limits::default(), &mut everything).stopped(), ["coding"]);
    }
}

#[test]
fn headers_that_a_table_repeats_count_as_decoded() {
    let long = "x".repeat(4000);
    let headers: Vec<_> = (0..50).map(|_| ("x-long", long.as_str())).collect();
    let mut message = post("/", &headers, b"");
    let limits = Limits { bytes: 100_000, ..Limits::default() };
    message.range = 0..250_000;
    let decoded = decode_http(None, &message, limits, &mut everything);
    assert_eq!((decoded.spent(), decoded.stopped()), (0, &[] as &[&str]));
    assert_eq!(leaves(&decoded, "x-long").len(), 50);
    message.range = 0..100;
    let decoded = decode_http(None, &message, limits, &mut everything);
    assert_eq!((decoded.spent(), decoded.stopped()), (25 * 4000 - 100, &["bytes"] as &[&str]));
    assert_eq!(leaves(&decoded, "x-long").len(), 25);
}

#[test]
fn a_bomb_within_a_coding_is_stopped() {
    let message = post("/", &[("Content-Encoding", "gzip")], &gzip(&vec![b' '; 8 << 20]));
    let decoded = decode_http(None, &message, Limits::default(), &mut everything);
    assert!(decoded.spent() <= Limits::default().bytes && !decoded.stopped().is_empty());
}

#[test]
fn an_updaters_cipher_with_a_published_key_is_opened() {
    let mut buffer = [0; 32];
    buffer[..JSON.len()].copy_from_slice(JSON);
    let (key, vector) = (b"miuiotavalided11", b"0102030405060708");
    let sealed = cbc::Encryptor::<aes::Aes128>::new(key.into(), vector.into())
        .encrypt_padded::<Pkcs7>(&mut buffer, JSON.len())
        .unwrap();
    let body = format!("q={}&t=&s=1", STANDARD.encode(sealed).replace('+', "%2B").replace('/', "%2F"));
    let found = body_leaf(&[], body.as_bytes(), "imei");
    assert_eq!(
        (found.0.as_str(), found.1.replace("percent > ", "").as_str()),
        ("123", "http body > form q > base64 > aes-128-cbc (published key) > json device.imei")
    );
}

#[test]
fn ranges_are_those_of_the_outermost_encoded_value() {
    let body = b"a=1&imei=123&mac=02%3A00&j={\"x\":\"y\",\"e\":\"\\n7\"}";
    assert_eq!(body_leaf(&[], body, "imei").2, 1009..1012);
    let message = post("/", &[], body);
    let decoded = decode_http(None, &message, Limits::default(), &mut everything);
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
    let decoded = decode_http(None, &message, Limits::default(), &mut everything);
    assert_eq!(leaves(&decoded, "id"), [("9".into(), "http query id".into(), 11..12)]);
    assert_eq!(leaves(&decoded, "k"), [("v".into(), "http query q > percent > json k".into(), 15..38)]);
    assert_eq!(leaves(&decoded, "X-IMEI"), [("123".into(), "http header X-IMEI".into(), 500..503)]);
    assert_eq!(leaves(&decoded, "uid"), [("77".into(), "http header Cookie > cookie uid".into(), 509..511)]);
    let basic = leaves(&decoded, "Basic");
    assert!(basic.iter().any(|it| it.0 == "user:password123"), "{basic:?}");
}

#[test]
fn a_binary_message_of_grpc_is_no_text_itself() {
    let cbor = b"\xa2\x64imei\x6f490154203237518\x62on\xf5";
    let body = [&[0, 0, 0, 0, cbor.len() as u8][..], cbor].concat();
    let message = post("/pkg.Service/Method", &[("content-type", "application/grpc")], &body);
    let decoded = decode_http(None, &message, Limits::default(), &mut everything);
    let holds = |leaf: &&Leaf| decoded.bytes(leaf).windows(15).any(|it| it == b"490154203237518");
    let told = decoded.leaves().iter().filter(|leaf| !leaf.replaced).filter(holds);
    let told: Vec<_> = told.map(|leaf| decoded.chain(leaf).join(" > ")).collect();
    assert_eq!(told, ["http body > grpc message > cbor imei"]);
}

#[test]
fn a_target_in_the_string_code_is_taken_apart_as_any() {
    let mut message = post("/v1/MDAxMDE3MDAxMjM0NTY5?ssid=Haus%20am%20See&q=a%26b", &[], b"");
    let HttpStart::Request { huffman, target_range, .. } = &mut message.start else { unreachable!() };
    (*huffman, *target_range) = (true, 7..40);
    let decoded = decode_http(None, &message, Limits::default(), &mut everything);
    let chain = |step: &str| format!("http target > huffman > query {step} > percent");
    assert_eq!(leaves(&decoded, "ssid").last().unwrap(), &("Haus am See".into(), chain("ssid"), 7..40));
    assert_eq!(leaves(&decoded, "q").last().unwrap().0, "a&b");
    let path = leaves(&decoded, "");
    let expected = "http target > huffman > target path[2] > base64";
    assert!(path.iter().any(|it| it.0 == "001017001234569" && it.1 == expected), "{path:?}");
}

#[test]
fn a_repeated_key_is_numbered() {
    let message = post("/?id=1&id=2", &[], b"");
    let decoded = decode_http(None, &message, Limits::default(), &mut everything);
    let chains: Vec<_> = leaves(&decoded, "id").into_iter().map(|it| it.1).collect();
    assert_eq!(chains, ["http query id", "http query id#2"]);
}

#[test]
fn fields_of_the_check_in_have_names_at_google_only() {
    // 1: "123", 16: "SERIAL1"
    let body = b"\x0a\x03123\x82\x01\x07SERIAL1";
    let message = post("/checkin", &[("Host", "android.clients.google.com")], body);
    let decoded = decode_http(None, &message, Limits::default(), &mut everything);
    assert_eq!(
        leaves(&decoded, "serial"),
        [("SERIAL1".into(), "http body > protobuf 16".into(), 1008..1015)]
    );
    let message = post("/checkin", &[("Host", "example.org")], body);
    let decoded = decode_http(None, &message, Limits::default(), &mut everything);
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
        let decoded = decode_http(None, &message, Limits::default(), &mut everything);
        let last = decoded.leaves().last().map(|leaf| decoded.bytes(leaf)).unwrap_or_default();
        assert!(last == body.as_bytes() || body.starts_with("dGhp"), "{body}");
    }
}

#[test]
fn quoted_markup_is_undone_before_it_is_read() {
    let xml = b"<?xml version=3D\"1.0\"?><a imei=3D\"00101700=\r\n1234569\"/>";
    let (text, chain, _) = body_leaf(&[], xml, "imei");
    assert_eq!((&text[..], &chain[..]), ("001017001234569", "http body > quoted-printable > xml a.imei"));
    let part =
        b"--x\r\nContent-Disposition: form-data; name=3D\"imei\"\r\n\r\n001017001234569\r\n--x--\r\n=3D\r\n";
    assert_eq!(body_leaf(&[], part, "imei").1, "http body > quoted-printable > multipart imei");
}

#[test]
fn binary_beneath_base32_is_read() {
    // {"imei": "001017001234569", "on": true} in CBOR.
    let cbor = b"\xa2\x64imei\x6f001017001234569\x62on\xf5";
    let (text, chain, _) = body_leaf(&[], b"UJSGS3LFNFXTAMBRGAYTOMBQGEZDGNBVGY4WE33O6U======", "imei");
    assert_eq!((&text[..], &chain[..]), ("001017001234569", "http body > base32 > cbor imei"));
    assert_eq!(
        super::super::base32::decode(b"UJSGS3LFNFXTAMBRGAYTOMBQGEZDGNBVGY4WE33O6U======").unwrap(),
        cbor
    );
}

#[test]
fn a_messages_part_may_be_compressed_without_a_mark() {
    use crate::protocol::Part;
    let value = deflate(b"{\"cmd\":\"register\",\"imei\":\"001017001234569\"}");
    let range = 0..value.len() as u64;
    let parts = vec![Part { name: "payload".into(), value, range }];
    let message = Message { direction: Direction::Outbound, protocol: "mqtt", host: None, parts };
    let decoded = decode_message(&message, Limits::default(), &mut everything);
    let found = leaves(&decoded, "imei");
    assert_eq!(found[0].1, "mqtt payload > deflate > json imei");
}

#[test]
fn digits_of_which_a_text_comes_by_chance_stay_a_number() {
    use crate::protocol::Part;
    let number = "3558642764605662";
    assert!(text::is_text(&STANDARD.decode(number).unwrap()));
    let parts = vec![Part { name: "header.device_imeisv".into(), value: number.into(), range: 0..16 }];
    let message = Message { direction: Direction::Outbound, protocol: "ssdp", host: None, parts };
    let decoded = decode_message(&message, Limits::default(), &mut everything);
    assert!(decoded.leaves().iter().any(|leaf| decoded.bytes(leaf) == number.as_bytes()));
}

#[test]
fn digits_that_are_all_there_is_stay_a_number() {
    for number in ["89049032052177497629585057283456", "359407561654462", "d2fefee42c15c74040d0e008a3d3e37b"]
    {
        let range = 0..number.len() as u64;
        let decoded = decode_bytes("name", number.as_bytes(), range, Limits::default(), &mut everything);
        let is_whole = |leaf: &Leaf| decoded.bytes(leaf) == number.as_bytes();
        assert!(decoded.leaves().iter().any(is_whole), "{number}");
    }
}

#[test]
fn what_begins_as_no_text_may_be_compressed_whatever_stands_in_it() {
    let form = b"ll=62.783847%2C28.82593&ts=1716597689989&net=5g";
    let found = body_leaf(&[], &lz4_flex::block::compress(form), "ll");
    assert_eq!(
        (&found.0[..], &found.1[..]),
        ("62.783847,28.82593", "http body > lz4-block > form ll > percent")
    );
    // A token, of which a message of protobuf comes by chance.
    let claims =
        URL_SAFE_NO_PAD.encode("{\"channel\":\"store\",\"field7\":\"89086030013280455606689461119403\"}");
    let token =
        format!("eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.{claims}.-LHsHWdEcYycGSK73bLPFuvN6pJqzKZwL0JWs4eB5vY");
    let block = lz4_flex::block::compress(token.as_bytes());
    assert!(protobuf::pieces(&block, 100).is_some());
    assert_eq!(
        body_leaf(&[], &block, "field7").1,
        "http body > lz4-block > jwt claims > base64 > json field7"
    );
}

#[test]
fn what_is_said_to_be_base64_is_decoded_however_short() {
    let body = b"v=2&data=data%3Aapplication/octet-stream;base64,AOwKHaxi";
    let message = post("/", &[], body);
    let decoded = decode_http(None, &message, Limits::default(), &mut everything);
    let bytes = b"\x00\xec\x0a\x1d\xac\x62";
    let chains: Vec<_> = decoded
        .leaves()
        .iter()
        .filter(|leaf| decoded.bytes(leaf) == bytes)
        .map(|leaf| decoded.chain(leaf).join(" > "))
        .collect();
    assert_eq!(chains, ["http body > form data > percent > data application/octet-stream > base64"]);
}

#[test]
fn base64_that_begins_as_zlib_does_is_base64() {
    let text = STANDARD.encode(b"\xf0\xe0I/Reg: begin 666666666666666666666666666666666666666666666");
    assert!(text.starts_with("8OBJ"));
    let lines: Vec<&[u8]> = text.as_bytes().chunks(76).collect();
    let decoded = body_leaf(&[], &lines.join(&b"\r\n"[..]), "Reg").1;
    assert!(decoded.starts_with("http body > base64"), "{decoded}");
}

#[test]
fn a_cipher_is_taken_off_whatever_stands_in_it_by_chance() {
    // CBOR, of which XOR with one byte makes what seems to hold an escape.
    let mac = "3c:5a:b4:4a:19:3a";
    let cbor = [&b"\xbfdebta\xffbk3q"[..], mac.as_bytes(), b"d\x7fbo8\xff"].concat();
    let sealed: Vec<u8> = cbor.iter().map(|byte| byte ^ 0x5a).collect();
    assert!(crate::decode::percent::is_encoded(&sealed) && text::is_texty(&sealed));
    let decoded = decode_bytes("tcp", &sealed, 0..sealed.len() as u64, Limits::default(), &mut everything);
    let opened = uncover(decoded, (&Cribs::new([mac]), &|_| false), Limits::default(), &mut everything);
    assert!(opened.leaves().iter().any(|leaf| opened.bytes(leaf) == cbor));
}

#[test]
fn of_two_readings_the_simpler_is_believed() {
    // As CBOR an array of one object whose first name is `ps_adid`, and numbers made of the digits.
    let bytes = b"\x81\xa8gps_adid\xd9\x24192224be-0ed1-4a00-9089-39d9a87dddf9";
    assert!(crate::decode::cbor::pieces(bytes, 100).is_some());
    assert_eq!(body_leaf(&[], bytes, "gps_adid").1, "http body > msgpack gps_adid");
    let array = b"\x81\xa1dimei\x6f001017001234569";
    assert_eq!(body_leaf(&[], array, "imei").1, "http body > cbor [0].imei");
}

#[test]
fn a_cipher_is_taken_off_what_its_form_makes_a_message() {
    // JSON, of which XOR with one byte makes fields to the last byte: one of eight bytes, one of 63, a number, one of 99.
    let id = "09037a16-b8b4-410a-8313-b2f4b5a4afcf";
    let json = [
        r#"{"msg":{"head":{"cmd":"reg"},"body":{"terminal":{"ts":"1759184983412","zz":""#,
        id,
        r#"","model":"SM-A526B","req":"9553b5cc6cc4a4b63c09cecad67d89f2"}}}}"#,
    ]
    .concat();
    let sealed: Vec<u8> = json.bytes().map(|byte| byte ^ 0x5a).collect();
    let decode = || decode_bytes("tcp", &sealed, 0..sealed.len() as u64, Limits::default(), &mut everything);
    assert_eq!(decode().formats(), ["protobuf"]);
    let opened = uncover(decode(), (&Cribs::new([id]), &|_| false), Limits::default(), &mut everything);
    let leaf = opened.leaves().iter().find(|leaf| opened.bytes(leaf) == id.as_bytes()).unwrap();
    assert_eq!(opened.chain(leaf).join(" > "), "tcp > xor (key 5a) > json msg.body.terminal.zz");
}

#[test]
fn values_that_lie_in_each_other_are_taken_apart_once() {
    const VALUES: usize = 40;
    for name in ["a=", "token=", "x token=ab12=", "F====ff3179edf=="] {
        let text = "sent: ".to_owned() + &name.repeat(VALUES) + " y=aW1laTozNTkwOTExMDg3Nzg5MzM=";
        let decoded =
            decode_bytes("tcp", text.as_bytes(), 0..text.len() as u64, Limits::default(), &mut everything);
        assert!(decoded.leaves().len() <= 3 * VALUES, "{name}: {}", decoded.leaves().len());
        assert!(decoded.stopped().is_empty() && !leaves(&decoded, "imei").is_empty(), "{name}");
    }
}

#[test]
fn values_that_begin_as_escapes_do_stay() {
    let log = b"I/Reg: begin gsf_id=9106393094365053404, req=9286544bd004ee13; done\n";
    assert_eq!(body_leaf(&[], log, "gsf_id").1, "http body > text gsf_id");
    // Of digits that make letters both are read.
    let message = post("/", &[("X-IMEISV", "3577515679475441")], b"");
    let decoded = decode_http(None, &message, Limits::default(), &mut everything);
    let values: Vec<_> = leaves(&decoded, "X-IMEISV").into_iter().map(|it| it.0).collect();
    assert_eq!(values, ["3577515679475441", "5wQVyGTA"]);
}

#[test]
fn what_a_part_says_of_its_encoding_is_believed() {
    use crate::protocol::Part;
    let part = |name: &str, value: &[u8]| Part {
        name: name.into(),
        value: value.to_vec(),
        range: 0..value.len() as u64,
    };
    let chain_of = |encoding: &[u8], body: &[u8]| {
        let parts = vec![part("header.Content-Transfer-Encoding", encoding), part("body", body)];
        let message = Message { direction: Direction::Outbound, protocol: "smtp", host: None, parts };
        let decoded = decode_message(&message, Limits::default(), &mut everything);
        leaves(&decoded, "imei").into_iter().map(|it| format!("{}: {}", it.0, it.1)).collect::<Vec<_>>()
    };
    let expected = ["001017001234569: smtp body > quoted-printable > text imei"];
    assert_eq!(chain_of(b"Quoted-Printable", b"imei:=20001017001234569\r\n"), expected);
    assert!(chain_of(b"7bit", b"imei:=20001017001234569\r\n").is_empty());
    let packed = STANDARD.encode(deflate(b"imei=001017001234569&n=1"));
    assert_eq!(
        chain_of(b"base64", packed.as_bytes()),
        ["001017001234569: smtp body > base64 > deflate > form imei"]
    );
    let mail = b"MIME-Version: 1.0\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\nimei:=20001017001234569\r\n";
    assert_eq!(body_leaf(&[], mail, "imei").1, "http body > mime body > quoted-printable > text imei");
    let multipart = b"--x\r\nContent-Disposition: form-data; name=a\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n\
        imei:=20001017001234569\r\n--x--\r\n";
    assert_eq!(body_leaf(&[], multipart, "imei").1, "http body > multipart a > quoted-printable > text imei");
}

#[test]
fn ciphertext_that_passes_for_text_is_opened() {
    let seal = |json: &[u8]| {
        let mut buffer = [0; 64];
        buffer[..json.len()].copy_from_slice(json);
        let (key, vector) = (b"miuiotavalided11", b"0102030405060708");
        let cipher = cbc::Encryptor::<aes::Aes128>::new(key.into(), vector.into());
        cipher.encrypt_padded::<Pkcs7>(&mut buffer, json.len()).unwrap().to_vec()
    };
    let sealed = (0..100_000u32).find_map(|number| {
        // What differs stands first: the first block of the ciphertext depends on nothing else.
        let sealed = seal(format!("{{\"n\":{number},\"imei\":\"001017001234569\"}}").as_bytes());
        text::is_texty(&sealed).then_some(sealed)
    });
    let sealed = sealed.unwrap();
    let chain = body_leaf(&[], &sealed, "imei").1;
    assert_eq!(chain, "http body > aes-128-cbc (published key) > json imei");
    let body = format!("a=b&q={}", URL_SAFE_NO_PAD.encode(&sealed));
    let chain = body_leaf(&[], body.as_bytes(), "imei").1;
    assert_eq!(chain, "http body > form q > base64 (url-safe) > aes-128-cbc (published key) > json imei");

    // This one even has a name and a value.
    let sealed = seal(br#"{"model": "SM-A526B", "x1": "62c111b3"}"#);
    assert!(text::is_texty(&sealed) && !text::pairs(&sealed, 1).is_empty());
    assert_eq!(body_leaf(&[], &sealed, "x1").1, "http body > aes-128-cbc (published key) > json x1");
}
