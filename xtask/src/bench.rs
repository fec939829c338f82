//! `cargo xtask bench`: how fast the stages are. Shows medians and spread; slowness is for people to judge.

use std::hint::black_box;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::{Duration, Instant};

use anyhow::Result;
use inspect::knowledge;
use inspect::stream::TcpStreams;
use inspect::{Config, Inspector};
use packet::{Direction, Input, Packet, Segment, Timestamp};

/// Times that each measurement is repeated.
const ROUNDS: usize = 15;

#[derive(clap::Args)]
pub struct Arguments {
    /// Measure in this build too when it is not optimized
    #[arg(long)]
    anyway: bool,
}

pub fn run(arguments: &Arguments) -> Result<()> {
    if cfg!(debug_assertions) && !arguments.anyway {
        let mut cargo = crate::run::cargo();
        cargo.args(["run", "--release", "--quiet", "--package", "xtask", "--", "bench", "--anyway"]);
        return crate::run::run(&mut cargo);
    }
    lookups();
    packets("encrypted", &capture(|n| n.wrapping_mul(2_654_435_761).to_be_bytes()));
    packets("plain text", &capture(|n| *b"name"[n as usize % 4..].first_chunk().unwrap_or(b"=1&x")));
    Ok(())
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

fn packets(what: &str, packets: &[Vec<u8>]) {
    let bytes: usize = packets.iter().map(Vec::len).sum();
    let rate = |name: &str, run: &mut dyn FnMut()| {
        let (median, low, high) = measured(run);
        let speed = |time: Duration| bytes as f64 / time.as_secs_f64() / 1e6;
        println!("{name:28} {:8.0} MB/s ({:.0} to {:.0})", speed(median), speed(high), speed(low));
    };
    rate(&format!("{what}: parse"), &mut || {
        packets.iter().for_each(|bytes| _ = black_box(Packet::parse(bytes).is_ok()));
    });
    rate(&format!("{what}: rebuild"), &mut || {
        let mut streams = TcpStreams::default();
        let mut seen = 0;
        for bytes in packets {
            if let Ok(Packet { segment: Segment::Tcp(tcp), .. }) = Packet::parse(bytes) {
                let direction = if tcp.source_port == 80 { Direction::Inbound } else { Direction::Outbound };
                streams.handle_segment(direction, &tcp, &mut |_, _| seen += 1);
            }
        }
        black_box(seen);
    });
    rate(&format!("{what}: inspect"), &mut || {
        let Ok(mut inspector) = Inspector::new(Config::default()) else { return };
        for (millis, bytes) in (0..).zip(packets) {
            inspector.handle_input(Timestamp::from_millis(millis), Input::Packet { direction: None, bytes });
        }
        black_box(inspector.finish(None));
    });
}

fn per_item(name: &str, items: usize, mut run: impl FnMut(usize) -> bool) {
    let (median, low, high) = measured(&mut || {
        black_box((0..items).filter(|n| run(*n)).count());
    });
    let nanos = |time: Duration| time.as_nanos() as f64 / items as f64;
    println!("{name:28} {:8.0} ns   ({:.0} to {:.0})", nanos(median), nanos(low), nanos(high));
}

/// Median, shortest and longest time.
#[expect(clippy::disallowed_methods, reason = "measuring is what this is for")]
fn measured(run: &mut dyn FnMut()) -> (Duration, Duration, Duration) {
    run();
    let mut times: Vec<Duration> = (0..ROUNDS)
        .map(|_| {
            let begun = Instant::now();
            run();
            begun.elapsed()
        })
        .collect();
    times.sort();
    (times[ROUNDS / 2], times[0], times[ROUNDS - 1])
}

/// One connection that downloads 16 MB: an HTTP reply whose body is made of `words`, in IPv4 packets of 1400 bytes.
fn capture(words: impl Fn(u32) -> [u8; 4]) -> Vec<Vec<u8>> {
    let body: Vec<u8> = (0..4_000_000).flat_map(words).collect();
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len());
    let stream = [head.as_bytes(), &body].concat();
    let request = b"GET / HTTP/1.1\r\nHost: bench.example\r\n\r\n";
    let mut packets = vec![
        tcp(true, 0, 0, 2, b""),
        tcp(false, 0, 1, 18, b""),
        tcp(true, 1, 1, 16, b""),
        tcp(true, 1, 1, 24, request),
    ];
    for (part, seq) in stream.chunks(1400).zip((1u32..).step_by(1400)) {
        packets.push(tcp(false, seq, 1 + request.len() as u32, 16, part));
    }
    packets
}

/// An IPv4 packet of the connection, checksums left out.
fn tcp(outbound: bool, seq: u32, ack: u32, flags: u8, payload: &[u8]) -> Vec<u8> {
    let (phone, server) = (([10, 0, 0, 2], 40_000u16), ([192, 0, 2, 1], 80u16));
    let (from, to) = if outbound { (phone, server) } else { (server, phone) };
    let mut packet = vec![0x45, 0];
    packet.extend((40 + payload.len() as u16).to_be_bytes());
    packet.extend([0, 0, 0, 0, 64, 6, 0, 0]);
    packet.extend([from.0, to.0].concat());
    packet.extend(from.1.to_be_bytes());
    packet.extend(to.1.to_be_bytes());
    packet.extend(seq.to_be_bytes());
    packet.extend(ack.to_be_bytes());
    packet.extend([0x50, flags, 0xff, 0xff, 0, 0, 0, 0]);
    packet.extend(payload);
    packet
}
