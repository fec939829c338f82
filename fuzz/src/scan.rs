//! An HTTP request, or bytes without a protocol: decoded and searched without a panic, every range inside the bytes.

use inspect::identifier::Scanner;
use inspect::protocol::{BodyCoding, HttpHeader, HttpMessage, HttpStart};
use inspect::{IdentifierKind, KnownIdentifier};
use packet::Direction;

const CODINGS: [&str; 4] = ["gzip", "deflate", "deflate, gzip", "identity"];
const TYPES: [&str; 4] =
    ["application/json", "application/x-www-form-urlencoded", "multipart/form-data; boundary=b", "text/xml"];

fn header(name: &str, value: &str) -> HttpHeader {
    HttpHeader { name: name.to_owned(), value: value.to_owned(), range: 0..0, huffman: false }
}

/// Runs it once.
pub fn run(data: &[u8]) {
    let [control, bytes @ ..] = data else { return };
    let mut scanner = Scanner::default();
    // Building the automaton takes longer than all else.
    if control & 0x8f == 0x8f {
        let known = KnownIdentifier { kind: IdentifierKind::Imei, value: "001017001234569".to_owned() };
        scanner.watch(&known).expect("a valid IMEI");
    }
    let len = bytes.len() as u64;
    let scan = if control & 1 == 0 {
        scanner.scan_bytes("tcp payload", bytes, 0..len)
    } else {
        let (target, body) = bytes.split_at(bytes.len().min(usize::from(control >> 4) * 8));
        let kind = usize::from(control >> 1);
        let message = HttpMessage {
            direction: Direction::Outbound,
            start: HttpStart::Request {
                method: "POST".to_owned(),
                target: String::from_utf8_lossy(target).into_owned(),
                target_range: 0..target.len() as u64,
                huffman: false,
            },
            headers: vec![
                header("Content-Encoding", CODINGS[kind & 3]),
                header("Content-Type", TYPES[(kind >> 2) & 3]),
            ],
            body: body.to_vec(),
            body_range: target.len() as u64..len,
            coding: BodyCoding::Plain,
            cut: None,
            range: 0..len,
        };
        scanner.scan_http(None, &message)
    };
    for found in scan.matches {
        assert!(found.range.start <= found.range.end && found.range.end <= len, "{found:?}");
    }
}
