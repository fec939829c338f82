//! Which packets of the phone's may be relayed at all.

use std::net::IpAddr;

use packet::{FlowKey, IpPacket};

/// Why a packet is not relayed, as a stable `snake_case` word; `None` when it may be.
///
/// Loopback is refused because the engine's own loopback is not the phone's. Multicast and link-local have no meaning
/// beyond the phone's own link.
pub(crate) fn refusal(packet: &IpPacket<'_>) -> Option<&'static str> {
    if packet.hop_limit == 0 {
        return Some("hop_limit");
    }
    if packet.source == packet.destination {
        return Some("own_address");
    }
    if packet.source.is_multicast() || packet.source.is_unspecified() || packet.source.is_loopback() {
        return Some("source_address");
    }
    let to = packet.destination;
    if to.is_multicast() || is_broadcast(to) {
        return Some("multicast");
    }
    if to.is_loopback() || to.is_unspecified() || is_link_local(to) || is_mapped(to) {
        return Some("unroutable_address");
    }
    None
}

/// Port 0 is nobody's.
pub(crate) const fn has_ports(key: &FlowKey) -> bool {
    key.local.port() != 0 && key.remote.port() != 0
}

fn is_broadcast(address: IpAddr) -> bool {
    matches!(address, IpAddr::V4(address) if address.is_broadcast())
}

fn is_link_local(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => address.is_link_local() || address.octets()[0] == 0,
        IpAddr::V6(address) => address.is_unicast_link_local(),
    }
}

/// IPv4-mapped IPv6 addresses never stand in a packet (RFC 4942 section 2.2), and would lead to the IPv4 loopback.
fn is_mapped(address: IpAddr) -> bool {
    matches!(address, IpAddr::V6(address) if address.to_ipv4_mapped().is_some())
}
