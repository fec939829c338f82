//! Where the phone is: cells and coordinates, whose parts stand in one object.

use std::borrow::Cow;

use super::IdentifierKind as Kind;
use super::keyed::trim;
use super::lexicon::{CellPart, Key};
use super::sim;

/// The cell that the parts of one object name, as `001-01 tac 4660 eci 19088743`; `None` when they do not.
///
/// Parts under names that mean other things too (`cid`, `sid`, `tac`) only count together.
pub fn cell(parts: &[(CellPart, &[u8])]) -> Option<String> {
    let number = |wanted: CellPart, most: u64| {
        let (_, value) = parts.iter().find(|(part, _)| *part == wanted)?;
        let text = std::str::from_utf8(trim(value)).ok()?;
        let value = match text.strip_prefix("0x") {
            Some(hex) => u64::from_str_radix(hex, 16).ok()?,
            None => text.parse::<u64>().ok()?,
        };
        (value > 0 && value < most).then_some(value)
    };
    let network = network(parts);
    let area = [("lac", number(CellPart::Lac, 0xffff)), ("tac", number(CellPart::Tac, 0xff_ffff))];
    let cells = [
        ("cid", number(CellPart::CellId, 1 << 36).or(number(CellPart::Cid, 0x0fff_ffff))),
        ("eci", number(CellPart::Eci, 0x0fff_ffff)),
        ("nci", number(CellPart::Nci, (1 << 36) - 1)),
    ];
    let cdma = [
        ("sid", number(CellPart::Sid, 0x7fff)),
        ("nid", number(CellPart::Nid, 0xffff)),
        ("baseid", number(CellPart::BaseId, 0xffff)),
    ];
    let has_area = area.iter().any(|it| it.1.is_some());
    let has_cell = cells.iter().any(|it| it.1.is_some());
    let clear = number(CellPart::CellId, 1 << 36).or(number(CellPart::Eci, 1 << 28)).is_some();
    let is_cdma = cdma.iter().all(|it| it.1.is_some());
    let grouped = (has_area && has_cell) || (network.is_some() && (has_area || has_cell));
    let mut out: Vec<String> = network.clone().into_iter().collect();
    if grouped || clear {
        out.extend(area.iter().chain(&cells).filter_map(|(name, it)| it.map(|it| format!("{name} {it}"))));
    } else if is_cdma {
        out.extend(cdma.iter().filter_map(|(name, it)| it.map(|it| format!("{name} {it}"))));
    }
    (!out.is_empty()).then(|| out.join(" "))
}

/// The cell in one value, from its country on: `262-01-4660-19088743`, `26201:4660:19088743`, `262,1,4660,19088743`. Fewer groups
/// may be a telephone number.
pub fn whole_cell(value: &[u8]) -> Option<String> {
    let value = trim(value);
    let groups = value.split(|byte| b"-:_,;|/ ".contains(byte)).take(8);
    let groups: Vec<&[u8]> = groups.collect();
    let parts = match groups.as_slice() {
        [country @ [_, _, _], network @ ([_] | [_, _] | [_, _, _]), area, cell, ..] => {
            vec![
                (CellPart::Mcc, *country),
                (CellPart::Mnc, *network),
                (CellPart::Lac, *area),
                (CellPart::Cid, *cell),
            ]
        }
        [plmn @ ([_, _, _, _, _] | [_, _, _, _, _, _]), area, cell, ..] => {
            vec![(CellPart::Plmn, *plmn), (CellPart::Lac, *area), (CellPart::Cid, *cell)]
        }
        _ => return None,
    };
    let whole = value.len() <= 64 && network(&parts).is_some();
    // Nothing that was left out, as it is none, is told as if it were there.
    whole.then(|| cell(&parts)).flatten().filter(|told| told.contains("lac ") && told.contains("cid "))
}

fn network(parts: &[(CellPart, &[u8])]) -> Option<String> {
    let find =
        |wanted: CellPart| parts.iter().find(|(part, _)| *part == wanted).map(|(_, value)| trim(value));
    if let (Some(mcc), Some(mnc)) = (find(CellPart::Mcc), find(CellPart::Mnc))
        && let Some(network) = sim::network(mcc, mnc)
    {
        return Some(network);
    }
    parts.iter().filter(|(part, _)| *part == CellPart::Plmn).find_map(|(_, value)| sim::plmn(trim(value)))
}

/// A pair of coordinates as `lat,lon`, if both are in range, not zero, and finer than `decimals` places.
pub fn coordinates(latitude: &[u8], longitude: &[u8], decimals: usize) -> Option<String> {
    let (latitude, longitude) = (trim(latitude), trim(longitude));
    let (y, x) = (degrees(latitude, 90.0, decimals)?, degrees(longitude, 180.0, decimals)?);
    let zero = y.abs() < 1e-9 && x.abs() < 1e-9;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (!zero).then(|| format!("{},{}", text(latitude), text(longitude)))
}

