//! Makes recordings: whole conversations, packet by packet, with right checksums.

use std::net::{Ipv4Addr, SocketAddrV4};
use std::time::Duration;

use packet::{App, Direction, FlowKey, Input, Phase, Timestamp, Transport};
use recording::Writer;

const PHONE: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 2);
const RESOLVER: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::new(192, 0, 2, 53), 53);
/// From one packet to the next.
const PAUSE: Duration = Duration::from_millis(20);
/// Largest piece of a TCP stream.
const SEGMENT: usize = 1400;

const FIN_ACK: u8 = 0x11;
const SYN: u8 = 0x02;
const PUSH_ACK: u8 = 0x18;
const SYN_ACK: u8 = 0x12;

/// A recording that is being made.
pub struct Tape {
    at: Timestamp,
    writer: Writer<Vec<u8>>,
    next_port: u16,
}

impl Tape {
    /// Begins at 2019-02-14T08:01:00Z.
    pub fn new(source: &str) -> Self {
        let writer = Writer::new(Vec::new(), source).expect("memory takes everything");
        Self { at: Timestamp::from_millis(1_550_131_260_000), writer, next_port: 40_000 }
    }

    pub fn wait(&mut self, seconds: u64) {
        self.at = self.at + Duration::from_secs(seconds);
    }

    pub fn phase(&mut self, phase: Phase) {
        self.write(&Input::Phase(phase));
    }

    /// A question for an address, and its answer.
    pub fn dns(&mut self, name: &str, answer: Option<Ipv4Addr>) {
        let key = self.key(Transport::Udp, RESOLVER);
        self.datagram(&key, Direction::Outbound, &dns_question(name));
        self.datagram(&key, Direction::Inbound, &dns_answer(name, answer));
    }

    /// A datagram, and a reply of the same length.
    pub fn ask(&mut self, app: &str, server: SocketAddrV4, payload: &[u8]) {
        let key = self.key(Transport::Udp, server);
        self.datagram(&key, Direction::Outbound, payload);
        self.own(&key, app);
        self.datagram(&key, Direction::Inbound, payload);
    }

    /// A TCP connection on which the phone sends something and the server answers.
    pub fn talk(&mut self, app: &str, server: SocketAddrV4, request: &[u8], reply: &[u8]) {
        self.converse(app, server, &[(Direction::Outbound, request), (Direction::Inbound, reply)]);
    }

    /// A TCP connection and what is said on it, turn by turn.
    pub fn converse(&mut self, app: &str, server: SocketAddrV4, turns: &[(Direction, &[u8])]) {
        let key = self.key(Transport::Tcp, server);
        let mut sent = [0, 0];
        self.segment(&key, Direction::Outbound, SYN, &mut sent, b"");
        self.own(&key, app);
        self.segment(&key, Direction::Inbound, SYN_ACK, &mut sent, b"");
        for &(direction, bytes) in turns {
            for piece in bytes.chunks(SEGMENT) {
                self.segment(&key, direction, PUSH_ACK, &mut sent, piece);
            }
        }
        self.segment(&key, Direction::Outbound, FIN_ACK, &mut sent, b"");
        self.segment(&key, Direction::Inbound, FIN_ACK, &mut sent, b"");
    }

    pub fn into_bytes(self) -> Vec<u8> {
        self.writer.into_inner().expect("memory takes everything")
    }

    fn key(&mut self, transport: Transport, remote: SocketAddrV4) -> FlowKey {
        self.next_port += 1;
        FlowKey { transport, local: (PHONE, self.next_port).into(), remote: remote.into() }
    }

    fn own(&mut self, key: &FlowKey, app: &str) {
        let app = App { name: app.to_owned(), uid: None };
        self.write(&Input::Owner { flow: *key, app: &app });
    }

    fn datagram(&mut self, key: &FlowKey, direction: Direction, payload: &[u8]) {
        let (from, to) = ends(key, direction);
        let mut udp = [from.port().to_be_bytes(), to.port().to_be_bytes()].concat();
        udp.extend((8 + payload.len() as u16).to_be_bytes());
        udp.extend([0, 0]);
        udp.extend(payload);
        self.packet(direction, &ipv4(from, to, 17, udp, 6));
    }

    /// `sent` counts the sequence numbers used by each side.
    fn segment(
        &mut self,
        key: &FlowKey,
        direction: Direction,
        flags: u8,
        sent: &mut [u32; 2],
        payload: &[u8],
    ) {
        let (from, to) = ends(key, direction);
        let other = direction.reversed().index();
        let mut tcp = [from.port().to_be_bytes(), to.port().to_be_bytes()].concat();
        tcp.extend(sent[direction.index()].to_be_bytes());
        tcp.extend(if flags == SYN { 0 } else { sent[other] }.to_be_bytes());
        tcp.extend([0x50, flags, 0xff, 0xff, 0, 0, 0, 0]);
        tcp.extend(payload);
        sent[direction.index()] += payload.len() as u32 + u32::from(payload.is_empty());
        self.packet(direction, &ipv4(from, to, 6, tcp, 16));
    }

