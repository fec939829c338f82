//! The phone talks to a registration server, and what it says cannot be read.

use super::Verdict;
use super::words;
use crate::evidence::{Case, Evidence};
use crate::knowledge::Endpoint;
use crate::report::{Purpose, Severity};

pub(super) fn judge(case: &Case<'_>) -> Option<Verdict> {
    if !matches!(case.evidence, Evidence::Contact) || case.subject.flagged {
        return None;
    }
    let endpoint = case.subject.endpoint.filter(|endpoint| endpoint.purpose == Purpose::Registration)?;
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
        severity: severity(case, endpoint),
        title: format!("Contacts a registration server of {}", words::recipient(case)),
        why: format!(
            "Contacted{}{}. {what}.{reported}{}",
            words::by_app(case),
            words::moment(case.moment),
            words::abroad(case)
        ),
        identifiers: vec![],
    })
}

/// A maker that registers its phones at boot is usual. A carrier is not, unless it is the phone's own.
fn severity(case: &Case<'_>, endpoint: &Endpoint) -> Severity {
    let at_home = case.home.is_in(endpoint.country) == Some(true);
    match (endpoint.is_carriers(), endpoint.expected) {
        (true, _) if at_home => Severity::Low,
        (false, true) => Severity::Info,
        _ => Severity::Medium,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rule::testing::{PLAIN, REGISTRATION, case, home};

    #[test]
    fn makers_that_register_at_boot_are_usual() {
        const MAKERS: Endpoint = Endpoint { owner: "Example Phones", ..REGISTRATION };
        const OTHERS: Endpoint = Endpoint { expected: false, ..MAKERS };
        for (endpoint, severity) in [(&MAKERS, Severity::Info), (&OTHERS, Severity::Medium)] {
            assert_eq!(judge(&case(Some(endpoint), Evidence::Contact)).unwrap().severity, severity);
        }
    }

    #[test]
    fn only_registration_servers_count_and_less_so_at_home() {
        assert_eq!(judge(&case(Some(&PLAIN), Evidence::Contact)), None);
        let mut case = case(Some(&REGISTRATION), Evidence::Contact);
        assert_eq!(judge(&case).unwrap().severity, Severity::Medium);
        let (china, norway) = (home("cn", &[]), home("NO", &[]));
        case.home = &china;
        assert_eq!(judge(&case).unwrap().severity, Severity::Low);
        case.home = &norway;
        assert!(judge(&case).unwrap().why.contains("home is NO; this goes to CN"));
    }
}
