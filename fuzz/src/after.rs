//! Targets of one dissector each: a flow that it is known to take, then any bytes in turns.

use packet::Direction;

use crate::conversation::{datagrams, stream};

const OUT: Direction = Direction::Outbound;
const IN: Direction = Direction::Inbound;
/// Tells nothing of the protocol.
const PORT: u16 = 9999;

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

/// MQTT 5.
pub fn mqtt(data: &[u8]) {
    stream(PORT, &[(OUT, MQTT)], data);
}

/// CoAP over UDP and over TCP.
pub fn coap(data: &[u8]) {
    datagrams(PORT, &[(OUT, b"\x40\x02\x12\x34\xb2rd")], data);
    stream(PORT, &[(OUT, COAP)], data);
}

/// STUN over UDP, with what shares its flow, and over TCP.
pub fn stun(data: &[u8]) {
    datagrams(PORT, &[(OUT, STUN)], data);
    stream(PORT, &[(OUT, STUN)], data);
}

/// IKE.
pub fn ike(data: &[u8]) {
    datagrams(PORT, &[(OUT, b"iiiiiiii\0\0\0\0\0\0\0\0\0\x20\x22\x08\0\0\0\0\0\0\0\x1c")], data);
}

/// SIP over UDP and over TCP.
pub fn sip(data: &[u8]) {
    datagrams(PORT, &[(OUT, SIP)], data);
    stream(PORT, &[(OUT, SIP)], data);
}

/// MCS.
pub fn mcs(data: &[u8]) {
    stream(PORT, &[(OUT, MCS)], data);
}

/// SUPL.
pub fn supl(data: &[u8]) {
    stream(PORT, &[(OUT, SUPL)], data);
}

/// XMPP.
pub fn xmpp(data: &[u8]) {
    stream(PORT, &[(OUT, XMPP)], data);
}

/// FTP.
pub fn ftp(data: &[u8]) {
    stream(PORT, &[(IN, FTP)], data);
}

/// SMTP.
pub fn smtp(data: &[u8]) {
    stream(PORT, &[(IN, SMTP)], data);
}

/// POP3.
pub fn pop3(data: &[u8]) {
    stream(PORT, &[(IN, POP3)], data);
}

/// IMAP.
pub fn imap(data: &[u8]) {
    stream(PORT, &[(IN, IMAP)], data);
}

/// DNS-based service discovery.
pub fn discovery(data: &[u8]) {
    datagrams(5353, &[], data);
}

/// DNS over UDP and over TCP.
pub fn dns(data: &[u8]) {
    datagrams(53, &[], data);
    stream(53, &[], data);
}

/// HTTP/1.
pub fn http(data: &[u8]) {
    stream(80, &[], data);
}

/// NTP.
pub fn ntp(data: &[u8]) {
    datagrams(123, &[], data);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conversation::{Turn, recognised};

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
            assert_eq!(recognised(opening), Some(name));
        }
    }
}
