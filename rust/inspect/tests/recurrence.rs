//! Tokens that nobody named: known by what stays the same from message to message.

use std::net::{Ipv4Addr, SocketAddrV4};

use inspect::report::{Finding, Report, Severity};
use inspect::{Confidence, Config, IdentifierKind, Inspector};
use packet::{Input, Phase, Timestamp};

/// An IPv4 packet with a TCP segment of a connection whose beginning is missing.
fn segment(port: u16, server: [u8; 4], payload: &str) -> Vec<u8> {
    let (phone, server) =
        (SocketAddrV4::new(Ipv4Addr::new(10, 0, 0, 2), port), SocketAddrV4::new(server.into(), 80));
    let mut packet = vec![0x45, 0];
    packet.extend((40 + payload.len() as u16).to_be_bytes());
    packet.extend([0, 0, 0, 0, 64, 6, 0, 0]);
    packet.extend(phone.ip().octets());
    packet.extend(server.ip().octets());
    packet.extend(phone.port().to_be_bytes());
    packet.extend(server.port().to_be_bytes());
    packet.extend([0, 0, 0, 1, 0, 0, 0, 1, 0x50, 0x18, 0xff, 0xff, 0, 0, 0, 0]);
    packet.extend(payload.as_bytes());
    packet
}

/// Requests, each in a connection of its own, a minute and a half apart: host and head without it. `None`: a start.
fn report(requests: &[Option<(&str, String)>]) -> Report {
    let mut inspector = Inspector::new(Config::default()).expect("nothing to look for");
    for (n, request) in (0u16..).zip(requests) {
        let now = Timestamp::from_millis(i64::from(n) * 90_000);
        let Some((host, request)) = request else {
            inspector.handle_input(now, Input::Phase(Phase::LockedBoot));
            inspector.handle_input(now, Input::Phase(Phase::BootCompleted));
            continue;
        };
        let (head, body) = request.split_once("\n\n").unwrap_or((request, ""));
        let text = format!(
            "{}\r\nHost: {host}\r\nContent-Length: {}\r\n\r\n{body}",
            head.replace('\n', "\r\n"),
            body.len()
        );
        let address = [203, 0, 113, host.bytes().fold(1u8, u8::wrapping_add)];
        let bytes = segment(40_000 + n, address, &text);
        inspector.handle_input(now, Input::Packet { direction: None, bytes: &bytes });
    }
    inspector.finish(None)
}

fn tokens(report: &Report) -> Vec<&Finding> {
    report.findings.iter().filter(|finding| finding.rule == "recurring_token").collect()
}

const TOKEN: &str = "5f0c1e6d-2b7a-4a58-9d3e-6c1b0f9a7e42";
const OTHER: [&str; 4] = [
    "0b9c7d1e-52f4-4c3a-8e6d-7a1b2c3d4e5f",
    "c4d5e6f7-1a2b-4d3c-9e8f-0a1b2c3d4e60",
    "9e8d7c6b-5a49-4838-a716-05f4e3d2c1b0",
    "13579bdf-0246-48ac-b024-68ace13579bd",
];

fn get(query: &str) -> String {
    format!("GET /ping?{query} HTTP/1.1")
}

#[test]
fn a_value_that_two_companies_get_is_a_token_in_whatever_dress() {
    let plain = TOKEN.replace('-', "").to_uppercase();
    let report = report(&[
        Some(("a.one.example", get(&format!("zq={TOKEN}")))),
        Some(("b.two.example", format!("POST / HTTP/1.1\n\n{{\"w\":{{\"k\":\"{plain}\"}},\"n\":1}}"))),
    ]);
    let found = tokens(&report);
    assert_eq!(found.len(), 1, "{:#?}", report.findings);
    assert_eq!((found[0].severity, found[0].flow), (Severity::Low, 2));
    let identifier = &found[0].identifiers[0];
    assert_eq!(
        (identifier.kind, identifier.confidence),
        (IdentifierKind::DeviceToken, Confidence::Recurrence)
    );
    assert_eq!(identifier.value, plain.to_lowercase());
    assert_eq!(identifier.decode, ["http body", "json w.k"]);
    assert!(
        found[0].why.contains("as zq to a.one.example (1), as k to b.two.example (1)"),
        "{}",
        found[0].why
    );
}

#[test]
fn a_value_of_one_host_needs_restarts_or_connections_and_a_name() {
    let send = |key: &str| Some(("a.one.example", get(&format!("{key}={TOKEN}"))));
    let boots = report(&[None, send("install_uuid"), None, send("install_uuid")]);
    let found = tokens(&boots);
    assert_eq!(found.iter().map(|it| it.severity).collect::<Vec<_>>(), [Severity::Info]);
    assert!(found[0].why.contains("over 2 starts of the phone"), "{}", found[0].why);
    assert!(tokens(&report(&[None, send("install_uuid"), send("install_uuid")])).is_empty());
    assert!(tokens(&report(&[None, send("zq"), None, send("zq"), send("zq")])).is_empty(), "a constant?");
}

#[test]
fn a_cookie_that_comes_back_is_a_token() {
    let send =
        || Some(("a.one.example", "GET / HTTP/1.1\nCookie: lang=en; _tk=cX1kQ9pTz0uW7vB3nM5yRf".to_owned()));
    let report = report(&[send(), send(), send()]);
    let found = tokens(&report);
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].identifiers[0].decode, ["http header Cookie", "cookie _tk"]);
}

#[test]
fn what_passes_with_a_request_is_none() {
    let hosts = ["a.one.example", "b.two.example", "c.three.example", "d.four.example"];
    let each = |n: usize| {
        let id = OTHER[n];
        format!(
            "POST /v1/{id}?rid={id} HTTP/1.1\nX-Request-Id: {id}\ntraceparent: 00-{}-6656c90bd5482a90-01\n\
             If-None-Match: \"{id}\"\n\n{{\"q\":\"{id}\",\"nonce\":\"{id}\",\"t\":1700000000000}}",
            id.replace('-', "")
        )
    };
    let requests: Vec<_> = hosts.iter().enumerate().map(|(n, host)| Some((*host, each(n)))).collect();
    assert!(tokens(&report(&requests)).is_empty());
}

#[test]
fn what_belongs_to_the_software_is_none() {
    let request = format!(
        "GET /static/{0}/app.5f0c1e6d2b7a4a58.js?api_key={TOKEN}&v=1.2.3 HTTP/1.1\nUser-Agent: x/1 {TOKEN}\n\
         X-Android-Cert: 61ed377e85d386a8dfee6b864bd85b0bfaa5af81\nX-Api-Key: {TOKEN}\nETag: \"{TOKEN}\"\n\
         Authorization: Bearer {TOKEN}",
        TOKEN.replace('-', "")
    );
    let hosts = ["a.one.example", "b.two.example", "c.three.example", "a.one.example"];
    let requests: Vec<_> = hosts.iter().map(|host| Some((*host, request.clone()))).collect();
    let report = report(&requests);
    assert!(tokens(&report).is_empty(), "{:#?}", report.findings);
}

#[test]
fn what_has_a_name_is_not_told_twice() {
    let send = |host| Some((host, get("android_id=6656c90bd5482a90")));
    let report = report(&[send("a.one.example"), send("b.two.example"), send("c.three.example")]);
    assert!(tokens(&report).is_empty());
    assert!(report.findings.iter().all(|it| it.rule == "cleartext_identifier") && report.findings.len() == 3);
}
