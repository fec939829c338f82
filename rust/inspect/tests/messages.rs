//! What phones and things say in protocols other than HTTP is found, with the steps that lead to it.

use std::net::{Ipv4Addr, SocketAddrV4};

use inspect::decode::explain;
use inspect::report::{Identifier, Report};
use inspect::{Confidence, Config, IdentifierKind, Inspector};
use packet::{Input, Timestamp};

/// Of the TAC for tests (3GPP TS 23.003), with a right check digit.
const IMEI: &str = "001017001234569";
/// Of the network for tests.
const IMSI: &str = "001010123456789";

const TCP: u8 = 6;
const UDP: u8 = 17;

fn address(last: u8, port: u16) -> SocketAddrV4 {
    SocketAddrV4::new(Ipv4Addr::new(203, 0, 113, last), port)
}

/// An IPv4 packet from the phone to port 9999, or back.
fn packet(transport: u8, outbound: bool, payload: &[u8]) -> Vec<u8> {
    let (phone, server) = (address(1, 40_000), address(2, 9999));
    let (from, to) = if outbound { (phone, server) } else { (server, phone) };
    let header: &[u8] = if transport == TCP {
        &[0, 0, 0, 1, 0, 0, 0, 1, 0x50, 0x10, 0xff, 0xff, 0, 0, 0, 0]
    } else {
        &[((payload.len() + 8) >> 8) as u8, (payload.len() + 8) as u8, 0, 0]
    };
    let len = (24 + header.len() + payload.len()) as u16;
    let mut packet = vec![0x45, 0];
    packet.extend(len.to_be_bytes());
    packet.extend([0, 0, 0, 0, 64, transport, 0, 0]);
    packet.extend(from.ip().octets());
    packet.extend(to.ip().octets());
    packet.extend(from.port().to_be_bytes());
    packet.extend(to.port().to_be_bytes());
    packet.extend(header);
    packet.extend(payload);
    packet
}

/// The report of a flow in which the server greets, if it does, and the phone says the rest.
fn report(transport: u8, greeting: &[u8], said: &[u8]) -> Report {
    let mut inspector = Inspector::new(Config::default()).expect("no values");
    let packets = [packet(transport, false, greeting), packet(transport, true, said)];
    // The phone opens the flow; an empty segment says so.
    let opening = packet(TCP, true, &[]);
    let first = (transport == TCP).then_some(&opening);
    let greeted = packets[..1].iter().filter(|_| !greeting.is_empty());
    for (millis, bytes) in (1..).zip(first.into_iter().chain(greeted).chain(&packets[1..])) {
        inspector.handle_input(Timestamp::from_millis(millis), Input::Packet { direction: None, bytes });
    }
    inspector.finish(None)
}

/// What the flow's only finding is about.
fn found(report: &Report, protocol: &str) -> Vec<Identifier> {
    assert_eq!(report.flows[0].protocols, [protocol]);
    let [finding] = &report.findings[..] else { panic!("{protocol}: {:?}", report.findings) };
    // Phone and subscriber together are a registration.
    let rule = if protocol == "sip" { "cleartext_registration" } else { "cleartext_identifier" };
    assert_eq!(finding.rule, rule);
    finding.identifiers.clone()
}

fn check(identifier: &Identifier, kind: IdentifierKind, value: &str, step: &str) {
    assert_eq!((identifier.kind, identifier.value.as_str()), (kind, value));
    assert_eq!(identifier.confidence, Confidence::Key, "{step}");
    assert_eq!(identifier.decode[0], step);
}

fn text(value: &str) -> Vec<u8> {
    [&(value.len() as u16).to_be_bytes()[..], value.as_bytes()].concat()
}

#[test]
fn mqtt_tells_in_payloads() {
    let connect = b"\x10\x0d\0\x04MQTT\x04\x02\0\x3c\0\x01a";
    let body = [text("up"), format!("{{\"imei\":\"{IMEI}\"}}").into_bytes()].concat();
    let said = [&connect[..], &[0x30, body.len() as u8], &body].concat();
    let report = report(TCP, b"", &said);
    let [imei] = &found(&report, "mqtt")[..] else { panic!() };
    check(imei, IdentifierKind::Imei, IMEI, "mqtt payload");
    let bytes = &said[imei.range[0] as usize..imei.range[1] as usize];
    assert_eq!(bytes, IMEI.as_bytes());
}

