//! Very many connections at once.

use std::thread;
use std::time::{Duration, Instant};

use inspect::report::Close;
use socket2::{Domain, Protocol, Socket, Type};

use crate::engine::{descriptors, with_engine};
use crate::namespaces::WORLD_V4;
use crate::phone::{download, remote};

/// Begins this many connections within a second, evenly, and counts how many are refused and how many open in 100 s.
/// A SYN that finds the TUN's queue full (500 packets, as Android's) is lost, and sent again by the phone's kernel
/// after seconds: those of a burst together, so that most of them are lost again.
#[expect(clippy::disallowed_methods, reason = "it is to come within a second")]
fn storm(count: usize) -> (usize, usize) {
    let target = remote(WORLD_V4, 81).into();
    let began = Instant::now();
    let begin = |n: usize| {
        let due = Duration::from_secs_f64(n as f64 / count as f64);
        thread::sleep(due.saturating_sub(began.elapsed()));
        let socket = Socket::new(Domain::IPV4, Type::STREAM, Some(Protocol::TCP)).expect("a descriptor");
        socket.set_nonblocking(true).expect("to set it");
        let _ = socket.connect(&target);
        socket
    };
    let mut waiting: Vec<Socket> = (0..count).map(begin).collect();
    let (mut refused, mut opened) = (0, 0);
    for _ in 0..1000 {
        waiting.retain(|socket| match socket.take_error() {
            Ok(Some(error)) => {
                refused += usize::from(error.kind() == std::io::ErrorKind::ConnectionRefused);
                false
            }
            _ if socket.peer_addr().is_ok() => {
                opened += 1;
                false
            }
            _ => true,
        });
        if waiting.is_empty() {
            break;
        }
        thread::sleep(Duration::from_millis(100));
    }
    (refused, opened)
}

#[test]
#[ignore = "needs network namespaces"]
fn a_storm_of_ten_thousand_connections_is_answered_and_leaves_nothing() {
    let report = with_engine("storm", 1500, None, |namespaces| {
        download(namespaces, WORLD_V4, 1_000);
        let before = descriptors();
        assert_eq!(namespaces.inside("p", || storm(10_000)), (10_000, 0));
        download(namespaces, WORLD_V4, 1_000_000);
        assert!(descriptors() <= before + 16, "{before} descriptors became {}", descriptors());
    });
    let refused = report.flows.iter().filter(|flow| flow.close == Some(Close::Refused)).count();
    assert!(refused >= 9_000, "{refused} were seen to be refused");
}
