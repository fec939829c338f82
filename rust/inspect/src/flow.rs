//! The flow table: which packets belong together, when a flow begins and how it ends.

mod tcp;

use std::collections::{BTreeSet, HashMap};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use foldhash::fast::RandomState;
use packet::{Direction, FlowKey, Packet, Segment, Timestamp, Transport};

use crate::keylog::KeyRing;
use crate::protocol::Dissector;
use crate::report::Close;
use crate::stream::TcpStreams;

pub use tcp::TcpState;

/// Flows that a report lists. Later ones are counted, not listed.
pub const MOST_LISTED: usize = 262_144;
/// Flows that are taken apart at a time. The longest idle one is given up first.
pub const MOST_LIVE: usize = 65_536;
/// Bytes kept of all flows together, behind holes and in unfinished messages. Beyond it flows are given up as well.
const MOST_HELD: usize = 256 << 20;
/// What a flow takes besides while it keeps any, in bytes.
const BESIDES: usize = 6 << 10;
/// What is kept of an idle flow is judged after this long, so that it does not wait for the flow's end.
const FLUSH_AFTER: Duration = Duration::from_secs(10);
/// A closed flow is kept for stragglers.
const LINGER: Duration = Duration::from_secs(30);
/// RFC 5382 REQ-5: an open TCP connection is idle after no less than 2 h 4 min.
const TCP_IDLE: Duration = Duration::from_secs(7_440);
/// RFC 4787 REQ-5 recommends 5 min.
const UDP_IDLE: Duration = Duration::from_secs(300);

/// A flow's number: 0, 1, 2 … in the order of first packets. Reports count from 1.
pub type FlowId = usize;

/// What the table knows of a flow.
#[derive(Debug, Clone)]
pub struct Flow {
    /// The phone's end and the other.
    pub key: FlowKey,
    /// Time of the first packet.
    pub opened: Timestamp,
    /// Time of the last packet.
    pub last: Timestamp,
    /// How it ended.
    pub close: Option<Close>,
    /// Payload bytes by direction: sent, whether captured or not, retransmissions once.
    pub bytes: [u64; 2],
    /// Payload bytes by direction that a dissector read.
    pub read: [u64; 2],
    /// Payload bytes by direction that the capture does not hold, as far as somebody wanted to read them.
    pub missing: [u64; 2],
    /// TCP's state; unused by other transports.
    pub tcp: TcpState,
    /// Bytes kept of it, no less than there are.
    held: usize,
    /// Whether what is pending was judged already and nothing came since.
    flushed: bool,
    /// Its entry among the timers.
    armed: Option<Timestamp>,
    /// Neither of its streams is read any more, and nothing is kept of it: its packets are only counted.
    pub passed_over: bool,
    /// What takes it apart; gone when it is over.
    pub live: Option<Box<Live>>,
    /// Whether it was picked up in the middle.
    pub midstream: bool,
}

/// What takes a flow apart.
#[derive(Debug, Clone)]
pub struct Live {
    /// The byte streams; unused by datagrams.
    pub streams: TcpStreams,
    /// The protocol.
    pub dissector: Dissector,
}

impl Live {
    fn keeps_bytes(&self) -> bool {
        self.dissector.is_pending() || self.streams.is_waiting()
    }

    fn reads_streams(&self) -> bool {
        Direction::BOTH.iter().any(|way| self.streams.is_read(*way))
    }
}

impl Flow {
    fn new(key: FlowKey, now: Timestamp, midstream: bool, keys: &KeyRing) -> Self {
        let dissector = Dissector::new(key.transport, key.remote.port()).with_keys(keys.clone());
        Self {
            key,
            opened: now,
            last: now,
            close: None,
            bytes: [0; 2],
            read: [0; 2],
            missing: [0; 2],
            tcp: TcpState::default(),
            held: 0,
            flushed: false,
            armed: None,
            passed_over: false,
            live: Some(Box::new(Live { streams: TcpStreams::default(), dissector })),
            midstream,
        }
    }

    /// Which way a packet from `source` goes.
    pub fn direction_from(&self, source: SocketAddr) -> Direction {
        if source == self.key.local { Direction::Outbound } else { Direction::Inbound }
    }

    /// Whether the other end took the connection, or sent anything.
    pub fn is_answered(&self) -> bool {
        self.bytes[Direction::Inbound.index()] > 0
            || (self.key.transport == Transport::Tcp && self.tcp.is_open())
    }

    /// The flow counts as over when nothing happens until then.
    fn over_at(&self) -> Timestamp {
        let idle = match (self.close, self.key.transport) {
            (Some(_), _) => LINGER,
            (None, Transport::Tcp) => TCP_IDLE,
            (None, _) => UDP_IDLE,
        };
        self.last + idle
    }

