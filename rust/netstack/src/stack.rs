//! The table of flows: packets in, packets and events out.

mod buffers;

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::time::Duration;

use foldhash::fast::RandomState;
use packet::{
    Direction, FlowKey, IcmpMessage, Packet, Reassembled, Reassembler, Segment, TcpSegment, Timestamp,
    Transport,
};

use crate::build::{self, Unreachable};
use crate::datagram::{DatagramFlow, forbids_fragments};
use crate::destination;
use crate::tcp::{Change, TcpFlow};
use crate::timer::Timers;
use crate::wire::Wire;

/// Names a flow for as long as the session lasts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FlowId(u64);

/// What a stack is told before it begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// MTU of the phone's side in bytes, at least 576, and 1280 for IPv6.
    pub mtu: usize,
    /// What initial sequence numbers and the like are made of. Not to be guessed by the phone's peers.
    pub seed: u64,
    /// The most flows at once.
    pub most_flows: usize,
    /// Size of each of a connection's two buffers in bytes.
    pub buffer: usize,
    /// The most bytes of buffers at once. Connections beyond get buffers of 16 KiB.
    pub most_buffers: usize,
    /// How many connections keep their buffers although they have nothing to do. Others get theirs when they have.
    pub most_quiet: usize,
}

impl Config {
    /// The usual, for a TUN of this MTU. What is under way should be some segments, and still stay in the cache.
    pub fn for_mtu(mtu: usize) -> Self {
        const SEGMENTS: usize = 14;
        let buffer = mtu.saturating_mul(SEGMENTS).clamp(64 << 10, 512 << 10).next_power_of_two();
        Self { mtu, buffer, ..Self::default() }
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            mtu: 1500,
            seed: 0,
            most_flows: 16_384,
            buffer: 64 << 10,
            most_buffers: 64 << 20,
            most_quiet: 16,
        }
    }
}

/// Something the upstream side has to act on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A new flow: reach its remote end, then say [`Stack::connected`] or [`Stack::refused`]. Datagrams follow at once.
    Connect(FlowKey),
    /// TCP: there are bytes to [`Stack::drain`], or there is room again to [`Stack::fill`].
    Ready,
    /// UDP: a payload to send. ICMP: what follows the echo request's identifier, sequence number and data.
    Datagram(Vec<u8>),
    /// TCP: the phone sends no more, and everything was drained.
    ShutdownWrite,
    /// The flow ended in order, or was idle. Its id means nothing any more.
    Closed,
    /// The phone reset the connection. Its id means nothing any more.
    Reset,
}

/// What was not relayed, and why.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Counts {
    /// Packets that were dropped, by reason.
    pub dropped: BTreeMap<&'static str, u64>,
    /// Flows that were refused because the table was full.
    pub refused: u64,
    /// Flows that were given up for others because the table was full.
    pub evicted: u64,
}

/// Every flow of a phone.
pub struct Stack {
    config: Config,
    flows: BTreeMap<FlowId, Entry>,
    /// Looked up, never iterated.
    index: HashMap<FlowKey, FlowId, RandomState>,
    timers: Timers,
    wire: Wire,
    events: VecDeque<(FlowId, Event)>,
    reassembler: Reassembler,
    counts: Counts,
    /// Open connections that had nothing to do when they were looked at, longest ago first. Of those beyond
    /// [`Config::most_quiet`] the buffers are taken.
    quiet: VecDeque<FlowId>,
    /// Connections of which only the end is remembered, oldest first: the first to go when the table is full.
    lingering: VecDeque<FlowId>,
    buffers: usize,
    next_id: u64,
    next_ident: u32,
    next_eviction: Timestamp,
    changes: Vec<Change>,
}

struct Entry {
    key: FlowKey,
    kind: Kind,
    /// Where its timer entry is.
    scheduled: Option<Timestamp>,
    /// An [`Event::Ready`] is on its way.
    ready: bool,
    /// [`Event::Closed`] or [`Event::Reset`] was told.
    told: bool,
    /// It is in [`Stack::quiet`].
    quiet: bool,
    /// It is in [`Stack::lingering`].
    lingers: bool,
    /// Bytes of its buffers that are in [`Stack::buffers`].
    buffers: usize,
}

enum Kind {
    Tcp(Box<TcpFlow>),
    Datagram(DatagramFlow),
}

/// An idle flow is not evicted before this.
const LEAST_IDLE: Duration = Duration::from_secs(10);
/// How often a full table is searched for an idle flow.
const EVICTION_PAUSE: Duration = Duration::from_millis(100);
/// Datagrams reach the phone in packets of this length at most, as from a real path: whatever the MTU of its TUN, they may
/// go on from there to others (tethering, a router).
const LONGEST_DATAGRAM: usize = 1500;

