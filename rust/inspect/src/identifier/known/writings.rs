//! Every way in which a value is written: with separators and without, in digits of another base, packed, reversed, hashed.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE_NO_PAD};

use super::super::digits::all_digits;
use super::super::phone;
use super::digest::{self, Steps, Writing};
use super::{Bound, Kind};
use crate::decode::hex_digit;

/// Packed digits that are shorter could be anything.
const SHORTEST_PACKED: usize = 6;

/// What to look for to find the value, nothing twice.
pub fn of(kind: Kind, value: &str) -> Vec<Writing> {
    // By bytes, so that a form which two ways lead to is looked for once; plain ones come first.
    let mut out: BTreeMap<Vec<u8>, Writing> = BTreeMap::new();
    let mut add = |writing: Writing| {
        let mut bytes = writing.bytes.clone();
        if writing.fold {
            bytes.make_ascii_lowercase();
        }
        out.entry(bytes.clone()).or_insert(Writing { bytes, ..writing });
    };
    if matches!(kind, Kind::Location | Kind::Cell) {
        add(plain(value, Bound::Word));
        return out.into_values().collect();
    }
    let texts = texts(kind, value);
    for text in &texts {
        add(plain(text, bound_of(kind, text)));
        // As forms write spaces.
        if text.contains(' ') {
            add(written(text.replace(' ', "+").into_bytes(), bound_of(kind, text), &["percent"]));
        }
    }
    if value.is_ascii() {
        add(wide(value));
    }
    packed(kind, value).into_iter().for_each(&mut add);
    numbers(kind, value).into_iter().for_each(&mut add);
    binary(kind, value).into_iter().for_each(&mut add);
    // Nobody hashes numbers that are set in groups for people to read, but for the two usual separators.
    let usual = |it: &&String| it.eq_ignore_ascii_case(value) || !it.contains([' ', '/', '.', '_']);
    let cases = |it: &String| [it.clone(), it.to_ascii_uppercase(), it.to_ascii_lowercase()];
    let mut hashed: Vec<String> = texts.iter().filter(usual).flat_map(cases).collect();
    hashed.sort();
    hashed.dedup();
    for text in &hashed {
        digest::writings(text).into_iter().chain(digest::checksums(text)).for_each(&mut add);
    }
    out.into_values().collect()
}

fn plain(text: &str, bound: Bound) -> Writing {
    written(text.as_bytes().to_vec(), bound, &[])
}

/// Text whose case does not matter.
fn written(bytes: Vec<u8>, bound: Bound, steps: &'static [&'static str]) -> Writing {
    Writing { least: bytes.len(), bytes, fold: true, bound, steps: Steps::whole(steps) }
}

/// Bytes, or text whose case matters.
fn exact(bytes: Vec<u8>, steps: &'static [&'static str]) -> Writing {
    Writing { least: bytes.len(), bytes, fold: false, bound: Bound::Free, steps: Steps::whole(steps) }
}

/// Text in UTF-16 amid other bytes, of either order: what stands before the first zero, and behind the last, counts not.
fn wide(text: &str) -> Writing {
    let mut bytes: Vec<u8> = text.bytes().flat_map(|byte| [byte, 0]).collect();
    bytes.pop();
    written(bytes, Bound::Free, &["utf-16"])
}

fn bound_of(kind: Kind, text: &str) -> Bound {
    let stem =
        matches!(kind, Kind::Imei | Kind::Imeisv) && text.bytes().filter(u8::is_ascii_digit).count() == 14;
    match text {
        _ if stem => Bound::ImeiStem,
        _ if text.bytes().all(|byte| !byte.is_ascii_alphabetic()) => Bound::Digits,
        _ => Bound::Word,
    }
}

