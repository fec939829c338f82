//! `cargo xtask tidy`: conventions of the project that can be checked are checked here.

mod crates;
mod sources;

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Result, bail};

use crate::run;

/// Largest file that may be committed, in bytes. Data tables and recordings are below it.
const LARGEST_FILE: u64 = 1 << 20;

/// Files that must be there.
const REQUIRED: [&str; 8] = [
    "CHANGELOG.md",
    "LICENSE-APACHE",
    "LICENSE-MIT",
    "Cargo.lock",
    "deny.toml",
    "rust/inspect/data/README.md",
    "rust/inspect/data/country.bin",
    "rust/inspect/data/endpoints.tsv",
];

pub fn run() -> Result<()> {
    let files = files()?;
    let mut complaints = Vec::new();
    for required in REQUIRED.iter().filter(|path| !files.contains(&PathBuf::from(path))) {
        complaints.push(format!("{required}: missing"));
    }
    for path in &files {
        let bytes = std::fs::read(run::root().join(path))?;
        if bytes.len() as u64 > LARGEST_FILE {
            complaints.push(format!("{}: {} bytes are too many to commit", path.display(), bytes.len()));
        }
        if let Ok(text) = str::from_utf8(&bytes) {
            complaints.extend(sources::check(path, text));
        }
    }
    complaints.extend(sources::check_pipeline(&files)?);
    complaints.extend(crates::check()?);
    if complaints.is_empty() {
        eprintln!("tidy: {} files in order", files.len());
        return Ok(());
    }
    for complaint in &complaints {
        eprintln!("{complaint}");
    }
    bail!("{} things are untidy", complaints.len())
}

/// Every file that is committed, or would be, relative to the workspace.
fn files() -> Result<Vec<PathBuf>> {
    let mut git = Command::new("git");
    git.args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"]).current_dir(run::root());
    let listed = run::output(&mut git)?;
    let names = str::from_utf8(&listed)?.split_terminator('\0').map(PathBuf::from);
    Ok(names.filter(|path| run::root().join(path).is_file()).collect())
}
