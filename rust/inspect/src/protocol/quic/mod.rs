//! QUIC (RFC 9000, 9369 and drafts from 21 on): Initial packets are opened and the hellos in them read. All else is
//! encrypted with keys that only the two ends know, and is read where they were given.

mod frame;
mod http3;
mod keys;
mod sealed;
mod streams;

use std::ops::Range;

use packet::Direction;

use super::certificate::{self, CERTIFICATE, Presented};
use super::hello::{CLIENT_HELLO, SERVER_HELLO, client_hello, server_hello};
use super::reader::Reader;
use super::session::{Context, DatagramSession};
use super::{Carrier, ClientHello, Observation, Protocol};
use crate::stream::Window;
use keys::{Keys, parameters};
use sealed::Sealed;

/// Connection attempts of one flow whose keys are kept: a Retry makes a new one.
const MAX_ATTEMPTS: usize = 4;
/// Datagrams of each direction that are looked at.
const MAX_DATAGRAMS: u32 = 64;
/// CRYPTO bytes of one direction that are kept.
const MAX_CRYPTO: u64 = 64 * 1024;
/// What a QUIC packet's header can hold at most of each connection id (RFC 9000 section 17.2).
const MAX_CONNECTION_ID: usize = 20;

/// Whether a datagram begins with a long header of a version that may be QUIC's.
pub(super) fn probe(bytes: &[u8]) -> bool {
    const SHORTEST: usize = 21;
    let Some(header) = LongHeader::parse(bytes) else { return false };
    let number = header.version;
    let negotiation =
        number == 0 && bytes.len() % 4 == (7 + header.destination.len() + header.source.len()) % 4;
    let known = parameters(number).is_some()
        || number & 0x0f0f_0f0f == 0x0a0a_0a0a
        || number >> 8 == 0x00ff_0000 >> 8;
    // Google's own: Q046 and later.
    let google = number >> 16 == 0x5130;
    bytes.len() >= SHORTEST && ((bytes[0] & 0x40 != 0 && (known || google)) || negotiation)
}

/// What every version's long header begins with (RFC 8999).
#[derive(Debug, Clone, Copy)]
struct LongHeader<'a> {
    first: u8,
    version: u32,
    destination: &'a [u8],
    source: &'a [u8],
    rest: Reader<'a>,
}

impl<'a> LongHeader<'a> {
    fn parse(bytes: &'a [u8]) -> Option<Self> {
        let mut rest = Reader(bytes);
        let first = rest.u8()?;
        if first & 0x80 == 0 {
            return None;
        }
        let version = rest.u32()?;
        let (destination, source) = (rest.vec8()?.0, rest.vec8()?.0);
        let fits = destination.len() <= MAX_CONNECTION_ID && source.len() <= MAX_CONNECTION_ID;
        fits.then_some(Self { first, version, destination, source, rest })
    }

    /// Version 2 numbers them anew (RFC 9369 section 3.2).
    fn kind(&self) -> Kind {
        let second = parameters(self.version).is_some_and(|version| version.second);
        match (self.first >> 4).wrapping_sub(u8::from(second)) & 3 {
            0 => Kind::Initial,
            1 => Kind::Early,
            2 => Kind::Handshake,
            _ => Kind::Retry,
        }
    }
}

/// A QUIC flow.
#[derive(Debug, Clone, Default)]
pub(super) struct Quic {
    context: Context,
    attempts: Vec<Attempt>,
    /// The newest that the server did not answer yet.
    begun: Option<Box<Begun>>,
    /// The newest connection whose secrets were given.
    sealed: Option<Box<Sealed>>,
    datagrams: [u32; 2],
}

/// What one client's first packet began.
#[derive(Debug, Clone)]
struct Attempt {
    client: Direction,
    /// The client's and the server's.
    keys: [Keys; 2],
    crypto: [Crypto; 2],
}

/// A connection that a client began.
#[derive(Debug, Clone)]
struct Begun {
    client: Direction,
    version: u32,
    hello: ClientHello,
}

/// What a packet with a long header is (RFC 9000 section 17.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Initial,
    /// 0-RTT.
    Early,
    Handshake,
    Retry,
}

/// CRYPTO frames of one sender put together.
#[derive(Debug, Clone, Default)]
struct Crypto {
    /// Whose certificate can be in it, and whether that is the client.
    sender: Option<(Direction, bool)>,
    waiting: Window,
    /// What was put together and not consumed.
    bytes: Vec<u8>,
    /// Offset after `bytes`.
    next: u64,
    /// Stream offset of the datagram that `bytes` began in.
    begins: Option<u64>,
}

impl DatagramSession for Quic {
    fn begin(&mut self, context: &Context) {
        self.context = context.clone();
    }

