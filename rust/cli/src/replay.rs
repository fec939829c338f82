//! `telltale replay`: captures in, a report out.

use std::fs::File;
use std::io::{self, IsTerminal, Read};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use indicatif::{ProgressBar, ProgressStyle};
use inspect::{Config, Inspector};
use recording::{Phone, ReadError, Reader};

use crate::args::ReplayArgs;
use crate::live::{self, Screen};
use crate::output::Sink;
use crate::stdin::Stdin;
use crate::{Failure, Outcome, complain, file, keylog, watch};

/// A file shorter than this is read before a progress bar could be seen.
const LONG_FILE: u64 = 32 << 20;

/// Runs the command.
///
/// # Errors
/// A capture that cannot be read at all, or a report that cannot be written.
pub fn run(args: &ReplayArgs) -> Result<Outcome, Failure> {
    let sink = Sink::new(&args.report, &args.captures)?;
    let watch = watch::all(&args.subject)?;
    if args.captures.iter().filter(|path| is_stdin(path)).count() > 1 {
        return Err(Failure("`-` is given twice; there is one standard input".to_owned()));
    }
    let mut captures = Vec::new();
    for path in &args.captures {
        captures.push(match is_stdin(path) {
            true => Capture::open_stdin(args)?,
            false => Capture::open(path, args.phone)?,
        });
    }
    let source = captures.iter().map(Capture::source).collect::<Vec<_>>().join(", ");
    let config = Config { source, home: args.subject.home.clone(), watch, keys: keylog::read(&args.keylog)? };
    let mut inspector = Inspector::new(config).map_err(Failure)?;

    let mut problems = Vec::new();
    let mut saw_phone = false;
    for mut capture in captures {
        problems.extend(capture.replay(&mut inspector));
        saw_phone |= capture.reader.saw_phone();
    }
    for problem in &problems {
        complain(problem);
    }
    if !saw_phone {
        complain(&"--phone: no packet is from or to it; which end is the phone was guessed");
    }
    let truncated = (!problems.is_empty()).then(|| problems.join("; "));
    let outcome = sink.write(&inspector.finish(truncated))?;
    Ok(if problems.is_empty() && saw_phone { outcome } else { Outcome::Partial })
}

/// A capture that is open, and is one.
pub struct Capture {
    name: String,
    reader: Reader<Box<dyn Read>>,
    progress: ProgressBar,
    /// For standard input: where to show what happens while it grows.
    screen: Option<Screen>,
    /// Whether a signal ended the input.
    interrupted: Arc<AtomicBool>,
}

impl Capture {
    /// Opens a file and looks at its first bytes.
    ///
    /// # Errors
    /// It cannot be read, or is no capture: one line that names it.
    pub fn open(path: &Path, phone: Option<Phone>) -> Result<Self, Failure> {
        let fail = |problem: ReadError| Failure(describe(&path.display().to_string(), &problem));
        let file = File::open(path).map_err(|error| fail(ReadError::Io(error)))?;
        let len = file.metadata().map_or(0, |metadata| metadata.len());
        let progress = if len >= LONG_FILE { progress_bar(len) } else { ProgressBar::hidden() };
        let source: Box<dyn Read> = Box::new(progress.wrap_read(file));
        let reader = Reader::open(source, phone).map_err(fail)?;
        let name = path.file_name().map_or_else(|| path.to_string_lossy(), |name| name.to_string_lossy());
        Ok(Self { name: name.into_owned(), reader, progress, screen: None, interrupted: Arc::default() })
    }

    /// Opens standard input, likewise.
    fn open_stdin(args: &ReplayArgs) -> Result<Self, Failure> {
        const NAME: &str = "stdin";
        if io::stdin().is_terminal() {
            return Err(Failure(
                "standard input is a terminal; pipe a capture into it (see `telltale help replay`)"
                    .to_owned(),
            ));
        }
        let fail = |problem: ReadError| Failure(describe(NAME, &problem));
        let stdin = Stdin::open().map_err(|error| fail(ReadError::Io(error)))?;
        let interrupted = stdin.interrupted();
        live::line("telltale: reading standard input; Ctrl-C ends it with the report");
        let source: Box<dyn Read> = Box::new(stdin);
        let reader = Reader::open(source, args.phone).map_err(fail)?;
        let screen = Some(Screen::new(args.report.color, args.report.show_values));
        Ok(Self { name: NAME.to_owned(), reader, progress: ProgressBar::hidden(), screen, interrupted })
    }

    /// What the report is to call it.
    pub fn source(&self) -> String {
        self.reader.recorded_source().unwrap_or(&self.name).to_owned()
    }

    /// Hands all inputs on. Returns where and why reading stopped early, in one line that names the capture.
    pub fn replay(&mut self, inspector: &mut Inspector) -> Option<String> {
        let problem = loop {
            match self.reader.next_input() {
                Ok(Some((now, input))) => inspector.handle_input(now, input),
                Ok(None) => break self.cut_off(),
                Err(error) => break Some(describe(&self.name, &error)),
            }
            while let Some(event) = inspector.poll_event() {
                if let Some(screen) = &mut self.screen {
                    screen.show(&event);
                }
            }
        };
        self.progress.finish_and_clear();
        problem
    }

    /// That the user ended the input in the middle of a packet is no fault of the capture.
    fn cut_off(&self) -> Option<String> {
        let problem = self.reader.truncated().filter(|_| !self.interrupted.load(Ordering::Relaxed))?;
        Some(format!("{}: {problem}", self.name))
    }
}

fn is_stdin(path: &Path) -> bool {
    path.as_os_str() == "-"
}

fn describe(name: &str, problem: &ReadError) -> String {
    match problem {
        ReadError::Io(error) => file::unreadable(&name, error).0,
        ReadError::Format { .. } => format!("{name}: {problem}"),
    }
}

fn progress_bar(len: u64) -> ProgressBar {
    const TEMPLATE: &str = "{wide_bar} {binary_bytes} of {binary_total_bytes}, {eta} left";
    let bar = ProgressBar::new(len);
    if let Ok(style) = ProgressStyle::with_template(TEMPLATE) {
        bar.set_style(style);
    }
    bar
}
