//! Packets that no ordinary phone sends, and that must do no harm.

use netstack::{Event, Stack};
use smoltcp::wire::TcpControl;

mod packets;

use packets::{START, V4, V6, next, next_tcp, stack, tcp, udp};

/// The packet with `headers` between its IPv6 header and the rest; `first` is the protocol of the first of them.
fn extended(packet: &[u8], first: u8, headers: &[u8]) -> Vec<u8> {
    let mut out = [&packet[..40], headers, &packet[40..]].concat();
    out[6] = first;
    let length = (out.len() - 40) as u16;
    out[4..6].copy_from_slice(&length.to_be_bytes());
    out
}

/// The packet in two IPv4 fragments, the second first.
fn halves(packet: &[u8], at: usize) -> [Vec<u8>; 2] {
    let fragment = |payload: &[u8], field: u16| {
        let mut out = [&packet[..20], payload].concat();
        let length = out.len() as u16;
        out[2..4].copy_from_slice(&length.to_be_bytes());
        out[6..8].copy_from_slice(&field.to_be_bytes());
        out
    };
    [fragment(&packet[20 + at..], at as u16 / 8), fragment(&packet[20..20 + at], 0x2000)]
}

fn is_answered(mut stack: Stack) {
    let Some((id, Event::Connect(_))) = stack.poll_event() else { panic!("no connection") };
    stack.connected(START, id);
    let bytes = next(&mut stack);
    assert!(next_tcp(&bytes).flags.syn && next_tcp(&bytes).flags.ack);
    assert_eq!(stack.poll_event(), None);
}

#[test]
fn ipv6_extension_headers_hide_no_connection() {
    let syn = tcp(V6, TcpControl::Syn, 1000, None, &[]);
    // Hop-by-hop options, destination options, and both (RFC 8200 section 4), each with padding alone.
    let pad = |next: u8| [next, 0, 1, 4, 0, 0, 0, 0];
    let both = [pad(60), pad(6)].concat();
    for (first, headers) in [(0, &pad(6)[..]), (60, &pad(6)), (0, &both), (44, &[6, 0, 0, 0, 0, 0, 0, 9])] {
        let mut stack = stack();
        stack.handle_packet(START, &extended(&syn, first, headers));
        is_answered(stack);
    }
}

#[test]
fn a_connection_may_begin_in_fragments() {
    let syn = tcp(V4, TcpControl::Syn, 1000, None, &[]);
    let mut stack = stack();
    for piece in halves(&syn, 16) {
        assert_eq!(stack.poll_event(), None);
        stack.handle_packet(START, &piece);
    }
    is_answered(stack);
}

#[test]
fn packets_beyond_the_mtu_are_taken() {
    let mut stack = stack();
    stack.handle_packet(START, &udp(V4, &[7; 9_000]));
    assert!(matches!(stack.poll_event(), Some((_, Event::Connect(_)))));
    assert!(matches!(stack.poll_event(), Some((_, Event::Datagram(payload))) if payload.len() == 9_000));
}

#[test]
fn a_connection_to_itself_and_one_that_has_no_hops_left_are_dropped() {
    let mut stack = stack();
    let land = ("203.0.113.1:443", "203.0.113.1:443");
    stack.handle_packet(START, &tcp(land, TcpControl::Syn, 1000, None, &[]));
    for (ends, at) in [(V4, 8), (V6, 7)] {
        let mut dead = tcp(ends, TcpControl::Syn, 1000, None, &[]);
        dead[at] = 0;
        stack.handle_packet(START, &dead);
    }
    assert_eq!((stack.poll_event(), stack.poll_packet(), stack.len()), (None, None, 0));
    let dropped: Vec<_> = stack.counts().dropped.clone().into_iter().collect();
    assert_eq!(dropped, [("hop_limit", 2), ("own_address", 1)]);
}

#[test]
fn nonsense_flags_open_nothing() {
    for flags in 0..=0x3f_u8 {
        let mut stack = stack();
        let mut segment = tcp(V4, TcpControl::None, 1000, Some(5), &[]);
        segment[33] = flags;
        stack.handle_packet(START, &segment);
        // A SYN alone, whatever PSH and URG say.
        let opens = flags & 0x17 == 2;
        assert_eq!(stack.len(), usize::from(opens), "{flags:#x}");
        let resets = flags & 4 != 0;
        assert_eq!(stack.poll_packet().is_some(), !opens && !resets, "{flags:#x}");
    }
}
