//! Content that lies about itself, such as `application/encrypted-json` that is base64.

use packet::Direction;

use super::Verdict;
use super::words;
use crate::evidence::{Case, Evidence};
use crate::report::Severity;

pub(super) fn judge(case: &Case<'_>) -> Option<Verdict> {
    let Evidence::Content(content) = &case.evidence else { return None };
    let lie = content.misdeclared.as_ref().filter(|_| content.direction == Direction::Outbound)?;
    let (severity, so) = match content.decrypted {
        false => (Severity::Medium, "anybody can read it"),
        true => (Severity::Low, "only the connection protects it"),
    };
    Some(Verdict {
        severity,
        title: format!("Content for {} is not what it says", words::recipient(case)),
        why: format!("The body {lie}{}: {so}.", words::moment(case.moment)),
        identifiers: vec![],
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rule::testing::{case, request};

    #[test]
    fn only_a_lie_is_flagged() {
        let mut content = request("/", vec![]);
        assert_eq!(judge(&case(None, Evidence::Content(&content))), None);
        content.misdeclared = Some("says that it is application/encrypted-json and is base64".into());
        let verdict = judge(&case(None, Evidence::Content(&content))).unwrap();
        assert!(verdict.why.contains("is base64"), "{}", verdict.why);
    }
}
