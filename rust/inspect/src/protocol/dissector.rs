//! Chooses the protocol of a flow by its bytes, and changes it where the flow does.

use std::borrow::Cow;

use packet::{Direction, Timestamp, Transport};

use super::conversation::{Conversation, Dialect};
use super::framed::{Framed, Framing};
use super::ftp::{self, Ftp};
use super::http::{self, Http};
use super::http2::{self, Http2};
use super::mailbox::{self, Imap, Pop3};
use super::mcs::{self, Mcs};
use super::mqtt::{self, Mqtt};
use super::session::{Context, Run, StreamSession, Switch, Upgrade};
use super::smtp::{self, Smtp};
use super::supl::{self, Supl};
use super::tls::{self, Tls};
use super::unknown::Unknown;
use super::websocket::WebSocket;
use super::xmpp::{self, Xmpp};
use super::{Observation, Protocol, coap, datagram::Datagrams, dns, sip, stun};
use crate::keylog::KeyRing;
use crate::stream::StreamEvent;

/// Bytes after which a flow that is still not recognised is taken for unknown.
const MAX_PROBE: usize = 16 * 1024;
/// Turns of the conversation after which it is as well.
const MAX_TURNS: usize = 16;
/// How often a flow may change its protocol: a proxy in a proxy, STARTTLS.
const MAX_SWITCHES: u8 = 8;

/// How a connection begins in one direction, as far as it was seen.
#[derive(Debug, Clone, Copy)]
pub(super) struct Opening<'a> {
    /// All that `direction` said so far.
    pub(super) bytes: &'a [u8],
    /// Who said it: in some protocols the server begins.
    pub(super) direction: Direction,
    /// The other end's port. It only breaks ties between protocols that the bytes allow.
    pub(super) port: u16,
}

/// A protocol over TCP that can be recognised.
struct Known {
    protocol: Protocol,
    /// Whether it is this one; `None`: too few bytes to tell.
    probe: fn(&Opening<'_>) -> Option<bool>,
    begin: fn() -> Box<dyn StreamSession>,
}

/// In the order in which they are asked: the first that says yes it is.
const KNOWN: &[Known] = &[
    Known { protocol: Protocol::TLS, probe: |it| tls::probe(it.bytes), begin: || Box::new(Tls::new()) },
    Known { protocol: Protocol::HTTP2, probe: |it| http2::probe(it.bytes), begin: || Box::new(Http2::new()) },
    Known { protocol: Protocol::SIP, probe: |it| sip::probe(it.bytes), begin: || framed(sip::Stream) },
    Known { protocol: Protocol::HTTP, probe: |it| http::probe(it.bytes), begin: || Box::new(Http::new()) },
    Known { protocol: Protocol::MQTT, probe: |it| mqtt::probe(it.bytes), begin: || framed(Mqtt::default()) },
    Known { protocol: Protocol::COAP, probe: coap::probe_stream, begin: || framed(coap::Stream) },
    Known {
        protocol: Protocol::STUN,
        probe: |it| stun::probe_stream(it.bytes),
        begin: || framed(stun::Stream::new()),
    },
    Known { protocol: Protocol::MCS, probe: |it| mcs::probe(it.bytes), begin: || framed(Mcs::default()) },
    Known { protocol: Protocol::SUPL, probe: supl::probe, begin: || framed(Supl) },
    Known {
        protocol: Protocol::XMPP,
        probe: |it| xmpp::probe(it.bytes),
        begin: || Box::new(Xmpp::default()),
    },
    Known { protocol: Protocol::IMAP, probe: mailbox::probe_imap, begin: || in_turn(Imap::default()) },
    Known { protocol: Protocol::POP3, probe: mailbox::probe_pop3, begin: || in_turn(Pop3::default()) },
    Known { protocol: Protocol::SMTP, probe: smtp::probe, begin: || in_turn(Smtp::default()) },
    Known { protocol: Protocol::FTP, probe: ftp::probe, begin: || in_turn(Ftp) },
    Known {
        protocol: Protocol::DNS,
        probe: |it| dns::probe(it.bytes, it.port),
        begin: || Box::new(dns::Stream::new()),
    },
];

fn framed(framing: impl Framing) -> Box<dyn StreamSession> {
    Box::new(Framed::new(framing))
}

fn in_turn(dialect: impl Dialect) -> Box<dyn StreamSession> {
    Box::new(Conversation::new(dialect))
}

/// Takes one flow apart.
#[derive(Debug, Clone)]
pub struct Dissector {
    context: Context,
    switches: u8,
    session: Session,
}

/// What a flow speaks.
#[derive(Debug, Clone)]
enum Session {
    Probing(Probing),
    Stream(Box<dyn StreamSession>),
    Datagrams(Box<Datagrams>),
}

impl Dissector {
    /// For a flow to `remote_port`. The port only breaks ties between protocols that the bytes allow.
    pub fn new(transport: Transport, remote_port: u16) -> Self {
        let session = match transport {
            Transport::Tcp => Session::Probing(Probing::default()),
            Transport::Udp => Session::Datagrams(Box::new(Datagrams::new(remote_port))),
            Transport::Icmp => Session::Datagrams(Box::new(Datagrams::of_echoes())),
        };
        Self { context: Context { port: remote_port, keys: KeyRing::default() }, switches: 0, session }
    }

