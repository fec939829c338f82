use proptest::prelude::*;

use super::super::{ClientHello, DnsData, HttpMessage, HttpStart, Message};
use super::*;

const OUT: Direction = Direction::Outbound;
const IN: Direction = Direction::Inbound;

/// What a flow of these turns yields, each turn fed in pieces of at most `step` bytes, then ended and flushed.
pub fn dissect(port: u16, turns: &[(Direction, &[u8])], step: usize) -> Vec<Observation> {
    let mut dissector = Dissector::new(Transport::Tcp, port);
    let (mut out, mut at) = (Vec::new(), [0u64; 2]);
    for &(direction, bytes) in turns {
        for piece in bytes.chunks(step.max(1)) {
            let offset = at[direction.index()];
            at[direction.index()] += piece.len() as u64;
            let event = StreamEvent::Data { offset, bytes: piece };
            dissector.handle_stream(Timestamp::default(), direction, event, &mut out);
        }
    }
    for direction in Direction::BOTH {
        dissector.handle_stream(Timestamp::default(), direction, StreamEvent::End, &mut out);
    }
    dissector.flush(&mut out);
    assert!(!dissector.is_pending());
    // What parts tell is enough for most tests.
    out.retain(|it| !matches!(it, Observation::Whole(_)));
    out
}

fn messages(out: &[Observation]) -> Vec<&HttpMessage> {
    out.iter()
        .filter_map(|o| if let Observation::Http(message) = o { Some(&**message) } else { None })
        .collect()
}

fn named(observation: &Observation) -> Option<&Message> {
    if let Observation::Message(message) = observation { Some(message) } else { None }
}

fn hellos(out: &[Observation]) -> Vec<&ClientHello> {
    out.iter()
        .filter_map(|o| if let Observation::ClientHello(hello) = o { Some(hello) } else { None })
        .collect()
}

fn vec16(content: &[u8]) -> Vec<u8> {
    [&(content.len() as u16).to_be_bytes()[..], content].concat()
}

/// A ClientHello handshake message with a server name and `padding` bytes of padding.
fn client_hello(host: &str, padding: usize) -> Vec<u8> {
    let name = vec16(&[&[0][..], &vec16(host.as_bytes())].concat());
    let extensions = [
        &[0, 0][..],
        &vec16(&name),
        &[0, 43],
        &vec16(&[4, 0x1a, 0x1a, 3, 4]),
        &[0, 16],
        &vec16(&vec16(b"\x02h2")),
        &[0, 13],
        &vec16(&vec16(&[4, 3, 8, 4])),
        &[0, 21],
        &vec16(&vec![0; padding]),
    ]
    .concat();
    let body =
        [&[3, 3][..], &[7; 32], &[0], &vec16(&[0x1a, 0x1a, 0x13, 1, 0x13, 2]), &[1, 0], &vec16(&extensions)]
            .concat();
    [&[1][..], &(body.len() as u32).to_be_bytes()[1..], &body].concat()
}

fn records(message: &[u8], size: usize) -> Vec<u8> {
    message.chunks(size).flat_map(|part| [&[22, 3, 1][..], &vec16(part)].concat()).collect()
}

#[test]
fn a_client_hello_is_read_across_records_and_segments() {
    let flow =
        [records(&client_hello("Example.COM.", 2000), 700), vec![20, 3, 3, 0, 1, 1, 23, 3, 3, 0, 9]].concat();
    for step in [1, 5, 600, 100_000] {
        let out = dissect(8443, &[(OUT, &flow)], step);
        let [hello] = hellos(&out)[..] else { panic!("{out:?}") };
        assert_eq!(hello.sni.as_deref(), Some("example.com"));
        assert_eq!((&hello.alpn[..], hello.version, hello.ech), (&["h2".to_owned()][..], 0x0304, false));
        assert!(hello.ja4.starts_with("t13d0205h2_"), "{}", hello.ja4);
        assert_eq!(hello.range, 0..(flow.len() - 11) as u64);
        assert!(out.contains(&Observation::GiveUp { direction: OUT, reason: "encrypted" }));
    }
}

#[test]
fn what_came_of_a_cut_client_hello_names_the_host() {
    let flow = records(&client_hello("a.example", 900), 700);
    let out = dissect(443, &[(OUT, &flow[..400])], 9);
    assert_eq!(hellos(&out)[0].sni.as_deref(), Some("a.example"));
    assert_eq!(hellos(&out)[0].ja4, "");
}