impl Stack {
    /// A stack without flows.
    pub fn new(config: Config) -> Self {
        let config = Config { mtu: config.mtu.clamp(576, 65_535), ..config };
        Self {
            flows: BTreeMap::new(),
            index: HashMap::default(),
            timers: Timers::default(),
            wire: Wire::new(config.mtu),
            events: VecDeque::new(),
            reassembler: Reassembler::default(),
            counts: Counts::default(),
            quiet: VecDeque::new(),
            lingering: VecDeque::new(),
            buffers: 0,
            next_id: 0,
            next_ident: mix(config.seed) as u32,
            next_eviction: Timestamp::default(),
            changes: Vec::new(),
            config,
        }
    }

    /// Takes a packet from the phone, from its IP header on.
    pub fn handle_packet(&mut self, now: Timestamp, bytes: &[u8]) {
        match Packet::parse(bytes) {
            Err(error) => self.drop_packet(error.reason()),
            Ok(packet) if packet.ip.missing > 0 => self.drop_packet("cut_off"),
            Ok(packet) if packet.segment == Segment::Fragment => {
                self.reassembler.expire(now);
                match self.reassembler.insert(now, &packet.ip) {
                    Reassembled::Pending => {}
                    Reassembled::Refused(reason) => self.drop_packet(reason),
                    Reassembled::Complete(whole) => match Packet::parse(&whole) {
                        Ok(packet) => self.handle_whole(now, &packet, &whole, false),
                        Err(error) => self.drop_packet(error.reason()),
                    },
                }
            }
            Ok(packet) => self.handle_whole(now, &packet, bytes, forbids_fragments(bytes)),
        }
    }

    /// The next packet for the phone. Give its buffer back with [`Self::recycle`].
    pub fn poll_packet(&mut self) -> Option<Vec<u8>> {
        self.wire.outbox.pop()
    }

    /// Takes back the buffer of a packet from [`Self::poll_packet`].
    pub fn recycle(&mut self, buffer: Vec<u8>) {
        self.wire.outbox.recycle(buffer);
    }

    /// The next thing for the upstream side to act on.
    pub fn poll_event(&mut self) -> Option<(FlowId, Event)> {
        let (id, event) = self.events.pop_front()?;
        if event == Event::Ready
            && let Some(entry) = self.flows.get_mut(&id)
        {
            entry.ready = false;
        }
        Some((id, event))
    }

    /// When [`Self::handle_timeout`] should be called next.
    pub fn poll_timeout(&self) -> Option<Timestamp> {
        self.timers.next()
    }

    /// Moves the timers due by `now`.
    pub fn handle_timeout(&mut self, now: Timestamp) {
        while let Some(id) = self.timers.pop_due(now) {
            let Some(entry) = self.flows.get_mut(&id) else { continue };
            entry.scheduled = None;
            match &mut entry.kind {
                Kind::Tcp(flow) => flow.handle_timeout(now, &mut self.wire, &mut self.changes),
                Kind::Datagram(flow) => {
                    if flow.poll_timeout() <= now {
                        self.changes.push(Change::Closed);
                    }
                }
            }
            self.settle(now, id);
        }
    }

    /// The upstream connection is there: the phone's SYN is answered.
    pub fn connected(&mut self, now: Timestamp, id: FlowId) {
        let buffer = self.afford(now, self.config.buffer);
        let isn = mix(self.config.seed ^ mix(id.0)) as u32;
        self.with_tcp(now, id, |flow, wire, changes| flow.connected(now, buffer, isn, wire, changes));
    }

    /// The remote end cannot be reached: the phone is told, and the flow is over.
    pub fn refused(&mut self, now: Timestamp, id: FlowId, why: Unreachable) {
        let Some(entry) = self.flows.get_mut(&id) else { return };
        let packet = match &mut entry.kind {
            Kind::Datagram(flow) => build::unreachable(why, flow.quote(), self.next_ident as u16),
            Kind::Tcp(flow) => match flow.held_syn() {
                Some(syn) if why == Unreachable::Refused => reset_of(&entry.key, syn),
                Some(syn) => build::unreachable(why, syn, self.next_ident as u16),
                None => {
                    flow.abort(now, &mut self.wire);
                    None
                }
            },
        };
        self.next_ident = self.next_ident.wrapping_add(1);
        self.outbox_push(packet);
        self.remove(id);
    }

