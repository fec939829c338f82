//! Words, numbers and moments as people read them. Shared by the text and the HTML page.

use std::borrow::Cow;
use std::fmt::Write;
use std::time::Duration;

use inspect::report::{
    Cause, Close, Ech, Finding, Flow, HostFrom, Identifier, Purpose, PurposeFrom, Report, Sample, Severity,
    Trigger, Unseen,
};
use inspect::{Confidence, IdentifierKind};
use packet::{Direction, Phase, Timestamp};

/// `text` with everything escaped that a terminal or a browser would act on or hide: control characters, marks that
/// turn the direction of writing, characters without a width.
pub fn visible(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_invisible) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match c {
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if is_invisible(c) => {
                let _ = write!(out, "\\u{{{:x}}}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    Cow::Owned(out)
}

/// Whether `c` acts on a terminal or page instead of being shown.
pub fn is_invisible(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{180e}' | '\u{3164}' | '\u{feff}' | '\u{ffa0}'
            | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{fff0}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e0fff}')
}

/// `1.2 kB`: decimal units, at most three digits before the point.
pub fn bytes(count: u64) -> String {
    const UNITS: [(u64, &str); 4] =
        [(1_000_000_000_000, "TB"), (1_000_000_000, "GB"), (1_000_000, "MB"), (1_000, "kB")];
    for (unit, name) in UNITS {
        if count >= unit {
            let tenths = count / (unit / 10);
            return if tenths >= 1000 {
                format!("{} {name}", tenths / 10)
            } else {
                format!("{}.{} {name}", tenths / 10, tenths % 10)
            };
        }
    }
    format!("{count} B")
}

/// `12,345`.
pub fn number(count: u64) -> String {
    let digits = count.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// `1 flow`, `2 flows`.
pub fn counted(count: u64, one: &str, many: &str) -> String {
    format!("{} {}", number(count), if count == 1 { one } else { many })
}

/// `320 ms`, `12.5 s`, `3 min 5 s`, `2 h 10 min`, `3 d 4 h`.
pub fn duration(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match seconds {
        0 if duration.is_zero() => "0 s".into(),
        0 => format!("{} ms", duration.subsec_millis().max(1)),
        1..20 if duration.subsec_millis() >= 100 => format!("{seconds}.{} s", duration.subsec_millis() / 100),
        1..120 => format!("{seconds} s"),
        120..3_600 => two(seconds / 60, "min", seconds % 60, "s"),
        3_600..86_400 => two(seconds / 3_600, "h", seconds % 3_600 / 60, "min"),
        _ => two(seconds / 86_400, "d", seconds % 86_400 / 3_600, "h"),
    }
}

fn two(large: u64, large_unit: &str, small: u64, small_unit: &str) -> String {
    match small {
        0 => format!("{large} {large_unit}"),
        _ => format!("{large} {large_unit} {small} {small_unit}"),
    }
}

/// `08:01:00.500`, the time of day in UTC.
pub fn clock(at: Timestamp) -> String {
    let millis = at.as_nanos().div_euclid(1_000_000).rem_euclid(86_400_000);
    let (seconds, millis) = (millis / 1_000, millis % 1_000);
    format!("{:02}:{:02}:{:02}.{millis:03}", seconds / 3_600, seconds / 60 % 60, seconds % 60)
}

/// `2019-02-14 08:01:00 UTC`.
pub fn date_time(at: Timestamp) -> String {
    let text = at.to_string();
    match text.get(..19).and_then(|seconds| seconds.split_once('T')) {
        Some((date, time)) => format!("{date} {time} UTC"),
        None => text,
    }
}

/// What happened when the phone entered the phase, as a heading: `network up`.
pub const fn phase_name(phase: Phase) -> &'static str {
    match phase {
        Phase::Started => "watch started",
        Phase::LockedBoot => "booted, still locked",
        Phase::BootCompleted => "boot completed",
        Phase::NetworkUp => "network up",
        Phase::NetworkDown => "network down",
        Phase::SimLoaded => "SIM read",
        Phase::SimRemoved => "SIM removed",
        Phase::SetupDone => "set-up done",
        Phase::Unlock => "unlocked",
        Phase::ScreenOn => "screen on",
        Phase::ScreenOff => "screen off",
        Phase::Stopped => "watch stopped",
    }
}

/// As in `60 s after …`.
pub const fn phase_noun(phase: Phase) -> &'static str {
    match phase {
        Phase::Started => "the watch started",
        Phase::LockedBoot => "boot, still locked",
        Phase::BootCompleted => "boot",
        Phase::NetworkUp => "the network came up",
        Phase::NetworkDown => "the network went down",
        Phase::SimLoaded => "the SIM was read",
        Phase::SimRemoved => "the SIM was removed",
        Phase::SetupDone => "set-up",
        Phase::Unlock => "unlock",
        Phase::ScreenOn => "screen on",
        Phase::ScreenOff => "screen off",
        Phase::Stopped => "the watch stopped",
    }
}

