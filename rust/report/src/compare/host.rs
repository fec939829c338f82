//! Hosts and purposes, by boot.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;

use inspect::report::{Flow, Purpose, Report, Severity};
use serde::Serialize;

use super::{Status, pattern, split};
use crate::words;

/// Bytes are a change when they differ by this factor, and by more than [`LEAST_BYTES`]: retries and sizes of certificates
/// are none.
const FACTOR: u64 = 3;
const LEAST_BYTES: u64 = 4_096;

/// A host, with all that was said to it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct HostRow {
    /// Its pattern: numbers in it are `*`; without a name its network.
    pub host: String,
    /// How it differs.
    pub status: Status,
    /// What it weighs for `--fail-on`: contact with a host that no normal boot contacts is `low`, with one that a
    /// normal boot does `info`; content that is now in clear is `low`. Null when nothing is new.
    pub counts: Option<Severity>,
    /// What changed, in words.
    pub changes: Vec<String>,
    /// Who runs it.
    pub owner: Option<String>,
    /// Whether a normal boot contacts it; null when the host is not known.
    pub expected: Option<bool>,
    /// Null where it was not contacted.
    pub sides: Vec<Option<HostSide>>,
}

/// A host in one boot.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct HostSide {
    /// Connections and bytes.
    #[serde(flatten)]
    pub traffic: Traffic,
    /// Remote ports.
    pub ports: BTreeSet<u16>,
    /// Whether anything was in clear.
    pub clear: bool,
    /// Countries of its addresses.
    pub countries: BTreeSet<String>,
    /// What it is for.
    pub purposes: BTreeSet<String>,
    /// Who contacted it.
    pub apps: BTreeSet<String>,
}

/// Connections and their payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Traffic {
    /// Connections.
    pub flows: u64,
    /// Sent by the phone.
    pub bytes_out: u64,
    /// Received by the phone.
    pub bytes_in: u64,
}

impl Traffic {
    fn add(&mut self, flow: &Flow) {
        self.flows += 1;
        self.bytes_out = self.bytes_out.saturating_add(flow.bytes_out);
        self.bytes_in = self.bytes_in.saturating_add(flow.bytes_in);
    }
}

/// What hosts are for, summed up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PurposeRow {
    /// As in a report's flow; `unknown` where it says nothing.
    pub purpose: String,
    /// How it differs; traffic alone is no difference.
    pub status: Status,
    /// Null where nothing was for it.
    pub sides: Vec<Option<Traffic>>,
}

pub fn rows(reports: &[&Report], references: &[bool]) -> Vec<HostRow> {
    let mut rows: BTreeMap<String, HostRow> = BTreeMap::new();
    for (index, report) in reports.iter().enumerate() {
        for flow in &report.flows {
            let host = pattern::of_flow(flow);
            let row = rows.entry(host.clone()).or_insert_with(|| HostRow {
                host,
                status: Status::Same,
                counts: None,
                changes: Vec::new(),
                owner: None,
                expected: None,
                sides: vec![None; reports.len()],
            });
            row.owner = row.owner.take().or_else(|| flow.owner.clone());
            row.expected = row.expected.or(flow.expected);
            if let Some(side) = row.sides.get_mut(index) {
                side.get_or_insert_default().add(flow);
            }
        }
    }
    let mut rows: Vec<HostRow> = rows.into_values().collect();
    rows.iter_mut().for_each(|row| row.judge(references));
    rows.sort_by_key(|row| (row.status, std::cmp::Reverse(row.counts)));
    rows
}

