//! Everything is relayed, and the recording tells the same.

use std::io::{Read, Write};
use std::net::Shutdown;
use std::thread;
use std::time::{Duration, Instant};

use inspect::report::Close;
use packet::{Phase, Transport};
use tunnel::Control;

use crate::engine::{Engine, with_engine};
use crate::namespaces::{Namespaces, WORLD_V4, WORLD_V6};
use crate::phone::{
    BOTH, PATIENCE, connect, dig, download, encrypted_upload, half_close_by_the_phone,
    half_close_by_the_server, ping, udp_echo, udp_refused, upload,
};
use crate::servers;

fn everything(namespaces: &Namespaces) {
    for host in BOTH {
        assert_eq!(dig(namespaces, host, &["www.example.test", "A"]), WORLD_V4);
        assert_eq!(dig(namespaces, host, &["www.example.test", "AAAA", "+tcp"]), WORLD_V6);
        download(namespaces, host, 5_000_000);
        upload(namespaces, host, 5_000_000);
        namespaces.inside("p", || {
            half_close_by_the_phone(host);
            half_close_by_the_server(host);
            encrypted_upload(host);
            let refused = connect(host, 81).expect_err("nobody listens");
            assert_eq!(refused.kind(), std::io::ErrorKind::ConnectionRefused);
            udp_echo(host, 1000);
            udp_echo(host, 4000);
            udp_refused(host);
            ping(host);
        });
    }
    namespaces.inside("p", || {
        let unreachable = connect("10.99.0.1", 80).expect_err("there is no route");
        assert_eq!(unreachable.kind(), std::io::ErrorKind::NetworkUnreachable);
        let (first, mut second) =
            (connect(WORLD_V4, 80).expect("a connection"), connect(WORLD_V6, 80).expect("another"));
        // One is reset, the other left open when the session ends.
        socket2::SockRef::from(&first).set_linger(Some(Duration::ZERO)).expect("to set linger");
        drop(first);
        second.write_all(b"GET /3 HTTP/1.1\r\nHost: open.example.test\r\n\r\n").expect("to write");
        second.read_exact(&mut [0; 10]).expect("an answer");
    });
}

#[test]
#[ignore = "needs network namespaces"]
fn everything_is_relayed_and_the_recording_replays_to_the_same_report() {
    let report = with_engine("everything", 1500, None, everything);
    assert_eq!(report.phases.first().map(|at| at.phase), Some(Phase::Started));
    assert_eq!(report.phases.last().map(|at| at.phase), Some(Phase::Stopped));
    let count = |transport, port| {
        report.flows.iter().filter(|flow| flow.transport == transport && flow.remote.port() == port).count()
    };
    assert_eq!((count(Transport::Udp, 53), count(Transport::Tcp, 53)), (2, 2));
    assert!(report.flows.iter().any(|flow| flow.close == Some(Close::Refused)));
    assert!(report.flows.iter().any(|flow| flow.close == Some(Close::Rst)));
    let owned = |flow: &&inspect::report::Flow| flow.app.as_ref().is_some_and(|app| app.uid == Some(10_123));
    assert!(report.flows.iter().filter(owned).count() >= 4);
    assert_eq!(report.capture.unparsed.values().sum::<u64>(), 0, "{:?}", report.capture.unparsed);
}

#[test]
#[ignore = "needs network namespaces"]
fn two_thousand_connections_at_once_are_all_relayed() {
    let report = with_engine("many", 1500, None, |namespaces| {
        namespaces.inside("p", || {
            let open = |at: usize| connect(BOTH[at % 2], 7000).expect("to connect");
            let mut streams: Vec<_> = (0..2_000).map(open).collect();
            for (at, stream) in streams.iter_mut().enumerate() {
                stream.write_all(&(at as u32).to_be_bytes()).expect("to write");
                stream.shutdown(Shutdown::Write).expect("to shut down");
            }
            for (at, stream) in streams.iter_mut().enumerate() {
                let mut answer = Vec::new();
                stream.read_to_end(&mut answer).expect("to read");
                assert_eq!(answer, (at as u32).to_le_bytes());
            }
        });
    });
    assert_eq!(report.flows.iter().filter(|flow| flow.close == Some(Close::Fin)).count(), 2_000);
}

#[test]
#[ignore = "needs network namespaces"]
fn a_tun_that_goes_away_ends_the_session() {
    let namespaces = Namespaces::new();
    namespaces.inside("w", servers::start);
    let engine = Engine::start(&namespaces, "gone", 1500, None);
    download(&namespaces, WORLD_V4, 1_000);
    let status = namespaces.phone_command("ip").args(["link", "del", "tun0"]).status().expect("ip");
    assert!(status.success());
    let control = engine.control.clone();
    // An engine that does not notice is stopped, and fails the test.
    thread::spawn(move || {
        thread::sleep(PATIENCE);
        let _ = control.send(Control::Stop);
    });
    let outcome = engine.wait();
    assert!(outcome.tun_failed.is_some());
    assert_eq!(outcome.report.phases.last().map(|at| at.phase), Some(Phase::Stopped));
}

#[test]
#[ignore = "needs network namespaces"]
fn dns_is_redirected() {
    let dns = WORLD_V6.parse().expect("an address");
    let report = with_engine("dns", 1280, Some(dns), |namespaces| {
        // RFC 5737: nobody is there.
        assert_eq!(dig(namespaces, "192.0.2.53", &["www.example.test", "A"]), WORLD_V4);
        assert_eq!(dig(namespaces, "192.0.2.53", &["www.example.test", "AAAA", "+tcp"]), WORLD_V6);
    });
    // The report says whom the phone asked.
    assert!(report.flows.iter().all(|flow| flow.remote.to_string() == "192.0.2.53:53"), "{:?}", report.flows);
}

#[test]
#[ignore = "needs network namespaces"]
fn a_gigabyte_arrives_whole() {
    let report = with_engine("gigabyte", 9000, None, |namespaces| {
        #[expect(clippy::disallowed_methods, reason = "a measurement")]
        let start = Instant::now();
        download(namespaces, WORLD_V4, 1_000_000_000);
        eprintln!("1 GB in {:?}", start.elapsed());
    });
    assert!(report.flows.iter().any(|flow| flow.bytes_in >= 1_000_000_000));
    assert_eq!(report.coverage.missing_bytes, 0);
}
