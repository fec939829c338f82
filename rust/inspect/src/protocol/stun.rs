//! STUN (RFC 8489), its classic form (RFC 3489) and TURN (RFC 8656), and what shares a socket with them (RFC 7983).

use packet::Direction;

use super::dissector::Opening;
use super::dtls::{self, Dtls};
use super::framed::{Framing, Length};
use super::message::Parts;
use super::reader::Reader;
use super::session::DatagramSession;
use super::unknown::Unknown;
use super::{Observation, Protocol};

const HEADER: usize = 20;
const COOKIE: u32 = 0x2112_a442;
const PORT: u16 = 3478;

/// Whether a datagram is a STUN message: by the cookie, else by attributes that fill it.
pub(super) fn probe(opening: &Opening<'_>) -> bool {
    let Some(message) = Head::parse(opening.bytes) else { return false };
    let whole = message.len == opening.bytes.len();
    whole && (message.cookie || is_classic(opening, message.kind))
}

/// RFC 3489 section 11: bindings and shared secrets, with attributes up to 0x0b.
fn is_classic(opening: &Opening<'_>, kind: u16) -> bool {
    if !matches!(kind, 0x0001 | 0x0101 | 0x0111 | 0x0002 | 0x0102 | 0x0112) {
        return false;
    }
    let mut reader = Reader(opening.bytes.get(HEADER..).unwrap_or_default());
    if reader.is_empty() {
        return opening.port == PORT;
    }
    while let Some((kind, value)) = attribute(&mut reader) {
        let software = kind == 0x8020 || kind == 0x8022;
        if !software && (!(1..=0x0b).contains(&kind) || value.is_empty()) {
            return false;
        }
    }
    reader.is_empty()
}

/// Whether a TCP stream begins with a STUN message; `None`: it may yet.
pub(super) fn probe_stream(bytes: &[u8]) -> Option<bool> {
    const COOKIE_BYTES: [u8; 4] = COOKIE.to_be_bytes();
    let fits = |at: usize, fit: &dyn Fn(u8) -> bool| bytes.get(at).is_none_or(|&byte| fit(byte));
    let cookie = COOKIE_BYTES.iter().zip(4..).all(|(&wanted, at)| fits(at, &|byte| byte == wanted));
    let begins = fits(0, &|byte| byte < 0x40) && fits(3, &|byte| byte & 3 == 0) && cookie;
    if begins && bytes.len() < 8 { None } else { Some(begins) }
}

struct Head {
    kind: u16,
    /// Of the whole message.
    len: usize,
    cookie: bool,
}

impl Head {
    fn parse(bytes: &[u8]) -> Option<Self> {
        let mut reader = Reader(bytes);
        let (kind, len) = (reader.u16()?, usize::from(reader.u16()?));
        let cookie = reader.u32()? == COOKIE;
        reader.take(12)?;
        (kind < 0x4000 && len % 4 == 0).then_some(Self { kind, len: HEADER + len, cookie })
    }
}

/// An attribute and its value, the padding passed over.
fn attribute<'a>(reader: &mut Reader<'a>) -> Option<(u16, &'a [u8])> {
    let kind = reader.u16()?;
    let value = reader.vec16()?.0;
    // The classic form has values of whole words only.
    reader.take_up_to(value.len().wrapping_neg() & 3);
    Some((kind, value))
}

/// Whether what is relayed are media or a handshake of DTLS (RFC 7983).
fn is_call(data: &[u8]) -> bool {
    matches!(data.first(), None | Some(20..=63 | 128..=191))
}

/// Attributes with addresses, numbers and digests (IANA, STUN Parameters), and ICE's own.
const fn is_registered(kind: u16) -> bool {
    matches!(kind, 0x0001..=0x002a | 0x8000..=0x802e | 0xc000..=0xc003 | 0xc056 | 0xc057)
}

