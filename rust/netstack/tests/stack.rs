//! The stack from outside: packets of a phone in, packets and events out. All packets are made here.

use std::time::Duration;

use netstack::{Config, Event, Stack, Unreachable};
use packet::{Direction, IpPacket, Packet, Reassembled, Reassembler, Segment, TcpFlags, UdpDatagram};
use smoltcp::wire::{IpProtocol, TcpControl};

mod packets;

use packets::{START, V4, V6, address, establish, next, next_tcp, open, packet, stack, tcp, udp};

#[test]
fn the_syn_is_answered_when_the_upstream_is() {
    for ends in [V4, V6] {
        let mut stack = stack();
        let id = open(&mut stack, ends);
        stack.handle_packet(START, &tcp(ends, TcpControl::Syn, 1000, None, &[]));
        assert_eq!(
            (stack.poll_packet(), stack.poll_event()),
            (None, None),
            "the SYN is held, and sent again"
        );
        stack.connected(START, id);
        let bytes = next(&mut stack);
        assert!(next_tcp(&bytes).flags.syn && next_tcp(&bytes).flags.ack);
        let mss = 1500 - 20 - if ends == V4 { 20 } else { 40 };
        assert_eq!(next_tcp(&bytes).options[..4], [2, 4, (mss >> 8) as u8, mss as u8]);
    }
}

#[test]
fn a_refused_connection_is_reset() {
    for ends in [V4, V6] {
        let mut stack = stack();
        let id = open(&mut stack, ends);
        stack.refused(START, id, Unreachable::Refused);
        let bytes = next(&mut stack);
        let reset = next_tcp(&bytes);
        assert_eq!(reset.flags, TcpFlags { rst: true, ack: true, ..TcpFlags::default() });
        assert_eq!((reset.seq, reset.ack), (0, 1001));
        assert!(stack.is_empty() && stack.poll_timeout().is_none());
    }
}

#[test]
fn an_unreachable_host_is_told_by_icmp_that_quotes_the_syn() {
    for (ends, kind_code) in [(V4, (3, 1)), (V6, (1, 3))] {
        let mut stack = stack();
        let syn = tcp(ends, TcpControl::Syn, 1000, None, &[]);
        let id = open(&mut stack, ends);
        stack.refused(START, id, Unreachable::Host);
        let bytes = next(&mut stack);
        let Segment::Icmp(icmp) = Packet::parse(&bytes).expect("a packet").segment else { panic!() };
        assert_eq!((icmp.kind, icmp.code), kind_code);
        assert_eq!(icmp.quoted(), Some(&syn[..]));
    }
}

/// The acknowledgments that wait to be sent: their ends, numbers and windows.
fn acknowledgments(stack: &mut Stack) -> Vec<(u16, u32, u16)> {
    std::iter::from_fn(|| stack.poll_packet())
        .map(|bytes| {
            let tcp = next_tcp(&bytes);
            assert!(tcp.flags.ack && !tcp.flags.syn && tcp.payload.is_empty());
            (tcp.destination_port, tcp.ack, tcp.window)
        })
        .collect()
}

#[test]
fn a_burst_is_acknowledged_once_by_each_connection() {
    for (ends, others) in
        [(V4, ("10.0.0.2:40001", "203.0.113.1:443")), (V6, ("[fd00::2]:40001", "[2001:db8::1]:443"))]
    {
        let mut stack = stack();
        let sides = [ends, others].map(|ends| (ends, establish(&mut stack, ends)));
        for part in 0..8 {
            for (ends, (_, seq)) in &sides {
                let data = tcp(*ends, TcpControl::None, 1001 + part * 1024, Some(*seq), &[7; 1024]);
                stack.handle_packet(START, &data);
            }
        }
        for (_, (id, _)) in &sides {
            stack.drain(START, *id, <[u8]>::len);
        }
        let told: Vec<_> =
            acknowledgments(&mut stack).into_iter().map(|(port, ack, _)| (port, ack)).collect();
        assert_eq!(told, [(40_000, 1001 + 8 * 1024), (40_001, 1001 + 8 * 1024)]);
    }
}

