//! From what dissectors saw to evidence, and from evidence to findings.

use std::ops::Range;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD as URL_SAFE_NO_PAD;
use packet::{Direction, Timestamp};

use super::{Event, Inspector, report_id};
use crate::disguise::disguise;
use crate::evidence::{Case, Content, Credential, Evidence, Moment, Origin, Subject};
use crate::facts::{authority_of_target, host_of_authority};
use crate::flow::FlowId;
use crate::identifier::{self, Confidence, IdentifierKind, Match, Scan, Sending, Token};
use crate::knowledge;
use crate::naming::Asker;
use crate::protocol::{
    Certificate, ClientHello, DnsData, DnsMessage, HttpMessage, HttpStart, Message, Observation, Part,
    Protocol, Readable, parse_dns,
};
use crate::report::{self, Finding, HostFrom, Identifier};
use crate::rule::{RULES, Rule, Verdict};
use crate::sample::sample;

/// Bytes that decoding may yield in any flow, and how many more for each byte on the wire.
const DECODED_FREE: u64 = 16 << 20;
const DECODED_RATIO: u64 = 32;
/// DNS record type A.
const TYPE_A: u16 = 1;
const HTTPS_PORT: u16 = 443;
/// The first decode step of what was read with keys that were given.
const DECRYPTED: &str = "decrypted";

/// What surrounds a verdict in its finding.
struct Context {
    at: Timestamp,
    direction: Direction,
    moment: Moment,
    country: Option<&'static str>,
    /// Whether what it is about was sent encrypted.
    encrypted: Option<bool>,
    decrypted: bool,
    owner: Option<&'static str>,
    host: Option<String>,
}

impl Inspector {
    pub(super) fn observe(&mut self, id: FlowId, observation: Observation) {
        self.scanner.set_room(self.room(id));
        match observation {
            Observation::Protocol(protocol) => self.facts[id].add_protocol(protocol),
            Observation::ClientHello(hello) => self.observe_hello(id, hello),
            Observation::ServerHello(_) | Observation::GiveUp { .. } => {}
            Observation::Certificate(certificate) => self.observe_certificate(id, *certificate),
            Observation::Decrypted(observation) => {
                self.facts[id].decrypted = true;
                let outer = std::mem::replace(&mut self.decrypted, true);
                self.observe(id, *observation);
                self.decrypted = outer;
            }
            Observation::Http(message) => self.observe_http(id, &message),
            Observation::Dns(message) => self.observe_dns(id, &message),
            Observation::Message(message) => self.observe_message(id, &message),
            Observation::Readable(readable) => {
                self.sample(id, &readable);
                if !self.matters(readable.direction) {
                    return;
                }
                let origin = self.origin_of_bytes(id);
                let scan = self.scanner.scan_bytes(origin, &readable.bytes, readable.range);
                self.judge_scan(id, readable.direction, Origin::Bytes, scan, None);
            }
            Observation::Whole(readable) => self.observe_whole(id, &readable),
        }
    }

    /// Looks for given values that stand beside what the message's parts told.
    fn observe_whole(&mut self, id: FlowId, readable: &Readable) {
        let mut matches = self.scanner.scan_known(self.origin_of_bytes(id), readable);
        matches.retain(|found| !self.facts[id].has_seen(readable.direction, found));
        if !matches.is_empty() {
            let scan = Scan { matches, ..Scan::default() };
            self.judge_scan(id, readable.direction, Origin::Bytes, scan, None);
        }
    }

    fn observe_hello(&mut self, id: FlowId, hello: ClientHello) {
        let facts = &mut self.facts[id];
        if hello.ech {
            facts.ech = Some(self.names.ech(hello.sni.as_deref()));
        }
        facts.ja4.get_or_insert(hello.ja4);
        let remote = self.table.flows()[id].key.remote;
        let resolver = match &hello.sni {
            Some(sni) => knowledge::is_resolver(sni),
            None => knowledge::is_resolver(&remote.ip().to_string()),
        };
        if resolver && remote.port() == HTTPS_PORT {
            facts.add_protocol(Protocol::DOH);
        }
        let Some(sni) = hello.sni else { return };
        let named = facts.set_host(sni.clone(), HostFrom::Sni);
        if named {
            self.emit_flow(id);
        }
        self.scan_name(id, "tls sni", &sni, hello.range, Origin::Sni);
    }

