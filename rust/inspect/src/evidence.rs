//! What is known when something is to be judged. Rules see this and nothing else.

use std::time::Duration;

use packet::{Direction, FlowKey, Phase, Timestamp};

use crate::facts::Home;
use crate::identifier::{Match, Recurrence};
use crate::knowledge::{Endpoint, Network};
use crate::report::PhaseAt;

/// A piece of evidence with all that surrounds it.
#[derive(Debug)]
pub struct Case<'a> {
    /// The flow it comes from.
    pub subject: Subject<'a>,
    /// The piece itself.
    pub evidence: Evidence<'a>,
    /// What the phone had just done.
    pub moment: Moment,
    /// Where the phone is at home, as far as that is known.
    pub home: &'a Home,
}

/// The flow that evidence comes from.
#[derive(Debug, Clone, Copy)]
pub struct Subject<'a> {
    /// Its two ends.
    pub key: FlowKey,
    /// The app's name, when known.
    pub app: Option<&'a str>,
    /// The other end's name, when known.
    pub host: Option<&'a str>,
    /// What is known of that name or address.
    pub endpoint: Option<&'static Endpoint>,
    /// Where the address is.
    pub network: Network,
    /// Whether the content is encrypted, as far as that is known.
    pub encrypted: Option<bool>,
    /// Whether encrypted content was read with keys that were given.
    pub decrypted: bool,
    /// Payload bytes by direction, so far.
    pub bytes: [u64; 2],
    /// Whether the other end took the connection, or sent anything.
    pub answered: bool,
    /// Whether identifiers were found in its content.
    pub flagged: bool,
}

/// What there is to judge.
#[derive(Debug)]
pub enum Evidence<'a> {
    /// Content that could be read.
    Content(&'a Content),
    /// Values that the flow sends, and that were sent before.
    Recurrence(&'a [Recurrence]),
    /// The flow's nature is known: its content is encrypted, or it is over.
    Contact,
    /// The phone's set-up is finished only now, after the flow sent these identifiers.
    SetUp(&'a [Match]),
    /// A name was asked for in vain: no address came back.
    LookupFailed {
        /// The name.
        name: &'a str,
        /// What is known of it.
        endpoint: &'static Endpoint,
    },
}

/// Content that could be read, and what was found in it.
#[derive(Debug)]
pub struct Content {
    /// Which way it went.
    pub direction: Direction,
    /// What kind of content.
    pub origin: Origin,
    /// The identifiers in it.
    pub matches: Vec<Match>,
    /// The content says it is something that it is not, in plain words.
    pub misdeclared: Option<String>,
    /// Whether it was encrypted, and read with keys that were given.
    pub decrypted: bool,
    /// What lets somebody in stands in it, see [`Credential`].
    pub credential: Option<Credential>,
}

/// What lets its holder in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Credential {
    /// A token: good for a time, for what it was made for (RFC 6750).
    Token,
    /// A password: chosen by a person or built in (RFC 7617).
    Password,
}

/// Kinds of content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// An HTTP request.
    Request {
        /// Method.
        method: String,
        /// Path, without the query.
        path: String,
        /// Length of the query, without the question mark.
        query_len: usize,
        /// Length of the body as far as it was kept.
        body_len: usize,
        /// Whether it has a Cookie header.
        cookie: bool,
    },
    /// An HTTP response.
    Response,
    /// A message of another protocol, by the first word of its decode steps.
    Message(&'static str),
    /// Bytes without a known protocol.
    Bytes,
    /// The name in a TLS or QUIC ClientHello.
    Sni,
    /// A name in a DNS question.
    DnsName,
}

/// The latest thing that the phone did before a flow, and how long before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Moment {
    /// The phase and the time since, if any phase is known.
    pub after: Option<(Phase, Duration)>,
}

impl Moment {
    /// What was the latest phase at `at`. Phases must be in order of time.
    pub fn at(phases: &[PhaseAt], at: Timestamp) -> Self {
        let latest = phases.iter().rev().find(|mark| mark.at <= at);
        Self { after: latest.map(|mark| (mark.phase, at.since(mark.at))) }
    }
}

impl Case<'_> {
    /// What is known of the host that this is about: a name that was asked for in vain, else the flow's other end.
    pub const fn endpoint(&self) -> Option<&'static Endpoint> {
        match self.evidence {
            Evidence::LookupFailed { endpoint, .. } => Some(endpoint),
            _ => self.subject.endpoint,
        }
    }

    /// The country that the data goes to: the owner's seat if known, else where the address is.
    pub fn country(&self) -> Option<&'static str> {
        let seat = self.endpoint().map(|endpoint| endpoint.country).filter(|code| !code.is_empty());
        seat.or(self.subject.network.country)
    }
}
