//! Identifiers that were sent before the set-up was finished: its owner had not been asked yet, or had not answered.

use super::Verdict;
use super::words::{self, Class};
use crate::evidence::{Case, Evidence};
use crate::identifier::Match;
use crate::report::Severity;

pub(super) fn judge(case: &Case<'_>) -> Option<Verdict> {
    let Evidence::SetUp(sent) = &case.evidence else { return None };
    // A shape alone may be anything, and the model tells nobody from others.
    let personal = |found: &&Match| words::is_sure(found) && words::class(found.kind) > Class::Model;
    let identifiers: Vec<Match> = sent.iter().filter(personal).cloned().collect();
    if identifiers.is_empty() {
        return None;
    }
    let permanent = identifiers.iter().any(words::is_permanent);
    Some(Verdict {
        severity: if permanent { Severity::Medium } else { Severity::Low },
        title: format!(
            "Sends {} to {} before the set-up is finished",
            words::kinds(&identifiers, words::short),
            words::recipient(case)
        ),
        why: format!(
            "Sent{}{}, while the set-up went on: whoever set up the phone had not agreed to anything yet.",
            words::by_app(case),
            words::moment(case.moment)
        ),
        identifiers,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identifier::{Confidence, IdentifierKind as K};
    use crate::rule::testing::{PLAIN, case, found, request};

    fn judged(sent: &[Match]) -> Option<Severity> {
        judge(&case(Some(&PLAIN), Evidence::SetUp(sent))).map(|verdict| verdict.severity)
    }

    #[test]
    fn what_can_be_reset_counts_less_and_the_model_not_at_all() {
        assert_eq!(judged(&[]), None);
        assert_eq!(judged(&[found(K::Fingerprint, Confidence::Key)]), None);
        assert_eq!(judged(&[found(K::Imei, Confidence::Shape)]), None);
        assert_eq!(judged(&[found(K::AdvertisingId, Confidence::Key)]), Some(Severity::Low));
        assert_eq!(judged(&[found(K::Serial, Confidence::Known)]), Some(Severity::Medium));
    }

    #[test]
    fn content_alone_says_nothing_of_the_set_up() {
        let content = request("/", vec![found(K::Imei, Confidence::Key)]);
        assert_eq!(judge(&case(Some(&PLAIN), Evidence::Content(&content))), None);
    }
}
