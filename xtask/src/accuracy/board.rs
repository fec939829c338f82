//! Counts, and the first misses and false alarms.

use std::collections::{BTreeMap, BTreeSet};

use corpus::form::{Grade, Sort};
use corpus::{Sample, Truth};
use inspect::report::Identifier;

/// How often what was there was found.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// Found.
    pub found: u64,
    /// Not found.
    pub missed: u64,
}

impl Tally {
    /// The share that was found; 1 of nothing.
    pub fn share(self) -> f64 {
        let all = self.found + self.missed;
        if all == 0 { 1.0 } else { self.found as f64 / all as f64 }
    }

    fn count(&mut self, found: bool) {
        *(if found { &mut self.found } else { &mut self.missed }) += 1;
    }

    fn add(&mut self, other: Self) {
        self.found += other.found;
        self.missed += other.missed;
    }
}

/// What the rows of tables are about, in their order.
pub const DIMENSIONS: [&str; 7] =
    ["confidence", "identifier", "written", "content", "encoding", "transport", "place"];

/// What must be reached: a row of `confidence`, and the share.
const THRESHOLDS: [(&str, f64); 3] = [(KNOWN, 1.0), (KEY, 0.995), (SHAPE, 0.98)];
/// Of all that is claimed at medium severity and above.
const PRECISION: f64 = 0.999;

const KNOWN: &str = "known value, readable or reversible";
const DIGEST: &str = "known value, as a digest";
const KEY: &str = "key";
const SHAPE: &str = "shape";

/// The counts.
#[derive(Debug, Default)]
pub struct Board {
    /// Conversations that carry something, and innocent ones.
    pub flows: [u64; 2],
    /// By dimension and row.
    pub recall: BTreeMap<(&'static str, String), Tally>,
    /// Claims of medium severity and above: right and wrong.
    pub claims: Tally,
    /// Innocent conversations that stayed silent, and that did not, by the place of their look-alikes.
    pub silence: BTreeMap<String, Tally>,
    /// False alarms by the class of look-alike.
    pub alarms: BTreeMap<String, u64>,
    /// How often each class of look-alike was there.
    pub lookalikes: BTreeMap<&'static str, u64>,
    /// Misses by what they have in common.
    pub causes: BTreeMap<String, u64>,
    /// The first of each, by number.
    pub misses: BTreeSet<(u64, String)>,
    /// As `misses`.
    pub false_alarms: BTreeSet<(u64, String)>,
    listed: usize,
}

impl Board {
    /// One that lists so many misses and false alarms.
    pub fn new(listed: usize) -> Self {
        Self { listed, ..Self::default() }
    }

    /// An identifier was there.
    pub fn count_truth(&mut self, number: u64, truth: &Truth, found: bool) {
        self.flows[0] += 1;
        let kind = truth.identity.kind.name();
        let rows = [
            confidence(truth),
            kind.to_owned(),
            truth.form.name.to_owned(),
            truth.content.to_owned(),
            truth.wrapping.to_owned(),
            truth.transport.to_owned(),
            format!("{} {}", truth.transport, truth.place),
        ];
        for (dimension, row) in DIMENSIONS.into_iter().zip(rows) {
            self.recall.entry((dimension, row)).or_default().count(found);
        }
        if found {
            return;
        }
        let grade = truth.grade.name();
        let place = format!("{} {}: {}", truth.transport, truth.place, truth.content);
        let what = format!("{grade} {kind}, {}, {}, {place}", truth.form.name, truth.wrapping);
        let cause = format!("{grade}, {}, {place}", truth.wrapping);
        *self.causes.entry(cause).or_default() += 1;
        keep(&mut self.misses, self.listed, (number, format!("{what}: {}", truth.identity.value)));
    }

    /// A conversation was innocent.
    pub fn count_innocent(&mut self, sample: &Sample, alarmed: bool) {
        self.flows[1] += 1;
        self.silence.entry(sample.place.clone()).or_default().count(!alarmed);
        for (class, _) in &sample.lookalikes {
            *self.lookalikes.entry(class).or_default() += 1;
        }
    }

    /// Something was claimed and is true.
    pub const fn count_right(&mut self) {
        self.claims.found += 1;
    }

    /// Something was claimed and is not true.
    pub fn count_alarm(&mut self, sample: &Sample, claim: &str, identifier: Option<&Identifier>) {
        self.claims.missed += 1;
        let class = identifier.and_then(|it| class_of(sample, &it.value));
        let cause =
            class.unwrap_or(if sample.truth.is_some() { "beside what is there" } else { "something else" });
        *self.alarms.entry(cause.to_owned()).or_default() += 1;
        let about = match &sample.truth {
            Some(truth) => format!("{} {} is {}", truth.transport, truth.place, truth.identity.kind.name()),
            None => sample.place.clone(),
        };
        keep(&mut self.false_alarms, self.listed, (sample.number, format!("{claim} ({cause}; {about})")));
    }

    /// Adds the counts of another board.
    pub fn merge(&mut self, other: Self) {
        self.flows[0] += other.flows[0];
        self.flows[1] += other.flows[1];
        self.claims.add(other.claims);
        for (row, tally) in other.recall {
            self.recall.entry(row).or_default().add(tally);
        }
        for (row, tally) in other.silence {
            self.silence.entry(row).or_default().add(tally);
        }
        for (counts, more) in [(&mut self.alarms, other.alarms), (&mut self.causes, other.causes)] {
            for (row, count) in more {
                *counts.entry(row).or_default() += count;
            }
        }
        for (row, count) in other.lookalikes {
            *self.lookalikes.entry(row).or_default() += count;
        }
        for miss in other.misses {
            keep(&mut self.misses, self.listed, miss);
        }
        for alarm in other.false_alarms {
            keep(&mut self.false_alarms, self.listed, alarm);
        }
    }

    /// What is below its threshold.
    pub fn below(&self) -> Vec<String> {
        let row = |row: &str| self.recall.get(&("confidence", row.to_owned())).copied().unwrap_or_default();
        let recalls =
            THRESHOLDS.iter().map(|(name, least)| (format!("recall, {name}"), row(name).share(), *least));
        recalls
            .chain([("precision".to_owned(), self.claims.share(), PRECISION)])
            .filter(|(_, share, least)| share < least)
            .map(|(name, share, least)| format!("{name}: {share:.5}, not {least}"))
            .collect()
    }
}

fn confidence(truth: &Truth) -> String {
    let row = match (truth.grade, truth.form.sort) {
        (Grade::Known, Sort::Digest) => DIGEST,
        (Grade::Known, _) => KNOWN,
        (Grade::Key, _) => KEY,
        (Grade::Shape, _) => SHAPE,
    };
    row.to_owned()
}

/// Which look-alike a value was taken from, by its letters and digits.
fn class_of(sample: &Sample, value: &str) -> Option<&'static str> {
    let plain = |text: &str| -> String {
        text.chars().filter(char::is_ascii_alphanumeric).map(|it| it.to_ascii_lowercase()).collect()
    };
    let value = plain(value);
    sample.lookalikes.iter().find(|(_, text)| plain(text).contains(&value)).map(|(class, _)| *class)
}

/// Keeps the first ones by number, whichever worker comes first.
fn keep(list: &mut BTreeSet<(u64, String)>, most: usize, item: (u64, String)) {
    list.insert(item);
    while list.len() > most {
        list.pop_last();
    }
}
