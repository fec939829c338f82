//! Protocols over UDP: every datagram is looked at until one says what the flow speaks.

use packet::Direction;

use super::dissector::Opening;
use super::dtls::{self, Dtls};
use super::ike::{self, Tunnel};
use super::quic::{self, Quic};
use super::session::{Context, DatagramSession};
use super::stun::{self, Stun};
use super::unknown::Unknown;
use super::{Observation, Protocol, coap, dns, http, ntp, sip};

/// Ports that carry DNS messages: DNS, multicast DNS (RFC 6762), LLMNR (RFC 4795).
const DNS_PORTS: [(u16, Protocol); 3] =
    [(53, Protocol::DNS), (5353, Protocol("mdns")), (5355, Protocol("llmnr"))];

/// The NetBIOS name service (RFC 1002) has DNS's format, but its names are none of hosts.
const NETBIOS_PORT: u16 = 137;

/// A UDP flow.
#[derive(Debug, Clone)]
pub(super) struct Datagrams {
    context: Context,
    /// Whether nothing was recognised yet: what came so far is handed on as unknown.
    unknown: bool,
    session: Box<dyn DatagramSession>,
    /// What is not of the protocol.
    other: Unknown,
    /// Where each direction's next datagram begins.
    end: [u64; 2],
}

/// DNS and what has its format, by the name of the protocol: a message in each datagram.
#[derive(Debug, Clone)]
struct Dns(&'static str);

impl DatagramSession for Dns {
    fn handle(
        &mut self,
        direction: Direction,
        offset: u64,
        bytes: &[u8],
        out: &mut Vec<Observation>,
    ) -> usize {
        dns::observe(self.0, direction, offset, bytes, out)
    }
}

/// A message of HTTP's form in each datagram: SSDP (UPnP Device Architecture 2.0 section 1).
#[derive(Debug, Clone)]
struct Ssdp;

impl DatagramSession for Ssdp {
    fn handle(
        &mut self,
        direction: Direction,
        offset: u64,
        bytes: &[u8],
        out: &mut Vec<Observation>,
    ) -> usize {
        let Some(message) = http::parse_whole(direction, bytes, offset) else { return 0 };
        out.push(Observation::Http(message.into()));
        bytes.len()
    }
}

/// A protocol that tells nothing of the phone: what its datagrams hold all the same is searched.
#[derive(Debug, Clone)]
struct Dull;

impl DatagramSession for Dull {
    fn handle(&mut self, _: Direction, _: u64, _: &[u8], _: &mut Vec<Observation>) -> usize {
        0
    }
}

impl Datagrams {
    pub(super) fn new(port: u16) -> Self {
        Self {
            context: Context { port, ..Context::default() },
            unknown: true,
            session: Box::new(Unknown::new()),
            other: Unknown::new(),
            end: [0; 2],
        }
    }

    /// What echo requests carry (RFC 792, RFC 4443): no protocol, whatever it looks like.
    pub(super) fn of_echoes() -> Self {
        Self { unknown: false, ..Self::new(0) }
    }

    pub(super) fn use_keys(&mut self, context: &Context) {
        self.context = context.clone();
    }

    pub(super) fn handle(
        &mut self,
        direction: Direction,
        offset: u64,
        bytes: &[u8],
        out: &mut Vec<Observation>,
    ) {
        if self.unknown
            && let Some((protocol, mut session)) = choose(bytes, direction, self.context.port)
        {
            self.flush(out);
            out.push(Observation::Protocol(protocol));
            session.begin(&self.context);
            self.session = session;
            self.unknown = false;
        }
        self.end[direction.index()] = offset + bytes.len() as u64;
        let read = self.session.handle(direction, offset, bytes, out);
        if self.is_clear(direction) {
            out.extend(Observation::whole(direction, offset, &bytes[..read.min(bytes.len())]));
        }
        self.other.take_rest(direction, offset, (bytes, read), out);
    }

    /// Whether it is a protocol whose messages go in clear.
    fn is_clear(&self, direction: Direction) -> bool {
        !self.unknown && self.session.encrypted(direction) == Some(false)
    }

    pub(super) fn flush(&mut self, out: &mut Vec<Observation>) {
        self.session.flush(self.end, out);
    }

    pub(super) fn is_pending(&self) -> bool {
        self.session.is_pending()
    }

    pub(super) fn wants(&self, direction: Direction) -> bool {
        self.session.wants(direction)
    }

    pub(super) fn decrypts(&self) -> bool {
        self.session.decrypts()
    }

    pub(super) fn encrypted(&self, direction: Direction) -> Option<bool> {
        self.session.encrypted(direction)
    }
}

/// A protocol over UDP that can be recognised.
struct Known {
    protocol: Protocol,
    /// Whether the first datagram is one of this protocol.
    probe: fn(&Opening<'_>) -> bool,
    begin: fn() -> Box<dyn DatagramSession>,
}

/// In the order in which they are asked: the first that says yes it is.
const KNOWN: &[Known] = &[
    Known {
        protocol: Protocol::QUIC,
        probe: |it| quic::probe(it.bytes),
        begin: || Box::new(Quic::default()),
    },
    Known {
        protocol: Protocol::DTLS,
        probe: |it| dtls::probe(it.bytes),
        begin: || Box::new(Dtls::default()),
    },
    Known {
        protocol: Protocol("ssdp"),
        probe: |it| http::probe(it.bytes) == Some(true),
        begin: || Box::new(Ssdp),
    },
    Known { protocol: Protocol::STUN, probe: stun::probe, begin: || Box::new(Stun::new()) },
    Known { protocol: Protocol::IKE, probe: ike::probe, begin: || Box::new(Tunnel::default()) },
    Known { protocol: Protocol::SIP, probe: sip::probe_datagram, begin: || Box::new(sip::Datagrams) },
    Known { protocol: Protocol::COAP, probe: coap::probe, begin: || Box::new(coap::Datagrams) },
    Known { protocol: Protocol::NTP, probe: |it| ntp::probe(it.bytes, it.port), begin: || Box::new(Dull) },
];

fn choose(bytes: &[u8], direction: Direction, port: u16) -> Option<(Protocol, Box<dyn DatagramSession>)> {
    if port == NETBIOS_PORT {
        return None;
    }
    // What has DNS's format is named by its port.
    let by_port = DNS_PORTS.iter().find(|known| known.0 == port);
    if dns::is_message(bytes) || (by_port.is_some() && dns::is_begun(bytes)) {
        let protocol = by_port.map_or(Protocol::DNS, |known| known.1);
        return Some((protocol, Box::new(Dns(protocol.0))));
    }
    let opening = Opening { bytes, direction, port };
    KNOWN.iter().find(|known| (known.probe)(&opening)).map(|known| (known.protocol, (known.begin)()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::DnsQuestion;

    fn first(port: u16, datagram: &[u8]) -> Vec<Observation> {
        let mut out = Vec::new();
        let mut datagrams = Datagrams::new(port);
        datagrams.handle(Direction::Outbound, 7, datagram, &mut out);
        datagrams.flush(&mut out);
        out
    }

    /// A query for a.example, type A.
    const QUERY: &[u8] = b"\x12\x34\x01\0\0\x01\0\0\0\0\0\0\x01a\x07example\0\0\x01\0\x01";

    fn question() -> DnsQuestion {
        DnsQuestion { name: "a.example".into(), written: "a.example".into(), kind: 1, range: 20..29 }
    }

    #[test]
    fn dns_is_named_by_its_port_and_read_on_any_other() {
        for (port, name) in [(53, "dns"), (5353, "mdns"), (5355, "llmnr"), (9999, "dns")] {
            let out = first(port, QUERY);
            assert_eq!(out[0], Observation::Protocol(Protocol(name)));
            assert!(
                matches!(&out[1], Observation::Dns(m) if m.questions == [question()] && m.range == (7..34))
            );
        }
        assert!(matches!(first(137, QUERY)[..], [Observation::Readable(_)]));
    }

    #[test]
    fn a_port_of_dns_makes_no_message_of_anything() {
        let text: Vec<u8> = "I/Reg: begin imei=1".encode_utf16().flat_map(u16::to_be_bytes).collect();
        for (port, _) in DNS_PORTS {
            assert!(
                matches!(&first(port, &text)[..], [Observation::Readable(r)] if r.bytes == text),
                "{port}"
            );
            // A message that breaks off is one there.
            let cut = &QUERY[..QUERY.len() - 1];
            let cut = [&cut[..6], &[0, 1], &cut[8..], b"\x01"].concat();
            assert!(
                matches!(&first(port, &cut)[..], [Observation::Protocol(_), Observation::Dns(_), ..]),
                "{port}"
            );
        }
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
