//! One TCP connection of the phone, terminated here.

use std::time::Duration;

use packet::{FlowKey, TcpFlags, TcpSegment, Timestamp};
use smoltcp::socket::tcp::State;

use crate::build::{self, Unreachable};
use crate::device::Place;
use crate::terminator::{Rest, Terminator};
use crate::wire::Wire;

/// Idle time after which a connection is given up that is established, or closed in one half (RFC 5382 REQ-5: at least
/// 2 h 4 min).
pub(crate) const ESTABLISHED_IDLE: Duration = Duration::from_secs(2 * 3600 + 4 * 60);
/// The same while the phone owes the last segment of the handshake (RFC 5382 REQ-5: at least 4 min).
pub(crate) const TRANSITORY_IDLE: Duration = Duration::from_secs(4 * 60);
/// The same while the phone owes the acknowledgment of what was sent, or takes nothing more (RFC 9293 section 3.8.3: R2 is at
/// least 100 s). It is asked at most once a minute, and many questions and answers in a row may be lost: Linux's patience.
pub(crate) const UNANSWERED: Duration = Duration::from_secs(15 * 60);
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

/// A terminated connection. It makes its packets in the [`Wire`]'s outbox.
pub(crate) struct TcpFlow {
    key: FlowKey,
    stage: Stage,
    /// When the phone or the upstream was last heard of.
    heard: Timestamp,
    /// When the connection was asked for.
    begun: Timestamp,
    /// Where its last packet for the phone is, or was.
    said: Option<Place>,
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
    /// Nothing is under way: what smoltcp knew is kept, without buffers.
    Resting(Rest),
    /// Only the last acknowledgment is kept, to be said again.
    Lingering { ack: Vec<u8>, expected: u32 },
    /// Nothing is left to do.
    Over,
}

