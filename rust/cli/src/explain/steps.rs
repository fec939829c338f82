//! The way from an excerpt to its identifiers: a tree, because identifiers share steps.

use std::fmt::Write;
use std::ops::Range;

use inspect::decode::explain;
use inspect::report::Identifier;
use inspect::{Confidence, IdentifierKind};
use memchr::memmem;

use super::block::{Mark, Style, content, hex_dump, visible};
use super::excerpt::Excerpt;
use super::sender;

/// Values shorter than this are not looked for in other bytes: they would be found by chance.
const SHORTEST_NEEDLE: usize = 4;
/// Of an encoded value that is masked, at most this many bytes are shown.
const PEEK: usize = 16;

/// The identifiers of one excerpt.
pub struct Group<'a> {
    excerpt: &'a Excerpt,
    root: Node<'a>,
    /// Each identifier's bytes as they stand in decoded content.
    needles: Vec<(IdentifierKind, Vec<u8>)>,
    /// What steps on the way yielded that is still encoded: as good as the value.
    encoded: Vec<Vec<u8>>,
    /// What others found in the bytes around, in `excerpt.bytes`.
    neighbours: Vec<Range<usize>>,
    show_values: bool,
}

/// A step, and what follows from it.
#[derive(Default)]
struct Node<'a> {
    step: String,
    /// `None`: the step could not be taken again.
    bytes: Option<Vec<u8>>,
    children: Vec<Node<'a>>,
    found: Vec<&'a Identifier>,
}