/// The value as text, in every way in which people and programs write it.
fn texts(kind: Kind, value: &str) -> Vec<String> {
    let mut out = vec![value.to_owned()];
    match kind {
        Kind::Imei | Kind::Imeisv => {
            let stem = value.get(..14).unwrap_or(value);
            out.push(stem.to_owned());
            // Networks leave the check digit out, or send 0 for it (3GPP TS 23.003 section 6.2.1).
            out.push(format!("{stem}0"));
            for separator in ["-", " ", "/", "."] {
                out.push(grouped(value, &[2, 6, 6, 2], separator));
                out.push(grouped(value, &[6, 2, 6, 2], separator));
                out.push(grouped(value, &[8, 6, 2], separator));
                out.push(grouped(stem, &[2, 6, 6], separator));
            }
        }
        Kind::Mac | Kind::Bssid => {
            let bare = value.replace(':', "");
            out.extend(["-", " ", "_", "."].map(|separator| value.replace(':', separator)));
            out.extend([".", "-", ":"].map(|separator| grouped(&bare, &[4, 4, 4], separator)));
            out.extend([grouped(&bare, &[6, 6], "-"), bare]);
        }
        Kind::Msisdn => out.extend(telephone(value)),
        Kind::AdvertisingId | Kind::DeviceToken => out.extend(uuid_texts(value)),
        Kind::AndroidId | Kind::GsfId => out.extend(other_radix(value)),
        Kind::Iccid => {
            out.extend([19, 18].iter().filter_map(|&length| value.get(..length)).map(str::to_owned));
            out.push(format!("{value}f"));
            out.extend([" ", "-"].map(|separator| grouped(value, &[4, 4, 4, 4, 4], separator)));
            out.extend([" ", "-"].map(|separator| grouped(value, &[6, 2, 4, 4, 4], separator)));
        }
        Kind::Eid => out.extend([" ", "-"].map(|separator| grouped(value, &[4; 8], separator))),
        Kind::Imsi => out.extend([" ", "-"].map(|separator| grouped(value, &[3, 2, 10], separator))),
        _ => {}
    }
    out.extend([value.to_ascii_uppercase(), value.to_ascii_lowercase()]);
    out.sort();
    out.dedup();
    out
}

fn grouped(text: &str, sizes: &[usize], separator: &str) -> String {
    let mut rest = text;
    let mut parts = Vec::new();
    for &size in sizes {
        let (part, tail) = rest.split_at_checked(size).unwrap_or((rest, ""));
        parts.push(part);
        rest = tail;
    }
    parts.push(rest);
    parts.retain(|part| !part.is_empty());
    parts.join(separator)
}

/// With and without the country; `+` or `00` before it, a trunk 0 instead of it.
fn telephone(value: &str) -> Vec<String> {
    let digits = value.trim_start_matches('+');
    let mut out = vec![digits.to_owned(), format!("00{digits}")];
    if let Some(country) = phone::country_code(digits.as_bytes())
        && let Some((code, national)) = digits.split_at_checked(country)
        && national.len() >= 8
        && value.starts_with('+')
    {
        out.extend([national.to_owned(), format!("0{national}")]);
        out.extend(["-", " "].map(|separator| format!("+{code}{separator}{national}")));
        if code == "1" {
            let grouped = grouped(national, &[3, 3, 4], "-");
            out.extend([format!("+1-{grouped}"), format!("1-{grouped}"), grouped]);
        }
    }
    out
}

fn uuid_texts(value: &str) -> Vec<String> {
    let bare = value.replace('-', "");
    let mut out = Vec::new();
    if bare.len() == 32 && bare.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        out.push(grouped(&bare, &[8, 4, 4, 4, 12], "-"));
    }
    out.push(bare);
    out
}

/// A 64-bit number in decimal for hexadecimal digits, and the other way round.
fn other_radix(value: &str) -> Vec<String> {
    match (u64::from_str_radix(value, 16), value.parse::<u64>()) {
        (_, Ok(number)) if value.len() > 16 => {
            vec![format!("{number:x}"), format!("{number:016x}"), (number as i64).to_string()]
        }
        (Ok(number), _) => vec![number.to_string(), (number as i64).to_string(), format!("{number:x}")],
        _ => Vec::new(),
    }
}

