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
    /// The options, raw.
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
        if header_len < 20 || bytes.len() < header_len {
            return Err(ParseError::TransportHeader);
        }
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
            options: &bytes[20..header_len],
            payload: &bytes[header_len..],
            missing,
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
        let length = match usize::from(u16::from_be_bytes([header[4], header[5]])) {
            0 => bytes.len() + missing,
            length => length,
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

    /// The packet that an error message quotes, as far as it was quoted: `None` for messages that are no error.
    pub fn quoted(&self) -> Option<&'a [u8]> {
        let error = match self.version {
            IcmpVersion::V4 => matches!(self.kind, 3 | 4 | 5 | 11 | 12),
            IcmpVersion::V6 => self.kind < 128,
        };
        error.then_some(self.payload)
    }
}
