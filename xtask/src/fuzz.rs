//! `cargo xtask fuzz`: lets libFuzzer search for bytes that break a target.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use ::fuzz::targets;

use crate::{needs, run};

/// libFuzzer is C++.
const CXX: needs::Tool = needs::Tool { program: "c++", package: "g++" };

/// What makes rustc instrument code as libFuzzer wants it, without a nightly compiler: the flags that cargo-fuzz gives
/// when no sanitizer is asked for. Overflows and debug assertions panic.
const FLAGS: &str = "--cfg fuzzing -Ccodegen-units=1 -Cdebug-assertions -Coverflow-checks -Cpasses=sancov-module \
                     -Cllvm-args=-sanitizer-coverage-level=4 -Cllvm-args=-sanitizer-coverage-inline-8bit-counters \
                     -Cllvm-args=-sanitizer-coverage-pc-table -Cllvm-args=-sanitizer-coverage-trace-compares";

/// Inputs that a committed corpus grows to: each is run by every `cargo test`.
const MOST_KEPT: usize = 64;

#[derive(clap::Args)]
pub struct Arguments {
    /// Targets; all when none is named
    #[arg(value_name = "TARGET", value_parser = known)]
    targets: Vec<String>,

    /// How long to fuzz each, in seconds
    #[arg(long, default_value_t = 600, value_name = "SECONDS")]
    time: u32,

    /// Add to the committed corpus what reaches code that it does not reach yet: the inputs that reach the most of it
    #[arg(long)]
    keep: bool,
}

fn known(name: &str) -> Result<String, String> {
    let names: Vec<&str> = targets().map(|(name, _)| *name).collect();
    if names.contains(&name) { Ok(name.to_owned()) } else { Err(format!("one of {}", names.join(", "))) }
}

pub fn run(arguments: &Arguments) -> Result<()> {
    needs::ensure(&[needs::LINKER, CXX])?;
    let program = build()?;
    let all = || targets().map(|(name, _)| (*name).to_owned()).collect();
    let targets: Vec<String> = if arguments.targets.is_empty() { all() } else { arguments.targets.clone() };
    let mut broken = Vec::new();
    for target in &targets {
        eprintln!("── {target}, {} s", arguments.time);
        if search(&program, target, arguments.time).is_err() {
            broken.push(target.as_str());
        } else if arguments.keep {
            keep(&program, target)?;
        }
    }
    ensure!(
        broken.is_empty(),
        "{} broke: the input is in {} (mend it, and add the input to fuzz/corpus)",
        broken.join(", "),
        folder("found").display()
    );
    Ok(())
}

fn build() -> Result<PathBuf> {
    let host = host()?;
    let target = run::target().join("fuzz");
    let mut cargo = run::cargo();
    cargo.args(["build", "--release", "--quiet", "--package", "fuzz", "--features", "libfuzzer"]);
    // Only with a target named do build scripts and macros go without the flags.
    cargo.args(["--target", &host, "--target-dir"]).arg(&target).env("RUSTFLAGS", FLAGS);
    // Instrumented code gains little by it, and takes three times as long to build.
    cargo.env("CARGO_PROFILE_RELEASE_LTO", "off");
    run::run(&mut cargo)?;
    Ok(target.join(host).join("release/fuzz"))
}

/// The target triple of this machine.
fn host() -> Result<String> {
    let version = run::output(Command::new("rustc").arg("-vV"))?;
    let text = String::from_utf8_lossy(&version).into_owned();
    let line = text.lines().find_map(|line| line.strip_prefix("host: "));
    Ok(line.context("rustc -vV names no host")?.to_owned())
}

fn folder(name: &str) -> PathBuf {
    run::target().join("fuzz").join(name)
}

fn committed(target: &str) -> PathBuf {
    run::root().join("fuzz/corpus").join(target)
}

fn search(program: &Path, target: &str, seconds: u32) -> Result<()> {
    let found = folder("found");
    let corpus = folder("corpus").join(target);
    fs::create_dir_all(&found)?;
    fs::create_dir_all(&corpus)?;
    fs::create_dir_all(committed(target))?;
    let mut command = libfuzzer(program, target);
    command.arg(format!("-max_total_time={seconds}")).arg("-print_final_stats=1").arg("-timeout=10");
    command.arg(format!("-artifact_prefix={}/{target}-", found.display()));
    run::run(command.args([corpus, committed(target)]))
}

/// Adds to the committed corpus what reaches code that it does not reach yet, while there is room.
fn keep(program: &Path, target: &str) -> Result<()> {
    let (committed, chosen) = (committed(target), folder("chosen").join(target));
    let before = names(&committed)?;
    if chosen.exists() {
        fs::remove_dir_all(&chosen)?;
    }
    fs::create_dir_all(&chosen)?;
    for name in &before {
        fs::copy(committed.join(name), chosen.join(name))?;
    }
    let mut command = libfuzzer(program, target);
    command.args(["-set_cover_merge=1", "-use_counters=0", "-verbosity=2"]);
    let output = command.args([&chosen, &folder("corpus").join(target)]).output()?;
    ensure!(output.status.success(), "{} failed ({})", run::shown(&command), output.status);
    let log = String::from_utf8_lossy(&output.stderr);
    for path in written(&log).take(MOST_KEPT.saturating_sub(before.len())) {
        fs::copy(path, committed.join(path.file_name().context("libFuzzer names a file")?))?;
    }
    eprintln!("{target}: {} inputs, {} before", names(&committed)?.len(), before.len());
    Ok(())
}

/// What libFuzzer's log says it wrote: the input that reaches the most comes first.
fn written(log: &str) -> impl Iterator<Item = &Path> {
    log.lines().filter_map(|line| Some(Path::new(line.strip_prefix("Written ")?.split_once(" bytes to ")?.1)))
}

fn names(folder: &Path) -> Result<Vec<OsString>> {
    fs::read_dir(folder)?.map(|entry| Ok(entry?.file_name())).collect()
}

fn libfuzzer(program: &Path, target: &str) -> Command {
    let mut command = Command::new(program);
    command.env("TELLTALE_FUZZ_TARGET", target).args(["-max_len=4096", "-rss_limit_mb=2048", "-verbosity=0"]);
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_told_in_order() {
        let log = "MERGE-OUTER: 2 new files\nWritten 12 bytes to a/b c\nWritten 1 bytes to a/d\n#5 pulse\n";
        assert_eq!(written(log).collect::<Vec<_>>(), [Path::new("a/b c"), Path::new("a/d")]);
    }
}
