//! Goes through decoded content and grades what it finds.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Range;

use super::keyed::{self, Context};
use super::known::KnownValues;
use super::learned::Learned;
use super::lexicon::{self, CellPart, Key};
use super::place;
use super::shape::Shapes;
use super::{Confidence, IdentifierKind as Kind, Match};
use crate::decode::{Decoded, Leaf};

/// Identifiers kept of one message; a list of a phone's surroundings has some dozens.
const MOST_MATCHES: usize = 1024;
/// Parts of places kept of one object.
const MOST_PLACES: usize = 64;

/// Every identifier in the content, best confidence first, then by range.
pub fn matches(decoded: &Decoded<'_>, known: &KnownValues, learned: &Learned, shapes: &Shapes) -> Vec<Match> {
    let mut found = Findings::default();
    let mut names = Names::default();
    let objects = objects(decoded, &mut names);
    search_known(decoded, known, &mut found);
    for leaf in decoded.leaves() {
        let object = objects.get(&leaf.object);
        let key = key_of(leaf, object.and_then(|it| it.label), &mut names);
        search_leaf(decoded, leaf, (key, object), learned, shapes, &mut found);
    }
    for object in objects.values() {
        search_places(decoded, object, known, &mut found);
    }
    found.finish()
}

/// What names say, each asked once: a list repeats its names with every item.
#[derive(Default)]
struct Names<'a> {
    alone: HashMap<&'a str, Said>,
    joined: HashMap<(&'a str, &'a str), Option<Key>>,
}

#[derive(Clone, Copy)]
struct Said {
    key: Option<Key>,
    device: bool,
    tracing: bool,
}

impl<'a> Names<'a> {
    fn get(&mut self, name: &'a str) -> Said {
        *self.alone.entry(name).or_insert_with(|| Said {
            key: lexicon::key(name),
            device: lexicon::tells_of_a_device(name),
            tracing: lexicon::tells_of_tracing(name),
        })
    }

    /// What two parts of a path say together.
    fn get_joined(&mut self, parent: &'a str, name: &'a str) -> Option<Key> {
        *self.joined.entry((parent, name)).or_insert_with(|| lexicon::key(&format!("{parent}{name}")))
    }
}

/// What is known of the leaves of an object together.
#[derive(Default)]
struct Object<'a> {
    device: bool,
    tracing: bool,
    /// `{"name": "imei", "value": …}`: what the value is called.
    label: Option<&'a [u8]>,
    places: Vec<(Key, &'a Leaf)>,
}

fn objects<'a>(decoded: &'a Decoded<'_>, names: &mut Names<'a>) -> BTreeMap<u32, Object<'a>> {
    let mut out: BTreeMap<u32, Object<'a>> = BTreeMap::new();
    for leaf in decoded.leaves() {
        let name = leaf.name();
        if name.is_empty() {
            continue;
        }
        let object = out.entry(leaf.object).or_default();
        let said = names.get(name);
        object.device |= said.device || is_app(name, decoded.bytes(leaf));
        object.tracing |= said.tracing;
        if ["name", "key", "k", "type"].iter().any(|it| name.eq_ignore_ascii_case(it)) {
            object.label = object.label.or(Some(decoded.bytes(leaf)));
        }
        if let Some(key) = key_of(leaf, None, names).filter(|key| place::is_part(*key) && !leaf.replaced)
            && object.places.len() < MOST_PLACES
        {
            object.places.push((key, leaf));
        }
    }
    out
}

/// Whether a header says that an app of a phone speaks, and not a browser.
fn is_app(name: &str, value: &[u8]) -> bool {
    name.eq_ignore_ascii_case("user-agent")
        && ["Dalvik/", "okhttp/", "Android-", "GoogleAuth/"].iter().any(|it| value.starts_with(it.as_bytes()))
}

/// What a leaf's key names: by its last part, else together with the part before, or by the label beside it.
fn key_of<'a>(leaf: &'a Leaf, label: Option<&[u8]>, names: &mut Names<'a>) -> Option<Key> {
    let name = leaf.name();
    let own = names.get(name).key;
    if own.is_some_and(|key| key != Key::Vague) {
        return own;
    }
    let is_value = ["value", "val", "v", "data", "content"].iter().any(|it| name.eq_ignore_ascii_case(it));
    if is_value && let Some(key) = label.and_then(|it| std::str::from_utf8(it).ok()).and_then(lexicon::key) {
        return Some(key);
    }
    let parent = leaf.parent();
    if parent.is_empty() {
        return own;
    }
    if is_value {
        return names.get(parent).key.or(own);
    }
    // `device.id`, `advertising.id`: only short names need what stands before.
    if own.is_none() && name.len() > 4 {
        return None;
    }
    names.get_joined(parent, name).or(own)
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
        for hit in known.find(bytes) {
            if !seen.insert((hit.kind, hit.value)) {
                continue;
            }
            let (decode, range) = match decoded.leaf_at(node, &hit.range) {
                Some((leaf, part)) => (decoded.chain(leaf), decoded.range(leaf, part)),
                None => decoded.locate(node, &hit.range),
            };
            add(hit.kind, hit.value, decode, hit.steps, range);
        }
    }
    for leaf in decoded.leaves().iter().filter(|leaf| decoded.is_own(leaf)) {
        for hit in known.find(decoded.bytes(leaf)) {
            if !seen.insert((hit.kind, hit.value)) {
                continue;
            }
            add(hit.kind, hit.value, decoded.chain(leaf), hit.steps, decoded.range(leaf, hit.range.clone()));
        }
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
        if let Some(value) = place::coordinates(decoded.bytes(latitude), decoded.bytes(longitude), 2) {
            add(Kind::Location, value, &[latitude, longitude]);
        }
    }
    for leaf in of(Key::Coordinates) {
        if let Some(value) = place::pair(decoded.bytes(leaf)) {
            add(Kind::Location, value, &[leaf]);
        }
    }
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

    fn finish(self) -> Vec<Match> {
        let mut best: BTreeMap<&str, Confidence> = BTreeMap::new();
        for found in self.0.values() {
            let confidence = best.entry(&found.value).or_insert(found.confidence);
            *confidence = found.confidence.max(*confidence);
        }
        // The same value as two kinds is what the surer match says.
        let mut out: Vec<Match> = self
            .0
            .values()
            .filter(|it| best.get(it.value.as_str()) == Some(&it.confidence))
            .cloned()
            .collect();
        out.sort_by(|one, other| {
            let rank = |it: &Match| (it.range.start, it.range.end, it.kind);
            other.confidence.cmp(&one.confidence).then_with(|| rank(one).cmp(&rank(other)))
        });
        out
    }
}