impl TcpFlow {
    /// Holds the SYN `syn`, a whole packet.
    pub(crate) fn new(key: FlowKey, now: Timestamp, syn: &[u8]) -> Self {
        Self {
            key,
            stage: Stage::Held { syn: syn.to_vec() },
            heard: now,
            begun: now,
            said: None,
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
            Stage::Open(terminator) => terminator.buffers(),
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
        wire: &mut Wire,
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
                    return self.poll(now, Some(&build::outbound(&self.key, &challenge)), wire, changes);
                }
                if terminator.is_behind_the_end(segment) {
                    let flags = TcpFlags { fin: false, ..segment.flags };
                    let bare = TcpSegment { flags, payload: &[], ..*segment };
                    return self.poll(now, Some(&build::outbound(&self.key, &bare)), wire, changes);
                }
                let known = terminator.repeats(segment);
                if segment.flags.fin && !segment.payload.is_empty() {
                    return self.handle_last_data(now, segment, wire, changes);
                }
                self.poll(now, (!known).then_some(packet), wire, changes);
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
                    wire.outbox.push(ack.clone());
                }
            }
            Stage::Held { .. } | Stage::Resting(_) | Stage::Over => {}
        }
    }

    /// Takes data and, if all of it was taken, the FIN that comes with it. smoltcp 0.14 takes the FIN although it cut off
    /// the data that its window had no room for, which would be lost without a word.
    fn handle_last_data(
        &mut self,
        now: Timestamp,
        segment: &TcpSegment<'_>,
        wire: &mut Wire,
        changes: &mut Vec<Change>,
    ) {
        let data = TcpSegment { flags: TcpFlags { fin: false, ..segment.flags }, ..*segment };
        self.poll(now, Some(&build::outbound(&self.key, &data)), wire, changes);
        let Stage::Open(terminator) = &mut self.stage else { return };
        let end = segment.seq.wrapping_add(segment.payload.len() as u32);
        if terminator.expected() == end {
            let fin = TcpSegment { seq: end, payload: &[], ..*segment };
            self.poll(now, Some(&build::outbound(&self.key, &fin)), wire, changes);
        }
    }

    /// The upstream answered: answers the held SYN. `buffer` is the size of each of the two buffers in bytes, `isn` the
    /// initial sequence number.
    pub(crate) fn connected(
        &mut self,
        now: Timestamp,
        buffer: usize,
        isn: u32,
        wire: &mut Wire,
        changes: &mut Vec<Change>,
    ) {
        self.heard = now;
        let Stage::Held { syn } = &mut self.stage else { return };
        let syn = std::mem::take(syn);
        let terminator = Terminator::open(now, self.key, (&syn, isn), buffer, wire);
        self.stage = Stage::Open(Box::new(terminator));
        self.poll(now, None, wire, changes);
    }

    /// Whether it has nothing to do before one of both sides says something, so that it can [`Self::rest`].
    pub(crate) fn is_quiet(&mut self, now: Timestamp, wire: &mut Wire) -> bool {
        let Stage::Open(terminator) = &mut self.stage else { return false };
        !self.starved && !self.closed && terminator.is_quiet(now, wire)
    }

    /// Gives the buffers of a quiet connection back.
    pub(crate) fn rest(&mut self, wire: &mut Wire) {
        if let Stage::Open(terminator) = std::mem::replace(&mut self.stage, Stage::Over) {
            self.stage = Stage::Resting(terminator.rest(wire));
        }
    }

    /// The size of each of the buffers that it rests without, in bytes. `None` when it does not rest.
    pub(crate) const fn rests_without(&self) -> Option<usize> {
        match &self.stage {
            Stage::Resting(rest) => Some(rest.buffer),
            _ => None,
        }
    }

    /// Gives buffers of `buffer` bytes each to a connection that rests.
    pub(crate) fn resume(&mut self, now: Timestamp, buffer: usize, wire: &mut Wire) {
        self.stage = match std::mem::replace(&mut self.stage, Stage::Over) {
            Stage::Resting(rest) => {
                Stage::Open(Box::new(Terminator::resume(now, self.key, rest, buffer, wire)))
            }
            other => other,
        };
    }

    /// Offers what the phone sent to `take`, which returns how much it took. Ends when it takes less than offered.
    pub(crate) fn drain(
        &mut self,
        now: Timestamp,
        mut take: impl FnMut(&[u8]) -> usize,
        wire: &mut Wire,
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
            self.poll(now, None, wire, changes);
        }
    }

    /// Offers room to `give`, which writes to its beginning and returns how much. Ends when it writes less than
    /// there was room for; when room runs out, [`Change::Ready`] tells of the next.
    pub(crate) fn fill(
        &mut self,
        now: Timestamp,
        mut give: impl FnMut(&mut [u8]) -> usize,
        wire: &mut Wire,
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
            self.poll(now, None, wire, changes);
        }
    }

    /// The upstream sends no more.
    pub(crate) fn upstream_closed(&mut self, now: Timestamp, wire: &mut Wire, changes: &mut Vec<Change>) {
        if let Stage::Open(terminator) = &mut self.stage {
            self.starved = false;
            self.closed = true;
            terminator.close();
            self.poll(now, None, wire, changes);
        }
    }

    /// Resets the phone's connection, if it is open. The flow is over; the upstream is not told.
    pub(crate) fn abort(&mut self, now: Timestamp, wire: &mut Wire) {
        if let Some(buffer) = self.rests_without() {
            self.resume(now, buffer, wire);
        }
        if let Stage::Open(terminator) = &mut self.stage {
            terminator.socket().abort();
            terminator.poll(now, None, wire);
        }
        self.stage = Stage::Over;
    }

    /// Moves the timers that are due.
    pub(crate) fn handle_timeout(&mut self, now: Timestamp, wire: &mut Wire, changes: &mut Vec<Change>) {
        let deadline = self.idle_deadline();
        if now.since(deadline) >= SLEPT && !matches!(self.stage, Stage::Lingering { .. }) {
            (self.heard, self.begun) = (now, now);
        }
        if now < self.idle_deadline() {
            if let Stage::Open(terminator) = &mut self.stage {
                terminator.handle_timeout(now, wire);
            }
            return self.poll(now, None, wire, changes);
        }
        if let Stage::Held { syn } = &self.stage
            && let Some(packet) = build::unreachable(Unreachable::Host, syn, 0)
        {
            wire.outbox.push(packet);
        }
        self.end(Change::Reset, changes);
        self.abort(now, wire);
    }

    /// When [`Self::handle_timeout`] is next needed.
    pub(crate) fn poll_timeout(&mut self, now: Timestamp, wire: &mut Wire) -> Timestamp {
        let idle = self.idle_deadline();
        match &mut self.stage {
            Stage::Open(terminator) => terminator.poll_at(now, wire).map_or(idle, |at| at.min(idle)),
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
                    State::SynReceived => TRANSITORY_IDLE,
                    _ => UNANSWERED,
                }
            }
            // A SYN that comes again is no news.
            Stage::Held { .. } => return self.begun + HELD,
            Stage::Resting(_) => ESTABLISHED_IDLE,
            Stage::Lingering { .. } => LINGER,
            Stage::Over => Duration::ZERO,
        };
        self.heard + patience
    }

    fn poll(&mut self, now: Timestamp, packet: Option<&[u8]>, wire: &mut Wire, changes: &mut Vec<Change>) {
        let Stage::Open(terminator) = &mut self.stage else { return };
        let before = wire.outbox.len();
        if !terminator.waits_for_upstream() {
            terminator.poll(now, packet, wire);
        }
        if self.closed && terminator.close() {
            terminator.poll(now, None, wire);
        }
        let answered = wire.outbox.len() > before;

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
                self.leave(Stage::Over, wire);
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
                    let ack = wire.outbox.last().unwrap_or_default().to_vec();
                    let over = Stage::Lingering { ack, expected: terminator.next() };
                    self.leave(over, wire);
                }
                self.end(Change::Closed, changes);
            }
            _ => {}
        }
        if answered {
            self.thin(before, wire);
        }
    }

    /// Of the acknowledgments that wait for a burst of packets to be read, the last is sent alone: the phone's kernel
    /// works as long for each as it does for data.
    fn thin(&mut self, before: usize, wire: &mut Wire) {
        let alone = wire.outbox.len() == before + 1;
        if !(alone && self.said.is_some_and(|place| wire.outbox.supersede(place))) {
            self.said = Some(wire.outbox.last_place());
        }
    }

    /// Gives the socket back of a connection that both sides finished.
    fn leave(&mut self, stage: Stage, wire: &mut Wire) {
        if let Stage::Open(terminator) = std::mem::replace(&mut self.stage, stage) {
            terminator.end(wire);
        }
    }

    /// Tells the upstream of the end, once.
    fn end(&mut self, change: Change, changes: &mut Vec<Change>) {
        if !std::mem::replace(&mut self.ended, true) {
            changes.push(change);
        }
    }
}
