//! SUPL (OMA-TS-ULP-V2_0_5 section 11): what a phone says of itself and of its cell when it asks for help to find its place,
//! as the unaligned variant of ASN.1's packed encoding has it (X.691): bits without gaps.

use crate::content::Field;
use crate::random::Random;

/// Bits, the first in the highest of a byte.
#[derive(Default)]
struct Bits(Vec<bool>);

impl Bits {
    /// A number in that many bits.
    fn put(&mut self, value: u64, count: u32) -> &mut Self {
        self.0.extend((0..count).rev().map(|bit| value >> bit & 1 == 1));
        self
    }

    fn bytes(&mut self, bytes: &[u8]) -> &mut Self {
        bytes.iter().for_each(|byte| _ = self.put((*byte).into(), 8));
        self
    }

    /// An extension behind its length in bytes (X.691 section 11.2).
    fn open(&mut self, content: &Self) -> &mut Self {
        let packed = content.packed();
        self.put(packed.len() as u64, 8).bytes(&packed)
    }

    /// An extended sequence's additions, of which one is there (X.691 section 19.7): how many less one, which, and it.
    fn addition(&mut self, content: &Self) -> &mut Self {
        self.put(0, 7).put(1, 1).open(content)
    }

    fn packed(&self) -> Vec<u8> {
        let byte =
            |bits: &[bool]| (0..8).fold(0, |byte, at| byte << 1 | u8::from(bits.get(at) == Some(&true)));
        self.0.chunks(8).map(byte).collect()
    }
}

/// Types of messages.
const START: u64 = 1;
const POS_INIT: u64 = 3;
const POS: u64 = 4;

