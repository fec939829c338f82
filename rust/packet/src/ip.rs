//! A checked view of an IPv4 or IPv6 packet (RFC 791, RFC 8200).
//!
//! `smoltcp::wire` has such views too, for a stack: it refuses what a stack must refuse. A capture holds packets that
//! were cut off, checksums and lengths that offloading left to the hardware, and trailing padding. What they tell is
//! wanted all the same, along with how much of them is missing, so the views here are lenient and say so.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Why a packet cannot be taken apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ParseError {
    /// No bytes at all.
    Empty,
    /// The version is neither 4 nor 6.
    IpVersion,
    /// Shorter than its header, or a header length that makes no sense.
    IpHeader,
    /// The header's total length is shorter than the header.
    IpLength,
    /// An IPv6 extension header runs past the packet, or there are more than eight.
    Ipv6Extension,
    /// The transport header is cut off or malformed.
    TransportHeader,
}

impl ParseError {
    /// The stable word for `capture.unparsed`.
    pub const fn reason(self) -> &'static str {
        match self {
            Self::Empty => "empty",
            Self::IpVersion => "ip_version",
            Self::IpHeader => "ip_header",
            Self::IpLength => "ip_length",
            Self::Ipv6Extension => "ipv6_extension",
            Self::TransportHeader => "transport_header",
        }
    }
}

/// Where a fragment belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fragment {
    /// Identification: 16 bits in IPv4, 32 in IPv6.
    pub id: u32,
    /// Offset of the payload in the whole datagram's payload, in bytes.
    pub offset: u32,
    /// Whether more follow.
    pub more: bool,
}

/// An IP packet up to its transport header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IpPacket<'a> {
    /// Source address.
    pub source: IpAddr,
    /// Destination address.
    pub destination: IpAddr,
    /// The protocol of `payload` (IANA protocol number), past any IPv6 extension headers.
    pub protocol: u8,
    /// Time to live, or hop limit.
    pub hop_limit: u8,
    /// Set when this is a piece of a datagram (never for an IPv6 atomic fragment, RFC 6946).
    pub fragment: Option<Fragment>,
    /// The payload as far as it was captured, link-layer padding removed.
    pub payload: &'a [u8],
    /// Bytes of the payload that the capture cut off.
    pub missing: usize,
}

impl<'a> IpPacket<'a> {
    /// Takes apart the packet that starts at `bytes[0]`. Lenient: checksums are not looked at, a packet that the
    /// capture cut off is read as far as it goes, and an IPv4 total length of 0 (segmentation offload) means "all".
    ///
    /// # Errors
    /// See [`ParseError`].
    pub fn parse(bytes: &'a [u8]) -> Result<Self, ParseError> {
        match bytes.first().ok_or(ParseError::Empty)? >> 4 {
            4 => Self::parse_v4(bytes),
            6 => Self::parse_v6(bytes),
            _ => Err(ParseError::IpVersion),
        }
    }

    fn parse_v4(bytes: &'a [u8]) -> Result<Self, ParseError> {
        let header: &[u8; 20] = bytes.first_chunk().ok_or(ParseError::IpHeader)?;
        let header_len = usize::from(header[0] & 0x0f) * 4;
        if header_len < 20 || bytes.len() < header_len {
            return Err(ParseError::IpHeader);
        }
        let total = match usize::from(u16::from_be_bytes([header[2], header[3]])) {
            0 => bytes.len(),
            total => total,
        };
        if total < header_len {
            return Err(ParseError::IpLength);
        }
        let flags = u16::from_be_bytes([header[6], header[7]]);
        let (more, offset) = (flags & 0x2000 != 0, u32::from(flags & 0x1fff) * 8);
        let end = total.min(bytes.len());
        Ok(Self {
            source: Ipv4Addr::new(header[12], header[13], header[14], header[15]).into(),
            destination: Ipv4Addr::new(header[16], header[17], header[18], header[19]).into(),
            protocol: header[9],
            hop_limit: header[8],
            fragment: (more || offset != 0).then(|| Fragment {
                id: u32::from(u16::from_be_bytes([header[4], header[5]])),
                offset,
                more,
            }),
            payload: &bytes[header_len..end],
            missing: total - end,
        })
    }