    /// UDP and ICMP: the last datagram went nowhere. The phone is told; the flow stays.
    pub fn undeliverable(&mut self, id: FlowId, why: Unreachable) {
        let Some(Entry { kind: Kind::Datagram(flow), .. }) = self.flows.get(&id) else { return };
        let packet = build::unreachable(why, flow.quote(), self.next_ident as u16);
        self.next_ident = self.next_ident.wrapping_add(1);
        self.outbox_push(packet);
    }

    /// UDP and ICMP: whether the last datagram of the phone is not to be cut on its way: it had the bit that says so, or
    /// came over IPv6 in one piece (RFC 9000 section 14 has QUIC measure the path with these).
    pub fn is_whole(&self, id: FlowId) -> bool {
        matches!(self.flows.get(&id), Some(Entry { kind: Kind::Datagram(flow), .. }) if flow.is_whole())
    }

    /// TCP: offers the bytes that the phone sent, in order and each once, to `take`, which returns how many it took.
    /// Ends when it takes less than it was offered. What is not taken closes the phone's window.
    pub fn drain(&mut self, now: Timestamp, id: FlowId, take: impl FnMut(&[u8]) -> usize) {
        self.with_tcp(now, id, |flow, wire, changes| flow.drain(now, take, wire, changes));
    }

    /// TCP: offers room for bytes to the phone to `give`, which writes to its beginning and returns how many. Ends
    /// when it writes less than there was room for, or when there is no room; [`Event::Ready`] tells when there is
    /// again.
    pub fn fill(&mut self, now: Timestamp, id: FlowId, give: impl FnMut(&mut [u8]) -> usize) {
        self.resume(now, id);
        self.with_tcp(now, id, |flow, wire, changes| flow.fill(now, give, wire, changes));
    }

    /// TCP: takes bytes from the upstream and returns how many, which is the backpressure.
    pub fn handle_upstream(&mut self, now: Timestamp, id: FlowId, bytes: &[u8]) -> usize {
        let mut accepted = 0;
        self.fill(now, id, |room| {
            let rest = &bytes[accepted..];
            let len = rest.len().min(room.len());
            room[..len].copy_from_slice(&rest[..len]);
            accepted += len;
            len
        });
        accepted
    }

    /// TCP: the upstream sends no more. Everything it sent must have been accepted.
    pub fn upstream_closed(&mut self, now: Timestamp, id: FlowId) {
        self.resume(now, id);
        self.with_tcp(now, id, |flow, wire, changes| flow.upstream_closed(now, wire, changes));
    }

    /// The upstream connection was reset, or failed: so is the phone's. The flow is over.
    pub fn upstream_reset(&mut self, now: Timestamp, id: FlowId) {
        if let Some(Entry { kind: Kind::Tcp(flow), .. }) = self.flows.get_mut(&id) {
            flow.abort(now, &mut self.wire);
        }
        self.remove(id);
    }

    /// UDP: takes a payload from the upstream. ICMP: what follows the echo reply's identifier. A datagram that is
    /// longer than the MTU, or than 1500 bytes, reaches the phone in fragments.
    pub fn handle_datagram(&mut self, now: Timestamp, id: FlowId, payload: &[u8]) {
        let Some(entry) = self.flows.get_mut(&id) else { return };
        let Kind::Datagram(flow) = &mut entry.kind else { return };
        flow.handle_upstream(now);
        let ident = self.next_ident;
        self.next_ident = ident.wrapping_add(1);
        let packet = match entry.key.transport {
            Transport::Icmp => build::echo_reply(&entry.key, payload, ident as u16),
            _ => build::udp(&entry.key, payload, ident as u16),
        };
        let outbox = &mut self.wire.outbox;
        build::fragment(packet, self.config.mtu.min(LONGEST_DATAGRAM), ident, |piece| outbox.push(piece));
    }

    /// The ends of a flow.
    pub fn key(&self, id: FlowId) -> Option<&FlowKey> {
        self.flows.get(&id).map(|entry| &entry.key)
    }

    /// How many flows there are, those included that only linger.
    pub fn len(&self) -> usize {
        self.flows.len()
    }

    /// Whether there are no flows.
    pub fn is_empty(&self) -> bool {
        self.flows.is_empty()
    }

    /// How many deadlines are kept: one a flow at most.
    pub fn timers(&self) -> usize {
        self.timers.len()
    }

    /// Bytes of all connections' buffers.
    pub const fn buffers(&self) -> usize {
        self.buffers
    }

    /// What was not relayed.
    pub const fn counts(&self) -> &Counts {
        &self.counts
    }

