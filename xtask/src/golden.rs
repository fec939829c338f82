//! `cargo xtask golden`: the reports of the project's own recordings, compared with the stored ones.
//!
//! `rust/cli/tests/golden/<name>/` holds `capture.pcapng`, made by the project itself, `report.json`, what the engine
//! says of it, and `README.md`, how it was made. A change of a report is looked at, then stored with `--update`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};

use crate::{demo, run};

#[derive(Default, clap::Args)]
pub struct Arguments {
    /// Store the reports as they are now
    #[arg(long)]
    update: bool,
}

pub fn run(arguments: &Arguments) -> Result<()> {
    let root = run::root().join("rust/cli/tests/golden");
    let cases = cases(&root)?;
    if cases.is_empty() {
        println!("golden: no recordings in {}", root.display());
        return Ok(());
    }
    let telltale = demo::build()?;
    let mut changed = Vec::new();
    for case in &cases {
        ensure!(case.join("README.md").is_file(), "{}: README.md must say where it is from", case.display());
        let name = case.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let stored = fs::read_to_string(case.join("report.json")).unwrap_or_default();
        let report = report(&telltale, case)?;
        if stored == report {
            continue;
        }
        println!("{name}: {}", first_difference(&stored, &report));
        if arguments.update {
            fs::write(case.join("report.json"), &report)?;
        }
        changed.push(name);
    }
    println!("golden: {} recordings, {} changed", cases.len(), changed.len());
    if !changed.is_empty() && !arguments.update {
        bail!("reports changed: {} (`cargo xtask golden --update` stores them)", changed.join(", "));
    }
    Ok(())
}

fn cases(root: &Path) -> Result<Vec<PathBuf>> {
    let Ok(listing) = fs::read_dir(root) else { return Ok(Vec::new()) };
    let mut cases: Vec<PathBuf> = listing.map(|entry| Ok(entry?.path())).collect::<std::io::Result<_>>()?;
    cases.retain(|case| case.join("capture.pcapng").is_file());
    cases.sort();
    Ok(cases)
}

/// The report, run in the case's folder so that no path of this machine gets into it.
fn report(telltale: &Path, case: &Path) -> Result<String> {
    let mut replay = Command::new(telltale);
    replay.args(["replay", "capture.pcapng", "--format", "json", "--show-values"]).current_dir(case);
    String::from_utf8(run::output(&mut replay)?).context("the report is not UTF-8")
}

fn first_difference(stored: &str, report: &str) -> String {
    if stored.is_empty() {
        return "no report is stored".to_owned();
    }
    let mut lines = (1..).zip(stored.lines().zip(report.lines()));
    match lines.find(|(_, (old, new))| old != new) {
        Some((number, (old, new))) => {
            format!("line {number}\n  stored {}\n  now    {}", old.trim(), new.trim())
        }
        None => format!("{} lines stored, {} now", stored.lines().count(), report.lines().count()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_difference_is_shown() {
        assert_eq!(first_difference("", "a"), "no report is stored");
        assert_eq!(first_difference("a\nb", "a\nc"), "line 2\n  stored b\n  now    c");
        assert_eq!(first_difference("a", "a\nc"), "1 lines stored, 2 now");
    }
}
