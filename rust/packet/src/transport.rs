//! Checked views of TCP, UDP and ICMP (RFC 9293, 768, 792, 4443).

use std::net::SocketAddr;

use crate::{Direction, FlowKey, IpPacket, ParseError, Transport};

/// An IP packet with its transport header taken apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Packet<'a> {
    /// The network layer.
    pub ip: IpPacket<'a>,
    /// The transport layer.
    pub segment: Segment<'a>,
}

/// The transport layer of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Segment<'a> {
    /// TCP.
    Tcp(TcpSegment<'a>),
    /// UDP.
    Udp(UdpDatagram<'a>),
    /// ICMPv4 or ICMPv6.
    Icmp(IcmpMessage<'a>),
    /// A piece of a datagram; see [`crate::Reassembler`].
    Fragment,
    /// Another IP protocol.
    Other(u8),
}

impl<'a> Packet<'a> {
    /// Takes apart the packet that starts at `bytes[0]`.
    ///
    /// # Errors
    /// See [`ParseError`].
    pub fn parse(bytes: &'a [u8]) -> Result<Self, ParseError> {
        let ip = IpPacket::parse(bytes)?;
        let segment = match (ip.fragment, ip.protocol) {
            (Some(_), _) => Segment::Fragment,
            (None, 6) => Segment::Tcp(TcpSegment::parse(ip.payload, ip.missing)?),
            (None, 17) => Segment::Udp(UdpDatagram::parse(ip.payload, ip.missing)?),
            (None, 1) => Segment::Icmp(IcmpMessage::parse(IcmpVersion::V4, ip.payload)?),
            (None, 58) => Segment::Icmp(IcmpMessage::parse(IcmpVersion::V6, ip.payload)?),
            (None, other) => Segment::Other(other),
        };
        Ok(Self { ip, segment })
    }

    /// The packet inside, when this one is a tunnel's: IPv4 or IPv6 in IP (RFC 2003, 4213, 2473), or in GRE (RFC 2784,
    /// 2890), two layers deep at most. A packet that is no tunnel's, or whose inside cannot be parsed, is returned as
    /// it is. For whoever looks on; whoever answers packets has to answer the outer ones.
    pub fn innermost(self) -> Self {
        const MOST_LAYERS: usize = 2;
        let mut packet = self;
        for _ in 0..MOST_LAYERS {
            let Some(inner) = packet.inner() else { break };
            packet = inner;
        }
        packet
    }

    fn inner(&self) -> Option<Self> {
        let Segment::Other(protocol) = self.segment else { return None };
        let payload = self.ip.payload;
        let inside = match protocol {
            4 | 41 => payload,
            47 => behind_gre(payload)?,
            _ => return None,
        };
        Self::parse(inside).ok()
    }

    /// The flow this packet belongs to, taken that it goes `direction`. `None` for what opens no flow: fragments,
    /// ICMP other than echo, other protocols.
    pub fn flow_key(&self, direction: Direction) -> Option<FlowKey> {
        let (transport, source, destination) = match &self.segment {
            Segment::Tcp(tcp) => (Transport::Tcp, tcp.source_port, tcp.destination_port),
            Segment::Udp(udp) => (Transport::Udp, udp.source_port, udp.destination_port),
            Segment::Icmp(icmp) => {
                let id = icmp.echo_id()?;
                (Transport::Icmp, id, id)
            }
            Segment::Fragment | Segment::Other(_) => return None,
        };
        Some(FlowKey::new(
            transport,
            direction,
            SocketAddr::new(self.ip.source, source),
            SocketAddr::new(self.ip.destination, destination),
        ))
    }
}

/// What a GRE header of version 0 carries, if that is IP.
fn behind_gre(bytes: &[u8]) -> Option<&[u8]> {
    let header: &[u8; 4] = bytes.first_chunk()?;
    let flags = u16::from_be_bytes([header[0], header[1]]);
    let protocol = u16::from_be_bytes([header[2], header[3]]);
    // Version 0, no source routing; checksum, key and sequence number take four bytes each.
    if flags & 0x4007 != 0 || !matches!(protocol, 0x0800 | 0x86dd) {
        return None;
    }
    let optional = [0x8000, 0x2000, 0x1000].into_iter().filter(|bit| flags & bit != 0).count();
    bytes.get(4 + 4 * optional..)
}

/// TCP's control bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TcpFlags {
    /// No more data from the sender.
    pub fin: bool,
    /// Synchronise sequence numbers.
    pub syn: bool,
    /// Reset the connection.
    pub rst: bool,
    /// Push.
    pub psh: bool,
    /// The acknowledgment number means something.
    pub ack: bool,
    /// The urgent pointer means something.
    pub urg: bool,
}

/// A TCP segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TcpSegment<'a> {
    /// Source port.
    pub source_port: u16,
    /// Destination port.
    pub destination_port: u16,
    /// Sequence number of the first byte, or of the SYN.
    pub seq: u32,
    /// Acknowledgment number.
    pub ack: u32,
    /// Control bits.
    pub flags: TcpFlags,
    /// Window, unscaled.
    pub window: u16,
    /// The options, raw, as far as they were captured.
    pub options: &'a [u8],
    /// The data as far as it was captured.
    pub payload: &'a [u8],
    /// Bytes of data that the capture cut off.
    pub missing: usize,
}

