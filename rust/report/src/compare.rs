//! Boots side by side: what is new, gone, changed, and which identifiers stay. Schema `telltale.comparison/1`.
//!
//! Times, local ports and addresses of a name differ in every boot and are not compared; `pattern` says by which name
//! a host is recognised.

mod csv;
mod finding;
mod host;
mod html;
mod identifier;
mod pattern;
mod sections;
mod text;

use inspect::report::{Report, Severity, Trigger};
use inspect::trigger::{Watched, triggers};
use serde::Serialize;

pub use self::csv::to_csv;
pub use self::finding::{FindingRow, FindingSide};
pub use self::host::{HostRow, HostSide, PurposeRow, Traffic};
pub use self::html::to_html;
pub use self::identifier::{Constancy, IdentifierRow};
pub use self::text::to_text;
use crate::json;
use crate::mask::{Redactor, mask};

/// The schema's name, the first field of the JSON.
pub const SCHEMA: &str = "telltale.comparison/1";

/// A report to compare.
#[derive(Debug, Clone)]
pub struct Boot {
    /// What it is called in the comparison.
    pub name: String,
    /// Whether it is known to be good, or the first: what it holds is not new.
    pub reference: bool,
    /// What was seen. Read again from a masked report, values are compared as far as they are shown.
    pub report: Report,
}

/// Boots side by side. All lists `sides` are in the order of [`Comparison::sides`].
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Comparison {
    /// [`SCHEMA`].
    pub schema: String,
    /// Whether each side is another phone, not another boot of the same.
    pub phones: bool,
    /// What is compared.
    pub sides: Vec<Side>,
    /// By status, worst first.
    pub findings: Vec<FindingRow>,
    /// By status, worst first, then by name.
    pub hosts: Vec<HostRow>,
    /// By status, then by name.
    pub purposes: Vec<PurposeRow>,
    /// By constancy, kind and place.
    pub identifiers: Vec<IdentifierRow>,
    /// Of all sides together; their `flows` are empty.
    pub triggers: Vec<Trigger>,
}

/// One of the reports.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Side {
    /// The file's name.
    pub name: String,
    /// Whether what it holds is not new.
    pub reference: bool,
    /// Connections.
    pub flows: u64,
    /// Payload bytes sent by the phone.
    pub bytes_out: u64,
    /// Payload bytes received by the phone.
    pub bytes_in: u64,
    /// Findings.
    pub findings: u64,
    /// The worst of them.
    pub worst: Option<Severity>,
    /// Whether it was read from a report that hides values: other values may look the same.
    pub masked: bool,
    /// Where and why reading stopped early: what is gone may only be unread.
    pub truncated: Option<String>,
}

/// How something differs from the reference.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Not in the reference.
    New,
    /// In both, in another way.
    Changed,
    /// Only in the reference.
    Gone,
    /// In both.
    Same,
}

impl Status {
    /// The stable name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Changed => "changed",
            Self::Gone => "gone",
            Self::Same => "same",
        }
    }

    const fn of(in_reference: bool, in_subject: bool, changed: bool) -> Self {
        match (in_reference, in_subject) {
            (false, _) => Self::New,
            (true, false) => Self::Gone,
            (true, true) if changed => Self::Changed,
            (true, true) => Self::Same,
        }
    }
}

/// Compares the boots. When none of them is a reference, the first is.
pub fn compare(boots: &[Boot], phones: bool) -> Comparison {
    let references = references(boots);
    let reports: Vec<&Report> = boots.iter().map(|boot| &boot.report).collect();
    let watched: Vec<Watched<'_>> = reports.iter().map(|report| Watched::from(*report)).collect();
    let mut triggers = triggers(&watched);
    // An id means nothing without its side.
    triggers.iter_mut().for_each(|trigger| trigger.flows.clear());
    Comparison {
        schema: SCHEMA.to_owned(),
        phones,
        sides: boots.iter().zip(&references).map(|(boot, reference)| side(boot, *reference)).collect(),
        findings: finding::rows(&reports, &references),
        hosts: host::rows(&reports, &references),
        purposes: host::purposes(&reports, &references),
        identifiers: identifier::rows(&reports),
        triggers,
    }
}

