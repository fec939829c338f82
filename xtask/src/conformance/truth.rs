//! What others read in a capture, flow by flow, and how the engine compares.
//!
//! tshark's rows say which flows there are and what they name; constructed rows say what was put in. JA4 counts where
//! FoxIO's own and tshark's agree; where FoxIO has no row, tshark alone is compared in a field of its own.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};

use packet::Transport;
use serde_json::{Map, Value};

use super::corpus::Capture;
use super::replay::{Ends, Fields, Seen};
use super::score::{Board, Miss};

/// A row of the truth, as it stands in the file.
pub type Row = Map<String, Value>;

/// Fields that are compared value by value, in the rows' own names.
const FIELDS: [&str; 4] = ["sni", "http_host", "http_uri", "dns"];

/// Protocols that carry packets inside packets.
const TUNNELS: [&str; 12] =
    ["gre", "vxlan", "erspan", "geneve", "gtp", "l2tp", "pptp", "teredo", "6in4", "ipip", "openvpn", "wg"];

/// What is known of a flow.
#[derive(Debug, Default)]
struct Known {
    rows: Vec<Row>,
    foxio: BTreeSet<String>,
}

pub fn score(board: &mut Board, capture: &Capture, rows: &[Row], seen: &Seen) {
    let empty = BTreeMap::new();
    for (ends, known) in by_flow(rows) {
        let fields = seen.flows.get(&ends).or_else(|| inner_flow(&known, ends, seen));
        let what = format!("{} {} {} {}", capture.path, ends.transport, ends.low, ends.high);
        if fields.is_none() {
            board.miss(&capture.source, "flow", miss(&known, seen, "flow", what.clone()));
        }
        board.count(&capture.source, "flow", usize::from(fields.is_some()), 0);
        let mut comparison = Comparison { board, source: &capture.source, known: &known, seen, what };
        let fields = fields.unwrap_or(&empty);
        let value = |field: &str| fields.get(field).cloned().unwrap_or_default();

        let constructed = known.rows.iter().all(|row| by(row) == "constructed");
        for field in FIELDS.into_iter().filter(|field| !constructed || ["sni", "http_host"].contains(field)) {
            let mut given: BTreeSet<String> = value(field).iter().map(|value| normal(field, value)).collect();
            given.remove("");
            comparison.field(field, field, &known.values(field), &given);
        }
        let mut named = known.values("sni");
        named.extend(known.values("http_host"));
        named.extend(known.values("http_uri").iter().filter_map(|target| authority(target)));
        comparison.host(&named, &value("host").iter().map(|host| normal("sni", host)).collect());
        if !constructed {
            comparison.ja4(&known.values("ja4"), &value("ja4"));
        }
    }
    let truth: BTreeSet<Ends> = rows.iter().filter(|row| is_tshark(row)).filter_map(ends).collect();
    let told = |ends: &Ends| truth.iter().any(|known| known == ends || known.has_ports_of(ends));
    let untold = |ends: &&Ends| ends.transport != Transport::Icmp && !truth.is_empty() && !told(ends);
    for ends in seen.flows.keys().filter(untold) {
        let what = format!("{} {} {} {}", capture.path, ends.transport, ends.low, ends.high);
        board.extra(&capture.source, "flow", what);
    }
}

/// The host in a request's target, when it has one: an absolute URI, or what CONNECT asks for.
fn authority(target: &str) -> Option<String> {
    let rest = match target.split_once("://") {
        Some((_, rest)) => rest.split('/').next()?,
        None => target,
    };
    (!rest.contains('/') && rest.contains('.')).then(|| normal("http_host", rest))
}

/// A flow inside a tunnel: tshark names it by the tunnel's addresses and its own ports.
fn inner_flow<'a>(known: &Known, ends: Ends, seen: &'a Seen) -> Option<&'a Fields> {
    let tunnelled = known.stacks().any(|stack| tunnel(&stack).is_some());
    let mut flows = seen.flows.iter().filter(|(flow, _)| tunnelled && flow.has_ports_of(&ends));
    flows.next().map(|(_, fields)| fields)
}

