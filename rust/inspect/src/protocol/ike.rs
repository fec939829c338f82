//! IKE (RFC 7296, RFC 2408), alone and in UDP with ESP (RFC 3948): a tunnel that is set up, and what of it is in clear.

use packet::Direction;

use super::dissector::Opening;
use super::message::Parts;
use super::reader::Reader;
use super::session::DatagramSession;
use super::{Observation, Protocol};

const HEADER: usize = 28;
/// The port of NAT traversal, where ESP and IKE share a flow.
const NAT_PORT: u16 = 4500;
/// Before IKE on that port: ESP has a number there that is never 0.
const NON_ESP: [u8; 4] = [0; 4];
/// RFC 3948 section 2.3.
const KEEP_ALIVE: [u8; 1] = [0xff];

/// Whether a datagram is IKE's, or on the port of NAT traversal ESP's.
pub(super) fn probe(opening: &Opening<'_>) -> bool {
    ike(opening.bytes).is_some() || (opening.port == NAT_PORT && is_esp(opening.bytes))
}

/// RFC 4303 section 2: an index that is not reserved, the number of a packet, and at least a block and its check.
fn is_esp(bytes: &[u8]) -> bool {
    const RESERVED: u32 = 255;
    const LEAST: usize = 8 + 16 + 8;
    let mut reader = Reader(bytes);
    let (Some(index), Some(number)) = (reader.u32(), reader.u32()) else { return bytes == KEEP_ALIVE };
    index > RESERVED && number > 0 && bytes.len() >= LEAST
}

/// An IKE message, without what ESP's port puts before it.
struct Ike<'a> {
    /// Where it stands in the datagram.
    at: usize,
    next_payload: u8,
    major: u8,
    encrypted: bool,
    bytes: &'a [u8],
}

/// RFC 7296 section 3.1. The length must be that of the datagram, so that nothing else is taken for it.
fn ike(datagram: &[u8]) -> Option<Ike<'_>> {
    let bytes = datagram.strip_prefix(&NON_ESP).unwrap_or(datagram);
    let mut reader = Reader(bytes);
    let initiator = reader.take(8)?;
    reader.take(8)?;
    let [next_payload, version, exchange, flags] = *reader.take(4)? else { return None };
    reader.u32()?;
    let len = reader.u32()?;
    let major = version >> 4;
    let known = match major {
        1 => matches!(exchange, 1..=6 | 32..=34) && flags < 8,
        2 => matches!(exchange, 34..=44) && flags & 0xc7 == 0,
        _ => false,
    };
    let whole = u32::try_from(bytes.len()).is_ok_and(|there| there == len);
    let encrypted = if major == 1 { flags & 1 != 0 } else { exchange != 34 };
    let at = datagram.len() - bytes.len();
    (known && whole && initiator.iter().any(|&byte| byte != 0)).then_some(Ike {
        at,
        next_payload,
        major,
        encrypted,
        bytes,
    })
}

/// What the payloads in clear say: in version 1 who wants in (RFC 2407 section 4.6.2) and which software it is, in
/// version 2 the latter.
fn observe(direction: Direction, offset: u64, ike: &Ike<'_>) -> Option<Observation> {
    let mut parts = Parts::new(ike.bytes, offset + ike.at as u64);
    let mut reader = Reader(ike.bytes.get(HEADER..)?);
    let mut kind = ike.next_payload;
    while !ike.encrypted && kind != 0 {
        let start = parts.position(&reader);
        let (Some(next), Some(_), Some(len)) = (reader.u8(), reader.u8(), reader.u16()) else { break };
        let end = start + usize::from(len);
        let Some(rest) = usize::from(len).checked_sub(4) else { break };
        if reader.take(rest).is_none() {
            break;
        }
        match (ike.major, kind) {
            // After the kind of name, protocol and port.
            (1, 5) => parts.add("identification", (start + 8).min(end)..end),
            (1, 13) | (2, 43) => parts.add("vendor_id", start + 4..end),
            (2, 41) => add_notification(&mut parts, start + 4..end),
            _ => {}
        }
        kind = next;
    }
    parts.finish(direction, "ike", None)
}

/// Data of a notification (RFC 7296 section 3.10) of a kind that is for private use: the others are numbers and digests.
fn add_notification(parts: &mut Parts<'_>, range: std::ops::Range<usize>) {
    const PRIVATE: std::ops::RangeInclusive<u16> = 40960..=u16::MAX;
    let &[_, index, high, low, ..] = parts.get(range.clone()) else { return };
    if PRIVATE.contains(&u16::from_be_bytes([high, low])) {
        parts.add("notification", (range.start + 4 + usize::from(index)).min(range.end)..range.end);
    }
}

/// A flow with IKE, and ESP if there is any.
#[derive(Debug, Clone, Default)]
pub(super) struct Tunnel {
    esp: bool,
    encrypted: [bool; 2],
}

