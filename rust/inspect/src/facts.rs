//! What was learnt of a flow beyond its packets: its name, its app, its protocols.

use std::net::{IpAddr, SocketAddr};

use packet::{App, Direction};

use crate::flow::Flow;
use crate::identifier::{Match, Recurrence};
use crate::knowledge::{self, Endpoint, Network};
use crate::protocol::Protocol;
use crate::purpose::{self, Clues};
use crate::report::{self, Ech, HostFrom, Purpose, PurposeFrom, Unknown};

/// Identifiers remembered for one flow.
const MOST_SEEN: usize = 128;
/// Recurring values remembered for one flow.
const MOST_RECURRING: usize = 16;

/// Countries of SIM cards remembered: a phone holds two or three.
const MOST_SIMS: usize = 8;

/// Where the phone is at home, as far as anybody knows.
#[derive(Debug, Clone, Default)]
pub struct Home {
    /// The country in which the user said that it is meant to be used.
    pub stated: Option<String>,
    /// The countries of the SIM cards whose IMSI was given or seen, sorted.
    pub sims: Vec<&'static str>,
}

impl Home {
    /// Learns from the IMSI of a SIM in the phone.
    pub fn learn(&mut self, imsi: &str) {
        if let Some(country) = knowledge::sim_country(imsi)
            && let Err(place) = self.sims.binary_search(&country)
            && self.sims.len() < MOST_SIMS
        {
            self.sims.insert(place, country);
        }
    }

    /// Whether that country is home: the user said so, or a SIM is from there. `None` when nothing tells.
    pub fn is_in(&self, country: &str) -> Option<bool> {
        let stated = self.stated.as_deref();
        let known = stated.is_some() || !self.sims.is_empty();
        let all = stated.into_iter().chain(self.sims.iter().copied());
        known.then(|| all.into_iter().any(|home| home.eq_ignore_ascii_case(country)))
    }
}

/// What was learnt of a flow.
#[derive(Debug, Clone, Default)]
pub struct Facts {
    /// Who opened it.
    pub app: Option<App>,
    /// Its name, and where that comes from.
    pub host: Option<(String, HostFrom)>,
    /// What is known of the name, or of the address.
    pub endpoint: Option<&'static Endpoint>,
    /// Where the address is.
    pub network: Network,
    /// Protocols recognised, outermost first.
    pub protocols: Vec<Protocol>,
    /// Bytes that decoding yielded so far.
    pub decoded: u64,
    /// JA4 of the first ClientHello.
    pub ja4: Option<String>,
    /// What its Encrypted Client Hello hides.
    pub ech: Option<Ech>,
    /// The other end's certificate.
    pub certificate: Option<report::Certificate>,
    /// What bytes that no dissector understood look like.
    pub unknown: Unknown,
    /// Whether the content is encrypted.
    pub encrypted: Option<bool>,
    /// Whether content was read with keys that were given.
    pub decrypted: bool,
    /// What the paths that it asked for tell of its purpose.
    pub path: Option<Purpose>,
    /// Identifiers found so far.
    pub seen: Vec<Seen>,
    /// Values in it that were sent before.
    pub recurring: Vec<Recurrence>,
    /// Findings about it: the rule's name and the finding's index.
    pub findings: Vec<(&'static str, usize)>,
    /// Whether the flow's nature was judged.
    pub contact_judged: bool,
}

/// An identifier that was found in a flow.
#[derive(Debug, Clone)]
pub struct Seen {
    /// Which way it went.
    pub direction: Direction,
    /// Whether it was encrypted.
    pub decrypted: bool,
    /// What was found.
    pub found: Match,
}

impl Facts {
    /// What an address alone tells.
    pub fn new(remote: SocketAddr) -> Self {
        Self {
            network: knowledge::network(remote.ip()),
            endpoint: knowledge::endpoint(&remote.ip().to_string()),
            ..Self::default()
        }
    }

    /// Takes a name unless a better one is known. Returns whether it was taken.
    pub fn set_host(&mut self, host: String, from: HostFrom) -> bool {
        if self.host.as_ref().is_some_and(|(_, known)| *known <= from) {
            return false;
        }
        // A name that says nothing of its owner must not hide what the address says.
        self.endpoint = knowledge::endpoint(&host).or(self.endpoint);
        self.host = Some((host, from));
        true
    }