#[test]
fn what_asks_for_data_again_is_said_as_often_as_it_is_meant() {
    let mut stack = stack();
    let (_, seq) = establish(&mut stack, V4);
    let data = |part: u32| tcp(V4, TcpControl::None, 1001 + part * 1024, Some(seq), &[7; 1024]);
    // The second is lost.
    for part in [0, 2, 3, 4] {
        stack.handle_packet(START, &data(part));
    }
    let told: Vec<_> = acknowledgments(&mut stack).into_iter().map(|(_, ack, _)| ack).collect();
    assert_eq!(told, [1001 + 1024; 3]);
    // It comes again, and the acknowledgment of all is no repetition.
    stack.handle_packet(START, &data(1));
    stack.handle_packet(START, &data(5));
    let told: Vec<_> = acknowledgments(&mut stack).into_iter().map(|(_, ack, _)| ack).collect();
    assert_eq!(told.last(), Some(&(1001 + 6 * 1024)));
}

#[test]
fn an_acknowledgment_that_was_sent_is_not_taken_back() {
    let mut stack = stack();
    let (_, seq) = establish(&mut stack, V4);
    for burst in 0..3 {
        for part in 0..4 {
            let at = 1001 + (burst * 4 + part) * 1024;
            stack.handle_packet(START, &tcp(V4, TcpControl::None, at, Some(seq), &[7; 1024]));
        }
        let told: Vec<_> = acknowledgments(&mut stack).into_iter().map(|(_, ack, _)| ack).collect();
        assert_eq!(told, [1001 + (burst + 1) * 4096]);
    }
}

#[test]
fn what_is_not_taken_closes_the_window() {
    let mut stack = Stack::new(Config { buffer: 4096, ..Config::default() });
    let (id, seq) = establish(&mut stack, V4);
    let data = [7; 1024];
    for part in 0..4 {
        stack.handle_packet(START, &tcp(V4, TcpControl::None, 1001 + part * 1024, Some(seq), &data));
    }
    let mut window = None;
    stack.handle_timeout(START + Duration::from_millis(20));
    while let Some(bytes) = stack.poll_packet() {
        window = Some(next_tcp(&bytes).window);
    }
    assert_eq!(window, Some(0));
    assert_eq!(stack.poll_event(), Some((id, Event::Ready)));
    assert_eq!(stack.poll_event(), None, "it is told once");
    let mut taken = 0;
    stack.drain(START + Duration::from_millis(30), id, |bytes| {
        taken += bytes.len();
        bytes.len()
    });
    assert_eq!(taken, 4096);
    let bytes = next(&mut stack);
    assert_eq!(next_tcp(&bytes).window, 4096);
}

#[test]
fn the_upstream_is_held_back_by_what_is_accepted() {
    let mut stack = Stack::new(Config { buffer: 4096, ..Config::default() });
    let (id, seq) = establish(&mut stack, V4);
    assert_eq!(stack.handle_upstream(START, id, &[1; 10_000]), 4096);
    assert_eq!(stack.handle_upstream(START, id, &[1; 10_000]), 0);
    assert_eq!(stack.poll_event(), None);
    stack.handle_packet(START, &tcp(V4, TcpControl::None, 1001, Some(seq + 4096), &[]));
    assert_eq!(stack.poll_event(), Some((id, Event::Ready)));
    assert_eq!(stack.handle_upstream(START, id, &[1; 100]), 100);
}

#[test]
fn each_half_closes_by_itself_and_the_end_is_remembered() {
    let mut stack = stack();
    let (id, seq) = establish(&mut stack, V4);
    while stack.poll_packet().is_some() {}
    stack.upstream_closed(START, id);
    let bytes = next(&mut stack);
    assert!(next_tcp(&bytes).flags.fin);
    stack.handle_packet(START, &tcp(V4, TcpControl::Psh, 1001, Some(seq + 1), b"still here"));
    assert_eq!(stack.poll_event(), Some((id, Event::Ready)));
    stack.drain(START, id, <[u8]>::len);
    let fin = tcp(V4, TcpControl::Fin, 1011, Some(seq + 1), &[]);
    stack.handle_packet(START, &fin);
    assert_eq!(stack.poll_event(), Some((id, Event::ShutdownWrite)));
    assert_eq!(stack.poll_event(), Some((id, Event::Closed)));
    stack.handle_timeout(START + Duration::from_millis(20));
    let mut last = Vec::new();
    while let Some(bytes) = stack.poll_packet() {
        last = bytes;
    }
    assert_eq!(next_tcp(&last).ack, 1012);
    stack.handle_packet(START + Duration::from_secs(1), &fin);
    assert_eq!(stack.poll_packet(), Some(last), "the FIN is acknowledged again");
}

#[test]
fn segments_without_a_connection_are_reset_and_resets_are_not() {
    let mut stack = stack();
    stack.handle_packet(START, &tcp(V4, TcpControl::None, 5, Some(77), b"x"));
    let bytes = next(&mut stack);
    assert_eq!((next_tcp(&bytes).flags.rst, next_tcp(&bytes).seq), (true, 77));
    stack.handle_packet(START, &tcp(V4, TcpControl::Rst, 5, Some(77), &[]));
    assert_eq!(stack.poll_packet(), None);
    assert!(stack.is_empty());
}

