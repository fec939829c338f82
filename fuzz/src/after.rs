//! Targets of one dissector each: a flow that it is known to take, then any bytes in turns, each behind a control byte
//! and its length. However a stream is cut, the same must come of it, and every range must stay inside.

use inspect::protocol::{Dissector, Observation};
use inspect::stream::StreamEvent;
use packet::{Direction, Timestamp, Transport};

const OUT: Direction = Direction::Outbound;
const IN: Direction = Direction::Inbound;

// How flows begin.
const MQTT: &[u8] = b"\x10\x0e\0\x04MQTT\x05\x02\0\x3c\0\0\x01a";
const COAP: &[u8] = b"\x30\xe1\x22\x04\0";
const STUN: &[u8] = b"\0\x01\0\0\x21\x12\xa4\x42abcdefghijkl";
const SIP: &[u8] = b"REGISTER sip:a SIP/2.0\r\n\r\n";
const MCS: &[u8] = b"\x29\x02\x10\x0a\x08chrome-9\x12\x01a\x1a\x01b";
/// Its session is named by 001010123456789.
const SUPL: &[u8] = b"\0\x10\x02\0\0\x80\x01\xcc\0\x04\x04\x85\x0d\x96\x1f\xe4";
const XMPP: &[u8] = b"<stream:stream to='a.example'>";
const FTP: &[u8] = b"220 FTP\r\n";
const SMTP: &[u8] = b"220 ESMTP\r\n";
const POP3: &[u8] = b"+OK POP3\r\n";
const IMAP: &[u8] = b"* OK IMAP\r\n";

/// A direction and its bytes.
type Turn<'a> = (Direction, &'a [u8]);

/// Reads the turns.
fn turns(mut rest: &[u8]) -> Vec<Turn<'_>> {
    let mut out: Vec<Turn<'_>> = Vec::new();
    while let [control, len, after @ ..] = rest {
        let (bytes, after) = after.split_at(usize::from(*len).min(after.len()));
        rest = after;
        if !bytes.is_empty() {
            out.push((if control & 1 == 0 { OUT } else { IN }, bytes));
        }
    }
    out
}

/// What comes of turns over TCP, each in pieces of `step` bytes.
fn dissect(turns: &[Turn<'_>], step: usize) -> Vec<Observation> {
    let mut dissector = Dissector::new(Transport::Tcp, 9999);
    let (now, mut at, mut out) = (Timestamp::default(), [0u64; 2], Vec::new());
    for (direction, bytes) in turns {
        for bytes in bytes.chunks(step) {
            let offset = at[direction.index()];
            at[direction.index()] += bytes.len() as u64;
            dissector.handle_stream(now, *direction, StreamEvent::Data { offset, bytes }, &mut out);
        }
    }
    for direction in Direction::BOTH {
        dissector.handle_stream(now, direction, StreamEvent::End, &mut out);
    }
    dissector.flush(&mut out);
    assert!(!dissector.is_pending());
    check(&out, at);
    out
}

fn check(out: &[Observation], end: [u64; 2]) {
    for observation in out {
        if let Observation::Message(message) = observation {
            let end = end[message.direction.index()];
            for part in &message.parts {
                assert!(part.range.start <= part.range.end && part.range.end <= end, "{part:?}");
            }
        }
    }
}

fn stream(opening: &[Turn<'_>], data: &[u8]) {
    let all: Vec<Turn<'_>> = opening.iter().copied().chain(turns(data)).collect();
    assert_eq!(dissect(&all, 1), dissect(&all, usize::MAX));
}

fn datagrams(opening: &[u8], data: &[u8]) {
    let mut dissector = Dissector::new(Transport::Udp, 9999);
    let (mut at, mut out) = ([0u64; 2], Vec::new());
    for (direction, bytes) in [(OUT, opening)].into_iter().chain(turns(data)) {
        dissector.handle_datagram(Timestamp::default(), direction, at[direction.index()], bytes, &mut out);
        at[direction.index()] += bytes.len() as u64;
    }
    dissector.flush(&mut out);
    check(&out, at);
}

/// MQTT 5.
pub fn mqtt(data: &[u8]) {
    stream(&[(OUT, MQTT)], data);
}

/// CoAP over UDP and over TCP.
pub fn coap(data: &[u8]) {
    datagrams(b"\x40\x02\x12\x34\xb2rd", data);
    stream(&[(OUT, COAP)], data);
}

/// STUN over UDP, with what shares its flow, and over TCP.
pub fn stun(data: &[u8]) {
    datagrams(STUN, data);
    stream(&[(OUT, STUN)], data);
}

/// IKE.
pub fn ike(data: &[u8]) {
    datagrams(b"iiiiiiii\0\0\0\0\0\0\0\0\0\x20\x22\x08\0\0\0\0\0\0\0\x1c", data);
}

/// SIP over UDP and over TCP.
pub fn sip(data: &[u8]) {
    datagrams(SIP, data);
    stream(&[(OUT, SIP)], data);
}

/// MCS.
pub fn mcs(data: &[u8]) {
    stream(&[(OUT, MCS)], data);
}

/// SUPL.
pub fn supl(data: &[u8]) {
    stream(&[(OUT, SUPL)], data);
}

/// XMPP.
pub fn xmpp(data: &[u8]) {
    stream(&[(OUT, XMPP)], data);
}

/// FTP.
pub fn ftp(data: &[u8]) {
    stream(&[(IN, FTP)], data);
}

/// SMTP.
pub fn smtp(data: &[u8]) {
    stream(&[(IN, SMTP)], data);
}

/// POP3.
pub fn pop3(data: &[u8]) {
    stream(&[(IN, POP3)], data);
}

/// IMAP.
pub fn imap(data: &[u8]) {
    stream(&[(IN, IMAP)], data);
}

/// DNS-based service discovery.
pub fn discovery(data: &[u8]) {
    let mut dissector = Dissector::new(Transport::Udp, 5353);
    let mut out = Vec::new();
    dissector.handle_datagram(Timestamp::default(), OUT, 0, data, &mut out);
    check(&out, [data.len() as u64, 0]);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An opening that its dissector does not take would leave the target without an object.
    #[test]
    fn openings_are_recognised() {
        let openings: [(&str, &[Turn<'_>]); 11] = [
            ("mqtt", &[(OUT, MQTT)]),
            ("coap", &[(OUT, COAP)]),
            ("stun", &[(OUT, STUN)]),
            ("sip", &[(OUT, SIP)]),
            ("mcs", &[(OUT, MCS)]),
            ("supl", &[(OUT, SUPL)]),
            ("xmpp", &[(OUT, XMPP)]),
            ("ftp", &[(IN, FTP)]),
            ("smtp", &[(IN, SMTP)]),
            ("pop3", &[(IN, POP3)]),
            ("imap", &[(IN, IMAP)]),
        ];
        for (name, opening) in openings {
            let first = dissect(opening, 1).into_iter().next();
            assert!(matches!(&first, Some(Observation::Protocol(it)) if it.0 == name), "{name}: {first:?}");
        }
    }
}
