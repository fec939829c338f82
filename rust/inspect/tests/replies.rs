//! In replies only values that the user gave count.

use std::net::{Ipv4Addr, SocketAddrV4};

use inspect::report::Report;
use inspect::{Config, IdentifierKind, Inspector, KnownIdentifier};
use packet::{Input, Timestamp};

const PHONE: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::new(10, 0, 0, 2), 40_000);
const SERVER: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::new(203, 0, 113, 9), 80);
/// Of the TAC for tests (3GPP TS 23.003), with a right check digit.
const IMEI: &str = "001017001234569";

/// An IPv4 packet with a TCP segment, acknowledging nothing in particular.
fn segment(from: SocketAddrV4, to: SocketAddrV4, payload: &str) -> Vec<u8> {
    let mut packet = vec![0x45, 0];
    packet.extend((40 + payload.len() as u16).to_be_bytes());
    packet.extend([0, 0, 0, 0, 64, 6, 0, 0]);
    packet.extend(from.ip().octets());
    packet.extend(to.ip().octets());
    packet.extend(from.port().to_be_bytes());
    packet.extend(to.port().to_be_bytes());
    packet.extend([0, 0, 0, 1, 0, 0, 0, 1, 0x50, 0x10, 0xff, 0xff, 0, 0, 0, 0]);
    packet.extend(payload.as_bytes());
    packet
}

fn report(watch: Vec<KnownIdentifier>) -> Report {
    let mut inspector = Inspector::new(Config { watch, ..Config::default() }).expect("a valid value");
    let body = format!("{{\"imei\": \"{IMEI}\"}}");
    let reply = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len());
    let packets =
        [segment(PHONE, SERVER, "GET / HTTP/1.1\r\nHost: a.example\r\n\r\n"), segment(SERVER, PHONE, &reply)];
    for (millis, bytes) in (1..).zip(&packets) {
        inspector.handle_input(Timestamp::from_millis(millis), Input::Packet { direction: None, bytes });
    }
    inspector.finish(None)
}

#[test]
fn a_given_value_is_found_in_a_reply() {
    let report = report(vec![KnownIdentifier { kind: IdentifierKind::Imei, value: IMEI.to_owned() }]);
    let rules: Vec<_> = report.findings.iter().map(|finding| finding.rule.as_str()).collect();
    assert_eq!(rules, ["echoed_identifier"]);
}

#[test]
fn without_given_values_a_reply_tells_nothing() {
    let report = report(vec![]);
    assert_eq!(report.findings, []);
    assert_eq!(report.flows[0].host.as_deref(), Some("a.example"));
}
