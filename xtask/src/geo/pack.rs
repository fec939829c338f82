//! Writes the format that `inspect::knowledge` reads (described there, in `country.rs`).

use std::collections::BTreeMap;

use anyhow::{Result, ensure};

use super::Range;

/// Ranges in a block: a look-up reads half a block on average.
const BLOCK: usize = 64;

/// Packs sorted ranges that do not overlap.
///
/// # Errors
/// When there are too many countries for their numbers.
pub(super) fn pack(notice: &str, ipv4: &[Range], ipv6: &[Range]) -> Result<Vec<u8>> {
    let mut names: Vec<[u8; 2]> = ipv4.iter().chain(ipv6).map(|range| range.country).collect();
    names.sort_unstable();
    names.dedup();
    ensure!(names.len() < 256, "{} countries", names.len());
    let numbers = names.iter().copied().zip(1u8..).collect();

    let mut file = b"TELLTALE COUNTRY 1\n".to_vec();
    file.extend(u16::try_from(notice.len())?.to_le_bytes());
    file.extend(notice.as_bytes());
    file.push(u8::try_from(names.len())?);
    file.extend(names.as_flattened());
    for ranges in [ipv4, ipv6] {
        file.extend(family(&starts(ranges, &numbers))?);
    }
    Ok(file)
}

/// First addresses and numbers of ranges that lie end to end from address 0.
fn starts(ranges: &[Range], numbers: &BTreeMap<[u8; 2], u8>) -> Vec<(u64, u8)> {
    let mut starts = Vec::with_capacity(ranges.len() * 2);
    let mut next = Some(0);
    for range in ranges {
        if next != Some(range.first) {
            starts.extend(next.map(|next| (next, 0)));
        }
        starts.push((range.first, numbers[&range.country]));
        next = range.last.checked_add(1);
    }
    starts.extend(next.map(|next| (next, 0)));
    starts
}

fn family(starts: &[(u64, u8)]) -> Result<Vec<u8>> {
    let (mut index, mut tokens) = (Vec::new(), Vec::new());
    for block in starts.chunks(BLOCK) {
        let (mut start, mut country) = block[0];
        let mut before = 0;
        index.extend(start.to_le_bytes());
        index.extend(u32::try_from(tokens.len())?.to_le_bytes());
        tokens.push(country);
        for &(next, number) in &block[1..] {
            token(&mut tokens, next - start, number, before);
            before = country;
            (start, country) = (next, number);
        }
    }
    let mut family = u32::try_from(starts.len().div_ceil(BLOCK))?.to_le_bytes().to_vec();
    family.extend(u32::try_from(tokens.len())?.to_le_bytes());
    family.extend(index);
    family.extend(tokens);
    Ok(family)
}

fn token(tokens: &mut Vec<u8>, length: u64, number: u8, before: u8) {
    let shift = length.trailing_zeros() as u8;
    let factor = length >> shift;
    match (factor, number) {
        (1, 0) => tokens.push(1 << 6 | shift),
        (1, _) if number == before => tokens.push(2 << 6 | shift),
        (1, _) => tokens.extend([shift, number]),
        _ => {
            tokens.push(3 << 6 | shift);
            leb128(tokens, factor);
            tokens.push(number);
        }
    }
}

fn leb128(bytes: &mut Vec<u8>, mut value: u64) {
    while value >= 128 {
        bytes.push(value as u8 & 127 | 128);
        value >>= 7;
    }
    bytes.push(value as u8);
}