/// When a finding happened: `60 s after boot`, or `12 s into the capture` when no phase is known.
pub fn moment(report: &Report, finding: &Finding) -> String {
    let entered = finding.phase.and_then(|phase| {
        report.phases.iter().rev().find(|entry| entry.phase == phase && entry.at <= finding.at)
    });
    match (entered, finding.phase, report.capture.first) {
        (Some(entry), ..) if finding.at.since(entry.at) < Duration::from_secs(1) => {
            format!("right after {}", phase_noun(entry.phase))
        }
        (Some(entry), ..) => {
            format!("{} after {}", duration(finding.at.since(entry.at)), phase_noun(entry.phase))
        }
        (None, Some(phase), _) => format!("after {}", phase_noun(phase)),
        (None, None, Some(first)) => format!("{} into the capture", duration(finding.at.since(first))),
        (None, None, None) => clock(finding.at),
    }
}

/// `after unlock, 4 of 4 times: 500 ms later` or `every 10 min, 22 of 23 times`, with the spread if there is one.
pub fn trigger(trigger: &Trigger) -> String {
    let times = format!("{} of {} times", number(trigger.answered), number(trigger.occasions));
    let delay = duration(Duration::from_millis(trigger.delay_ms));
    let spread = match duration(Duration::from_millis(trigger.spread_ms)) {
        _ if trigger.spread_ms == 0 => String::new(),
        spread => format!(" (middle half within {spread})"),
    };
    match trigger.cause {
        Cause::Period => format!("every {delay}{spread}, {times}"),
        Cause::Phase => {
            let phases: Vec<_> = trigger.phases.iter().map(|phase| phase_noun(*phase).to_owned()).collect();
            let later = if trigger.delay_ms == 0 { "at once".to_owned() } else { format!("{delay} later") };
            format!("after {}, {times}: {later}{spread}", alternatives(&phases))
        }
    }
}

/// The name of what a trigger is about: `host`, or `host by app`.
pub fn trigger_party(trigger: &Trigger) -> String {
    match &trigger.app {
        Some(app) => format!("{} by {}", visible(&trigger.host), visible(app)),
        None => visible(&trigger.host).into_owned(),
    }
}

/// How likely chance explains it: `1 in 40,000 at most`.
pub fn chance(chance: f64) -> String {
    match chance {
        chance if chance <= 1e-9 => "less than 1 in a billion".to_owned(),
        chance => format!("1 in {} at most", number((1.0 / chance).round() as u64)),
    }
}

/// The triggers of a flow's host and app.
pub fn triggers_of<'a>(report: &'a Report, flow: &Flow) -> Vec<&'a Trigger> {
    let host = flow.host.clone().unwrap_or_else(|| flow.remote.ip().to_string());
    let app = flow.app.as_ref().map(|app| app.name.as_str());
    let fits = |trigger: &&Trigger| trigger.host == host && trigger.app.as_deref() == app;
    report.triggers.iter().filter(fits).collect()
}

/// `a`, `a or b`, `a, b or c`.
fn alternatives(items: &[String]) -> String {
    match items {
        [] => String::new(),
        [one] => one.clone(),
        [head @ .., last] => format!("{} or {last}", head.join(", ")),
    }
}

/// `IMEI`, `phone number`: the kind's name without its explanation.
pub fn kind_name(kind: IdentifierKind) -> &'static str {
    kind.describe().split(" (").next().unwrap_or_default()
}

/// The explanation of [`kind_name`]; empty when the name says it.
pub fn kind_explained(kind: IdentifierKind) -> &'static str {
    kind.describe().split_once(" (").map_or("", |(_, rest)| rest.trim_end_matches(')'))
}

/// The stable name of a severity.
pub const fn severity_name(severity: Severity) -> &'static str {
    match severity {
        Severity::Info => "info",
        Severity::Low => "low",
        Severity::Medium => "medium",
        Severity::High => "high",
        Severity::Critical => "critical",
    }
}

/// The stable name of a confidence.
pub const fn confidence_name(confidence: Confidence) -> &'static str {
    match confidence {
        Confidence::Shape => "shape",
        Confidence::Recurrence => "recurrence",
        Confidence::Key => "key",
        Confidence::Known => "known",
    }
}

