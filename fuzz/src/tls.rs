//! TLS: records that are made of their parts, raw bytes, gaps, idle times, in both directions.

use packet::Transport;

use crate::conversation::{Conversation, pieces};

/// A record, of TLS 1.2's version number.
pub(crate) fn record(kind: u8, content: &[u8]) -> Vec<u8> {
    [&[kind, 3, 3, 0, content.len() as u8][..], content].concat()
}

/// A handshake message in a record of its own; the first byte is its kind.
fn message(bytes: &[u8]) -> Vec<u8> {
    let [kind, body @ ..] = bytes else { return Vec::new() };
    record(22, &[&[*kind, 0, 0, body.len() as u8][..], body].concat())
}

/// Runs it once.
pub fn run(data: &[u8]) {
    let mut conversation = Conversation::new(Transport::Tcp, 443, &[]);
    for (control, (direction, bytes)) in pieces(data) {
        match control >> 4 {
            0..=4 => conversation.say(direction, &message(&bytes[..bytes.len().min(250)])),
            // A message that goes on in another record.
            5 | 6 => conversation.say(direction, &record(22, bytes)),
            kind @ 7..=10 => conversation.say(direction, &record(kind + 13, bytes)),
            11 | 12 => conversation.say(direction, bytes),
            13 => conversation.miss(direction, bytes.len() as u64),
            14 => conversation.flush(),
            _ => conversation.end(direction),
        }
    }
    conversation.finish();
}
