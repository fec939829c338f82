//! Where in a frame the IP packet starts (the link types of <https://www.tcpdump.org/linktypes.html>).

use packet::Direction;

/// A frame whose link type is known but that carries something else.
pub(crate) const NOT_IP: &str = "not_ip";
/// A frame that ends inside its link-layer header.
const LINK_HEADER: &str = "link_header";

/// At most so many VLAN tags, or MPLS labels, are looked behind.
const MOST_TAGS: usize = 8;

/// How frames start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LinkType {
    /// BSD loopback: a 4-byte address family, in the byte order of whoever captured.
    Loopback,
    /// Ethernet II or 802.3.
    Ethernet,
    /// PPP, in HDLC-like framing or bare (RFC 1661, 1662).
    Ppp,
    /// IP without anything before it.
    Raw,
    /// Linux "cooked" capture.
    Sll,
    /// Its second version.
    Sll2,
    /// Linux's packet filter: on a rooted phone, the packets that a rule chose, with the user that sent each.
    Nflog,
}

impl LinkType {
    /// By its number in the file.
    pub(crate) fn from_number(number: u16) -> Option<Self> {
        match number {
            0 | 108 => Some(Self::Loopback),
            1 => Some(Self::Ethernet),
            9 | 50 => Some(Self::Ppp),
            12 | 14 | 101 | 228 | 229 => Some(Self::Raw),
            113 => Some(Self::Sll),
            239 => Some(Self::Nflog),
            276 => Some(Self::Sll2),
            _ => None,
        }
    }
}

/// What to tell about a link type that is not read.
pub(crate) fn refusal(number: u16) -> String {
    let name = match number {
        3 => "AX.25",
        6 => "Token Ring",
        7 => "ARCNET",
        8 => "SLIP",
        10 => "FDDI",
        51 => "PPPoE",
        100 | 106 | 123 => "ATM",
        104 => "Cisco HDLC",
        105 => "Wi-Fi, 802.11",
        107 => "Frame Relay",
        117 => "OpenBSD pflog",
        119 | 127 | 163 | 192 => "Wi-Fi, 802.11 with radio information",
        130..=138 | 164 | 178..=183 | 194 | 200 => "Juniper",
        187 | 201 | 251 | 256 | 272 => "Bluetooth",
        186 | 189 | 220 | 249 | 266 => "USB",
        195 | 215 | 230 | 283 => "802.15.4",
        217 => "GSMTAP",
        253 => "Linux Netlink",
        252 => "Wireshark upper PDU",
        258 => "Apple PKTAP",
        _ => "unknown here",
    };
    format!(
        "the capture has link type {number} ({name}), which is not read; capture on an interface that gives Ethernet, raw IP or Linux cooked frames, such as `tcpdump -i any`"
    )
}

/// A frame taken apart.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Opened {
    /// Where the IP packet starts.
    pub(crate) start: usize,
    /// Which way it went, seen from the host that captured, where the link layer says so.
    pub(crate) direction: Option<Direction>,
    /// The sender's link-layer address.
    pub(crate) source: Option<[u8; 6]>,
    /// The receiver's link-layer address.
    pub(crate) destination: Option<[u8; 6]>,
    /// The user who sent it.
    pub(crate) uid: Option<u32>,
}

/// Finds the IP packet in a frame, or says in a stable word why there is none.
pub(crate) fn open(link: LinkType, frame: &[u8]) -> Result<Opened, &'static str> {
    match link {
        LinkType::Raw => Ok(Opened::default()),
        LinkType::Loopback => loopback(frame),
        LinkType::Ethernet => ethernet(frame),
        LinkType::Ppp => Ok(Opened { start: ppp(frame, 0)?, ..Opened::default() }),
        LinkType::Sll => sll(frame),
        LinkType::Sll2 => sll2(frame),
        LinkType::Nflog => nflog(frame),
    }
}

fn u16_at(frame: &[u8], at: usize) -> Result<u16, &'static str> {
    let field = frame.get(at..).and_then(|rest| rest.first_chunk()).ok_or(LINK_HEADER)?;
    Ok(u16::from_be_bytes(*field))
}

fn address_at(frame: &[u8], at: usize) -> Option<[u8; 6]> {
    frame.get(at..)?.first_chunk().copied()
}

fn loopback(frame: &[u8]) -> Result<Opened, &'static str> {
    let family: [u8; 4] = *frame.first_chunk().ok_or(LINK_HEADER)?;
    // AF_INET is 2 everywhere; AF_INET6 is 10 in Linux, 23 in Windows, 24, 28 and 30 in the BSDs and macOS.
    let is_ip = |family| matches!(family, 2 | 10 | 23 | 24 | 28 | 30);
    if !is_ip(u32::from_le_bytes(family)) && !is_ip(u32::from_be_bytes(family)) {
        return Err(NOT_IP);
    }
    Ok(Opened { start: 4, ..Opened::default() })
}

