use super::super::recorded::{Recorded, insides, unhex};
use super::*;
use crate::keylog::KeyRing;
use crate::protocol::HttpStart;

const OUT: Direction = Direction::Outbound;
const IN: Direction = Direction::Inbound;
const V1: u32 = 1;
const V2: u32 = 0x6b33_43cf;

fn crypto(offset: u16, content: &[u8]) -> Vec<u8> {
    let varint = |value: u16| (0x4000 | value).to_be_bytes();
    [&[6][..], &varint(offset), &varint(content.len() as u16), content].concat()
}

/// An Initial packet; `keyed` is the connection id that its keys come from.
fn initial(
    version: u32,
    keyed: &[u8],
    destination: &[u8],
    token: &[u8],
    number: u8,
    frames: &[u8],
) -> Vec<u8> {
    let payload = [frames, &vec![0; 40usize.saturating_sub(frames.len())]].concat();
    let first = if version == V2 { 0xd1 } else { 0xc1 };
    let len = (0x4000 | (payload.len() + 2 + 16) as u16).to_be_bytes();
    let header = [
        &[first][..],
        &version.to_be_bytes(),
        &[destination.len() as u8],
        destination,
        &[0, token.len() as u8],
        token,
        &len,
        &[0, number],
    ]
    .concat();
    let [client, _] = Keys::derive(parameters(version).unwrap(), keyed).unwrap();
    client.seal(&header, &payload)
}

/// A ClientHello message for a.example, padded.
fn hello() -> Vec<u8> {
    let sni = b"\0\0\0\x0e\0\x0c\0\0\x09a.example";
    let padding = [&[0, 21, 2, 0][..], &[0; 512]].concat();
    let extensions = [&((sni.len() + padding.len()) as u16).to_be_bytes()[..], sni, &padding].concat();
    let body = [&[3, 3][..], &[7; 32], &[0], &[0, 2, 0x13, 1], &[1, 0], &extensions].concat();
    [&[1, 0][..], &(body.len() as u16).to_be_bytes(), &body].concat()
}

fn names(out: &[Observation]) -> Vec<&str> {
    let name = |o: &Observation| match o {
        Observation::ClientHello(hello) => {
            assert!(hello.ja4.starts_with("q12d010200_"), "{}", hello.ja4);
            Some(hello.sni.clone())
        }
        _ => None,
    };
    out.iter()
        .filter_map(name)
        .map(|sni| if sni.as_deref() == Some("a.example") { "a.example" } else { "?" })
        .collect()
}

fn feed(quic: &mut Quic, datagrams: &[Vec<u8>]) -> Vec<Observation> {
    let (mut out, mut at) = (Vec::new(), 0);
    for datagram in datagrams {
        quic.handle(OUT, at, datagram, &mut out);
        at += datagram.len() as u64;
    }
    out
}

// RFC 9001 appendix A.3: the server's Initial packet, for a client that chose 0x8394c8f03e515708.
#[test]
fn the_server_packet_of_the_standard_is_opened() {
    let packet = unhex(
        "cf000000010008f067a5502a4262b5004075c0d95a482cd0991cd25b0aac406a5816b6394100f37a1c69797554780bb38cc5a99f5ede4cf7\
         3c3ec2493a1839b3dbcba3f6ea46c5b7684df3548e7ddeb9c3bf9c73cc3f3bded74b562bfb19fb84022f8ef4cdd93795d77d06edbb7aaf2f\
         58891850abbdca3d20398c276456cbc42158407dd074ee",
    );
    let [client, server] = Keys::derive(parameters(V1).unwrap(), &unhex("8394c8f03e515708")).unwrap();
    let header = LongHeader::parse(&packet).unwrap();
    let (number_at, len) = body(&packet, &header, header.kind()).unwrap();
    assert_eq!((number_at, len), (18, packet.len()));
    let opened = server.open(&packet, number_at).unwrap();
    assert!(
        opened.starts_with(&unhex(
            "02000000000600405a020000560303eefce7f7b37ba1d1632e96677825ddf73988cfc79825df"
        ))
    );
    assert_eq!(client.open(&packet, number_at), None);
    let (mut crypto, mut out) = (Crypto::default(), Vec::new());
    crypto.take_frames(&opened, 0..10, &mut out);
    assert!(
        matches!(&out[..], [Observation::ServerHello(hello)] if hello.cipher == 0x1301 && hello.version == 0x0304)
    );
}