#[test]
fn coap_tells_in_registrations() {
    let option = |head: &[u8], value: &str| [head, value.as_bytes()].concat();
    let name = format!("ep=urn:imsi:{IMSI}");
    let said = [
        vec![0x40, 2, 0, 1],
        option(&[0x3d, 2], "lwm2m.a.example"),
        option(&[0x82], "rd"),
        option(&[0x4d, name.len() as u8 - 13], &name),
    ]
    .concat();
    let report = report(UDP, b"", &said);
    assert_eq!(report.flows[0].host.as_deref(), Some("lwm2m.a.example"));
    let [imsi] = &found(&report, "coap")[..] else { panic!() };
    check(imsi, IdentifierKind::Imsi, IMSI, "coap endpoint.imsi");
}

#[test]
fn sip_tells_subscriber_phone_and_cell() {
    let said = format!(
        "REGISTER sip:ims.mnc001.mcc001.3gppnetwork.org SIP/2.0\r\n\
         Authorization: Digest username=\"{IMSI}@ims.mnc001.mcc001.3gppnetwork.org\"\r\n\
         Contact: <sip:192.0.2.1>;+sip.instance=\"<urn:gsma:imei:00101700-123456-9>\"\r\n\
         P-Access-Network-Info: 3GPP-E-UTRAN-FDD;utran-cell-id-3gpp=0010112341234567\r\n\r\n"
    );
    for transport in [TCP, UDP] {
        let report = report(transport, b"", said.as_bytes());
        let found = found(&report, "sip");
        let of = |kind| found.iter().find(|it| it.kind == kind).expect("one of that kind");
        check(of(IdentifierKind::Imsi), IdentifierKind::Imsi, IMSI, "sip authorization.imsi");
        check(of(IdentifierKind::Imei), IdentifierKind::Imei, IMEI, "sip contact.imei");
        let cell = "001-01 tac 4660 eci 19088743";
        check(of(IdentifierKind::Cell), IdentifierKind::Cell, cell, "sip cell.tac");
    }
}

#[test]
fn supl_tells_the_subscriber_in_bits() {
    let said = b"\0\x10\x02\0\0\x80\x01\xcc\0\x04\x04\x85\x0d\x96\x1f\xe4";
    let report = report(TCP, b"", said);
    let [imsi] = &found(&report, "supl")[..] else { panic!() };
    check(imsi, IdentifierKind::Imsi, IMSI, "supl set_id.imsi");
    let steps = explain(&said[imsi.range[0] as usize..imsi.range[1] as usize], &imsi.decode);
    assert_eq!(steps.last().expect("a step").bytes, IMSI.as_bytes());
}

#[test]
fn a_mail_tells_in_its_parts() {
    let said = format!(
        "EHLO a\r\nDATA\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\nhello\r\n--b\r\n\
         Content-Disposition: form-data; name=\"device\"\r\n\r\n{{\"imei\":\"{IMEI}\"}}\r\n--b--\r\n.\r\n"
    );
    let report = report(TCP, b"220 mx ESMTP\r\n", said.as_bytes());
    let [imei] = &found(&report, "smtp")[..] else { panic!() };
    check(imei, IdentifierKind::Imei, IMEI, "smtp body");
}

#[test]
fn a_stanza_tells_in_its_attributes() {
    let said = format!("<stream:stream to='push.a.example'><iq><register imei='{IMEI}'/></iq>");
    let report = report(TCP, b"", said.as_bytes());
    assert_eq!(report.flows[0].host.as_deref(), Some("push.a.example"));
    let [imei] = &found(&report, "xmpp")[..] else { panic!() };
    check(imei, IdentifierKind::Imei, IMEI, "xmpp stanza");
}

#[test]
fn a_push_login_tells_the_android_id() {
    let id = "3879463021284719321";
    let fields = [&b"\x0a\x08chrome-9\x12\x01a\x1a\x13"[..], id.as_bytes()].concat();
    let said = [&[41, 2, fields.len() as u8][..], &fields].concat();
    let report = report(TCP, b"", &said);
    let [found] = &found(&report, "mcs")[..] else { panic!() };
    check(found, IdentifierKind::GsfId, id, "mcs login.android_id");
}

#[test]
fn a_tunnel_is_encrypted() {
    let ike = |exchange: u8| {
        [&b"iiiiiiii\0\0\0\0\0\0\0\0\0\x20"[..], &[exchange, 8, 0, 0, 0, 0, 0, 0, 0, 32, 0, 0, 0, 4]].concat()
    };
    let report = report(UDP, &ike(34), &ike(35));
    assert_eq!(report.flows[0].protocols, ["ike"]);
    assert_eq!((report.flows[0].encrypted, report.findings.len()), (Some(true), 0));
}
