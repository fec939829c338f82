//! What HTTP/2 and WebSocket carry is judged as what HTTP/1 carries.

use std::net::{Ipv4Addr, SocketAddrV4};

use inspect::report::{Report, Severity};
use inspect::{Config, Inspector, decode};
use packet::{Direction, Input, Timestamp};

const PHONE: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::new(10, 0, 0, 2), 40_000);
const SERVER: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::new(203, 0, 113, 9), 8080);
/// Numbers for tests (3GPP TS 23.003).
const BODY: &str = "{\"imei\":\"001017001234569\",\"imsi\":\"001010123456789\"}";

/// An IPv4 packet with a TCP segment.
fn segment(from: SocketAddrV4, to: SocketAddrV4, seq: u32, payload: &[u8]) -> Vec<u8> {
    let mut packet = vec![0x45, 0];
    packet.extend((40 + payload.len() as u16).to_be_bytes());
    packet.extend([0, 0, 0, 0, 64, 6, 0, 0]);
    packet.extend(from.ip().octets());
    packet.extend(to.ip().octets());
    packet.extend(from.port().to_be_bytes());
    packet.extend(to.port().to_be_bytes());
    packet.extend(seq.to_be_bytes());
    packet.extend([0, 0, 0, 1, 0x50, 0x10, 0xff, 0xff, 0, 0, 0, 0]);
    packet.extend(payload);
    packet
}

/// The report of a connection, its turns in segments of 11 bytes.
fn report(turns: &[(Direction, &[u8])]) -> Report {
    let mut inspector = Inspector::new(Config::default()).expect("nothing to refuse");
    let (mut seq, mut millis) = ([1u32; 2], 0);
    for (direction, turn) in turns {
        let (from, to) = if *direction == Direction::Outbound { (PHONE, SERVER) } else { (SERVER, PHONE) };
        for piece in turn.chunks(11) {
            let bytes = segment(from, to, seq[direction.index()], piece);
            seq[direction.index()] += piece.len() as u32;
            millis += 1;
            inspector.handle_input(
                Timestamp::from_millis(millis),
                Input::Packet { direction: Some(*direction), bytes: &bytes },
            );
        }
    }
    inspector.finish(None)
}

/// The one finding: a registration in clear, of which the steps lead from `sent` to the numbers.
fn assert_registration(report: &Report, sent: &[u8], protocols: &[&str], first: &str) {
    assert_eq!(report.flows[0].protocols, protocols);
    assert_eq!(report.flows[0].host.as_deref(), Some("reg.example"));
    let [finding] = &report.findings[..] else { panic!("{:?}", report.findings) };
    assert_eq!((finding.rule.as_str(), finding.severity), ("cleartext_registration", Severity::Critical));
    assert_eq!(finding.identifiers.len(), 2);
    for identifier in &finding.identifiers {
        assert!(identifier.decode[0].starts_with(first), "{:?}", identifier.decode);
        let range = identifier.range[0] as usize..identifier.range[1] as usize;
        let steps = decode::explain(&sent[range], &identifier.decode);
        let value = steps.last().filter(|_| steps.len() == identifier.decode.len()).map(|it| &it.bytes[..]);
        assert_eq!(value, Some(identifier.value.as_bytes()), "{:?}", identifier.decode);
    }
}

/// An HTTP/2 frame.
fn frame(kind: u8, flags: u8, payload: &[u8]) -> Vec<u8> {
    [&(payload.len() as u32).to_be_bytes()[1..], &[kind, flags, 0, 0, 0, 1], payload].concat()
}

#[test]
fn a_registration_over_http2_is_found() {
    let preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    // POST, http, /, :authority.
    let fields = b"\x83\x86\x84\x41\x0breg.example";
    let (start, end) = BODY.as_bytes().split_at(20);
    let whole = [&preface[..], &frame(1, 4, fields), &frame(0, 1, BODY.as_bytes())].concat();
    let split = [&preface[..], &frame(1, 4, fields), &frame(0, 0, start), &frame(0, 1, end)].concat();
    for sent in [whole, split] {
        let report = report(&[(Direction::Outbound, &sent)]);
        assert_registration(&report, &sent, &["http2"], "http body");
    }
}

#[test]
fn numbers_in_coded_fields_are_found() {
    // POST, http, the path /r?imei=… and the field imsi in HPACK's string code, :authority.
    let fields = b"\x83\x86\x04\x91\x62\xcf\xf0\xd4\x94\xd0\x00\x01\x00\x5d\x00\x02\x26\x5a\x6d\xc7\xff\x00\x04imsi\x8b\x00\x02\x00\x80\x22\x65\xa6\xdc\x75\xe7\xff\x41\x0breg.example";
    let sent = [&b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"[..], &frame(1, 5, fields)].concat();
    assert_registration(&report(&[(Direction::Outbound, &sent)]), &sent, &["http2"], "http ");
}

#[test]
fn a_registration_over_websocket_is_found() {
    let request = b"GET /ws HTTP/1.1\r\nHost: reg.example\r\nUpgrade: websocket\r\n\r\n";
    let mut message = vec![0x81, 0x80 | BODY.len() as u8, 9, 8, 7, 6];
    message.extend(BODY.bytes().zip([9, 8, 7, 6].into_iter().cycle()).map(|(byte, key)| byte ^ key));
    let turns = [
        (Direction::Outbound, &request[..]),
        (Direction::Inbound, b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n"),
        (Direction::Outbound, &message),
    ];
    let sent = [&request[..], &message].concat();
    assert_registration(&report(&turns), &sent, &["http", "websocket"], "websocket text");
}
