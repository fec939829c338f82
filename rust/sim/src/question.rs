//! Datagrams of the phone: DNS questions, and others with answers of any length.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use smoltcp::phy::ChecksumCapabilities;
use smoltcp::wire::{IpProtocol, IpRepr, UdpPacket, UdpRepr};

use crate::Random;
use crate::phone::ADDRESSES;

/// A datagram of the phone's and what becomes of it.
#[derive(Debug, Clone)]
pub struct Question {
    /// When it is sent, after the beginning.
    pub at: Duration,
    /// The phone's port.
    pub port: u16,
    /// To whom.
    pub remote: SocketAddr,
    /// What it says.
    pub payload: Vec<u8>,
    /// What is answered; `None` when nobody listens there.
    pub answer: Option<Vec<u8>>,
}

impl Question {
    /// A random question; half of them ask DNS for the address of a server of the scenario.
    pub fn random(random: &mut Random) -> Self {
        let at = Duration::from_millis(random.below(4_000) as u64);
        let port = 50_000 + random.below(4) as u16;
        let unheard = random.happens(150);
        if random.happens(500) {
            let lookup = Self { port, ..Self::lookup(at, random.next() as u16) };
            let answer = (!unheard).then(|| dns_answer(&lookup.payload, 1 + random.below(6) as u8));
            return Self { answer, ..lookup };
        }
        let remote = SocketAddr::new(Ipv4Addr::new(203, 0, 113, 9).into(), 5_000);
        let mut noise = |len| (0..len).map(|_| random.next() as u8).collect::<Vec<_>>();
        let payload = noise(200);
        let answer = noise(6_000);
        let len = random.pick(&[1, 500, 2_000, 6_000]);
        Self { at, port, remote, payload, answer: (!unheard).then(|| answer[..len].to_vec()) }
    }

    /// Asks DNS for the address of a server of the scenario, in the message with this number; it is answered.
    pub fn lookup(at: Duration, id: u16) -> Self {
        let remote = SocketAddr::new(Ipv4Addr::new(192, 0, 2, 53).into(), 53);
        let payload = dns_query(id);
        let answer = Some(dns_answer(&payload, 1));
        Self { at, port: 50_000, remote, payload, answer }
    }

    /// The packet.
    pub fn packet(&self) -> Vec<u8> {
        let local = SocketAddr::new(ADDRESSES.0.into(), self.port);
        let (from, to) = (local.ip().into(), self.remote.ip().into());
        let checksums = ChecksumCapabilities::default();
        let ip = IpRepr::new(from, to, IpProtocol::Udp, 8 + self.payload.len(), 64);
        let mut packet = vec![0; ip.buffer_len()];
        ip.emit(&mut packet, &checksums);
        let repr = UdpRepr { src_port: self.port, dst_port: self.remote.port() };
        let mut udp = UdpPacket::new_unchecked(&mut packet[ip.header_len()..]);
        let fill = |room: &mut [u8]| room.copy_from_slice(&self.payload);
        repr.emit(&mut udp, &from, &to, self.payload.len(), fill, &checksums);
        packet
    }
}

/// Asks for the address of `www.example` (RFC 1035 section 4.1).
fn dns_query(id: u16) -> Vec<u8> {
    let mut query = id.to_be_bytes().to_vec();
    query.extend([1, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
    query.extend(b"\x03www\x07example\x00\x00\x01\x00\x01");
    query
}

/// Answers with `203.0.113.{host}`.
fn dns_answer(query: &[u8], host: u8) -> Vec<u8> {
    let mut answer = query.to_vec();
    answer[2..8].copy_from_slice(&[0x81, 0x80, 0, 1, 0, 1]);
    answer.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 203, 0, 113, host]);
    answer
}
