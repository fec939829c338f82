//! What a connection of TLS 1.3 encrypts, with its keys given: records of any content and type, in turns, each behind a
//! control byte and its length, are opened and dissected without a panic.

use aes_gcm::aead::{Aead, KeyInit, Payload};
use aes_gcm::{Aes128Gcm, Key};
use hkdf::Hkdf;
use inspect::protocol::Observation;
use packet::{Direction, Transport};

use crate::conversation::{Conversation, pieces};
use crate::handshake::{EARLY, EARLY_DATA, SECRET, TRAFFIC, expand, hellos, keys};
use crate::tls::record;

/// What a key log names the secrets of the handshake's end by.
const HANDSHAKE: [&str; 2] = ["CLIENT_HANDSHAKE_TRAFFIC_SECRET", "SERVER_HANDSHAKE_TRAFFIC_SECRET"];

/// Runs it once.
pub fn run(data: &[u8]) {
    let early = data.first().is_some_and(|control| control & 0x80 != 0);
    let mut connection = Connection::begin(early);
    for (control, (direction, content)) in pieces(data) {
        match control >> 1 & 7 {
            0 => connection.seal(direction, 22, content),
            1 => connection.seal(direction, 21, content),
            // As after a Finished: the next epoch counts anew.
            2 => connection.sequence[direction.index()] = 0,
            3 => connection.conversation.flush(),
            4 => connection.conversation.say(direction, content),
            _ => connection.seal(direction, 23, content),
        }
    }
    assert_eq!(connection.conversation.encrypted(Direction::Inbound), Some(true));
    let clear = |it: &Observation| matches!(it, Observation::Http(_) | Observation::Readable(_));
    assert!(!connection.conversation.finish().iter().any(clear), "what was decrypted is marked");
}

struct Connection {
    conversation: Conversation,
    key: Aes128Gcm,
    iv: [u8; 12],
    sequence: [u64; 2],
}

impl Connection {
    /// Up to the server's choice; `early`: of a client that says that it sends data at once.
    fn begin(early: bool) -> Self {
        let keys = keys(&[&HANDSHAKE[..], &TRAFFIC, &[EARLY]].concat());
        let mut conversation = Conversation::with_keys(Transport::Tcp, 443, keys);
        for (direction, message) in hellos(if early { &EARLY_DATA } else { &[] }) {
            conversation.say(direction, &record(22, &message));
        }
        let secret = Hkdf::from_prk(&SECRET).expect("as long as the hash");
        let key = Aes128Gcm::new(&Key::<Aes128Gcm>::from(expand::<16>(&secret, "key")));
        Self { conversation, key, iv: expand(&secret, "iv"), sequence: [0; 2] }
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
        self.conversation.say(direction, &[header, sealed].concat());
    }
}
