//! What a flow is for, by all that is known of it.

use crate::identifier::{Confidence, IdentifierKind, Match};
use crate::knowledge::Endpoint;
use crate::protocol::Protocol;
use crate::report::{Purpose, PurposeFrom};

/// Access points in one message from which on it asks where the phone is: no other service needs several.
const LOCATING_ACCESS_POINTS: usize = 2;

/// What is known of a flow that can tell its purpose.
#[derive(Debug, Clone, Copy, Default)]
pub struct Clues<'a> {
    /// Protocols recognised.
    pub protocols: &'a [Protocol],
    /// What the table of hosts says of the other end.
    pub endpoint: Option<&'static Endpoint>,
    /// What the paths asked for tell, see [`of_path`].
    pub path: Option<Purpose>,
    /// What the content tells, see [`of_content`].
    pub content: Option<Purpose>,
}

/// The flow's purpose and what tells it: the surest clue wins. A host that many services share tells nothing.
pub fn purpose(clues: &Clues<'_>) -> (Purpose, Option<PurposeFrom>) {
    let host = clues.endpoint.filter(|endpoint| !endpoint.shared).map(|endpoint| endpoint.purpose);
    let found = [
        (clues.protocols.iter().find_map(|protocol| of_protocol(*protocol)), PurposeFrom::Protocol),
        (host, PurposeFrom::Host),
        (clues.path, PurposeFrom::Path),
        (clues.content, PurposeFrom::Content),
    ];
    let surest = found.into_iter().find_map(|(purpose, from)| Some((purpose?, Some(from))));
    surest.unwrap_or_default()
}

/// The purpose of protocols that have only one.
fn of_protocol(protocol: Protocol) -> Option<Purpose> {
    match protocol.0 {
        "dns" | "mdns" | "llmnr" | "dot" | "doh" | "doq" => Some(Purpose::Dns),
        "ntp" => Some(Purpose::Time),
        "lwm2m" => Some(Purpose::Registration),
        "mcs" => Some(Purpose::Push),
        "syncml" => Some(Purpose::Config),
        _ => None,
    }
}

/// The purpose of paths that belong to one kind of service whoever runs it.
///
/// Sources: the Android Open Source Project's captive portal probes; Apple's, Microsoft's and Firefox's; microG's paths of
/// Google's services; GSMA TS.43 and RCC.14 for what carriers configure.
pub fn of_path(path: &str, query_len: usize) -> Option<Purpose> {
    if is_probe(path, query_len) {
        return Some(Purpose::ConnectivityCheck);
    }
    let purpose = match path {
        "/checkin" => Purpose::CheckIn,
        "/c2dm/register" | "/c2dm/register3" => Purpose::Push,
        "/log/batch" | "/play/log" | "/play/log/batch" => Purpose::Analytics,
        "/experimentsandconfigs" | "/generic_devices" => Purpose::Config,
        "/geolocation/v1/geolocate" | "/v1/geolocate" | "/v1/geosubmit" | "/loc/m/api" => {
            Purpose::LocationAssistance
        }
        _ => return None,
    };
    Some(purpose)
}

/// Whether a path only asks whether the network works.
pub fn is_probe(path: &str, query_len: usize) -> bool {
    let known = ["/hotspot-detect.html", "/connecttest.txt", "/ncsi.txt", "/canonical.html"];
    // Web pages count clicks with `/gen_204?…`.
    path.ends_with("/generate_204") || (path.ends_with("/gen_204") && query_len == 0) || known.contains(&path)
}

/// What a message is for by the identifiers in it: the phone's number with the subscriber's is a registration, several
/// access points ask for the phone's place.
pub fn of_content<'a>(mut matches: impl Iterator<Item = &'a Match> + Clone) -> Option<Purpose> {
    use IdentifierKind as K;
    let has = |kinds: &[K]| {
        matches.clone().any(|found| kinds.contains(&found.kind) && found.confidence > Confidence::Shape)
    };
    if has(&[K::Imei, K::Imeisv, K::Meid, K::Eid]) && has(&[K::Imsi, K::Iccid, K::Msisdn]) {
        return Some(Purpose::Registration);
    }
    let mut access_points = matches.by_ref().filter(|found| found.kind == K::Bssid);
    access_points.nth(LOCATING_ACCESS_POINTS - 1).map(|_| Purpose::LocationAssistance)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::knowledge;

    fn found(kind: IdentifierKind, value: &str) -> Match {
        Match { kind, value: value.into(), confidence: Confidence::Key, decode: vec![], range: 0..1 }
    }

    #[test]
    fn the_surest_clue_wins() {
        let mut clues = Clues { content: Some(Purpose::Registration), ..Clues::default() };
        assert_eq!(purpose(&clues), (Purpose::Registration, Some(PurposeFrom::Content)));
        clues.path = Some(Purpose::CheckIn);
        assert_eq!(purpose(&clues), (Purpose::CheckIn, Some(PurposeFrom::Path)));
        clues.endpoint = knowledge::endpoint("mtalk.google.com");
        assert_eq!(purpose(&clues), (Purpose::Push, Some(PurposeFrom::Host)));
        clues.protocols = &[Protocol::TLS, Protocol::NTP];
        assert_eq!(purpose(&clues), (Purpose::Time, Some(PurposeFrom::Protocol)));
    }

    #[test]
    fn nothing_known_is_unknown_and_a_shared_host_tells_nothing() {
        assert_eq!(purpose(&Clues::default()), (Purpose::Unknown, None));
        let shared = Clues { endpoint: knowledge::endpoint("www.google.com"), ..Clues::default() };
        assert!(shared.endpoint.is_some());
        assert_eq!(purpose(&shared), (Purpose::Unknown, None));
    }

    #[test]
    fn paths_tell_whoever_runs_them() {
        for (path, query_len, purpose) in [
            ("/generate_204", 0, Some(Purpose::ConnectivityCheck)),
            ("/gen_204", 0, Some(Purpose::ConnectivityCheck)),
            ("/gen_204", 40, None),
            ("/checkin", 0, Some(Purpose::CheckIn)),
            ("/shop/checkin", 0, None),
            ("/", 0, None),
        ] {
            assert_eq!(of_path(path, query_len), purpose, "{path}");
        }
    }

    #[test]
    fn content_tells_by_what_stands_together() {
        use IdentifierKind as K;
        let phone = found(K::Imei, "1");
        let card = found(K::Iccid, "2");
        let access_points = [found(K::Bssid, "1"), found(K::Bssid, "2")];
        assert_eq!(of_content([&phone].into_iter()), None);
        assert_eq!(of_content([&phone, &card].into_iter()), Some(Purpose::Registration));
        assert_eq!(of_content(access_points.iter().take(1)), None);
        assert_eq!(of_content(access_points.iter()), Some(Purpose::LocationAssistance));
    }
}
