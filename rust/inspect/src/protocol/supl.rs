//! SUPL (OMA-TS-ULP): whom a phone says it is, and in which cell, when it asks for help to find its place. Packed as
//! ASN.1's unaligned PER wants it: bits, not bytes. (Servers on port 7275 want TLS around it.)

mod bits;
mod place;

use packet::Direction;

use super::Observation;
use super::dissector::Opening;
use super::framed::{Framing, Length};
use super::message::Parts;
use bits::Bits;
use place::{place, skip_address};

/// Length, version, and the first bits of the session.
const HEAD: usize = 5;
/// Ports of SUPL with and without TLS.
const PORTS: [u16; 2] = [7275, 7276];
/// Digits of a number in its eight bytes.
const NUMBER: usize = 8;
/// Where the number's first bit stands: flags, number and kind of the session come before it.
const NUMBER_BIT: usize = HEAD * 8 + 2 + 16 + 4;

/// Whether a stream begins with a message of the phone's whose session names it; `None`: it may yet.
pub(super) fn probe(opening: &Opening<'_>) -> Option<bool> {
    const LONGEST: u16 = 8 * 1024;
    let &[high, low, major, minor, indicator, ref rest @ ..] = opening.bytes else {
        let fits = |at: usize, most: u8| opening.bytes.get(at).is_none_or(|&byte| byte <= most);
        return if fits(0, 0x20) && fits(2, 3) && fits(3, 9) && fits(4, 9) { None } else { Some(false) };
    };
    let len = u16::from_be_bytes([high, low]);
    let version = (1..=3).contains(&major) && minor <= 9 && indicator <= 9;
    // The phone's part of the session is always there.
    if !version || !(16..=LONGEST).contains(&len) || rest.first().is_some_and(|first| first & 0x80 == 0) {
        return Some(false);
    }
    if PORTS.contains(&opening.port) {
        return rest.first().map(|_| true);
    }
    if rest.len() < 11 {
        return None;
    }
    Some(session_name(opening.bytes).is_some_and(|name| matches!(name, Name::Number { .. })))
}

/// What a session is named by.
#[derive(Debug, PartialEq, Eq)]
enum Name {
    /// A number in BCD: its kind, its digits, the bytes that it touches.
    Number { kind: &'static str, digits: Vec<u8>, range: std::ops::Range<usize> },
    /// A network access identifier.
    Nai { text: Vec<u8>, range: std::ops::Range<usize> },
}

/// ULP section 11.5: two flags for the two parts of the session, then the phone's part: its number and who it is.
fn session_name(bytes: &[u8]) -> Option<Name> {
    let mut bits = Bits::new(bytes, HEAD);
    let phone_part = bits.flag()?;
    bits.skip(1 + 16)?;
    if phone_part { set_id(&mut bits)? } else { None }
}

/// One kind of name out of six; `Some(None)` when it is none that tells anything.
fn set_id(bits: &mut Bits<'_>) -> Option<Option<Name>> {
    // The first bit says that it is a kind of a later version.
    let kind = match bits.take(4)? {
        0 => "msisdn",
        1 => "mdn",
        2 => return bits.skip(34).map(|()| None),
        3 => "imsi",
        4 => return nai(bits).map(Some),
        5 => return skip_address(bits).map(|()| None),
        _ => return None,
    };
    let octets = number(bits)?;
    let range = bits.at() / 8 - NUMBER..bits.at().div_ceil(8);
    Some(digits(&octets).map(|digits| Name::Number { kind, digits, range }))
}

fn number(bits: &mut Bits<'_>) -> Option<[u8; NUMBER]> {
    let mut octets = [0u8; NUMBER];
    for octet in &mut octets {
        *octet = bits.take(8)? as u8;
    }
    Some(octets)
}

/// The first digit is in the lower half; what is not used is filled with ones.
fn digits(octets: &[u8]) -> Option<Vec<u8>> {
    let nibbles: Vec<u8> = octets.iter().flat_map(|octet| [octet & 0x0f, octet >> 4]).collect();
    let count = nibbles.iter().position(|&nibble| nibble == 0x0f).unwrap_or(nibbles.len());
    let filled = nibbles[count..].iter().all(|&nibble| nibble == 0x0f);
    let valid = nibbles[..count].iter().all(|&nibble| nibble < 10);
    (filled && valid && count >= 6).then(|| nibbles[..count].iter().map(|nibble| b'0' + nibble).collect())
}

/// What the value of a part called `name` is made of, again, of the bytes of its range.
pub(super) fn unpack(name: &str, bytes: &[u8]) -> Option<Vec<u8>> {
    if !name.starts_with("set_id.") {
        return place(bytes).into_iter().find(|(other, _)| *other == name).map(|(_, it)| it.into_bytes());
    }
    // A number always begins at the same bit.
    let mut bits = Bits::new(bytes, 0);
    bits.skip(NUMBER_BIT % 8)?;
    number(&mut bits).and_then(|octets| digits(&octets))
}

/// A text of seven-bit characters, its length less one before it.
fn nai(bits: &mut Bits<'_>) -> Option<Name> {
    let len = bits.take(10)? as usize + 1;
    let start = bits.at() / 8;
    let text = (0..len).map(|_| bits.take(7).map(|letter| letter as u8)).collect::<Option<Vec<u8>>>()?;
    Some(Name::Nai { text, range: start..bits.at().div_ceil(8) })
}

/// What SUPL's messages are read with.
#[derive(Debug, Clone)]
pub(super) struct Supl;

impl Framing for Supl {
    fn measure(&self, _direction: Direction, bytes: &[u8]) -> Length {
        match bytes {
            [high, low, ..] => match u16::from_be_bytes([*high, *low]) {
                0..=5 => Length::Broken,
                len => Length::Known(len.into()),
            },
            _ => Length::Unknown,
        }
    }

