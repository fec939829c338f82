//! One TCP connection of the phone, terminated here.

use std::time::Duration;

use packet::{FlowKey, Packet, Segment, TcpFlags, TcpSegment, Timestamp};
use smoltcp::socket::tcp::State;

use crate::build::{self, Unreachable};
use crate::device::Outbox;
use crate::terminator::Terminator;

/// Idle time after which a connection is given up that is established, or closed in one half (RFC 5382 REQ-5: at least
/// 2 h 4 min).
pub(crate) const ESTABLISHED_IDLE: Duration = Duration::from_secs(2 * 3600 + 4 * 60);
/// The same while it opens, closes, or waits for an acknowledgment (RFC 5382 REQ-5: at least 4 min).
pub(crate) const TRANSITORY_IDLE: Duration = Duration::from_secs(4 * 60);
/// How long a SYN is held that the upstream does not answer (RFC 9293 section 3.8.3: R2 of a SYN is at least 3 min).
pub(crate) const HELD: Duration = Duration::from_secs(3 * 60);
/// A deadline that is noticed this late was slept through, as when the device was suspended: nobody could be heard.
const SLEPT: Duration = Duration::from_secs(60);
/// How long the end of a closed connection is remembered, to acknowledge a FIN that is sent again. TIME-WAIT is
/// short because its packets only cross memory, and a new SYN ends it.
pub(crate) const LINGER: Duration = Duration::from_secs(10);

/// What a change means for the upstream connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Change {
    /// There are bytes to take, or there is room for more.
    Ready,
    /// The phone sends no more, and all it sent was taken.
    ShutdownWrite,
    /// Both sides finished.
    Closed,
    /// The phone reset the connection, or it was given up.
    Reset,
}

/// A terminated connection. It makes its packets in the [`Outbox`] that is lent to it.
pub(crate) struct TcpFlow {
    key: FlowKey,
    mtu: usize,
    stage: Stage,
    /// When the phone or the upstream was last heard of.
    heard: Timestamp,
    /// When the connection was asked for.
    begun: Timestamp,
    /// The upstream had more than there was room for.
    starved: bool,
    /// The upstream sends no more.
    closed: bool,
    /// The phone's FIN came.
    finished: bool,
    /// [`Change::ShutdownWrite`] was told.
    shut: bool,
    /// [`Change::Closed`] or [`Change::Reset`] was told.
    ended: bool,
}

enum Stage {
    /// The SYN waits for the upstream's answer.
    Held { syn: Vec<u8> },
    /// smoltcp speaks with the phone.
    Open(Box<Terminator>),
    /// Only the last acknowledgment is kept, to be said again.
    Lingering { ack: Vec<u8>, expected: u32 },
    /// Nothing is left to do.
    Over,
}

impl TcpFlow {
    /// Holds the SYN `syn`, a whole packet.
    pub(crate) fn new(key: FlowKey, mtu: usize, now: Timestamp, syn: &[u8]) -> Self {
        Self {
            key,
            mtu,
            stage: Stage::Held { syn: syn.to_vec() },
            heard: now,
            begun: now,
            starved: false,
            closed: false,
            finished: false,
            shut: false,
            ended: false,
        }
    }

    /// Whether the SYN is still held.
    pub(crate) const fn held_syn(&self) -> Option<&Vec<u8>> {
        match &self.stage {
            Stage::Held { syn } => Some(syn),
            _ => None,
        }
    }

    /// Whether a new SYN may take this connection's place: in TIME-WAIT one with a later sequence number only, for an
    /// earlier one may be an old duplicate (RFC 1122 section 4.2.2.13).
    pub(crate) fn gives_way(&self, syn: &TcpSegment<'_>) -> bool {
        match &self.stage {
            Stage::Lingering { expected, .. } => syn.seq.wrapping_sub(*expected) as i32 > 0,
            _ => self.ended,
        }
    }

    pub(crate) const fn is_over(&self) -> bool {
        matches!(self.stage, Stage::Over)
    }

    /// Bytes of the buffers it owns.
    pub(crate) const fn buffers(&self) -> usize {
        match &self.stage {
            Stage::Open(terminator) => terminator.buffers,
            _ => 0,
        }
    }

    pub(crate) const fn heard(&self) -> Timestamp {
        self.heard
    }

