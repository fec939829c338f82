//! Conversations as packets: cut, late, repeated and out of order, as networks deliver them.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use crate::random::Random;

/// Which way a packet goes, as the phone sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// From the phone.
    Out,
    /// To the phone.
    In,
}

/// An IP packet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Packet {
    /// Which way it goes.
    pub way: Way,
    /// From the IP header on.
    pub bytes: Vec<u8>,
}

/// What is said, in turns.
pub type Turns = Vec<(Way, Vec<u8>)>;

/// What two ends say.
#[derive(Debug, Clone)]
pub struct Talk {
    /// Whether it goes over UDP: then each turn is one datagram.
    pub udp: bool,
    /// The server's port.
    pub port: u16,
    /// The turns.
    pub turns: Turns,
    /// A second connection between the two.
    pub beside: Option<Beside>,
    /// The secrets of what is encrypted, as a key log (RFC 9850).
    pub keys: String,
}

impl Talk {
    /// Over TCP.
    pub const fn tcp(port: u16, turns: Turns) -> Self {
        Self { udp: false, port, turns, beside: None, keys: String::new() }
    }

    /// Over UDP.
    pub fn udp(port: u16, turns: Turns) -> Self {
        Self { udp: true, ..Self::tcp(port, turns) }
    }
}

/// A second connection, of which the first one tells where it goes.
#[derive(Debug, Clone)]
pub struct Beside {
    /// Whether it can be told of over IPv4 only.
    pub ipv4: bool,
    /// Who waits for it, and tells where.
    pub listener: Way,
    /// What the listener says, at this turn of the first connection.
    pub told: (usize, fn(SocketAddr) -> Vec<u8>),
    /// The turn of the first connection before which it is opened and closed, with all that is said in it.
    pub opened: usize,
    /// The server's port.
    pub port: u16,
    /// Its turns.
    pub turns: Turns,
}

/// Most payload bytes of a packet.
const MOST: usize = 1380;

/// The talk as packets. `ports` are the phone's: of the first connection and of the one beside it.
pub fn packets(talk: &Talk, ports: [u16; 2], random: &mut Random) -> Vec<Packet> {
    let ipv4 = talk.beside.as_ref().is_some_and(|beside| beside.ipv4);
    let mut link = Link::new(ports[0], talk.port, ipv4, random);
    if talk.udp {
        return talk.turns.iter().flat_map(|(way, bytes)| link.datagram(*way, bytes)).collect();
    }
    let Some(beside) = &talk.beside else { return link.connection(Way::Out, &talk.turns, random) };
    let second = Link::to(link.ends.map(|(address, _)| address), [ports[1], beside.port], random);
    with_beside(link, &talk.turns, second, beside, random)
}

/// Both connections, one within the other.
fn with_beside(
    mut link: Link,
    turns: &Turns,
    mut second: Link,
    beside: &Beside,
    random: &mut Random,
) -> Vec<Packet> {
    let (at, tell) = beside.told;
    let listener = second.ends[index(beside.listener)];
    let mut told = turns.clone();
    told.insert(at, (beside.listener, tell(listener.into())));
    let (before, after) = told.split_at(beside.opened);
    let mut out = link.opening(Way::Out);
    out.extend(link.turns(before, random));
    out.extend(second.connection(other(beside.listener), &beside.turns, random));
    out.extend(link.turns(after, random));
    out.extend(link.closing());
    out
}

struct Link {
    /// Address and port of the phone and of the server.
    ends: [(IpAddr, u16); 2],
    /// Next sequence number of each.
    next: [u32; 2],
    datagrams: u16,
}

impl Link {
    fn new(phone: u16, server: u16, ipv4: bool, random: &mut Random) -> Self {
        let addresses = if !ipv4 && random.happens(25) {
            let tail = u128::from(random.next());
            let local = Ipv6Addr::from(0xfd00_0000_0000_0000_0000_0000_0000_0002);
            [local.into(), Ipv6Addr::from(0x2001_0db8_0000_0000_0000_0000_0000_0000 | tail).into()]
        } else {
            let remote =
                Ipv4Addr::new(198, 18 + random.below(2) as u8, random.next() as u8, random.next() as u8);
            [IpAddr::from(Ipv4Addr::new(10, 215, 173, 2)), remote.into()]
        };
        Self::to(addresses, [phone, server], random)
    }

