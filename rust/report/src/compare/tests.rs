use std::collections::BTreeSet;

use inspect::report::{Cause, Report, Severity};
use packet::Phase;

use super::*;
use crate::testdata;
use crate::text::TextOptions;
use crate::words;

fn boots(reports: impl IntoIterator<Item = Report>) -> Vec<Boot> {
    let boot = |(index, report)| Boot { name: format!("boot{index}.json"), reference: false, report };
    reports.into_iter().enumerate().map(boot).collect()
}

fn host<'a>(comparison: &'a Comparison, host: &str) -> &'a HostRow {
    comparison.hosts.iter().find(|row| row.host == host).unwrap_or_else(|| panic!("{host}"))
}

#[test]
fn a_boot_does_not_differ_from_itself() {
    for report in testdata::all() {
        let comparison = compare(&boots([report.clone(), report]), false);
        assert_eq!(comparison.worst(), None);
        assert!(comparison.hosts.iter().all(|row| row.status == Status::Same));
        assert!(comparison.findings.iter().all(|row| row.status == Status::Same));
        assert_eq!(sections::headline(&comparison), "Nothing differs from the reference.");
    }
}

#[test]
fn a_registration_that_was_not_there_before_is_new() {
    let comparison = compare(&boots([testdata::nothing(), testdata::first_boot()]), false);
    assert_eq!(comparison.worst(), Some(Severity::Critical));
    let row = &comparison.findings[0];
    assert_eq!((row.status, row.counts), (Status::New, Some(Severity::Critical)));
    assert_eq!((row.host.as_str(), row.sides[0].is_none()), ("zzhc.vnet.cn", true));
    assert_eq!(row.sides[1].as_ref().map(|side| side.count), Some(3));
    let registration = host(&comparison, "zzhc.vnet.cn");
    assert_eq!((registration.status, registration.counts), (Status::New, Some(Severity::Low)));
    assert_eq!(host(&comparison, "connectivitycheck.gstatic.com").status, Status::Same);
    assert!(comparison.purposes.iter().any(|row| row.purpose == "registration" && row.status == Status::New));

    let other = compare(&boots([testdata::first_boot(), testdata::nothing()]), false);
    assert_eq!((other.worst(), other.findings[0].status), (None, Status::Gone));
    assert!(sections::headline(&other).starts_with("Gone: "), "{}", sections::headline(&other));
}

#[test]
fn a_baseline_is_the_reference_wherever_it_stands() {
    let mut boots = boots([testdata::first_boot(), testdata::nothing(), testdata::first_boot()]);
    boots[2].reference = true;
    assert_eq!(compare(&boots, false).worst(), None);
    boots[1].reference = true;
    boots[2].reference = false;
    assert_eq!(compare(&boots, false).worst(), Some(Severity::Critical));
    boots[2].reference = true;
    assert_eq!(compare(&boots, false).worst(), None, "what any reference holds is known");
}

#[test]
fn other_ports_countries_and_clear_content_are_changes() {
    let mut after = testdata::first_boot();
    let flow = after.flows.iter_mut().find(|flow| flow.host.as_deref() == Some("mtalk.google.com")).unwrap();
    flow.remote.set_port(80);
    flow.encrypted = Some(false);
    flow.country = Some("CN".into());
    flow.bytes_out += 100_000;
    let comparison = compare(&boots([testdata::first_boot(), after]), false);
    let row = host(&comparison, "mtalk.google.com");
    assert_eq!((row.status, row.counts), (Status::Changed, Some(Severity::Low)));
    assert_eq!(row.changes, ["now in clear", "new port 80", "new country CN", "105 kB sent, was 5.2 kB"]);
}

#[test]
fn shards_times_and_a_few_bytes_are_no_changes() {
    let mut before = testdata::first_boot();
    before.flows[7].host = Some("edge-12.example.org".into());
    let mut after = before.clone();
    after.flows[7].host = Some("edge-7.example.org".into());
    for flow in &mut after.flows {
        flow.opened = flow.opened + std::time::Duration::from_secs(9_999_999);
        flow.local.set_port(1);
        flow.bytes_in += 900;
    }
    let comparison = compare(&boots([before, after]), false);
    assert!(comparison.hosts.iter().all(|row| row.status == Status::Same));
    assert_eq!(comparison.worst(), None);
}

