//! The report's data: schema `telltale.report/1`.
//!
//! Field order is the order of the JSON. Every list is in a fixed order: flows and findings by id, phases by time,
//! counts by name. Values are whole here; the `report` crate masks them.

mod purpose;

use std::collections::BTreeMap;
use std::net::SocketAddr;

use packet::{App, Direction, Phase, Timestamp, Transport};
use serde::{Deserialize, Serialize};

use crate::identifier::{Confidence, IdentifierKind};

pub use purpose::{Purpose, PurposeFrom, UnknownPurpose};

/// The schema's name, the first field of the JSON.
pub const SCHEMA: &str = "telltale.report/1";

/// All that a session showed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// [`SCHEMA`].
    pub schema: String,
    /// What was read.
    pub capture: Capture,
    /// How much of it could be seen.
    pub coverage: Coverage,
    /// When the phone entered which phase.
    pub phases: Vec<PhaseAt>,
    /// Every flow, in the order of its first packet.
    pub flows: Vec<Flow>,
    /// Every finding, in the order of its evidence.
    pub findings: Vec<Finding>,
    /// What makes the phone contact its hosts, as far as the times prove it. Absent in reports of earlier versions.
    #[serde(default)]
    pub triggers: Vec<Trigger>,
    /// What could not be seen. Never empty.
    pub unseen: Vec<Unseen>,
}

/// What was read.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Capture {
    /// The file's name, or the live session's.
    pub source: String,
    /// Time of the first packet.
    pub first: Option<Timestamp>,
    /// Time of the last packet.
    pub last: Option<Timestamp>,
    /// Packets, those that could not be parsed included.
    pub packets: u64,
    /// Their bytes from the IP header on.
    pub bytes: u64,
    /// Packets that could not be parsed, by reason.
    pub unparsed: BTreeMap<String, u64>,
    /// Where and why reading stopped early, in plain words; null when the capture was read to its end.
    pub truncated: Option<String>,
}

/// How much could be seen. Bytes are of payload, both directions.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Coverage {
    /// Flows in all.
    pub flows: u64,
    /// Flows with a host name.
    pub named: u64,
    /// Flows whose content was readable.
    pub readable: u64,
    /// Flows whose content was encrypted.
    pub encrypted: u64,
    /// Of the encrypted flows, those that were read with keys that were given.
    #[serde(default)]
    pub decrypted: u64,
    /// Flows that are neither: nothing was sent, or nobody knows the protocol.
    pub unknown: u64,
    /// Payload bytes in all.
    pub payload_bytes: u64,
    /// Payload bytes that were read and searched.
    pub searched_bytes: u64,
    /// Payload bytes that were encrypted.
    pub encrypted_bytes: u64,
    /// Payload bytes that the capture does not hold.
    pub missing_bytes: u64,
    /// Flows whose beginning was not captured.
    pub midstream: u64,
    /// Flows forgotten because the table was full.
    pub evicted: u64,
    /// Kinds of the values given by the user to look for.
    pub watched: Vec<IdentifierKind>,
}

/// The phone entered a phase.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct PhaseAt {
    /// Which.
    pub phase: Phase,
    /// When.
    pub at: Timestamp,
}

