//! How fast each stage of the engine is by itself. Shows medians and spread; slowness is for people to judge.

use std::hint::black_box;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use inspect::stream::TcpStreams;
use inspect::{Config, IdentifierKind, Inspector, KnownIdentifier, knowledge};
use packet::{Direction, Input, Packet, Segment, Timestamp};

use super::traffic;

/// Times that each measurement is repeated.
const ROUNDS: usize = 15;
/// Payload bytes of each capture.
const SIZE: usize = 16 << 20;
/// Flows that the memory is measured with.
const FLOWS: usize = 100_000;

/// Measures what has `filter` in its name.
pub(super) fn run(filter: &str) {
    println!("by processor time, median (best to worst of {ROUNDS} rounds)");
    let wanted = |name: &str| name.contains(filter);
    if wanted("look-ups") {
        lookups();
    }
    if wanted("stages") {
        stages(&traffic::encrypted(SIZE));
    }
    let (blind, watching) = (inspector(&[]), inspector(&watched()));
    for (what, capture) in traffic::KINDS {
        for (name, inspector) in [(what.to_owned(), &blind), (format!("{what}, values watched"), &watching)] {
            if wanted(&name) {
                inspect(&name, &capture(SIZE), inspector);
            }
        }
    }
    if wanted("memory") {
        memory();
    }
}

fn lookups() {
    let names = ["zzhc.vnet.cn", "a.b.c.d.e.example.com", "connectivitycheck.gstatic.com", "42.99.2.15"];
    per_item("endpoint by name", 10_000, |n| {
        black_box(knowledge::endpoint(names[n % names.len()])).is_some()
    });
    let ipv4 = |n: usize| IpAddr::V4(Ipv4Addr::from((n as u32).wrapping_mul(2_654_435_761)));
    per_item("country of IPv4", 10_000, |n| black_box(knowledge::network(ipv4(n))).country.is_some());
    let ipv6 = |n: usize| IpAddr::V6(Ipv6Addr::from(0x2a00_u128 << 112 | (n as u128) << 84));
    per_item("country of IPv6", 10_000, |n| black_box(knowledge::network(ipv6(n))).country.is_some());
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

fn stages(packets: &[Vec<u8>]) {
    show(
        "parse",
        packets,
        measured(&mut || {
            packets.iter().for_each(|bytes| _ = black_box(Packet::parse(bytes).is_ok()));
        }),
    );
    show(
        "rebuild",
        packets,
        measured(&mut || {
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
        }),
    );
}

fn inspector(watch: &[KnownIdentifier]) -> Inspector {
    let config = Config { watch: watch.to_vec(), ..Config::default() };
    Inspector::new(config).expect("the watched values are valid")
}

/// Shows a fresh copy of the inspector all packets, a millisecond apart.
fn inspect(what: &str, packets: &[Vec<u8>], fresh: &Inspector) {
    show(
        what,
        packets,
        measured(&mut || {
            let mut inspector = fresh.clone();
            for (millis, bytes) in (0..).zip(packets) {
                let input = Input::Packet { direction: None, bytes };
                inspector.handle_input(Timestamp::from_millis(millis), input);
            }
            black_box(inspector.finish(None));
        }),
    );
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

fn per_item(name: &str, items: usize, mut run: impl FnMut(usize) -> bool) {
    let (median, low, high) = measured(&mut || {
        black_box((0..items).filter(|n| run(*n)).count());
    });
    let nanos = |time: Duration| time.as_nanos() as f64 / items as f64;
    println!("{name:44} {:8.0} ns   ({:.0} to {:.0})", nanos(median), nanos(low), nanos(high));
}

fn show(what: &str, packets: &[Vec<u8>], (median, low, high): (Duration, Duration, Duration)) {
    let bytes: usize = packets.iter().map(Vec::len).sum();
    let speed = |time: Duration| bytes as f64 / time.as_secs_f64() / 1e6;
    let nanos = median.as_nanos() as f64 / packets.len() as f64;
    println!(
        "{what:44} {:8.0} MB/s ({:.0} to {:.0}), {nanos:.0} ns a packet",
        speed(median),
        speed(low),
        speed(high)
    );
}

/// Median, shortest and longest time on a processor.
fn measured(run: &mut dyn FnMut()) -> (Duration, Duration, Duration) {
    run();
    let mut times: Vec<Duration> = (0..ROUNDS)
        .map(|_| {
            let begun = busy();
            run();
            busy().saturating_sub(begun)
        })
        .collect();
    times.sort();
    (times[ROUNDS / 2], times[0], times[ROUNDS - 1])
}

/// How long this thread has been on a processor: what others do meanwhile does not count.
fn busy() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::try_from(time).unwrap_or_default()
}
