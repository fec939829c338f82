//! Puts fragments together again (RFC 791 section 3.2, RFC 8200 section 4.5).

use crate::{IpPacket, Timestamp};

/// What became of a packet.
#[derive(Debug, PartialEq, Eq)]
pub enum Reassembled {
    /// More pieces are needed.
    Pending,
    /// The whole datagram: an IP packet without extension headers or fragmentation, to be parsed like any other.
    Complete(Vec<u8>),
    /// Not taken, with the stable word for `capture.unparsed`.
    Refused(&'static str),
}

/// Holds the pieces of fragmented datagrams, bounded in number, bytes and time.
#[derive(Debug, Default)]
pub struct Reassembler {}

impl Reassembler {
    /// Takes a piece: a packet whose [`IpPacket::fragment`] is set.
    pub fn insert(&mut self, _now: Timestamp, _piece: &IpPacket<'_>) -> Reassembled {
        Reassembled::Refused("fragment")
    }

    /// Drops datagrams that were not completed in time (RFC 8200: 60 s) and returns how many.
    pub fn expire(&mut self, _now: Timestamp) -> usize {
        0
    }
}
