//! A ZIP writer for APKs: the same entries give the same bytes, in a fixed order, with one fixed date.
//!
//! Android maps the table of resources straight from the APK: it is stored, at a multiple of 4. How far an entry was moved
//! stands in the extra field 0xd935, which apksigner reads and keeps. Libraries are compressed, and unpacked when the app
//! is installed: stored, two of them would make the download twice as large.
//! Format: PKWARE's APPNOTE 6.3.10, sections 4.3.7, 4.3.12 and 4.3.16.

use std::io::Write;

use anyhow::{Result, bail};
use flate2::write::DeflateEncoder;
use flate2::{Compression, Crc};

/// 1980-01-01, the first date that a ZIP can have.
const DATE: u32 = 1 << 21 | 1 << 16;
const ALIGNMENT_FIELD: u16 = 0xd935;

/// What Android asks of what is stored.
pub const STORED_ALIGNMENT: usize = 4;

/// The bytes of an APK that holds these entries (names and contents), in any order.
///
/// # Errors
/// When a name comes twice, or the APK gets too large for the format.
pub fn write(entries: &mut [(String, Vec<u8>)]) -> Result<Vec<u8>> {
    entries.sort_by(|(a, _), (b, _)| (rank(a), a).cmp(&(rank(b), b)));
    if let Some(pair) = entries.windows(2).find(|pair| pair[0].0 == pair[1].0) {
        bail!("{} comes twice in the APK", pair[0].0);
    }
    let (mut out, mut directory) = (Vec::new(), Vec::new());
    for (name, content) in entries.iter() {
        let at = u32::try_from(out.len())?;
        let entry = Entry::new(name, content)?;
        out.extend(0x0403_4b50_u32.to_le_bytes());
        entry.write_common(&mut out);
        let extra = extra(out.len() + 4 + name.len(), alignment(name))?;
        out.extend(u16::try_from(name.len())?.to_le_bytes());
        out.extend(u16::try_from(extra.len())?.to_le_bytes());
        out.extend(name.as_bytes());
        out.extend(extra);
        out.extend(&entry.stored);

        directory.extend(0x0201_4b50_u32.to_le_bytes());
        directory.extend(0_u16.to_le_bytes());
        entry.write_common(&mut directory);
        directory.extend(u16::try_from(name.len())?.to_le_bytes());
        // No extra field, no comment, the first disk, no attributes.
        directory.extend([0; 12]);
        directory.extend(at.to_le_bytes());
        directory.extend(name.as_bytes());
    }
    let count = u16::try_from(entries.len())?.to_le_bytes();
    let (at, size) = (u32::try_from(out.len())?, u32::try_from(directory.len())?);
    out.extend(directory);
    out.extend(0x0605_4b50_u32.to_le_bytes());
    out.extend([0; 4]);
    out.extend([count, count].concat());
    out.extend(size.to_le_bytes());
    out.extend(at.to_le_bytes());
    out.extend([0; 2]);
    Ok(out)
}

/// What stands both before an entry and in the directory.
struct Entry {
    method: u16,
    crc: u32,
    size: u32,
    stored: Vec<u8>,
}

impl Entry {
    fn new(name: &str, content: &[u8]) -> Result<Self> {
        let mut crc = Crc::new();
        crc.update(content);
        let (method, stored) =
            if alignment(name) > 1 { (0, content.to_vec()) } else { (8, deflated(content)?) };
        u32::try_from(stored.len())?;
        Ok(Self { method, crc: crc.sum(), size: u32::try_from(content.len())?, stored })
    }

    fn write_common(&self, out: &mut Vec<u8>) {
        let version: u16 = if self.method == 0 { 10 } else { 20 };
        out.extend(version.to_le_bytes());
        out.extend(0_u16.to_le_bytes());
        out.extend(self.method.to_le_bytes());
        out.extend(DATE.to_le_bytes());
        out.extend(self.crc.to_le_bytes());
        out.extend((self.stored.len() as u32).to_le_bytes());
        out.extend(self.size.to_le_bytes());
    }
}

fn deflated(content: &[u8]) -> Result<Vec<u8>> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(content)?;
    Ok(encoder.finish()?)
}

/// What readers want first comes first.
fn rank(name: &str) -> u8 {
    match name {
        "AndroidManifest.xml" => 0,
        "classes.dex" => 1,
        "resources.arsc" => 3,
        _ if name.starts_with("lib/") => 2,
        _ => 4,
    }
}

/// What the offset of an entry's content must be a multiple of; 1 for what is compressed. Pictures do not get smaller.
fn alignment(name: &str) -> usize {
    let extension = name.rsplit_once('.').map_or("", |(_, extension)| extension);
    match extension {
        "arsc" | "png" | "webp" => STORED_ALIGNMENT,
        _ => 1,
    }
}

/// The extra field that moves the content, which would begin at `at` without it, to a multiple of `alignment`.
fn extra(at: usize, alignment: usize) -> Result<Vec<u8>> {
    if alignment == 1 {
        return Ok(Vec::new());
    }
    let padding = (at + 6).next_multiple_of(alignment) - (at + 6);
    let mut field = ALIGNMENT_FIELD.to_le_bytes().to_vec();
    field.extend(u16::try_from(2 + padding)?.to_le_bytes());
    field.extend(u16::try_from(alignment)?.to_le_bytes());
    field.resize(6 + padding, 0);
    Ok(field)
}

#[cfg(test)]
mod tests {
    use std::io::{Cursor, Read};

    use super::*;

    fn entries() -> Vec<(String, Vec<u8>)> {
        let names = ["res/a.png", "resources.arsc", "lib/x86_64/b.so", "lib/arm64-v8a/b.so", "classes.dex"];
        let mut entries: Vec<_> =
            names.iter().map(|name| ((*name).to_owned(), name.repeat(99).into_bytes())).collect();
        entries.push(("AndroidManifest.xml".to_owned(), vec![7; 3]));
        entries
    }

    #[test]
    fn another_reader_finds_what_was_written() {
        let bytes = write(&mut entries()).unwrap();
        let mut archive = zip::ZipArchive::new(Cursor::new(bytes)).unwrap();
        assert_eq!(archive.len(), 6);
        for (name, content) in entries() {
            let mut file = archive.by_name(&name).unwrap();
            let mut read = Vec::new();
            file.read_to_end(&mut read).unwrap();
            assert_eq!(read, content, "{name}");
            assert_eq!(file.data_start().unwrap() % alignment(&name) as u64, 0, "{name}");
            let stored = file.compression() == zip::CompressionMethod::Stored;
            assert_eq!(stored, alignment(&name) > 1, "{name}");
        }
    }

    #[test]
    fn the_order_of_what_is_given_does_not_matter() {
        let (mut forward, mut backward) = (entries(), entries());
        backward.reverse();
        let bytes = write(&mut forward).unwrap();
        assert_eq!(bytes, write(&mut backward).unwrap());
        assert_eq!(forward[0].0, "AndroidManifest.xml");
        assert_eq!(forward[2].0, "lib/arm64-v8a/b.so");
    }

    #[test]
    fn a_name_that_comes_twice_is_refused() {
        let mut twice = [entries(), entries()].concat();
        assert!(write(&mut twice).unwrap_err().to_string().contains("comes twice"));
    }
}