    /// Keeps what the first bytes of a direction look like.
    fn sample(&mut self, id: FlowId, readable: &Readable) {
        let facts = &mut self.facts[id];
        let known = match readable.direction {
            Direction::Outbound => &mut facts.unknown.sent,
            Direction::Inbound => &mut facts.unknown.received,
        };
        if !self.decrypted && known.is_none() && facts.protocols.is_empty() {
            *known = Some(sample(&readable.bytes, &readable.range));
        }
    }

    /// What a server's certificate says is a fact of the flow; a client's may name the phone.
    fn observe_certificate(&mut self, id: FlowId, certificate: Certificate) {
        if certificate.by_client {
            if certificate.direction == Direction::Outbound {
                self.observe_message(id, &client_certificate(certificate));
            }
            return;
        }
        let host = certificate.host();
        let facts = &mut self.facts[id];
        facts.certificate.get_or_insert(report::Certificate {
            subject: certificate.subject,
            names: certificate.names,
            issuer: certificate.issuer,
            not_before: certificate.not_before,
            not_after: certificate.not_after,
        });
        if host.is_some_and(|host| facts.set_host(host, HostFrom::Certificate)) {
            self.emit_flow(id);
        }
    }

    fn observe_http(&mut self, id: FlowId, message: &HttpMessage) {
        let origin = match &message.start {
            HttpStart::Response { .. } => Origin::Response,
            HttpStart::Request { method, target, .. } => {
                let authority = authority_of_target(method, target).or_else(|| message.authority());
                if let Some(host) = authority.and_then(host_of_authority)
                    && self.facts[id].set_host(host, HostFrom::HttpHost)
                {
                    self.emit_flow(id);
                }
                request_origin(method, target, message)
            }
        };
        if let Some(lookup) = dns_over_http(message) {
            self.facts[id].add_protocol(Protocol::DOH);
            self.observe_dns(id, &lookup);
        }
        if let Origin::Request { path, query_len, .. } = &origin {
            self.facts[id].learn_path(path, *query_len);
        }
        if !self.matters(message.direction) {
            return;
        }
        if let Some(cut) = message.cut {
            *self.counts.cut_bodies.entry(cut).or_default() += 1;
        }
        let host = self.facts[id].host.as_ref().map(|(host, _)| host.as_str());
        let scan = self.scanner.scan_http(host, message);
        self.judge_scan(id, message.direction, origin, scan, credential_of_request(message));
    }

    fn observe_message(&mut self, id: FlowId, message: &Message) {
        if let Some(host) = &message.host
            && self.facts[id].set_host(host.clone(), HostFrom::Message)
        {
            self.emit_flow(id);
        }
        if self.matters(message.direction) {
            let scan = self.scanner.scan_message(message);
            let origin = Origin::Message(message.protocol);
            self.judge_scan(id, message.direction, origin, scan, credential_of_message(message));
        }
    }

    /// Bytes that decoding may still yield in a flow: what no message may alone, many may not together.
    fn room(&self, id: FlowId) -> usize {
        let wire = self.table.flows()[id].bytes.iter().fold(0u64, |sum, bytes| sum.saturating_add(*bytes));
        let allowed = DECODED_FREE.saturating_add(wire.saturating_mul(DECODED_RATIO));
        usize::try_from(allowed.saturating_sub(self.facts[id].decoded)).unwrap_or(usize::MAX)
    }

    /// Whether anything can be found in that direction. Replies are full of other people's numbers: in them only values
    /// that the user gave count, so without any they need not be decoded.
    fn matters(&self, direction: Direction) -> bool {
        direction == Direction::Outbound || !self.config.watch.is_empty()
    }

    fn observe_dns(&mut self, id: FlowId, message: &DnsMessage) {
        let local = self.table.get_mut(id).key.local.ip();
        let asker = Asker { local, app: self.facts[id].app.clone() };
        self.names.learn(&asker, message);
        if message.response {
            self.judge_failed_lookup(id, message);
            return;
        }
        for question in &message.questions {
            self.scan_name(id, "dns name", &question.written, question.range.clone(), Origin::DnsName);
        }
    }

