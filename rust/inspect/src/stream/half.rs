//! One direction of a TCP connection.

use packet::TcpSegment;

use super::window::{Overlap, Window};
use super::{MAX_WAITING, StreamEvent, StreamStats};

/// How far before the first sequence number seen a stream picked up in the middle may still turn out to begin.
const MAX_REWIND: i64 = 1 << 20;

/// Shift of the window where the SYN that would tell was not seen: the largest common one.
const UNSEEN_SCALE: u8 = 8;

type Sink<'a> = dyn FnMut(StreamEvent<'_>) + 'a;

/// What is known of where the stream begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Start {
    /// Nothing yet.
    #[default]
    Unknown,
    /// It was picked up in the middle.
    Guessed,
    /// By a SYN, or by the acknowledgment of one.
    Known,
}

/// One half. Offsets count the stream's bytes from 0 in 64 bits; sequence numbers are only compared with `next_seq`.
#[derive(Debug, Clone, Default)]
pub(super) struct Half {
    start: Start,
    /// Sequence number of the byte at offset `next`.
    next_seq: u32,
    /// Offset of the next byte to yield.
    next: u64,
    /// Offset up to which the receiver acknowledged; a FIN counts as one byte.
    acked: u64,
    /// Offset of the FIN.
    fin: Option<u64>,
    window: Option<Box<Window>>,
    closed: bool,
    discarded: bool,
    /// The receiver acknowledged something, so that where the stream begins is agreed.
    confirmed: bool,
    /// What this half's sender lets the other side send, from its last segment.
    advertised: u32,
    scale: Option<u8>,
    stats: StreamStats,
}

impl Half {
    /// Takes a segment that this half's sender sent.
    pub(super) fn handle_segment(&mut self, segment: &TcpSegment<'_>, sink: &mut Sink<'_>) {
        self.note_window(segment);
        if self.closed || !self.synchronize(segment) {
            return;
        }
        let seq = segment.seq.wrapping_add(u32::from(segment.flags.syn));
        let start = self.position(seq);
        let captured = start + segment.payload.len() as i64;
        let end = captured + segment.missing as i64;
        if segment.flags.fin && self.fin.is_none() {
            self.fin = u64::try_from(end).ok().filter(|&fin| fin >= self.next);
        }
        if self.discarded {
            self.pass(end);
            return self.settle(sink);
        }
        self.take_payload(start, segment.payload, sink);
        if segment.missing > 0 && start <= self.next as i64 {
            self.skip_to(self.clamp(end), sink);
        }
        self.settle(sink);
    }

    /// Takes from a segment of the other side what it says of this half.
    pub(super) fn handle_acknowledgment(&mut self, segment: &TcpSegment<'_>, sink: &mut Sink<'_>) {
        if self.closed || !segment.flags.ack {
            return;
        }
        if self.start == Start::Unknown {
            self.start = if segment.flags.syn { Start::Known } else { Start::Guessed };
            self.next_seq = segment.ack;
        }
        let untouched = self.next == 0 && self.window.is_none() && !self.confirmed;
        if segment.flags.syn && untouched {
            self.rebase(segment.ack);
        }
        self.confirmed = true;
        let position = u64::try_from(self.position(segment.ack)).unwrap_or(0);
        if position > self.acked {
            self.acked = position;
            self.settle(sink);
        }
    }

    /// Whether a RST of this half's sender is one that the receiver obeys (RFC 9293 section 3.10.7.4).
    pub(super) fn accepts_reset(&self, segment: &TcpSegment<'_>, receiver: &Self) -> bool {
        if self.closed && receiver.closed {
            return false;
        }
        if self.start == Start::Unknown {
            let answers_syn =
                segment.flags.ack && (0..=receiver.next as i64 + 1).contains(&receiver.position(segment.ack));
            return receiver.start == Start::Unknown || answers_syn;
        }
        let seen = self.window.as_ref().and_then(|window| window.end()).unwrap_or(0);
        let highest = self.next.max(self.acked).max(seen);
        let position = self.position(segment.seq);
        position >= self.next as i64 && position <= (highest + receiver.receive_window()) as i64 + 1
    }

    /// Nothing more will come.
    pub(super) fn finish(&mut self, sink: &mut Sink<'_>) {
        if self.closed {
            return;
        }
        self.drain_all(sink);
        let tail = match self.fin {
            Some(fin) => fin,
            // An acknowledgment one byte beyond may be that of a FIN that was not captured.
            None if self.acked == self.next + 1 => self.next,
            None => self.acked,
        };
        self.skip_to(tail, sink);
        self.settle(sink);
    }

