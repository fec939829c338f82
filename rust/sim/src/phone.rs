//! The phone: smoltcp as its kernel, and scripted apps.

use std::collections::VecDeque;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use packet::{IpPacket, Packet, Segment, TcpFlags, TcpSegment, Timestamp};
use smoltcp::iface::{Config, Interface, SocketHandle, SocketSet};
use smoltcp::phy::{self, DeviceCapabilities, Medium};
use smoltcp::socket::tcp::{RecvError, Socket, SocketBuffer, State};
use smoltcp::time::Instant;
use smoltcp::wire::{HardwareAddress, IpCidr, TcpControl};

use crate::heard::{Heard, is_whole, latest};

/// The phone's addresses (RFC 1918, RFC 4193).
pub const ADDRESSES: (Ipv4Addr, Ipv6Addr) =
    (Ipv4Addr::new(10, 0, 0, 2), Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, 2));

/// When an app closes its connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Finish {
    /// As soon as it has sent all: it still listens.
    AfterSending,
    /// When the other side has.
    AfterReceiving,
    /// It resets the connection once it has received this many bytes.
    Abort(usize),
    /// It is gone without a word once it has received this many bytes: nothing answers in its place.
    Vanish(usize),
}

/// What an app does.
#[derive(Debug, Clone)]
pub struct App {
    /// When it connects, after the beginning.
    pub start: Duration,
    /// Whom it connects to.
    pub remote: SocketAddr,
    /// What it sends.
    pub outgoing: Vec<u8>,
    /// When it closes.
    pub finish: Finish,
    /// It reads this many bytes at most in 20 ms, when set.
    pub reads: Option<usize>,
    /// Once it has read this many bytes it reads nothing for this long.
    pub sleeps: Option<(usize, Duration)>,
    /// The size of each of the kernel's two buffers for it, in bytes.
    pub buffer: usize,
    /// It gives up when nothing is heard for this long, when set.
    pub patience: Option<Duration>,
    /// It asks whether the other side is still there, so that a lost RST is noticed.
    pub keep_alive: bool,
}

/// How a connection ended for the app.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// Both sides finished.
    Finished,
    /// Reset, or given up, before it was open.
    Refused,
    /// Reset, or given up, when it was open.
    Reset,
    /// The app reset it.
    Aborted,
    /// The app is gone.
    Vanished,
}

/// An app at work.
#[derive(Debug)]
pub struct Running {
    /// What it does.
    pub app: App,
    /// What it received.
    pub received: Vec<u8>,
    /// How it ended.
    pub end: Option<End>,
    handle: SocketHandle,
    sent: usize,
    /// The sequence number of the other side's first byte.
    first: Option<u32>,
    /// The last of what the other side acknowledged most.
    heard: Option<Heard>,
    /// How much of what it sent is acknowledged, and since when.
    progress: (usize, Timestamp),
    started: bool,
    connected: bool,
    /// The other side's end was seen.
    finished: bool,
    slept: bool,
    next_read: Timestamp,
}

/// A phone with its apps.
pub struct Phone {
    interface: Interface,
    sockets: SocketSet<'static>,
    wire: Wire,
    apps: Vec<Running>,
    begin: Timestamp,
}

const READ_PAUSE: Duration = Duration::from_millis(20);
/// Longer than smoltcp waits before it sends something again.
const PUSH_PAUSE: Duration = Duration::from_secs(61);
const FIRST_PORT: u16 = 40_000;

impl Phone {
    /// A phone whose link has this MTU.
    pub fn new(begin: Timestamp, mtu: usize, seed: u64, apps: Vec<App>) -> Self {
        let mut wire = Wire { mtu, inbound: VecDeque::new(), outbound: VecDeque::new() };
        let mut config = Config::new(HardwareAddress::Ip);
        config.random_seed = seed;
        let mut interface = Interface::new(config, &mut wire, instant(begin));
        interface.update_ip_addrs(|addresses| {
            let _ = addresses.push(IpCidr::new(ADDRESSES.0.into(), 0));
            let _ = addresses.push(IpCidr::new(ADDRESSES.1.into(), 0));
        });
        let mut sockets = SocketSet::new(Vec::new());
        let apps = apps.into_iter().map(|app| Running::new(app, &mut sockets)).collect();
        Self { interface, sockets, wire, apps, begin }
    }

