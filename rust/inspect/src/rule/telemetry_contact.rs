//! The phone talks to a host that is known for analytics, advertising or crash reports. Worth knowing, no more.

use super::Verdict;
use super::words;
use crate::evidence::{Case, Evidence};
use crate::report::{Purpose, Severity};

pub(super) fn judge(case: &Case<'_>) -> Option<Verdict> {
    if !matches!(case.evidence, Evidence::Contact) {
        return None;
    }
    let endpoint = case.subject.endpoint.filter(|endpoint| !endpoint.shared)?;
    let purpose = match endpoint.purpose {
        Purpose::Analytics => "usage statistics",
        Purpose::Ads => "advertising",
        Purpose::Crash => "crash reports",
        _ => return None,
    };
    if case.subject.bytes[0] == 0 {
        return None;
    }
    let reported = match endpoint.identifiers {
        "" => String::new(),
        known => format!(" Reported to be sent there: {known}."),
    };
    let (how, so) = match case.subject.encrypted {
        Some(true) if case.subject.decrypted => ("An encrypted connection, read with the keys given", ""),
        Some(true) => ("An encrypted connection", ": what it says is unknown"),
        Some(false) => ("A connection in clear", ""),
        None => ("A connection that cannot be read here", ""),
    };
    Some(Verdict {
        severity: Severity::Info,
        title: format!("Talks to {} for {purpose}", words::recipient(case)),
        why: format!("{how}{}{}{so}.{reported}", words::by_app(case), words::moment(case.moment)),
        identifiers: vec![],
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::knowledge::Endpoint;
    use crate::rule::testing::{PLAIN, case};

    const ANALYTICS: Endpoint = Endpoint { purpose: Purpose::Analytics, ..PLAIN };

    #[test]
    fn only_known_hosts_that_were_sent_something_count() {
        assert_eq!(judge(&case(Some(&PLAIN), Evidence::Contact)), None);
        let mut case = case(Some(&ANALYTICS), Evidence::Contact);
        assert_eq!(judge(&case).unwrap().severity, Severity::Info);
        case.subject.bytes = [0, 0];
        assert_eq!(judge(&case), None);
    }

    #[test]
    fn hosts_of_many_services_do_not_count() {
        const SHARED: Endpoint = Endpoint { shared: true, ..ANALYTICS };
        assert_eq!(judge(&case(Some(&SHARED), Evidence::Contact)), None);
    }
}
