//! Android's own table of resources, in the encoding that older tools read.
//!
//! Since Android 15 the table has types with 16-bit offsets (type flag 0x02) and entries of 8 bytes (entry flag 0x08).
//! Debian's aapt2 knows neither and finds no attribute in such a table. Here they are written out in full.
//! Structures: AOSP, frameworks/base, `libs/androidfw/include/androidfw/ResourceTypes.h`.

use anyhow::{Context, Result, ensure};

const PACKAGE: u16 = 0x0200;
const TYPE: u16 = 0x0201;
/// Resource numbers that moved between releases. Unknown to the older tools.
const STAGED_ALIAS: u16 = 0x0206;

const SPARSE: u8 = 0x01;
const OFFSETS_16: u8 = 0x02;
const COMPLEX: u16 = 0x01;
const COMPACT: u16 = 0x08;

const NO_ENTRY: u32 = u32::MAX;
/// Entries before any more would make the table larger than the largest real one, about 60 MB, by far.
const MOST_ENTRIES: u32 = 1 << 16;

/// The table in the plain encoding.
///
/// # Errors
/// When a chunk, an offset or an entry does not lie within the table.
pub fn plain(table: &[u8]) -> Result<Vec<u8>> {
    let header = bytes(table, 0, u16_at(table, 2)?.into())?;
    let mut out = header.to_vec();
    for chunk in (Chunks { rest: &table[header.len()..] }) {
        let (kind, chunk) = chunk?;
        match kind {
            PACKAGE => out.extend(plain_package(chunk)?),
            _ => out.extend_from_slice(chunk),
        }
    }
    with_size(out)
}

fn plain_package(package: &[u8]) -> Result<Vec<u8>> {
    let header = bytes(package, 0, u16_at(package, 2)?.into())?;
    let mut out = header.to_vec();
    for chunk in (Chunks { rest: &package[header.len()..] }) {
        match chunk? {
            (STAGED_ALIAS, _) => {}
            (TYPE, chunk) => out.extend(plain_type(chunk)?),
            (_, chunk) => out.extend_from_slice(chunk),
        }
    }
    with_size(out)
}

/// One type in one configuration: a table of offsets, one for each resource, and the entries.
fn plain_type(chunk: &[u8]) -> Result<Vec<u8>> {
    let header = usize::from(u16_at(chunk, 2)?);
    let flags = *chunk.get(9).context("a type is cut")?;
    let count = u32_at(chunk, 12)?;
    let entries = u32_at(chunk, 16)? as usize;
    ensure!(
        header >= 20 && count <= MOST_ENTRIES,
        "a type has {count} entries and a header of {header} bytes"
    );

    let placed = offsets(chunk, header, flags, count)?;
    let whole = if flags & SPARSE == 0 { count } else { placed.last().map_or(0, |(index, _)| index + 1) };
    let mut table = vec![NO_ENTRY; whole as usize];
    let mut data = Vec::new();
    for (index, offset) in placed {
        let slot = table.get_mut(index as usize).context("the entries of a type are not in order")?;
        *slot = u32::try_from(data.len())?;
        let at = entries.checked_add(offset).context("an offset is too large")?;
        write_entry(chunk, at, &mut data)?;
    }

    let mut out = bytes(chunk, 0, header)?.to_vec();
    out[9] = 0;
    out[12..16].copy_from_slice(&whole.to_le_bytes());
    out[16..20].copy_from_slice(&u32::try_from(header + 4 * table.len())?.to_le_bytes());
    out.extend(table.iter().flat_map(|offset| offset.to_le_bytes()));
    out.extend(data);
    with_size(out)
}

/// The resources that a type has, and how far from the first entry each one is.
fn offsets(chunk: &[u8], header: usize, flags: u8, count: u32) -> Result<Vec<(u32, usize)>> {
    let mut placed = Vec::new();
    for index in 0..count {
        let row = index as usize;
        if flags & SPARSE != 0 {
            let at = header + 4 * row;
            placed.push((u16_at(chunk, at)?.into(), usize::from(u16_at(chunk, at + 2)?) * 4));
        } else if flags & OFFSETS_16 != 0 {
            let offset = u16_at(chunk, header + 2 * row)?;
            placed.extend((offset != u16::MAX).then(|| (index, usize::from(offset) * 4)));
        } else {
            let offset = u32_at(chunk, header + 4 * row)?;
            placed.extend((offset != NO_ENTRY).then_some((index, offset as usize)));
        }
    }
    Ok(placed)
}

fn write_entry(chunk: &[u8], at: usize, out: &mut Vec<u8>) -> Result<()> {
    let (size, flags, key) = (u16_at(chunk, at)?, u16_at(chunk, at + 2)?, u32_at(chunk, at + 4)?);
    if flags & COMPACT != 0 {
        // The key is where the size was, the type of the value where the flags were, the value where the key was.
        let [kind_flags, kind] = flags.to_le_bytes();
        out.extend(8_u16.to_le_bytes());
        out.extend((u16::from(kind_flags) & !COMPACT).to_le_bytes());
        out.extend(u32::from(size).to_le_bytes());
        out.extend(8_u16.to_le_bytes());
        out.extend([0, kind]);
        out.extend(key.to_le_bytes());
        return Ok(());
    }
    let length = if flags & COMPLEX == 0 {
        usize::from(size) + 8
    } else {
        usize::from(size) + 12 * u32_at(chunk, at + 12)? as usize
    };
    out.extend_from_slice(bytes(chunk, at, length)?);
    Ok(())
}

