//! `cargo xtask accuracy`: how often the engine is right, on a corpus of conversations whose truth is known.
//!
//! The corpus is a function of its seed, made by the crate `corpus`, which knows nothing of the engine. Its conversations
//! go through the engine as packets, in sessions of one phone each. Every miss and false alarm is listed with its
//! number: `--only NUMBER` shows it alone. Of what a session holds nothing is kept but the counts.

mod board;
mod session;
mod table;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use ::corpus::{Corpus, SESSION};
use anyhow::{Result, ensure};
use inspect::report::Severity;

use crate::conformance::{corpus, replay};
use crate::run;
use board::Board;

#[derive(clap::Args)]
pub struct Arguments {
    /// Conversations that carry an identifier; as many innocent ones come with them
    #[arg(long, default_value_t = 200_000)]
    flows: u64,
    /// Which corpus
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Write the numbers as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Write the table for the README
    #[arg(long, value_name = "FILE")]
    markdown: Option<PathBuf>,
    /// Show one conversation and what the engine says of it
    #[arg(long, value_name = "NUMBER")]
    only: Option<u64>,
    /// List what is found above info in a folder of captures that others made, instead
    #[arg(long, value_name = "FOLDER")]
    captures: Option<PathBuf>,
    /// Misses and false alarms listed
    #[arg(long, default_value_t = 20)]
    list: usize,
    /// Measure in this build too when it is not optimized
    #[arg(long, hide = true)]
    anyway: bool,
}

pub fn run(arguments: &Arguments) -> Result<()> {
    if let Some(number) = arguments.only {
        print!("{}", session::explain(Corpus::new(arguments.seed), number)?);
        return Ok(());
    }
    if cfg!(debug_assertions) && !arguments.anyway {
        return run_optimized();
    }
    if let Some(folder) = &arguments.captures {
        return list_captures(folder);
    }
    let sessions = (arguments.flows * 2).div_ceil(SESSION);
    let workers = thread::available_parallelism().map_or(1, usize::from);
    let board = measure(arguments.seed, sessions, workers, arguments.list, &|done| {
        if done % 50 == 0 {
            eprintln!("{done} of {sessions} sessions");
        }
    })?;
    println!("{}", table::text(&board));
    if let Some(file) = &arguments.json {
        std::fs::write(file, serde_json::to_string_pretty(&table::json(&board, arguments.seed))? + "\n")?;
    }
    if let Some(file) = &arguments.markdown {
        std::fs::write(file, table::markdown(&board, arguments.seed))?;
    }
    let below = board.below();
    below.iter().for_each(|line| println!("below its threshold: {line}"));
    ensure!(below.is_empty(), "accuracy is below its thresholds");
    Ok(())
}

/// The same with optimization: without, it takes some ten times as long.
fn run_optimized() -> Result<()> {
    let mut cargo = run::cargo();
    cargo.args(["run", "--release", "--quiet", "--package", "xtask", "--"]).args(std::env::args_os().skip(1));
    run::run(&mut cargo)
}

/// Each finding above info in captures. For people to judge: nobody says of all of them what they hold.
fn list_captures(folder: &Path) -> Result<()> {
    for capture in corpus::captures(folder)? {
        let Ok(report) = replay::report(&capture.file) else { continue };
        for finding in report.findings.iter().filter(|it| it.severity > Severity::Info) {
            let kinds: BTreeSet<_> =
                finding.identifiers.iter().map(|it| (it.kind.as_str(), it.confidence)).collect();
            println!(
                "{}\t{:?}\t{}\t{}\t{kinds:?}",
                capture.path, finding.severity, finding.rule, finding.title
            );
        }
    }
    Ok(())
}

/// Runs the sessions, a few at a time. The outcome does not depend on how many.
fn measure(
    seed: u64,
    sessions: u64,
    workers: usize,
    listed: usize,
    progress: &(dyn Fn(u64) + Sync),
) -> Result<Board> {
    let (next, done) = (AtomicU64::new(0), AtomicU64::new(0));
    let work = || -> Result<Board> {
        let mut board = Board::new(listed);
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= sessions {
                return Ok(board);
            }
            session::run(Corpus::new(seed), number, &mut board)?;
            progress(done.fetch_add(1, Ordering::Relaxed) + 1);
        }
    };
    thread::scope(|scope| {
        let workers: Vec<_> = (0..workers.max(1)).map(|_| scope.spawn(work)).collect();
        let mut whole = Board::new(listed);
        for worker in workers {
            let board = worker.join().map_err(|_| anyhow::anyhow!("a session panicked"))?;
            whole.merge(board?);
        }
        Ok(whole)
    })
}

#[cfg(test)]
mod tests;
