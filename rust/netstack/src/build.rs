//! Builds the packets that no socket builds: datagrams, resets, ICMP errors, echo replies, fragments.

use std::net::{IpAddr, SocketAddr};

use packet::{FlowKey, IpPacket, TcpFlags, TcpSegment};
use smoltcp::wire::{
    Icmpv4Packet, Icmpv6Packet, IpProtocol, Ipv4Packet, Ipv6Packet, TcpPacket, TcpSeqNumber, UdpPacket,
};

const IPV4_HEADER: usize = 20;
const IPV6_HEADER: usize = 40;
const UDP_HEADER: usize = 8;
const TCP_HEADER: usize = 20;
const ICMP_HEADER: usize = 8;
const HOP_LIMIT: u8 = 64;

/// The longest payload of a UDP datagram over IPv4 (the stricter of the two).
pub(crate) const MOST_UDP_PAYLOAD: usize = u16::MAX as usize - IPV4_HEADER - UDP_HEADER;

/// Why the phone cannot reach what it asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unreachable {
    /// The host said no: TCP RST, or ICMP port unreachable.
    Refused,
    /// The host cannot be reached, or did not answer in time.
    Host,
    /// There is no route, for this address family perhaps.
    Network,
    /// Not allowed here: by policy, or because all places are taken.
    Prohibited,
    /// The datagram does not fit the real path of this MTU in bytes.
    TooBig(u16),
}

impl Unreachable {
    /// Type and code of RFC 792 (with RFC 1812's additions).
    const fn icmpv4(self) -> (u8, u8) {
        match self {
            Self::Network => (3, 0),
            Self::Host => (3, 1),
            Self::Refused => (3, 3),
            Self::TooBig(_) => (3, 4),
            Self::Prohibited => (3, 13),
        }
    }

    /// Type and code of RFC 4443.
    const fn icmpv6(self) -> (u8, u8) {
        match self {
            Self::Network => (1, 0),
            Self::Prohibited => (1, 1),
            Self::Host => (1, 3),
            Self::Refused => (1, 4),
            Self::TooBig(_) => (2, 0),
        }
    }

    const fn rest(self, source: IpAddr) -> [u8; 4] {
        match (self, source) {
            (Self::TooBig(mtu), _) => (mtu as u32).to_be_bytes(),
            _ => [0; 4],
        }
    }
}

/// A UDP datagram for the phone, not yet fragmented. `payload` is cut at [`MOST_UDP_PAYLOAD`].
pub(crate) fn udp(key: &FlowKey, payload: &[u8], ident: u16) -> Vec<u8> {
    let payload = &payload[..payload.len().min(MOST_UDP_PAYLOAD)];
    let (from, to) = (key.remote, key.local);
    ip(from.ip(), to.ip(), IpProtocol::Udp, UDP_HEADER + payload.len(), ident, |body| {
        let mut udp = UdpPacket::new_unchecked(body);
        udp.set_src_port(from.port());
        udp.set_dst_port(to.port());
        udp.set_len((UDP_HEADER + payload.len()) as u16);
        udp.payload_mut().copy_from_slice(payload);
        udp.fill_checksum(&from.ip().into(), &to.ip().into());
    })
}

/// An ICMP echo reply for the phone. `body` is what follows the identifier: sequence number and data.
pub(crate) fn echo_reply(key: &FlowKey, body: &[u8], ident: u16) -> Vec<u8> {
    let kind = if key.remote.is_ipv4() { 0 } else { 129 };
    let mut rest = [0; 4];
    rest[..2].copy_from_slice(&key.local.port().to_be_bytes());
    let (seq, data) = body.split_at(body.len().min(2));
    rest[2..2 + seq.len()].copy_from_slice(seq);
    icmp(key.remote.ip(), key.local.ip(), (kind, 0), rest, data, ident)
}

