//! `cargo xtask test`: every test of the workspace, those in network namespaces, then those of the Android app.

mod jvm;

use anyhow::Result;

use crate::{needs, run};

/// The words with which a test says that it needs namespaces: `#[ignore = "needs network namespaces"]`.
const NAMESPACES: &str = "needs network namespaces";

#[derive(Default, clap::Args)]
pub struct Arguments {
    /// Arguments for `cargo test`
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    rest: Vec<String>,
}

pub fn run(arguments: &Arguments) -> Result<()> {
    needs::ensure(&[needs::LINKER])?;
    run::run(run::cargo().args(["test", "--workspace"]).args(&arguments.rest))?;
    in_namespaces()?;
    if arguments.rest.is_empty() {
        return jvm::run();
    }
    eprintln!("skipped: the app's tests (arguments for `cargo test` were given)");
    Ok(())
}

fn in_namespaces() -> Result<()> {
    if !needs::can_make_namespaces() {
        eprintln!("skipped: the tests that {NAMESPACES} (they want root and /dev/net/tun)");
        return Ok(());
    }
    needs::ensure(&[needs::IP, needs::CURL, needs::DIG, needs::IPERF, needs::NMAP])?;
    // One at a time: they share the machine's network names.
    for package in ["tunnel", "telltale"] {
        run::run(run::cargo().args(["test", "--package", package, "--", "--ignored", "--test-threads=1"]))?;
    }
    Ok(())
}
