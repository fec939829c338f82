//! Takes every flow of a capture apart and prints it as one JSON object a line: for comparing with other tools.
//!
//! `cargo run --example dissect -- CAPTURE [DIRECTORY]`: with a directory, each TCP half's bytes go to a file of their own.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use inspect::protocol::{BodyCoding, Dissector, DnsData, HttpStart, Observation};
use inspect::stream::{StreamEvent, TcpStreams};
use packet::{
    Direction, FlowKey, Input, Packet, Reassembled, Reassembler, Segment, TcpFlags, Timestamp, Transport,
};
use recording::Reader;
use serde_json::{Value, json};

struct Flow {
    key: FlowKey,
    streams: TcpStreams,
    dissector: Dissector,
    observations: Vec<Observation>,
    bytes: [Vec<u8>; 2],
    at: [u64; 2],
}

impl Flow {
    fn new(key: FlowKey) -> Self {
        Self {
            key,
            streams: TcpStreams::default(),
            dissector: Dissector::new(key.transport, key.remote.port()),
            observations: Vec::new(),
            bytes: Default::default(),
            at: [0; 2],
        }
    }

    fn handle(&mut self, now: Timestamp, direction: Direction, segment: Option<Segment<'_>>) {
        let Self { streams, dissector, observations, bytes, .. } = self;
        let mut sink = |direction: Direction, event: StreamEvent<'_>| {
            match event {
                StreamEvent::Data { bytes: data, .. } => bytes[direction.index()].extend_from_slice(data),
                StreamEvent::Gap { len, .. } => {
                    bytes[direction.index()]
                        .extend(format!("[{len} bytes missing in capture file]\0").bytes());
                }
                StreamEvent::End => {}
            }
            dissector.handle_stream(now, direction, event, observations);
        };
        match segment {
            Some(Segment::Tcp(tcp)) => streams.handle_segment(direction, &tcp, &mut sink),
            Some(Segment::Udp(udp)) => {
                let at = &mut self.at[direction.index()];
                self.dissector.handle_datagram(now, direction, *at, udp.payload, &mut self.observations);
                *at += udp.payload.len() as u64;
            }
            None => {
                streams.finish(&mut sink);
                self.dissector.flush(&mut self.observations);
            }
            _ => {}
        }
    }
}

fn main() {
    let mut args = std::env::args().skip(1);
    let path = args.next().expect("CAPTURE");
    let directory = args.next().map(PathBuf::from);
    let file = fs::File::open(&path).expect("readable");
    let mut reader = match Reader::open(file, None) {
        Ok(reader) => reader,
        Err(error) => return eprintln!("{path}: {error}"),
    };
    let mut reassembler = Reassembler::default();
    let mut flows: Vec<Flow> = Vec::new();
    let mut table: BTreeMap<FlowKey, usize> = BTreeMap::new();
    let mut last = Timestamp::default();
    loop {
        let (now, direction, bytes) = match reader.next_input() {
            Ok(Some((now, Input::Packet { direction, bytes }))) => (now, direction, bytes),
            Ok(Some(_)) => continue,
            Ok(None) => break,
            Err(error) => {
                eprintln!("{path}: {error}");
                break;
            }
        };
        last = now;
        let Ok(packet) = Packet::parse(bytes).map(Packet::innermost) else { continue };
        match packet.segment {
            Segment::Fragment => {
                if let Reassembled::Complete(whole) = reassembler.insert(now, &packet.ip)
                    && let Ok(packet) = Packet::parse(&whole)
                {
                    take(&mut flows, &mut table, now, direction, &packet);
                }
            }
            _ => take(&mut flows, &mut table, now, direction, &packet),
        }
    }
    for (number, mut flow) in flows.into_iter().enumerate() {
        flow.handle(last, Direction::Outbound, None);
        println!("{}", to_json(&flow));
        if let Some(directory) = &directory
            && flow.key.transport == Transport::Tcp
        {
            for (side, bytes) in ["out", "in"].into_iter().zip(&flow.bytes) {
                fs::write(directory.join(format!("{number}.{side}")), bytes).expect("writable");
            }
        }
    }
}

