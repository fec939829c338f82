//! What all connections share: the way to the phone, and sockets that wait for a connection.

use std::net::{IpAddr, SocketAddr};

use packet::Timestamp;
use smoltcp::iface::{Config, Interface, SocketHandle, SocketSet};
use smoltcp::socket::tcp::{Socket, SocketBuffer};
use smoltcp::time::Instant;
use smoltcp::wire::{HardwareAddress, IpAddress, IpCidr};

use crate::device::{Device, Outbox};

/// A smoltcp socket, alone in its set, so that a packet costs the same however many connections there are.
pub(crate) struct Endpoint {
    sockets: SocketSet<'static>,
    handle: SocketHandle,
    /// Size of each of its two buffers in bytes.
    pub(crate) buffer: usize,
}

impl Endpoint {
    fn new(buffer: usize) -> Self {
        let mut socket = Socket::new(SocketBuffer::new(vec![0; buffer]), SocketBuffer::new(vec![0; buffer]));
        socket.set_nagle_enabled(false);
        let mut sockets = SocketSet::new(Vec::with_capacity(1));
        let handle = sockets.add(socket);
        Self { sockets, handle, buffer }
    }

    pub(crate) fn look(&self) -> &Socket<'static> {
        self.sockets.get(self.handle)
    }

    pub(crate) fn socket(&mut self) -> &mut Socket<'static> {
        self.sockets.get_mut(self.handle)
    }
}

/// The phone's side of all connections.
pub(crate) struct Wire {
    pub(crate) mtu: usize,
    pub(crate) outbox: Outbox,
    /// One for all sockets: what differs between them is the remote address, which is its own.
    interface: Interface,
    /// Of connections that rest or are over. Zeroing new buffers costs more than all else of a short connection, and an
    /// allocator that gets large pieces back fills them with small ones.
    spare: Vec<Endpoint>,
}

impl Wire {
    const MOST_SPARE: usize = 64;

    pub(crate) fn new(mtu: usize) -> Self {
        let mut outbox = Outbox::default();
        let interface = interface(mtu, 0, &mut outbox);
        Self { mtu, outbox, interface, spare: Vec::new() }
    }

    /// A closed socket with two buffers of `buffer` bytes.
    pub(crate) fn endpoint(&mut self, buffer: usize) -> Endpoint {
        let fits = self.spare.iter().rposition(|spare| spare.buffer == buffer);
        fits.map_or_else(|| Endpoint::new(buffer), |at| self.spare.swap_remove(at))
    }

    /// Takes back a socket that all it sent was acknowledged of. Its next connection finds it as if it were new.
    pub(crate) fn recycle(&mut self, mut endpoint: Endpoint) {
        if self.spare.len() < Self::MOST_SPARE {
            endpoint.socket().abort();
            self.spare.push(endpoint);
        }
    }

    /// Makes `endpoint` listen for connections to `remote`, and hands it `syn`, a whole packet, which it answers with the
    /// sequence number `isn`.
    pub(crate) fn open(
        &mut self,
        now: Timestamp,
        endpoint: &mut Endpoint,
        remote: SocketAddr,
        syn: &[u8],
        isn: u32,
    ) {
        // Cannot fail: the socket is closed and the port is that of a connection the phone opened.
        let listening = endpoint.socket().listen((IpAddress::from(remote.ip()), remote.port()));
        debug_assert!(listening.is_ok(), "a closed socket listens on any port but 0");
        let mut interface = interface(self.mtu, seed_for(isn), &mut self.outbox);
        face(&mut interface, remote.ip());
        let mut device = Device { mtu: self.mtu, inbound: Some(syn), outbox: &mut self.outbox };
        interface.poll(instant(now), &mut device, &mut endpoint.sockets);
    }

    /// Hands a packet to `endpoint`, whose remote end is `remote`, and sends what it has to send.
    pub(crate) fn poll(
        &mut self,
        now: Timestamp,
        endpoint: &mut Endpoint,
        remote: IpAddr,
        inbound: Option<&[u8]>,
    ) {
        face(&mut self.interface, remote);
        let mut device = Device { mtu: self.mtu, inbound, outbox: &mut self.outbox };
        self.interface.poll(instant(now), &mut device, &mut endpoint.sockets);
    }