    /// Takes a segment of the phone's. `packet` is the whole packet.
    pub(crate) fn handle_packet(
        &mut self,
        now: Timestamp,
        segment: &TcpSegment<'_>,
        packet: &[u8],
        outbox: &mut Outbox,
        changes: &mut Vec<Change>,
    ) {
        self.heard = now;
        match &mut self.stage {
            Stage::Held { .. } if segment.flags.rst => {
                self.stage = Stage::Over;
                self.end(Change::Reset, changes);
            }
            // A SYN sent again changes nothing; one with another sequence number is a new attempt.
            Stage::Held { syn } if segment.flags.syn => packet.clone_into(syn),
            Stage::Open(terminator) => {
                if segment.flags.rst && terminator.challenges(segment) {
                    let challenge = terminator.keep_alive(segment);
                    return self.poll(now, Some(&build::outbound(&self.key, &challenge)), outbox, changes);
                }
                if terminator.is_behind_the_end(segment) {
                    let flags = TcpFlags { fin: false, ..segment.flags };
                    let bare = TcpSegment { flags, payload: &[], ..*segment };
                    return self.poll(now, Some(&build::outbound(&self.key, &bare)), outbox, changes);
                }
                let known = terminator.repeats(segment);
                if segment.flags.fin && !segment.payload.is_empty() {
                    return self.handle_last_data(now, segment, outbox, changes);
                }
                self.poll(now, (!known).then_some(packet), outbox, changes);
            }
            Stage::Lingering { expected, .. } if segment.flags.rst => {
                if segment.seq == *expected {
                    self.stage = Stage::Over;
                }
            }
            // What comes again is acknowledged again; an acknowledgment is not, or it would be answered.
            Stage::Lingering { ack, expected } => {
                let flags = segment.flags;
                if segment.seq != *expected || flags.syn || flags.fin || !segment.payload.is_empty() {
                    outbox.push(ack.clone());
                }
            }
            Stage::Held { .. } | Stage::Over => {}
        }
    }

    /// Takes data and, if all of it was taken, the FIN that comes with it. smoltcp 0.14 takes the FIN although it cut off
    /// the data that its window had no room for, which would be lost without a word.
    fn handle_last_data(
        &mut self,
        now: Timestamp,
        segment: &TcpSegment<'_>,
        outbox: &mut Outbox,
        changes: &mut Vec<Change>,
    ) {
        let data = TcpSegment { flags: TcpFlags { fin: false, ..segment.flags }, ..*segment };
        self.poll(now, Some(&build::outbound(&self.key, &data)), outbox, changes);
        let Stage::Open(terminator) = &mut self.stage else { return };
        let end = segment.seq.wrapping_add(segment.payload.len() as u32);
        if terminator.expected() == end {
            let fin = TcpSegment { seq: end, payload: &[], ..*segment };
            self.poll(now, Some(&build::outbound(&self.key, &fin)), outbox, changes);
        }
    }

    /// The upstream answered: answers the held SYN. `buffer` is the size of each of the two buffers in bytes, `seed`
    /// what the initial sequence number is made of.
    pub(crate) fn connected(
        &mut self,
        now: Timestamp,
        buffer: usize,
        seed: u64,
        outbox: &mut Outbox,
        changes: &mut Vec<Change>,
    ) {
        self.heard = now;
        let Stage::Held { syn } = &mut self.stage else { return };
        let syn = std::mem::take(syn);
        let first = match Packet::parse(&syn).map(|packet| packet.segment) {
            Ok(Segment::Tcp(tcp)) => tcp.seq.wrapping_add(1),
            _ => return debug_assert!(false, "a SYN is held"),
        };
        let terminator = Terminator::new(&self.key, self.mtu, buffer, (first, seed), now, outbox);
        self.stage = Stage::Open(Box::new(terminator));
        self.poll(now, Some(&syn), outbox, changes);
        if let Stage::Open(terminator) = &mut self.stage
            && let Some(Ok(Packet { segment: Segment::Tcp(answer), .. })) = outbox.last().map(Packet::parse)
        {
            terminator.acknowledged = answer.seq.wrapping_add(1);
        }
    }

    /// Offers what the phone sent to `take`, which returns how much it took. Ends when it takes less than offered.
    pub(crate) fn drain(
        &mut self,
        now: Timestamp,
        mut take: impl FnMut(&[u8]) -> usize,
        outbox: &mut Outbox,
        changes: &mut Vec<Change>,
    ) {
        let Stage::Open(terminator) = &mut self.stage else { return };
        let mut taken = 0;
        while terminator.socket().can_recv() {
            let (offered, took) = terminator
                .socket()
                .recv(|bytes| {
                    let took = take(bytes).min(bytes.len());
                    (took, (bytes.len(), took))
                })
                .unwrap_or_default();
            taken += took;
            terminator.drained = terminator.drained.wrapping_add(took as u32);
            if took < offered || took == 0 {
                break;
            }
        }
        if taken > 0 {
            self.heard = now;
            self.poll(now, None, outbox, changes);
        }
    }

    /// Offers room to `give`, which writes to its beginning and returns how much. Ends when it writes less than
    /// there was room for; when room runs out, [`Change::Ready`] tells of the next.
    pub(crate) fn fill(
        &mut self,
        now: Timestamp,
        mut give: impl FnMut(&mut [u8]) -> usize,
        outbox: &mut Outbox,
        changes: &mut Vec<Change>,
    ) {
        let Stage::Open(terminator) = &mut self.stage else { return };
        let socket = terminator.socket();
        let mut given = 0;
        let mut satisfied = false;
        while !satisfied && socket.can_send() {
            let (room, gave) = socket
                .send(|room| {
                    let gave = give(room).min(room.len());
                    (gave, (room.len(), gave))
                })
                .unwrap_or_default();
            given += gave;
            satisfied = gave < room;
        }
        self.starved = !satisfied;
        if given > 0 {
            self.heard = now;
            self.poll(now, None, outbox, changes);
        }
    }