impl<'a> TcpSegment<'a> {
    fn parse(bytes: &'a [u8], missing: usize) -> Result<Self, ParseError> {
        let header: &[u8; 20] = bytes.first_chunk().ok_or(ParseError::TransportHeader)?;
        let header_len = usize::from(header[12] >> 4) * 4;
        if header_len < 20 || bytes.len() + missing < header_len {
            return Err(ParseError::TransportHeader);
        }
        // The capture may have cut the options.
        let options_end = header_len.min(bytes.len());
        let flag = |bit: u8| header[13] & bit != 0;
        Ok(Self {
            source_port: u16::from_be_bytes([header[0], header[1]]),
            destination_port: u16::from_be_bytes([header[2], header[3]]),
            seq: u32::from_be_bytes([header[4], header[5], header[6], header[7]]),
            ack: u32::from_be_bytes([header[8], header[9], header[10], header[11]]),
            flags: TcpFlags {
                fin: flag(0x01),
                syn: flag(0x02),
                rst: flag(0x04),
                psh: flag(0x08),
                ack: flag(0x10),
                urg: flag(0x20),
            },
            window: u16::from_be_bytes([header[14], header[15]]),
            options: &bytes[20..options_end],
            payload: &bytes[options_end..],
            missing: missing - (header_len - options_end),
        })
    }
}

/// A UDP datagram.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UdpDatagram<'a> {
    /// Source port.
    pub source_port: u16,
    /// Destination port.
    pub destination_port: u16,
    /// The payload as far as it was captured.
    pub payload: &'a [u8],
    /// Bytes of payload that the capture cut off.
    pub missing: usize,
}

impl<'a> UdpDatagram<'a> {
    fn parse(bytes: &'a [u8], missing: usize) -> Result<Self, ParseError> {
        let header: &[u8; 8] = bytes.first_chunk().ok_or(ParseError::TransportHeader)?;
        // What the IP layer carries is the most there can be, and all of it in a jumbogram (RFC 2675).
        let carried = bytes.len() + missing;
        let length = match usize::from(u16::from_be_bytes([header[4], header[5]])) {
            0 => carried,
            length => length.min(carried),
        };
        if length < 8 {
            return Err(ParseError::TransportHeader);
        }
        let end = length.min(bytes.len());
        Ok(Self {
            source_port: u16::from_be_bytes([header[0], header[1]]),
            destination_port: u16::from_be_bytes([header[2], header[3]]),
            payload: &bytes[8..end],
            missing: length - end,
        })
    }
}

/// Which ICMP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IcmpVersion {
    /// RFC 792.
    V4,
    /// RFC 4443.
    V6,
}

/// An ICMP message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IcmpMessage<'a> {
    /// Which ICMP.
    pub version: IcmpVersion,
    /// Type.
    pub kind: u8,
    /// Code.
    pub code: u8,
    /// The four bytes after the checksum.
    pub rest: [u8; 4],
    /// What follows the eight bytes of header.
    pub payload: &'a [u8],
}

