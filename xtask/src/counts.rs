//! `cargo xtask counts`: how many instructions a packet costs, counted by callgrind and compared with the committed
//! figures. Counts do not depend on the load of the machine, so that CI can hold them.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};

use crate::{needs, run};

const VALGRIND: needs::Tool = needs::Tool { program: "valgrind", package: "valgrind" };
/// What is counted; see `rust/sim/examples/counts.rs`.
const WORKS: [&str; 8] = [
    "relay-down",
    "relay-up",
    "relay-dns",
    "watch-tls",
    "watch-dns",
    "watch-json",
    "watch-form",
    "watch-text",
];
/// Segments of the shorter and the longer run: their difference leaves out what is done once.
const SEGMENTS: [u64; 2] = [300, 900];
/// How far a figure may be from the committed one, in parts of a hundred.
const TOLERANCE: u64 = 10;

#[derive(Default, clap::Args)]
pub struct Arguments {
    /// Store the figures as they are now
    #[arg(long)]
    update: bool,
}

pub fn run(arguments: &Arguments) -> Result<()> {
    needs::ensure(&[needs::LINKER, VALGRIND])?;
    let program = build()?;
    let compiler = compiler()?;
    let mut counted = BTreeMap::new();
    for work in WORKS {
        let [few, many] = SEGMENTS.map(|segments| count(&program, work, segments));
        let each = many?.saturating_sub(few?) / (SEGMENTS[1] - SEGMENTS[0]);
        counted.insert(work.to_owned(), each);
    }
    let path = run::root().join("xtask/counts.tsv");
    if arguments.update {
        fs::write(&path, Figures { compiler, counted }.to_text())?;
        println!("counts: stored in {}", path.display());
        return Ok(());
    }
    let stored = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let stored = Figures::parse(&stored).with_context(|| format!("{} is broken", path.display()))?;
    compare(&stored, &Figures { compiler, counted })
}

/// Shows each figure beside the stored one.
///
/// # Errors
/// When one is too far away and the compiler is the same.
fn compare(stored: &Figures, now: &Figures) -> Result<()> {
    let mut off = Vec::new();
    for (work, count) in &now.counted {
        let Some(known) = stored.counted.get(work) else {
            off.push(work.as_str());
            println!("{work:12} {count:8} instructions a segment, none stored");
            continue;
        };
        let change = (*count as f64 / (*known).max(1) as f64 - 1.0) * 100.0;
        println!("{work:12} {count:8} instructions a segment, stored {known} ({change:+.1} %)");
        if count.abs_diff(*known) * 100 > known * TOLERANCE {
            off.push(work.as_str());
        }
    }
    if off.is_empty() {
        return Ok(());
    }
    if stored.compiler != now.compiler {
        println!("not judged: stored with {}, built with {}", stored.compiler, now.compiler);
        return Ok(());
    }
    bail!(
        "more than {TOLERANCE} % off: {} (if that is meant: `cargo xtask counts --update`, and say why in the commit)",
        off.join(", ")
    );
}

/// What is stored.
#[derive(Debug, PartialEq, Eq)]
struct Figures {
    /// The compiler's version: another one makes other instructions.
    compiler: String,
    /// Instructions for each segment, by what is done.
    counted: BTreeMap<String, u64>,
}

impl Figures {
    fn to_text(&self) -> String {
        let mut out = String::from(
            "# Instructions for each segment of 1,400 bytes; made by `cargo xtask counts --update`\n",
        );
        // Writing to a string cannot fail.
        _ = writeln!(out, "compiler\t{}", self.compiler);
        for (work, count) in &self.counted {
            _ = writeln!(out, "{work}\t{count}");
        }
        out
    }

    fn parse(text: &str) -> Result<Self> {
        let (mut compiler, mut counted) = (None, BTreeMap::new());
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            match line.split_once('\t') {
                Some(("compiler", version)) => compiler = Some(version.to_owned()),
                Some((work, count)) => _ = counted.insert(work.to_owned(), count.parse()?),
                None => bail!("no tab in {line:?}"),
            }
        }
        Ok(Self { compiler: compiler.context("it names no compiler")?, counted })
    }
}

fn build() -> Result<PathBuf> {
    let target = run::target().join("counts");
    let mut cargo = run::cargo();
    cargo.args(["build", "--release", "--quiet", "--package", "sim", "--example", "counts", "--target-dir"]);
    // Without optimization across crates it is built in a third of the time.
    run::run(cargo.arg(&target).env("CARGO_PROFILE_RELEASE_LTO", "off"))?;
    Ok(target.join("release/examples/counts"))
}

fn compiler() -> Result<String> {
    let version = run::output(Command::new("rustc").arg("--version"))?;
    Ok(String::from_utf8_lossy(&version).trim().to_owned())
}

/// Instructions of a run.
fn count(program: &Path, work: &str, segments: u64) -> Result<u64> {
    let out = run::target().join("counts").join(format!("{work}.{segments}"));
    let mut valgrind = Command::new("valgrind");
    valgrind.args(["--tool=callgrind", "--quiet"]).arg(format!("--callgrind-out-file={}", out.display()));
    run::output(valgrind.arg(program).args([work, &segments.to_string()]))?;
    let text = fs::read_to_string(&out).with_context(|| format!("cannot read {}", out.display()))?;
    total(&text).with_context(|| format!("{} has no total", out.display()))
}

/// The total in what callgrind wrote.
fn total(text: &str) -> Result<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix("summary:").or(line.strip_prefix("totals:")));
    let count = line.context("no line of totals")?.trim();
    let count: u64 = count.parse().with_context(|| format!("{count:?} is no number"))?;
    ensure!(count > 0, "nothing was counted");
    Ok(count)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figures(compiler: &str, count: u64) -> Figures {
        Figures { compiler: compiler.to_owned(), counted: [("relay-up".to_owned(), count)].into() }
    }

    #[test]
    fn what_is_stored_is_read_back() {
        let stored = figures("rustc 1.0", 12_345);
        assert_eq!(Figures::parse(&stored.to_text()).unwrap(), stored);
        assert!(Figures::parse("relay-up\t1\n").is_err());
        assert!(Figures::parse("compiler\tx\nrelay-up\tmany\n").is_err());
    }

    #[test]
    fn a_figure_that_left_its_bounds_fails_unless_the_compiler_did_it() {
        let stored = figures("a", 1000);
        for (now, holds) in [
            (figures("a", 1100), true),
            (figures("a", 900), true),
            (figures("a", 1101), false),
            (figures("a", 899), false),
            (figures("b", 2000), true),
            (Figures { compiler: "a".into(), counted: [("new".to_owned(), 1)].into() }, false),
        ] {
            assert_eq!(compare(&stored, &now).is_ok(), holds, "{now:?}");
        }
    }

    #[test]
    fn totals_of_callgrind() {
        assert_eq!(total("events: Ir\nsummary: 42\n").unwrap(), 42);
        assert_eq!(total("x\ntotals: 7\n").unwrap(), 7);
        assert!(total("summary: 0\n").is_err() && total("").is_err());
    }
}
