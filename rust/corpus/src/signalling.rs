//! Protocols by which a phone registers, is reached and finds its way: SIP, XMPP, MCS, STUN, and what it announces to its
//! neighbours.

use crate::binary::protobuf_field;
use crate::content::{Field, varint};
use crate::markup::marked;
use crate::packet::{Turns, Way};
use crate::random::Random;

/// A SIP request (RFC 3261) with further header fields and a body.
pub fn sip(method: &str, user: &str, head: &[Field], body: &[u8], random: &mut Random) -> Vec<u8> {
    let (branch, tag, call) = (random.hex(10), random.hex(8), random.hex(16));
    let lines = format!(
        "{method} sip:ims.carrier.example SIP/2.0\r\nVia: SIP/2.0/UDP 10.215.173.2:5060;branch=z9hG4bK{branch}\r\n\
         Max-Forwards: 70\r\nFrom: <sip:{user}@ims.carrier.example>;tag={tag}\r\n\
         To: <sip:{user}@ims.carrier.example>\r\nCall-ID: {call}\r\nCSeq: 1 {method}\r\n"
    );
    let head = head.iter().flat_map(|it| [it.name.as_bytes(), b": ", &it.value, b"\r\n"].concat());
    let mut out: Vec<u8> = lines.into_bytes().into_iter().chain(head).collect();
    out.extend(format!("Content-Length: {}\r\n\r\n", body.len()).into_bytes());
    out.extend(body);
    out
}

/// An XML stream (RFC 6120) with a stanza.
pub fn xmpp(stanza: &str) -> Turns {
    let stream = "<?xml version='1.0'?><stream:stream to='push.vendor.example' version='1.0' xmlns='jabber:client' \
                  xmlns:stream='http://etherx.jabber.org/streams'>";
    vec![
        (Way::Out, stream.as_bytes().to_vec()),
        (Way::In, [stream, "<stream:features/>"].concat().into_bytes()),
        (Way::Out, stanza.as_bytes().to_vec()),
    ]
}

/// A message with a text (RFC 6121 section 5.2.3).
pub fn xmpp_message(text: &str) -> String {
    format!("<message to='in@vendor.example' type='chat'><body>{}</body></message>", marked(text))
}

/// What a new account says of itself (XEP-0077).
pub fn xmpp_registration(fields: &[Field]) -> String {
    let parts: String =
        fields.iter().map(|it| format!("<{0}>{1}</{0}>", it.name, marked(&it.text()))).collect();
    format!("<iq type='set' id='r1'><query xmlns='jabber:iq:register'>{parts}</query></iq>")
}

/// A client names itself (RFC 6120 section 7).
pub fn xmpp_resource(name: &str) -> String {
    let space = "urn:ietf:params:xml:ns:xmpp-bind";
    format!("<iq type='set' id='b1'><bind xmlns='{space}'><resource>{}</resource></bind></iq>", marked(name))
}

/// A login to Google's mobile connection server, then a message with data (Chromium's `mcs.proto`: tags 2 and 8).
pub fn mcs(fields: &[Field]) -> Vec<u8> {
    // Who logs in is a phone's number too: left out, so that nothing but the fields tells anything.
    let login = [
        protobuf_field(1, b"chrome-63.0.3234.0"),
        protobuf_field(2, b"mcs.android.com"),
        protobuf_field(3, b"0"),
        protobuf_field(4, b"0"),
    ];
    let data = fields.iter().map(|it| {
        protobuf_field(7, &[protobuf_field(1, it.name.as_bytes()), protobuf_field(2, &it.value)].concat())
    });
    let message =
        [protobuf_field(3, b"app"), protobuf_field(5, b"com.vendor.app"), data.flatten().collect()].concat();
    let packet = |tag: u8, body: Vec<u8>| [vec![tag], varint(body.len() as u64), body].concat();
    [vec![41], packet(2, login.concat()), packet(8, message)].concat()
}

/// A STUN binding request with a user name (RFC 8489 sections 5 and 14).
pub fn stun(user: &[u8], random: &mut Random) -> Vec<u8> {
    let attribute = |kind: u16, value: &[u8]| {
        let padding = vec![0; value.len().wrapping_neg() & 3];
        [&kind.to_be_bytes()[..], &(value.len() as u16).to_be_bytes(), value, &padding].concat()
    };
    let attributes = [attribute(0x0006, user), attribute(0x8022, b"libnice 0.1.18")].concat();
    let length = (attributes.len() as u16).to_be_bytes();
    [&[0, 1], &length[..], &0x2112_a442u32.to_be_bytes(), &random.bytes(12), &attributes].concat()
}

/// What a phone announces over multicast DNS (RFC 6762, RFC 6763): a service's instance, and texts of it.
pub fn mdns(instance: &str, fields: &[Field]) -> Vec<u8> {
    let label = |text: &str| [&[text.len() as u8], text.as_bytes()].concat();
    let service = [label("_vendor"), label("_tcp"), label("local"), vec![0]].concat();
    let name = [label(instance), service.clone()].concat();
    let record = |owner: &[u8], kind: u16, class: u16, data: &[u8]| {
        let fixed = [kind.to_be_bytes(), class.to_be_bytes(), [0, 0], [0x11, 0x94]].concat();
        [owner, &fixed, &(data.len() as u16).to_be_bytes(), data].concat()
    };
    let texts: Vec<u8> = fields
        .iter()
        .map(|it| [it.name.as_bytes(), b"=", &it.value].concat())
        .flat_map(|it| [vec![it.len() as u8], it].concat())
        .collect();
    let texts = if texts.is_empty() { vec![0] } else { texts };
    let head = [0u16, 0x8400, 0, 2, 0, 0].map(u16::to_be_bytes).concat();
    [head, record(&service, 12, 1, &name), record(&name, 16, 0x8001, &texts)].concat()
}

/// What a phone announces by SSDP (UPnP Device Architecture 2.0 section 1.2.2).
pub fn ssdp(fields: &[Field]) -> Vec<u8> {
    let head = fields.iter().flat_map(|it| [it.name.as_bytes(), b": ", &it.value, b"\r\n"].concat());
    let lines =
        b"NOTIFY * HTTP/1.1\r\nHOST: 239.255.255.250:1900\r\nNT: upnp:rootdevice\r\nNTS: ssdp:alive\r\n";
    lines.iter().copied().chain(head).chain(*b"\r\n").collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_as_long_as_they_say() {
        let random = &mut Random::new(1, 1);
        let message = stun(b"abcde", random);
        assert_eq!(usize::from(message[3]), message.len() - 20);
        assert_eq!(message[20..33], *b"\0\x06\0\x05abcde\0\0\0\x80");
        let announced = mdns("x", &[Field::new("a", "b")]);
        assert!(announced.ends_with(b"\0\x10\x80\x01\0\0\x11\x94\0\x04\x03a=b"));
        let login = mcs(&[Field::new("a", "b")]);
        assert_eq!(login[..2], [41, 2]);
        assert!(login.ends_with(b"\x3a\x06\x0a\x01a\x12\x01b"));
        assert!(sip("MESSAGE", "1", &[], b"ab", random).ends_with(b"Content-Length: 2\r\n\r\nab"));
    }
}
