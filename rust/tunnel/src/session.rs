//! A session: waits for the TUN, the upstream sockets, the platform, the user and the clock; does one thing at a time
//! and then everything that follows from it.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::future::poll_fn;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::io::{self, BufWriter};
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use inspect::Inspector;
use inspect::report::Report;
use netstack::{Counts, Event, FlowId, Stack};
use packet::{Direction, FlowKey, Input, Phase, Timestamp, Transport};
use recording::Writer;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::time::{Instant, Sleep, sleep_until};

use crate::clock::Clock;
use crate::health::Health;
use crate::owner::Owners;
use crate::ready::ReadyQueue;
use crate::tap::{Notice, NoticeSink, RecordingSink, Sight, Tap};
use crate::upstream::{DatagramUpstream, Progress, TcpUpstream, Upstream};
use crate::{FdTun, Host, Tun, socket};

/// What a session is told before it begins.
pub struct SessionConfig {
    /// What to look for.
    pub inspect: inspect::Config,
    /// The TUN's MTU, seed and bounds.
    pub stack: netstack::Config,
    /// Where DNS (port 53) is sent instead of where the phone sends it.
    pub dns: Option<IpAddr>,
    /// Where the recording goes (pcapng). It is written in large pieces, once a second at least.
    pub recording: Option<RecordingSink>,
    /// What of the packets is seen and kept.
    pub sight: Sight,
    /// Told of events as they come, on the session's thread.
    pub notify: NoticeSink,
    /// How long to wait for another TUN when one is gone. Android takes the old one away when it gives a new one.
    pub tun_grace: Duration,
}

/// A command to a running session. When no sender is left, that counts as [`Control::Stop`].
pub enum Control<T = FdTun> {
    /// The phone entered a phase.
    Phase(Phase),
    /// From here on the phone's packets come from this TUN; the one before is closed. Connections go on.
    Tun(T),
    /// Make a report of what was seen so far.
    Report(ReportSink),
    /// End the session.
    Stop,
}

/// Takes a report that was asked for.
pub type ReportSink = Box<dyn FnOnce(Report) + Send>;

impl<T> fmt::Debug for Control<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Phase(phase) => write!(f, "Phase({phase})"),
            Self::Tun(_) => f.write_str("Tun"),
            Self::Report(_) => f.write_str("Report"),
            Self::Stop => f.write_str("Stop"),
        }
    }
}

/// How a session ended.
#[derive(Debug)]
pub struct Outcome {
    /// What it showed. The same, byte for byte, as that of its recording.
    pub report: Report,
    /// What was not relayed.
    pub counts: Counts,
    /// Why the recording failed, if it did, in one plain sentence.
    pub recording_failed: Option<String>,
    /// Why the TUN failed, if that ended the session.
    pub tun_failed: Option<io::Error>,
}

/// Why a session cannot begin.
#[derive(Debug)]
pub enum StartError {
    /// A watched value that its kind does not allow.
    Watch(String),
    /// The recording cannot be begun.
    Recording(io::Error),
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Watch(message) => f.write_str(message),
            Self::Recording(error) => write!(f, "cannot begin the recording: {error}"),
        }
    }
}

impl std::error::Error for StartError {}

/// Packets that are taken from the TUN before the upstream sockets have their turn.
const BURST: usize = 64;
/// Changes that are handled before other tasks have their turn.
const ROUNDS: usize = 32;
/// Recorded bytes that are written at once; see also how often [`Tap`] flushes them.
const RECORDED: usize = 256 << 10;
/// The longest packet, and the longest datagram.
const LONGEST: usize = 1 << 16;

/// A phone's traffic, relayed, inspected and recorded.
pub struct Session<T, H> {
    /// `None` until the platform gives one.
    tun: Option<T>,
    /// Why the last TUN failed, and until when another may come.
    tun_lost: Option<(io::Error, Timestamp)>,
    tun_grace: Duration,
    host: Arc<H>,
    dns: Option<IpAddr>,
    clock: Clock,
    stack: Stack,
    tap: Tap,
    upstreams: BTreeMap<FlowId, Upstream>,
    ready: ReadyQueue,
    owners: Owners,
    /// Packets that the TUN had no room for. While there are any, nothing else is read.
    blocked: VecDeque<Vec<u8>>,
    /// Where datagrams are read to.
    buffer: Vec<u8>,
    /// Where packets are read to, and the last that was.
    packets: [Vec<u8>; 2],
    /// When the last packet was read, and its length, as long as [`Tap`] has not seen it: it is first sent on.
    unseen: Option<(Timestamp, usize)>,
    ready_ids: Vec<FlowId>,
    health: Health,
    timer: Option<(Timestamp, Pin<Box<Sleep>>)>,
}

