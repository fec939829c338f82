//! `cargo xtask reproducible`: two builds of the same sources, in two folders, give the same APK.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::native::Abi;
use super::{Workshop, contents};
use crate::run;

/// Builds an APK for these ABIs here, and then from nothing in a copy of what is committed or would be: that one takes some
/// minutes.
///
/// # Errors
/// When a build fails, or the APKs differ: then with the first entry that does.
pub fn run(abis: &[Abi]) -> Result<()> {
    let here = Workshop::open(&run::root(), &run::target().join("android"))?;
    let copy = run::target().join("reproducible");
    let _ = std::fs::remove_dir_all(&copy);
    copy_sources(&run::root(), &copy.join("sources"))?;
    let there = Workshop::open(&copy.join("sources"), &copy.join("target"))?;
    eprintln!("── here, and at the same time in {}", copy.display());
    // The engine at once, since the end of its build keeps one core busy; the rest in turn, for Maven writes to one folder.
    // What is built here stays for the next APK, so that it is built for every ABI while others keep the other cores busy.
    std::thread::scope(|scope| {
        let elsewhere = scope.spawn(|| there.engine(abis));
        here.engine(&Abi::ALL)?;
        elsewhere.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })?;
    let (here, there) = (here.unsigned(abis)?, there.unsigned(abis)?);
    if std::fs::read(&here)? == std::fs::read(&there)? {
        eprintln!("reproducible: both builds gave the same {} bytes", std::fs::metadata(&here)?.len());
        std::fs::remove_dir_all(copy)?;
        return Ok(());
    }
    let first = difference(contents(&here)?, contents(&there)?);
    bail!("the builds differ in {first}: compare {} with {}", here.display(), there.display())
}

/// The first name whose content differs, or that one archive lacks.
fn difference(one: Vec<(String, Vec<u8>)>, other: Vec<(String, Vec<u8>)>) -> String {
    let (one, other): (BTreeMap<_, _>, BTreeMap<_, _>) =
        (one.into_iter().collect(), other.into_iter().collect());
    let differs = |name: &&String| one.get(*name) != other.get(*name);
    one.keys()
        .chain(other.keys())
        .find(differs)
        .map_or_else(|| "how they are packed".to_owned(), Clone::clone)
}

/// Copies what git knows, without what it ignores. The copies are older than all that is built from them.
fn copy_sources(root: &Path, to: &Path) -> Result<()> {
    let mut git = Command::new("git");
    git.args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"]).current_dir(root);
    let listed = run::output(&mut git)?;
    for name in str::from_utf8(&listed)?.split_terminator('\0') {
        let (from, to) = (root.join(name), to.join(name));
        if from.is_file() {
            std::fs::create_dir_all(to.parent().context("a file in no folder")?)?;
            std::fs::copy(&from, &to).with_context(|| format!("cannot copy {name}"))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_entry_that_differs_is_named() {
        let entries = |b: &str| vec![("a".to_owned(), vec![1]), ("b".to_owned(), b.as_bytes().to_vec())];
        assert_eq!(difference(entries("x"), entries("y")), "b");
        assert_eq!(difference(entries("x"), entries("x")), "how they are packed");
        let more = [entries("x"), vec![("c".to_owned(), Vec::new())]].concat();
        assert_eq!(difference(entries("x"), more), "c");
    }
}
