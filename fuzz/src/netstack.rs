//! A phone that sends anything to the stack, upstreams that do anything, and a clock that jumps.
//!
//! Whatever comes, what the upstream drains is what the phone sent, in order; what the phone gets is what the upstream
//! gave; packets fit the MTU and have right checksums; events come in their order; tables, buffers and timers keep
//! their bounds; and after three hours of silence nothing is left.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use netstack::{Config, Event, FlowId, Stack, Unreachable};
use packet::{Direction, FlowKey, Packet, Segment, Timestamp, Transport};

use crate::wire::{Tcp, check, fragments, udp};

const START: Timestamp = Timestamp::from_millis(1_600_000_000_000);
const MTU: usize = 1280;
const MOST_FLOWS: usize = 12;
const BUFFER: usize = 4096;

/// Runs it once.
pub fn run(data: &[u8]) {
    let mut world = World::new();
    let mut rest = data;
    while let [operation, after @ ..] = rest {
        rest = world.act(*operation, after);
        world.settle();
    }
    world.end();
}

/// What the harness knows of a flow of the stack's.
struct Known {
    key: FlowKey,
    connected: bool,
    finished: bool,
    /// Bytes that were drained, and that the upstream gave.
    drained: u32,
    given: u32,
    closed: bool,
    /// The phone's first byte, and the stack's.
    first: Option<u32>,
    answers_from: Option<u32>,
}

struct World {
    stack: Stack,
    now: Timestamp,
    flows: BTreeMap<FlowId, Known>,
    /// What the phone's connections are at, by port: the sequence numbers of both sides.
    phone: [(u32, u32); 4],
}

impl World {
    fn new() -> Self {
        let config = Config {
            mtu: MTU,
            seed: 5,
            most_flows: MOST_FLOWS,
            buffer: BUFFER,
            most_buffers: 6 * 2 * BUFFER,
            most_quiet: 1,
        };
        Self { stack: Stack::new(config), now: START, flows: BTreeMap::new(), phone: [(1000, 0); 4] }
    }

