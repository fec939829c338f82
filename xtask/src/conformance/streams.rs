//! Rebuilt TCP streams, byte for byte: against a second, simple rebuilding of every connection; against receivers'
//! scripts of order and overlap; against what other engines' own tests expect of gaps and of evasive replies.

use std::collections::BTreeMap;
use std::fmt::Write;

use anyhow::{Context, Result};
use inspect::decode::{Limits, decode_bytes, decode_http, everything};
use inspect::protocol::HttpMessage;
use inspect::stream::TcpStreams;
use packet::{Direction, TcpFlags, TcpSegment};

use super::corpus::Capture;
use super::replay::{Connection, Piece, Seen};
use super::score::{Board, Miss};
use super::script::{Script, Wire};

/// What evasive replies hide: the harmless text that every scanner knows, built so that this file does not hold it.
const HIDDEN: [&str; 2] = ["EICAR-STANDARD-", "ANTIVIRUS-TEST-FILE"];

/// A connection's bytes by their position, the first copy of each: a map, where the engine has a window.
#[derive(Debug, Default)]
pub struct Reference {
    halves: [Half; 2],
}

#[derive(Debug, Default)]
struct Half {
    /// Sequence number of the stream's first byte, once the SYN was seen.
    first: Option<u32>,
    bytes: BTreeMap<u32, u8>,
    /// Different bytes were sent for one position, or something else that has no one right answer.
    disputed: bool,
}

impl Reference {
    /// Takes a segment.
    pub fn segment(&mut self, direction: Direction, segment: &TcpSegment<'_>) {
        let half = &mut self.halves[direction.index()];
        if segment.flags.syn {
            let first = segment.seq.wrapping_add(1);
            half.disputed |= half.first.is_some_and(|known| known != first);
            half.first = half.first.or(Some(first));
        }
        let Some(first) = half.first else {
            half.disputed |= !segment.payload.is_empty();
            return;
        };
        half.disputed |= segment.flags.rst || segment.missing > 0 || segment.flags.urg;
        let start = segment.seq.wrapping_add(u32::from(segment.flags.syn)).wrapping_sub(first);
        for (position, byte) in (0u32..).map(|n| start.wrapping_add(n)).zip(segment.payload) {
            if position > 1 << 30 {
                continue; // before the first byte: a keep-alive
            }
            let known = half.bytes.entry(position).or_insert(*byte);
            half.disputed |= known != byte;
        }
    }
}

/// Compares every connection of a capture of which the beginning was captured and nothing is disputed.
pub fn score_flows(board: &mut Board, capture: &Capture, seen: &Seen) {
    for (number, connection) in seen.connections.iter().enumerate() {
        let reset = connection.reference.halves.iter().any(|half| half.disputed);
        for (half, rebuilt) in connection.reference.halves.iter().zip(&connection.rebuilt) {
            if reset || half.bytes.is_empty() {
                continue;
            }
            match difference(half, rebuilt) {
                None => board.count(&capture.source, "stream", 1, 0),
                Some(reason) => {
                    let what = format!("{} connection {number}", capture.path);
                    board.miss(&capture.source, "stream", Miss::owed(what, &reason));
                }
            }
        }
    }
}

fn difference(half: &Half, rebuilt: &[Piece]) -> Option<String> {
    let mut next = 0u64;
    let mut emitted = 0;
    for piece in rebuilt {
        let (offset, len) = match piece {
            Piece::Data(offset, data) => (*offset, data.len() as u64),
            Piece::Gap(offset, len) => (*offset, *len),
        };
        if offset != next {
            return Some("pieces do not lie end to end".to_owned());
        }
        next += len;
        let positions = (offset as u32)..;
        match piece {
            Piece::Data(_, data) => {
                emitted += data.len();
                if positions.zip(data).any(|(position, byte)| half.bytes.get(&position) != Some(byte)) {
                    return Some("a byte differs".to_owned());
                }
            }
            Piece::Gap(..) => {
                if half.bytes.range(offset as u32..(offset + len) as u32).next().is_some() {
                    return Some("a gap where there are bytes".to_owned());
                }
            }
        }
    }
    (emitted != half.bytes.len()).then(|| format!("{} bytes instead of {}", emitted, half.bytes.len()))
}

/// Content codings that the engine does not undo.
const NOT_UNDONE: [&str; 1] = ["lzma"];

