//! Chooses the protocol of a flow by its bytes, and changes it where the flow does.

use std::borrow::Cow;

use packet::{Direction, Timestamp, Transport};

use super::http::{self, Http, Switch, Upgrade};
use super::tls::{self, Tls};
use super::unknown::Unknown;
use super::{Observation, Protocol, datagram::Datagrams, dns};
use crate::stream::StreamEvent;

/// Bytes after which a flow that is still not recognised is taken for unknown.
const MAX_PROBE: usize = 16 * 1024;
/// Turns of the conversation after which it is as well.
const MAX_TURNS: usize = 16;
/// How often a flow may change its protocol: a proxy in a proxy, STARTTLS.
const MAX_SWITCHES: u8 = 8;

/// Takes one flow apart.
#[derive(Debug, Clone)]
pub struct Dissector {
    remote_port: u16,
    switches: u8,
    session: Session,
}

/// What a flow speaks.
#[derive(Debug, Clone)]
enum Session {
    Probing(Probing),
    Tls(Box<Tls>),
    Http(Box<Http>),
    Dns(Box<dns::Stream>),
    Unknown(Box<Unknown>),
    Datagrams(Box<Datagrams>),
}

impl Dissector {
    /// For a flow to `remote_port`. The port only breaks ties between protocols that the bytes allow.
    pub fn new(transport: Transport, remote_port: u16) -> Self {
        let session = match transport {
            Transport::Tcp => Session::Probing(Probing::default()),
            Transport::Udp | Transport::Icmp => Session::Datagrams(Box::new(Datagrams::new(remote_port))),
        };
        Self { remote_port, switches: 0, session }
    }

    /// Takes what a TCP stream yielded.
    pub fn handle_stream(
        &mut self,
        now: Timestamp,
        direction: Direction,
        event: StreamEvent<'_>,
        out: &mut Vec<Observation>,
    ) {
        match &mut self.session {
            Session::Probing(probing) => match event {
                StreamEvent::Data { offset, bytes } => {
                    probing.add(direction, offset, bytes);
                    self.probe(now, direction, out);
                }
                StreamEvent::Gap { .. } | StreamEvent::End => self.force(now, direction, event, out),
            },
            Session::Tls(tls) => tls.handle(direction, event, out),
            Session::Http(http) => {
                let switch = http.handle(direction, event, out);
                self.switch(now, switch, out);
                if event == StreamEvent::End {
                    self.end_again(now, direction, out);
                }
            }
            Session::Dns(dns) => dns.handle(direction, event, out),
            Session::Unknown(unknown) => {
                let Some(begin) = unknown.handle(direction, event, out) else { return };
                if self.may_switch() {
                    self.probe_again(now, vec![(begin.direction, begin.offset, begin.bytes)], out);
                }
            }
            Session::Datagrams(_) => {}
        }
    }

    /// Takes a UDP datagram's payload, which begins at `offset` in the concatenation of that direction's payloads.
    pub fn handle_datagram(
        &mut self,
        _now: Timestamp,
        direction: Direction,
        offset: u64,
        bytes: &[u8],
        out: &mut Vec<Observation>,
    ) {
        if let Session::Datagrams(datagrams) = &mut self.session {
            datagrams.handle(direction, offset, bytes, out);
        }
    }

    /// The flow ends, or has been idle for long: yields what is kept but unfinished. More may follow; what then
    /// comes of a message that was yielded unfinished is passed over.
    pub fn flush(&mut self, out: &mut Vec<Observation>) {
        // What is still probed or held behind an upgrade becomes a session that has something to flush in turn.
        for _ in 0..=MAX_SWITCHES {
            match &mut self.session {
                Session::Probing(probing) if probing.is_empty() => return,
                Session::Probing(_) => self.settle(Timestamp::default(), out),
                Session::Tls(tls) => return tls.flush(out),
                Session::Http(http) => {
                    let Some(switch) = http.flush(out) else { return };
                    self.switch(Timestamp::default(), Some(switch), out);
                }
                Session::Dns(_) => return,
                Session::Unknown(unknown) => return unknown.flush(out),
                Session::Datagrams(datagrams) => return datagrams.flush(out),
            }
        }
    }

