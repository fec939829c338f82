//! Puts fragments together again (RFC 791 section 3.2, RFC 8200 section 4.5).
//!
//! A datagram whose pieces overlap is refused as a whole, with all its pieces yet to come (RFC 5722; an attacker's
//! trick, and two readers that resolve it differently see different bytes). Exact duplicates are tolerated.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use crate::ip::{self, Fragment};
use crate::{IpPacket, Timestamp};

/// What became of a packet.
#[derive(Debug, PartialEq, Eq)]
pub enum Reassembled {
    /// More pieces are needed.
    Pending,
    /// The whole datagram: an IP packet without extension headers or fragmentation, to be parsed like any other.
    Complete(Vec<u8>),
    /// Not taken, with the stable word for `capture.unparsed`: `fragment_overlap`, `fragment_too_long` (more than an
    /// IP packet holds), `fragment_length` (no multiple of eight bytes, or none), `fragment_snapped` (cut off by the
    /// capture), `fragment_nested` (a fragment within a fragment), or `fragment` (not a piece at all).
    Refused(&'static str),
}

/// Holds the pieces of fragmented datagrams, bounded in number, bytes and time.
#[derive(Debug, Clone, Default)]
pub struct Reassembler {
    datagrams: BTreeMap<Key, Datagram>,
    /// What all pieces together take, in bytes.
    held: usize,
    /// Counts datagrams, to know the oldest.
    begun: u64,
    /// Given up since [`Self::expire`] told.
    given_up: usize,
}

/// RFC 791 and RFC 8200: pieces of one datagram agree in these (the protocol in IPv4 alone).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    source: IpAddr,
    destination: IpAddr,
    protocol: Option<u8>,
    id: u32,
}

#[derive(Debug, Clone)]
struct Datagram {
    begun: u64,
    deadline: Timestamp,
    /// By offset; they do not overlap.
    pieces: BTreeMap<u32, Vec<u8>>,
    /// What the pieces take, in bytes.
    held: usize,
    /// Bytes of payload in all pieces.
    received: u32,
    /// Bytes of payload in the whole datagram, once the last piece has come.
    total: Option<u32>,
    /// Protocol and hop limit, of the first piece.
    first: Option<(u8, u8)>,
    /// Why every piece of this datagram is refused.
    refused: Option<&'static str>,
}

impl Reassembler {
    const MOST_DATAGRAMS: usize = 64;
    const MOST_BYTES: usize = 1024 * 1024;
    /// What a piece takes besides its bytes, roughly.
    const PIECE_OVERHEAD: usize = 64;
    /// As Linux does.
    const V4_TIMEOUT: Duration = Duration::from_secs(30);
    /// RFC 8200 section 4.5.
    const V6_TIMEOUT: Duration = Duration::from_secs(60);

    /// Takes a piece: a packet whose [`IpPacket::fragment`] is set.
    pub fn insert(&mut self, now: Timestamp, piece: &IpPacket<'_>) -> Reassembled {
        self.drop_expired(now);
        let fragment = match usable(piece) {
            Ok(fragment) => fragment,
            Err(reason) => return Reassembled::Refused(reason),
        };
        let key = Key {
            source: piece.source,
            destination: piece.destination,
            protocol: piece.source.is_ipv4().then_some(piece.protocol),
            id: fragment.id,
        };
        if !self.datagrams.contains_key(&key) {
            self.begin(now, key);
        }
        let Some(datagram) = self.datagrams.get_mut(&key) else { return Reassembled::Pending };
        if let Some(reason) = datagram.refused {
            return Reassembled::Refused(reason);
        }
        let before = datagram.held;
        let added = datagram.add(piece, fragment);
        self.held = self.held - before + datagram.held;
        if let Err(reason) = added {
            return Reassembled::Refused(reason);
        }
        if let Some((first, payload)) = datagram.whole() {
            self.remove(&key);
            return rebuild(&key, first, &payload).map_or_else(Reassembled::Refused, Reassembled::Complete);
        }
        while self.held > Self::MOST_BYTES {
            self.give_up_oldest();
        }
        Reassembled::Pending
    }

    /// Drops datagrams that were not completed in time (IPv4 30 s, IPv6 60 s after their first piece), and returns how
    /// many were given up since the last call: those, and the ones that newer datagrams have pushed out.
    pub fn expire(&mut self, now: Timestamp) -> usize {
        self.drop_expired(now);
        std::mem::take(&mut self.given_up)
    }