#[test]
fn a_phone_that_no_longer_waits_resets_the_upstream() {
    for ends in [V4, V6] {
        let mut stack = stack();
        let id = open(&mut stack, ends);
        stack.connected(START, id);
        let _ = next(&mut stack);
        stack.handle_packet(START, &tcp(ends, TcpControl::Rst, 1001, None, &[]));
        assert_eq!(stack.poll_event(), Some((id, Event::Reset)));
        assert!(stack.is_empty() && stack.poll_packet().is_none());
    }
}

#[test]
fn idle_connections_end_after_two_hours_and_four_minutes() {
    let mut stack = stack();
    let (id, _) = establish(&mut stack, V4);
    while stack.poll_packet().is_some() {}
    stack.handle_timeout(START + Duration::from_secs(2 * 3600 + 4 * 60 - 1));
    assert_eq!(stack.poll_event(), None);
    stack.handle_timeout(START + Duration::from_secs(2 * 3600 + 4 * 60 + 1));
    assert_eq!(stack.poll_event(), Some((id, Event::Reset)));
    let bytes = next(&mut stack);
    assert!(next_tcp(&bytes).flags.rst);
    assert!(stack.is_empty() && stack.poll_timeout().is_none());
}

#[test]
fn datagrams_are_mapped_and_long_ones_fragmented() {
    for (ends, mtu) in [(V4, 1500), (V6, 1500), (V4, 9000), (V6, 9000)] {
        let mut stack = Stack::new(Config { mtu, ..Config::default() });
        stack.handle_packet(START, &udp(ends, b"question"));
        let Some((id, Event::Connect(_))) = stack.poll_event() else { panic!() };
        assert_eq!(stack.poll_event(), Some((id, Event::Datagram(b"question".to_vec()))));
        let answer: Vec<u8> = (0..4000).map(|at| at as u8).collect();
        stack.handle_datagram(START, id, &answer);
        let mut reassembler = Reassembler::default();
        let mut whole = None;
        for _ in 0..3 {
            let bytes = next(&mut stack);
            assert!(bytes.len() <= 1500);
            let ip = IpPacket::parse(&bytes).expect("a fragment");
            if let Reassembled::Complete(bytes) = reassembler.insert(START, &ip) {
                whole = Some(bytes);
            }
        }
        let whole = whole.expect("three fragments are the whole");
        let Segment::Udp(UdpDatagram { payload, .. }) = Packet::parse(&whole).expect("a packet").segment
        else {
            panic!()
        };
        assert_eq!(payload, answer);
        let key = Packet::parse(&whole).expect("a packet").flow_key(Direction::Inbound).expect("a flow");
        assert_eq!((key.local, key.remote), (address(ends.0), address(ends.1)));
        stack.handle_timeout(START + Duration::from_secs(301));
        assert_eq!(stack.poll_event(), Some((id, Event::Closed)));
    }
}

#[test]
fn what_must_not_be_relayed_is_dropped_and_counted() {
    let mut stack = stack();
    for (to, reason) in [
        ("127.0.0.1:80", "unroutable_address"),
        ("0.0.0.0:80", "unroutable_address"),
        ("169.254.1.1:80", "unroutable_address"),
        ("224.0.0.251:5353", "multicast"),
        ("255.255.255.255:67", "multicast"),
        ("10.0.0.2:80", "own_address"),
        ("203.0.113.1:0", "port"),
    ] {
        let before = stack.counts().dropped.get(reason).copied().unwrap_or_default();
        stack.handle_packet(START, &udp((V4.0, to), b"x"));
        stack.handle_packet(START, &tcp((V4.0, to), TcpControl::Syn, 1, None, &[]));
        assert_eq!(stack.counts().dropped.get(reason), Some(&(before + 2)), "{to}");
    }
    let mapped = ("[fd00::2]:1", "[::ffff:127.0.0.1]:80");
    stack.handle_packet(START, &udp(mapped, b"x"));
    stack.handle_packet(START, &[]);
    stack.handle_packet(START, &[0x45; 19]);
    assert!(stack.is_empty() && stack.poll_packet().is_none() && stack.poll_event().is_none());
    assert_eq!(stack.counts().dropped.values().sum::<u64>(), 14 + 3);
}