    /// Whether something is kept that [`Self::flush`] would yield: the flow table then sets an idle timer.
    pub fn is_pending(&self) -> bool {
        match &self.session {
            Session::Probing(probing) => !probing.is_empty(),
            Session::Tls(tls) => tls.is_pending(),
            Session::Http(http) => http.is_pending(),
            Session::Dns(_) => false,
            Session::Unknown(unknown) => unknown.is_pending(),
            Session::Datagrams(datagrams) => datagrams.is_pending(),
        }
    }

    /// Whether more bytes of that direction can yield anything. The flow table stops rebuilding a stream that
    /// nobody reads.
    pub fn wants(&self, direction: Direction) -> bool {
        match &self.session {
            Session::Probing(_) | Session::Http(_) => true,
            Session::Tls(tls) => tls.wants(direction),
            Session::Dns(dns) => dns.wants(direction),
            Session::Unknown(unknown) => unknown.wants(direction),
            Session::Datagrams(datagrams) => datagrams.wants(direction),
        }
    }

    /// Whether what follows in that direction is encrypted: `None` while it is not known.
    pub fn encrypted(&self, direction: Direction) -> Option<bool> {
        match &self.session {
            Session::Tls(tls) => tls.encrypted(direction),
            Session::Http(_) | Session::Dns(_) => Some(false),
            Session::Probing(_) | Session::Unknown(_) => None,
            Session::Datagrams(datagrams) => datagrams.encrypted(direction),
        }
    }

    fn probe(&mut self, now: Timestamp, direction: Direction, out: &mut Vec<Observation>) {
        let Session::Probing(probing) = &self.session else { return };
        match choose(&probing.said(direction), self.remote_port) {
            Some(kind) => self.begin(now, kind, out),
            None if probing.held >= MAX_PROBE || probing.runs.len() >= MAX_TURNS => self.settle(now, out),
            None => {}
        }
    }

    /// Decides with the bytes there are, then goes on with `event`.
    fn force(
        &mut self,
        now: Timestamp,
        direction: Direction,
        event: StreamEvent<'_>,
        out: &mut Vec<Observation>,
    ) {
        let Session::Probing(probing) = &self.session else { return };
        if probing.said(direction).is_empty() {
            return;
        }
        self.settle(now, out);
        self.handle_stream(now, direction, event, out);
    }

    fn settle(&mut self, now: Timestamp, out: &mut Vec<Observation>) {
        let Session::Probing(probing) = &self.session else { return };
        let http = Direction::BOTH.iter().any(|&direction| http::begins_known(&probing.said(direction)));
        self.begin(now, if http { Kind::Http } else { Kind::Unknown }, out);
    }

    fn begin(&mut self, now: Timestamp, kind: Kind, out: &mut Vec<Observation>) {
        out.extend(kind.protocol().map(Observation::Protocol));
        let Session::Probing(probing) = std::mem::replace(&mut self.session, kind.session()) else { return };
        self.replay(now, probing.runs, out);
    }

    fn replay(&mut self, now: Timestamp, events: Vec<Run>, out: &mut Vec<Observation>) {
        for (direction, offset, bytes) in events {
            if !bytes.is_empty() {
                self.handle_stream(now, direction, StreamEvent::Data { offset, bytes: &bytes }, out);
            }
        }
    }