/// A coordinate as its name writes it: `latitudeE7` is in units of 10⁻⁷ degrees, others are in degrees.
pub fn scaled<'v>(name: &str, value: &'v [u8]) -> Cow<'v, [u8]> {
    let plain = trim(value);
    let places = match name.as_bytes() {
        [.., b'e' | b'E', b'7'] => 7,
        [.., b'e' | b'E', b'6'] => 6,
        _ => return Cow::Borrowed(value),
    };
    let (sign, digits) = match plain {
        [b'-', digits @ ..] => ("-", digits),
        digits => ("", digits),
    };
    let whole = digits.iter().all(u8::is_ascii_digit) && (1..=10).contains(&digits.len());
    let number = std::str::from_utf8(digits).ok().filter(|_| whole).and_then(|it| it.parse::<u64>().ok());
    let Some(number) = number else { return Cow::Borrowed(value) };
    let unit = 10u64.pow(places);
    let width = places as usize;
    Cow::Owned(format!("{sign}{}.{:0width$}", number / unit, number % unit).into_bytes())
}

/// Where a receiver says it is, in a sentence from `$` to its checksum (NMEA 0183: GGA, RMC, GLL).
pub fn sentence(text: &[u8]) -> Option<String> {
    let (said, sum) = text.strip_prefix(b"$")?.split_last_chunk::<2>()?;
    let said = said.strip_suffix(b"*")?;
    let told = u8::from_str_radix(std::str::from_utf8(sum).ok()?, 16).ok()?;
    let mut fields = said.split(|&byte| byte == b',');
    let before = match fields.next()? {
        [b'G', _, b'G', b'G', b'A'] => 1,
        [b'G', _, b'R', b'M', b'C'] => 2,
        [b'G', _, b'G', b'L', b'L'] => 0,
        _ => return None,
    };
    if said.iter().fold(0, |sum, byte| sum ^ byte) != told {
        return None;
    }
    let mut fields = fields.skip(before);
    let latitude = minutes(fields.next()?, fields.next()?, (b'N', b'S'))?;
    let longitude = minutes(fields.next()?, fields.next()?, (b'E', b'W'))?;
    coordinates(latitude.as_bytes(), longitude.as_bytes(), 2)
}

/// Degrees and minutes as one number, `4807.038`, in degrees.
fn minutes(text: &[u8], side: &[u8], (positive, negative): (u8, u8)) -> Option<String> {
    const MICRO: u64 = 1_000_000;
    let sign = match side {
        [it] if *it == positive => "",
        [it] if *it == negative => "-",
        _ => return None,
    };
    let (whole, part) = std::str::from_utf8(text).ok()?.split_once('.')?;
    let digits = |it: &str| it.len() <= 8 && it.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(whole) || !digits(part) {
        return None;
    }
    let (degrees, whole) = whole.split_at_checked(whole.len().checked_sub(2)?)?;
    let part: u64 = format!("{part:0<6}").get(..6)?.parse().ok()?;
    let minutes = whole.parse::<u64>().ok()? * MICRO + part;
    Some(format!("{sign}{}.{:06}", degrees.parse::<u64>().ok()?, minutes / 60))
}

/// Both in one value: `48.137,11.575`, with a comma, a semicolon or a space between.
pub fn pair(value: &[u8]) -> Option<String> {
    let value = trim(value);
    let mut parts = value.split(|byte| matches!(byte, b',' | b';' | b' ')).filter(|it| !it.is_empty());
    let (latitude, longitude) = (parts.next()?, parts.next()?);
    (value.len() <= 64 && parts.next().is_none()).then(|| coordinates(latitude, longitude, 3)).flatten()
}

fn degrees(text: &[u8], most: f64, decimals: usize) -> Option<f64> {
    let point = text.iter().position(|byte| *byte == b'.')?;
    let plain = text.len() <= 24
        && text.iter().all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b'-' | b'+'));
    if !plain || text.len() - point - 1 < decimals {
        return None;
    }
    let value: f64 = std::str::from_utf8(text).ok()?.parse().ok()?;
    (value.abs() <= most).then_some(value)
}

