//! DTLS (RFC 6347, 9147): the hellos and certificates, put together from their fragments.

use std::ops::Range;

use packet::Direction;

use super::certificate::{self, CERTIFICATE, Presented};
use super::hello::{CLIENT_HELLO, SERVER_HELLO, client_hello, server_hello};
use super::psk::{self, CLIENT_KEY_EXCHANGE, Handshake};
use super::reader::Reader;
use super::session::DatagramSession;
use super::{Carrier, Observation};
use crate::stream::Window;

const HANDSHAKE: u8 = 22;
/// The longest hello.
const MAX_MESSAGE: usize = 64 * 1024;

/// Whether a datagram begins as DTLS does: a handshake record in clear.
pub(super) fn probe(bytes: &[u8]) -> bool {
    let mut reader = Reader(bytes);
    Record::parse(&mut reader).is_some_and(|record| {
        record.kind == HANDSHAKE
            && record.epoch == 0
            && record.fragment.len() >= 12
            && record.fragment[0] <= 24
    })
}

struct Record<'a> {
    kind: u8,
    epoch: u16,
    fragment: &'a [u8],
}

impl<'a> Record<'a> {
    fn parse(reader: &mut Reader<'a>) -> Option<Self> {
        let kind = reader.u8()?;
        let version = reader.u16()?;
        let epoch = reader.u16()?;
        reader.take(6)?;
        let fragment = reader.vec16()?.0;
        ((20..=26).contains(&kind) && (0xfefc..=0xfeff).contains(&version)).then_some(Self {
            kind,
            epoch,
            fragment,
        })
    }
}

/// A DTLS association.
#[derive(Debug, Clone, Default)]
pub(super) struct Dtls {
    halves: [Half; 2],
    peers: Peers,
}

/// What the hellos told.
#[derive(Debug, Clone, Copy, Default)]
struct Peers {
    /// Who sent a ClientHello.
    client: Option<Direction>,
    /// The suite that the server chose.
    suite: Option<u16>,
}

#[derive(Debug, Clone, Default)]
struct Half {
    encrypted: bool,
    message: Option<Message>,
}

/// A handshake message in pieces.
#[derive(Debug, Clone)]
struct Message {
    kind: u8,
    sequence: u16,
    len: usize,
    waiting: Window,
    /// Stream offset of the datagram it began in.
    begins: u64,
}

impl DatagramSession for Dtls {
    fn handle(
        &mut self,
        direction: Direction,
        offset: u64,
        bytes: &[u8],
        out: &mut Vec<Observation>,
    ) -> usize {
        let half = &mut self.halves[direction.index()];
        let datagram = offset..offset + bytes.len() as u64;
        let mut reader = Reader(bytes);
        let mut read = 0;
        while let Some(record) = Record::parse(&mut reader).filter(|_| !half.encrypted) {
            read = bytes.len() - reader.0.len();
            if record.epoch > 0 {
                half.encrypted = true;
                half.message = None;
                out.push(Observation::GiveUp { direction, reason: "encrypted" });
            } else if record.kind == HANDSHAKE {
                let mut fragments = Reader(record.fragment);
                while let Some(fragment) = Fragment::parse(&mut fragments) {
                    let end = offset + (read - fragments.0.len()) as u64;
                    half.take(&fragment, end, &datagram, &mut |kind, message| {
                        self.peers.observe(direction, kind, message, out);
                    });
                }
            }
        }
        if half.encrypted { bytes.len() } else { read }
    }

    fn wants(&self, direction: Direction) -> bool {
        !self.halves[direction.index()].encrypted
    }

    fn encrypted(&self, direction: Direction) -> Option<bool> {
        self.halves[direction.index()].encrypted.then_some(true)
    }
}

/// A handshake message or a part of one (RFC 6347 section 4.2.2).
struct Fragment<'a> {
    kind: u8,
    /// Of the whole message.
    len: usize,
    sequence: u16,
    offset: usize,
    bytes: &'a [u8],
}

impl<'a> Fragment<'a> {
    fn parse(reader: &mut Reader<'a>) -> Option<Self> {
        let (kind, len, sequence) = (reader.u8()?, reader.u24()?, reader.u16()?);
        let (offset, fragment_len) = (reader.u24()?, reader.u24()?);
        Some(Self { kind, len, sequence, offset, bytes: reader.take(fragment_len)? })
    }

    fn is_of_use(&self) -> bool {
        matches!(self.kind, CLIENT_HELLO | SERVER_HELLO | CERTIFICATE | CLIENT_KEY_EXCHANGE)
            && self.len <= MAX_MESSAGE
            && self.offset + self.bytes.len() <= self.len
    }
}

