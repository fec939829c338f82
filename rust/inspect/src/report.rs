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
    /// As of the flow.
    pub encrypted: Option<bool>,
    /// In which wrappings the identifiers stood, in words; null when none had to be undone.
    pub disguise: Option<String>,
    /// Whether a normal boot has it; null when that is not known.
    pub expected: Option<bool>,
    /// The identifiers it is about; empty for rules about hosts or behaviour.
    pub identifiers: Vec<Identifier>,
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
