//! Runs the engine over a capture: once as a whole, and once its layers alone, which show more than a report holds
//! (every Host of a connection that was kept alive, every name asked for, the rebuilt bytes).

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::BufReader;
use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use inspect::protocol::{Dissector, HttpMessage, HttpStart, Observation, Readable};
use inspect::report::{HostFrom, Report};
use inspect::stream::{StreamEvent, TcpStreams};
use inspect::{Config, Inspector, KeyRing};
use packet::{
    Direction, FlowKey, Input, Packet, Reassembled, Reassembler, Segment, TcpSegment, Timestamp, Transport,
};

use super::streams::Reference;

/// A flow's two ends in a fixed order, whoever the phone is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ends {
    pub transport: Transport,
    pub low: SocketAddr,
    pub high: SocketAddr,
}

impl Ends {
    /// Of two ends in any order.
    pub fn new(transport: Transport, one: SocketAddr, other: SocketAddr) -> Self {
        Self { transport, low: one.min(other), high: one.max(other) }
    }
}

impl Ends {
    /// Whether the other flow has the same transport and ports.
    pub fn has_ports_of(&self, other: &Self) -> bool {
        let ports = |ends: &Self| {
            let (one, two) = (ends.low.port(), ends.high.port());
            (ends.transport, one.min(two), one.max(two))
        };
        ports(self) == ports(other)
    }
}

/// Values by field.
pub type Fields = BTreeMap<&'static str, BTreeSet<String>>;

/// What the engine saw.
#[derive(Debug, Default)]
pub struct Seen {
    /// Why the capture could not be read (to its end).
    pub error: Option<String>,
    /// What made the engine panic.
    pub crash: Option<String>,
    /// What the layers saw of each flow.
    pub flows: BTreeMap<Ends, Fields>,
    /// Connections in the order in which they began.
    pub connections: Vec<Connection>,
    /// HTTP messages, in order.
    pub messages: Vec<HttpMessage>,
    /// Bytes that no dissector understands, in order.
    pub readable: Vec<Readable>,
    /// Why packets were not understood, in the report's words.
    pub unparsed: BTreeSet<String>,
    /// Identifiers in findings: the flow, the phone's end as the engine sees it, kind and value.
    pub identifiers: Vec<(Ends, &'static str, String)>,
}

/// A TCP connection, rebuilt.
#[derive(Debug, Default)]
pub struct Connection {
    /// What the engine's stream layer yielded, per direction.
    pub rebuilt: [Vec<Piece>; 2],
    /// What it should have yielded.
    pub reference: Reference,
}

/// A piece of a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    Data(u64, Vec<u8>),
    Gap(u64, u64),
}

/// Replays a capture. Never fails: what goes wrong is in the answer.
pub fn replay(file: &Path) -> Seen {
    let mut seen = Seen::default();
    let whole = catch_unwind(AssertUnwindSafe(|| report(file)));
    let layers = catch_unwind(AssertUnwindSafe(|| layers(file, &mut seen)));
    match whole {
        Ok(Ok(report)) => seen.add_report(&report),
        Ok(Err(error)) => seen.error = Some(error),
        Err(panic) => seen.crash = Some(message(&*panic)),
    }
    if let Err(panic) = layers {
        seen.crash = Some(message(&*panic));
    }
    seen
}

fn message(panic: &dyn std::any::Any) -> String {
    let text = panic.downcast_ref::<String>().cloned();
    text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned())).unwrap_or_default()
}