/// What packets of this stack of protocols are tunnelled in.
fn tunnel<'a>(stack: &[&'a str]) -> Option<&'a str> {
    if let Some(tunnel) = stack.iter().find(|name| TUNNELS.contains(name)) {
        return Some(tunnel);
    }
    let mut ip = stack.iter().filter(|name| ["ip", "ipv6"].contains(name));
    ip.nth(1).filter(|_| !stack.contains(&"icmp") && !stack.contains(&"icmpv6")).copied()
}

struct Comparison<'a> {
    board: &'a mut Board,
    source: &'a str,
    known: &'a Known,
    seen: &'a Seen,
    what: String,
}

impl Comparison<'_> {
    fn field(&mut self, name: &str, field: &str, truth: &BTreeSet<String>, given: &BTreeSet<String>) {
        self.board.count(self.source, name, truth.intersection(given).count(), 0);
        for value in truth.difference(given) {
            let what = format!("{} {value}", self.what);
            self.board.miss(self.source, name, miss(self.known, self.seen, field, what));
        }
        if truth.is_empty() && !self.known.speaks_of(field) {
            return;
        }
        for value in given.difference(truth) {
            self.board.extra(self.source, name, format!("{} {value}", self.what));
        }
    }

    /// The report names a flow once: any of its names will do.
    fn host(&mut self, truth: &BTreeSet<String>, given: &BTreeSet<String>) {
        let right = truth.intersection(given).count();
        if !truth.is_empty() && right == 0 {
            let field = if self.known.values("sni").is_empty() { "http_host" } else { "sni" };
            let what = format!("{} {}", self.what, truth.iter().cloned().collect::<Vec<_>>().join(","));
            self.board.miss(self.source, "host", miss(self.known, self.seen, field, what));
        }
        self.board.count(self.source, "host", right.min(1), 0);
        if truth.is_empty() && !self.known.speaks_of("sni") {
            return;
        }
        for value in given.difference(truth) {
            self.board.extra(self.source, "host", format!("{} {value}", self.what));
        }
    }

    fn ja4(&mut self, tshark: &BTreeSet<String>, given: &BTreeSet<String>) {
        let foxio = &self.known.foxio;
        if foxio.is_empty() {
            return self.field("ja4 (tshark)", "ja4", tshark, given);
        }
        let agreed: BTreeSet<String> = tshark.intersection(foxio).cloned().collect();
        let disputed: BTreeSet<&String> = tshark.symmetric_difference(foxio).collect();
        if agreed.is_empty() {
            return;
        }
        let given = given.iter().filter(|value| !disputed.contains(value)).cloned().collect();
        self.field("ja4", "ja4", &agreed, &given);
    }
}

fn by_flow(rows: &[Row]) -> BTreeMap<Ends, Known> {
    let mut flows: BTreeMap<Ends, Known> = BTreeMap::new();
    for row in rows.iter().filter(|row| is_tshark(row) || by(row) == "constructed") {
        if let Some(ends) = ends(row) {
            flows.entry(ends).or_default().rows.push(row.clone());
        }
    }
    for row in rows.iter().filter(|row| by(row) == "FoxIO") {
        let known = ends(row).and_then(|ends| flows.get_mut(&ends));
        known.into_iter().for_each(|known| known.foxio.extend(strings(&row["ja4"])));
    }
    flows
}

impl Known {
    fn values(&self, field: &str) -> BTreeSet<String> {
        let values = self.rows.iter().flat_map(|row| match (by(row), field) {
            ("constructed", "sni") if has_keys(row) => strings(&row["host"]),
            ("constructed", "http_host") if !has_keys(row) => strings(&row["host"]),
            ("constructed", _) => Vec::new(),
            _ => [Some(field), in_http2(field)]
                .into_iter()
                .flatten()
                .filter_map(|name| row.get(name))
                .flat_map(strings)
                .collect(),
        });
        values.map(|value| normal(field, &value)).filter(|value| !value.is_empty()).collect()
    }

    /// Whether the oracle would have said so if there were a value. Names in multicast DNS and its kin it counts apart,
    /// for the fields of HTTP in QUIC it was not asked, and of QUIC versions that it cannot decrypt it says nothing (nobody
    /// can decrypt one by mistake: RFC 9001 section 5.3).
    fn speaks_of(&self, field: &str) -> bool {
        let any = |name| self.stacks().any(|stack| stack.contains(&name));
        let opened = || self.rows.iter().any(|row| row.contains_key("ja4"));
        match field {
            "dns" => any("dns"),
            "sni" | "ja4" => !any("quic") || opened(),
            "http_host" | "http_uri" => !any("quic"),
            _ => true,
        }
    }

