//! Which way a packet went, as seen from the phone.

use std::net::IpAddr;

use packet::{Direction, IpPacket};

use crate::Phone;
use crate::link::Opened;

/// What a capture tells about a frame's direction, best first: which end was said to be the phone, what the file
/// says, what the link layer says, what PCAPdroid's way of capturing implies.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Clues {
    /// Which end was said to be the phone.
    pub(crate) phone: Option<Phone>,
    /// What the file format says.
    pub(crate) recorded: Option<Direction>,
    /// What the link layer says.
    pub(crate) opened: Opened,
    /// Whether PCAPdroid captured this: on the phone, before any address translation.
    pub(crate) on_the_phone: bool,
}

impl Clues {
    /// The direction of the packet `bytes`, if anything tells it.
    pub(crate) fn direction(&self, bytes: &[u8]) -> Option<Direction> {
        let ends = IpPacket::parse(bytes).ok().map(|ip| (ip.source, ip.destination));
        self.of_phone(ends)
            .or(self.recorded)
            .or_else(|| self.of_link(ends))
            .or_else(|| ends.filter(|_| self.on_the_phone).and_then(of_private_end))
    }

    /// Whether the packet `bytes` is from or to the phone that was named.
    pub(crate) fn is_of_phone(&self, bytes: &[u8]) -> bool {
        let ends = IpPacket::parse(bytes).ok().map(|ip| (ip.source, ip.destination));
        self.of_phone(ends).is_some()
    }

    fn of_phone(&self, ends: Option<(IpAddr, IpAddr)>) -> Option<Direction> {
        let (source, destination) = match self.phone? {
            Phone::Ip(phone) => {
                let (source, destination) = ends?;
                (source == phone, destination == phone)
            }
            Phone::Mac(phone) => (self.opened.source == Some(phone), self.opened.destination == Some(phone)),
        };
        match (source, destination) {
            (true, false) => Some(Direction::Outbound),
            (false, true) => Some(Direction::Inbound),
            _ => None,
        }
    }

    /// What the link layer says is seen from the host that captured. That is a router, not the phone, when the packet
    /// goes the other way between a private and a public address. What a host sends to itself always "comes in".
    fn of_link(&self, ends: Option<(IpAddr, IpAddr)>) -> Option<Direction> {
        let said = self.opened.direction?;
        let (source, destination) = ends?;
        if source == destination || source.is_loopback() || destination.is_loopback() {
            return None;
        }
        match of_private_end((source, destination)) {
            Some(seen) if seen != said => None,
            _ => Some(said),
        }
    }
}

/// The phone has the private address, when just one end has.
fn of_private_end((source, destination): (IpAddr, IpAddr)) -> Option<Direction> {
    match (is_private(source), is_private(destination)) {
        (true, false) => Some(Direction::Outbound),
        (false, true) => Some(Direction::Inbound),
        _ => None,
    }
}

fn is_private(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => address.is_private() || address.is_link_local() || is_shared(address.octets()),
        IpAddr::V6(address) => address.is_unique_local() || address.is_unicast_link_local(),
    }
}

/// 100.64.0.0/10, between a carrier's address translators and its customers (RFC 6598).
fn is_shared(octets: [u8; 4]) -> bool {
    octets[0] == 100 && octets[1] & 0xc0 == 64
}

#[cfg(test)]
mod tests {
    use super::*;
    use Direction::{Inbound, Outbound};

    fn packet(source: [u8; 4], destination: [u8; 4]) -> Vec<u8> {
        let mut packet = vec![0x45, 0, 0, 20, 0, 0, 0, 0, 64, 17, 0, 0];
        packet.extend_from_slice(&source);
        packet.extend_from_slice(&destination);
        packet
    }

    const NONE: Clues = Clues {
        phone: None,
        recorded: None,
        opened: Opened { start: 0, direction: None, source: None, destination: None, uid: None },
        on_the_phone: false,
    };

    #[test]
    fn the_named_phone_comes_first() {
        let bytes = packet([192, 168, 1, 2], [8, 8, 8, 8]);
        let named = |phone| Clues { phone: Some(phone), recorded: Some(Outbound), ..NONE };
        assert_eq!(named(Phone::Ip([8, 8, 8, 8].into())).direction(&bytes), Some(Inbound));
        assert_eq!(named(Phone::Ip([192, 168, 1, 2].into())).direction(&bytes), Some(Outbound));
        assert_eq!(named(Phone::Ip([1, 1, 1, 1].into())).direction(&bytes), Some(Outbound));
        let opened = Opened { destination: Some([2, 0, 0, 0, 0, 1]), ..NONE.opened };
        let by_mac = Clues { opened, ..named(Phone::Mac([2, 0, 0, 0, 0, 1])) };
        assert_eq!(by_mac.direction(&bytes), Some(Inbound));
    }

    #[test]
    fn the_link_layer_is_believed_unless_a_router_captured() {
        let cooked =
            |direction| Clues { opened: Opened { direction: Some(direction), ..NONE.opened }, ..NONE };
        let bytes = packet([192, 168, 1, 2], [8, 8, 8, 8]);
        assert_eq!(cooked(Outbound).direction(&bytes), Some(Outbound));
        assert_eq!(cooked(Inbound).direction(&bytes), None);
        assert_eq!(cooked(Inbound).direction(&packet([9, 9, 9, 9], [8, 8, 8, 8])), Some(Inbound));
        assert_eq!(cooked(Inbound).direction(&packet([127, 0, 0, 1], [127, 0, 0, 2])), None);
        assert_eq!(cooked(Inbound).direction(&packet([10, 0, 0, 1], [10, 0, 0, 1])), None);
    }

    #[test]
    fn on_the_phone_the_private_end_is_the_phones() {
        let clues = Clues { on_the_phone: true, ..NONE };
        assert_eq!(clues.direction(&packet([10, 215, 173, 1], [8, 8, 8, 8])), Some(Outbound));
        assert_eq!(clues.direction(&packet([8, 8, 8, 8], [100, 64, 0, 9])), Some(Inbound));
        assert_eq!(clues.direction(&packet([10, 0, 0, 1], [10, 0, 0, 2])), None);
        assert_eq!(NONE.direction(&packet([10, 215, 173, 1], [8, 8, 8, 8])), None);
    }
}