impl<'a> Group<'a> {
    /// Takes the steps of those `identifiers` that stand in `excerpt`. `others` are only hidden.
    pub fn new(
        excerpt: &'a Excerpt,
        identifiers: &'a [Identifier],
        others: &[&'a Identifier],
        show_values: bool,
    ) -> Self {
        let wanted = excerpt.wanted_bytes();
        let mut root = Node { bytes: wanted.map(<[u8]>::to_vec), ..Node::default() };
        let (mut needles, mut encoded) = (Vec::new(), Vec::new());
        let here = |it: &Identifier| it.direction == excerpt.direction && it.range[0] == excerpt.wanted.start;
        for identifier in identifiers.iter().filter(|it| here(it) && it.range[1] == excerpt.wanted.end) {
            root.insert(wanted.unwrap_or_default(), identifier);
        }
        for identifier in others.iter().filter(|it| here(it)) {
            let mut taken = explain(wanted.unwrap_or_default(), &identifier.decode);
            if taken.len() == identifier.decode.len()
                && let Some(last) = taken.pop()
            {
                taken.retain(|step| find(&step.bytes, &last.bytes).next().is_none());
                encoded.extend(taken.into_iter().map(|step| step.bytes));
                encoded.dedup();
                needles.push((identifier.kind, last.bytes));
            }
        }
        let near = |it: &&&Identifier| it.direction == excerpt.direction && !here(it);
        let neighbours = others.iter().filter(near).filter_map(|it| clip(it.range, excerpt)).collect();
        Self { excerpt, root, needles, encoded, neighbours, show_values }
    }

    /// Whether the capture held all of its bytes.
    pub fn is_whole(&self) -> bool {
        self.root.bytes.is_some()
    }

    /// The bytes on the wire, then each step.
    pub fn show(&self, style: Style) -> String {
        let wanted = &self.excerpt.wanted;
        let mut page = format!(
            "\nOn the wire: {}, bytes {} to {}\n",
            sender(self.excerpt.direction),
            wanted.start,
            wanted.end
        );
        let range = self.excerpt.wanted_range();
        let marks = [Mark { range: range.clone(), mask: None }];
        let hidden = self.hidden_on_the_wire(&range);
        if !self.excerpt.bytes.is_empty() {
            put(&mut page, 1, &hex_dump(self.excerpt.offset, &self.excerpt.bytes, &marks, &hidden, style));
        }
        if self.root.bytes.is_none() {
            page.push_str("  (the capture does not hold all of these bytes)\n");
            return page;
        }
        for child in &self.root.children {
            self.show_node(child, self.root.bytes.as_deref(), 0, style, &mut page);
        }
        page
    }

    fn show_node(
        &self,
        node: &Node<'_>,
        before: Option<&[u8]>,
        depth: usize,
        style: Style,
        page: &mut String,
    ) {
        let indent = "  ".repeat(depth);
        let _ = writeln!(page, "{indent}> {}", self.step(&node.step));
        let Some(bytes) = node.bytes.as_deref() else {
            let _ = writeln!(page, "{indent}    (this step could not be taken again)");
            return;
        };
        for identifier in &node.found {
            let _ = writeln!(page, "{indent}    = {}", self.conclusion(identifier, bytes));
        }
        if node.found.is_empty() && before != Some(bytes) {
            let style = Style { width: style.width.saturating_sub(2 * depth).max(20), ..style };
            put(page, depth + 2, &content(bytes, &self.marks(bytes), style));
        }
        for child in &node.children {
            self.show_node(child, Some(bytes), depth + 1, style, page);
        }
    }

    /// A step's name holds what the bytes hold: keys, and at times values.
    fn step(&self, step: &str) -> String {
        let marks = self.marks(step.as_bytes());
        let mut out = String::new();
        let mut at = 0;
        for mark in marks {
            out.push_str(step.get(at..mark.range.start).unwrap_or_default());
            out.push_str(mark.mask.as_deref().or(step.get(mark.range.clone())).unwrap_or_default());
            at = mark.range.end;
        }
        out.push_str(step.get(at..).unwrap_or_default());
        visible(&out)
    }

    fn conclusion(&self, identifier: &Identifier, bytes: &[u8]) -> String {
        let text = written(bytes);
        let shown = if self.show_values { text } else { report::mask::mask(identifier.kind, &text) };
        let sure = match identifier.confidence {
            Confidence::Known => "a value of this phone that was given",
            Confidence::Key => "named so by its key",
            Confidence::Recurrence => "sent more than once, always the same",
            Confidence::Shape => "by its shape",
        };
        format!("⟦{}⟧ {}, {sure}", visible(&shown), identifier.kind.describe())
    }

    /// Every place where an identifier stands in decoded bytes, in order and apart from each other.
    fn marks(&self, bytes: &[u8]) -> Vec<Mark> {
        let mut marks = Vec::new();
        for (kind, needle) in self.needles.iter().filter(|(_, needle)| needle.len() >= SHORTEST_NEEDLE) {
            let mask = || report::mask::mask(*kind, &String::from_utf8_lossy(needle));
            marks.extend(
                find(bytes, needle).map(|range| Mark { range, mask: (!self.show_values).then(mask) }),
            );
        }
        let encoded = self.encoded.iter().filter(|needle| needle.len() >= SHORTEST_NEEDLE);
        for needle in encoded.filter(|_| !self.show_values) {
            let hide = |range: Range<usize>| Mark {
                range: range.start + peek(range.len())..range.end,
                mask: Some("···".to_owned()),
            };
            marks.extend(find(bytes, needle).map(hide));
        }
        marks.sort_by_key(|mark| (mark.range.start, std::cmp::Reverse(mark.range.end)));
        let mut end = 0;
        marks.retain(|mark| {
            let apart = mark.range.start >= end;
            if apart {
                end = mark.range.end;
            }
            apart
        });
        marks
    }

    /// What a masked dump does not show: encoded bytes are as good as the value.
    fn hidden_on_the_wire(&self, wanted: &Range<usize>) -> Vec<Range<usize>> {
        if self.show_values {
            return Vec::new();
        }
        let mut hidden = self.neighbours.clone();
        hidden.push(wanted.start + peek(wanted.len())..wanted.end);
        hidden.extend(self.marks(&self.excerpt.bytes).into_iter().map(|mark| mark.range));
        hidden
    }
}

impl<'a> Node<'a> {
    fn insert(&mut self, origin: &[u8], identifier: &'a Identifier) {
        let mut taken = explain(origin, &identifier.decode).into_iter();
        let mut node = self;
        for step in &identifier.decode {
            let at = match node.children.iter().position(|child| child.step == *step) {
                Some(at) => {
                    taken.next();
                    at
                }
                None => {
                    let bytes = taken.next().map(|taken| taken.bytes);
                    node.children.push(Node { step: step.clone(), bytes, ..Node::default() });
                    node.children.len() - 1
                }
            };
            node = &mut node.children[at];
        }
        node.found.push(identifier);
    }
}

/// How much of so many encoded bytes is shown.
fn peek(len: usize) -> usize {
    (len / 8).min(PEEK)
}

/// Where in `bytes` a needle stands, one behind the other.
fn find<'b>(bytes: &'b [u8], needle: &'b [u8]) -> impl Iterator<Item = Range<usize>> + 'b {
    memmem::find_iter(bytes, needle).map(|at| at..at + needle.len())
}

fn clip(range: [u64; 2], excerpt: &Excerpt) -> Option<Range<usize>> {
    let end = excerpt.offset + excerpt.bytes.len() as u64;
    let (from, to) = (range[0].max(excerpt.offset), range[1].min(end));
    (from < to).then(|| (from - excerpt.offset) as usize..(to - excerpt.offset) as usize)
}

fn put(page: &mut String, depth: usize, lines: &[String]) {
    for line in lines {
        let _ = writeln!(page, "{}{line}", "  ".repeat(depth));
    }
}

/// What stands there: as text if it is one, else its octets.
fn written(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) if !text.chars().any(char::is_control) => text.to_owned(),
        _ => bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(" "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn octets_that_are_no_text_are_written_in_digits() {
        assert_eq!(written("359091108778933 é".as_bytes()), "359091108778933 é");
        assert_eq!(written(b"\xb5\xa7Q"), "b5 a7 51");
        assert_eq!(written(b"3\x005"), "33 00 35");
    }
}
