//! The report in one sentence, and how far it can be trusted.

use std::collections::BTreeSet;

use inspect::report::{Coverage, Finding, Report, Severity};
use packet::Direction;

use crate::words::{self, bytes, counted, list, number, visible};

/// What the report begins with.
pub struct Verdict {
    /// Of the worst finding; `None` when nothing was flagged.
    pub severity: Option<Severity>,
    /// One sentence.
    pub headline: String,
    /// What it rests on: never absent, so that "nothing" is not read as "all is well".
    pub basis: String,
}

/// Judges the report as a whole.
pub fn verdict(report: &Report) -> Verdict {
    let severity = report.findings.iter().map(|finding| finding.severity).max();
    let headline = match severity {
        Some(severity) => worst(report, severity),
        None if report.coverage.flows == 0 => "No connection was seen, so nothing can be said.".into(),
        None => "Nothing was flagged in what could be seen.".into(),
    };
    Verdict { severity, headline, basis: basis(report) }
}

/// Who was told what in the worst findings.
fn worst(report: &Report, severity: Severity) -> String {
    let worst: Vec<&Finding> =
        report.findings.iter().filter(|finding| finding.severity == severity).collect();
    let kinds: BTreeSet<_> =
        worst.iter().flat_map(|finding| &finding.identifiers).map(|id| id.kind).collect();
    let first = worst[0];
    if kinds.is_empty() {
        let others = match worst.len() {
            1 => String::new(),
            count => format!(" And {} more of this severity.", number(count as u64 - 1)),
        };
        return format!("{}.{others}", visible(first.title.trim_end_matches('.')));
    }
    let mut parties = Vec::new();
    for finding in &worst {
        let party = party(finding);
        if !parties.contains(&party) {
            parties.push(party);
        }
    }
    let kinds: Vec<_> = kinds.into_iter().map(|kind| words::kind_name(kind).to_owned()).collect();
    let how = match (
        worst.iter().any(|f| f.encrypted == Some(false)),
        worst.iter().any(|f| f.encrypted == Some(true)),
    ) {
        (true, false) => " in clear",
        (true, true) => ", partly in clear,",
        (false, true) => " encrypted",
        (false, false) => "",
    };
    let times = match worst.len() {
        1 => String::new(),
        count => format!(", {}", counted(count as u64, "time", "times")),
    };
    if parties.len() > SHOWN_PARTIES {
        let more = parties.len() - SHOWN_PARTIES;
        parties.truncate(SHOWN_PARTIES);
        parties.push(counted(more as u64, "other", "others"));
    }
    let (kinds, parties) = (list(&kinds), list(&parties));
    let told = worst.iter().flat_map(|finding| &finding.identifiers);
    match told.into_iter().any(|identifier| identifier.direction == Direction::Outbound) {
        true => format!("The phone sent its {kinds}{how} to {parties}{times}."),
        false => format!("The phone was sent its {kinds}{how} by {parties}{times}."),
    }
}

const SHOWN_PARTIES: usize = 3;

/// `China Telecom (China)`: who was told.
pub fn party(finding: &Finding) -> String {
    let name = finding.owner.as_deref().or(finding.host.as_deref()).unwrap_or("an unnamed host");
    match finding.country.as_deref().and_then(crate::country::country_name) {
        Some(country) => format!("{} ({country})", visible(name)),
        None => visible(name).into_owned(),
    }
}

/// What was seen, in one or two sentences.
fn basis(report: &Report) -> String {
    let coverage = &report.coverage;
    if coverage.flows == 0 {
        let packets = counted(report.capture.packets, "packet was", "packets were");
        return format!("{packets} read{}.", cut(report));
    }
    let mut parts = vec![format!("{} could be read", number(coverage.readable))];
    for (count, what) in [(coverage.encrypted, "encrypted"), (coverage.unknown, "neither")] {
        if count > 0 {
            parts.push(format!("{} {what}", counted(count, "is", "are")));
        }
    }
    if coverage.decrypted > 0 {
        parts.push(format!("{} of these read with the keys given", number(coverage.decrypted)));
    }
    let mut text = format!(
        "Of {}, {}; {} a host name",
        counted(coverage.flows, "connection", "connections"),
        list(&parts),
        counted(coverage.named, "has", "have"),
    );
    text.push_str(&cut(report));
    text.push('.');
    text
}

fn cut(report: &Report) -> String {
    match &report.capture.truncated {
        Some(_) => "; the capture was cut off".into(),
        None => String::new(),
    }
}

