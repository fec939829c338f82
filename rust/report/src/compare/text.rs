//! A comparison for a terminal.

use std::collections::BTreeMap;

use anstyle::Style;

use super::sections::{self, Line, Section};
use super::{Comparison, Side};
use crate::text::{Page, TextOptions, severity_style};
use crate::words::{self, bytes, counted, number, visible};

/// Lines of one section; the other formats hold all.
const MOST_LINES: usize = 200;

/// The whole comparison. Values stand as they are in it; what comes from the network cannot act on the terminal.
pub fn to_text(comparison: &Comparison, options: TextOptions) -> String {
    let mut page = Page::new(options);
    let what = if comparison.phones { "phones" } else { "boots" };
    page.wrapped(
        0,
        Style::new().dimmed(),
        &format!("Telltale comparison of {} {what}", comparison.sides.len()),
    );
    page.blank();
    if let Some(worst) = comparison.worst() {
        page.line(0, severity_style(worst), &words::severity_name(worst).to_uppercase());
    }
    page.wrapped(0, Style::new().bold(), &sections::headline(comparison));
    page.blank();
    for (index, it) in comparison.sides.iter().enumerate() {
        page.field(2, &sections::letter(index), &side(it));
    }
    for section in sections::sections(comparison) {
        show(&mut page, &section);
    }
    page.out
}

/// What a side is, in one line.
pub fn side(side: &Side) -> String {
    let mut text = visible(&side.name).into_owned();
    if side.reference {
        text.push_str(" (reference)");
    }
    text.push_str(&format!(
        ": {}, {} out, {} in, {}",
        counted(side.flows, "connection", "connections"),
        bytes(side.bytes_out),
        bytes(side.bytes_in),
        counted(side.findings, "finding", "findings"),
    ));
    if let Some(worst) = side.worst {
        text.push_str(&format!(", worst {}", words::severity_name(worst)));
    }
    if side.masked {
        text.push_str("; values are hidden in it, others may look the same");
    }
    if let Some(cut) = &side.truncated {
        text.push_str(&format!("; ends early: {}", visible(cut)));
    }
    text
}

fn show(page: &mut Page, section: &Section) {
    if section.lines.is_empty() {
        return;
    }
    page.heading(section.title, &number(section.lines.len() as u64));
    page.wrapped(2, Style::new().dimmed(), section.lead);
    let worth: Vec<&Line> = section.lines.iter().filter(|line| sections::is_worth_a_line(line)).collect();
    for line in worth.iter().take(MOST_LINES) {
        let word = format!("{:<9}", line.status.to_uppercase());
        let severity = line.severity.map(words::severity_name).unwrap_or_default();
        let item =
            if severity.is_empty() { line.item.clone() } else { format!("{} ({severity})", line.item) };
        let lead = if line.status.is_empty() { "- " } else { word.as_str() };
        page.hanging(2, lead, &item);
        let indent = 2 + lead.len();
        for text in [&line.detail, &line.changes].into_iter().filter(|text| !text.is_empty()) {
            page.wrapped(indent, Style::new(), text);
        }
        for (text, letters) in together(line) {
            page.wrapped(indent, Style::new().dimmed(), &format!("{}: {text}", letters.join(", ")));
        }
    }
    let left_out = worth.len().saturating_sub(MOST_LINES);
    if left_out > 0 {
        page.wrapped(2, Style::new(), &format!("{} more are in the other formats.", number(left_out as u64)));
    }
    let rest = (section.lines.len() - worth.len()) as u64;
    if rest > 0 {
        let said = if section.name == "identifiers" { "on one side only." } else { "the same." };
        page.wrapped(2, Style::new().dimmed(), &format!("{} {said}", number(rest)));
    }
}

/// Sides that say the same are named together, in the order of the first.
fn together(line: &Line) -> Vec<(&str, Vec<String>)> {
    let mut places: BTreeMap<&str, usize> = BTreeMap::new();
    let mut out: Vec<(&str, Vec<String>)> = Vec::new();
    for (index, text) in line.sides.iter().enumerate().filter(|(_, text)| !text.is_empty()) {
        let place = *places.entry(text).or_insert(out.len());
        if place == out.len() {
            out.push((text, Vec::new()));
        }
        if let Some((_, letters)) = out.get_mut(place) {
            letters.push(sections::letter(index));
        }
    }
    out
}
