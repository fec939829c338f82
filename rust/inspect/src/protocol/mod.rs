//! Finds out which protocol a flow speaks, by what its bytes are, and takes it apart.
//!
//! Parsing cannot fail: a dissector yields observations, or gives up with a reason.

mod certificate;
mod cipher;
mod coap;
mod conversation;
mod datagram;
mod discovery;
mod dissector;
mod dns;
mod dtls;
mod framed;
mod ftp;
mod hello;
mod hpack;
mod http;
mod http2;
mod ike;
mod ja4;
mod mail;
mod mailbox;
mod mcs;
mod message;
mod mqtt;
mod ntp;
mod psk;
mod qpack;
mod quic;
mod reader;
#[cfg(test)]
mod recorded;
mod session;
mod sip;
mod smtp;
mod stun;
mod supl;
mod tls;
mod unknown;
mod websocket;
mod xmpp;

use std::net::IpAddr;
use std::ops::Range;

use packet::{Direction, Timestamp};

pub use dissector::Dissector;
pub use dns::parse as parse_dns;
pub(crate) use hpack::undo_huffman;
pub(crate) use http2::data_of as http2_data;
pub(crate) use message::segments;
pub(crate) use websocket::payload_of as websocket_payload;

/// A protocol that was recognised, by its stable lower-case name in reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Protocol(pub &'static str);

impl Protocol {
    /// DNS over UDP or TCP.
    pub const DNS: Self = Self("dns");
    /// TLS.
    pub const TLS: Self = Self("tls");
    /// DTLS.
    pub const DTLS: Self = Self("dtls");
    /// DNS over TLS (RFC 7858).
    pub const DOT: Self = Self("dot");
    /// DNS over QUIC (RFC 9250).
    pub const DOQ: Self = Self("doq");
    /// DNS over HTTPS (RFC 8484).
    pub const DOH: Self = Self("doh");
    /// HTTP/1.0 or HTTP/1.1.
    pub const HTTP: Self = Self("http");
    /// HTTP/2 in clear.
    pub const HTTP2: Self = Self("http2");
    /// QUIC.
    pub const QUIC: Self = Self("quic");
    /// NTP or SNTP.
    pub const NTP: Self = Self("ntp");
    /// MQTT.
    pub const MQTT: Self = Self("mqtt");
    /// CoAP, over UDP or TCP.
    pub const COAP: Self = Self("coap");
    /// STUN and TURN.
    pub const STUN: Self = Self("stun");
    /// IKE.
    pub const IKE: Self = Self("ike");
    /// ESP in UDP.
    pub const ESP: Self = Self("esp");
    /// Google's mobile connection server, without TLS.
    pub const MCS: Self = Self("mcs");
    /// XMPP.
    pub const XMPP: Self = Self("xmpp");
    /// SIP, over UDP or TCP.
    pub const SIP: Self = Self("sip");
    /// SUPL.
    pub const SUPL: Self = Self("supl");
    /// FTP's control connection.
    pub const FTP: Self = Self("ftp");
    /// SMTP.
    pub const SMTP: Self = Self("smtp");
    /// POP3.
    pub const POP3: Self = Self("pop3");
    /// IMAP.
    pub const IMAP: Self = Self("imap");
}

/// What a dissector saw. Ranges are offsets in the flow's stream of that direction; in UDP flows, in the
/// concatenation of that direction's payloads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Observation {
    /// The flow speaks this.
    Protocol(Protocol),
    /// A TLS, DTLS or QUIC ClientHello.
    ClientHello(ClientHello),
    /// The server chose.
    ServerHello(ServerHello),
    /// An end presented its certificate.
    Certificate(Box<Certificate>),
    /// What was read with keys that were given. Its ranges are offsets in what was decrypted: of the connection's
    /// stream in that direction, in QUIC of the stream that held it.
    Decrypted(Box<Observation>),
    /// An HTTP message, whole or as far as it came.
    Http(Box<HttpMessage>),
    /// A DNS message.
    Dns(Box<DnsMessage>),
    /// A message of a protocol whose parts have names.
    Message(Box<Message>),
    /// Bytes that can be read but that no dissector here understands.
    Readable(Readable),
    /// All bytes of a message in clear that the phone sent, after what its parts tell: beside them can stand what no dissector
    /// reads.
    Whole(Readable),
    /// Nothing more will be read from this direction, and why: a stable `snake_case` word such as `encrypted`,
    /// `gap`, `too_long`, `malformed`.
    GiveUp {
        /// Which way.
        direction: Direction,
        /// Why.
        reason: &'static str,
    },
}