    /// Does one thing and returns what is left of the script.
    fn act<'d>(&mut self, operation: u8, data: &'d [u8]) -> &'d [u8] {
        match operation % 8 {
            0 => return self.raw(data),
            1..=3 => return self.segment(operation >> 3, data),
            4 => return self.datagram(operation >> 3, data),
            5 => return self.upstream(operation >> 3, data),
            6 => self.flood(operation >> 3),
            _ => self.pass(operation >> 3),
        }
        data
    }

    /// Any bytes, but for the connections whose bytes are watched.
    fn raw<'d>(&mut self, data: &'d [u8]) -> &'d [u8] {
        let Some((len, data)) = data.split_first() else { return data };
        let (bytes, data) = data.split_at(usize::from(*len).min(data.len()));
        let key = Packet::parse(bytes).ok().and_then(|packet| packet.flow_key(Direction::Outbound));
        if key
            .is_none_or(|key| !self.flows.values().any(|known| known.key == key) && key.remote.port() != 443)
        {
            self.stack.handle_packet(self.now, bytes);
        }
        data
    }

    /// A segment near where the connection is. Its bytes are those of its sequence numbers.
    fn segment<'d>(&mut self, port: u8, data: &'d [u8]) -> &'d [u8] {
        let [flags, seq, ack, window, len, data @ ..] = data else { return &[] };
        let index = usize::from(port & 3);
        let (next, expects) = self.phone[index];
        let seq = next.wrapping_add_signed(i32::from(*seq as i8) * 16);
        let payload: Vec<u8> = (0..u32::from(*len) * 8).map(|at| phone_byte(seq.wrapping_add(at))).collect();
        let syn = flags & 2 != 0;
        let tcp = Tcp {
            ends: ends(port & 7),
            seq,
            ack: expects.wrapping_add_signed(i32::from(*ack as i8) * 16),
            flags: flags & 0x3f,
            window: u16::from(*window) << 6,
            payload: if syn { &[] } else { &payload },
        };
        let packet = tcp.packet();
        if flags & 0x40 != 0 {
            fragments(&packet).iter().for_each(|piece| self.stack.handle_packet(self.now, piece));
        } else {
            self.stack.handle_packet(self.now, &packet);
        }
        if flags & 0x80 != 0 {
            let advance = payload.len() as u32 * u32::from(!syn) + u32::from(syn) + u32::from(flags & 1);
            self.phone[index].0 = seq.wrapping_add(advance);
        }
        data
    }

    fn datagram<'d>(&mut self, port: u8, data: &'d [u8]) -> &'d [u8] {
        let [len, data @ ..] = data else { return data };
        let packet = udp(ends(port & 7), &vec![7; usize::from(*len) * 16]);
        fragments(&packet).iter().for_each(|piece| self.stack.handle_packet(self.now, piece));
        data
    }

    fn upstream<'d>(&mut self, what: u8, data: &'d [u8]) -> &'d [u8] {
        let [which, amount, data @ ..] = data else { return &[] };
        let Some(id) = self.flows.keys().nth(usize::from(*which) % self.flows.len().max(1)).copied() else {
            return data;
        };
        let known = self.flows.get_mut(&id).expect("one of them");
        let (now, stack, amount) = (self.now, &mut self.stack, usize::from(*amount) * 16);
        let tcp = known.key.transport == Transport::Tcp;
        match what % 8 {
            0 | 1 if tcp && !known.connected => {
                known.connected = true;
                stack.connected(now, id);
            }
            2 if tcp && known.connected => self.drain(id, amount),
            0 | 1 | 3 if tcp && known.connected && !known.closed => {
                let bytes: Vec<u8> = (0..amount as u32).map(|at| upstream_byte(known.given + at)).collect();
                known.given += stack.handle_upstream(now, id, &bytes) as u32;
            }
            4 if tcp && known.connected => {
                known.closed = true;
                stack.upstream_closed(now, id);
            }
            5 => {
                stack.upstream_reset(now, id);
                self.flows.remove(&id);
            }
            6 => {
                let why = [Unreachable::Refused, Unreachable::Host, Unreachable::TooBig(1280)][amount % 3];
                stack.refused(now, id, why);
                self.flows.remove(&id);
            }
            7 if tcp => self.drain(id, usize::MAX),
            _ if !tcp && what & 1 == 0 => stack.handle_datagram(now, id, &vec![9; amount * 8]),
            _ if !tcp => stack.undeliverable(id, Unreachable::Refused),
            _ => {}
        }
        data
    }

    fn drain(&mut self, id: FlowId, mut most: usize) {
        let known = self.flows.get_mut(&id).expect("a flow");
        let first = known.first;
        let drained = &mut known.drained;
        self.stack.drain(self.now, id, |bytes| {
            let taken = bytes.len().min(most);
            most -= taken;
            let first = first.expect("bytes come behind a SYN");
            for byte in &bytes[..taken] {
                assert_eq!(*byte, phone_byte(first.wrapping_add(*drained)), "byte {drained}");
                *drained += 1;
            }
            taken
        });
    }

    /// More new connections than there is room for.
    fn flood(&mut self, from: u8) {
        for port in 0..MOST_FLOWS as u16 + 4 {
            let (local, remote) =
                (IpAddr::V4(Ipv4Addr::new(10, 0, 0, 2)), IpAddr::V4(Ipv4Addr::new(203, 0, 113, 9)));
            let ends = [(local, 2000 + u16::from(from) * 64 + port), (remote, 80)];
            let syn = Tcp { ends, seq: 1, ack: 0, flags: 2, window: 1000, payload: &[] };
            self.stack.handle_packet(self.now, &syn.packet());
        }
    }

    fn pass(&mut self, how: u8) {
        let until = match how % 8 {
            0..=2 => self.stack.poll_timeout().unwrap_or(self.now).max(self.now),
            // As when a phone sleeps.
            exponent => self.now + Duration::from_millis(1 << (exponent * 3)),
        };
        self.now = until;
        self.stack.handle_timeout(self.now);
        assert!(self.stack.poll_timeout().is_none_or(|at| at > self.now), "what is due is done");
    }

    fn settle(&mut self) {
        while let Some((id, event)) = self.stack.poll_event() {
            self.event(id, event);
        }
        while let Some(packet) = self.stack.poll_packet() {
            assert!(packet.len() <= MTU, "a packet of {} bytes", packet.len());
            check(&packet);
            self.look(&packet);
            self.stack.recycle(packet);
        }
        assert!(self.stack.len() <= MOST_FLOWS);
        assert!(self.stack.buffers() <= MOST_FLOWS * 2 * BUFFER);
    }

    fn event(&mut self, id: FlowId, event: Event) {
        if let Event::Connect(key) = event {
            let first = match key.local.port() {
                port @ 4000..4004 if key.transport == Transport::Tcp => {
                    Some(self.phone[usize::from(port - 4000)].0)
                }
                _ => None,
            };
            let known = Known {
                key,
                connected: false,
                finished: false,
                drained: 0,
                given: 0,
                closed: false,
                first,
                answers_from: None,
            };
            assert!(self.flows.insert(id, known).is_none(), "a flow begins once");
            return;
        }
        // A flow that was reset by the upstream may have been about to say something.
        let Some(known) = self.flows.get_mut(&id) else { return };
        match event {
            Event::ShutdownWrite => {
                assert!(!std::mem::replace(&mut known.finished, true), "a half ends once");
            }
            Event::Closed | Event::Reset => drop(self.flows.remove(&id)),
            Event::Ready => assert!(known.connected),
            Event::Datagram(_) | Event::Connect(_) => {}
        }
    }

    /// What the phone is told must be what the upstream gave.
    fn look(&mut self, packet: &[u8]) {
        let Ok(parsed) = Packet::parse(packet) else { panic!("what is sent can be read") };
        let Segment::Tcp(tcp) = parsed.segment else { return };
        let key = parsed.flow_key(Direction::Inbound).expect("TCP has a key");
        let Some(known) = self.flows.values_mut().find(|known| known.key == key) else { return };
        if tcp.flags.syn {
            known.answers_from = Some(tcp.seq.wrapping_add(1));
            known.first = Some(tcp.ack);
            if let port @ 4000..4004 = key.local.port() {
                self.phone[usize::from(port - 4000)] = (tcp.ack, tcp.seq.wrapping_add(1));
            }
        }
        let Some(from) = known.answers_from else { return };
        for (offset, byte) in (0..).zip(tcp.payload) {
            let at = tcp.seq.wrapping_sub(from).wrapping_add(offset);
            assert!(at < known.given, "byte {at} of {}", known.given);
            assert_eq!(*byte, upstream_byte(at));
        }
    }

    /// Silence: everything ends by itself.
    fn end(&mut self) {
        let until = self.now + Duration::from_secs(3 * 3600);
        let mut steps = 0;
        while let Some(at) = self.stack.poll_timeout().filter(|at| *at <= until) {
            self.now = self.now.max(at);
            self.stack.handle_timeout(self.now);
            self.settle();
            steps += 1;
            assert!(steps < 50_000, "timers storm");
        }
        assert_eq!((self.stack.len(), self.stack.buffers(), self.stack.poll_timeout()), (0, 0, None));
        assert!(self.flows.is_empty(), "every end is told");
    }
}

/// The phone's end and the server's.
fn ends(which: u8) -> [(IpAddr, u16); 2] {
    let port = 4000 + u16::from(which & 3);
    match which & 4 {
        0 => [(Ipv4Addr::new(10, 0, 0, 2).into(), port), (Ipv4Addr::new(203, 0, 113, 1).into(), 443)],
        _ => [
            (Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, 2).into(), port),
            (Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1).into(), 443),
        ],
    }
}

const fn phone_byte(seq: u32) -> u8 {
    (seq.wrapping_mul(2_654_435_761) >> 24) as u8
}

const fn upstream_byte(at: u32) -> u8 {
    (at.wrapping_mul(0x9e37_79b1) >> 16) as u8
}
