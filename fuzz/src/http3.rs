//! HTTP/3 whose keys are given (RFC 9114): what any streams of both ends say, cut anywhere, is opened and dissected without a
//! panic. Two of the streams fill the tables that field sections are read with (RFC 9204).

use inspect::protocol::Observation;
use packet::{Direction, Transport};

use crate::conversation::{Conversation, pieces};
use crate::handshake::{EARLY, EARLY_DATA, SECRET, TRAFFIC, hellos, keys};
use crate::quic::{End, crypto};

/// The encoder streams of the client and of the server, and their type (RFC 9204 section 4.2).
const ENCODERS: [usize; 2] = [6, 7];
const ENCODER: &[u8] = &[2];

/// Runs it once.
pub fn run(data: &[u8]) {
    for it in converse(data) {
        let clear = matches!(it, Observation::Http(_) | Observation::Readable(_) | Observation::Message(_));
        assert!(!clear, "what was decrypted is marked: {it:?}");
    }
}

/// A connection, in which each piece goes on with a stream: the control byte tells which, whether it ends, and whether it is
/// sent as 0-RTT.
fn converse(data: &[u8]) -> Vec<Observation> {
    let mut conversation = opened();
    let end = End::of(&SECRET);
    let mut sent = [[0u16; 8]; 2];
    let begin = Direction::BOTH.map(|direction| {
        let stream = ENCODERS[direction.index()];
        (0, direction, frame(&mut sent[direction.index()], stream, ENCODER, false))
    });
    let said = pieces(data).map(|(control, (direction, bytes))| {
        let stream = usize::from(control >> 1 & 7);
        let frame = frame(&mut sent[direction.index()], stream, bytes, control & 0x80 != 0);
        (control, direction, if control & 0x40 == 0 { frame } else { bytes.to_vec() })
    });
    for (number, (control, direction, frames)) in (0u16..).zip(begin.into_iter().chain(said)) {
        let early = control & 0x20 != 0;
        let packet = if early { end.early(number, &frames) } else { end.short(number, &frames) };
        conversation.say(direction, &packet);
    }
    conversation.finish()
}

/// A STREAM frame (RFC 9000 section 19.8); `sent`: how much was said on each stream.
fn frame(sent: &mut [u16; 8], stream: usize, bytes: &[u8], last: bool) -> Vec<u8> {
    let at = &mut sent[stream];
    let offset = (0x4000 | *at & 0x3fff).to_be_bytes();
    let length = (0x4000 | bytes.len() as u16).to_be_bytes();
    *at = at.wrapping_add(bytes.len() as u16);
    [&[0x0e | u8::from(last), stream as u8][..], &offset, &length, bytes].concat()
}

/// Up to the server's choice, and HTTP/3 as the client offers.
fn opened() -> Conversation {
    let keys = keys(&[&TRAFFIC[..], &[EARLY]].concat());
    let mut conversation = Conversation::with_keys(Transport::Udp, 443, keys);
    let extensions = [&[0, 16, 0, 5, 0, 3, 2, b'h', b'3'][..], &EARLY_DATA].concat();
    for ((direction, message), label) in hellos(&extensions).into_iter().zip(["client in", "server in"]) {
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
        for control in [0x80, 0xa0] {
            let data = [&[control, request.len() as u8][..], request].concat();
            let seen = format!("{:?}", converse(&data));
            assert!(seen.contains("Decrypted") && seen.contains("imei"), "{seen}");
        }
    }

    /// And one whose pieces do not reach the tables would leave half of QPACK without one.
    #[test]
    fn a_table_is_filled() {
        let settings = b"\x07\x06\0\x04\x03\x01\x40\xdc";
        let table = b"\x0c\x0c\x3f\xbd\x01\x44imei\x03490";
        let request = b"\x80\x05\x01\x03\x02\0\x80";
        for pieces in [[&settings[..], table, request], [&request[..], settings, table]] {
            let seen = format!("{:?}", converse(&pieces.concat()));
            assert!(seen.contains("imei") && !seen.contains("Message(Message"), "{seen}");
        }
    }
}
