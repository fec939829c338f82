//! The pipeline's outside: inputs in, events and a report out.

mod observe;

use std::collections::VecDeque;
use std::mem;

use packet::{
    App, Direction, FlowKey, IcmpMessage, Input, IpPacket, Packet, Phase, Reassembled, Reassembler,
};
use packet::{Segment, TcpSegment, Timestamp, Transport};

use crate::facts::{Facts, Home};
use crate::flow::{Due, FlowId, FlowTable, Live, Place};
use crate::identifier::{IdentifierKind, KnownIdentifier, Recurring, Scanner};
use crate::keylog::{KeyLog, KeyRing};
use crate::naming::{Asker, Names};
use crate::protocol::Observation;
use crate::report::{Capture, Close, Finding, Flow, PhaseAt, Report, SCHEMA};
use crate::stream::StreamEvent;
use crate::summary::{self, Counts};
use crate::trigger::{Watched, triggers};

/// Events kept for a reader that is slow. Beyond it the oldest about flows are dropped; the report holds them all.
const MOST_EVENTS: usize = 65_536;

/// What a session is told before it begins.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Config {
    /// For `capture.source`: the file's name, or the live session's.
    pub source: String,
    /// Country in which the phone is meant to be used (ISO 3166-1 alpha-2).
    pub home: Option<String>,
    /// Values of this phone to look for.
    pub watch: Vec<KnownIdentifier>,
    /// Secrets of connections, to read what they encrypt.
    pub keys: KeyLog,
}

/// Something to show at once.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// The phone entered a phase.
    Phase(PhaseAt),
    /// A flow was opened, named or closed.
    Flow(Box<Flow>),
    /// Something was found, or more of it: the same id may come again, with more identifiers.
    Finding(Box<Finding>),
}

/// Takes a session's inputs in order and tells what they show.
///
/// Timers only move when an input or [`Self::handle_timeout`] moves them, each to its own deadline: when
/// `handle_timeout` is called late, or not at all, the report is the same.
#[derive(Debug, Clone)]
pub struct Inspector {
    config: Config,
    scanner: Scanner,
    /// Time of the latest input, or of the timer that is being handled.
    now: Timestamp,
    capture: Capture,
    reassembler: Reassembler,
    table: FlowTable,
    /// By flow id.
    facts: Vec<Facts>,
    names: Names,
    home: Home,
    phases: Vec<PhaseAt>,
    /// How often the phone started.
    boots: u32,
    recurring: Recurring,
    findings: Vec<Finding>,
    events: VecDeque<Event>,
    counts: Counts,
    keys: KeyRing,
    /// Whether the observation at hand was decrypted.
    decrypted: bool,
    /// See [`Inspector::unread`].
    unread: usize,
    /// Kept for its capacity.
    observations: Vec<Observation>,
}

impl Inspector {
    /// A session that has seen nothing yet.
    ///
    /// # Errors
    /// A watched value that its kind does not allow, in one plain sentence.
    pub fn new(mut config: Config) -> Result<Self, String> {
        let mut scanner = Scanner::default();
        scanner.watch_all(&config.watch)?;
        let keys = KeyRing::new(mem::take(&mut config.keys));
        let mut home = Home { stated: config.home.clone(), ..Home::default() };
        for known in config.watch.iter().filter(|known| known.kind == IdentifierKind::Imsi) {
            home.learn(known.value.trim());
        }
        Ok(Self {
            capture: Capture { source: config.source.clone(), ..Capture::default() },
            config,
            scanner,
            now: Timestamp::from_nanos(i64::MIN),
            reassembler: Reassembler::default(),
            table: FlowTable::default(),
            facts: Vec::new(),
            names: Names::default(),
            home,
            phases: Vec::new(),
            boots: 0,
            recurring: Recurring::default(),
            findings: Vec::new(),
            events: VecDeque::new(),
            counts: Counts::default(),
            keys,
            decrypted: false,
            unread: 0,
            observations: Vec::new(),
        })
    }

    /// Takes the next input. Times that go backwards count as the latest time seen.
    pub fn handle_input(&mut self, now: Timestamp, input: Input<'_>) {
        self.handle_timeout(now);
        self.unread = 0;
        match input {
            Input::Packet { direction, bytes } => self.handle_packet(direction, bytes),
            Input::Skipped { reason, len } => {
                self.count_packet(len);
                self.count_unparsed(reason);
            }
            Input::Owner { flow, app } => self.handle_owner(&flow, app),
            Input::Phase(phase) => self.handle_phase(phase),
            Input::Keys(log) => self.keys.add(log),
        }
    }

    /// How many bytes at the end of the last input's packet were of no use, because nobody can read them: a replay in which
    /// they were cut off gives the same report.
    pub const fn unread(&self) -> usize {
        self.unread
    }

