//! Findings, by boot.

use std::collections::{BTreeMap, BTreeSet};

use inspect::IdentifierKind;
use inspect::report::{Finding, Report, Severity};
use serde::Serialize;

use super::pattern::Hosts;
use super::{Status, split};
use crate::words;

/// What a rule says of a host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FindingRow {
    /// The rule.
    pub rule: String,
    /// The host's pattern.
    pub host: String,
    /// How it differs.
    pub status: Status,
    /// The worst of all boots.
    pub severity: Severity,
    /// What it weighs for `--fail-on`: its severity in the boots where it is new or worse, else null.
    pub counts: Option<Severity>,
    /// As the first boot that has it says it.
    pub title: String,
    /// What changed, in words.
    pub changes: Vec<String>,
    /// Null where it was not found.
    pub sides: Vec<Option<FindingSide>>,
}

/// A finding in one boot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FindingSide {
    /// How many times.
    pub count: u64,
    /// The worst.
    pub severity: Severity,
    /// Kinds of the identifiers.
    pub kinds: BTreeSet<IdentifierKind>,
    /// The report's ids.
    pub ids: Vec<u32>,
}

pub fn rows(reports: &[&Report], references: &[bool]) -> Vec<FindingRow> {
    let mut rows: BTreeMap<(String, String), FindingRow> = BTreeMap::new();
    for (index, report) in reports.iter().enumerate() {
        let hosts = Hosts::of(report);
        for finding in &report.findings {
            let host = hosts.of_finding(finding);
            let row = rows.entry((finding.rule.clone(), host.clone())).or_insert_with(|| FindingRow {
                rule: finding.rule.clone(),
                host,
                status: Status::Same,
                severity: finding.severity,
                counts: None,
                title: finding.title.clone(),
                changes: Vec::new(),
                sides: vec![None; reports.len()],
            });
            row.severity = row.severity.max(finding.severity);
            if let Some(side) = row.sides.get_mut(index) {
                add(side, finding);
            }
        }
    }
    let mut rows: Vec<FindingRow> = rows.into_values().collect();
    rows.iter_mut().for_each(|row| row.judge(references));
    rows.sort_by_key(|row| (row.status, std::cmp::Reverse(row.severity)));
    rows
}

fn add(side: &mut Option<FindingSide>, finding: &Finding) {
    let side = side.get_or_insert_with(|| FindingSide {
        count: 0,
        severity: finding.severity,
        kinds: BTreeSet::new(),
        ids: Vec::new(),
    });
    side.count += 1;
    side.severity = side.severity.max(finding.severity);
    side.kinds.extend(finding.identifiers.iter().map(|identifier| identifier.kind));
    side.ids.push(finding.id);
}

impl FindingRow {
    fn judge(&mut self, references: &[bool]) {
        let (before, after) = split(&self.sides, references);
        let worst = |sides: &[&FindingSide]| sides.iter().map(|side| side.severity).max();
        let kinds = |sides: &[&FindingSide]| -> BTreeSet<IdentifierKind> {
            sides.iter().flat_map(|side| &side.kinds).copied().collect()
        };
        let mut changes = Vec::new();
        let mut worse = false;
        if let (Some(was), Some(is)) = (worst(&before), worst(&after)) {
            if was != is {
                let [is, was] = [is, was].map(words::severity_name);
                changes.push(format!("{is}, was {was}"));
            }
            let (old, new) = (kinds(&before), kinds(&after));
            let list = |kinds: BTreeSet<IdentifierKind>| -> Vec<String> {
                kinds.into_iter().map(|kind| words::kind_name(kind).to_owned()).collect()
            };
            let (told, untold) = (list(&new - &old), list(&old - &new));
            worse = is > was || !told.is_empty();
            if !told.is_empty() {
                changes.push(format!("now tells {}", words::list(&told)));
            }
            if !untold.is_empty() {
                changes.push(format!("no longer tells {}", words::list(&untold)));
            }
        }
        self.status = Status::of(!before.is_empty(), !after.is_empty(), !changes.is_empty());
        self.counts = if self.status == Status::New || worse { worst(&after) } else { None };
        self.changes = changes;
    }
}
