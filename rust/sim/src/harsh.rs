//! Scenarios for the stack alone: links of every badness, buffers of every size, ends of every kind.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use netstack::Unreachable;

use crate::{App, Behaviour, Exchange, Finish, Quality, Random, Scenario};

impl Scenario {
    /// A random scenario of up to four connections over a bad link, followed until nothing is left of them.
    pub fn harsh(seed: u64) -> Self {
        let mut random = Random::new(seed ^ 0x4a75);
        let mtu = random.pick(&[576, 1280, 1400, 1500, 9000, 65_535]);
        let quality = [0, 1].map(|direction| quality(&mut random, direction == 1));
        // No connection can fail that has a rate of a few packets a second.
        let slow = quality.iter().any(|quality| quality.rate.is_some_and(|rate| rate < 100_000));
        let most = if slow { 20_000 } else { 60_000 };
        let breaks = quality.iter().any(|quality| quality.outage.is_some());
        let count = 1 + random.below(4);
        Self {
            seed,
            mtu,
            quality,
            buffer: random.pick(&[2 << 10, 4 << 10, 16 << 10, 64 << 10, 256 << 10]),
            most_buffers: random.pick(&[0, 600 << 10, 1 << 30]),
            most_quiet: Self::most_quiet(seed),
            exchanges: (0..count).map(|index| exchange(&mut random, index, mtu, most, breaks)).collect(),
            questions: Vec::new(),
            // Longer than an idle connection is kept.
            afterwards: Duration::from_secs(3 * 3600),
        }
    }
}

/// How bad one direction is. The stack does not verify checksums, so only what comes from it may be corrupted.
fn quality(random: &mut Random, inbound: bool) -> Quality {
    let outage = random.happens(100).then(|| {
        let from = Duration::from_millis(random.below(5_000) as u64);
        (from, from + Duration::from_millis(random.below(60_000) as u64))
    });
    Quality {
        loss: random.pick(&[0, 0, 10, 50, 150]),
        duplicates: random.pick(&[0, 20, 200]),
        reorder: random.pick(&[0, 20, 200]),
        corrupt: if inbound { random.pick(&[0, 0, 20]) } else { 0 },
        delay: Duration::from_micros(random.pick(&[0, 0, 1_000, 20_000, 300_000])),
        jitter: Duration::from_micros(random.pick(&[0, 0, 500, 20_000, 200_000])),
        rate: random.happens(150).then(|| random.pick(&[20_000, 200_000, 2_000_000])),
        outage,
    }
}

pub(crate) fn exchange(random: &mut Random, index: usize, mtu: usize, most: usize, breaks: bool) -> Exchange {
    // IPv6 has no MTU below 1280 (RFC 8200 section 5).
    let address: IpAddr = match mtu >= 1280 && random.happens(500) {
        false => Ipv4Addr::new(203, 0, 113, 1).into(),
        true => Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1).into(),
    };
    let outgoing = noise(random, most);
    let server = server(random, outgoing.len(), most);
    let app = App {
        start: Duration::from_millis(random.below(1_000) as u64),
        remote: SocketAddr::new(address, Scenario::FIRST_PORT + index as u16),
        finish: finish(random, &server, outgoing.len()),
        reads: random.happens(150).then(|| 500 + random.below(5_000)),
        sleeps: random.happens(100).then(|| (random.below(4_000), pause(random))),
        buffer: random.pick(&[1_000, 4_000, 16_000, 65_536, 300_000]),
        // Nothing tells smoltcp's TCP of ICMP errors, so it needs some patience to end.
        patience: matches!(server, Behaviour::Silent | Behaviour::Refuse(_))
            .then_some(Duration::from_secs(90)),
        // What may be given up without a word that arrives has to be asked about.
        keep_alive: breaks || matches!(server, Behaviour::ResetAfter(_)) || random.happens(200),
        outgoing,
    };
    Exchange { app, server }
}

fn server(random: &mut Random, request: usize, most: usize) -> Behaviour {
    match random.below(14) {
        0 | 1 => Behaviour::Sink,
        2 | 3 => Behaviour::Source(noise(random, most)),
        4 | 5 => Behaviour::Answer(request, noise(random, most)),
        6 => Behaviour::ResetAfter(random.below(request + 1)),
        7 => {
            let why =
                [Unreachable::Refused, Unreachable::Host, Unreachable::Network, Unreachable::Prohibited];
            Behaviour::Refuse(random.pick(&why))
        }
        8 => Behaviour::Silent,
        9 => Behaviour::Slow(100 + random.below(4_000)),
        10 => Behaviour::Stall(random.below(request + 1), pause(random)),
        _ => Behaviour::Echo,
    }
}

/// Sends an answer of at most `answer` bytes.
fn finish(random: &mut Random, server: &Behaviour, echo: usize) -> Finish {
    let answer = match server {
        Behaviour::Echo | Behaviour::Slow(_) | Behaviour::Stall(..) => echo,
        Behaviour::Source(bytes) | Behaviour::Answer(_, bytes) => bytes.len(),
        _ => 0,
    };
    let speaks_unasked = matches!(server, Behaviour::Source(_) | Behaviour::Answer(..));
    match random.below(10) {
        0 => Finish::Abort(random.below(answer + 1)),
        1 => Finish::Vanish(random.below(answer + 1)),
        2..=5 if speaks_unasked => Finish::AfterReceiving,
        _ => Finish::AfterSending,
    }
}

/// Long enough that windows close and are probed.
fn pause(random: &mut Random) -> Duration {
    Duration::from_millis(random.pick(&[200, 5_000, 600_000]))
}

fn noise(random: &mut Random, most: usize) -> Vec<u8> {
    let len = random.pick(&[0, 1, 100, 3_000, most]);
    (0..len).map(|_| random.next() as u8).collect()
}
