//! Goes through decoded content and grades what it finds.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use foldhash::HashMap;

use super::digits;
use super::keyed::{self, Context};
use super::known::KnownValues;
use super::learned::Learned;
use super::lexicon::{self, CellPart, Key};
use super::names::Names;
use super::place;
use super::shape::Shapes;
use super::{Confidence, IdentifierKind as Kind, Match};
use crate::decode::{Decoded, Leaf};

/// Identifiers kept of one message; a list of a phone's surroundings has some dozens.
const MOST_MATCHES: usize = 1024;
/// Parts of places kept of one object.
const MOST_PLACES: usize = 64;

/// Every identifier in the content, best confidence first, then by range.
pub fn matches(
    decoded: &Decoded<'_>,
    known: &KnownValues,
    learned: &Learned,
    shapes: &Shapes,
    names: &mut Names,
) -> Vec<Match> {
    let mut found = Findings::default();
    let objects = Objects::of(decoded, names);
    search_known(decoded, known, &mut found);
    for (leaf, role) in decoded.leaves().iter().zip(&objects.roles) {
        let object = objects.list.get(role.object);
        search_leaf(decoded, leaf, (role.key, object), learned, shapes, &mut found);
    }
    for object in &objects.list {
        search_places(decoded, object, known, &mut found);
    }
    found.recognise(known);
    found.finish()
}

/// What is known of the leaves of an object together.
#[derive(Default)]
struct Object<'a> {
    device: bool,
    tracing: bool,
    /// `{"name": "imei", "value": …}`: what the value is called.
    label: Option<Key>,
    places: Vec<(Key, &'a Leaf)>,
}

/// What a leaf is, by its names.
#[derive(Clone, Copy)]
struct Role {
    /// Its object's place in the list.
    object: usize,
    key: Option<Key>,
    /// Whether it is the value of a label.
    value: bool,
}

/// The content's objects, and each leaf's role.
struct Objects<'a> {
    list: Vec<Object<'a>>,
    roles: Vec<Role>,
}

impl<'a> Objects<'a> {
    fn of(decoded: &'a Decoded<'_>, names: &mut Names) -> Self {
        let mut list: Vec<Object<'a>> = Vec::new();
        let mut places: HashMap<u32, usize> = HashMap::default();
        let mut roles = Vec::with_capacity(decoded.leaves().len());
        // Leaves of an object mostly stand together.
        let mut last = None;
        for leaf in decoded.leaves() {
            let at = match last {
                Some((object, at)) if object == leaf.object => at,
                _ => *places.entry(leaf.object).or_insert_with(|| {
                    list.push(Object::default());
                    list.len() - 1
                }),
            };
            last = Some((leaf.object, at));
            let name = leaf.name();
            let said = names.get(name);
            let key = names.get_inside(leaf.parent().as_bytes(), name.as_bytes());
            roles.push(Role { object: at, key, value: said.value });
            let Some(object) = list.get_mut(at).filter(|_| !name.is_empty()) else { continue };
            object.device |= said.device || (said.agent && is_app(decoded.bytes(leaf)));
            object.tracing |= said.tracing;
            if said.label && object.label.is_none() {
                let text = std::str::from_utf8(decoded.bytes(leaf)).ok();
                object.label = text.and_then(|text| names.get(text).key);
            }
            if let Some(key) = key.filter(|key| place::is_part(*key) && !leaf.replaced)
                && object.places.len() < MOST_PLACES
            {
                object.places.push((key, leaf));
            }
        }
        let mut out = Self { list, roles };
        out.apply_labels();
        out
    }

    /// Labels are known once all of an object was read.
    fn apply_labels(&mut self) {
        if self.list.iter().all(|object| object.label.is_none()) {
            return;
        }
        for role in self.roles.iter_mut().filter(|role| role.value) {
            let label = self.list.get(role.object).and_then(|object| object.label);
            role.key = label.or(role.key);
        }
    }
}

/// Whether a user agent says that an app of a phone speaks, and not a browser.
fn is_app(agent: &[u8]) -> bool {
    ["Dalvik/", "okhttp/", "Android-", "GoogleAuth/"].iter().any(|it| agent.starts_with(it.as_bytes()))
}

fn search_known(decoded: &Decoded<'_>, known: &KnownValues, found: &mut Findings) {
    if known.is_empty() {
        return;
    }
    let mut add = |kind, value: &str, mut decode: Vec<String>, steps: &[&str], range| {
        decode.extend(steps.iter().map(|&step| step.to_owned()));
        found.add(Match { kind, value: value.to_owned(), confidence: Confidence::Known, decode, range });
    };
    // Of each value the first place is enough, and telling where it is takes time.
    let mut seen: BTreeSet<(Kind, &str)> = BTreeSet::new();
    for (node, bytes) in decoded.nodes() {
        known.find(bytes, &mut |hit| {
            if seen.insert((hit.kind, hit.value)) {
                let (decode, range) = decoded.locate(node, &hit.range);
                add(hit.kind, hit.value, decode, hit.steps, range);
            }
        });
    }
    for leaf in decoded.leaves().iter().filter(|leaf| decoded.is_own(leaf) || decoded.is_behind_letters(leaf))
    {
        known.find(decoded.bytes(leaf), &mut |hit| {
            if seen.insert((hit.kind, hit.value)) {
                let range = decoded.range(leaf, hit.range.clone());
                add(hit.kind, hit.value, decoded.chain(leaf), hit.steps, range);
            }
        });
    }
}

