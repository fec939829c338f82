//! The rules: each a pure function of a [`Case`], in a file of its own.

mod cleartext_identifier;
mod cleartext_registration;
mod echoed_identifier;
mod encrypted_identifier;
mod failed_lookup;
mod identifier_in_name;
mod misdeclared_content;
mod probe_payload;
mod recurring_token;
mod registration_contact;
mod telemetry_contact;
mod words;

use crate::evidence::Case;
use crate::identifier::Match;
use crate::report::Severity;

/// A rule.
#[derive(Debug)]
pub struct Rule {
    /// Stable name, as in `findings[].rule`.
    pub name: &'static str,
    /// Judges a piece of evidence.
    pub judge: fn(&Case<'_>) -> Option<Verdict>,
    /// Whether it says all there is to say: the rules after it are not asked.
    pub last: bool,
}

/// What a rule says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// How bad.
    pub severity: Severity,
    /// One line: what, to whom. Holds no identifier's value.
    pub title: String,
    /// Why it matters, in plain words. Holds no identifier's value.
    pub why: String,
    /// The identifiers it is about.
    pub identifiers: Vec<Match>,
}

/// Every rule, in the order in which they are asked.
pub const RULES: &[Rule] = &[
    Rule { name: "cleartext_registration", judge: cleartext_registration::judge, last: true },
    Rule { name: "cleartext_identifier", judge: cleartext_identifier::judge, last: false },
    Rule { name: "encrypted_identifier", judge: encrypted_identifier::judge, last: false },
    Rule { name: "identifier_in_name", judge: identifier_in_name::judge, last: false },
    Rule { name: "echoed_identifier", judge: echoed_identifier::judge, last: false },
    Rule { name: "misdeclared_content", judge: misdeclared_content::judge, last: false },
    Rule { name: "probe_payload", judge: probe_payload::judge, last: false },
    Rule { name: "registration_contact", judge: registration_contact::judge, last: false },
    Rule { name: "failed_lookup", judge: failed_lookup::judge, last: false },
    Rule { name: "recurring_token", judge: recurring_token::judge, last: false },
    Rule { name: "telemetry_contact", judge: telemetry_contact::judge, last: false },
];

#[cfg(test)]
pub(crate) mod testing {
    //! Cases to judge.

    use std::time::Duration;

    use packet::{Direction, FlowKey, Phase, Transport};

    use crate::evidence::{Case, Content, Evidence, Moment, Origin, Subject};
    use crate::identifier::{Confidence, IdentifierKind, Match};
    use crate::knowledge::{Endpoint, Network};

    pub(crate) const PLAIN: Endpoint = Endpoint {
        suffix: "plain.example",
        owner: "Example",
        country: "US",
        purpose: "config",
        expected: false,
        shared: false,
        identifiers: "",
        source: "made up",
    };

    pub(crate) const REGISTRATION: Endpoint = Endpoint {
        suffix: "register.example",
        owner: "Example Telecom",
        country: "CN",
        purpose: "activation-registration",
        expected: true,
        ..PLAIN
    };

    pub(crate) fn found(kind: IdentifierKind, confidence: Confidence) -> Match {
        Match { kind, value: format!("{kind}-value"), confidence, decode: vec![], range: 0..1 }
    }

    pub(crate) fn request(path: &str, matches: Vec<Match>) -> Content {
        Content {
            direction: Direction::Outbound,
            origin: Origin::Request {
                method: "POST".into(),
                path: path.into(),
                query_len: 0,
                body_len: 100,
                cookie: false,
            },
            matches,
            misdeclared: None,
            decrypted: false,
        }
    }

    pub(crate) fn case<'a>(endpoint: Option<&'static Endpoint>, evidence: Evidence<'a>) -> Case<'a> {
        Case {
            subject: Subject {
                key: FlowKey {
                    transport: Transport::Tcp,
                    local: ([10, 0, 0, 2], 40000).into(),
                    remote: ([203, 0, 113, 9], 80).into(),
                },
                app: Some("com.example.app"),
                host: Some("a.register.example"),
                endpoint,
                network: Network::default(),
                encrypted: Some(false),
                decrypted: false,
                bytes: [500, 20],
                answered: true,
                flagged: false,
            },
            evidence,
            moment: Moment { after: Some((Phase::Unlock, Duration::from_millis(2_000))) },
            home: None,
        }
    }
}
