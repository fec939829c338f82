//! Which connection a packet belongs to.

use std::fmt;
use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

/// Which way a packet goes, as seen from the phone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    /// From the phone to the network.
    Outbound,
    /// From the network to the phone.
    Inbound,
}

impl Direction {
    /// Both, outbound first.
    pub const BOTH: [Self; 2] = [Self::Outbound, Self::Inbound];

    /// The other way.
    pub const fn reversed(self) -> Self {
        match self {
            Self::Outbound => Self::Inbound,
            Self::Inbound => Self::Outbound,
        }
    }

    /// 0 for outbound, 1 for inbound: an index into `[T; 2]`.
    pub const fn index(self) -> usize {
        self as usize
    }
}

/// What carries a flow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Transport {
    /// TCP, RFC 9293.
    Tcp,
    /// UDP, RFC 768.
    Udp,
    /// ICMPv4 or ICMPv6 echo; the identifier stands in both ports.
    Icmp,
}

impl fmt::Display for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
            Self::Icmp => "icmp",
        })
    }
}

/// A connection's two ends. The phone's end is always `local`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct FlowKey {
    /// What carries it.
    pub transport: Transport,
    /// The phone's end.
    pub local: SocketAddr,
    /// The other end.
    pub remote: SocketAddr,
}

impl FlowKey {
    /// The key of a packet from `source` to `destination` that goes `direction`.
    pub const fn new(
        transport: Transport,
        direction: Direction,
        source: SocketAddr,
        destination: SocketAddr,
    ) -> Self {
        match direction {
            Direction::Outbound => Self { transport, local: source, remote: destination },
            Direction::Inbound => Self { transport, local: destination, remote: source },
        }
    }

    /// The same two ends, seen from the other one.
    pub const fn reversed(self) -> Self {
        Self { transport: self.transport, local: self.remote, remote: self.local }
    }
}

impl fmt::Display for FlowKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} -> {}", self.transport, self.local, self.remote)
    }
}
