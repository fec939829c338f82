//! Plain words for titles and reasons.

use std::time::Duration;

use packet::Phase;

use crate::evidence::{Case, Evidence, Moment};
use crate::facts::Home;
use crate::identifier::{Confidence, IdentifierKind, Match};
use crate::knowledge::Endpoint;

/// What an identifier tells, and so how bad it is when somebody else gets it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Class {
    /// Tells the model and its software.
    Model,
    /// Tells one phone from others until it is reset.
    Resettable,
    /// Tells where the phone is.
    Place,
    /// Tells one phone from all others, for its life.
    Device,
    /// Tells whose SIM it is.
    Subscriber,
}

pub(super) fn class(kind: IdentifierKind) -> Class {
    use IdentifierKind as K;
    match kind {
        K::Imei | K::Imeisv | K::Meid | K::Eid | K::Serial | K::Mac | K::WidevineId => Class::Device,
        K::Imsi | K::Iccid | K::Msisdn => Class::Subscriber,
        K::Cell | K::Location | K::Ssid | K::Bssid => Class::Place,
        K::AndroidId | K::GsfId | K::AdvertisingId | K::FcmToken | K::DeviceToken => Class::Resettable,
        K::Fingerprint => Class::Model,
    }
}

/// Whether it is more than a shape.
pub(super) fn is_sure(found: &Match) -> bool {
    found.confidence > Confidence::Shape
}

/// Whether it tells one phone or its owner from all others, and is more than a shape.
pub(super) fn is_permanent(found: &Match) -> bool {
    class(found.kind) >= Class::Device && is_sure(found)
}

/// The short name, for titles.
pub(super) fn short(kind: IdentifierKind) -> &'static str {
    use IdentifierKind as K;
    match kind {
        K::Imei => "IMEI",
        K::Imeisv => "IMEISV",
        K::Meid => "MEID",
        K::Imsi => "IMSI",
        K::Iccid => "ICCID",
        K::Eid => "EID",
        K::Msisdn => "phone number",
        K::AndroidId => "Android ID",
        K::GsfId => "GSF ID",
        K::AdvertisingId => "advertising ID",
        K::Serial => "serial number",
        K::Mac => "MAC address",
        K::Ssid => "Wi-Fi name",
        K::Bssid => "access point address",
        K::Cell => "cell",
        K::Location => "location",
        K::Fingerprint => "build fingerprint",
        K::WidevineId => "Widevine ID",
        K::FcmToken => "push token",
        K::DeviceToken => "device token",
    }
}

/// The kinds, each once, in declaration order: "IMEI, IMSI and cell".
pub(super) fn kinds(matches: &[Match], name: fn(IdentifierKind) -> &'static str) -> String {
    let mut kinds: Vec<_> = matches.iter().map(|found| found.kind).collect();
    kinds.sort_unstable();
    kinds.dedup();
    let names: Vec<_> = kinds.into_iter().map(name).collect();
    match names.as_slice() {
        [] => String::new(),
        [one] => (*one).to_owned(),
        [rest @ .., last] => format!("{} and {last}", rest.join(", ")),
    }
}

/// The other end: owner, host or address, and country.
pub(super) fn recipient(case: &Case<'_>) -> String {
    let subject = &case.subject;
    let address = subject.key.remote.ip().to_string();
    let host = subject.host.unwrap_or(&address);
    let place = case.country().map(|code| format!(", {code}")).unwrap_or_default();
    match subject.endpoint {
        Some(endpoint) => format!("{} ({host}{place})", endpoint.owner),
        None if place.is_empty() => host.to_owned(),
        None => format!("{host} ({})", &place[2..]),
    }
}

/// The recipient of a registration: as of the flow, or by the name that was asked for.
pub(super) fn carrier(case: &Case<'_>, endpoint: &Endpoint) -> String {
    match case.evidence {
        Evidence::LookupFailed { name, .. } => format!("{} ({name}, {})", endpoint.owner, endpoint.country),
        _ => recipient(case),
    }
}

/// "the phone's home is NO", "the phone's SIM is from NO", or both.
pub(super) fn home(home: &Home) -> String {
    let stated = home.stated.as_ref().map(|country| format!("the phone's home is {country}"));
    let sims =
        (!home.sims.is_empty()).then(|| format!("the phone's SIM is from {}", home.sims.join(" and ")));
    stated.into_iter().chain(sims).collect::<Vec<_>>().join(", and ")
}

/// "12 s after the phone was unlocked", for the end of a sentence; empty when no phase is known.
pub(super) fn moment(moment: Moment) -> String {
    let Some((phase, since)) = moment.after else {
        return String::new();
    };
    let event = match phase {
        Phase::Started => "watching began",
        Phase::LockedBoot => "the phone had booted, still locked",
        Phase::BootCompleted => "the boot was completed",
        Phase::NetworkUp => "the network came up",
        Phase::NetworkDown => "the network went away",
        Phase::SimLoaded => "the SIM was read",
        Phase::SimRemoved => "the SIM was removed",
        Phase::SetupDone => "the set-up was finished",
        Phase::Unlock => "the phone was unlocked",
        Phase::ScreenOn => "the screen went on",
        Phase::ScreenOff => "the screen went off",
        Phase::Stopped => "watching ended",
    };
    if since < Duration::from_secs(1) {
        return format!(", right after {event}");
    }
    format!(", {} after {event}", duration(since))
}

/// "1.3 s", "2 min 5 s", "3 h 10 min".
fn duration(time: Duration) -> String {
    let seconds = time.as_secs();
    match seconds {
        0..10 => format!("{:.1} s", time.as_millis() as f64 / 1e3),
        10..60 => format!("{seconds} s"),
        60..3600 => format!("{} min {} s", seconds / 60, seconds % 60),
        _ => format!("{} h {} min", seconds / 3600, seconds / 60 % 60),
    }
}

/// "by com.example", for the middle of a sentence; empty when no app is known.
pub(super) fn by_app(case: &Case<'_>) -> String {
    case.subject.app.map(|app| format!(" by {app}")).unwrap_or_default()
}

/// A sentence when the user said where the phone is at home and the recipient is elsewhere, else nothing.
pub(super) fn abroad(case: &Case<'_>) -> String {
    match (case.home.stated.as_deref(), case.country()) {
        (Some(home), Some(there)) if !home.eq_ignore_ascii_case(there) => {
            format!(" The phone's home is {home}; this goes to {there}.")
        }
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_well() {
        for (millis, text) in
            [(0, "0.0 s"), (2_040, "2.0 s"), (62_000, "1 min 2 s"), (11_400_000, "3 h 10 min")]
        {
            assert_eq!(duration(Duration::from_millis(millis)), text);
        }
    }
}
