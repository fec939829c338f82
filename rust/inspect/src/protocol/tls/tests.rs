use super::super::certificate::tests::PHONE;
use super::super::recorded::{Recorded, insides};
use super::*;
use crate::keylog::KeyRing;
use crate::protocol::{Certificate, HttpStart};

const OUT: Direction = Direction::Outbound;
const IN: Direction = Direction::Inbound;

macro_rules! recorded {
    ($($name:literal),*) => {
        [$(($name, include_str!(concat!("../testdata/tls/", $name, ".txt")))),*]
    };
}

/// Every connection with an HTTP request.
const REQUESTS: [(&str, &str); 16] = recorded!(
    "tls10-3des",
    "tls10-cbc",
    "tls10-rc4-md5",
    "tls11-cbc",
    "tls12-3des-etm",
    "tls12-aes128-gcm",
    "tls12-aes256-ccm",
    "tls12-aes256-gcm",
    "tls12-cbc",
    "tls12-cbc-etm",
    "tls12-ccm8",
    "tls12-chacha",
    "tls12-rc4",
    "tls13",
    "tls13-ccm",
    "tls13-ccm8"
);

/// Those with lines, and what the client's decrypted stream is.
const LINES: [(&str, &str); 4] =
    recorded!("tls12-renegotiation", "tls13-aes128-key-update", "tls13-chacha-early", "tls13-retry");

/// One of [`REQUESTS`].
fn request(name: &str) -> Recorded {
    Recorded::parse(REQUESTS.iter().find(|(other, _)| *other == name).unwrap().1)
}

/// What is seen when what each side sends comes in pieces of so many bytes.
fn dissect(recorded: &Recorded, keys: KeyRing, piece: usize) -> Vec<Observation> {
    let mut dissector = Dissector::new(Transport::Tcp, 443).with_keys(keys);
    let mut out = recorded.feed(|direction, offset, bytes, out| {
        for (at, bytes) in (offset..).step_by(piece).zip(bytes.chunks(piece)) {
            let event = StreamEvent::Data { offset: at, bytes };
            dissector.handle_stream(Timestamp::default(), direction, event, out);
        }
    });
    for direction in Direction::BOTH {
        assert_ne!(dissector.encrypted(direction), Some(false));
        dissector.handle_stream(Timestamp::default(), direction, StreamEvent::End, &mut out);
    }
    dissector.flush(&mut out);
    out
}

/// The unknown bytes of the client's decrypted stream.
fn lines(seen: &[Observation]) -> String {
    let of_client = insides(seen).filter_map(|it| match it {
        Observation::Readable(readable) if readable.direction == OUT => Some(&readable.bytes[..]),
        _ => None,
    });
    String::from_utf8(of_client.flatten().copied().collect()).unwrap()
}

fn certificates(seen: &[Observation]) -> Vec<(bool, &Certificate)> {
    let found = |it: &'_ Observation| matches!(it, Observation::Certificate(_));
    let clear = seen.iter().filter(|it| found(it)).map(|it| (false, it));
    let sealed = insides(seen).filter(|it| found(it)).map(|it| (true, it));
    clear
        .chain(sealed)
        .filter_map(|(sealed, it)| match it {
            Observation::Certificate(certificate) => Some((sealed, &**certificate)),
            _ => None,
        })
        .collect()
}

#[test]
fn requests_of_every_version_and_cipher_are_decrypted() {
    for (name, text) in REQUESTS {
        let recorded = Recorded::parse(text);
        let seen = dissect(&recorded, recorded.keys.clone(), 1 << 20);
        let messages: Vec<_> = insides(&seen)
            .filter_map(|it| if let Observation::Http(message) = it { Some(message) } else { None })
            .collect();
        let [request, reply] = messages[..] else { panic!("{name}: {seen:?}") };
        assert_eq!(request.header("host"), Some("a.example"), "{name}");
        assert_eq!(request.body, b"imei=490154203237518", "{name}");
        assert_eq!(request.range, 0..126, "{name}: offsets are of the decrypted stream");
        assert!(matches!(reply.start, HttpStart::Response { status: 200 }) && reply.body == b"ok", "{name}");
        let protocols: Vec<_> = seen
            .iter()
            .filter_map(|it| if let Observation::Protocol(protocol) = it { Some(protocol.0) } else { None })
            .collect();
        assert_eq!(protocols, ["tls", "http"], "{name}");
    }
}

#[test]
fn what_is_seen_does_not_depend_on_how_it_is_cut() {
    for (name, text) in REQUESTS.into_iter().chain(LINES) {
        let recorded = Recorded::parse(text);
        let whole = dissect(&recorded, recorded.keys.clone(), 1 << 20);
        for piece in [1, 2, 7, 100] {
            assert_eq!(
                dissect(&recorded, recorded.keys.clone(), piece),
                whole,
                "{name} in pieces of {piece}"
            );
        }
    }
}

#[test]
fn keys_change_within_a_connection() {
    for (name, text) in LINES {
        let recorded = Recorded::parse(text);
        let expected = match name {
            "tls12-renegotiation" => "first=1\nimei=490154203237518\n",
            "tls13-aes128-key-update" => "first=1\nimei=490154203237518\nimei=490154203237518\n",
            "tls13-chacha-early" => "imei=490154203237518\nlater=1\n",
            _ => "imei=490154203237518\n",
        };
        let seen = dissect(&recorded, recorded.keys.clone(), 1 << 20);
        assert_eq!(lines(&seen), expected, "{name}: {seen:?}");
        assert!(!seen.iter().any(|it| matches!(it, Observation::GiveUp { .. })), "{name}: {seen:?}");
    }
}