/// Reversed, with swapped nibbles, packed: ways in which modems and SIMs write numbers.
fn packed(kind: Kind, value: &str) -> Vec<Writing> {
    let bytes = value.as_bytes();
    let mut out = Vec::new();
    if bytes.len() >= 12 && !matches!(kind, Kind::Ssid | Kind::Fingerprint | Kind::FcmToken) {
        out.push(written(bytes.iter().rev().copied().collect(), Bound::Word, &["reversed"]));
    }
    if matches!(kind, Kind::Mac | Kind::Bssid) {
        let bare = value.replace(':', "");
        out.push(written(bare.bytes().rev().collect(), Bound::Word, &["reversed"]));
        let octets: Vec<&str> = value.rsplit(':').collect();
        for separator in [":", "-", ""] {
            out.push(written(octets.join(separator).into_bytes(), Bound::Word, &["reversed octets"]));
        }
    }
    let digits: Vec<u8> = bytes.iter().copied().filter(u8::is_ascii_hexdigit).collect();
    match kind {
        Kind::Imei | Kind::Imeisv | Kind::Imsi | Kind::Iccid | Kind::Meid | Kind::Eid => {
            out.extend(coded(&digits, &["bcd"], None));
            out.extend(coded(&filled(&digits), &["bcd"], None));
            out.extend(coded(&swap(&digits), &["bcd (swapped)"], Some(&["swapped nibbles"])));
            // A mobile identity (3GPP TS 24.008 section 10.5.1.4) has its type in the first half octet.
            if let Some(rest) =
                digits.get(1..).filter(|_| matches!(kind, Kind::Imei | Kind::Imeisv | Kind::Imsi))
            {
                out.extend(coded(&swap(rest), &["bcd (swapped)"], Some(&["swapped nibbles"])));
            }
            if kind == Kind::Imei {
                out.extend(coded(&swap(&digits[..14.min(digits.len())]), &["bcd (swapped)"], None));
            }
        }
        Kind::Msisdn => {
            out.extend(coded(&swap(&digits), &["bcd (swapped)"], Some(&["swapped nibbles"])));
            for text in telephone(value).iter().filter(|text| text.bytes().all(|it| it.is_ascii_digit())) {
                out.extend(coded(&filled(text.as_bytes()), &["bcd"], None));
            }
        }
        _ => {}
    }
    out
}

/// Digits as whole octets, and as text.
fn coded(
    digits: &[u8],
    octets: &'static [&'static str],
    text: Option<&'static [&'static str]>,
) -> Vec<Writing> {
    let whole = digits.len() / 2 * 2;
    let mut out = Vec::new();
    if whole / 2 >= SHORTEST_PACKED {
        out.push(exact(pack(&digits[..whole]), octets));
    }
    if let Some(steps) = text {
        out.push(written(digits.to_vec(), Bound::Free, steps));
    }
    out
}

/// Digits with a zero in front of an odd number of them, as trackers send them.
fn filled(digits: &[u8]) -> Vec<u8> {
    let filler: &[u8] = if digits.len() % 2 == 1 { b"0" } else { b"" };
    [filler, digits].concat()
}

/// Digits with those of each pair swapped, filled up with F.
fn swap(digits: &[u8]) -> Vec<u8> {
    let filler: &[u8] = if digits.len() % 2 == 1 { b"f" } else { b"" };
    [digits, filler].concat().chunks(2).flat_map(|pair| pair.iter().rev().copied()).collect()
}

fn pack(digits: &[u8]) -> Vec<u8> {
    let value = |byte: u8| hex_digit(byte).unwrap_or(0);
    digits.chunks_exact(2).map(|pair| value(pair[0]) << 4 | value(pair[1])).collect()
}