#[test]
fn a_finding_that_tells_more_or_is_worse_counts() {
    let mut before = testdata::first_boot();
    for finding in &mut before.findings {
        finding.identifiers.retain(|it| it.kind != inspect::IdentifierKind::Imsi);
        finding.severity = Severity::Low;
    }
    let comparison = compare(&boots([before.clone(), testdata::first_boot()]), false);
    let row = comparison.findings.iter().find(|row| row.rule == "identifiers_in_clear").unwrap();
    assert_eq!((row.status, row.counts), (Status::Changed, Some(Severity::Critical)));
    assert_eq!(row.changes, ["critical, was low", "now tells IMSI"]);
    let better = compare(&boots([testdata::first_boot(), before]), false);
    let row = better.findings.iter().find(|row| row.rule == "identifiers_in_clear").unwrap();
    assert_eq!((row.status, row.counts), (Status::Changed, None));
}

#[test]
fn identifiers_stay_or_change() {
    let mut other = testdata::first_boot();
    for identifier in other.findings.iter_mut().flat_map(|finding| &mut finding.identifiers) {
        if identifier.kind == inspect::IdentifierKind::Mac {
            identifier.value = "02:00:5e:10:00:aa".into();
        }
    }
    let comparison = compare(&boots([testdata::first_boot(), other, testdata::nothing()]), false);
    let constancy = |kind| comparison.identifiers.iter().find(|row| row.kind == kind).unwrap().constancy;
    assert_eq!(constancy(inspect::IdentifierKind::Imsi), Constancy::Constant);
    assert_eq!(constancy(inspect::IdentifierKind::Mac), Constancy::Varies);
    let alone = compare(&boots([testdata::first_boot(), testdata::nothing()]), false);
    assert!(alone.identifiers.iter().all(|row| row.constancy == Constancy::Once));
}

#[test]
fn boots_together_show_triggers_that_one_does_not() {
    let report = testdata::first_boot();
    let comparison = compare(&boots([report.clone(), report.clone(), report.clone(), report]), false);
    let found = comparison.triggers.iter().find(|it| it.host == "zzhc.vnet.cn");
    let trigger = found.unwrap_or_else(|| panic!("{:?}", comparison.triggers));
    assert_eq!(trigger.cause, Cause::Phase);
    assert!(
        trigger.phases.contains(&Phase::Unlock) || trigger.phases.contains(&Phase::ScreenOn),
        "{trigger:?}"
    );
    assert_eq!(trigger.flows, Vec::<u32>::new());
}

#[test]
fn every_format_says_what_is_new_and_hides_values() {
    let whole = compare(&boots([testdata::nothing(), testdata::first_boot()]), false);
    let hidden = masked(&whole);
    for format in [to_json, to_html, to_csv, |it: &Comparison| to_text(it, TextOptions::default())] {
        let (shown, masked) = (format(&whole), format(&hidden));
        assert!(shown.contains("zzhc.vnet.cn") && masked.contains("zzhc.vnet.cn"));
        assert!(!masked.contains("001017001234569"));
        assert!(masked.to_lowercase().contains("new"), "{masked}");
    }
    assert!(to_json(&whole).contains("001017001234569"));
    assert!(whole.sides.iter().all(|side| !side.masked));
    let again = compare(&boots([crate::mask::masked(&testdata::first_boot())]), false);
    assert!(again.sides[0].masked);
}

#[test]
fn nothing_from_the_network_acts_on_what_shows_it() {
    let comparison = compare(&boots([testdata::nothing(), testdata::hostile()]), true);
    let html = to_html(&comparison);
    assert!(!html.contains("<script") && !html.contains("<img") && !html.contains("<i>"));
    let csv = to_csv(&comparison);
    let mut reader = ::csv::Reader::from_reader(csv.as_bytes());
    for row in reader.records() {
        for cell in &row.expect("as many cells as the header") {
            assert!(!cell.trim_start().starts_with(['=', '+', '-', '@']), "{cell}");
        }
    }
    for text in [html, csv, to_text(&comparison, TextOptions::default()), to_json(&comparison)] {
        assert!(!text.chars().any(|c| c != '\n' && words::is_invisible(c)));
    }
}

#[test]
fn text_keeps_within_its_width_and_names_each_side() {
    let many = boots((0..30).map(|_| testdata::hostile()));
    let text = to_text(&compare(&many, false), TextOptions { color: false, width: 60 });
    assert!(text.lines().all(|line| unicode_width::UnicodeWidthStr::width(line) <= 60));
    assert!(text.contains("\n  S30 "), "{text}");
    let letters: BTreeSet<_> = (0..40).map(sections::letter).collect();
    assert_eq!(letters.len(), 40);
}

#[test]
fn none_and_one_are_comparisons_too() {
    assert_eq!(compare(&[], false).worst(), None);
    let one = compare(&boots([testdata::first_boot()]), false);
    assert_eq!(one.worst(), None, "the first is the reference");
    to_text(&one, TextOptions::default());
}