    fn handle_whole(&mut self, now: Timestamp, packet: &Packet<'_>, bytes: &[u8], whole: bool) {
        if let Some(reason) = destination::refusal(&packet.ip) {
            return self.drop_packet(reason);
        }
        if let Segment::Icmp(icmp) = &packet.segment
            && icmp.is_port_unreachable()
        {
            return self.handle_port_unreachable(now, icmp);
        }
        let Some(key) = packet.flow_key(Direction::Outbound) else {
            return self.drop_packet("protocol");
        };
        match &packet.segment {
            Segment::Tcp(_) | Segment::Udp(_) if !destination::has_ports(&key) => self.drop_packet("port"),
            Segment::Tcp(tcp) => match build::unextended(&packet.ip, bytes) {
                Some(plain) => self.handle_tcp(now, key, tcp, &plain),
                None => self.handle_tcp(now, key, tcp, bytes),
            },
            Segment::Udp(udp) => {
                self.handle_outbound_datagram(now, key, (bytes, whole), udp.payload.to_vec());
            }
            Segment::Icmp(icmp) if is_echo_request(icmp) => {
                let body = [&icmp.rest[2..], icmp.payload].concat();
                self.handle_outbound_datagram(now, key, (bytes, whole), body);
            }
            _ => self.drop_packet("protocol"),
        }
    }

    fn handle_tcp(&mut self, now: Timestamp, key: FlowKey, tcp: &TcpSegment<'_>, bytes: &[u8]) {
        let opens = tcp.flags.syn && !tcp.flags.ack && !tcp.flags.rst && !tcp.flags.fin;
        if let Some(&id) = self.index.get(&key) {
            let gives_way = match self.flows.get(&id) {
                Some(Entry { kind: Kind::Tcp(flow), .. }) => flow.gives_way(tcp),
                _ => true,
            };
            if !(gives_way && opens) {
                self.resume(now, id);
                return self.with_tcp(now, id, |flow, wire, changes| {
                    flow.handle_packet(now, tcp, bytes, wire, changes);
                });
            }
            self.remove(id);
        }
        if tcp.flags.rst {
            return;
        }
        if !opens {
            self.drop_packet("no_connection");
            return self.wire.outbox.push(build::reset(&key, tcp));
        }
        if !self.make_room(now) {
            return self.wire.outbox.push(build::reset(&key, tcp));
        }
        let flow = TcpFlow::new(key, now, bytes);
        let id = self.insert(key, Kind::Tcp(Box::new(flow)));
        self.settle(now, id);
    }

    fn handle_outbound_datagram(
        &mut self,
        now: Timestamp,
        key: FlowKey,
        (bytes, whole): (&[u8], bool),
        payload: Vec<u8>,
    ) {
        let id = match self.index.get(&key).copied() {
            Some(id) => id,
            None if !self.make_room(now) => {
                let packet = build::unreachable(Unreachable::Prohibited, bytes, self.next_ident as u16);
                return self.outbox_push(packet);
            }
            None => self.insert(key, Kind::Datagram(DatagramFlow::new(&key, now))),
        };
        if let Some(Entry { kind: Kind::Datagram(flow), .. }) = self.flows.get_mut(&id) {
            flow.handle_packet(now, bytes, whole);
        }
        self.events.push_back((id, Event::Datagram(payload)));
        self.settle(now, id);
    }

    /// The phone's program that asked is gone: so is the conversation, and who still answers is told by the upstream.
    fn handle_port_unreachable(&mut self, now: Timestamp, icmp: &IcmpMessage<'_>) {
        let quoted = icmp.quoted().and_then(|quoted| Packet::parse(quoted).ok());
        let key = quoted.and_then(|packet| packet.flow_key(Direction::Inbound));
        let id = key.and_then(|key| self.index.get(&key).copied());
        match id.map(|id| (id, self.flows.get(&id))) {
            Some((id, Some(Entry { kind: Kind::Datagram(_), .. }))) => {
                self.changes.push(Change::Closed);
                self.settle(now, id);
            }
            _ => self.drop_packet("no_conversation"),
        }
    }

    fn insert(&mut self, key: FlowKey, kind: Kind) -> FlowId {
        let id = FlowId(self.next_id);
        self.next_id += 1;
        self.index.insert(key, id);
        let entry = Entry {
            key,
            kind,
            scheduled: None,
            ready: false,
            told: false,
            quiet: false,
            lingers: false,
            buffers: 0,
        };
        self.flows.insert(id, entry);
        self.events.push_back((id, Event::Connect(key)));
        id
    }

    /// Forgets a flow without telling the upstream.
    fn remove(&mut self, id: FlowId) -> Option<Entry> {
        let entry = self.flows.remove(&id)?;
        self.timers.cancel(id, entry.scheduled);
        if self.index.get(&entry.key) == Some(&id) {
            self.index.remove(&entry.key);
        }
        self.buffers -= entry.buffers;
        Some(entry)
    }

