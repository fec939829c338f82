//! Identifiers inside a host name: seen by every resolver and by everybody on the way, encrypted or not.

use super::Verdict;
use super::words;
use crate::evidence::{Case, Evidence, Origin};
use crate::report::Severity;

pub(super) fn judge(case: &Case<'_>) -> Option<Verdict> {
    let Evidence::Content(content) = &case.evidence else { return None };
    let place = match content.origin {
        Origin::Sni if content.decrypted => {
            "the server name of a connection within an encrypted one, read with the keys given"
        }
        Origin::Sni => "the server name of an encrypted connection, which is sent in clear",
        Origin::DnsName if content.decrypted => {
            "a name that it asked the resolver for, in an encrypted connection, read with the keys given"
        }
        Origin::DnsName => "a name that it asked the resolver for",
        _ => return None,
    };
    if content.matches.is_empty() {
        return None;
    }
    let permanent = content.matches.iter().any(words::is_permanent);
    Some(Verdict {
        severity: match (permanent, content.decrypted) {
            (true, false) => Severity::High,
            (true, true) | (false, false) => Severity::Medium,
            (false, true) => Severity::Low,
        },
        title: format!("Puts its {} into a host name", words::kinds(&content.matches, words::short)),
        why: format!("Sent{}{}. It stands in {place}.", words::by_app(case), words::moment(case.moment)),
        identifiers: content.matches.clone(),
    })
}

#[cfg(test)]
mod tests {
    use packet::Direction;

    use super::*;
    use crate::evidence::Content;
    use crate::identifier::{Confidence, IdentifierKind, Match};
    use crate::rule::testing::{case, found, request};

    fn named(matches: Vec<Match>) -> Content {
        Content {
            direction: Direction::Outbound,
            origin: Origin::Sni,
            matches,
            misdeclared: None,
            decrypted: false,
            credential: None,
        }
    }

    #[test]
    fn a_name_with_an_identifier_is_flagged_and_one_without_is_not() {
        let imei = vec![found(IdentifierKind::Imei, Confidence::Known)];
        let (with, without) = (named(imei.clone()), named(vec![]));
        assert_eq!(judge(&case(None, Evidence::Content(&with))).unwrap().severity, Severity::High);
        assert_eq!(judge(&case(None, Evidence::Content(&without))), None);
        assert_eq!(judge(&case(None, Evidence::Content(&request("/", imei)))), None);
    }
}
