//! Passwords and access tokens for anybody on the way to read, and to use.

use packet::Direction;

use super::Verdict;
use super::words;
use crate::evidence::{Case, Credential, Evidence};
use crate::report::Severity;

pub(super) fn judge(case: &Case<'_>) -> Option<Verdict> {
    let Evidence::Content(content) = &case.evidence else { return None };
    if content.direction != Direction::Outbound || content.decrypted {
        return None;
    }
    let (severity, what) = match content.credential? {
        Credential::Password => (Severity::High, "a password"),
        Credential::Token => (Severity::Medium, "an access token"),
    };
    Some(Verdict {
        severity,
        title: format!("Sends {what} in clear to {}", words::recipient(case)),
        why: format!(
            "Sent in clear{}{}. Anybody on the way can read it, and use it.",
            words::by_app(case),
            words::moment(case.moment)
        ),
        identifiers: vec![],
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rule::testing::{PLAIN, case, request};

    #[test]
    fn a_password_is_worse_than_a_token_and_encrypted_ones_are_fine() {
        let mut content = request("/", vec![]);
        assert_eq!(judge(&case(Some(&PLAIN), Evidence::Content(&content))), None);
        for (credential, severity) in
            [(Credential::Token, Severity::Medium), (Credential::Password, Severity::High)]
        {
            content.credential = Some(credential);
            content.decrypted = false;
            let judged = judge(&case(Some(&PLAIN), Evidence::Content(&content)));
            assert_eq!(judged.map(|verdict| verdict.severity), Some(severity));
            content.decrypted = true;
            assert_eq!(judge(&case(Some(&PLAIN), Evidence::Content(&content))), None);
        }
    }
}
