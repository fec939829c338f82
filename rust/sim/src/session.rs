//! Runs a scenario, jumping from deadline to deadline.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::time::Duration;

use inspect::Inspector;
use inspect::report::Report;
use netstack::{Config, Event, FlowId, Stack, Unreachable};
use packet::{App as Owner, Direction, FlowKey, Input, IpPacket, Phase, Timestamp, Transport};
use recording::{Reader, Writer};

use crate::{Behaviour, Connection, Link, Phone, Random, Running, Scenario, Told};

/// What came of a scenario.
#[derive(Debug)]
pub struct Outcome {
    /// The apps, in the order of the exchanges.
    pub apps: Vec<Running>,
    /// Each exchange's connections at the server's end, in the order in which they were opened.
    pub connections: Vec<Vec<Connection>>,
    /// Flows left in the stack.
    pub flows: usize,
    /// Bytes of buffers left in the stack.
    pub buffers: usize,
    /// The stack still waits for a time.
    pub timers: bool,
}

/// What was seen of a session at the TUN.
#[derive(Debug)]
pub struct Watched {
    /// The live report.
    pub report: Report,
    /// The recording (pcapng).
    pub recording: Vec<u8>,
}

/// The beginning of every session: 2020-09-13T12:26:40Z.
const BEGIN: Timestamp = Timestamp::from_millis(1_600_000_000_000);
/// A session that takes longer than this hangs.
const MOST: Duration = Duration::from_secs(8 * 3600);
/// A session that settles more often than this spins.
const MOST_ROUNDS: u64 = 2_000_000;

/// Runs `scenario` to its end.
///
/// # Panics
/// When it does not end.
pub fn run(scenario: &Scenario) -> (Outcome, Watched) {
    let mut engine = Engine::new(stack_config(scenario), Some(Watch::new(Vec::new())));
    engine.input(Input::Phase(Phase::Started));
    let (mut engine, outcome) = run_on(engine, scenario);
    engine.input(Input::Phase(Phase::Stopped));
    let (report, recording) = engine.watch.expect("it was given").finish();
    (outcome, Watched { report, recording })
}

/// The same without inspector and recording, which take most of the time.
///
/// # Panics
/// When it does not end.
pub fn run_unwatched(scenario: &Scenario) -> Outcome {
    run_on(Engine::<Vec<u8>>::new(stack_config(scenario), None), scenario).1
}

/// What [`Scenario`] says of the stack.
pub(crate) fn stack_config(scenario: &Scenario) -> Config {
    Config {
        mtu: scenario.mtu,
        seed: Random::new(scenario.seed ^ 0x5eed).next(),
        buffer: scenario.buffer,
        most_buffers: scenario.most_buffers,
        most_quiet: scenario.most_quiet,
        ..Config::default()
    }
}

/// Runs `scenario` to its end on an engine that may have had others before.
///
/// # Panics
/// When it does not end.
pub(crate) fn run_on<W: Write>(engine: Engine<W>, scenario: &Scenario) -> (Engine<W>, Outcome) {
    let mut session = Session::new(scenario, engine);
    run_to_the_end(&mut session);
    session.finish()
}

fn run_to_the_end<W: Write>(session: &mut Session<'_, W>) {
    let mut until = None;
    let mut rounds = 0;
    loop {
        session.settle();
        rounds += 1;
        if rounds > MOST_ROUNDS {
            session.hangs("it spins");
        }
        if until.is_none() && session.phone.apps().iter().all(|running| running.end.is_some()) {
            until = Some(session.engine.now + session.scenario.afterwards);
        }
        let next = session.next_deadline();
        match (next, until) {
            (next, Some(until)) if next.is_none_or(|next| next > until) => {
                session.engine.now = until;
                return;
            }
            (Some(next), _) => session.engine.now = session.engine.now.max(next),
            (None, _) => session.hangs("everybody waits for ever"),
        }
        if session.engine.now.since(session.begin) > MOST {
            session.hangs("no end");
        }
    }
}

/// The report of a recording.
///
/// # Panics
/// When the recording cannot be read.
pub fn replay(recording: &[u8]) -> Report {
    let mut reader = Reader::open(recording, None).expect("a recording");
    let mut inspector = Inspector::new(inspect_config()).expect("nothing is watched");
    while let Some((now, input)) = reader.next_input().expect("a whole recording") {
        inspector.handle_input(now, input);
    }
    assert_eq!(reader.truncated(), None, "a whole recording");
    inspector.finish(None)
}

fn inspect_config() -> inspect::Config {
    inspect::Config { source: "simulation".into(), ..inspect::Config::default() }
}

/// The inspector and the recording at the TUN.
pub(crate) struct Watch<W: Write> {
    pub(crate) inspector: Inspector,
    recording: Writer<W>,
}