    /// Whether there is a place for one more flow, made if need be: first of connections that only linger, then of
    /// the flow that has been idle longest.
    fn make_room(&mut self, now: Timestamp) -> bool {
        if self.flows.len() < self.config.most_flows {
            return true;
        }
        while let Some(id) = self.lingering.pop_front() {
            if self.remove(id).is_some() {
                return true;
            }
        }
        if now >= self.next_eviction {
            let idlest = self.flows.iter().map(|(id, entry)| (entry.kind.heard(), *id)).min();
            if let Some((heard, id)) = idlest
                && now.since(heard) >= LEAST_IDLE
            {
                self.evict(now, id);
                return true;
            }
            self.next_eviction = now + EVICTION_PAUSE;
        }
        self.counts.refused += 1;
        false
    }

    fn evict(&mut self, now: Timestamp, id: FlowId) {
        self.counts.evicted += 1;
        if let Some(Entry { kind: Kind::Tcp(flow), .. }) = self.flows.get_mut(&id) {
            flow.abort(now, &mut self.wire);
        }
        if self.remove(id).is_some_and(|entry| !entry.told) {
            self.events.push_back((id, Event::Reset));
        }
    }

    fn with_tcp(
        &mut self,
        now: Timestamp,
        id: FlowId,
        change: impl FnOnce(&mut TcpFlow, &mut Wire, &mut Vec<Change>),
    ) {
        let Some(Entry { kind: Kind::Tcp(flow), .. }) = self.flows.get_mut(&id) else { return };
        change(flow, &mut self.wire, &mut self.changes);
        self.settle(now, id);
    }

    /// Tells the upstream of the changes of a flow, and sees to its next deadline or its end.
    fn settle(&mut self, now: Timestamp, id: FlowId) {
        let Some(entry) = self.flows.get_mut(&id) else { return self.changes.clear() };
        for change in self.changes.drain(..) {
            let event = match change {
                Change::Ready if std::mem::replace(&mut entry.ready, true) => continue,
                Change::Ready => Event::Ready,
                Change::ShutdownWrite => Event::ShutdownWrite,
                Change::Closed => Event::Closed,
                Change::Reset => Event::Reset,
            };
            entry.told |= matches!(event, Event::Closed | Event::Reset);
            self.events.push_back((id, event));
        }
        let deadline = match &mut entry.kind {
            Kind::Tcp(flow) => {
                if !entry.quiet && flow.is_quiet(now, &mut self.wire) {
                    entry.quiet = true;
                    self.quiet.push_back(id);
                }
                self.buffers = self.buffers + flow.buffers() - entry.buffers;
                entry.buffers = flow.buffers();
                (!flow.is_over()).then(|| flow.poll_timeout(now, &mut self.wire))
            }
            Kind::Datagram(flow) => (!entry.told).then(|| flow.poll_timeout()),
        };
        if entry.told && !entry.lingers {
            entry.lingers = true;
            self.lingering.push_back(id);
        }
        match deadline {
            Some(deadline) => self.timers.schedule(id, &mut entry.scheduled, deadline),
            None => drop(self.remove(id)),
        }
        if self.quiet.len() > self.config.most_quiet {
            self.rest_quiet(now);
        }
        // Those at the front expire first.
        while self.lingering.front().is_some_and(|id| !self.flows.contains_key(id)) {
            self.lingering.pop_front();
        }
    }

    fn drop_packet(&mut self, reason: &'static str) {
        *self.counts.dropped.entry(reason).or_default() += 1;
    }

    fn outbox_push(&mut self, packet: Option<Vec<u8>>) {
        if let Some(packet) = packet {
            self.wire.outbox.push(packet);
        }
    }
}

impl Kind {
    const fn heard(&self) -> Timestamp {
        match self {
            Self::Tcp(flow) => flow.heard(),
            Self::Datagram(flow) => flow.heard(),
        }
    }
}

fn is_echo_request(icmp: &IcmpMessage<'_>) -> bool {
    icmp.echo_id().is_some() && matches!(icmp.kind, 8 | 128)
}

fn reset_of(key: &FlowKey, syn: &[u8]) -> Option<Vec<u8>> {
    match Packet::parse(syn).ok()?.segment {
        Segment::Tcp(tcp) => Some(build::reset(key, &tcp)),
        _ => None,
    }
}

/// SplitMix64's finaliser: spreads a small change over all bits.
const fn mix(mut value: u64) -> u64 {
    value = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}