    fn to(addresses: [IpAddr; 2], ports: [u16; 2], random: &mut Random) -> Self {
        // A tenth begins so near the end that the numbers wrap.
        let mut start =
            || if random.happens(10) { u32::MAX - random.below(600) as u32 } else { random.next() as u32 };
        let ends = [(addresses[0], ports[0]), (addresses[1], ports[1])];
        Self { ends, next: [start(), start()], datagrams: 0 }
    }

    /// A connection that `way` opens and the phone closes.
    fn connection(&mut self, way: Way, turns: &[(Way, Vec<u8>)], random: &mut Random) -> Vec<Packet> {
        [self.opening(way), self.turns(turns, random), self.closing()].concat()
    }

    fn opening(&mut self, way: Way) -> Vec<Packet> {
        vec![self.control(way, 0x02), self.control(other(way), 0x12), self.control(way, 0x10)]
    }

    fn closing(&mut self) -> Vec<Packet> {
        vec![self.control(Way::Out, 0x11), self.control(Way::In, 0x11), self.control(Way::Out, 0x10)]
    }

    fn turns(&mut self, turns: &[(Way, Vec<u8>)], random: &mut Random) -> Vec<Packet> {
        let mut out = Vec::new();
        for (way, bytes) in turns {
            let segments = self.segments(*way, bytes, random);
            out.extend(disturbed(segments, random));
            out.push(self.control(other(*way), 0x10));
        }
        out
    }

    /// A segment without payload. SYN and FIN take a sequence number.
    fn control(&mut self, way: Way, flags: u8) -> Packet {
        let seq = self.next[index(way)];
        if flags & 0x03 != 0 {
            self.next[index(way)] = seq.wrapping_add(1);
        }
        let ack = if flags == 0x02 { 0 } else { self.next[index(other(way))] };
        self.segment(way, seq, ack, flags, &[])
    }

    fn segments(&mut self, way: Way, bytes: &[u8], random: &mut Random) -> Vec<Packet> {
        let most = match random.below(4) {
            0 => MOST,
            1 => 200,
            2 if bytes.len() < 800 => 12,
            _ => 536,
        };
        let ack = self.next[index(other(way))];
        let mut out = Vec::new();
        let mut at = 0;
        while at < bytes.len() {
            let size = (random.between(1, most as u64) as usize).max(bytes.len() / 120).min(bytes.len() - at);
            // What is sent again is often cut in another place.
            let from = if random.happens(6) { at.saturating_sub(random.index(40)) } else { at };
            let seq = self.next[index(way)].wrapping_add(from as u32);
            out.push(self.segment(way, seq, ack, 0x18, &bytes[from..at + size]));
            at += size;
        }
        self.next[index(way)] = self.next[index(way)].wrapping_add(bytes.len() as u32);
        out
    }

    fn segment(&self, way: Way, seq: u32, ack: u32, flags: u8, payload: &[u8]) -> Packet {
        let ((from, from_port), (to, to_port)) = self.path(way);
        let mut tcp = [from_port.to_be_bytes(), to_port.to_be_bytes()].concat();
        tcp.extend([seq.to_be_bytes(), ack.to_be_bytes()].concat());
        tcp.extend([0x50, flags, 0xff, 0xff, 0, 0, 0, 0]);
        tcp.extend(payload);
        let sum = checksum(&pseudo(from, to, 6, tcp.len()), &tcp);
        tcp[16..18].copy_from_slice(&sum.to_be_bytes());
        Packet { way, bytes: ip(from, to, 6, &tcp, 0, 0x4000) }
    }

    /// A datagram; in pieces where it is longer than a packet.
    fn datagram(&mut self, way: Way, payload: &[u8]) -> Vec<Packet> {
        let ((from, from_port), (to, to_port)) = self.path(way);
        let mut udp = [from_port, to_port, payload.len() as u16 + 8, 0].map(u16::to_be_bytes).concat();
        udp.extend(payload);
        let sum = checksum(&pseudo(from, to, 17, udp.len()), &udp);
        udp[6..8].copy_from_slice(&sum.to_be_bytes());
        self.datagrams += 1;
        if udp.len() <= MOST || from.is_ipv6() {
            return vec![Packet { way, bytes: ip(from, to, 17, &udp, self.datagrams, 0) }];
        }
        let pieces = udp.chunks(1376).enumerate().map(|(number, piece)| {
            let at = number * 1376;
            let more = if at + piece.len() < udp.len() { 0x2000 } else { 0 };
            Packet { way, bytes: ip(from, to, 17, piece, self.datagrams, more | (at / 8) as u16) }
        });
        pieces.collect()
    }

