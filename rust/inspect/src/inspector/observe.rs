//! From what dissectors saw to evidence, and from evidence to findings.

use std::ops::Range;

use packet::{Direction, Timestamp};

use super::{Event, Inspector, report_id};
use crate::evidence::{Case, Content, Evidence, Moment, Origin, Subject};
use crate::facts::{authority_of_target, host_of_authority};
use crate::flow::FlowId;
use crate::identifier::{self, Match, Scan, Sending, Token};
use crate::knowledge;
use crate::naming::Asker;
use crate::protocol::{ClientHello, DnsData, DnsMessage, HttpMessage, HttpStart, Message, Observation};
use crate::report::{Finding, HostFrom, Identifier};
use crate::rule::{RULES, Rule, Verdict};

/// Bytes that decoding may yield in any flow, and how many more for each byte on the wire.
const DECODED_FREE: u64 = 16 << 20;
const DECODED_RATIO: u64 = 32;
/// DNS record type A.
const TYPE_A: u16 = 1;

/// What surrounds a verdict in its finding.
struct Context {
    at: Timestamp,
    direction: Direction,
    moment: Moment,
    country: Option<&'static str>,
}

impl Inspector {
    pub(super) fn observe(&mut self, id: FlowId, observation: Observation) {
        self.scanner.set_room(self.room(id));
        match observation {
            Observation::Protocol(protocol) => self.facts[id].add_protocol(protocol),
            Observation::ClientHello(hello) => self.observe_hello(id, hello),
            Observation::ServerHello(_) | Observation::GiveUp { .. } => {}
            Observation::Http(message) => self.observe_http(id, &message),
            Observation::Dns(message) => self.observe_dns(id, &message),
            Observation::Message(message) => self.observe_message(id, &message),
            Observation::Readable(readable) if !self.matters(readable.direction) => {}
            Observation::Readable(readable) => {
                let origin = self.origin_of_bytes(id);
                let scan = self.scanner.scan_bytes(origin, &readable.bytes, readable.range);
                self.judge_scan(id, readable.direction, Origin::Bytes, scan);
            }
        }
    }

    fn observe_hello(&mut self, id: FlowId, hello: ClientHello) {
        let facts = &mut self.facts[id];
        facts.ech |= hello.ech;
        facts.ja4.get_or_insert(hello.ja4);
        let Some(sni) = hello.sni else { return };
        let named = facts.set_host(sni.clone(), HostFrom::Sni);
        if named {
            self.emit_flow(id);
        }
        self.scan_name(id, "tls sni", &sni, hello.range, Origin::Sni);
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
        if !self.matters(message.direction) {
            return;
        }
        if let Some(cut) = message.cut {
            *self.counts.cut_bodies.entry(cut).or_default() += 1;
        }
        let host = self.facts[id].host.as_ref().map(|(host, _)| host.as_str());
        let scan = self.scanner.scan_http(host, message);
        self.judge_scan(id, message.direction, origin, scan);
    }

