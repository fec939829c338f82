//! Packets that lie within others, or come in pieces.

use std::time::Duration;

use inspect::report::Close;
use inspect::{Config, Inspector};
use packet::{Direction, Input, Timestamp};

const START: Timestamp = Timestamp::from_millis(1_550_131_260_000);

/// UDP from port 40000 to port 9999, with 24 bytes of payload.
fn udp() -> Vec<u8> {
    [&[0x9c, 0x40, 0x27, 0x0f, 0, 32, 0, 0][..], &[b'x'; 24]].concat()
}

/// From 10.0.0.1 to 192.0.2.1; `field` holds the flags and the fragment's offset.
fn ipv4(protocol: u8, field: u16, payload: &[u8]) -> Vec<u8> {
    let [len_high, len_low] = (20 + payload.len() as u16).to_be_bytes();
    let [field_high, field_low] = field.to_be_bytes();
    let mut packet = vec![0x45, 0, len_high, len_low, 0, 7, field_high, field_low, 64, protocol, 0, 0];
    packet.extend([10, 0, 0, 1, 192, 0, 2, 1]);
    packet.extend(payload);
    packet
}

/// From fd00::1 to 2001:db8::1.
fn ipv6(next: u8, payload: &[u8]) -> Vec<u8> {
    let mut packet = vec![0x60, 0, 0, 0, 0, payload.len() as u8, next, 64];
    packet.extend([0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
    packet.extend([0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
    packet.extend(payload);
    packet
}

/// The remote ends of all flows, and what could not be parsed.
fn report(packets: &[(u64, Vec<u8>)]) -> (Vec<String>, Vec<(String, u64)>) {
    let mut inspector = Inspector::new(Config::default()).unwrap();
    for (second, bytes) in packets {
        inspector
            .handle_input(START + Duration::from_secs(*second), Input::Packet { direction: None, bytes });
    }
    let report = inspector.finish(None);
    let remotes = report.flows.iter().map(|flow| flow.remote.to_string()).collect();
    (remotes, report.capture.unparsed.into_iter().collect())
}

#[test]
fn a_tunnels_inside_is_what_is_reported() {
    let packet = ipv4(41, 0, &ipv6(17, &udp()));
    assert_eq!(report(&[(0, packet)]), (vec!["[2001:db8::1]:9999".to_owned()], vec![]));
}

#[test]
fn a_datagram_in_pieces_is_reported_as_one() {
    const MORE: u16 = 0x2000;
    let whole = udp();
    let pieces = [(0, ipv4(17, MORE, &whole[..16])), (0, ipv4(17, 2, &whole[16..]))];
    assert_eq!(report(&pieces), (vec!["192.0.2.1:9999".to_owned()], vec![]));

    let tunnelled = ipv4(41, 0, &ipv6(17, &whole));
    let inside = &tunnelled[20..];
    let pieces = [(0, ipv4(41, MORE, &inside[..40])), (0, ipv4(41, 5, &inside[40..]))];
    assert_eq!(report(&pieces).0, ["[2001:db8::1]:9999"]);
}

#[test]
fn pieces_that_stay_alone_are_counted() {
    let piece = ipv4(17, 0x2000, &udp()[..16]);
    let later = ipv4(17, 0, &udp());
    assert_eq!(report(&[(0, piece), (30, later)]).1, [("fragment_incomplete".to_owned(), 1)]);
}

#[test]
fn a_datagram_that_does_not_fit_is_not_refused() {
    for (code, close) in [(3, Some(Close::Refused)), (4, None)] {
        let mut inspector = Inspector::new(Config::default()).unwrap();
        let asked = ipv4(17, 0, &udp());
        let mut error = ipv4(1, 0, &[&[3, code, 0, 0, 0, 0, 5, 120][..], &asked].concat());
        error[12..20].rotate_left(4);
        for (direction, bytes) in [(Direction::Outbound, &asked), (Direction::Inbound, &error)] {
            inspector.handle_input(START, Input::Packet { direction: Some(direction), bytes });
        }
        let report = inspector.finish(None);
        assert_eq!(report.flows[0].close, close, "code {code}");
    }
}
