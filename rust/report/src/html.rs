//! A report as one HTML page that needs nothing else: no network, no fonts, no other files.
//!
//! Everything is there without the script; the script filters and sorts the tables and switches the colours.
//! The page's policy lets no other script run, and nothing be loaded.

use std::collections::{BTreeMap, BTreeSet};

use askama::Template;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use inspect::report::{Finding, Flow, Report, Trigger};
use sha2::{Digest, Sha256};

use crate::country::{country_label, country_name};
use crate::group::{Group, groups};
use crate::timeline::{Timeline, timeline};
use crate::verdict::{self, Verdict, verdict};
use crate::words::{self, bytes, counted, number, visible};

/// The page, ending in a newline. Values stand as they are in `report`. The same report gives the same bytes.
pub fn to_html(report: &Report) -> String {
    let page = Page::of(report);
    // Rendering into a `String` only fails if a value's `Display` does, and all values here are strings and numbers.
    let mut html = page.render().unwrap_or_default();
    html.push('\n');
    html
}

pub(crate) const STYLE: &str = include_str!("../templates/report.css");
const SCRIPT: &str = include_str!("../templates/report.js");

/// Rows beyond this are left to the other formats, so that a phone can still open the page.
const MOST_ROWS: usize = 5_000;
const MOST_OCCURRENCES: usize = 50;
const MOST_COUNTRIES: usize = 12;