fn search_leaf(
    decoded: &Decoded<'_>,
    leaf: &Leaf,
    (key, object): (Option<Key>, Option<&Object<'_>>),
    learned: &Learned,
    shapes: &Shapes,
    found: &mut Findings,
) {
    if leaf.replaced {
        return;
    }
    let bytes = decoded.bytes(leaf);
    let mut add = |kind, value, confidence, part: Range<usize>| {
        let (decode, range) = (decoded.chain(leaf), decoded.range(leaf, part));
        found.add(Match { kind, value, confidence, decode, range });
    };
    let mut taken: Vec<Range<usize>> = Vec::new();
    if let Some(key) = key
        && bytes.len() <= 1024
    {
        let context = context(leaf, object);
        for part in parts(bytes) {
            if let Some((kind, value)) = keyed::identify(key, &bytes[part.clone()], context) {
                add(kind, value, keyed::confidence(key, kind), part.clone());
                taken.push(part);
            }
        }
    }
    if taken.is_empty()
        && let Some((kind, value)) = learned.recognise(bytes)
    {
        add(kind, value.to_owned(), Confidence::Key, 0..bytes.len());
    }
    if leaf.is_excerpt() {
        return;
    }
    let shapes = shapes.find(bytes);
    if shapes.is_empty() {
        return;
    }
    let tracing = object.is_some_and(|it| it.tracing) && key.is_none();
    let other = lexicon::tells_of_another_number(leaf.name()) || tracing;
    for shape in shapes {
        let number = matches!(shape.kind, Kind::Imei | Kind::Iccid | Kind::Meid);
        let inside = taken.iter().any(|part| part.start <= shape.range.start && shape.range.end <= part.end);
        if !(inside || number && other) {
            add(shape.kind, shape.value, Confidence::Shape, shape.range);
        }
    }
}

fn context(leaf: &Leaf, object: Option<&Object<'_>>) -> Context {
    let parent = leaf.parent();
    let lower = leaf.key.to_ascii_lowercase();
    let described = matches!(lexicon::key(parent), Some(Key::Device))
        || parent.to_ascii_lowercase().starts_with("device");
    Context {
        device: object.is_some_and(|it| it.device) || described,
        tracing: object.is_some_and(|it| it.tracing),
        access_point: ["wifiaccesspoint", "wifi_access", "accesspoint", "scanresult", "wifilist", "wifis"]
            .iter()
            .any(|it| lower.contains(it)),
    }
}

/// A value, or the values of a list in it: `imei1,imei2`.
fn parts(bytes: &[u8]) -> Vec<Range<usize>> {
    let is_separator = |byte: &u8| matches!(byte, b',' | b';' | b'|');
    let mut out = Vec::new();
    out.push(0..bytes.len());
    if !bytes.iter().any(is_separator) {
        return out;
    }
    let mut start = 0;
    for part in bytes.split(is_separator).take(16) {
        out.push(start..start + part.len());
        start += part.len() + 1;
    }
    out
}

fn search_places(decoded: &Decoded<'_>, object: &Object<'_>, known: &KnownValues, found: &mut Findings) {
    if object.places.is_empty() {
        return;
    }
    let cells: Vec<(CellPart, &Leaf)> = object
        .places
        .iter()
        .filter_map(|(key, leaf)| if let Key::Cell(part) = key { Some((*part, *leaf)) } else { None })
        .collect();
    let mut add = |kind, value: String, leaves: &[&Leaf]| {
        let Some(first) = leaves.first() else { return };
        let whole = |leaf: &Leaf| decoded.range(leaf, 0..decoded.bytes(leaf).len());
        let range = leaves
            .iter()
            .map(|leaf| whole(leaf))
            .reduce(|one, other| one.start.min(other.start)..one.end.max(other.end));
        let (value, confidence) = match known.same(kind, &value) {
            Some(known) => (known.to_owned(), Confidence::Known),
            None => (value, Confidence::Key),
        };
        found.add(Match {
            kind,
            value,
            confidence,
            decode: decoded.chain(first),
            range: range.unwrap_or(0..0),
        });
    };
    for group in cell_groups(&cells) {
        let parts: Vec<(CellPart, &[u8])> =
            group.iter().map(|(part, leaf)| (*part, decoded.bytes(leaf))).collect();
        if let Some(value) = place::cell(&parts) {
            // The leaf that tells most leads: a cell's identity rather than its country.
            let mut leaves: Vec<&Leaf> = group.iter().map(|(_, leaf)| *leaf).collect();
            if let Some(at) = group.iter().position(|(part, _)| *part >= CellPart::Lac) {
                leaves.swap(0, at);
            }
            add(Kind::Cell, value, &leaves);
        }
    }
    let of = |wanted: Key| object.places.iter().filter(move |(key, _)| *key == wanted).map(|(_, leaf)| *leaf);
    for (latitude, longitude) in of(Key::Latitude).zip(of(Key::Longitude)) {
        if let Some(value) = coordinates(decoded, latitude, longitude) {
            add(Kind::Location, value, &[latitude, longitude]);
        }
    }
    let whole = [Key::WholeCell, Key::Cell(CellPart::CellId)];
    for leaf in whole.into_iter().flat_map(of) {
        if let Some(value) = place::whole_cell(decoded.bytes(leaf)) {
            add(Kind::Cell, value, &[leaf]);
        }
    }
    for leaf in of(Key::Coordinates) {
        if let Some(value) = place::pair(decoded.bytes(leaf)) {
            add(Kind::Location, value, &[leaf]);
        }
    }
}

fn coordinates(decoded: &Decoded<'_>, latitude: &Leaf, longitude: &Leaf) -> Option<String> {
    let degrees = |leaf| place::scaled(Leaf::name(leaf), decoded.bytes(leaf));
    place::coordinates(&degrees(latitude), &degrees(longitude), 2)
}

/// Parts of one cell belong together; a part that repeats begins another (`SIM1CELLID`, `SIM2CELLID`).
fn cell_groups<'a>(cells: &[(CellPart, &'a Leaf)]) -> Vec<Vec<(CellPart, &'a Leaf)>> {
    let mut out: Vec<Vec<(CellPart, &Leaf)>> = Vec::new();
    for &(part, leaf) in cells {
        match out.iter_mut().find(|group| !group.iter().any(|(other, _)| *other == part)) {
            Some(group) => group.push((part, leaf)),
            None => out.push(vec![(part, leaf)]),
        }
    }
    out
}

