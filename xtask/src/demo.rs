//! `cargo xtask demo`: builds Telltale and runs its demonstration.

use std::process::{Command, ExitCode};

use crate::{needs, run};

#[derive(clap::Args)]
pub struct Arguments {
    /// Arguments for `telltale demo`
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    rest: Vec<String>,
}

/// Ends with the exit status of `telltale demo`.
pub fn run(arguments: &Arguments) -> ExitCode {
    match demo(arguments) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::from(2)
        }
    }
}

fn demo(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    needs::ensure(&[needs::LINKER])?;
    if needs::can_make_namespaces() {
        needs::ensure(&[needs::IP])?;
    }
    let telltale = build()?;
    let mut command = Command::new(telltale);
    command.arg("demo").args(&arguments.rest).current_dir(run::root());
    if !arguments.rest.iter().any(|argument| argument.starts_with("-o") || argument.starts_with("--output")) {
        command.args(["--output", "demo-out"]);
    }
    eprintln!("$ {}", run::shown(&command));
    let status = command.status()?;
    Ok(status.code().and_then(|code| u8::try_from(code).ok()).map_or(ExitCode::from(2), ExitCode::from))
}

/// Runs the demonstration once and looks at its report: it must flag the registration as critical.
///
/// # Errors
/// When it fails, or its report does not say so.
pub fn smoke() -> anyhow::Result<()> {
    let folder = run::target().join("demo-smoke");
    let _ = std::fs::remove_dir_all(&folder);
    let mut demo = Command::new(build()?);
    run::run(demo.arg("demo").arg("--output").arg(&folder))?;
    let report: serde_json::Value = serde_json::from_slice(&std::fs::read(folder.join("report.json"))?)?;
    let findings = report["findings"].as_array().map_or(&[][..], Vec::as_slice);
    let critical = findings.iter().any(|finding| finding["severity"] == "critical");
    anyhow::ensure!(critical, "the demonstration's report flags nothing as critical");
    Ok(())
}

/// Builds the `telltale` program and says where it is.
pub fn build() -> anyhow::Result<std::path::PathBuf> {
    run::run(run::cargo().args(["build", "--package", "telltale"]))?;
    Ok(run::target().join("debug/telltale"))
}
