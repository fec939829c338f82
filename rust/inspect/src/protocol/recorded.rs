//! Connections as they went over the wire, with the key log of their client (`testdata`).

use packet::Direction;

use super::Observation;
use crate::keylog::{KeyLog, KeyRing};

/// A connection as it was recorded.
pub(super) struct Recorded {
    /// The lines of the key log.
    pub(super) log: Vec<String>,
    pub(super) keys: KeyRing,
    pub(super) turns: Vec<(Direction, Vec<u8>)>,
}

impl Recorded {
    /// Lines of a key log, and of what was sent, in hex: `> ` by the client, `< ` by the server.
    pub(super) fn parse(text: &str) -> Self {
        let (mut lines, mut log, mut turns) = (Vec::new(), KeyLog::default(), Vec::new());
        for line in text.lines() {
            match line.split_at(2) {
                ("> ", hex) => turns.push((Direction::Outbound, unhex(hex))),
                ("< ", hex) => turns.push((Direction::Inbound, unhex(hex))),
                _ => {
                    assert_eq!(log.add(line.as_bytes()), 1, "{line}");
                    lines.push(line.to_owned());
                }
            }
        }
        Self { log: lines, keys: KeyRing::new(log), turns }
    }

    /// Gives each turn with its place in what its sender sent, and collects what is seen.
    pub(super) fn feed(
        &self,
        mut handle: impl FnMut(Direction, u64, &[u8], &mut Vec<Observation>),
    ) -> Vec<Observation> {
        let (mut out, mut at) = (Vec::new(), [0; 2]);
        for (direction, bytes) in &self.turns {
            handle(*direction, at[direction.index()], bytes, &mut out);
            at[direction.index()] += bytes.len() as u64;
        }
        out
    }
}

/// What was seen in what was decrypted.
pub(super) fn insides(seen: &[Observation]) -> impl Iterator<Item = &Observation> {
    seen.iter().filter_map(|it| match it {
        Observation::Decrypted(inside) => Some(&**inside),
        _ => None,
    })
}

pub(super) fn unhex(hex: &str) -> Vec<u8> {
    let digits: Vec<u32> = hex.chars().filter_map(|c| c.to_digit(16)).collect();
    digits.chunks(2).map(|pair| (pair[0] << 4 | pair[1]) as u8).collect()
}
