//! What can be told of parts that did not become leaves: their containers are read once more.

use std::collections::{BTreeSet, HashMap};
use std::ops::Range;

use smol_str::SmolStr;

use super::part::{Part, Wanted, everything};
use super::{Decoded, Node, Piece, Value, form, json, last_name, walk};

/// Names that a container is read for one by one; then it is read for all.
const FEW: usize = 16;
/// Parts that are counted.
const MOST: usize = 1 << 20;

/// Reads a container's parts.
type Reader = fn(&[u8], usize, &mut Wanted<'_>) -> Vec<Piece>;

/// The reader of containers that are read for wanted parts only.
pub(super) fn reader(word: &str) -> Option<Reader> {
    match word {
        "json" => Some(json::pieces),
        "form" => Some(form::pieces),
        _ => None,
    }
}

/// Numbers of a container's parts among those of their path, by where they begin.
#[derive(Debug, Default)]
pub(super) struct Numbers {
    names: BTreeSet<SmolStr>,
    all: bool,
    by_start: HashMap<usize, u32>,
}

impl Numbers {
    fn get(&mut self, read: Reader, bytes: &[u8], path: &str, start: usize) -> u32 {
        let name = last_name(path);
        if !self.all && !self.names.contains(name) {
            self.count(read, bytes, name);
        }
        self.by_start.get(&start).copied().unwrap_or(1)
    }

    fn count(&mut self, read: Reader, bytes: &[u8], name: &str) {
        self.all = self.names.len() >= FEW;
        let pieces = if self.all {
            read(bytes, MOST, &mut everything)
        } else {
            self.names.insert(SmolStr::new(name));
            // Keys that cannot be compared so are not ASCII, or too long to be told whole.
            let finder = memchr::memmem::Finder::new(name);
            let may_be = |part: &Part<'_>| {
                finder.find(part.key).is_some() || part.key.len() > 64 || !part.key.is_ascii()
            };
            read(bytes, MOST, &mut { may_be })
        };
        let mut seen: HashMap<&str, u32> = HashMap::new();
        for piece in &pieces {
            let number = seen.entry(&piece.path).or_default();
            *number += 1;
            self.by_start.insert(piece.value.range().start, *number);
        }
    }
}

impl Decoded<'_> {
    /// The number of a part, if its node's leaves are not all of its parts.
    pub(super) fn number_chosen(&self, node: u32, path: &str, start: usize) -> Option<u32> {
        let found = self.nodes.get(node as usize)?;
        let read = reader(found.chosen?)?;
        Some(self.chosen.borrow_mut().entry(node).or_default().get(read, found.bytes.get(), path, start))
    }

    /// The step to the part of a node that holds a range of its bytes, and that is no leaf.
    pub(super) fn step_to(&self, node: u32, found: &Node<'_>, range: &Range<usize>) -> Option<String> {
        let word = found.chosen?;
        let mut holds =
            |part: &Part<'_>| !part.made && part.range.start <= range.start && range.end <= part.range.end;
        let piece = reader(word)?(found.bytes.get(), 1, &mut holds).pop()?;
        let number = self.number_chosen(node, &piece.path, piece.value.range().start)?;
        matches!(piece.value, Value::Slice(_))
            .then(|| walk::step_text(word, &piece.path, number, piece.suffix))
    }
}
