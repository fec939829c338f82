//! What a bad network, a slow phone and a slow server do to a connection, each by itself.

use std::time::Duration;

use netstack::{Config, Event, FlowId, Stack};
use packet::{Packet, Segment, Timestamp};
use smoltcp::wire::TcpControl;

mod packets;

use packets::{START, V4, establish, next_tcp, open, stack, tcp, with_window};

fn seconds(count: u64) -> Timestamp {
    START + Duration::from_secs(count)
}

/// Moves time in the stack's own steps up to `until`, and returns what it sends.
fn pass(stack: &mut Stack, until: Timestamp) -> Vec<(Timestamp, Vec<u8>)> {
    let mut sent = Vec::new();
    let mut now = START;
    while let Some(at) = stack.poll_timeout().filter(|at| *at <= until) {
        now = now.max(at);
        stack.handle_timeout(now);
        while let Some(packet) = stack.poll_packet() {
            sent.push((now, packet));
        }
        assert!(sent.len() < 10_000, "timers storm");
    }
    sent
}

fn drained(stack: &mut Stack, id: FlowId) -> usize {
    let mut taken = 0;
    stack.drain(START, id, |bytes| {
        taken += bytes.len();
        bytes.len()
    });
    taken
}

fn events(stack: &mut Stack) -> Vec<Event> {
    std::iter::from_fn(|| stack.poll_event()).map(|(_, event)| event).collect()
}

/// The bytes of sequence space that were sent, from and to, of each packet with payload.
fn ranges(packets: &[Vec<u8>], first: u32) -> Vec<(u32, u32)> {
    let data = packets.iter().map(|bytes| next_tcp(bytes)).filter(|tcp| !tcp.payload.is_empty());
    data.map(|tcp| (tcp.seq.wrapping_sub(first), tcp.payload.len() as u32)).collect()
}

fn sent(stack: &mut Stack) -> Vec<Vec<u8>> {
    std::iter::from_fn(|| stack.poll_packet()).collect()
}

#[test]
fn a_fin_behind_data_that_finds_no_room_is_no_end() {
    let mut stack = Stack::new(Config { buffer: 1000, ..Config::default() });
    let (id, seq) = establish(&mut stack, V4);
    let data = [7; 1500];
    stack.handle_packet(START, &tcp(V4, TcpControl::Fin, 1001, Some(seq), &data));
    assert_eq!(drained(&mut stack, id), 1000);
    assert_eq!(events(&mut stack), [Event::Ready]);
    // The phone sends the rest again, with its end.
    stack.handle_packet(START, &tcp(V4, TcpControl::Fin, 2001, Some(seq), &data[1000..]));
    assert_eq!(drained(&mut stack, id), 500);
    assert_eq!(events(&mut stack), [Event::Ready, Event::ShutdownWrite]);
}

#[test]
fn a_phone_that_only_listens_may_wait_for_an_hour() {
    let mut stack = stack();
    let (id, seq) = establish(&mut stack, V4);
    stack.handle_packet(START, &tcp(V4, TcpControl::Fin, 1001, Some(seq), b"?"));
    assert_eq!(drained(&mut stack, id), 1);
    pass(&mut stack, seconds(3600));
    assert_eq!(events(&mut stack), [Event::Ready, Event::ShutdownWrite]);
    assert_eq!(stack.handle_upstream(seconds(3600), id, b"!"), 1);
}

#[test]
fn a_server_that_only_listens_may_wait_for_an_hour() {
    let mut stack = stack();
    let (id, seq) = establish(&mut stack, V4);
    stack.upstream_closed(START, id);
    stack.handle_packet(START, &tcp(V4, TcpControl::None, 1001, Some(seq + 1), &[]));
    pass(&mut stack, seconds(3600));
    stack.handle_packet(seconds(3600), &tcp(V4, TcpControl::None, 1001, Some(seq + 1), b"late"));
    assert_eq!(drained(&mut stack, id), 4);
}