    /// Adds a protocol if it is new.
    pub fn add_protocol(&mut self, protocol: Protocol) {
        if !self.protocols.contains(&protocol) {
            self.protocols.push(protocol);
        }
    }

    /// Adds identifiers found in content that went `direction`, in clear or decrypted, and returns all found so far in
    /// content of that kind.
    pub fn add_seen(&mut self, direction: Direction, decrypted: bool, matches: Vec<Match>) -> Vec<Match> {
        let alike = |seen: &Seen| seen.direction == direction && seen.decrypted == decrypted;
        for found in matches {
            let known = |seen: &Seen| alike(seen) && seen.found.is_same(&found);
            match self.seen.iter().position(known) {
                Some(at) if self.seen[at].found.confidence < found.confidence => self.seen[at].found = found,
                Some(_) => {}
                None if self.seen.len() < MOST_SEEN => self.seen.push(Seen { direction, decrypted, found }),
                None => {}
            }
        }
        self.seen.iter().filter(|seen| alike(seen)).map(|seen| seen.found.clone()).collect()
    }

    /// Whether that value went that way already.
    pub fn has_seen(&self, direction: Direction, found: &Match) -> bool {
        self.seen.iter().any(|seen| seen.direction == direction && seen.found.is_same(found))
    }

    /// Adds values that were sent before, or what is newly known of them.
    pub fn add_recurring(&mut self, found: Vec<Recurrence>) {
        for recurrence in found {
            match self.recurring.iter().position(|known| known.token.value == recurrence.token.value) {
                Some(at) => self.recurring[at] = recurrence,
                None if self.recurring.len() < MOST_RECURRING => self.recurring.push(recurrence),
                None => {}
            }
        }
    }

    /// Learns what the flow is for from a request. The first that tells is kept.
    pub fn learn_path(&mut self, path: &str, query_len: usize) {
        self.path = self.path.or_else(|| purpose::of_path(path, query_len));
    }

    /// What the flow is for, and what tells that.
    pub fn purpose(&self) -> (Purpose, Option<PurposeFrom>) {
        let sent = self.seen.iter().filter(|seen| seen.direction == Direction::Outbound);
        purpose::purpose(&Clues {
            protocols: &self.protocols,
            endpoint: self.endpoint,
            path: self.path,
            content: purpose::of_content(sent.map(|seen| &seen.found)),
        })
    }

    /// Whether a normal boot contacts this endpoint. A carrier's registration is only normal where the carrier is.
    pub fn expected(&self, home: &Home) -> Option<bool> {
        let endpoint = self.endpoint?;
        if endpoint.purpose != Purpose::Registration || !endpoint.is_carriers() {
            return Some(endpoint.expected);
        }
        home.is_in(endpoint.country).map(|at_home| endpoint.expected && at_home)
    }

    /// What its bytes look like, if nothing known fits them.
    fn unrecognised(&self) -> Option<Unknown> {
        let seen = self.protocols.is_empty() && self.unknown != Unknown::default();
        seen.then(|| self.unknown.clone())
    }

