//! Hides the values of identifiers, so that a report can be shown to others.
//!
//! Enough is kept to recognise a value that one knows: at most 40 % of its characters, and nothing of short values.
//! A hidden character is `*`, which is plain text in every format.

use std::collections::BTreeMap;

use aho_corasick::{AhoCorasick, MatchKind};
use inspect::report::{Finding, Flow, Identifier, Report, Sample};
use inspect::{Event, IdentifierKind};
use packet::Direction;

/// The report with every identifier's value masked, wherever it stands: in the finding, and where a host, a title,
/// an explanation or a decode step repeats it in any usual way of writing.
///
/// Values of fewer than three characters are masked in their own field only: elsewhere they cannot be told from
/// ordinary words. Masking twice changes nothing.
pub fn masked(report: &Report) -> Report {
    let redactor = Redactor::new(values(report.findings.iter().flat_map(|finding| &finding.identifiers)));
    let mut report = report.clone();
    redactor.redact(&mut report.capture.source);
    if let Some(truncated) = &mut report.capture.truncated {
        redactor.redact(truncated);
    }
    let stood = places(&report);
    for flow in &mut report.flows {
        redactor.redact_flow(flow);
        let places = |direction| stood.get(&(flow.id, direction)).map_or(&[][..], Vec::as_slice);
        if let Some(unknown) = &mut flow.unknown {
            unknown.sent.iter_mut().for_each(|it| redactor.redact_sample(it, places(Direction::Outbound)));
            unknown.received.iter_mut().for_each(|it| redactor.redact_sample(it, places(Direction::Inbound)));
        }
    }
    report.findings.iter_mut().for_each(|finding| redactor.redact_finding(finding));
    report.triggers.iter_mut().for_each(|trigger| redactor.redact_party(&mut trigger.host, &mut trigger.app));
    report.unseen.iter_mut().for_each(|unseen| redactor.redact(&mut unseen.why));
    report
}

/// Where identifiers stand in the flows' streams.
fn places(report: &Report) -> BTreeMap<(u32, Direction), Vec<[u64; 2]>> {
    let mut places: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for finding in report.findings.iter().filter(|finding| !finding.decrypted) {
        for identifier in &finding.identifiers {
            places.entry((finding.flow, identifier.direction)).or_default().push(identifier.range);
        }
    }
    places
}

/// The event with its finding's identifiers masked, for showing it at once.
///
/// A flow is shown before anything was found in it, so an identifier in its host name is only masked in the report, and
/// what its bytes look like is not shown.
pub fn masked_event(event: &Event) -> Event {
    let mut event = event.clone();
    if let Event::Finding(finding) = &mut event {
        Redactor::new(values(&finding.identifiers)).redact_finding(finding);
    }
    if let Event::Flow(flow) = &mut event {
        flow.unknown = None;
    }
    event
}

/// An identifier's value with most of it hidden.
pub fn mask(kind: IdentifierKind, value: &str) -> String {
    match kind {
        IdentifierKind::Location => mask_location(value),
        IdentifierKind::Cell => mask_cell(value),
        IdentifierKind::Imsi => mask_ends(value, is_sign, 3, 2),
        IdentifierKind::Mac | IdentifierKind::Bssid | IdentifierKind::Msisdn => {
            mask_ends(value, is_sign, 2, 2)
        }
        IdentifierKind::Ssid => shorten(&mask_ends(value, |_| true, 1, 1)),
        IdentifierKind::Serial
        | IdentifierKind::Fingerprint
        | IdentifierKind::WidevineId
        | IdentifierKind::FcmToken
        | IdentifierKind::DeviceToken => shorten(&mask_ends(value, |_| true, 4, 2)),
        _ => mask_ends(value, is_sign, 4, 2),
    }
}

const HIDDEN: char = '*';
/// Values shorter than this are hidden whole.
const SHORT: usize = 6;
/// Longest run of [`HIDDEN`] where the value's form does not ask for its full length.
const LONGEST_RUN: usize = 12;