impl Half {
    /// Takes a fragment that ends at `end` in the stream; of a message that it makes whole, tells the kind and what it holds.
    fn take(
        &mut self,
        fragment: &Fragment<'_>,
        end: u64,
        datagram: &Range<u64>,
        tell: &mut dyn FnMut(u8, &Handshake<'_>),
    ) {
        if !fragment.is_of_use() {
            return;
        }
        let &Fragment { kind, len, sequence, offset, bytes } = fragment;
        if self.message.as_ref().is_none_or(|m| (m.kind, m.sequence, m.len) != (kind, sequence, len)) {
            let begins = datagram.start;
            self.message = Some(Message { kind, sequence, len, waiting: Window::default(), begins });
        }
        let Some(message) = self.message.as_mut() else { return };
        message.waiting.insert(offset as u64, bytes);
        if let Some(body) = message.whole() {
            let range = message.begins..datagram.end;
            let at = (bytes.len() == len).then(|| end - len as u64);
            tell(kind, &Handshake { body: &body, at, range });
            self.message = None;
        }
    }
}

impl Peers {
    /// What a whole message says.
    fn observe(
        &mut self,
        direction: Direction,
        kind: u8,
        message: &Handshake<'_>,
        out: &mut Vec<Observation>,
    ) {
        let range = message.range.clone();
        match kind {
            CLIENT_HELLO => {
                self.client = Some(direction);
                if let Some(hello) = client_hello(message.body, Carrier::Dtls, range) {
                    out.push(Observation::ClientHello(hello.clone()));
                    let identity = |it: &Vec<u8>| psk::message(it, direction, message);
                    out.extend(hello.psk_identities.iter().filter_map(identity));
                }
            }
            SERVER_HELLO => {
                let hello = server_hello(message.body);
                self.suite = hello.as_ref().map(|hello| hello.cipher);
                out.extend(hello.map(Observation::ServerHello));
            }
            CLIENT_KEY_EXCHANGE => out.extend(psk::of_key_exchange(message, self.suite, direction)),
            _ => {
                let by_client = self.client == Some(direction);
                let presented = Presented { direction, by_client, tls13: false, range };
                let certificate = certificate::of_message(message.body, presented);
                out.extend(certificate.map(|it| Observation::Certificate(it.into())));
            }
        }
    }
}

impl Message {
    fn whole(&mut self) -> Option<Vec<u8>> {
        if self.waiting.held() < self.len {
            return None;
        }
        let mut body = Vec::with_capacity(self.len);
        while let Some(chunk) = self.waiting.pop() {
            body.extend_from_slice(&chunk);
        }
        Some(body)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn u24(value: usize) -> [u8; 3] {
        [(value >> 16) as u8, (value >> 8) as u8, value as u8]
    }

    fn record(epoch: u8, fragment: &[u8]) -> Vec<u8> {
        let len = (fragment.len() as u16).to_be_bytes();
        [&[HANDSHAKE, 0xfe, 0xfd, 0, epoch, 0, 0, 0, 0, 0, 0][..], &len, fragment].concat()
    }

    fn fragment(body: &[u8], from: usize, to: usize) -> Vec<u8> {
        let head = [&[CLIENT_HELLO][..], &u24(body.len()), &[0, 0], &u24(from), &u24(to - from)].concat();
        record(0, &[&head[..], &body[from..to]].concat())
    }

    /// A ClientHello that offers TLS_AES_128_GCM_SHA256 to a.example.
    fn hello() -> Vec<u8> {
        let sni = b"\0\0\0\x0e\0\x0c\0\0\x09a.example";
        let extensions = [&(sni.len() as u16).to_be_bytes()[..], sni].concat();
        [&[0xfe, 0xfd][..], &[7; 32], &[0], &[0], &[0, 2, 0x13, 1], &[1, 0], &extensions].concat()
    }

    #[test]
    fn fragments_come_in_any_order() {
        let (body, mut dtls, mut out) = (hello(), Dtls::default(), Vec::new());
        let pieces = [fragment(&body, 30, body.len()), fragment(&body, 0, 20), fragment(&body, 10, 40)];
        assert!(pieces.iter().all(|piece| probe(piece)));
        let mut at = 0;
        for piece in &pieces {
            dtls.handle(Direction::Outbound, at, piece, &mut out);
            at += piece.len() as u64;
        }
        let [Observation::ClientHello(hello)] = &out[..] else { panic!("{out:?}") };
        assert_eq!(hello.sni.as_deref(), Some("a.example"));
        assert!(hello.ja4.starts_with("dd2d010100_"), "{}", hello.ja4);
        assert_eq!((hello.carrier, hello.range.clone()), (Carrier::Dtls, 0..at));
        dtls.handle(Direction::Outbound, at, &record(1, &[0; 40]), &mut out);
        assert!(!dtls.wants(Direction::Outbound) && dtls.wants(Direction::Inbound));
    }
}
