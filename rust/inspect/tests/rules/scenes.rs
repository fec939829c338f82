//! What happens in the recordings: for each rule one that it flags, and one like it in which nothing is amiss for it.
//!
//! No phone and no network was recorded. The identifiers are made up: the type allocation code for tests (3GPP TS
//! 23.003), network 001-01 where the country does not matter and counted-up subscribers where it does, locally
//! administered addresses. Servers have addresses for documentation (RFC 5737) and names of the table of hosts, or
//! of `example` (RFC 2606).

use std::net::{Ipv4Addr, SocketAddrV4};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use inspect::{Config, IdentifierKind, KnownIdentifier};
use packet::{Direction, Phase};

use crate::wire::{Tape, tls, tls_reply};

pub const IMEI: &str = "001017001234569";
const SERVER: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 9);
const OK: &str = "HTTP/1.1 204 No Content\r\n\r\n";
const APP: &str = "com.example.client";

/// Makes something happen.
pub type Play = fn(&mut Tape);

/// A recording and how it is to be read.
pub struct Scene {
    /// The rule.
    pub rule: &'static str,
    /// Whether the rule flags it.
    pub flagged: bool,
    /// What the user says.
    pub config: Config,
    /// What happens.
    pub play: Play,
}

impl Scene {
    /// The recording's name, without the extension.
    pub fn name(&self) -> String {
        format!("{}-{}", self.rule, if self.flagged { "flagged" } else { "quiet" })
    }

    /// The recording.
    pub fn record(&self) -> Vec<u8> {
        let mut tape = Tape::new(&self.name());
        (self.play)(&mut tape);
        tape.into_bytes()
    }
}

/// Every scene: of each rule the one that is flagged, then the quiet one.
pub fn scenes() -> Vec<Scene> {
    let watching = || Config {
        watch: vec![KnownIdentifier { kind: IdentifierKind::Imei, value: IMEI.to_owned() }],
        ..Config::default()
    };
    let norway = || Config { home: Some("NO".to_owned()), ..Config::default() };
    let plain = Config::default;
    let keyed = || {
        let mut config = Config::default();
        config.keys.add(ENCRYPTED.as_bytes());
        config
    };
    let pairs: [(&str, [(Config, Play); 2]); 15] = [
        (
            "cleartext_registration",
            [(plain(), |t| register(t, REGISTERED)), (plain(), |t| register(t, ABSENT))],
        ),
        (
            "cleartext_identifier",
            [(plain(), |t| get(t, "/?imei=001017001234569")), (plain(), |t| get(t, NUMBERS))],
        ),
        // The same bytes, with their keys and without.
        ("encrypted_identifier", [(keyed(), encrypted), (plain(), encrypted)]),
        (
            "credentials_in_clear",
            [
                (plain(), |t| login(t, "Basic dXNlcjpzZWNyZXQ=")),
                (plain(), |t| login(t, "Digest username=\"user\"")),
            ],
        ),
        (
            "identifier_in_name",
            [
                (watching(), |t| secure(t, "d001017001234569.plain.example")),
                (watching(), |t| secure(t, "d001017001234643.plain.example")),
            ],
        ),
        (
            "echoed_identifier",
            [(watching(), |t| answered(t, IMEI)), (watching(), |t| answered(t, "001017001234643"))],
        ),
        (
            "misdeclared_content",
            [
                (plain(), |t| {
                    post(t, "plain.example", "application/encrypted-json", &wrapped("{\"state\":\"ready\"}"))
                }),
                (plain(), |t| post(t, "plain.example", "text/plain", &wrapped("{\"state\":\"ready\"}"))),
            ],
        ),
        (
            "probe_payload",
            [(plain(), |t| probe(t, "Cookie: visitor=7a31c0\r\n")), (plain(), |t| probe(t, ""))],
        ),
        (
            "foreign_registration",
            [(plain(), |t| register(t, FROM_NORWAY)), (plain(), |t| register(t, FROM_CHINA))],
        ),
        (
            "registration_contact",
            [
                (plain(), |t| secure(t, "a.fxltsbl.com")),
                (plain(), |t| secure(t, "afwprovisioning-pa.googleapis.com")),
            ],
        ),
        (
            "failed_lookup",
            [(plain(), |t| t.dns("zzhc.vnet.cn", None)), (plain(), |t| t.dns("printer.plain.example", None))],
        ),
        (
            "identifier_before_consent",
            [
                (plain(), |t| set_up(t, [Some(Phase::LockedBoot), None, Some(Phase::SetupDone)])),
                (plain(), |t| set_up(t, [Some(Phase::LockedBoot), Some(Phase::SetupDone), None])),
            ],
        ),
        (
            "transfer_outside_adequacy",
            [
                (norway(), |t| post(t, "data.mistat.xiaomi.com", "application/json", ADVERTISING)),
                (norway(), |t| post(t, "app.adjust.com", "application/json", ADVERTISING)),
            ],
        ),
        (
            "recurring_token",
            [
                (plain(), |t| beacons(t, ["kV3x9QmZ2LtB7sWc"; 3])),
                (plain(), |t| beacons(t, ["kV3x9QmZ2LtB7sWc", "Rd8uY1pHn5GzE4aJ", "tX6oC0fNq9MwS3bK"])),
            ],
        ),
        (
            "telemetry_contact",
            [(plain(), |t| secure(t, "app-measurement.com")), (plain(), |t| secure(t, "www.plain.example"))],
        ),
    ];
    let scene = |rule, (index, (config, play))| Scene { rule, flagged: index == 0, config, play };
    let both = |(rule, pair): (_, [_; 2])| pair.into_iter().enumerate().map(move |it| scene(rule, it));
    pairs.into_iter().flat_map(both).collect()
}