/// Who asks. Numbers are digits, two in each of eight bytes, the first in the lower half; ones fill up.
enum SetId<'a> {
    Msisdn(&'a str),
    Imsi(&'a str),
    Nai(&'a str),
    Ipv4([u8; 4]),
}

/// A SUPL START of a subscriber: one field, named `msisdn`, `imsi` or `nai`. Its cell is not known.
pub fn of_subscriber(field: &Field, random: &mut Random) -> Vec<u8> {
    let text = field.text();
    let id = match field.name.as_str() {
        "msisdn" => SetId::Msisdn(text.trim_start_matches('+')),
        "imsi" => SetId::Imsi(&text),
        _ => SetId::Nai(&text),
    };
    let mut message = start(random);
    // A cell of a network that no country has: only there because it must be.
    location(&mut message, &[("mcc", 0), ("mnc", 0), ("lac", 0), ("cid", 0)], None);
    pdu(&id, START, &message, random)
}

/// A message that names a place: see [`knows`]. The phone is known by its address only.
pub fn of_place(fields: &[Field], random: &mut Random) -> Vec<u8> {
    if let Some(coordinates) = coordinates(fields) {
        let message = position(coordinates, random);
        return pdu(&SetId::Ipv4([10, 215, 173, 2]), POS_INIT, &message, random);
    }
    let mut message = start(random);
    let parts = if fields.len() == 1 { Vec::new() } else { parts(fields).unwrap_or_default() };
    let address = fields.first().map(|it| it.text().replace(':', "")).unwrap_or_default();
    location(&mut message, &parts, u64::from_str_radix(&address, 16).ok());
    pdu(&SetId::Ipv4([10, 215, 173, 2]), START, &message, random)
}

/// Whether SUPL has such a place: an access point, which is one field, or a cell or coordinates, whose fields are named by
/// what they are.
pub fn knows(fields: &[Field]) -> bool {
    const CELLS: [&[&str]; 4] = [
        &["mcc", "mnc", "lac", "cid"],
        &["mcc", "mnc", "tac", "eci"],
        &["mcc", "mnc", "tac", "nci"],
        &["sid", "nid", "baseid"],
    ];
    if coordinates(fields).is_some() {
        return true;
    }
    let Some(parts) = parts(fields).filter(|_| fields.len() > 1) else { return fields.len() == 1 };
    let names: Vec<&str> = parts.iter().map(|part| part.0).collect();
    CELLS.contains(&&names[..])
        && parts.iter().all(|(name, value)| match *name {
            "cid" => *value <= 0xffff,
            "tac" => *value <= if names.contains(&"nci") { 0xff_ffff } else { 0xffff },
            _ => true,
        })
}

/// Coordinates in units of 90 / 2²³ and 360 / 2²⁴ degrees, each the one below (3GPP TS 23.032 section 6.1). `None` where
/// the middle of that unit, to five decimals, is another number: SUPL cannot say it.
fn coordinates(fields: &[Field]) -> Option<(f64, f64)> {
    let [latitude, longitude] = fields else { return None };
    let steps = |field: &Field, name: &str, width: f64| {
        let degrees: f64 = field.text().parse().ok().filter(|_| field.name == name)?;
        // Of a latitude the sign stands apart.
        let (size, sign) =
            if name == "latitude" { (degrees.abs(), degrees.signum()) } else { (degrees, 1.0) };
        let step = (size / width).floor();
        let told = format!("{:.5}", (step + 0.5) * width * sign);
        (told.parse() == Ok(degrees)).then_some(step * sign)
    };
    let width = 360.0 / f64::from(1 << 24);
    Some((steps(latitude, "latitude", width / 2.0)?, steps(longitude, "longitude", width)?))
}

/// A SUPL POS INIT (section 11.2.4) with coordinates (section 11.5), behind a cell that no country has.
fn position((latitude, longitude): (f64, f64), random: &mut Random) -> Bits {
    let mut bits = Bits::default();
    let (extras, velocity) = (random.happens(40), random.happens(30));
    // No assistance is asked for; a position, no payload and no version come behind the cell.
    bits.put(0, 2).put(1, 1).put(0, 2);
    capabilities(&mut bits, random);
    location(&mut bits, &[("mcc", 0), ("mnc", 0), ("lac", 0), ("cid", 0)], None);
    bits.put(0, 1).put(velocity.into(), 1);
    let time = "261126120000Z";
    bits.put(time.len() as u64, 8);
    time.bytes().for_each(|letter| _ = bits.put(letter.into(), 7));
    // Not extended; how sure it is, and the altitude.
    bits.put(0, 1).put(extras.into(), 1).put(0, 1).put(extras.into(), 1);
    bits.put((latitude < 0.0).into(), 1).put(latitude.abs() as u64, 23);
    bits.put((longitude + f64::from(1 << 23)) as u64, 24);
    if extras {
        bits.put(random.below(128), 7).put(random.below(128), 7).put(random.below(181), 8);
        bits.put(0, 2).put(random.below(1 << 15), 15).put(random.below(128), 7);
    }
    if velocity {
        // The first of four kinds: where to, and how fast.
        bits.put(0, 1).put(0, 2).put(0, 1).put(random.below(512), 9).put(random.below(300), 16);
    }
    bits
}

fn parts(fields: &[Field]) -> Option<Vec<(&str, u64)>> {
    fields.iter().map(|it| Some((it.name.as_str(), it.text().parse().ok()?))).collect()
}

/// A SUPL POS (section 11.2.5) with some positioning protocol's bytes: nothing in it tells anything.
pub fn positioning(content: &[u8], random: &mut Random) -> Vec<u8> {
    let mut message = Bits::default();
    // No velocity; an RRLP payload of 1 to 8192 bytes.
    message.put(0, 2).put(0, 1).put(2, 2).put(content.len() as u64 - 1, 13).bytes(content);
    pdu(&SetId::Ipv4([10, 215, 173, 2]), POS, &message, random)
}

/// What every message begins with (sections 11.1 and 11.5).
fn pdu(id: &SetId<'_>, kind: u64, message: &Bits, random: &mut Random) -> Vec<u8> {
    let mut bits = Bits::default();
    // Version 1.0 or 2.0, then the session: the phone's part of it, and not yet the server's.
    let answered = kind != START;
    bits.put(random.between(1, 2), 8)
        .put(0, 16)
        .put(1, 1)
        .put(answered.into(), 1)
        .put(random.below(1 << 16), 16);
    bits.put(0, 1);
    match id {
        SetId::Msisdn(digits) => bits.put(0, 3).bytes(&number(digits)),
        SetId::Imsi(digits) => bits.put(3, 3).bytes(&number(digits)),
        SetId::Nai(text) => {
            bits.put(4, 3).put(text.len() as u64 - 1, 10);
            text.bytes().fold(&mut bits, |bits, letter| bits.put(letter.into(), 7))
        }
        SetId::Ipv4(address) => bits.put(5, 3).put(0, 1).bytes(address),
    };
    if answered {
        // Four bytes, and the server's IPv4 address.
        bits.put(random.next() >> 32, 32).put(0, 3).bytes(&[192, 0, 2, 1]);
    }
    bits.put(0, 1).put(kind, 3).0.extend(&message.0);
    let packed = bits.packed();
    [&(packed.len() as u16 + 2).to_be_bytes(), &packed[..]].concat()
}

fn number(digits: &str) -> Vec<u8> {
    let nibble = |digit: Option<&u8>| digit.map_or(0x0f, |digit| digit - b'0');
    let pair = |pair: &[u8]| nibble(pair.get(1)) << 4 | nibble(pair.first());
    let mut out: Vec<u8> = digits.as_bytes().chunks(2).map(pair).collect();
    out.resize(8, 0xff);
    out
}

/// A SUPL START up to where the phone is (section 11.2.2).
fn start(random: &mut Random) -> Bits {
    let mut bits = Bits::default();
    // Not extended, and no quality.
    bits.put(0, 2);
    capabilities(&mut bits, random);
    bits
}

/// What the phone can do (section 11.2.2), with or without version 2's additions.
fn capabilities(bits: &mut Bits, random: &mut Random) {
    let (more, technology, protocol) = (random.happens(40), random.happens(40), random.happens(40));
    let flags = |random: &mut Random| random.below(128);
    bits.put(more.into(), 1).put(technology.into(), 1).put(flags(random), 7);
    let some = |random: &mut Random| {
        let (mut bits, length) = (Bits::default(), random.between(1, 5) as usize);
        bits.bytes(&random.bytes(length));
        bits
    };
    if technology {
        bits.addition(&some(random));
    }
    bits.put(random.below(3), 2).put(protocol.into(), 1).put(random.below(8), 3);
    if protocol {
        bits.addition(&some(random));
    }
    if more {
        bits.addition(&some(random));
    }
}

/// Where the phone is (section 11.5), as of now.
fn location(bits: &mut Bits, parts: &[(&str, u64)], access_point: Option<u64>) {
    let get = |name: &str| parts.iter().find(|part| part.0 == name).map(|part| part.1);
    bits.put(0, 1);
    match (get("lac"), get("tac"), get("baseid")) {
        (Some(area), ..) => {
            bits.put(0, 1).put(0, 2).put(0, 3);
            let (mcc, mnc, cell) = (get("mcc"), get("mnc"), get("cid"));
            bits.put(mcc.unwrap_or(0), 10).put(mnc.unwrap_or(0), 10).put(area, 16).put(cell.unwrap_or(0), 16);
        }
        (_, Some(area), _) => {
            let cell = if get("nci").is_some() { nr(area, &get) } else { lte(area, &get) };
            bits.put(1, 1).put(0, 7).open(&cell);
        }
        (.., Some(base)) => {
            bits.put(0, 1).put(2, 2).put(0, 1);
            bits.put(get("nid").unwrap_or(0), 16).put(get("sid").unwrap_or(0), 15).put(base, 16);
            // Its coordinates, its code, and the time.
            bits.put(0, 22).put(0, 23).put(0, 9).put(0, 16).put(0, 22);
        }
        _ => {
            let mut point = Bits::default();
            // The fourth of five, without any of its twelve options.
            point.put(0, 1).put(3, 3).put(0, 13).put(access_point.unwrap_or(0), 48);
            bits.put(1, 1).put(0, 7).open(&point);
        }
    }
    // Not extended; current.
    bits.put(0, 1).put(1, 2);
}

/// A cell of LTE, the third of version 2's five.
fn lte(area: u64, get: &dyn Fn(&str) -> Option<u64>) -> Bits {
    let mut bits = Bits::default();
    bits.put(0, 1).put(2, 3).put(0, 5);
    identity(&mut bits, ("eci", 28), get);
    bits.put(77, 9).put(area, 16);
    bits
}

/// A cell of NR, which came later: the one that serves, with or without what was measured of it.
fn nr(area: u64, get: &dyn Fn(&str) -> Option<u64>) -> Bits {
    let mut bits = Bits::default();
    let measured = area % 2;
    bits.put(0, 2).put(0, 5).put(0, 1).put(measured, 1).put(0, 1).put(measured, 1);
    bits.put(area % 1008, 10).put(632_448, 22);
    identity(&mut bits, ("nci", 36), get);
    bits.put(area, 24);
    if measured == 1 {
        // Its power of three values, and how far it is.
        bits.put(0, 1).put(0b100, 3).put(70, 7).put(9, 12);
    }
    let mut out = Bits::default();
    out.put(1, 1).put(0, 7).open(&bits);
    out
}

/// A cell's identity: the network's digits, each in four bits, those of its code two or three; and the cell's bits.
fn identity(bits: &mut Bits, (name, count): (&str, u32), get: &dyn Fn(&str) -> Option<u64>) {
    bits.put(0, 1).put(1, 1);
    let digits =
        |text: String, bits: &mut Bits| text.bytes().for_each(|it| _ = bits.put((it - b'0').into(), 4));
    digits(format!("{:03}", get("mcc").unwrap_or(0)), bits);
    let code = get("mnc").unwrap_or(0);
    let code = if code > 99 { format!("{code:03}") } else { format!("{code:02}") };
    bits.put(code.len() as u64 - 2, 1);
    digits(code, bits);
    bits.put(get(name).unwrap_or(0), count);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_as_long_as_it_says() {
        for item in 0..50 {
            let random = &mut Random::new(1, item);
            let bytes = of_subscriber(&Field::new("imsi", "262021234567890"), random);
            assert_eq!(usize::from(bytes[1]), bytes.len());
            // Two flags, sixteen bits, one, three: the number begins in the middle of the third byte of the session.
            let digits: Vec<u8> = bytes[7..16].windows(2).map(|it| it[0] << 6 | it[1] >> 2).collect();
            assert_eq!(
                digits,
                [0x62, 0x02, 0x12, 0x32, 0x54, 0x76, 0x98, 0xf0, bytes[15] << 6 | bytes[16] >> 2][..8]
            );
        }
    }

    #[test]
    fn not_every_cell_is_known() {
        let known = |list: &[(&str, &str)]| {
            knows(&list.iter().map(|(name, value)| Field::new(*name, *value)).collect::<Vec<_>>())
        };
        assert!(known(&[("mcc", "262"), ("mnc", "2"), ("lac", "7"), ("cid", "65535")]));
        assert!(known(&[("mcc", "262"), ("mnc", "2"), ("tac", "7"), ("eci", "268435454")]));
        assert!(known(&[("bssid", "3c:5a:b4:00:00:01")]));
        assert!(!known(&[("mcc", "262"), ("mnc", "2"), ("lac", "7"), ("cid", "65536")]));
        assert!(known(&[("mcc", "262"), ("mnc", "2"), ("tac", "16777214"), ("nci", "9")]));
        assert!(!known(&[("mcc", "262"), ("mnc", "2"), ("tac", "65536"), ("eci", "9")]));
        assert!(known(&[("latitude", "48.13608"), ("longitude", "-42.91533")]));
        assert!(!known(&[("latitude", "48.136084"), ("longitude", "-42.91533")]));
    }
}