/// Replies made to slip past scanners (folders called `http-evader`): each must decode to the text it hides, whether
/// it stands in a message or in bytes that are none, which the engine searches as well.
pub fn score_evasions(board: &mut Board, capture: &Capture, seen: &Seen) {
    if !capture.path.contains("http-evader") {
        return;
    }
    let hidden = HIDDEN.concat();
    let holds = |bytes: &[u8]| bytes.windows(hidden.len()).any(|part| part == hidden.as_bytes());
    let messages =
        seen.messages.iter().map(|message| decode_http(None, message, Limits::default(), &mut everything));
    let others = seen
        .readable
        .iter()
        .map(|it| decode_bytes("bytes", &it.bytes, it.range.clone(), Limits::default(), &mut everything));
    let found = messages.chain(others).any(|decoded| decoded.nodes().any(|(_, bytes)| holds(bytes)));
    board.count(&capture.source, "decoded", usize::from(found), 0);
    if !found {
        let what = capture.path.clone();
        let miss = match seen.messages.iter().find_map(coding_not_undone) {
            Some(coding) => Miss::excused(what, &format!("a coding that is not undone: {coding}")),
            None => Miss::owed(what, "the hidden text was not found"),
        };
        board.miss(&capture.source, "decoded", miss);
    }
}

fn coding_not_undone(message: &HttpMessage) -> Option<&'static str> {
    let mut codings = message.values("content-encoding").flat_map(|value| value.split(','));
    codings.find_map(|coding| NOT_UNDONE.into_iter().find(|it| coding.trim().eq_ignore_ascii_case(it)))
}

/// Suricata's tests say in plain text what a stream with holes looks like: `VERY[4 bytes missing]DATA`.
pub fn score_gaps(board: &mut Board, capture: &Capture, seen: &Seen) {
    let Some(test) = capture.sibling("test.yaml") else { return };
    for expected in test.lines().filter_map(expected_payload).filter(|text| text.contains("bytes missing]")) {
        let halves = seen.connections.iter().flat_map(|connection| &connection.rebuilt);
        let found = halves.map(|pieces| plain(pieces)).any(|text| text == expected);
        board.count(&capture.source, "tcp gaps", usize::from(found), 0);
        if !found {
            let shown: Vec<_> =
                seen.connections.iter().flat_map(|it| &it.rebuilt).map(|it| plain(it)).collect();
            let what = format!("{} {expected} not among {shown:?}", capture.path);
            board.miss(&capture.source, "tcp gaps", Miss::owed(what, "other bytes or gaps"));
        }
    }
}

fn expected_payload(line: &str) -> Option<&str> {
    line.trim().strip_prefix("payload_printable:").map(|text| text.trim().trim_matches('"'))
}

fn plain(pieces: &[Piece]) -> String {
    let mut text = String::new();
    for piece in pieces {
        match piece {
            Piece::Data(_, data) => text.push_str(&String::from_utf8_lossy(data)),
            Piece::Gap(_, len) => _ = write!(text, "[{len} bytes missing]"),
        }
    }
    text
}

/// Scripts in which a server receives data: what it acknowledges is what must have been yielded by then.
///
/// # Errors
/// When the file cannot be read.
pub fn score_vectors(board: &mut Board, file: &Capture) -> Result<()> {
    let text = std::fs::read_to_string(&file.file)?;
    for line in text.lines() {
        let script: Script = serde_json::from_str(line).with_context(|| file.path.clone())?;
        if !receives_data(&script) {
            continue;
        }
        match play(&script) {
            None => board.count(&file.source, "tcp order", 1, 0),
            Some(reason) => board.miss(&file.source, "tcp order", Miss::owed(script.file, &reason)),
        }
    }
    Ok(())
}

