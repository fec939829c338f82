//! smoltcp's TCP, which speaks with the phone, and what has to be done in its place.

use std::time::Duration;

use packet::{FlowKey, Packet, Segment, TcpFlags, TcpSegment, Timestamp};
use smoltcp::socket::tcp::{Socket, State};

use crate::build;
use crate::wire::{Endpoint, Wire};

/// How often a connection that waits for nothing is given a push.
const PERSIST: Duration = Duration::from_secs(5);

/// A connection that smoltcp speaks for.
pub(crate) struct Terminator {
    endpoint: Endpoint,
    key: FlowKey,
    /// The options of the phone's SYN.
    options: Box<[u8]>,
    /// The sequence number of the phone's first byte.
    first: u32,
    /// How many of its bytes were taken from the socket, modulo 2^32.
    pub(crate) drained: u32,
    /// The most the phone acknowledged, at least the SYN.
    acknowledged: u32,
    /// The window that came with it, unscaled.
    window: u16,
    /// When to give smoltcp a push, should nothing happen before.
    push_at: Option<Timestamp>,
    /// When it was given the last.
    pushed: Timestamp,
}

/// What is kept of a connection in which nothing is under way: enough to go on as if nothing had been.
pub(crate) struct Rest {
    /// The options of the phone's SYN.
    options: Box<[u8]>,
    /// The sequence number of the phone's next byte (RCV.NXT).
    next: u32,
    /// The sequence number of the next byte to the phone (SND.NXT).
    sent: u32,
    /// The phone's window, unscaled.
    window: u16,
    /// Size of each of the two buffers it had, in bytes.
    pub(crate) buffer: usize,
}

impl Terminator {
    /// Answers `syn`, a whole packet, with the sequence number `isn`.
    pub(crate) fn open(
        now: Timestamp,
        key: FlowKey,
        (syn, isn): (&[u8], u32),
        buffer: usize,
        wire: &mut Wire,
    ) -> Self {
        let (first, options) = match Packet::parse(syn).map(|packet| packet.segment) {
            Ok(Segment::Tcp(tcp)) => (tcp.seq.wrapping_add(1), tcp.options.into()),
            _ => (0, Box::default()),
        };
        let mut endpoint = wire.endpoint(buffer);
        wire.open(now, &mut endpoint, key.remote, syn, isn);
        Self {
            endpoint,
            key,
            options,
            first,
            drained: 0,
            acknowledged: isn.wrapping_add(1),
            window: 0,
            push_at: None,
            pushed: Timestamp::default(),
        }
    }

    /// Whether nothing is under way in either direction, nor will be before one of both sides says something.
    pub(crate) fn is_quiet(&mut self, now: Timestamp, wire: &mut Wire) -> bool {
        let socket = self.look();
        socket.state() == State::Established
            && socket.send_queue() == 0
            && socket.recv_queue() == 0
            && wire.poll_at(now, &self.endpoint).is_none()
    }

    /// Gives a quiet connection's socket back.
    pub(crate) fn rest(mut self, wire: &mut Wire) -> Rest {
        let (next, buffer) = (self.next(), self.endpoint.buffer);
        wire.recycle(self.endpoint);
        Rest { options: self.options, next, sent: self.acknowledged, window: self.window, buffer }
    }

    /// Goes on with a connection that rested. The handshake that smoltcp wants is made up; the phone hears nothing of it.
    pub(crate) fn resume(now: Timestamp, key: FlowKey, rest: Rest, buffer: usize, wire: &mut Wire) -> Self {
        let syn = TcpSegment {
            source_port: key.local.port(),
            destination_port: key.remote.port(),
            seq: rest.next.wrapping_sub(1),
            ack: 0,
            flags: TcpFlags { syn: true, ..TcpFlags::default() },
            window: rest.window,
            options: &rest.options,
            payload: &[],
            missing: 0,
        };
        let flags = TcpFlags { ack: true, ..TcpFlags::default() };
        let ack = TcpSegment { seq: rest.next, ack: rest.sent, flags, options: &[], ..syn };
        let told = wire.outbox.len();
        let syn = build::outbound(&key, &syn);
        let mut terminator = Self::open(now, key, (&syn, rest.sent.wrapping_sub(1)), buffer, wire);
        wire.outbox.take_back(told);
        terminator.window = rest.window;
        terminator.poll(now, Some(&build::outbound(&key, &ack)), wire);
        terminator
    }

