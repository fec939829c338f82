//! What a session shows of an encrypted connection, with its keys and without.

use inspect::report::{HostFrom, Report, Severity};
use inspect::{Config, Inspector, KeyLog};
use packet::{Direction, Input, Timestamp};

/// A connection of TLS 1.2 without a server name: an IMEI in the body of a request.
const CONNECTION: &str = include_str!("../src/protocol/testdata/tls/tls12-cbc.txt");
/// A client that shows a certificate, which names its IMEI, in clear.
const WITH_CERTIFICATE: &str = include_str!("../src/protocol/testdata/tls/tls12-aes256-gcm.txt");

/// A segment of a connection that was open before.
fn segment(outbound: bool, seq: u32, payload: &[u8]) -> Vec<u8> {
    let [len_high, len_low] = (40 + payload.len() as u16).to_be_bytes();
    let (from, to, ports) = match outbound {
        true => ([10, 0, 0, 2], [203, 0, 113, 9], [0x9c, 0x40, 1, 0xbb]),
        false => ([203, 0, 113, 9], [10, 0, 0, 2], [1, 0xbb, 0x9c, 0x40]),
    };
    let mut packet = vec![0x45, 0, len_high, len_low, 0, 0, 0, 0, 64, 6, 0, 0];
    packet.extend(from);
    packet.extend(to);
    packet.extend(ports);
    packet.extend(seq.to_be_bytes());
    packet.extend([0, 0, 0, 0, 0x50, 0x10, 0xff, 0xff, 0, 0, 0, 0]);
    packet.extend(payload);
    packet
}

fn unhex(hex: &str) -> Vec<u8> {
    let digits: Vec<u32> = hex.chars().filter_map(|c| c.to_digit(16)).collect();
    digits.chunks(2).map(|pair| (pair[0] << 4 | pair[1]) as u8).collect()
}

/// How the keys come.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Keys {
    None,
    Configured,
    /// In the capture, between its packets.
    Brought,
}

fn report(text: &str, keys: Keys) -> Report {
    let (turns, log): (Vec<&str>, Vec<&str>) = text.lines().partition(|line| line.starts_with(['>', '<']));
    let log = log.join("\n");
    let mut config = Config::default();
    if keys == Keys::Configured {
        assert_eq!(config.keys.add(log.as_bytes()), 1);
    }
    let mut inspector = Inspector::new(config).unwrap();
    let (now, mut seq) = (Timestamp::from_millis(1_000), [1, 1]);
    for (index, turn) in turns.iter().enumerate() {
        let (outbound, bytes) = (turn.starts_with('>'), unhex(&turn[2..]));
        // The hello goes by before the keys come.
        if index == 1 && keys == Keys::Brought {
            inspector.handle_input(now, Input::Keys(log.as_bytes()));
        }
        let next = &mut seq[usize::from(!outbound)];
        let packet = segment(outbound, *next, &bytes);
        *next += bytes.len() as u32;
        let direction = if outbound { Direction::Outbound } else { Direction::Inbound };
        inspector.handle_input(now, Input::Packet { direction: Some(direction), bytes: &packet });
    }
    inspector.finish(None)
}

#[test]
fn what_keys_open_is_marked_and_is_not_in_clear() {
    let report = report(CONNECTION, Keys::Configured);
    let flow = &report.flows[0];
    assert_eq!(flow.protocols, ["tls", "http"]);
    assert_eq!((flow.encrypted, flow.decrypted), (Some(true), true));
    assert_eq!(flow.host.as_deref(), Some("a.example"));
    assert_eq!((report.coverage.encrypted, report.coverage.decrypted), (1, 1));
    assert!(report.unseen.iter().all(|it| it.what != "encrypted"), "{:?}", report.unseen);
    let [finding] = &report.findings[..] else { panic!("{:?}", report.findings) };
    assert_eq!((finding.rule.as_str(), finding.severity), ("encrypted_identifier", Severity::Medium));
    assert_eq!((finding.encrypted, finding.decrypted), (Some(true), true));
    let [imei] = &finding.identifiers[..] else { panic!("{:?}", finding.identifiers) };
    assert_eq!(imei.value, "490154203237518");
    assert_eq!(imei.decode[..2], ["decrypted", "http body"]);
    // 106 bytes of a header, then `imei=`.
    assert_eq!(imei.range, [111, 126]);
}

#[test]
fn keys_may_come_with_the_capture() {
    assert_eq!(report(CONNECTION, Keys::Brought), report(CONNECTION, Keys::Configured));
}

#[test]
fn without_keys_the_certificate_names_the_flow() {
    let report = report(CONNECTION, Keys::None);
    let flow = &report.flows[0];
    assert_eq!(
        (flow.host.as_deref(), flow.host_from),
        (Some("phone.dev.example"), Some(HostFrom::Certificate))
    );
    let certificate = flow.certificate.as_ref().unwrap();
    assert_eq!(certificate.subject.as_deref(), Some("IMEI 490154203237518"));
    assert_eq!(certificate.not_after.unwrap().to_string(), "2050-06-01T00:00:00Z");
    assert_eq!((flow.encrypted, flow.decrypted), (Some(true), false));
    assert!(
        report.findings.is_empty(),
        "what a server says of itself is none of the phone's: {:?}",
        report.findings
    );
}

#[test]
fn a_clients_certificate_in_clear_is_searched() {
    let report = report(WITH_CERTIFICATE, Keys::None);
    assert_eq!(report.flows[0].encrypted, Some(true));
    let found = report.findings.iter().find(|finding| finding.rule == "cleartext_identifier");
    let finding = found.unwrap_or_else(|| panic!("{:?}", report.findings));
    assert!(!finding.decrypted);
    let steps: Vec<_> = finding.identifiers.iter().map(|it| it.decode[0].as_str()).collect();
    assert!(steps.contains(&"certificate serialNumber"), "{steps:?}");
}

#[test]
fn a_log_prints_no_secret() {
    let mut keys = KeyLog::default();
    keys.add(CONNECTION.as_bytes());
    let printed = format!("{:?}", Config { keys, ..Config::default() });
    let secret = CONNECTION.lines().next().and_then(|line| line.rsplit(' ').next()).unwrap();
    assert!(secret.len() == 96 && !printed.contains(&secret[..8]), "{printed}");
}
