//! A flow of any kind: turns, gaps, idle times and ends, in both directions.

use packet::Transport;

use crate::conversation::{Conversation, pieces};

/// Ports that break ties, and one that does not.
const PORTS: [u16; 8] = [53, 80, 123, 137, 443, 1900, 5353, 9999];

/// Runs it once.
pub fn run(data: &[u8]) {
    let [first, rest @ ..] = data else { return };
    let transport = if first & 8 == 0 { Transport::Tcp } else { Transport::Udp };
    let mut conversation = Conversation::new(transport, PORTS[usize::from(first & 7)], &[]);
    for (control, (direction, bytes)) in pieces(rest) {
        match control >> 4 {
            0 => conversation.flush(),
            1 => conversation.miss(direction, bytes.len() as u64),
            _ if bytes.is_empty() => conversation.end(direction),
            _ => conversation.say(direction, bytes),
        }
    }
    conversation.finish();
}