#[test]
fn a_window_that_opens_is_heard_after_both_sides_have_finished() {
    let mut stack = stack();
    let (id, seq) = establish(&mut stack, V4);
    stack.handle_packet(START, &tcp(V4, TcpControl::Fin, 1001, Some(seq), &[]));
    stack.handle_packet(START, &with_window(1002, seq, 1000));
    let _ = sent(&mut stack);
    assert_eq!(stack.handle_upstream(START, id, &[1; 1500]), 1500);
    stack.upstream_closed(START, id);
    assert_eq!(ranges(&sent(&mut stack), seq), [(0, 1000)]);
    stack.handle_packet(START, &with_window(1002, seq + 1000, 0));
    stack.handle_packet(START, &with_window(1002, seq + 1000, 4000));
    assert_eq!(ranges(&sent(&mut stack), seq), [(1000, 500)], "at once");
    stack.handle_packet(START, &with_window(1002, seq + 1500, 4000));
    assert!(next_tcp(sent(&mut stack).last().expect("the end")).flags.fin);
}

/// A connection with 4,000 bytes for a phone that takes nothing more. With the sequence number of its first byte.
fn shut() -> (Stack, FlowId, u32) {
    let mut stack = stack();
    let (id, seq) = establish(&mut stack, V4);
    stack.handle_packet(START, &with_window(1001, seq, 1000));
    let _ = sent(&mut stack);
    stack.handle_upstream(START, id, &[1; 5000]);
    stack.handle_packet(START, &with_window(1001, seq + 1000, 0));
    let _ = sent(&mut stack);
    (stack, id, seq)
}

#[test]
fn a_closed_window_is_probed_for_as_long_as_the_phone_answers() {
    let (mut stack, _, seq) = shut();
    let mut probes = 0;
    let mut now = START;
    while now < seconds(1800) {
        now = stack.poll_timeout().expect("a probe").max(now);
        stack.handle_timeout(now);
        for packet in sent(&mut stack) {
            assert_eq!(next_tcp(&packet).payload.len(), 1);
            probes += 1;
            stack.handle_packet(now, &with_window(1001, seq + 1000, 0));
        }
    }
    assert!((20..60).contains(&probes), "{probes} probes in half an hour");
    stack.handle_packet(now, &with_window(1001, seq + 1000, 8000));
    assert_eq!(ranges(&sent(&mut stack), seq).first().map(|(from, _)| *from), Some(1000));
}

#[test]
fn probes_of_a_closed_window_may_be_lost_for_a_quarter_of_an_hour() {
    let (mut stack, id, seq) = shut();
    while stack.poll_event().is_some() {}
    assert!(!pass(&mut stack, seconds(14 * 60)).is_empty());
    stack.handle_packet(seconds(14 * 60), &with_window(1001, seq + 1000, 0));
    let _ = pass(&mut stack, seconds(28 * 60));
    assert_eq!(stack.poll_event(), None, "the phone was heard in between");
    let last = pass(&mut stack, seconds(30 * 60));
    assert_eq!(stack.poll_event(), Some((id, Event::Reset)));
    assert!(last.iter().any(|(_, packet)| next_tcp(packet).flags.rst) && stack.is_empty());
}

#[test]
fn what_was_sent_may_be_lost_for_a_quarter_of_an_hour() {
    for said in [&b""[..], b"something"] {
        let mut stack = stack();
        let (id, seq) = establish(&mut stack, V4);
        assert_eq!(stack.handle_upstream(START, id, said), said.len());
        stack.upstream_closed(START, id);
        let again = pass(&mut stack, seconds(14 * 60));
        assert!((10..100).contains(&again.len()), "sent {} times", again.len());
        let end = seq + said.len() as u32 + 1;
        stack.handle_packet(seconds(14 * 60), &tcp(V4, TcpControl::None, 1001, Some(end), &[]));
        stack.handle_packet(seconds(14 * 60), &tcp(V4, TcpControl::Fin, 1001, Some(end), &[]));
        assert_eq!(events(&mut stack).last(), Some(&Event::Closed), "{} bytes", said.len());
    }
}

