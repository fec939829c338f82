//! Where a phone says that it is when it asks for help (ULP 2.0 section 11): its cell, or the access point it hears.

use super::bits::Bits;
use super::{HEAD, set_id};

/// Messages that say so (section 11.1). The triggered start is the first of version 2's.
const START: u64 = 1;
const POS_INIT: u64 = 3;
const TRIGGERED_START: u64 = 0;

/// What a number is called, and the number.
pub(super) type Numbers = Vec<(&'static str, String)>;

/// The numbers of the place that a message names; `None` when it names none.
pub(super) fn place(message: &[u8]) -> Option<Numbers> {
    let mut bits = Bits::new(message, HEAD);
    let (phone_part, server_part) = (bits.flag()?, bits.flag()?);
    if phone_part {
        bits.skip(16)?;
        set_id(&mut bits)?;
    }
    if server_part {
        bits.skip(32)?;
        skip_server(&mut bits)?;
    }
    begin(&mut bits)?;
    location_id(&mut bits)
}

/// An address, or a name of which each letter has six bits.
fn skip_server(bits: &mut Bits<'_>) -> Option<()> {
    match bits.take(2)? {
        0 => skip_address(bits),
        1 => {
            let len = bits.take(8)? as usize + 1;
            bits.skip(len * 6)
        }
        _ => None,
    }
}

pub(super) fn skip_address(bits: &mut Bits<'_>) -> Option<()> {
    let v6 = bits.flag()?;
    bits.skip(if v6 { 128 } else { 32 })
}

/// All that comes before the place.
fn begin(bits: &mut Bits<'_>) -> Option<()> {
    let extended = bits.flag()?;
    match (extended, bits.take(if extended { 7 } else { 3 })?) {
        (false, START) => {
            bits.skip(2)?;
            skip_capabilities(bits)
        }
        (false, POS_INIT) => {
            bits.skip(1)?;
            let assistance = bits.take(4)? & 0b1000 != 0;
            skip_capabilities(bits)?;
            if assistance { skip_assistance(bits) } else { Some(()) }
        }
        (true, TRIGGERED_START) => {
            bits.length()?;
            bits.skip(11)?;
            skip_capabilities(bits)
        }
        _ => None,
    }
}

/// Technologies (seven flags), a preference out of three, protocols (three flags).
fn skip_capabilities(bits: &mut Bits<'_>) -> Option<()> {
    let extended = bits.flag()?;
    let technology = bits.flag()?;
    bits.skip(7)?;
    bits.skip_additions(technology)?;
    bits.skip(2)?;
    let protocol = bits.flag()?;
    bits.skip(3)?;
    bits.skip_additions(protocol)?;
    bits.skip_additions(extended)
}

/// Nine flags of what is wanted, and which satellites the phone knows.
fn skip_assistance(bits: &mut Bits<'_>) -> Option<()> {
    let (extended, knows) = (bits.flag()?, bits.flag()?);
    bits.skip(9)?;
    if knows {
        let (more, satellites) = (bits.flag()?, bits.flag()?);
        bits.skip(10 + 8 + 5 + 4)?;
        let count = if satellites { bits.take(5)? + 1 } else { 0 };
        for _ in 0..count {
            let more = bits.flag()?;
            bits.skip(6 + 8)?;
            bits.skip_additions(more)?;
        }
        bits.skip_additions(more)?;
    }
    bits.skip_additions(extended)
}

/// Section 11.5: a cell of GSM, WCDMA or CDMA, or what version 2 added.
fn location_id(bits: &mut Bits<'_>) -> Option<Numbers> {
    bits.skip(1)?;
    let extended = bits.flag()?;
    match (extended, bits.take(if extended { 7 } else { 2 })?) {
        (false, 0) => {
            bits.skip(3)?;
            numbers(bits, &[("mcc", 10), ("mnc", 10), ("lac", 16), ("cid", 16)])
        }
        (false, 1) => {
            bits.skip(4)?;
            numbers(bits, &[("mcc", 10), ("mnc", 10), ("cellid", 28)])
        }
        (false, 2) => {
            bits.skip(1)?;
            numbers(bits, &[("nid", 16), ("sid", 15), ("baseid", 16)])
        }
        (true, 0) => {
            bits.length()?;
            later(bits)
        }
        _ => None,
    }
}

/// Of five kinds that version 2 knows, LTE's cells and access points.
fn later(bits: &mut Bits<'_>) -> Option<Numbers> {
    match bits.take(4)? {
        2 => {
            bits.skip(5)?;
            let extended = bits.flag()?;
            let has_country = bits.flag()?;
            let country = if has_country { digits(bits, 3)? } else { String::new() };
            let len = bits.take(1)? as usize + 2;
            let network = digits(bits, len)?;
            let cell = bits.take(28)?.to_string();
            bits.skip_additions(extended)?;
            bits.skip(9)?;
            let area = bits.take(16)?.to_string();
            Some(vec![("mcc", country), ("mnc", network), ("tac", area), ("eci", cell)])
        }
        3 => {
            bits.skip(13)?;
            Some(vec![("bssid", format!("{:012x}", bits.take(48)?))])
        }
        _ => None,
    }
}

fn numbers(bits: &mut Bits<'_>, names: &[(&'static str, u32)]) -> Option<Numbers> {
    names.iter().map(|(name, count)| Some((*name, bits.take(*count)?.to_string()))).collect()
}