impl Comparison {
    /// The worst that is new or has become worse; `None` when nothing did.
    pub fn worst(&self) -> Option<Severity> {
        let findings = self.findings.iter().filter_map(|row| row.counts);
        findings.chain(self.hosts.iter().filter_map(|row| row.counts)).max()
    }
}

fn references(boots: &[Boot]) -> Vec<bool> {
    let some = boots.iter().any(|boot| boot.reference);
    boots.iter().enumerate().map(|(index, boot)| if some { boot.reference } else { index == 0 }).collect()
}

fn side(boot: &Boot, reference: bool) -> Side {
    let report = &boot.report;
    let sum = |bytes: fn(&inspect::report::Flow) -> u64| {
        report.flows.iter().fold(0_u64, |sum, flow| sum.saturating_add(bytes(flow)))
    };
    Side {
        name: boot.name.clone(),
        reference,
        flows: report.flows.len() as u64,
        bytes_out: sum(|flow| flow.bytes_out),
        bytes_in: sum(|flow| flow.bytes_in),
        findings: report.findings.len() as u64,
        worst: report.findings.iter().map(|finding| finding.severity).max(),
        masked: is_masked(report),
        truncated: report.capture.truncated.clone(),
    }
}

/// Whether masking changes nothing because it was done before.
fn is_masked(report: &Report) -> bool {
    let mut values = report.findings.iter().flat_map(|finding| &finding.identifiers).peekable();
    values.peek().is_some() && values.all(|it| it.value.contains('*') && mask(it.kind, &it.value) == it.value)
}

/// Splits a row's sides into those of the reference and the others, the absent left out.
fn split<'a, T>(sides: &'a [Option<T>], references: &[bool]) -> (Vec<&'a T>, Vec<&'a T>) {
    let present = |wanted: bool| {
        let pairs = sides.iter().zip(references).filter(move |(_, reference)| **reference == wanted);
        pairs.filter_map(|(side, _)| side.as_ref()).collect()
    };
    (present(true), present(false))
}

/// The comparison with every identifier's value masked, wherever it stands.
pub fn masked(comparison: &Comparison) -> Comparison {
    let values = comparison
        .identifiers
        .iter()
        .flat_map(|row| row.sides.iter().flatten().map(move |value| (row.kind, value.as_str())));
    let redactor = Redactor::new(values);
    let mut masked = comparison.clone();
    for side in &mut masked.sides {
        redactor.redact_party(&mut side.name, &mut side.truncated);
    }
    for row in &mut masked.findings {
        redactor.redact(&mut row.host);
        redactor.redact(&mut row.title);
    }
    for row in &mut masked.hosts {
        redactor.redact(&mut row.host);
        row.changes.iter_mut().for_each(|change| redactor.redact(change));
        for side in row.sides.iter_mut().flatten() {
            side.apps = side.apps.iter().cloned().map(|app| redacted(&redactor, app)).collect();
        }
    }
    for row in &mut masked.identifiers {
        redactor.redact(&mut row.host);
        row.decode.iter_mut().for_each(|step| redactor.redact(step));
        for value in row.sides.iter_mut().flatten() {
            *value = mask(row.kind, value);
        }
    }
    for trigger in &mut masked.triggers {
        redactor.redact_party(&mut trigger.host, &mut trigger.app);
    }
    masked
}

fn redacted(redactor: &Redactor, mut text: String) -> String {
    redactor.redact(&mut text);
    text
}

/// As a report's JSON: pretty-printed, fields in order, a newline at the end.
pub fn to_json(comparison: &Comparison) -> String {
    json::pretty(comparison)
}

#[cfg(test)]
mod tests;