    /// The protocols of each row, outermost first.
    fn stacks(&self) -> impl Iterator<Item = Vec<&str>> {
        self.rows
            .iter()
            .map(|row| row.get("top").and_then(Value::as_str).unwrap_or_default().split(':').collect())
    }
}

/// What tshark calls a field of HTTP/2.
fn in_http2(field: &str) -> Option<&'static str> {
    match field {
        "http_host" => Some("h2_authority"),
        "http_uri" => Some("h2_path"),
        _ => None,
    }
}

/// Why a value was missed, as far as the truth itself tells.
fn miss(known: &Known, seen: &Seen, field: &str, what: String) -> Miss {
    if let Some(error) = &seen.error {
        return Miss::refused(what, error, true);
    }
    for stack in known.stacks() {
        let has = |name: &str| stack.contains(&name);
        let after = |first: &str, then: &str| {
            let place = stack.iter().position(|name| *name == first);
            place.is_some_and(|place| stack[place + 1..].contains(&then))
        };
        if let Some(tunnel) = tunnel(&stack) {
            return Miss::excused(what, &format!("tunnelled in {tunnel}"));
        }
        if stack.iter().filter(|name| ["ip", "ipv6"].contains(name)).count() > 1 {
            return Miss::excused(what, "quoted in an ICMP error");
        }
        if field.starts_with("http") || field == "dns" {
            if after("tls", "http") || after("tls", "http2") || after("tls", "dns") || after("dtls", "dns") {
                return Miss::excused(what, "needs keys: TLS");
            }
            if after("quic", "http3") || after("quic", "dns") {
                return Miss::excused(what, "needs keys: QUIC");
            }
            if has("ssdp") {
                return Miss::excused(what, "SSDP, which names no host");
            }
            let hello = known.rows.iter().any(|row| row.contains_key("ja4"));
            let proxied = known
                .rows
                .iter()
                .any(|row| row.get("http_method").is_some_and(|it| it.to_string().contains("CONNECT")));
            if field.starts_with("http") && hello && !proxied {
                return Miss::excused(what, "needs keys: TLS");
            }
        }
        if (field == "sni" || field == "ja4") && (after("socks", "tls") || after("http", "tls")) {
            return Miss::owed(what, "TLS behind a proxy");
        }
        if (field == "sni" || field == "ja4")
            && ["smtp", "imap", "pop", "ftp"].iter().any(|name| after(name, "tls"))
        {
            return Miss::owed(what, "TLS after STARTTLS");
        }
    }
    let lost = known.rows.iter().any(|row| row.get("lost").and_then(Value::as_u64).unwrap_or(0) > 0);
    let reason = if lost {
        "segments lost in the capture"
    } else if field == "flow" && seen.unparsed.contains("fragment_overlap") {
        "fragments that overlap are dropped (as RFC 5722 asks of IPv6)"
    } else if field.starts_with("ja4") && offers_nothing(&what) {
        "a hello without cipher suites is none (RFC 8446 section 4.1.2)"
    } else {
        "unknown"
    };
    Miss::owed(what, reason)
}

/// Whether a JA4 is that of a hello without cipher suites: their digest is made of nothing.
fn offers_nothing(ja4: &str) -> bool {
    ja4.rsplit('_').nth(1) == Some("000000000000")
}

/// The two ends of a row, in whatever names its author gave them.
fn ends(row: &Row) -> Option<Ends> {
    let text = |names: &[&str]| names.iter().find_map(|name| row.get(*name)).map(plain);
    let address = |names: &[&str]| text(names)?.trim_matches(['[', ']']).parse::<IpAddr>().ok();
    let port = |names: &[&str]| text(names)?.parse::<u16>().ok();
    let foxio = by(row) == "FoxIO";
    let (ports, protocol) = if foxio {
        ((port(&["sport"])?, port(&["dport"])?), "any".to_owned())
    } else {
        ((port(&["cport"])?, port(&["sport"])?), text(&["proto", "l4"]).unwrap_or_else(|| "tcp".into()))
    };
    let quic = foxio && text(&["ja4"])?.starts_with(['q', 'd']);
    let transport = if protocol == "udp" || quic { Transport::Udp } else { Transport::Tcp };
    let one = SocketAddr::new(address(&["client", "src"])?, ports.0);
    Some(Ends::new(transport, one, SocketAddr::new(address(&["server", "dst"])?, ports.1)))
}

