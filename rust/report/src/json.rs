//! A report as JSON: schema `telltale.report/1`, described in `docs/report.md`.

use std::fmt;
use std::fmt::Write;

use inspect::report::{Report, SCHEMA};
use serde::{Deserialize, Serialize};

use crate::words;

/// Pretty-printed, fields in the schema's order, with a trailing newline. The same report gives the same bytes.
///
/// Values are written as they stand in `report`: pass it through [`crate::mask::masked`] to hide them. Characters
/// that a terminal would act on are written as `\u` escapes.
pub fn to_json(report: &Report) -> String {
    pretty(report)
}

/// Any of the schemas' types, as [`to_json`] writes a report.
pub(crate) fn pretty(value: &impl Serialize) -> String {
    // These types are made of strings, numbers and lists: none of these can fail to serialise.
    let json = serde_json::to_string_pretty(value).unwrap_or_default();
    let mut out = String::with_capacity(json.len() + 1);
    for c in json.chars() {
        // Outside of strings there is nothing but ASCII and newlines, so this only touches what stands in strings.
        if c != '\n' && words::is_invisible(c) {
            for unit in c.encode_utf16(&mut [0; 2]) {
                let _ = write!(out, "\\u{unit:04x}");
            }
        } else {
            out.push(c);
        }
    }
    out.push('\n');
    out
}

/// Reads what [`to_json`] wrote.
///
/// # Errors
/// [`ReadError`], which says where it is wrong and what to do.
pub fn read_json(text: &str) -> Result<Report, ReadError> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    if text.trim().is_empty() {
        return Err(ReadError::Empty);
    }
    let envelope: Envelope = serde_json::from_str(text).map_err(|error| ReadError::at(&error))?;
    match envelope.schema.as_ref().map(|schema| schema.as_str()) {
        None => return Err(ReadError::NoSchema),
        Some(Some(SCHEMA)) => {}
        Some(other) => return Err(ReadError::OtherSchema(other.unwrap_or("not a string").to_owned())),
    }
    serde_json::from_str(text).map_err(|error| ReadError::at(&error))
}

/// Enough to tell a report of another version from a broken one.
#[derive(Deserialize)]
struct Envelope {
    schema: Option<serde_json::Value>,
}

/// The text is no report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReadError {
    /// There is no text.
    Empty,
    /// It has no field `schema`.
    NoSchema,
    /// Its schema is another one.
    OtherSchema(String),
    /// It ends too early.
    CutOff {
        /// Counted from 1.
        line: usize,
        /// Counted from 1.
        column: usize,
    },
    /// It is not JSON, or a field is missing or of the wrong type.
    Wrong {
        /// Counted from 1.
        line: usize,
        /// Counted from 1.
        column: usize,
        /// What was expected there.
        message: String,
    },
}

impl ReadError {
    fn at(error: &serde_json::Error) -> Self {
        let (line, column) = (error.line(), error.column());
        if error.is_eof() {
            return Self::CutOff { line, column };
        }
        let message = error.to_string();
        let message = message.split(" at line ").next().unwrap_or_default();
        Self::Wrong { line, column, message: words::visible(message).into_owned() }
    }
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => {
                f.write_str("the report is empty; write it again with `telltale replay --format json`")
            }
            Self::NoSchema => {
                write!(f, "this JSON is no Telltale report: it has no field `schema`; expected {SCHEMA:?}")
            }
            Self::OtherSchema(found) => write!(
                f,
                "the report's schema is \"{}\", this program reads {SCHEMA:?}; make the report again from the capture",
                words::visible(found)
            ),
            Self::CutOff { line, column } => {
                write!(f, "the report is cut off at line {line}, column {column}; copy or write it again")
            }
            Self::Wrong { line, column, message } => {
                write!(f, "the report is damaged at line {line}, column {column}: {message}; write it again")
            }
        }
    }
}

impl std::error::Error for ReadError {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testdata;

    #[test]
    fn what_was_written_is_read_back() {
        for report in testdata::all() {
            let json = to_json(&report);
            assert!(json.ends_with("}\n"));
            assert_eq!(read_json(&json).as_ref(), Ok(&report));
            assert_eq!(to_json(&report), json);
        }
    }

    #[test]
    fn the_order_of_fields_is_the_schemas() {
        let json = to_json(&testdata::first_boot());
        let top: Vec<_> = json
            .lines()
            .filter_map(|line| line.strip_prefix("  \"").and_then(|rest| rest.split('"').next()))
            .collect();
        assert_eq!(
            top,
            ["schema", "capture", "coverage", "phases", "flows", "findings", "triggers", "unseen"]
        );
    }

    #[test]
    fn nothing_in_it_acts_on_a_terminal() {
        let json = to_json(&testdata::hostile());
        assert!(!json.chars().any(|c| c != '\n' && words::is_invisible(c)));
        assert!(json.contains("\\u202e"));
    }

    #[test]
    fn errors_say_where_and_what_to_do() {
        let json = to_json(&testdata::first_boot());
        let says = |text: &str| read_json(text).unwrap_err().to_string();
        assert!(says(" \n").contains("empty"));
        assert!(says("{}").contains("no field `schema`"));
        assert!(says(r#"{"schema": "telltale.report/2"}"#).contains("telltale.report/2"));
        assert!(says(r#"{"schema": 7}"#).contains("not a string"));
        assert!(says(&json[..json.len() / 2]).contains("cut off at line"));
        assert!(says("hello").contains("line 1, column 1"));
        let wrong = json.replacen("\"severity\": \"", "\"severity\": \"very ", 1);
        assert!(says(&wrong).contains("unknown variant"), "{}", says(&wrong));
        assert!(says(r#"{"schema": "telltale.report/1"}"#).contains("missing field `capture`"));
        assert!(says(&"[".repeat(100_000)).contains("recursion limit"));
    }
}
