//! What happens in a session.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use netstack::Unreachable;

use crate::{App, Behaviour, Finish, Quality, Question, Random};

/// A session to simulate.
#[derive(Debug, Clone)]
pub struct Scenario {
    /// Decides all that is random.
    pub seed: u64,
    /// MTU of the phone's side.
    pub mtu: usize,
    /// From the phone to the TUN, and back.
    pub quality: [Quality; 2],
    /// The size of each of the stack's two buffers for a connection, in bytes.
    pub buffer: usize,
    /// The most bytes of the stack's buffers at once.
    pub most_buffers: usize,
    /// How many connections keep their buffers although they have nothing to do.
    pub most_quiet: usize,
    /// The connections, each with a remote port of its own, from [`Scenario::FIRST_PORT`] on.
    pub exchanges: Vec<Exchange>,
    /// The datagrams.
    pub questions: Vec<Question>,
    /// How long the session goes on after the last connection has ended.
    pub afterwards: Duration,
}

/// A connection: what the app does and what the server does.
#[derive(Debug, Clone)]
pub struct Exchange {
    /// The phone's side.
    pub app: App,
    /// The server's.
    pub server: Behaviour,
}

impl Scenario {
    /// The remote port of the first exchange.
    pub const FIRST_PORT: u16 = 1000;

    /// None, one, or more than there are.
    pub(crate) const fn most_quiet(seed: u64) -> usize {
        [0, 1, 64][(seed % 3) as usize]
    }

    /// A random scenario of up to six connections.
    pub fn random(seed: u64) -> Self {
        let mut random = Random::new(seed);
        let mtu = random.pick(&[576, 1280, 1500, 9000]);
        let quality = [(); 2].map(|()| Quality {
            loss: random.pick(&[0, 0, 10, 50, 150]),
            duplicates: random.pick(&[0, 20, 100]),
            jitter: Duration::from_micros(random.pick(&[0, 0, 500, 20_000, 200_000])),
            ..Quality::default()
        });
        let count = 1 + random.below(6);
        let exchanges = (0..count).map(|index| Exchange::random(&mut random, index, mtu)).collect();
        let afterwards = Duration::from_secs(random.pick(&[0, 1, 20, 400]));
        let questions = (0..random.below(6)).map(|_| Question::random(&mut random)).collect();
        Self {
            seed,
            mtu,
            quality,
            buffer: 256 << 10,
            most_buffers: 1 << 30,
            most_quiet: Self::most_quiet(seed),
            exchanges,
            questions,
            afterwards,
        }
    }
}

impl Exchange {
    fn random(random: &mut Random, index: usize, mtu: usize) -> Self {
        // IPv6 has no MTU below 1280 (RFC 8200 section 5).
        let v6 = mtu >= 1280 && random.happens(500);
        // RFC 5737, RFC 3849: for documentation.
        let address: IpAddr = match v6 {
            false => Ipv4Addr::new(203, 0, 113, 1 + index as u8).into(),
            true => Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1 + index as u16).into(),
        };
        let outgoing = payload(random);
        let server = match random.below(10) {
            0 => Behaviour::Sink,
            1 => Behaviour::Source(payload(random)),
            2 => Behaviour::ResetAfter(random.below(outgoing.len() + 1)),
            3 => Behaviour::Refuse(Unreachable::Refused),
            4 => Behaviour::Refuse(random.pick(&[
                Unreachable::Host,
                Unreachable::Network,
                Unreachable::Prohibited,
            ])),
            5 => Behaviour::Silent,
            6 => Behaviour::Slow(1 + random.below(4_000)),
            7 => Behaviour::Answer(outgoing.len(), payload(random)),
            _ => Behaviour::Echo,
        };
        let finish = match &server {
            Behaviour::Source(_) | Behaviour::Answer(..) => {
                random.pick(&[Finish::AfterReceiving, Finish::AfterSending])
            }
            Behaviour::Echo if random.happens(150) => Finish::Abort(random.below(outgoing.len() + 1)),
            _ => Finish::AfterSending,
        };
        // Nothing tells smoltcp's TCP of ICMP errors, so it needs some patience to end.
        let patience = match &server {
            Behaviour::Silent => Some(Duration::from_secs(20)),
            Behaviour::Refuse(why) if *why != Unreachable::Refused => Some(Duration::from_secs(20)),
            _ => None,
        };
        let app = App {
            start: Duration::from_millis(random.below(3_000) as u64),
            remote: SocketAddr::new(address, Scenario::FIRST_PORT + index as u16),
            outgoing,
            finish,
            reads: random.happens(200).then(|| 500 + random.below(5_000)),
            sleeps: None,
            buffer: 1 << 16,
            patience,
            keep_alive: matches!(server, Behaviour::ResetAfter(_)) || random.happens(200),
        };
        Self { app, server }
    }
}

/// Bytes that mean nothing, or an HTTP request or reply.
fn payload(random: &mut Random) -> Vec<u8> {
    let len = random.pick(&[0, 1, 100, 3_000, 40_000, 150_000]);
    let noise: Vec<u8> = (0..len).map(|_| random.next() as u8).collect();
    let text = match random.below(4) {
        // The IMEI is the example of 3GPP TS 23.003's readers everywhere: valid, and nobody's.
        0 => "GET /register?imei=490154203237518 HTTP/1.1\r\nHost: telemetry.example\r\n\r\n".to_owned(),
        1 => format!("POST /log HTTP/1.1\r\nHost: log.example\r\nContent-Length: {len}\r\n\r\n"),
        2 => format!("HTTP/1.1 200 OK\r\nContent-Length: {len}\r\n\r\n"),
        _ => String::new(),
    };
    [text.as_bytes(), &noise].concat()
}