/// Why we believe that it is one, and where it stood if the phone did not send it.
pub const fn confidence_explained(identifier: &Identifier) -> &'static str {
    match (identifier.confidence, identifier.direction) {
        (Confidence::Shape, Direction::Outbound) => "has the shape of one",
        (Confidence::Recurrence, Direction::Outbound) => "was sent more than once, always the same",
        (Confidence::Key, Direction::Outbound) => "named so by its key",
        (Confidence::Known, Direction::Outbound) => "a value you gave",
        (Confidence::Shape, Direction::Inbound) => "has the shape of one, in the reply",
        (Confidence::Recurrence, Direction::Inbound) => "came more than once, always the same, in the reply",
        (Confidence::Key, Direction::Inbound) => "named so by its key, in the reply",
        (Confidence::Known, Direction::Inbound) => "a value you gave, in the reply",
    }
}

/// What a connection is for; empty when nothing tells.
pub const fn purpose(purpose: Purpose) -> &'static str {
    match purpose {
        Purpose::ConnectivityCheck => "connectivity check",
        Purpose::Time => "time",
        Purpose::Push => "push",
        Purpose::CheckIn => "check-in",
        Purpose::Registration => "registration",
        Purpose::Firmware => "system updates",
        Purpose::Analytics => "analytics",
        Purpose::Crash => "crash reports",
        Purpose::Ads => "ads",
        Purpose::LocationAssistance => "help with locating",
        Purpose::Account => "account",
        Purpose::Config => "settings",
        Purpose::Dns => "DNS",
        Purpose::Unknown => "",
    }
}

/// What tells the purpose.
pub const fn purpose_from(from: PurposeFrom) -> &'static str {
    match from {
        PurposeFrom::Protocol => "by its protocol",
        PurposeFrom::Host => "by the table of hosts",
        PurposeFrom::Path => "by the path it asks for",
        PurposeFrom::Content => "by what it carries",
    }
}

/// Whether a normal boot has a finding; empty when that is not known.
pub const fn normal(expected: Option<bool>) -> &'static str {
    match expected {
        Some(true) => "a normal boot has it too",
        Some(false) => "no normal boot has it",
        None => "",
    }
}

/// The stable name of a direction.
pub const fn direction_name(direction: Direction) -> &'static str {
    match direction {
        Direction::Outbound => "outbound",
        Direction::Inbound => "inbound",
    }
}

/// How a connection ended.
pub const fn close(close: Close) -> &'static str {
    match close {
        Close::Fin => "finished",
        Close::Rst => "reset",
        Close::Refused => "refused",
        Close::Unanswered => "not answered",
        Close::Idle => "went idle",
        Close::Evicted => "forgotten",
        Close::Replaced => "replaced",
    }
}

/// Where a name comes from.
pub const fn host_from(from: HostFrom) -> &'static str {
    match from {
        HostFrom::HttpHost => "named by HTTP Host",
        HostFrom::Sni => "named by TLS SNI",
        HostFrom::Message => "named by a message in it",
        HostFrom::DnsApp => "named by the app's DNS",
        HostFrom::DnsPhone => "named by the phone's DNS",
        HostFrom::Certificate => "named by its certificate",
    }
}

/// What a flow's bytes look like that nothing known fits: `sent 01026f6b…, 7.95 bits per byte, 37 % printable`.
pub fn unknown(flow: &Flow) -> String {
    let Some(unknown) = &flow.unknown else { return String::new() };
    let said = |way: &str, sample: &Sample| {
        let (whole, hundredths) = (sample.entropy / 100, sample.entropy % 100);
        let first = visible(&sample.first);
        format!("{way} {first}…, {whole}.{hundredths:02} bits per byte, {} % printable", sample.printable)
    };
    let sent = unknown.sent.iter().map(|sample| said("sent", sample));
    sent.chain(unknown.received.iter().map(|sample| said("received", sample))).collect::<Vec<_>>().join("; ")
}

/// `in clear`, `encrypted`, `unknown`.
pub const fn content(encrypted: Option<bool>) -> &'static str {
    match encrypted {
        Some(false) => "in clear",
        Some(true) => "encrypted",
        None => "unknown",
    }
}

/// How a finding's content was sent.
pub const fn sent(finding: &Finding) -> &'static str {
    match finding.encrypted {
        _ if finding.decrypted => "encrypted, read with the keys given",
        Some(_) => content(finding.encrypted),
        None => "encryption unknown",
    }
}

