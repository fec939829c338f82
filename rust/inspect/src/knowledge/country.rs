//! Address ranges and their countries, in a packed table that is read in place.
//!
//! The file (`cargo xtask geo` writes it; integers are little-endian):
//!
//! | part | content |
//! | --- | --- |
//! | magic | `TELLTALE COUNTRY 1\n` |
//! | notice | `u16` length, UTF-8: source, version, licence |
//! | countries | `u8` count, then two letters each; number 0 stands for "nowhere", 1 for the first |
//! | IPv4, then IPv6 | `u32` blocks, `u32` bytes of tokens, per block `u64` first address and `u32` offset, the tokens |
//!
//! Ranges lie end to end, "nowhere" included, and begin at address 0. Addresses are the upper 64 bits, so an IPv4
//! address is shifted up by 32. A block begins with the country of its first range; each further range is a token:
//! two bits of kind and six of shift, then what the kind says. The range before it is `factor << shift` long.
//!
//! | kind | factor | country of the range that begins |
//! | --- | --- | --- |
//! | 0 | 1 | a byte follows |
//! | 1 | 1 | nowhere |
//! | 2 | 1 | the one before the previous |
//! | 3 | a LEB128 number follows | then a byte |

use std::net::IpAddr;
use std::sync::OnceLock;

const MAGIC: &[u8] = b"TELLTALE COUNTRY 1\n";
const INDEX_ENTRY: usize = 12;

/// A table of address ranges and their countries.
#[derive(Debug, Clone, Copy)]
pub struct CountryTable<'a> {
    notice: &'a str,
    countries: &'a [u8],
    ipv4: Family<'a>,
    ipv6: Family<'a>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Family<'a> {
    index: &'a [u8],
    tokens: &'a [u8],
}

impl CountryTable<'static> {
    /// The table in the repository.
    pub fn committed() -> Self {
        static TABLE: OnceLock<CountryTable<'static>> = OnceLock::new();
        let empty = Self { notice: "", countries: &[], ipv4: Family::default(), ipv6: Family::default() };
        *TABLE.get_or_init(|| CountryTable::read(include_bytes!("../../data/country.bin")).unwrap_or(empty))
    }
}

impl<'a> CountryTable<'a> {
    /// Reads a file; `None` when it is not one of these.
    pub fn read(bytes: &'a [u8]) -> Option<Self> {
        let mut bytes = bytes.strip_prefix(MAGIC)?;
        let length = u16::from_le_bytes(*take_array(&mut bytes)?);
        let notice = str::from_utf8(take(&mut bytes, length.into())?).ok()?;
        let [count] = *take_array(&mut bytes)?;
        let countries = take(&mut bytes, usize::from(count) * 2)?;
        if !countries.is_ascii() {
            return None;
        }
        let ipv4 = Family::read(&mut bytes)?;
        let ipv6 = Family::read(&mut bytes)?;
        bytes.is_empty().then_some(Self { notice, countries, ipv4, ipv6 })
    }

    /// Source, version and licence.
    pub fn notice(&self) -> &'a str {
        self.notice
    }

    /// Every country in the table (ISO 3166-1 alpha-2), in the table's order.
    pub fn countries(&self) -> impl Iterator<Item = &'a str> {
        (1..=u8::MAX).map_while(|number| self.name(number))
    }

    /// The country of an address. Takes no notice of what kind of address it is.
    pub fn country(&self, address: IpAddr) -> Option<&'a str> {
        let (family, address) = match address {
            IpAddr::V4(v4) => (self.ipv4, u64::from(v4.to_bits()) << 32),
            IpAddr::V6(v6) => (self.ipv6, (v6.to_bits() >> 64) as u64),
        };
        self.name(family.find(address)?)
    }

    /// Every range in order: its first address (upper 64 bits) and its country; IPv4, then IPv6.
    pub fn ranges(&self) -> [Vec<(u64, Option<&'a str>)>; 2] {
        [self.ipv4, self.ipv6].map(|family| {
            let blocks = 0..family.blocks();
            let ranges = blocks.filter_map(|block| family.block(block)).flatten();
            ranges.map(|(start, number)| (start, self.name(number))).collect()
        })
    }

    fn name(&self, number: u8) -> Option<&'a str> {
        let at = usize::from(number.checked_sub(1)?) * 2;
        str::from_utf8(self.countries.get(at..at + 2)?).ok()
    }
}

impl<'a> Family<'a> {
    fn read(bytes: &mut &'a [u8]) -> Option<Self> {
        let blocks = u32::from_le_bytes(*take_array(bytes)?) as usize;
        let length = u32::from_le_bytes(*take_array(bytes)?) as usize;
        let index = take(bytes, blocks.checked_mul(INDEX_ENTRY)?)?;
        Some(Self { index, tokens: take(bytes, length)? })
    }

    fn blocks(&self) -> usize {
        self.index.len() / INDEX_ENTRY
    }

