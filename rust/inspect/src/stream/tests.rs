use std::collections::BTreeMap;

use packet::{Direction, TcpFlags};
use proptest::prelude::*;

use super::*;

/// Everything that was yielded: runs of bytes by offset, gaps, ends.
#[derive(Debug, Default, PartialEq)]
struct Seen {
    bytes: [Vec<Option<u8>>; 2],
    gaps: [Vec<(u64, u64)>; 2],
    ended: [bool; 2],
}

impl Seen {
    fn take(&mut self, direction: Direction, event: StreamEvent<'_>) {
        let side = direction.index();
        assert!(!self.ended[side], "nothing follows an end");
        let next = self.bytes[side].len() as u64;
        match event {
            StreamEvent::Data { offset, bytes } => {
                assert!(!bytes.is_empty());
                assert_eq!(offset, next);
                self.bytes[side].extend(bytes.iter().copied().map(Some));
            }
            StreamEvent::Gap { offset, len } => {
                assert!(len > 0);
                assert_eq!(offset, next);
                self.gaps[side].push((offset, len));
                self.bytes[side].resize((offset + len) as usize, None);
            }
            StreamEvent::End => self.ended[side] = true,
        }
    }

    fn text(&self, direction: Direction) -> String {
        self.bytes[direction.index()].iter().map(|byte| byte.map_or('?', char::from)).collect()
    }
}

const OUT: Direction = Direction::Outbound;
const IN: Direction = Direction::Inbound;

#[derive(Default)]
struct Wire {
    streams: TcpStreams,
    seen: Seen,
}

impl Wire {
    fn send(&mut self, direction: Direction, seq: u32, ack: u32, flags: &str, payload: &[u8]) -> &mut Self {
        self.snapped(direction, seq, ack, flags, payload, 0)
    }

    fn snapped(
        &mut self,
        direction: Direction,
        seq: u32,
        ack: u32,
        flags: &str,
        payload: &[u8],
        missing: usize,
    ) -> &mut Self {
        let flags = TcpFlags {
            fin: flags.contains('F'),
            syn: flags.contains('S'),
            rst: flags.contains('R'),
            psh: flags.contains('P'),
            ack: flags.contains('.'),
            urg: flags.contains('U'),
        };
        let segment = TcpSegment {
            source_port: 1,
            destination_port: 2,
            seq,
            ack,
            flags,
            window: 0xffff,
            options: &[],
            payload,
            missing,
        };
        let seen = &mut self.seen;
        self.streams.handle_segment(direction, &segment, &mut |direction, event| seen.take(direction, event));
        self
    }

    /// SYN, SYN/ACK, ACK with the sequence numbers before `out` and `inbound`.
    fn open(out: u32, inbound: u32) -> Self {
        let mut wire = Self::default();
        wire.send(OUT, out.wrapping_sub(1), 0, "S", b"");
        wire.send(IN, inbound.wrapping_sub(1), out, "S.", b"");
        wire.send(OUT, out, inbound, ".", b"");
        wire
    }

    fn finish(&mut self) -> &mut Self {
        let seen = &mut self.seen;
        self.streams.finish(&mut |direction, event| seen.take(direction, event));
        self
    }

    fn text(&self) -> String {
        self.seen.text(OUT)
    }
}

#[test]
fn in_order_segments_come_at_once_and_unbuffered() {
    let mut wire = Wire::open(100, 500);
    wire.send(OUT, 100, 500, "P.", b"GET ");
    assert_eq!(wire.text(), "GET ");
    wire.send(IN, 500, 104, "P.", b"200").send(OUT, 104, 503, "F.", b"/").send(IN, 503, 106, "F.", b"");
    assert_eq!((wire.text(), wire.seen.text(IN)), ("GET /".into(), "200".into()));
    assert!(wire.streams.is_closed() && wire.seen.ended == [true, true] && !wire.streams.midstream());
    assert_eq!(wire.streams.stats(OUT), StreamStats { delivered: 5, ..StreamStats::default() });
}

