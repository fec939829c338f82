//! The phone asks for a registration server's address in vain: on another network it would have sent its registration.

use super::Verdict;
use super::words;
use crate::evidence::{Case, Evidence};
use crate::report::{Purpose, Severity};

pub(super) fn judge(case: &Case<'_>) -> Option<Verdict> {
    let Evidence::LookupFailed { name, endpoint } = &case.evidence else { return None };
    if endpoint.purpose != Purpose::Registration {
        return None;
    }
    Some(Verdict {
        severity: Severity::Low,
        title: format!("Asks in vain for {name}, a registration server of {}", endpoint.owner),
        why: format!(
            "The name has no address here{}{}. On another network the phone would go on to register.",
            words::by_app(case),
            words::moment(case.moment)
        ),
        identifiers: vec![],
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rule::testing::{PLAIN, REGISTRATION, case};

    #[test]
    fn only_registration_servers_count() {
        let lookup = |endpoint| judge(&case(None, Evidence::LookupFailed { name: "x.example", endpoint }));
        assert_eq!(lookup(&PLAIN), None);
        assert!(lookup(&REGISTRATION).unwrap().title.contains("China Telecom"));
    }
}
