//! What the path behind the engine says of itself reaches whom it is for: that datagrams do not fit, that nobody listens.

use std::io::{self, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpStream, UdpSocket};
use std::thread;
use std::time::Duration;

use rustix::io::Errno;
use rustix::net::sockopt;
use socket2::{Domain, Protocol, Socket, Type};

use crate::engine::with_engine;
use crate::namespaces::{FAR_V4, FAR_V6, Namespaces, WORLD_V4, WORLD_V6};
use crate::phone::{PATIENCE, connect, remote};
use crate::servers::ECHO;

const FAR: [&str; 2] = [FAR_V4, FAR_V6];
/// Bytes of the headers of IP and UDP.
const HEADERS: [usize; 2] = [28, 48];

fn udp(host: &str, port: u16) -> UdpSocket {
    let socket = UdpSocket::bind(if host.contains(':') { "[::]:0" } else { "0.0.0.0:0" }).expect("a socket");
    socket.set_read_timeout(Some(Duration::from_secs(1))).expect("to set a timeout");
    socket.connect(remote(host, port)).expect("to connect");
    socket
}

/// The same, whose datagrams are not to be cut, as QUIC's (RFC 9000 section 14).
fn whole(host: &str, port: u16) -> UdpSocket {
    let socket = udp(host, port);
    let set = if host.contains(':') {
        sockopt::set_ipv6_mtu_discover(&socket, sockopt::Ipv6PathMtuDiscovery::DO)
    } else {
        sockopt::set_ip_mtu_discover(&socket, sockopt::Ipv4PathMtuDiscovery::DO)
    };
    set.expect("to set it");
    socket
}

fn path_mtu(socket: &UdpSocket, host: &str) -> u32 {
    let mtu = if host.contains(':') { sockopt::ipv6_mtu(socket) } else { sockopt::ip_mtu(socket) };
    mtu.expect("a connected socket")
}

/// Asks until there is an answer, whole, or the kernel says why there cannot be one.
fn ask(socket: &UdpSocket, len: usize) -> io::Result<()> {
    let question: Vec<u8> = (0..len).map(|at| (at % 251) as u8).collect();
    let mut answer = vec![0; 1 << 16];
    for _ in 0..PATIENCE.as_secs() {
        socket.send(&question)?;
        match socket.recv(&mut answer) {
            Ok(read) if answer[..read] == question[..] => return Ok(()),
            // An answer to another question, or none.
            _ => {}
        }
    }
    panic!("{len} bytes are neither answered nor refused");
}

fn is_too_long(result: io::Result<()>) -> bool {
    result.is_err_and(|error| error.raw_os_error() == Some(Errno::MSGSIZE.raw_os_error()))
}

#[test]
#[ignore = "needs network namespaces"]
fn datagrams_that_do_not_fit_the_path_are_cut_or_refused_as_the_phone_wants() {
    for mtu in [1500, 9000] {
        with_engine("path", mtu, None, |namespaces| {
            namespaces.narrow_path(1400);
            namespaces.inside("p", || {
                for (host, headers) in FAR.into_iter().zip(HEADERS) {
                    // A socket each: on a slow machine a question is asked again, and each that is too long is refused.
                    let fresh = || whole(host, 7);
                    // The least that QUIC sends, and the most that fits.
                    ask(&fresh(), 1200).expect("an answer");
                    ask(&fresh(), 1400 - headers).expect("an answer");
                    assert!(is_too_long(ask(&fresh(), 1500 - headers)), "{host}: 1500 fit 1400");
                    assert_eq!(path_mtu(&fresh(), host), 1400, "{host}");
                    ask(&fresh(), 1400 - headers).expect("an answer");
                    // What may be cut is cut.
                    ask(&udp(host, 7), 4000).expect("an answer");
                }
                for (host, headers) in [WORLD_V4, WORLD_V6].into_iter().zip(HEADERS) {
                    let fresh = || whole(host, 7);
                    ask(&fresh(), 1500 - headers).expect("an answer");
                    assert!(is_too_long(ask(&fresh(), 1501 - headers)), "{host}: 1501 fit 1500");
                    assert_eq!(path_mtu(&fresh(), host), 1500, "{host}");
                    ask(&udp(host, 7), 4000).expect("an answer");
                }
            });
        });
    }
}