#[test]
fn order_and_sequence_wrap_do_not_matter() {
    let base = u32::MAX - 3;
    let mut wire = Wire::open(base, 1);
    wire.send(OUT, base.wrapping_add(6), 1, "F.", b"gh");
    wire.send(OUT, base.wrapping_add(3), 1, ".", b"def");
    assert_eq!(wire.text(), "");
    wire.send(OUT, base, 1, ".", b"abc");
    assert_eq!(wire.text(), "abcdefgh");
    assert!(wire.seen.ended[0]);
}

#[test]
fn retransmissions_and_overlaps_yield_each_byte_once() {
    let mut wire = Wire::open(0, 0);
    wire.send(OUT, 0, 0, ".", b"abcd").send(OUT, 0, 0, ".", b"abcd").send(OUT, 2, 0, ".", b"cdef");
    assert_eq!(wire.text(), "abcdef");
    assert_eq!(wire.streams.stats(OUT).retransmitted, 6);
}

#[test]
fn the_first_copy_wins() {
    let mut wire = Wire::open(0, 0);
    wire.send(OUT, 2, 0, ".", b"cd").send(OUT, 1, 0, ".", b"XXXXe").send(OUT, 0, 0, ".", b"abYY");
    assert_eq!(wire.text(), "aXcdXe");
    let stats = wire.streams.stats(OUT);
    assert_eq!((stats.retransmitted, stats.conflicting), (5, 5));
}

#[test]
fn what_was_acknowledged_but_never_seen_is_a_gap() {
    let mut wire = Wire::open(0, 0);
    wire.send(OUT, 0, 0, ".", b"ab").send(OUT, 5, 0, ".", b"fg");
    assert_eq!(wire.text(), "ab");
    wire.send(IN, 0, 7, ".", b"");
    assert_eq!(wire.text(), "ab???fg");
    wire.send(OUT, 7, 0, ".", b"h").send(OUT, 2, 0, ".", b"cde");
    assert_eq!(wire.text(), "ab???fgh");
    assert_eq!(wire.streams.stats(OUT).missing, 3);
}

#[test]
fn an_acknowledgment_captured_before_its_data_makes_no_gap() {
    let mut wire = Wire::open(0, 0);
    wire.send(IN, 0, 4, ".", b"").send(OUT, 0, 0, ".", b"ab").send(OUT, 2, 0, ".", b"cd").finish();
    assert_eq!(wire.text(), "abcd");
}

#[test]
fn the_end_of_the_capture_yields_what_waits_and_what_was_acknowledged() {
    let mut wire = Wire::open(0, 0);
    wire.send(OUT, 3, 0, ".", b"de").send(IN, 0, 0, ".", b"").finish();
    assert_eq!(wire.text(), "???de");
    let mut wire = Wire::open(0, 0);
    wire.send(IN, 0, 9, ".", b"").finish();
    assert_eq!(wire.seen.gaps[0], [(0, 9)]);
}

#[test]
fn a_lost_tail_before_the_fin_is_a_gap() {
    let mut wire = Wire::open(0, 0);
    wire.send(OUT, 4, 0, "F.", b"").send(IN, 0, 5, ".", b"");
    assert_eq!(wire.text(), "????");
    assert!(wire.seen.ended[0]);
}

#[test]
fn too_much_waiting_gives_the_hole_up() {
    let mut wire = Wire::open(0, 0);
    let block = [b'x'; 1024];
    for i in 0..300u32 {
        wire.send(OUT, 1 + i * 1024, 0, ".", &block);
    }
    assert_eq!(wire.seen.gaps[0], [(0, 1)]);
    assert_eq!(wire.seen.bytes[0].len(), 1 + 300 * 1024);
    assert_eq!(wire.streams.stats(OUT).overflows, 1);
}

#[test]
fn a_stream_is_picked_up_in_the_middle() {
    let mut wire = Wire::default();
    wire.send(OUT, 1000, 7, ".", b"ab").send(IN, 7, 1002, ".", b"cd");
    assert_eq!((wire.text(), wire.seen.text(IN)), ("ab".into(), "cd".into()));
    assert!(wire.streams.midstream());
}

