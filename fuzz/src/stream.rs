//! TCP segments of one connection, each of eight bytes and its payload, near each other so that they meet: every byte
//! must come once, in order, and nothing behind an end.

use inspect::stream::{StreamEvent, TcpStreams};
use packet::{Direction, TcpFlags, TcpSegment};

/// What was yielded of one half.
#[derive(Default)]
struct Half {
    next: u64,
    ended: bool,
}

impl Half {
    fn take(&mut self, event: StreamEvent<'_>) {
        assert!(!self.ended, "nothing follows an end");
        let (offset, len) = match event {
            StreamEvent::Data { offset, bytes } => (offset, bytes.len() as u64),
            StreamEvent::Gap { offset, len } => (offset, len),
            StreamEvent::End => return self.ended = true,
        };
        assert!(len > 0 && offset == self.next);
        self.next += len;
    }
}

/// Runs it once.
pub fn run(data: &[u8]) {
    let mut streams = TcpStreams::default();
    let mut halves = [Half::default(), Half::default()];
    let mut sink = |direction: Direction, event: StreamEvent<'_>| halves[direction.index()].take(event);
    let mut rest = data;
    while let [control, high, low, ack_high, ack_low, window, missing, len, after @ ..] = rest {
        let (payload, after) = after.split_at(usize::from(*len).min(after.len()));
        rest = after;
        let flag = |bit: u8| control & bit != 0;
        let segment = TcpSegment {
            source_port: 1,
            destination_port: 2,
            // Around the wrap.
            seq: u32::from(u16::from_be_bytes([*high, *low])).wrapping_sub(1 << 15),
            ack: u32::from(u16::from_be_bytes([*ack_high, *ack_low])).wrapping_sub(1 << 15),
            flags: TcpFlags {
                fin: flag(1),
                syn: flag(2),
                rst: flag(4),
                psh: flag(8),
                ack: flag(16),
                urg: flag(32),
            },
            window: u16::from(*window) << 8,
            options: &[],
            payload,
            missing: usize::from(*missing),
        };
        let direction = if flag(64) { Direction::Inbound } else { Direction::Outbound };
        streams.handle_segment(direction, &segment, &mut sink);
    }
    streams.finish(&mut sink);
}
