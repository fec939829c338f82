//! A connectivity probe needs no content. A body, a cookie or a long query in one tells something.

use packet::Direction;

use super::Verdict;
use super::words;
use crate::evidence::{Case, Evidence, Origin};
use crate::knowledge::Endpoint;
use crate::purpose;
use crate::report::{Purpose, Severity};

/// Longest query that a probe may have: some add a cache breaker.
const LONGEST_QUERY: usize = 48;

pub(super) fn judge(case: &Case<'_>) -> Option<Verdict> {
    let Evidence::Content(content) = &case.evidence else { return None };
    let Origin::Request { path, query_len, body_len, cookie, .. } = &content.origin else { return None };
    if content.direction != Direction::Outbound || !is_probe(case, path, *query_len) {
        return None;
    }
    let extra = match (*body_len, *cookie, *query_len) {
        (1.., _, _) => "a body",
        (_, true, _) => "a cookie",
        (_, _, len) if len > LONGEST_QUERY => "a long query",
        _ => return None,
    };
    Some(Verdict {
        severity: Severity::Medium,
        title: format!("Connectivity probe to {} carries {extra}", words::recipient(case)),
        why: format!(
            "Sent{}{}. A probe only asks whether the network works and needs nothing for that; this one carries {extra}.",
            words::by_app(case),
            words::moment(case.moment)
        ),
        identifiers: vec![],
    })
}

fn is_probe(case: &Case<'_>, path: &str, query_len: usize) -> bool {
    // A shared host answers probes among other things: there the path tells.
    let only_probes =
        |endpoint: &Endpoint| endpoint.purpose == Purpose::ConnectivityCheck && !endpoint.shared;
    let known = case.subject.endpoint.is_some_and(only_probes);
    known || purpose::is_probe(path, query_len)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::Content;
    use crate::rule::testing::{case, request};

    fn probe(body: usize, with_cookie: bool, query: usize) -> Content {
        let mut content = request("/generate_204", vec![]);
        let Origin::Request { query_len, body_len, cookie, .. } = &mut content.origin else { unreachable!() };
        (*body_len, *cookie, *query_len) = (body, with_cookie, query);
        content
    }

    #[test]
    fn a_bare_probe_is_fine_and_anything_in_it_is_not() {
        for (content, flagged) in [
            (probe(0, false, 0), false),
            (probe(0, false, 20), false),
            (probe(1, false, 0), true),
            (probe(0, true, 0), true),
            (probe(0, false, 200), true),
        ] {
            assert_eq!(judge(&case(None, Evidence::Content(&content))).is_some(), flagged, "{content:?}");
        }
    }

    #[test]
    fn a_page_that_counts_clicks_is_no_probe() {
        for (query, flagged) in [(0, true), (60, false)] {
            let mut content = probe(0, true, query);
            let Origin::Request { path, .. } = &mut content.origin else { unreachable!() };
            *path = "/gen_204".into();
            assert_eq!(judge(&case(None, Evidence::Content(&content))).is_some(), flagged);
        }
    }

    #[test]
    fn other_requests_are_no_probes() {
        assert_eq!(judge(&case(None, Evidence::Content(&request("/upload", vec![])))), None);
    }
}