#[test]
fn a_keep_alive_or_an_earlier_segment_does_not_spoil_the_pick_up() {
    let mut wire = Wire::default();
    wire.send(OUT, 999, 7, ".", b"").send(OUT, 1000, 7, ".", b"ab");
    assert_eq!(wire.text(), "ab");
    let mut wire = Wire::default();
    wire.send(OUT, 999, 7, ".", b"\0").send(OUT, 1000, 7, "P.", b"ab");
    assert_eq!(wire.text(), "ab");
    let mut wire = Wire::default();
    wire.send(IN, 7, 1002, ".", b"").send(OUT, 1000, 7, ".", b"ab").send(OUT, 1002, 7, ".", b"cd");
    assert_eq!(wire.text(), "abcd");
}

#[test]
fn a_capture_may_begin_at_the_syn_ack() {
    let mut wire = Wire::default();
    wire.send(IN, 49, 100, "S.", b"").send(OUT, 103, 50, ".", b"de").send(OUT, 100, 50, ".", b"abc");
    assert_eq!(wire.text(), "abcde");
    assert!(!wire.streams.midstream());
}

#[test]
fn a_syn_may_carry_data_and_be_repeated() {
    let mut wire = Wire::default();
    wire.send(OUT, 9, 0, "S", b"hello").send(OUT, 9, 0, "S", b"hello").send(IN, 49, 10, "S.", b"");
    wire.send(OUT, 10, 50, ".", b"hello world");
    assert_eq!(wire.text(), "hello world");
}

#[test]
fn what_waits_may_turn_out_to_be_the_beginning() {
    let mut wire = Wire::default();
    wire.send(IN, 7, 1001, ".", b"").send(OUT, 1005, 7, "P.", b"ef").send(OUT, 1004, 0, "S", b"");
    assert_eq!(wire.text(), "ef");
}

#[test]
fn a_repeated_syn_may_choose_another_sequence_number() {
    let mut wire = Wire::default();
    wire.send(OUT, 9, 0, "S", b"").send(OUT, 7000, 0, "S", b"").send(IN, 49, 7001, "S.", b"");
    wire.send(OUT, 7001, 50, ".", b"ab").send(OUT, 30, 0, "S", b"zz").send(OUT, 7003, 50, ".", b"cd");
    assert_eq!(wire.text(), "abcd");
}

#[test]
fn both_sides_may_open_at_once() {
    let mut wire = Wire::default();
    wire.send(OUT, 9, 0, "S", b"").send(IN, 49, 0, "S", b"");
    wire.send(OUT, 9, 50, "S.", b"").send(IN, 49, 10, "S.", b"");
    wire.send(OUT, 10, 50, ".", b"ab").send(IN, 50, 12, ".", b"cd");
    assert_eq!((wire.text(), wire.seen.text(IN)), ("ab".into(), "cd".into()));
}

#[test]
fn keep_alives_and_data_after_the_fin_yield_nothing() {
    let mut wire = Wire::open(0, 0);
    wire.send(OUT, 0, 0, ".", b"ab").send(OUT, 1, 0, ".", b"\0").send(OUT, 2, 0, "F.", b"cd");
    wire.send(OUT, 4, 0, ".", b"late");
    assert_eq!(wire.text(), "abcd");
    assert_eq!(wire.streams.stats(OUT).retransmitted, 0);
}

#[test]
fn a_reset_counts_only_in_the_window() {
    let mut wire = Wire::open(1000, 0);
    wire.send(OUT, 1000, 0, ".", b"ab").send(OUT, 900, 0, "R", b"").send(OUT, 0x4000_0000, 0, "R", b"");
    assert_eq!(wire.seen.ended, [false, false]);
    wire.send(OUT, 1002, 0, "R", b"").send(OUT, 1002, 0, ".", b"cd");
    assert_eq!((wire.text(), wire.seen.ended), ("ab".into(), [true, true]));
}

