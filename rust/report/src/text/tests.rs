use super::*;
use crate::mask::masked;
use crate::testdata;

const WIDTHS: [usize; 5] = [1, 60, 80, 100, 160];

fn text(report: &Report, width: usize) -> String {
    to_text(report, TextOptions { color: false, width })
}

#[test]
fn no_line_is_wider_than_the_terminal_and_nothing_acts_on_it() {
    for report in testdata::all() {
        for width in WIDTHS {
            for line in text(&report, width).lines() {
                assert!(line.width() <= width.max(NARROWEST), "{width}: {line:?}");
                assert!(!line.chars().any(words::is_invisible), "{line:?}");
            }
        }
    }
}

#[test]
fn colour_comes_only_when_asked_for_and_changes_no_word() {
    let report = testdata::first_boot();
    let plain = text(&report, 80);
    let colored = to_text(&report, TextOptions { color: true, width: 80 });
    assert!(!plain.contains('\u{1b}') && colored.contains('\u{1b}'));
    let mut stripped = String::new();
    for (index, part) in colored.split('\u{1b}').enumerate() {
        stripped.push_str(if index == 0 { part } else { part.split_once('m').unwrap().1 });
    }
    assert_eq!(stripped, plain);
}

#[test]
fn the_verdict_comes_first_and_the_unseen_last() {
    let page = text(&masked(&testdata::first_boot()), 100);
    let place = |needle: &str| page.find(needle).unwrap_or_else(|| panic!("{needle} in\n{page}"));
    let order =
        ["CRITICAL", "The phone sent its", "Coverage", "Findings", "Connections", "What could not be seen"];
    assert!(order.is_sorted_by_key(|needle| place(needle)), "{page}");
    assert!(page.contains("3 times: 60 s after boot, right after unlock"), "{page}");
    assert!(page.contains("http body → base64 → json IMEI1"), "{page}");
    assert!(page.contains("zzhc.vnet.cn, China Telecom, China (CN)"), "{page}");
    assert_eq!(page.matches("Device and SIM identifiers sent in clear").count(), 1);
    assert!(!page.contains("001017001234569"));
}

#[test]
fn absence_of_findings_is_shown_with_its_coverage() {
    let page = text(&testdata::nothing(), 80);
    assert!(page.contains("NOTHING FLAGGED"), "{page}");
    assert!(page.contains("could be read"), "{page}");
    assert!(page.contains("cut off in the middle of packet 214"), "{page}");
    assert!(page.contains("That says nothing about what could not"), "{page}");
}

#[test]
fn many_flows_are_put_together_by_host() {
    let page = text(&testdata::hostile(), 160);
    assert!(page.contains("3,000 connections in"), "{page}");
    assert!(page.lines().count() < 1_000);
}

#[test]
fn columns_stay_aligned_and_names_keep_their_ends() {
    let page = text(&testdata::first_boot(), 60);
    let table: Vec<_> = page.lines().skip_while(|line| !line.starts_with("flow")).take(12).collect();
    let column = table[0].find("content").unwrap();
    let starts = |row: &str| row.chars().nth(column - 1) == Some(' ') && row.chars().nth(column) != Some(' ');
    assert!(table[1..].iter().all(|row| starts(row)), "{page}");
    assert!(page.contains("…nts.google.com"), "{page}");
}

#[test]
fn a_live_line_is_one_line() {
    let report = masked(&testdata::hostile());
    let events = report
        .findings
        .iter()
        .map(|finding| Event::Finding(Box::new(finding.clone())))
        .chain(report.flows.iter().take(20).map(|flow| Event::Flow(Box::new(flow.clone()))))
        .chain(report.phases.iter().take(5).map(|phase| Event::Phase(*phase)));
    for event in events {
        for width in WIDTHS {
            let line = live_line(&event, TextOptions { color: false, width });
            assert!(line.width() <= width.max(NARROWEST), "{line:?}");
            assert!(!line.chars().any(words::is_invisible), "{line:?}");
        }
    }
    let finding = Event::Finding(Box::new(masked(&testdata::first_boot()).findings[0].clone()));
    let line = live_line(&finding, TextOptions { color: false, width: 160 });
    assert!(line.starts_with("08:01:19.100  critical  Device and SIM"), "{line}");
    assert!(line.contains("China Telecom (China): IMEI 0010*********69"), "{line}");
}

#[test]
fn wrapping_keeps_every_word() {
    assert_eq!(wrap("a bb ccc", 4), ["a bb", "ccc"]);
    assert_eq!(wrap("abcdefgh i", 3), ["abc", "def", "gh", "i"]);
    assert_eq!(wrap("", 3), [""]);
    assert_eq!(wrap("漢字漢字", 5), ["漢字", "漢字"]);
}