/// What a value consists of where it has a form: the rest is punctuation, and stays.
fn is_sign(c: char) -> bool {
    c.is_alphanumeric() || c == HIDDEN
}

/// Keeps `head` and `tail` of the characters that are `secret`, fewer if that were more than 40 % of them.
fn mask_ends(value: &str, secret: impl Fn(char) -> bool, head: usize, tail: usize) -> String {
    let length = value.chars().filter(|&c| secret(c)).count();
    let allowed = if length < SHORT { 0 } else { length * 4 / 10 };
    let tail = tail.min(allowed / 2);
    let head = head.min(allowed - tail);
    let mut index = 0;
    let hide = |c| {
        if !secret(c) {
            return c;
        }
        index += 1;
        if index <= head || index + tail > length { c } else { HIDDEN }
    };
    value.chars().map(hide).collect()
}

/// Long runs of hidden characters say nothing but how long the value is.
fn shorten(masked: &str) -> String {
    let mut run = 0;
    let keep = |c: &char| {
        run = if *c == HIDDEN { run + 1 } else { 0 };
        run <= LONGEST_RUN
    };
    masked.chars().filter(keep).collect()
}

/// Keeps the names of the parts and, in the first number, the country: `001-** tac **** eci ********`.
fn mask_cell(value: &str) -> String {
    const NAMES: [&str; 10] = ["mcc", "mnc", "lac", "tac", "cid", "eci", "nci", "sid", "nid", "baseid"];
    let numbers: Vec<&str> = value.split(' ').filter(|word| !NAMES.contains(word)).collect();
    let masked = mask_ends(&numbers.join(" "), is_sign, 3, 0);
    let mut masked = masked.split(' ');
    let words: Vec<&str> = value
        .split(' ')
        .map(|word| if NAMES.contains(&word) { word } else { masked.next().unwrap_or_default() })
        .collect();
    words.join(" ")
}

/// Keeps whole degrees: they name a region of about 100 km.
fn mask_location(value: &str) -> String {
    let (mut digits, mut kept, mut fraction) = (0, 0, false);
    let mut out = String::with_capacity(value.len());
    for c in value.chars() {
        if c == '.' {
            fraction = true;
        } else if !c.is_alphanumeric() && c != HIDDEN {
            fraction = false;
        }
        if c.is_alphanumeric() || c == HIDDEN {
            digits += 1;
            kept += usize::from(!fraction);
            out.push(if fraction { HIDDEN } else { c });
        } else {
            out.push(c);
        }
    }
    if kept * 10 > digits * 4 {
        return value.chars().map(|c| if c.is_alphanumeric() { HIDDEN } else { c }).collect();
    }
    out
}

fn values<'a>(
    identifiers: impl IntoIterator<Item = &'a Identifier>,
) -> impl Iterator<Item = (IdentifierKind, &'a str)> {
    identifiers.into_iter().map(|identifier| (identifier.kind, identifier.value.as_str()))
}

/// Finds values in text, in the ways that they are written.
pub(crate) struct Redactor {
    /// What to look for in lower case, and what to put there.
    needles: Vec<(String, String)>,
    /// `None`: too many to search for, so that text is dropped instead of shown.
    automaton: Option<AhoCorasick>,
}

