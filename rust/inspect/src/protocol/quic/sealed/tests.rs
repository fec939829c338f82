use super::super::keys::parameters;
use super::*;
use crate::keylog::{KeyLog, KeyRing};

const OUT: Direction = Direction::Outbound;
const IN: Direction = Direction::Inbound;
const SUITES: [u16; 3] = [0x1301, 0x1302, 0x1303];

/// As long as the suite's hash.
fn secret(suite: u16, epoch: &str) -> Vec<u8> {
    let len = if suite == 0x1302 { 48 } else { 32 };
    epoch.bytes().cycle().take(len).collect()
}

fn sealed(suite: u16, alpn: &str) -> Sealed {
    let mut log = KeyLog::default();
    for label in ["CLIENT_HANDSHAKE_TRAFFIC_SECRET", "SERVER_TRAFFIC_SECRET_0", "CLIENT_TRAFFIC_SECRET_0"] {
        let hex: String = secret(suite, label).iter().map(|byte| format!("{byte:02x}")).collect();
        log.add(format!("{label} {} {hex}", "00".repeat(32)).as_bytes());
    }
    let ring = KeyRing::new(log);
    let context = Context { port: 443, keys: ring.clone() };
    let hello = ClientHello { alpn: vec![alpn.to_owned()], ..ClientHello::default() };
    let version = parameters(1).unwrap();
    let mut sealed = Sealed::new(&ring.secrets(&[0; 32]).unwrap(), version, OUT, &hello, &context);
    sealed.choose(&ServerHello { cipher: suite, ..ServerHello::default() });
    sealed.learn_id(OUT, b"client");
    sealed.learn_id(IN, b"srv");
    sealed
}

fn keys(suite: u16, secret: &[u8]) -> Keys {
    let Some(Suite { bulk: Bulk::Aead(kind), hash }) = Suite::of(suite) else { unreachable!() };
    Keys::of_secret(parameters(1).unwrap(), kind, hash, secret).unwrap()
}

/// A packet of the client's or the server's, padded so that there is something to sample.
fn short(keys: &Keys, id: &[u8], phase: u8, number: u8, frames: &[u8]) -> Vec<u8> {
    let header = [&[0x41 | phase][..], id, &[0, number]].concat();
    keys.seal(&header, &[frames, &[0; 24]].concat())
}

fn stream(id: u8, offset: u8, bytes: &[u8], last: bool) -> Vec<u8> {
    [&[0x0e | u8::from(last), id, offset, bytes.len() as u8][..], bytes].concat()
}

fn parts(out: &[Observation]) -> Vec<(Direction, String, String)> {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    out.iter()
        .flat_map(|it| match it {
            Observation::Decrypted(inside) => match &**inside {
                Observation::Message(message) => message
                    .parts
                    .iter()
                    .map(|it| (message.direction, it.name.clone(), text(&it.value)))
                    .collect(),
                Observation::Http(it) => {
                    let fields = it
                        .headers
                        .iter()
                        .map(|field| (it.direction, field.name.clone(), field.value.clone()));
                    fields.chain([(it.direction, "body".to_owned(), text(&it.body))]).collect()
                }
                Observation::Readable(it) => vec![(it.direction, "bytes".to_owned(), text(&it.bytes))],
                other => panic!("{other:?}"),
            },
            Observation::Protocol(_) => vec![],
            other => panic!("not marked as decrypted: {other:?}"),
        })
        .collect()
}

