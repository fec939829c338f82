//! The rules: each a pure function of a [`Case`], in a file of its own.

mod cleartext_identifier;
mod cleartext_registration;
mod credentials_in_clear;
mod echoed_identifier;
mod encrypted_identifier;
mod failed_lookup;
mod foreign_registration;
mod identifier_before_consent;
mod identifier_in_name;
mod misdeclared_content;
mod probe_payload;
mod recurring_token;
mod registration_contact;
mod telemetry_contact;
mod transfer_outside_adequacy;
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
    /// Rules after it that would only say the same: when it speaks, they are not asked.
    pub covers: &'static [&'static str],
    /// Whether a normal boot may have it too, as far as it contacts the host. Otherwise none has it, with any host.
    pub normal: bool,
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
    Rule {
        name: "cleartext_registration",
        judge: cleartext_registration::judge,
        covers: &["cleartext_identifier", "misdeclared_content", "probe_payload"],
        normal: false,
    },
    Rule { name: "cleartext_identifier", judge: cleartext_identifier::judge, covers: &[], normal: false },
    Rule { name: "credentials_in_clear", judge: credentials_in_clear::judge, covers: &[], normal: false },
    Rule { name: "encrypted_identifier", judge: encrypted_identifier::judge, covers: &[], normal: false },
    Rule { name: "identifier_in_name", judge: identifier_in_name::judge, covers: &[], normal: false },
    Rule { name: "echoed_identifier", judge: echoed_identifier::judge, covers: &[], normal: true },
    Rule { name: "misdeclared_content", judge: misdeclared_content::judge, covers: &[], normal: false },
    Rule { name: "probe_payload", judge: probe_payload::judge, covers: &[], normal: false },
    Rule {
        name: "foreign_registration",
        judge: foreign_registration::judge,
        covers: &["registration_contact", "failed_lookup"],
        normal: false,
    },
    Rule { name: "registration_contact", judge: registration_contact::judge, covers: &[], normal: true },
    Rule { name: "failed_lookup", judge: failed_lookup::judge, covers: &[], normal: false },
    Rule {
        name: "identifier_before_consent",
        judge: identifier_before_consent::judge,
        covers: &[],
        normal: false,
    },
    Rule {
        name: "transfer_outside_adequacy",
        judge: transfer_outside_adequacy::judge,
        covers: &[],
        normal: false,
    },
    Rule { name: "recurring_token", judge: recurring_token::judge, covers: &[], normal: true },
    Rule { name: "telemetry_contact", judge: telemetry_contact::judge, covers: &[], normal: true },
];

#[cfg(test)]
pub(crate) mod testing {
    //! Cases to judge.

    use std::time::Duration;

    use packet::{Direction, FlowKey, Phase, Transport};

    use crate::evidence::{Case, Content, Evidence, Moment, Origin, Subject};
    use crate::facts::Home;
    use crate::identifier::{Confidence, IdentifierKind, Match};
    use crate::knowledge::{Endpoint, Network};
    use crate::report::Purpose;

    pub(crate) static NOWHERE: Home = Home { stated: None, sims: vec![] };

    /// The user's word, and the countries of SIMs.
    pub(crate) fn home(stated: &str, sims: &[&'static str]) -> Home {
        Home { stated: (!stated.is_empty()).then(|| stated.to_owned()), sims: sims.to_vec() }
    }

    pub(crate) const PLAIN: Endpoint = Endpoint {
        suffix: "plain.example",
        owner: "Example",
        country: "US",
        purpose: Purpose::Config,
        expected: false,
        shared: false,
        identifiers: "",
        source: "made up",
    };

    pub(crate) const REGISTRATION: Endpoint = Endpoint {
        suffix: "register.example",
        owner: "China Telecom",
        country: "CN",
        purpose: Purpose::Registration,
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
            credential: None,
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
            home: &NOWHERE,
        }
    }
}