/// Whether two places, as [`coordinates`] or [`cell`] writes them, are the same: within about 100 m, or equal.
pub fn is_same(kind: Kind, one: &str, other: &str) -> bool {
    if kind != Kind::Location {
        return one == other || one.split(' ').filter(|it| !it.is_empty()).all(|part| other.contains(part));
    }
    let numbers = |text: &str| -> Option<(f64, f64)> {
        let (y, x) = text.split_once(',')?;
        Some((y.trim().parse().ok()?, x.trim().parse().ok()?))
    };
    match (numbers(one), numbers(other)) {
        (Some(one), Some(other)) => (one.0 - other.0).abs() < 0.0011 && (one.1 - other.1).abs() < 0.0011,
        _ => false,
    }
}

/// Whether a key is a part of a place.
pub fn is_part(key: Key) -> bool {
    matches!(key, Key::Cell(_) | Key::WholeCell | Key::Latitude | Key::Longitude | Key::Coordinates)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_needs_its_parts_together() {
        use CellPart::*;
        let full: &[(CellPart, &[u8])] = &[(Mcc, b"1"), (Mnc, b"1"), (Tac, b"4660"), (Eci, b"19088743")];
        assert_eq!(cell(full).as_deref(), Some("001-01 tac 4660 eci 19088743"));
        assert_eq!(cell(&[(Mcc, b"310"), (Mnc, b"4"), (Lac, b"7")]).as_deref(), Some("310-004 lac 7"));
        assert_eq!(cell(&[(CellId, b"19088743")]).as_deref(), Some("cid 19088743"));
        assert_eq!(cell(&[(Plmn, b"00101")]).as_deref(), Some("001-01"));
        assert_eq!(cell(&[(Lac, b"12"), (Cid, b"34")]).as_deref(), Some("lac 12 cid 34"));
        assert_eq!(
            cell(&[(Sid, b"1"), (Nid, b"2"), (BaseId, b"3")]).as_deref(),
            Some("sid 1 nid 2 baseid 3")
        );
        for parts in [
            &[(Cid, &b"34"[..])][..],
            &[(Sid, b"9"), (Cid, b"34")],
            &[(Tac, b"4660")],
            &[(CellId, b"")],
            &[(Plmn, b"Test")],
        ] {
            assert_eq!(cell(parts), None, "{parts:?}");
        }
    }

    #[test]
    fn a_cell_may_stand_in_one_value() {
        let told = Some("262-01 lac 4660 cid 19088743");
        for text in [
            "262-01-4660-19088743",
            "26201:4660:19088743",
            "262,1,4660,19088743",
            "262|01|4660|19088743|-71",
            " 262_01_4660_19088743 ",
        ] {
            assert_eq!(whole_cell(text.as_bytes()).as_deref(), told, "{text}");
        }
        for text in [
            "310-555-1234",
            "262-01-4660",
            "26201-4660",
            "123-45-6-7",
            "208.67.222.222",
            "2019-11-12-13",
            "262-01-4660-0",
            "262",
            "",
        ] {
            assert_eq!(whole_cell(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn a_receivers_sentence_says_where_it_is() {
        let told = |text: &str| sentence(text.as_bytes());
        let gga = "$GPGGA,123519,4807.038,N,01131.000,E,1,08,0.9,545.4,M,46.9,M,,*47";
        assert_eq!(told(gga).as_deref(), Some("48.117300,11.516666"));
        let rmc = "$GPRMC,225446,A,4916.45,N,12311.12,W,000.5,054.7,191194,020.3,E*68";
        assert_eq!(told(rmc).as_deref(), Some("49.274166,-123.185333"));
        assert_eq!(told(&gga.replace("*47", "*48")), None);
        assert_eq!(told("$GPGGA,,,,,,0,00,,,M,,M,,*66"), None);
        assert_eq!(told("$G"), None);
    }

    #[test]
    fn coordinates_need_precision_and_range() {
        assert_eq!(coordinates(b"48.137154", b"11.576124", 2).as_deref(), Some("48.137154,11.576124"));
        assert_eq!(pair(b"-33.8688, 151.2093").as_deref(), Some("-33.8688,151.2093"));
        for (y, x) in
            [("0.0000", "0.0000"), ("91.0000", "0.0001"), ("48", "11"), ("1.2.3", "4.5.6"), ("48.1", "11.5")]
        {
            assert_eq!(coordinates(y.as_bytes(), x.as_bytes(), 2), None, "{y},{x}");
        }
        assert_eq!(pair(b"1080.000,2220.000"), None);
        assert_eq!(*scaled("latitudeE7", b"481371540"), *b"48.1371540");
        assert_eq!(*scaled("lngE6", b"-576124"), *b"-0.576124");
        assert_eq!(*scaled("latE7", b"48.1"), *b"48.1");
        assert_eq!(*scaled("lat", b"481371540"), *b"481371540");
        assert!(is_same(Kind::Location, "48.1371,11.5761", "48.13715,11.57612"));
    }
}