#[test]
fn a_second_client_hello_follows_a_retry() {
    let hello = records(&client_hello("a.example", 10), 9999);
    let mut random = vec![3, 3];
    random.extend([
        0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11, 0xbe, 0x1d, 0x8c, 0x02, 0x1e, 0x65, 0xb8, 0x91, 0xc2,
        0xa2, 0x11, 0x16, 0x7a, 0xbb, 0x8c, 0x5e, 0x07, 0x9e, 0x09, 0xe2, 0xc8, 0xa8, 0x33, 0x9c,
    ]);
    let body = [&random[..], &[0, 0x13, 1, 0], &vec16(&[0, 43, 0, 2, 3, 4])].concat();
    let retry = records(&[&[2, 0, 0, body.len() as u8][..], &body].concat(), 9999);
    let change = [20, 3, 3, 0, 1, 1];
    let turns = [
        (OUT, &hello[..]),
        (IN, &retry),
        (IN, &change),
        (OUT, &change),
        (OUT, &hello),
        (OUT, &[23, 3, 3, 0, 5]),
    ];
    let out = dissect(443, &turns, 7);
    assert_eq!(hellos(&out).len(), 2);
    assert!(
        matches!(&out[2], Observation::ServerHello(s) if s.retry && s.cipher == 0x1301 && s.version == 0x0304)
    );
}

#[test]
fn a_tunnel_is_taken_apart_in_turn() {
    let hello = records(&client_hello("inner.example", 0), 9999);
    let connect = b"CONNECT inner.example:443 HTTP/1.1\r\nHost: inner.example:443\r\n\r\n";
    let turns = [(OUT, &connect[..]), (IN, b"HTTP/1.1 200 OK\r\n\r\n"), (OUT, &hello)];
    for step in [1, 3, 1000] {
        let out = dissect(8080, &turns, step);
        assert_eq!(messages(&out).len(), 2);
        assert_eq!(hellos(&out)[0].sni.as_deref(), Some("inner.example"));
        let eager = dissect(8080, &[turns[0], turns[2], turns[1]], step);
        assert_eq!(hellos(&eager), hellos(&out));
    }
}

#[test]
fn a_refused_tunnel_is_more_http() {
    let connect = b"CONNECT a:443 HTTP/1.1\r\n\r\n";
    let turns = [
        (OUT, &connect[..]),
        (IN, b"HTTP/1.1 407 No\r\nContent-Length: 2\r\n\r\nno"),
        (OUT, connect),
        (IN, b"HTTP/1.1 200 OK\r\n\r\n"),
        (OUT, b"SSH-2.0-x\r\n"),
    ];
    for step in [1, 1000] {
        let out = dissect(8080, &turns, step);
        assert_eq!(messages(&out).len(), 4);
        assert!(
            matches!(&out[out.len() - 1], Observation::Readable(r) if r.bytes == b"SSH-2.0-x\r\n"),
            "{out:?}"
        );
    }
}

#[test]
fn protocols_are_told_by_their_bytes() {
    let first = |port, bytes: &[u8]| match dissect(port, &[(OUT, bytes)], 1).into_iter().next() {
        Some(Observation::Protocol(protocol)) => protocol.0,
        _ => "",
    };
    assert_eq!(first(443, b"GET / HTTP/1.1\r\n\r\n"), "http");
    assert_eq!(first(80, &records(&client_hello("a.example", 0), 9999)), "tls");
    assert_eq!(first(1, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), "http2");
    assert_eq!(first(80, b"OPTIONS rtsp://a RTSP/1.0\r\n\r\n"), "");
    // A query for a.example, type A.
    let query = b"\0\x1b\x12\x34\x01\0\0\x01\0\0\0\0\0\0\x01a\x07example\0\0\x01\0\x01";
    assert_eq!(first(53, query), "dns");
    assert_eq!(first(9953, query), "dns");
}