const REGISTERED: &str = r#"{"MODEL":"TST-TA 0001","IMEI1":"001017001234569","SIM1ICCID":"89860300000001234564","SIM1LTEIMSI":"001010123456789"}"#;
/// What clients send for what they lack.
const ABSENT: &str = r#"{"MODEL":"TST-TA 0001","IMEI1":"000000000000000","SIM1ICCID":"00000000000000000000","SIM1LTEIMSI":""}"#;
const FROM_NORWAY: &str =
    r#"{"MODEL":"TST-TA 0001","IMEI1":"001017001234569","SIM1LTEIMSI":"242990123456789"}"#;
const FROM_CHINA: &str =
    r#"{"MODEL":"TST-TA 0001","IMEI1":"001017001234569","SIM1LTEIMSI":"460990123456789"}"#;
const ADVERTISING: &str = r#"{"advertising_id":"3f2504e0-4f89-41d3-9a0c-0305e82c3301","event":"open"}"#;
/// Numbers as shops and pages send them.
const NUMBERS: &str = "/?order=490154203237517&time=1550131260000&card=4111111111111111&v=12.4.1.7";

/// A connection of TLS 1.2 and its keys: an IMEI in a request.
const ENCRYPTED: &str = include_str!("../../src/protocol/testdata/tls/tls12-cbc.txt");

/// Base64 in lines of 76, as Android's encoder makes it.
fn wrapped(text: &str) -> String {
    let encoded = STANDARD.encode(text);
    let lines = encoded.as_bytes().chunks(76).map(String::from_utf8_lossy);
    lines.map(|line| format!("{line}\n")).collect()
}

fn server(port: u16) -> SocketAddrV4 {
    SocketAddrV4::new(SERVER, port)
}

fn http(tape: &mut Tape, host: &str, request: &str, reply: &str) {
    tape.dns(host, Some(SERVER));
    tape.talk(APP, server(80), request.as_bytes(), reply.as_bytes());
}

fn post(tape: &mut Tape, host: &str, kind: &str, body: &str) {
    let head = format!("POST / HTTP/1.1\r\nHost: {host}\r\nContent-Type: {kind}\r\n");
    http(tape, host, &format!("{head}Content-Length: {}\r\n\r\n{body}", body.len()), OK);
}

fn register(tape: &mut Tape, fields: &str) {
    tape.phase(Phase::BootCompleted);
    tape.wait(60);
    post(tape, "zzhc.vnet.cn", "application/encrypted-json", &wrapped(fields));
}

fn get(tape: &mut Tape, target: &str) {
    http(tape, "plain.example", &format!("GET {target} HTTP/1.1\r\nHost: plain.example\r\n\r\n"), OK);
}

fn login(tape: &mut Tape, authorization: &str) {
    let head = "GET / HTTP/1.1\r\nHost: plain.example\r\n";
    http(tape, "plain.example", &format!("{head}Authorization: {authorization}\r\n\r\n"), OK);
}

fn probe(tape: &mut Tape, headers: &str) {
    let host = "connectivitycheck.gstatic.com";
    http(tape, host, &format!("GET /generate_204 HTTP/1.1\r\nHost: {host}\r\n{headers}\r\n"), OK);
}

fn answered(tape: &mut Tape, value: &str) {
    let body = format!("{{\"device\":\"{value}\"}}");
    let reply = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len());
    http(tape, "plain.example", "GET /me HTTP/1.1\r\nHost: plain.example\r\n\r\n", &reply);
}

/// The same request to three hosts, each with a value of its own.
fn beacons(tape: &mut Tape, values: [&str; 3]) {
    for (host, value) in ["a.example", "b.example", "c.example"].into_iter().zip(values) {
        let target = format!("/beacon?uid={value}");
        http(tape, host, &format!("GET {target} HTTP/1.1\r\nHost: {host}\r\n\r\n"), OK);
    }
}

fn encrypted(tape: &mut Tape) {
    let turn = |line: &str| {
        let (direction, hex) = match line.split_at_checked(2)? {
            ("> ", hex) => (Direction::Outbound, hex),
            ("< ", hex) => (Direction::Inbound, hex),
            _ => return None,
        };
        let digits: Vec<u32> = hex.chars().filter_map(|digit| digit.to_digit(16)).collect();
        Some((direction, digits.chunks(2).map(|pair| (pair[0] << 4 | pair[1]) as u8).collect::<Vec<u8>>()))
    };
    let turns: Vec<_> = ENCRYPTED.lines().filter_map(turn).collect();
    let turns: Vec<_> = turns.iter().map(|(direction, bytes)| (*direction, &bytes[..])).collect();
    tape.converse(APP, server(443), &turns);
}

fn secure(tape: &mut Tape, host: &str) {
    tape.dns(host, Some(SERVER));
    tape.talk(APP, server(443), &tls(host), &tls_reply());
}

/// A request between the phases.
fn set_up(tape: &mut Tape, [first, before, after]: [Option<Phase>; 3]) {
    for phase in first.into_iter().chain(before) {
        tape.phase(phase);
        tape.wait(5);
    }
    post(tape, "plain.example", "application/json", "{\"serial\":\"TSTSN0012345\"}");
    if let Some(phase) = after {
        tape.wait(30);
        tape.phase(phase);
    }
}
