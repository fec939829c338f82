//! What the other side of a connection said, and saying it again.

use std::net::SocketAddr;

use packet::{IpPacket, TcpSegment};
use smoltcp::phy::ChecksumCapabilities;
use smoltcp::wire::{IpProtocol, IpRepr, TcpControl, TcpPacket, TcpRepr, TcpSeqNumber};

/// Whether a segment's checksum is right.
pub(crate) fn is_whole(ip: &IpPacket<'_>) -> bool {
    TcpPacket::new_unchecked(ip.payload).verify_checksum(&ip.source.into(), &ip.destination.into())
}

/// What the other side said: enough to say it again.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Heard {
    pub(crate) ends: [SocketAddr; 2],
    pub(crate) seq: u32,
    pub(crate) ack: u32,
    pub(crate) window: u16,
}

impl Heard {
    pub(crate) fn new(ip: &IpPacket<'_>, tcp: &TcpSegment<'_>) -> Self {
        let ends = [
            SocketAddr::new(ip.source, tcp.source_port),
            SocketAddr::new(ip.destination, tcp.destination_port),
        ];
        let length = tcp.payload.len() as u32 + u32::from(tcp.flags.syn) + u32::from(tcp.flags.fin);
        Self { ends, seq: tcp.seq.wrapping_add(length), ack: tcp.ack, window: tcp.window }
    }

    /// A segment that says the same.
    pub(crate) fn packet(&self, control: TcpControl, payload: &[u8]) -> Vec<u8> {
        let repr = TcpRepr {
            src_port: self.ends[0].port(),
            dst_port: self.ends[1].port(),
            control,
            seq_number: TcpSeqNumber(self.seq as i32),
            ack_number: Some(TcpSeqNumber(self.ack as i32)),
            window_len: self.window,
            window_scale: None,
            max_seg_size: None,
            sack_permitted: false,
            sack_ranges: [None; 3],
            timestamp: None,
            payload,
        };
        let (from, to) = (self.ends[0].ip().into(), self.ends[1].ip().into());
        let checksums = ChecksumCapabilities::default();
        let ip = IpRepr::new(from, to, IpProtocol::Tcp, repr.buffer_len(), 64);
        let mut packet = vec![0; ip.buffer_len()];
        ip.emit(&mut packet, &checksums);
        repr.emit(&mut TcpPacket::new_unchecked(&mut packet[ip.header_len()..]), &from, &to, &checksums);
        packet
    }
}

/// The later of two sequence numbers.
pub(crate) const fn latest(one: u32, other: u32) -> u32 {
    if other.wrapping_sub(one) as i32 > 0 { other } else { one }
}