/// A connection.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Flow {
    /// 1, 2, 3 … in the order of first packets.
    pub id: u32,
    /// What carries it.
    pub transport: Transport,
    /// The phone's end.
    pub local: SocketAddr,
    /// The other end.
    pub remote: SocketAddr,
    /// Who opened it, when the platform said.
    pub app: Option<App>,
    /// Time of its first packet.
    pub opened: Timestamp,
    /// Time of its last packet, once it is closed.
    pub closed: Option<Timestamp>,
    /// How it ended.
    pub close: Option<Close>,
    /// Payload bytes sent by the phone.
    pub bytes_out: u64,
    /// Payload bytes received by the phone.
    pub bytes_in: u64,
    /// Protocols recognised, outermost first.
    pub protocols: Vec<String>,
    /// The other end's name.
    pub host: Option<String>,
    /// Where the name comes from.
    pub host_from: Option<HostFrom>,
    /// Country of the remote address (ISO 3166-1 alpha-2).
    pub country: Option<String>,
    /// Autonomous system of the remote address.
    pub asn: Option<u32>,
    /// Who runs the host.
    pub owner: Option<String>,
    /// What it is for.
    pub purpose: Purpose,
    /// What tells that; null when nothing does.
    pub purpose_from: Option<PurposeFrom>,
    /// JA4 fingerprint of the client.
    pub ja4: Option<String>,
    /// Whether the content is encrypted; null when nothing was sent or nobody can tell.
    pub encrypted: Option<bool>,
    /// Whether a normal boot contacts this host; null when the host is not known.
    pub expected: Option<bool>,
    /// Time of its last packet, closed or not.
    pub last: Timestamp,
    /// Whether its encrypted content was read with keys that were given.
    #[serde(default)]
    pub decrypted: bool,
    /// What its Encrypted Client Hello hides; null without one.
    #[serde(default)]
    pub ech: Option<Ech>,
    /// The other end's certificate, where it could be read.
    #[serde(default)]
    pub certificate: Option<Certificate>,
    /// What its bytes look like; null when a protocol was recognised, or nothing was sent.
    #[serde(default)]
    pub unknown: Option<Unknown>,
}

/// What bytes of no known protocol look like, as far as they were kept in one piece.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sample {
    /// First byte, and the byte after the last, in the flow's stream of that direction.
    pub range: [u64; 2],
    /// Entropy in hundredths of a bit per byte, 0 to 800.
    pub entropy: u16,
    /// Share of printable ASCII in percent.
    pub printable: u8,
    /// The first of the bytes, in hex.
    pub first: String,
}

/// A flow that nothing known fits.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Unknown {
    /// What the phone sent.
    pub sent: Option<Sample>,
    /// What it received.
    pub received: Option<Sample>,
}

/// What an Encrypted Client Hello (RFC 9849) hides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ech {
    /// The flow's name is only that of the front that many hosts share: the real one is hidden.
    Hidden,
    /// Nothing: it is there so that others do not stand out. The phone had asked DNS for the flow's name itself.
    Grease,
    /// Nobody can tell which.
    Unclear,
}

/// What an end's certificate says. Nobody checked that it is true.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Certificate {
    /// Common name of the subject, else its organization.
    pub subject: Option<String>,
    /// Hosts and addresses that it is for.
    pub names: Vec<String>,
    /// Common name of who signed it, else its organization.
    pub issuer: Option<String>,
    /// Valid from.
    pub not_before: Option<Timestamp>,
    /// Valid until; null for what never ends.
    pub not_after: Option<Timestamp>,
}

/// How a flow ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Close {
    /// Both sides finished.
    Fin,
    /// Reset after it was open.
    Rst,
    /// Refused before it was open: RST to the SYN, or ICMP unreachable.
    Refused,
    /// Nobody answered.
    Unanswered,
    /// Idle for so long that it counts as over.
    Idle,
    /// Forgotten because the table was full.
    Evicted,
    /// The same ports were used for a new connection.
    Replaced,
}

/// Where a flow's name comes from, best first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HostFrom {
    /// The HTTP Host header, or the absolute target.
    HttpHost,
    /// TLS or QUIC server name indication.
    Sni,
    /// A message of another protocol: CoAP Uri-Host, the domain of a SIP request.
    Message,
    /// A DNS answer that the same app got before.
    DnsApp,
    /// A DNS answer that the phone got before.
    DnsPhone,
    /// The other end's certificate.
    Certificate,
}