    /// Moves the timers due by `now`.
    pub fn handle_timeout(&mut self, now: Timestamp) {
        let now = now.max(self.now);
        while let Some((at, due)) = self.table.poll_due(now) {
            self.now = at.max(self.now);
            match due {
                Due::Flush(id) => self.flush(id),
                Due::Over(id) => self.retire(id),
            }
        }
        self.now = now;
    }

    /// When [`Self::handle_timeout`] should be called next.
    pub fn poll_timeout(&self) -> Option<Timestamp> {
        self.table.next_timer()
    }

    /// The next thing to show.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// Flows that are being taken apart, or were a moment ago.
    pub fn live_flows(&self) -> usize {
        self.table.live()
    }

    /// Bytes that are kept of them, behind holes and in unfinished messages; no less than there are.
    pub fn held(&self) -> usize {
        self.table.held()
    }

    /// The report as it would be if the session ended here. It says that it is not the last word.
    pub fn snapshot(&self) -> Report {
        self.clone().finish(Some("the session was still running when this report was made".to_owned()))
    }

    /// Ends the session: what is still unfinished is judged as it stands. `truncated` says where and why reading
    /// stopped early.
    pub fn finish(mut self, truncated: Option<String>) -> Report {
        for id in 0..self.table.flows().len() {
            let flow = self.table.get_mut(id);
            if flow.live.is_none() {
                continue;
            }
            if flow.tcp.is_unanswered() {
                flow.close.get_or_insert(Close::Unanswered);
            }
            self.retire(id);
        }
        self.capture.truncated = truncated;
        let coverage = summary::coverage(&self.table, &self.facts, &self.config.watch);
        let unseen = summary::unseen(&self.capture, &coverage, &self.table, &self.facts, &self.counts);
        let flows: Vec<Flow> = (0..self.facts.len()).map(|id| self.report_flow(id)).collect();
        let triggers = triggers(&[Watched::of(&self.capture, &self.phases, &flows)]);
        Report {
            schema: SCHEMA.to_owned(),
            capture: self.capture,
            coverage,
            phases: self.phases,
            flows,
            findings: self.findings,
            triggers,
            unseen,
        }
    }

    fn handle_phase(&mut self, phase: Phase) {
        let mark = PhaseAt { phase, at: self.now };
        // A start is told twice: while storage is locked, and again after the first unlock.
        let told =
            self.phases.iter().rev().find(|it| matches!(it.phase, Phase::LockedBoot | Phase::BootCompleted));
        let again = phase == Phase::BootCompleted && told.is_some_and(|it| it.phase == Phase::LockedBoot);
        self.boots += u32::from(matches!(phase, Phase::LockedBoot | Phase::BootCompleted) && !again);
        let first = self.phases.iter().all(|known| known.phase != phase);
        self.phases.push(mark);
        self.emit(Event::Phase(mark));
        if first && phase == Phase::SetupDone {
            self.judge_set_up();
        }
    }

    fn handle_owner(&mut self, key: &FlowKey, app: &App) {
        let Some(id) = self.table.find(key) else { return };
        self.facts[id].app = Some(app.clone());
        self.name_by_address(id);
        self.emit_flow(id);
        // The first packet can give a finding before the system says whose it is.
        let indices: Vec<usize> = self.facts[id].findings.iter().map(|(_, index)| *index).collect();
        for index in indices {
            if self.findings[index].app.as_ref() == Some(&app.name) {
                continue;
            }
            self.findings[index].app = Some(app.name.clone());
            self.emit(Event::Finding(Box::new(self.findings[index].clone())));
        }
    }

    fn handle_packet(&mut self, direction: Option<Direction>, bytes: &[u8]) {
        let parsed = Packet::parse(bytes);
        // What was cut off of a packet was on the wire all the same.
        self.count_packet(bytes.len() + parsed.as_ref().map_or(0, |packet| packet.ip.missing));
        for _ in 0..self.reassembler.expire(self.now) {
            self.count_unparsed("fragment_incomplete");
        }
        let carried = parsed.as_ref().map_or(0, |packet| packet.ip.payload.len());
        match parsed.map(Packet::innermost) {
            Ok(Packet { ip, segment: Segment::Fragment }) => {
                self.handle_piece(direction, &ip);
                self.unread = 0;
            }
            Ok(packet) => {
                self.handle_whole(direction, &packet);
                // What is tunnelled, or followed by padding, is kept as it is.
                let header = bytes.len() - carried;
                let plain = carried == packet.ip.payload.len()
                    && bytes[header..].as_ptr() == packet.ip.payload.as_ptr();
                self.unread = if plain { self.unread } else { 0 };
            }
            Err(error) => self.count_unparsed(error.reason()),
        }
    }