    fn take(&mut self, direction: Direction, at: u64, bytes: &[u8], out: &mut Vec<Observation>) {
        let mut parts = Parts::new(bytes, at);
        match session_name(bytes) {
            Some(Name::Number { kind, digits, range }) => {
                parts.add_decoded(format!("set_id.{kind}"), digits, range)
            }
            Some(Name::Nai { text, range }) => parts.add_decoded("set_id.nai", text, range),
            None => {}
        }
        // Its bits stand anywhere.
        for (name, value) in place(bytes) {
            parts.add_decoded(name.to_owned(), value.into_bytes(), 0..bytes.len());
        }
        // The rest is searched as it is.
        parts.add("message", HEAD.min(bytes.len())..bytes.len());
        out.extend(parts.finish(direction, "supl", None));
    }
}

#[cfg(test)]
mod tests {
    use super::super::dissector::tests::dissect;
    use super::*;

    const OUT: Direction = Direction::Outbound;

    /// A message of `len` bytes whose session is named by an IMSI: bits shifted as the packing wants it.
    fn message(number: [u8; 8]) -> Vec<u8> {
        // Flags 1 and 0, session 7, not extended, kind 3.
        let mut bits = String::from("10") + &format!("{:016b}", 7) + "0" + "011";
        number.iter().for_each(|octet| bits += &format!("{octet:08b}"));
        while !bits.len().is_multiple_of(8) {
            bits.push('0');
        }
        let packed =
            bits.as_bytes().chunks(8).map(|byte| byte.iter().fold(0u8, |it, bit| it << 1 | (bit & 1)));
        let mut out = vec![0, 24, 2, 0, 0];
        out.extend(packed);
        out.resize(24, 0x11);
        out
    }

    /// 001010123456789.
    const IMSI: [u8; 8] = [0x00, 0x01, 0x01, 0x21, 0x43, 0x65, 0x87, 0xf9];

    #[test]
    fn a_session_is_named_by_its_subscriber() {
        // The digits are 0,0,1,0,1,0,1,2…
        let number = [0x00, 0x01, 0x01, 0x21, 0x43, 0x65, 0x87, 0xf9];
        assert_eq!(digits(&number).unwrap(), b"001010123456789");
        for (port, step) in [(7276, 1), (9999, 1), (9999, 7), (9999, 1000)] {
            let out = dissect(port, &[(OUT, &message(number))], step);
            let [Observation::Protocol(protocol), Observation::Message(message)] = &out[..] else {
                panic!("{out:?}")
            };
            assert_eq!(protocol.0, "supl");
            let part = &message.parts[0];
            assert_eq!((&part.name[..], &part.value[..]), ("set_id.imsi", &b"001010123456789"[..]));
            assert_eq!(part.range, 7..16);
        }
    }

    #[test]
    fn a_place_is_named_and_made_again() {
        let bytes = place::tests::start();
        let out = dissect(7276, &[(OUT, &bytes)], 3);
        let Some(Observation::Message(message)) = out.last() else { panic!("{out:?}") };
        let parts: Vec<_> = message.parts.iter().map(|it| (&it.name[..], &it.value[..])).collect();
        let cell: [(&str, &[u8]); 4] = [
            ("location_id.mcc", b"262"),
            ("location_id.mnc", b"2"),
            ("location_id.lac", b"4660"),
            ("location_id.cid", b"22136"),
        ];
        assert_eq!(parts[..4], cell);
        for part in &message.parts[..4] {
            let stands = part.range.start as usize..part.range.end as usize;
            assert_eq!(unpack(&part.name, &bytes[stands]).as_ref(), Some(&part.value));
        }
    }

    #[test]
    fn a_number_must_be_one() {
        let opening = |bytes: &[u8], port| probe(&Opening { bytes, direction: OUT, port });
        assert_eq!(opening(&message(IMSI), 9999), Some(true));
        assert_eq!(opening(&message([0xab; 8]), 9999), Some(false));
        assert_eq!(opening(&message([0xab; 8]), 7276), Some(true));
        assert_eq!(opening(&[0, 24, 9], 7276), Some(false));
        assert_eq!(opening(b"GET / HTTP/1.1\r\n", 7276), Some(false));
        assert_eq!(opening(&message(IMSI)[..12], 9999), None);
    }
}