    /// When the flow must be looked at again if nothing happens until then.
    fn deadline(&self) -> Timestamp {
        let pending = !self.flushed && self.live.as_ref().is_some_and(|live| live.dissector.is_pending());
        let over = self.over_at();
        if pending { over.min(self.last + FLUSH_AFTER) } else { over }
    }

    /// Whether a packet between the same ends belongs to a new flow.
    fn is_reopened_by(&self, packet: &Packet<'_>) -> bool {
        match &packet.segment {
            Segment::Tcp(tcp) if tcp.flags.syn && !tcp.flags.ack => self.tcp.is_new_syn(tcp.seq),
            Segment::Tcp(_) => matches!(self.close, Some(Close::Idle | Close::Evicted)),
            _ => self.close.is_some(),
        }
    }
}

/// What is due for a flow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Due {
    /// Judge what is kept; the flow goes on.
    Flush(FlowId),
    /// The flow is over: judge what is kept, then forget how to take it apart.
    Over(FlowId),
}

/// Where a packet belongs.
#[derive(Debug, PartialEq, Eq)]
pub struct Place {
    /// The flow.
    pub id: FlowId,
    /// Which way the packet goes.
    pub direction: Direction,
    /// Set when the packet opened the flow.
    pub opened: bool,
    /// A flow that this one takes the place of, and that is over now.
    pub replaced: Option<FlowId>,
}

/// All flows of a session.
#[derive(Debug, Clone, Default)]
pub struct FlowTable {
    flows: Vec<Flow>,
    /// Never iterated: the hash order shows nowhere. Looked into for every packet, where the standard hash took a third
    /// of the time.
    by_ends: HashMap<Ends, FlowId, RandomState>,
    /// The flow of the last packet: most often the next one's as well.
    latest: Option<(Ends, FlowId)>,
    /// One entry for each flow that is taken apart or lingers; may be earlier than the true deadline.
    timers: BTreeSet<(Timestamp, FlowId)>,
    /// Bytes kept of all flows.
    held: usize,
    evicted: u64,
    unlisted: u64,
}

impl FlowTable {
    /// All flows, by id.
    pub fn flows(&self) -> &[Flow] {
        &self.flows
    }

    /// The flow of that number.
    pub fn get_mut(&mut self, id: FlowId) -> &mut Flow {
        &mut self.flows[id]
    }

    /// The newest flow between these ends, whichever is the phone's.
    pub fn find(&self, key: &FlowKey) -> Option<FlowId> {
        self.by_ends.get(&Ends::of(key)).copied()
    }

    /// Flows that are taken apart or linger.
    pub fn live(&self) -> usize {
        self.timers.len()
    }

    /// Bytes kept of all flows.
    pub fn held(&self) -> usize {
        self.held
    }

    /// Flows that were given up because the table was full.
    pub fn evicted(&self) -> u64 {
        self.evicted
    }

    /// Packets that would have opened a flow beyond [`MOST_LISTED`].
    pub fn unlisted(&self) -> u64 {
        self.unlisted
    }

    /// Finds or opens the flow of a packet, and counts the packet in. `direction` is what the capture says, if it does; `keys`
    /// are for what a new flow encrypts.
    /// `None` for packets that belong to no flow, and when the table is full.
    pub fn place(
        &mut self,
        now: Timestamp,
        direction: Option<Direction>,
        packet: &Packet<'_>,
        keys: &KeyRing,
    ) -> Option<Place> {
        let outbound = packet.flow_key(Direction::Outbound)?;
        let ends = Ends::of(&outbound);
        let found = match self.latest {
            Some((latest, id)) if latest == ends => Some(id),
            _ => self.by_ends.get(&ends).copied(),
        };
        let (id, opened, replaced) = match found {
            Some(id) if !self.flows[id].is_reopened_by(packet) => (id, false, None),
            _ => {
                let replaced = found.filter(|id| self.flows[*id].live.is_some());
                let key = match direction.unwrap_or_else(|| guess_direction(packet)) {
                    Direction::Outbound => outbound,
                    Direction::Inbound => outbound.reversed(),
                };
                (self.open(now, key, packet, keys)?, true, replaced)
            }
        };
        self.latest = Some((ends, id));
        let flow = &mut self.flows[id];
        flow.last = now;
        flow.flushed = false;
        Some(Place { id, direction: flow.direction_from(outbound.local), opened, replaced })
    }

    /// The next thing due by `now`, with its time. Call until it yields `None`.
    pub fn poll_due(&mut self, now: Timestamp) -> Option<(Timestamp, Due)> {
        while let Some(&(at, id)) = self.timers.first()
            && at <= now
        {
            self.timers.pop_first();
            let flow = &mut self.flows[id];
            flow.armed = None;
            if flow.deadline() > at {
                self.arm(id);
                continue;
            }
            if flow.over_at() > at {
                flow.flushed = true;
                return Some((at, Due::Flush(id)));
            }
            flow.close.get_or_insert(if flow.tcp.is_unanswered() { Close::Unanswered } else { Close::Idle });
            return Some((at, Due::Over(id)));
        }
        None
    }

