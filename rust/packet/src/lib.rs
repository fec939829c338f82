//! What every part of Telltale speaks of: packets, flows, directions, time, and the inputs a session is made of.
//!
//! Everything here is a plain value or a checked view of bytes; nothing reads a clock, a file or a socket.

#![forbid(unsafe_code)]

mod flow;
mod input;
mod ip;
mod reassembly;
mod time;
mod transport;

pub use flow::{Direction, FlowKey, Transport};
pub use input::{App, Input, Phase};
pub use ip::{Fragment, IpPacket, ParseError};
pub use reassembly::{Reassembled, Reassembler};
pub use time::Timestamp;
pub use transport::{IcmpMessage, IcmpVersion, Packet, Segment, TcpFlags, TcpSegment, UdpDatagram};

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// From 10.0.0.1 to 10.0.0.2, without options.
    pub(crate) fn ipv4(protocol: u8, payload: &[u8]) -> Vec<u8> {
        let mut packet = vec![0x45, 0];
        packet.extend_from_slice(&((20 + payload.len()) as u16).to_be_bytes());
        packet.extend_from_slice(&[0, 1, 0, 0, 64, protocol, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2]);
        packet.extend_from_slice(payload);
        packet
    }

    /// From fd00::1 to fd00::2.
    pub(crate) fn ipv6(next: u8, payload: &[u8]) -> Vec<u8> {
        let mut packet = vec![0x60, 0, 0, 0];
        packet.extend_from_slice(&(payload.len() as u16).to_be_bytes());
        packet.extend_from_slice(&[next, 64]);
        for last in [1, 2] {
            packet.extend_from_slice(&[0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, last]);
        }
        packet.extend_from_slice(payload);
        packet
    }

    /// From port 40000 to port 53.
    pub(crate) fn udp(payload: &[u8]) -> Vec<u8> {
        let mut datagram = vec![0x9c, 0x40, 0, 53];
        datagram.extend_from_slice(&((8 + payload.len()) as u16).to_be_bytes());
        datagram.extend_from_slice(&[0, 0]);
        datagram.extend_from_slice(payload);
        datagram
    }

    /// Bytes that get past the first checks more often than chance would have it.
    fn packets() -> impl Strategy<Value = Vec<u8>> {
        let protocol = prop::sample::select(vec![0u8, 1, 4, 6, 17, 41, 43, 44, 47, 51, 58, 60, 99]);
        let body = prop::collection::vec(any::<u8>(), 0..120);
        (any::<bool>(), protocol, body, any::<Option<(u8, u8)>>(), any::<u8>()).prop_map(
            |(v4, protocol, body, damage, cut)| {
                let mut packet = if v4 { ipv4(protocol, &body) } else { ipv6(protocol, &body) };
                if let Some((at, to)) = damage {
                    let at = usize::from(at) % packet.len();
                    packet[at] = to;
                }
                packet.truncate(packet.len() - usize::from(cut / 16).min(packet.len()));
                packet
            },
        )
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_parser_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = Packet::parse(&bytes).map(Packet::innermost);
        }

        #[test]
        fn what_is_parsed_lies_within_the_packet(bytes in packets()) {
            let Ok(packet) = Packet::parse(&bytes).map(Packet::innermost) else { return Ok(()) };
            prop_assert!(packet.ip.payload.len() <= bytes.len());
            if let Segment::Udp(datagram) = packet.segment {
                let carried = packet.ip.payload.len() + packet.ip.missing;
                prop_assert!(8 + datagram.payload.len() + datagram.missing <= carried);
            }
        }

        #[test]
        fn what_is_put_together_is_no_piece(pieces in prop::collection::vec(packets(), 0..40)) {
            let mut reassembler = Reassembler::default();
            for bytes in &pieces {
                let Ok(piece) = IpPacket::parse(bytes) else { continue };
                if let Reassembled::Complete(whole) = reassembler.insert(Timestamp::default(), &piece) {
                    prop_assert_eq!(IpPacket::parse(&whole).unwrap().fragment, None);
                }
            }
        }
    }
}
