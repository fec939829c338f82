//! The `telltale` command: reads the arguments, runs what they ask for, and turns the result into an exit status.

#![forbid(unsafe_code)]

mod args;
mod compare;
#[cfg(feature = "demo")]
mod demo;
mod explain;
mod file;
mod help;
mod keylog;
mod live;
mod output;
mod replay;
mod session;
mod stdin;
mod tun;
mod watch;

use std::fmt;
use std::process::ExitCode;

use clap::{CommandFactory, Parser};

use crate::args::{Args, Command};

/// What went well: whether something was found at or above `--fail-on`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    /// Nothing to fail on: exit status 0.
    Clean,
    /// Something at or above `--fail-on`: exit status 1.
    Flagged,
    /// The report was written, but not all of the input could be read or kept (said already): exit status 2.
    Partial,
}

/// Why nothing came of it: one plain line for stderr, with the mend. Exit status 2.
#[derive(Debug)]
struct Failure(String);

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn main() -> ExitCode {
    let result = match Args::parse().command {
        Command::Replay(args) => replay::run(&args),
        Command::Tun(args) => tun::run(&args),
        Command::Explain(args) => explain::run(&args),
        Command::Compare(args) => compare::run(&args),
        #[cfg(feature = "demo")]
        Command::Demo(args) => demo::run(&args),
        Command::Completions { shell } => completions(shell),
    };
    match result {
        Ok(Outcome::Clean) => ExitCode::SUCCESS,
        Ok(Outcome::Flagged) => ExitCode::from(1),
        Ok(Outcome::Partial) => ExitCode::from(2),
        Err(failure) => {
            complain(&failure);
            ExitCode::from(2)
        }
    }
}

/// Says what went wrong, in one line on stderr.
fn complain(problem: &dyn fmt::Display) {
    use std::io::Write;
    // Nobody is left to tell when stderr is gone too.
    let _ = writeln!(std::io::stderr(), "telltale: {problem}");
}

fn completions(shell: clap_complete::Shell) -> Result<Outcome, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Args::command(), "telltale", &mut script);
    output::Target::Stdout.write(&script)?;
    Ok(Outcome::Clean)
}