/// Where a flow's name comes from, and whether it is the real one.
pub const fn named(flow: &Flow) -> &'static str {
    match (flow.host_from, flow.ech) {
        (Some(HostFrom::Sni), Some(Ech::Hidden)) => "only the outer name: the real one is hidden (ECH)",
        (Some(HostFrom::Sni), Some(Ech::Unclear)) => "named by TLS SNI, perhaps only the outer name (ECH)",
        (Some(from), _) => host_from(from),
        (None, _) => "",
    }
}

/// The count, when the words do not begin with it.
pub fn unseen_count(unseen: &Unseen) -> Option<String> {
    unseen.count.filter(|count| !unseen.why.starts_with(&count.to_string())).map(number)
}

/// A flow's name for people: its host, else its address.
pub fn flow_host(flow: &Flow) -> String {
    match &flow.host {
        Some(host) => visible(host).into_owned(),
        None => flow.remote.ip().to_string(),
    }
}

/// `tls/http`, or the transport when nothing was recognised.
pub fn flow_protocol(flow: &Flow) -> String {
    match flow.protocols.is_empty() {
        true => flow.transport.to_string(),
        false => visible(&flow.protocols.join("/")).into_owned(),
    }
}

/// `a`, `a and b`, `a, b and c`.
pub fn list(items: &[String]) -> String {
    match items {
        [] => String::new(),
        [one] => one.clone(),
        [head @ .., last] => format!("{} and {last}", head.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_would_act_on_is_shown_instead() {
        assert_eq!(visible("a\u{1b}[31mred\n"), "a\\u{1b}[31mred\\n");
        assert_eq!(
            visible("\u{9b}2J\u{202e}moc\u{200b}\u{e0041}"),
            "\\u{9b}2J\\u{202e}moc\\u{200b}\\u{e0041}"
        );
        assert!(matches!(visible("Wi-Fi für 你好"), Cow::Borrowed(_)));
    }

    #[test]
    fn numbers_have_units_and_three_digits() {
        assert_eq!(
            [0, 999, 1_000, 1_250, 99_999, 123_456, 5_000_000_000].map(bytes).join(" | "),
            "0 B | 999 B | 1.0 kB | 1.2 kB | 99.9 kB | 123 kB | 5.0 GB"
        );
        assert_eq!([0, 999, 1_000, 1_234_567].map(number).join(" "), "0 999 1,000 1,234,567");
        assert_eq!(bytes(u64::MAX), "18446744 TB");
    }

    #[test]
    fn durations_have_two_units_at_most() {
        let shown = [0, 320, 1_000, 12_540, 60_000, 185_000, 3_600_000, 7_800_000, 273_600_000]
            .map(|millis| duration(Duration::from_millis(millis)))
            .join(" | ");
        assert_eq!(shown, "0 s | 320 ms | 1 s | 12.5 s | 60 s | 3 min 5 s | 1 h | 2 h 10 min | 3 d 4 h");
        assert_eq!(duration(Duration::from_nanos(5)), "1 ms");
    }

    #[test]
    fn the_clock_is_utc_and_takes_any_time() {
        assert_eq!(clock(Timestamp::from_millis(1_550_131_260_500)), "08:01:00.500");
        assert_eq!(clock(Timestamp::from_nanos(-1)), "23:59:59.999");
        assert_eq!(clock(Timestamp::from_nanos(i64::MIN)).len(), 12);
        assert_eq!(date_time(Timestamp::from_millis(1_550_131_260_500)), "2019-02-14 08:01:00 UTC");
    }

    #[test]
    fn triggers_are_said_with_their_evidence() {
        let mut it = crate::testdata::trigger();
        assert_eq!(
            trigger(&it),
            "after boot, unlock or screen on, 3 of 4 times: 60 s later (middle half within 1.2 s)"
        );
        assert_eq!(trigger_party(&it), "zzhc.vnet.cn by com.qualcomm.qti.autoregistration");
        it.cause = Cause::Period;
        it.spread_ms = 0;
        assert_eq!(trigger(&it), "every 60 s, 3 of 4 times");
        assert_eq!(
            [0.01, 2.5e-5, 1e-12, 0.0].map(chance).join(" | "),
            "1 in 100 at most | 1 in 40,000 at most | less than 1 in a billion | less than 1 in a billion"
        );
    }

    #[test]
    fn every_kind_has_a_short_name() {
        for kind in IdentifierKind::ALL {
            assert!(!kind_name(kind).is_empty() && !kind_name(kind).contains('('), "{kind}");
        }
        assert_eq!(kind_name(IdentifierKind::Imei), "IMEI");
        assert_eq!(kind_explained(IdentifierKind::Imei), "the phone's worldwide serial number");
        assert_eq!(kind_explained(IdentifierKind::Msisdn), "");
    }
}
