//! Packets that the targets make and check. Checksums are the project's to get right, so they are summed here anew
//! (RFC 1071).

use std::net::IpAddr;

use packet::{IpPacket, Packet};

/// A segment without options.
pub(crate) struct Tcp<'a> {
    pub(crate) ends: [(IpAddr, u16); 2],
    pub(crate) seq: u32,
    pub(crate) ack: u32,
    pub(crate) flags: u8,
    pub(crate) window: u16,
    pub(crate) payload: &'a [u8],
}

impl Tcp<'_> {
    /// The packet, without checksums: the stack does not verify them.
    pub(crate) fn packet(&self) -> Vec<u8> {
        let mut body = ports(self.ends);
        body.extend(self.seq.to_be_bytes());
        body.extend(self.ack.to_be_bytes());
        body.extend([5 << 4, self.flags]);
        body.extend(self.window.to_be_bytes());
        body.extend([0; 4]);
        body.extend(self.payload);
        ip(self.ends, 6, &body)
    }
}

/// A UDP datagram without a checksum.
pub(crate) fn udp(ends: [(IpAddr, u16); 2], payload: &[u8]) -> Vec<u8> {
    let mut body = ports(ends);
    body.extend((payload.len() as u16 + 8).to_be_bytes());
    body.extend([0; 2]);
    body.extend(payload);
    ip(ends, 17, &body)
}

/// The packet in pieces of 512 bytes, the last one first.
pub(crate) fn fragments(packet: &[u8]) -> Vec<Vec<u8>> {
    let v4 = packet[0] >> 4 == 4;
    let (header, payload) = packet.split_at(if v4 { 20 } else { 40 });
    let count = payload.chunks(512).count();
    let piece = |(index, chunk): (usize, &[u8])| {
        let more = index + 1 < count;
        let mut out = header.to_vec();
        if v4 {
            let field = (index * 64) as u16 | if more { 0x2000 } else { 0 };
            out[2..4].copy_from_slice(&(20 + chunk.len() as u16).to_be_bytes());
            out[6..8].copy_from_slice(&field.to_be_bytes());
        } else {
            let field = (index * 512) as u16 | u16::from(more);
            out[4..6].copy_from_slice(&(8 + chunk.len() as u16).to_be_bytes());
            out.extend([header[6], 0]);
            out.extend(field.to_be_bytes());
            out.extend([0, 0, 0, 9]);
            out[6] = 44;
        }
        out.extend(chunk);
        out
    };
    let mut pieces: Vec<_> = payload.chunks(512).enumerate().map(piece).collect();
    pieces.reverse();
    pieces
}

/// Checks a packet's checksums.
///
/// # Panics
/// When one is wrong.
pub(crate) fn check(packet: &[u8]) {
    if packet[0] >> 4 == 4 {
        assert_eq!(sum(&packet[..20]), 0xffff, "the IP header's checksum");
    }
    let Ok(IpPacket { source, destination, protocol, payload, fragment: None, .. }) = IpPacket::parse(packet)
    else {
        return assert!(Packet::parse(packet).is_ok(), "what is sent can be read");
    };
    let mut covered = match (protocol, source, destination) {
        (1, ..) => Vec::new(),
        (_, IpAddr::V4(from), IpAddr::V4(to)) => [from.octets(), to.octets()].concat(),
        (_, IpAddr::V6(from), IpAddr::V6(to)) => [from.octets(), to.octets()].concat(),
        _ => panic!("two families"),
    };
    if protocol != 1 {
        covered.extend((payload.len() as u32).to_be_bytes());
        covered.extend([0, 0, 0, protocol]);
    }
    covered.extend(payload);
    assert_eq!(sum(&covered), 0xffff, "protocol {protocol}'s checksum");
}

fn sum(bytes: &[u8]) -> u16 {
    let word = |pair: &[u8]| u32::from(u16::from_be_bytes([pair[0], pair.get(1).copied().unwrap_or(0)]));
    let mut total: u32 = bytes.chunks(2).map(word).sum();
    while total > 0xffff {
        total = (total >> 16) + (total & 0xffff);
    }
    total as u16
}

fn ports(ends: [(IpAddr, u16); 2]) -> Vec<u8> {
    [ends[0].1.to_be_bytes(), ends[1].1.to_be_bytes()].concat()
}

fn ip(ends: [(IpAddr, u16); 2], protocol: u8, body: &[u8]) -> Vec<u8> {
    let mut packet = match (ends[0].0, ends[1].0) {
        (IpAddr::V4(from), IpAddr::V4(to)) => {
            let total = (20 + body.len()) as u16;
            let mut header = vec![0x45, 0];
            header.extend(total.to_be_bytes());
            header.extend([0, 9, 0, 0, 64, protocol, 0, 0]);
            header.extend([from.octets(), to.octets()].concat());
            header
        }
        (IpAddr::V6(from), IpAddr::V6(to)) => {
            let mut header = vec![0x60, 0, 0, 0];
            header.extend((body.len() as u16).to_be_bytes());
            header.extend([protocol, 64]);
            header.extend([from.octets(), to.octets()].concat());
            header
        }
        _ => panic!("two families"),
    };
    packet.extend(body);
    packet
}