    /// The apps.
    pub fn apps(&self) -> &[Running] {
        &self.apps
    }

    /// The apps, when all is over.
    pub fn into_apps(self) -> Vec<Running> {
        self.apps
    }

    /// Takes a packet.
    pub fn handle_packet(&mut self, now: Timestamp, packet: Vec<u8>) {
        if self.ignores(&packet) {
            return;
        }
        match self.last_data(&packet) {
            None => self.receive(now, packet),
            Some((index, data, fin)) => {
                let end = fin.seq;
                self.receive(now, data);
                let running = &self.apps[index];
                let queued = self.sockets.get::<Socket<'_>>(running.handle).recv_queue();
                let expected =
                    running.first.map(|first| first.wrapping_add((running.received.len() + queued) as u32));
                if expected == Some(end) {
                    self.receive(now, fin.packet(TcpControl::Fin, &[]));
                }
            }
        }
    }

    fn receive(&mut self, now: Timestamp, packet: Vec<u8>) {
        self.wire.inbound.push_back(packet);
        self.interface.poll(instant(now), &mut self.wire, &mut self.sockets);
    }

    /// Takes data and the FIN that comes with it apart: smoltcp 0.14 takes the FIN although it cut off the data that its
    /// window had no room for.
    fn last_data(&self, packet: &[u8]) -> Option<(usize, Vec<u8>, Heard)> {
        let Ok(Packet { ip, segment: Segment::Tcp(tcp) }) = Packet::parse(packet) else { return None };
        let index = usize::from(tcp.destination_port.wrapping_sub(FIRST_PORT));
        let running = self.apps.get(index)?;
        if !tcp.flags.fin || tcp.payload.is_empty() || running.end.is_some() || !is_whole(&ip) {
            return None;
        }
        if !running.speaks_with(&ip, &tcp) {
            return None;
        }
        let data = Heard { seq: tcp.seq, ..Heard::new(&ip, &tcp) };
        let fin = Heard { seq: tcp.seq.wrapping_add(tcp.payload.len() as u32), ..data };
        Some((index, data.packet(TcpControl::None, tcp.payload), fin))
    }

    /// Whether a packet is for an app that is gone, or only says once more that the app's FIN has not come: smoltcp 0.14
    /// takes the third of these for a request to retransmit data, of which there is none, and forgets to retransmit
    /// the FIN.
    fn ignores(&mut self, packet: &[u8]) -> bool {
        let Ok(Packet { ip, segment: Segment::Tcp(tcp) }) = Packet::parse(packet) else { return false };
        let index = usize::from(tcp.destination_port.wrapping_sub(FIRST_PORT));
        let Some(running) = self.apps.get_mut(index) else { return false };
        if !is_whole(&ip) || !running.speaks_with(&ip, &tcp) {
            return false;
        }
        if running.end == Some(End::Vanished) {
            return true;
        }
        let ahead = running.heard.map_or(1, |most| tcp.ack.wrapping_sub(most.ack) as i32);
        let news = ahead > 0;
        if tcp.flags.syn {
            running.first = Some(tcp.seq.wrapping_add(1));
        }
        if ahead >= 0 {
            let now = Heard::new(&ip, &tcp);
            let seq = running.heard.map_or(now.seq, |before| latest(before.seq, now.seq));
            running.heard = Some(Heard { seq, ..now });
        }
        let socket = self.sockets.get::<Socket<'_>>(running.handle);
        matches!(socket.state(), State::FinWait1 | State::Closing | State::LastAck)
            && socket.send_queue() == 0
            && tcp.payload.is_empty()
            && tcp.flags == TcpFlags { ack: true, ..TcpFlags::default() }
            && !news
    }

    /// Lets kernel and apps work until neither has anything to do.
    pub fn poll(&mut self, now: Timestamp) {
        self.push(now);
        loop {
            self.interface.poll(instant(now), &mut self.wire, &mut self.sockets);
            let mut busy = false;
            for index in 0..self.apps.len() {
                busy |= self.step(now, index);
            }
            if !busy {
                return;
            }
        }
    }

    /// The next packet to the TUN.
    pub fn poll_packet(&mut self) -> Option<Vec<u8>> {
        self.wire.outbound.pop_front()
    }

