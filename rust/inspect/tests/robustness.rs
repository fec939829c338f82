//! Arbitrary bytes never panic, and cost no more than their bounds.

use std::io::Write;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::write::GzEncoder;
use inspect::decode::{Limits, decode_bytes, everything, explain};
use inspect::identifier::{IdentifierKind, KnownIdentifier, Scanner};
use inspect::{Config, Inspector};
use packet::{Input, Timestamp};
use proptest::prelude::*;

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn scanner() -> Scanner {
    let mut scanner = Scanner::default();
    let known = KnownIdentifier { kind: IdentifierKind::Imei, value: "001017001234569".into() };
    scanner.watch(&known).unwrap();
    scanner
}

/// Pieces of all the formats, so that chance leads deep.
fn fragments() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        prop::sample::select(vec![
            "{\"imei\":\"",
            "\"",
            "}",
            "[",
            "]",
            ",",
            ":",
            "\\u00",
            "\\",
            "<a b='",
            "<![CDATA[",
            "<!--",
            "</",
            ">",
            "&#x41;",
            "k=v&",
            "%7B",
            "%2",
            "+",
            "--x\r\nContent-Disposition: form-data; name=a\r\n\r\n",
            "eyJpbWVpIjoi",
            "H4sI",
            "lat",
            "=48.123,",
            "\n",
            "?a=",
            "001017001234569",
            "02:00:5e:10:00:fe",
            "-keys",
            ":APA91b",
            "@3gppnetwork.org",
            "0",
            "-",
            ".",
            "é",
            "\u{1f600}",
        ])
        .prop_map(|it| it.as_bytes().to_vec()),
        prop::collection::vec(any::<u8>(), 0..8),
    ];
    prop::collection::vec(piece, 0..24).prop_map(|it| it.concat())
}

/// The same, encoded a few times over.
fn nested() -> impl Strategy<Value = Vec<u8>> {
    (fragments(), prop::collection::vec(0u8..7, 0..4)).prop_map(|(bytes, codings)| {
        codings.into_iter().fold(bytes, |bytes, coding| match coding {
            0 => STANDARD.encode(bytes).into_bytes(),
            1 => gzip(&bytes),
            2 => bytes.iter().map(|byte| format!("%{byte:02X}")).collect::<String>().into_bytes(),
            3 => bytes.iter().zip([0x5a, 0xa5, 1].iter().cycle()).map(|(byte, key)| byte ^ key).collect(),
            4 => bytes.iter().flat_map(|byte| [*byte, 0]).collect(),
            5 => [&[0xa1, 0x62, b'i', b'd', 0x59][..], &(bytes.len() as u16).to_be_bytes(), &bytes].concat(),
            _ => format!("{{\"a\":{:?}}}", String::from_utf8_lossy(&bytes)).into_bytes(),
        })
    })
}

proptest! {
    #[test]
    fn any_bytes_are_scanned(bytes in prop_oneof![nested(), prop::collection::vec(any::<u8>(), 0..600)]) {
        let base = u64::MAX - 300; // offsets saturate rather than overflow
        for start in [0, base] {
            let range = start..start.saturating_add(bytes.len() as u64);
            let scan = scanner().scan_bytes("tcp payload", &bytes, range.clone());
            for found in scan.matches {
                prop_assert!(range.start <= found.range.start && found.range.end <= range.end, "{:?}", found);
                prop_assert_eq!(found.decode.first().map(String::as_str), Some("tcp payload"));
            }
        }
    }

    #[test]
    fn every_match_can_be_explained(bytes in nested()) {
        let scan = scanner().scan_bytes("tcp payload", &bytes, 0..bytes.len() as u64);
        for found in scan.matches {
            let origin = &bytes[found.range.start as usize..found.range.end as usize];
            prop_assert_eq!(explain(origin, &found.decode).len(), found.decode.len(), "{:?}", found);
        }
    }

    #[test]
    fn any_steps_can_be_asked_for(bytes in nested(), steps in prop::collection::vec("(json|xml|form|base64|gzip|chunked|protobuf|text|hex|multipart|cookie) ?[a-z.0-9]{0,4}(#2)?( \\(varint\\))?", 0..5)) {
        explain(&bytes, &steps);
    }
}

#[test]
fn bombs_stop_at_the_bounds() {
    let limits = Limits::default();
    let layered = gzip(&gzip(&gzip(&vec![b' '; 64 << 20])));
    let decoded = decode_bytes("tcp payload", &layered, 0..layered.len() as u64, limits, &mut everything);
    assert!(decoded.nodes().map(|(_, bytes)| bytes.len()).sum::<usize>() <= 2 * limits.bytes + layered.len());
    assert!(!decoded.stopped().is_empty());

    let mut deep = b"{\"imei\":\"001017001234569\"}".to_vec();
    for _ in 0..12 {
        deep = STANDARD.encode(deep).into_bytes();
    }
    let decoded = decode_bytes("tcp payload", &deep, 0..deep.len() as u64, limits, &mut everything);
    assert_eq!(decoded.stopped(), ["depth"]);

    let wide = format!("[{}1]", "1,".repeat(300_000));
    let decoded = decode_bytes("tcp payload", wide.as_bytes(), 0..wide.len() as u64, limits, &mut everything);
    assert!(decoded.leaves().len() <= limits.steps + 1);
    assert_eq!(decoded.stopped(), ["steps"]);
}

