//! Identifiers that leave the European Economic Area for a country whose law the Commission has not found adequate.
//!
//! Only asked when the user said that the phone's home is in the area. A recipient may rest on contracts instead (GDPR
//! article 46), which no packet shows: so this is what to ask about, not a breach.

use packet::Direction;

use super::Verdict;
use super::words::{self, Class};
use crate::evidence::{Case, Evidence};
use crate::identifier::Match;
use crate::knowledge::{self, Adequacy};
use crate::report::Severity;

pub(super) fn judge(case: &Case<'_>) -> Option<Verdict> {
    let Evidence::Content(content) = &case.evidence else { return None };
    let home = case.home.stated.as_deref().filter(|home| knowledge::adequacy(home) == Adequacy::Member)?;
    let there = case.country().filter(|country| knowledge::adequacy(country) == Adequacy::Outside)?;
    let personal = |found: &&Match| words::is_sure(found) && words::class(found.kind) > Class::Model;
    let identifiers: Vec<Match> = content.matches.iter().filter(personal).cloned().collect();
    if content.direction != Direction::Outbound || identifiers.is_empty() {
        return None;
    }
    let permanent = identifiers.iter().any(words::is_permanent);
    Some(Verdict {
        severity: if permanent { Severity::Medium } else { Severity::Low },
        title: format!(
            "Sends {} out of the EEA to {}",
            words::kinds(&identifiers, words::short),
            words::recipient(case)
        ),
        why: format!(
            "The phone's home is {home}. For {there} the European Commission has not decided that data is protected \
             adequately, so a transfer needs other safeguards (GDPR articles 44 to 49). Sent{}{}.",
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
    use crate::knowledge::Endpoint;
    use crate::rule::testing::{PLAIN, REGISTRATION, case, found, home, request};

    const SWISS: Endpoint = Endpoint { country: "CH", ..PLAIN };

    fn judged(stated: &str, to: &'static Endpoint, kind: K, confidence: Confidence) -> Option<Severity> {
        let home = home(stated, &[]);
        let content = request("/", vec![found(kind, confidence)]);
        judge(&Case { home: &home, ..case(Some(to), Evidence::Content(&content)) }).map(|it| it.severity)
    }

    #[test]
    fn only_from_the_area_to_where_nothing_was_decided() {
        let imei = |stated, to| judged(stated, to, K::Imei, Confidence::Key);
        assert_eq!(imei("NO", &REGISTRATION), Some(Severity::Medium));
        assert_eq!(imei("NO", &SWISS), None);
        assert_eq!(imei("NO", &PLAIN), None, "the United States are adequate for some recipients");
        assert_eq!(imei("CH", &REGISTRATION), None);
        assert_eq!(imei("", &REGISTRATION), None);
    }

    #[test]
    fn only_what_identifies_somebody_counts() {
        assert_eq!(judged("NO", &REGISTRATION, K::Fingerprint, Confidence::Key), None);
        assert_eq!(judged("NO", &REGISTRATION, K::Imei, Confidence::Shape), None);
        assert_eq!(judged("NO", &REGISTRATION, K::AndroidId, Confidence::Key), Some(Severity::Low));
    }
}
