//! A report for a terminal, and single lines for what happens live.

mod table;

use std::fmt::Write;

use anstyle::{AnsiColor, Style};
use inspect::Event;
use inspect::report::{Flow, Identifier, Report, Severity};
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use crate::country;
use crate::group::{Group, groups};
use crate::verdict::{self, verdict};
use crate::words::{self, number, visible};

/// How to write for a terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TextOptions {
    /// Whether to use ANSI colours.
    pub color: bool,
    /// Columns; fewer than 40 count as 40.
    pub width: usize,
}

impl Default for TextOptions {
    fn default() -> Self {
        Self { color: false, width: 80 }
    }
}

impl TextOptions {
    fn columns(self) -> usize {
        self.width.clamp(NARROWEST, WIDEST)
    }
}

const NARROWEST: usize = 40;
/// Tables beyond this only grow gaps.
const WIDEST: usize = 240;
/// Lines of prose longer than this are hard to read.
const PROSE: usize = 100;
/// Where the text after a label begins.
const LABEL: usize = 13;

/// The whole report. Values stand as they are in `report`; what comes from the network cannot act on the terminal.
pub fn to_text(report: &Report, options: TextOptions) -> String {
    let mut page = Page::new(options);
    page.opening(report);
    page.findings(report);
    page.triggers(report);
    page.flows(report);
    page.unseen(report);
    page.out
}

/// One line, without its end, for something that happened just now; never wider than the terminal.
pub fn live_line(event: &Event, options: TextOptions) -> String {
    let (at, style, word, text) = match event {
        Event::Phase(entry) => {
            (entry.at, Style::new().bold(), "phase", words::phase_name(entry.phase).to_owned())
        }
        Event::Flow(flow) => {
            let (at, word, text) = live_flow(flow);
            (at, Style::new().dimmed(), word, text)
        }
        Event::Finding(finding) => {
            let mut text = format!("{} — {}", visible(&finding.title), verdict::party(finding));
            for (index, identifier) in finding.identifiers.iter().enumerate() {
                let lead = if index == 0 { ": " } else { ", " };
                let _ = write!(
                    text,
                    "{lead}{} {}",
                    words::kind_name(identifier.kind),
                    visible(&identifier.value)
                );
            }
            (finding.at, severity_style(finding.severity), words::severity_name(finding.severity), text)
        }
    };
    let text = table::cut_right(&text, options.columns().saturating_sub(24));
    format!("{}  {}  {text}", words::clock(at), paint(options.color, style, &format!("{word:<8}")))
}

fn live_flow(flow: &Flow) -> (packet::Timestamp, &'static str, String) {
    let mut text = format!("{} {} {}", flow.id, words::flow_protocol(flow), words::flow_host(flow));
    if let Some(country) = &flow.country {
        let _ = write!(text, " ({})", visible(country));
    }
    if let Some(app) = &flow.app {
        let _ = write!(text, " by {}", visible(&app.name));
    }
    match flow.closed {
        Some(closed) => {
            let _ =
                write!(text, ", {} out, {} in", words::bytes(flow.bytes_out), words::bytes(flow.bytes_in));
            (closed, "closed", text)
        }
        None if flow.host.is_some() => (flow.opened, "flow", text),
        None => (flow.opened, "opened", text),
    }
}

/// Lines of text that keep within the width.
pub(crate) struct Page {
    pub(crate) out: String,
    color: bool,
    width: usize,
}

impl Page {
    pub(crate) fn new(options: TextOptions) -> Self {
        Self { out: String::new(), color: options.color, width: options.columns() }
    }

    fn opening(&mut self, report: &Report) {
        let verdict = verdict(report);
        let source = visible(&report.capture.source);
        self.wrapped(0, Style::new().dimmed(), &format!("Telltale report on {source}"));
        self.blank();
        let (style, word) = match verdict.severity {
            Some(severity) => (severity_style(severity), words::severity_name(severity).to_uppercase()),
            None => (Style::new().bold(), "NOTHING FLAGGED".into()),
        };
        self.line(0, style, &word);
        self.wrapped(0, Style::new().bold(), &verdict.headline);
        self.wrapped(0, Style::new(), &verdict.basis);
        self.heading("Coverage", "");
        for (label, text) in verdict::coverage(report) {
            self.field(0, label, &text);
        }
    }

    fn findings(&mut self, report: &Report) {
        let groups = groups(report);
        let total = report.findings.len() as u64;
        if groups.is_empty() {
            self.heading("Findings", "none");
            let text = "No rule matched what could be read. That says nothing about what could not: see Coverage above and the end.";
            self.wrapped(2, Style::new(), text);
            return;
        }
        self.heading("Findings", &number(total));
        for (index, group) in groups.iter().enumerate() {
            if index > 0 {
                self.blank();
            }
            self.group(report, group);
        }
    }