fn take(
    flows: &mut Vec<Flow>,
    table: &mut BTreeMap<FlowKey, usize>,
    now: Timestamp,
    told: Option<Direction>,
    packet: &Packet<'_>,
) {
    let Some(key) = packet.flow_key(told.unwrap_or(Direction::Outbound)) else { return };
    let flags = if let Segment::Tcp(tcp) = &packet.segment { tcp.flags } else { TcpFlags::default() };
    let known = [(key, false), (key.reversed(), true)]
        .into_iter()
        .find_map(|(key, reversed)| table.get(&key).map(|&index| (index, reversed)));
    let known = known.filter(|&(index, _)| !(flags.syn && !flags.ack && flows[index].streams.is_closed()));
    let (index, reversed) = known.unwrap_or_else(|| {
        let reversed = told.is_none() && flags.syn && flags.ack;
        let key = if reversed { key.reversed() } else { key };
        flows.push(Flow::new(key));
        table.remove(&key.reversed());
        table.insert(key, flows.len() - 1);
        (flows.len() - 1, reversed)
    });
    let direction = told.unwrap_or(Direction::Outbound);
    let direction = if reversed && told.is_none() { direction.reversed() } else { direction };
    flows[index].handle(now, direction, Some(packet.segment));
}

fn to_json(flow: &Flow) -> Value {
    let mut fields: BTreeMap<&str, Vec<Value>> = BTreeMap::new();
    let mut add = |field, value: Value| fields.entry(field).or_default().push(value);
    for observation in &flow.observations {
        match observation {
            Observation::Protocol(protocol) => add("protocols", json!(protocol.0)),
            Observation::ClientHello(hello) => {
                hello.sni.iter().for_each(|sni| add("sni", json!(sni)));
                hello.alpn.iter().for_each(|alpn| add("alpn", json!(alpn)));
                if !hello.ja4.is_empty() {
                    add("ja4", json!(hello.ja4));
                }
            }
            Observation::ServerHello(hello) => add("cipher", json!(hello.cipher)),
            Observation::Certificate(certificate) => add("certificate", json!(certificate.subject)),
            // None was given.
            Observation::Decrypted(_) | Observation::Whole(_) => {}
            Observation::Http(message) => {
                match &message.start {
                    HttpStart::Request { method, target, .. } => {
                        add("http_method", json!(method));
                        add("http_uri", json!(target));
                        message.authority().iter().for_each(|host| add("http_host", json!(host)));
                        message.header("user-agent").iter().for_each(|agent| add("user_agent", json!(agent)));
                    }
                    HttpStart::Response { status } => add("http_status", json!(status.to_string())),
                }
                add(
                    "messages",
                    json!([
                        message.direction,
                        message.body.len(),
                        message.coding == BodyCoding::Chunked,
                        message.cut,
                        message.body_range,
                        message.header("content-encoding")
                    ]),
                );
            }
            Observation::Dns(message) => {
                message.questions.iter().for_each(|it| add("dns", json!(it.name)));
                for answer in &message.answers {
                    let (kind, value) = match &answer.data {
                        DnsData::Address(address) => ("address", address.to_string()),
                        DnsData::Alias(name) => ("alias", name.clone()),
                        DnsData::Service { target, .. } => ("service", target.clone()),
                    };
                    add("dns_answer", json!([answer.name, kind, value]));
                }
            }
            Observation::Message(message) => {
                let parts = message.parts.iter().map(|part| json!([part.name, part.range]));
                add("parts", json!([message.direction, message.protocol, parts.collect::<Vec<_>>()]));
            }
            Observation::Readable(readable) => add("readable", json!([readable.direction, readable.range])),
            Observation::GiveUp { direction, reason } => add("give_up", json!([direction, reason])),
        }
    }
    let mut value = json!(fields);
    value["proto"] = json!(flow.key.transport.to_string());
    value["client"] = json!(flow.key.local.ip().to_string());
    value["cport"] = json!(flow.key.local.port());
    value["server"] = json!(flow.key.remote.ip().to_string());
    value["sport"] = json!(flow.key.remote.port());
    value["payload"] = json!([flow.bytes[0].len(), flow.bytes[1].len()]);
    value["missing"] = json!(Direction::BOTH.map(|d| flow.streams.stats(d).missing));
    value["midstream"] = json!(flow.streams.midstream());
    value
}