/// The ICMP error that says why `quoted`, a packet of the phone's, went nowhere. It seems to come from the packet's
/// destination. `None` when the packet cannot be quoted.
pub(crate) fn unreachable(why: Unreachable, quoted: &[u8], ident: u16) -> Option<Vec<u8>> {
    let packet = IpPacket::parse(quoted).ok()?;
    let (kind_code, most) = match packet.source {
        // RFC 1812 section 4.3.2.3: as much as fits 576 bytes.
        IpAddr::V4(_) => (why.icmpv4(), 576 - IPV4_HEADER - ICMP_HEADER),
        // RFC 4443 section 2.4 (c): as much as fits the least MTU.
        IpAddr::V6(_) => (why.icmpv6(), 1280 - IPV6_HEADER - ICMP_HEADER),
    };
    let quoted = &quoted[..quoted.len().min(most)];
    Some(icmp(packet.destination, packet.source, kind_code, why.rest(packet.source), quoted, ident))
}

/// The RST that answers `segment`, a segment of the phone's that belongs to no connection or to a refused one
/// (RFC 9293 section 3.10.7.1).
pub(crate) fn reset(key: &FlowKey, segment: &TcpSegment<'_>) -> Vec<u8> {
    let (seq, ack) = match segment.flags.ack {
        true => (segment.ack, None),
        false => {
            let length =
                segment.payload.len() as u32 + u32::from(segment.flags.syn) + u32::from(segment.flags.fin);
            (0, Some(segment.seq.wrapping_add(length)))
        }
    };
    let flags = TcpFlags { rst: true, ack: ack.is_some(), ..TcpFlags::default() };
    let ack = ack.unwrap_or_default();
    let reset = TcpSegment { seq, ack, flags, window: 0, options: &[], payload: &[], ..*segment };
    tcp(key.remote, key.local, &reset)
}

/// `segment`, as if the phone had sent it so.
pub(crate) fn outbound(key: &FlowKey, segment: &TcpSegment<'_>) -> Vec<u8> {
    tcp(key.local, key.remote, segment)
}

/// The phone's TCP packet without IPv6 extension headers, most of which smoltcp refuses; `None` when it has none.
pub(crate) fn unextended(packet: &IpPacket<'_>, bytes: &[u8]) -> Option<Vec<u8>> {
    let extended = packet.source.is_ipv6() && bytes.get(6) != Some(&u8::from(IpProtocol::Tcp));
    extended.then(|| {
        let fill = |body: &mut [u8]| body.copy_from_slice(packet.payload);
        ip(packet.source, packet.destination, IpProtocol::Tcp, packet.payload.len(), 0, fill)
    })
}

/// A segment, whose options are padded already.
fn tcp(from: SocketAddr, to: SocketAddr, segment: &TcpSegment<'_>) -> Vec<u8> {
    let header_len = TCP_HEADER + segment.options.len();
    ip(from.ip(), to.ip(), IpProtocol::Tcp, header_len + segment.payload.len(), 0, |body| {
        let mut tcp = TcpPacket::new_unchecked(body);
        tcp.set_src_port(from.port());
        tcp.set_dst_port(to.port());
        tcp.set_seq_number(TcpSeqNumber(segment.seq as i32));
        tcp.set_ack_number(TcpSeqNumber(segment.ack as i32));
        tcp.set_header_len(header_len as u8);
        tcp.clear_flags();
        tcp.set_fin(segment.flags.fin);
        tcp.set_syn(segment.flags.syn);
        tcp.set_rst(segment.flags.rst);
        tcp.set_psh(segment.flags.psh);
        tcp.set_ack(segment.flags.ack);
        tcp.set_window_len(segment.window);
        tcp.set_urgent_at(0);
        tcp.options_mut().copy_from_slice(segment.options);
        tcp.payload_mut().copy_from_slice(segment.payload);
        tcp.fill_checksum(&from.ip().into(), &to.ip().into());
    })
}

