//! Connections that have nothing to do give their buffers back, and nobody notices.

use std::time::Duration;

use netstack::{Config, Event, FlowId, Stack};
use packet::Timestamp;
use smoltcp::wire::TcpControl;

mod packets;

use packets::{START, V4, V6, establish, tcp};

/// What is seen of a stack from outside.
#[derive(Debug, Default, PartialEq)]
struct Seen {
    packets: Vec<Vec<u8>>,
    events: Vec<Event>,
    heard: Vec<u8>,
}

/// A stack, and a phone with one connection, whose other end takes whatever there is.
struct Scene {
    stack: Stack,
    id: FlowId,
    now: Timestamp,
    seen: Seen,
}

impl Scene {
    fn new(most_quiet: usize, ends: (&str, &str)) -> (Self, u32) {
        let mut stack = Stack::new(Config { seed: 7, most_quiet, ..Config::default() });
        let (id, seq) = establish(&mut stack, ends);
        let mut scene = Self { stack, id, now: START, seen: Seen::default() };
        scene.pass();
        (scene, seq)
    }

    fn phone(&mut self, packet: &[u8]) {
        self.stack.handle_packet(self.now, packet);
        self.pass();
    }

    fn upstream(&mut self, bytes: &[u8]) {
        assert_eq!(self.stack.handle_upstream(self.now, self.id, bytes), bytes.len());
        self.pass();
    }

    /// Takes what there is, and lets less time pass than a retransmission takes.
    fn pass(&mut self) {
        self.settle();
        let until = self.now + Duration::from_millis(100);
        while let Some(at) = self.stack.poll_timeout().filter(|at| *at <= until) {
            self.now = self.now.max(at);
            self.stack.handle_timeout(self.now);
            self.settle();
        }
        self.now = until;
    }

    fn settle(&mut self) {
        let Self { stack, id, now, seen } = self;
        loop {
            while let Some((_, event)) = stack.poll_event() {
                seen.events.push(event);
                stack.drain(*now, *id, |bytes| {
                    seen.heard.extend_from_slice(bytes);
                    bytes.len()
                });
            }
            let Some(packet) = stack.poll_packet() else { return };
            seen.packets.push(packet);
        }
    }
}

/// Both sides speak, are silent, speak again, ask whether the other is there, and finish.
fn conversation(most_quiet: usize, ends: (&str, &str)) -> Seen {
    let rests = |scene: &Scene| assert_eq!(scene.stack.buffers() == 0, most_quiet == 0);
    let (mut scene, mut ours) = Scene::new(most_quiet, ends);
    rests(&scene);
    scene.phone(&tcp(ends, TcpControl::Psh, 1001, Some(ours), b"hello"));
    rests(&scene);
    scene.upstream(b"who is there?");
    assert_ne!(scene.stack.buffers(), 0, "what is not acknowledged is kept");
    ours = ours.wrapping_add(13);
    scene.phone(&tcp(ends, TcpControl::None, 1006, Some(ours), &[]));
    rests(&scene);
    // A keep-alive, and what was heard long ago.
    scene.phone(&tcp(ends, TcpControl::None, 1005, Some(ours), &[]));
    scene.phone(&tcp(ends, TcpControl::Psh, 1001, Some(ours.wrapping_sub(13)), b"hello"));
    rests(&scene);
    scene.phone(&tcp(ends, TcpControl::Psh, 1006, Some(ours), b"a phone"));
    scene.upstream(&[7; 4000]);
    ours = ours.wrapping_add(4000);
    scene.phone(&tcp(ends, TcpControl::None, 1013, Some(ours), &[]));
    rests(&scene);
    scene.stack.upstream_closed(scene.now, scene.id);
    scene.pass();
    scene.phone(&tcp(ends, TcpControl::Fin, 1013, Some(ours.wrapping_add(1)), &[]));
    assert_eq!(scene.stack.buffers(), 0);
    scene.seen
}

#[test]
fn a_connection_that_rested_goes_on_as_if_it_had_not() {
    for ends in [V4, V6] {
        let rested = conversation(0, ends);
        assert_eq!(rested.heard, b"helloa phone");
        assert_eq!(rested.events.last(), Some(&Event::Closed));
        let (other, mut told) = (conversation(64, ends), rested.packets.iter().zip(1..));
        let differs = told.find(|(packet, at)| other.packets.get(at - 1) != Some(packet)).map(|(_, at)| at);
        assert_eq!((differs, rested.packets.len()), (None, other.packets.len()));
        assert!(rested == other);
    }
}

#[test]
fn a_connection_that_rests_can_be_reset_by_both_sides() {
    for by_phone in [true, false] {
        let (mut scene, ours) = Scene::new(0, V4);
        assert_eq!(scene.stack.buffers(), 0);
        if by_phone {
            scene.phone(&tcp(V4, TcpControl::Rst, 1001, Some(ours), &[]));
            assert_eq!((scene.seen.events, scene.seen.packets.len()), (vec![Event::Reset], 0));
        } else {
            scene.stack.upstream_reset(scene.now, scene.id);
            scene.settle();
            let reset = packets::next_tcp(&scene.seen.packets[0]);
            assert!(reset.flags.rst && reset.seq == ours);
        }
        assert!(scene.stack.is_empty());
    }
}

#[test]
fn only_so_many_quiet_connections_keep_their_buffers() {
    let config = Config { most_quiet: 3, ..Config::default() };
    let each = 2 * config.buffer;
    let mut stack = Stack::new(config);
    let phones: Vec<_> = (1..=20).map(|port| format!("10.0.0.2:{port}")).collect();
    let open: Vec<_> = phones.iter().map(|phone| establish(&mut stack, (phone, V4.1))).collect();
    assert_eq!(stack.buffers(), 3 * each);
    // Those that have something to do have theirs in any case.
    for (id, _) in &open {
        assert_eq!(stack.handle_upstream(START, *id, b"data"), 4);
    }
    assert_eq!(stack.buffers(), 20 * each);
    for (phone, (_, seq)) in phones.iter().zip(&open) {
        let ack = tcp((phone, V4.1), TcpControl::None, 1001, Some(seq.wrapping_add(4)), &[]);
        stack.handle_packet(START, &ack);
    }
    assert_eq!(stack.buffers(), 3 * each);
}

#[test]
fn connections_that_go_on_together_stay_within_the_budget() {
    let config = Config { most_quiet: 0, most_buffers: 4 << 20, ..Config::default() };
    let (most, each) = (config.most_buffers, 2 * config.buffer);
    let mut stack = Stack::new(config);
    let phones: Vec<_> = (1..=100).map(|port| format!("10.0.0.2:{port}")).collect();
    let open: Vec<_> = phones.iter().map(|phone| establish(&mut stack, (phone, V4.1))).collect();
    assert_eq!(stack.buffers(), 0);
    for (id, _) in &open {
        assert_eq!(stack.handle_upstream(START, *id, b"data"), 4);
    }
    assert_eq!(stack.buffers(), most + (100 - most / each) * 2 * (16 << 10));
}