/// Matches, each identifier once at its best.
#[derive(Default)]
struct Findings(BTreeMap<(Kind, String), Match>);

impl Findings {
    fn add(&mut self, found: Match) {
        let key = (found.kind, found.value.clone());
        match self.0.get(&key) {
            Some(known) if known.confidence >= found.confidence => {}
            None if self.0.len() >= MOST_MATCHES => {}
            _ => {
                self.0.insert(key, found);
            }
        }
    }

    /// What a key or a shape shows may be a known value in a dress that no search expects (`0<IMSI>@nai…`).
    fn recognise(&mut self, known: &KnownValues) {
        for found in self.0.values_mut().filter(|it| it.confidence < Confidence::Known) {
            if known.same(found.kind, &found.value).is_some_and(|value| value == found.value) {
                found.confidence = Confidence::Known;
            }
        }
    }

    fn finish(self) -> Vec<Match> {
        let mut best: BTreeMap<&str, Confidence> = BTreeMap::new();
        for found in self.0.values() {
            let confidence = best.entry(&found.value).or_insert(found.confidence);
            *confidence = found.confidence.max(*confidence);
        }
        // The same value as two kinds is what the surer match says; and so is a known value in another dress.
        let known: Vec<&str> = self
            .0
            .values()
            .filter(|it| it.confidence == Confidence::Known)
            .map(|it| it.value.as_str())
            .collect();
        let is_known = |it: &Match| {
            it.confidence < Confidence::Known && known.iter().any(|known| is_dress(&it.value, known))
        };
        let mut out: Vec<Match> = self
            .0
            .values()
            .filter(|it| best.get(it.value.as_str()) == Some(&it.confidence) && !is_known(it))
            .cloned()
            .collect();
        out.sort_by(|one, other| {
            let rank = |it: &Match| (it.range.start, it.range.end, it.kind);
            other.confidence.cmp(&one.confidence).then_with(|| rank(one).cmp(&rank(other)))
        });
        out
    }
}

/// Whether digits are those of a known value backwards, with swapped pairs, or in the other base.
fn is_dress(value: &str, known: &str) -> bool {
    let number = |digits: &str, base| u64::from_str_radix(digits, base).ok();
    let same = |hex: &str, decimal: &str| hex.len() == 16 && number(hex, 16) == number(decimal, 10);
    value.len() >= 14
        && (value.bytes().eq(known.bytes().rev())
            || digits::swap_nibbles(value.as_bytes()) == known.as_bytes()
            || same(value, known)
            || same(known, value))
}

#[cfg(test)]
mod tests {
    use super::is_dress;

    #[test]
    fn a_known_value_is_told_in_other_dresses() {
        assert!(is_dress("505011438727353", "353727834110505"), "backwards");
        assert!(is_dress("53091901788739f3", "359091108778933"), "swapped pairs");
        assert!(
            is_dress("5407563846686303384", "4b0b86ab05fb6498")
                && is_dress("4b0b86ab05fb6498", "5407563846686303384")
        );
        assert!(!is_dress("353727834110505", "353727834110506") && !is_dress("11", "11"));
    }
}