/// Turns out of pieces that the dissectors know, so that random input reaches deep.
fn turns() -> impl Strategy<Value = Vec<(bool, Vec<u8>)>> {
    let known: Vec<Vec<u8>> = vec![
        b"GET / HTTP/1.1\r\nHost: a.example\r\n\r\n".to_vec(),
        b"POST /x HTTP/1.1\nContent-Length: 5\n\nhello".to_vec(),
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n".to_vec(),
        b"HTTP/1.1 101 x\r\nUpgrade: websocket\r\n\r\n".to_vec(),
        b"CONNECT a:1 HTTP/1.1\r\n\r\n".to_vec(),
        b"HTTP/1.1 200 OK\r\n\r\n".to_vec(),
        records(&client_hello("a.example", 20), 100),
        vec![20, 3, 3, 0, 1, 1],
        vec![23, 3, 3, 0, 4, 1, 2, 3, 4],
        b"\0\x1b\x12\x34\x01\0\0\x01\0\0\0\0\0\0\x01a\x07example\0\0\x01\0\x01".to_vec(),
        b"EHLO there\r\n".to_vec(),
        b"220 FTP and ESMTP\r\n".to_vec(),
        b"MAIL FROM:<a@b>\r\nDATA\r\n".to_vec(),
        b"354 go\r\n".to_vec(),
        b"Subject: x\r\n\r\nbody\r\n..\r\n.\r\n".to_vec(),
        b"STARTTLS\r\n".to_vec(),
        b"220 go\r\n".to_vec(),
        b"* OK IMAP\r\n".to_vec(),
        b"a1 LOGIN {3}\r\nabc \"x\"\r\na2 STARTTLS\r\n".to_vec(),
        b"a2 OK go\r\n".to_vec(),
        b"+OK POP3\r\n".to_vec(),
        b"USER a\r\nPASS b\r\nSTLS\r\n".to_vec(),
        b"<?xml version='1.0'?><stream:stream to='a.example'>".to_vec(),
        b"<iq id='1'><a/></iq><starttls/>".to_vec(),
        b"<proceed/>".to_vec(),
        b"\x10\x0e\0\x04MQTT\x05\x02\0\x3c\0\0\x01a\x30\x05\0\x01t\0x".to_vec(),
        b"\x30\xe1\x22\x04\0\x31\x02\x07\xb2rd".to_vec(),
        b"REGISTER sip:a SIP/2.0\r\nl: 2\r\n\r\nab".to_vec(),
        b"\0\x01\0\x08\x21\x12\xa4\x42abcdefghijkl\0\x06\0\x03abc\0".to_vec(),
        b"\x29\x02\x10\x0a\x08chrome-9\x12\x01a\x1a\x01".to_vec(),
        b"\0\x10\x02\0\0\x80\x01\xcc\0\x04\x04\x85\x0d\x96\x1f\xe4".to_vec(),
    ];
    let piece = prop_oneof![
        6 => prop::sample::select(known),
        1 => prop::collection::vec(any::<u8>(), 1..40),
        1 => "[ -~\r\n]{1,40}".prop_map(String::into_bytes),
    ];
    prop::collection::vec((any::<bool>(), piece), 1..8)
}

/// A datagram that some dissector knows, and where its bytes are changed.
fn datagrams() -> impl Strategy<Value = Vec<(bool, Vec<u8>)>> {
    let dtls = client_hello("a.example", 0);
    let dtls = [&dtls[..4], &[0, 0, 0, 0, 0], &dtls[1..4], &[0xfe, 0xfd], &dtls[6..]].concat();
    let known: Vec<Vec<u8>> = vec![
        b"\x12\x34\x81\x80\0\x01\0\x02\0\0\0\0\x01a\x07example\0\0\x01\0\x01\xc0\x0c\0\x01\0\x01\0\0\0\x3c\0\x04\x0a\0\0\x01\
          \xc0\x0c\0\x41\0\x01\0\0\0\x3c\0\x0b\0\x01\0\0\x04\0\x04\x0a\0\0\x02".to_vec(),
        [&[22, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 0][..], &vec16(&dtls)].concat(),
        [&[0xc3, 0, 0, 0, 1, 8][..], b"abcdefgh", &[0, 0, 0x40, 60], &[7; 60]].concat(),
        b"NOTIFY * HTTP/1.1\r\nHost: a\r\n\r\n".to_vec(),
        b"\x42\x02\x12\x34\x07\x08\xb2rd\x4d\x06ep=urn:imei:0010170\xffx".to_vec(),
        b"\0\x01\0\x08\x21\x12\xa4\x42abcdefghijkl\0\x06\0\x03abc\0".to_vec(),
        b"\x40\0\0\x04abcd".to_vec(),
        b"iiiiiiii\0\0\0\0\0\0\0\0\x05\x10\x04\0\0\0\0\0\0\0\0\x28\0\0\0\x0c\x03\0\0\0abcd".to_vec(),
        b"REGISTER sip:a SIP/2.0\r\nFrom: <sip:001010123456789@ims.mnc001>\r\n\r\n".to_vec(),
        b"\0\0\x84\0\0\0\0\x01\0\0\0\0\x01a\0\0\x10\0\x01\0\0\0\x78\0\x04\x03a=b".to_vec(),
        vec![0x23; 48],
    ];
    let changed = (
        prop::sample::select(known),
        prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
    );
    let changed = changed.prop_map(|(mut bytes, changes)| {
        let len = bytes.len();
        changes.into_iter().for_each(|(at, byte)| bytes[at.index(len)] = byte);
        bytes
    });
    prop::collection::vec((any::<bool>(), changed), 1..6)
}

