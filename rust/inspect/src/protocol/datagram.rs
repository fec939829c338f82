//! Protocols over UDP: every datagram is looked at until one says what the flow speaks.

use packet::Direction;

use super::dtls::{self, Dtls};
use super::quic::{self, Quic};
use super::unknown::Unknown;
use super::{Observation, Protocol, dns, ntp};

/// Ports that carry DNS messages: DNS, multicast DNS (RFC 6762), LLMNR (RFC 4795).
const DNS_PORTS: [(u16, Protocol); 3] =
    [(53, Protocol::DNS), (5353, Protocol("mdns")), (5355, Protocol("llmnr"))];

/// The NetBIOS name service (RFC 1002) has DNS's format, but its names are none of hosts.
const NETBIOS_PORT: u16 = 137;

/// A UDP flow.
#[derive(Debug)]
pub(super) struct Datagrams {
    port: u16,
    session: Session,
    /// Where each direction's next datagram begins.
    end: [u64; 2],
}

#[derive(Debug)]
enum Session {
    /// Nothing recognised yet; what came so far is handed on as unknown.
    Unknown(Unknown),
    Dns,
    Dtls(Dtls),
    /// Nothing in it is of interest.
    Ntp,
    Quic(Quic),
}

impl Datagrams {
    pub(super) fn new(port: u16) -> Self {
        Self { port, session: Session::Unknown(Unknown::new()), end: [0; 2] }
    }

    pub(super) fn handle(
        &mut self,
        direction: Direction,
        offset: u64,
        bytes: &[u8],
        out: &mut Vec<Observation>,
    ) {
        self.end[direction.index()] = offset + bytes.len() as u64;
        if let Session::Unknown(unknown) = &mut self.session
            && let Some((protocol, session)) = choose(bytes, self.port)
        {
            unknown.flush(out);
            out.push(Observation::Protocol(protocol));
            self.session = session;
        }
        match &mut self.session {
            Session::Unknown(unknown) => unknown.handle_datagram(direction, offset, bytes, out),
            Session::Dns => {
                let range = offset..offset + bytes.len() as u64;
                out.extend(dns::parse(bytes, range).map(|message| Observation::Dns(message.into())));
            }
            Session::Dtls(dtls) => dtls.handle(direction, offset, bytes, out),
            Session::Ntp => {}
            Session::Quic(quic) => quic.handle(direction, offset, bytes, out),
        }
    }

    pub(super) fn flush(&mut self, out: &mut Vec<Observation>) {
        match &mut self.session {
            Session::Unknown(unknown) => unknown.flush(out),
            Session::Quic(quic) => quic.flush(self.end, out),
            Session::Dns | Session::Dtls(_) | Session::Ntp => {}
        }
    }

    pub(super) fn is_pending(&self) -> bool {
        match &self.session {
            Session::Unknown(unknown) => unknown.is_pending(),
            Session::Quic(quic) => quic.is_pending(),
            Session::Dns | Session::Dtls(_) | Session::Ntp => false,
        }
    }

    pub(super) fn wants(&self, direction: Direction) -> bool {
        match &self.session {
            Session::Unknown(unknown) => unknown.wants(direction),
            Session::Dns => true,
            Session::Dtls(dtls) => dtls.wants(direction),
            Session::Ntp => false,
            Session::Quic(quic) => quic.wants(direction),
        }
    }

    pub(super) fn encrypted(&self, direction: Direction) -> Option<bool> {
        match &self.session {
            Session::Unknown(_) => None,
            Session::Dns | Session::Ntp => Some(false),
            Session::Dtls(dtls) => dtls.encrypted(direction),
            Session::Quic(_) => Some(true),
        }
    }
}

fn choose(bytes: &[u8], port: u16) -> Option<(Protocol, Session)> {
    if port == NETBIOS_PORT {
        return None;
    }
    let by_port = DNS_PORTS.iter().find(|known| known.0 == port);
    if dns::is_message(bytes) || (by_port.is_some() && dns::parse(bytes, 0..0).is_some()) {
        return Some((by_port.map_or(Protocol::DNS, |known| known.1), Session::Dns));
    }
    if quic::probe(bytes) {
        return Some((Protocol::QUIC, Session::Quic(Quic::default())));
    }
    if dtls::probe(bytes) {
        return Some((Protocol::DTLS, Session::Dtls(Dtls::default())));
    }
    ntp::probe(bytes, port).then_some((Protocol::NTP, Session::Ntp))
}