/// Whether a step found anything to do.
enum Step {
    Idle,
    Busy,
    Over(Option<io::Error>),
}

impl<T: Tun + Unpin, H: Host> Session<T, H> {
    /// A session that begins with [`Self::run`]. Without a TUN it waits for [`Control::Tun`].
    ///
    /// # Errors
    /// See [`StartError`].
    pub fn new(config: SessionConfig, tun: impl Into<Option<T>>, host: H) -> Result<Self, StartError> {
        let recording = match config.recording {
            Some(sink) => {
                let sink = BufWriter::with_capacity(RECORDED, sink);
                Some(Writer::new(sink, &config.inspect.source).map_err(StartError::Recording)?)
            }
            None => None,
        };
        let inspector = Inspector::new(config.inspect).map_err(StartError::Watch)?;
        let most_flows = config.stack.most_flows.min(socket::raise_limit());
        let stack = netstack::Config { most_flows, ..config.stack };
        let host = Arc::new(host);
        Ok(Self {
            tun: tun.into(),
            tun_lost: None,
            tun_grace: config.tun_grace,
            owners: Owners::new(Arc::clone(&host)),
            host,
            dns: config.dns,
            clock: Clock::start(),
            stack: Stack::new(stack),
            tap: Tap::new(inspector, recording, config.sight, config.notify),
            upstreams: BTreeMap::new(),
            ready: ReadyQueue::default(),
            blocked: VecDeque::new(),
            buffer: vec![0; LONGEST],
            packets: [vec![0; LONGEST], vec![0; LONGEST]],
            unseen: None,
            ready_ids: Vec::new(),
            health: Health::default(),
            timer: None,
        })
    }

    /// Relays until it is told to stop, or the TUN fails. Needs a tokio runtime with IO and time.
    pub async fn run(mut self, mut control: UnboundedReceiver<Control<T>>) -> Outcome {
        self.tap.input(self.clock.now(), Input::Phase(Phase::Started));
        let tun_failed = poll_fn(|cx| self.poll(cx, &mut control)).await;
        self.tap.input(self.clock.now(), Input::Phase(Phase::Stopped));
        let counts = self.stack.counts().clone();
        let (report, recording_failed) = self.tap.finish();
        Outcome { report, counts, recording_failed, tun_failed }
    }

