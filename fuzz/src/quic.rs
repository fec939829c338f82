//! QUIC: Initial packets whose frames are any bytes, which their keys protect as RFC 9001 says, alone or together in a
//! datagram, and raw datagrams, in both directions.

use aes::Aes128;
use aes::cipher::{BlockCipherEncrypt, KeyInit};
use aes_gcm::Aes128Gcm;
use aes_gcm::aead::{Aead, Payload};
use hkdf::Hkdf;
use packet::{Direction, Transport};

use crate::conversation::{Conversation, pieces};
use crate::handshake::expand;

/// QUIC v1's (RFC 9001 section 5.2).
const SALT: [u8; 20] = [
    0x38, 0x76, 0x2c, 0xf7, 0xf5, 0x59, 0x34, 0xb3, 0x4d, 0x17, 0x9a, 0xe6, 0xa4, 0xc8, 0x0c, 0xad, 0xcc,
    0xbb, 0x7f, 0x0a,
];
/// The connection id that the client chose.
const ID: [u8; 8] = [7; 8];
/// The shortest payload that a header's protection can be sampled from.
const SHORTEST: usize = 4;

/// Runs it once.
pub fn run(data: &[u8]) {
    let ends = ["client in", "server in"].map(End::new);
    let mut conversation = Conversation::new(Transport::Udp, 443, &[]);
    let (mut datagram, mut offset) = (Vec::new(), [0u16; 2]);
    for (number, (control, (direction, bytes))) in (0u16..).zip(pieces(data)) {
        let end = &ends[direction.index()];
        match control >> 4 {
            0..=4 => {
                let at = &mut offset[direction.index()];
                datagram.extend(end.initial(number, &crypto(*at, bytes)));
                *at = (*at + bytes.len() as u16) & 0x3fff;
            }
            // Any offset: one that is told by the first two bytes.
            5 | 6 => {
                let at = bytes.first_chunk().map_or(0, |at| u16::from_be_bytes(*at) & 0x3fff);
                datagram.extend(end.initial(number, &crypto(at, bytes)));
            }
            7..=10 => datagram.extend(end.initial(number, bytes)),
            _ => datagram.extend(bytes),
        }
        // Another packet follows in the same datagram.
        if control & 2 == 0 {
            conversation.say(direction, &std::mem::take(&mut datagram));
        }
    }
    conversation.say(Direction::Outbound, &datagram);
    conversation.finish();
}

/// A CRYPTO frame (RFC 9000 section 19.6).
pub(crate) fn crypto(offset: u16, content: &[u8]) -> Vec<u8> {
    let varint = |value: u16| (0x4000 | value).to_be_bytes();
    [&[6][..], &varint(offset), &varint(content.len() as u16), content].concat()
}

/// What protects what one end sends.
pub(crate) struct End {
    key: Aes128Gcm,
    iv: [u8; 12],
    header: Aes128,
}

impl End {
    /// Of Initial packets.
    pub(crate) fn new(label: &str) -> Self {
        Self::of(&expand(&Hkdf::new(Some(&SALT), &ID), label))
    }

    /// Of the packets of a secret.
    pub(crate) fn of(secret: &[u8; 32]) -> Self {
        let secret = Hkdf::from_prk(secret).expect("as long as the hash");
        let key = |label| expand::<16>(&secret, label);
        Self {
            key: Aes128Gcm::new(&key("quic key").into()),
            iv: expand(&secret, "quic iv"),
            header: Aes128::new(&key("quic hp").into()),
        }
    }

    /// An Initial packet (RFC 9000 section 17.2.2) with a packet number of two bytes.
    pub(crate) fn initial(&self, number: u16, frames: &[u8]) -> Vec<u8> {
        self.long(&[&[0xc1, 0, 0, 0, 1, 8][..], &ID, &[0, 0]].concat(), number, frames)
    }

    /// A 0-RTT packet (RFC 9000 section 17.2.3) of a client whose connection id is empty.
    pub(crate) fn early(&self, number: u16, frames: &[u8]) -> Vec<u8> {
        self.long(&[&[0xd1, 0, 0, 0, 1, 8][..], &ID, &[0]].concat(), number, frames)
    }

    fn long(&self, header: &[u8], number: u16, frames: &[u8]) -> Vec<u8> {
        let frames = padded(frames);
        let len = (0x4000 | (frames.len() + 2 + 16) as u16).to_be_bytes();
        self.seal(&[header, &len].concat(), number, &frames)
    }

    /// A packet with a short header (RFC 9000 section 17.3.1), to an end whose connection id is empty.
    pub(crate) fn short(&self, number: u16, frames: &[u8]) -> Vec<u8> {
        self.seal(&[0x41], number, &padded(frames))
    }

    fn seal(&self, header: &[u8], number: u16, frames: &[u8]) -> Vec<u8> {
        let number_at = header.len();
        let header = [header, &number.to_be_bytes()].concat();
        let mut nonce = self.iv;
        let [high, low] = number.to_be_bytes();
        nonce[10] ^= high;
        nonce[11] ^= low;
        let payload = Payload { msg: frames, aad: &header };
        let sealed = self.key.encrypt(&nonce.into(), payload).expect("a short message");
        let mut packet = [header, sealed].concat();
        // RFC 9001 section 5.4.
        let sample: [u8; 16] = *packet[number_at + 4..].first_chunk().expect("a tag at least");
        let mut mask = sample.into();
        self.header.encrypt_block(&mut mask);
        packet[0] ^= mask[0] & if packet[0] & 0x80 == 0 { 0x1f } else { 0x0f };
        packet[number_at] ^= mask[1];
        packet[number_at + 1] ^= mask[2];
        packet
    }
}

fn padded(frames: &[u8]) -> Vec<u8> {
    [frames, &vec![0; SHORTEST.saturating_sub(frames.len())]].concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use inspect::protocol::Observation;

    /// A hello that nobody can open would leave the target without an object.
    #[test]
    fn what_is_protected_is_opened() {
        let [(_, hello), _] = crate::handshake::hellos(&[]);
        let mut conversation = Conversation::new(Transport::Udp, 443, &[]);
        conversation.say(Direction::Outbound, &End::new("client in").initial(0, &crypto(0, &hello)));
        let seen = conversation.finish();
        assert!(seen.iter().any(|it| matches!(it, Observation::ClientHello(_))), "{seen:?}");
    }
}