    /// What is encrypted is read with these, as far as they reach.
    #[must_use]
    pub fn with_keys(mut self, keys: KeyRing) -> Self {
        self.context.keys = keys;
        if let Session::Datagrams(datagrams) = &mut self.session {
            datagrams.use_keys(&self.context);
        }
        self
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
                // Decided is at the same byte, however the stream is cut.
                StreamEvent::Data { .. } if probing.begins_one_too_many(direction) => {
                    self.settle(now, out);
                    self.handle_stream(now, direction, event, out);
                }
                StreamEvent::Data { offset, bytes } => {
                    let (first, rest) = bytes.split_at(bytes.len().min(MAX_PROBE - probing.held));
                    probing.add(direction, offset, first);
                    self.probe(now, direction, out);
                    if !rest.is_empty() {
                        let event = StreamEvent::Data { offset: offset + first.len() as u64, bytes: rest };
                        self.handle_stream(now, direction, event, out);
                    }
                }
                StreamEvent::Gap { .. } | StreamEvent::End => self.force(now, direction, event, out),
            },
            Session::Stream(session) => {
                let Some(switch) = session.handle(direction, event, out) else { return };
                self.switch(now, switch, out);
                // A direction that ended with the old session ends in the new one too.
                if event == StreamEvent::End {
                    self.handle_stream(now, direction, event, out);
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
                Session::Stream(session) => {
                    let Some(switch) = session.flush(out) else { return };
                    self.switch(Timestamp::default(), switch, out);
                }
                Session::Datagrams(datagrams) => return datagrams.flush(out),
            }
        }
    }

    /// Whether something is kept that [`Self::flush`] would yield: the flow table then sets an idle timer.
    pub fn is_pending(&self) -> bool {
        match &self.session {
            Session::Probing(probing) => !probing.is_empty(),
            Session::Stream(session) => session.is_pending(),
            Session::Datagrams(datagrams) => datagrams.is_pending(),
        }
    }

    /// Whether more bytes of that direction can yield anything. The flow table stops rebuilding a stream that
    /// nobody reads.
    pub fn wants(&self, direction: Direction) -> bool {
        match &self.session {
            Session::Probing(_) => true,
            Session::Stream(session) => session.wants(direction),
            Session::Datagrams(datagrams) => datagrams.wants(direction),
        }
    }

    /// Whether what follows in that direction is encrypted: `None` while it is not known.
    pub fn encrypted(&self, direction: Direction) -> Option<bool> {
        match &self.session {
            Session::Probing(_) => None,
            Session::Stream(session) => session.encrypted(direction),
            Session::Datagrams(datagrams) => datagrams.encrypted(direction),
        }
    }

