//! Protocols over UDP: every datagram is looked at until one says what the flow speaks.

use packet::Direction;

use super::unknown::Unknown;
use super::{Observation, Protocol, dns};

/// Ports that carry DNS messages: DNS, multicast DNS (RFC 6762), LLMNR (RFC 4795).
const DNS_PORTS: [(u16, Protocol); 3] =
    [(53, Protocol::DNS), (5353, Protocol("mdns")), (5355, Protocol("llmnr"))];

/// A UDP flow.
#[derive(Debug)]
pub(super) struct Datagrams {
    port: u16,
    session: Session,
}

#[derive(Debug)]
enum Session {
    /// Nothing recognised yet; what came so far is handed on as unknown.
    Unknown(Unknown),
    Dns,
}

impl Datagrams {
    pub(super) fn new(port: u16) -> Self {
        Self { port, session: Session::Unknown(Unknown::new()) }
    }

    pub(super) fn handle(
        &mut self,
        direction: Direction,
        offset: u64,
        bytes: &[u8],
        out: &mut Vec<Observation>,
    ) {
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
        }
    }

    pub(super) fn flush(&mut self, out: &mut Vec<Observation>) {
        match &mut self.session {
            Session::Unknown(unknown) => unknown.flush(out),
            Session::Dns => {}
        }
    }

    pub(super) fn is_pending(&self) -> bool {
        match &self.session {
            Session::Unknown(unknown) => unknown.is_pending(),
            Session::Dns => false,
        }
    }

    pub(super) fn wants(&self, direction: Direction) -> bool {
        match &self.session {
            Session::Unknown(unknown) => unknown.wants(direction),
            Session::Dns => true,
        }
    }

    pub(super) fn encrypted(&self, _direction: Direction) -> Option<bool> {
        match &self.session {
            Session::Unknown(_) => None,
            Session::Dns => Some(false),
        }
    }
}

fn choose(bytes: &[u8], port: u16) -> Option<(Protocol, Session)> {
    let by_port = DNS_PORTS.iter().find(|known| known.0 == port);
    if dns::is_message(bytes) || (by_port.is_some() && dns::parse(bytes, 0..0).is_some()) {
        return Some((by_port.map_or(Protocol::DNS, |known| known.1), Session::Dns));
    }
    None
}