    fn begin(&mut self, now: Timestamp, key: Key) {
        if self.datagrams.len() == Self::MOST_DATAGRAMS {
            self.give_up_oldest();
        }
        let timeout = if key.source.is_ipv4() { Self::V4_TIMEOUT } else { Self::V6_TIMEOUT };
        self.begun += 1;
        self.datagrams.insert(key, Datagram::new(self.begun, now + timeout));
    }

    fn drop_expired(&mut self, now: Timestamp) {
        if self.datagrams.is_empty() {
            return;
        }
        let late: Vec<Key> = self
            .datagrams
            .iter()
            .filter(|(_, datagram)| datagram.deadline <= now)
            .map(|(key, _)| *key)
            .collect();
        for key in &late {
            self.give_up(key);
        }
    }

    fn give_up_oldest(&mut self) {
        let oldest = self.datagrams.iter().min_by_key(|(_, datagram)| datagram.begun).map(|(key, _)| *key);
        if let Some(key) = oldest {
            self.give_up(&key);
        }
    }

    /// Forgets a datagram; one that was refused has been counted piece by piece already.
    fn give_up(&mut self, key: &Key) {
        if self.remove(key).is_some_and(|datagram| datagram.refused.is_none()) {
            self.given_up += 1;
        }
    }

    fn remove(&mut self, key: &Key) -> Option<Datagram> {
        let datagram = self.datagrams.remove(key)?;
        self.held -= datagram.held;
        Some(datagram)
    }
}

impl Datagram {
    fn new(begun: u64, deadline: Timestamp) -> Self {
        Self {
            begun,
            deadline,
            pieces: BTreeMap::new(),
            held: 0,
            received: 0,
            total: None,
            first: None,
            refused: None,
        }
    }