    /// The connection was reset.
    pub(super) fn reset(&mut self, sink: &mut Sink<'_>) {
        if self.closed {
            return;
        }
        self.drain_all(sink);
        self.close(sink);
    }

    pub(super) fn discard(&mut self) {
        self.discarded = true;
        if let Some(end) = self.window.take().and_then(|window| window.end()) {
            self.advance(end.saturating_sub(self.next));
        }
    }

    pub(super) fn is_discarded(&self) -> bool {
        self.discarded
    }

    pub(super) fn is_guessed(&self) -> bool {
        self.start == Start::Guessed
    }

    pub(super) fn is_waiting(&self) -> bool {
        self.window.is_some()
    }

    pub(super) fn is_closed(&self) -> bool {
        self.closed
    }

    pub(super) fn stats(&self) -> StreamStats {
        self.stats
    }

    /// Learns where the stream begins. `false`: the segment belongs to another connection.
    fn synchronize(&mut self, segment: &TcpSegment<'_>) -> bool {
        if !segment.flags.syn {
            self.guess(segment);
            return true;
        }
        let first = segment.seq.wrapping_add(1);
        let untouched =
            self.next == 0 && (self.start != Start::Known || (!self.confirmed && self.window.is_none()));
        if self.start == Start::Unknown || untouched {
            self.rebase(first);
        }
        // Offset 0 is where the stream begins: a SYN that says otherwise opens another connection.
        let begins = self.position(first) == 0;
        if begins {
            self.start = Start::Known;
        }
        begins
    }

    /// Picks the stream up in the middle.
    fn guess(&mut self, segment: &TcpSegment<'_>) {
        let len = segment.payload.len() + segment.missing;
        match self.start {
            Start::Known => {}
            Start::Unknown => {
                // A keep-alive repeats one byte, or a made-up one (RFC 1122 section 4.2.3.6), and pushes nothing.
                let keep_alive = len == 1 && !segment.flags.psh && !segment.flags.fin;
                self.start = Start::Guessed;
                self.next_seq = segment.seq.wrapping_add(u32::from(keep_alive));
            }
            Start::Guessed if self.next == 0 && len > 0 => {
                // The guess came from an acknowledgment or a keep-alive, or an earlier segment comes late.
                let position = self.position(segment.seq);
                let late = position < 0 && position > -MAX_REWIND && len > 1;
                if late || (position == 1 && self.window.is_none()) {
                    self.rebase(segment.seq);
                }
            }
            Start::Guessed => {}
        }
    }

    /// Makes `first` the sequence number of offset 0, while nothing was yielded.
    fn rebase(&mut self, first: u32) {
        let delta = -self.position(first);
        self.next_seq = first;
        if self.start == Start::Unknown {
            return;
        }
        self.acked = self.acked.checked_add_signed(delta).unwrap_or(0);
        self.fin = self.fin.and_then(|fin| fin.checked_add_signed(delta));
        if let Some(window) = &mut self.window {
            window.shift(delta);
        }
    }

    fn take_payload(&mut self, start: i64, payload: &[u8], sink: &mut Sink<'_>) {
        let room = self.fin.map_or(i64::MAX, |fin| fin as i64).saturating_sub(start).max(0);
        let payload = &payload[..payload.len().min(usize::try_from(room).unwrap_or(usize::MAX))];
        let next = self.next as i64;
        if payload.is_empty() {
            return;
        }
        if start > next {
            return self.keep(start as u64, payload);
        }
        let seen = payload.len().min(usize::try_from(next - start).unwrap_or(usize::MAX));
        let keep_alive = payload.len() == 1 && start + 1 == next;
        self.stats.retransmitted += if keep_alive { 0 } else { seen as u64 };
        self.deliver(&payload[seen..], sink);
    }

    /// Counts what nobody reads as seen, up to `end`: by what the headers say, whether the bytes were captured or not.
    fn pass(&mut self, end: i64) {
        let end = self.clamp(end);
        self.advance(end.saturating_sub(self.next));
    }

    fn keep(&mut self, start: u64, payload: &[u8]) {
        let overlap = self.window.get_or_insert_default().insert(start, payload);
        self.count(overlap);
    }

