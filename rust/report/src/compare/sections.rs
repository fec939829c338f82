//! A comparison as headed lists of lines, which all renderers share. Everything is ready to show.

use std::collections::BTreeSet;

use inspect::report::Severity;

use super::{Comparison, Constancy, FindingRow, HostRow, IdentifierRow, PurposeRow, Status, Traffic};
use crate::country::country_label;
use crate::words::{self, bytes, counted, number, visible};

/// Values of one side that are shown; the JSON holds all.
const MOST_VALUES: usize = 4;

/// A headed list.
pub struct Section {
    /// Its stable name.
    pub name: &'static str,
    pub title: &'static str,
    pub lead: &'static str,
    pub lines: Vec<Line>,
}

/// What one list says of one thing.
pub struct Line {
    /// Stable name of its [`Status`] or [`Constancy`].
    pub status: &'static str,
    pub severity: Option<Severity>,
    pub item: String,
    pub detail: String,
    pub changes: String,
    /// One for each side; empty where there is nothing.
    pub sides: Vec<String>,
}

impl Line {
    /// Whether it says that nothing differs.
    pub fn is_same(&self) -> bool {
        self.status == Status::Same.as_str()
    }
}

pub fn sections(comparison: &Comparison) -> Vec<Section> {
    let constancy = match comparison.phones {
        false => "What stays the same recognises the phone in every boot.",
        true => "What stays the same is a constant of the software; what varies tells the phones apart.",
    };
    vec![
        Section {
            name: "findings",
            title: "Findings",
            lead: "By rule and host.",
            lines: comparison.findings.iter().map(finding).collect(),
        },
        Section {
            name: "hosts",
            title: "Hosts",
            lead: "Numbers in names are *; hosts without a name are put together by network.",
            lines: comparison.hosts.iter().map(host).collect(),
        },
        Section {
            name: "purposes",
            title: "Purposes",
            lead: "What the hosts are for.",
            lines: comparison.purposes.iter().map(purpose).collect(),
        },
        Section {
            name: "identifiers",
            title: "Identifiers",
            lead: constancy,
            lines: comparison.identifiers.iter().map(identifier).collect(),
        },
        Section {
            name: "triggers",
            title: "Triggers",
            lead: "What makes the phone contact a host, all boots taken together.",
            lines: triggers(comparison),
        },
    ]
}

/// What differs, in one sentence.
pub fn headline(comparison: &Comparison) -> String {
    let of = |status: Status| {
        let findings = comparison.findings.iter().filter(|row| row.status == status).count() as u64;
        let hosts = comparison.hosts.iter().filter(|row| row.status == status).count() as u64;
        let parts: Vec<String> = [(findings, "finding", "findings"), (hosts, "host", "hosts")]
            .into_iter()
            .filter(|(count, ..)| *count > 0)
            .map(|(count, one, many)| counted(count, one, many))
            .collect();
        (!parts.is_empty()).then(|| format!("{}: {}", status.as_str(), words::list(&parts)))
    };
    let parts: Vec<String> =
        [Status::New, Status::Changed, Status::Gone].into_iter().filter_map(of).collect();
    if parts.is_empty() {
        return "Nothing differs from the reference.".to_owned();
    }
    let mut text = parts.join("; ");
    if let Some(first) = text.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    text + "."
}

/// `A`, `B` … `Z`, then `S27`.
pub fn letter(index: usize) -> String {
    match u8::try_from(index) {
        Ok(index @ 0..26) => char::from(b'A' + index).to_string(),
        _ => format!("S{}", index + 1),
    }
}

fn finding(row: &FindingRow) -> Line {
    let side = |side: &super::FindingSide| {
        let kinds: Vec<_> = side.kinds.iter().map(|kind| words::kind_name(*kind).to_owned()).collect();
        let times = counted(side.count, "time", "times");
        match kinds.is_empty() {
            true => format!("{times}, {}", words::severity_name(side.severity)),
            false => format!("{times}, {}: {}", words::severity_name(side.severity), words::list(&kinds)),
        }
    };
    Line {
        status: row.status.as_str(),
        severity: Some(row.severity),
        item: format!("{}, {}", visible(&row.rule), visible(&row.host)),
        detail: visible(&row.title).into_owned(),
        changes: row.changes.join("; "),
        sides: row.sides.iter().map(|it| it.as_ref().map(side).unwrap_or_default()).collect(),
    }
}

fn host(row: &HostRow) -> Line {
    let all = |of: fn(&super::HostSide) -> &BTreeSet<String>| -> Vec<String> {
        let names: BTreeSet<&String> = row.sides.iter().flatten().flat_map(of).collect();
        names.into_iter().map(|name| visible(name).into_owned()).collect()
    };
    let mut detail: Vec<String> = row.owner.iter().map(|owner| visible(owner).into_owned()).collect();
    detail.extend(all(|side| &side.countries).iter().map(|code| country_label(code)));
    detail.extend(all(|side| &side.purposes));
    detail.extend(all(|side| &side.apps).into_iter().map(|app| format!("by {app}")));
    let side = |side: &super::HostSide| {
        let clear = if side.clear { ", in clear" } else { "" };
        format!("{}{clear}", traffic(side.traffic))
    };
    Line {
        status: row.status.as_str(),
        severity: row.counts,
        item: visible(&row.host).into_owned(),
        detail: detail.join(", "),
        changes: row.changes.join("; "),
        sides: row.sides.iter().map(|it| it.as_ref().map(side).unwrap_or_default()).collect(),
    }
}

fn purpose(row: &PurposeRow) -> Line {
    Line {
        status: row.status.as_str(),
        severity: None,
        item: visible(&row.purpose).into_owned(),
        detail: String::new(),
        changes: String::new(),
        sides: row.sides.iter().map(|it| it.map(traffic).unwrap_or_default()).collect(),
    }
}

fn identifier(row: &IdentifierRow) -> Line {
    let steps: Vec<_> = row.decode.iter().map(|step| visible(step)).collect();
    Line {
        status: row.constancy.as_str(),
        severity: None,
        item: format!("{}, {}", words::kind_name(row.kind), visible(&row.host)),
        detail: steps.join(" → "),
        changes: String::new(),
        sides: row.sides.iter().map(|side| values(side)).collect(),
    }
}

fn values(side: &[String]) -> String {
    let shown: Vec<_> = side.iter().take(MOST_VALUES).map(|value| visible(value)).collect();
    match side.len().saturating_sub(MOST_VALUES) {
        0 => shown.join(", "),
        more => format!("{} and {} more", shown.join(", "), number(more as u64)),
    }
}

fn triggers(comparison: &Comparison) -> Vec<Line> {
    let line = |trigger: &inspect::report::Trigger| Line {
        status: "",
        severity: None,
        item: words::trigger_party(trigger),
        detail: words::trigger(trigger),
        changes: format!("by chance: {}", words::chance(trigger.chance)),
        sides: vec![String::new(); comparison.sides.len()],
    };
    comparison.triggers.iter().map(line).collect()
}

fn traffic(traffic: Traffic) -> String {
    format!(
        "{}, {} out, {} in",
        counted(traffic.flows, "connection", "connections"),
        bytes(traffic.bytes_out),
        bytes(traffic.bytes_in)
    )
}

/// Which identifiers a section shows first; the others are counted in the text.
pub fn is_worth_a_line(line: &Line) -> bool {
    !line.is_same() && line.status != Constancy::Once.as_str()
}