/// Tells the sender of a UDP datagram without payload that it does not fit a path of `mtu` bytes (RFC 792, RFC 4443
/// section 3.2), as a router does.
fn tell_too_big(sender: SocketAddr, receiver: SocketAddr, mtu: u16) {
    let [from, to] = [sender.port(), receiver.port()].map(u16::to_be_bytes);
    let udp = [from, to, [0, 8], [0, 0]].concat();
    let (domain, protocol, message) = match (sender.ip().to_canonical(), receiver.ip().to_canonical()) {
        (IpAddr::V4(from), IpAddr::V4(to)) => {
            let ip =
                [&[0x45, 0, 0, 28, 0, 0, 0x40, 0, 64, 17, 0, 0], &from.octets()[..], &to.octets()].concat();
            let mut message = [&[3, 4, 0, 0, 0, 0], &mtu.to_be_bytes()[..], &ip, &udp].concat();
            let sum: u32 =
                message.chunks(2).map(|pair| u32::from(u16::from_be_bytes([pair[0], pair[1]]))).sum();
            message[2..4].copy_from_slice(&(!((sum & 0xffff) + (sum >> 16)) as u16).to_be_bytes());
            (Domain::IPV4, Protocol::ICMPV4, message)
        }
        (IpAddr::V6(from), IpAddr::V6(to)) => {
            let ip = [&[0x60, 0, 0, 0, 0, 8, 17, 64], &from.octets()[..], &to.octets()].concat();
            // The kernel fills the checksum in.
            let message = [&[2, 0, 0, 0, 0, 0], &mtu.to_be_bytes()[..], &ip, &udp].concat();
            (Domain::IPV6, Protocol::ICMPV6, message)
        }
        _ => unreachable!("addresses of one family"),
    };
    let socket = Socket::new(domain, Type::RAW, Some(protocol)).expect("a raw socket");
    let sender = SocketAddr::new(sender.ip().to_canonical(), 0);
    assert_eq!(socket.send_to(&message, &sender.into()).expect("to send"), message.len());
}

#[test]
#[ignore = "needs network namespaces"]
fn a_datagram_that_fits_is_sent_though_earlier_ones_did_not() {
    with_engine("too-big-twice", 1500, None, |namespaces| {
        for ((host, headers), any) in [WORLD_V4, WORLD_V6].into_iter().zip(HEADERS).zip(["0.0.0.0", "::"]) {
            let server = namespaces.inside("w", || UdpSocket::bind((any, 4434)).expect("a socket"));
            server.set_read_timeout(Some(PATIENCE)).expect("to set a timeout");
            let phone = namespaces.inside("p", || whole(host, 4434));
            phone.set_read_timeout(Some(PATIENCE)).expect("to set a timeout");
            phone.send(b"hello").expect("to send");
            let (_, engine) = server.recv_from(&mut [0; 64]).expect("a question");
            let tell = || {
                namespaces.inside("w", || tell_too_big(engine, remote(host, 4434), 1400));
            };
            tell();
            assert!(is_too_long(phone.recv(&mut [0; 64]).map(drop)), "{host}");
            assert_eq!(path_mtu(&phone, host), 1400, "{host}");
            // This one waits at the engine's socket for the next datagram.
            tell();
            let question = vec![7; 1400 - headers];
            phone.send(&question).expect("to send");
            let mut heard = [0; 1500];
            let (len, _) = server.recv_from(&mut heard).expect("a datagram that fits");
            assert_eq!(heard[..len], question, "{host}");
            server.send_to(b"hello", engine).expect("to send");
            assert_eq!(phone.recv(&mut heard).expect("an answer, and no error before it"), 5, "{host}");
        }
    });
}

/// Sends and hears so many bytes.
fn echo(stream: &mut TcpStream, len: usize) {
    let said = vec![7; len];
    let mut hearing = stream.try_clone().expect("a clone");
    thread::scope(|scope| {
        scope.spawn(|| stream.write_all(&said).expect("to write"));
        let mut heard = vec![0; len];
        hearing.read_exact(&mut heard).expect("to read");
        assert!(heard == said);
    });
}

#[test]
#[ignore = "needs network namespaces"]
fn a_path_that_narrows_in_the_middle_of_a_transfer_does_not_end_it() {
    let script = |namespaces: &Namespaces| {
        let open = || FAR.map(|host| connect(host, ECHO).expect("to connect"));
        let mut streams = namespaces.inside("p", open);
        streams.iter_mut().for_each(|stream| echo(stream, 1_000_000));
        namespaces.narrow_path(1300);
        streams.iter_mut().for_each(|stream| echo(stream, 1_000_000));
    };
    let report = with_engine("narrows", 9000, None, script);
    let whole = report.flows.iter().filter(|flow| (flow.bytes_in, flow.bytes_out) == (2_000_000, 2_000_000));
    assert_eq!(whole.count(), 2);
}

#[test]
#[ignore = "needs network namespaces"]
fn a_server_that_answers_a_program_that_is_gone_is_told() {
    with_engine("gone-program", 1500, None, |namespaces| {
        for host in [WORLD_V4, WORLD_V6] {
            let server = namespaces.inside("w", || UdpSocket::bind("[::]:4433").expect("a socket"));
            server.set_read_timeout(Some(PATIENCE)).expect("to set a timeout");
            let phone = namespaces.inside("p", || udp(host, 4433));
            phone.send(b"hello").expect("to send");
            let (_, from) = server.recv_from(&mut [0; 64]).expect("a question");
            server.connect(from).expect("to connect");
            server.send(b"hello").expect("to send");
            phone.recv(&mut [0; 64]).expect("an answer");
            drop(phone);
            let told = (0..PATIENCE.as_secs() * 10).any(|_| {
                thread::sleep(Duration::from_millis(100));
                server.send(b"are you there?").is_err_and(|it| it.kind() == io::ErrorKind::ConnectionRefused)
            });
            assert!(told, "{host}");
        }
    });
}