    fn handle(
        &mut self,
        direction: Direction,
        offset: u64,
        bytes: &[u8],
        out: &mut Vec<Observation>,
    ) -> usize {
        if !self.wants(direction) {
            return bytes.len();
        }
        self.datagrams[direction.index()] = self.datagrams[direction.index()].saturating_add(1);
        let end = offset + bytes.len() as u64;
        let mut rest = bytes;
        while let Some(header) = LongHeader::parse(rest) {
            if header.version == 0 {
                break;
            }
            let kind = header.kind();
            let Some((number_at, len)) = body(rest, &header, kind) else { break };
            let (packet, after) = rest.split_at(len);
            if kind == Kind::Initial {
                self.handle_initial(direction, &header, packet, number_at, offset..end, out);
            }
            if let Some(sealed) = &mut self.sealed {
                sealed.learn_id(direction, header.source);
                match kind {
                    Kind::Early => sealed.handle_early(direction, packet, number_at, out),
                    Kind::Handshake => {
                        sealed.handle_handshake(direction, packet, number_at, offset..end, out);
                    }
                    Kind::Initial | Kind::Retry => {}
                }
            }
            rest = after;
        }
        if rest.first().is_some_and(|first| first & 0x80 == 0)
            && let Some(sealed) = &mut self.sealed
        {
            sealed.handle_short(direction, rest, out);
        }
        if !self.wants(direction) {
            out.push(Observation::GiveUp { direction, reason: "encrypted" });
        }
        bytes.len()
    }

    /// Reads what came of a ClientHello whose rest was never seen.
    fn flush(&mut self, end: [u64; 2], out: &mut Vec<Observation>) {
        for attempt in &mut self.attempts {
            let crypto = &mut attempt.crypto[0];
            let Some(begins) = crypto.begins.take() else { continue };
            if let [CLIENT_HELLO, _, _, _, body @ ..] = &crypto.bytes[..] {
                let range = begins..end[attempt.client.index()];
                out.extend(client_hello(body, Carrier::Quic, range).map(Observation::ClientHello));
            }
        }
        self.sealed.iter_mut().for_each(|it| it.flush(out));
    }

    fn is_pending(&self) -> bool {
        self.attempts.iter().any(|attempt| attempt.crypto[0].begins.is_some())
            || self.sealed.as_ref().is_some_and(|it| it.is_pending())
    }

    fn wants(&self, direction: Direction) -> bool {
        self.decrypts() || self.datagrams[direction.index()] < MAX_DATAGRAMS
    }

    fn encrypted(&self, _direction: Direction) -> Option<bool> {
        Some(true)
    }

    fn decrypts(&self) -> bool {
        self.sealed.is_some()
    }
}

impl Quic {
    fn handle_initial(
        &mut self,
        direction: Direction,
        header: &LongHeader<'_>,
        packet: &[u8],
        number_at: usize,
        range: Range<u64>,
        out: &mut Vec<Observation>,
    ) {
        let Some((at, sender, opened)) = self.open_initial(direction, header, packet, number_at) else {
            return;
        };
        let attempt = &mut self.attempts[at];
        let (client, mut seen) = (attempt.client, Vec::new());
        attempt.crypto[sender].take_frames(&opened, range, &mut seen);
        for observation in seen {
            let more = self.learn(client, header.version, &observation);
            out.push(observation);
            out.extend(more);
        }
    }

    /// Which attempt it belongs to, whether to the server's part of it, and its content. One that no known keys open may begin
    /// another.
    fn open_initial(
        &mut self,
        direction: Direction,
        header: &LongHeader<'_>,
        packet: &[u8],
        number_at: usize,
    ) -> Option<(usize, usize, Vec<u8>)> {
        let known = self.attempts.iter().enumerate().rev().find_map(|(at, attempt)| {
            let sender = usize::from(direction != attempt.client);
            Some((at, sender, attempt.keys[sender].open(packet, number_at)?))
        });
        if known.is_some() {
            return known;
        }
        let keys = Keys::derive(parameters(header.version)?, header.destination)?;
        let opened = keys[0].open(packet, number_at)?;
        if self.attempts.len() == MAX_ATTEMPTS {
            self.attempts.remove(0);
        }
        self.attempts.push(Attempt { client: direction, keys, crypto: Default::default() });
        Some((self.attempts.len() - 1, 0, opened))
    }

    /// What a hello tells of what comes.
    fn learn(&mut self, client: Direction, version: u32, seen: &Observation) -> Vec<Observation> {
        let mut out = Vec::new();
        match seen {
            Observation::ClientHello(hello) => {
                self.begun = Some(Begun { client, version, hello: hello.clone() }.into());
                self.begin_sealed(&mut out);
                if hello.alpn.iter().any(|protocol| protocol.starts_with("doq")) {
                    out.push(Observation::Protocol(Protocol::DOQ));
                }
            }
            Observation::ServerHello(hello) if !hello.retry => {
                // Its secrets may have come since.
                self.begin_sealed(&mut out);
                self.begun = None;
                self.sealed.iter_mut().for_each(|sealed| sealed.choose(hello));
            }
            _ => {}
        }
        out
    }

