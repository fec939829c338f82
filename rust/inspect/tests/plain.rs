//! What is sent without a protocol that anybody knows, in clear: each is found, with steps that lead to it again.

use std::io::Write;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use flate2::Compression;
use flate2::write::ZlibEncoder;
use inspect::decode::explain;
use inspect::{Config, IdentifierKind, Inspector, KnownIdentifier};
use packet::{Input, Timestamp};

/// Of the TAC for tests (3GPP TS 23.003), with a right check digit.
const IMEI: &str = "001017001234569";

const ICMP: u8 = 1;
const TCP: u8 = 6;
const UDP: u8 = 17;

/// From 10.0.0.1 to 192.0.2.1.
fn ipv4(protocol: u8, payload: &[u8]) -> Vec<u8> {
    let [high, low] = (20 + payload.len() as u16).to_be_bytes();
    let mut packet = vec![0x45, 0, high, low, 0, 0, 0, 0, 64, protocol, 0, 0];
    packet.extend([10, 0, 0, 1, 192, 0, 2, 1]);
    packet.extend(payload);
    packet
}

/// To port 9999.
fn udp(payload: &[u8]) -> Vec<u8> {
    udp_to(9999, payload)
}

fn udp_to(port: u16, payload: &[u8]) -> Vec<u8> {
    let [to, length] = [port, 8 + payload.len() as u16].map(u16::to_be_bytes);
    ipv4(UDP, &[&[0x9c, 0x40], &to[..], &length, &[0, 0], payload].concat())
}

/// A query of DNS for the addresses of a host, with additional records.
fn query(name: &str, additional: &[&[u8]]) -> Vec<u8> {
    let mut out = vec![0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, additional.len() as u8];
    for label in name.split('.') {
        out.push(label.len() as u8);
        out.extend(label.as_bytes());
    }
    out.extend([0, 0, 1, 0, 1]);
    out.extend(additional.concat());
    out
}

/// To port 9999.
fn tcp(payload: &[u8]) -> Vec<u8> {
    let head = [0x9c, 0x40, 0x27, 0x0f, 0, 0, 0, 1, 0, 0, 0, 1, 0x50, 0x18, 0xff, 0xff, 0, 0, 0, 0];
    ipv4(TCP, &[&head, payload].concat())
}

fn post(body: &str) -> Vec<u8> {
    let length = body.len();
    tcp(format!("POST /a HTTP/1.1\r\nHost: a.example\r\nContent-Length: {length}\r\n\r\n{body}").as_bytes())
}

/// What is found: its kind, its value, its steps, and what these make of its bytes in the stream.
fn found(
    watch: &[(IdentifierKind, &str)],
    packets: &[Vec<u8>],
) -> Vec<(IdentifierKind, String, String, String)> {
    let watch = watch.iter().map(|(kind, value)| KnownIdentifier { kind: *kind, value: (*value).to_owned() });
    let mut inspector = Inspector::new(Config { watch: watch.collect(), ..Config::default() }).unwrap();
    let mut stream = Vec::new();
    for (millis, bytes) in (0..).zip(packets) {
        inspector.handle_input(Timestamp::from_millis(millis), Input::Packet { direction: None, bytes });
        stream.extend_from_slice(&bytes[if bytes[9] == TCP { 40 } else { 28 }..]);
    }
    let report = inspector.finish(None);
    let identifiers = report.findings.iter().flat_map(|finding| &finding.identifiers);
    identifiers
        .map(|it| {
            let bytes = &stream[it.range[0] as usize..it.range[1] as usize];
            let last = explain(bytes, &it.decode).pop().map(|step| step.bytes).unwrap_or_default();
            let shown = String::from_utf8_lossy(&last).into_owned();
            (it.kind, it.value.clone(), it.decode.join(", "), shown)
        })
        .collect()
}

#[test]
fn what_a_ping_carries_is_searched() {
    let ping = ipv4(ICMP, &[b"\x08\0\0\0\0\x07\0\x01imei=", IMEI.as_bytes()].concat());
    let told = (IdentifierKind::Imei, IMEI.to_owned(), "icmp payload, form imei".to_owned(), IMEI.to_owned());
    assert_eq!(found(&[], &[ping]), [told]);
    let usual =
        ipv4(ICMP, &[b"\x08\0\0\0\0\x07\0\x01".as_slice(), b"abcdefghijklmnopqrstuvwabcdefghi"].concat());
    assert_eq!(found(&[], &[usual]), []);
}