    /// Bytes of both buffers.
    pub(crate) const fn buffers(&self) -> usize {
        2 * self.endpoint.buffer
    }

    /// Gives the socket back of a connection that is over, and all of which was acknowledged.
    pub(crate) fn end(self, wire: &mut Wire) {
        wire.recycle(self.endpoint);
    }

    /// Whether the phone said last that it takes nothing more.
    const fn is_shut(&self) -> bool {
        self.window == 0
    }

    pub(crate) fn look(&self) -> &Socket<'static> {
        self.endpoint.look()
    }

    pub(crate) fn socket(&mut self) -> &mut Socket<'static> {
        self.endpoint.socket()
    }

    /// The sequence number of the next byte that the phone has to send (RCV.NXT), its FIN aside.
    pub(crate) fn expected(&mut self) -> u32 {
        let queued = self.socket().recv_queue() as u32;
        self.first.wrapping_add(self.drained).wrapping_add(queued)
    }

    /// RCV.NXT.
    pub(crate) fn next(&mut self) -> u32 {
        self.expected().wrapping_add(u32::from(self.phone_finished()))
    }

    /// Sends the FIN. Whether it does so now: not before the phone has acknowledged the SYN, which smoltcp 0.14 would
    /// not send again after its FIN; nor, when the phone's FIN has come, before it has acknowledged all, for in LAST-ACK
    /// smoltcp does not hear that the phone's window opens.
    pub(crate) fn close(&mut self) -> bool {
        let socket = self.socket();
        let closes = socket.may_send() && (socket.state() != State::CloseWait || socket.send_queue() == 0);
        if closes {
            socket.close();
        }
        closes
    }

    /// Both sides have sent their FIN and the upstream has not taken all yet. smoltcp, whose TIME-WAIT ends with the
    /// buffers emptied, is left alone until it has.
    pub(crate) fn waits_for_upstream(&mut self) -> bool {
        let socket = self.socket();
        socket.state() == State::TimeWait && socket.can_recv()
    }

    /// Whether data comes that lies behind the phone's FIN, which smoltcp 0.14 would take. It is to be ignored (RFC 9293
    /// section 3.10.7.4, seventh).
    pub(crate) fn is_behind_the_end(&mut self, segment: &TcpSegment<'_>) -> bool {
        let end = segment.seq.wrapping_add(segment.payload.len() as u32);
        let behind = end.wrapping_sub(self.next()) as i32 > 0;
        self.phone_finished() && !segment.payload.is_empty() && behind
    }

    /// Whether a RST that is in the window is not where the next byte is: then the phone is asked whether it means it
    /// (RFC 9293 section 3.10.7.4, from RFC 5961). What lies outside is for smoltcp to drop.
    pub(crate) fn challenges(&mut self, reset: &TcpSegment<'_>) -> bool {
        let (ahead, next) = (reset.seq.wrapping_sub(self.next()), self.socket());
        let room = next.recv_capacity() - next.recv_queue();
        ahead > 0 && ahead as usize <= room
    }

    /// What `segment`'s sender would ask to know whether this end is there. It is answered with an acknowledgment.
    pub(crate) fn keep_alive<'a>(&mut self, segment: &TcpSegment<'a>) -> TcpSegment<'a> {
        let flags = TcpFlags { ack: true, ..TcpFlags::default() };
        let (seq, ack) = (self.next().wrapping_sub(1), self.acknowledged);
        TcpSegment { seq, ack, flags, payload: &[], ..*segment }
    }

    /// Whether `segment` only says once more that our FIN has not come. smoltcp 0.14 takes the third of these for a
    /// request to retransmit data, of which there is none, and forgets to retransmit the FIN.
    pub(crate) fn repeats(&mut self, segment: &TcpSegment<'_>) -> bool {
        let ahead = segment.ack.wrapping_sub(self.acknowledged) as i32;
        let news = ahead > 0;
        let socket = self.endpoint.look();
        let (queued, state) = (socket.send_queue(), socket.state());
        let fin_is_out = matches!(state, State::FinWait1 | State::Closing | State::LastAck);
        // Neither a SYN's, which means nothing, nor one of what was not sent; nor of our FIN, as long as smoltcp has not taken
        // it: when that came in a segment which it drops, the next that says so is news to it.
        let most = queued as i64 + i64::from(!fin_is_out);
        if segment.flags.ack && (0..=most).contains(&i64::from(ahead)) {
            self.acknowledged = segment.ack;
            self.window = segment.window;
        }
        let bare = TcpFlags { ack: true, ..TcpFlags::default() };
        fin_is_out && queued == 0 && segment.payload.is_empty() && segment.flags == bare && !news
    }

    /// Whether the socket's state says that the phone's FIN has come.
    pub(crate) fn phone_finished(&mut self) -> bool {
        matches!(self.socket().state(), State::CloseWait | State::Closing | State::LastAck | State::TimeWait)
    }

    pub(crate) fn poll(&mut self, now: Timestamp, packet: Option<&[u8]>, wire: &mut Wire) {
        wire.poll(now, &mut self.endpoint, self.key.remote.ip(), packet);
    }

    /// Does what is due. smoltcp 0.14 probes a closed window with the byte behind all it has sent: when there is none, because
    /// the window closed on what was lost, its probe is empty and the phone has no reason to answer.
    pub(crate) fn handle_timeout(&mut self, now: Timestamp, wire: &mut Wire) {
        if self.push_at.is_some_and(|at| at <= now) {
            self.push(now, wire);
        }
        if !self.is_shut() || self.look().send_queue() == 0 || now.since(self.pushed) < PERSIST {
            return;
        }
        let before = wire.outbox.len();
        self.poll(now, None, wire);
        if wire.outbox.len() == before + 1 && wire.outbox.last().is_some_and(says_nothing) {
            self.push(now, wire);
        }
    }

    /// Makes smoltcp send what it has, when it has waited for nothing long enough. smoltcp 0.14 has no timer when the
    /// window closes while something is under way that then has to be sent again (RFC 9293 section 3.8.6.1), or when it
    /// opens again and something is lost: it would wait for ever for what the phone may have said and was lost.
    ///
    /// The push is what the phone said last, said again, with the least of windows if there is none: what fits it is the
    /// probe. Another window makes smoltcp forget how often it heard that; the third repetition then makes it send again
    /// what the phone has not acknowledged.
    fn push(&mut self, now: Timestamp, wire: &mut Wire) {
        self.push_at = None;
        self.pushed = now;
        let again = TcpSegment {
            source_port: self.key.local.port(),
            destination_port: self.key.remote.port(),
            seq: self.next(),
            ack: self.acknowledged,
            flags: TcpFlags { ack: true, ..TcpFlags::default() },
            window: self.window.max(1),
            options: &[],
            payload: &[],
            missing: 0,
        };
        let window = again.window;
        let other = if window > 1 { window - 1 } else { 2 };
        for window in [window, other, window, window, window, window] {
            let again = build::outbound(&self.key, &TcpSegment { window, ..again });
            self.poll(now, Some(&again), wire);
            if wire.poll_at(now, &self.endpoint).is_some() {
                return;
            }
        }
    }

    /// The next deadline, never before the next microsecond: what is due now was done by the last poll.
    pub(crate) fn poll_at(&mut self, now: Timestamp, wire: &mut Wire) -> Option<Timestamp> {
        if self.waits_for_upstream() {
            return None;
        }
        let at = wire.poll_at(now, &self.endpoint);
        if at.is_none() && self.socket().send_queue() > 0 {
            return Some(*self.push_at.get_or_insert(now + PERSIST));
        }
        self.push_at = None;
        Some(at?.max(now + Duration::from_micros(1)))
    }
}

/// Whether a packet is a bare acknowledgment.
fn says_nothing(packet: &[u8]) -> bool {
    let bare = TcpFlags { ack: true, ..TcpFlags::default() };
    matches!(Packet::parse(packet).map(|packet| packet.segment), Ok(Segment::Tcp(tcp)) if tcp.payload.is_empty() && tcp.flags == bare)
}