impl<W: Write> Watch<W> {
    pub(crate) fn new(sink: W) -> Self {
        Self {
            inspector: Inspector::new(inspect_config()).expect("nothing is watched"),
            recording: Writer::new(sink, "simulation").expect("the sink takes everything"),
        }
    }

    /// As the tunnel's tap does it: what nobody can read is not recorded.
    fn handle(&mut self, now: Timestamp, input: Input<'_>) {
        let result = if let Input::Packet { direction, bytes } = input {
            self.inspector.handle_input(now, Input::Packet { direction, bytes });
            self.recording.write_beginning(now, direction, bytes, bytes.len() - self.inspector.unread())
        } else {
            let result = self.recording.write(now, &input);
            self.inspector.handle_input(now, input);
            result
        };
        result.expect("the sink takes everything");
        // Somebody listens to a session.
        while self.inspector.poll_event().is_some() {}
    }

    pub(crate) fn finish(self) -> (Report, W) {
        let sink = self.recording.into_inner().expect("the sink takes everything");
        (self.inspector.finish(None), sink)
    }
}

/// What is under test, and its time: all that goes on from one scenario to the next.
pub(crate) struct Engine<W: Write> {
    pub(crate) now: Timestamp,
    pub(crate) stack: Stack,
    pub(crate) watch: Option<Watch<W>>,
}

impl<W: Write> Engine<W> {
    pub(crate) fn new(config: Config, watch: Option<Watch<W>>) -> Self {
        Self { now: BEGIN, stack: Stack::new(config), watch }
    }

    pub(crate) fn input(&mut self, input: Input<'_>) {
        if let Some(watch) = &mut self.watch {
            watch.handle(self.now, input);
        }
    }
}

struct Session<'s, W: Write> {
    scenario: &'s Scenario,
    engine: Engine<W>,
    begin: Timestamp,
    random: Random,
    phone: Phone,
    outbound: Link,
    inbound: Link,
    connections: BTreeMap<FlowId, Connection>,
    indexes: BTreeMap<FlowId, usize>,
    /// Owners that the platform will have found.
    owners: BTreeMap<(Timestamp, FlowId), FlowKey>,
    /// Indexes of questions to be asked.
    questions: BTreeSet<(Timestamp, usize)>,
    /// Flows whose datagram is to be answered, and by which question's answer.
    answers: BTreeSet<(Timestamp, FlowId, usize)>,
}

impl<'s, W: Write> Session<'s, W> {
    fn new(scenario: &'s Scenario, engine: Engine<W>) -> Self {
        let mut random = Random::new(scenario.seed ^ 0x5e55);
        let apps = scenario.exchanges.iter().map(|exchange| exchange.app.clone()).collect();
        let begin = engine.now;
        let asks = scenario.questions.iter().enumerate();
        Self {
            scenario,
            begin,
            phone: Phone::new(begin, scenario.mtu, random.next(), apps),
            outbound: Link::new(scenario.quality[0], begin, random.next()),
            inbound: Link::new(scenario.quality[1], begin, random.next()),
            engine,
            connections: BTreeMap::new(),
            indexes: BTreeMap::new(),
            owners: BTreeMap::new(),
            questions: asks.map(|(index, question)| (begin + question.at, index)).collect(),
            answers: BTreeSet::new(),
            random,
        }
    }

    fn next_deadline(&mut self) -> Option<Timestamp> {
        // The inspector's timers may be late: the report does not depend on them.
        let watched = self.engine.watch.as_ref().filter(|_| self.scenario.seed.is_multiple_of(2));
        let inspector = watched.and_then(|watch| watch.inspector.poll_timeout());
        let servers = self.connections.values().filter_map(Connection::poll_timeout).min();
        [
            self.phone.poll_timeout(self.engine.now),
            self.outbound.next_arrival(),
            self.inbound.next_arrival(),
            self.engine.stack.poll_timeout(),
            self.owners.first_key_value().map(|(&(at, _), _)| at),
            self.questions.first().map(|&(at, _)| at),
            self.answers.first().map(|&(at, ..)| at),
            inspector,
            servers,
        ]
        .into_iter()
        .flatten()
        .min()
    }

    fn hangs(&self, why: &str) -> ! {
        let waiting = self.phone.apps().iter().filter(|running| running.end.is_none());
        let waiting: Vec<_> = waiting.map(|running| (running.app.remote, running.received.len())).collect();
        let servers: Vec<_> = self.scenario.exchanges.iter().map(|exchange| &exchange.server).collect();
        let seed = self.scenario.seed;
        panic!("seed {seed}: {why}; apps that wait: {waiting:?}; servers: {:.200}", format!("{servers:?}"))
    }