#[test]
fn a_window_that_closes_before_the_last_that_was_sent_is_probed_as_well() {
    let mut stack = stack();
    let (id, seq) = establish(&mut stack, V4);
    stack.handle_packet(START, &with_window(1001, seq, 2000));
    stack.handle_upstream(START, id, &[1; 1200]);
    let _ = sent(&mut stack);
    // A part was lost, and the phone has no more room for it. That it has room later is not heard.
    stack.handle_packet(START, &with_window(1001, seq + 1000, 0));
    let probes = pass(&mut stack, seconds(30));
    let probed = probes.iter().any(|(_, packet)| {
        let tcp = next_tcp(packet);
        tcp.seq == seq + 1000 && !tcp.payload.is_empty()
    });
    assert!(probed && probes.len() < 20, "{} probes", probes.len());
    stack.handle_packet(seconds(30), &with_window(1001, seq + 1000, 4000));
    let sent = pass(&mut stack, seconds(60));
    assert!(sent.iter().any(|(_, packet)| next_tcp(packet).payload.len() >= 199));
}

#[test]
fn a_window_that_closes_on_lost_data_is_probed_as_well() {
    let mut stack = stack();
    let (id, seq) = establish(&mut stack, V4);
    stack.handle_packet(START, &with_window(1001, seq, 1000));
    stack.handle_upstream(START, id, &[1; 3000]);
    // The data was lost, and the phone has no more room for it.
    stack.handle_packet(START, &with_window(1001, seq, 0));
    let probes = pass(&mut stack, seconds(30));
    assert!((1..20).contains(&probes.len()), "{}", probes.len());
    stack.handle_packet(seconds(30), &with_window(1001, seq, 4000));
    let mut seen = vec![false; 3000];
    for (from, len) in ranges(&sent(&mut stack), seq) {
        seen[from as usize..(from + len) as usize].fill(true);
    }
    assert!(seen[1..].iter().all(|seen| *seen), "all of it is sent");
}

#[test]
fn what_is_lost_when_a_window_closes_and_opens_is_sent_again() {
    let mut stack = stack();
    let (id, seq) = establish(&mut stack, V4);
    stack.handle_packet(START, &with_window(1001, seq, 2000));
    stack.handle_upstream(START, id, &[1; 2000]);
    // One half arrives, the other is lost; the phone has repeated itself often, and its window closes and opens.
    for window in [2000, 2000, 2000, 2000, 2000, 2000, 0, 1000] {
        stack.handle_packet(START, &with_window(1001, seq + 1000, window));
    }
    let _ = sent(&mut stack);
    let again = pass(&mut stack, seconds(30)).into_iter().map(|(_, packet)| packet).collect::<Vec<_>>();
    assert!(
        ranges(&again, seq).iter().any(|&(from, len)| from == 1000 && len > 0),
        "{:?}",
        ranges(&again, seq)
    );
}

#[test]
fn nothing_is_heard_behind_the_phones_end() {
    let mut stack = stack();
    let (id, seq) = establish(&mut stack, V4);
    stack.handle_packet(START, &tcp(V4, TcpControl::Fin, 1001, Some(seq), b"end"));
    stack.handle_packet(START, &tcp(V4, TcpControl::Psh, 1005, Some(seq), b"more"));
    assert_eq!(drained(&mut stack, id), 3);
    assert_eq!(events(&mut stack), [Event::Ready, Event::ShutdownWrite]);
}

#[test]
fn a_black_hole_is_told_by_icmp_in_three_minutes_however_often_the_phone_asks() {
    let mut stack = stack();
    let id = open(&mut stack, V4);
    let syn = tcp(V4, TcpControl::Syn, 1000, None, &[]);
    for at in [1, 3, 7, 15, 31, 63, 127] {
        stack.handle_packet(seconds(at), &syn);
    }
    let told = pass(&mut stack, seconds(600));
    let [(at, packet)] = &told[..] else { panic!("{told:?}") };
    assert_eq!(*at, seconds(180));
    let Segment::Icmp(icmp) = Packet::parse(packet).expect("a packet").segment else { panic!() };
    assert_eq!((icmp.kind, icmp.code, icmp.quoted()), (3, 1, Some(&syn[..])));
    assert_eq!(stack.poll_event(), Some((id, Event::Reset)), "the upstream is told to give up");
    assert!(stack.is_empty() && stack.poll_timeout().is_none());
}