    /// Adds a piece; one that overlaps refuses the whole datagram.
    fn add(&mut self, piece: &IpPacket<'_>, fragment: Fragment) -> Result<(), &'static str> {
        let added = self.check(piece, fragment);
        match added {
            Ok(true) => self.keep(piece, fragment),
            Ok(false) => {}
            Err(reason) => {
                self.refused = Some(reason);
                self.pieces.clear();
                self.held = 0;
            }
        }
        added.map(|_| ())
    }

    /// Whether a piece is new (and not an exact duplicate).
    fn check(&self, piece: &IpPacket<'_>, fragment: Fragment) -> Result<bool, &'static str> {
        let end = fragment.offset + piece.payload.len() as u32;
        if self.pieces.get(&fragment.offset).is_some_and(|held| held == piece.payload) {
            return Ok(false);
        }
        let before = self.pieces.range(..end).next_back();
        if before.is_some_and(|(at, held)| at + held.len() as u32 > fragment.offset) {
            return Err("fragment_overlap");
        }
        // Two last pieces, or one that reaches past the last.
        let reach = self.pieces.last_key_value().map_or(0, |(at, held)| at + held.len() as u32);
        match self.total {
            Some(total) if !fragment.more || end > total => Err("fragment_overlap"),
            None if !fragment.more && end < reach => Err("fragment_overlap"),
            _ => Ok(true),
        }
    }

    fn keep(&mut self, piece: &IpPacket<'_>, fragment: Fragment) {
        let len = piece.payload.len();
        self.pieces.insert(fragment.offset, piece.payload.to_vec());
        self.held += len + Reassembler::PIECE_OVERHEAD;
        self.received += len as u32;
        if fragment.offset == 0 {
            self.first = Some((piece.protocol, piece.hop_limit));
        }
        if !fragment.more {
            self.total = Some(fragment.offset + len as u32);
        }
    }

    /// The first piece's protocol and hop limit, and the payload, once there is no gap.
    fn whole(&self) -> Option<((u8, u8), Vec<u8>)> {
        if self.total != Some(self.received) {
            return None;
        }
        let mut payload = Vec::with_capacity(self.received as usize);
        for piece in self.pieces.values() {
            payload.extend_from_slice(piece);
        }
        Some((self.first?, payload))
    }
}

/// Where a piece belongs, unless nothing can be made of it.
fn usable(piece: &IpPacket<'_>) -> Result<Fragment, &'static str> {
    let fragment = piece.fragment.ok_or("fragment")?;
    let len = piece.payload.len() as u32;
    if piece.missing > 0 {
        return Err("fragment_snapped");
    }
    if len == 0 || (fragment.more && !len.is_multiple_of(8)) {
        return Err("fragment_length");
    }
    if fragment.offset.saturating_add(len) > longest_payload(piece.source) {
        return Err("fragment_too_long");
    }
    Ok(fragment)
}

/// How much payload an IP packet without options holds.
fn longest_payload(address: IpAddr) -> u32 {
    match address {
        IpAddr::V4(_) => 65_535 - 20,
        IpAddr::V6(_) => 65_535,
    }
}

/// An IP packet with this payload, without the extension headers that came in the pieces.
fn rebuild(key: &Key, (protocol, hop_limit): (u8, u8), payload: &[u8]) -> Result<Vec<u8>, &'static str> {
    match (key.source, key.destination) {
        (IpAddr::V4(source), IpAddr::V4(destination)) => {
            let total = (20 + payload.len()) as u16;
            let mut packet = vec![0x45, 0];
            packet.extend_from_slice(&total.to_be_bytes());
            packet.extend_from_slice(&[0, 0, 0, 0, hop_limit, protocol, 0, 0]);
            packet.extend_from_slice(&source.octets());
            packet.extend_from_slice(&destination.octets());
            let checksum = header_checksum(&packet);
            packet[10..12].copy_from_slice(&checksum.to_be_bytes());
            packet.extend_from_slice(payload);
            Ok(packet)
        }
        (IpAddr::V6(source), IpAddr::V6(destination)) => {
            let (protocol, payload, fragment) =
                ip::skip_extensions(protocol, payload).map_err(|error| error.reason())?;
            if fragment.is_some() {
                return Err("fragment_nested");
            }
            let mut packet = vec![0x60, 0, 0, 0];
            packet.extend_from_slice(&(payload.len() as u16).to_be_bytes());
            packet.extend_from_slice(&[protocol, hop_limit]);
            packet.extend_from_slice(&source.octets());
            packet.extend_from_slice(&destination.octets());
            packet.extend_from_slice(payload);
            Ok(packet)
        }
        _ => Err("fragment"),
    }
}

/// RFC 1071, over a header whose checksum field is 0.
fn header_checksum(header: &[u8]) -> u16 {
    let sum: u32 = header.chunks_exact(2).map(|pair| u32::from(u16::from_be_bytes([pair[0], pair[1]]))).sum();
    let folded = (sum & 0xffff) + (sum >> 16);
    !((folded & 0xffff) + (folded >> 16)) as u16
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Packet, Segment};

    const START: Timestamp = Timestamp::from_millis(1_550_131_260_000);

    /// A UDP datagram of `len` bytes of payload, header included in what is returned.
    fn udp(len: usize) -> Vec<u8> {
        let mut datagram = vec![0x9c, 0x40, 0x00, 0x35];
        datagram.extend_from_slice(&((len + 8) as u16).to_be_bytes());
        datagram.extend_from_slice(&[0, 0]);
        datagram.extend((0..len).map(|at| at as u8));
        datagram
    }

    fn piece(version: u8, id: u32, at: u32, more: bool, payload: &[u8]) -> IpPacket<'_> {
        let address = |last| match version {
            4 => IpAddr::from([10, 0, 0, last]),
            _ => IpAddr::from([0xfd00, 0, 0, 0, 0, 0, 0, u16::from(last)]),
        };
        IpPacket {
            source: address(1),
            destination: address(2),
            protocol: 17,
            hop_limit: 64,
            fragment: Some(Fragment { id, offset: at, more }),
            payload,
            missing: 0,
        }
    }