    fn group(&mut self, report: &Report, group: &Group<'_>) {
        let finding = group.first();
        let severity = words::severity_name(finding.severity).to_uppercase();
        let ids: Vec<_> = group.findings().iter().map(|finding| format!("#{}", finding.id)).collect();
        self.line(2, severity_style(finding.severity), &format!("{severity} {}", shortened(&ids, SHOWN_IDS)));
        self.wrapped(2, Style::new().bold(), &visible(&finding.title));
        self.wrapped(2, Style::new(), &visible(&finding.why));
        let flow = report.flows.iter().find(|flow| flow.id == finding.flow);
        self.field(2, "to", &where_to(group));
        if let Some(app) = flow.and_then(|flow| flow.app.as_ref()) {
            self.field(2, "by", &visible(&app.name));
        }
        self.field(2, "sent", words::sent(finding));
        if let Some(disguise) = &finding.disguise {
            self.field(2, "hidden", &format!("in {}", visible(disguise)));
        }
        match group.told_before() {
            Some(before) => self.field(2, "told", &format!("the same as #{before}")),
            None => self.told(group),
        }
        self.field(2, "when", &when(report, group));
        for trigger in flow.map(|flow| words::triggers_of(report, flow)).unwrap_or_default() {
            self.field(2, "trigger", &words::trigger(trigger));
        }
        let flows: Vec<_> = group.flows().iter().map(u32::to_string).collect();
        self.field(2, if flows.len() == 1 { "flow" } else { "flows" }, &shortened(&flows, SHOWN_IDS));
        if finding.expected.is_some() {
            self.field(2, "normal", words::normal(finding.expected));
        }
        self.field(2, "rule", &visible(&finding.rule));
    }

    fn told(&mut self, group: &Group<'_>) {
        for (index, identifier) in group.identifiers().into_iter().enumerate() {
            self.field(2, if index == 0 { "told" } else { "" }, &told(identifier));
        }
    }

    fn triggers(&mut self, report: &Report) {
        if report.triggers.is_empty() {
            return;
        }
        self.heading("Triggers", &number(report.triggers.len() as u64));
        for trigger in report.triggers.iter().take(SHOWN_TRIGGERS) {
            self.hanging(
                2,
                "- ",
                &format!(
                    "{}: {}. By chance: {}.",
                    words::trigger_party(trigger),
                    words::trigger(trigger),
                    words::chance(trigger.chance)
                ),
            );
        }
        let left_out = report.triggers.len().saturating_sub(SHOWN_TRIGGERS);
        if left_out > 0 {
            self.wrapped(
                2,
                Style::new().dimmed(),
                &format!("{} more are in the JSON report.", number(left_out as u64)),
            );
        }
    }

    fn flows(&mut self, report: &Report) {
        self.heading("Connections", &number(report.flows.len() as u64));
        if report.flows.is_empty() {
            self.wrapped(2, Style::new(), "None were seen.");
            return;
        }
        let table = table::flows(&report.flows, self.width);
        let header = paint(self.color, Style::new().bold(), &table.header);
        let _ = writeln!(self.out, "{header}");
        for row in &table.rows {
            let style = match row.clear {
                true => AnsiColor::Yellow.on_default(),
                false => Style::new(),
            };
            let _ = writeln!(self.out, "{}", paint(self.color, style, &row.text));
        }
        if let Some(note) = &table.note {
            self.wrapped(0, Style::new().dimmed(), note);
        }
    }

    fn unseen(&mut self, report: &Report) {
        self.heading("What could not be seen", "");
        for unseen in &report.unseen {
            let what = visible(&unseen.what).replace('_', " ");
            let count = words::unseen_count(unseen).map(|count| format!(" ({count})")).unwrap_or_default();
            self.hanging(2, "- ", &format!("{what}{count}: {}", visible(&unseen.why)));
        }
    }

    pub(crate) fn blank(&mut self) {
        self.out.push('\n');
    }

    pub(crate) fn heading(&mut self, title: &str, aside: &str) {
        self.blank();
        let rule = "─".repeat(
            self.width
                .min(PROSE)
                .saturating_sub(title.len() + aside.len() + 2 + usize::from(!aside.is_empty())),
        );
        let aside = if aside.is_empty() { String::new() } else { format!(" {aside}") };
        let title = paint(self.color, Style::new().bold(), title);
        let rest = paint(self.color, Style::new().dimmed(), &format!("{aside} {rule}"));
        let _ = writeln!(self.out, "{title}{rest}");
    }

