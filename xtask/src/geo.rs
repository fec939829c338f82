//! Makes the table of addresses and countries (`rust/inspect/data/country.bin`) from two packages of the npm registry.
//!
//! The registries' own statistics say who holds a block, without errors known; the operators' geofeeds say in which
//! country a part of it is used, but the package that merges them holds some nonsense (ranges that overlap or run
//! over many holders' blocks, private ones). So the feeds only refine: a range of theirs counts when it lies in one
//! block of the registries, overlaps no other, and is a whole number of the smallest networks that are routed
//! (IPv4 /24, IPv6 /48).

mod pack;

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use inspect::knowledge::CountryTable;

use crate::run;

const REGISTRIES: &str = "@ip-location-db/asn-country";
const FEEDS: &str = "@ip-location-db/geo-whois-asn-country";

/// Where the packages are, when they need not be fetched.
#[derive(clap::Args)]
pub struct Arguments {
    /// The package @ip-location-db/asn-country, as `npm pack` writes it [default: fetch it]
    #[arg(long, value_name = "FILE.tgz")]
    registries: Option<PathBuf>,
    /// The package @ip-location-db/geo-whois-asn-country [default: fetch it]
    #[arg(long, value_name = "FILE.tgz")]
    feeds: Option<PathBuf>,
}

/// A range of addresses (upper 64 bits, both ends included) and its country.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Range {
    first: u64,
    last: u64,
    country: [u8; 2],
}

pub fn run(arguments: &Arguments) -> Result<()> {
    let scratch = run::target().join("geo");
    std::fs::create_dir_all(&scratch)?;
    let registries = Package::open(REGISTRIES, arguments.registries.as_deref(), &scratch)?;
    let feeds = Package::open(FEEDS, arguments.feeds.as_deref(), &scratch)?;
    let mut families = Vec::new();
    for (family, unit) in [("ipv4", 40), ("ipv6", 16)] {
        let blocks = registries.ranges(family)?;
        ensure!(blocks.is_sorted_by(|a, b| a.last < b.first), "{REGISTRIES}: ranges overlap");
        ensure!(blocks.len() > 50_000, "{REGISTRIES}: only {} ranges for {family}", blocks.len());
        families.push(merged(refined(&blocks, &feeds.ranges(family)?, unit)));
    }
    let notice = format!(
        "Countries of addresses, from {REGISTRIES} {} refined by {FEEDS} {}, both packaged under CC0-1.0. \
         Statistics of the regional Internet registries: Number Resource Organization (NRO), nro.net, CC BY 4.0; \
         changed: merged and packed.",
        registries.version, feeds.version
    );
    let file = pack::pack(&notice, &families[0], &families[1])?;
    verify(&file, &families)?;
    let path = run::root().join("rust/inspect/data/country.bin");
    std::fs::write(&path, &file).with_context(|| path.display().to_string())?;
    println!(
        "{}: {} bytes, {} + {} ranges",
        path.display(),
        file.len(),
        families[0].len(),
        families[1].len()
    );
    println!("{notice}");
    Ok(())
}

struct Package {
    name: &'static str,
    file: PathBuf,
    version: String,
}

impl Package {
    fn open(name: &'static str, file: Option<&Path>, scratch: &Path) -> Result<Self> {
        let file = match file {
            Some(file) => file.to_owned(),
            None => fetch(name, scratch)?,
        };
        let mut package = Self { name, file, version: String::new() };
        let about: serde_json::Value = serde_json::from_str(&package.member("package.json")?)?;
        ensure!(about["name"] == name, "{}: is {}, not {name}", package.file.display(), about["name"]);
        ensure!(about["license"] == "CC0-1.0", "{name}: licence is now {}", about["license"]);
        package.version = about["version"].as_str().context("package.json: no version")?.to_owned();
        Ok(package)
    }

    fn member(&self, path: &str) -> Result<String> {
        let mut tar = Command::new("tar");
        tar.arg("-xzOf").arg(&self.file).arg(format!("package/{path}"));
        Ok(String::from_utf8(run::output(&mut tar)?)?)
    }

    fn ranges(&self, family: &str) -> Result<Vec<Range>> {
        let base = self.name.rsplit('/').next().unwrap_or_default();
        let csv = self.member(&format!("{base}-{family}-num.csv"))?;
        let shift = if family == "ipv4" { 32 } else { -64 };
        csv.lines().map(|line| range(line, shift).with_context(|| format!("{base}: {line:?}"))).collect()
    }
}

fn fetch(name: &str, scratch: &Path) -> Result<PathBuf> {
    let mut npm = Command::new("npm");
    npm.args(["pack", "--silent", name]).current_dir(scratch);
    let written = String::from_utf8(run::output(&mut npm)?)?;
    Ok(scratch.join(written.lines().last().context("npm pack named no file")?.trim()))
}

/// Reads `first,last,country`, both ends as numbers; what is finer than 64 bits is widened to them.
fn range(line: &str, shift: i32) -> Result<Range> {
    let mut cells = line.trim().split(',');
    let mut end = || -> Result<u128> { Ok(cells.next().context("too few columns")?.parse()?) };
    let (first, last) = (end()?, end()?);
    let upper = |address: u128| u64::try_from(if shift < 0 { address >> -shift } else { address << shift });
    let after = if shift < 0 { last } else { last + 1 };
    let last = if shift < 0 { upper(after)? } else { (after << shift).wrapping_sub(1).try_into()? };
    let country = cells.next().context("no country")?.as_bytes();
    let country: [u8; 2] = country.try_into().context("not two letters")?;
    if !country.iter().all(u8::is_ascii_uppercase) || upper(first)? > last {
        bail!("not a range");
    }
    Ok(Range { first: upper(first)?, last, country })
}

