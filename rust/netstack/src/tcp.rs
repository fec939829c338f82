//! One TCP connection of the phone, terminated here.

use std::time::Duration;

use packet::{FlowKey, Packet, Segment, TcpFlags, TcpSegment, Timestamp};
use smoltcp::iface::{Config, Interface, SocketHandle, SocketSet};
use smoltcp::socket::tcp::{Socket, SocketBuffer, State};
use smoltcp::time::Instant;
use smoltcp::wire::{HardwareAddress, IpCidr};

use crate::build;
use crate::device::{Device, Outbox};

/// Idle time after which a connection is given up that is established, or closed in one half (RFC 5382 REQ-5: at least
/// 2 h 4 min).
pub(crate) const ESTABLISHED_IDLE: Duration = Duration::from_secs(2 * 3600 + 4 * 60);
/// The same while it opens, closes, or waits for an acknowledgment (RFC 5382 REQ-5: at least 4 min).
pub(crate) const TRANSITORY_IDLE: Duration = Duration::from_secs(4 * 60);
/// How long the end of a closed connection is remembered, to acknowledge a FIN that is sent again. TIME-WAIT is
/// short because its packets only cross memory, and a new SYN ends it.
pub(crate) const LINGER: Duration = Duration::from_secs(10);

/// How often a connection that waits for nothing is given a push.
const PERSIST: Duration = Duration::from_secs(5);

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
    /// The sequence number of the phone's first byte.
    first: u32,
    /// How many of its bytes were taken from the socket, modulo 2^32.
    drained: u32,
    /// The most the phone acknowledged.
    acknowledged: Option<u32>,
    /// Bytes of both buffers.
    buffers: usize,
    /// The window that came with it, unscaled.
    window: u16,
    /// When to give smoltcp a push, should nothing happen before.
    push_at: Option<Timestamp>,
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
                if segment.flags.fin && !segment.payload.is_empty() {
                    return self.handle_last_data(now, segment, outbox, changes);
                }
                self.poll(now, (!known).then_some(packet), outbox, changes);
            }
            Stage::Lingering { ack } if segment.flags.fin => outbox.push(ack.clone()),
            Stage::Held { .. } | Stage::Lingering { .. } | Stage::Over => {}
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
        if now < self.idle_deadline() {
            if let Stage::Open(terminator) = &mut self.stage {
                terminator.push(now, &self.key, self.mtu, outbox);
            }
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
                    // One half may be closed for as long as it takes to say something in the other.
                    State::Established | State::CloseWait | State::FinWait2 if socket.send_queue() == 0 => {
                        ESTABLISHED_IDLE
                    }
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
    fn new(
        key: &FlowKey,
        mtu: usize,
        buffer: usize,
        (first, seed): (u32, u64),
        now: Timestamp,
        outbox: &mut Outbox,
    ) -> Self {
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
        let buffers = 2 * buffer;
        Self {
            interface,
            sockets,
            handle,
            first,
            drained: 0,
            acknowledged: None,
            window: 0,
            buffers,
            push_at: None,
        }
    }

    fn socket(&mut self) -> &mut Socket<'static> {
        self.sockets.get_mut(self.handle)
    }

    /// The sequence number of the next byte that the phone has to send (RCV.NXT), its FIN aside.
    fn expected(&mut self) -> u32 {
        let queued = self.socket().recv_queue() as u32;
        self.first.wrapping_add(self.drained).wrapping_add(queued)
    }

    /// Sends the FIN. Whether it does so now: not before the phone has acknowledged the SYN, which smoltcp 0.14 would
    /// not send again after its FIN; nor, when the phone's FIN has come, before it has acknowledged all, for in LAST-ACK
    /// smoltcp does not hear that the phone's window opens.
    fn close(&mut self) -> bool {
        let socket = self.socket();
        let closes = socket.may_send() && (socket.state() != State::CloseWait || socket.send_queue() == 0);
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
        if news || self.acknowledged == Some(segment.ack) {
            self.acknowledged = Some(segment.ack);
            self.window = segment.window;
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

    /// Makes smoltcp send what it has, if it has waited for nothing long enough. smoltcp 0.14 has no timer when the
    /// window closes while something is under way that then has to be sent again (RFC 9293 section 3.8.6.1), or when it
    /// opens again and something is lost: it would wait for ever for what the phone may have said and was lost.
    ///
    /// The push is what the phone said last, said again, with room for one byte at least: that byte is the probe. A third
    /// repetition makes smoltcp send again what the phone has not acknowledged.
    fn push(&mut self, now: Timestamp, key: &FlowKey, mtu: usize, outbox: &mut Outbox) {
        if self.push_at.is_none_or(|at| now < at) {
            return;
        }
        self.push_at = None;
        let Some(ack) = self.acknowledged else { return };
        let again = TcpSegment {
            source_port: key.local.port(),
            destination_port: key.remote.port(),
            seq: self.expected().wrapping_add(u32::from(self.phone_finished())),
            ack,
            flags: TcpFlags { ack: true, ..TcpFlags::default() },
            window: self.window.max(1),
            options: &[],
            payload: &[],
            missing: 0,
        };
        let again = build::outbound(key, &again);
        for _ in 0..4 {
            self.poll(now, mtu, Some(&again), outbox);
            if self.interface.poll_at(instant(now), &self.sockets).is_some() {
                return;
            }
        }
    }

    /// The next deadline, never before the next microsecond: what is due now was done by the last poll.
    fn poll_at(&mut self, now: Timestamp) -> Option<Timestamp> {
        if self.waits_for_upstream() {
            return None;
        }
        let at = self.interface.poll_at(instant(now), &self.sockets);
        if at.is_none() && self.socket().send_queue() > 0 {
            return Some(*self.push_at.get_or_insert(now + PERSIST));
        }
        self.push_at = None;
        let at = at?;
        Some(Timestamp::from_micros(at.total_micros()).max(now + Duration::from_micros(1)))
    }
}

/// smoltcp's clock has microseconds.
fn instant(at: Timestamp) -> Instant {
    Instant::from_micros(at.as_nanos() / 1_000)
}