fn ethernet(frame: &[u8]) -> Result<Opened, &'static str> {
    let start = behind_ethertype(frame, u16_at(frame, 12)?, 14)?;
    let (destination, source) = (address_at(frame, 0), address_at(frame, 6));
    Ok(Opened { start, source, destination, ..Opened::default() })
}

fn sll(frame: &[u8]) -> Result<Opened, &'static str> {
    let (kind, address_len) = (u16_at(frame, 0)?, u16_at(frame, 4)?);
    let start = behind_ethertype(frame, u16_at(frame, 14)?, 16)?;
    Ok(cooked(frame, start, kind, address_len, 6))
}

fn sll2(frame: &[u8]) -> Result<Opened, &'static str> {
    let protocol = u16_at(frame, 0)?;
    let [kind, address_len] = u16_at(frame, 10)?.to_be_bytes();
    // The header's fixed length is 20 bytes, whatever the protocol.
    if frame.len() < 20 {
        return Err(LINK_HEADER);
    }
    let start = behind_ethertype(frame, protocol, 20)?;
    Ok(cooked(frame, start, kind.into(), address_len.into(), 12))
}

fn cooked(frame: &[u8], start: usize, kind: u16, address_len: u16, address_at_: usize) -> Opened {
    let direction = match kind {
        // To this host, to all, to a group.
        0..=2 => Some(Direction::Inbound),
        4 => Some(Direction::Outbound),
        // From another host to another.
        _ => None,
    };
    let source = (address_len == 6).then(|| address_at(frame, address_at_)).flatten();
    Opened { start, direction, source, ..Opened::default() }
}

/// Attributes behind the address family, a version and a group: each its length and kind, in the byte order of whoever
/// captured (a phone's), and a value in network order; the packet is the last (linux/netfilter/nfnetlink_log.h).
fn nflog(frame: &[u8]) -> Result<Opened, &'static str> {
    const HOOK: u16 = 1;
    const PACKET: u16 = 9;
    const UID: u16 = 11;
    let mut opened = Opened::default();
    let mut at = 4;
    loop {
        let [len, kind] = [u16_at(frame, at)?, u16_at(frame, at + 2)?].map(u16::swap_bytes);
        let value = at + 4;
        // Above the kind there are two flags.
        match kind & 0x3fff {
            // To this host, or from it; packets that pass by have no direction.
            HOOK => {
                opened.direction = match frame.get(value + 2) {
                    Some(1) => Some(Direction::Inbound),
                    Some(3) => Some(Direction::Outbound),
                    _ => None,
                }
            }
            UID => {
                opened.uid =
                    frame.get(value..).and_then(<[u8]>::first_chunk).map(|it| u32::from_be_bytes(*it))
            }
            PACKET => {
                let is_ip = matches!(frame.first(), Some(2 | 10));
                return if is_ip { Ok(Opened { start: value, ..opened }) } else { Err(NOT_IP) };
            }
            _ => {}
        }
        // The length counts these four bytes; what follows begins at the next multiple of four.
        at += usize::from(len).max(4).next_multiple_of(4);
    }
}

/// Where the IP packet starts, when what follows at `at` is of this EtherType.
fn behind_ethertype(frame: &[u8], mut ethertype: u16, mut at: usize) -> Result<usize, &'static str> {
    for _ in 0..MOST_TAGS {
        match ethertype {
            0x0800 | 0x86dd => return Ok(at),
            // VLAN tags: 802.1Q, 802.1ad, and what was used before it.
            0x8100 | 0x88a8 | 0x9100 | 0x9200 => {
                ethertype = u16_at(frame, at + 2)?;
                at += 4;
            }
            // A PPPoE session (RFC 2516): six bytes, then a PPP protocol number.
            0x8864 => return ppp(frame, at + 6),
            0x8847 | 0x8848 => return mpls(frame, at),
            // 802.3: a length, then LLC; SNAP brings the EtherType back (RFC 1042).
            0..=0x05dc => match frame.get(at..at + 8).ok_or(NOT_IP)? {
                [0xaa, 0xaa, 0x03, 0, 0, 0, high, low] => {
                    ethertype = u16::from_be_bytes([*high, *low]);
                    at += 8;
                }
                _ => return Err(NOT_IP),
            },
            _ => return Err(NOT_IP),
        }
    }
    Err(NOT_IP)
}

/// Behind PPP's optional address and control field and its protocol number, which may be compressed to one byte
/// (RFC 1661 section 6.5).
fn ppp(frame: &[u8], mut at: usize) -> Result<usize, &'static str> {
    match u16_at(frame, at)? {
        0xff03 => at += 2,
        // Cisco's HDLC, unicast and multicast: an EtherType follows.
        0x0f00 | 0x8f00 => return behind_ethertype(frame, u16_at(frame, at + 2)?, at + 4),
        _ => {}
    }
    match *frame.get(at).ok_or(LINK_HEADER)? {
        0x21 | 0x57 => Ok(at + 1),
        0 => match u16_at(frame, at)? {
            0x0021 | 0x0057 => Ok(at + 2),
            _ => Err(NOT_IP),
        },
        _ => Err(NOT_IP),
    }
}

