//! Reads captures to their end and says what was in them: `cargo run -p recording --example drain -- FILE…`.

use std::collections::BTreeMap;
use std::fs::File;
use std::time::Instant;

use packet::{Input, Packet, Reassembled, Reassembler, Segment, Timestamp};
use recording::{ReadError, Reader};

#[derive(Default)]
struct Count {
    packets: usize,
    bytes: usize,
    directed: usize,
    owners: usize,
    phases: usize,
    unparsed: BTreeMap<String, usize>,
    last: Timestamp,
}

fn main() {
    for path in std::env::args().skip(1) {
        let mut count = Count::default();
        #[expect(
            clippy::disallowed_methods,
            reason = "measures the reader's speed; nothing is decided by it"
        )]
        let begun = Instant::now();
        let ended = drain(&path, &mut count);
        let speed = count.bytes as f64 / 1e6 / begun.elapsed().as_secs_f64();
        let ended = match ended {
            Ok(None) => "whole".to_owned(),
            Ok(Some(cut)) => cut,
            Err(error) => error.to_string(),
        };
        println!(
            "{path}: {} packets, {} with direction, {} owners, {} phases, unparsed {:?}, {ended}, {speed:.0} MB/s",
            count.packets, count.directed, count.owners, count.phases, count.unparsed
        );
    }
}

fn drain(path: &str, count: &mut Count) -> Result<Option<String>, ReadError> {
    let mut reassembler = Reassembler::default();
    let mut reader = Reader::open(File::open(path).map_err(ReadError::Io)?, None)?;
    while let Some((at, input)) = reader.next_input()? {
        count.last = at;
        match input {
            Input::Packet { direction, bytes } => {
                count.packets += 1;
                count.bytes += bytes.len();
                count.directed += usize::from(direction.is_some());
                if let Some(reason) = refusal(&mut reassembler, at, bytes) {
                    *count.unparsed.entry(reason.to_owned()).or_default() += 1;
                }
            }
            Input::Skipped { reason, .. } => *count.unparsed.entry(reason.to_owned()).or_default() += 1,
            Input::Owner { .. } => count.owners += 1,
            Input::Phase(_) => count.phases += 1,
            Input::Keys(_) => {}
        }
    }
    Ok(reader.truncated().map(str::to_owned))
}

/// Why a packet cannot be taken apart.
fn refusal(reassembler: &mut Reassembler, at: Timestamp, bytes: &[u8]) -> Option<&'static str> {
    let packet = match Packet::parse(bytes) {
        Ok(packet) => packet.innermost(),
        Err(error) => return Some(error.reason()),
    };
    if packet.segment != Segment::Fragment {
        return None;
    }
    match reassembler.insert(at, &packet.ip) {
        Reassembled::Refused(reason) => Some(reason),
        Reassembled::Complete(whole) => Packet::parse(&whole).err().map(|error| error.reason()),
        Reassembled::Pending => None,
    }
}