    /// When [`Self::poll`] is next needed, in microseconds.
    pub(crate) fn poll_at(&mut self, now: Timestamp, endpoint: &Endpoint) -> Option<Timestamp> {
        let at = self.interface.poll_at(instant(now), &endpoint.sockets)?;
        Some(Timestamp::from_micros(at.total_micros()))
    }
}

fn interface(mtu: usize, seed: u64, outbox: &mut Outbox) -> Interface {
    let mut config = Config::new(HardwareAddress::Ip);
    config.random_seed = seed;
    Interface::new(config, &mut Device { mtu, inbound: None, outbox }, Instant::ZERO)
}

/// Makes `remote` the interface's own address, and everybody its neighbour.
fn face(interface: &mut Interface, remote: IpAddr) {
    let own = IpCidr::new(IpAddress::from(remote), 0);
    if interface.ip_addrs() != [own] {
        interface.update_ip_addrs(|addresses| {
            addresses.clear();
            let _ = addresses.push(own);
        });
    }
}

/// smoltcp's clock has microseconds.
fn instant(at: Timestamp) -> Instant {
    Instant::from_micros(at.as_nanos() / 1_000)
}

/// The seed of an interface whose first connection gets the sequence number `isn`: smoltcp 0.14 draws it from a
/// generator (sPCG32) that can be run backwards. Before, it draws an IPv4 identification until that is not 0.
fn seed_for(isn: u32) -> u64 {
    // A number is drawn from the 32 bits below the highest three, when these are 0. The lowest bits are free.
    let states = (0..1 << 29).map(|free| previous(u64::from(isn) << 29 | free));
    let fits = |state: &u64| {
        let drawn = (*state >> (29 - (*state >> 61))) as u32;
        (drawn ^ drawn >> 16) as u16 != 0
    };
    states.into_iter().find(fits).map_or(0, previous)
}

/// The state before `state` of smoltcp's generator.
const fn previous(state: u64) -> u64 {
    const ADDED: u64 = 0x7590_ef39;
    /// The inverse of its factor, 0xbb2efcec3c39611d, modulo 2^64.
    const INVERSE: u64 = inverse(0xbb2e_fcec_3c39_611d);
    state.wrapping_sub(ADDED).wrapping_mul(INVERSE)
}

/// The inverse of an odd number modulo 2^64, by Newton's method: each step doubles the bits that are right.
const fn inverse(number: u64) -> u64 {
    let mut inverse = number;
    let mut right = 3;
    while right < 64 {
        inverse = inverse.wrapping_mul(2u64.wrapping_sub(number.wrapping_mul(inverse)));
        right *= 2;
    }
    inverse
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use packet::{FlowKey, Packet, Segment, TcpFlags, TcpSegment, Transport};

    use super::*;
    use crate::build;

    #[test]
    fn the_sequence_number_is_the_one_that_is_asked_for() {
        let remote = (Ipv4Addr::new(203, 0, 113, 1), 443).into();
        let key =
            FlowKey { transport: Transport::Tcp, local: (Ipv4Addr::new(10, 0, 0, 2), 40_000).into(), remote };
        let syn = TcpSegment {
            source_port: 40_000,
            destination_port: 443,
            seq: 7,
            ack: 0,
            flags: TcpFlags { syn: true, ..TcpFlags::default() },
            window: 1000,
            options: &[],
            payload: &[],
            missing: 0,
        };
        let mut wire = Wire::new(1500);
        let many = (0..2000u32).map(|n| n.wrapping_mul(2_654_435_761));
        for isn in many.chain([0, 1, u32::MAX, 1 << 31]) {
            let mut endpoint = wire.endpoint(4096);
            wire.open(Timestamp::from_millis(1), &mut endpoint, remote, &build::outbound(&key, &syn), isn);
            let answer = wire.outbox.pop().expect("an answer");
            let Ok(Packet { segment: Segment::Tcp(tcp), .. }) = Packet::parse(&answer) else { panic!() };
            assert_eq!((tcp.seq, tcp.ack), (isn, 8));
            wire.recycle(endpoint);
        }
    }
}
