//! Requests of activation clients with synthetic identifiers, and values that are none.
//!
//! `testdata/vectors.json`: test type allocation code 00101700, test network 001-01, locally administered MAC
//! addresses, a telephone number of the range for fiction.

use std::ops::Range;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use inspect::identifier::{Confidence, IdentifierKind as Kind, KnownIdentifier, Match, Scan, Scanner};
use inspect::protocol::{BodyCoding, HttpHeader, HttpMessage, HttpStart};
use packet::Direction;
use serde_json::Value;

fn vectors() -> Value {
    serde_json::from_str(include_str!("../testdata/vectors.json")).unwrap()
}

/// A request as its bytes in the stream, taken apart in the simplest way.
fn message(bytes: &[u8]) -> HttpMessage {
    let head_end = bytes.windows(4).position(|it| it == b"\r\n\r\n").map_or(bytes.len(), |at| at + 4);
    let head = std::str::from_utf8(&bytes[..head_end]).unwrap();
    let mut lines = head.split_inclusive("\r\n");
    let start = lines.next().unwrap();
    let mut words = start.split(' ');
    let method = words.next().unwrap().to_owned();
    let target = words.next().unwrap().to_owned();
    let target_start = method.len() as u64 + 1;
    let mut at = start.len();
    let mut headers = Vec::new();
    for line in lines {
        if let Some((name, value)) = line.trim_end().split_once(':') {
            let from = at + line.find(value.trim()).unwrap();
            let range = from as u64..(from + value.trim().len()) as u64;
            headers.push(HttpHeader {
                name: name.to_owned(),
                value: value.trim().to_owned(),
                range,
                huffman: false,
            });
        }
        at += line.len();
    }
    HttpMessage {
        direction: Direction::Outbound,
        start: HttpStart::Request {
            method,
            target_range: target_start..target_start + target.len() as u64,
            huffman: false,
            target,
        },
        headers,
        body: bytes[head_end..].to_vec(),
        body_range: head_end as u64..bytes.len() as u64,
        coding: BodyCoding::Plain,
        cut: None,
        range: 0..bytes.len() as u64,
    }
}

/// A vector's request, made up from what it gives.
fn request(vector: &Value) -> Vec<u8> {
    if let Some(encoded) = vector["request_b64"].as_str() {
        return STANDARD.decode(encoded).unwrap();
    }
    let endpoint = vector["endpoint"].as_str().unwrap();
    let (host, path) = endpoint.split_once("://").unwrap().1.split_once('/').unwrap();
    let body = vector["body"].as_str().unwrap_or_default();
    let method = if body.is_empty() { "GET" } else { "POST" };
    let line = format!("{method} /{path} HTTP/1.1");
    let mut out = format!("{}\r\nHost: {host}\r\n", vector["request_line"].as_str().unwrap_or(&line));
    for (name, value) in vector["headers"].as_object().into_iter().flatten() {
        out += &format!("{name}: {}\r\n", value.as_str().unwrap());
    }
    out += &format!("Content-Length: {}\r\n\r\n{body}", body.len());
    out.into_bytes()
}

fn scan(bytes: &[u8]) -> Scan {
    Scanner::default().scan_http(None, &message(bytes))
}

fn vector(name: &str) -> Value {
    vectors()["vectors"].as_array().unwrap().iter().find(|it| it["name"] == name).unwrap().clone()
}

fn found(matches: &[Match]) -> Vec<(Kind, &str)> {
    let mut found: Vec<_> = matches.iter().map(|it| (it.kind, it.value.as_str())).collect();
    found.sort_unstable();
    found
}

#[test]
fn every_vector_is_flagged_with_what_it_expects() {
    for vector in vectors()["vectors"].as_array().unwrap() {
        let scan = scan(&request(vector));
        for expected in vector["expect"].as_array().unwrap() {
            let text = expected.as_str().unwrap();
            let mut words = text.split(' ');
            let kind = match words.next().unwrap() {
                "CELLID" | "PLMN" => Kind::Cell,
                name => name.parse().unwrap(),
            };
            let count = words.next().and_then(|it| it.strip_prefix('x')).map_or(1, |it| it.parse().unwrap());
            let matched = scan.matches.iter().filter(|it| it.kind == kind);
            assert!(matched.clone().all(|it| it.confidence == Confidence::Key), "{}: {text}", vector["name"]);
            assert_eq!(matched.count(), count, "{}: {text} in {:#?}", vector["name"], scan.matches);
        }
    }
}

