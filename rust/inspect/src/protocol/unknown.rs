//! Protocols that no dissector here understands: what can be read of them is handed on in windows, and a protocol
//! that begins later (STARTTLS, SOCKS) is noticed where the conversation turns.

use packet::Direction;

use super::session::{DatagramSession, Run, StreamSession, Switch, Upgrade};
use super::{Observation, Readable, http};
use crate::stream::StreamEvent;

/// A window is yielded when it has this many bytes.
const WINDOW: usize = 8 * 1024;
/// Where a full window is split at the latest letter or digit boundary: no word is cut unless it is longer than this.
const MIN_WINDOW: usize = 4 * 1024;
/// How much of each direction is looked at.
const MAX_TOTAL: u64 = 64 * 1024;
/// From how many bytes on their distribution tells ciphertext and compressed data from anything else.
const MIN_SAMPLE: usize = 1024;
/// How many bytes tell that another protocol begins.
const PROBE: usize = 10;

/// The rest of the flow in both directions.
#[derive(Debug, Clone)]
pub(super) struct Unknown {
    halves: [Half; 2],
    turn: Option<Direction>,
    /// Whether another protocol may begin.
    watching: bool,
}

impl Unknown {
    pub(super) fn new() -> Self {
        let halves = [Half::new(Direction::Outbound), Half::new(Direction::Inbound)];
        Self { halves, turn: None, watching: true }
    }

    /// One that stays unknown, whatever follows.
    pub(super) fn to_the_end() -> Self {
        Self { watching: false, ..Self::new() }
    }

    /// Takes what stands behind the first `read` bytes of a datagram or message that begins at `offset`.
    pub(super) fn take_rest(
        &mut self,
        direction: Direction,
        offset: u64,
        (bytes, read): (&[u8], usize),
        out: &mut Vec<Observation>,
    ) {
        if let Some(rest @ [_, ..]) = bytes.get(read..) {
            DatagramSession::handle(self, direction, offset + read as u64, rest, out);
        }
    }

    fn take_turn(&mut self, direction: Direction, out: &mut Vec<Observation>) {
        // The bytes of the first turn were looked at already: they led here.
        if self.turn.replace(direction).is_some_and(|last| last != direction) {
            self.halves[direction.reversed().index()].emit(out);
            self.halves[direction.index()].probed = !self.watching;
        }
    }
}

impl StreamSession for Unknown {
    fn handle(
        &mut self,
        direction: Direction,
        event: StreamEvent<'_>,
        out: &mut Vec<Observation>,
    ) -> Option<Switch> {
        let half = &mut self.halves[direction.index()];
        let StreamEvent::Data { offset, bytes } = event else {
            half.emit(out);
            return None;
        };
        self.take_turn(direction, out);
        let run = self.halves[direction.index()].handle_data(offset, bytes, out)?;
        Some(Switch { to: Upgrade::Anything, rest: vec![run] })
    }

    fn flush(&mut self, out: &mut Vec<Observation>) -> Option<Switch> {
        self.halves.iter_mut().for_each(|half| half.emit(out));
        None
    }

    fn is_pending(&self) -> bool {
        self.halves.iter().any(|half| !half.buffer.is_empty())
    }

    fn wants(&self, direction: Direction) -> bool {
        !self.halves[direction.index()].done
    }

    fn encrypted(&self, _direction: Direction) -> Option<bool> {
        None
    }
}

impl DatagramSession for Unknown {
    fn handle(
        &mut self,
        direction: Direction,
        offset: u64,
        bytes: &[u8],
        out: &mut Vec<Observation>,
    ) -> usize {
        let half = &mut self.halves[direction.index()];
        half.handle_data(offset, bytes, out);
        // A datagram is a message: what it ends with does not go on in the next.
        half.emit(out);
        half.judge_datagrams(bytes, out);
        bytes.len()
    }

    fn wants(&self, direction: Direction) -> bool {
        !self.halves[direction.index()].done
    }

    fn encrypted(&self, _direction: Direction) -> Option<bool> {
        None
    }
}

