//! Where a phone says that it is when it asks for help (ULP 2.0.6 section 11): its cell, or the access point it hears, and
//! its coordinates once it has them.

use super::bits::Bits;
use super::{HEAD, set_id};

/// Messages that say so (section 11.1). Those of version 2 are numbered anew.
const START: u64 = 1;
const POS_INIT: u64 = 3;
const END: u64 = 5;
const TRIGGERED_START: u64 = 0;
const REPORT: u64 = 6;

/// What a number is called, and the number.
pub(super) type Numbers = Vec<(&'static str, String)>;

/// The numbers of the places that a message names, as far as it can be read.
pub(super) fn place(message: &[u8]) -> Numbers {
    let mut out = Numbers::new();
    read(&mut Bits::new(message, HEAD), &mut out);
    out
}

fn read(bits: &mut Bits<'_>, out: &mut Numbers) -> Option<()> {
    skip_session(bits)?;
    let later = bits.flag()?;
    match (later, bits.take(if later { 7 } else { 3 })?) {
        (false, START) => {
            bits.skip(2)?;
            skip_capabilities(bits)?;
            location_id(bits, out)
        }
        (false, POS_INIT) => {
            bits.skip(1)?;
            let (assistance, with_position) = (bits.flag()?, bits.flag()?);
            bits.skip(2)?;
            skip_capabilities(bits)?;
            if assistance {
                skip_assistance(bits)?;
            }
            location_id(bits, out)?;
            if with_position { position(bits, out) } else { Some(()) }
        }
        (false, END) => {
            bits.skip(1)?;
            let with_position = bits.flag()?;
            bits.skip(2)?;
            if with_position { position(bits, out) } else { Some(()) }
        }
        (true, TRIGGERED_START) => {
            bits.length()?;
            bits.skip(11)?;
            skip_capabilities(bits)?;
            location_id(bits, out)
        }
        (true, REPORT) => {
            bits.length()?;
            report(bits, out)
        }
        _ => None,
    }
}

/// What the phone calls a session, and what the server does.
fn skip_session(bits: &mut Bits<'_>) -> Option<()> {
    let (phone_part, server_part) = (bits.flag()?, bits.flag()?);
    if phone_part {
        bits.skip(16)?;
        set_id(bits)?;
    }
    if server_part {
        bits.skip(32)?;
        skip_server(bits)?;
    }
    Some(())
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

/// A SUPL REPORT: other sessions; what was measured since, the first of it: the position, or the cells.
fn report(bits: &mut Bits<'_>, out: &mut Numbers) -> Option<()> {
    bits.skip(1)?;
    let (sessions, capabilities, data) = (bits.flag()?, bits.flag()?, bits.flag()?);
    bits.skip(2)?;
    let count = if sessions { bits.take(6)? + 1 } else { 0 };
    for _ in 0..count {
        bits.skip(1)?;
        skip_session(bits)?;
    }
    if capabilities {
        skip_capabilities(bits)?;
    }
    if !data {
        return None;
    }
    // How many there are; of the first, whether it is extended, and which of its four parts are there.
    bits.skip(10 + 1)?;
    let (measured, cells) = (bits.flag()?, bits.flag()?);
    bits.skip(2)?;
    if measured {
        // Extended or not, and what stands behind the position.
        bits.skip(4)?;
        position(bits, out)
    } else if cells {
        // How many there are; of the first, whether it is extended, and whether it has a time.
        bits.skip(6 + 2)?;
        location_id(bits, out)
    } else {
        None
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

/// Section 11.5: a cell of GSM, WCDMA or CDMA, or what version 2 added; then how fresh that is.
fn location_id(bits: &mut Bits<'_>, out: &mut Numbers) -> Option<()> {
    let extended = bits.flag()?;
    let later = bits.flag()?;
    match (later, bits.take(if later { 7 } else { 2 })?) {
        (false, 0) => gsm(bits, out)?,
        (false, 1) => wcdma(bits, out)?,
        (false, 2) => cdma(bits, out)?,
        (true, 0) => {
            let len = bits.length()?;
            added(&mut bits.clone(), out);
            bits.skip(len * 8)?;
        }
        _ => return None,
    }
    let later = bits.flag()?;
    bits.skip(if later { 7 } else { 2 })?;
    bits.skip_additions(extended)
}

fn gsm(bits: &mut Bits<'_>, out: &mut Numbers) -> Option<()> {
    let (extended, neighbours, advance) = (bits.flag()?, bits.flag()?, bits.flag()?);
    numbers(bits, &[("location_id.mcc", 10), ("location_id.mnc", 10)], out)?;
    numbers(bits, &[("location_id.lac", 16), ("location_id.cid", 16)], out)?;
    let count = if neighbours { bits.take(4)? + 1 } else { 0 };
    for _ in 0..count {
        let extended = bits.flag()?;
        bits.skip(10 + 6 + 6)?;
        bits.skip_additions(extended)?;
    }
    bits.skip(if advance { 8 } else { 0 })?;
    bits.skip_additions(extended)
}

fn wcdma(bits: &mut Bits<'_>, out: &mut Numbers) -> Option<()> {
    let (extended, frequency, code, measured) = (bits.flag()?, bits.flag()?, bits.flag()?, bits.flag()?);
    numbers(bits, &[("location_id.mcc", 10), ("location_id.mnc", 10), ("location_id.cellid", 28)], out)?;
    if frequency {
        skip_frequency(bits)?;
    }
    bits.skip(if code { 9 } else { 0 })?;
    let frequencies = if measured { bits.take(3)? + 1 } else { 0 };
    for _ in 0..frequencies {
        skip_measured(bits)?;
    }
    bits.skip_additions(extended)
}

/// What was measured at one frequency: its strength and that of up to 32 cells.
fn skip_measured(bits: &mut Bits<'_>) -> Option<()> {
    let (frequency, strength, cells) = (bits.flag()?, bits.flag()?, bits.flag()?);
    if frequency {
        skip_frequency(bits)?;
    }
    bits.skip(if strength { 7 } else { 0 })?;
    let count = if cells { bits.take(5)? + 1 } else { 0 };
    for _ in 0..count {
        let identity = bits.flag()?;
        bits.skip(if identity { 28 } else { 0 })?;
        let divided_by_time = bits.flag()?;
        if divided_by_time { skip_measured_tdd(bits)? } else { skip_measured_fdd(bits)? }
    }
    Some(())
}

/// A scrambling code, and up to three strengths.
fn skip_measured_fdd(bits: &mut Bits<'_>) -> Option<()> {
    let flags = [bits.flag()?, bits.flag()?, bits.flag()?];
    bits.skip(9 + optional(flags, [6, 7, 7]))
}

/// A cell's parameters, a slot, up to two strengths, and those of up to 14 slots.
fn skip_measured_tdd(bits: &mut Bits<'_>) -> Option<()> {
    let (flags, slots) = ([bits.flag()?, bits.flag()?, bits.flag()?], bits.flag()?);
    bits.skip(7 + optional(flags, [4, 7, 7]))?;
    let count = if slots { bits.take(4)? + 1 } else { 0 };
    bits.skip(count as usize * 7)
}

/// The bits of those that are there.
fn optional(flags: [bool; 3], lengths: [usize; 3]) -> usize {
    flags.into_iter().zip(lengths).map(|(flag, len)| if flag { len } else { 0 }).sum()
}

/// Of both directions, or of the one that time divides.
fn skip_frequency(bits: &mut Bits<'_>) -> Option<()> {
    const NUMBER: usize = 14;
    let (extended, later) = (bits.flag()?, bits.flag()?);
    if later {
        return None;
    }
    let divided_by_time = bits.flag()?;
    let inner = bits.flag()?;
    let both = !divided_by_time && bits.flag()?;
    bits.skip(if both { 2 * NUMBER } else { NUMBER })?;
    bits.skip_additions(inner)?;
    bits.skip_additions(extended)
}

fn cdma(bits: &mut Bits<'_>, out: &mut Numbers) -> Option<()> {
    let extended = bits.flag()?;
    numbers(bits, &[("location_id.nid", 16), ("location_id.sid", 15), ("location_id.baseid", 16)], out)?;
    // Where the station is, its code, and the time.
    bits.skip(22 + 23 + 9 + 16 + 22)?;
    bits.skip_additions(extended)
}

/// What version 2 knows: LTE's cells, access points, and of what came later NR's cells.
fn added(bits: &mut Bits<'_>, out: &mut Numbers) -> Option<()> {
    let later = bits.flag()?;
    match (later, bits.take(if later { 7 } else { 3 })?) {
        (false, 2) => {
            bits.skip(5)?;
            let identity = cell(bits, "location_id.eci", 28)?;
            bits.skip(9)?;
            let area = ("location_id.tac", bits.take(16)?.to_string());
            out.extend(identity.into_iter().chain([area]));
        }
        (false, 3) => {
            bits.skip(13)?;
            out.push(("location_id.bssid", format!("{:012x}", bits.take(48)?)));
        }
        (true, 0) => {
            bits.length()?;
            // Flags and how many cells serve; of the first flags, its number among its neighbours, and its frequency.
            bits.skip(2 + 5 + 4 + 10 + 22)?;
            let identity = cell(bits, "location_id.nci", 36)?;
            let area = ("location_id.tac", bits.take(24)?.to_string());
            out.extend(identity.into_iter().chain([area]));
        }
        _ => {}
    }
    Some(())
}

/// A cell's identity: the network's digits and the cell's bits.
fn cell(bits: &mut Bits<'_>, name: &'static str, count: u32) -> Option<Numbers> {
    let (extended, has_country) = (bits.flag()?, bits.flag()?);
    let country = if has_country { digits(bits, 3)? } else { String::new() };
    let len = bits.take(1)? as usize + 2;
    let network = digits(bits, len)?;
    let cell = bits.take(count)?.to_string();
    bits.skip_additions(extended)?;
    Some(vec![("location_id.mcc", country), ("location_id.mnc", network), (name, cell)])
}

/// Section 11.5: when, and where. What comes behind it is not read.
fn position(bits: &mut Bits<'_>, out: &mut Numbers) -> Option<()> {
    bits.skip(2)?;
    // A time, each letter in seven bits.
    let letters = bits.length()?;
    bits.skip(letters * 7)?;
    bits.skip(4)?;
    let south = bits.flag()?;
    let latitude = degrees(bits.take(23)?, 180);
    let longitude = bits.take(24)?;
    let (west, longitude) = match longitude.checked_sub(1 << 23) {
        Some(east) => (false, degrees(east, 360)),
        None => (true, degrees((1 << 23) - longitude - 1, 360)),
    };
    let signed = |negative: bool, degrees: String| if negative { format!("-{degrees}") } else { degrees };
    out.push(("position.latitude", signed(south, latitude)));
    out.push(("position.longitude", signed(west, longitude)));
    Some(())
}

/// Degrees to five decimals: the middle of a step, of which 2²⁴ make a `turn` (3GPP TS 23.032 section 6.1).
fn degrees(step: u64, turn: u64) -> String {
    const DECIMALS: u64 = 100_000;
    let scaled = ((2 * step + 1) * turn * DECIMALS + (1 << 24)) >> 25;
    format!("{}.{:05}", scaled / DECIMALS, scaled % DECIMALS)
}

fn numbers(bits: &mut Bits<'_>, names: &[(&'static str, u32)], out: &mut Numbers) -> Option<()> {
    for (name, count) in names {
        out.push((name, bits.take(*count)?.to_string()));
    }
    Some(())
}

fn digits(bits: &mut Bits<'_>, count: usize) -> Option<String> {
    (0..count).map(|_| char::from_digit(bits.take(4)? as u32, 10)).collect()
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::super::recorded::unhex;
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

    fn named(bits: &str) -> String {
        in_words(&message(bits))
    }

    fn in_words(message: &[u8]) -> String {
        let number = |(name, value): (&str, String)| format!("{} {value}", name.split_once('.').unwrap().1);
        place(message).into_iter().map(number).collect::<Vec<_>>().join(", ")
    }

    #[test]
    fn every_start_says_where_the_phone_is() {
        let expected = "mcc 262, mnc 2, lac 4660, cid 22136";
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
        assert_eq!(at(wcdma), "mcc 262, mnc 2, cellid 1193046");
        let cdma = "0 10 0 0000000000000001 000000000000010 0000000000000011";
        assert_eq!(at(cdma), "nid 1, sid 2, baseid 3");
        let cell = "0 010 00000 0 1 0011 0001 0000 1 0010 0110 0000 0000000100100011010001010110 000000001 0001001000110100";
        let lte = format!("1 0000000 00001111 {cell}");
        assert_eq!(at(&lte), "mcc 310, mnc 260, eci 1193046, tac 4660");
        let point = format!("1 0000000 00001001 0 011 0000000000000 {:048b}", 0x3c5a_b400_0001_u64);
        assert_eq!(at(&point), "bssid 3c5ab4000001");
        // pycrate's encoder (0.7) on what ULP 2.0.6 says of NR.
        let nr = unhex("400b400a0057d49a6804988042468acf12143658b1a8004810");
        let nr: String = nr.iter().map(|byte| format!("{byte:08b}")).collect();
        // The place's own extension bit comes with it.
        let nr = named(&format!("0001 00 {CAPABILITIES} {nr}"));
        assert_eq!(nr, "mcc 262, mnc 02, nci 4886718345, tac 662316");
        assert_eq!(at("0 11"), "");
    }

    /// Messages that pycrate 0.7 encoded (ULP 2.0.2): 26 November 2026 at noon, 48.13608 degrees north and 11.57542 east, or
    /// 33.86 south and 42.92 west, with how sure that is, an altitude and a velocity.
    #[test]
    fn positions_stand_behind_every_kind_of_cell() {
        const NORTH: &str = "latitude 48.13608, longitude 11.57542";
        const SOUTH: &str = "latitude -33.86021, longitude -42.91533";
        let messages = [
            (
                "003a020000c001d41400000202040608300000804c874081a0c01091a2b3c080c0e85784a80640d64d98b164d98b260c1830b4088eb9f10767a0",
                format!("mcc 262, mnc 2, lac 4660, cid 22136, {NORTH}"),
            ),
            (
                "0036020000c001d41400000202040608300000804c874085906008048d15814e613481ac9b3162c9b3164c18306168111d73e20ecf40",
                format!("mcc 262, mnc 2, cellid 1193046, {NORTH}"),
            ),
            (
                "0034020000c001d41400000202040608300000804c874085106008048d158a9cc206b26cc58b26cc593060c185a04475cf883b3d",
                format!("mcc 262, mnc 2, cellid 1193046, {NORTH}"),
            ),
            (
                "003d020000c001d41400000202040608300000804c87408800020008000c0000400000a06000700002081ac9b3162c9b3164c18306168111d73e20ecf4",
                format!("nid 1, sid 2, baseid 3, {NORTH}"),
            ),
            (
                "0045020000c001d41400000202040608300000804c87409001a4a49880402468ac4d12346400c50d64d98b164d98b260c1830b4f605040c2f700142ad43000f05001800200",
                format!("mcc 262, mnc 02, eci 1193046, tac 4660, {SOUTH}"),
            ),
            // WCDMA, with what was measured of others, at three frequencies, of both modes.
            (
                "0053020000c001d41400000202040608300000804c874085d06008048d158330b53984d5c14e62814048d159c9af3c6c0960a5af103217c298900404103403103593662c593662c983060c2d0223ae7c41d9e8",
                format!("mcc 262, mnc 2, cellid 1193046, {NORTH}"),
            ),
            // SUPL END and SUPL REPORT: that also with two other sessions, and with two cells in place of a position.
            (
                "0034020000c001d41400000202040608300000805590d64d98b164d98b260c1830b4f605040c2f700142ad43000f050018002260",
                SOUTH.to_owned(),
            ),
            (
                "0030020000c001d414000002020406083000008061864c3a04002100d64d98b164d98b260c1830b4088eb9f10767a100",
                NORTH.to_owned(),
            ),
            (
                "005e020000c001d41400000202040608300000806191dc0580049b1010810a1b2c38480810182a15c63a8357b365ae351010203062400200000000000000000000000000007408004201ac9b3162c9b3164c18306168111d73e20ecf4200",
                NORTH.to_owned(),
            ),
            (
                "0049020000c001d4140000020204060830000080618c84000a0a0d0600848d159e04060742bc254032000b1001a4a49880402468ac4d12346400c40d64d98b164d98b260c1830b4000",
                "mcc 262, mnc 2, lac 4660, cid 22136".to_owned(),
            ),
            (
                "0046020000c001d4140000020204060830000080618bd00580049b1010810a1b2c38480810182a15c63a8357b365ae3510102030624002000000000000000000000000000000",
                String::new(),
            ),
        ];
        for (message, expected) in messages {
            let message = unhex(message);
            assert_eq!(usize::from(message[1]), message.len());
            assert_eq!(in_words(&message), expected);
        }
    }

    /// What is named is named by the message's first bytes as well.
    #[test]
    fn a_message_that_is_cut_names_what_is_there() {
        let whole = message(&format!("0001 00 {CAPABILITIES} {GSM}"));
        let all = in_words(&whole);
        for len in 0..whole.len() {
            let part = in_words(&whole[..len]);
            assert!(part.len() < all.len() && all.starts_with(&part), "{len}: {part}");
        }
    }
}