    fn handle_piece(&mut self, direction: Option<Direction>, piece: &IpPacket<'_>) {
        match self.reassembler.insert(self.now, piece) {
            Reassembled::Pending => {}
            Reassembled::Refused(reason) => self.count_unparsed(reason),
            Reassembled::Complete(whole) => match Packet::parse(&whole).map(Packet::innermost) {
                Ok(packet) => self.handle_whole(direction, &packet),
                Err(error) => self.count_unparsed(error.reason()),
            },
        }
    }

    fn handle_whole(&mut self, direction: Option<Direction>, packet: &Packet<'_>) {
        match &packet.segment {
            Segment::Other(protocol) => return self.count_unparsed(&format!("ip_protocol_{protocol}")),
            Segment::Icmp(icmp) => self.handle_icmp_error(icmp),
            _ => {}
        }
        let Some(place) = self.table.place(self.now, direction, packet, &self.keys) else { return };
        if let Some(old) = place.replaced {
            self.table.get_mut(old).close.get_or_insert(Close::Replaced);
            self.retire(old);
        }
        if place.opened {
            self.facts.push(Facts::new(self.table.get_mut(place.id).key.remote));
            self.name_by_address(place.id);
            self.emit_flow(place.id);
        }
        match &packet.segment {
            Segment::Tcp(segment) if self.pass_over(&place, segment) => return,
            Segment::Tcp(segment) => self.handle_tcp(&place, segment),
            Segment::Udp(datagram) => self.handle_datagram(&place, datagram.payload, datagram.missing),
            Segment::Icmp(icmp) => self.handle_datagram(&place, icmp.payload, 0),
            Segment::Fragment | Segment::Other(_) => {}
        }
        self.table.hold(place.id, packet.ip.payload.len() - self.unread);
        self.table.arm(place.id);
        while let Some(id) = self.table.poll_eviction() {
            self.retire(id);
        }
    }

    /// Counts a segment of a connection that nobody reads any more and that goes on. Most are of these, and change nothing
    /// else.
    fn pass_over(&mut self, place: &Place, segment: &TcpSegment<'_>) -> bool {
        let flow = self.table.get_mut(place.id);
        if !flow.passed_over || segment.flags.fin || segment.flags.rst {
            return false;
        }
        flow.bytes[place.direction.index()] += flow.tcp.handle(place.direction, segment).0;
        self.unread = segment.payload.len();
        true
    }

    fn handle_tcp(&mut self, place: &Place, segment: &TcpSegment<'_>) {
        let now = self.now;
        let flow = self.table.get_mut(place.id);
        let (added, close) = flow.tcp.handle(place.direction, segment);
        flow.bytes[place.direction.index()] += added;
        if let Some(live) = &mut flow.live {
            let Live { streams, dissector } = &mut **live;
            for way in Direction::BOTH {
                if !dissector.wants(way) {
                    streams.discard(way);
                }
            }
            if !streams.is_read(place.direction) {
                self.unread = segment.payload.len();
            }
            if Direction::BOTH.iter().any(|way| streams.is_read(*way)) {
                let mut seen = mem::take(&mut self.observations);
                let (read, missing) = (&mut flow.read, &mut flow.missing);
                streams.handle_segment(place.direction, segment, &mut |way, event| {
                    count_stream(read, missing, way, &event, dissector.wants(way));
                    dissector.handle_stream(now, way, event, &mut seen);
                });
                self.take_observations(place.id, seen);
            }
        }
        if let Some(close) = close
            && self.table.get_mut(place.id).close.is_none()
        {
            self.table.get_mut(place.id).close = Some(close);
            self.flush(place.id);
            self.judge_contact(place.id);
            self.emit_flow(place.id);
        }
    }

    fn handle_datagram(&mut self, place: &Place, payload: &[u8], missing: usize) {
        let now = self.now;
        let way = place.direction.index();
        let flow = self.table.get_mut(place.id);
        let offset = flow.bytes[way];
        flow.bytes[way] += (payload.len() + missing) as u64;
        let mut seen = mem::take(&mut self.observations);
        let Some(live) = flow.live.as_mut().filter(|live| live.dissector.wants(place.direction)) else {
            self.observations = seen;
            self.unread = payload.len();
            return self.update_encrypted(place.id);
        };
        flow.missing[way] += missing as u64;
        live.dissector.handle_datagram(now, place.direction, offset, payload, &mut seen);
        self.take_observations(place.id, seen);
        // Of an encrypted datagram (QUIC) a dissector reads the hello at most.
        if self.facts[place.id].encrypted != Some(true) {
            self.table.get_mut(place.id).read[way] += payload.len() as u64;
        }
    }