#[test]
fn ten_thousand_connections_in_a_second_are_held_or_refused_and_counted() {
    let config = Config { most_flows: 8192, ..Config::default() };
    let most = config.most_flows;
    let mut stack = Stack::new(config);
    let phone = |index: u32| format!("10.0.{}.2:{}", index >> 12, 1024 + (index & 0xfff));
    let mut ids = Vec::new();
    for index in 0..10_000 {
        let now = START + Duration::from_micros(u64::from(index) * 100);
        stack.handle_packet(now, &tcp((&phone(index), V4.1), TcpControl::Syn, 1000, None, &[]));
        ids.extend(std::iter::from_fn(|| stack.poll_event()).map(|(id, _)| id));
    }
    assert_eq!((stack.len(), ids.len()), (most, most));
    assert_eq!((stack.counts().refused, stack.counts().evicted), (10_000 - most as u64, 0));
    assert_eq!(sent(&mut stack).len(), 10_000 - most, "each that was refused is told");
    assert_eq!(stack.buffers(), 0, "a SYN that is held costs no buffers");
    // All are answered at once: the buffers keep their budget.
    ids.iter().for_each(|id| stack.connected(seconds(1), *id));
    assert_eq!(sent(&mut stack).len(), most);
    assert!(stack.buffers() <= Config::default().most_buffers + most * 2 * (16 << 10));
    // Nobody goes on: the idlest makes room for what comes later.
    stack.handle_packet(seconds(20), &tcp(("10.0.99.2:1", V4.1), TcpControl::Syn, 1000, None, &[]));
    assert_eq!((stack.len(), stack.counts().evicted), (most, 1));
    // And all of them are gone in the end.
    let mut now = START;
    while let Some(at) = stack.poll_timeout() {
        now = now.max(at);
        stack.handle_timeout(now);
        let _ = sent(&mut stack);
    }
    assert!(stack.is_empty() && stack.buffers() == 0 && now < seconds(600));
}

#[test]
fn a_clock_that_jumps_by_hours_kills_nothing_and_starts_no_storm() {
    let mut stack = stack();
    let phone: Vec<_> = (1..=500).map(|port| format!("10.0.0.2:{port}")).collect();
    let open: Vec<_> = phone.iter().map(|phone| (phone, establish(&mut stack, (phone, V4.1)))).collect();
    // Half of them wait for an acknowledgment.
    for (_, (id, _)) in open.iter().step_by(2) {
        stack.handle_upstream(START, *id, b"data");
    }
    let _ = (sent(&mut stack), events(&mut stack));
    let awake = seconds(8 * 3600);
    stack.handle_timeout(awake);
    assert!(sent(&mut stack).len() <= 500, "a retransmission each at most");
    assert_eq!(events(&mut stack), []);
    for (phone, (_, seq)) in &open {
        let ends = (phone.as_str(), V4.1);
        stack.handle_packet(awake, &tcp(ends, TcpControl::Psh, 1001, Some(*seq), b"on"));
    }
    assert_eq!(events(&mut stack).len(), 500, "each goes on");
    assert!(stack.poll_timeout().is_some_and(|at| at > awake));
}

#[test]
fn a_syn_that_comes_again_does_not_confuse_the_probes() {
    // The SYN's acknowledgment number is 0: whether that is ahead depends on the sequence numbers.
    for seed in 0..8 {
        let mut stack = Stack::new(Config { seed, ..Config::default() });
        let (id, seq) = establish(&mut stack, V4);
        stack.handle_packet(START, &tcp(V4, TcpControl::Syn, 1000, None, &[]));
        stack.handle_packet(START, &with_window(1001, seq, 1000));
        stack.handle_upstream(START, id, &[1; 3000]);
        stack.handle_packet(START, &with_window(1001, seq, 0));
        let _ = sent(&mut stack);
        let probes: Vec<_> = pass(&mut stack, seconds(30)).into_iter().map(|(_, packet)| packet).collect();
        assert!(!ranges(&probes, seq).is_empty(), "seed {seed}");
    }
}