#[test]
fn a_request_is_put_together_whatever_the_cipher_and_the_order() {
    for suite in SUITES {
        let keys = keys(suite, &secret(suite, "CLIENT_TRAFFIC_SECRET_0"));
        let mut sealed = sealed(suite, "h3");
        let mut out = Vec::new();
        // HEADERS (a POST, and a field), DATA in two frames, an unknown frame between.
        let request = b"\x01\x07\0\0\xd4\x21a\x01b\x00\x04imei\x21\x02??\x00\x10=490154203237518";
        let pieces = [
            short(&keys, b"srv", 0, 2, &stream(0, 20, &request[20..], true)),
            short(&keys, b"srv", 0, 1, &stream(0, 0, &request[..12], false)),
            short(&keys, b"srv", 0, 3, &stream(0, 8, &request[8..22], false)),
            short(&keys, b"srv", 0, 4, &stream(2, 0, b"\0control", false)),
        ];
        for piece in &pieces {
            sealed.handle_short(OUT, piece, &mut out);
        }
        sealed.flush(&mut out);
        let expected = [("a", "b"), ("body", "imei=490154203237518")];
        assert_eq!(
            parts(&out),
            expected.map(|(name, text)| (OUT, name.to_owned(), text.to_owned())),
            "{suite:x}"
        );
        // What comes again is not read again.
        pieces.iter().for_each(|piece| sealed.handle_short(OUT, piece, &mut out));
        sealed.flush(&mut out);
        assert_eq!(parts(&out).len(), 2);
        assert!(!sealed.is_pending());
    }
}

#[test]
fn keys_are_updated_by_either_end() {
    for suite in SUITES {
        let Some(Suite { bulk: Bulk::Aead(kind), hash }) = Suite::of(suite) else { unreachable!() };
        let version = parameters(1).unwrap();
        let first = secret(suite, "SERVER_TRAFFIC_SECRET_0");
        let second = version.next_secret(hash, &first).unwrap();
        let older = keys(suite, &first);
        let newer = Keys::of_secret(version, kind, hash, &second).unwrap().with_header_of(&older);
        let mut sealed = sealed(suite, "other");
        let mut out = Vec::new();
        sealed.handle_short(IN, &short(&older, b"client", 0, 0, &stream(3, 0, b"one ", false)), &mut out);
        sealed.handle_short(
            IN,
            &short(&newer, b"client", KEY_PHASE, 1, &stream(3, 4, b"two ", false)),
            &mut out,
        );
        sealed.handle_short(
            IN,
            &short(&newer, b"client", KEY_PHASE, 2, &stream(3, 8, b"three", true)),
            &mut out,
        );
        sealed.flush(&mut out);
        assert_eq!(parts(&out), [(IN, "bytes".to_owned(), "one two three".to_owned())], "{suite:x}");
    }
}

#[test]
fn damage_and_other_keys_read_nothing() {
    let keys = keys(SUITES[0], &secret(SUITES[0], "CLIENT_TRAFFIC_SECRET_0"));
    let packet = short(&keys, b"srv", 0, 1, &stream(0, 0, b"\0\x05hello", true));
    for at in 0..packet.len() {
        let mut sealed = sealed(SUITES[0], "h3");
        let mut out = Vec::new();
        let mut damaged = packet.clone();
        damaged[at] ^= 0x24;
        // The id is not checked: it is only authenticated.
        sealed.handle_short(OUT, &damaged, &mut out);
        sealed.handle_short(OUT, &packet[..at], &mut out);
        sealed.handle_short(IN, &packet, &mut out);
        sealed.flush(&mut out);
        assert_eq!(out, [], "{at}");
    }
}

#[test]
fn a_handshake_packet_holds_a_certificate() {
    use super::super::super::certificate::tests::{PHONE, message};
    let suite = SUITES[0];
    let keys = keys(suite, &secret(suite, "CLIENT_HANDSHAKE_TRAFFIC_SECRET"));
    let body = message(&[PHONE], true);
    let message = [&[11, 0][..], &(body.len() as u16).to_be_bytes(), &body].concat();
    let mut sealed = sealed(suite, "h3");
    let mut out = Vec::new();
    for (number, (from, to)) in [(300, message.len()), (0, 310)].into_iter().enumerate() {
        let varint = |value: usize| (0x4000 | value as u16).to_be_bytes();
        let frame = [&[6][..], &varint(from), &varint(to - from), &message[from..to]].concat();
        let header = [&[0xe1, 0, 0, 0, 1, 0, 0, 0x44, 0, 0, number as u8][..]].concat();
        sealed.handle_handshake(OUT, &keys.seal(&header, &frame), header.len() - 2, 0..9, &mut out);
    }
    let [Observation::Decrypted(inside)] = &out[..] else { panic!("{out:?}") };
    assert!(matches!(&**inside, Observation::Certificate(it) if it.by_client && it.names.len() == 3));
}