    fn complete(result: Reassembled) -> Vec<u8> {
        match result {
            Reassembled::Complete(packet) => packet,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn pieces_in_any_order_and_twice_make_the_datagram() {
        let datagram = udp(72);
        let cuts = [(0, 32), (32, 56), (56, 80)];
        let orders = [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]];
        for version in [4, 6] {
            for order in orders {
                let mut reassembler = Reassembler::default();
                let mut insert = |index: usize| {
                    let (from, to) = cuts[index];
                    let part = &datagram[from..to];
                    reassembler.insert(START, &piece(version, 7, from as u32, index < 2, part))
                };
                assert_eq!(insert(order[0]), Reassembled::Pending);
                assert_eq!(insert(order[0]), Reassembled::Pending);
                assert_eq!(insert(order[1]), Reassembled::Pending);
                let packet = complete(insert(order[2]));
                let parsed = Packet::parse(&packet).unwrap();
                assert_eq!((parsed.ip.fragment, parsed.ip.hop_limit, parsed.ip.missing), (None, 64, 0));
                assert_eq!(parsed.ip.payload, datagram);
                let Segment::Udp(found) = parsed.segment else { panic!("{parsed:?}") };
                assert_eq!((found.destination_port, found.payload), (53, &datagram[8..]));
                assert_eq!((reassembler.datagrams.len(), reassembler.held), (0, 0));
            }
        }
    }

    #[test]
    fn a_rebuilt_ipv4_header_sums_up() {
        let mut reassembler = Reassembler::default();
        let datagram = udp(24);
        reassembler.insert(START, &piece(4, 1, 0, true, &datagram[..16]));
        let packet = complete(reassembler.insert(START, &piece(4, 1, 16, false, &datagram[16..])));
        assert_eq!(header_checksum(&packet[..20]), 0);
    }

    #[test]
    fn an_overlap_refuses_the_datagram_and_what_follows_of_it() {
        let datagram = udp(72);
        // Over the piece before, over the piece after, within, around, other bytes at the same place.
        let overlaps: [(u32, &[u8]); 5] = [
            (8, &datagram[8..24]),
            (32, &datagram[32..56]),
            (24, &datagram[16..24]),
            (0, &datagram[..64]),
            (16, &datagram[..16]),
        ];
        for (at, bytes) in overlaps {
            let mut reassembler = Reassembler::default();
            for (from, to) in [(16, 32), (48, 64)] {
                let part = &datagram[from..to];
                let result = reassembler.insert(START, &piece(4, 1, from as u32, true, part));
                assert_eq!(result, Reassembled::Pending);
            }
            let refused = Reassembled::Refused("fragment_overlap");
            assert_eq!(reassembler.insert(START, &piece(4, 1, at, true, bytes)), refused, "{at}");
            assert_eq!(reassembler.insert(START, &piece(4, 1, 64, false, &datagram[64..])), refused);
            assert_eq!(reassembler.held, 0);
            // Told piece by piece already.
            assert_eq!(reassembler.expire(START + Duration::from_secs(30)), 0);
        }
    }

    #[test]
    fn two_ends_are_an_overlap() {
        let bytes = [0; 16];
        let refused = Reassembled::Refused("fragment_overlap");
        let mut reassembler = Reassembler::default();
        reassembler.insert(START, &piece(6, 1, 32, false, &bytes));
        assert_eq!(reassembler.insert(START, &piece(6, 1, 48, false, &bytes)), refused);
        reassembler.insert(START, &piece(6, 2, 32, true, &bytes));
        assert_eq!(reassembler.insert(START, &piece(6, 2, 16, false, &bytes)), refused);
        reassembler.insert(START, &piece(6, 3, 32, false, &bytes));
        assert_eq!(reassembler.insert(START, &piece(6, 3, 48, true, &bytes)), refused);
    }

    #[test]
    fn impossible_pieces_are_refused() {
        let mut reassembler = Reassembler::default();
        let mut refusal = |id, piece: IpPacket<'_>| {
            let fragment = piece.fragment.map(|fragment| Fragment { id, ..fragment });
            match reassembler.insert(START, &IpPacket { fragment, ..piece }) {
                Reassembled::Refused(reason) => reason,
                other => panic!("{other:?}"),
            }
        };
        assert_eq!(refusal(1, piece(4, 0, 0, true, &[0; 12])), "fragment_length");
        assert_eq!(refusal(2, piece(4, 0, 8, false, &[])), "fragment_length");
        assert_eq!(refusal(3, piece(4, 0, 65_512, false, &[0; 8])), "fragment_too_long");
        assert_eq!(refusal(4, piece(6, 0, 65_528, false, &[0; 8])), "fragment_too_long");
        assert_eq!(refusal(5, IpPacket { missing: 1, ..piece(4, 0, 0, true, &[0; 8]) }), "fragment_snapped");
        assert_eq!(refusal(6, IpPacket { fragment: None, ..piece(4, 0, 0, true, &[0; 8]) }), "fragment");
        assert!(reassembler.datagrams.is_empty());
    }

    #[test]
    fn the_longest_datagrams_fit() {
        for (version, len) in [(4, 65_515), (6, 65_535)] {
            let payload = vec![0; len];
            let mut reassembler = Reassembler::default();
            reassembler.insert(START, &piece(version, 1, 0, true, &payload[..65_504]));
            let last = piece(version, 1, 65_504, false, &payload[65_504..]);
            let packet = complete(reassembler.insert(START, &last));
            assert_eq!(IpPacket::parse(&packet).unwrap().payload.len(), len);
        }
    }

