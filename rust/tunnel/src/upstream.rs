//! The upstream half of a flow: moves bytes between a socket and the stack until one of them has to wait.

use std::io::{self, ErrorKind, Read};
use std::net::{IpAddr, Shutdown, SocketAddr};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use netstack::{FlowId, Stack, Unreachable};
use packet::Timestamp;
use rustix::io::Errno;
use socket2::{SockRef, Socket};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::net::TcpStream;

use crate::health::Health;
use crate::socket;

/// A flow's socket.
pub(crate) enum Upstream {
    Tcp(TcpUpstream),
    Datagram(DatagramUpstream),
}

pub(crate) struct TcpUpstream {
    socket: TcpStream,
    waker: Waker,
    connected: bool,
    /// The other end sends no more.
    finished: bool,
}

pub(crate) struct DatagramUpstream {
    socket: AsyncFd<Socket>,
    waker: Waker,
    /// For ICMP: the type of an echo request, which the socket wants to be told.
    echo: Option<u8>,
    /// What is asked is a DNS server.
    dns: bool,
    v4: bool,
    /// The kernel refuses what does not fit the path, instead of cutting it.
    whole: bool,
    /// An ICMP error came.
    failed: bool,
    /// Since when nobody has answered what was asked, or whether the network is another was looked at.
    silent: Option<Timestamp>,
}

/// Whether there is anything left to relay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Progress {
    Waiting,
    Over,
}

impl TcpUpstream {
    pub(crate) const fn new(socket: TcpStream, waker: Waker) -> Self {
        Self { socket, waker, connected: false, finished: false }
    }

    /// Moves what can be moved, both ways.
    pub(crate) fn pump(
        &mut self,
        now: Timestamp,
        id: FlowId,
        stack: &mut Stack,
        health: &mut Health,
    ) -> Progress {
        let was_connected = self.connected;
        let result = self.try_pump(now, id, stack);
        if self.connected && !was_connected {
            health.connected();
        }
        match result {
            Ok(()) => Progress::Waiting,
            Err(_) if self.connected => {
                health.broke(now);
                stack.upstream_reset(now, id);
                Progress::Over
            }
            Err(error) => {
                health.refused(now, &error);
                stack.refused(now, id, socket::unreachable(&error));
                Progress::Over
            }
        }
    }

    /// The phone sends no more.
    pub(crate) fn shutdown(&self) {
        // Fails only if the other end has reset the connection, which the next read tells.
        let _ = SockRef::from(&self.socket).shutdown(Shutdown::Write);
    }

    /// Ends the connection with a RST.
    pub(crate) fn reset(self) {
        let _ = SockRef::from(&self.socket).set_linger(Some(Duration::ZERO));
    }

    fn try_pump(&mut self, now: Timestamp, id: FlowId, stack: &mut Stack) -> io::Result<()> {
        if !self.connected {
            if !self.poll_connected()? {
                return Ok(());
            }
            self.connected = true;
            stack.connected(now, id);
        }
        self.send(now, id, stack)?;
        if !self.finished {
            self.receive(now, id, stack)?;
        }
        Ok(())
    }

    fn poll_connected(&self) -> io::Result<bool> {
        let mut cx = Context::from_waker(&self.waker);
        match self.socket.poll_write_ready(&mut cx) {
            Poll::Pending => Ok(false),
            Poll::Ready(ready) => {
                ready?;
                self.socket.take_error()?.map_or(Ok(true), Err)
            }
        }
    }

    fn send(&self, now: Timestamp, id: FlowId, stack: &mut Stack) -> io::Result<()> {
        let mut cx = Context::from_waker(&self.waker);
        loop {
            let mut outcome = Ok(true);
            stack.drain(now, id, |bytes| match self.socket.try_write(bytes) {
                Ok(sent) => {
                    outcome = Ok(sent == bytes.len());
                    sent
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    outcome = Ok(false);
                    0
                }
                Err(error) => {
                    outcome = Err(error);
                    0
                }
            });
            if outcome? {
                return Ok(());
            }
            match self.socket.poll_write_ready(&mut cx) {
                Poll::Pending => return Ok(()),
                Poll::Ready(ready) => ready?,
            }
        }
    }

    fn receive(&mut self, now: Timestamp, id: FlowId, stack: &mut Stack) -> io::Result<()> {
        let mut cx = Context::from_waker(&self.waker);
        loop {
            let mut outcome = Ok(true);
            let mut finished = false;
            stack.fill(now, id, |room| match self.socket.try_read(room) {
                Ok(0) => {
                    finished = true;
                    0
                }
                Ok(read) => {
                    outcome = Ok(read == room.len());
                    read
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    outcome = Ok(false);
                    0
                }
                Err(error) => {
                    outcome = Err(error);
                    0
                }
            });
            if finished {
                self.finished = true;
                stack.upstream_closed(now, id);
                return Ok(());
            }
            // All room was used: the stack says when there is more.
            if outcome? {
                return Ok(());
            }
            // Less than there was room for is all there was. The end of the stream is not forgotten by this.
            let _ = self.socket.try_io::<()>(Interest::READABLE, || Err(ErrorKind::WouldBlock.into()));
            match self.socket.poll_read_ready(&mut cx) {
                Poll::Pending => return Ok(()),
                Poll::Ready(ready) => ready?,
            }
        }
    }
}

