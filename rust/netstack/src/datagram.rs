//! A UDP or ICMP echo conversation of the phone: one per pair of ends, as long as somebody talks.

use std::time::Duration;

use packet::{FlowKey, Timestamp, Transport};

/// UDP (RFC 4787 REQ-5: 5 min recommended, at least 2).
const UDP_IDLE: Duration = Duration::from_secs(5 * 60);
/// DNS asks and is answered (RFC 4787 REQ-5 allows well-known ports a shorter time).
const DNS_IDLE: Duration = Duration::from_secs(30);
/// ICMP queries (RFC 5508 REQ-2: at least 60 s).
const ECHO_IDLE: Duration = Duration::from_secs(60);

/// As much of the last packet as an ICMP error should quote.
const QUOTE: usize = 128;

/// A mapping for datagrams.
#[derive(Debug)]
pub(crate) struct DatagramFlow {
    heard: Timestamp,
    idle: Duration,
    quote: Vec<u8>,
    whole: bool,
}

impl DatagramFlow {
    pub(crate) fn new(key: &FlowKey, now: Timestamp) -> Self {
        let idle = match (key.transport, key.remote.port()) {
            (Transport::Icmp, _) => ECHO_IDLE,
            (_, 53) => DNS_IDLE,
            _ => UDP_IDLE,
        };
        Self { heard: now, idle, quote: Vec::new(), whole: false }
    }

    /// The phone sent `packet`, which is not to be cut if it is `whole`.
    pub(crate) fn handle_packet(&mut self, now: Timestamp, packet: &[u8], whole: bool) {
        self.heard = now;
        self.whole = whole;
        self.quote.clear();
        self.quote.extend_from_slice(&packet[..packet.len().min(QUOTE)]);
    }

    /// The upstream sent something: the other end is bound to this conversation, so it may keep it alive.
    pub(crate) const fn handle_upstream(&mut self, now: Timestamp) {
        self.heard = now;
    }

    /// What the phone sent last, as far as it is kept.
    pub(crate) fn quote(&self) -> &[u8] {
        &self.quote
    }

    /// Whether what the phone sent last is not to be cut.
    pub(crate) const fn is_whole(&self) -> bool {
        self.whole
    }

    pub(crate) const fn heard(&self) -> Timestamp {
        self.heard
    }

    pub(crate) fn poll_timeout(&self) -> Timestamp {
        self.heard + self.idle
    }
}

/// Whether a packet must not be cut: IPv4's bit DF (RFC 791 section 3.1); IPv6 is cut by its sender alone.
pub(crate) fn forbids_fragments(packet: &[u8]) -> bool {
    match packet {
        [first, ..] if first >> 4 == 4 => packet.get(6).is_some_and(|flags| flags & 0x40 != 0),
        _ => true,
    }
}
