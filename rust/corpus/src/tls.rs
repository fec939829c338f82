//! What TLS and QUIC say in clear: names in hellos, and certificates of clients.

use aes::Aes128;
use aes::cipher::BlockCipherEncrypt;
use aes_gcm::Aes128Gcm;
use aes_gcm::aead::{Aead, KeyInit, Payload};
use hkdf::Hkdf;
use sha2::Sha256;

use crate::binary::der_value as der;
use crate::mail::Turns;
use crate::packet::Way;
use crate::random::Random;

fn with_length(bytes: &[u8]) -> Vec<u8> {
    [&(bytes.len() as u16).to_be_bytes(), bytes].concat()
}

/// A handshake message (RFC 8446 section 4).
fn handshake(kind: u8, body: &[u8]) -> Vec<u8> {
    [&[kind], &(body.len() as u32).to_be_bytes()[1..], body].concat()
}

fn record(kind: u8, body: &[u8]) -> Vec<u8> {
    [vec![kind, 3, 3], with_length(body)].concat()
}

fn extension(kind: u16, body: &[u8]) -> Vec<u8> {
    [kind.to_be_bytes().to_vec(), with_length(body)].concat()
}

/// A hello that asks for a name (RFC 6066 section 3), with further extensions.
fn hello(name: &str, protocols: &[u8], more: &[u8], random: &mut Random) -> Vec<u8> {
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
        vec![32],
        random.bytes(32),
        vec![0, 6, 0x13, 1, 0x13, 2, 0x13, 3, 1, 0],
        with_length(&extensions.concat()),
    ];
    handshake(1, &body.concat())
}

/// A TLS 1.3 hello that asks for a name (RFC 8446).
pub fn client_hello(name: &str, random: &mut Random) -> Vec<u8> {
    record(22, &hello(name, b"\x02h2\x08http/1.1", &[], random))
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

fn certificates(name: &str, random: &mut Random) -> Vec<u8> {
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

/// A QUIC Initial packet whose hello asks for a name (RFC 9000 section 17.2.2, RFC 9001 section 5).
pub fn quic_initial(name: &str, random: &mut Random) -> Vec<u8> {
    let parameters = [&[1, 4, 0x80, 0, 0x75, 0x30, 15, 8][..], &random.bytes(8)].concat();
    let hello = hello(name, b"\x02h3", &extension(0x0039, &parameters), random);
    let destination = random.bytes(8);
    // In one CRYPTO frame or two, the later first; then padding to the least size of such a datagram.
    let cut = if random.happens(50) { hello.len() / 2 } else { 0 };
    let mut frames = crypto(cut, &hello[cut..]);
    frames.extend(if cut > 0 { crypto(0, &hello[..cut]) } else { Vec::new() });
    frames.resize(frames.len().max(1200 - 46), 0);
    let length = frames.len() + 4 + 16;
    let mut head = [&[0xc3, 0, 0, 0, 1, 8][..], &destination, &[8], &random.bytes(8), &[0]].concat();
    head.extend((0x4000 | length as u16).to_be_bytes());
    head.extend([0; 4]);
    protect(head, &frames, &destination)
}

/// A CRYPTO frame (RFC 9000 section 19.6), numbers in two bytes.
fn crypto(offset: usize, bytes: &[u8]) -> Vec<u8> {
    let number = |value: usize| (0x4000 | value as u16).to_be_bytes();
    [&[6], &number(offset)[..], &number(bytes.len()), bytes].concat()
}

/// RFC 9001 section 5.2.
const SALT: [u8; 20] = [
    0x38, 0x76, 0x2c, 0xf7, 0xf5, 0x59, 0x34, 0xb3, 0x4d, 0x17, 0x9a, 0xe6, 0xa4, 0xc8, 0x0c, 0xad, 0xcc,
    0xbb, 0x7f, 0x0a,
];

/// RFC 9001 sections 5.2 to 5.4: keys follow from the connection id that the client chose. The packet's number is 0, in four bytes.
fn protect(mut head: Vec<u8>, frames: &[u8], destination: &[u8]) -> Vec<u8> {
    let secret = expand::<32>(&Hkdf::<Sha256>::new(Some(&SALT), destination), "client in");
    let Ok(client) = Hkdf::<Sha256>::from_prk(&secret) else { return Vec::new() };
    let (key, iv) = (expand::<16>(&client, "quic key"), expand::<12>(&client, "quic iv"));
    let payload = Payload { msg: frames, aad: &head };
    let sealed = Aes128Gcm::new(&key.into()).encrypt(&iv.into(), payload).unwrap_or_default();
    let mut mask = [0; 16];
    mask.copy_from_slice(&sealed[..16]);
    Aes128::new(&expand::<16>(&client, "quic hp").into()).encrypt_block((&mut mask).into());
    let number = head.len() - 4;
    head[0] ^= mask[0] & 0x0f;
    head[number..].iter_mut().zip(&mask[1..5]).for_each(|(byte, mask)| *byte ^= mask);
    [head, sealed].concat()
}

/// HKDF-Expand-Label (RFC 8446 section 7.1).
fn expand<const N: usize>(secret: &Hkdf<Sha256>, label: &str) -> [u8; N] {
    let label = [b"tls13 ", label.as_bytes()].concat();
    let info = [&[0, N as u8, label.len() as u8], &label[..], &[0]].concat();
    let mut out = [0; N];
    // Not longer than a hash's 255-fold.
    let _ = secret.expand(&info, &mut out);
    out
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
        assert_eq!(quic_initial("x.example", random).len(), 1200);
    }

    #[test]
    fn a_packet_is_protected_as_in_the_standard() {
        // RFC 9001 appendix A.2, from the keys on.
        let destination = [0x83, 0x94, 0xc8, 0xf0, 0x3e, 0x51, 0x57, 0x08];
        let head = [&[0xc3, 0, 0, 0, 1, 8][..], &destination, &[0, 0, 0x44, 0x9e, 0, 0, 0, 2]].concat();
        let secret = expand::<32>(&Hkdf::<Sha256>::new(Some(&SALT), &destination), "client in");
        assert_eq!(secret[..4], [0xc0, 0x0c, 0xf1, 0x51]);
        let client = Hkdf::<Sha256>::from_prk(&secret).unwrap();
        assert_eq!(expand::<16>(&client, "quic key")[..4], [0x1f, 0x36, 0x96, 0x13]);
        assert_eq!(expand::<12>(&client, "quic iv")[..4], [0xfa, 0x04, 0x4b, 0x2f]);
        assert_eq!(expand::<16>(&client, "quic hp")[..4], [0x9f, 0x50, 0x44, 0x9e]);
        assert_eq!(protect(head, &[0; 1162], &destination).len(), 1200);
    }
}
