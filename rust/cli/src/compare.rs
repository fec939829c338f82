//! `telltale compare`: boots side by side.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use inspect::report::Report;
use inspect::{Config, Inspector, KnownIdentifier};
use report::compare::{Boot, compare};

use crate::args::CompareArgs;
use crate::output::Sink;
use crate::replay::Capture;
use crate::{Failure, Outcome, complain, explain, file, watch};

/// Runs the command.
///
/// # Errors
/// Fewer than two boots, one that cannot be read at all, or a comparison that cannot be written.
pub fn run(args: &CompareArgs) -> Result<Outcome, Failure> {
    let paths: Vec<&PathBuf> = args.baseline.iter().chain(&args.boots).collect();
    if paths.len() < 2 {
        return Err(Failure(
            "one boot alone has nothing to be compared with; give two, or a --baseline".into(),
        ));
    }
    let sink = Sink::new(&args.report, &paths.iter().map(|path| (*path).clone()).collect::<Vec<_>>())?;
    let watch = watch::all(&args.subject)?;
    let mut boots = Vec::new();
    let mut whole = true;
    for (index, path) in paths.iter().enumerate() {
        let report = match is_report(path)? {
            true => explain::read_report(path)?,
            false => analyze(path, args, &watch)?,
        };
        if let Some(problem) = &report.capture.truncated {
            complain(&format!("{}: not all of it could be read: {problem}", path.display()));
            whole = false;
        }
        boots.push(Boot { name: name(path, &paths), reference: index < args.baseline.len(), report });
    }
    let outcome = sink.write_comparison(&compare(&boots, args.phones))?;
    Ok(if whole { outcome } else { Outcome::Partial })
}

/// Whether the file begins as a report in JSON does; no capture begins so.
fn is_report(path: &Path) -> Result<bool, Failure> {
    let mut head = Vec::new();
    File::open(path)
        .and_then(|file| file.take(64).read_to_end(&mut head))
        .map_err(|error| file::unreadable(&path.display(), &error))?;
    let text = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&head);
    Ok(text.trim_ascii_start().starts_with(b"{"))
}

fn analyze(path: &Path, args: &CompareArgs, watch: &[KnownIdentifier]) -> Result<Report, Failure> {
    let mut capture = Capture::open(path, args.phone)?;
    let config = Config {
        source: capture.source(),
        home: args.subject.home.clone(),
        watch: watch.to_vec(),
        ..Config::default()
    };
    let mut inspector = Inspector::new(config).map_err(Failure)?;
    let problem = capture.replay(&mut inspector);
    Ok(inspector.finish(problem))
}

/// The file's name; its whole path where another file has the same name.
fn name(path: &Path, all: &[&PathBuf]) -> String {
    let namesakes = all.iter().filter(|other| other.file_name() == path.file_name()).count();
    match path.file_name() {
        Some(name) if namesakes == 1 => name.to_string_lossy().into_owned(),
        _ => path.display().to_string(),
    }
}