fn inputs(file: &Path, mut take: impl FnMut(Timestamp, Input<'_>)) -> Result<Option<String>, String> {
    let file = File::open(file).map_err(|error| error.to_string())?;
    let mut reader =
        recording::Reader::open(BufReader::new(file), None).map_err(|error| error.to_string())?;
    loop {
        match reader.next_input() {
            Ok(Some((now, input))) => take(now, input),
            Ok(None) => return Ok(reader.truncated().map(str::to_owned)),
            Err(error) => return Err(error.to_string()),
        }
    }
}

/// The engine's report of a capture.
pub fn report(file: &Path) -> Result<Report, String> {
    let mut inspector = Inspector::new(Config::default())?;
    let truncated = inputs(file, |now, input| {
        inspector.handle_input(now, input);
        while inspector.poll_event().is_some() {}
    })?;
    Ok(inspector.finish(truncated))
}

fn layers(file: &Path, seen: &mut Seen) {
    let mut layers =
        Layers { seen, keys: KeyRing::default(), reassembler: Reassembler::default(), open: BTreeMap::new() };
    let _ = inputs(file, |now, input| match input {
        Input::Packet { direction, bytes } => layers.packet(now, direction, bytes),
        Input::Keys(log) => layers.keys.add(log),
        _ => {}
    });
    let open = std::mem::take(&mut layers.open);
    open.into_values().for_each(|flow| layers.close(flow));
}

impl Seen {
    fn add_report(&mut self, report: &Report) {
        self.unparsed.extend(report.capture.unparsed.keys().cloned());
        for flow in &report.flows {
            let fields = self.flows.entry(Ends::new(flow.transport, flow.local, flow.remote)).or_default();
            if matches!(flow.host_from, Some(HostFrom::HttpHost | HostFrom::Sni)) {
                fields.entry("host").or_default().extend(flow.host.clone());
            }
            fields.entry("report ja4").or_default().extend(flow.ja4.clone());
        }
        for finding in &report.findings {
            let Some(flow) = report.flows.iter().find(|flow| flow.id == finding.flow) else { continue };
            let ends = Ends::new(flow.transport, flow.local, flow.remote);
            let found = finding.identifiers.iter().map(|id| (ends, id.kind.as_str(), id.value.clone()));
            self.identifiers.extend(found);
        }
    }
}

struct Layers<'a> {
    seen: &'a mut Seen,
    /// The secrets that the capture brings along.
    keys: KeyRing,
    reassembler: Reassembler,
    open: BTreeMap<Ends, Flow>,
}

struct Flow {
    key: FlowKey,
    first_seq: u32,
    streams: TcpStreams,
    dissector: Dissector,
    offsets: [u64; 2],
    connection: Connection,
    out: Vec<Observation>,
}

impl Layers<'_> {
    fn packet(&mut self, now: Timestamp, direction: Option<Direction>, bytes: &[u8]) {
        let Ok(packet) = Packet::parse(bytes).map(Packet::innermost) else { return };
        if !matches!(packet.segment, Segment::Fragment) {
            return self.whole(now, direction, &packet);
        }
        if let Reassembled::Complete(whole) = self.reassembler.insert(now, &packet.ip)
            && let Ok(packet) = Packet::parse(&whole).map(Packet::innermost)
        {
            self.whole(now, direction, &packet);
        }
    }

    fn whole(&mut self, now: Timestamp, direction: Option<Direction>, packet: &Packet<'_>) {
        let Some(key) = packet.flow_key(direction.unwrap_or_else(|| guess(packet))) else { return };
        let ends = Ends::new(key.transport, key.local, key.remote);
        if key.transport != Transport::Icmp {
            self.seen.flows.entry(ends).or_default();
        }
        let begins = match &packet.segment {
            Segment::Tcp(tcp) if tcp.flags.syn && !tcp.flags.ack => Some(tcp.seq),
            _ => None,
        };
        let replaced =
            self.open.get(&ends).is_some_and(|flow| begins.is_some_and(|seq| seq != flow.first_seq));
        if replaced && let Some(old) = self.open.remove(&ends) {
            self.close(old);
        }
        let new = || Flow::new(key, begins.unwrap_or_default(), self.keys.clone());
        let flow = self.open.entry(ends).or_insert_with(new);
        let source = match &packet.segment {
            Segment::Tcp(tcp) => SocketAddr::new(packet.ip.source, tcp.source_port),
            Segment::Udp(udp) => SocketAddr::new(packet.ip.source, udp.source_port),
            _ => return,
        };
        let direction = if source == flow.key.local { Direction::Outbound } else { Direction::Inbound };
        match &packet.segment {
            Segment::Tcp(tcp) => flow.tcp(now, direction, tcp),
            Segment::Udp(udp) => flow.udp(now, direction, udp.payload),
            _ => {}
        }
        let out = std::mem::take(&mut flow.out);
        self.observe(ends, out);
    }

    fn close(&mut self, mut flow: Flow) {
        let ends = Ends::new(flow.key.transport, flow.key.local, flow.key.remote);
        let Flow { streams, dissector, connection, out, .. } = &mut flow;
        streams.finish(&mut |direction, event| {
            connection.take(direction, event);
            dissector.handle_stream(Timestamp::default(), direction, event, out);
        });
        dissector.flush(out);
        let out = std::mem::take(out);
        self.observe(ends, out);
        if flow.key.transport == Transport::Tcp {
            self.seen.connections.push(flow.connection);
        }
    }

    fn observe(&mut self, ends: Ends, observations: Vec<Observation>) {
        let fields = self.seen.flows.entry(ends).or_default();
        let mut add = |field, value: &str| fields.entry(field).or_default().insert(value.to_owned());
        for mut observation in observations {
            while let Observation::Decrypted(inside) = observation {
                observation = *inside;
            }
            match observation {
                Observation::ClientHello(hello) => {
                    add("ja4", &hello.ja4);
                    hello.sni.iter().for_each(|name| _ = add("sni", name));
                }
                Observation::Dns(message) => {
                    message.questions.iter().for_each(|it| _ = add("dns", &it.name));
                }
                Observation::Http(message) => {
                    if let HttpStart::Request { target, .. } = &message.start {
                        add("http_uri", target);
                        message.authority().iter().for_each(|host| _ = add("http_host", host));
                    }
                    self.seen.messages.push(*message);
                }
                Observation::Readable(readable) => self.seen.readable.push(readable),
                _ => {}
            }
        }
    }
}

