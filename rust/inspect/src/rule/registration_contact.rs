//! The phone talks to a registration server, and what it says cannot be read.

use super::Verdict;
use super::words;
use crate::evidence::{Case, Evidence};
use crate::report::Severity;

pub(super) fn judge(case: &Case<'_>) -> Option<Verdict> {
    if !matches!(case.evidence, Evidence::Contact) || case.subject.flagged {
        return None;
    }
    let endpoint = case.subject.endpoint.filter(|endpoint| endpoint.purpose == "activation-registration")?;
    let at_home = case.home.is_some_and(|home| home.eq_ignore_ascii_case(endpoint.country));
    let unread = case.subject.encrypted == Some(true) && !case.subject.decrypted;
    let what = match (case.subject.answered, case.subject.bytes[0]) {
        (false, _) => "It tried to connect and nobody answered; it would have sent its registration",
        (true, 0) => "It connected and sent nothing while it was watched",
        (true, _) if unread => "What it sent is encrypted and cannot be read here",
        (true, _) => "What it sent holds nothing that could be decoded",
    };
    let reported = match endpoint.identifiers {
        "" => String::new(),
        known => format!(" Reported to be sent there: {known}."),
    };
    Some(Verdict {
        severity: if at_home { Severity::Low } else { Severity::Medium },
        title: format!("Contacts a registration server of {}", words::recipient(case)),
        why: format!(
            "{what}{}{}.{reported}{}",
            words::by_app(case),
            words::moment(case.moment),
            words::abroad(case)
        ),
        identifiers: vec![],
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rule::testing::{PLAIN, REGISTRATION, case};

    #[test]
    fn only_registration_servers_count_and_less_so_at_home() {
        assert_eq!(judge(&case(Some(&PLAIN), Evidence::Contact)), None);
        let mut case = case(Some(&REGISTRATION), Evidence::Contact);
        assert_eq!(judge(&case).unwrap().severity, Severity::Medium);
        case.home = Some("cn");
        assert_eq!(judge(&case).unwrap().severity, Severity::Low);
        case.home = Some("NO");
        assert!(judge(&case).unwrap().why.contains("home is NO; this goes to CN"));
    }
}
