//! A carrier's registration on a phone that has nothing to do with that carrier: its owner lives elsewhere and so does
//! the SIM. That is how the Nokia 7 Plus stood out: a client made for another market had been built in.

use packet::Direction;

use super::Verdict;
use super::words;
use crate::evidence::{Case, Evidence};
use crate::identifier::Match;
use crate::knowledge::Endpoint;
use crate::report::{Purpose, Severity};

pub(super) fn judge(case: &Case<'_>) -> Option<Verdict> {
    let endpoint = case.endpoint().filter(|endpoint| is_carrier(endpoint))?;
    if case.home.is_in(endpoint.country) != Some(false) {
        return None;
    }
    let (severity, what, identifiers) = what(case)?;
    Some(Verdict {
        severity,
        title: format!("Registers with {}, where the phone is not at home", words::carrier(case, endpoint)),
        why: format!(
            "The server is for {}'s customers in {}, but {}. {what}{}{}.",
            endpoint.owner,
            endpoint.country,
            words::home(case.home),
            words::by_app(case),
            words::moment(case.moment),
        ),
        identifiers,
    })
}

fn is_carrier(endpoint: &Endpoint) -> bool {
    endpoint.purpose == Purpose::Registration && endpoint.is_carriers()
}

/// How bad, what the phone did, and what it told. Somebody who was told something is worse than one who was asked for.
fn what(case: &Case<'_>) -> Option<(Severity, &'static str, Vec<Match>)> {
    match &case.evidence {
        Evidence::Content(content) if content.direction == Direction::Outbound => {
            (!content.matches.is_empty())
                .then(|| (Severity::High, "It was sent a registration", content.matches.clone()))
        }
        Evidence::Contact if case.subject.flagged => None,
        Evidence::Contact if case.subject.bytes[0] == 0 => {
            Some((Severity::Medium, "A connection was tried and nothing sent yet", vec![]))
        }
        Evidence::Contact => Some((Severity::High, "It was sent something that cannot be read here", vec![])),
        Evidence::LookupFailed { .. } => {
            Some((Severity::Medium, "Its address was asked for, in vain", vec![]))
        }
        Evidence::Content(_) | Evidence::SetUp(_) | Evidence::Recurrence(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identifier::{Confidence, IdentifierKind};
    use crate::rule::testing::{PLAIN, REGISTRATION, case, found, home, request};

    const MAKERS: Endpoint = Endpoint { owner: "Example Phones", ..REGISTRATION };

    fn judged(endpoint: &'static Endpoint, stated: &str, sims: &[&'static str]) -> Option<Verdict> {
        let home = home(stated, sims);
        let content = request("/", vec![found(IdentifierKind::Imei, Confidence::Key)]);
        judge(&Case { home: &home, ..case(Some(endpoint), Evidence::Content(&content)) })
    }

    #[test]
    fn home_or_sim_elsewhere_is_needed() {
        assert_eq!(judged(&REGISTRATION, "", &[]), None, "nothing tells where the phone is at home");
        assert_eq!(judged(&REGISTRATION, "CN", &["NO"]), None);
        assert_eq!(judged(&REGISTRATION, "NO", &["CN"]), None);
        let verdict = judged(&REGISTRATION, "", &["NO"]).unwrap();
        assert_eq!(verdict.severity, Severity::High);
        assert!(verdict.why.contains("SIM is from NO"), "{}", verdict.why);
        assert!(judged(&REGISTRATION, "FI", &[]).unwrap().why.contains("home is FI."));
    }

    #[test]
    fn only_carriers_count() {
        assert_eq!(judged(&MAKERS, "NO", &[]), None);
        assert_eq!(judged(&PLAIN, "NO", &[]), None);
    }

    #[test]
    fn a_contact_counts_too_and_less_when_nothing_was_sent() {
        let norway = home("NO", &[]);
        let mut case = Case { home: &norway, ..case(Some(&REGISTRATION), Evidence::Contact) };
        assert_eq!(judge(&case).unwrap().severity, Severity::High);
        case.subject.bytes = [0, 0];
        assert_eq!(judge(&case).unwrap().severity, Severity::Medium);
        case.subject.flagged = true;
        assert_eq!(judge(&case), None, "its content was judged");
        case.subject.endpoint = None;
        case.evidence = Evidence::LookupFailed { name: "x.example", endpoint: &REGISTRATION };
        assert!(judge(&case).unwrap().title.contains("China Telecom"));
    }
}