    const fn path(&self, way: Way) -> ((IpAddr, u16), (IpAddr, u16)) {
        (self.ends[index(way)], self.ends[index(other(way))])
    }
}

/// Some segments come late, some twice.
fn disturbed(mut segments: Vec<Packet>, random: &mut Random) -> Vec<Packet> {
    let (late, twice) = ([0, 10, 30][random.index(3)], [0, 10][random.index(2)]);
    for place in 1..segments.len() {
        if random.happens(late) {
            segments.swap(place - 1 - random.index(place.min(6)), place);
        }
    }
    let mut out: Vec<Packet> = Vec::with_capacity(segments.len());
    for segment in segments {
        out.push(segment);
        if random.happens(twice) {
            out.push(out[random.index(out.len())].clone());
        }
    }
    out
}

const fn index(way: Way) -> usize {
    match way {
        Way::Out => 0,
        Way::In => 1,
    }
}

const fn other(way: Way) -> Way {
    match way {
        Way::Out => Way::In,
        Way::In => Way::Out,
    }
}

fn octets(address: IpAddr) -> Vec<u8> {
    match address {
        IpAddr::V4(address) => address.octets().to_vec(),
        IpAddr::V6(address) => address.octets().to_vec(),
    }
}

fn pseudo(from: IpAddr, to: IpAddr, protocol: u8, len: usize) -> Vec<u8> {
    [octets(from), octets(to), vec![0, protocol], (len as u16).to_be_bytes().to_vec()].concat()
}

/// RFC 1071.
fn checksum(head: &[u8], bytes: &[u8]) -> u16 {
    let words = |bytes: &[u8]| -> u64 {
        bytes.chunks(2).map(|it| u64::from(it[0]) << 8 | u64::from(it.get(1).copied().unwrap_or(0))).sum()
    };
    let mut sum = words(head) + words(bytes);
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !(sum as u16)
}

/// `fragment` holds the flags and the offset of IPv4.
fn ip(from: IpAddr, to: IpAddr, protocol: u8, payload: &[u8], id: u16, fragment: u16) -> Vec<u8> {
    let mut out = if from.is_ipv6() {
        let len = (payload.len() as u16).to_be_bytes();
        vec![0x60, 0, 0, 0, len[0], len[1], protocol, 64]
    } else {
        let head = [0x4500, payload.len() as u16 + 20, id, fragment, 0x4000 | u16::from(protocol), 0];
        head.map(u16::to_be_bytes).concat()
    };
    out.extend(octets(from));
    out.extend(octets(to));
    if from.is_ipv4() {
        let sum = checksum(&[], &out);
        out[10..12].copy_from_slice(&sum.to_be_bytes());
    }
    out.extend(payload);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_is_sent_and_sums_are_right() {
        let said: Vec<u8> = (0..3000u32).map(|it| (it % 251) as u8).collect();
        for item in 0..200 {
            let mut random = Random::new(3, item);
            let talk = Talk::tcp(80, vec![(Way::Out, said.clone())]);
            let sent = packets(&talk, [40_000, 50_000], &mut random);
            let header = if sent[0].bytes[0] == 0x60 { 40 } else { 20 };
            let start =
                u32::from_be_bytes(*sent[0].bytes[header + 4..].first_chunk().unwrap()).wrapping_add(1);
            let mut seen = vec![None; said.len()];
            for packet in sent.iter().filter(|it| it.way == Way::Out && it.bytes.len() > header + 20) {
                let tcp = &packet.bytes[header..];
                let at = u32::from_be_bytes(*tcp[4..].first_chunk().unwrap()).wrapping_sub(start) as usize;
                tcp[20..].iter().enumerate().for_each(|(place, byte)| seen[at + place] = Some(*byte));
            }
            assert_eq!(seen.into_iter().collect::<Option<Vec<_>>>(), Some(said.clone()));
        }
        // 192.0.2.1's header of RFC 1071's kind: the sum over it, the checksum included, is 0.
        let (from, to) = (Ipv4Addr::new(192, 0, 2, 1).into(), Ipv4Addr::new(192, 0, 2, 2).into());
        assert_eq!(checksum(&[], &ip(from, to, 17, b"", 1, 0)), 0);
    }
}
