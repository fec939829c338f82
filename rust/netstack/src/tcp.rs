//! One TCP connection of the phone, terminated here.

use std::time::Duration;

use packet::{FlowKey, TcpFlags, TcpSegment, Timestamp};
use smoltcp::iface::{Config, Interface, SocketHandle, SocketSet};
use smoltcp::socket::tcp::{Socket, SocketBuffer, State};
use smoltcp::time::Instant;
use smoltcp::wire::{HardwareAddress, IpCidr};

use crate::device::{Device, Outbox};

/// Idle time after which an established connection is given up (RFC 5382 REQ-5: at least 2 h 4 min).
pub(crate) const ESTABLISHED_IDLE: Duration = Duration::from_secs(2 * 3600 + 4 * 60);
/// The same while it opens, closes, or waits for an acknowledgment (RFC 5382 REQ-5: at least 4 min).
pub(crate) const TRANSITORY_IDLE: Duration = Duration::from_secs(4 * 60);
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
    Lingering { ack: Vec<u8> },
    /// Nothing is left to do.
    Over,
}

struct Terminator {
    interface: Interface,
    sockets: SocketSet<'static>,
    handle: SocketHandle,
    /// The most the phone acknowledged.
    acknowledged: Option<u32>,
    /// Bytes of both buffers.
    buffers: usize,
}

impl TcpFlow {
    /// Holds the SYN `syn`, a whole packet.
    pub(crate) fn new(key: FlowKey, mtu: usize, now: Timestamp, syn: &[u8]) -> Self {
        Self {
            key,
            mtu,
            stage: Stage::Held { syn: syn.to_vec() },
            heard: now,
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

    /// Whether a new SYN may take this connection's place.
    pub(crate) const fn is_finished(&self) -> bool {
        self.ended
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
                let known = terminator.repeats(segment);
                self.poll(now, (!known).then_some(packet), outbox, changes);
            }
            Stage::Lingering { ack } if segment.flags.fin => outbox.push(ack.clone()),
            Stage::Held { .. } | Stage::Lingering { .. } | Stage::Over => {}
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
        let terminator = Terminator::new(&self.key, self.mtu, buffer, seed, now, outbox);
        self.stage = Stage::Open(Box::new(terminator));
        self.poll(now, Some(&syn), outbox, changes);
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
        let socket = terminator.socket();
        let mut taken = 0;
        while socket.can_recv() {
            let (offered, took) = socket
                .recv(|bytes| {
                    let took = take(bytes).min(bytes.len());
                    (took, (bytes.len(), took))
                })
                .unwrap_or_default();
            taken += took;
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
        if now < self.idle_deadline() {
            return self.poll(now, None, outbox, changes);
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
                let socket = terminator.sockets.get::<Socket<'_>>(terminator.handle);
                match socket.state() {
                    State::Established if socket.send_queue() == 0 => ESTABLISHED_IDLE,
                    _ => TRANSITORY_IDLE,
                }
            }
            Stage::Held { .. } => TRANSITORY_IDLE,
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
                    self.stage = Stage::Lingering { ack };
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

impl Terminator {
    fn new(key: &FlowKey, mtu: usize, buffer: usize, seed: u64, now: Timestamp, outbox: &mut Outbox) -> Self {
        let mut config = Config::new(HardwareAddress::Ip);
        config.random_seed = seed;
        let mut device = Device { mtu, inbound: None, outbox };
        let mut interface = Interface::new(config, &mut device, instant(now));
        // The remote address is the interface's own, and everybody is its neighbour.
        interface.update_ip_addrs(|addresses| {
            let _ = addresses.push(IpCidr::new(key.remote.ip().into(), 0));
        });
        // Zeroed memory of this size is not resident before it is written to: an idle connection costs a few pages.
        let mut socket = Socket::new(SocketBuffer::new(vec![0; buffer]), SocketBuffer::new(vec![0; buffer]));
        socket.set_nagle_enabled(false);
        // Cannot fail: the socket is closed and the port is that of a connection the phone opened.
        let listening = socket.listen((smoltcp::wire::IpAddress::from(key.remote.ip()), key.remote.port()));
        debug_assert!(listening.is_ok(), "a fresh socket listens on any port but 0");
        let mut sockets = SocketSet::new(Vec::with_capacity(1));
        let handle = sockets.add(socket);
        Self { interface, sockets, handle, acknowledged: None, buffers: 2 * buffer }
    }

    fn socket(&mut self) -> &mut Socket<'static> {
        self.sockets.get_mut(self.handle)
    }

    /// Sends the FIN. Whether it does so now: not before the phone has acknowledged the SYN, which smoltcp would not
    /// send again after its FIN.
    fn close(&mut self) -> bool {
        let socket = self.socket();
        let closes = socket.may_send();
        if closes {
            socket.close();
        }
        closes
    }

    /// Both sides have sent their FIN and the upstream has not taken all yet. smoltcp, whose TIME-WAIT ends with the
    /// buffers emptied, is left alone until it has.
    fn waits_for_upstream(&mut self) -> bool {
        let socket = self.socket();
        socket.state() == State::TimeWait && socket.can_recv()
    }

    /// Whether `segment` only says once more that our FIN has not come. smoltcp 0.14 takes the third of these for a
    /// request to retransmit data, of which there is none, and forgets to retransmit the FIN.
    fn repeats(&mut self, segment: &TcpSegment<'_>) -> bool {
        let news = self.acknowledged.is_none_or(|most| segment.ack.wrapping_sub(most) as i32 > 0);
        if news {
            self.acknowledged = Some(segment.ack);
        }
        let bare = TcpFlags { ack: true, ..TcpFlags::default() };
        let socket = self.socket();
        matches!(socket.state(), State::FinWait1 | State::Closing | State::LastAck)
            && socket.send_queue() == 0
            && segment.payload.is_empty()
            && segment.flags == bare
            && !news
    }

    /// Whether the socket's state says that the phone's FIN has come.
    fn phone_finished(&mut self) -> bool {
        matches!(self.socket().state(), State::CloseWait | State::Closing | State::LastAck | State::TimeWait)
    }

    fn poll(&mut self, now: Timestamp, mtu: usize, packet: Option<&[u8]>, outbox: &mut Outbox) {
        let mut device = Device { mtu, inbound: packet, outbox };
        self.interface.poll(instant(now), &mut device, &mut self.sockets);
    }

    /// The next deadline, never before the next microsecond: what is due now was done by the last poll.
    fn poll_at(&mut self, now: Timestamp) -> Option<Timestamp> {
        if self.waits_for_upstream() {
            return None;
        }
        let at = self.interface.poll_at(instant(now), &self.sockets)?;
        Some(Timestamp::from_micros(at.total_micros()).max(now + Duration::from_micros(1)))
    }
}

/// smoltcp's clock has microseconds.
fn instant(at: Timestamp) -> Instant {
    Instant::from_micros(at.as_nanos() / 1_000)
}