/// A ClientHello (RFC 8446 section 4.1.2), from TLS, DTLS or QUIC.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ClientHello {
    /// Server name indication, lower case, without a trailing dot (RFC 6066).
    pub sni: Option<String>,
    /// Application protocols offered (RFC 7301).
    pub alpn: Vec<String>,
    /// Highest version offered, as on the wire (`0x0304` for TLS 1.3), GREASE ignored.
    pub version: u16,
    /// Whether the encrypted_client_hello extension stands in it, or its predecessor encrypted_server_name (the SNI may
    /// then be an outer name only).
    pub ech: bool,
    /// Whether data may follow it at once (RFC 8446 section 4.2.10).
    pub early_data: bool,
    /// Which keys the client says that it shares with the server, tickets left out (RFC 8446 section 4.2.11).
    pub psk_identities: Vec<Vec<u8>>,
    /// What the client made up: key logs tell connections by it.
    pub random: [u8; 32],
    /// JA4 fingerprint (FoxIO, BSD 3-Clause part).
    pub ja4: String,
    /// `t` for TCP, `q` for QUIC, `d` for DTLS.
    pub carrier: Carrier,
    /// Its bytes in the stream, record headers included.
    pub range: Range<u64>,
}

/// What carried a ClientHello.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Carrier {
    /// TLS over TCP.
    #[default]
    Tcp,
    /// QUIC.
    Quic,
    /// DTLS.
    Dtls,
}

/// A ServerHello, as far as it matters here.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ServerHello {
    /// The version chosen, as on the wire.
    pub version: u16,
    /// The cipher suite chosen.
    pub cipher: u16,
    /// Whether it is a HelloRetryRequest (RFC 8446 section 4.1.4).
    pub retry: bool,
    /// What the server made up.
    pub random: [u8; 32],
    /// Whether block ciphers authenticate the ciphertext (RFC 7366).
    pub encrypt_then_mac: bool,
}

/// What an end's certificate says (RFC 5280).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certificate {
    /// Which way it went.
    pub direction: Direction,
    /// Whether the client presented it.
    pub by_client: bool,
    /// Common name of the subject, else its organization.
    pub subject: Option<String>,
    /// Common name of who signed it, else its organization.
    pub issuer: Option<String>,
    /// Hosts and addresses that it is for, wildcards as they stand.
    pub names: Vec<String>,
    /// Valid from.
    pub not_before: Option<Timestamp>,
    /// Valid until; `None` for what never ends.
    pub not_after: Option<Timestamp>,
    /// All that names the subject: attributes by their names (RFC 4519), then mail addresses and URIs.
    pub attributes: Vec<(String, String)>,
    /// Its message in the stream.
    pub range: Range<u64>,
}

/// An HTTP message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpMessage {
    /// Which way it went.
    pub direction: Direction,
    /// First line.
    pub start: HttpStart,
    /// Header fields in order, trailers last; names as sent, values trimmed and unfolded. HTTP/2's `:authority` is among
    /// them, and its other pseudo-header fields are in `start`.
    pub headers: Vec<HttpHeader>,
    /// The body with chunks and frames undone and the content coding kept, as far as it was kept.
    pub body: Vec<u8>,
    /// The body in the stream, chunk and frame headers included.
    pub body_range: Range<u64>,
    /// How the body stands in the stream.
    pub coding: BodyCoding,
    /// Set when `body` is not the whole body: `gap`, `too_long`, `unfinished`, `reset`.
    pub cut: Option<&'static str>,
    /// The message in the stream.
    pub range: Range<u64>,
}

/// How an HTTP body stands in the stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BodyCoding {
    /// In one piece: offsets in it are offsets in the stream.
    Plain,
    /// In chunks (RFC 9112 section 7.1).
    Chunked,
    /// In DATA frames of this stream: of HTTP/2 (RFC 9113 section 6.1), with those of others between them, or of HTTP/3.
    Frames(u32),
}

/// First line of an HTTP message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HttpStart {
    /// A request.
    Request {
        /// Method.
        method: String,
        /// Request target as sent.
        target: String,
        /// The target in the stream.
        target_range: Range<u64>,
        /// Whether it stands there in HPACK's string code (RFC 7541 section 5.2).
        huffman: bool,
    },
    /// A response.
    Response {
        /// Status code.
        status: u16,
    },
}

/// An HTTP header field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpHeader {
    /// Name as sent.
    pub name: String,
    /// Value, trimmed; bytes that are no UTF-8 are replaced.
    pub value: String,
    /// The value in the stream: where it was first sent, if HTTP/2's table repeats it; in the encoder stream (RFC 9204
    /// section 4.2), if it stands in HTTP/3's.
    pub range: Range<u64>,
    /// Whether it stands there in HPACK's string code (RFC 7541 section 5.2).
    pub huffman: bool,
}

