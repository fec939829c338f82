//! A registration in clear: what the Nokia 7 Plus sent to China Telecom.
//!
//! Recognised by what is sent (the phone's and the subscriber's numbers together), or by one of them going to a host
//! known for registrations. So a client that is new, or that talks to a bare address, is found too.

use packet::Direction;

use super::Verdict;
use super::words::{self, Class};
use crate::evidence::{Case, Evidence, Origin};
use crate::identifier::Match;
use crate::report::{Purpose, Severity};

pub(super) fn judge(case: &Case<'_>) -> Option<Verdict> {
    let Evidence::Content(content) = &case.evidence else { return None };
    if content.direction != Direction::Outbound
        || matches!(content.origin, Origin::Sni | Origin::DnsName)
        || content.decrypted
    {
        return None;
    }
    if !is_registration(case, &content.matches) {
        return None;
    }
    let why = format!(
        "Sent in clear{}{}: {}. Anybody on the way can read it, and the recipient can tie this phone to its owner \
         and to where it is.{}{}",
        words::by_app(case),
        words::moment(case.moment),
        words::kinds(&content.matches, crate::IdentifierKind::describe),
        content.misdeclared.as_ref().map(|lie| format!(" The body {lie}.")).unwrap_or_default(),
        words::abroad(case),
    );
    Some(Verdict {
        severity: Severity::Critical,
        title: format!(
            "Registers in clear with {}: {}",
            words::recipient(case),
            words::kinds(&content.matches, words::short)
        ),
        why,
        identifiers: content.matches.clone(),
    })
}

fn is_registration(case: &Case<'_>, matches: &[Match]) -> bool {
    let has =
        |class| matches.iter().any(|found| words::is_permanent(found) && words::class(found.kind) == class);
    let known = case.subject.endpoint.is_some_and(|endpoint| endpoint.purpose == Purpose::Registration);
    let (device, subscriber) = (has(Class::Device), has(Class::Subscriber));
    (device && subscriber) || (known && (device || subscriber))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identifier::{Confidence, IdentifierKind};
    use crate::rule::testing::{PLAIN, REGISTRATION, case, found, request};

    fn judged(endpoint: &'static crate::knowledge::Endpoint, kinds: &[IdentifierKind]) -> Option<Verdict> {
        let matches = kinds.iter().map(|kind| found(*kind, Confidence::Key)).collect();
        let content = request("/", matches);
        judge(&case(Some(endpoint), Evidence::Content(&content)))
    }

    #[test]
    fn phone_and_subscriber_together_are_a_registration_wherever_they_go() {
        let verdict = judged(&PLAIN, &[IdentifierKind::Imei, IdentifierKind::Iccid]).unwrap();
        assert_eq!(verdict.severity, Severity::Critical);
        assert!(verdict.title.contains("IMEI and ICCID"), "{}", verdict.title);
        assert!(verdict.why.contains("2.0 s after the phone was unlocked"), "{}", verdict.why);
    }

    #[test]
    fn one_number_is_enough_for_a_known_registration_host() {
        assert!(judged(&REGISTRATION, &[IdentifierKind::Imei]).is_some());
        assert!(judged(&PLAIN, &[IdentifierKind::Imei]).is_none());
        assert!(judged(&REGISTRATION, &[IdentifierKind::AdvertisingId]).is_none());
    }
}