fn digits(bits: &mut Bits<'_>, count: usize) -> Option<String> {
    (0..count).map(|_| char::from_digit(bits.take(4)? as u32, 10)).collect()
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A SUPL START in a cell of GSM.
    pub(in crate::protocol::supl) fn start() -> Vec<u8> {
        let mut bytes = message(&format!("0001 00 {CAPABILITIES} {GSM}"));
        bytes[1] = bytes.len() as u8;
        bytes
    }

    /// A message whose phone is known by its address; then bits, as text with spaces.
    fn message(bits: &str) -> Vec<u8> {
        let session = format!("10 {:016b} 0101 0 {:032b}", 7, 0x0a00_0001);
        let bits: Vec<u8> = (session + bits).bytes().filter(|bit| *bit != b' ').collect();
        let packed = bits
            .chunks(8)
            .map(|byte| (0..8).fold(0u8, |it, at| it << 1 | u8::from(byte.get(at) == Some(&b'1'))));
        [0, 0, 2, 0, 0].into_iter().chain(packed).collect()
    }

    /// Capabilities without additions.
    const CAPABILITIES: &str = "0 0 1110100 00 0 010";
    /// 262-02, area 4660, cell 22136.
    const GSM: &str = "0 0 00 000 0100000110 0000000010 0001001000110100 0101011001111000";

    fn named(bits: &str) -> Option<String> {
        let numbers = place(&message(bits))?;
        Some(numbers.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join(" "))
    }

    #[test]
    fn every_start_says_where_the_phone_is() {
        let expected = Some("mcc=262 mnc=2 lac=4660 cid=22136".to_owned());
        assert_eq!(named(&format!("0001 00 {CAPABILITIES} {GSM}")), expected);
        // With a quality, which comes after; with additions to each of the capabilities.
        let additions = "0000000 1 00000001 10101010";
        let more = format!("1 1 1110100 {additions} 00 1 010 {additions} {additions}");
        assert_eq!(named(&format!("0001 01 {more} {GSM}")), expected);
        // SUPL POS INIT, without and with the satellites that the phone knows.
        assert_eq!(named(&format!("0011 0 0000 {CAPABILITIES} {GSM}")), expected);
        let known = "0 1 111100001 0 1 0000000001 00000010 00011 0100 00000 0 000001 00000010";
        assert_eq!(named(&format!("0011 0 1000 {CAPABILITIES} {known} {GSM}")), expected);
        // SUPL TRIGGERED START.
        assert_eq!(named(&format!("1 0000000 00001111 0 0000000000 {CAPABILITIES} {GSM}")), expected);
    }

    #[test]
    fn every_kind_of_place_is_read() {
        let at = |place: &str| named(&format!("0001 00 {CAPABILITIES} 0 {place}"));
        let wcdma = "0 01 0000 0100000110 0000000010 0000000100100011010001010110";
        assert_eq!(at(wcdma).as_deref(), Some("mcc=262 mnc=2 cellid=1193046"));
        let cdma = "0 10 0 0000000000000001 000000000000010 0000000000000011";
        assert_eq!(at(cdma).as_deref(), Some("nid=1 sid=2 baseid=3"));
        let cell = "0 010 00000 0 1 0011 0001 0000 1 0010 0110 0000 0000000100100011010001010110 000000001 0001001000110100";
        let lte = format!("1 0000000 00001111 {cell}");
        assert_eq!(at(&lte).as_deref(), Some("mcc=310 mnc=260 tac=4660 eci=1193046"));
        let point = format!("1 0000000 00001001 0 011 0000000000000 {:048b}", 0x3c5a_b400_0001_u64);
        assert_eq!(at(&point).as_deref(), Some("bssid=3c5ab4000001"));
        assert_eq!(at("0 11"), None);
    }

    #[test]
    fn a_message_that_is_cut_names_nothing() {
        let whole = message(&format!("0001 00 {CAPABILITIES} {GSM}"));
        for len in 0..whole.len() {
            assert_eq!(place(&whole[..len]), None, "{len}");
        }
    }
}