/// Who opened the flow, by its first packet: who sends a SYN, else who answers from a well-known port.
fn guess(packet: &Packet<'_>) -> Direction {
    let answers = match &packet.segment {
        Segment::Tcp(tcp) if tcp.flags.syn => tcp.flags.ack,
        Segment::Tcp(tcp) => tcp.source_port < 1024 && tcp.destination_port >= 1024,
        Segment::Udp(udp) => udp.source_port < 1024 && udp.destination_port >= 1024,
        _ => false,
    };
    if answers { Direction::Inbound } else { Direction::Outbound }
}

impl Flow {
    fn new(key: FlowKey, first_seq: u32, keys: KeyRing) -> Self {
        Self {
            key,
            first_seq,
            streams: TcpStreams::default(),
            dissector: Dissector::new(key.transport, key.remote.port()).with_keys(keys),
            offsets: [0; 2],
            connection: Connection::default(),
            out: Vec::new(),
        }
    }

    fn tcp(&mut self, now: Timestamp, direction: Direction, segment: &TcpSegment<'_>) {
        let Self { streams, dissector, connection, out, .. } = self;
        connection.reference.segment(direction, segment);
        streams.handle_segment(direction, segment, &mut |direction, event| {
            connection.take(direction, event);
            dissector.handle_stream(now, direction, event, out);
        });
    }

    fn udp(&mut self, now: Timestamp, direction: Direction, payload: &[u8]) {
        let offset = &mut self.offsets[direction.index()];
        self.dissector.handle_datagram(now, direction, *offset, payload, &mut self.out);
        *offset += payload.len() as u64;
    }
}

impl Connection {
    pub(super) fn take(&mut self, direction: Direction, event: StreamEvent<'_>) {
        let pieces = &mut self.rebuilt[direction.index()];
        match event {
            StreamEvent::Data { offset, bytes } => match pieces.last_mut() {
                Some(Piece::Data(start, data)) if *start + data.len() as u64 == offset => data.extend(bytes),
                _ => pieces.push(Piece::Data(offset, bytes.to_vec())),
            },
            StreamEvent::Gap { offset, len } => pieces.push(Piece::Gap(offset, len)),
            StreamEvent::End => {}
        }
    }
}
