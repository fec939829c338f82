//! A server sends one of the phone's identifiers back: it knows it, however it got it.
//!
//! Only values that the user gave count: replies are full of other people's addresses and of numbers that look like
//! something.

use packet::Direction;

use super::Verdict;
use super::words;
use crate::evidence::{Case, Evidence};
use crate::identifier::{Confidence, Match};
use crate::report::Severity;

pub(super) fn judge(case: &Case<'_>) -> Option<Verdict> {
    let Evidence::Content(content) = &case.evidence else { return None };
    if content.direction != Direction::Inbound {
        return None;
    }
    let known = |found: &&Match| found.confidence == Confidence::Known;
    let identifiers: Vec<_> = content.matches.iter().filter(known).cloned().collect();
    if identifiers.is_empty() {
        return None;
    }
    Some(Verdict {
        severity: Severity::Low,
        title: format!("{} knows the {}", words::recipient(case), words::kinds(&identifiers, words::short)),
        why: format!("It stands in a reply to the phone{}.", words::moment(case.moment)),
        identifiers,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identifier::IdentifierKind;
    use crate::rule::testing::{case, found, request};

    #[test]
    fn only_known_values_count_in_replies() {
        for (confidence, flagged) in [(Confidence::Known, true), (Confidence::Key, false)] {
            let mut content = request("/", vec![found(IdentifierKind::Imei, confidence)]);
            assert_eq!(judge(&case(None, Evidence::Content(&content))), None, "requests are no replies");
            content.direction = Direction::Inbound;
            assert_eq!(judge(&case(None, Evidence::Content(&content))).is_some(), flagged);
        }
    }
}