    /// The number of the country of `address`.
    fn find(&self, address: u64) -> Option<u8> {
        let (mut low, mut high) = (0, self.blocks());
        while low < high {
            let middle = low.midpoint(high);
            if self.entry(middle)?.0 <= address {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        let ranges = self.block(low.checked_sub(1)?)?;
        ranges.take_while(|(start, _)| *start <= address).last().map(|(_, number)| number)
    }

    /// First address and offset of a block's tokens.
    fn entry(&self, block: usize) -> Option<(u64, usize)> {
        let mut entry = self.index.get(block.checked_mul(INDEX_ENTRY)?..)?;
        let start = u64::from_le_bytes(*take_array(&mut entry)?);
        Some((start, u32::from_le_bytes(*take_array(&mut entry)?) as usize))
    }

    fn block(&self, block: usize) -> Option<Ranges<'a>> {
        let (start, offset) = self.entry(block)?;
        let end = self.entry(block + 1).map_or(self.tokens.len(), |(_, offset)| offset);
        Some(Ranges { tokens: self.tokens.get(offset..end)?, start, country: 0, before: 0, first: true })
    }
}

/// The ranges of a block: first address and number of the country.
struct Ranges<'a> {
    tokens: &'a [u8],
    start: u64,
    country: u8,
    before: u8,
    first: bool,
}

impl Iterator for Ranges<'_> {
    type Item = (u64, u8);

    fn next(&mut self) -> Option<(u64, u8)> {
        let [token] = *take_array(&mut self.tokens)?;
        if std::mem::take(&mut self.first) {
            self.country = token;
            return Some((self.start, token));
        }
        let (kind, shift) = (token >> 6, u32::from(token & 63));
        let factor = if kind == 3 { leb128(&mut self.tokens)? } else { 1 };
        let country = match kind {
            1 => 0,
            2 => self.before,
            _ => take_array::<1>(&mut self.tokens)?[0],
        };
        self.start = self.start.checked_add(factor << shift)?;
        self.before = std::mem::replace(&mut self.country, country);
        Some((self.start, country))
    }
}

fn leb128(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for shift in (0..63).step_by(7) {
        let [byte] = *take_array(bytes)?;
        value |= u64::from(byte & 127) << shift;
        if byte < 128 {
            return Some(value);
        }
    }
    None
}

fn take<'a>(bytes: &mut &'a [u8], length: usize) -> Option<&'a [u8]> {
    let (taken, rest) = bytes.split_at_checked(length)?;
    *bytes = rest;
    Some(taken)
}

fn take_array<'a, const N: usize>(bytes: &mut &'a [u8]) -> Option<&'a [u8; N]> {
    let (taken, rest) = bytes.split_first_chunk()?;
    *bytes = rest;
    Some(taken)
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    /// Two countries; IPv4: nowhere, AA from 1.0.0.0, BB from 1.0.1.0, AA from 1.0.4.0, nowhere from 2.0.0.0.
    fn example() -> Vec<u8> {
        let mut file = MAGIC.to_vec();
        file.extend(3u16.to_le_bytes());
        file.extend(b"abc\x02AABB");
        let tokens = [0, 56, 1, 40, 2, 0xc0 | 40, 3, 1, 0xc0 | 42, 0xff, 0x7f, 0];
        file.extend([1, 0, 0, 0, tokens.len() as u8, 0, 0, 0]);
        file.extend([0; 12]);
        file.extend(tokens);
        file.extend([0; 8]);
        file
    }

    #[test]
    fn tokens_are_read() {
        let file = example();
        let table = CountryTable::read(&file).unwrap();
        assert_eq!(table.notice(), "abc");
        assert_eq!(table.countries().collect::<Vec<_>>(), ["AA", "BB"]);
        let country = |a, b, c, d| table.country(Ipv4Addr::new(a, b, c, d).into());
        assert_eq!(country(0, 255, 255, 255), None);
        assert_eq!(country(1, 0, 0, 0), Some("AA"));
        assert_eq!(country(1, 0, 0, 255), Some("AA"));
        assert_eq!(country(1, 0, 1, 0), Some("BB"));
        assert_eq!(country(1, 0, 3, 255), Some("BB"));
        assert_eq!(country(1, 0, 4, 0), Some("AA"));
        assert_eq!(country(1, 255, 255, 255), Some("AA"));
        assert_eq!(country(2, 0, 0, 0), None);
        assert_eq!(country(255, 255, 255, 255), None);
        assert_eq!(table.country("2001:db8::1".parse().unwrap()), None);
    }

    #[test]
    fn a_damaged_file_is_refused_or_read_without_a_panic() {
        let file = example();
        for end in 0..file.len() {
            assert!(CountryTable::read(&file[..end]).is_none(), "cut at {end}");
        }
        for at in 0..file.len() {
            for flip in [1, 0x40, 0x80, 0xff] {
                let mut damaged = file.clone();
                damaged[at] ^= flip;
                let Some(table) = CountryTable::read(&damaged) else { continue };
                table.ranges();
                table.country(Ipv4Addr::new(1, 0, 2, 0).into());
            }
        }
    }

    #[test]
    fn the_committed_table_is_whole() {
        let table = CountryTable::committed();
        assert!(table.notice().contains("NRO") && table.notice().contains("CC BY 4.0"), "{}", table.notice());
        assert!(table.countries().all(|name| name.bytes().all(|b| b.is_ascii_uppercase())));
        assert!(table.countries().count() > 200);
        for ranges in table.ranges() {
            assert!(ranges.len() > 100_000);
            assert_eq!(ranges[0].0, 0);
            assert!(ranges.is_sorted_by(|a, b| a.0 < b.0), "sorted");
            assert!(ranges.is_sorted_by(|a, b| a.1 != b.1), "neighbours of one country are merged");
        }
    }
}
