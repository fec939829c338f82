//! Synthetic reports: a first boot as the facts tell it, and what a hostile network might make of one.
//!
//! All identifiers are made up: TAC of the test range, PLMN 001-01, locally administered addresses, 555-01xx
//! numbers, documentation addresses (RFC 5737, RFC 3849).

use std::net::SocketAddr;
use std::time::Duration;

use inspect::report::{
    Capture, Cause, Close, Coverage, Finding, Flow, HostFrom, Identifier, PhaseAt, Purpose, PurposeFrom,
    Report, SCHEMA, Severity, Trigger, Unseen,
};
use inspect::{Confidence, IdentifierKind};
use packet::{App, Direction, Phase, Timestamp, Transport};

/// 2019-02-14T08:00:00Z.
const START: Timestamp = Timestamp::from_millis(1_550_131_200_000);

/// Every report here.
#[allow(dead_code, reason = "the example takes them one by one")]
pub fn all() -> Vec<Report> {
    vec![first_boot(), nothing(), hostile()]
}

/// A registration in clear, three times (server silent, wrong answer, success), among ordinary traffic.
pub fn first_boot() -> Report {
    let mut report = empty("first-boot.pcapng");
    for (millis, phase) in [
        (0, Phase::Started),
        (1_200, Phase::LockedBoot),
        (4_100, Phase::NetworkUp),
        (18_400, Phase::Unlock),
        (19_000, Phase::BootCompleted),
        (21_400, Phase::SimLoaded),
        (95_000, Phase::SetupDone),
        (140_000, Phase::ScreenOff),
        (731_000, Phase::ScreenOn),
        (733_200, Phase::Unlock),
        (800_000, Phase::ScreenOff),
        (4_330_000, Phase::ScreenOn),
        (4_340_000, Phase::Stopped),
    ] {
        report.phases.push(PhaseAt { phase, at: at(millis) });
    }
    let google = ("Google", "US", 15_169);
    let china_telecom = ("China Telecom", "CN", 4_134);
    let registration = |opened: u64, took: u64, bytes_in: u64, close: Close| Flow {
        close: Some(close),
        expected: Some(false),
        ..flow(
            opened,
            took,
            Transport::Tcp,
            "203.0.113.7:80",
            "zzhc.vnet.cn",
            HostFrom::HttpHost,
            china_telecom,
        )
        .with(
            "registration",
            &["http"],
            Some(false),
            968,
            bytes_in,
            "com.qualcomm.qti.autoregistration",
        )
    };
    let tls = Some(true);
    report.flows = vec![
        flow(4_300, 60, Transport::Udp, "192.0.2.1:53", "", HostFrom::DnsPhone, ("", "", 0)).with(
            "",
            &["dns"],
            Some(false),
            45,
            109,
            "UID 0: netd for an app",
        ),
        flow(
            4_420,
            210,
            Transport::Tcp,
            "198.51.100.10:80",
            "connectivitycheck.gstatic.com",
            HostFrom::HttpHost,
            google,
        )
        .with("connectivity_check", &["http"], Some(false), 224, 148, "com.android.networkstack"),
        flow(4_900, 90, Transport::Udp, "198.51.100.123:123", "time.android.com", HostFrom::DnsPhone, google)
            .with("time", &["ntp"], Some(false), 48, 48, "UID 1000: system"),
        flow(
            21_900,
            3_100,
            Transport::Tcp,
            "[2001:db8:15::a]:443",
            "android.clients.google.com",
            HostFrom::Sni,
            google,
        )
        .with("check_in", &["tls"], tls, 2_914, 6_120, "com.google.android.gms"),
        flow(
            24_300,
            4_310_000,
            Transport::Tcp,
            "[2001:db8:15::bc]:5228",
            "mtalk.google.com",
            HostFrom::Sni,
            google,
        )
        .with("push", &["tls"], tls, 5_204, 9_377, "com.google.android.gms"),
        registration(79_020, 30_000, 0, Close::Idle),
        flow(
            97_500,
            22_000,
            Transport::Udp,
            "198.51.100.77:443",
            "app-measurement.example",
            HostFrom::Sni,
            ("Example Analytics", "US", 64_500),
        )
        .with("analytics", &["quic"], tls, 18_332, 4_410, "com.example.weather"),
        flow(
            101_000,
            9_000,
            Transport::Tcp,
            "[2001:db8:77::80]:443",
            "www.example.org",
            HostFrom::Sni,
            ("", "DE", 64_501),
        )
        .with("", &["tls"], tls, 1_840, 188_204, "com.android.chrome"),
        registration(733_900, 640, 187, Close::Fin),
        flow(735_000, 40, Transport::Udp, "192.0.2.1:53", "", HostFrom::DnsPhone, ("", "", 0)).with(
            "",
            &["dns"],
            Some(false),
            38,
            86,
            "UID 0: netd for an app",
        ),
        registration(4_333_900, 580, 214, Close::Fin),
    ];
    for (index, flow) in report.flows.iter_mut().enumerate() {
        flow.id = index as u32 + 1;
    }
    report.flows[2].expected = Some(true);
    report.flows[1].expected = Some(true);
    for (id, flow, moment, phase) in [
        (1, 6, 79_100, Phase::BootCompleted),
        (3, 9, 734_000, Phase::Unlock),
        (4, 11, 4_334_000, Phase::ScreenOn),
    ] {
        report.findings.push(registration_finding(&report, id, flow, at(moment), phase));
    }
    report.findings.insert(1, beacon_finding(&report));
    report.triggers.push(trigger());
    cover(&mut report);
    report.coverage.watched = vec![IdentifierKind::Imei, IdentifierKind::Imsi, IdentifierKind::Iccid];
    report.unseen.insert(
        0,
        unseen(
            "encrypted_content",
            Some(4),
            "4 flows are encrypted: of these only the other end, the size and the time are known.",
        ),
    );
    report
}