pub fn purposes(reports: &[&Report], references: &[bool]) -> Vec<PurposeRow> {
    let mut rows: BTreeMap<&str, Vec<Option<Traffic>>> = BTreeMap::new();
    for (index, report) in reports.iter().enumerate() {
        for flow in &report.flows {
            let purpose = flow.purpose.as_str();
            let sides = rows.entry(purpose).or_insert_with(|| vec![None; reports.len()]);
            if let Some(side) = sides.get_mut(index) {
                side.get_or_insert_default().add(flow);
            }
        }
    }
    let row = |(purpose, sides): (&str, Vec<Option<Traffic>>)| {
        let (before, after) = split(&sides, references);
        let status = Status::of(!before.is_empty(), !after.is_empty(), false);
        PurposeRow { purpose: purpose.to_owned(), status, sides }
    };
    let mut rows: Vec<PurposeRow> = rows.into_iter().map(row).collect();
    rows.sort_by_key(|row| row.status);
    rows
}

impl HostSide {
    fn add(&mut self, flow: &Flow) {
        self.traffic.add(flow);
        self.ports.insert(flow.remote.port());
        self.clear |= flow.encrypted == Some(false);
        self.countries.extend(flow.country.clone());
        if flow.purpose != Purpose::Unknown {
            self.purposes.insert(flow.purpose.as_str().to_owned());
        }
        self.apps.extend(flow.app.as_ref().map(|app| app.name.clone()));
    }
}

impl HostRow {
    fn judge(&mut self, references: &[bool]) {
        let (before, after) = split(&self.sides, references);
        let contact = if self.expected == Some(true) { Severity::Info } else { Severity::Low };
        let (changes, weight) = match before.is_empty() || after.is_empty() {
            true => (Vec::new(), None),
            false => changes(&before, &after),
        };
        self.status = Status::of(!before.is_empty(), !after.is_empty(), !changes.is_empty());
        self.counts = if self.status == Status::New { Some(contact) } else { weight };
        self.changes = changes;
    }
}

/// What the later boots have that no earlier one had, and what it weighs.
fn changes(before: &[&HostSide], after: &[&HostSide]) -> (Vec<String>, Option<Severity>) {
    let mut changes = Vec::new();
    let mut weight = None;
    if after.iter().any(|side| side.clear) && !before.iter().any(|side| side.clear) {
        changes.push("now in clear".to_owned());
        weight = Some(Severity::Low);
    }
    let news = [
        added("port", before, after, |side| &side.ports),
        added("country", before, after, |side| &side.countries),
        added("purpose", before, after, |side| &side.purposes),
        added("app", before, after, |side| &side.apps),
    ];
    for news in news.into_iter().flatten() {
        changes.push(news);
        weight = weight.max(Some(Severity::Info));
    }
    changes.extend(bytes("sent", before, after, |side| side.traffic.bytes_out));
    changes.extend(bytes("received", before, after, |side| side.traffic.bytes_in));
    (changes, weight)
}

/// `new port 80`. That nothing was known before (an app, a country) is no news.
fn added<T: Ord + Display>(
    what: &str,
    before: &[&HostSide],
    after: &[&HostSide],
    of: fn(&HostSide) -> &BTreeSet<T>,
) -> Option<String> {
    let old: BTreeSet<&T> = before.iter().flat_map(|side| of(side)).collect();
    let new: BTreeSet<&T> = after.iter().flat_map(|side| of(side)).filter(|it| !old.contains(it)).collect();
    let list: Vec<String> = new.iter().map(|it| words::visible(&it.to_string()).into_owned()).collect();
    (!old.is_empty() && !list.is_empty()).then(|| format!("new {what} {}", words::list(&list)))
}

/// Says when some later boot is far outside of what the earlier ones show.
fn bytes(what: &str, before: &[&HostSide], after: &[&HostSide], of: fn(&HostSide) -> u64) -> Option<String> {
    let least = before.iter().map(|side| of(side)).min()?;
    let most = before.iter().map(|side| of(side)).max()?;
    let far = |bytes: &u64| {
        let (low, high) = if *bytes > most { (most, *bytes) } else { (*bytes, least) };
        high.saturating_sub(low) > LEAST_BYTES && high / FACTOR >= low
    };
    let bytes = after.iter().map(|side| of(side)).find(far)?;
    let was = if bytes > most { most } else { least };
    Some(format!("{} {what}, was {}", words::bytes(bytes), words::bytes(was)))
}