    /// The flow as a report lists it.
    pub fn to_report(&self, id: u32, flow: &Flow, home: &Home) -> report::Flow {
        let (purpose, purpose_from) = self.purpose();
        report::Flow {
            id,
            transport: flow.key.transport,
            local: flow.key.local,
            remote: flow.key.remote,
            app: self.app.clone(),
            opened: flow.opened,
            closed: flow.close.map(|_| flow.last),
            close: flow.close,
            bytes_out: flow.bytes[0],
            bytes_in: flow.bytes[1],
            protocols: self.protocols.iter().map(|protocol| protocol.0.to_owned()).collect(),
            host: self.host.as_ref().map(|(host, _)| host.clone()),
            host_from: self.host.as_ref().map(|(_, from)| *from),
            country: self.network.country.map(str::to_owned),
            asn: self.network.asn,
            owner: self.endpoint.map(|endpoint| endpoint.owner.to_owned()),
            purpose,
            purpose_from,
            ja4: self.ja4.clone(),
            encrypted: self.encrypted,
            expected: self.expected(home),
            last: flow.last,
            decrypted: self.decrypted,
            ech: self.ech,
            certificate: self.certificate.clone(),
            unknown: self.unrecognised(),
        }
    }
}

/// The host part of an HTTP authority (`host`, `host:port`, `[v6]:port`, `user@host`), lower case, or nothing when it
/// cannot be a name or an address.
pub fn host_of_authority(authority: &str) -> Option<String> {
    let authority = authority.rsplit('@').next()?.trim();
    if let Some(rest) = authority.strip_prefix('[') {
        let address: IpAddr = rest.split(']').next()?.parse().ok()?;
        return Some(address.to_string());
    }
    let host = match authority.split_once(':') {
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host,
        Some(_) => return authority.parse::<IpAddr>().ok().map(|address| address.to_string()),
        None => authority,
    };
    let host = host.trim_end_matches('.').to_ascii_lowercase();
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    (!host.is_empty() && host.len() <= 253 && host.bytes().all(allowed)).then_some(host)
}

/// The authority of an absolute request target (RFC 9112 section 3.2.2), or of CONNECT's.
pub fn authority_of_target<'a>(method: &str, target: &'a str) -> Option<&'a str> {
    if method.eq_ignore_ascii_case("CONNECT") {
        return Some(target);
    }
    let (scheme, rest) = target.split_once("://")?;
    let is_scheme = !scheme.is_empty() && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric());
    is_scheme.then(|| rest.split(['/', '?', '#']).next().unwrap_or(rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn authorities_become_hosts() {
        for (authority, host) in [
            ("Example.ORG:8080", Some("example.org")),
            ("example.org.", Some("example.org")),
            ("u:p@example.org", Some("example.org")),
            ("[2001:DB8::1]:80", Some("2001:db8::1")),
            ("2001:db8::1", Some("2001:db8::1")),
            ("203.0.113.9:80", Some("203.0.113.9")),
            ("", None),
            ("a b", None),
            ("x\u{1b}[31m", None),
        ] {
            assert_eq!(host_of_authority(authority).as_deref(), host, "{authority:?}");
        }
    }

    #[test]
    fn absolute_targets_have_an_authority() {
        assert_eq!(authority_of_target("GET", "http://a.example/x"), Some("a.example"));
        assert_eq!(authority_of_target("GET", "/redirect?u=http://a.example/x"), None);
        assert_eq!(authority_of_target("connect", "a.example:443"), Some("a.example:443"));
    }

    #[test]
    fn a_host_of_many_services_has_no_purpose() {
        for (host, purpose) in [
            ("connectivitycheck.gstatic.com", Purpose::ConnectivityCheck),
            ("www.google.com", Purpose::Unknown),
        ] {
            let mut facts = Facts::default();
            facts.set_host(host.into(), HostFrom::Sni);
            assert_eq!(facts.purpose().0, purpose);
            assert!(facts.endpoint.is_some());
        }
    }

    #[test]
    fn home_is_what_the_user_says_or_a_sim_tells() {
        let mut home = Home::default();
        assert_eq!(home.is_in("CN"), None);
        home.learn("001010123456789");
        assert_eq!(home.is_in("CN"), None, "a test network is nowhere");
        home.learn("242011234567890");
        assert_eq!((home.is_in("CN"), home.is_in("NO")), (Some(false), Some(true)));
        home.stated = Some("cn".into());
        assert_eq!(home.is_in("CN"), Some(true));
    }

    #[test]
    fn a_registration_is_normal_at_home_only() {
        let mut facts = Facts::default();
        facts.set_host("zzhc.vnet.cn".into(), HostFrom::HttpHost);
        let mut home = Home::default();
        assert_eq!(facts.expected(&home), None);
        home.learn("460030123456789");
        assert_eq!(facts.expected(&home), Some(true));
        home = Home { stated: Some("NO".into()), sims: vec![] };
        assert_eq!(facts.expected(&home), Some(false));
    }

    #[test]
    fn a_better_name_replaces_a_worse_one_only() {
        let mut facts = Facts::default();
        assert!(facts.set_host("dns.example".into(), HostFrom::DnsPhone));
        assert!(facts.set_host("sni.example".into(), HostFrom::Sni));
        assert!(!facts.set_host("other.example".into(), HostFrom::DnsApp));
        assert_eq!(facts.host.unwrap().0, "sni.example");
    }
}
