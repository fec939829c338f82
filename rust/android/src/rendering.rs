//! Reports as Java asks for them.

use std::str::FromStr;

use inspect::report::Report;
use report::TextOptions;

use crate::failure::Failure;

/// A report's format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    Json,
    Html,
    Text,
    Csv,
}

impl FromStr for Format {
    type Err = Failure;

    fn from_str(text: &str) -> Result<Self, Failure> {
        match text {
            "json" => Ok(Self::Json),
            "html" => Ok(Self::Html),
            "text" => Ok(Self::Text),
            "csv" => Ok(Self::Csv),
            _ => Err(Failure::argument(format!("format: {text:?} is none of json, html, text, csv"))),
        }
    }
}

/// The report in `format`, its values masked unless they are to be shown.
pub(crate) fn render(report: &Report, format: Format, show_values: bool) -> String {
    let masked = if show_values { None } else { Some(report::masked(report)) };
    let report = masked.as_ref().unwrap_or(report);
    match format {
        Format::Json => report::to_json(report),
        Format::Html => report::to_html(report),
        Format::Text => report::to_text(report, TextOptions::default()),
        Format::Csv => report::to_csv(report),
    }
}
