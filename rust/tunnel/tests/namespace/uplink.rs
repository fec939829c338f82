//! The engine's network goes in the middle of transfers, and another comes.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{TcpStream, UdpSocket};
use std::thread;
use std::time::Duration;

use crate::engine::{descriptors, with_engine};
use crate::namespaces::{Namespaces, WORLD_V4, WORLD_V6};
use crate::phone::{BOTH, PATIENCE, connect, dig, download, remote, upload};

/// What never ends by itself.
const ENDLESS: usize = usize::MAX >> 1;

/// A download, an upload and a connection that waits, and a UDP socket that has talked; all over both kinds of IP.
struct Programs {
    downloads: Vec<TcpStream>,
    uploads: Vec<TcpStream>,
    waiting: Vec<TcpStream>,
    datagrams: Vec<UdpSocket>,
}

impl Programs {
    fn begin() -> Self {
        let request = |host: &&str, head: String| {
            let mut stream = connect(host, 80).expect("to connect");
            stream.write_all(head.as_bytes()).expect("to ask");
            stream
        };
        let download = |host| {
            let mut stream = request(host, format!("GET /{ENDLESS} HTTP/1.1\r\nHost: {host}\r\n\r\n"));
            stream.read_exact(&mut [0; 100_000]).expect("the beginning");
            stream
        };
        let upload = |host| {
            let head = format!("PUT / HTTP/1.1\r\nHost: {host}\r\nContent-Length: {ENDLESS}\r\n\r\n");
            request(host, head)
        };
        let datagrams = |host: &&str| {
            let socket = UdpSocket::bind(if host.contains(':') { "[::]:0" } else { "0.0.0.0:0" });
            let socket = socket.expect("a socket");
            socket.connect(remote(host, 7)).expect("to connect");
            socket
        };
        let programs = Self {
            downloads: BOTH.iter().map(download).collect(),
            uploads: BOTH.iter().map(upload).collect(),
            waiting: BOTH.iter().map(|host| connect(host, 7000).expect("to connect")).collect(),
            datagrams: BOTH.iter().map(datagrams).collect(),
        };
        programs.datagrams.iter().for_each(ask_until_answered);
        programs
    }
}

/// As a program does that means to be answered: again and again.
fn ask_until_answered(socket: &UdpSocket) {
    socket.set_read_timeout(Some(Duration::from_millis(500))).expect("to set a timeout");
    for _ in 0..PATIENCE.as_secs() * 2 {
        let answer = socket.send(b"still there?").and_then(|_| socket.recv(&mut [0; 64]));
        match answer {
            Ok(_) => return,
            // An ICMP error is no answer, and comes at once.
            Err(error) if is_time_out(&error) => {}
            Err(_) => thread::sleep(Duration::from_millis(500)),
        }
    }
    panic!("no answer");
}

fn is_time_out(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut)
}

/// Reads until something else comes than bytes.
fn read_to_the_error(mut stream: &TcpStream) -> io::Error {
    let mut buffer = vec![0; 1 << 16];
    loop {
        match stream.read(&mut buffer) {
            Ok(0) => panic!("an end that looks like a whole transfer"),
            Ok(_) => {}
            Err(error) => return error,
        }
    }
}

fn write_to_the_error(mut stream: &TcpStream) -> io::Error {
    stream.set_write_timeout(Some(PATIENCE)).expect("to set a timeout");
    // Wrong bytes would end the server's thread instead.
    let pattern = crate::servers::Pattern::new();
    pattern.write(ENDLESS, &mut stream).expect_err("nobody takes it")
}

fn is_reset(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::ConnectionReset | ErrorKind::BrokenPipe)
}

/// Everything works, with programs that just begin.
fn all_is_well(namespaces: &Namespaces) {
    for host in BOTH {
        download(namespaces, host, 1_000_000);
        upload(namespaces, host, 1_000_000);
        assert_eq!(dig(namespaces, host, &["www.example.test", "A"]), WORLD_V4);
    }
}

/// Nothing is left of what there was before: the engine's descriptors are this process's.
fn comes_back_to(before: usize) {
    for _ in 0..PATIENCE.as_secs() {
        if descriptors() <= before {
            return;
        }
        thread::sleep(Duration::from_secs(1));
    }
    panic!("{before} descriptors became {}", descriptors());
}

#[test]
#[ignore = "needs network namespaces"]
fn connections_that_the_system_ends_are_reset_and_the_next_use_the_new_network() {
    let report = with_engine("switch", 1500, None, |namespaces| {
        all_is_well(namespaces);
        let before = descriptors();
        let programs = namespaces.inside("p", Programs::begin);
        namespaces.lose_uplink();
        // As Android's netd does for the addresses that went.
        namespaces.destroy_sockets("e");
        namespaces.inside("p", || {
            for stream in programs.downloads.iter().chain(&programs.waiting) {
                let error = read_to_the_error(stream);
                assert!(is_reset(&error), "{error}");
            }
            for stream in &programs.uploads {
                let error = write_to_the_error(stream);
                assert!(is_reset(&error), "{error}");
            }
            for host in BOTH {
                let error = connect(host, 80).expect_err("there is no network");
                assert_eq!(error.kind(), ErrorKind::NetworkUnreachable);
            }
        });
        namespaces.gain_uplink();
        all_is_well(namespaces);
        namespaces.inside("p", || programs.datagrams.iter().for_each(ask_until_answered));
        drop(programs);
        // The servers are this process's too, and cannot know.
        namespaces.destroy_sockets("w");
        // The two UDP sockets' flows stay for minutes.
        comes_back_to(before + BOTH.len());
    });
    assert!(report.flows.iter().any(|flow| flow.remote.ip().to_string() == WORLD_V6));
}

#[test]
#[ignore = "needs network namespaces"]
fn connections_that_stall_time_out_and_the_next_use_the_new_network() {
    with_engine("stall", 1500, None, |namespaces| {
        all_is_well(namespaces);
        let before = descriptors();
        // Some seconds instead of a quarter of an hour until a kernel gives up what is not acknowledged.
        namespaces.set("e", "ipv4/tcp_retries2", "4");
        let programs = namespaces.inside("p", Programs::begin);
        namespaces.lose_uplink();
        namespaces.gain_uplink();
        // At once, beside what stalls.
        all_is_well(namespaces);
        namespaces.inside("p", || {
            programs.datagrams.iter().for_each(ask_until_answered);
            for stream in &programs.uploads {
                let error = write_to_the_error(stream);
                assert!(is_reset(&error), "{error}");
            }
            // Nobody can know that nothing more comes, but for the program's own patience.
            for stream in programs.downloads.iter().chain(&programs.waiting) {
                stream.set_read_timeout(Some(Duration::from_secs(2))).expect("to set a timeout");
                let error = read_to_the_error(stream);
                assert!(is_time_out(&error) || is_reset(&error), "{error}");
            }
        });
        drop(programs);
        // The servers are this process's too, and cannot know.
        namespaces.destroy_sockets("w");
        comes_back_to(before + BOTH.len());
    });
}