    #[test]
    fn extension_headers_in_the_pieces_are_dropped() {
        // Destination options (a PadN), then UDP.
        let mut payload = vec![17, 0, 1, 4, 0, 0, 0, 0];
        payload.extend_from_slice(&udp(24));
        let part = |range: std::ops::Range<usize>, more| IpPacket {
            protocol: 60,
            ..piece(6, 1, range.start as u32, more, &payload[range])
        };
        let mut reassembler = Reassembler::default();
        assert_eq!(reassembler.insert(START, &part(0..16, true)), Reassembled::Pending);
        let packet = complete(reassembler.insert(START, &part(16..40, false)));
        assert_eq!((packet[6], packet.len()), (17, 40 + 32));
    }

    #[test]
    fn a_fragment_within_a_fragment_is_refused() {
        let payload = [17, 0, 0, 1, 0, 0, 0, 9, 0, 0, 0, 0, 0, 0, 0, 0];
        let part = |range: std::ops::Range<usize>, more| IpPacket {
            protocol: 44,
            ..piece(6, 1, range.start as u32, more, &payload[range])
        };
        let mut reassembler = Reassembler::default();
        reassembler.insert(START, &part(0..8, true));
        assert_eq!(reassembler.insert(START, &part(8..16, false)), Reassembled::Refused("fragment_nested"));
    }

    #[test]
    fn datagrams_of_other_ids_and_protocols_are_kept_apart() {
        let mut reassembler = Reassembler::default();
        let datagram = udp(8);
        reassembler.insert(START, &piece(4, 1, 0, true, &datagram[..8]));
        let other_id = piece(4, 2, 8, false, &datagram[8..]);
        assert_eq!(reassembler.insert(START, &other_id), Reassembled::Pending);
        let other_protocol = IpPacket { protocol: 6, ..piece(4, 1, 8, false, &datagram[8..]) };
        assert_eq!(reassembler.insert(START, &other_protocol), Reassembled::Pending);
        complete(reassembler.insert(START, &piece(4, 1, 8, false, &datagram[8..])));
    }

    #[test]
    fn what_is_not_completed_in_time_is_dropped_and_counted_once() {
        let mut reassembler = Reassembler::default();
        reassembler.insert(START, &piece(4, 1, 0, true, &[0; 8]));
        reassembler.insert(START, &piece(6, 1, 0, true, &[0; 8]));
        assert_eq!(reassembler.expire(START + Duration::from_millis(29_999)), 0);
        assert_eq!(reassembler.expire(START + Duration::from_secs(30)), 1);
        let late = START + Duration::from_secs(60);
        // Dropped on the way, told at the next call.
        assert_eq!(reassembler.insert(late, &piece(4, 1, 8, false, &[0; 8])), Reassembled::Pending);
        assert_eq!(reassembler.expire(late), 1);
        assert_eq!(reassembler.expire(late), 0);
    }

    #[test]
    fn a_flood_is_bounded_and_pushes_out_the_oldest() {
        let mut reassembler = Reassembler::default();
        for id in 0..1_000 {
            reassembler.insert(START, &piece(4, id, 0, true, &[0; 8]));
        }
        assert_eq!(reassembler.datagrams.len(), Reassembler::MOST_DATAGRAMS);
        assert_eq!(reassembler.expire(START), 1_000 - Reassembler::MOST_DATAGRAMS);
        complete(reassembler.insert(START, &piece(4, 999, 8, false, &[0; 8])));

        let big = vec![0; 60_000];
        for id in 2_000..2_100 {
            reassembler.insert(START, &piece(6, id, 0, true, &big));
            assert!(reassembler.held <= Reassembler::MOST_BYTES);
        }
        assert!(reassembler.expire(START) > 0);
        let held: usize = reassembler.datagrams.values().map(|datagram| datagram.held).sum();
        assert_eq!(held, reassembler.held);
    }

    #[test]
    fn a_clock_that_goes_back_drops_nothing() {
        let mut reassembler = Reassembler::default();
        let datagram = udp(8);
        reassembler.insert(START, &piece(4, 1, 0, true, &datagram[..8]));
        let earlier = START - Duration::from_secs(3_600);
        complete(reassembler.insert(earlier, &piece(4, 1, 8, false, &datagram[8..])));
    }
}