    fn poll(
        &mut self,
        cx: &mut Context<'_>,
        control: &mut UnboundedReceiver<Control<T>>,
    ) -> Poll<Option<io::Error>> {
        for _ in 0..ROUNDS {
            match self.step(cx, control) {
                Step::Busy => {}
                Step::Idle => return Poll::Pending,
                Step::Over(error) => return Poll::Ready(error),
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    fn step(&mut self, cx: &mut Context<'_>, control: &mut UnboundedReceiver<Control<T>>) -> Step {
        let mut busy = match self.poll_control(cx, control) {
            Step::Over(error) => return Step::Over(error),
            step => matches!(step, Step::Busy),
        };
        busy |= self.poll_owners(cx);
        let relayed = match self.poll_blocked(cx) {
            Ok(true) => {
                busy |= self.poll_upstreams(cx);
                self.poll_tun(cx)
            }
            Ok(false) => Ok(false),
            Err(error) => Err(error),
        };
        match relayed {
            Ok(relayed) => busy |= relayed,
            Err(error) => self.lose_tun(error),
        }
        busy |= self.poll_timer(cx);
        if let Some((error, _)) = self.tun_lost.take_if(|(_, until)| *until <= self.clock.now()) {
            return Step::Over(Some(error));
        }
        if busy { Step::Busy } else { Step::Idle }
    }

    fn poll_control(&mut self, cx: &mut Context<'_>, control: &mut UnboundedReceiver<Control<T>>) -> Step {
        match control.poll_recv(cx) {
            Poll::Pending => Step::Idle,
            Poll::Ready(Some(Control::Phase(phase))) => {
                self.tap.input(self.clock.now(), Input::Phase(phase));
                Step::Busy
            }
            Poll::Ready(Some(Control::Tun(tun))) => {
                self.tun = Some(tun);
                self.tun_lost = None;
                Step::Busy
            }
            Poll::Ready(Some(Control::Report(sink))) => {
                sink(self.tap.snapshot(self.clock.now()));
                Step::Busy
            }
            Poll::Ready(Some(Control::Stop) | None) => Step::Over(None),
        }
    }

    /// Closes a TUN that failed, and waits for another.
    fn lose_tun(&mut self, error: io::Error) {
        self.tun = None;
        self.tun_lost = Some((error, self.clock.now() + self.tun_grace));
    }

    fn poll_owners(&mut self, cx: &mut Context<'_>) -> bool {
        let Poll::Ready(Some((flow, app))) = self.owners.answers.poll_recv(cx) else { return false };
        self.tap.input(self.clock.now(), Input::Owner { flow, app: &app });
        true
    }

    /// Writes what the TUN had no room for. Whether all is written.
    fn poll_blocked(&mut self, cx: &mut Context<'_>) -> io::Result<bool> {
        let Some(tun) = &mut self.tun else { return Ok(true) };
        while let Some(packet) = self.blocked.front() {
            match tun.poll_send(cx, packet) {
                Poll::Pending => return Ok(false),
                Poll::Ready(result) => ignore_refusal(result)?,
            }
            self.blocked.pop_front();
        }
        Ok(true)
    }

    fn poll_upstreams(&mut self, cx: &mut Context<'_>) -> bool {
        let mut ids = std::mem::take(&mut self.ready_ids);
        self.ready.take(cx, &mut ids);
        let busy = !ids.is_empty();
        for id in ids.drain(..) {
            let now = self.clock.now();
            self.pump(now, id);
            self.settle(cx, now);
        }
        self.ready_ids = ids;
        busy
    }

    /// Reads a burst of packets, then does what follows from all of them: what a connection sent goes upstream in one
    /// piece. Whether there were any.
    fn poll_tun(&mut self, cx: &mut Context<'_>) -> io::Result<bool> {
        let mut read = 0;
        let end = loop {
            if read == BURST {
                break Ok(());
            }
            match self.read_packet(cx) {
                Ok(true) => read += 1,
                Ok(false) => break Ok(()),
                Err(error) => break Err(error),
            }
        };
        if read > 0 {
            self.settle(cx, self.clock.now());
        }
        end.map(|()| read > 0)
    }

    /// Reads a packet from the TUN, if there is one.
    fn read_packet(&mut self, cx: &mut Context<'_>) -> io::Result<bool> {
        let Some(tun) = &mut self.tun else { return Ok(false) };
        let [next, last] = &mut self.packets;
        let len = match tun.poll_recv(cx, next) {
            Poll::Pending => return Ok(false),
            Poll::Ready(Ok(0)) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Poll::Ready(result) => result?,
        };
        let now = self.clock.now();
        if let Some((then, len)) = self.unseen.replace((now, len)) {
            self.tap.packet(then, Direction::Outbound, &last[..len]);
        }
        std::mem::swap(next, last);
        self.stack.handle_packet(now, &last[..len]);
        Ok(true)
    }

    /// Sees the last packet that was read.
    fn see(&mut self) {
        if let Some((then, len)) = self.unseen.take() {
            self.tap.packet(then, Direction::Outbound, &self.packets[1][..len]);
        }
    }

    fn poll_timer(&mut self, cx: &mut Context<'_>) -> bool {
        let lost = self.tun_lost.as_ref().map(|(_, until)| *until);
        let deadlines =
            [self.stack.poll_timeout(), self.tap.poll_timeout(), self.health.poll_timeout(), lost];
        let deadline = deadlines.into_iter().flatten().min();
        let Some(deadline) = deadline else {
            self.timer = None;
            return false;
        };
        let instant = || Instant::from_std(self.clock.instant(deadline));
        match &mut self.timer {
            Some((at, _)) if *at == deadline => {}
            Some((at, sleep)) => {
                *at = deadline;
                sleep.as_mut().reset(instant());
            }
            None => self.timer = Some((deadline, Box::pin(sleep_until(instant())))),
        }
        let due = self.timer.as_mut().is_some_and(|(_, sleep)| sleep.as_mut().poll(cx).is_ready());
        if due {
            self.timer = None;
            let now = self.clock.now();
            self.stack.handle_timeout(now);
            self.tap.handle_timeout(now);
            self.health.handle_timeout(now);
            self.settle(cx, now);
        }
        due
    }

    /// Does all that follows from a change: acts on the stack's events, sends its packets. What is inspected has been sent
    /// on before, so that nobody waits for it.
    fn settle(&mut self, cx: &mut Context<'_>, now: Timestamp) {
        loop {
            while let Some((id, event)) = self.stack.poll_event() {
                self.handle_event(now, id, event);
            }
            let Some(packet) = self.stack.poll_packet() else { break };
            let sent = self.send(cx, &packet);
            self.see();
            self.tap.packet(now, Direction::Inbound, &packet);
            if sent {
                self.stack.recycle(packet);
            } else {
                self.blocked.push_back(packet);
            }
        }
        self.see();
        let counts = self.stack.counts();
        self.health.count_refused(now, counts.refused + counts.evicted);
        while let Some(trouble) = self.health.poll_trouble() {
            self.tap.notify(Notice::Trouble(trouble));
        }
    }

    /// Whether the TUN had room for the packet. Without a TUN there is nobody to send to; one that fails also fails to be
    /// read, which is noticed there.
    fn send(&mut self, cx: &mut Context<'_>, packet: &[u8]) -> bool {
        let Some(tun) = &mut self.tun else { return true };
        self.blocked.is_empty() && tun.poll_send(cx, packet).is_ready()
    }

    fn handle_event(&mut self, now: Timestamp, id: FlowId, event: Event) {
        match event {
            Event::Connect(key) => {
                self.owners.ask(key);
                self.connect(now, id, key);
            }
            Event::Ready => self.pump(now, id),
            Event::Datagram(payload) => self.send_datagram(now, id, &payload),
            Event::ShutdownWrite => {
                if let Some(Upstream::Tcp(upstream)) = self.upstreams.get(&id) {
                    upstream.shutdown();
                }
            }
            Event::Closed => drop(self.upstreams.remove(&id)),
            Event::Reset => {
                if let Some(Upstream::Tcp(upstream)) = self.upstreams.remove(&id) {
                    upstream.reset();
                }
            }
        }
    }

    /// Sends a datagram upstream, from another socket if the one that was used lost its network.
    fn send_datagram(&mut self, now: Timestamp, id: FlowId, payload: &[u8]) {
        let Some(&key) = self.stack.key(id) else { return };
        let remote = self.upstream_of(&key);
        let Some(Upstream::Datagram(upstream)) = self.upstreams.get_mut(&id) else { return };
        self.health.asked(now, id, upstream.is_dns());
        let moved = upstream.is_silent(now) && {
            let source = socket::source_for(&*self.host, remote);
            source.is_some() && source != upstream.source()
        };
        if !moved && upstream.send(id, payload, &mut self.stack).is_ok() {
            return;
        }
        self.upstreams.remove(&id);
        self.connect(now, id, key);
        if let Some(Upstream::Datagram(upstream)) = self.upstreams.get_mut(&id)
            && let Err(error) = upstream.send(id, payload, &mut self.stack)
        {
            self.stack.undeliverable(id, socket::unreachable(&error));
        }
    }

    /// Where what the phone sends there is sent.
    fn upstream_of(&self, key: &FlowKey) -> SocketAddr {
        match self.dns {
            Some(dns) if key.remote.port() == 53 && key.transport != Transport::Icmp => {
                SocketAddr::new(dns, 53)
            }
            _ => key.remote,
        }
    }

    fn connect(&mut self, now: Timestamp, id: FlowId, key: FlowKey) {
        let remote = self.upstream_of(&key);
        let waker = self.ready.waker(id);
        let upstream = match key.transport {
            Transport::Tcp => {
                socket::tcp(&*self.host, remote).map(|socket| Upstream::Tcp(TcpUpstream::new(socket, waker)))
            }
            transport => socket::datagram(&*self.host, transport, remote).map(|socket| {
                let kind = if remote.is_ipv4() { 8 } else { 128 };
                let echo = (transport == Transport::Icmp).then_some(kind);
                let dns = key.transport == Transport::Udp && remote.port() == 53;
                Upstream::Datagram(DatagramUpstream::new(socket, waker, echo, remote, dns))
            }),
        };
        match upstream {
            Ok(upstream) => {
                self.upstreams.insert(id, upstream);
                self.pump(now, id);
            }
            Err(error) => {
                self.health.refused(now, &error);
                self.stack.refused(now, id, socket::unreachable(&error));
            }
        }
    }

    fn pump(&mut self, now: Timestamp, id: FlowId) {
        let progress = match self.upstreams.get_mut(&id) {
            Some(Upstream::Tcp(upstream)) => upstream.pump(now, id, &mut self.stack, &mut self.health),
            Some(Upstream::Datagram(upstream)) => {
                if upstream.pump(now, id, &mut self.stack, &mut self.buffer) {
                    self.health.answered(id);
                }
                Progress::Waiting
            }
            None => return,
        };
        if progress == Progress::Over {
            self.upstreams.remove(&id);
        }
    }
}

/// A number that nobody can guess, for [`netstack::Config::seed`]: the keys of the standard library's hash maps are.
pub fn random_seed() -> u64 {
    RandomState::new().build_hasher().finish()
}

/// A packet that the device does not take (too long for its MTU, interface down) is lost; the device is not.
fn ignore_refusal(result: io::Result<()>) -> io::Result<()> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Err(error),
        _ => Ok(()),
    }
}