impl<'a> IcmpMessage<'a> {
    fn parse(version: IcmpVersion, bytes: &'a [u8]) -> Result<Self, ParseError> {
        let header: &[u8; 8] = bytes.first_chunk().ok_or(ParseError::TransportHeader)?;
        Ok(Self {
            version,
            kind: header[0],
            code: header[1],
            rest: [header[4], header[5], header[6], header[7]],
            payload: &bytes[8..],
        })
    }

    /// The identifier of an echo request or reply.
    pub fn echo_id(&self) -> Option<u16> {
        let echo = match self.version {
            IcmpVersion::V4 => matches!(self.kind, 0 | 8),
            IcmpVersion::V6 => matches!(self.kind, 128 | 129),
        };
        echo.then(|| u16::from_be_bytes([self.rest[0], self.rest[1]]))
    }

    /// Whether it says that a packet did not fit the path (RFC 1191 section 4, RFC 4443 section 3.2): its sender is to send
    /// shorter ones.
    pub fn is_packet_too_big(&self) -> bool {
        match self.version {
            IcmpVersion::V4 => (self.kind, self.code) == (3, 4),
            IcmpVersion::V6 => self.kind == 2,
        }
    }

    /// Whether it says that nobody listens (RFC 792, RFC 4443 section 3.1).
    pub fn is_port_unreachable(&self) -> bool {
        match self.version {
            IcmpVersion::V4 => (self.kind, self.code) == (3, 3),
            IcmpVersion::V6 => (self.kind, self.code) == (1, 4),
        }
    }

    /// The packet that an error message quotes, as far as it was quoted: `None` for messages that are no error.
    pub fn quoted(&self) -> Option<&'a [u8]> {
        let error = match self.version {
            IcmpVersion::V4 => matches!(self.kind, 3 | 4 | 5 | 11 | 12),
            IcmpVersion::V6 => self.kind < 128,
        };
        error.then_some(self.payload)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::{ipv4, ipv6, udp};

    /// Ports 40000 and 443, sequence number 7, ACK and PSH, and 12 bytes of options.
    fn tcp(payload: &[u8]) -> Vec<u8> {
        let mut segment = vec![0x9c, 0x40, 1, 0xbb, 0, 0, 0, 7, 0, 0, 0, 9, 0x80, 0x18, 1, 0, 0, 0, 0, 0];
        segment.extend_from_slice(&[1; 12]);
        segment.extend_from_slice(payload);
        segment
    }

