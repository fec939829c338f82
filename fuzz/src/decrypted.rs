//! What a connection of TLS 1.3 encrypts, with its keys given: records of any content and type, in turns, each behind a
//! control byte and its length, are opened and dissected without a panic.

use aes_gcm::aead::{Aead, KeyInit, Payload};
use aes_gcm::{Aes128Gcm, Key};
use hkdf::Hkdf;
use inspect::protocol::{Dissector, Observation};
use inspect::stream::StreamEvent;
use inspect::{KeyLog, KeyRing};
use packet::{Direction, Timestamp, Transport};
use sha2::Sha256;

use crate::conversation::pieces;

const RANDOM: [u8; 32] = [7; 32];
/// The secret of every epoch and both ends.
const SECRET: [u8; 32] = [9; 32];
const SECRETS: [&str; 4] = [
    "CLIENT_HANDSHAKE_TRAFFIC_SECRET",
    "SERVER_HANDSHAKE_TRAFFIC_SECRET",
    "CLIENT_TRAFFIC_SECRET_0",
    "SERVER_TRAFFIC_SECRET_0",
];

/// Runs it once.
pub fn run(data: &[u8]) {
    let mut connection = Connection::begin();
    for (control, (direction, content)) in pieces(data) {
        match control >> 1 & 7 {
            0 => connection.seal(direction, 22, content),
            1 => connection.seal(direction, 21, content),
            // As after a Finished: the next epoch counts anew.
            2 => connection.sequence[direction.index()] = 0,
            3 => connection.dissector.flush(&mut connection.out),
            4 => connection.send(direction, content),
            _ => connection.seal(direction, 23, content),
        }
    }
    connection.dissector.flush(&mut connection.out);
    assert_eq!(connection.dissector.encrypted(Direction::Inbound), Some(true));
    let clear = |it: &Observation| matches!(it, Observation::Http(_) | Observation::Readable(_));
    assert!(!connection.out.iter().any(clear), "what was decrypted is marked");
}

struct Connection {
    dissector: Dissector,
    key: Aes128Gcm,
    iv: [u8; 12],
    sequence: [u64; 2],
    at: [u64; 2],
    out: Vec<Observation>,
}

impl Connection {
    /// Up to the server's choice: TLS 1.3 with TLS_AES_128_GCM_SHA256.
    fn begin() -> Self {
        let mut keys = KeyLog::default();
        for label in SECRETS {
            keys.add(format!("{label} {} {}", "07".repeat(32), "09".repeat(32)).as_bytes());
        }
        let mut connection = Self {
            dissector: Dissector::new(Transport::Tcp, 443).with_keys(KeyRing::new(keys)),
            key: Aes128Gcm::new(&Key::<Aes128Gcm>::from(expand::<16>("key"))),
            iv: expand("iv"),
            sequence: [0; 2],
            at: [0; 2],
            out: Vec::new(),
        };
        let versions = [0, 43, 0, 2, 3, 4];
        let client = [&[3, 3][..], &RANDOM, &[0, 0, 2, 0x13, 1, 1, 0]].concat();
        let server = [&[3, 3][..], &[8; 32], &[0, 0x13, 1, 0, 0, 6], &versions].concat();
        for (direction, kind, body) in [(Direction::Outbound, 1, client), (Direction::Inbound, 2, server)] {
            let message = [&[kind, 0, 0, body.len() as u8][..], &body].concat();
            connection.send(direction, &[&[22, 3, 3, 0, message.len() as u8][..], &message].concat());
        }
        connection
    }

    fn send(&mut self, direction: Direction, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        let event = StreamEvent::Data { offset: self.at[direction.index()], bytes };
        self.at[direction.index()] += bytes.len() as u64;
        self.dissector.handle_stream(Timestamp::default(), direction, event, &mut self.out);
    }

    fn seal(&mut self, direction: Direction, kind: u8, content: &[u8]) {
        let sequence = &mut self.sequence[direction.index()];
        let mut nonce = self.iv;
        nonce[4..].iter_mut().zip(sequence.to_be_bytes()).for_each(|(byte, number)| *byte ^= number);
        *sequence += 1;
        let plain = [content, &[kind]].concat();
        let len = (plain.len() + 16) as u16;
        let header = [&[23, 3, 3][..], &len.to_be_bytes()].concat();
        let payload = Payload { msg: &plain, aad: &header };
        let Ok(sealed) = self.key.encrypt(&nonce.into(), payload) else { return };
        self.send(direction, &[header, sealed].concat());
    }
}

/// HKDF-Expand-Label (RFC 8446 section 7.1).
fn expand<const N: usize>(label: &str) -> [u8; N] {
    let mut out = [0; N];
    let label = format!("tls13 {label}");
    let info = [&[0, N as u8, label.len() as u8][..], label.as_bytes(), &[0]].concat();
    let secret = Hkdf::<Sha256>::from_prk(&SECRET).expect("as long as the hash");
    secret.expand(&info, &mut out).expect("a short output");
    out
}