    /// Yields `bytes`, which begin at `next`, and what waits behind them. Where both hold a byte, what waits came first.
    fn deliver(&mut self, bytes: &[u8], sink: &mut Sink<'_>) {
        let mut rest = bytes;
        while let Some(start) = self.window.as_ref().and_then(|window| window.start()) {
            let before = usize::try_from(start - self.next).unwrap_or(usize::MAX);
            if before > rest.len() {
                break;
            }
            let (fresh, behind) = rest.split_at(before);
            self.emit(fresh, sink);
            let chunk = self.window.as_mut().and_then(|window| window.pop()).unwrap_or_default();
            self.count(Overlap::between(&chunk, behind));
            self.emit(&chunk, sink);
            rest = &behind[chunk.len().min(behind.len())..];
        }
        self.emit(rest, sink);
        if self.window.as_ref().is_some_and(|window| window.start().is_none()) {
            self.window = None;
        }
    }

    /// Gives up holes that will not be filled, and closes at the FIN.
    fn settle(&mut self, sink: &mut Sink<'_>) {
        while let Some(window) = &self.window
            && let Some(start) = window.start()
        {
            let overflow = window.weight() > MAX_WAITING;
            if self.acked < start && !overflow {
                break;
            }
            self.stats.overflows += u32::from(self.acked < start);
            self.skip_to(start, sink);
        }
        let Some(fin) = self.fin else { return };
        if self.acked > fin {
            self.skip_to(fin, sink);
        }
        if self.next >= fin {
            self.close(sink);
        }
    }

    fn drain_all(&mut self, sink: &mut Sink<'_>) {
        while let Some(start) = self.window.as_ref().and_then(|window| window.start()) {
            self.skip_to(start, sink);
        }
    }

    /// Yields a gap up to `to`, or up to what waits before that.
    fn skip_to(&mut self, to: u64, sink: &mut Sink<'_>) {
        let waiting = self.window.as_ref().and_then(|window| window.start()).unwrap_or(u64::MAX);
        let (offset, len) = (self.next, to.min(waiting).saturating_sub(self.next));
        self.advance(len);
        if len > 0 && !self.discarded {
            self.stats.missing += len;
            sink(StreamEvent::Gap { offset, len });
        }
        // What waits may begin here without a gap, when the stream turned out to begin elsewhere.
        self.deliver(&[], sink);
    }

    fn emit(&mut self, bytes: &[u8], sink: &mut Sink<'_>) {
        if bytes.is_empty() {
            return;
        }
        let offset = self.next;
        self.advance(bytes.len() as u64);
        self.stats.delivered += bytes.len() as u64;
        sink(StreamEvent::Data { offset, bytes });
    }

    fn close(&mut self, sink: &mut Sink<'_>) {
        self.closed = true;
        self.window = None;
        sink(StreamEvent::End);
    }

    fn advance(&mut self, len: u64) {
        self.next += len;
        // Sequence numbers wrap: only the low 32 bits count.
        self.next_seq = self.next_seq.wrapping_add(len as u32);
    }

    fn count(&mut self, overlap: Overlap) {
        self.stats.retransmitted += overlap.repeated;
        self.stats.conflicting += overlap.conflicting;
    }

    /// The offset that `seq` stands for, taken that it is less than 2 GiB away from `next`.
    fn position(&self, seq: u32) -> i64 {
        self.next as i64 + i64::from(seq.wrapping_sub(self.next_seq) as i32)
    }

    fn clamp(&self, position: i64) -> u64 {
        let position = u64::try_from(position).unwrap_or(0);
        self.fin.map_or(position, |fin| position.min(fin))
    }

    fn receive_window(&self) -> u64 {
        let advertised = if self.advertised == 0 { 0xffff } else { self.advertised };
        u64::from(advertised) << self.scale.unwrap_or(UNSEEN_SCALE)
    }

    fn note_window(&mut self, segment: &TcpSegment<'_>) {
        self.advertised = self.advertised.max(u32::from(segment.window));
        if segment.flags.syn {
            self.scale = Some(window_scale(segment.options).unwrap_or(0));
        }
    }
}

/// The window scale option (RFC 7323 section 2.2), at most 14.
fn window_scale(options: &[u8]) -> Option<u8> {
    let mut rest = options;
    loop {
        match *rest {
            [0, ..] | [] => return None,
            [1, ..] => rest = &rest[1..],
            [3, 3, shift, ..] => return Some(shift.min(14)),
            [_, len, ..] if len >= 2 => rest = rest.get(usize::from(len)..)?,
            _ => return None,
        }
    }
}
