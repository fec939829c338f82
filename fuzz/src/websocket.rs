//! WebSocket after the upgrade: frames that are made of their parts, raw bytes, gaps, idle times, in both directions.

use packet::{Direction, Transport};

use crate::conversation::Conversation;

const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n";
const RESPONSE: &[u8] =
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n";

/// Runs it once.
pub fn run(data: &[u8]) {
    let mut conversation = Conversation::new(
        Transport::Tcp,
        80,
        &[(Direction::Outbound, REQUEST), (Direction::Inbound, RESPONSE)],
    );
    let mut rest = data;
    while let [control, first, len, after @ ..] = rest {
        let (bytes, after) = after.split_at(usize::from(*len).min(after.len()));
        rest = after;
        let direction = if control & 1 == 0 { Direction::Outbound } else { Direction::Inbound };
        match control >> 4 {
            0..=3 => conversation.say(direction, &[&[*first, bytes.len().min(125) as u8], bytes].concat()),
            4..=7 => {
                let head = [*first, 0xfe, 0, bytes.len() as u8, 1, 2, 3, 4];
                conversation.say(direction, &[&head, bytes].concat());
            }
            8..=11 => conversation.say(direction, bytes),
            12 | 13 => conversation.miss(direction, u64::from(*first)),
            _ => conversation.flush(),
        }
    }
    conversation.finish();
}