    fn scan_name(&mut self, id: FlowId, step: &str, name: &str, range: Range<u64>, origin: Origin) {
        let scan = self.scanner.scan_name(step, name, range);
        if !scan.matches.is_empty() {
            self.judge_scan(id, Direction::Outbound, origin, scan, None);
        }
    }

    fn judge_scan(
        &mut self,
        id: FlowId,
        direction: Direction,
        origin: Origin,
        mut scan: Scan,
        credential: Option<Credential>,
    ) {
        let decoded = &mut self.facts[id].decoded;
        *decoded = decoded.saturating_add(scan.decoded as u64);
        for bound in scan.stopped {
            *self.counts.stopped.entry(bound).or_default() += 1;
        }
        let decrypted = self.decrypted;
        if decrypted {
            scan.matches.iter_mut().for_each(|found| found.decode.insert(0, DECRYPTED.to_owned()));
        }
        for found in &scan.matches {
            let sure = direction == Direction::Outbound && found.confidence > Confidence::Shape;
            if sure && found.kind == IdentifierKind::Imsi {
                self.home.learn(&found.value);
            }
        }
        let matches = self.facts[id].add_seen(direction, decrypted, scan.matches);
        self.update_encrypted(id);
        let misdeclared = scan.misdeclared;
        let content = Content { direction, origin, matches, misdeclared, decrypted, credential };
        self.judge(id, Evidence::Content(&content));
        if direction == Direction::Outbound && !matches!(content.origin, Origin::DnsName | Origin::Sni) {
            self.judge_tokens(id, scan.tokens);
        }
    }

    /// Judges what the flow sends and was sent before.
    fn judge_tokens(&mut self, id: FlowId, tokens: Vec<Token>) {
        if tokens.is_empty() {
            return;
        }
        let facts = &self.facts[id];
        let address = self.table.flows()[id].key.remote.ip().to_string();
        let host = facts.host.as_ref().map_or(address.as_str(), |(host, _)| host);
        let owner = facts.endpoint.filter(|endpoint| !endpoint.shared).map(|endpoint| endpoint.owner);
        let site = owner.unwrap_or_else(|| identifier::domain(host));
        let sending = Sending { site, host, flow: id, boot: self.boots, at: self.now };
        let found = self.recurring.observe(sending, tokens);
        if !found.is_empty() {
            self.facts[id].add_recurring(found);
            let recurring = std::mem::take(&mut self.facts[id].recurring);
            self.judge(id, Evidence::Recurrence(&recurring));
            self.facts[id].recurring = recurring;
        }
    }

    fn judge_failed_lookup(&mut self, id: FlowId, message: &DnsMessage) {
        let has_address = message.answers.iter().any(|answer| match &answer.data {
            DnsData::Address(address) => !address.is_unspecified() && !address.is_loopback(),
            DnsData::Service { hints, .. } => !hints.is_empty(),
            DnsData::Alias(_) => false,
        });
        if has_address {
            return;
        }
        for question in message.questions.iter().filter(|it| it.kind == TYPE_A) {
            if let Some(endpoint) = knowledge::endpoint(&question.name) {
                self.judge(id, Evidence::LookupFailed { name: &question.name, endpoint });
            }
        }
    }

    /// Judges the flow's nature, once, as soon as it is known.
    pub(super) fn judge_contact(&mut self, id: FlowId) {
        if !std::mem::replace(&mut self.facts[id].contact_judged, true) {
            self.judge(id, Evidence::Contact);
        }
    }

    /// Judges what was sent before the set-up was finished. Only its end shows that it had not been finished: of a phone
    /// that was set up long ago no session sees one.
    pub(super) fn judge_set_up(&mut self) {
        for id in 0..self.facts.len() {
            let sent = self.facts[id].seen.iter().filter(|seen| seen.direction == Direction::Outbound);
            let sent: Vec<Match> = sent.map(|seen| seen.found.clone()).collect();
            if !sent.is_empty() {
                self.judge(id, Evidence::SetUp(&sent));
            }
        }
    }

