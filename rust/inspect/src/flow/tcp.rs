//! How far a TCP connection is, from its headers alone (RFC 9293 section 3.3).
//!
//! Independent of stream rebuilding, so that a connection that nobody reads any more still ends properly.

use packet::{Direction, TcpSegment};

use crate::report::Close;

/// Sequence numbers further ahead than this are no progress but nonsense: the largest window (RFC 7323).
const FARTHEST: u32 = 1 << 30;

/// What the headers showed.
#[derive(Debug, Clone, Copy, Default)]
pub struct TcpState {
    /// Sequence number of the SYN that opened it.
    syn: Option<u32>,
    /// By direction: the sequence number after the last byte sent.
    next: [Option<u32>; 2],
    /// By direction: whether the sender finished.
    fin: [bool; 2],
    /// Whether the other end accepted.
    open: bool,
    /// Whether the other end sent anything.
    answered: bool,
}

impl TcpState {
    /// Takes a segment. Returns how many bytes of payload it adds to its direction, and how the connection ended if
    /// this segment ends it.
    pub fn handle(&mut self, direction: Direction, segment: &TcpSegment<'_>) -> (u64, Option<Close>) {
        let way = direction.index();
        if direction == Direction::Inbound {
            self.answered = true;
            self.open |= !segment.flags.rst;
        }
        if segment.flags.rst {
            return (0, self.handle_reset(direction, segment));
        }
        let mut seq = segment.seq;
        if segment.flags.syn {
            seq = seq.wrapping_add(1);
            self.next[way] = Some(seq);
            if !segment.flags.ack {
                self.syn = Some(segment.seq);
            }
        }
        let len = u32::try_from(segment.payload.len() + segment.missing).unwrap_or(u32::MAX);
        let added = self.advance(way, seq, len);
        self.fin[way] |= segment.flags.fin;
        (u64::from(added), (self.fin[0] && self.fin[1]).then_some(Close::Fin))
    }

    /// Whether a SYN with that number opens another connection than this one.
    pub fn is_new_syn(&self, seq: u32) -> bool {
        self.syn != Some(seq)
    }

    /// Whether it was opened and nobody answered.
    pub fn is_unanswered(&self) -> bool {
        self.syn.is_some() && !self.answered
    }

    /// Whether the other end accepted.
    pub fn is_open(&self) -> bool {
        self.open
    }

    /// Whether the other end has not accepted yet.
    pub fn is_opening(&self) -> bool {
        self.syn.is_some() && !self.open
    }

    /// Counts bytes up to `seq + len` as sent. Retransmissions add nothing, lost ones count when later ones are seen.
    fn advance(&mut self, way: usize, seq: u32, len: u32) -> u32 {
        if len == 0 {
            return 0;
        }
        let end = seq.wrapping_add(len);
        let next = self.next[way].unwrap_or(seq);
        let ahead = end.wrapping_sub(next);
        if ahead > FARTHEST {
            self.next[way].get_or_insert(next);
            return 0;
        }
        self.next[way] = Some(end);
        ahead
    }

    /// A reset counts when its number is in the window (RFC 9293 section 3.10.7.4), or it answers the SYN.
    fn handle_reset(&self, direction: Direction, segment: &TcpSegment<'_>) -> Option<Close> {
        const WINDOW: u32 = 1 << 20;
        if direction == Direction::Inbound && self.is_opening() {
            return Some(Close::Refused);
        }
        let next = self.next[direction.index()].unwrap_or(segment.seq);
        let near = segment.seq.wrapping_sub(next) <= WINDOW || next.wrapping_sub(segment.seq) <= WINDOW;
        near.then_some(Close::Rst)
    }
}

#[cfg(test)]
mod tests {
    use packet::TcpFlags;

    use super::*;

    fn segment(flags: &str, seq: u32, payload: &'static [u8]) -> TcpSegment<'static> {
        let has = |flag| flags.contains(flag);
        TcpSegment {
            source_port: 1,
            destination_port: 2,
            seq,
            ack: 0,
            flags: TcpFlags {
                fin: has('F'),
                syn: has('S'),
                rst: has('R'),
                psh: false,
                ack: has('A'),
                urg: false,
            },
            window: 0,
            options: &[],
            payload,
            missing: 0,
        }
    }

    #[test]
    fn retransmissions_count_once_and_lost_bytes_count() {
        let mut tcp = TcpState::default();
        tcp.handle(Direction::Outbound, &segment("S", u32::MAX, b""));
        assert_eq!(tcp.handle(Direction::Outbound, &segment("A", 0, b"abcd")).0, 4);
        assert_eq!(tcp.handle(Direction::Outbound, &segment("A", 0, b"abcd")).0, 0);
        assert_eq!(tcp.handle(Direction::Outbound, &segment("A", 10, b"kl")).0, 8);
        assert_eq!(tcp.handle(Direction::Outbound, &segment("A", 4, b"efgh")).0, 0);
    }

    #[test]
    fn ends_by_both_fins_a_refusal_or_a_reset_in_the_window() {
        let mut tcp = TcpState::default();
        tcp.handle(Direction::Outbound, &segment("S", 5, b""));
        assert!(tcp.is_unanswered());
        assert_eq!(tcp.handle(Direction::Inbound, &segment("RA", 0, b"")).1, Some(Close::Refused));

        let mut tcp = TcpState::default();
        tcp.handle(Direction::Outbound, &segment("S", 5, b""));
        tcp.handle(Direction::Inbound, &segment("SA", 900, b""));
        assert_eq!(tcp.handle(Direction::Inbound, &segment("R", 900 + (1 << 29), b"")).1, None);
        assert_eq!(tcp.handle(Direction::Outbound, &segment("FA", 6, b"")).1, None);
        assert_eq!(tcp.handle(Direction::Inbound, &segment("FA", 901, b"")).1, Some(Close::Fin));
    }
}