/// Data comes in on a connection that was opened before. Left out are scripts about states rather than bytes: resets,
/// acknowledgments of what was never sent, and data on a SYN that the receiver leaves to be sent again.
fn receives_data(script: &Script) -> bool {
    let incoming = || script.steps.iter().filter_map(|step| step.r#in.as_ref());
    let outgoing = || script.steps.iter().filter_map(|step| step.out.as_ref());
    let opened = incoming().next().is_some_and(|first| {
        let taken = outgoing().next().is_some_and(|answer| answer.ack == Some(first.len + 1));
        first.flags == "S" && first.seq == 0 && taken
    });
    let sent = outgoing().map(|wire| wire.seq + wire.len + 1).max().unwrap_or_default();
    let plain = |wire: &Wire| !wire.flags.contains(['S', 'R']) && wire.ack.is_some_and(|ack| ack <= sent);
    script.role == "server" && opened && incoming().skip(1).all(plain) && incoming().any(|wire| wire.len > 0)
}

fn play(script: &Script) -> Option<String> {
    let (mut streams, mut connection) = (TcpStreams::default(), Connection::default());
    let mut fin = None;
    for (number, step) in script.steps.iter().enumerate() {
        let (direction, wire) = match (&step.r#in, &step.out) {
            (Some(wire), _) => (Direction::Outbound, wire),
            (_, Some(wire)) => (Direction::Inbound, wire),
            _ => continue,
        };
        if direction == Direction::Outbound && wire.flags.contains('F') {
            fin = Some(wire.seq + wire.len);
        }
        let start = wire.seq + u32::from(wire.flags.contains('S'));
        let payload: Vec<u8> = (0..wire.len).map(|n| byte_at(direction, start + n)).collect();
        let segment = TcpSegment {
            source_port: 0,
            destination_port: 0,
            seq: wire.seq,
            ack: wire.ack.unwrap_or_default(),
            flags: flags(wire),
            window: u16::MAX,
            options: &[],
            payload: &payload,
            missing: 0,
        };
        streams
            .handle_segment(direction, &segment, &mut |direction, event| connection.take(direction, event));
        if direction == Direction::Inbound && wire.ack.is_some_and(|ack| ack > 0) {
            let acknowledged = wire.ack? - 1 - u32::from(fin.is_some_and(|fin| wire.ack > Some(fin)));
            if let Some(reason) = delivered_differs(&connection, acknowledged) {
                return Some(format!("step {number}: {reason}"));
            }
        }
    }
    None
}

fn delivered_differs(connection: &Connection, acknowledged: u32) -> Option<String> {
    let pieces = &connection.rebuilt[Direction::Outbound.index()];
    let data = match pieces.as_slice() {
        [] => &Vec::new(),
        [Piece::Data(0, data)] => data,
        _ => return Some("not one piece".to_owned()),
    };
    if data.len() != acknowledged as usize {
        return Some(format!("{} bytes delivered, {acknowledged} acknowledged", data.len()));
    }
    let expected = (1..).map(|seq| byte_at(Direction::Outbound, seq));
    data.iter()
        .copied()
        .zip(expected)
        .any(|(byte, expected)| byte != expected)
        .then(|| "a byte differs".to_owned())
}

/// The byte that a script's stream has at a sequence number: any, but always the same.
fn byte_at(direction: Direction, seq: u32) -> u8 {
    (seq.wrapping_mul(2_654_435_761) >> 24) as u8 ^ direction.index() as u8
}

fn flags(wire: &Wire) -> TcpFlags {
    let has = |letter| wire.flags.contains(letter);
    TcpFlags {
        fin: has('F'),
        syn: has('S'),
        rst: has('R'),
        psh: has('P'),
        ack: wire.ack.is_some(),
        urg: false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn script(mut steps: serde_json::Value) -> Script {
        // Every script tells times; here they do not matter.
        steps.as_array_mut().unwrap().iter_mut().for_each(|step| step["t"] = "+0".into());
        serde_json::from_value(serde_json::json!({"file": "x", "role": "server", "steps": steps})).unwrap()
    }

    #[test]
    fn a_script_is_played() {
        let wire = |flags: &str, seq: u32, len: u32, ack: u32| serde_json::json!({"flags": flags, "seq": seq, "len": len, "ack": ack});
        let right = script(serde_json::json!([
            {"in": {"flags": "S", "seq": 0, "len": 0}}, {"out": wire("S.", 0, 0, 1)}, {"in": wire(".", 1, 0, 1)},
            {"in": wire(".", 11, 10, 1)}, {"out": wire(".", 1, 0, 1)}, {"in": wire(".", 1, 10, 1)}, {"out": wire(".", 1, 0, 21)},
        ]));
        assert!(receives_data(&right));
        assert_eq!(play(&right), None);
        let wrong = script(serde_json::json!([
            {"in": {"flags": "S", "seq": 0, "len": 0}}, {"out": wire("S.", 0, 0, 1)}, {"in": wire(".", 1, 5, 1)}, {"out": wire(".", 1, 0, 3)},
        ]));
        assert_eq!(play(&wrong).as_deref(), Some("step 3: 5 bytes delivered, 2 acknowledged"));
    }

    #[test]
    fn gaps_are_written_as_the_tests_write_them() {
        let pieces = [Piece::Data(0, b"VERY".to_vec()), Piece::Gap(4, 4), Piece::Data(8, b"DATA".to_vec())];
        assert_eq!(plain(&pieces), "VERY[4 bytes missing]DATA");
        assert_eq!(expected_payload("  payload_printable: \"AB\""), Some("AB"));
    }

    #[test]
    fn differences_are_found() {
        let half = Half { bytes: (0..).zip(*b"abc").chain((5..).zip(*b"fg")).collect(), ..Half::default() };
        let right = [Piece::Data(0, b"abc".to_vec()), Piece::Gap(3, 2), Piece::Data(5, b"fg".to_vec())];
        assert_eq!(difference(&half, &right), None);
        assert!(difference(&half, &right[..2]).is_some());
        assert!(difference(&half, &[Piece::Data(0, b"abx".to_vec())]).is_some());
        assert!(difference(&half, &[Piece::Gap(0, 7)]).is_some());
        assert!(difference(&half, &[Piece::Data(1, b"bc".to_vec())]).is_some());
    }
}
