//! Identifiers that leave the phone for anybody on the way to read.

use packet::Direction;

use super::Verdict;
use super::words::{self, Class};
use crate::evidence::{Case, Evidence, Origin};
use crate::identifier::{Confidence, Match};
use crate::report::Severity;

pub(super) fn judge(case: &Case<'_>) -> Option<Verdict> {
    let Evidence::Content(content) = &case.evidence else { return None };
    let named = matches!(content.origin, Origin::Sni | Origin::DnsName);
    if content.direction != Direction::Outbound || named || content.decrypted {
        return None;
    }
    let severity = severity(&content.matches)?;
    Some(Verdict {
        severity,
        title: format!(
            "Sends {} in clear to {}",
            words::kinds(&content.matches, words::short),
            words::recipient(case)
        ),
        why: format!(
            "Sent in clear{}{}: {}. Anybody on the way can read it.{}",
            words::by_app(case),
            words::moment(case.moment),
            words::kinds(&content.matches, crate::IdentifierKind::describe),
            words::abroad(case),
        ),
        identifiers: content.matches.clone(),
    })
}

/// The worst of the matches; two permanent ones together are worse than each.
fn severity(matches: &[Match]) -> Option<Severity> {
    let mut permanent: Vec<_> =
        matches.iter().filter(|found| words::is_permanent(found)).map(|found| found.kind).collect();
    permanent.sort_unstable();
    permanent.dedup();
    if permanent.len() >= 2 {
        return Some(Severity::Critical);
    }
    matches.iter().map(alone).max()
}

fn alone(found: &Match) -> Severity {
    let sure = found.confidence > Confidence::Shape;
    match words::class(found.kind) {
        Class::Device | Class::Subscriber if sure => Severity::High,
        Class::Device | Class::Subscriber => Severity::Medium,
        Class::Place if sure => Severity::High,
        Class::Place => Severity::Medium,
        Class::Resettable if sure => Severity::Medium,
        Class::Resettable | Class::Model => Severity::Low,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identifier::IdentifierKind as K;
    use crate::rule::testing::{PLAIN, case, found, request};

    fn judged(matches: Vec<Match>) -> Option<Severity> {
        let content = request("/", matches);
        judge(&case(Some(&PLAIN), Evidence::Content(&content))).map(|verdict| verdict.severity)
    }

    #[test]
    fn severity_grows_with_permanence_number_and_confidence() {
        assert_eq!(judged(vec![]), None);
        assert_eq!(judged(vec![found(K::Fingerprint, Confidence::Shape)]), Some(Severity::Low));
        assert_eq!(judged(vec![found(K::AdvertisingId, Confidence::Key)]), Some(Severity::Medium));
        assert_eq!(judged(vec![found(K::Imei, Confidence::Shape)]), Some(Severity::Medium));
        assert_eq!(judged(vec![found(K::Imei, Confidence::Key)]), Some(Severity::High));
        let both = vec![found(K::Imei, Confidence::Key), found(K::Mac, Confidence::Known)];
        assert_eq!(judged(both), Some(Severity::Critical));
    }

    #[test]
    fn what_was_decrypted_is_not_in_clear_and_what_came_before_encryption_is() {
        let mut content = request("/", vec![found(K::Imei, Confidence::Key)]);
        for (decrypted, flagged) in [(false, true), (true, false)] {
            content.decrypted = decrypted;
            let mut case = case(Some(&PLAIN), Evidence::Content(&content));
            case.subject.encrypted = Some(true);
            assert_eq!(judge(&case).is_some(), flagged);
        }
    }
}
