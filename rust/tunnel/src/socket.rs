//! Makes upstream sockets: each is protected before it connects.

use std::io::{self, ErrorKind};
use std::net::{IpAddr, SocketAddr};
use std::os::fd::AsFd;

use netstack::Unreachable;
use packet::Transport;
use rustix::io::Errno;
use rustix::process::{Resource, getrlimit, setrlimit};
use socket2::{Domain, Protocol, Socket, Type};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::net::TcpStream;

use crate::Host;

/// Descriptors that are left to everything but flows: the TUN, the recording, the runtime, the app around them.
const RESERVE: u64 = 256;

/// Lets the process have as many descriptors as it may, for every flow has a socket and the usual limit is 1,024; and
/// returns how many flows there may then be at once, so that the idlest is given up before a socket cannot be had.
pub(crate) fn raise_limit() -> usize {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    let _ = setrlimit(Resource::Nofile, limit);
    // What is allowed is asked again: a platform may refuse, or give less.
    flows_within(getrlimit(Resource::Nofile).current)
}

/// How many flows a limit of descriptors has room for; `None` is no limit.
fn flows_within(limit: Option<u64>) -> usize {
    let limit = limit.unwrap_or(u64::MAX);
    let flows = limit.saturating_sub(RESERVE).max(limit / 2);
    usize::try_from(flows).unwrap_or(usize::MAX).max(1)
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

/// A UDP or ICMP echo socket that only speaks with `remote`, watched for what can be read and for errors. ICMP needs no
/// privilege, but the group's permission (Linux: `net.ipv4.ping_group_range`).
pub(crate) fn datagram(
    host: &impl Host,
    transport: Transport,
    remote: SocketAddr,
) -> io::Result<AsyncFd<Socket>> {
    let (protocol, remote) = match (transport, remote) {
        (Transport::Icmp, SocketAddr::V4(_)) => (Protocol::ICMPV4, SocketAddr::new(remote.ip(), 0)),
        (Transport::Icmp, SocketAddr::V6(_)) => (Protocol::ICMPV6, SocketAddr::new(remote.ip(), 0)),
        _ => (Protocol::UDP, remote),
    };
    let socket = protected(host, remote, Type::DGRAM, protocol)?;
    socket.connect(&remote.into())?;
    // Not for room to write, which a new socket has at once: that would wake the session for nothing.
    // SAFETY: a `Socket` always answers with the same open descriptor, and is closed only when the `AsyncFd` that owns it
    // is dropped, which deregisters it first.
    let socket = unsafe { AsyncFd::register_with_interest(socket, Interest::READABLE) }?;
    Ok(socket)
}

/// The address that the system sends from to `remote` now; `None` when it has none.
pub(crate) fn source_for(host: &impl Host, remote: SocketAddr) -> Option<IpAddr> {
    let socket = protected(host, remote, Type::DGRAM, Protocol::UDP).ok()?;
    // UDP's connecting sends nothing.
    socket.connect(&remote.into()).ok()?;
    socket.local_addr().ok()?.as_socket().map(|source| source.ip())
}

/// Whether the kernel refuses datagrams of a socket that do not fit the path, with `EMSGSIZE`, or cuts them.
pub(crate) fn keep_whole(socket: &impl AsFd, v4: bool, whole: bool) -> rustix::io::Result<()> {
    use rustix::net::sockopt::{
        Ipv4PathMtuDiscovery, Ipv6PathMtuDiscovery, set_ip_mtu_discover, set_ipv6_mtu_discover,
    };
    match (v4, whole) {
        (true, true) => set_ip_mtu_discover(socket, Ipv4PathMtuDiscovery::DO),
        (true, false) => set_ip_mtu_discover(socket, Ipv4PathMtuDiscovery::WANT),
        (false, true) => set_ipv6_mtu_discover(socket, Ipv6PathMtuDiscovery::DO),
        (false, false) => set_ipv6_mtu_discover(socket, Ipv6PathMtuDiscovery::WANT),
    }
}

/// The MTU of the path that a connected socket uses, as far as the kernel knows.
pub(crate) fn path_mtu(socket: &impl AsFd, v4: bool) -> u16 {
    use rustix::net::sockopt::{ip_mtu, ipv6_mtu};
    let mtu = if v4 { ip_mtu(socket) } else { ipv6_mtu(socket) };
    // Else the least of IPv6, which fits almost any path.
    mtu.ok().and_then(|mtu| u16::try_from(mtu).ok()).unwrap_or(1280)
}

/// Whether an error says that the address or the network that a datagram socket was bound to by connecting is gone, or
/// that the system ended it therefore. A new one may have another.
pub(crate) fn has_lost_its_network(error: &io::Error) -> bool {
    let gone = [
        Errno::NETUNREACH,
        Errno::NETDOWN,
        Errno::NODEV,
        Errno::ADDRNOTAVAIL,
        // Linux, of a source address that is no longer the machine's.
        Errno::INVAL,
        Errno::CONNABORTED,
        Errno::DESTADDRREQ,
    ];
    Errno::from_io_error(error).is_some_and(|error| gone.contains(&error))
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
    let socket = Socket::new(Domain::for_address(remote), kind.nonblocking(), Some(protocol))?;
    if !host.protect(socket.as_fd()) {
        return Err(io::Error::new(ErrorKind::PermissionDenied, "the platform did not protect the socket"));
    }
    Ok(socket)
}

fn is_in_progress(error: &io::Error) -> bool {
    error.kind() == ErrorKind::WouldBlock || error.raw_os_error() == Some(Errno::INPROGRESS.raw_os_error())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flows_leave_descriptors_for_others() {
        assert_eq!(flows_within(Some(32_768)), 32_512);
        assert_eq!(flows_within(Some(1_024)), 768);
        assert_eq!(flows_within(Some(100)), 50);
        assert_eq!(flows_within(None), usize::MAX - 256);
    }

    #[test]
    fn the_limit_is_raised_as_far_as_it_may() {
        let most = raise_limit();
        let limit = getrlimit(Resource::Nofile);
        assert_eq!(limit.current, limit.maximum);
        assert_eq!(most, flows_within(limit.maximum));
    }
}