impl Redactor {
    pub(crate) fn new<'a>(values: impl IntoIterator<Item = (IdentifierKind, &'a str)>) -> Self {
        let mut needles = BTreeMap::new();
        for (kind, value) in values {
            for form in forms(kind, value) {
                let masked = mask(kind, &form);
                needles.entry(form.to_ascii_lowercase()).or_insert(masked);
            }
        }
        let needles: Vec<_> = needles.into_iter().collect();
        let automaton = AhoCorasick::builder()
            .ascii_case_insensitive(true)
            .match_kind(MatchKind::LeftmostLongest)
            .build(needles.iter().map(|(needle, _)| needle))
            .ok();
        Self { needles, automaton }
    }

    fn redact_finding(&self, finding: &mut Finding) {
        self.redact(&mut finding.title);
        self.redact(&mut finding.why);
        for text in [&mut finding.host, &mut finding.app].into_iter().flatten() {
            self.redact(text);
        }
        for identifier in &mut finding.identifiers {
            identifier.value = mask(identifier.kind, &identifier.value);
            identifier.decode.iter_mut().for_each(|step| self.redact(step));
        }
    }

    fn redact_flow(&self, flow: &mut Flow) {
        if let Some(host) = &mut flow.host {
            self.redact(host);
        }
        if let Some(app) = &mut flow.app {
            self.redact(&mut app.name);
        }
        if let Some(certificate) = &mut flow.certificate {
            let names = certificate.names.iter_mut();
            names
                .chain(&mut certificate.subject)
                .chain(&mut certificate.issuer)
                .for_each(|name| self.redact(name));
        }
    }

    /// Hides bytes of a flow's sample in which identifiers stand, wherever those were found.
    fn redact_sample(&self, sample: &mut Sample, found: &[[u64; 2]]) {
        // What was hidden before is no hex, and stays hidden.
        let pairs =
            sample.first.as_bytes().chunks(2).map(|pair| std::str::from_utf8(pair).unwrap_or_default());
        let bytes: Vec<_> = pairs.map(|pair| u8::from_str_radix(pair, 16).ok()).collect();
        let ascii = |byte: &Option<u8>| byte.filter(u8::is_ascii).map_or('?', char::from);
        let text: String = bytes.iter().map(ascii).collect();
        let mut hidden = vec![false; bytes.len()];
        let mut hide = |range: std::ops::Range<usize>| {
            hidden.iter_mut().take(range.end).skip(range.start).for_each(|byte| *byte = true);
        };
        match &self.automaton {
            None => hide(0..bytes.len()),
            Some(automaton) => automaton.find_iter(&text).for_each(|found| hide(found.range())),
        }
        let begins = sample.range[0];
        let within = |at: u64| usize::try_from(at.saturating_sub(begins)).unwrap_or(usize::MAX);
        found.iter().for_each(|[start, end]| hide(within(*start)..within(*end)));
        let shown = bytes.iter().zip(hidden).map(|(byte, hidden)| byte.filter(|_| !hidden));
        sample.first = shown.map(|byte| byte.map_or("**".to_owned(), |byte| format!("{byte:02x}"))).collect();
    }

    pub(crate) fn redact_party(&self, host: &mut String, app: &mut Option<String>) {
        self.redact(host);
        if let Some(app) = app {
            self.redact(app);
        }
    }

    pub(crate) fn redact(&self, text: &mut String) {
        let Some(automaton) = &self.automaton else {
            *text = "(hidden)".into();
            return;
        };
        if self.needles.is_empty() || !automaton.is_match(text.as_str()) {
            return;
        }
        let mut out = String::with_capacity(text.len());
        let mut done = 0;
        for found in automaton.find_iter(text.as_str()) {
            out.push_str(&text[done..found.start()]);
            done = found.end();
            let whole = &text[found.range()];
            match whole.chars().count() < SHORT && !stands_alone(text, found.start(), found.end()) {
                true => out.push_str(whole),
                false => out.push_str(&self.needles[found.pattern().as_usize()].1),
            }
        }
        out.push_str(&text[done..]);
        *text = out;
    }
}

/// Whether no letter or digit touches `text[start..end]`.
fn stands_alone(text: &str, start: usize, end: usize) -> bool {
    let before = text[..start].chars().next_back();
    let after = text[end..].chars().next();
    !before.is_some_and(char::is_alphanumeric) && !after.is_some_and(char::is_alphanumeric)
}