    /// Does everything that is due.
    fn settle(&mut self) {
        let now = self.engine.now;
        while let Some(packet) = self.inbound.receive(now) {
            // The asking apps are no part of the phone's TCP, which would refuse their answers.
            if IpPacket::parse(&packet).is_ok_and(|ip| ip.protocol == 6) {
                self.phone.handle_packet(now, packet);
            }
        }
        while let Some(&(at, index)) = self.questions.first()
            && at <= now
        {
            self.questions.pop_first();
            self.outbound.send(now, self.scenario.questions[index].packet());
        }
        self.phone.poll(now);
        while let Some(packet) = self.phone.poll_packet() {
            self.outbound.send(now, packet);
        }
        while let Some(packet) = self.outbound.receive(now) {
            self.input(Input::Packet { direction: Some(Direction::Outbound), bytes: &packet });
            self.engine.stack.handle_packet(now, &packet);
            self.settle_stack();
        }
        if self.engine.stack.poll_timeout().is_some_and(|at| at <= now) {
            self.engine.stack.handle_timeout(now);
            self.settle_stack();
        }
        let due: Vec<_> = self.connections.iter().filter(|(_, c)| c.poll_timeout() <= Some(now)).collect();
        let due: Vec<_> = due.into_iter().map(|(&id, _)| id).collect();
        for id in due {
            self.work(id);
            self.settle_stack();
        }
        while let Some(&(at, id, index)) = self.answers.first()
            && at <= now
        {
            self.answers.pop_first();
            match &self.scenario.questions[index].answer {
                Some(answer) => self.engine.stack.handle_datagram(now, id, answer),
                None => self.engine.stack.undeliverable(id, Unreachable::Refused),
            }
            self.settle_stack();
        }
        while let Some(entry) = self.owners.first_entry()
            && entry.key().0 <= now
        {
            let flow = entry.remove();
            let app = Owner { name: format!("example.app{}", flow.remote.port()), uid: Some(10_000) };
            self.input(Input::Owner { flow, app: &app });
        }
        if let Some(Watch { inspector, .. }) = &mut self.engine.watch
            && inspector.poll_timeout().is_some_and(|at| at <= now)
        {
            inspector.handle_timeout(now);
        }
    }

    fn settle_stack(&mut self) {
        loop {
            while let Some((id, event)) = self.engine.stack.poll_event() {
                self.handle_event(id, event);
            }
            let Some(packet) = self.engine.stack.poll_packet() else { return };
            assert!(packet.len() <= self.scenario.mtu, "a packet of {} bytes", packet.len());
            self.input(Input::Packet { direction: Some(Direction::Inbound), bytes: &packet });
            self.inbound.send(self.engine.now, packet.clone());
            self.engine.stack.recycle(packet);
        }
    }

    fn handle_event(&mut self, id: FlowId, event: Event) {
        match event {
            Event::Connect(key) => self.connect(id, key),
            Event::Ready => self.work(id),
            Event::ShutdownWrite => {
                if let Some(connection) = self.connections.get_mut(&id) {
                    connection.phone_finished();
                }
                self.work(id);
            }
            Event::Closed => self.end(id, Told::Closed),
            Event::Reset => self.end(id, Told::Reset),
            Event::Datagram(payload) => {
                let asked = self.scenario.questions.iter().position(|question| question.payload == payload);
                let index = asked.expect("a question that was asked");
                let at = self.engine.now + self.delay();
                self.answers.insert((at, id, index));
            }
        }
    }

    fn connect(&mut self, id: FlowId, key: FlowKey) {
        let delay = self.delay();
        if self.random.happens(500) {
            self.owners.insert((self.engine.now + delay, id), key);
        }
        if key.transport == Transport::Tcp {
            let index = usize::from(key.remote.port() - Scenario::FIRST_PORT);
            let behaviour: Behaviour = self.scenario.exchanges[index].server.clone();
            self.connections.insert(id, Connection::new(self.engine.now, behaviour, delay));
            self.indexes.insert(id, index);
        }
    }

    fn end(&mut self, id: FlowId, told: Told) {
        if let Some(connection) = self.connections.get_mut(&id) {
            connection.end(told);
        }
    }

    fn delay(&mut self) -> Duration {
        Duration::from_micros(self.random.below(400_000) as u64)
    }

    fn work(&mut self, id: FlowId) {
        if let Some(connection) = self.connections.get_mut(&id) {
            connection.work(self.engine.now, id, &mut self.engine.stack, &mut self.random);
        }
    }

    fn input(&mut self, input: Input<'_>) {
        self.engine.input(input);
    }

    fn finish(self) -> (Engine<W>, Outcome) {
        let mut connections: Vec<Vec<Connection>> = Vec::new();
        connections.resize_with(self.scenario.exchanges.len(), Vec::new);
        for (id, connection) in self.connections {
            connections[self.indexes[&id]].push(connection);
        }
        let stack = &self.engine.stack;
        let (flows, buffers, timers) = (stack.len(), stack.buffers(), stack.poll_timeout().is_some());
        let outcome = Outcome { apps: self.phone.into_apps(), connections, flows, buffers, timers };
        (self.engine, outcome)
    }
}