    pub(super) fn update_encrypted(&mut self, id: FlowId) {
        let Some(live) = &self.table.flows()[id].live else { return };
        let ways = Direction::BOTH.map(|way| live.dissector.encrypted(way));
        let encrypted = ways[0].into_iter().chain(ways[1]).max();
        self.facts[id].encrypted = encrypted;
        // What is decrypted tells more of the contact, later.
        let decrypts = live.dissector.decrypts();
        if encrypted == Some(true) && !decrypts && !self.facts[id].contact_judged {
            self.judge_contact(id);
        }
    }

    fn judge(&mut self, id: FlowId, evidence: Evidence<'_>) {
        let (flow, facts) = (&self.table.flows()[id], &self.facts[id]);
        // A contact is judged when the flow is known, perhaps long after; what triggered it came before it was opened.
        let (trigger, at) = match evidence {
            Evidence::Contact | Evidence::SetUp(_) => (flow.opened, flow.last),
            _ => (self.now, self.now),
        };
        let moment = Moment::at(&self.phases, trigger);
        let direction = match &evidence {
            Evidence::Content(content) => content.direction,
            _ => Direction::Outbound,
        };
        let decrypted = match &evidence {
            Evidence::Content(content) => content.decrypted,
            Evidence::Recurrence(_) => self.decrypted,
            Evidence::SetUp(_) => {
                let mut sent = facts.seen.iter().filter(|seen| seen.direction == Direction::Outbound);
                sent.all(|seen| seen.decrypted)
            }
            Evidence::Contact | Evidence::LookupFailed { .. } => false,
        };
        let case = Case {
            subject: Subject {
                key: flow.key,
                app: facts.app.as_ref().map(|app| app.name.as_str()),
                host: facts.host.as_ref().map(|(host, _)| host.as_str()),
                endpoint: facts.endpoint,
                network: facts.network,
                encrypted: facts.encrypted,
                decrypted: facts.decrypted,
                bytes: flow.bytes,
                answered: flow.is_answered(),
                flagged: facts.seen.iter().any(|seen| seen.direction == Direction::Outbound),
            },
            evidence,
            moment,
            home: &self.home,
        };
        let country = case.country();
        let owner = case.endpoint().map(|endpoint| endpoint.owner);
        let host = match case.evidence {
            Evidence::LookupFailed { name, .. } => Some(name),
            _ => case.subject.host,
        };
        let host = host.map(str::to_owned);
        let mut verdicts: Vec<(&Rule, Verdict)> = Vec::new();
        for rule in RULES {
            let said = verdicts.iter().any(|(other, _)| other.covers.contains(&rule.name));
            if let Some(verdict) = (!said).then(|| (rule.judge)(&case)).flatten() {
                verdicts.push((rule, verdict));
            }
        }
        // What was read without keys was sent in clear, whatever the flow became.
        let encrypted = match case.evidence {
            Evidence::Content(_) | Evidence::Recurrence(_) | Evidence::SetUp(_) => Some(decrypted),
            Evidence::Contact | Evidence::LookupFailed { .. } => case.subject.encrypted,
        };
        let context = Context { at, direction, moment, country, encrypted, decrypted, owner, host };
        for (rule, verdict) in verdicts {
            self.record(id, rule, verdict, &context);
        }
    }

    /// One finding for each rule and flow: later evidence adds to it.
    fn record(&mut self, id: FlowId, rule: &Rule, verdict: Verdict, context: &Context) {
        let flow = report_id(id);
        let facts = &self.facts[id];
        let alike = |(name, index): &&(&str, usize)| {
            *name == rule.name && self.findings[*index].decrypted == context.decrypted
        };
        let known = facts.findings.iter().find(alike).map(|(_, index)| *index);
        if let Some(known) = known {
            let old = &self.findings[known];
            if verdict.severity <= old.severity && verdict.identifiers.len() <= old.identifiers.len() {
                return;
            }
        }
        let identifiers: Vec<_> =
            verdict.identifiers.into_iter().map(|found| identifier(found, context.direction)).collect();
        let after = context.moment.after;
        let finding = Finding {
            id: known.map_or(self.findings.len() as u32 + 1, |known| self.findings[known].id),
            rule: rule.name.to_owned(),
            severity: verdict.severity,
            title: verdict.title,
            why: verdict.why,
            flow,
            at: context.at,
            phase: after.map(|(phase, _)| phase),
            since: after.map(|(_, since)| u64::try_from(since.as_millis()).unwrap_or(u64::MAX)),
            app: facts.app.as_ref().map(|app| app.name.clone()),
            host: context.host.clone(),
            owner: context.owner.map(str::to_owned),
            country: context.country.map(str::to_owned),
            encrypted: context.encrypted,
            disguise: disguise(&identifiers),
            expected: if rule.normal { facts.expected(&self.home) } else { Some(false) },
            identifiers,
            decrypted: context.decrypted,
        };
        match known {
            Some(known) => self.findings[known] = finding.clone(),
            None => {
                self.facts[id].findings.push((rule.name, self.findings.len()));
                self.findings.push(finding.clone());
            }
        }
        self.emit(Event::Finding(Box::new(finding)));
    }

