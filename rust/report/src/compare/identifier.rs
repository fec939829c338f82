//! Identifiers and where they stand, by boot: what stays the same recognises the phone.

use std::collections::{BTreeMap, BTreeSet};

use inspect::IdentifierKind;
use inspect::report::Report;
use serde::Serialize;

use super::pattern::Hosts;

/// What one kind of identifier is in one place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct IdentifierRow {
    /// Whether its value stays.
    pub constancy: Constancy,
    /// What it identifies.
    pub kind: IdentifierKind,
    /// Pattern of the host that it is told.
    pub host: String,
    /// The steps that lead to it, as in a report.
    pub decode: Vec<String>,
    /// The values, sorted; empty where it was not told.
    pub sides: Vec<Vec<String>>,
}

/// Whether a value stays from boot to boot, or from phone to phone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Constancy {
    /// The same values on all sides that have it, at least two. Of one phone: a lasting identifier. Of two phones: a
    /// constant of the software, which tells no phone from another.
    Constant,
    /// Some values are shared, others are not.
    Mixed,
    /// No value is on two sides. Of one phone: renewed. Of two phones: what tells them apart.
    Varies,
    /// On one side only.
    Once,
}

impl Constancy {
    /// The stable name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Constant => "constant",
            Self::Mixed => "mixed",
            Self::Varies => "varies",
            Self::Once => "once",
        }
    }
}

pub fn rows(reports: &[&Report]) -> Vec<IdentifierRow> {
    type Place = (IdentifierKind, String, Vec<String>);
    let mut rows: BTreeMap<Place, Vec<BTreeSet<String>>> = BTreeMap::new();
    for (index, report) in reports.iter().enumerate() {
        let hosts = Hosts::of(report);
        for finding in &report.findings {
            let host = hosts.of_finding(finding);
            for identifier in &finding.identifiers {
                let place = (identifier.kind, host.clone(), identifier.decode.clone());
                let sides = rows.entry(place).or_insert_with(|| vec![BTreeSet::new(); reports.len()]);
                if let Some(side) = sides.get_mut(index) {
                    side.insert(identifier.value.clone());
                }
            }
        }
    }
    let mut rows: Vec<IdentifierRow> = rows
        .into_iter()
        .map(|((kind, host, decode), sides)| IdentifierRow {
            constancy: constancy(&sides),
            kind,
            host,
            decode,
            sides: sides.into_iter().map(|side| side.into_iter().collect()).collect(),
        })
        .collect();
    rows.sort_by_key(|row| row.constancy);
    rows
}

fn constancy(sides: &[BTreeSet<String>]) -> Constancy {
    let present: Vec<_> = sides.iter().filter(|side| !side.is_empty()).collect();
    let [first, rest @ ..] = present.as_slice() else { return Constancy::Once };
    if rest.is_empty() {
        return Constancy::Once;
    }
    if rest.iter().all(|side| side == first) {
        return Constancy::Constant;
    }
    let distinct: BTreeSet<&String> = present.iter().copied().flatten().collect();
    match distinct.len() == present.iter().map(|side| side.len()).sum::<usize>() {
        true => Constancy::Varies,
        false => Constancy::Mixed,
    }
}
