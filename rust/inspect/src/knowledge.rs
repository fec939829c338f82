//! What is known of hosts and addresses: who is behind them, where, and what for.

use std::net::IpAddr;

/// A known host, or a zone of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// Host name suffix (whole labels), or an IP address.
    pub suffix: &'static str,
    /// Who runs it.
    pub owner: &'static str,
    /// ISO 3166-1 alpha-2 code of the owner's seat; empty when unknown.
    pub country: &'static str,
    /// What it is for: `activation-registration`, `connectivity-check`, `analytics` …
    pub purpose: &'static str,
    /// Whether a normal boot contacts it.
    pub expected: bool,
    /// Which identifiers it was reported to receive.
    pub identifiers: &'static str,
    /// Who says so.
    pub source: &'static str,
}

/// The endpoint with the longest suffix of `host` (whole labels, case ignored), or of that address.
pub fn endpoint(_host: &str) -> Option<&'static Endpoint> {
    None
}

/// Where an address is, by the registries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Network {
    /// ISO 3166-1 alpha-2 code.
    pub country: Option<&'static str>,
    /// Autonomous system number.
    pub asn: Option<u32>,
}

/// Where an address is. Private, loopback and reserved addresses are nowhere.
pub fn network(_address: IpAddr) -> Network {
    Network::default()
}