/// The ways of writing a value that stand for the whole of it.
fn forms(kind: IdentifierKind, value: &str) -> Vec<String> {
    let bare: String = value.chars().filter(|c| c.is_alphanumeric()).collect();
    let mut forms = vec![value.to_owned()];
    match kind {
        IdentifierKind::Mac | IdentifierKind::Bssid if bare.len() == 12 && bare.is_ascii() => {
            forms.extend(
                [(2, ":"), (2, "-"), (2, "."), (4, "."), (2, " ")].map(|(size, by)| split(&bare, size, by)),
            );
            forms.push(bare);
        }
        IdentifierKind::Imei if bare.len() == 15 && bare.is_ascii() => {
            forms.push(format!("{}-{}-{}-{}", &bare[..2], &bare[2..8], &bare[8..14], &bare[14..]));
            forms.push(bare);
        }
        IdentifierKind::Location | IdentifierKind::Cell => {
            let part = |c: char| !c.is_alphanumeric() && c != '.';
            forms.extend(value.split(part).filter(|part| part.len() >= SHORT).map(str::to_owned));
        }
        _ if bare.chars().count() >= SHORT => forms.push(bare),
        _ => {}
    }
    forms.retain(|form| form.chars().count() >= 3);
    forms
}

fn split(digits: &str, size: usize, by: &str) -> String {
    let groups: Vec<_> = digits.as_bytes().chunks(size).map(String::from_utf8_lossy).collect();
    groups.join(by)
}

#[cfg(test)]
mod tests {
    use inspect::report::Unknown;

    use super::*;
    use crate::testdata;

    /// Synthetic values: TAC of the test range, PLMN 001-01, locally administered addresses, a 555-01xx number.
    const VALUES: [(IdentifierKind, &str, &str); 16] = [
        (IdentifierKind::Imei, "001017001234569", "0010*********69"),
        (IdentifierKind::Imsi, "001010123456789", "001**********89"),
        (IdentifierKind::Meid, "99001234567890", "990*********90"),
        (IdentifierKind::Iccid, "89860300000001234564", "8986**************64"),
        (IdentifierKind::Mac, "02:00:5e:10:00:fe", "02:**:**:**:**:fe"),
        (IdentifierKind::Msisdn, "+15550100123", "+15*******23"),
        (
            IdentifierKind::AdvertisingId,
            "38400000-8cf0-11bd-b23e-10b96e40000d",
            "3840****-****-****-****-**********0d",
        ),
        (IdentifierKind::Location, "59.9139,-10.7522", "59.****,-10.****"),
        (IdentifierKind::Location, "59.9,10.7", "**.*,**.*"),
        (IdentifierKind::Cell, "001-01 tac 4660 eci 19088743", "001-** tac **** eci ********"),
        (IdentifierKind::Cell, "lac 12 cid 34", "lac ** cid **"),
        (IdentifierKind::Cell, "19088743", "190*****"),
        (IdentifierKind::Ssid, "home", "****"),
        (IdentifierKind::Ssid, "TestNet-5G", "T********G"),
        (IdentifierKind::Serial, "", ""),
        (IdentifierKind::FcmToken, "dQw4w9WgXcQ0123456789_:APA91bFsynthetic-token", "dQw4************en"),
    ];

    #[test]
    fn enough_is_kept_to_recognise_a_value() {
        for (kind, value, masked) in VALUES {
            assert_eq!(mask(kind, value), masked, "{kind}");
        }
    }

