//! How fast each stage of the engine is by itself. Shows medians and spread; slowness is for people to judge.

use std::hint::black_box;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use aho_corasick::{AhoCorasick, AhoCorasickKind};
use inspect::stream::TcpStreams;
use inspect::{Config, IdentifierKind, Inspector, KnownIdentifier, knowledge};
use packet::{Direction, Input, Packet, Segment, Timestamp};

use super::measure::{Measure, Way};
use super::traffic;

/// Payload bytes of each capture.
const SIZE: usize = 16 << 20;
/// Flows that the memory is measured with.
const FLOWS: usize = 100_000;

/// Measures what is wanted.
pub(super) fn run(measure: Measure<'_>) {
    // First: memory that was given back is taken again, and would not be counted.
    if measure.wants("memory") {
        memory();
    }
    lookups(measure);
    stages(measure);
    inspections(measure);
}

fn lookups(measure: Measure<'_>) {
    let names = ["zzhc.vnet.cn", "a.b.c.d.e.example.com", "connectivitycheck.gstatic.com", "42.99.2.15"];
    measure.items("endpoint by name", 10_000, |n| {
        black_box(knowledge::endpoint(names[n % names.len()])).is_some()
    });
    let ipv4 = |n: usize| IpAddr::V4(Ipv4Addr::from((n as u32).wrapping_mul(2_654_435_761)));
    measure.items("country of IPv4", 10_000, |n| black_box(knowledge::network(ipv4(n))).country.is_some());
    let ipv6 = |n: usize| IpAddr::V6(Ipv6Addr::from(0x2a00_u128 << 112 | (n as u128) << 84));
    measure.items("country of IPv6", 10_000, |n| black_box(knowledge::network(ipv6(n))).country.is_some());
}

/// One value of each of the usual kinds, none of which the traffic holds.
fn watched() -> Vec<KnownIdentifier> {
    let values = [
        (IdentifierKind::Imei, "356938035643809"),
        (IdentifierKind::Imsi, "242016789012345"),
        (IdentifierKind::Iccid, "8947000000000000004"),
        (IdentifierKind::Mac, "58:cb:52:0a:0b:0c"),
        (IdentifierKind::Serial, "8BKX1ABCD"),
        (IdentifierKind::Msisdn, "+4790000000"),
        (IdentifierKind::AndroidId, "a1b2c3d4e5f60718"),
        (IdentifierKind::AdvertisingId, "38400000-8cf0-11bd-b23e-10b96e40000d"),
    ];
    values.map(|(kind, value)| KnownIdentifier { kind, value: value.to_owned() }).to_vec()
}

fn stages(measure: Measure<'_>) {
    let packets = &traffic::encrypted(SIZE);
    measure.bytes("parse", "packet", packets, &mut || {
        packets.iter().for_each(|bytes| _ = black_box(Packet::parse(bytes).is_ok()));
    });
    measure.bytes("rebuild", "packet", packets, &mut || {
        let mut streams = TcpStreams::default();
        let mut seen = 0;
        for bytes in packets {
            if let Ok(Packet { segment: Segment::Tcp(tcp), .. }) = Packet::parse(bytes) {
                let outbound = tcp.source_port == traffic::PHONE_PORT;
                let direction = if outbound { Direction::Outbound } else { Direction::Inbound };
                streams.handle_segment(direction, &tcp, &mut |_, _| seen += 1);
            }
        }
        black_box(seen);
    });
}

fn inspector(watch: &[KnownIdentifier]) -> Inspector {
    let config = Config { watch: watch.to_vec(), ..Config::default() };
    Inspector::new(config).expect("the watched values are valid")
}

/// Every kind of plaintext, without values to look for and with; and beside it what others do who look into packets. Then
/// what gives less to do, by itself: a search of all bytes in between would leave none of it near the processor.
fn inspections(measure: Measure<'_>) {
    let (blind, watching, strings) = (inspector(&[]), inspector(&watched()), strings());
    let names = |what: &str| {
        [what.to_owned(), format!("{what}, values watched"), format!("{what}, strings searched")]
    };
    let wanted = |what: &str| names(what).iter().any(|name| measure.wants(name));
    let plaintext = traffic::plaintext(SIZE, wanted);
    let mut ways = Vec::new();
    for (what, packets) in &plaintext {
        let runs: [Box<dyn FnMut()>; 3] = [
            Box::new(|| inspect(packets, &blind)),
            Box::new(|| inspect(packets, &watching)),
            Box::new(|| search(packets, &strings)),
        ];
        ways.extend(names(what).into_iter().zip(runs).map(|(name, run)| Way { name, pieces: packets, run }));
    }
    measure.in_turns("packet", ways);
    let others = [
        ("TLS after its handshake", traffic::encrypted as fn(usize) -> _),
        ("unknown text over TCP", traffic::text),
    ];
    for (what, make) in others.into_iter().filter(|(what, _)| wanted(what)) {
        let (packets, [alone, with_values, _]) = (make(SIZE), names(what));
        measure.bytes(&alone, "packet", &packets, &mut || inspect(&packets, &blind));
        measure.bytes(&with_values, "packet", &packets, &mut || inspect(&packets, &watching));
    }
}

/// The watched values as they are.
fn strings() -> AhoCorasick {
    AhoCorasick::builder()
        .ascii_case_insensitive(true)
        // Its fastest here: with a prefilter each digit of the text would be a candidate.
        .kind(Some(AhoCorasickKind::DFA))
        .prefilter(false)
        .build(watched().iter().map(|it| &it.value))
        .expect("few short strings")
}

/// Shows a fresh copy of the inspector all packets, a millisecond apart.
fn inspect(packets: &[Vec<u8>], fresh: &Inspector) {
    let mut inspector = fresh.clone();
    for (millis, bytes) in (0..).zip(packets) {
        let input = Input::Packet { direction: None, bytes };
        inspector.handle_input(Timestamp::from_millis(millis), input);
    }
    black_box(inspector.finish(None));
}

/// Searches each packet for the values as they are, as AntMonitor does: nothing is rebuilt or decoded.
fn search(packets: &[Vec<u8>], strings: &AhoCorasick) {
    black_box(packets.iter().filter(|bytes| strings.is_match(bytes)).count());
}

/// What an inspector holds when each of many flows waits for the rest of a message.
fn memory() {
    let before = resident();
    let packets = (0..FLOWS).flat_map(traffic::unfinished);
    let mut inspector = inspector(&[]);
    for (millis, bytes) in (0..).zip(packets) {
        inspector.handle_input(
            Timestamp::from_millis(millis / 100),
            Input::Packet { direction: None, bytes: &bytes },
        );
    }
    let held = resident().saturating_sub(before);
    println!(
        "{FLOWS} flows, each with {} bytes of an unfinished request: {} MB, {} bytes a flow",
        traffic::UNFINISHED,
        held >> 20,
        held / FLOWS as u64
    );
    black_box(inspector);
}

/// Bytes of this process that are in memory (proc(5)); 0 where that cannot be told.
fn resident() -> u64 {
    let text = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages: Option<u64> = text.split(' ').nth(1).and_then(|pages| pages.parse().ok());
    pages.unwrap_or_default() * 4096
}
