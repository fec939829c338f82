//! A comparison as one HTML page that needs nothing else, and runs no script.

use askama::Template;

use super::sections::{self, Section};
use super::{Comparison, text};
use crate::html::STYLE;
use crate::words;

/// Rows beyond this are left to the other formats, so that a phone can still open the page.
const MOST_ROWS: usize = 5_000;

/// The page, ending in a newline. Values stand as they are in `comparison`.
pub fn to_html(comparison: &Comparison) -> String {
    // Rendering into a `String` only fails if a value's `Display` does, and all values here are strings and numbers.
    let mut html = Page::of(comparison).render().unwrap_or_default();
    html.push('\n');
    html
}

/// All strings are made safe to show with [`words::visible`]; the template escapes them for HTML.
#[derive(Template)]
#[template(path = "compare.html")]
struct Page {
    style: &'static str,
    title: String,
    severity: &'static str,
    headline: String,
    /// Letter, and what the side is.
    sides: Vec<(String, String)>,
    tables: Vec<Table>,
}

struct Table {
    name: &'static str,
    title: &'static str,
    lead: &'static str,
    rows: Vec<Row>,
    left_out: usize,
}

struct Row {
    status: &'static str,
    severity: &'static str,
    item: String,
    detail: String,
    changes: String,
    /// Letter and text, where there is any.
    sides: Vec<(String, String)>,
}

impl Page {
    fn of(comparison: &Comparison) -> Self {
        let what = if comparison.phones { "phones" } else { "boots" };
        let sides = comparison.sides.iter().enumerate();
        Self {
            style: STYLE,
            title: format!("{} {what} compared", comparison.sides.len()),
            severity: comparison.worst().map_or("none", words::severity_name),
            headline: sections::headline(comparison),
            sides: sides.map(|(index, side)| (sections::letter(index), text::side(side))).collect(),
            tables: sections::sections(comparison).into_iter().map(table).collect(),
        }
    }
}

fn table(section: Section) -> Table {
    let left_out = section.lines.len().saturating_sub(MOST_ROWS);
    let row = |line: sections::Line| Row {
        status: line.status,
        severity: line.severity.map_or("", words::severity_name),
        item: line.item,
        detail: line.detail,
        changes: line.changes,
        sides: line
            .sides
            .into_iter()
            .enumerate()
            .filter(|(_, text)| !text.is_empty())
            .map(|(index, text)| (sections::letter(index), text))
            .collect(),
    };
    let rows = section.lines.into_iter().take(MOST_ROWS).map(row).collect();
    Table { name: section.name, title: section.title, lead: section.lead, rows, left_out }
}