    /// The upstream sends no more.
    pub(crate) fn upstream_closed(&mut self, now: Timestamp, outbox: &mut Outbox, changes: &mut Vec<Change>) {
        if let Stage::Open(terminator) = &mut self.stage {
            self.starved = false;
            self.closed = true;
            terminator.close();
            self.poll(now, None, outbox, changes);
        }
    }

    /// Resets the phone's connection, if it is open. The flow is over; the upstream is not told.
    pub(crate) fn abort(&mut self, now: Timestamp, outbox: &mut Outbox) {
        if let Stage::Open(terminator) = &mut self.stage {
            terminator.socket().abort();
            terminator.poll(now, self.mtu, None, outbox);
        }
        self.stage = Stage::Over;
    }

    /// Moves the timers that are due.
    pub(crate) fn handle_timeout(&mut self, now: Timestamp, outbox: &mut Outbox, changes: &mut Vec<Change>) {
        let deadline = self.idle_deadline();
        if now.since(deadline) >= SLEPT && !matches!(self.stage, Stage::Lingering { .. }) {
            (self.heard, self.begun) = (now, now);
        }
        if now < self.idle_deadline() {
            if let Stage::Open(terminator) = &mut self.stage {
                terminator.push(now, &self.key, self.mtu, outbox);
            }
            return self.poll(now, None, outbox, changes);
        }
        if let Stage::Held { syn } = &self.stage
            && let Some(packet) = build::unreachable(Unreachable::Host, syn, 0)
        {
            outbox.push(packet);
        }
        self.end(Change::Reset, changes);
        self.abort(now, outbox);
    }

    /// When [`Self::handle_timeout`] is next needed.
    pub(crate) fn poll_timeout(&mut self, now: Timestamp) -> Timestamp {
        let idle = self.idle_deadline();
        match &mut self.stage {
            Stage::Open(terminator) => terminator.poll_at(now).map_or(idle, |at| at.min(idle)),
            _ => idle,
        }
    }

    fn idle_deadline(&self) -> Timestamp {
        let patience = match &self.stage {
            Stage::Open(terminator) => {
                let socket = terminator.look();
                match socket.state() {
                    // One half may be closed for as long as it takes to say something in the other.
                    State::Established | State::CloseWait | State::FinWait2 if socket.send_queue() == 0 => {
                        ESTABLISHED_IDLE
                    }
                    _ => TRANSITORY_IDLE,
                }
            }
            // A SYN that comes again is no news.
            Stage::Held { .. } => return self.begun + HELD,
            Stage::Lingering { .. } => LINGER,
            Stage::Over => Duration::ZERO,
        };
        self.heard + patience
    }

    fn poll(
        &mut self,
        now: Timestamp,
        packet: Option<&[u8]>,
        outbox: &mut Outbox,
        changes: &mut Vec<Change>,
    ) {
        let Stage::Open(terminator) = &mut self.stage else { return };
        let before = outbox.len();
        if !terminator.waits_for_upstream() {
            terminator.poll(now, self.mtu, packet, outbox);
        }
        if self.closed && terminator.close() {
            terminator.poll(now, self.mtu, None, outbox);
        }
        let answered = outbox.len() > before;

        self.finished |= terminator.phone_finished();
        let socket = terminator.socket();
        let (state, drained) = (socket.state(), !socket.can_recv());
        let room = socket.send_capacity() - socket.send_queue();
        let roomy = self.starved && socket.may_send() && room >= socket.send_capacity() / 2;
        if !drained || roomy {
            changes.push(Change::Ready);
        }
        if self.finished && drained && !self.shut {
            self.shut = true;
            changes.push(Change::ShutdownWrite);
        }
        match state {
            State::Closed if self.shut => {
                self.stage = Stage::Over;
                self.end(Change::Closed, changes);
            }
            // smoltcp listens again when a handshake is reset, or when it cannot make sense of the SYN.
            State::Listen => {
                self.stage = Stage::Over;
                self.end(Change::Reset, changes);
            }
            State::Closed if !self.finished => {
                self.stage = Stage::Over;
                self.end(Change::Reset, changes);
            }
            State::TimeWait if self.shut => {
                if answered {
                    let ack = outbox.last().unwrap_or_default().to_vec();
                    self.stage = Stage::Lingering { ack, expected: terminator.next() };
                }
                self.end(Change::Closed, changes);
            }
            _ => {}
        }
    }

    /// Tells the upstream of the end, once.
    fn end(&mut self, change: Change, changes: &mut Vec<Change>) {
        if !std::mem::replace(&mut self.ended, true) {
            changes.push(change);
        }
    }
}
