//! Days of a phone: scenario after scenario on one engine, and time in which nothing happens between them.

use std::io::Write;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use inspect::report::Report;
use packet::{Direction, Input, Phase, Timestamp};

use crate::harsh;
use crate::session::{Engine, Watch, run_on, stack_config};
use crate::{App, Behaviour, Exchange, Finish, Outcome, Quality, Question, Random, Scenario, tls};

/// An engine that is watched for as long as one likes; what it records goes to a sink.
pub struct Days<W: Write> {
    /// Taken only while a scenario runs.
    engine: Option<Engine<W>>,
}

/// What an engine keeps, by its own accounts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Accounts {
    /// Flows of the stack, those included that only linger.
    pub flows: usize,
    /// Their timers.
    pub timers: usize,
    /// Bytes of their buffers.
    pub buffers: usize,
    /// Flows that the inspector takes apart.
    pub live: usize,
    /// Bytes that it keeps of them.
    pub held: usize,
}

impl<W: Write> Days<W> {
    /// An engine that has seen nothing yet, with the stack that `scenario` says.
    pub fn new(scenario: &Scenario, sink: W) -> Self {
        let mut engine = Engine::new(stack_config(scenario), Some(Watch::new(sink)));
        engine.input(Input::Phase(Phase::Started));
        Self { engine: Some(engine) }
    }

    /// What time it is.
    pub fn now(&self) -> Timestamp {
        self.engine().now
    }

    /// Runs a scenario from now to its end.
    ///
    /// # Panics
    /// When it does not end.
    pub fn run(&mut self, scenario: &Scenario) -> Outcome {
        let (engine, outcome) = run_on(self.engine.take().expect("it is there between scenarios"), scenario);
        self.engine = Some(engine);
        outcome
    }

    /// Lets time pass in which nobody says anything. Timers are kept.
    pub fn idle(&mut self, time: Duration) {
        let nothing = Scenario {
            afterwards: time,
            exchanges: Vec::new(),
            questions: Vec::new(),
            ..Scenario::minute(0, 0)
        };
        self.run(&nothing);
    }

    /// The phone is suspended: time passes, and no timer is kept before it is over.
    pub fn sleep(&mut self, time: Duration) {
        let engine = self.engine.as_mut().expect("it is there between scenarios");
        engine.now = engine.now + time;
    }

    /// Lets the inspector see a packet of the phone's that the stack does not: it is only listed.
    pub fn list(&mut self, packet: &[u8]) {
        let engine = self.engine.as_mut().expect("it is there between scenarios");
        engine.input(Input::Packet { direction: Some(Direction::Outbound), bytes: packet });
    }

    /// What the engine keeps now.
    pub fn accounts(&self) -> Accounts {
        let Engine { stack, watch, .. } = self.engine();
        let inspector = &watch.as_ref().expect("it is watched").inspector;
        Accounts {
            flows: stack.len(),
            timers: stack.timers(),
            buffers: stack.buffers(),
            live: inspector.live_flows(),
            held: inspector.held(),
        }
    }

    /// The report, and the sink.
    pub fn finish(self) -> (Report, W) {
        let mut engine = self.engine.expect("it is there between scenarios");
        engine.input(Input::Phase(Phase::Stopped));
        engine.watch.expect("it is watched").finish()
    }

    fn engine(&self) -> &Engine<W> {
        self.engine.as_ref().expect("it is there between scenarios")
    }
}

/// Connections that a phone begins in [`Scenario::minute`].
const A_MINUTE: usize = 60;

impl Scenario {
    /// A minute of a busy phone, the `number`th: 60 connections, half of them requests that are answered, half of them of
    /// every other kind and end, and 20 datagrams. Each minute has a server of its own, so that no connection is another's.
    pub fn minute(seed: u64, number: u16) -> Self {
        let mut random = Random::new(seed ^ u64::from(number) << 32 ^ 0xda75);
        // RFC 2544: for measuring.
        let [high, low] = number.to_be_bytes();
        let server = Ipv4Addr::new(198, 18, high, low).into();
        let mtu = 1500;
        let exchange = |index| exchange(&mut random, index, server, mtu);
        let exchanges = (0..A_MINUTE).map(exchange).collect();
        let quality = [Quality { loss: 5, jitter: Duration::from_millis(1), ..Quality::default() }; 2];
        let questions = (0..A_MINUTE / 3).map(|_| Question::random(&mut random)).collect();
        Self {
            seed: seed ^ u64::from(number),
            mtu,
            quality,
            buffer: 16 << 10,
            most_buffers: 64 << 20,
            most_quiet: 16,
            exchanges,
            questions,
            afterwards: Duration::from_secs(1),
        }
    }
}

fn exchange(random: &mut Random, index: usize, server: IpAddr, mtu: usize) -> Exchange {
    let mut exchange = harsh::exchange(random, index, mtu, 10_000, false);
    exchange.app.start = Duration::from_millis(random.below(60_000) as u64);
    exchange.app.remote = SocketAddr::new(server, exchange.app.remote.port());
    // Those that wait for ten minutes would leave the phone with little else to do.
    exchange.app.sleeps = exchange.app.sleeps.map(|(after, _)| (after, Duration::from_secs(5)));
    if let Behaviour::Stall(_, pause) = &mut exchange.server {
        *pause = Duration::from_secs(5);
    }
    if random.happens(500) {
        return exchange;
    }
    let outgoing = request(random);
    let server = Behaviour::Answer(outgoing.len(), answer(random, &outgoing));
    let app = App { outgoing, finish: Finish::AfterReceiving, reads: None, patience: None, ..exchange.app };
    Exchange { app, server }
}

/// TLS's first flight, or HTTP in clear that tells something now and then.
fn request(random: &mut Random) -> Vec<u8> {
    match random.below(20) {
        // The example of 3GPP TS 23.003's readers everywhere: valid, and nobody's.
        0 => b"GET /register?imei=490154203237518 HTTP/1.1\r\nHost: telemetry.example\r\n\r\n".to_vec(),
        1..4 => format!("GET /{} HTTP/1.1\r\nHost: www.example\r\n\r\n", random.next()).into_bytes(),
        _ => tls::hello(std::array::from_fn(|_| random.next() as u8)),
    }
}

/// In the protocol of the request.
fn answer(random: &mut Random, request: &[u8]) -> Vec<u8> {
    let len = random.pick(&[100, 1_000, 5_000]);
    let noise: Vec<u8> = (0..len).map(|_| random.next() as u8).collect();
    let head = match request.starts_with(b"GET") {
        true => format!("HTTP/1.1 200 OK\r\nContent-Length: {len}\r\n\r\n").into_bytes(),
        false => [&[20, 3, 3, 0, 1, 1, 23, 3, 3][..], &(len as u16).to_be_bytes()].concat(),
    };
    [head, noise].concat()
}