    /// An ICMP error about a flow that nobody had answered yet: it was refused.
    fn handle_icmp_error(&mut self, icmp: &IcmpMessage<'_>) {
        if icmp.is_packet_too_big() {
            return;
        }
        let Some(Ok(quoted)) = icmp.quoted().map(quoted_key) else { return };
        let Some(id) = quoted.and_then(|key| self.table.find(&key)) else { return };
        let flow = self.table.get_mut(id);
        let unanswered = match flow.key.transport {
            Transport::Tcp => flow.tcp.is_opening(),
            _ => flow.bytes[Direction::Inbound.index()] == 0,
        };
        if unanswered && flow.close.is_none() {
            flow.close = Some(Close::Refused);
            self.table.arm(id);
            self.emit_flow(id);
            self.judge_contact(id);
        }
    }

    /// Judges what is kept; the flow goes on.
    fn flush(&mut self, id: FlowId) {
        let mut seen = mem::take(&mut self.observations);
        if let Some(live) = &mut self.table.get_mut(id).live {
            live.dissector.flush(&mut seen);
        }
        self.take_observations(id, seen);
        self.table.hold(id, 0);
        self.table.arm(id);
    }

    /// The flow is over: judges what is kept, then forgets how to take it apart.
    fn retire(&mut self, id: FlowId) {
        let now = self.now;
        let mut seen = mem::take(&mut self.observations);
        let flow = self.table.get_mut(id);
        if let Some(live) = &mut flow.live {
            let Live { streams, dissector } = &mut **live;
            let (read, missing) = (&mut flow.read, &mut flow.missing);
            streams.finish(&mut |way, event| {
                count_stream(read, missing, way, &event, dissector.wants(way));
                dissector.handle_stream(now, way, event, &mut seen);
            });
            dissector.flush(&mut seen);
        }
        self.take_observations(id, seen);
        self.judge_contact(id);
        self.table.get_mut(id).live = None;
        self.table.hold(id, 0);
        self.table.arm(id);
        self.emit_flow(id);
    }

    fn take_observations(&mut self, id: FlowId, mut seen: Vec<Observation>) {
        for observation in seen.drain(..) {
            self.observe(id, observation);
        }
        self.observations = seen;
        self.update_encrypted(id);
    }

    fn name_by_address(&mut self, id: FlowId) {
        let key = self.table.get_mut(id).key;
        let asker = Asker { local: key.local.ip(), app: self.facts[id].app.clone() };
        if let Some((host, from)) = self.names.name(key.remote.ip(), &asker) {
            let host = host.to_owned();
            self.facts[id].set_host(host, from);
        }
    }

    fn count_packet(&mut self, len: usize) {
        self.capture.packets += 1;
        self.capture.bytes += len as u64;
        self.capture.first.get_or_insert(self.now);
        self.capture.last = Some(self.now);
    }

    fn count_unparsed(&mut self, reason: &str) {
        match self.capture.unparsed.get_mut(reason) {
            Some(count) => *count += 1,
            None => drop(self.capture.unparsed.insert(reason.to_owned(), 1)),
        }
    }

    fn report_flow(&self, id: FlowId) -> Flow {
        let flow = &self.table.flows()[id];
        self.facts[id].to_report(report_id(id), flow, &self.home)
    }

    fn emit_flow(&mut self, id: FlowId) {
        let flow = self.report_flow(id);
        self.emit(Event::Flow(Box::new(flow)));
    }

    fn emit(&mut self, event: Event) {
        if self.events.len() >= MOST_EVENTS {
            let oldest = self.events.iter().position(|event| matches!(event, Event::Flow(_)));
            self.events.remove(oldest.unwrap_or(0));
        }
        self.events.push_back(event);
    }
}

/// Reports count from 1.
fn report_id(id: FlowId) -> u32 {
    u32::try_from(id + 1).unwrap_or(u32::MAX)
}

fn count_stream(
    read: &mut [u64; 2],
    missing: &mut [u64; 2],
    way: Direction,
    event: &StreamEvent<'_>,
    wanted: bool,
) {
    match event {
        StreamEvent::Data { bytes, .. } if wanted => read[way.index()] += bytes.len() as u64,
        StreamEvent::Gap { len, .. } => missing[way.index()] += len,
        _ => {}
    }
}

/// The flow that an ICMP error is about. It quotes as little as eight bytes of the transport header, too few for the
/// usual views.
fn quoted_key(bytes: &[u8]) -> Result<Option<FlowKey>, packet::ParseError> {
    let ip = IpPacket::parse(bytes)?;
    let transport = match ip.protocol {
        6 => Transport::Tcp,
        17 => Transport::Udp,
        _ => return Ok(None),
    };
    let Some([a, b, c, d]) = ip.payload.first_chunk() else { return Ok(None) };
    let local = (ip.source, u16::from_be_bytes([*a, *b])).into();
    let remote = (ip.destination, u16::from_be_bytes([*c, *d])).into();
    Ok(Some(FlowKey { transport, local, remote }))
}