#[test]
fn a_hello_is_put_together_from_frames_and_datagrams_in_any_order() {
    let hello = hello();
    for version in [V1, V2, 0xff00_001d, 0x5430_3531] {
        let last = initial(version, b"abcdefgh", b"abcdefgh", b"", 1, &crypto(300, &hello[300..]));
        let frames = [crypto(100, &hello[100..310]), vec![1, 0, 0], crypto(0, &hello[..120])].concat();
        let first = initial(version, b"abcdefgh", b"abcdefgh", b"", 0, &frames);
        assert!(probe(&first));
        let out = feed(&mut Quic::default(), &[last.clone(), first.clone()]);
        assert_eq!(names(&out), ["a.example"], "{version:x}");
        let out = feed(&mut Quic::default(), &[[first, last].concat()]);
        assert_eq!(names(&out), ["a.example"], "coalesced {version:x}");
    }
}

#[test]
fn keys_stay_when_the_server_chooses_another_id_and_change_after_a_retry() {
    let hello = hello();
    let mut quic = Quic::default();
    let out = feed(
        &mut quic,
        &[
            initial(V1, b"abcdefgh", b"abcdefgh", b"", 0, &crypto(0, &hello[..200])),
            initial(V1, b"abcdefgh", b"server", b"", 1, &crypto(200, &hello[200..])),
            initial(V1, b"retried!", b"retried!", b"token", 2, &crypto(0, &hello)),
        ],
    );
    assert_eq!(names(&out), ["a.example", "a.example"]);
    assert_eq!(quic.attempts.len(), 2);
}

#[test]
fn a_hello_that_is_never_completed_still_names_the_host() {
    let (mut quic, mut out) = (Quic::default(), Vec::new());
    let datagram = initial(V1, b"abcdefgh", b"abcdefgh", b"", 0, &crypto(0, &hello()[..200]));
    quic.handle(OUT, 0, &datagram, &mut out);
    assert!(out.is_empty() && quic.is_pending());
    quic.flush([datagram.len() as u64, 0], &mut out);
    assert!(
        matches!(&out[..], [Observation::ClientHello(h)] if h.sni.as_deref() == Some("a.example") && h.ja4.is_empty())
    );
    assert!(!quic.is_pending());
}

#[test]
fn what_is_no_initial_packet_is_passed_over_and_given_up() {
    let (mut quic, mut out) = (Quic::default(), Vec::new());
    for at in 0..200 {
        quic.handle(IN, at, &[0x41; 60], &mut out);
        quic.handle(OUT, at, &[0xc0, 0, 0, 0, 1, 0, 0, 0, 0x40], &mut out);
    }
    assert_eq!(out.len(), 2);
    assert!(!quic.wants(IN) && !quic.wants(OUT));
    assert!(!probe(&[0x80; 40]) && !probe(b"\xd6\xff\xff plain text, as long as a header would be"));
}

// RFC 9001 appendix A.5: a packet with a short header, protected by ChaCha20-Poly1305.
#[test]
fn the_chacha_packet_of_the_standard_is_opened() {
    use super::super::cipher::{AeadKind, Hash};
    let secret = unhex("9ac312a7f877468ebe69422748ad00a15443f18203a07d6060f688f30f21632b");
    let version = parameters(V1).unwrap();
    let keys = Keys::of_secret(version, AeadKind::ChaCha20Poly1305, Hash::Sha256, &secret).unwrap();
    let packet = unhex("4cfe4189655e5cd55c41f69080575d7999c25a5bfb");
    let bare = keys.bare(&packet, 1, 654_360_564).unwrap();
    assert_eq!((bare.number, &bare.header[..]), (654_360_564, &unhex("4200bff4")[..]));
    assert_eq!(keys.open_bare(&packet, &bare), Some(vec![1]));
    assert_eq!(
        version.next_secret(Hash::Sha256, &secret).unwrap(),
        unhex("1223504755036d556342ee9361d253421a826c9ecdf3c7148684b36b714881f9")
    );
}

