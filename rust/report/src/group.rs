//! Findings that say the same are shown once.

use std::collections::{BTreeMap, BTreeSet};

use inspect::report::{Finding, Identifier, Report, Severity};
use inspect::{Confidence, IdentifierKind};

/// Findings of one rule about one host with the same kinds of identifiers: one story, told again on other flows.
pub struct Group<'a> {
    /// In the order of the report; never empty.
    findings: Vec<&'a Finding>,
    told_before: Option<u32>,
}

/// What tells one identifier of a group from another.
type Told<'a> = (IdentifierKind, &'a str, Confidence, &'a [String]);

impl<'a> Group<'a> {
    /// The first to happen: its words stand for all.
    pub fn first(&self) -> &'a Finding {
        self.findings[0]
    }

    /// All of them, in the order of the report.
    pub fn findings(&self) -> &[&'a Finding] {
        &self.findings
    }

    /// Their flows, each once, in the order of the report.
    pub fn flows(&self) -> Vec<u32> {
        let mut seen = BTreeSet::new();
        self.findings.iter().map(|finding| finding.flow).filter(|flow| seen.insert(*flow)).collect()
    }

    /// The first finding of the first group before this one that told the same identifiers, in the same way, if they are
    /// several: one request often breaks several rules.
    pub const fn told_before(&self) -> Option<u32> {
        self.told_before
    }

    /// Their identifiers by kind, then in the order of the report; of a value that comes again, the surest.
    pub fn identifiers(&self) -> Vec<&'a Identifier> {
        let mut places: BTreeMap<(IdentifierKind, &str), usize> = BTreeMap::new();
        let mut best: Vec<&Identifier> = Vec::new();
        for identifier in self.findings.iter().flat_map(|finding| &finding.identifiers) {
            let place = *places.entry((identifier.kind, &identifier.value)).or_insert(best.len());
            match best.get_mut(place) {
                Some(slot) if identifier.confidence > slot.confidence => *slot = identifier,
                Some(_) => {}
                None => best.push(identifier),
            }
        }
        best.sort_by_key(|identifier| identifier.kind);
        best
    }
}

/// The report's findings in groups, worst first, then in the order of their first evidence.
pub fn groups(report: &Report) -> Vec<Group<'_>> {
    type Key<'a> = (Severity, &'a str, Option<&'a str>, (Option<bool>, bool), BTreeSet<IdentifierKind>);
    let mut index: BTreeMap<Key<'_>, usize> = BTreeMap::new();
    let mut groups: Vec<Group<'_>> = Vec::new();
    for finding in &report.findings {
        let kinds = finding.identifiers.iter().map(|identifier| identifier.kind).collect();
        let sent = (finding.encrypted, finding.decrypted);
        let key = (finding.severity, finding.rule.as_str(), finding.host.as_deref(), sent, kinds);
        let slot = *index.entry(key).or_insert(groups.len());
        match groups.get_mut(slot) {
            Some(group) => group.findings.push(finding),
            None => groups.push(Group { findings: vec![finding], told_before: None }),
        }
    }
    groups.sort_by_key(|group| std::cmp::Reverse(group.first().severity));
    refer_back(&mut groups);
    groups
}

fn refer_back(groups: &mut [Group<'_>]) {
    let mut first: BTreeMap<Vec<Told<'_>>, u32> = BTreeMap::new();
    for group in groups {
        let told: Vec<Told<'_>> =
            group.identifiers().iter().map(|it| (it.kind, &*it.value, it.confidence, &*it.decode)).collect();
        if told.len() < 2 {
            continue;
        }
        let id = group.first().id;
        group.told_before = Some(*first.entry(told).or_insert(id)).filter(|before| *before != id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testdata;

    #[test]
    fn three_tries_are_one_story() {
        let report = testdata::first_boot();
        let groups = groups(&report);
        assert_eq!(groups[0].findings().len(), 3);
        assert_eq!(groups[0].flows().len(), 3);
        let values: Vec<_> = groups[0].identifiers().iter().map(|id| id.value.as_str()).collect();
        assert_eq!(values[..2], ["001017001234569", "001017001234643"]);
        assert_eq!(values.len(), 7);
        assert!(groups.is_sorted_by(|a, b| a.first().severity >= b.first().severity));
        let all: usize = groups.iter().map(|group| group.findings().len()).sum();
        assert_eq!(all, report.findings.len());
    }

    #[test]
    fn what_was_told_before_is_said_to_be() {
        let mut report = testdata::first_boot();
        let other = Finding { id: 90, rule: "another".into(), ..report.findings[0].clone() };
        let fewer = Finding { id: 91, identifiers: other.identifiers[1..].to_vec(), ..other.clone() };
        report.findings.extend([other, fewer]);
        let before = |id| groups(&report).iter().find(|it| it.first().id == id).and_then(Group::told_before);
        let first = groups(&report)[0].first().id;
        assert_eq!((before(first), before(90), before(91)), (None, Some(first), None));
    }

    #[test]
    fn another_kind_or_severity_is_another_story() {
        let mut report = testdata::first_boot();
        let before = groups(&report).len();
        report.findings[2].identifiers.pop();
        assert_eq!(groups(&report).len(), before + 1);
    }
}
