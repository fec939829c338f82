//! Makes upstream sockets: each is protected before it connects.

use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::os::fd::AsFd;

use netstack::Unreachable;
use packet::Transport;
use rustix::process::{Resource, getrlimit, setrlimit};
use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::{TcpStream, UdpSocket};

use crate::Host;

/// Lets the process have as many descriptors as it may: every flow has a socket, and the usual limit is 1,024.
pub(crate) fn raise_limit() {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    // Flows that find no descriptor are refused, one by one.
    let _ = setrlimit(Resource::Nofile, limit);
}

/// A TCP socket that is connecting to `remote`.
pub(crate) fn tcp(host: &impl Host, remote: SocketAddr) -> io::Result<TcpStream> {
    let socket = protected(host, remote, Type::STREAM, Protocol::TCP)?;
    socket.set_tcp_nodelay(true)?;
    match socket.connect(&remote.into()) {
        Err(error) if !is_in_progress(&error) => return Err(error),
        _ => {}
    }
    TcpStream::from_std(socket.into())
}

/// A UDP or ICMP echo socket that only speaks with `remote`. ICMP needs no privilege, but the group's permission
/// (Linux: `net.ipv4.ping_group_range`).
pub(crate) fn datagram(host: &impl Host, transport: Transport, remote: SocketAddr) -> io::Result<UdpSocket> {
    let (protocol, remote) = match (transport, remote) {
        (Transport::Icmp, SocketAddr::V4(_)) => (Protocol::ICMPV4, SocketAddr::new(remote.ip(), 0)),
        (Transport::Icmp, SocketAddr::V6(_)) => (Protocol::ICMPV6, SocketAddr::new(remote.ip(), 0)),
        _ => (Protocol::UDP, remote),
    };
    let socket = protected(host, remote, Type::DGRAM, protocol)?;
    socket.connect(&remote.into())?;
    UdpSocket::from_std(socket.into())
}

/// What a socket's error means to the phone.
pub(crate) fn unreachable(error: &io::Error) -> Unreachable {
    match error.kind() {
        ErrorKind::ConnectionRefused | ErrorKind::ConnectionReset => Unreachable::Refused,
        ErrorKind::HostUnreachable | ErrorKind::TimedOut => Unreachable::Host,
        ErrorKind::NetworkUnreachable | ErrorKind::AddrNotAvailable | ErrorKind::Unsupported => {
            Unreachable::Network
        }
        _ => Unreachable::Prohibited,
    }
}

fn protected(host: &impl Host, remote: SocketAddr, kind: Type, protocol: Protocol) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(remote), kind, Some(protocol))?;
    socket.set_nonblocking(true)?;
    if !host.protect(socket.as_fd()) {
        return Err(io::Error::new(ErrorKind::PermissionDenied, "the platform did not protect the socket"));
    }
    Ok(socket)
}

fn is_in_progress(error: &io::Error) -> bool {
    error.kind() == ErrorKind::WouldBlock
        || error.raw_os_error() == Some(rustix::io::Errno::INPROGRESS.raw_os_error())
}