    fn observe_message(&mut self, id: FlowId, message: &Message) {
        if let Some(host) = &message.host
            && self.facts[id].set_host(host.clone(), HostFrom::Message)
        {
            self.emit_flow(id);
        }
        if self.matters(message.direction) {
            let scan = self.scanner.scan_message(message);
            self.judge_scan(id, message.direction, Origin::Message(message.protocol), scan);
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
        for (name, _) in &message.questions {
            self.scan_name(id, "dns name", name, message.range.clone(), Origin::DnsName);
        }
    }

    fn scan_name(&mut self, id: FlowId, step: &str, name: &str, range: Range<u64>, origin: Origin) {
        let scan = self.scanner.scan_name(step, name, range);
        if !scan.matches.is_empty() {
            self.judge_scan(id, Direction::Outbound, origin, scan);
        }
    }

    fn judge_scan(&mut self, id: FlowId, direction: Direction, origin: Origin, scan: Scan) {
        let decoded = &mut self.facts[id].decoded;
        *decoded = decoded.saturating_add(scan.decoded as u64);
        for bound in scan.stopped {
            *self.counts.stopped.entry(bound).or_default() += 1;
        }
        let matches = self.facts[id].add_seen(direction, scan.matches);
        self.update_encrypted(id);
        let content = Content { direction, origin, matches, misdeclared: scan.misdeclared };
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
        for (name, kind) in &message.questions {
            if *kind == TYPE_A
                && let Some(endpoint) = knowledge::endpoint(name)
            {
                self.judge(id, Evidence::LookupFailed { name, endpoint });
            }
        }
    }

    /// Judges the flow's nature, once, as soon as it is known.
    pub(super) fn judge_contact(&mut self, id: FlowId) {
        if !std::mem::replace(&mut self.facts[id].contact_judged, true) {
            self.judge(id, Evidence::Contact);
        }
    }

    pub(super) fn update_encrypted(&mut self, id: FlowId) {
        let Some(live) = &self.table.flows()[id].live else { return };
        let ways = Direction::BOTH.map(|way| live.dissector.encrypted(way));
        let encrypted = ways[0].into_iter().chain(ways[1]).max();
        self.facts[id].encrypted = encrypted;
        if encrypted == Some(true) && !self.facts[id].contact_judged {
            self.judge_contact(id);
        }
    }

    fn judge(&mut self, id: FlowId, evidence: Evidence<'_>) {
        let (flow, facts) = (&self.table.flows()[id], &self.facts[id]);
        // A contact is judged when the flow is known, perhaps long after; what triggered it came before it was opened.
        let (trigger, at) = match evidence {
            Evidence::Contact => (flow.opened, flow.last),
            _ => (self.now, self.now),
        };
        let moment = Moment::at(&self.phases, trigger);
        let direction = match &evidence {
            Evidence::Content(content) => content.direction,
            _ => Direction::Outbound,
        };
        let case = Case {
            subject: Subject {
                key: flow.key,
                app: facts.app.as_ref().map(|app| app.name.as_str()),
                host: facts.host.as_ref().map(|(host, _)| host.as_str()),
                endpoint: facts.endpoint,
                network: facts.network,
                encrypted: facts.encrypted,
                bytes: flow.bytes,
                answered: flow.is_answered(),
                flagged: facts.seen.iter().any(|(way, _)| *way == Direction::Outbound),
            },
            evidence,
            moment,
            home: self.config.home.as_deref(),
        };
        let country = case.country();
        let mut verdicts = Vec::new();
        for rule in RULES {
            if let Some(verdict) = (rule.judge)(&case) {
                verdicts.push((rule, verdict));
                if rule.last {
                    break;
                }
            }
        }
        for (rule, verdict) in verdicts {
            self.record(id, rule, verdict, &Context { at, direction, moment, country });
        }
    }

    /// One finding for each rule and flow: later evidence adds to it.
    fn record(&mut self, id: FlowId, rule: &Rule, verdict: Verdict, context: &Context) {
        let flow = report_id(id);
        let facts = &self.facts[id];
        let known = facts.findings.iter().find(|(name, _)| *name == rule.name).map(|(_, index)| *index);
        if let Some(known) = known {
            let old = &self.findings[known];
            if verdict.severity <= old.severity && verdict.identifiers.len() <= old.identifiers.len() {
                return;
            }
        }
        let finding = Finding {
            id: known.map_or(self.findings.len() as u32 + 1, |known| self.findings[known].id),
            rule: rule.name.to_owned(),
            severity: verdict.severity,
            title: verdict.title,
            why: verdict.why,
            flow,
            at: context.at,
            phase: context.moment.after.map(|(phase, _)| phase),
            host: facts.host.as_ref().map(|(host, _)| host.clone()),
            owner: facts.endpoint.map(|endpoint| endpoint.owner.to_owned()),
            country: context.country.map(str::to_owned),
            encrypted: facts.encrypted,
            identifiers: verdict
                .identifiers
                .into_iter()
                .map(|found| identifier(found, context.direction))
                .collect(),
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
