//! A value that nobody named and that stays the same: it tells the phone apart as well as a number with a name does.
//!
//! Never more than low: what one phone sends cannot tell a phone's token from a constant of its software.

use super::Verdict;
use super::words;
use crate::evidence::{Case, Evidence};
use crate::identifier::Recurrence;
use crate::report::Severity;

pub(super) fn judge(case: &Case<'_>) -> Option<Verdict> {
    let Evidence::Recurrence(found) = case.evidence else { return None };
    let widest = found.iter().max_by_key(|it| (it.is_wide(), it.places.len()))?;
    let (severity, title) = if widest.is_wide() {
        (Severity::Low, format!("Sends a token that others get too to {}", words::recipient(case)))
    } else {
        (Severity::Info, format!("Sends a token that stays the same to {}", words::recipient(case)))
    };
    Some(Verdict {
        severity,
        title,
        why: format!(
            "It looks random, no name says what it is, and it was sent{} in {} connections{}: {}. Whoever gets it can \
             tell this phone again. A constant of the software, the same on every phone, would look alike: compare \
             with another phone.",
            words::by_app(case),
            widest.flows,
            starts(widest),
            places(widest),
        ),
        identifiers: found.iter().map(|it| it.token.clone()).collect(),
    })
}

fn starts(found: &Recurrence) -> String {
    if found.boots < 2 { String::new() } else { format!(" over {} starts of the phone", found.boots) }
}

/// "`uid` to a.example (3), `k` to b.example (1)".
fn places(found: &Recurrence) -> String {
    let place = |it: &crate::identifier::Place| {
        let key = if it.key.is_empty() { String::new() } else { format!("as {} ", it.key) };
        format!("{key}to {} ({})", it.host, it.flows)
    };
    found.places.iter().map(place).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identifier::{Confidence, IdentifierKind, Place};
    use crate::rule::testing::{PLAIN, case, found, request};

    fn recurrence(sites: &[&str], boots: u32) -> Recurrence {
        let place =
            |site: &&str| Place { site: (*site).into(), host: (*site).into(), key: "zq".into(), flows: 2 };
        let token = found(IdentifierKind::DeviceToken, Confidence::Recurrence);
        Recurrence { token, places: sites.iter().map(place).collect(), flows: 4, boots }
    }

    #[test]
    fn a_token_that_two_get_is_worse_than_one_that_stays() {
        let one = [recurrence(&["a.example"], 2)];
        let verdict = judge(&case(Some(&PLAIN), Evidence::Recurrence(&one))).unwrap();
        assert_eq!(verdict.severity, Severity::Info);
        assert!(
            verdict.why.contains("over 2 starts of the phone: as zq to a.example (2)."),
            "{}",
            verdict.why
        );
        let both = [recurrence(&["a.example"], 1), recurrence(&["a.example", "b.example"], 1)];
        let verdict = judge(&case(Some(&PLAIN), Evidence::Recurrence(&both))).unwrap();
        assert_eq!((verdict.severity, verdict.identifiers.len()), (Severity::Low, 2));
        assert!(!verdict.why.contains("device_token-value"), "no value in a reason");
    }

    #[test]
    fn other_evidence_is_none() {
        let content = request("/", vec![found(IdentifierKind::DeviceToken, Confidence::Recurrence)]);
        assert_eq!(judge(&case(None, Evidence::Content(&content))), None);
        assert_eq!(judge(&case(None, Evidence::Recurrence(&[]))), None);
    }
}