#[test]
fn a_full_table_gives_up_idle_flows_and_else_refuses() {
    let mut stack = Stack::new(Config { most_flows: 4, ..Config::default() });
    let from: Vec<_> = (1..=6).map(|port| format!("10.0.0.2:{port}")).collect();
    for local in &from[..4] {
        open(&mut stack, (local, V4.1));
    }
    let syn = |local| tcp((local, V4.1), TcpControl::Syn, 1000, None, &[]);
    stack.handle_packet(START, &syn(&from[4]));
    let bytes = next(&mut stack);
    assert!(next_tcp(&bytes).flags.rst);
    assert_eq!((stack.counts().refused, stack.counts().evicted), (1, 0));
    stack.handle_packet(START + Duration::from_secs(11), &syn(&from[5]));
    assert!(matches!(stack.poll_event(), Some((_, Event::Reset))));
    assert!(matches!(stack.poll_event(), Some((_, Event::Connect(_)))));
    assert_eq!((stack.counts().refused, stack.counts().evicted, stack.len()), (1, 1, 4));
}

#[test]
fn no_bytes_make_it_panic() {
    let whole = [tcp(V4, TcpControl::Syn, 1000, None, &[]), tcp(V6, TcpControl::Psh, 1001, Some(9), b"data")];
    let mut stack = stack();
    establish(&mut stack, V6);
    let mut state = 1_u64;
    for round in 0..20_000 {
        let mut bytes = whole[round % 2].clone();
        for _ in 0..1 + round % 4 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let at = (state >> 33) as usize % bytes.len();
            bytes[at] = (state >> 20) as u8;
        }
        bytes.truncate(bytes.len() - (state >> 50) as usize % 8);
        let now = START + Duration::from_millis(round as u64);
        stack.handle_packet(now, &bytes);
        stack.handle_timeout(now);
        while let Some((id, event)) = stack.poll_event() {
            if matches!(event, Event::Connect(_)) {
                stack.connected(now, id);
            }
        }
        while let Some(packet) = stack.poll_packet() {
            stack.recycle(packet);
        }
        assert!(stack.len() <= Config::default().most_flows);
    }
}

/// Both sides have finished; the end is remembered. The phone's next sequence number is 1002.
fn in_time_wait() -> (Stack, u32) {
    let mut stack = stack();
    let (id, seq) = establish(&mut stack, V4);
    stack.upstream_closed(START, id);
    stack.handle_packet(START, &tcp(V4, TcpControl::Fin, 1001, Some(seq + 1), &[]));
    stack.handle_timeout(START + Duration::from_millis(20));
    while stack.poll_event().is_some() {}
    while stack.poll_packet().is_some() {}
    (stack, seq + 1)
}

#[test]
fn an_old_syn_does_not_open_a_connection_anew_and_a_later_one_does() {
    let (mut stack, seq) = in_time_wait();
    stack.handle_packet(START, &tcp(V4, TcpControl::Syn, 1000, None, &[]));
    assert_eq!(stack.poll_event(), None);
    let bytes = next(&mut stack);
    assert_eq!((next_tcp(&bytes).seq, next_tcp(&bytes).ack, next_tcp(&bytes).flags.syn), (seq, 1002, false));
    // A phone that opens one nevertheless resets what it does not know, and comes again.
    stack.handle_packet(START, &tcp(V4, TcpControl::Rst, 1002, None, &[]));
    stack.handle_packet(START, &tcp(V4, TcpControl::Syn, 1000, None, &[]));
    assert!(matches!(stack.poll_event(), Some((_, Event::Connect(_)))));

    let (mut stack, _) = in_time_wait();
    stack.handle_packet(START, &tcp(V4, TcpControl::Syn, 70_000, None, &[]));
    assert!(matches!(stack.poll_event(), Some((_, Event::Connect(_)))));
}

#[test]
fn acknowledgments_do_not_answer_each_other_in_time_wait() {
    let (mut stack, seq) = in_time_wait();
    stack.handle_packet(START, &tcp(V4, TcpControl::None, 1002, Some(seq), &[]));
    assert_eq!(stack.poll_packet(), None);
}