    /// A hello begins a connection, or comes again: after a Retry, or as the server wants it (RFC 8446 section 4.1.2).
    fn begin_sealed(&mut self, out: &mut Vec<Observation>) {
        let Some(begun) = self.begun.as_deref() else { return };
        if self.sealed.as_ref().is_some_and(|sealed| sealed.is_of(&begun.hello)) {
            return;
        }
        let secrets = self.context.keys.secrets(&begun.hello.random);
        let (Some(secrets), Some(version)) = (secrets, parameters(begun.version)) else { return };
        let sealed = Sealed::new(&secrets, version, begun.client, &begun.hello, &self.context);
        if let Some(mut older) = self.sealed.replace(sealed.into()) {
            older.flush(out);
        }
    }
}

/// Where the packet number begins, and how long the packet is. `None`: it has none (Retry), or is cut off.
fn body(bytes: &[u8], header: &LongHeader<'_>, kind: Kind) -> Option<(usize, usize)> {
    let mut rest = header.rest;
    match kind {
        Kind::Initial => {
            let token = rest.varint()?;
            rest.take(usize::try_from(token).ok()?)?;
        }
        Kind::Retry => return None,
        Kind::Early | Kind::Handshake => {}
    }
    let len = usize::try_from(rest.varint()?).ok()?;
    let number_at = bytes.len() - rest.0.len();
    rest.take(len)?;
    Some((number_at, number_at + len))
}

impl Crypto {
    /// Of Handshake packets.
    fn of(direction: Direction, by_client: bool) -> Self {
        Self { sender: Some((direction, by_client)), ..Self::default() }
    }

    /// Reads the frames of an Initial packet (RFC 9000 section 17.2.2 says which can be in it).
    fn take_frames(&mut self, payload: &[u8], range: Range<u64>, out: &mut Vec<Observation>) {
        let mut reader = Reader(payload);
        while let Some(kind) = reader.varint() {
            let read = match kind {
                // PADDING, PING
                0 | 1 => Some(()),
                2 | 3 => skip_ack(&mut reader, kind == 3),
                // CRYPTO; 8 in Google's T050 and T051
                6 | 8 => self.take_crypto(&mut reader, range.start),
                // CONNECTION_CLOSE, or what has no place here.
                _ => None,
            };
            if read.is_none() {
                break;
            }
        }
        self.assemble();
        self.read_messages(range.end, out);
    }

    fn take_crypto(&mut self, reader: &mut Reader<'_>, datagram: u64) -> Option<()> {
        let offset = reader.varint()?;
        let len = usize::try_from(reader.varint()?).ok()?;
        let bytes = reader.take(len)?;
        let end = offset.checked_add(bytes.len() as u64)?;
        if end > MAX_CRYPTO {
            return None;
        }
        let skip = usize::try_from(self.next.saturating_sub(offset)).ok()?;
        if let Some(fresh) = bytes.get(skip..).filter(|fresh| !fresh.is_empty()) {
            self.begins.get_or_insert(datagram);
            self.waiting.insert(offset + skip as u64, fresh);
        }
        Some(())
    }

    fn assemble(&mut self) {
        while self.waiting.start() == Some(self.next) {
            let chunk = self.waiting.pop().unwrap_or_default();
            self.next += chunk.len() as u64;
            self.bytes.extend_from_slice(&chunk);
        }
    }

    fn read_messages(&mut self, end: u64, out: &mut Vec<Observation>) {
        while let [kind, high, middle, low, body @ ..] = &self.bytes[..] {
            let len = usize::from(*high) << 16 | usize::from(*middle) << 8 | usize::from(*low);
            let Some(body) = body.get(..len) else { return };
            let begins = self.begins.unwrap_or(end);
            match *kind {
                CLIENT_HELLO => {
                    out.extend(client_hello(body, Carrier::Quic, begins..end).map(Observation::ClientHello));
                }
                SERVER_HELLO => out.extend(server_hello(body).map(Observation::ServerHello)),
                CERTIFICATE => {
                    let presented = self.sender.map(|(direction, by_client)| Presented {
                        direction,
                        by_client,
                        tls13: true,
                        range: begins..end,
                    });
                    let certificate =
                        presented.and_then(|presented| certificate::of_message(body, presented));
                    out.extend(certificate.map(|it| Observation::Certificate(it.into())));
                }
                _ => {}
            }
            self.bytes.drain(..4 + len);
            self.begins = None;
        }
    }
}

/// Passes over an ACK frame (RFC 9000 section 19.3).
fn skip_ack(reader: &mut Reader<'_>, counts: bool) -> Option<()> {
    reader.varint()?;
    reader.varint()?;
    let ranges = reader.varint()?;
    reader.varint()?;
    for _ in 0..ranges {
        reader.varint()?;
        reader.varint()?;
    }
    for _ in 0..if counts { 3 } else { 0 } {
        reader.varint()?;
    }
    Some(())
}

#[cfg(test)]
mod tests;
