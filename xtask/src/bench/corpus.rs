//! How fast each dissector and each decoder is, on the corpus that `cargo xtask accuracy` measures the truth with.

use std::collections::BTreeMap;
use std::hint::black_box;

use corpus::{Corpus, Way};
use inspect::decode::{Limits, decode_bytes, everything};
use inspect::identifier::Scanner;
use inspect::{Config, Inspector};
use packet::{Direction, Input, Timestamp};

use super::measure::Measure;

/// Conversations, half of which carry something.
const SAMPLES: u64 = 30_000;
/// Messages in each way to write them.
const MESSAGES: u64 = 2_000;

/// Measures what is wanted.
pub(super) fn run(measure: Measure<'_>) {
    let corpus = Corpus::new(1);
    dissectors(measure, corpus);
    for (name, messages) in corpus.contents(MESSAGES) {
        decode(measure, name, &messages);
    }
    for (name, messages) in corpus.encodings(MESSAGES) {
        decode(measure, &format!("JSON in {name}"), &messages);
    }
}

/// The whole of the inspector, by the protocol that it sees.
fn dissectors(measure: Measure<'_>, corpus: Corpus) {
    let mut packets: BTreeMap<&str, (Vec<Direction>, Vec<Vec<u8>>)> = BTreeMap::new();
    for sample in (0..SAMPLES).step_by(2).map(|number| corpus.sample(number)) {
        let Some(truth) = sample.truth else { continue };
        let (directions, bytes) = packets.entry(truth.transport).or_default();
        for packet in sample.packets {
            directions.push(if packet.way == Way::Out { Direction::Outbound } else { Direction::Inbound });
            bytes.push(packet.bytes);
        }
    }
    for (transport, (directions, packets)) in packets {
        measure.bytes(&format!("dissect {transport}"), "packet", &packets, &mut || {
            let mut inspector = Inspector::new(Config::default()).expect("nothing is watched");
            for (millis, (direction, bytes)) in (0..).zip(directions.iter().zip(&packets)) {
                let input = Input::Packet { direction: Some(*direction), bytes };
                inspector.handle_input(Timestamp::from_millis(millis), input);
            }
            black_box(inspector.finish(None));
        });
    }
}

/// What comes of messages, each by itself; and that searched for identifiers.
fn decode(measure: Measure<'_>, name: &str, messages: &[Vec<u8>]) {
    measure.bytes(&format!("decode {name}"), "message", messages, &mut || {
        for bytes in messages {
            let range = 0..bytes.len() as u64;
            black_box(decode_bytes("http body", bytes, range, Limits::default(), &mut everything));
        }
    });
    let mut scanner = Scanner::default();
    measure.bytes(&format!("search {name}"), "message", messages, &mut || {
        for bytes in messages {
            black_box(scanner.scan_bytes("http body", bytes, 0..bytes.len() as u64));
        }
    });
}