/// What a message says, which begins at `at`.
fn observe(direction: Direction, at: u64, bytes: &[u8]) -> Option<Observation> {
    let head = Head::parse(bytes)?;
    let mut parts = Parts::new(bytes, at);
    let mut reader = Reader(bytes.get(HEADER..)?);
    loop {
        let start = parts.position(&reader) + 4;
        let Some((kind, value)) = attribute(&mut reader) else { break };
        let name = match kind {
            0x0006 => "username".into(),
            0x0014 => "realm".into(),
            0x0013 if head.cookie && !is_call(value) => "data".into(),
            0x8020 | 0x8022 => "software".into(),
            0x802f => "origin".into(),
            0x8030 => "mobility_ticket".into(),
            _ if is_registered(kind) => continue,
            _ => format!("attribute 0x{kind:04x}"),
        };
        parts.add(name, start..start + value.len());
    }
    parts.finish(direction, "stun", None)
}

/// A UDP flow with STUN in it, and mostly a call beside: a datagram's first byte tells which it is.
#[derive(Debug, Clone)]
pub(super) struct Stun {
    dtls: Option<Dtls>,
    /// Whether media came in each direction.
    media: [bool; 2],
}

impl Stun {
    pub(super) fn new() -> Self {
        Self { dtls: None, media: [false; 2] }
    }

    fn handle_media(&mut self, direction: Direction, out: &mut Vec<Observation>) {
        if !std::mem::replace(&mut self.media[direction.index()], true) {
            out.push(Observation::GiveUp { direction, reason: "media" });
        }
    }

    fn handle_dtls(
        &mut self,
        direction: Direction,
        offset: u64,
        bytes: &[u8],
        out: &mut Vec<Observation>,
    ) -> usize {
        if self.dtls.is_none() {
            if !dtls::probe(bytes) {
                return 0;
            }
            out.push(Observation::Protocol(Protocol::DTLS));
        }
        self.dtls.get_or_insert_default().handle(direction, offset, bytes, out)
    }
}

impl DatagramSession for Stun {
    fn handle(
        &mut self,
        direction: Direction,
        offset: u64,
        bytes: &[u8],
        out: &mut Vec<Observation>,
    ) -> usize {
        match bytes {
            [0..=3, ..] if Head::parse(bytes).is_some() => out.extend(observe(direction, offset, bytes)),
            [20..=63, ..] => return self.handle_dtls(direction, offset, bytes, out),
            // A TURN channel: number and length before the data. There is none inside another.
            [64..=79, _, _, _, data @ ..] if data.first().is_some_and(|first| !(64..=79).contains(first)) => {
                return 4 + self.handle(direction, offset + 4, data, out);
            }
            [128..=191, ..] => self.handle_media(direction, out),
            _ => return 0,
        }
        bytes.len()
    }

    fn encrypted(&self, direction: Direction) -> Option<bool> {
        let by_dtls = self.dtls.as_ref().and_then(|dtls| dtls.encrypted(direction));
        // Whether media are encrypted is agreed elsewhere.
        by_dtls.or((!self.media[direction.index()] && self.dtls.is_none()).then_some(false))
    }
}

/// STUN and TURN over TCP (RFC 8489 section 6.2.2, RFC 8656 section 12.5).
#[derive(Debug, Clone)]
pub(super) struct Stream {
    call: Stun,
    other: Unknown,
}

impl Stream {
    pub(super) fn new() -> Self {
        Self { call: Stun::new(), other: Unknown::to_the_end() }
    }
}

impl Framing for Stream {
    fn measure(&self, _direction: Direction, bytes: &[u8]) -> Length {
        let &[first, _, high, low, ..] = bytes else { return Length::Unknown };
        let len = u64::from(u16::from_be_bytes([high, low]));
        match first {
            0..=0x3f => Length::Known(HEADER as u64 + len),
            0x40..=0x4f => Length::Known(4 + len.next_multiple_of(4)),
            _ => Length::Broken,
        }
    }

    fn take(&mut self, direction: Direction, at: u64, bytes: &[u8], out: &mut Vec<Observation>) {
        let read = self.call.handle(direction, at, bytes, out);
        self.other.take_rest(direction, at, (bytes, read), out);
    }
}

#[cfg(test)]
mod tests {
    use super::super::dissector::tests::dissect;
    use super::*;

    const OUT: Direction = Direction::Outbound;