#[derive(Debug, Clone)]
struct Half {
    direction: Direction,
    buffer: Vec<u8>,
    /// Stream offset of `buffer[0]`.
    at: u64,
    /// Bytes taken in all.
    total: u64,
    /// The first bytes of datagrams, until there are enough to tell whether these are ciphertext.
    sample: Option<Vec<u8>>,
    /// Whether the bytes since the last turn were looked at for another protocol.
    probed: bool,
    done: bool,
}

impl Half {
    fn new(direction: Direction) -> Self {
        let sample = Some(Vec::new());
        Self { direction, buffer: Vec::new(), at: 0, total: 0, sample, probed: true, done: false }
    }

    fn handle_data(&mut self, offset: u64, bytes: &[u8], out: &mut Vec<Observation>) -> Option<Run> {
        let mut rest = bytes;
        while !self.done && !rest.is_empty() {
            if self.buffer.is_empty() {
                self.at = offset + (bytes.len() - rest.len()) as u64;
            }
            let room = if self.probed { WINDOW } else { PROBE } - self.buffer.len();
            let room = room.min(usize::try_from(MAX_TOTAL - self.total).unwrap_or(usize::MAX));
            let (taken, after) = rest.split_at(room.min(rest.len()));
            rest = after;
            self.buffer.extend_from_slice(taken);
            self.total += taken.len() as u64;
            if !self.probed && self.buffer.len() == PROBE {
                self.probed = true;
                if begins_known(&self.buffer) {
                    return Some(self.begin(rest));
                }
            }
            if self.buffer.len() == WINDOW {
                self.emit_window(out);
            }
            if self.total == MAX_TOTAL {
                self.emit(out);
                self.give_up("too_long", out);
            }
        }
        None
    }

    /// Another protocol begins: its first bytes, and where they stand.
    fn begin(&mut self, rest: &[u8]) -> Run {
        let mut bytes = std::mem::take(&mut self.buffer);
        bytes.extend_from_slice(rest);
        (self.direction, self.at, bytes)
    }

    /// Yields a full window, up to where a word ends.
    fn emit_window(&mut self, out: &mut Vec<Observation>) {
        let split = self.buffer[MIN_WINDOW..].iter().rposition(|byte| !byte.is_ascii_alphanumeric());
        let keep = split.map_or_else(Vec::new, |at| self.buffer.split_off(MIN_WINDOW + at + 1));
        self.emit(out);
        self.buffer = keep;
    }

    fn emit(&mut self, out: &mut Vec<Observation>) {
        if self.buffer.is_empty() {
            return;
        }
        let bytes = std::mem::take(&mut self.buffer);
        let range = self.at..self.at + bytes.len() as u64;
        self.at = range.end;
        let opaque = is_opaque(&bytes);
        out.push(Observation::Readable(Readable { direction: self.direction, bytes, range }));
        if opaque {
            self.give_up("opaque", out);
        }
    }

    /// Gives datagrams up that are ciphertext together; most are too short to tell by themselves.
    fn judge_datagrams(&mut self, bytes: &[u8], out: &mut Vec<Observation>) {
        let Some(sample) = &mut self.sample else { return };
        sample.extend_from_slice(&bytes[..bytes.len().min(MIN_SAMPLE - sample.len())]);
        if sample.len() == MIN_SAMPLE {
            let opaque = is_opaque(sample);
            self.sample = None;
            if opaque {
                self.give_up("opaque", out);
            }
        }
    }

    fn give_up(&mut self, reason: &'static str, out: &mut Vec<Observation>) {
        if !self.done {
            self.done = true;
            out.push(Observation::GiveUp { direction: self.direction, reason });
        }
    }
}

fn begins_known(bytes: &[u8]) -> bool {
    matches!(bytes, [22, 3, 0..=4, _, _, 1, ..]) || http::begins_known(bytes)
}

