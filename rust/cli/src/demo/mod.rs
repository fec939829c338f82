//! `telltale demo`: a phone's first boot, in network namespaces of its own.

mod dns;
mod identity;
mod live;
mod namespace;
mod phone;
mod places;
mod script;
#[cfg(test)]
mod tests;
mod tls;
mod world;

use std::fs;
use std::io::{self, Cursor};
use std::path::Path;

use inspect::report::{Report, Severity};
use inspect::{Config, Inspector};
use recording::Reader;

use crate::args::DemoArgs;
use crate::live::{Screen, line};
use crate::output::{Format, Target, render, text_options};
use crate::{Failure, Outcome};

/// The demo as it was recorded by itself, for where it cannot be played. A golden test holds its report.
const BUNDLED: &[u8] = include_bytes!("../../tests/golden/demo-boot/capture.pcapng");

/// The recording's name in the output folder, and the source in the report.
const RECORDING: &str = "boot.pcapng";

/// Runs the command.
///
/// # Errors
/// The folder cannot be written, or the demo went wrong.
pub fn run(args: &DemoArgs) -> Result<Outcome, Failure> {
    let folder = &args.output;
    fs::create_dir_all(folder).map_err(|error| {
        Failure(format!("{}: cannot be made: {error}; name another folder with --output", folder.display()))
    })?;
    let (report, outcome) = if args.bundled {
        (bundled(args)?, Outcome::Clean)
    } else {
        match live::play(args) {
            Ok(played) => played,
            Err(live::Problem::Missing(reason)) => {
                line(&format!("telltale: the demo cannot be played here: {reason}."));
                line("telltale: this is the recording of it that comes with the program:");
                (bundled(args)?, Outcome::Clean)
            }
            Err(live::Problem::Failed(failure)) => return Err(failure),
        }
    };
    publish(args, &report)?;
    Ok(outcome)
}

/// What the engine is told, live and replayed: the phone is meant for Norway.
fn config() -> Config {
    Config { source: RECORDING.to_owned(), home: Some("NO".to_owned()), ..Config::default() }
}

fn bundled(args: &DemoArgs) -> Result<Report, Failure> {
    Target::File(args.output.join(RECORDING)).write(BUNDLED)?;
    let mut screen = Screen::new(args.color, args.show_values);
    replay(BUNDLED, &mut |event| screen.show(event)).map_err(Failure)
}

fn replay(recording: &[u8], show: &mut dyn FnMut(&inspect::Event)) -> Result<Report, String> {
    let mut reader = Reader::open(Cursor::new(recording), None).map_err(|error| error.to_string())?;
    let mut inspector = Inspector::new(config())?;
    while let Some((now, input)) = reader.next_input().map_err(|error| error.to_string())? {
        inspector.handle_input(now, input);
        while let Some(event) = inspector.poll_event() {
            show(&event);
        }
    }
    Ok(inspector.finish(reader.truncated().map(str::to_owned)))
}

/// Writes the reports, shows the text, and says where the rest is.
fn publish(args: &DemoArgs, report: &Report) -> Result<(), Failure> {
    let masked;
    let shown = if args.show_values {
        report
    } else {
        masked = report::masked(report);
        &masked
    };
    let folder = &args.output;
    let plain = report::TextOptions::default();
    for (name, format) in
        [("report.html", Format::Html), ("report.json", Format::Json), ("report.txt", Format::Text)]
    {
        Target::File(folder.join(name)).write(render(shown, format, plain).as_bytes())?;
    }
    let options = text_options(&io::stdout(), args.color);
    Target::Stdout.write(render(shown, Format::Text, options).as_bytes())?;
    line(&epilogue(folder, report));
    Ok(())
}

fn epilogue(folder: &Path, report: &Report) -> String {
    let folder = folder.display();
    let worst = report.findings.iter().find(|finding| finding.severity == Severity::Critical);
    let id = worst.or(report.findings.first()).map_or(1, |finding| finding.id);
    format!(
        "
The same as a page:             {folder}/report.html (also report.json, report.txt)
What was on the wire:           {folder}/{RECORDING} (Wireshark reads it)
How a finding was decoded:      telltale explain {folder}/report.json {id}
The same from the recording:    telltale replay {folder}/{RECORDING} --home NO"
    )
}