    /// Counts the `len` bytes that were read of a packet that was just handled as kept, or, when nothing is kept of the
    /// flow any more, all of it as gone.
    pub fn hold(&mut self, id: FlowId, len: usize) {
        let flow = &mut self.flows[id];
        let kept = flow.live.as_ref().is_some_and(|live| live.keeps_bytes());
        flow.passed_over = !kept && flow.live.as_ref().is_some_and(|live| !live.reads_streams());
        let held = if kept { flow.held.max(BESIDES).saturating_add(len) } else { 0 };
        self.held = self.held - flow.held + held;
        flow.held = held;
    }

    /// When [`Self::poll_due`] may have something: perhaps too early, never too late.
    pub fn next_timer(&self) -> Option<Timestamp> {
        self.timers.first().map(|(at, _)| *at)
    }

    /// To be called after a flow was flushed, was closed, or holds something new: its deadline may have come nearer.
    pub fn arm(&mut self, id: FlowId) {
        let flow = &mut self.flows[id];
        if flow.live.is_none() {
            if let Some(old) = flow.armed.take() {
                self.timers.remove(&(old, id));
            }
            return;
        }
        let deadline = flow.deadline();
        match flow.armed {
            Some(armed) if armed <= deadline => return,
            Some(armed) => self.timers.remove(&(armed, id)),
            None => false,
        };
        flow.armed = Some(deadline);
        self.timers.insert((deadline, id));
    }

    /// The flow that must be given up to make room, if any: the one whose time would be up first.
    pub fn poll_eviction(&mut self) -> Option<FlowId> {
        if self.timers.len() <= MOST_LIVE && self.held <= MOST_HELD {
            return None;
        }
        let (_, id) = self.timers.pop_first()?;
        self.evicted += 1;
        let flow = &mut self.flows[id];
        flow.armed = None;
        flow.close.get_or_insert(Close::Evicted);
        Some(id)
    }

    fn open(&mut self, now: Timestamp, key: FlowKey, packet: &Packet<'_>, keys: &KeyRing) -> Option<FlowId> {
        if self.flows.len() >= MOST_LISTED {
            self.unlisted += 1;
            return None;
        }
        let id = self.flows.len();
        let midstream = matches!(packet.segment, Segment::Tcp(tcp) if !tcp.flags.syn);
        self.flows.push(Flow::new(key, now, midstream, keys));
        self.by_ends.insert(Ends::of(&key), id);
        self.arm(id);
        Some(id)
    }
}

/// Which way a packet goes when the capture does not say: the end that opened the flow is taken for the phone. Where the
/// opening was not captured, the end with the service's port is the other end.
fn guess_direction(packet: &Packet<'_>) -> Direction {
    let (source, destination) = match &packet.segment {
        Segment::Tcp(tcp) if tcp.flags.syn => {
            return if tcp.flags.ack { Direction::Inbound } else { Direction::Outbound };
        }
        Segment::Icmp(icmp) if matches!(icmp.kind, 0 | 129) => return Direction::Inbound,
        Segment::Tcp(tcp) => (tcp.source_port, tcp.destination_port),
        Segment::Udp(udp) => (udp.source_port, udp.destination_port),
        _ => return Direction::Outbound,
    };
    if is_service(source) && !is_service(destination) { Direction::Inbound } else { Direction::Outbound }
}

fn is_service(port: u16) -> bool {
    port < 1024
        || matches!(port, 1883 | 3478 | 5222 | 5223 | 5228..=5230 | 5353 | 5683 | 8000 | 8080 | 8443 | 8883)
}

/// The two ends of a flow, the smaller first: the same for both directions. Few integers, so that hashing is cheap.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Ends {
    addresses: [u128; 2],
    /// Both ports, the transport and the IP version.
    rest: u64,
}

impl Ends {
    fn of(key: &FlowKey) -> Self {
        let end = |end: SocketAddr| match end.ip() {
            IpAddr::V4(address) => (u128::from(u32::from(address)), end.port()),
            IpAddr::V6(address) => (u128::from(address), end.port()),
        };
        let (one, other) = (end(key.local), end(key.remote));
        let (low, high) = if one <= other { (one, other) } else { (other, one) };
        let kind = (key.transport as u64) << 1 | u64::from(key.local.is_ipv6());
        Self { addresses: [low.0, high.0], rest: kind << 32 | u64::from(low.1) << 16 | u64::from(high.1) }
    }
}