#[test]
fn every_match_tells_how_it_was_decoded() {
    for vector in vectors()["vectors"].as_array().unwrap() {
        let steps: Vec<_> =
            vector["decode_chain"].as_array().unwrap().iter().map(|it| it.as_str().unwrap()).collect();
        let scan = scan(&request(vector));
        for step in steps {
            let word = step.split(['(', ' ']).next().unwrap();
            let has = |found: &Match| found.decode.iter().any(|it| it.split(' ').any(|it| it == word));
            assert!(scan.matches.iter().any(has), "{}: {step} in {:#?}", vector["name"], scan.matches);
        }
    }
}

#[test]
fn the_registration_is_read_to_the_last_field() {
    let bytes = request(&vector("zzhc-qualcomm-http"));
    let scan = scan(&bytes);
    assert_eq!(
        found(&scan.matches),
        [
            (Kind::Imei, "001017001234569"),
            (Kind::Imei, "001017001234643"),
            (Kind::Meid, "99001234567890"),
            (Kind::Imsi, "001010123456789"),
            (Kind::Imsi, "001011234567890"),
            (Kind::Iccid, "89860300000001234564"),
            (Kind::Mac, "02:00:5e:10:00:fe"),
            (Kind::Cell, "cid 19088743"),
        ]
    );
    let imei = scan.matches.iter().find(|it| it.kind == Kind::Imei).unwrap();
    assert_eq!(imei.decode, ["http body", "base64 (lines of 76)", "json IMEI1"]);
    let body = bytes.windows(4).position(|it| it == b"\r\n\r\n").unwrap() as u64 + 4;
    assert_eq!(imei.range, body..bytes.len() as u64);
    assert_eq!(scan.misdeclared.as_deref(), Some("says that it is application/encrypted-json and is base64"));
    assert_eq!(scan.stopped, [""; 0]);
}

#[test]
fn ranges_are_exact_where_nothing_was_decoded() {
    for name in ["meizu-headers", "hmd-register", "tcl-check"] {
        let bytes = request(&vector(name));
        for found in scan(&bytes).matches {
            let Range { start, end } = found.range;
            let text = String::from_utf8_lossy(&bytes[start as usize..end as usize]).into_owned();
            assert_eq!(text, found.value, "{name}");
        }
    }
}

#[test]
fn explaining_a_match_ends_at_its_value() {
    for vector in vectors()["vectors"].as_array().unwrap() {
        let bytes = request(vector);
        for found in scan(&bytes).matches {
            if found.kind == Kind::Cell {
                continue; // its value is put together from several
            }
            let origin = &bytes[found.range.start as usize..found.range.end as usize];
            let steps = inspect::decode::explain(origin, &found.decode);
            assert_eq!(steps.len(), found.decode.len(), "{}: {found:?}", vector["name"]);
            let last = String::from_utf8_lossy(&steps.last().unwrap().bytes)
                .to_ascii_lowercase()
                .replace(['-', ':'], "");
            let value = found.value.to_ascii_lowercase().replace(['-', ':'], "");
            assert!(last.contains(&value), "{}: {found:?} {last}", vector["name"]);
        }
    }
}