#[test]
fn a_reset_is_believed_when_it_is_where_the_next_byte_is() {
    for opened in [false, true] {
        let mut stack = stack();
        let id = open(&mut stack, V4);
        stack.connected(START, id);
        let bytes = next(&mut stack);
        let seq = next_tcp(&bytes).seq.wrapping_add(1);
        if opened {
            stack.handle_packet(START, &tcp(V4, TcpControl::None, 1001, Some(seq), &[]));
        }
        let now = START + Duration::from_secs(2);
        stack.handle_packet(now, &tcp(V4, TcpControl::Rst, 1900, Some(seq + 7), &[]));
        let bytes = next(&mut stack);
        assert_eq!((next_tcp(&bytes).ack, next_tcp(&bytes).flags.rst), (1001, false), "it is asked about");
        assert_eq!(stack.poll_event(), None);
        stack.handle_packet(now, &tcp(V4, TcpControl::Rst, 1001, None, &[]));
        assert_eq!(stack.poll_event(), Some((id, Event::Reset)));
    }
}

/// The error of the phone's kernel that nobody listens where `quoted` went.
fn port_unreachable(ends: (&str, &str), quoted: &[u8]) -> Vec<u8> {
    let (protocol, kind) = match ends.0.starts_with('[') {
        false => (IpProtocol::Icmp, [3, 3]),
        true => (IpProtocol::Icmpv6, [1, 4]),
    };
    packet(ends, protocol, 8 + quoted.len(), |body| {
        body[..2].copy_from_slice(&kind);
        body[8..].copy_from_slice(quoted);
    })
}

#[test]
fn a_conversation_ends_when_the_phones_program_is_gone() {
    for ends in [V4, V6] {
        let mut stack = stack();
        stack.handle_packet(START, &udp(ends, b"question"));
        let Some((id, Event::Connect(_))) = stack.poll_event() else { panic!() };
        let _ = stack.poll_event();
        stack.handle_datagram(START, id, b"answer");
        let answer = next(&mut stack);

        let other = udp((ends.1, if ends == V4 { "10.0.0.2:1" } else { "[fd00::2]:1" }), b"answer");
        stack.handle_packet(START, &port_unreachable(ends, &other));
        assert_eq!((stack.poll_event(), stack.len()), (None, 1));
        assert_eq!(stack.counts().dropped.get("no_conversation"), Some(&1));

        // As much of it as IPv4's errors have to quote.
        stack.handle_packet(START, &port_unreachable(ends, &answer));
        assert_eq!(stack.poll_event(), Some((id, Event::Closed)));
        assert!(stack.is_empty() && stack.poll_timeout().is_none() && stack.poll_packet().is_none());
    }
}

#[test]
fn an_error_ends_no_connection() {
    let mut stack = stack();
    establish(&mut stack, V4);
    let segment = tcp((V4.1, V4.0), TcpControl::None, 5, Some(1001), &[]);
    stack.handle_packet(START, &port_unreachable(V4, &segment));
    assert_eq!((stack.poll_event(), stack.len()), (None, 1));
}

#[test]
fn datagrams_that_are_not_to_be_cut_are_known() {
    const DF: u8 = 0x40;
    let mut stack = stack();
    let mut datagram = udp(V4, &[7; 2000]);
    datagram[6] |= DF;
    stack.handle_packet(START, &datagram);
    let Some((id, Event::Connect(_))) = stack.poll_event() else { panic!() };
    assert!(stack.is_whole(id));
    datagram[6] &= !DF;
    stack.handle_packet(START, &datagram);
    assert!(!stack.is_whole(id));

    // IPv6 has no such bit: what comes in one piece may not be cut, what comes in pieces may.
    while stack.poll_event().is_some() {}
    stack.handle_packet(START, &udp(V6, &[7; 2000]));
    let Some((id, Event::Connect(_))) = stack.poll_event() else { panic!() };
    let _ = stack.poll_event();
    assert!(stack.is_whole(id));
    for piece in pieces_of_udp_v6(&[7; 2000]) {
        stack.handle_packet(START, &piece);
    }
    assert_eq!(stack.poll_event(), Some((id, Event::Datagram(vec![7; 2000]))));
    assert!(!stack.is_whole(id));
}

/// Two fragments (RFC 8200 section 4.5) of what [`udp`] makes.
fn pieces_of_udp_v6(payload: &[u8]) -> [Vec<u8>; 2] {
    const UDP: u8 = 17;
    const FIRST: usize = 1024;
    let whole = udp(V6, payload);
    let piece = |offset: usize, more: bool, part: &[u8]| {
        let place = (offset as u16 | u16::from(more)).to_be_bytes();
        packet(V6, IpProtocol::Ipv6Frag, 8 + part.len(), |body| {
            body[..8].copy_from_slice(&[UDP, 0, place[0], place[1], 0, 0, 0, 9]);
            body[8..].copy_from_slice(part);
        })
    };
    let (first, second) = whole[40..].split_at(FIRST);
    [piece(0, true, first), piece(FIRST, false, second)]
}