    /// When [`Self::poll`] is next needed.
    pub fn poll_timeout(&mut self, now: Timestamp) -> Option<Timestamp> {
        let kernel = self.interface.poll_at(instant(now), &self.sockets);
        let kernel = kernel.map(|at| Timestamp::from_micros(at.total_micros()).max(now));
        let apps = self.apps.iter().filter_map(|running| match running {
            Running { started: false, app, .. } => Some(self.begin + app.start),
            Running { end: None, next_read, .. } if *next_read > now => Some(*next_read),
            _ => None,
        });
        let pushes = self.apps.iter().filter_map(|running| running.push_at(&self.sockets));
        apps.chain(pushes).chain(kernel).min()
    }

    /// Repeats to smoltcp what it heard last where nothing of what it sends has been acknowledged for long: 0.14 has no
    /// timer when a window closes while something is under way that then has to be sent again.
    fn push(&mut self, now: Timestamp) {
        for running in &mut self.apps {
            if running.push_at(&self.sockets).is_none_or(|at| now < at) {
                continue;
            }
            running.progress.1 = now;
            let Some(heard) = running.heard else { continue };
            let window = heard.window.max(1);
            // Another window makes smoltcp forget how often it heard that; the third repetition makes it send again.
            for window in [window, if window > 1 { window - 1 } else { 2 }, window, window, window, window] {
                self.wire.inbound.push_back(Heard { window, ..heard }.packet(TcpControl::None, &[]));
            }
        }
    }

    /// Lets an app work. Whether the kernel has to be polled because of it.
    fn step(&mut self, now: Timestamp, index: usize) -> bool {
        let running = &mut self.apps[index];
        if running.end.is_some() {
            return false;
        }
        let socket = self.sockets.get_mut::<Socket<'_>>(running.handle);
        if !running.started {
            if now < self.begin + running.app.start {
                return false;
            }
            running.started = true;
            let source: IpAddr = match running.app.remote {
                SocketAddr::V4(_) => ADDRESSES.0.into(),
                SocketAddr::V6(_) => ADDRESSES.1.into(),
            };
            let local = SocketAddr::new(source, FIRST_PORT + index as u16);
            let connecting = socket.connect(self.interface.context(), running.app.remote, local);
            assert_eq!(connecting, Ok(()), "a fresh socket connects");
            return true;
        }
        let busy = running.work(now, socket);
        if running.end == Some(End::Vanished) {
            // A socket that is dropped says nothing.
            self.sockets.remove(running.handle);
        }
        busy
    }
}

impl Running {
    fn new(app: App, sockets: &mut SocketSet<'static>) -> Self {
        let buffer = || SocketBuffer::new(vec![0; app.buffer]);
        let mut socket = Socket::new(buffer(), buffer());
        socket.set_timeout(app.patience.map(|patience| patience.into()));
        Self {
            app,
            received: Vec::new(),
            end: None,
            handle: sockets.add(socket),
            sent: 0,
            first: None,
            heard: None,
            progress: (0, Timestamp::default()),
            started: false,
            connected: false,
            finished: false,
            slept: false,
            next_read: Timestamp::default(),
        }
    }

    /// Whether a segment to its port is from whom it connected to: another was connected from that port before.
    fn speaks_with(&self, ip: &IpPacket<'_>, tcp: &TcpSegment<'_>) -> bool {
        self.app.remote == SocketAddr::new(ip.source, tcp.source_port)
    }

