//! `cargo xtask conformance`: scores the engine on captures that others made, against what they are known to contain.
//!
//! The captures are not part of the project. A folder of them holds `<source>/<capture>` and, beside each, what others
//! read in it: `<source>/truth/<capture>.jsonl`. Every miss is listed with its reason; the thresholds below hold for
//! what is in scope, that is, all but the misses whose reason says that nobody could know, or that the engine is not
//! to do it yet.

pub mod corpus;
mod identifiers;
pub mod replay;
mod score;
mod script;
mod streams;
mod terminator;
mod truth;
mod vectors;
mod wire;

use std::path::PathBuf;

use anyhow::{Result, ensure};

use crate::run;
use replay::Seen;
use score::{Board, Miss};

/// Names, recall and precision that must be reached.
const THRESHOLDS: [(&str, f64); 15] = [
    ("identifier", 0.95),
    ("readable", 1.0),
    ("flow", 0.99),
    ("host", 0.95),
    ("http_host", 0.95),
    ("sni", 0.95),
    ("dns", 0.95),
    ("ja4", 0.95),
    ("stream", 1.0),
    ("tcp order", 1.0),
    ("tcp gaps", 1.0),
    ("terminator", 1.0),
    ("decoded", 1.0),
    ("vector", 1.0),
    ("silence", 0.95),
];

#[derive(Default, clap::Args)]
pub struct Arguments {
    /// The folder of captures [default: $TELLTALE_CORPORA, else ../shared/captures]
    folder: Option<PathBuf>,
    /// Only captures whose path contains this
    #[arg(long)]
    only: Option<String>,
}

pub fn run(arguments: &Arguments) -> Result<()> {
    let folder = arguments.folder.clone().unwrap_or_else(default_folder);
    if !folder.is_dir() {
        println!("conformance: not there: {} (TELLTALE_CORPORA names another folder)", folder.display());
        return Ok(());
    }
    let wanted = |path: &str| arguments.only.as_ref().is_none_or(|only| path.contains(only));
    let captures: Vec<_> = corpus::captures(&folder)?.into_iter().filter(|it| wanted(&it.path)).collect();
    let vectors: Vec<_> = corpus::tcp_vectors(&folder)?.into_iter().filter(|it| wanted(&it.path)).collect();
    ensure!(!(captures.is_empty() && vectors.is_empty()), "{}: no captures", folder.display());

    let mut board = Board::default();
    let mut crashes = Vec::new();
    for capture in &captures {
        let seen = replay::replay(&capture.file);
        let rows = capture.truth()?;
        crashes.extend(seen.crash.iter().map(|crash| format!("{}: {crash}", capture.path)));
        score_capture(&mut board, capture, &rows, &seen);
    }
    for file in &vectors {
        streams::score_vectors(&mut board, file)?;
        terminator::score(&mut board, file)?;
    }
    if arguments.only.is_none() {
        vectors::score(&mut board, &folder)?;
    }

    println!("{board}");
    println!("{} captures, {} crashes", captures.len(), crashes.len());
    crashes.iter().for_each(|crash| println!("crash: {crash}"));
    let below = board.below(&THRESHOLDS);
    below.iter().for_each(|line| println!("below its threshold: {line}"));
    ensure!(crashes.is_empty(), "the engine must not crash");
    ensure!(below.is_empty() || arguments.only.is_some(), "conformance is below its thresholds");
    Ok(())
}

fn score_capture(board: &mut Board, capture: &corpus::Capture, rows: &[truth::Row], seen: &Seen) {
    truth::score(board, capture, rows, seen);
    identifiers::score(board, capture, rows, seen);
    streams::score_flows(board, capture, seen);
    streams::score_evasions(board, capture, seen);
    streams::score_gaps(board, capture, seen);
    let read = seen.error.is_none();
    board.count(&capture.source, "readable", usize::from(read), 0);
    if let Some(error) = &seen.error {
        board.miss(&capture.source, "readable", Miss::refused(capture.path.clone(), error, !rows.is_empty()));
    }
}

#[expect(clippy::disallowed_methods, reason = "where the captures are is not part of what the engine sees")]
fn default_folder() -> PathBuf {
    match std::env::var("TELLTALE_CORPORA") {
        Ok(folder) if !folder.is_empty() => folder.into(),
        _ => run::root().join("../shared/captures"),
    }
}