    #[test]
    fn no_mask_shows_more_than_two_fifths_or_changes_when_masked_again() {
        for kind in IdentifierKind::ALL {
            for value in
                VALUES.map(|(_, value, _)| value).into_iter().chain(["1", "a:b", "12.5", "ü🙂ñß漢字", "***"])
            {
                let masked = mask(kind, value);
                let names = ["tac", "eci", "lac", "cid"].map(|name| masked.matches(name).count() * 3);
                let secret = value.chars().filter(|c| c.is_alphanumeric()).count();
                let shown =
                    masked.chars().filter(|c| c.is_alphanumeric()).count() - names.iter().sum::<usize>();
                assert!(shown * 10 <= secret.max(value.chars().count()) * 4, "{kind} {value} -> {masked}");
                assert_eq!(mask(kind, &masked), masked, "{kind} {value}");
            }
        }
    }

    #[test]
    fn no_whole_value_is_left_anywhere() {
        for report in [testdata::first_boot(), testdata::hostile()] {
            let json = crate::json::to_json(&masked(&report)).to_lowercase();
            let bare: String = json.chars().filter(|c| !matches!(c, ':' | '-' | '.')).collect();
            for identifier in report.findings.iter().flat_map(|finding| &finding.identifiers) {
                let value = identifier.value.to_lowercase();
                if value.chars().count() >= SHORT {
                    assert!(!json.contains(&value), "{value}");
                    let value: String = value.chars().filter(|c| c.is_alphanumeric()).collect();
                    assert!(value.len() < 10 || !bare.contains(&value), "{value}");
                }
            }
            assert_eq!(masked(&masked(&report)), masked(&report));
        }
    }

    #[test]
    fn repeated_values_are_found_in_every_way_of_writing() {
        let mut report = testdata::first_boot();
        let finding = &mut report.findings[0];
        finding.identifiers[0].kind = IdentifierKind::Mac;
        finding.identifiers[0].value = "02:00:5e:10:00:fe".into();
        finding.title = "02-00-5E-10-00-FE and 0200.5e10.00fe told".into();
        finding.host = Some("02005e1000fe.device.example".into());
        finding.identifiers[0].decode = vec!["http query".into(), "json 02:00:5E:10:00:FE".into()];
        let report = masked(&report);
        let finding = &report.findings[0];
        assert_eq!(finding.title, "02-**-**-**-**-fe and 02**.****.**fe told");
        assert_eq!(finding.host.as_deref(), Some("02********fe.device.example"));
        assert_eq!(finding.identifiers[0].decode[1], "json 02:**:**:**:**:fe");
    }

    #[test]
    fn identifiers_in_a_sample_are_hidden_where_they_stand() {
        let mut report = testdata::first_boot();
        let finding = &mut report.findings[0];
        finding.identifiers.truncate(1);
        finding.identifiers[0].value = "49".into();
        finding.identifiers[0].range = [12, 14];
        finding.identifiers[0].direction = Direction::Outbound;
        let flow = finding.flow;
        let text = "001017001234569";
        let first =
            format!("0001020304{}", text.bytes().map(|byte| format!("{byte:02x}")).collect::<String>());
        let sample = |first: &str| Sample { range: [10, 99], entropy: 1, printable: 2, first: first.into() };
        let flow = report.flows.iter_mut().find(|it| it.id == flow).unwrap();
        flow.unknown = Some(Unknown { sent: Some(sample(&first)), received: Some(sample("0001020304")) });
        let once = masked(&report);
        let unknown = once.flows.iter().find_map(|flow| flow.unknown.clone()).unwrap();
        assert_eq!(unknown.sent.unwrap().first, format!("0001****04{}", "**".repeat(text.len())));
        assert_eq!(unknown.received.unwrap().first, "0001020304");
        assert_eq!(masked(&once), once);
    }

    #[test]
    fn a_short_value_is_no_reason_to_hide_parts_of_words() {
        let mut report = testdata::first_boot();
        let finding = &mut report.findings[0];
        finding.identifiers.truncate(1);
        finding.identifiers[0].kind = IdentifierKind::Ssid;
        finding.identifiers[0].value = "hone".into();
        finding.why = "A phone joined \"hone\".".into();
        assert_eq!(masked(&report).findings[0].why, "A phone joined \"****\".");
    }
}
