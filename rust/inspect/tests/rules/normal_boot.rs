//! The boot that nobody should be alarmed by: the hosts that a Pixel was seen to contact when it first came online, by
//! public reports, with the phases of a set-up.

use std::net::{Ipv4Addr, SocketAddrV4};

use inspect::report::{Purpose, Severity};
use packet::Phase;

use crate::replayed;
use crate::wire::{Tape, tls, tls_reply};

/// Host, port, app, and what it is for as far as the host alone tells.
const CONTACTED: [(&str, u16, &str, Purpose); 17] = [
    ("storage.googleapis.com", 443, "com.google.android.gms", Purpose::Unknown),
    ("fonts.gstatic.com", 443, "com.google.android.gms", Purpose::Unknown),
    ("afwprovisioning-pa.googleapis.com", 443, "com.google.android.gms", Purpose::Registration),
    ("www.gstatic.com", 443, "com.google.android.gms", Purpose::Unknown),
    ("ota.googlezip.net", 443, "com.google.android.gms", Purpose::Firmware),
    ("ota-cache1.googlezip.net", 443, "com.google.android.gms", Purpose::Firmware),
    ("dl.google.com", 443, "com.android.vending", Purpose::Unknown),
    ("instantmessaging-pa.googleapis.com", 443, "com.google.android.apps.messaging", Purpose::Unknown),
    ("www.google.com", 443, "com.google.android.gms", Purpose::Unknown),
    ("ssl.gstatic.com", 443, "com.google.android.gms", Purpose::Unknown),
    ("digitalassetlinks.googleapis.com", 443, "com.google.android.gms", Purpose::Unknown),
    ("clients.l.google.com", 443, "com.google.android.gms", Purpose::Unknown),
    ("mobile-gtalk.l.google.com", 5228, "com.google.android.gms", Purpose::Push),
    ("mtalk.google.com", 5228, "com.google.android.gms", Purpose::Push),
    ("android.clients.google.com", 443, "com.google.android.gms", Purpose::CheckIn),
    ("lpa.ds.gsma.com", 443, "com.google.android.euicc", Purpose::Unknown),
    ("app-measurement.com", 443, "com.google.android.gms", Purpose::Analytics),
];

fn record() -> Vec<u8> {
    let mut tape = Tape::new("normal_boot");
    for phase in [Phase::Started, Phase::LockedBoot, Phase::NetworkUp] {
        tape.phase(phase);
    }
    let server = |last, port| SocketAddrV4::new(Ipv4Addr::new(203, 0, 113, last), port);
    let probe =
        "GET /generate_204 HTTP/1.1\r\nHost: connectivitycheck.gstatic.com\r\nConnection: close\r\n\r\n";
    tape.dns("connectivitycheck.gstatic.com", Some(*server(1, 80).ip()));
    tape.talk(
        "com.android.networkstack",
        server(1, 80),
        probe.as_bytes(),
        b"HTTP/1.1 204 No Content\r\n\r\n",
    );
    tape.dns("time.android.com", Some(*server(2, 123).ip()));
    let mut clock = [0; 48];
    clock[0] = 0x1b; // version 3, a client (RFC 5905)
    tape.ask("android.system", server(2, 123), &clock);
    for (last, (host, port, app, _)) in (10..).zip(CONTACTED) {
        tape.dns(host, Some(*server(last, port).ip()));
        tape.talk(app, server(last, port), &tls(host), &tls_reply());
    }
    tape.phase(Phase::SetupDone);
    tape.into_bytes()
}

#[test]
fn nothing_above_info_is_said_of_a_normal_boot() {
    for home in [None, Some("NO"), Some("US"), Some("CN")] {
        let config = inspect::Config { home: home.map(str::to_owned), ..inspect::Config::default() };
        let report = replayed(&record(), config);
        assert_eq!(report.flows.len(), 2 * (CONTACTED.len() + 2));
        for finding in &report.findings {
            assert_eq!(finding.severity, Severity::Info, "{home:?}: {}", finding.title);
            assert_eq!(finding.expected, Some(true), "{home:?}: {}", finding.title);
        }
        assert_eq!(report.findings.len(), 2, "analytics and provisioning are worth knowing");
    }
}

#[test]
fn each_flow_of_a_normal_boot_has_its_purpose() {
    let report = replayed(&record(), inspect::Config::default());
    let of = |host: &str| {
        let flow = report.flows.iter().find(|flow| flow.host.as_deref() == Some(host));
        flow.unwrap_or_else(|| panic!("no flow to {host}"))
    };
    assert_eq!(of("connectivitycheck.gstatic.com").purpose, Purpose::ConnectivityCheck);
    assert_eq!(of("time.android.com").purpose, Purpose::Time);
    for (host, _, _, purpose) in CONTACTED {
        let flow = of(host);
        assert_ne!(flow.expected, Some(false), "{host}");
        if purpose != Purpose::Unknown {
            assert_eq!(flow.purpose, purpose, "{host}");
        }
    }
}