    pub(crate) fn line(&mut self, indent: usize, style: Style, text: &str) {
        let _ = writeln!(self.out, "{:indent$}{}", "", paint(self.color, style, text));
    }

    pub(crate) fn wrapped(&mut self, indent: usize, style: Style, text: &str) {
        for line in wrap(text, self.width.min(PROSE) - indent) {
            self.line(indent, style, &line);
        }
    }

    /// A label and text beside it.
    pub(crate) fn field(&mut self, indent: usize, label: &str, text: &str) {
        let lead = format!("{label:<LABEL$}");
        let lines = wrap(text, self.width.min(PROSE + LABEL) - indent - LABEL);
        for (index, line) in lines.iter().enumerate() {
            let lead = if index == 0 { lead.as_str() } else { &" ".repeat(LABEL) };
            let lead = paint(self.color, Style::new().dimmed(), lead);
            let _ = writeln!(self.out, "{:indent$}{lead}{line}", "");
        }
    }

    pub(crate) fn hanging(&mut self, indent: usize, mark: &str, text: &str) {
        for (index, line) in wrap(text, self.width.min(PROSE) - indent - mark.len()).iter().enumerate() {
            let mark = if index == 0 { mark.to_owned() } else { " ".repeat(mark.len()) };
            let _ = writeln!(self.out, "{:indent$}{mark}{line}", "");
        }
    }
}

/// How many ids or moments are listed before the rest is counted.
const SHOWN_IDS: usize = 12;
const SHOWN_MOMENTS: usize = 5;
const SHOWN_TRIGGERS: usize = 50;

fn shortened(items: &[String], most: usize) -> String {
    match items.len() > most {
        true => format!("{} and {} more", items[..most].join(", "), number((items.len() - most) as u64)),
        false => items.join(", "),
    }
}

fn where_to(group: &Group<'_>) -> String {
    let finding = group.first();
    let host = finding.host.as_deref().map_or_else(|| "an unnamed host".into(), visible);
    let owner = finding.owner.as_deref().map(visible);
    let country = finding.country.as_deref().map(|code| country::country_label(&visible(code)));
    let rest: Vec<_> = owner.map(Into::into).into_iter().chain(country).collect();
    match rest.is_empty() {
        true => host.into_owned(),
        false => format!("{host}, {}", rest.join(", ")),
    }
}

fn told(identifier: &Identifier) -> String {
    let steps: Vec<_> = identifier.decode.iter().map(|step| visible(step)).collect();
    format!(
        "{} {}  ({}; {})",
        words::kind_name(identifier.kind),
        visible(&identifier.value),
        steps.join(" → "),
        words::confidence_explained(identifier),
    )
}

fn when(report: &Report, group: &Group<'_>) -> String {
    let moments: Vec<_> = group.findings().iter().map(|finding| words::moment(report, finding)).collect();
    match moments.len() {
        1 => moments[0].clone(),
        count => format!("{} times: {}", number(count as u64), shortened(&moments, SHOWN_MOMENTS)),
    }
}

pub(crate) fn severity_style(severity: Severity) -> Style {
    match severity {
        Severity::Critical => AnsiColor::BrightWhite.on(AnsiColor::Red).bold(),
        Severity::High => AnsiColor::Red.on_default().bold(),
        Severity::Medium => AnsiColor::Yellow.on_default().bold(),
        Severity::Low => AnsiColor::Cyan.on_default().bold(),
        Severity::Info => AnsiColor::Blue.on_default(),
    }
}

fn paint(color: bool, style: Style, text: &str) -> String {
    match color && !text.is_empty() {
        true => format!("{style}{text}{style:#}"),
        false => text.to_owned(),
    }
}

/// Lines of at most `width` columns, broken at spaces, and inside of words that are longer than a line.
fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let (mut line, mut used) = (String::new(), 0);
    for word in text.split(' ') {
        let long = word.width();
        if used > 0 && used + 1 + long > width {
            lines.push(std::mem::take(&mut line));
            used = 0;
        } else if !line.is_empty() {
            line.push(' ');
            used += 1;
        }
        for c in word.chars() {
            let wide = c.width().unwrap_or(0);
            if used + wide > width {
                lines.push(std::mem::take(&mut line));
                used = 0;
            }
            line.push(c);
            used += wide;
        }
    }
    lines.push(line.trim_end().to_owned());
    lines
}

#[cfg(test)]
mod tests;