    fn message(cookie: bool, attributes: &[(u16, &[u8])]) -> Vec<u8> {
        let mut body = Vec::new();
        for (kind, value) in attributes {
            body.extend([&kind.to_be_bytes()[..], &(value.len() as u16).to_be_bytes(), value].concat());
            body.resize(body.len().next_multiple_of(4), 0);
        }
        let cookie = if cookie { COOKIE } else { 7 };
        let head =
            [&[0, 1][..], &(body.len() as u16).to_be_bytes(), &cookie.to_be_bytes(), &[9; 12]].concat();
        [head, body].concat()
    }

    fn is_stun(bytes: &[u8], port: u16) -> bool {
        probe(&Opening { bytes, direction: OUT, port })
    }

    #[test]
    fn messages_are_told_by_cookie_or_attributes() {
        assert!(is_stun(&message(true, &[]), 9));
        assert!(is_stun(&message(false, &[(3, &[0; 4])]), 9));
        assert!(is_stun(&message(false, &[]), PORT) && !is_stun(&message(false, &[]), 9));
        assert!(!is_stun(&message(false, &[(0x4003, &[0; 4])]), 9));
        assert!(!is_stun(&[&message(true, &[])[..], &[0; 4]].concat(), 9));
        assert!(!is_stun(&message(true, &[])[..19], PORT) && !is_stun(&[], PORT));
    }

    #[test]
    fn names_are_read_at_their_place() {
        let bytes = message(true, &[(0x24, &[1, 2, 3, 4]), (6, b"001017001234569:x"), (0x8022, b"phone/9")]);
        let mut out = Vec::new();
        Stun::new().handle(OUT, 100, &bytes, &mut out);
        let [Observation::Message(message)] = &out[..] else { panic!("{out:?}") };
        let [user, software] = &message.parts[..] else { panic!("{message:?}") };
        assert_eq!(
            (user.name.as_str(), &user.value[..], user.range.clone()),
            ("username", &b"001017001234569:x"[..], 132..149)
        );
        assert_eq!(software.value, b"phone/9");
        for step in [1, 6, 500] {
            let flow = [&bytes[..], b"\x40\x01\0\x06imei=1\0\0", &bytes].concat();
            let out = dissect(9, &[(OUT, &flow)], step);
            assert_eq!(out.len(), 4, "{out:?}");
            assert_eq!(out[0], Observation::Protocol(Protocol::STUN));
            let start = bytes.len() as u64 + 4;
            assert!(
                matches!(&out[2], Observation::Readable(it) if it.bytes == b"imei=1\0\0" && it.range.start == start)
            );
        }
    }

    #[test]
    fn what_is_relayed_and_what_nobody_registered_is_read() {
        let attributes: [(u16, &[u8]); 5] = [
            (0x0013, b"imei=1"),
            (0x0013, &[0x80; 8]),
            (0x0008, &[7; 20]),
            (0xc0de, b"imei=2"),
            (0x8028, &[7; 4]),
        ];
        let mut out = Vec::new();
        Stun::new().handle(OUT, 0, &message(true, &attributes), &mut out);
        let [Observation::Message(message)] = &out[..] else { panic!("{out:?}") };
        let parts: Vec<_> = message.parts.iter().map(|part| (part.name.as_str(), &part.value[..])).collect();
        assert_eq!(parts, [("data", &b"imei=1"[..]), ("attribute 0xc0de", b"imei=2")]);
    }

    #[test]
    fn a_call_shares_the_flow() {
        let mut session = Stun::new();
        let mut out = Vec::new();
        session.handle(OUT, 0, &message(true, &[]), &mut out);
        assert_eq!(session.encrypted(OUT), Some(false));
        // A DTLS record with a ServerHelloDone, then RTP, then bytes that are neither, also in a channel of TURN.
        let done = [22, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 12, 14, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        assert_eq!(session.handle(OUT, 20, &done, &mut out), done.len());
        assert_eq!(session.handle(OUT, 45, &[0x80; 40], &mut out), 40);
        assert_eq!(session.handle(OUT, 85, b"imei=1", &mut out), 0);
        assert_eq!(session.handle(OUT, 91, b"\x40\x01\0\x06imei=1", &mut out), 4);
        assert_eq!(out[0], Observation::Protocol(Protocol::DTLS));
        assert_eq!(out[1], Observation::GiveUp { direction: OUT, reason: "media" });
        assert_eq!(out.len(), 2);
    }
}
