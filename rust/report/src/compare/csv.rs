//! A comparison as a table for spreadsheets: a row for each line of each list.

use super::{Comparison, sections};
use crate::csv::cell;
use crate::words;

/// The header's beginning. A column for each side follows, under its letter and name.
pub const COLUMNS: [&str; 6] = ["list", "status", "severity", "item", "detail", "changes"];

/// RFC 4180 with `\n` between rows. Text that a spreadsheet would take for a formula begins with `'`.
pub fn to_csv(comparison: &Comparison) -> String {
    let mut writer = ::csv::Writer::from_writer(Vec::new());
    let sides = comparison.sides.iter().enumerate();
    let names =
        sides.map(|(index, side)| format!("{} {}", sections::letter(index), words::visible(&side.name)));
    // Writing to memory cannot fail, and every row has a cell for each side.
    let _ = writer.write_record(COLUMNS.into_iter().map(str::to_owned).chain(names));
    for section in sections::sections(comparison) {
        for line in &section.lines {
            let severity = line.severity.map(words::severity_name).unwrap_or_default();
            let fixed = [section.name, line.status, severity].map(str::to_owned);
            let texts = [&line.item, &line.detail, &line.changes].into_iter().chain(&line.sides);
            let _ = writer.write_record(fixed.into_iter().chain(texts.map(|text| cell(text))));
        }
    }
    writer.into_inner().ok().and_then(|bytes| String::from_utf8(bytes).ok()).unwrap_or_default()
}
