//! Protocols over UDP: every datagram is looked at until one says what the flow speaks.

use packet::Direction;

use super::dtls::{self, Dtls};
use super::quic::{self, Quic};
use super::unknown::Unknown;
use super::{Observation, Protocol, dns, http, ntp};

/// Ports that carry DNS messages: DNS, multicast DNS (RFC 6762), LLMNR (RFC 4795).
const DNS_PORTS: [(u16, Protocol); 3] =
    [(53, Protocol::DNS), (5353, Protocol("mdns")), (5355, Protocol("llmnr"))];

/// The NetBIOS name service (RFC 1002) has DNS's format, but its names are none of hosts.
const NETBIOS_PORT: u16 = 137;

/// A UDP flow.
#[derive(Debug, Clone)]
pub(super) struct Datagrams {
    port: u16,
    session: Session,
    /// Where each direction's next datagram begins.
    end: [u64; 2],
}

#[derive(Debug, Clone)]
enum Session {
    /// Nothing recognised yet; what came so far is handed on as unknown.
    Unknown(Unknown),
    Dns,
    /// A message of HTTP's form in each datagram: SSDP (UPnP Device Architecture 2.0 section 1).
    Ssdp,
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
            Session::Ssdp => {
                out.extend(http::parse_whole(direction, bytes, offset).map(|m| Observation::Http(m.into())))
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
            Session::Dns | Session::Ssdp | Session::Dtls(_) | Session::Ntp => {}
        }
    }

    pub(super) fn is_pending(&self) -> bool {
        match &self.session {
            Session::Unknown(unknown) => unknown.is_pending(),
            Session::Quic(quic) => quic.is_pending(),
            Session::Dns | Session::Ssdp | Session::Dtls(_) | Session::Ntp => false,
        }
    }

    pub(super) fn wants(&self, direction: Direction) -> bool {
        match &self.session {
            Session::Unknown(unknown) => unknown.wants(direction),
            Session::Dns | Session::Ssdp => true,
            Session::Dtls(dtls) => dtls.wants(direction),
            Session::Ntp => false,
            Session::Quic(quic) => quic.wants(direction),
        }
    }

    pub(super) fn encrypted(&self, direction: Direction) -> Option<bool> {
        match &self.session {
            Session::Unknown(_) => None,
            Session::Dns | Session::Ssdp | Session::Ntp => Some(false),
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
    if http::probe(bytes) == Some(true) {
        return Some((Protocol("ssdp"), Session::Ssdp));
    }
    ntp::probe(bytes, port).then_some((Protocol::NTP, Session::Ntp))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn first(port: u16, datagram: &[u8]) -> Vec<Observation> {
        let mut out = Vec::new();
        let mut datagrams = Datagrams::new(port);
        datagrams.handle(Direction::Outbound, 7, datagram, &mut out);
        datagrams.flush(&mut out);
        out
    }

    /// A query for a.example, type A.
    const QUERY: &[u8] = b"\x12\x34\x01\0\0\x01\0\0\0\0\0\0\x01a\x07example\0\0\x01\0\x01";

    #[test]
    fn dns_is_named_by_its_port_and_read_on_any_other() {
        for (port, name) in [(53, "dns"), (5353, "mdns"), (5355, "llmnr"), (9999, "dns")] {
            let out = first(port, QUERY);
            assert_eq!(out[0], Observation::Protocol(Protocol(name)));
            assert!(
                matches!(&out[1], Observation::Dns(m) if m.questions == [("a.example".to_owned(), 1)] && m.range == (7..34))
            );
        }
        assert!(matches!(first(137, QUERY)[..], [Observation::Readable(_)]));
    }

    #[test]
    fn a_discovery_is_a_message_of_its_own() {
        let out = first(1900, b"M-SEARCH * HTTP/1.1\r\nHOST: 239.255.255.250:1900\r\n\r\n");
        assert_eq!(out[0], Observation::Protocol(Protocol("ssdp")));
        assert!(
            matches!(&out[1], Observation::Http(m) if m.header("host") == Some("239.255.255.250:1900") && m.range.start == 7)
        );
    }

    #[test]
    fn the_unknown_is_handed_on() {
        assert!(
            matches!(&first(9999, b"imei=1")[..], [Observation::Readable(r)] if r.bytes == b"imei=1" && r.range == (7..13))
        );
    }
}
