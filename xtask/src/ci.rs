//! `cargo xtask ci`: everything that must hold before a change goes in, the quickest checks first.

use std::process::Command;
use std::time::Instant;

use anyhow::{Context, Result};

use crate::{apk, conformance, counts, demo, golden, run, test, tidy};

const DENY_VERSION: &str = "0.20.2";

#[derive(clap::Args)]
pub struct Arguments {
    /// Leave out steps: `cargo xtask ci --without test --without demo`
    #[arg(long, value_name = "STEP")]
    without: Vec<String>,
}

/// A step's name and what it does.
type Step = (&'static str, fn() -> Result<()>);

const STEPS: [Step; 11] = [
    ("fmt", || run::run(run::cargo().args(["fmt", "--all", "--check"]))),
    ("tidy", tidy::run),
    ("clippy", clippy),
    ("doc", doc),
    ("test", || test::run(&test::Arguments::default())),
    ("golden", || golden::run(&golden::Arguments::default())),
    ("conformance", || conformance::run(&conformance::Arguments::default())),
    ("counts", || counts::run(&counts::Arguments::default())),
    ("demo", demo::smoke),
    ("deny", deny),
    // Phones have this one; the other is made the same way.
    ("reproducible", || apk::reproducible::run(&[apk::Abi::Arm64])),
];

#[expect(clippy::disallowed_methods, reason = "how long a step takes is for people; nothing depends on it")]
pub fn run(arguments: &Arguments) -> Result<()> {
    let mut times = Vec::new();
    for (name, step) in STEPS.iter().filter(|(name, _)| !arguments.without.iter().any(|left| left == name)) {
        eprintln!("── {name}");
        let begun = Instant::now();
        step().with_context(|| format!("step {name}"))?;
        times.push(format!("{name} {:.0} s", begun.elapsed().as_secs_f64()));
    }
    eprintln!("── all held: {}", times.join(", "));
    Ok(())
}

fn clippy() -> Result<()> {
    let arguments = ["clippy", "--workspace", "--all-targets", "--quiet", "--", "-D", "warnings"];
    run::run(run::cargo().args(arguments))
}

fn doc() -> Result<()> {
    let mut cargo = run::cargo();
    cargo.env("RUSTDOCFLAGS", "-D warnings");
    run::run(cargo.args(["doc", "--workspace", "--no-deps", "--quiet"]))
}

/// Licences, bans and sources. Advisories need a database that not every machine can reach: it is left to those that
/// can (`cargo deny check advisories`), and said.
fn deny() -> Result<()> {
    let deny = deny_program()?;
    run::run(
        Command::new(deny)
            .args(["check", "--hide-inclusion-graph", "licenses", "bans", "sources"])
            .current_dir(run::root()),
    )?;
    eprintln!("not checked here: advisories (run `cargo deny check advisories` where GitHub can be reached)");
    Ok(())
}

/// Where cargo-deny is; built into the target folder when it is not installed. It runs for a second: built without
/// optimization it takes a third of the time.
fn deny_program() -> Result<std::path::PathBuf> {
    if run::output(Command::new("cargo-deny").arg("--version")).is_ok() {
        return Ok("cargo-deny".into());
    }
    let tools = run::target().join("tools");
    let program = tools.join("bin/cargo-deny");
    if program.is_file() {
        return Ok(program);
    }
    eprintln!("cargo-deny is missing: building {DENY_VERSION} into {} (some minutes)", tools.display());
    let mut install = run::cargo();
    install
        .args(["install", "--quiet", "--locked", "cargo-deny", "--version", DENY_VERSION, "--root"])
        .arg(&tools);
    install.env("CARGO_TARGET_DIR", tools.join("build"));
    for (key, value) in [("OPT_LEVEL", "0"), ("LTO", "off"), ("DEBUG", "0"), ("CODEGEN_UNITS", "64")] {
        install.env(format!("CARGO_PROFILE_RELEASE_{key}"), value);
    }
    run::run(&mut install)?;
    Ok(program)
}