#[test]
fn a_number_in_each_datagram_is_not_read_on_into_the_next() {
    let told = found(&[], &[udp(IMEI.as_bytes()), udp(IMEI.as_bytes())]);
    assert!(told.iter().all(|it| it.0 == IdentifierKind::Imei && it.3 == IMEI), "{told:?}");
    assert!(!told.is_empty());
}

#[test]
fn what_is_compressed_behind_a_header_is_read() {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
    write!(encoder, r#"{{"imei":"{IMEI}"}}"#).unwrap();
    let said = [b"\0\0\0\x21".as_slice(), &encoder.finish().unwrap()].concat();
    let told = found(&[], &[tcp(&said)]);
    let steps = "tcp payload, at 4, zlib, json imei".to_owned();
    assert_eq!(told, [(IdentifierKind::Imei, IMEI.to_owned(), steps, IMEI.to_owned())]);
}

#[test]
fn a_plus_in_a_form_is_a_space() {
    let told = found(&[], &[post("v=1&ssid=My+Home+Net&n=2")]);
    let steps = "http body, form ssid, percent".to_owned();
    let name = "My Home Net".to_owned();
    assert_eq!(told, [(IdentifierKind::Ssid, name.clone(), steps, name)]);

    let watch = [(IdentifierKind::Ssid, "My Home Net"), (IdentifierKind::Imei, IMEI)];
    let told = found(&watch, &[post("v=1&a=My+Home+Net&b=00+101700+123456+9")]);
    let values: Vec<_> = told.iter().map(|it| it.1.as_str()).collect();
    assert_eq!(values, ["My Home Net", IMEI], "{told:?}");
}

#[test]
fn octets_that_are_set_apart_are_read() {
    let text = format!("i={IMEI}");
    for separator in [" ", ":", "-"] {
        let octets: Vec<_> = text.bytes().map(|byte| format!("{byte:02x}")).collect();
        let told = found(&[], &[post(&format!(r#"{{"a":"{}"}}"#, octets.join(separator)))]);
        let [(kind, value, steps, shown)] = told.as_slice() else { panic!("{told:?}") };
        assert_eq!((*kind, value.as_str(), shown.as_str()), (IdentifierKind::Imei, IMEI, IMEI));
        assert!(steps.starts_with("http body, json a, hex"), "{steps}");
    }
}

#[test]
fn what_a_host_name_hides_is_read() {
    let json = format!(r#"{{"imei":"{IMEI}","n":1}}"#);
    let digits: String = json.bytes().map(|byte| format!("{byte:02x}")).collect();
    let base64 = URL_SAFE_NO_PAD.encode(&json);
    for (name, steps) in [
        (format!("a.{IMEI}.example"), "dns name".to_owned()),
        (format!("a.{base64}.example"), "dns name, base64, json imei".to_owned()),
        // Base32, whose case a resolver may have changed.
        (
            "a.PMRGS3LFNERDUIRQGAYTAMJXGAYDCMRTGQ2TMOJCFQRG4IR2GF6q.example".to_owned(),
            "dns name, base32, json imei".to_owned(),
        ),
        (
            format!("a.{}.{}.example", &digits[..40], &digits[40..]),
            format!("dns name, labels 40+{}, hex, json imei", digits.len() - 40),
        ),
    ] {
        let told = (IdentifierKind::Imei, IMEI.to_owned(), steps, IMEI.to_owned());
        assert_eq!(found(&[], &[udp_to(53, &query(&name, &[]))]), [told], "{name}");
    }
}

#[test]
fn what_a_query_carries_beside_its_name_is_searched() {
    let told = |steps: &str| [(IdentifierKind::Imei, IMEI.to_owned(), steps.to_owned(), IMEI.to_owned())];
    let said = format!("imei={IMEI}");
    let plain = query("a.example", &[]);
    // After its end, and where another message should be.
    let behind = udp_to(53, &[&plain, said.as_bytes()].concat());
    assert_eq!(found(&[], &[behind]), told("udp payload, form imei"));
    let later = [udp_to(53, &plain), udp_to(53, said.as_bytes())];
    assert_eq!(found(&[], &later), told("udp payload, form imei"));
    // In an option of EDNS.
    let option = [&[0xfd, 0xe9, 0, 15], IMEI.as_bytes()].concat();
    let record = [&[0, 0, 41, 0x10, 0, 0, 0, 0, 0, 0, 19], &option[..]].concat();
    let watch = [(IdentifierKind::Imei, IMEI)];
    assert_eq!(found(&watch, &[udp_to(53, &query("a.example", &[&record]))]), told("dns option 65001"));
}

#[test]
fn what_goes_by_the_port_of_time_is_searched() {
    let steps = "udp payload, form imei".to_owned();
    let told = [(IdentifierKind::Imei, IMEI.to_owned(), steps, IMEI.to_owned())];
    let mut request = vec![0x23];
    request.resize(48, 0);
    let said = format!("imei={IMEI}");
    assert_eq!(found(&[], &[udp_to(123, &request), udp_to(123, said.as_bytes())]), told);
    // As text it could be of version 4: `c`.
    let text = format!("c=de&lang=de&version=12&channel=stable&{said}");
    assert_eq!(found(&[], &[udp_to(123, text.as_bytes())]), told);
}

/// A handshake message of TLS.
fn handshake(kind: u8, body: &[u8]) -> Vec<u8> {
    let [_, high, middle, low] = (body.len() as u32).to_be_bytes();
    [&[kind, high, middle, low], body].concat()
}

#[test]
fn whose_key_it_is_is_read() {
    let identity = format!("urn:imei:{IMEI}");
    let exchange = [&[0, identity.len() as u8], identity.as_bytes()].concat();
    let told = [(IdentifierKind::Imei, IMEI.to_owned(), "tls psk_identity.imei".to_owned(), IMEI.to_owned())];

    // Up to TLS 1.2 it is said in clear when keys are exchanged.
    let hello = [&[3, 3][..], &[7; 32], &[0, 0, 2, 0, 0xa8, 1, 0]].concat();
    let record = |message: &[u8]| [&[22, 3, 3, 0, message.len() as u8], message].concat();
    let tls = [record(&handshake(1, &hello)), record(&handshake(16, &exchange))].concat();
    assert_eq!(found(&[], &[tcp(&tls)]), told);
    let message = handshake(16, &exchange);
    let fragment = [&message[..4], &[0, 1, 0, 0, 0], &message[1..4], &exchange].concat();
    let dtls = [&[22, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 1, 0, fragment.len() as u8], &fragment[..]].concat();
    assert_eq!(found(&[], &[udp_to(5684, &dtls)]), told);

    // In TLS 1.3 in the first hello.
    let list = [&exchange[..], &[0; 4]].concat();
    let keys = [&[0, 41, 0, list.len() as u8 + 5, 0, list.len() as u8], &list[..], &[0, 1, 0]].concat();
    let hello = [&hello[..], &[0, keys.len() as u8], &keys].concat();
    assert_eq!(found(&[], &[tcp(&record(&handshake(1, &hello)))]), told);
}

#[test]
fn what_stands_in_the_head_of_a_request_is_searched() {
    let watch = [(IdentifierKind::Imei, IMEI)];
    for (line, steps) in [
        (format!("X-Id: {IMEI}"), "http header X-Id"),
        (format!("X-{IMEI}: 1"), "tcp payload"),
        // What servers pass over.
        (IMEI.to_owned(), "http line"),
    ] {
        let told =
            found(&watch, &[tcp(format!("GET /a HTTP/1.1\r\nHost: a.example\r\n{line}\r\n\r\n").as_bytes())]);
        let [(kind, value, by, _)] = told.as_slice() else { panic!("{line}: {told:?}") };
        assert_eq!((*kind, value.as_str(), by.as_str()), (IdentifierKind::Imei, IMEI, steps));
    }
}

#[test]
fn a_known_value_is_found_beside_what_a_message_tells() {
    let watch = [(IdentifierKind::Imei, IMEI)];
    let mqtt = |text: &str| [b"\x10\x1f\0\x04MQTT\x04\x82\0\x3c\0\x03c-1\0", text.as_bytes()].concat();
    for sent in [
        // A name in which a record of DNS is, whose length is a lie.
        udp_to(
            5353,
            &[b"\0\0\x84\0\0\0\0\x01\0\0\0\0\x01a\0\0\x0c\0\x01\0\0\0\x3c\0\x10\x3f", IMEI.as_bytes()]
                .concat(),
        ),
        // A user's name with too long a length.
        tcp(&mqtt(IMEI)),
        // A command that goes on no more.
        tcp(format!("HELO a.example\r\nXTELL {IMEI}").as_bytes()),
        tcp(format!("<?xml version='1.0'?><stream:stream to='a.example'><iq id='{IMEI}").as_bytes()),
        // An argument in which quotes do not match.
        tcp(format!("a1 CAPABILITY\r\na2 ID (\"n\" {IMEI}\"\r\n").as_bytes()),
    ] {
        let told = found(&watch, std::slice::from_ref(&sent));
        assert!(told.iter().any(|it| it.1 == IMEI && it.3 == IMEI), "{}: {told:?}", sent.escape_ascii());
    }
}
