//! Findings that say the same are shown once.

use std::collections::{BTreeMap, BTreeSet};

use inspect::IdentifierKind;
use inspect::report::{Finding, Identifier, Report, Severity};

/// Findings of one rule about one host with the same kinds of identifiers: one story, told again on other flows.
pub struct Group<'a> {
    /// In the order of the report; never empty.
    findings: Vec<&'a Finding>,
}

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
            None => groups.push(Group { findings: vec![finding] }),
        }
    }
    groups.sort_by_key(|group| std::cmp::Reverse(group.first().severity));
    groups
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
    fn another_kind_or_severity_is_another_story() {
        let mut report = testdata::first_boot();
        let before = groups(&report).len();
        report.findings[2].identifiers.pop();
        assert_eq!(groups(&report).len(), before + 1);
    }
}