/// Behind the label that is marked as the last (RFC 3032); what it carries has to be guessed from the first nibble.
fn mpls(frame: &[u8], mut at: usize) -> Result<usize, &'static str> {
    for _ in 0..MOST_TAGS {
        let last = frame.get(at + 2).ok_or(LINK_HEADER)? & 1 != 0;
        at += 4;
        if last {
            let version = frame.get(at).ok_or(LINK_HEADER)? >> 4;
            return if matches!(version, 4 | 6) { Ok(at) } else { Err(NOT_IP) };
        }
    }
    Err(NOT_IP)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MACS: [u8; 12] = [2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2];

    fn ethernet_with(rest: &[u8]) -> Result<usize, &'static str> {
        open(LinkType::Ethernet, &[&MACS, rest].concat()).map(|opened| opened.start)
    }

    #[test]
    fn ip_is_found_behind_tags() {
        assert_eq!(ethernet_with(&[0x08, 0x00, 0x45]), Ok(14));
        assert_eq!(ethernet_with(&[0x81, 0x00, 0, 7, 0x86, 0xdd]), Ok(18));
        assert_eq!(ethernet_with(&[0x88, 0xa8, 0, 7, 0x81, 0x00, 0, 8, 0x08, 0x00]), Ok(22));
        assert_eq!(ethernet_with(&[0x88, 0x64, 0x11, 0, 0, 1, 0, 9, 0x00, 0x21]), Ok(22));
        assert_eq!(ethernet_with(&[0x88, 0x47, 0, 0, 0, 64, 0, 0, 1, 64, 0x45]), Ok(22));
        assert_eq!(ethernet_with(&[0, 9, 0xaa, 0xaa, 3, 0, 0, 0, 8, 0, 0x45]), Ok(22));
    }

    #[test]
    fn other_frames_are_told_from_short_ones() {
        assert_eq!(ethernet_with(&[0x08, 0x06]), Err(NOT_IP));
        assert_eq!(ethernet_with(&[0x88, 0x64, 0x11, 0, 0, 1, 0, 9, 0xc0, 0x21]), Err(NOT_IP));
        assert_eq!(ethernet_with(&[0x08]), Err(LINK_HEADER));
        assert_eq!(ethernet_with(&[0x81, 0x00, 0, 7]), Err(LINK_HEADER));
        assert_eq!(ethernet_with(&[0x81, 0x00, 0, 7].repeat(20)), Err(NOT_IP));
    }

    #[test]
    fn ppp_is_read_with_and_without_framing() {
        let start = |frame: &[u8]| open(LinkType::Ppp, frame).map(|opened| opened.start);
        assert_eq!(start(&[0xff, 0x03, 0x00, 0x21]), Ok(4));
        assert_eq!(start(&[0xff, 0x03, 0x57]), Ok(3));
        assert_eq!(start(&[0x00, 0x57]), Ok(2));
        assert_eq!(start(&[0x21, 0x45]), Ok(1));
        assert_eq!(start(&[0x0f, 0x00, 0x08, 0x00]), Ok(4));
        assert_eq!(start(&[0xff, 0x03, 0xc0, 0x21]), Err(NOT_IP));
    }

    #[test]
    fn loopback_is_read_in_both_byte_orders() {
        let start = |frame: [u8; 4]| open(LinkType::Loopback, &frame).map(|opened| opened.start);
        assert_eq!(start([2, 0, 0, 0]), Ok(4));
        assert_eq!(start([0, 0, 0, 2]), Ok(4));
        for family in [10, 23, 24, 28, 30] {
            assert_eq!(start([family, 0, 0, 0]), Ok(4));
        }
        assert_eq!(start([7, 0, 0, 0]), Err(NOT_IP));
    }

    #[test]
    fn cooked_frames_tell_the_direction() {
        let sll = |kind| [0, kind, 0, 1, 0, 6, 2, 0, 0, 0, 0, 9, 0, 0, 0x08, 0x00];
        let opened = open(LinkType::Sll, &sll(4)).unwrap();
        assert_eq!((opened.start, opened.direction), (16, Some(Direction::Outbound)));
        assert_eq!(opened.source, Some([2, 0, 0, 0, 0, 9]));
        assert_eq!(open(LinkType::Sll, &sll(0)).unwrap().direction, Some(Direction::Inbound));
        assert_eq!(open(LinkType::Sll, &sll(3)).unwrap().direction, None);

        let sll2 = [0x86, 0xdd, 0, 0, 0, 0, 0, 3, 0, 1, 4, 6, 2, 0, 0, 0, 0, 9, 0, 0];
        let opened = open(LinkType::Sll2, &sll2).unwrap();
        assert_eq!((opened.start, opened.direction), (20, Some(Direction::Outbound)));
        assert_eq!(open(LinkType::Sll2, &sll2[..19]), Err(LINK_HEADER));
    }
}
