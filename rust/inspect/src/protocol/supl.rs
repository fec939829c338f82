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
/// Bytes up to the last that the number touches.
const NUMBER_END: usize = (NUMBER_BIT + NUMBER * 8).div_ceil(8);
/// The kind of name that is a network access identifier.
const NAI: u64 = 4;

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
    let end = identifier_end(opening.bytes).unwrap_or(NUMBER_END).max(NUMBER_END);
    if end > usize::from(len) {
        return Some(false);
    }
    if opening.bytes.len() < end {
        return None;
    }
    Some(match session_name(opening.bytes) {
        Some(Name::Number { .. }) => true,
        Some(Name::Nai { text, .. }) => is_identifier(&text),
        None => false,
    })
}

/// Bytes up to the last that an identifier touches, if that is what names the session.
fn identifier_end(bytes: &[u8]) -> Option<usize> {
    let mut bits = Bits::new(bytes, HEAD);
    bits.skip(2 + 16)?;
    let named = bits.take(4)? == NAI;
    let letters = bits.take(10)? as usize + 1;
    named.then_some((bits.at() + letters * 7).div_ceil(8))
}

/// Whether a text can be a user's name and realm (RFC 7542).
fn is_identifier(text: &[u8]) -> bool {
    let mut parts = text.split(|byte| *byte == b'@');
    let (user, realm) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    let graphic = text.iter().all(u8::is_ascii_graphic);
    graphic && !user.is_empty() && realm.contains(&b'.') && parts.next().is_none()
}

/// What a session is named by.
#[derive(Debug, PartialEq, Eq)]
enum Name {
    /// A number in BCD: its kind, the number as it is written, the bytes that it touches.
    Number { kind: &'static str, number: Vec<u8>, range: std::ops::Range<usize> },
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
        NAI => {
            let start = bits.at() / 8;
            let text = letters(bits)?;
            return Some(Some(Name::Nai { text, range: start..bits.at().div_ceil(8) }));
        }
        5 => return skip_address(bits).map(|()| None),
        _ => return None,
    };
    let octets = number(bits)?;
    let range = bits.at() / 8 - NUMBER..bits.at().div_ceil(8);
    Some(digits(&octets).map(|digits| Name::Number { kind, number: written(kind, digits), range }))
}

/// A subscriber's number has its country code (3GPP TS 23.003 section 3.3), which the packed digits do not show.
fn written(kind: &str, mut digits: Vec<u8>) -> Vec<u8> {
    if kind == "msisdn" && digits.first() != Some(&b'0') {
        digits.insert(0, b'+');
    }
    digits
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
    let Some(kind) = name.strip_prefix("set_id.") else {
        return place(bytes).into_iter().find(|(other, _)| *other == name).map(|(_, it)| it.into_bytes());
    };
    // A number always begins at the same bit, and so does an identifier's length.
    let mut bits = Bits::new(bytes, 0);
    bits.skip(NUMBER_BIT % 8)?;
    if kind == "nai" {
        return letters(&mut bits);
    }
    number(&mut bits).and_then(|octets| digits(&octets)).map(|digits| written(kind, digits))
}

/// A text of seven-bit characters, its length less one before it.
fn letters(bits: &mut Bits<'_>) -> Option<Vec<u8>> {
    let len = bits.take(10)? as usize + 1;
    (0..len).map(|_| bits.take(7).map(|letter| letter as u8)).collect()
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
            Some(Name::Number { kind, number, range }) => {
                parts.add_decoded(format!("set_id.{kind}"), number, range)
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

    /// A message whose session is named by an IMSI.
    fn message(number: [u8; 8]) -> Vec<u8> {
        named(3, &number.map(|octet| format!("{octet:08b}")).concat())
    }

    /// A message whose session is named so: bits shifted as the packing wants it.
    fn named(kind: u8, name: &str) -> Vec<u8> {
        // Flags 1 and 0, session 7, not extended.
        let mut bits = String::from("10") + &format!("{:016b}", 7) + "0" + &format!("{kind:03b}") + name;
        while !bits.len().is_multiple_of(8) {
            bits.push('0');
        }
        let packed =
            bits.as_bytes().chunks(8).map(|byte| byte.iter().fold(0u8, |it, bit| it << 1 | (bit & 1)));
        let mut out = vec![0, 0, 2, 0, 0];
        out.extend(packed);
        out.resize(out.len().max(24), 0x11);
        out[1] = out.len() as u8;
        out
    }

    fn nai(text: &str) -> Vec<u8> {
        let letters: String = text.bytes().map(|letter| format!("{letter:07b}")).collect();
        named(4, &(format!("{:010b}", text.len() - 1) + &letters))
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
    fn a_session_is_named_by_an_identifier_on_any_port() {
        let text = "0310260797677742@nai.epc.mnc260.mcc310.3gppnetwork.org";
        for (port, step) in [(7276, 1), (9999, 1), (9999, 20), (9999, 1000)] {
            let out = dissect(port, &[(OUT, &nai(text))], step);
            let Some(Observation::Message(message)) = out.last() else { panic!("{out:?}") };
            let part = &message.parts[0];
            assert_eq!((&part.name[..], &part.value[..]), ("set_id.nai", text.as_bytes()), "{port}, {step}");
            let stands = part.range.start as usize..part.range.end as usize;
            assert_eq!(unpack(&part.name, &nai(text)[stands]).as_ref(), Some(&part.value));
        }
        for text in ["no realm, but long enough", "a@b@example.org 0123456789", "@example.org 0123456"] {
            let out = dissect(9999, &[(OUT, &nai(text))], 1000);
            assert!(matches!(out[..], [Observation::Readable(_)]), "{text}");
        }
    }

    #[test]
    fn a_subscribers_number_has_its_country() {
        // 4741607693.
        let octets = [0x74, 0x14, 0x06, 0x67, 0x39, 0xff, 0xff, 0xff];
        let bytes = named(0, &octets.map(|octet: u8| format!("{octet:08b}")).concat());
        let Some(Observation::Message(message)) = dissect(9999, &[(OUT, &bytes)], 1).pop() else { panic!() };
        let part = &message.parts[0];
        assert_eq!((&part.name[..], &part.value[..]), ("set_id.msisdn", &b"+4741607693"[..]));
        let stands = part.range.start as usize..part.range.end as usize;
        assert_eq!(unpack(&part.name, &bytes[stands]).as_ref(), Some(&part.value));
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