#[test]
fn the_datagrams_to_be_changed_are_known_as_they_are() {
    let mut out = Vec::new();
    let answer = b"\x12\x34\x81\x80\0\x01\0\x02\0\0\0\0\x01a\x07example\0\0\x01\0\x01\xc0\x0c\0\x01\0\x01\0\0\0\x3c\0\x04\x0a\0\0\x01\
        \xc0\x0c\0\x41\0\x01\0\0\0\x3c\0\x0b\0\x01\0\0\x04\0\x04\x0a\0\0\x02";
    let mut dissector = Dissector::new(Transport::Udp, 53);
    dissector.handle_datagram(Timestamp::default(), IN, 0, answer, &mut out);
    let [_, Observation::Dns(message)] = &out[..] else { panic!("{out:?}") };
    assert_eq!(message.answers[0].data, DnsData::Address([10, 0, 0, 1].into()));
    let service =
        DnsData::Service { target: "a.example".into(), hints: vec![[10, 0, 0, 2].into()], ech: None };
    assert_eq!((message.answers[1].ttl, &message.answers[1].data), (60, &service));
}

proptest! {
    /// Changed datagrams break nothing.
    #[test]
    fn changed_datagrams_break_nothing(datagrams in datagrams(), port in prop::sample::select(vec![53u16, 123, 443, 1900, 4500, 5353, 5683])) {
        let mut dissector = Dissector::new(Transport::Udp, port);
        let (mut out, mut at) = (Vec::new(), [0u64; 2]);
        for (outbound, bytes) in datagrams {
            let direction = if outbound { OUT } else { IN };
            dissector.handle_datagram(Timestamp::default(), direction, at[direction.index()], &bytes, &mut out);
            at[direction.index()] += bytes.len() as u64;
        }
        dissector.flush(&mut out);
        prop_assert!(!dissector.is_pending());
    }

    /// How the bytes are cut into segments changes nothing.
    #[test]
    fn chunking_does_not_matter(turns in turns(), step in 1usize..50, port in prop::sample::select(vec![53u16, 80, 443])) {
        let turns: Vec<(Direction, &[u8])> = turns.iter().map(|(out, bytes)| (if *out { OUT } else { IN }, &bytes[..])).collect();
        prop_assert_eq!(dissect(port, &turns, step), dissect(port, &turns, usize::MAX));
    }

    /// Gaps and random bytes break nothing, and every range stays inside the stream.
    #[test]
    fn gaps_break_nothing(turns in turns(), gaps in prop::collection::vec(0u64..60, 8)) {
        let mut dissector = Dissector::new(Transport::Tcp, 80);
        let (mut out, mut at) = (Vec::new(), [0u64; 2]);
        for ((outbound, bytes), gap) in turns.iter().zip(gaps) {
            let direction = if *outbound { OUT } else { IN };
            let next = &mut at[direction.index()];
            dissector.handle_stream(Timestamp::default(), direction, StreamEvent::Data { offset: *next, bytes }, &mut out);
            *next += bytes.len() as u64;
            if gap > 20 {
                dissector.handle_stream(Timestamp::default(), direction, StreamEvent::Gap { offset: *next, len: gap }, &mut out);
                *next += gap;
            }
        }
        dissector.flush(&mut out);
        for part in out.iter().filter_map(named).flat_map(|message| &message.parts) {
            prop_assert!(part.range.start <= part.range.end && part.range.end <= at[0].max(at[1]));
        }
        for message in messages(&out) {
            let end = at[message.direction.index()];
            prop_assert!(message.range.end <= end && message.body_range.end <= message.range.end);
            if let HttpStart::Request { target_range, .. } = &message.start {
                prop_assert!(target_range.end <= end);
            }
        }
    }
}
