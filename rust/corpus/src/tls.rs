//! What TLS says in clear: names in hellos, and certificates of clients.

use crate::binary::der_value as der;
use crate::packet::{Turns, Way};
use crate::random::Random;

/// Bytes behind their length in two bytes.
pub fn with_length(bytes: &[u8]) -> Vec<u8> {
    [&(bytes.len() as u16).to_be_bytes(), bytes].concat()
}

/// A handshake message (RFC 8446 section 4).
pub fn handshake(kind: u8, body: &[u8]) -> Vec<u8> {
    [&[kind], &(body.len() as u32).to_be_bytes()[1..], body].concat()
}

/// A record (RFC 8446 section 5.1).
pub fn record(kind: u8, body: &[u8]) -> Vec<u8> {
    [vec![kind, 3, 3], with_length(body)].concat()
}

/// An extension of a hello (RFC 8446 section 4.2).
pub fn extension(kind: u16, body: &[u8]) -> Vec<u8> {
    [kind.to_be_bytes().to_vec(), with_length(body)].concat()
}

/// What says that data follows a hello at once (RFC 8446 section 4.2.10).
pub fn early_data() -> Vec<u8> {
    extension(0x002a, &[])
}

/// A hello that asks for a name (RFC 6066 section 3), with further extensions.
pub fn hello(name: &str, protocols: &[u8], session: &[u8], more: &[u8], random: &mut Random) -> Vec<u8> {
    let server_name = with_length(&[vec![0], with_length(name.as_bytes())].concat());
    let share = [vec![0, 0x1d], with_length(&random.bytes(32))].concat();
    let extensions = [
        extension(0x0000, &server_name),
        extension(0x000a, &[0, 2, 0, 0x1d]),
        extension(0x000d, &[0, 4, 4, 3, 8, 4]),
        extension(0x0010, &with_length(protocols)),
        extension(0x002b, &[2, 3, 4]),
        extension(0x0033, &with_length(&share)),
        more.to_vec(),
    ];
    let body = [
        vec![3, 3],
        random.bytes(32),
        vec![session.len() as u8],
        session.to_vec(),
        vec![0, 6, 0x13, 1, 0x13, 2, 0x13, 3, 1, 0],
        with_length(&extensions.concat()),
    ];
    handshake(1, &body.concat())
}

/// A TLS 1.3 hello that asks for a name (RFC 8446).
pub fn client_hello(name: &str, random: &mut Random) -> Vec<u8> {
    client_hello_with(name, &[], random)
}

/// The same, with further extensions.
pub fn client_hello_with(name: &str, more: &[u8], random: &mut Random) -> Vec<u8> {
    let session = random.bytes(32);
    record(22, &hello(name, b"\x02h2\x08http/1.1", &session, more, random))
}

/// A TLS 1.2 handshake (RFC 5246) in which the client shows a certificate with that common name.
pub fn client_certificate(name: &str, random: &mut Random) -> Turns {
    let server = "mdm.vendor.example";
    let chosen = [&[3, 3][..], &random.bytes(32), &[0, 0xc0, 0x2f, 0, 0, 0]].concat();
    let answer = [
        handshake(2, &chosen),
        certificates(server, random),
        handshake(13, &[2, 1, 64, 0, 2, 4, 1, 0, 0]),
        handshake(14, &[]),
    ];
    let shown = [
        certificates(name, random),
        handshake(16, &[&[32], &random.bytes(32)[..]].concat()),
        handshake(15, &[vec![4, 1], with_length(&random.bytes(256))].concat()),
    ];
    let finish = [record(20, &[1]), record(22, &random.bytes(40))].concat();
    vec![
        (Way::Out, client_hello(server, random)),
        (Way::In, record(22, &answer.concat())),
        (Way::Out, [record(22, &shown.concat()), finish.clone()].concat()),
        (Way::In, finish),
    ]
}

/// A message with a certificate of that common name (RFC 5246 section 7.4.2).
pub fn certificates(name: &str, random: &mut Random) -> Vec<u8> {
    let counted = |bytes: &[u8]| [&(bytes.len() as u32).to_be_bytes()[1..], bytes].concat();
    handshake(11, &counted(&counted(&certificate(name, random))))
}

/// A certificate (RFC 5280) with that common name. Nobody made its signature.
fn certificate(name: &str, random: &mut Random) -> Vec<u8> {
    let sequence = |parts: &[Vec<u8>]| der(0x30, &parts.concat());
    let algorithm = |last: u8| {
        let identifier = [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, last];
        sequence(&[der(0x06, &identifier), vec![5, 0]])
    };
    let called = |name: &str| {
        let attribute = sequence(&[der(0x06, &[0x55, 4, 3]), der(0x0c, name.as_bytes())]);
        sequence(&[der(0x31, &attribute)])
    };
    let positive = |bytes: Vec<u8>| der(0x02, &[vec![0x41], bytes].concat());
    let bits = |bytes: Vec<u8>| der(0x03, &[vec![0], bytes].concat());
    let key = sequence(&[positive(random.bytes(255)), vec![2, 3, 1, 0, 1]]);
    let body = sequence(&[
        vec![0xa0, 3, 2, 1, 2],
        positive(random.bytes(15)),
        algorithm(11),
        called("Vendor CA"),
        sequence(&[der(0x17, b"240101000000Z"), der(0x17, b"340101000000Z")]),
        called(name),
        sequence(&[algorithm(1), bits(key)]),
    ]);
    sequence(&[body, algorithm(11), bits(random.bytes(256))])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_as_long_as_they_say() {
        let random = &mut Random::new(1, 1);
        let hello = client_hello("x.example", random);
        assert_eq!(usize::from(hello[3]) << 8 | usize::from(hello[4]), hello.len() - 5);
        let certificate = certificate("x", random);
        assert_eq!(usize::from(certificate[2]) << 8 | usize::from(certificate[3]), certificate.len() - 4);
    }
}