#[test]
fn a_negotiated_version_begins_anew() {
    let hello = hello();
    let (mut quic, mut out) = (Quic::default(), Vec::new());
    let grease =
        [&[0xc1][..], &0x1a2a_3a4au32.to_be_bytes(), &[8], b"abcdefgh", &[0, 0, 0x40, 40], &[9; 40]].concat();
    let negotiation =
        [&[0x80, 0, 0, 0, 0, 0, 8][..], b"abcdefgh", &V1.to_be_bytes(), &V2.to_be_bytes()].concat();
    assert!(probe(&grease) && probe(&negotiation));
    quic.handle(OUT, 0, &grease, &mut out);
    quic.handle(IN, 0, &negotiation, &mut out);
    quic.handle(OUT, 60, &initial(V2, b"abcdefgh", b"abcdefgh", b"", 0, &crypto(0, &hello)), &mut out);
    assert_eq!(names(&out), ["a.example"]);
}

#[test]
fn dns_over_quic_is_told_by_what_is_offered() {
    let mut hello = hello();
    // The padding extension becomes ALPN: a list of one.
    let at = hello.windows(4).position(|bytes| bytes == [0, 21, 2, 0]).unwrap();
    hello[at + 1] = 16;
    hello[at + 4..at + 10].copy_from_slice(&[0, 4, 3, b'd', b'o', b'q']);
    let out =
        feed(&mut Quic::default(), &[initial(V1, b"abcdefgh", b"abcdefgh", b"", 0, &crypto(0, &hello))]);
    assert!(out.contains(&Observation::Protocol(Protocol::DOQ)), "{out:?}");
}

macro_rules! recorded {
    ($($name:literal),*) => {
        [$(($name, Recorded::parse(include_str!(concat!("../testdata/quic/", $name, ".txt"))))),*]
    };
}

/// Connections that resume: the client sends a request before the server answers.
fn resumed() -> [(&'static str, Recorded); 5] {
    recorded!("early-v1", "early-v2-chacha", "early-aes256", "early-refused", "early-retry")
}

/// Of the messages that are seen: which way they go, and whether they say what they should.
fn messages(seen: &[Observation]) -> Vec<(Direction, bool)> {
    let messages =
        insides(seen).filter_map(|it| if let Observation::Http(it) = it { Some(it) } else { None });
    messages
        .map(|it| match &it.start {
            HttpStart::Request { target, .. } => {
                let text = format!("{target} {}", String::from_utf8_lossy(&it.body));
                (it.direction, text.contains("imei=490154203237518"))
            }
            HttpStart::Response { status } => (it.direction, *status == 200 && it.body == b"ok"),
        })
        .collect()
}

#[test]
fn what_a_client_sends_at_once_is_decrypted_and_told_once() {
    for (name, recorded) in resumed() {
        let mut quic = Quic::default();
        quic.begin(&Context { port: 443, keys: recorded.keys.clone() });
        let mut out =
            recorded.feed(|direction, offset, bytes, out| _ = quic.handle(direction, offset, bytes, out));
        quic.flush([0; 2], &mut out);
        assert_eq!(messages(&out), [(OUT, true), (IN, true)], "{name}");
    }
}

/// As of a flow whose server never answers.
#[test]
fn early_data_is_read_without_an_answer() {
    for (name, mut recorded) in resumed() {
        let answered = recorded.turns.iter().position(|(direction, _)| *direction == IN).unwrap();
        recorded.turns.truncate(answered);
        let seen = |keys: KeyRing| {
            let mut quic = Quic::default();
            quic.begin(&Context { port: 443, keys });
            let mut out =
                recorded.feed(|direction, offset, bytes, out| _ = quic.handle(direction, offset, bytes, out));
            quic.flush([0; 2], &mut out);
            messages(&out)
        };
        assert_eq!(seen(recorded.keys.clone()), [(OUT, true)], "{name}");
        assert_eq!(seen(KeyRing::default()), [], "{name}");
    }
}

/// As a capture brings them: those of the handshake when the server has chosen, those of the content at its end.
#[test]
fn secrets_may_come_one_after_the_other() {
    for (name, recorded) in resumed() {
        let keys = KeyRing::default();
        let mut quic = Quic::default();
        quic.begin(&Context { port: 443, keys: keys.clone() });
        let mut log = recorded.log.iter();
        let mut out = recorded.feed(|direction, offset, bytes, out| {
            if direction == IN {
                log.by_ref().for_each(|line| keys.add(line.as_bytes()));
            } else if offset == 0 {
                log.by_ref().take(1).for_each(|line| keys.add(line.as_bytes()));
            }
            quic.handle(direction, offset, bytes, out);
        });
        quic.flush([0; 2], &mut out);
        assert_eq!(messages(&out), [(OUT, true), (IN, true)], "{name}");
    }
}
