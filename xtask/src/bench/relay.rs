//! What the stack alone takes for a packet, without a kernel on either side.

use netstack::{Config, Event, FlowId, Stack};
use packet::{Packet, Segment, Timestamp};

use super::measure::Measure;
use super::traffic::{self, PHONE_PORT, SEGMENT};

/// Payload bytes of each measurement.
const SIZE: usize = 16 << 20;
/// Datagrams of each measurement.
const DATAGRAMS: usize = 10_000;

/// Measures what is wanted.
pub(super) fn run(measure: Measure<'_>) {
    let Some((_, _, first)) = open() else { return eprintln!("the stack answers no SYN") };
    let now = Timestamp::default();
    let up: Vec<Vec<u8>> = (0..SIZE / SEGMENT)
        .map(|n| traffic::sent(1 + (n * SEGMENT) as u32, first, &[b'x'; SEGMENT]))
        .collect();
    measure.bytes("netstack upload", "packet", &up, &mut || {
        let Some((mut stack, id, _)) = open() else { return };
        for packet in &up {
            stack.handle_packet(now, packet);
            stack.drain(now, id, <[u8]>::len);
            answer(&mut stack, |_| ());
        }
    });

    let down = vec![vec![0; SEGMENT]; SIZE / SEGMENT];
    measure.bytes("netstack download", "packet", &down, &mut || {
        let Some((mut stack, id, _)) = open() else { return };
        let (mut left, mut received) = (SIZE, first);
        while left > 0 {
            let before = (left, received);
            stack.fill(now, id, |room| {
                let given = room.len().min(left);
                left -= given;
                given
            });
            answer(&mut stack, |payload| received = received.wrapping_add(payload as u32));
            stack.handle_packet(now, &traffic::sent(1, received, b""));
            assert_ne!(before, (left, received), "the stack does not go on");
        }
    });

    let questions = vec![traffic::datagram(&[b'?'; 40]); DATAGRAMS];
    measure.bytes("netstack questions, answered", "question", &questions, &mut || {
        let mut stack = Stack::new(Config::default());
        for packet in &questions {
            stack.handle_packet(now, packet);
            while let Some((id, event)) = stack.poll_event() {
                if let Event::Datagram(_) = event {
                    stack.handle_datagram(now, id, &[b'!'; 100]);
                }
            }
            answer(&mut stack, |_| ());
        }
    });
}

/// A stack with a connection, and what the phone acknowledges first: the same each time.
fn open() -> Option<(Stack, FlowId, u32)> {
    let now = Timestamp::default();
    let mut stack = Stack::new(Config::default());
    stack.handle_packet(now, &traffic::connecting());
    let (id, Event::Connect(_)) = stack.poll_event()? else { return None };
    stack.connected(now, id);
    let answer = stack.poll_packet()?;
    let Segment::Tcp(tcp) = Packet::parse(&answer).ok()?.segment else { return None };
    let first = tcp.seq.wrapping_add(1);
    stack.handle_packet(now, &traffic::sent(1, first, b""));
    (tcp.destination_port == PHONE_PORT).then_some((stack, id, first))
}

/// Takes what the stack sends to the phone: `heard` is told how much payload each packet has.
fn answer(stack: &mut Stack, mut heard: impl FnMut(usize)) {
    while let Some(packet) = stack.poll_packet() {
        heard(packet.len() - 40);
        stack.recycle(packet);
    }
    while stack.poll_event().is_some() {}
}