/// Nothing flagged, and a capture that breaks off.
pub fn nothing() -> Report {
    let mut report = first_boot();
    report.capture.source = "quiet.pcap".into();
    report.capture.truncated = Some("cut off in the middle of packet 214 at byte 91,244 of the file".into());
    report.capture.unparsed = [("arp".to_owned(), 12), ("short_ip_header".to_owned(), 1)].into();
    report.findings.clear();
    report.triggers.clear();
    report.phases.clear();
    report.flows.retain(|flow| flow.host.as_deref() != Some("zzhc.vnet.cn") && flow.id < 9 && flow.id != 5);
    for (index, flow) in report.flows.iter_mut().enumerate() {
        flow.id = index as u32 + 1;
    }
    cover(&mut report);
    report.coverage.watched.clear();
    report.coverage.midstream = 2;
    report.coverage.missing_bytes = 5_120;
    report
}

/// Three thousand connections in three hours, with strings made to break what shows them.
pub fn hostile() -> Report {
    let mut report = empty("\u{1b}]0;owned\u{7}<script>alert(1)</script>.pcap");
    let long = format!("{}.example", vec!["a".repeat(60); 4].join("."));
    let names = [
        "<script>alert(document.cookie)</script>",
        "\"onmouseover=\"alert(1)\" x=\"",
        "\u{1b}[2J\u{1b}[31mred.example\r\n",
        "\u{202e}moc.elpmaxe\u{2066}.example\u{200b}",
        "=cmd|' /C calc'!A0.example",
        "{{7*7}}.{% raw %}.example",
        "漢字かな交じり文.example",
        &long,
        "tracker-with-a-rather-long-name.eu-central-1.metrics.example",
    ];
    let countries = ["CN", "US", "DE", "ZZ", "SG", "", "RU", "IE", "JP", "BR", "NL"];
    for index in 0..3_000_u64 {
        let name = match index % 100 {
            slot @ 0..9 => names[slot as usize].to_owned(),
            slot => format!("host-{slot}.example"),
        };
        let remote = format!("[2001:db8:ffff:ffff:ffff:ffff:{:x}:{:x}]:443", index % 100, index % 7 + 0xfff0);
        let country = countries[index as usize % countries.len()];
        let encrypted = [Some(true), Some(true), Some(false), None][index as usize % 4];
        let mut flow = flow(
            index * 3_600,
            400 + index * 97 % 90_000,
            Transport::Tcp,
            &remote,
            &name,
            HostFrom::Sni,
            ("<b>Owner</b>", country, 64_500),
        )
        .with(
            "ads",
            &["tls", "<i>h2</i>"],
            encrypted,
            index * 7_919,
            u64::MAX / (index + 1),
            "com.example.\u{1b}[5mapp",
        );
        flow.id = index as u32 + 1;
        report.flows.push(flow);
    }
    for index in 0..300_u64 {
        let phase = [Phase::ScreenOn, Phase::Unlock, Phase::ScreenOff][index as usize % 3];
        report.phases.push(PhaseAt { phase, at: at(index * 36_000) });
    }
    report.phases.push(PhaseAt { phase: Phase::SimRemoved, at: at(300 * 36_000) });
    for (index, name) in names.iter().enumerate() {
        let flow = index as u32 + 1;
        let id = index as u32 + 1;
        report.findings.push(Finding {
            id,
            rule: "known_tracker".into(),
            severity: [Severity::Info, Severity::Low, Severity::Medium, Severity::High][index % 4],
            title: format!("{name} was told a serial number 02005E1000FE"),
            why: "It says \u{1b}]8;;https://evil.example\u{7}click\u{1b}]8;;\u{7} & <img src=x onerror=alert(1)>".into(),
            flow,
            at: at(index as u64 * 3_600 + 200),
            phase: Some(Phase::Unlock),
            since: Some(index as u64),
            app: Some("com.example.\u{1b}[5mapp".into()),
            host: Some((*name).into()),
            owner: Some("<b>Owner</b>".into()),
            country: Some("ZZ".into()),
            encrypted: [Some(true), None][index % 2],
            disguise: Some("gzip, in it <b>base64</b>\u{202e}".into()),
            expected: [Some(true), Some(false), None][index % 3],
            identifiers: vec![
                identifier(IdentifierKind::Ssid, "<img src=x>\u{1b}[0m", Confidence::Key, &["http query", "json =SSID(\"x\")"], 0, 20),
                identifier(IdentifierKind::Serial, &format!("=HYPERLINK({id})"), Confidence::Shape, &["tcp payload"], 5, u64::MAX),
                identifier(IdentifierKind::Mac, "02:00:5e:10:00:fe", Confidence::Key, &["http body", "gzip"], 5, 9),
            ],
            decrypted: false,
        });
    }
    report.triggers.extend(names.iter().map(|name| Trigger {
        host: (*name).into(),
        app: Some("com.example.\u{1b}[5mapp".into()),
        delay_ms: u64::MAX,
        spread_ms: u64::MAX,
        ..trigger()
    }));
    // A finding may name a flow that is not there when the JSON comes from elsewhere.
    if let Some(finding) = report.findings.last_mut() {
        finding.flow = 9_999;
    }
    cover(&mut report);
    report
}