/// The coverage as lines of label and text.
pub fn coverage(report: &Report) -> Vec<(&'static str, String)> {
    let (capture, coverage) = (&report.capture, &report.coverage);
    let mut lines = vec![("capture", captured(report))];
    if let Some(truncated) = &capture.truncated {
        lines.push(("cut off", visible(truncated).into_owned()));
    }
    lines.push((
        "connections",
        format!(
            "{}: {} readable, {} encrypted, {} unknown; {} with a host name",
            number(coverage.flows),
            number(coverage.readable),
            number(coverage.encrypted),
            number(coverage.unknown),
            number(coverage.named),
        ),
    ));
    lines.push(("content", payload(coverage)));
    let mut lost = Vec::new();
    if coverage.midstream > 0 {
        lost.push(format!(
            "{} joined after their beginning",
            counted(coverage.midstream, "connection", "connections")
        ));
    }
    if coverage.evicted > 0 {
        lost.push(format!(
            "{} forgotten for want of room",
            counted(coverage.evicted, "connection", "connections")
        ));
    }
    let unparsed: u64 = capture.unparsed.values().fold(0, |sum, count| sum.saturating_add(*count));
    if unparsed > 0 {
        let reasons: Vec<_> = capture
            .unparsed
            .iter()
            .map(|(reason, count)| format!("{} {}", visible(reason).replace('_', " "), number(*count)))
            .collect();
        lost.push(format!(
            "{} not understood ({})",
            counted(unparsed, "packet", "packets"),
            reasons.join(", ")
        ));
    }
    if !lost.is_empty() {
        lines.push(("lost", lost.join("; ")));
    }
    lines.push(("looked for", looked_for(coverage)));
    lines
}

fn captured(report: &Report) -> String {
    let capture = &report.capture;
    let mut text = format!("{}, {}", counted(capture.packets, "packet", "packets"), bytes(capture.bytes));
    if let (Some(first), Some(last)) = (capture.first, capture.last) {
        text.push_str(&format!(
            " in {}, from {}",
            words::duration(last.since(first)),
            words::date_time(first)
        ));
    }
    text
}

fn payload(coverage: &Coverage) -> String {
    let mut text = format!(
        "{}: {} searched, {} encrypted",
        bytes(coverage.payload_bytes),
        bytes(coverage.searched_bytes),
        bytes(coverage.encrypted_bytes),
    );
    if coverage.missing_bytes > 0 {
        text.push_str(&format!(", {} missing from the capture", bytes(coverage.missing_bytes)));
    }
    text
}

fn looked_for(coverage: &Coverage) -> String {
    let kinds: Vec<_> = coverage.watched.iter().map(|kind| words::kind_name(*kind).to_owned()).collect();
    match kinds.is_empty() {
        true => "identifiers by key name and by shape; no values of this phone were given".into(),
        false => format!("this phone's {}, and identifiers by key name and by shape", list(&kinds)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testdata;

    #[test]
    fn the_worst_finding_speaks_first() {
        let verdict = verdict(&testdata::first_boot());
        assert_eq!(verdict.severity, Some(Severity::Critical));
        assert!(
            verdict.headline.contains("IMEI") && verdict.headline.contains("in clear"),
            "{}",
            verdict.headline
        );
        assert!(verdict.headline.contains("China Telecom (China), 3 times"), "{}", verdict.headline);
    }

    #[test]
    fn what_a_server_answers_is_not_said_to_be_sent_by_the_phone() {
        let mut report = testdata::first_boot();
        let identifiers = report.findings.iter_mut().flat_map(|finding| &mut finding.identifiers);
        identifiers.for_each(|identifier| identifier.direction = Direction::Inbound);
        let headline = verdict(&report).headline;
        assert!(headline.starts_with("The phone was sent its IMEI"), "{headline}");
        assert!(headline.contains("by China Telecom (China)"), "{headline}");
    }

    #[test]
    fn without_identifiers_the_title_speaks() {
        let mut report = testdata::first_boot();
        report.findings.retain(|finding| finding.identifiers.is_empty());
        report.findings.push(report.findings[0].clone());
        let headline = verdict(&report).headline;
        assert_eq!(headline, "Analytics contacted before any app was opened. And 1 more of this severity.");
    }

    #[test]
    fn the_basis_counts_what_there_is() {
        let mut report = testdata::nothing();
        report.capture.truncated = None;
        for (counts, said) in [
            ([1, 1, 0, 0, 1], "Of 1 connection, 1 could be read; 1 has a host name."),
            (
                [9, 6, 1, 2, 3],
                "Of 9 connections, 6 could be read, 1 is encrypted and 2 are neither; 3 have a host name.",
            ),
        ] {
            let coverage = &mut report.coverage;
            [coverage.flows, coverage.readable, coverage.encrypted, coverage.unknown, coverage.named] =
                counts;
            assert_eq!(verdict(&report).basis, said);
        }
    }

    #[test]
    fn nothing_flagged_is_said_together_with_what_was_seen() {
        let mut report = testdata::nothing();
        let quiet = verdict(&report);
        assert_eq!(quiet.severity, None);
        assert!(quiet.headline.contains("in what could be seen"));
        assert!(quiet.basis.contains("could be read") && quiet.basis.contains("cut off"), "{}", quiet.basis);
        report.coverage.flows = 0;
        assert!(verdict(&report).headline.contains("nothing can be said"));
    }
}