    fn origin_of_bytes(&self, id: FlowId) -> &'static str {
        match self.table.flows()[id].key.transport {
            packet::Transport::Tcp => "tcp payload",
            packet::Transport::Udp => "udp payload",
            packet::Transport::Icmp => "icmp payload",
        }
    }
}

/// What names a client in its certificate, to be searched.
fn client_certificate(certificate: Certificate) -> Message {
    let range = certificate.range;
    let part =
        |(name, value): (String, String)| Part { name, value: value.into_bytes(), range: range.clone() };
    let names = certificate.names.into_iter().map(|name| ("name".to_owned(), name));
    Message {
        direction: certificate.direction,
        protocol: "certificate",
        host: None,
        parts: certificate.attributes.into_iter().chain(names).map(part).collect(),
    }
}

/// The DNS message in an HTTP message (RFC 8484 section 4.1). A request need not say what it accepts; then the path that
/// resolvers use has to.
fn dns_over_http(message: &HttpMessage) -> Option<DnsMessage> {
    const TYPE: &str = "application/dns-message";
    if message.header("content-type").is_some_and(|kind| kind.trim().eq_ignore_ascii_case(TYPE)) {
        return parse_dns(&message.body, message.body_range.clone());
    }
    let HttpStart::Request { target, target_range, .. } = &message.start else { return None };
    let (path, query) = target.split_once('?')?;
    let encoded = query.split('&').find_map(|pair| pair.strip_prefix("dns="))?;
    let accepted = message.values("accept").any(|kinds| kinds.contains(TYPE)) || path.ends_with("/dns-query");
    let bytes = URL_SAFE_NO_PAD.decode(encoded.trim_end_matches('=')).ok()?;
    parse_dns(&bytes, target_range.clone()).filter(|lookup| accepted && !lookup.response)
}

fn request_origin(method: &str, target: &str, message: &HttpMessage) -> Origin {
    let target = target.split('#').next().unwrap_or(target);
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    Origin::Request {
        method: method.to_owned(),
        path: path.to_owned(),
        query_len: query.len(),
        body_len: message.body.len(),
        cookie: message.header("cookie").is_some(),
    }
}

/// What lets somebody in, in a request's header (RFC 9110 section 11.6).
fn credential_of_request(message: &HttpMessage) -> Option<Credential> {
    let values = message.values("authorization").chain(message.values("proxy-authorization"));
    let kind = |value: &str| match value.split_once(' ')? {
        (scheme, secret) if secret.trim().is_empty() || scheme.is_empty() => None,
        (scheme, _) if scheme.eq_ignore_ascii_case("basic") => Some(Credential::Password),
        (scheme, _) if scheme.eq_ignore_ascii_case("bearer") => Some(Credential::Token),
        _ => None,
    };
    values.filter_map(kind).max()
}

/// A password in a message of a protocol that has one.
fn credential_of_message(message: &Message) -> Option<Credential> {
    let is_password = |name: &str| ["password", "pass"].iter().any(|it| name.eq_ignore_ascii_case(it));
    let has = message.parts.iter().any(|part| is_password(&part.name) && !part.value.is_empty());
    has.then_some(Credential::Password)
}

fn identifier(found: Match, direction: Direction) -> Identifier {
    Identifier {
        kind: found.kind,
        value: found.value,
        confidence: found.confidence,
        decode: found.decode,
        range: [found.range.start, found.range.end],
        direction,
    }
}