/// The registration is tied to what wakes the phone.
pub fn trigger() -> Trigger {
    Trigger {
        host: "zzhc.vnet.cn".into(),
        app: Some("com.qualcomm.qti.autoregistration".into()),
        cause: Cause::Phase,
        phases: vec![Phase::BootCompleted, Phase::Unlock, Phase::ScreenOn],
        contacts: 3,
        tied: 3,
        occasions: 4,
        answered: 3,
        delay_ms: 60_000,
        spread_ms: 1_200,
        chance: 2.5e-5,
        flows: vec![],
    }
}

fn registration_finding(report: &Report, id: u32, flow: u32, at: Timestamp, phase: Phase) -> Finding {
    let flow_host = report.flows[flow as usize - 1].host.clone();
    let value = |kind, value, key: &str, confidence| {
        identifier(kind, value, confidence, &["http body", "base64", &format!("json {key}")], 238, 968)
    };
    Finding {
        id,
        rule: "identifiers_in_clear".into(),
        severity: Severity::Critical,
        title: "Device and SIM identifiers sent in clear to China Telecom".into(),
        why: "Anybody on the way can read them, and the receiver can tell this phone and its owner's SIM card apart from all others for as long as they are used. Nothing that a phone does outside of China needs this.".into(),
        flow,
        at,
        phase: Some(phase),
        since: Some(60_100),
        app: Some("com.qualcomm.qti.autoregistration".into()),
        host: flow_host,
        owner: Some("China Telecom".into()),
        country: Some("CN".into()),
        encrypted: Some(false),
        disguise: Some("base64".into()),
        expected: Some(false),
        identifiers: vec![
            value(IdentifierKind::Imei, "001017001234569", "IMEI1", Confidence::Known),
            value(IdentifierKind::Imei, "001017001234643", "IMEI2", Confidence::Key),
            value(IdentifierKind::Meid, "99001234567890", "MEID", Confidence::Key),
            value(IdentifierKind::Imsi, "001010123456789", "SIM1LTEIMSI", Confidence::Known),
            value(IdentifierKind::Iccid, "89860300000001234564", "SIM1ICCID", Confidence::Known),
            value(IdentifierKind::Mac, "02:00:5e:10:00:fe", "MACID", Confidence::Key),
            value(IdentifierKind::Cell, "cid 19088743", "SIM1CELLID", Confidence::Key),
        ],
        decrypted: false,
    }
}

fn beacon_finding(report: &Report) -> Finding {
    Finding {
        id: 2,
        rule: "analytics_before_use".into(),
        severity: Severity::Low,
        title: "Analytics contacted before any app was opened".into(),
        why: "The content is encrypted; that the phone was switched on, and when, is told by the connection itself.".into(),
        flow: 7,
        at: at(97_560),
        phase: Some(Phase::SetupDone),
        since: Some(2_560),
        app: Some("com.example.weather".into()),
        host: report.flows[6].host.clone(),
        owner: report.flows[6].owner.clone(),
        country: Some("US".into()),
        encrypted: Some(true),
        disguise: None,
        expected: Some(true),
        identifiers: vec![],
        decrypted: false,
    }
}