/// Hands `packet`, built here, to `sink`, in fragments if it is longer than `mtu` (RFC 791 section 3.2, RFC 8200
/// section 4.5).
pub(crate) fn fragment(packet: Vec<u8>, mtu: usize, ident: u32, mut sink: impl FnMut(Vec<u8>)) {
    if packet.len() <= mtu {
        return sink(packet);
    }
    let v4 = packet[0] >> 4 == 4;
    let (header_len, extra) = if v4 { (IPV4_HEADER, 0) } else { (IPV6_HEADER, 8) };
    let (header, payload) = packet.split_at(header_len);
    let step = (mtu - header_len - extra) & !7;
    for (index, piece) in payload.chunks(step).enumerate() {
        let offset = index * step;
        let more = offset + piece.len() < payload.len();
        let mut out = Vec::with_capacity(header_len + extra + piece.len());
        out.extend_from_slice(header);
        if v4 {
            out.extend_from_slice(piece);
            let total = out.len() as u16;
            let mut ip = Ipv4Packet::new_unchecked(&mut out);
            ip.set_total_len(total);
            ip.set_more_frags(more);
            ip.set_frag_offset(offset as u16);
            ip.fill_checksum();
        } else {
            let field = offset as u16 | u16::from(more);
            out.extend_from_slice(&[header[6], 0]);
            out.extend_from_slice(&field.to_be_bytes());
            out.extend_from_slice(&ident.to_be_bytes());
            out.extend_from_slice(piece);
            let length = (8 + piece.len()) as u16;
            let mut ip = Ipv6Packet::new_unchecked(&mut out);
            ip.set_next_header(IpProtocol::Ipv6Frag);
            ip.set_payload_len(length);
        }
        sink(out);
    }
}

fn icmp(from: IpAddr, to: IpAddr, kind_code: (u8, u8), rest: [u8; 4], data: &[u8], ident: u16) -> Vec<u8> {
    let protocol = if from.is_ipv4() { IpProtocol::Icmp } else { IpProtocol::Icmpv6 };
    let most = u16::MAX as usize - IPV4_HEADER - ICMP_HEADER;
    let data = &data[..data.len().min(most)];
    ip(from, to, protocol, ICMP_HEADER + data.len(), ident, |body| {
        (body[0], body[1]) = kind_code;
        body[4..8].copy_from_slice(&rest);
        body[8..].copy_from_slice(data);
        match (from, to) {
            (IpAddr::V6(from), IpAddr::V6(to)) => Icmpv6Packet::new_unchecked(body).fill_checksum(&from, &to),
            _ => Icmpv4Packet::new_unchecked(body).fill_checksum(),
        }
    })
}

/// An IP packet with `length` bytes of payload, which `fill` writes. Both ends must be of one family.
fn ip(
    from: IpAddr,
    to: IpAddr,
    protocol: IpProtocol,
    length: usize,
    ident: u16,
    fill: impl FnOnce(&mut [u8]),
) -> Vec<u8> {
    let header_len = if from.is_ipv4() { IPV4_HEADER } else { IPV6_HEADER };
    let mut out = vec![0; header_len + length];
    match (from, to) {
        (IpAddr::V4(from), IpAddr::V4(to)) => {
            let mut ip = Ipv4Packet::new_unchecked(&mut out);
            ip.set_version(4);
            ip.set_header_len(IPV4_HEADER as u8);
            ip.set_total_len((IPV4_HEADER + length) as u16);
            ip.set_ident(ident);
            ip.set_hop_limit(HOP_LIMIT);
            ip.set_next_header(protocol);
            ip.set_src_addr(from);
            ip.set_dst_addr(to);
            ip.fill_checksum();
        }
        (IpAddr::V6(from), IpAddr::V6(to)) => {
            let mut ip = Ipv6Packet::new_unchecked(&mut out);
            ip.set_version(6);
            ip.set_payload_len(length as u16);
            ip.set_hop_limit(HOP_LIMIT);
            ip.set_next_header(protocol);
            ip.set_src_addr(from);
            ip.set_dst_addr(to);
        }
        _ => debug_assert!(false, "both ends of a packet are of one address family"),
    }
    fill(&mut out[header_len..]);
    out
}