#[test]
fn a_refused_syn_ends_both_halves() {
    let mut wire = Wire::default();
    wire.send(OUT, 9, 0, "S", b"").send(IN, 0, 5000, "R.", b"");
    assert_eq!(wire.seen.ended, [false, false]);
    wire.send(IN, 0, 10, "R.", b"");
    assert_eq!(wire.seen.ended, [true, true]);
}

#[test]
fn what_the_capture_cut_off_is_a_gap() {
    let mut wire = Wire::open(0, 0);
    wire.snapped(OUT, 0, 0, ".", b"ab", 3).send(OUT, 5, 0, ".", b"fg");
    assert_eq!(wire.text(), "ab???fg");
}

#[test]
fn a_discarded_half_yields_only_its_end() {
    let mut wire = Wire::open(0, 0);
    wire.streams.discard(OUT);
    wire.send(OUT, 5, 0, ".", b"fg").send(OUT, 0, 0, ".", b"abcde").send(OUT, 7, 0, "F.", b"");
    assert_eq!((wire.text(), wire.seen.ended), (String::new(), [true, false]));
}

/// A piece of the stream, sent at some time: from, to, and whether its bytes are changed.
type Piece = (usize, usize, bool);

fn pieces(len: usize) -> impl Strategy<Value = Vec<Piece>> {
    prop::collection::vec((0..len, 1usize..200, prop::bool::weighted(0.2)), 1..120)
        .prop_map(move |all| all.into_iter().map(|(from, n, bad)| (from, (from + n).min(len), bad)).collect())
}

proptest! {
    /// Against a model that keeps the first copy of every byte.
    #[test]
    fn any_order_with_overlaps_equals_the_model(isn: u32, pieces in pieces(3000)) {
        let stream: Vec<u8> = (0..3000u32).map(|i| (i * 7 % 251) as u8).collect();
        let mut model: BTreeMap<usize, u8> = BTreeMap::new();
        let mut wire = Wire::open(isn, 0);
        for (from, to, bad) in pieces {
            let bytes: Vec<u8> = stream[from..to].iter().map(|byte| byte ^ u8::from(bad)).collect();
            bytes.iter().enumerate().for_each(|(i, &byte)| { model.entry(from + i).or_insert(byte); });
            wire.send(OUT, isn.wrapping_add(from as u32), 0, ".", &bytes);
        }
        wire.finish();
        let end = model.last_key_value().map_or(0, |(&at, _)| at + 1);
        let expected: Vec<Option<u8>> = (0..end).map(|at| model.get(&at).copied()).collect();
        prop_assert_eq!(&wire.seen.bytes[0], &expected);
        let stats = wire.streams.stats(OUT);
        prop_assert_eq!(stats.delivered as usize, model.len());
        prop_assert_eq!((stats.delivered + stats.missing) as usize, end);
    }

    /// Hostile headers do not break the invariants that `Seen` asserts.
    #[test]
    fn any_headers_keep_the_order(
        segments in prop::collection::vec((any::<bool>(), any::<u32>(), any::<u32>(), "[FSRPU.]{0,3}", 0usize..5, 0usize..3), 0..60),
        near: bool,
    ) {
        let mut wire = Wire::default();
        for (out, seq, ack, flags, len, missing) in segments {
            let (seq, ack) = if near { (seq % 40, ack % 40) } else { (seq, ack) };
            // A gap of 2 GiB is legal, but the model keeps it as bytes.
            let direction = if out { OUT } else { IN };
            let streams = &mut wire.streams;
            let segment = TcpSegment {
                source_port: 1, destination_port: 2, seq, ack,
                flags: TcpFlags {
                    fin: flags.contains('F'), syn: flags.contains('S'), rst: flags.contains('R'),
                    psh: false, ack: flags.contains('.'), urg: flags.contains('U'),
                },
                window: 9, options: &[], payload: &b"abcde"[..len], missing,
            };
            let mut next = None;
            streams.handle_segment(direction, &segment, &mut |_, event| {
                if let StreamEvent::Data { bytes, .. } = event { assert!(!bytes.is_empty()); }
                next = Some(());
            });
        }
        wire.streams.finish(&mut |_, _| {});
    }
}