    fn switch(&mut self, now: Timestamp, switch: Option<Switch>, out: &mut Vec<Observation>) {
        let Some(switch) = switch else { return };
        let protocol = match switch.to {
            Upgrade::Tunnel if self.may_switch() => return self.probe_again(now, switch.rest, out),
            Upgrade::WebSocket => Some(Protocol("websocket")),
            Upgrade::Http2 => Some(Protocol::HTTP2),
            Upgrade::Tunnel | Upgrade::Other => None,
        };
        out.extend(protocol.map(Observation::Protocol));
        self.session = Kind::Unknown.session();
        self.replay(now, switch.rest, out);
    }

    fn probe_again(&mut self, now: Timestamp, rest: Vec<Run>, out: &mut Vec<Observation>) {
        self.session = Session::Probing(Probing::default());
        self.replay(now, rest, out);
    }

    /// A direction that ended with the old session ends in the new one too.
    fn end_again(&mut self, now: Timestamp, direction: Direction, out: &mut Vec<Observation>) {
        if !matches!(self.session, Session::Http(_)) {
            self.handle_stream(now, direction, StreamEvent::End, out);
        }
    }

    fn may_switch(&mut self) -> bool {
        self.switches += 1;
        self.switches <= MAX_SWITCHES
    }
}

/// What a TCP stream turned out to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Tls,
    Http,
    Http2,
    Dns,
    Unknown,
}

impl Kind {
    fn protocol(self) -> Option<Protocol> {
        match self {
            Self::Tls => Some(Protocol::TLS),
            Self::Http => Some(Protocol::HTTP),
            Self::Http2 => Some(Protocol::HTTP2),
            Self::Dns => Some(Protocol::DNS),
            Self::Unknown => None,
        }
    }

    fn session(self) -> Session {
        match self {
            Self::Tls => Session::Tls(Box::new(Tls::new())),
            Self::Http => Session::Http(Box::new(Http::new())),
            Self::Dns => Session::Dns(Box::new(dns::Stream::new())),
            Self::Http2 | Self::Unknown => Session::Unknown(Box::new(Unknown::new())),
        }
    }
}

/// What bytes at the beginning of a direction say; `None`: too few to tell.
fn choose(bytes: &[u8], port: u16) -> Option<Kind> {
    const HTTP2_PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n";
    let verdicts = [
        (Kind::Tls, tls::probe(bytes)),
        (Kind::Http, http::probe(bytes)),
        (Kind::Dns, dns::probe(bytes, port)),
    ];
    match verdicts.iter().find(|(_, verdict)| *verdict == Some(true)) {
        Some((Kind::Http, _)) if bytes.starts_with(HTTP2_PREFACE) => Some(Kind::Http2),
        Some(&(kind, _)) => Some(kind),
        None if verdicts.iter().all(|(_, verdict)| *verdict == Some(false)) => Some(Kind::Unknown),
        None => None,
    }
}

/// What came while it was not known what it is, in order: a run for each turn of the conversation.
#[derive(Debug, Clone, Default)]
struct Probing {
    runs: Vec<Run>,
    /// Bytes of all runs.
    held: usize,
}

type Run = (Direction, u64, Vec<u8>);

impl Probing {
    fn add(&mut self, direction: Direction, offset: u64, bytes: &[u8]) {
        self.held += bytes.len();
        match self.runs.last_mut().filter(|run| run.0 == direction) {
            Some((.., run)) => run.extend_from_slice(bytes),
            None => self.runs.push((direction, offset, bytes.to_vec())),
        }
    }

    /// All that direction said so far.
    fn said(&self, direction: Direction) -> Cow<'_, [u8]> {
        let mut runs = self.runs.iter().filter(|run| run.0 == direction).map(|run| &run.2[..]);
        match (runs.next(), runs.next()) {
            (Some(only), None) => Cow::Borrowed(only),
            (Some(first), Some(second)) => {
                Cow::Owned([first, second].into_iter().chain(runs).flatten().copied().collect())
            }
            (None, _) => Cow::Borrowed(&[]),
        }
    }

    fn is_empty(&self) -> bool {
        self.runs.is_empty()
    }
}

#[cfg(test)]
mod tests;
