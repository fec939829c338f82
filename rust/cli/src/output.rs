//! Where a report goes, in which format, and how it gets there whole or not at all.

use std::fs::{self, Permissions};
use std::io::{self, IsTerminal, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use clap::ValueEnum;
use inspect::report::{Report, Severity};
use report::TextOptions;
use report::compare::{self, Comparison};

use crate::args::{Color, ReportArgs};
use crate::{Failure, Outcome};

/// A report's format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For reading on a terminal.
    Text,
    /// For programs: schema `telltale.report/1`, of what is compared `telltale.comparison/1`.
    Json,
    /// A self-contained page.
    Html,
    /// A row per identifier, for spreadsheets.
    Csv,
}

impl Format {
    /// The format that a file name asks for.
    fn of(path: &Path) -> Option<Self> {
        let extension = path.extension()?.to_str()?;
        Some(match extension.to_ascii_lowercase().as_str() {
            "json" => Self::Json,
            "html" | "htm" => Self::Html,
            "csv" => Self::Csv,
            "txt" | "text" | "log" => Self::Text,
            _ => return None,
        })
    }
}

/// Where something is written to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// Standard output.
    Stdout,
    /// A file.
    File(PathBuf),
}

impl Target {
    /// Writes all of `bytes`: a file appears whole or stays as it was. That nobody reads standard output any more
    /// (`| head`) is no failure.
    ///
    /// # Errors
    /// One line that names the target and the cause.
    pub fn write(&self, bytes: &[u8]) -> Result<(), Failure> {
        match self {
            Self::Stdout => match write_all(&mut io::stdout().lock(), bytes) {
                Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
                result => {
                    result.map_err(|error| Failure(format!("standard output: cannot be written: {error}")))
                }
            },
            Self::File(path) => write_file(path, bytes)
                .map_err(|error| Failure(format!("{}: cannot be written: {error}", path.display()))),
        }
    }
}

/// What a report is made into: decided, and its place checked, before the work begins.
#[derive(Debug)]
pub struct Sink<'a> {
    args: &'a ReportArgs,
    format: Format,
    target: Target,
}

impl<'a> Sink<'a> {
    /// Takes the arguments. The report must not take the place of one of `captures`, whichever way it is named.
    ///
    /// # Errors
    /// An output path at which no file can be, which is a capture, or whose ending names no format.
    pub fn new(args: &'a ReportArgs, captures: &[PathBuf]) -> Result<Self, Failure> {
        let target = match &args.output {
            None => Target::Stdout,
            Some(path) if path.as_os_str() == "-" => Target::Stdout,
            Some(path) => {
                check_place(path)?;
                spare(path, captures)?;
                Target::File(path.clone())
            }
        };
        let format = match (args.format, &target) {
            (Some(format), _) => format,
            (None, Target::Stdout) => Format::Text,
            (None, Target::File(path)) => format_of_ending(path)?,
        };
        Ok(Self { args, format, target })
    }

    /// Writes the report, and says whether it holds something to fail on.
    ///
    /// # Errors
    /// The target cannot be written.
    pub fn write(&self, report: &Report) -> Result<Outcome, Failure> {
        let rendered = if self.args.show_values {
            render(report, self.format, self.options())
        } else {
            render(&report::masked(report), self.format, self.options())
        };
        self.target.write(rendered.as_bytes())?;
        Ok(self.judge(report.findings.iter().map(|finding| finding.severity).max()))
    }

    /// Writes a comparison, and says whether something to fail on is new in it.
    ///
    /// # Errors
    /// The target cannot be written.
    pub fn write_comparison(&self, comparison: &Comparison) -> Result<Outcome, Failure> {
        let masked = if self.args.show_values { None } else { Some(compare::masked(comparison)) };
        let shown = masked.as_ref().unwrap_or(comparison);
        let rendered = match self.format {
            Format::Text => compare::to_text(shown, self.options()),
            Format::Json => compare::to_json(shown),
            Format::Html => compare::to_html(shown),
            Format::Csv => compare::to_csv(shown),
        };
        self.target.write(rendered.as_bytes())?;
        Ok(self.judge(comparison.worst()))
    }

    fn judge(&self, worst: Option<Severity>) -> Outcome {
        let flagged = self.args.fail_on.is_some_and(|bound| worst >= Some(bound.severity()));
        if flagged { Outcome::Flagged } else { Outcome::Clean }
    }

    fn options(&self) -> TextOptions {
        match self.target {
            Target::Stdout => text_options(&io::stdout(), self.args.color),
            Target::File(_) => {
                TextOptions { color: self.args.color == Color::Always, ..TextOptions::default() }
            }
        }
    }
}

/// A report in a format.
pub fn render(report: &Report, format: Format, options: TextOptions) -> String {
    match format {
        Format::Text => report::to_text(report, options),
        Format::Json => report::to_json(report),
        Format::Html => report::to_html(report),
        Format::Csv => report::to_csv(report),
    }
}

/// How to write on `stream`: as wide as the terminal is, if it is one, and in colour if wanted.
pub fn text_options<S: IsTerminal + AsFd>(stream: &S, color: Color) -> TextOptions {
    let terminal = stream.is_terminal();
    let color = match color {
        Color::Always => true,
        Color::Never => false,
        Color::Auto => terminal && !no_color(),
    };
    let size = rustix::termios::tcgetwinsize(stream).ok().filter(|size| terminal && size.ws_col > 0);
    TextOptions { color, width: size.map_or(TextOptions::default().width, |size| usize::from(size.ws_col)) }
}

