//! An HTTP request, or bytes without a protocol: decoded and searched without a panic, every range inside the bytes, a
//! known value that stands there as it is never missed, and a token's recurrence never without the token.

use std::sync::OnceLock;

use inspect::identifier::{IdentifierKind as Kind, Recurring, Scan, Scanner, Sending};
use inspect::protocol::{BodyCoding, HttpHeader, HttpMessage, HttpStart};
use inspect::{Confidence, KnownIdentifier};
use packet::{Direction, Timestamp};

const CODINGS: [&str; 4] = ["gzip", "deflate", "deflate, gzip", "identity"];
const TYPES: [&str; 4] =
    ["application/json", "application/x-www-form-urlencoded", "multipart/form-data; boundary=b", "text/xml"];

/// Values to look for, of each sort of writing; all made up.
const VALUES: [(Kind, &str); 7] = [
    (Kind::Imei, "001017001234569"),
    (Kind::Iccid, "89860300000001234564"),
    (Kind::Msisdn, "+15550100123"),
    (Kind::Mac, "02:00:5e:10:00:fe"),
    (Kind::AdvertisingId, "38400000-8cf0-11bd-b23e-10b96e40000d"),
    (Kind::GsfId, "8786574056807174179"),
    (Kind::WidevineId, "q83vEjRWeJCrze8SNFZ4kKvN7xI0VniQq83vEjRWeJA="),
];

/// Preparing the search takes longer than all else, so it is done once.
pub fn watching() -> &'static Scanner {
    static SCANNER: OnceLock<Scanner> = OnceLock::new();
    SCANNER.get_or_init(|| {
        let mut scanner = Scanner::default();
        for (kind, value) in VALUES {
            scanner.watch(&KnownIdentifier { kind, value: value.to_owned() }).expect("a valid value");
        }
        scanner
    })
}

fn header(name: &str, value: &str) -> HttpHeader {
    HttpHeader { name: name.to_owned(), value: value.to_owned(), range: 0..0, huffman: false }
}

/// Runs it once.
pub fn run(data: &[u8]) {
    let [control, bytes @ ..] = data else { return };
    let len = bytes.len() as u64;
    let scan = if control & 1 == 0 {
        let scan = watching().clone().scan_bytes("tcp payload", bytes, 0..len);
        assert_known(bytes, &scan);
        scan
    } else {
        request(*control, bytes)
    };
    for range in scan.matches.iter().map(|it| &it.range).chain(scan.tokens.iter().map(|it| &it.range)) {
        assert!(range.start <= range.end && range.end <= len, "{range:?}");
    }
    assert_recurring(&scan);
}

fn request(control: u8, bytes: &[u8]) -> Scan {
    let len = bytes.len() as u64;
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
    let mut scanner = if control & 0x80 == 0 { Scanner::default() } else { watching().clone() };
    scanner.scan_http(None, &message)
}

/// A value between bytes that could not be a part of it is found, whatever surrounds it.
fn assert_known(bytes: &[u8], scan: &Scan) {
    for (kind, value) in VALUES {
        let apart = |byte: Option<&u8>| byte.is_none_or(|byte| !byte.is_ascii_alphanumeric());
        let stands = bytes.windows(value.len()).enumerate().any(|(at, part)| {
            part == value.as_bytes()
                && apart(at.checked_sub(1).and_then(|before| bytes.get(before)))
                && apart(bytes.get(at + value.len()))
        });
        let found = |it: &inspect::identifier::Match| it.kind == kind && it.confidence == Confidence::Known;
        assert!(!stands || scan.matches.iter().any(found), "{kind} missed");
    }
}

/// What is sent three times to two sites recurs, unless it changes under its name; nothing else does.
fn assert_recurring(scan: &Scan) {
    let mut recurring = Recurring::default();
    for flow in 0..3 {
        let site = ["a.example", "b.example"][flow % 2];
        let sending = Sending { site, host: site, flow, boot: 0, at: Timestamp::from_millis(flow as i64) };
        let found = recurring.observe(sending, scan.tokens.clone());
        assert!(flow == 2 || found.is_empty());
        for recurrence in found {
            assert!(scan.tokens.iter().any(|token| token.shown == recurrence.token.value));
            assert_eq!((recurrence.flows, recurrence.is_wide()), (3, true));
        }
    }
}