/// `blocks` with the countries of those `feeds` that can be trusted to be about a part of one block.
/// `unit`: the size in bits of the smallest network that counts.
fn refined(blocks: &[Range], feeds: &[Range], unit: u32) -> Vec<Range> {
    let whole = |feed: &Range| feed.first.trailing_zeros() >= unit && feed.last.trailing_ones() >= unit;
    let mut feeds = alone(feeds).into_iter().filter(whole).peekable();
    let mut ranges = Vec::with_capacity(blocks.len());
    for block in blocks {
        let mut next = block.first;
        while let Some(feed) = feeds.next_if(|feed| feed.first <= block.last) {
            if feed.first < block.first || feed.last > block.last {
                continue;
            }
            if feed.first > next {
                ranges.push(Range { first: next, last: feed.first - 1, ..*block });
            }
            ranges.push(feed);
            next = feed.last.saturating_add(1);
        }
        if next <= block.last {
            ranges.push(Range { first: next, ..*block });
        }
    }
    ranges
}

/// The ranges that overlap no other.
fn alone(ranges: &[Range]) -> Vec<Range> {
    let mut sorted = ranges.to_vec();
    sorted.sort_by_key(|range| (range.first, range.last));
    let mut reach = None;
    let mut alone: Vec<Range> = Vec::new();
    for range in sorted {
        if reach.is_some_and(|reach| range.first <= reach) {
            alone.pop_if(|before| range.first <= before.last);
        } else {
            alone.push(range);
        }
        reach = reach.max(Some(range.last));
    }
    alone
}

/// Joins neighbours of one country.
fn merged(ranges: Vec<Range>) -> Vec<Range> {
    let mut merged: Vec<Range> = Vec::with_capacity(ranges.len());
    for range in ranges {
        match merged.last_mut() {
            Some(before)
                if before.country == range.country && before.last.checked_add(1) == Some(range.first) =>
            {
                before.last = range.last;
            }
            _ => merged.push(range),
        }
    }
    merged
}

/// Reads the file back: every range must begin and end where it should.
fn verify(file: &[u8], families: &[Vec<Range>]) -> Result<()> {
    let table = CountryTable::read(file).context("the table cannot be read back")?;
    for (written, read) in families.iter().zip(table.ranges()) {
        let known = read.windows(2).filter_map(|pair| {
            let country = pair[0].1?.as_bytes().try_into().ok()?;
            Some(Range { first: pair[0].0, last: pair[1].0 - 1, country })
        });
        ensure!(known.eq(written.iter().copied()), "the table does not read back as written");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(first: u64, last: u64, country: &[u8; 2]) -> Range {
        Range { first, last, country: *country }
    }

    #[test]
    fn rows_are_read() {
        assert_eq!(range("16777216,16777471,AU", 32).unwrap(), of(1 << 56, (1 << 56 | 1 << 40) - 1, b"AU"));
        let ones = u128::MAX >> 32;
        assert_eq!(range(&format!("0,{ones},CN"), -64).unwrap(), of(0, 0xffff_ffff, b"CN"));
        for bad in ["", "1,2", "1,2,cn", "2,1,CN", "1,2,CHN", "x,2,CN"] {
            assert!(range(bad, 32).is_err(), "{bad}");
        }
    }

    #[test]
    fn feeds_refine_one_block_only() {
        let blocks = [of(0, 99, b"US"), of(100, 199, b"FI")];
        let feeds = [of(10, 19, b"SG"), of(90, 109, b"AU"), of(150, 199, b"SE"), of(500, 599, b"XX")];
        let expected =
            [of(0, 9, b"US"), of(10, 19, b"SG"), of(20, 99, b"US"), of(100, 149, b"FI"), of(150, 199, b"SE")];
        assert_eq!(refined(&blocks, &feeds, 0), expected);
        assert_eq!(refined(&blocks, &feeds, 4), blocks, "too small, or not whole networks");
    }

    #[test]
    fn feeds_that_contradict_each_other_do_not_count() {
        let feeds = [of(0, 9, b"AA"), of(5, 6, b"BB"), of(8, 12, b"CC"), of(20, 29, b"DD")];
        assert_eq!(alone(&feeds), [of(20, 29, b"DD")]);
    }

    #[test]
    fn neighbours_of_one_country_are_joined() {
        let ranges = vec![of(0, 9, b"AA"), of(10, 19, b"AA"), of(21, 29, b"AA"), of(30, 39, b"BB")];
        assert_eq!(merged(ranges), [of(0, 19, b"AA"), of(21, 29, b"AA"), of(30, 39, b"BB")]);
    }

    #[test]
    fn what_is_packed_reads_back() {
        let ipv4 = vec![of(1 << 56, (1 << 56) + 99, b"AA"), of((1 << 56) + 100, (1 << 60) - 1, b"BB")];
        let many: Vec<Range> = (0..1000u64).map(|n| of(n * 700, n * 700 + 500 + n % 3, b"CC")).collect();
        let file = pack::pack("notice", &ipv4, &many).unwrap();
        verify(&file, &[ipv4, many]).unwrap();
    }
}