/// A number as text in the other base, and as eight octets in both orders.
fn numbers(kind: Kind, value: &str) -> Vec<Writing> {
    let bare = value.replace([':', '+'], "");
    let number = match kind {
        Kind::Imei | Kind::Imeisv | Kind::Imsi | Kind::Iccid | Kind::Msisdn => bare.parse::<u64>(),
        Kind::GsfId if bare.len() > 16 => bare.parse::<u64>(),
        Kind::AndroidId | Kind::GsfId | Kind::Mac | Kind::Bssid | Kind::Meid => {
            u64::from_str_radix(&bare, 16)
        }
        _ => return Vec::new(),
    };
    let Ok(number) = number else { return Vec::new() };
    let mut out = Vec::new();
    let varint = varint(number);
    if varint.len() >= SHORTEST_PACKED {
        out.push(exact(varint, &["varint"]));
    }
    match kind {
        Kind::Mac | Kind::Bssid | Kind::Meid => {
            // Few digits could be any number.
            if number >= 1_000_000_000_000 {
                out.push(written(number.to_string().into_bytes(), Bound::Digits, &["decimal"]));
            }
        }
        Kind::AndroidId | Kind::GsfId => {}
        _ => out.push(written(format!("{number:x}").into_bytes(), Bound::Word, &["hexadecimal"])),
    }
    if !matches!(kind, Kind::Mac | Kind::Bssid | Kind::Msisdn) {
        out.push(exact(number.to_be_bytes().to_vec(), &["binary"]));
        out.push(exact(number.to_le_bytes().to_vec(), &["binary (little endian)"]));
    }
    out
}

/// A number as protobuf writes it: seven bits in each octet, the lowest first, and a mark on all but the last.
fn varint(mut number: u64) -> Vec<u8> {
    let mut out = Vec::new();
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
    out
}

/// What is written in hexadecimal digits or base64, as octets, and these in base64.
fn binary(kind: Kind, value: &str) -> Vec<Writing> {
    let bare: String = value.chars().filter(|it| !matches!(it, ':' | '-')).collect();
    let hex = bare.len().is_multiple_of(2) && bare.bytes().all(|byte| byte.is_ascii_hexdigit());
    let octets = match kind {
        Kind::Mac | Kind::Bssid => pack(bare.as_bytes()),
        Kind::AndroidId if bare.len() == 16 => pack(bare.as_bytes()),
        Kind::AdvertisingId | Kind::DeviceToken | Kind::WidevineId | Kind::Meid if hex => {
            pack(bare.as_bytes())
        }
        Kind::WidevineId => match STANDARD.decode(value.replace('-', "+").replace('_', "/")) {
            Ok(octets) => octets,
            Err(_) => return Vec::new(),
        },
        _ => return Vec::new(),
    };
    let mut out = Vec::new();
    if octets.len() < SHORTEST_PACKED || all_digits(&octets) {
        return out;
    }
    if octets.len() >= 8 {
        out.push(exact(STANDARD_NO_PAD.encode(&octets).into_bytes(), &["base64", "binary"]));
        out.push(exact(URL_SAFE_NO_PAD.encode(&octets).into_bytes(), &["base64", "binary"]));
    }
    if kind == Kind::WidevineId {
        let hex: String = octets.iter().map(|octet| format!("{octet:02x}")).collect();
        out.push(written(hex.into_bytes(), Bound::Word, &["hex"]));
    }
    if octets.len() == 16
        && let [a, b, c, d, e, f, g, h, rest @ ..] = octets.as_slice()
    {
        // A GUID in memory has its first three groups in little endian.
        out.push(exact([&[*d, *c, *b, *a, *f, *e, *h, *g], rest].concat(), &["binary (little endian)"]));
    }
    if matches!(kind, Kind::Mac | Kind::Bssid) {
        let reversed: Vec<u8> = octets.iter().rev().copied().collect();
        out.push(exact(reversed, &["binary (little endian)"]));
    }
    out.push(exact(octets, &["binary"]));
    out
}