    fn packet(&mut self, direction: Direction, bytes: &[u8]) {
        self.write(&Input::Packet { direction: Some(direction), bytes });
    }

    fn write(&mut self, input: &Input<'_>) {
        self.writer.write(self.at, input).expect("memory takes everything");
        self.at = self.at + PAUSE;
    }
}

fn ends(key: &FlowKey, direction: Direction) -> (SocketAddrV4, SocketAddrV4) {
    let (std::net::SocketAddr::V4(local), std::net::SocketAddr::V4(remote)) = (key.local, key.remote) else {
        unreachable!("only IPv4 is made here")
    };
    if direction == Direction::Outbound { (local, remote) } else { (remote, local) }
}

/// A packet around a segment whose checksum, at `field`, is still zero.
fn ipv4(from: SocketAddrV4, to: SocketAddrV4, protocol: u8, mut segment: Vec<u8>, field: usize) -> Vec<u8> {
    let addresses = [from.ip().octets(), to.ip().octets()].concat();
    let len = segment.len() as u16;
    let pseudo = [&addresses[..], &[0, protocol], &len.to_be_bytes(), &segment].concat();
    segment[field..field + 2].copy_from_slice(&checksum(&pseudo).to_be_bytes());
    let mut packet = vec![0x45, 0];
    packet.extend((20 + len).to_be_bytes());
    packet.extend([0, 0, 0x40, 0, 64, protocol, 0, 0]);
    packet.extend(addresses);
    let sum = checksum(&packet);
    packet[10..12].copy_from_slice(&sum.to_be_bytes());
    packet.extend(segment);
    packet
}

/// RFC 1071.
fn checksum(bytes: &[u8]) -> u16 {
    let word = |pair: &[u8]| u32::from(pair[0]) << 8 | u32::from(*pair.get(1).unwrap_or(&0));
    let sum: u32 = bytes.chunks(2).map(word).sum();
    let folded = (sum & 0xffff) + (sum >> 16);
    !((folded & 0xffff) as u16 + (folded >> 16) as u16)
}

fn dns_message(name: &str, flags: [u8; 2], answers: u8) -> Vec<u8> {
    let mut out = vec![0x12, 0x34, flags[0], flags[1], 0, 1, 0, answers, 0, 0, 0, 0];
    for label in name.split('.') {
        out.push(label.len() as u8);
        out.extend(label.bytes());
    }
    out.extend([0, 0, 1, 0, 1]);
    out
}

fn dns_question(name: &str) -> Vec<u8> {
    dns_message(name, [0x01, 0x00], 0)
}

fn dns_answer(name: &str, address: Option<Ipv4Addr>) -> Vec<u8> {
    let Some(address) = address else {
        return dns_message(name, [0x81, 0x83], 0); // no such name
    };
    let mut out = dns_message(name, [0x81, 0x80], 1);
    out.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 1, 44, 0, 4]);
    out.extend(address.octets());
    out
}

fn vec16(content: &[u8]) -> Vec<u8> {
    [&(content.len() as u16).to_be_bytes()[..], content].concat()
}

/// What a TLS 1.3 client sends: a ClientHello for `host`, and a record that is encrypted.
pub fn tls(host: &str) -> Vec<u8> {
    let name = vec16(&[&[0][..], &vec16(host.as_bytes())].concat());
    let extensions = [
        &[0, 0][..],
        &vec16(&name),
        &[0, 43],
        &vec16(&[2, 3, 4]),
        &[0, 16],
        &vec16(&vec16(b"\x02h2")),
        &[0, 13],
        &vec16(&vec16(&[4, 3, 8, 4])),
    ]
    .concat();
    let body =
        [&[3, 3][..], &[7; 32], &[0], &vec16(&[0x13, 1, 0x13, 2]), &[1, 0], &vec16(&extensions)].concat();
    let message = [&[1][..], &(body.len() as u32).to_be_bytes()[1..], &body].concat();
    [&[22, 3, 1][..], &vec16(&message), &[23, 3, 3], &vec16(&scrambled(200))].concat()
}

/// What a TLS 1.3 server answers: a ServerHello, and a record that is encrypted.
pub fn tls_reply() -> Vec<u8> {
    let extensions = [&[0, 43][..], &vec16(&[3, 4])].concat();
    let body = [&[3, 3][..], &[9; 32], &[0, 0x13, 1, 0], &vec16(&extensions)].concat();
    let message = [&[2][..], &(body.len() as u32).to_be_bytes()[1..], &body].concat();
    [&[22, 3, 3][..], &vec16(&message), &[23, 3, 3], &vec16(&scrambled(300))].concat()
}

/// Bytes without any meaning (a linear congruential generator, the constants of Numerical Recipes).
fn scrambled(length: usize) -> Vec<u8> {
    let mut state = 1_u32;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    };
    (0..length).map(|_| next()).collect()
}