    /// When it is time for a push.
    fn push_at(&self, sockets: &SocketSet<'static>) -> Option<Timestamp> {
        if !self.started || self.end.is_some() || sockets.get::<Socket<'_>>(self.handle).send_queue() == 0 {
            return None;
        }
        Some(self.progress.1 + PUSH_PAUSE)
    }

    fn work(&mut self, now: Timestamp, socket: &mut Socket<'_>) -> bool {
        self.connected |= socket.may_send();
        let acknowledged = self.sent - socket.send_queue();
        if self.progress.0 != acknowledged || socket.send_queue() == 0 {
            self.progress = (acknowledged, now);
        }
        let mut busy = false;
        if socket.can_send() {
            let sent = socket.send_slice(&self.app.outgoing[self.sent..]).unwrap_or_default();
            self.sent += sent;
            busy |= sent > 0;
        }
        let read = self.read(now, socket);
        busy |= read;
        // smoltcp 0.14 puts a byte of its own where something is under way when it asks.
        let acknowledged = socket.send_queue() == 0
            && matches!(socket.state(), State::Established | State::CloseWait | State::FinWait2);
        let asks = self.app.keep_alive && acknowledged;
        if socket.keep_alive().is_some() != asks {
            socket.set_keep_alive(asks.then(|| Duration::from_secs(10).into()));
        }
        if let Finish::Abort(after) = self.app.finish
            && self.connected
            && self.received.len() >= after
        {
            socket.abort();
            self.end = Some(End::Aborted);
            return true;
        }
        if let Finish::Vanish(after) = self.app.finish
            && self.connected
            && self.received.len() >= after
        {
            self.end = Some(End::Vanished);
            return false;
        }
        let all_sent = self.sent == self.app.outgoing.len();
        let closes = self.finished || self.app.finish == Finish::AfterSending;
        // In LAST-ACK smoltcp 0.14 does not hear that the other side's window opens.
        let hears = match socket.state() {
            State::Established => true,
            State::CloseWait => socket.send_queue() == 0,
            _ => false,
        };
        if all_sent && closes && hears {
            socket.close();
            busy = true;
        }
        self.end = match socket.state() {
            State::TimeWait if self.finished => Some(End::Finished),
            State::Closed if self.finished => Some(End::Finished),
            // A slow app has not read all yet, or not to where it hears of the end.
            State::Closed if read || socket.can_recv() || now < self.next_read => None,
            State::Closed if self.connected => Some(End::Reset),
            State::Closed => Some(End::Refused),
            _ => None,
        };
        busy
    }

    fn read(&mut self, now: Timestamp, socket: &mut Socket<'_>) -> bool {
        // smoltcp empties its buffers when TIME-WAIT ends: a slow app hurries then.
        let hurries = socket.state() == State::TimeWait;
        if now < self.next_read && !hurries || self.finished {
            return false;
        }
        let mut buffer = vec![0; self.app.reads.unwrap_or(1 << 16)];
        match socket.recv_slice(&mut buffer) {
            Ok(0) => false,
            Ok(read) => {
                self.received.extend_from_slice(&buffer[..read]);
                if self.app.reads.is_some() {
                    self.next_read = now + READ_PAUSE;
                }
                if let Some((after, pause)) = self.app.sleeps
                    && self.received.len() >= after
                    && !std::mem::replace(&mut self.slept, true)
                {
                    self.next_read = now + pause;
                }
                true
            }
            Err(RecvError::Finished) => {
                self.finished = true;
                true
            }
            Err(RecvError::InvalidState) => false,
        }
    }
}

fn instant(at: Timestamp) -> Instant {
    Instant::from_micros(at.as_nanos() / 1_000)
}

struct Wire {
    mtu: usize,
    inbound: VecDeque<Vec<u8>>,
    outbound: VecDeque<Vec<u8>>,
}

impl phy::Device for Wire {
    type RxToken<'a> = Received;
    type TxToken<'a> = Sending<'a>;

    fn receive(&mut self, _now: Instant) -> Option<(Received, Sending<'_>)> {
        let packet = self.inbound.pop_front()?;
        Some((Received(packet), Sending(&mut self.outbound)))
    }

    fn transmit(&mut self, _now: Instant) -> Option<Sending<'_>> {
        Some(Sending(&mut self.outbound))
    }

    fn capabilities(&self) -> DeviceCapabilities {
        // Checksums are verified: those of the stack under test are to be right.
        let mut capabilities = DeviceCapabilities::default();
        capabilities.medium = Medium::Ip;
        capabilities.max_transmission_unit = self.mtu;
        capabilities
    }
}

struct Received(Vec<u8>);

impl phy::RxToken for Received {
    fn consume<R, F: FnOnce(&[u8]) -> R>(self, f: F) -> R {
        f(&self.0)
    }
}

struct Sending<'a>(&'a mut VecDeque<Vec<u8>>);

impl phy::TxToken for Sending<'_> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, len: usize, f: F) -> R {
        let mut packet = vec![0; len];
        let result = f(&mut packet);
        self.0.push_back(packet);
        result
    }
}