/// All strings are made safe to show with [`visible`]; the template escapes them for HTML.
#[derive(Template)]
#[template(path = "report.html")]
struct Page {
    style: &'static str,
    script: &'static str,
    /// `sha256-…`, the only script that may run.
    script_hash: String,
    source: String,
    verdict: Verdict,
    severity: &'static str,
    coverage: Vec<(&'static str, String)>,
    shares: Vec<Share>,
    timeline: Option<Timeline>,
    triggers: Vec<TriggerRow>,
    cards: Vec<Card>,
    finding_count: String,
    severities: Vec<(&'static str, usize)>,
    flows: Vec<FlowRow>,
    flow_count: String,
    flows_left_out: usize,
    countries: Vec<(String, String)>,
    identifiers: Vec<IdentifierRow>,
    identifiers_left_out: usize,
    unseen: Vec<(String, Option<String>, String)>,
}

/// A part of the payload bar.
struct Share {
    class: &'static str,
    label: &'static str,
    x: String,
    width: String,
    text: String,
}

/// Findings that say the same.
struct Card {
    id: u32,
    severity: &'static str,
    title: String,
    why: String,
    rule: String,
    host: String,
    owner: String,
    country: String,
    app: String,
    disguise: String,
    normal: &'static str,
    content: &'static str,
    class: &'static str,
    count: String,
    occurrences: Vec<Occurrence>,
    left_out: usize,
    identifiers: Vec<Told>,
    /// The finding before that told the same.
    told_before: Option<u32>,
    evidence: Vec<Evidence>,
}

/// One time that it happened.
struct Occurrence {
    flow: u32,
    moment: String,
    clock: String,
}

/// An identifier of a card.
struct Told {
    name: &'static str,
    explained: &'static str,
    value: String,
    confidence: &'static str,
    steps: Vec<String>,
}

/// Where the bytes are.
struct Evidence {
    finding: u32,
    flow: u32,
    name: &'static str,
    direction: &'static str,
    range: String,
}

struct FlowRow {
    id: u32,
    host: String,
    host_from: &'static str,
    /// What bytes of no known protocol look like.
    unknown: String,
    remote: String,
    country: String,
    country_name: String,
    asn: String,
    owner: String,
    purpose: &'static str,
    purpose_from: &'static str,
    protocol: String,
    ja4: String,
    bytes_out: u64,
    bytes_in: u64,
    shown_out: String,
    shown_in: String,
    class: &'static str,
    content: &'static str,
    app: String,
    opened: String,
    close: &'static str,
    expected: &'static str,
    severity: &'static str,
}

/// What makes the phone contact a host.
struct TriggerRow {
    host: String,
    app: String,
    cause: String,
    explained: String,
    chance: String,
}

struct IdentifierRow {
    severity: &'static str,
    rank: usize,
    name: &'static str,
    value: String,
    confidence: &'static str,
    host: String,
    country: String,
    country_name: String,
    class: &'static str,
    content: &'static str,
    steps: Vec<String>,
    finding: u32,
    card: u32,
    flow: u32,
}

impl Page {
    fn of(report: &Report) -> Self {
        let verdict = verdict(report);
        let groups = groups(report);
        let identifiers = identifier_rows(&groups);
        Self {
            style: STYLE,
            script: SCRIPT,
            script_hash: format!("sha256-{}", STANDARD.encode(Sha256::digest(SCRIPT))),
            source: shown(&report.capture.source),
            severity: verdict.severity.map_or("none", words::severity_name),
            verdict,
            coverage: verdict::coverage(report),
            shares: shares(report),
            timeline: timeline(report),
            triggers: report.triggers.iter().take(MOST_ROWS).map(trigger_row).collect(),
            cards: groups.iter().map(|group| card(report, group)).collect(),
            finding_count: number(report.findings.len() as u64),
            severities: severities(report),
            flows: flow_rows(report),
            flow_count: number(report.flows.len() as u64),
            flows_left_out: report.flows.len().saturating_sub(MOST_ROWS),
            countries: countries(report),
            identifiers_left_out: identifiers.len().saturating_sub(MOST_ROWS),
            identifiers: identifiers.into_iter().take(MOST_ROWS).collect(),
            unseen: report
                .unseen
                .iter()
                .map(|unseen| {
                    (shown(&unseen.what).replace('_', " "), words::unseen_count(unseen), shown(&unseen.why))
                })
                .collect(),
        }
    }
}

fn shown(text: &str) -> String {
    visible(text).into_owned()
}

fn optional(text: &Option<String>) -> String {
    text.as_deref().map(shown).unwrap_or_default()
}

const fn class(encrypted: Option<bool>) -> &'static str {
    match encrypted {
        Some(false) => "clear",
        Some(true) => "encrypted",
        None => "unknown",
    }
}

/// How the payload divides into what was searched, encrypted, missing and left.
fn shares(report: &Report) -> Vec<Share> {
    let coverage = &report.coverage;
    let known = [
        ("clear", "searched", coverage.searched_bytes),
        ("encrypted", "encrypted", coverage.encrypted_bytes),
        ("missing", "missing", coverage.missing_bytes),
    ];
    let sum: u128 = known.iter().map(|(.., count)| u128::from(*count)).sum();
    let total = sum.max(coverage.payload_bytes.into());
    let rest = ("unknown", "not understood", u64::try_from(total - sum).unwrap_or(u64::MAX));
    let mut x = 0.0;
    let mut shares = Vec::new();
    for (class, label, count) in known.into_iter().chain([rest]) {
        if count == 0 {
            continue;
        }
        let width = count as f64 / total as f64 * 100.0;
        let share = if width < 1.0 { "under 1 %".into() } else { format!("{width:.0} %") };
        let text = format!("{}, {share}", bytes(count));
        shares.push(Share { class, label, x: format!("{x:.2}%"), width: format!("{width:.2}%"), text });
        x += width;
    }
    shares
}

fn severities(report: &Report) -> Vec<(&'static str, usize)> {
    let mut counts = BTreeMap::new();
    for finding in &report.findings {
        *counts.entry(finding.severity).or_insert(0) += 1;
    }
    counts.into_iter().rev().map(|(severity, count)| (words::severity_name(severity), count)).collect()
}

fn card(report: &Report, group: &Group<'_>) -> Card {
    let finding = group.first();
    let count = group.findings().len();
    Card {
        id: finding.id,
        severity: words::severity_name(finding.severity),
        title: shown(&finding.title),
        why: shown(&finding.why),
        rule: shown(&finding.rule),
        host: finding.host.as_deref().map_or_else(|| "no name known".into(), shown),
        owner: optional(&finding.owner),
        country: finding.country.as_deref().map(|code| shown(&country_label(code))).unwrap_or_default(),
        app: optional(&finding.app),
        disguise: optional(&finding.disguise),
        normal: words::normal(finding.expected),
        content: words::sent(finding),
        class: class(finding.encrypted),
        count: if count > 1 { counted(count as u64, "time", "times") } else { String::new() },
        occurrences: group.findings().iter().take(MOST_OCCURRENCES).map(|f| occurrence(report, f)).collect(),
        left_out: count.saturating_sub(MOST_OCCURRENCES),
        identifiers: group
            .identifiers()
            .into_iter()
            .map(|identifier| Told {
                name: words::kind_name(identifier.kind),
                explained: words::kind_explained(identifier.kind),
                value: shown(&identifier.value),
                confidence: words::confidence_explained(identifier),
                steps: identifier.decode.iter().map(|step| shown(step)).collect(),
            })
            .collect(),
        told_before: group.told_before(),
        evidence: group
            .findings()
            .iter()
            .take(MOST_OCCURRENCES)
            .flat_map(|finding| evidence(finding))
            .collect(),
    }
}

fn occurrence(report: &Report, finding: &Finding) -> Occurrence {
    Occurrence { flow: finding.flow, moment: words::moment(report, finding), clock: words::clock(finding.at) }
}

fn evidence(finding: &Finding) -> Vec<Evidence> {
    let row = |identifier: &inspect::report::Identifier| Evidence {
        finding: finding.id,
        flow: finding.flow,
        name: words::kind_name(identifier.kind),
        direction: words::direction_name(identifier.direction),
        range: format!("{}–{}", number(identifier.range[0]), number(identifier.range[1])),
    };
    finding.identifiers.iter().map(row).collect()
}

fn flow_rows(report: &Report) -> Vec<FlowRow> {
    let mut worst = BTreeMap::new();
    for finding in &report.findings {
        let slot = worst.entry(finding.flow).or_insert(finding.severity);
        *slot = finding.severity.max(*slot);
    }
    let row = |flow: &Flow| {
        let country = optional(&flow.country);
        FlowRow {
            id: flow.id,
            host: words::flow_host(flow),
            host_from: words::named(flow),
            remote: flow.remote.to_string(),
            country_name: country_name(&country).unwrap_or_default().to_owned(),
            country,
            asn: flow.asn.map(|asn| format!("AS{asn}")).unwrap_or_default(),
            owner: optional(&flow.owner),
            purpose: words::purpose(flow.purpose),
            purpose_from: flow.purpose_from.map_or("", words::purpose_from),
            protocol: format!("{} {}", flow.transport, shown(&flow.protocols.join("/"))).trim().to_owned(),
            ja4: optional(&flow.ja4),
            bytes_out: flow.bytes_out,
            bytes_in: flow.bytes_in,
            shown_out: bytes(flow.bytes_out),
            shown_in: bytes(flow.bytes_in),
            class: class(flow.encrypted),
            content: if flow.decrypted {
                "encrypted, read with keys"
            } else {
                words::content(flow.encrypted)
            },
            app: flow.app.as_ref().map(|app| shown(&app.name)).unwrap_or_default(),
            opened: words::clock(flow.opened),
            unknown: words::unknown(flow),
            close: flow.close.map_or("still open", words::close),
            expected: match flow.expected {
                Some(true) => "yes",
                Some(false) => "no",
                None => "",
            },
            severity: worst.get(&flow.id).copied().map_or("", words::severity_name),
        }
    };
    report.flows.iter().take(MOST_ROWS).map(row).collect()
}

fn trigger_row(trigger: &Trigger) -> TriggerRow {
    TriggerRow {
        host: shown(&trigger.host),
        app: optional(&trigger.app),
        cause: words::trigger(trigger),
        explained: format!("{} of {}", number(trigger.tied), number(trigger.contacts)),
        chance: words::chance(trigger.chance),
    }
}

/// The countries of most connections, by name.
fn countries(report: &Report) -> Vec<(String, String)> {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for code in report.flows.iter().take(MOST_ROWS).filter_map(|flow| flow.country.as_deref()) {
        *counts.entry(code).or_insert(0) += 1;
    }
    let mut codes: Vec<_> = counts.into_iter().collect();
    codes.sort_by_key(|(code, count)| (std::cmp::Reverse(*count), *code));
    let named = |code: &str| (country_name(code).map_or_else(|| shown(code), str::to_owned), shown(code));
    let most: BTreeSet<_> = codes.into_iter().take(MOST_COUNTRIES).map(|(code, _)| named(code)).collect();
    most.into_iter().map(|(name, code)| (code, name)).collect()
}

fn identifier_rows(groups: &[Group<'_>]) -> Vec<IdentifierRow> {
    let mut rows = Vec::new();
    for group in groups {
        for finding in group.findings() {
            let country = optional(&finding.country);
            for identifier in &finding.identifiers {
                rows.push(IdentifierRow {
                    severity: words::severity_name(finding.severity),
                    rank: finding.severity as usize,
                    name: words::kind_name(identifier.kind),
                    value: shown(&identifier.value),
                    confidence: words::confidence_explained(identifier),
                    host: finding.host.as_deref().map_or_else(|| "no name known".into(), shown),
                    country_name: country_name(&country).unwrap_or_default().to_owned(),
                    country: country.clone(),
                    class: class(finding.encrypted),
                    content: words::sent(finding),
                    steps: identifier.decode.iter().map(|step| shown(step)).collect(),
                    finding: finding.id,
                    card: group.first().id,
                    flow: finding.flow,
                });
            }
        }
    }
    rows
}

#[cfg(test)]
mod tests;
