//! `telltale explain`: what a finding is made of, from the bytes on the wire to the identifier.

mod block;
mod excerpt;
mod steps;

use std::fmt::Write;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use inspect::report::{Finding, Flow, Identifier, Report};
use packet::Direction;
use recording::Reader;

use self::block::{Style, visible};
use self::excerpt::{Excerpt, Rebuild};
use self::steps::Group;
use crate::args::ExplainArgs;
use crate::output::{Target, text_options};
use crate::{Failure, Outcome, file};

/// The largest report that is read, in bytes.
const LARGEST_REPORT: u64 = 1 << 30;

/// Runs the command.
///
/// # Errors
/// No such report, finding or capture.
pub fn run(args: &ExplainArgs) -> Result<Outcome, Failure> {
    let report = read_report(&args.report)?;
    let (finding, flow) = find(&report, args)?;
    let options = text_options(&io::stdout(), args.color);
    let style = Style { color: options.color, width: options.width.clamp(40, 120) - 4 };

    let mut page = heading(finding, flow);
    if finding.identifiers.is_empty() {
        page.push_str("\nIt is about the contact itself: no bytes hold an identifier.\n");
        Target::Stdout.write(page.as_bytes())?;
        return Ok(Outcome::Clean);
    }
    if finding.decrypted {
        page.push_str("\nIt was read with keys that were given: its bytes stand in the capture encrypted.\n");
        for identifier in &finding.identifiers {
            let steps: Vec<_> = identifier.decode.iter().map(|step| visible(step)).collect();
            let _ = writeln!(page, "  {}: {}", identifier.kind, steps.join(" > "));
        }
        Target::Stdout.write(page.as_bytes())?;
        return Ok(Outcome::Clean);
    }
    let mut excerpts = excerpts(&finding.identifiers);
    read_captures(&captures(&report, args)?, Rebuild::new(&report, flow, &mut excerpts))?;
    // What other findings of the flow found in these bytes is hidden too.
    let others: Vec<&Identifier> = report
        .findings
        .iter()
        .filter(|other| other.flow == finding.flow)
        .flat_map(|other| &other.identifiers)
        .collect();
    let mut whole = true;
    for excerpt in &excerpts {
        let group = Group::new(excerpt, &finding.identifiers, &others, args.show_values);
        whole &= group.is_whole();
        page.push_str(&group.show(style));
    }
    if !args.show_values {
        page.push_str("\nValues are masked; --show-values shows them.\n");
    }
    Target::Stdout.write(page.as_bytes())?;
    if whole {
        return Ok(Outcome::Clean);
    }
    crate::complain(&"not all of the bytes are in the capture; is it the one that the report was made of?");
    Ok(Outcome::Partial)
}

/// Reads a report in JSON.
///
/// # Errors
/// It cannot be read, or is none: one line that names it.
pub fn read_report(path: &Path) -> Result<Report, Failure> {
    let fail = |message: String| Failure(format!("{}: {message}", path.display()));
    let text = String::from_utf8(file::read(path, LARGEST_REPORT, "a report")?).map_err(|_| {
        fail("is no report; make one with `telltale replay CAPTURE -o report.json`".to_owned())
    })?;
    report::read_json(&text).map_err(|error| fail(error.to_string()))
}

fn find<'a>(report: &'a Report, args: &ExplainArgs) -> Result<(&'a Finding, &'a Flow), Failure> {
    let fail = |message: String| Failure(format!("{}: {message}", args.report.display()));
    let finding = report.findings.iter().find(|finding| finding.id == args.id).ok_or_else(|| {
        let last = report.findings.iter().map(|finding| finding.id).max();
        fail(match last {
            Some(last) => format!("has no finding {}; it has 1 to {last}", args.id),
            None => "has no findings".to_owned(),
        })
    })?;
    let flow = report.flows.iter().find(|flow| flow.id == finding.flow);
    Ok((finding, flow.ok_or_else(|| fail(format!("is damaged: it has no flow {}", finding.flow)))?))
}

/// The captures to read: those given, or the one that the report names.
fn captures(report: &Report, args: &ExplainArgs) -> Result<Vec<PathBuf>, Failure> {
    if !args.capture.is_empty() {
        return Ok(args.capture.clone());
    }
    let source = &report.capture.source;
    let beside = args.report.parent().unwrap_or(Path::new(""));
    let look = |name: &str| [beside.join(name), PathBuf::from(name)].into_iter().find(|path| path.is_file());
    // A name with a comma in it is a name first.
    let found = look(source).map(|path| vec![path]);
    found.or_else(|| source.split(", ").map(look).collect()).ok_or_else(|| {
        let (source, report) = (visible(source), args.report.display());
        Failure(format!("{source}: is neither beside {report} nor here; say where it is with --capture"))
    })
}

fn read_captures(paths: &[PathBuf], mut rebuild: Rebuild<'_>) -> Result<(), Failure> {
    'captures: for path in paths {
        let file = File::open(path).map_err(|error| file::unreadable(&path.display(), &error))?;
        let mut reader =
            Reader::open(file, None).map_err(|error| Failure(format!("{}: {error}", path.display())))?;
        // A capture that is damaged further on was reported up to there.
        while let Ok(Some((now, input))) = reader.next_input() {
            if !rebuild.handle_input(now, &input) {
                break 'captures;
            }
        }
    }
    rebuild.finish();
    Ok(())
}

/// One excerpt for each range that holds identifiers, in their order.
fn excerpts(identifiers: &[Identifier]) -> Vec<Excerpt> {
    let mut excerpts: Vec<Excerpt> = Vec::new();
    for identifier in identifiers {
        let excerpt = Excerpt::new(identifier.direction, identifier.range);
        let known = |it: &Excerpt| it.direction == excerpt.direction && it.wanted == excerpt.wanted;
        if !excerpts.iter().any(known) {
            excerpts.push(excerpt);
        }
    }
    excerpts
}

fn heading(finding: &Finding, flow: &Flow) -> String {
    let severity = format!("{:?}", finding.severity).to_lowercase();
    let mut page = format!("Finding {}, {severity}: {}\n", finding.id, visible(&finding.title));
    let host = flow.host.as_deref().map(|host| format!(" ({})", visible(host))).unwrap_or_default();
    let _ = writeln!(page, "flow {}: {} {} -> {}{host}", flow.id, flow.transport, flow.local, flow.remote);
    if let Some(app) = &flow.app {
        let _ = writeln!(page, "opened by {}", visible(&app.name));
    }
    page
}

/// Who sent the bytes, for a heading.
const fn sender(direction: Direction) -> &'static str {
    match direction {
        Direction::Outbound => "what the phone sent",
        Direction::Inbound => "what the phone received",
    }
}