#[test]
fn content_made_to_be_slow_is_not() {
    let mut scanner = scanner();
    let imei = "\"001017001234569\",".repeat(90_000);
    let key = format!("{{\"{}\":", "k".repeat(50));
    let deep = format!("{}[{}0]", key.repeat(60), "1,".repeat(90_000));
    for text in [
        format!("[{imei}0]"),
        "lac=12&cid=34&lat=1.234&".repeat(30_000),
        "imei=001017001234569&".repeat(50_000),
        "<a>".repeat(90_000),
        "<a b=".repeat(90_000),
        "{\"".repeat(200_000),
        "eyJ.".repeat(200_000),
        "a:=".repeat(200_000),
        "-keys".repeat(100_000),
        ":APA91b".repeat(100_000),
        "00:".repeat(300_000),
        "%25".repeat(300_000),
        deep,
    ] {
        let scan = scanner.scan_bytes("tcp payload", text.as_bytes(), 0..text.len() as u64);
        assert!(scan.matches.len() <= 1024, "{}", &text[..20]);
    }
}

#[test]
fn references_made_to_be_slow_are_not() {
    const LONG: usize = 50_000;
    const TIMES: usize = 100_000;
    // A list that names its only text again and again; then the offsets of both, and what tells where they stand.
    let list = [&b"\xaf\x12\x00\x01\x86\xa0"[..], &[0, 1].repeat(TIMES)].concat();
    let text = [&b"\x6f\x11\xc3\x50"[..], &[0, b'x'].repeat(LONG)].concat();
    let mut plist = [&b"bplist00"[..], &list, &text].concat();
    let table = plist.len();
    plist.extend([8, 8 + list.len()].iter().flat_map(|offset| (*offset as u32).to_be_bytes()));
    plist.extend([0, 0, 0, 0, 0, 0, 4, 2]);
    plist.extend([2, 0, table].iter().flat_map(|number| (*number as u64).to_be_bytes()));
    // An element whose content is a text of the table, again and again.
    let wbxml =
        [&b"\x03\x0b\x6a\x83\x86\x51"[..], &[b'x'; LONG], b"\0\x45", &b"\x83\0".repeat(TIMES), b"\x01"]
            .concat();
    for (bytes, name) in [(plist, "plist"), (wbxml, "wbxml")] {
        let range = 0..bytes.len() as u64;
        let decoded = decode_bytes("tcp payload", &bytes, range, Limits::default(), &mut everything);
        assert!((2..100).contains(&decoded.leaves().len()), "{name}: {} leaves", decoded.leaves().len());
        assert_eq!(decoded.stopped(), ["bytes"], "{name}");
    }
}

#[test]
fn many_bombs_in_a_flow_are_stopped_together() {
    let bomb = gzip(&vec![b' '; 60 << 10]);
    let head = format!("POST / HTTP/1.1\r\nHost: a.example\r\nContent-Length: {}\r\n\r\n", bomb.len());
    let message = [head.as_bytes(), &bomb].concat();
    let mut inspector = Inspector::new(Config::default()).unwrap();
    for number in 0..400u32 {
        let packet = segment(1 + number * message.len() as u32, &message);
        let at = Timestamp::from_millis(i64::from(number));
        inspector.handle_input(at, Input::Packet { direction: None, bytes: &packet });
    }
    let report = inspector.finish(None);
    let stopped = report.unseen.iter().find(|it| it.what == "decoding_stopped").map(|it| it.count);
    // Each yields less than its message may; in the end there is no room for more in the flow.
    assert!(matches!(stopped, Some(Some(20..200))), "{:?}", report.unseen);
}

/// An IPv4 packet with a TCP segment of a phone.
fn segment(sequence: u32, payload: &[u8]) -> Vec<u8> {
    let mut packet = vec![0x45, 0];
    packet.extend((40 + payload.len() as u16).to_be_bytes());
    packet.extend([0, 0, 0, 0, 64, 6, 0, 0, 10, 0, 0, 2, 203, 0, 113, 9]);
    packet.extend([40_000u16, 80].iter().flat_map(|port| port.to_be_bytes()));
    packet.extend(sequence.to_be_bytes());
    packet.extend([0, 0, 0, 1, 0x50, 0x10, 0xff, 0xff, 0, 0, 0, 0]);
    packet.extend(payload);
    packet
}