/// A chunk's size is its bytes' number.
fn with_size(mut chunk: Vec<u8>) -> Result<Vec<u8>> {
    let size = u32::try_from(chunk.len())?;
    chunk.get_mut(4..8).context("a chunk without a header")?.copy_from_slice(&size.to_le_bytes());
    Ok(chunk)
}

/// Chunks, one after the other: each begins with its kind, its header's size and its whole size.
struct Chunks<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Chunks<'a> {
    type Item = Result<(u16, &'a [u8])>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let chunk = take(self.rest);
        self.rest = chunk.as_ref().map_or(&[], |(_, chunk)| &self.rest[chunk.len()..]);
        Some(chunk)
    }
}

fn take(rest: &[u8]) -> Result<(u16, &[u8])> {
    let (kind, header, size) = (u16_at(rest, 0)?, u16_at(rest, 2)?, u32_at(rest, 4)? as usize);
    ensure!(header >= 8 && usize::from(header) <= size, "a chunk of {size} bytes has a header of {header}");
    Ok((kind, bytes(rest, 0, size)?))
}

fn bytes(from: &[u8], at: usize, length: usize) -> Result<&[u8]> {
    let end = at.checked_add(length);
    end.and_then(|end| from.get(at..end)).with_context(|| format!("{length} bytes at {at} of {}", from.len()))
}

fn u16_at(from: &[u8], at: usize) -> Result<u16> {
    Ok(u16::from_le_bytes(bytes(from, at, 2)?.try_into()?))
}

fn u32_at(from: &[u8], at: usize) -> Result<u32> {
    Ok(u32::from_le_bytes(bytes(from, at, 4)?.try_into()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chunk(kind: u16, header: &[u8], body: &[u8]) -> Vec<u8> {
        let mut out = kind.to_le_bytes().to_vec();
        out.extend((8 + header.len() as u16).to_le_bytes());
        out.extend((8 + header.len() as u32 + body.len() as u32).to_le_bytes());
        out.extend(header);
        out.extend(body);
        out
    }

    /// A type with these flags, offsets and entries.
    fn type_chunk(flags: u8, count: u32, offsets: &[u8], entries: &[u8]) -> Vec<u8> {
        let mut header = vec![1, flags, 0, 0];
        header.extend(count.to_le_bytes());
        header.extend((20 + offsets.len() as u32).to_le_bytes());
        chunk(TYPE, &header, &[offsets, entries].concat())
    }

    fn table(types: &[Vec<u8>]) -> Vec<u8> {
        let package = chunk(PACKAGE, &[7, 0, 0, 0], &types.concat());
        chunk(2, &[1, 0, 0, 0], &package)
    }

    const PLAIN_ENTRY: [u8; 16] = [8, 0, 2, 0, 5, 0, 0, 0, 8, 0, 0, 0x10, 0x44, 0, 0, 0];
    const COMPACT_ENTRY: [u8; 8] = [5, 0, 0x0a, 0x10, 0x44, 0, 0, 0];

    #[test]
    fn compact_entries_and_short_offsets_are_written_out() {
        let new = table(&[type_chunk(OFFSETS_16, 2, &[0xff, 0xff, 0, 0], &COMPACT_ENTRY)]);
        let old = table(&[type_chunk(0, 2, &[0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0], &PLAIN_ENTRY)]);
        assert_eq!(plain(&new).unwrap(), old);
        assert_eq!(plain(&old).unwrap(), old, "what is plain stays as it is");
    }

    #[test]
    fn sparse_types_become_whole() {
        let sparse = table(&[type_chunk(SPARSE, 1, &[1, 0, 0, 0], &PLAIN_ENTRY)]);
        let old = table(&[type_chunk(0, 2, &[0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0], &PLAIN_ENTRY)]);
        assert_eq!(plain(&sparse).unwrap(), old);
    }

    #[test]
    fn bags_are_copied_and_aliases_left_out() {
        let mut bag = vec![16, 0, 1, 0, 5, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0];
        bag.extend([9; 12]);
        let bag = type_chunk(0, 1, &[0; 4], &bag);
        let with_alias = table(&[bag.clone(), chunk(STAGED_ALIAS, &[0; 4], &[])]);
        assert_eq!(plain(&with_alias).unwrap(), table(&[bag]));
    }

    #[test]
    fn a_table_that_lies_is_refused() {
        let good = table(&[type_chunk(OFFSETS_16, 2, &[0xff, 0xff, 0, 0], &COMPACT_ENTRY)]);
        for length in 0..good.len() {
            assert!(plain(&good[..length]).is_err() || length == 12, "cut to {length}");
        }
        // Every byte changed in turn: an answer or an error, never a panic.
        for at in 0..good.len() {
            for value in [0, 1, 0x7f, 0xff] {
                let mut bad = good.clone();
                bad[at] = value;
                let _ = plain(&bad);
            }
        }
        let far = table(&[type_chunk(OFFSETS_16, 1, &[0xfe, 0xff], &COMPACT_ENTRY)]);
        assert!(plain(&far).is_err());
    }
}