#[test]
fn negatives_are_never_flagged() {
    let mut scanner = Scanner::default();
    for negative in vectors()["negatives"].as_array().unwrap() {
        let text = negative["text"].as_str().unwrap();
        // Not under `imsi`: an IMEI of the test range begins as a subscriber of the test network does.
        for key in ["imei", "deviceid", "mac", "iccid", "gaid", "id", "serial", "android_id", "x"] {
            let encoded = STANDARD.encode(format!("{{\"{key}\":\"{text}\"}}"));
            let bodies = [
                text.to_owned(),
                format!("{{\"{key}\":\"{text}\"}}"),
                format!("{{\"{key}\":{text}}}"),
                format!("{key}={text}&b=1"),
                format!("<a><{key}>{text}</{key}></a>"),
                format!("{key}: {text}\n"),
                encoded,
            ];
            for body in bodies {
                let request =
                    format!("POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: {}\r\n\r\n{body}", body.len());
                assert_eq!(scan(request.as_bytes()).matches, [], "{body}");
                assert_eq!(scanner.scan_bytes("tcp payload", body.as_bytes(), 0..0).matches, [], "{body}");
            }
            let head = format!(
                "GET /{text}?{key}={text} HTTP/1.1\r\nX-{key}: {text}\r\nCookie: {key}={text}\r\n\r\n"
            );
            assert_eq!(scan(head.as_bytes()).matches, [], "{head}");
        }
    }
}

#[test]
fn every_hash_form_of_a_known_value_is_found() {
    let data = vectors();
    for (id, forms) in data["hash_forms"].as_object().unwrap() {
        let kind: Kind = match id.as_str() {
            "imei1" => Kind::Imei,
            "imsi_lte" => Kind::Imsi,
            "gaid" => Kind::AdvertisingId,
            name => name.parse().unwrap(),
        };
        let value = data["ids"][id].as_str().unwrap().to_owned();
        let mut scanner = Scanner::default();
        scanner.watch(&KnownIdentifier { kind, value }).unwrap();
        for (form, hashes) in forms.as_object().unwrap() {
            for (name, hash) in hashes.as_object().unwrap() {
                for hash in [hash.as_str().unwrap().to_owned(), hash.as_str().unwrap().to_ascii_uppercase()] {
                    let body = format!("{{\"h\":\"{hash}\"}}");
                    let scan = scanner.scan_bytes("tcp payload", body.as_bytes(), 0..body.len() as u64);
                    let found: Vec<_> =
                        scan.matches.iter().filter(|it| it.confidence == Confidence::Known).collect();
                    assert_eq!(found.len(), 1, "{id} {form} {name}");
                    assert_eq!(found[0].decode, ["tcp payload", "json h", name.as_str()]);
                    assert_eq!(found[0].range, 6..6 + hash.len() as u64);
                }
            }
        }
    }
}

#[test]
fn known_values_are_found_in_every_vector_that_holds_them() {
    let data = vectors();
    let mut scanner = Scanner::default();
    let imei = KnownIdentifier { kind: Kind::Imei, value: data["ids"]["imei1"].as_str().unwrap().to_owned() };
    scanner.watch(&imei).unwrap();
    for vector in data["vectors"].as_array().unwrap() {
        let holds =
            vector["expect"].as_array().unwrap().iter().any(|it| it.as_str().unwrap().starts_with("IMEI"));
        let scan = scanner.scan_http(None, &message(&request(vector)));
        let known = scan.matches.iter().filter(|it| it.confidence == Confidence::Known).count();
        assert_eq!(known, usize::from(holds), "{}", vector["name"]);
    }
}

#[test]
fn a_value_that_a_key_named_is_recognised_under_another() {
    let get = |query: &str| format!("GET /?{query} HTTP/1.1\r\nHost: h\r\n\r\n").into_bytes();
    let mut scanner = Scanner::default();
    let vague = get("s5=9774d56d682e549c&c4=02005E1000FE");
    assert_eq!(scanner.scan_http(None, &message(&vague)).matches, []);
    scanner.scan_http(None, &message(&get("android_id=9774d56d682e549c&mac=02:00:5e:10:00:fe")));
    let scan = scanner.scan_http(None, &message(&vague));
    assert_eq!(
        found(&scan.matches),
        [(Kind::AndroidId, "9774d56d682e549c"), (Kind::Mac, "02:00:5e:10:00:fe")]
    );
    assert_eq!(scan.matches[0].decode, ["http query s5"]);
}