/// Whether bytes are spread as evenly as those of ciphertext: the sum of squared counts of even random bytes is
/// about n + n²/256; text has ten times as much, machine code and tables three times.
fn is_opaque(bytes: &[u8]) -> bool {
    if bytes.len() < MIN_SAMPLE {
        return false;
    }
    let mut counts = [0u64; 256];
    bytes.iter().for_each(|&byte| counts[usize::from(byte)] += 1);
    let squares: u64 = counts.iter().map(|count| count * count).sum();
    let n = bytes.len() as u64;
    squares * 256 * 2 < 3 * (256 * n + n * n)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Even bytes from a multiplicative generator.
    fn noise(len: u64) -> Vec<u8> {
        let step = |i: u64| (i.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 31).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        (1..=len).map(|i| (step(i) >> 56) as u8).collect()
    }

    fn run(events: &[(Direction, &[u8])]) -> (Vec<Observation>, Option<Run>) {
        let (mut unknown, mut out, mut at) = (Unknown::new(), Vec::new(), [0u64; 2]);
        for &(direction, bytes) in events {
            let offset = at[direction.index()];
            at[direction.index()] += bytes.len() as u64;
            let event = StreamEvent::Data { offset, bytes };
            if let Some(switch) = StreamSession::handle(&mut unknown, direction, event, &mut out) {
                return (out, switch.rest.into_iter().next());
            }
        }
        StreamSession::flush(&mut unknown, &mut out);
        (out, None)
    }

    fn windows(out: &[Observation]) -> Vec<(Direction, u64, usize)> {
        let readable = |o: &Observation| match o {
            Observation::Readable(r) => Some((r.direction, r.range.start, r.bytes.len())),
            _ => None,
        };
        out.iter().filter_map(readable).collect()
    }

    const OUT: Direction = Direction::Outbound;
    const IN: Direction = Direction::Inbound;

    #[test]
    fn a_window_ends_where_the_other_side_answers() {
        let (out, _) = run(&[(OUT, b"LOGIN "), (OUT, b"imei"), (IN, b"OK"), (OUT, b"BYE")]);
        assert_eq!(windows(&out), [(OUT, 0, 10), (IN, 0, 2), (OUT, 10, 3)]);
    }

    #[test]
    fn a_full_window_cuts_no_word() {
        let text = "imei=359091108778933;".repeat(500);
        let (out, _) = run(&[(OUT, text.as_bytes())]);
        let all = windows(&out);
        assert_eq!((all.len(), all[0].2 + all[1].2), (2, text.len()));
        assert!(text[..all[0].2].ends_with(['=', ';']), "{all:?}");
    }

    #[test]
    fn ciphertext_is_given_up_after_a_window() {
        let (out, _) = run(&[(OUT, &noise(30_000))]);
        assert_eq!(windows(&out).len(), 1);
        assert_eq!(out.last(), Some(&Observation::GiveUp { direction: OUT, reason: "opaque" }));
        assert!(!is_opaque("a sentence that says something. ".repeat(100).as_bytes()));
    }

    fn datagrams(list: &[&[u8]]) -> Vec<Observation> {
        let (mut unknown, mut out, mut at) = (Unknown::new(), Vec::new(), 0);
        for bytes in list {
            DatagramSession::handle(&mut unknown, OUT, at, bytes, &mut out);
            at += bytes.len() as u64;
        }
        out
    }

    #[test]
    fn each_datagram_is_a_window() {
        let out = datagrams(&[b"359091108778933", b"359091108778933"]);
        assert_eq!(windows(&out), [(OUT, 0, 15), (OUT, 15, 15)]);
    }

    #[test]
    fn short_datagrams_of_ciphertext_are_given_up_together() {
        let (noise, text) = (noise(3000), "a sentence that says something. ".repeat(100));
        let given_up = |bytes: &[u8]| {
            let out = datagrams(&bytes.chunks(100).collect::<Vec<_>>());
            let given_up = out.iter().any(|it| matches!(it, Observation::GiveUp { reason: "opaque", .. }));
            (given_up, windows(&out).len())
        };
        assert_eq!(given_up(&noise), (true, 11));
        assert_eq!(given_up(text.as_bytes()), (false, 32));
    }

    #[test]
    fn tls_is_noticed_after_a_turn() {
        let hello = [22, 3, 1, 0, 200, 1, 0, 0, 196, 3, 3, 9];
        let (_, begin) =
            run(&[(OUT, b"STARTTLS\r\n"), (IN, b"220 go\r\n"), (OUT, &hello[..4]), (OUT, &hello[4..])]);
        assert_eq!(begin, Some((OUT, 10, hello.to_vec())));
    }
}