fn by(row: &Row) -> &str {
    row.get("by").and_then(Value::as_str).unwrap_or_default()
}

fn is_tshark(row: &Row) -> bool {
    by(row).starts_with("tshark")
}

/// Whether a constructed row was sent over TLS.
pub fn has_keys(row: &Row) -> bool {
    row.get("tls").is_some_and(|tls| !tls.is_null() && *tls != Value::Bool(false))
}

/// The ends of a row, for others.
pub fn flow_of(row: &Row) -> Option<Ends> {
    ends(row)
}

fn strings(value: &Value) -> Vec<String> {
    match value {
        Value::Array(values) => values.iter().map(plain).collect(),
        Value::Null => Vec::new(),
        value => vec![plain(value)],
    }
}

/// A value as text.
pub fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// Host names without case, trailing dot and port (some authors drop it).
fn normal(field: &str, value: &str) -> String {
    if !["sni", "http_host", "dns"].contains(&field) {
        return value.to_owned();
    }
    let name = value.to_lowercase().replace("\\\\", "\\"); // tshark doubles backslashes
    let name = name.trim_end_matches('.');
    let host = match name.split_once(':') {
        Some((host, port)) if field != "dns" && !port.contains(':') && !name.starts_with('[') => host,
        _ => name,
    };
    host.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(json: Value) -> Row {
        json.as_object().unwrap().clone()
    }

    #[test]
    fn hosts_are_compared_without_case_dot_and_port() {
        assert_eq!(normal("http_host", "Example.COM:8080"), "example.com");
        assert_eq!(normal("sni", "example.com."), "example.com");
        assert_eq!(normal("http_host", "[2001:db8::1]:80"), "[2001:db8::1]:80");
        assert_eq!(normal("http_uri", "/A"), "/A");
    }

    #[test]
    fn rows_of_every_author_name_the_same_flow() {
        let tshark =
            row(serde_json::json!({"by": "tshark-4", "proto": "tcp", "client": "10.0.0.1", "cport": 1234,
            "server": "10.0.0.2", "sport": 443}));
        let foxio =
            row(serde_json::json!({"by": "FoxIO", "src": "10.0.0.1", "sport": "1234", "dst": "10.0.0.2",
            "dport": "443", "ja4": "t13d"}));
        assert_eq!(ends(&tshark), ends(&foxio));
        assert!(ends(&tshark).is_some());
    }

    #[test]
    fn misses_have_reasons() {
        let known = |top: &str| Known {
            rows: vec![row(serde_json::json!({"by": "tshark-4", "top": top}))],
            foxio: BTreeSet::new(),
        };
        let seen = Seen::default();
        let reason = |top, field| miss(&known(top), &seen, field, String::new()).reason;
        assert_eq!(reason("eth:ip:gre:ip:tcp:http", "http_host"), "tunnelled in gre");
        assert_eq!(reason("eth:ip:ipv6:tcp:http", "http_host"), "tunnelled in ipv6");
        assert_eq!(reason("eth:ip:icmp:ip:udp", "flow"), "quoted in an ICMP error");
        assert_eq!(reason("eth:ip:tcp:tls:http", "http_host"), "needs keys: TLS");
        assert_eq!(reason("eth:ip:tcp:http:tls", "sni"), "TLS behind a proxy");
        assert_eq!(reason("eth:ip:tcp:http", "http_host"), "unknown");
        let overlapping = Seen { unparsed: ["fragment_overlap".to_owned()].into(), ..Seen::default() };
        let reason = miss(&known("eth:ip:udp"), &overlapping, "flow", String::new()).reason;
        assert_eq!(reason, "fragments that overlap are dropped (as RFC 5722 asks of IPv6)");
        assert!(offers_nothing("tcp a b t10i000000_000000000000_000000000000"));
        assert!(!offers_nothing("tcp a b t10i660000_1ade43d4e5bc_000000000000"));
    }
}