    /// Whether what is encrypted is read with keys that were given.
    pub fn decrypts(&self) -> bool {
        match &self.session {
            Session::Probing(_) => false,
            Session::Stream(session) => session.decrypts(),
            Session::Datagrams(datagrams) => datagrams.decrypts(),
        }
    }

    fn probe(&mut self, now: Timestamp, direction: Direction, out: &mut Vec<Observation>) {
        let Session::Probing(probing) = &self.session else { return };
        let said = probing.said(direction);
        match choose(&Opening { bytes: &said, direction, port: self.context.port }) {
            Choice::Known(known) => self.begin(now, Some(known), out),
            Choice::Unknown => self.begin(now, None, out),
            Choice::TooFew if probing.held >= MAX_PROBE => self.settle(now, out),
            Choice::TooFew => {}
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
        let said = Direction::BOTH.map(|direction| (direction, probing.said(direction)));
        let port = self.context.port;
        let fits = |known: &&Known| {
            said.iter().any(|(direction, bytes)| {
                let opening = Opening { bytes, direction: *direction, port };
                (known.probe)(&opening) == Some(true)
                    || (known.protocol == Protocol::HTTP && http::begins_known(bytes))
            })
        };
        let known = KNOWN.iter().find(fits);
        self.begin(now, known, out);
    }

    fn begin(&mut self, now: Timestamp, known: Option<&Known>, out: &mut Vec<Observation>) {
        out.extend(known.map(|known| Observation::Protocol(known.protocol)));
        let mut session = known.map_or_else(unknown, |known| (known.begin)());
        session.begin(&self.context);
        let Session::Probing(probing) = std::mem::replace(&mut self.session, Session::Stream(session)) else {
            return;
        };
        self.replay(now, probing.runs, out);
    }

    fn replay(&mut self, now: Timestamp, events: Vec<Run>, out: &mut Vec<Observation>) {
        for (direction, offset, bytes) in events {
            if !bytes.is_empty() {
                self.handle_stream(now, direction, StreamEvent::Data { offset, bytes: &bytes }, out);
            }
        }
    }

    fn switch(&mut self, now: Timestamp, switch: Switch, out: &mut Vec<Observation>) {
        self.switches = self.switches.saturating_add(1);
        let (protocol, session) = match switch.to {
            _ if self.switches > MAX_SWITCHES => (None, Session::Stream(Box::new(Unknown::to_the_end()))),
            Upgrade::Anything => (None, Session::Probing(Probing::default())),
            Upgrade::WebSocket => (Some(Protocol("websocket")), Session::Stream(Box::new(WebSocket::new()))),
            Upgrade::Http2 => (Some(Protocol::HTTP2), Session::Stream(Box::new(Http2::new()))),
        };
        out.extend(protocol.map(Observation::Protocol));
        self.session = session;
        self.replay(now, switch.rest, out);
    }
}

fn unknown() -> Box<dyn StreamSession> {
    Box::new(Unknown::new())
}

/// What the beginning of a direction says.
enum Choice {
    Known(&'static Known),
    Unknown,
    TooFew,
}

/// The first protocol that fits. While one that comes before it may fit still, nothing is chosen: so the choice does not
/// depend on how the stream is cut.
fn choose(opening: &Opening<'_>) -> Choice {
    let mut said = KNOWN.iter().map(|known| (known, (known.probe)(opening)));
    match said.find(|(_, fits)| *fits != Some(false)) {
        Some((known, Some(_))) => Choice::Known(known),
        Some((_, None)) => Choice::TooFew,
        None => Choice::Unknown,
    }
}

/// What came while it was not known what it is, in order: a run for each turn of the conversation.
#[derive(Debug, Clone, Default)]
struct Probing {
    runs: Vec<Run>,
    /// Bytes of all runs.
    held: usize,
}

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

    /// Whether bytes of that direction would be a turn more than is waited for.
    fn begins_one_too_many(&self, direction: Direction) -> bool {
        self.runs.len() >= MAX_TURNS && self.runs.last().is_some_and(|run| run.0 != direction)
    }

    fn is_empty(&self) -> bool {
        self.runs.is_empty()
    }
}

#[cfg(test)]
pub(super) mod tests;
