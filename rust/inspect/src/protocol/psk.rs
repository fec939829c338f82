//! Pre-shared keys in TLS and DTLS: the client says in clear which it has, and so who it is (RFC 4279 section 2, RFC 8446
//! section 4.2.11). Device management of carriers (LwM2M) takes an IMEI or a MAC address for that.

use std::ops::Range;

use memchr::memmem;
use packet::Direction;

use super::message::urn;
use super::reader::Reader;
use super::{Message, Observation, Part};

/// The handshake message with which a client of TLS 1.2 and before names its key.
pub(super) const CLIENT_KEY_EXCHANGE: u8 = 16;
/// Identities of one hello that are read.
const MOST: usize = 8;

/// A handshake message.
#[derive(Debug, Clone)]
pub(super) struct Handshake<'a> {
    pub(super) body: &'a [u8],
    /// Where the body begins in the stream, if it stands there in one piece.
    pub(super) at: Option<u64>,
    /// Where the records or datagrams stand that it came in.
    pub(super) range: Range<u64>,
}

impl Handshake<'_> {
    /// Where a part of the body stands, or the whole where that is in pieces.
    fn place(&self, part: &[u8]) -> Range<u64> {
        let begin = self.at.zip(memmem::find(self.body, part)).map(|(at, offset)| at + offset as u64);
        begin.map_or_else(|| self.range.clone(), |begin| begin..begin + part.len() as u64)
    }
}

/// What a ClientKeyExchange tells, if its suite has a pre-shared key. Where the server's choice was not seen, the identity
/// must be a text and all that there is.
pub(super) fn of_key_exchange(
    handshake: &Handshake<'_>,
    suite: Option<u16>,
    direction: Direction,
) -> Option<Observation> {
    let mut reader = Reader(handshake.body);
    let identity = reader.vec16()?.0;
    let told = match suite {
        Some(suite) => is_psk(suite),
        None => reader.is_empty() && is_text(identity),
    };
    told.then(|| message(identity, direction, handshake)).flatten()
}

/// The identities in a ClientHello's extension that are no tickets: those are as long as they are random, and have an age.
pub(super) fn of_extension(mut content: Reader<'_>) -> Vec<Vec<u8>> {
    let mut out = Vec::new();
    let mut list = content.vec16().unwrap_or(Reader(&[]));
    while out.len() < MOST
        && let (Some(identity), Some(age)) = (list.vec16(), list.u32())
    {
        if age == 0 || is_text(identity.0) {
            out.push(identity.0.to_vec());
        }
    }
    out
}

/// What an identity tells.
pub(super) fn message(
    identity: &[u8],
    direction: Direction,
    handshake: &Handshake<'_>,
) -> Option<Observation> {
    let (name, value) = match urn(identity) {
        Some((kind, at)) => (format!("psk_identity.{kind}"), &identity[at]),
        None => ("psk_identity".to_owned(), identity),
    };
    let part = Part { name, value: value.to_vec(), range: handshake.place(value) };
    let message = Message { direction, protocol: "tls", host: None, parts: vec![part] };
    (!value.is_empty()).then(|| Observation::Message(message.into()))
}

fn is_text(identity: &[u8]) -> bool {
    !identity.is_empty() && identity.iter().all(|byte| (b' '..=b'~').contains(byte))
}

/// Suites whose keys are shared before, alone or beside another exchange (IANA, TLS Cipher Suites).
const fn is_psk(suite: u16) -> bool {
    matches!(
        suite,
        0x002c..=0x002e
            | 0x008a..=0x0095
            | 0x00a8..=0x00b9
            | 0xc033..=0xc03b
            | 0xc064..=0xc071
            | 0xc08e..=0xc09b
            | 0xc0a4..=0xc0ab
            | 0xccab..=0xccae
            | 0xd001..=0xd005
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const OUT: Direction = Direction::Outbound;

    fn exchange(body: &[u8], suite: Option<u16>) -> Option<(String, Vec<u8>)> {
        told(of_key_exchange(&Handshake { body, at: Some(10), range: 0..99 }, suite, OUT))
    }

    fn told(observation: Option<Observation>) -> Option<(String, Vec<u8>)> {
        let Observation::Message(message) = observation? else { panic!() };
        let part = message.parts.into_iter().next()?;
        assert_eq!(part.range.end - part.range.start, part.value.len() as u64);
        Some((part.name, part.value))
    }

    #[test]
    fn who_a_client_says_it_is_is_read() {
        let body = b"\0\x0f001017001234569";
        let identity = ("psk_identity".to_owned(), b"001017001234569".to_vec());
        for suite in [None, Some(0x00a8), Some(0xc0a8)] {
            assert_eq!(exchange(body, suite), Some(identity.clone()), "{suite:?}");
        }
        // An exchange of Diffie and Hellman besides.
        let more = [&body[..], &[0x20, 1, 2, 3]].concat();
        assert_eq!(exchange(&more, Some(0xc035)), Some(identity));
        assert_eq!(exchange(&more, None), None);
        let urn = b"\0\x18urn:imei:001017001234569";
        let named = ("psk_identity.imei".to_owned(), b"001017001234569".to_vec());
        assert_eq!(exchange(urn, None), Some(named));
    }

    #[test]
    fn an_identity_is_placed_where_it_stands() {
        let body = &b"\0\x061234567"[..8];
        for (at, place) in [(Some(10), 12..18), (None, 0..99)] {
            let told = of_key_exchange(&Handshake { body, at, range: 0..99 }, None, OUT);
            let Some(Observation::Message(message)) = told else { panic!() };
            assert_eq!(message.parts[0].range, place);
        }
    }

    #[test]
    fn other_exchanges_name_nobody() {
        let rsa = [&[1, 0][..], &[0x9c; 256]].concat();
        for suite in [None, Some(0x002f), Some(0xc02b)] {
            assert_eq!(exchange(&rsa, suite), None);
        }
        assert_eq!(exchange(&[0x41, 4], Some(0x00a8)), None);
        assert_eq!(exchange(&[0, 0], Some(0x00a8)), None);
    }

    #[test]
    fn tickets_are_no_identities() {
        let identity = |bytes: &[u8], age: u32| {
            [&(bytes.len() as u16).to_be_bytes()[..], bytes, &age.to_be_bytes()].concat()
        };
        let list = [identity(&[0x9c; 192], 77), identity(b"imei-1", 5), identity(&[7; 6], 0)].concat();
        let content = [&(list.len() as u16).to_be_bytes()[..], &list, &[0, 0]].concat();
        assert_eq!(of_extension(Reader(&content)), [b"imei-1".to_vec(), vec![7; 6]]);
        assert_eq!(of_extension(Reader(&content[..20])), [[0u8; 0]; 0]);
    }
}