fn identifier(
    kind: IdentifierKind,
    value: &str,
    confidence: Confidence,
    decode: &[&str],
    from: u64,
    to: u64,
) -> Identifier {
    let decode = decode.iter().map(|step| (*step).to_owned()).collect();
    Identifier {
        kind,
        value: value.into(),
        confidence,
        decode,
        range: [from, to],
        direction: Direction::Outbound,
    }
}

fn unseen(what: &str, count: Option<u64>, why: &str) -> Unseen {
    Unseen { what: what.into(), count, why: why.into() }
}

fn empty(source: &str) -> Report {
    Report {
        schema: SCHEMA.into(),
        capture: Capture { source: source.into(), ..Capture::default() },
        coverage: Coverage::default(),
        phases: vec![],
        flows: vec![],
        findings: vec![],
        triggers: vec![],
        unseen: vec![
            unseen(
                "modem",
                None,
                "What the modem, the SIM card and the operator's own services send never passes through a VPN.",
            ),
            unseen("before_start", None, "What was sent before the watch started."),
        ],
    }
}

fn flow(
    opened: u64,
    took: u64,
    transport: Transport,
    remote: &str,
    host: &str,
    host_from: HostFrom,
    (owner, country, asn): (&str, &str, u32),
) -> Flow {
    let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    let remote: SocketAddr = remote.parse().expect("an address");
    let local = match remote {
        SocketAddr::V4(_) => "10.111.0.2:40112",
        SocketAddr::V6(_) => "[fd00:6c::2]:40112",
    };
    Flow {
        id: 0,
        transport,
        local: local.parse().expect("an address"),
        remote,
        app: None,
        opened: at(opened),
        closed: Some(at(opened + took)),
        close: Some(Close::Fin),
        bytes_out: 0,
        bytes_in: 0,
        protocols: vec![],
        host: some(host),
        host_from: some(host).map(|_| host_from),
        country: some(country),
        asn: (asn > 0).then_some(asn),
        owner: some(owner),
        purpose: Purpose::Unknown,
        purpose_from: None,
        ja4: None,
        encrypted: None,
        expected: None,
        last: at(opened + took),
        decrypted: false,
        ech: None,
        certificate: None,
        unknown: None,
    }
}

trait With {
    fn with(
        self,
        purpose: &str,
        protocols: &[&str],
        encrypted: Option<bool>,
        bytes_out: u64,
        bytes_in: u64,
        app: &str,
    ) -> Self;
}

impl With for Flow {
    fn with(
        self,
        purpose: &str,
        protocols: &[&str],
        encrypted: Option<bool>,
        bytes_out: u64,
        bytes_in: u64,
        app: &str,
    ) -> Self {
        Self {
            purpose: purpose.parse().unwrap_or_default(),
            purpose_from: (!purpose.is_empty()).then_some(PurposeFrom::Host),
            protocols: protocols.iter().map(|name| (*name).to_owned()).collect(),
            encrypted,
            bytes_out,
            bytes_in,
            app: Some(App { name: app.into(), uid: Some(10_123) }),
            ja4: protocols.contains(&"tls").then(|| "t13d1516h2_8daaf6152771_02713d6af862".to_owned()),
            ..self
        }
    }
}

fn cover(report: &mut Report) {
    let flows = &report.flows;
    let count = |wanted: fn(&Flow) -> bool| flows.iter().filter(|flow| wanted(flow)).count() as u64;
    let payload = |flow: &Flow| flow.bytes_out.saturating_add(flow.bytes_in);
    let bytes = |wanted: fn(&Flow) -> bool| {
        flows.iter().filter(|flow| wanted(flow)).fold(0_u64, |sum, flow| sum.saturating_add(payload(flow)))
    };
    report.coverage = Coverage {
        flows: flows.len() as u64,
        named: count(|flow| flow.host.is_some()),
        readable: count(|flow| flow.encrypted == Some(false)),
        encrypted: count(|flow| flow.encrypted == Some(true)),
        unknown: count(|flow| flow.encrypted.is_none()),
        payload_bytes: bytes(|_| true),
        searched_bytes: bytes(|flow| flow.encrypted == Some(false)),
        encrypted_bytes: bytes(|flow| flow.encrypted == Some(true)),
        ..Coverage::default()
    };
    let ends = flows.iter().filter_map(|flow| flow.closed).chain(report.phases.iter().map(|phase| phase.at));
    report.capture.last = ends.max();
    report.capture.first =
        flows.iter().map(|flow| flow.opened).chain(report.phases.iter().map(|phase| phase.at)).min();
    report.capture.packets = flows.len() as u64 * 20;
    report.capture.bytes = report.coverage.payload_bytes.saturating_add(report.capture.packets * 52);
}

fn at(millis: u64) -> Timestamp {
    START + Duration::from_millis(millis)
}
