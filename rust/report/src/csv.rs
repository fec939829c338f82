//! Findings as a table for spreadsheets: one row for each identifier, one for a finding without.

use std::collections::BTreeMap;

use inspect::report::{Finding, Flow, Identifier, Report};

use crate::words;

/// The header row. `docs/report.md` says what the columns hold.
pub const COLUMNS: [&str; 27] = [
    "finding",
    "rule",
    "severity",
    "title",
    "at",
    "phase",
    "since",
    "flow",
    "transport",
    "local",
    "remote",
    "host",
    "owner",
    "country",
    "app",
    "purpose",
    "purpose_from",
    "encrypted",
    "disguise",
    "expected",
    "kind",
    "value",
    "confidence",
    "direction",
    "range",
    "decode",
    "trigger",
];

/// RFC 4180 with `\n` between rows. Values stand as they are in `report`.
///
/// Text that a spreadsheet would take for a formula begins with `'`; characters that cannot be seen are escaped.
pub fn to_csv(report: &Report) -> String {
    let flows: BTreeMap<u32, &Flow> = report.flows.iter().map(|flow| (flow.id, flow)).collect();
    let mut writer = csv::Writer::from_writer(Vec::new());
    // Writing to memory cannot fail, and every row has `COLUMNS.len()` cells.
    let _ = writer.write_record(COLUMNS);
    for finding in &report.findings {
        let flow = flows.get(&finding.flow).copied();
        if finding.identifiers.is_empty() {
            let _ = writer.write_record(row(report, finding, flow, None));
        }
        for identifier in &finding.identifiers {
            let _ = writer.write_record(row(report, finding, flow, Some(identifier)));
        }
    }
    writer.into_inner().ok().and_then(|bytes| String::from_utf8(bytes).ok()).unwrap_or_default()
}

fn row(
    report: &Report,
    finding: &Finding,
    flow: Option<&Flow>,
    identifier: Option<&Identifier>,
) -> [String; COLUMNS.len()] {
    let optional = |text: &Option<String>| text.as_deref().map(cell).unwrap_or_default();
    [
        finding.id.to_string(),
        cell(&finding.rule),
        words::severity_name(finding.severity).into(),
        cell(&finding.title),
        finding.at.to_string(),
        finding.phase.map(|phase| phase.to_string()).unwrap_or_default(),
        finding.since.map(|since| since.to_string()).unwrap_or_default(),
        finding.flow.to_string(),
        flow.map(|flow| flow.transport.to_string()).unwrap_or_default(),
        flow.map(|flow| flow.local.to_string()).unwrap_or_default(),
        flow.map(|flow| flow.remote.to_string()).unwrap_or_default(),
        optional(&finding.host),
        optional(&finding.owner),
        optional(&finding.country),
        optional(&finding.app),
        flow.map(|flow| flow.purpose.to_string()).unwrap_or_default(),
        flow.and_then(|flow| flow.purpose_from).map(|from| from.to_string()).unwrap_or_default(),
        finding.encrypted.map(|encrypted| encrypted.to_string()).unwrap_or_default(),
        optional(&finding.disguise),
        finding.expected.map(|expected| expected.to_string()).unwrap_or_default(),
        identifier.map(|id| id.kind.to_string()).unwrap_or_default(),
        identifier.map(|id| cell(&id.value)).unwrap_or_default(),
        identifier.map(|id| words::confidence_name(id.confidence).into()).unwrap_or_default(),
        identifier.map(|id| words::direction_name(id.direction).into()).unwrap_or_default(),
        identifier.map(|id| format!("{}..{}", id.range[0], id.range[1])).unwrap_or_default(),
        identifier.map(|id| cell(&id.decode.join(" > "))).unwrap_or_default(),
        flow.map(|flow| triggers(report, flow)).unwrap_or_default(),
    ]
}

fn triggers(report: &Report, flow: &Flow) -> String {
    let said: Vec<_> = words::triggers_of(report, flow).into_iter().map(words::trigger).collect();
    said.join("; ")
}

/// Text that no spreadsheet runs: `=`, `+`, `-`, `@` and their full-width forms begin a formula in one or another.
pub(crate) fn cell(text: &str) -> String {
    let shown = words::visible(text);
    match shown.trim_start().chars().next() {
        Some('=' | '+' | '-' | '@' | '|' | '%' | '＝' | '＋' | '－' | '＠') => format!("'{shown}"),
        _ => shown.into_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testdata;

    fn rows(text: &str) -> Vec<BTreeMap<String, String>> {
        let mut reader = csv::Reader::from_reader(text.as_bytes());
        reader.deserialize().map(|row| row.expect("each row has the header's cells")).collect()
    }

    #[test]
    fn each_identifier_has_a_row_and_a_finding_without_has_one() {
        for report in testdata::all() {
            let expected: usize =
                report.findings.iter().map(|finding| finding.identifiers.len().max(1)).sum();
            assert_eq!(rows(&to_csv(&report)).len(), expected);
        }
        assert_eq!(to_csv(&testdata::nothing()).trim_end(), COLUMNS.join(","));
    }

    #[test]
    fn a_row_tells_who_what_where_and_how() {
        let rows = rows(&to_csv(&testdata::first_boot()));
        let imei = rows.iter().find(|row| row["kind"] == "imei").unwrap();
        assert_eq!((imei["severity"].as_str(), imei["country"].as_str()), ("critical", "CN"));
        assert_eq!(imei["decode"], "http body > base64 > json IMEI1");
        assert_eq!(imei["encrypted"], "false");
    }

    #[test]
    fn what_triggers_the_contact_is_told() {
        let report = testdata::first_boot();
        let rows = rows(&to_csv(&report));
        for row in &rows {
            assert_eq!(row["trigger"].is_empty(), row["host"] != "zzhc.vnet.cn", "{row:?}");
        }
    }

    #[test]
    fn no_cell_is_a_formula() {
        let text = to_csv(&testdata::hostile());
        for row in rows(&text) {
            for (column, value) in row {
                assert!(
                    !value.trim_start().starts_with(['=', '+', '-', '@', '\t', '\r']),
                    "{column}: {value}"
                );
            }
        }
        assert!(text.contains("'=cmd"));
        assert_eq!(cell("+15550100123"), "'+15550100123");
        assert_eq!(cell(" @SUM(A1)"), "' @SUM(A1)");
    }
}