    fn parse_v6(bytes: &'a [u8]) -> Result<Self, ParseError> {
        let header: &[u8; 40] = bytes.first_chunk().ok_or(ParseError::IpHeader)?;
        let address = |at: usize| {
            let octets: [u8; 16] = header[at..at + 16].try_into().unwrap_or_default();
            IpAddr::from(Ipv6Addr::from(octets))
        };
        let length = match usize::from(u16::from_be_bytes([header[4], header[5]])) {
            0 => bytes.len() - 40,
            length => length,
        };
        let end = (40 + length).min(bytes.len());
        let (protocol, payload, fragment) = skip_extensions(header[6], &bytes[40..end])?;
        Ok(Self {
            source: address(8),
            destination: address(24),
            protocol,
            hop_limit: header[7],
            fragment,
            payload,
            missing: 40 + length - end,
        })
    }
}

/// Walks the IPv6 extension headers (RFC 8200 section 4) to the first header that is none, or to a fragment's
/// payload.
pub(crate) fn skip_extensions(
    mut next: u8,
    mut rest: &[u8],
) -> Result<(u8, &[u8], Option<Fragment>), ParseError> {
    const MOST_HEADERS: usize = 8;
    for _ in 0..MOST_HEADERS {
        let len = match next {
            // Hop-by-hop, routing, destination options, mobility, HIP, shim6.
            0 | 43 | 60 | 135 | 139 | 140 => {
                (usize::from(*rest.get(1).ok_or(ParseError::Ipv6Extension)?) + 1) * 8
            }
            // Authentication header: in units of four bytes, less two (RFC 4302).
            51 => (usize::from(*rest.get(1).ok_or(ParseError::Ipv6Extension)?) + 2) * 4,
            44 => {
                let header: &[u8; 8] = rest.first_chunk().ok_or(ParseError::Ipv6Extension)?;
                let field = u16::from_be_bytes([header[2], header[3]]);
                let fragment = Fragment {
                    id: u32::from_be_bytes([header[4], header[5], header[6], header[7]]),
                    offset: u32::from(field & 0xfff8),
                    more: field & 1 != 0,
                };
                if fragment.more || fragment.offset != 0 {
                    return Ok((header[0], &rest[8..], Some(fragment)));
                }
                8
            }
            _ => return Ok((next, rest, None)),
        };
        next = rest[0];
        rest = rest.get(len..).ok_or(ParseError::Ipv6Extension)?;
    }
    Err(ParseError::Ipv6Extension)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::{ipv4, ipv6, udp};
    use crate::{Packet, Segment};

    #[test]
    fn padding_behind_the_packet_is_removed() {
        for mut packet in [ipv4(17, &udp(b"hi")), ipv6(17, &udp(b"hi"))] {
            packet.extend_from_slice(&[0xee; 18]);
            let ip = IpPacket::parse(&packet).unwrap();
            assert_eq!((ip.payload, ip.missing), (&udp(b"hi")[..], 0));
        }
    }

    #[test]
    fn a_snapped_packet_says_what_is_missing() {
        for packet in [ipv4(17, &udp(b"hello")), ipv6(17, &udp(b"hello"))] {
            let ip = IpPacket::parse(&packet[..packet.len() - 4]).unwrap();
            assert_eq!((ip.payload.len(), ip.missing), (9, 4));
        }
    }

    #[test]
    fn a_length_of_zero_means_all() {
        let mut packet = ipv4(6, &[0; 3_000]);
        packet[2..4].fill(0);
        assert_eq!(IpPacket::parse(&packet).unwrap().payload.len(), 3_000);
        let mut packet = ipv6(6, &[0; 3_000]);
        packet[4..6].fill(0);
        assert_eq!(IpPacket::parse(&packet).unwrap().payload.len(), 3_000);
    }

    #[test]
    fn headers_that_make_no_sense_are_refused() {
        let packet = ipv4(17, &udp(b""));
        let with = |at: usize, to: u8| {
            let mut packet = packet.clone();
            packet[at] = to;
            IpPacket::parse(&packet).map(|_| ())
        };
        assert_eq!(IpPacket::parse(&[]), Err(ParseError::Empty));
        assert_eq!(with(0, 0x55), Err(ParseError::IpVersion));
        assert_eq!(with(0, 0x44), Err(ParseError::IpHeader));
        assert_eq!(with(0, 0x4f), Err(ParseError::IpHeader));
        assert_eq!(with(3, 19), Err(ParseError::IpLength));
        assert_eq!(IpPacket::parse(&packet[..19]), Err(ParseError::IpHeader));
        assert_eq!(IpPacket::parse(&ipv6(17, &[])[..39]), Err(ParseError::IpHeader));
    }

    #[test]
    fn ipv4_options_are_passed_by() {
        let mut packet = ipv4(17, &[&[1; 8], &udp(b"hi")[..]].concat());
        packet[0] = 0x47;
        assert_eq!(IpPacket::parse(&packet).unwrap().payload, udp(b"hi"));
    }

    #[test]
    fn ipv4_fragments_are_told() {
        let mut packet = ipv4(17, &[0; 16]);
        packet[4..8].copy_from_slice(&[0x12, 0x34, 0x20, 0x02]);
        let parsed = Packet::parse(&packet).unwrap();
        assert_eq!(parsed.ip.fragment, Some(Fragment { id: 0x1234, offset: 16, more: true }));
        assert_eq!(parsed.segment, Segment::Fragment);
        // "Don't fragment" is no fragment.
        packet[6..8].copy_from_slice(&[0x40, 0]);
        assert_eq!(IpPacket::parse(&packet).unwrap().fragment, None);
    }

    /// Hop-by-hop options, a routing header, an authentication header and destination options, each naming the next.
    fn chain(last: u8) -> Vec<u8> {
        let mut chain = vec![43, 0, 1, 4, 0, 0, 0, 0];
        chain.extend_from_slice(&[51, 1, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        chain.extend_from_slice(&[60, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        chain.extend_from_slice(&[last, 0, 1, 4, 0, 0, 0, 0]);
        chain
    }

    #[test]
    fn ipv6_extension_headers_are_passed_by() {
        let packet = ipv6(0, &[&chain(17), &udp(b"hi")[..]].concat());
        let ip = IpPacket::parse(&packet).unwrap();
        assert_eq!((ip.protocol, ip.payload, ip.missing), (17, &udp(b"hi")[..], 0));
    }

    #[test]
    fn ipv6_extension_headers_are_bounded() {
        let cut = ipv6(0, &[17, 9, 0, 0, 0, 0, 0, 0]);
        assert_eq!(IpPacket::parse(&cut), Err(ParseError::Ipv6Extension));
        let endless = ipv6(60, &[60, 0, 0, 0, 0, 0, 0, 0].repeat(100));
        assert_eq!(IpPacket::parse(&endless), Err(ParseError::Ipv6Extension));
        assert_eq!(IpPacket::parse(&ipv6(0, &[])), Err(ParseError::Ipv6Extension));
    }

    #[test]
    fn ipv6_fragments_are_told_and_atomic_ones_are_none() {
        let fragment =
            |field: [u8; 2]| ipv6(44, &[&[17, 0, field[0], field[1], 0, 0, 0, 9], &udp(b"hi")[..]].concat());
        let packet = fragment([0, 0]);
        let parsed = Packet::parse(&packet).unwrap();
        assert_eq!((parsed.ip.fragment, parsed.ip.protocol), (None, 17));
        assert!(matches!(parsed.segment, Segment::Udp(_)));

        let packet = fragment([0x05, 0xa9]);
        let ip = IpPacket::parse(&packet).unwrap();
        assert_eq!(ip.fragment, Some(Fragment { id: 9, offset: 0x05a8, more: true }));
        assert_eq!((ip.protocol, ip.payload), (17, &udp(b"hi")[..]));
    }
}
