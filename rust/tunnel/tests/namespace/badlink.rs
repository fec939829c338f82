//! A bad link between the phone's kernel and the engine: every byte arrives once and in order all the same.
//!
//! Kernels without `sch_netem` need it too, so the faults are those of the simulation's links ([`sim::Link`]), seeded.

use std::io;
use std::net::{IpAddr, Shutdown, SocketAddr};
use std::os::fd::OwnedFd;
use std::thread;
use std::time::{Duration, Instant};

use inspect::report::Close;
use packet::Timestamp;
use rustix::event::{PollFd, PollFlags, poll};
use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};
use sim::{Link, Quality};

use crate::engine::{Engine, namespaces};
use crate::phone::{BOTH, connect};
use crate::servers::{ECHO, Pattern};

/// Carries packets both ways between `phone` and `engine`, as badly as `quality` says, until the engine closes its end.
#[expect(clippy::disallowed_methods, reason = "the kernel's TCP has no other time")]
fn carry(phone: &OwnedFd, engine: &OwnedFd, quality: [Quality; 2], seed: u64) {
    let begun = Instant::now();
    let now = || Timestamp::default() + begun.elapsed();
    let link =
        |direction: usize| Link::new(quality[direction], Timestamp::default(), seed + direction as u64);
    let mut ways = [(phone, engine, link(0)), (engine, phone, link(1))];
    let mut packet = vec![0; 1 << 16];
    loop {
        let next = ways.iter().filter_map(|(_, _, link)| link.next_arrival()).min();
        wait([phone, engine], next.map(|at| at.since(now())));
        for (from, to, link) in &mut ways {
            loop {
                match rustix::io::read(*from, &mut packet) {
                    // The engine is gone, and may not have read all.
                    Ok(0) | Err(rustix::io::Errno::CONNRESET) => return,
                    Ok(len) => link.send(now(), packet[..len].to_vec()),
                    Err(rustix::io::Errno::AGAIN) => break,
                    Err(error) => panic!("the link: {error}"),
                }
            }
            while let Some(packet) = link.receive(now()) {
                // What there is no room for is lost, and what is corrupted may be refused.
                let _ = rustix::io::write(*to, &packet);
            }
        }
    }
}

fn wait(ends: [&OwnedFd; 2], time: Option<Duration>) {
    let mut ends = ends.map(|end| PollFd::new(end, PollFlags::IN));
    let time = time.map(|time| time.try_into().expect("not years"));
    let _ = poll(&mut ends, time.as_ref());
}

/// A socket whose messages are packets, and the end for the engine.
fn wire() -> io::Result<(OwnedFd, OwnedFd)> {
    Ok(socketpair(
        AddressFamily::UNIX,
        SocketType::SEQPACKET,
        SocketFlags::NONBLOCK | SocketFlags::CLOEXEC,
        None,
    )?)
}

/// Says and hears so many bytes at the same time.
fn exchange(host: &str, len: usize) {
    let remote = SocketAddr::new(host.parse::<IpAddr>().expect("an address"), ECHO);
    let stream = connect(host, ECHO).unwrap_or_else(|error| panic!("{remote}: {error}"));
    thread::scope(|scope| {
        scope.spawn(|| {
            Pattern::new().write(len, &mut &stream).expect("to write");
            stream.shutdown(Shutdown::Write).expect("to finish");
        });
        assert_eq!(Pattern::new().check(&mut &stream, usize::MAX), len);
    });
}

/// Exchanges at the same time over such a link.
const EXCHANGES: usize = 6;
/// Bytes of each, both ways.
const BYTES: usize = 300_000;

fn bytes_arrive_once_and_in_order(test: &str, mtu: usize, quality: [Quality; 2]) {
    for seed in [1, 2] {
        let namespaces = namespaces();
        let phone = namespaces.open_tun(mtu);
        rustix::io::ioctl_fionbio(&phone, true).expect("to set it");
        let (relay, end) = wire().expect("a pair of sockets");
        let engine = Engine::start_at(end, &namespaces, test, mtu, None);
        let report = thread::scope(|scope| {
            scope.spawn(|| carry(&phone, &relay, quality, seed));
            engine.serve(|| {
                namespaces.inside("p", || {
                    thread::scope(|scope| {
                        for number in 0..EXCHANGES {
                            scope.spawn(move || exchange(BOTH[number % 2], BYTES));
                        }
                    });
                });
            })
        });
        let whole = report.flows.iter().filter(|flow| flow.remote.port() == ECHO);
        let whole = whole.filter(|flow| {
            flow.close == Some(Close::Fin) && (flow.bytes_in, flow.bytes_out) == (BYTES as u64, BYTES as u64)
        });
        assert_eq!(whole.count(), EXCHANGES, "seed {seed}");
    }
}

fn good() -> Quality {
    Quality { delay: Duration::from_millis(2), ..Quality::default() }
}

#[test]
#[ignore = "needs network namespaces"]
fn bytes_arrive_over_a_link_that_loses() {
    let quality = Quality { loss: 40, ..good() };
    bytes_arrive_once_and_in_order("loss", 1500, [quality; 2]);
}

#[test]
#[ignore = "needs network namespaces"]
fn bytes_arrive_over_a_link_that_repeats_and_reorders() {
    let quality = Quality { duplicates: 150, reorder: 150, jitter: Duration::from_millis(5), ..good() };
    bytes_arrive_once_and_in_order("reorder", 1280, [quality; 2]);
}

#[test]
#[ignore = "needs network namespaces"]
fn bytes_arrive_over_a_link_that_turns_bits() {
    // The engine takes what comes from its own machine for whole; the kernel does not.
    let inbound = Quality { corrupt: 30, loss: 10, ..good() };
    bytes_arrive_once_and_in_order("corrupt", 9000, [Quality { loss: 10, ..good() }, inbound]);
}

#[test]
#[ignore = "needs network namespaces"]
fn bytes_arrive_over_a_link_that_is_slow_and_breaks_off() {
    let outage = Some((Duration::from_millis(500), Duration::from_secs(3)));
    let slow = Quality { delay: Duration::from_millis(60), rate: Some(1_000_000), outage, loss: 5, ..good() };
    bytes_arrive_once_and_in_order("slow", 1500, [slow; 2]);
}
