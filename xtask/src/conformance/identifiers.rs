//! Identifiers that were put into requests, and requests that hold none.

use std::collections::BTreeSet;

use serde_json::Value;

use super::corpus::Capture;
use super::replay::Seen;
use super::score::{Board, Miss};
use super::truth::{self, Row};

/// How the truth names what Telltale looks for. What it names otherwise (e-mail, carrier, model …) is not an
/// identifier of a phone or its owner's line, and is not looked for.
const KINDS: [(&str, &[&str]); 12] = [
    ("imei", &["imei", "meid", "imeisv"]),
    ("meid", &["meid", "imei"]),
    ("imsi", &["imsi"]),
    ("iccid", &["iccid"]),
    ("macaddr", &["mac", "bssid"]),
    ("androidid", &["android_id", "gsf_id"]),
    ("advertiserid", &["advertising_id"]),
    ("advertisingid", &["advertising_id"]),
    ("serialnumber", &["serial"]),
    ("phonenumber", &["msisdn"]),
    ("location", &["location", "cell"]),
    ("ssid", &["ssid"]),
];

pub fn score(board: &mut Board, capture: &Capture, rows: &[Row], seen: &Seen) {
    for row in rows.iter().filter(|row| row.get("by").is_some_and(|by| by == "constructed")) {
        let (Some(Value::Object(ids)), Some(ends)) = (row.get("ids"), truth::flow_of(row)) else { continue };
        let found: Vec<_> = seen.identifiers.iter().filter(|(flow, ..)| *flow == ends).collect();
        let what = format!("{} {} {}", capture.path, ends.low, ends.high);
        if ids.is_empty() {
            let alarms: Vec<String> =
                found.iter().map(|found| format!("{what} {} {}", found.1, found.2)).collect();
            score_silence(board, capture, &alarms);
            continue;
        }
        for (name, value) in ids {
            let value = truth::plain(value);
            let Some((_, kinds)) = KINDS.iter().find(|(known, _)| *known == name.to_lowercase()) else {
                continue;
            };
            let same: Vec<_> = found.iter().filter(|found| is_same(&found.2, &value)).collect();
            let fields = [format!("id {}", kinds[0]), "identifier".to_owned()];
            if same.is_empty() {
                let what = format!("{what} {name}={value}");
                for field in &fields {
                    board.miss(&capture.source, field, miss(row, kinds[0], what.clone()));
                }
                continue;
            }
            fields.iter().for_each(|field| board.count(&capture.source, field, 1, 0));
            if !same.iter().any(|found| kinds.contains(&found.1)) {
                let named: BTreeSet<_> = same.iter().map(|found| found.1).collect();
                board.extra(&capture.source, "id mixed up", format!("{what} {name}={value} as {named:?}"));
            }
        }
    }
}

/// Why an identifier was missed.
fn miss(row: &Row, kind: &str, what: String) -> Miss {
    match kind {
        _ if truth::has_keys(row) => Miss::excused(what, "needs keys: TLS"),
        // The engine believes it when its name says so, or when it is given.
        "imsi" => Miss::owed(what, "no name says what it is: one number in five could be an IMSI"),
        _ => Miss::owed(what, "unknown"),
    }
}

/// A request without identifiers must not be flagged for any: each that is counts against precision, each that is not
/// for it.
fn score_silence(board: &mut Board, capture: &Capture, alarms: &[String]) {
    board.count(&capture.source, "silence", usize::from(alarms.is_empty()), 0);
    alarms.iter().take(1).for_each(|alarm| board.extra(&capture.source, "silence", alarm.clone()));
}

/// Values are compared without case and separators; a longer one may hold the other (an IMEI inside an IMEISV).
fn is_same(found: &str, truth: &str) -> bool {
    let (found, truth) = (bare(found), bare(truth));
    found.contains(&truth) || (found.len() > 5 && truth.contains(&found))
}

fn bare(value: &str) -> String {
    value.replace("%3A", ":").replace("%3a", ":").replace([':', '-', ' ', '+'], "").to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn separators_and_case_do_not_matter() {
        assert!(is_same("d8:50:e6:56:e6:4d", "D850E656E64D"));
        assert!(is_same("490154203237518", "4901542032375"));
        assert!(!is_same("4901", "490154203237518"));
        assert!(!is_same("490154203237518", "355555555555555"));
    }
}