#[test]
fn certificates_are_in_clear_up_to_tls_1_2() {
    for (name, text) in REQUESTS {
        let recorded = Recorded::parse(text);
        let clear = !name.starts_with("tls13");
        let of = |by_client: bool, seen: &[Observation]| {
            let found = certificates(seen).into_iter().filter(|(_, it)| it.by_client == by_client);
            found.map(|(sealed, it)| (sealed, it.names.len())).collect::<Vec<_>>()
        };
        let without = dissect(&recorded, KeyRing::default(), 5);
        assert_eq!(of(false, &without), if clear { vec![(false, 3)] } else { vec![] }, "{name}");
        assert_eq!(insides(&without).count(), 0, "{name}");
        assert!(without.iter().any(|it| matches!(it, Observation::GiveUp { reason: "encrypted", .. })));
        let with = dissect(&recorded, recorded.keys.clone(), 5);
        assert_eq!(of(false, &with), [(!clear, 3)], "{name}");
        // Two of the clients have one too.
        let client = ["tls12-aes256-gcm", "tls13"].contains(&name);
        assert_eq!(of(true, &with), if client { vec![(!clear, 3)] } else { vec![] }, "{name}");
    }
}

#[test]
fn wrong_secrets_and_damage_read_nothing_and_break_nothing() {
    for (name, text) in REQUESTS.into_iter().chain(LINES) {
        let wrong = text.lines().map(|line| {
            let swapped = if line.starts_with(['>', '<']) { line.to_owned() } else { line.replace("a", "b") };
            // The client random stays: the log has an entry, which is wrong.
            let mut words: Vec<_> = swapped.split(' ').map(str::to_owned).collect();
            if words.len() == 3 {
                words[1] = line.split(' ').nth(1).unwrap().to_owned();
            }
            words.join(" ") + "\n"
        });
        let recorded = Recorded::parse(&wrong.collect::<String>());
        let seen = dissect(&recorded, recorded.keys.clone(), 50);
        assert_eq!(insides(&seen).count(), 0, "{name}");
        let mut damaged = Recorded::parse(text);
        for at in (0..damaged.turns.iter().map(|turn| turn.1.len()).max().unwrap()).step_by(11) {
            let turns = damaged.turns.clone();
            damaged.turns.iter_mut().filter_map(|turn| turn.1.get_mut(at)).for_each(|byte| *byte ^= 0x5a);
            dissect(&damaged, damaged.keys.clone(), 1 << 20);
            damaged.turns = turns;
        }
    }
}

#[test]
fn a_gap_ends_what_can_be_decrypted() {
    let recorded = request("tls13");
    let mut tls = Tls::new();
    tls.begin(&Context { port: 443, keys: recorded.keys.clone() });
    let (mut out, mut at) = (Vec::new(), [0; 2]);
    for (direction, bytes) in &recorded.turns[..3] {
        let offset = std::mem::replace(&mut at[direction.index()], 9999);
        tls.handle(*direction, StreamEvent::Data { offset, bytes }, &mut out);
    }
    assert!(tls.decrypts() && tls.wants(OUT));
    tls.handle(OUT, StreamEvent::Gap { offset: 9999, len: 1 }, &mut out);
    assert!(!tls.wants(OUT) && tls.wants(IN));
    assert_eq!(out.last(), Some(&Observation::GiveUp { direction: OUT, reason: "gap" }));
}

/// As when the server's bytes wait behind a hole.
#[test]
fn what_the_client_encrypts_waits_for_the_servers_choice() {
    let mut recorded = request("tls13");
    let whole = dissect(&recorded, recorded.keys.clone(), 1 << 20);
    let http = |seen: &[Observation]| insides(seen).filter(|it| matches!(it, Observation::Http(_))).count();
    recorded.turns.sort_by_key(|turn| turn.0);
    assert_eq!(http(&dissect(&recorded, recorded.keys.clone(), 1 << 20)), http(&whole));
    let (hello, rest) = recorded.turns.split_first().unwrap();
    let mut half = Half::new(OUT);
    let (mut scene, mut out) = (Scene::default(), Vec::new());
    scene.context.keys = recorded.keys.clone();
    half.handle_data(0, &hello.1, &mut scene, &mut out);
    let end = hello.1.len() as u64;
    for _ in 0..100 {
        half.handle_data(end, &rest[0].1, &mut scene, &mut out);
    }
    assert!(!half.wants(), "what waits is bounded");
    assert_eq!(out.last(), Some(&Observation::GiveUp { direction: OUT, reason: "encrypted" }));
}

#[test]
fn dns_over_tls_is_told_by_its_port() {
    let recorded = request("tls12-aes128-gcm");
    for (port, dot) in [(853, true), (443, false)] {
        let mut tls = Tls::new();
        tls.begin(&Context { port, keys: KeyRing::default() });
        let mut out = Vec::new();
        tls.handle(OUT, StreamEvent::Data { offset: 0, bytes: &recorded.turns[0].1 }, &mut out);
        assert_eq!(out.contains(&Observation::Protocol(Protocol::DOT)), dot);
    }
}

#[test]
fn the_clients_certificate_is_told_from_the_servers() {
    let recorded = request("tls12-aes256-gcm");
    let seen = dissect(&recorded, KeyRing::default(), 1 << 20);
    let found = certificates(&seen);
    assert_eq!(
        found.iter().map(|(_, it)| (it.by_client, it.direction)).collect::<Vec<_>>(),
        [(false, IN), (true, OUT)]
    );
    assert!(found[1].1.attributes.contains(&("serialNumber".to_owned(), "TESTSN0012345".to_owned())));
    assert!(recorded.turns.iter().any(|turn| turn.1.windows(PHONE.len()).any(|bytes| bytes == PHONE)));
}