/// The ICMP header that an echo socket wants before sequence number and data.
const ECHO_HEADER: usize = 6;

/// After this time without an answer it is looked whether the system uses another network by now.
const SILENCE: Duration = Duration::from_secs(5);

/// A payload of this length fits every path (RFC 8200 section 5: 1280 bytes, headers aside).
const ALWAYS_FITS: usize = 1232;

impl DatagramUpstream {
    pub(crate) const fn new(
        socket: AsyncFd<Socket>,
        waker: Waker,
        echo: Option<u8>,
        remote: SocketAddr,
        dns: bool,
    ) -> Self {
        Self { socket, waker, echo, dns, v4: remote.is_ipv4(), whole: false, failed: false, silent: None }
    }

    /// Whether what is asked is a DNS server.
    pub(crate) const fn is_dns(&self) -> bool {
        self.dns
    }

    /// Whether it is time to look for another network before the next question.
    pub(crate) fn is_silent(&mut self, now: Timestamp) -> bool {
        let silent = now.since(*self.silent.get_or_insert(now)) >= SILENCE;
        if silent {
            self.silent = Some(now);
        }
        silent
    }

    /// The address that the socket sends from.
    pub(crate) fn source(&self) -> Option<IpAddr> {
        self.socket.get_ref().local_addr().ok()?.as_socket().map(|address| address.ip())
    }

    /// Sends what the phone sent. What the socket has no room for is lost, as on any path.
    ///
    /// # Errors
    /// When the socket's network is gone: another socket may have another.
    pub(crate) fn send(&mut self, id: FlowId, payload: &[u8], stack: &mut Stack) -> io::Result<()> {
        if payload.len() > ALWAYS_FITS && self.whole != stack.is_whole(id) {
            self.whole = !self.whole;
            // Where it cannot be set, datagrams are cut.
            let _ = socket::keep_whole(&self.socket, self.v4, self.whole);
        }
        match self.try_send(payload) {
            Err(error) if socket::has_lost_its_network(&error) => return Err(error),
            Err(error) if error.kind() != ErrorKind::WouldBlock => {
                // A socket tells of an ICMP error with the next datagram, which it does not send then.
                let sent = self.try_send(payload).is_ok();
                let why = self.unreachable(&error);
                // What was sent fits: an earlier one did not, and the next that does not is refused at once.
                if !(sent && matches!(why, Unreachable::TooBig(_))) {
                    stack.undeliverable(id, why);
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn try_send(&self, payload: &[u8]) -> io::Result<usize> {
        let socket = self.socket.get_ref();
        match self.echo {
            None => socket.send(payload),
            Some(kind) => socket.send(&[&[kind, 0, 0, 0, 0, 0], payload].concat()),
        }
    }

    /// Hands what has come to the stack. Whether anything has.
    pub(crate) fn pump(&mut self, now: Timestamp, id: FlowId, stack: &mut Stack, buffer: &mut [u8]) -> bool {
        let mut heard = false;
        let mut cx = Context::from_waker(&self.waker);
        while let Poll::Ready(Ok(mut guard)) = self.socket.poll_read_ready(&mut cx) {
            match guard.try_io(|socket| (&mut socket.get_ref()).read(buffer)) {
                Ok(Ok(len)) => {
                    heard = true;
                    self.silent = None;
                    self.receive(now, id, stack, &buffer[..len]);
                }
                Ok(Err(error)) => stack.undeliverable(id, self.unreachable(&error)),
                Err(_would_block) => {}
            }
        }
        // An error without data (ICMP unreachable) shows as "closed for writing" only, from then on for ever: later ones
        // are told by the next datagram.
        if !self.failed && self.socket.poll_write_ready(&mut cx).is_ready() {
            self.failed = true;
            if let Ok(Some(error)) = self.socket.get_ref().take_error() {
                stack.undeliverable(id, self.unreachable(&error));
            }
        }
        heard
    }

    fn unreachable(&self, error: &io::Error) -> Unreachable {
        match Errno::from_io_error(error) {
            Some(Errno::MSGSIZE) => Unreachable::TooBig(socket::path_mtu(&self.socket, self.v4)),
            _ => socket::unreachable(error),
        }
    }

    fn receive(&self, now: Timestamp, id: FlowId, stack: &mut Stack, datagram: &[u8]) {
        match (self.echo.is_some(), datagram) {
            (false, payload) => stack.handle_datagram(now, id, payload),
            (true, [0 | 129, ..]) if datagram.len() >= ECHO_HEADER + 2 => {
                stack.handle_datagram(now, id, &datagram[ECHO_HEADER..]);
            }
            (true, _) => {}
        }
    }
}