    fn parse_tcp(packet: &[u8]) -> TcpSegment<'_> {
        match Packet::parse(packet).unwrap().segment {
            Segment::Tcp(segment) => segment,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn tcp_is_taken_apart() {
        let packet = ipv4(6, &tcp(b"hello"));
        let segment = parse_tcp(&packet);
        assert_eq!((segment.source_port, segment.destination_port), (40_000, 443));
        assert_eq!((segment.seq, segment.ack, segment.window), (7, 9, 256));
        assert_eq!(segment.flags, TcpFlags { ack: true, psh: true, ..TcpFlags::default() });
        assert_eq!((segment.options, segment.payload, segment.missing), (&[1; 12][..], &b"hello"[..], 0));
    }

    #[test]
    fn a_snapped_segment_says_what_is_missing() {
        let packet = ipv4(6, &tcp(b"hello"));
        let segment = parse_tcp(&packet[..packet.len() - 2]);
        assert_eq!((segment.payload, segment.missing), (&b"hel"[..], 2));
        let segment = parse_tcp(&packet[..20 + 20 + 4]);
        assert_eq!((segment.options.len(), segment.payload.len(), segment.missing), (4, 0, 5));
        assert_eq!(Packet::parse(&packet[..20 + 19]), Err(ParseError::TransportHeader));
    }

    #[test]
    fn a_tcp_header_that_makes_no_sense_is_refused() {
        for data_offset in [0x00, 0x40, 0xf0] {
            let mut packet = ipv4(6, &tcp(b""));
            packet[20 + 12] = data_offset;
            assert_eq!(Packet::parse(&packet), Err(ParseError::TransportHeader));
        }
    }

    fn parse_udp(packet: &[u8]) -> Result<(Vec<u8>, usize), ParseError> {
        match Packet::parse(packet)?.segment {
            Segment::Udp(datagram) => Ok((datagram.payload.to_vec(), datagram.missing)),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn udp_lengths_are_believed_within_the_packet() {
        let with_length = |length: u16| {
            let mut packet = ipv4(17, &udp(b"hello"));
            packet[24..26].copy_from_slice(&length.to_be_bytes());
            packet
        };
        assert_eq!(parse_udp(&with_length(13)), Ok((b"hello".to_vec(), 0)));
        assert_eq!(parse_udp(&with_length(11)), Ok((b"hel".to_vec(), 0)));
        assert_eq!(parse_udp(&with_length(0)), Ok((b"hello".to_vec(), 0)));
        assert_eq!(parse_udp(&with_length(u16::MAX)), Ok((b"hello".to_vec(), 0)));
        assert_eq!(parse_udp(&with_length(7)), Err(ParseError::TransportHeader));
        assert_eq!(parse_udp(&with_length(13)[..20 + 8 + 2]), Ok((b"he".to_vec(), 3)));
        assert_eq!(parse_udp(&with_length(u16::MAX)[..20 + 8 + 2]), Ok((b"he".to_vec(), 3)));
    }

    #[test]
    fn keys_turn_with_the_direction() {
        let packet = ipv4(17, &udp(b""));
        let packet = Packet::parse(&packet).unwrap();
        let outbound = packet.flow_key(Direction::Outbound).unwrap();
        assert_eq!(outbound.to_string(), "udp 10.0.0.1:40000 -> 10.0.0.2:53");
        assert_eq!(packet.flow_key(Direction::Inbound), Some(outbound.reversed()));
    }

    #[test]
    fn echoes_are_flows_and_errors_quote() {
        let request = ipv4(1, &[8, 0, 0, 0, 0x12, 0x34, 0, 1]);
        let key = Packet::parse(&request).unwrap().flow_key(Direction::Outbound).unwrap();
        assert_eq!((key.transport, key.local.port(), key.remote.port()), (Transport::Icmp, 0x1234, 0x1234));

        let request = ipv6(58, &[128, 0, 0, 0, 0x12, 0x34, 0, 1]);
        assert!(Packet::parse(&request).unwrap().flow_key(Direction::Outbound).is_some());

        let quoted = ipv4(17, &udp(b""));
        let unreachable = ipv4(1, &[&[3, 3, 0, 0, 0, 0, 0, 0], &quoted[..]].concat());
        let packet = Packet::parse(&unreachable).unwrap();
        let Segment::Icmp(message) = packet.segment else { panic!("{packet:?}") };
        assert_eq!((message.quoted(), message.echo_id()), (Some(&quoted[..]), None));
        assert_eq!(packet.flow_key(Direction::Outbound), None);
    }

    #[test]
    fn tunnels_are_opened_two_layers_deep() {
        let innermost = ipv6(17, &udp(b"hello"));
        let gre = [&[0x20, 0, 0x86, 0xdd, 0, 0, 0, 1], &innermost[..]].concat();
        let middle = ipv4(47, &gre);
        let outer = ipv4(4, &middle);
        let too_deep = ipv4(4, &outer);

        let open = |bytes: &[u8]| Packet::parse(bytes).unwrap().innermost().ip.protocol;
        assert_eq!(open(&innermost), 17);
        assert_eq!(open(&ipv4(41, &innermost)), 17);
        assert_eq!(open(&middle), 17);
        assert_eq!(open(&outer), 17);
        assert_eq!(open(&too_deep), 47);
    }

    #[test]
    fn what_is_no_tunnel_stays_as_it_is() {
        let bytes: [(u8, &[u8]); 4] = [
            (41, b"not IP"),
            (47, &[0, 1, 0x88, 0x0b, 0, 0, 0, 0]),
            (47, &[0xb0, 0, 0x08, 0]),
            (50, &[0; 16]),
        ];
        for (protocol, payload) in bytes {
            let packet = ipv4(protocol, payload);
            let packet = Packet::parse(&packet).unwrap();
            assert_eq!(packet.innermost(), packet);
            assert_eq!(packet.segment, Segment::Other(protocol));
        }
    }
}
