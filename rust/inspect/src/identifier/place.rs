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
    matches!(key, Key::Cell(_) | Key::Latitude | Key::Longitude | Key::Coordinates)
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
