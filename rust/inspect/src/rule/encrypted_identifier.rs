//! Identifiers in an encrypted connection that was read with keys that were given: only the recipient gets them.

use packet::Direction;

use super::Verdict;
use super::words::{self, Class};
use crate::evidence::{Case, Evidence, Origin};
use crate::identifier::{Confidence, Match};
use crate::report::Severity;

pub(super) fn judge(case: &Case<'_>) -> Option<Verdict> {
    let Evidence::Content(content) = &case.evidence else { return None };
    let named = matches!(content.origin, Origin::Sni | Origin::DnsName);
    if content.direction != Direction::Outbound || named || !content.decrypted {
        return None;
    }
    let severity = content.matches.iter().map(severity).max()?;
    Some(Verdict {
        severity,
        title: format!(
            "Sends {} to {} in an encrypted connection",
            words::kinds(&content.matches, words::short),
            words::recipient(case)
        ),
        why: format!(
            "Sent{}{} in an encrypted connection, read with the keys given: {}. Only the recipient can read it.{}",
            words::by_app(case),
            words::moment(case.moment),
            words::kinds(&content.matches, crate::IdentifierKind::describe),
            words::abroad(case),
        ),
        identifiers: content.matches.clone(),
    })
}

fn severity(found: &Match) -> Severity {
    let sure = found.confidence > Confidence::Shape;
    match words::class(found.kind) {
        Class::Device | Class::Subscriber | Class::Place if sure => Severity::Medium,
        Class::Device | Class::Subscriber | Class::Place => Severity::Low,
        Class::Resettable => Severity::Low,
        Class::Model => Severity::Info,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identifier::IdentifierKind as K;
    use crate::rule::testing::{PLAIN, case, found, request};

    fn judged(decrypted: bool, matches: Vec<Match>) -> Option<Verdict> {
        let mut content = request("/", matches);
        content.decrypted = decrypted;
        judge(&case(Some(&PLAIN), Evidence::Content(&content)))
    }

    #[test]
    fn what_only_the_recipient_gets_is_never_worse_than_medium() {
        let both = || vec![found(K::Imei, Confidence::Known), found(K::Iccid, Confidence::Key)];
        let verdict = judged(true, both()).unwrap();
        assert_eq!(verdict.severity, Severity::Medium);
        assert!(verdict.title.ends_with("in an encrypted connection"), "{}", verdict.title);
        assert!(verdict.why.contains("read with the keys given"), "{}", verdict.why);
        assert!(!verdict.why.contains("in clear"), "{}", verdict.why);
        assert_eq!(judged(false, both()), None);
        assert_eq!(judged(true, vec![]), None);
    }

    #[test]
    fn less_sure_and_less_lasting_is_less_severe() {
        let severity = |kind, confidence| judged(true, vec![found(kind, confidence)]).unwrap().severity;
        assert_eq!(severity(K::Imei, Confidence::Shape), Severity::Low);
        assert_eq!(severity(K::AdvertisingId, Confidence::Key), Severity::Low);
        assert_eq!(severity(K::Fingerprint, Confidence::Shape), Severity::Info);
    }
}