impl DatagramSession for Tunnel {
    fn handle(
        &mut self,
        direction: Direction,
        offset: u64,
        bytes: &[u8],
        out: &mut Vec<Observation>,
    ) -> usize {
        let first = match ike(bytes) {
            Some(ike) if !ike.encrypted => {
                out.extend(observe(direction, offset, &ike));
                return bytes.len();
            }
            Some(_) => false,
            None if bytes == KEEP_ALIVE => return bytes.len(),
            None if is_esp(bytes) => !std::mem::replace(&mut self.esp, true),
            None => return 0,
        };
        if first {
            out.push(Observation::Protocol(Protocol::ESP));
        }
        if !std::mem::replace(&mut self.encrypted[direction.index()], true) {
            out.push(Observation::GiveUp { direction, reason: "encrypted" });
        }
        bytes.len()
    }

    /// ESP ends it: what IKE says later is encrypted too.
    fn wants(&self, direction: Direction) -> bool {
        !(self.esp && self.encrypted[direction.index()])
    }

    fn encrypted(&self, direction: Direction) -> Option<bool> {
        Some(self.encrypted[direction.index()])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OUT: Direction = Direction::Outbound;

    fn message(major: u8, exchange: u8, payload: u8, body: &[u8]) -> Vec<u8> {
        let len = (HEADER + body.len()) as u32;
        [
            &[5; 8][..],
            &[0; 8],
            &[payload, major << 4, exchange, 8 * (major - 1), 0, 0, 0, 0],
            &len.to_be_bytes(),
            body,
        ]
        .concat()
    }

    fn is_ike(bytes: &[u8], port: u16) -> bool {
        probe(&Opening { bytes, direction: OUT, port })
    }

    #[test]
    fn a_message_fills_its_datagram() {
        let init = message(2, 34, 33, &[0, 0, 0, 8, 1, 2, 3, 4]);
        assert!(is_ike(&init, 500) && is_ike(&init, 9));
        assert!(is_ike(&[&NON_ESP[..], &init].concat(), 4500));
        assert!(!is_ike(&init[..30], 500) && !is_ike(&message(2, 3, 0, &[]), 500) && !is_ike(&[], 4500));
        let esp = [&[0, 1, 2, 3, 0, 0, 0, 1][..], &[9; 40]].concat();
        assert!(is_ike(&esp, 4500) && !is_ike(&esp, 4501) && is_ike(&[0xff], 4500));
    }

    #[test]
    fn a_name_in_clear_is_read() {
        let body = [&[0, 0, 0, 26, 3, 17, 0, 0][..], b"001010123456789@ex"].concat();
        let bytes = message(1, 4, 5, &body);
        let mut out = Vec::new();
        let mut tunnel = Tunnel::default();
        tunnel.handle(OUT, 10, &bytes, &mut out);
        let [Observation::Message(message)] = &out[..] else { panic!("{out:?}") };
        let part = &message.parts[0];
        assert_eq!(
            (&part.name[..], &part.value[..], part.range.clone()),
            ("identification", &b"001010123456789@ex"[..], 46..64)
        );
        assert_eq!(tunnel.encrypted(OUT), Some(false));
    }

    #[test]
    fn a_notification_of_ones_own_is_read() {
        // Where it would be an address's digest, and for private use.
        let known = [&[41, 0, 0, 23, 0, 0, 0x40, 4][..], b"001010123456789"].concat();
        let own = [&[0, 0, 0, 23, 1, 0, 0xa0, 1][..], b"001010123456789"].concat();
        let bytes = message(2, 34, 41, &[known, own].concat());
        let mut out = Vec::new();
        assert_eq!(Tunnel::default().handle(OUT, 0, &bytes, &mut out), bytes.len());
        let [Observation::Message(message)] = &out[..] else { panic!("{out:?}") };
        let parts: Vec<_> =
            message.parts.iter().map(|part| (part.name.as_str(), part.range.clone())).collect();
        assert_eq!(parts, [("notification", 59..74)]);
    }

    #[test]
    fn esp_is_encrypted() {
        let mut out = Vec::new();
        let mut tunnel = Tunnel::default();
        tunnel.handle(OUT, 0, &[0xff], &mut out);
        tunnel.handle(OUT, 1, &[&[0, 1, 2, 3, 0, 0, 0, 1][..], &[9; 40]].concat(), &mut out);
        assert_eq!(
            out,
            [
                Observation::Protocol(Protocol::ESP),
                Observation::GiveUp { direction: OUT, reason: "encrypted" }
            ]
        );
        assert!(!tunnel.wants(OUT) && tunnel.wants(Direction::Inbound));
        assert_eq!(tunnel.handle(Direction::Inbound, 0, b"imei=1", &mut out), 0);
    }
}
