//! HTTP/3 whose keys are given (RFC 9114): what any streams of both ends say, cut anywhere, is opened and dissected without a
//! panic.

use inspect::protocol::Observation;
use inspect::{KeyLog, KeyRing};
use packet::{Direction, Transport};

use crate::conversation::{Conversation, pieces};
use crate::quic::{End, crypto};

const RANDOM: [u8; 32] = [7; 32];
/// The secret of both ends.
const SECRET: [u8; 32] = [9; 32];

/// Runs it once.
pub fn run(data: &[u8]) {
    for it in converse(data) {
        let clear = matches!(it, Observation::Http(_) | Observation::Readable(_) | Observation::Message(_));
        assert!(!clear, "what was decrypted is marked: {it:?}");
    }
}

/// A connection, in which each piece goes on with a stream: the control byte tells which, and whether it ends.
fn converse(data: &[u8]) -> Vec<Observation> {
    let mut conversation = opened();
    let end = End::of(&SECRET);
    let mut sent = [[0u16; 8]; 2];
    for (number, (control, (direction, bytes))) in (0u16..).zip(pieces(data)) {
        let stream = control >> 1 & 7;
        let at = &mut sent[direction.index()][usize::from(stream)];
        // RFC 9000 section 19.8.
        let [high, low] = (0x4000 | *at & 0x3fff).to_be_bytes();
        let fin = u8::from(control & 0x80 != 0);
        let length = (0x4000 | bytes.len() as u16).to_be_bytes();
        let frame = [&[0x0e | fin, stream, high, low][..], &length, bytes].concat();
        *at = at.wrapping_add(bytes.len() as u16);
        let frames = if control & 0x40 == 0 { &frame } else { bytes };
        conversation.say(direction, &end.short(number, frames));
    }
    conversation.finish()
}

/// Up to the server's choice: TLS_AES_128_GCM_SHA256, and HTTP/3 as the client offers.
fn opened() -> Conversation {
    let mut keys = KeyLog::default();
    for label in ["CLIENT_TRAFFIC_SECRET_0", "SERVER_TRAFFIC_SECRET_0"] {
        keys.add(format!("{label} {} {}", "07".repeat(32), "09".repeat(32)).as_bytes());
    }
    let mut conversation = Conversation::with_keys(Transport::Udp, 443, KeyRing::new(keys));
    let alpn = [0, 16, 0, 5, 0, 3, 2, b'h', b'3'];
    let versions = [0, 43, 0, 2, 3, 4];
    let client = [&[3, 3][..], &RANDOM, &[0, 0, 2, 0x13, 1, 1, 0, 0, 9], &alpn].concat();
    let server = [&[3, 3][..], &[8; 32], &[0, 0x13, 1, 0, 0, 6], &versions].concat();
    let ends = [(Direction::Outbound, "client in", 1, client), (Direction::Inbound, "server in", 2, server)];
    for (direction, label, kind, body) in ends {
        let message = [&[kind, 0, 0, body.len() as u8][..], &body].concat();
        conversation.say(direction, &End::new(label).initial(0, &crypto(0, &message)));
    }
    conversation
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A target whose packets nobody can open would leave QPACK without a byte.
    #[test]
    fn a_request_is_opened() {
        let request = b"\x01\x0b\0\0\xd1\x24imei\x011";
        let data = [&[0x80, request.len() as u8][..], request].concat();
        let seen = format!("{:?}", converse(&data));
        assert!(seen.contains("Decrypted") && seen.contains("imei"), "{seen}");
    }
}