/// How bad a finding is. What grades it: whether what was told can be changed by its owner, who could read it, and
/// whether the phone would do so in a normal boot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// A normal phone does it too. Worth knowing, no more.
    Info,
    /// Unusual; or what was told can be reset or tells the model only.
    Low,
    /// An identifier left the phone protected, unsure or of limited use; or a contact that can only end in one.
    Medium,
    /// One permanent identifier, a password or the phone's place for anybody on the way to read; or what a phone of
    /// this owner has no reason to do.
    High,
    /// Several permanent identifiers, or a registration, for anybody on the way to read.
    Critical,
}

/// Something the phone told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// 1, 2, 3 … in the order of the evidence.
    pub id: u32,
    /// The rule that found it.
    pub rule: String,
    /// How bad.
    pub severity: Severity,
    /// One line: what, to whom.
    pub title: String,
    /// Why it matters, in plain words.
    pub why: String,
    /// [`Flow::id`].
    pub flow: u32,
    /// When the evidence was complete.
    pub at: Timestamp,
    /// The phase the phone was in.
    pub phase: Option<Phase>,
    /// Milliseconds from that phase to what caused the finding.
    pub since: Option<u64>,
    /// Who opened the flow, when the platform said.
    pub app: Option<String>,
    /// As of the flow.
    pub host: Option<String>,
    /// As of the flow.
    pub owner: Option<String>,
    /// The owner's country if known, else that of the address.
    pub country: Option<String>,
    /// Whether what it is about was sent encrypted: what was read without keys was not; of the contact itself as of the flow.
    pub encrypted: Option<bool>,
    /// In which wrappings the identifiers stood, in words; null when none had to be undone.
    pub disguise: Option<String>,
    /// Whether a normal boot has it; null when that is not known.
    pub expected: Option<bool>,
    /// The identifiers it is about; empty for rules about hosts or behaviour.
    pub identifiers: Vec<Identifier>,
    /// Whether it is about encrypted content that was read with keys that were given. Ranges are then offsets in what was
    /// decrypted.
    #[serde(default)]
    pub decrypted: bool,
}

/// An identifier in a finding.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identifier {
    /// What it is.
    pub kind: IdentifierKind,
    /// Canonical form.
    pub value: String,
    /// How sure.
    pub confidence: Confidence,
    /// The steps that lead from the stream's bytes to the value.
    pub decode: Vec<String>,
    /// First byte and the byte after the last, in the flow's stream of `direction`.
    pub range: [u64; 2],
    /// Which stream.
    pub direction: Direction,
}

/// What makes the phone contact a host, when chance is too poor an explanation.
///
/// Flows that open within two seconds of the one before them are one contact.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Trigger {
    /// The host's name, else its address.
    pub host: String,
    /// Name of the app, when the platform said which.
    pub app: Option<String>,
    /// What kind of cause it is.
    pub cause: Cause,
    /// For [`Cause::Phase`]: entering any of these is an occasion. Empty for [`Cause::Period`].
    pub phases: Vec<Phase>,
    /// Contacts that were looked at: all of the host and app that no trigger before this one explains.
    pub contacts: u64,
    /// Contacts that this cause explains.
    pub tied: u64,
    /// How often the cause was there: phases entered, or times between two contacts.
    pub occasions: u64,
    /// Occasions that a contact followed, or times between contacts that are regular.
    pub answered: u64,
    /// Median time from an occasion to its first contact, or the median of the regular times between contacts.
    pub delay_ms: u64,
    /// Interquartile range of the same times.
    pub spread_ms: u64,
    /// At most how likely it is that contacts at random times look like this or more so, after correction for
    /// everything that was tried; two digits.
    pub chance: f64,
    /// The first flow of each contact that it explains, at most 64.
    pub flows: Vec<u32>,
}

/// What kind of cause a [`Trigger`] names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// The phone entered a phase.
    Phase,
    /// Nothing but time: contacts are as far apart as a timer sets them.
    Period,
}

/// Something that could not be seen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unseen {
    /// Stable `snake_case` word.
    pub what: String,
    /// How many (flows, bytes, packets …), when it can be counted.
    pub count: Option<u64>,
    /// Plain words.
    pub why: String,
}