impl HttpMessage {
    /// The authority that the header fields tell: HTTP/2's, or `Host`.
    pub fn authority(&self) -> Option<&str> {
        self.header(":authority").or_else(|| self.header("host"))
    }

    /// The first header of that name, case ignored.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.values(name).next()
    }

    /// The values of every header of that name, case ignored.
    pub fn values<'a>(&'a self, name: &str) -> impl DoubleEndedIterator<Item = &'a str> {
        self.headers.iter().filter(move |h| h.name.eq_ignore_ascii_case(name)).map(|h| h.value.as_str())
    }
}

/// A DNS message (RFC 1035).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DnsMessage {
    /// Transaction id.
    pub id: u16,
    /// Whether it is a response.
    pub response: bool,
    /// Response code.
    pub rcode: u8,
    /// What is asked.
    pub questions: Vec<DnsQuestion>,
    /// Answers of the kinds that name a flow.
    pub answers: Vec<DnsAnswer>,
    /// The message in the stream.
    pub range: Range<u64>,
}

/// A question of a DNS message (RFC 1035 section 4.1.2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DnsQuestion {
    /// Whose records are asked for: lower case, without a trailing dot.
    pub name: String,
    /// The name as it is written, in which case tells nothing to DNS but can to who wrote it.
    pub written: String,
    /// Record type.
    pub kind: u16,
    /// The name in the stream, from its first letter to its last; the whole message where it does not stand as it is.
    pub range: Range<u64>,
}

/// A DNS answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DnsAnswer {
    /// Whose record it is.
    pub name: String,
    /// Seconds to live.
    pub ttl: u32,
    /// What it says.
    pub data: DnsData,
}

/// The record kinds that help to name a flow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DnsData {
    /// A or AAAA.
    Address(IpAddr),
    /// CNAME, or the target of an HTTPS/SVCB record in alias mode.
    Alias(String),
    /// HTTPS or SVCB in service mode (RFC 9460): address hints, and the outer name of its ECH configuration.
    Service {
        /// The target name; equal to the owner's when it is `.`.
        target: String,
        /// `ipv4hint` and `ipv6hint`.
        hints: Vec<IpAddr>,
        /// The outer name that its `ech` parameter gives.
        ech: Option<String>,
    },
}

/// A message of a protocol whose parts have names: an MQTT packet, a CoAP request, a SIP header block, a WebSocket
/// message (its parts stand in the stream in frames).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// Which way it went.
    pub direction: Direction,
    /// First word of the decode steps of its parts: `mqtt`, `coap`.
    pub protocol: &'static str,
    /// The other end's name, if the message tells it.
    pub host: Option<String>,
    /// Its parts in order.
    pub parts: Vec<Part>,
}

impl Message {
    /// The transforming steps that lead from where a part stands in the stream to its value.
    pub(crate) fn undone(&self) -> &'static [&'static str] {
        match self.protocol {
            websocket::NAME => &["frames (websocket)"],
            websocket::COMPRESSED => &["frames (websocket)", "deflate"],
            _ => &[],
        }
    }
}

/// A part of a [`Message`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// What the protocol calls it: `client_id`, `topic`, `payload`.
    pub name: String,
    /// Its bytes as far as they were kept, the protocol's own framing and escaping undone.
    pub value: Vec<u8>,
    /// Where it stands in the stream. As long as `value`, if the bytes stand there as they are.
    pub range: Range<u64>,
}

/// What a part's value is made of, again: `step` is the part's decode step, `bytes` are those of its range. `None`:
/// the value is the bytes as they stand there, or nearly.
pub(crate) fn unpack(step: &str, bytes: &[u8]) -> Option<Vec<u8>> {
    supl::unpack(step.strip_prefix("supl ")?, bytes)
}

/// Bytes that can be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Readable {
    /// Which way they went.
    pub direction: Direction,
    /// The bytes as far as they were kept.
    pub bytes: Vec<u8>,
    /// Where they stand in the stream.
    pub range: Range<u64>,
}

impl Observation {
    /// The bytes of a message that begins at `at`, if the phone sent it. Blanks between messages are none.
    pub(super) fn whole(direction: Direction, at: u64, bytes: &[u8]) -> Option<Self> {
        let sent = direction == Direction::Outbound && !bytes.trim_ascii().is_empty();
        sent.then(|| Self::Whole(Readable::new(direction, at, bytes)))
    }
}

impl Readable {
    /// Bytes that begin at `at`.
    pub(super) fn new(direction: Direction, at: u64, bytes: &[u8]) -> Self {
        Self { direction, bytes: bytes.to_vec(), range: at..at + bytes.len() as u64 }
    }
}