/// Whether the environment asks for no colour (no-color.org).
fn no_color() -> bool {
    std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty())
        || std::env::var_os("TERM").is_some_and(|value| value == "dumb")
}

/// Checks that a file can be at `path`.
///
/// # Errors
/// It is a folder, or there is none for it.
pub fn check_place(path: &Path) -> Result<(), Failure> {
    if path.is_dir() {
        return Err(Failure(format!(
            "{}: is a folder; name a file in it, e.g. {0}/report.html",
            path.display()
        )));
    }
    match folder(path) {
        folder if folder.is_dir() => Ok(()),
        folder => Err(Failure(format!(
            "{}: there is no folder {}; make it first",
            path.display(),
            folder.display()
        ))),
    }
}

/// Whether both names are of one regular file, or of one that does not exist yet. `-` is standard input.
fn is_same_file(capture: &Path, output: &Path) -> bool {
    let capture = if capture.as_os_str() == "-" { Path::new("/dev/stdin") } else { capture };
    match (fs::metadata(capture), fs::metadata(output)) {
        (Ok(one), Ok(other)) => one.is_file() && (one.dev(), one.ino()) == (other.dev(), other.ino()),
        _ => capture == output,
    }
}

fn folder(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if parent.as_os_str().is_empty() => Path::new("."),
        Some(parent) => parent,
        None => Path::new("/"),
    }
}

fn write_all(sink: &mut dyn Write, bytes: &[u8]) -> io::Result<()> {
    sink.write_all(bytes)?;
    sink.flush()
}

/// Writes beside the file and renames, so that a full disk costs nothing that was there. A link is followed; what is
/// no regular file (a device, a pipe) is written as it is.
fn write_file(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    if fs::metadata(&path).is_ok_and(|metadata| !metadata.is_file()) {
        return write_all(&mut fs::OpenOptions::new().write(true).open(&path)?, bytes);
    }
    let mut file = tempfile::Builder::new()
        .prefix(".telltale-")
        .permissions(Permissions::from_mode(0o666))
        .tempfile_in(folder(&path))
        // The kind alone: the name of a temporary file means nothing to anybody.
        .map_err(|error| io::Error::from(error.kind()))?;
    write_all(&mut file, bytes)?;
    file.as_file().sync_all()?;
    file.persist(&path)?;
    Ok(())
}

fn spare(output: &Path, captures: &[PathBuf]) -> Result<(), Failure> {
    match captures.iter().any(|capture| is_same_file(capture, output)) {
        true => {
            Err(Failure(format!("{}: is the capture itself; give the report another name", output.display())))
        }
        false => Ok(()),
    }
}

/// The format that a file's ending asks for; text without an ending.
fn format_of_ending(path: &Path) -> Result<Format, Failure> {
    match (Format::of(path), path.extension()) {
        (Some(format), _) => Ok(format),
        (None, None) => Ok(Format::Text),
        (None, Some(ending)) => Err(Failure(format!(
            "{}: the ending .{} names no format of reports; end it in .txt, .json, .html or .csv, or give --format",
            path.display(),
            ending.display()
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ending_names_the_format() {
        assert_eq!(Format::of(Path::new("a/b.HTML")), Some(Format::Html));
        assert_eq!(Format::of(Path::new("b.json")), Some(Format::Json));
        assert_eq!(Format::of(Path::new("b.csv")), Some(Format::Csv));
        assert_eq!(Format::of(Path::new("html")), None);
        assert_eq!(format_of_ending(Path::new("a/report")).ok(), Some(Format::Text));
        let refusal = format_of_ending(Path::new("report.pdf")).expect_err("no such format");
        assert!(refusal.0.contains("--format"), "{}", refusal.0);
    }

    #[test]
    fn a_file_is_replaced_whole_and_a_link_is_followed() {
        let folder = tempfile::tempdir().expect("a folder");
        let (file, link) = (folder.path().join("report.txt"), folder.path().join("link"));
        fs::write(&file, "old").expect("written");
        std::os::unix::fs::symlink(&file, &link).expect("linked");
        Target::File(link.clone()).write(b"new").expect("written");
        assert_eq!(fs::read(&file).expect("read"), b"new");
        assert!(link.is_symlink());
        assert_eq!(fs::read_dir(folder.path()).expect("listed").count(), 2, "nothing is left over");
    }

    #[test]
    fn a_full_disk_is_said() {
        let failure = Target::File("/dev/full".into()).write(b"report").expect_err("no space");
        assert!(failure.0.starts_with("/dev/full: cannot be written: No space left"), "{failure}");
    }

    #[test]
    fn a_temporary_name_is_not_said() {
        let failure = Target::File("/no/such/report".into()).write(b"report").expect_err("no folder");
        assert_eq!(failure.0, "/no/such/report: cannot be written: entity not found");
    }

    #[test]
    fn places_are_checked_first() {
        let folder = tempfile::tempdir().expect("a folder");
        assert!(check_place(folder.path()).is_err());
        assert!(check_place(&folder.path().join("no/report.txt")).is_err());
        assert!(check_place(&folder.path().join("report.txt")).is_ok());
        assert!(check_place(Path::new("report.txt")).is_ok());
    }
}
