//! smoltcp's TCP, which speaks with the phone, and what has to be done in its place.

use std::time::Duration;

use packet::{FlowKey, TcpFlags, TcpSegment, Timestamp};
use smoltcp::iface::{Config, Interface, SocketHandle, SocketSet};
use smoltcp::socket::tcp::{Socket, SocketBuffer, State};
use smoltcp::time::Instant;
use smoltcp::wire::{HardwareAddress, IpCidr};

use crate::build;
use crate::device::{Device, Outbox};

/// How often a connection that waits for nothing is given a push.
const PERSIST: Duration = Duration::from_secs(5);

/// An interface with one socket.
pub(crate) struct Terminator {
    interface: Interface,
    sockets: SocketSet<'static>,
    handle: SocketHandle,
    /// The sequence number of the phone's first byte.
    first: u32,
    /// How many of its bytes were taken from the socket, modulo 2^32.
    pub(crate) drained: u32,
    /// The most the phone acknowledged, at least the SYN.
    pub(crate) acknowledged: u32,
    /// Bytes of both buffers.
    pub(crate) buffers: usize,
    /// The window that came with it, unscaled.
    window: u16,
    /// When to give smoltcp a push, should nothing happen before.
    push_at: Option<Timestamp>,
}

impl Terminator {
    pub(crate) fn new(
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
            acknowledged: 0,
            window: 0,
            buffers,
            push_at: None,
        }
    }

    pub(crate) fn look(&self) -> &Socket<'static> {
        self.sockets.get(self.handle)
    }

    pub(crate) fn socket(&mut self) -> &mut Socket<'static> {
        self.sockets.get_mut(self.handle)
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
        // Neither a SYN's, which means nothing, nor one of what was not sent.
        let most = self.socket().send_queue() as i64 + 1;
        if segment.flags.ack && (0..=most).contains(&i64::from(ahead)) {
            self.acknowledged = segment.ack;
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
    pub(crate) fn phone_finished(&mut self) -> bool {
        matches!(self.socket().state(), State::CloseWait | State::Closing | State::LastAck | State::TimeWait)
    }

    pub(crate) fn poll(&mut self, now: Timestamp, mtu: usize, packet: Option<&[u8]>, outbox: &mut Outbox) {
        let mut device = Device { mtu, inbound: packet, outbox };
        self.interface.poll(instant(now), &mut device, &mut self.sockets);
    }

    /// Makes smoltcp send what it has, if it has waited for nothing long enough. smoltcp 0.14 has no timer when the
    /// window closes while something is under way that then has to be sent again (RFC 9293 section 3.8.6.1), or when it
    /// opens again and something is lost: it would wait for ever for what the phone may have said and was lost.
    ///
    /// The push is what the phone said last, said again, with the least of windows if there is none: what fits it is the
    /// probe. Another window makes smoltcp forget how often it heard that; the third repetition then makes it send again
    /// what the phone has not acknowledged.
    pub(crate) fn push(&mut self, now: Timestamp, key: &FlowKey, mtu: usize, outbox: &mut Outbox) {
        if self.push_at.is_none_or(|at| now < at) {
            return;
        }
        self.push_at = None;
        let again = TcpSegment {
            source_port: key.local.port(),
            destination_port: key.remote.port(),
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
            let again = build::outbound(key, &TcpSegment { window, ..again });
            self.poll(now, mtu, Some(&again), outbox);
            if self.interface.poll_at(instant(now), &self.sockets).is_some() {
                return;
            }
        }
    }

    /// The next deadline, never before the next microsecond: what is due now was done by the last poll.
    pub(crate) fn poll_at(&mut self, now: Timestamp) -> Option<Timestamp> {
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
