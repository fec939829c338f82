//! HTTP/2 after the preface: frames that are made of their parts, raw bytes, gaps, idle times, in both directions.

use packet::{Direction, Transport};

use crate::conversation::Conversation;

/// What the client says first.
pub(crate) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// A frame.
pub(crate) fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let len = (payload.len() as u32).to_be_bytes();
    [&len[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// Runs it once.
pub fn run(data: &[u8]) {
    let mut conversation = Conversation::new(Transport::Tcp, 80, &[(Direction::Outbound, PREFACE)]);
    let mut rest = data;
    while let [control, flags, stream, len, after @ ..] = rest {
        let (bytes, after) = after.split_at(usize::from(*len).min(after.len()));
        rest = after;
        let direction = if control & 1 == 0 { Direction::Outbound } else { Direction::Inbound };
        match control >> 4 {
            // The kinds of frames that there are, and one that there is not.
            kind @ 0..=10 => conversation.say(direction, &frame(kind, *flags, u32::from(*stream), bytes)),
            11 | 12 => conversation.say(direction, bytes),
            13 => conversation.miss(direction, u64::from(*flags)),
            _ => conversation.flush(),
        }
    }
    conversation.finish();
}
