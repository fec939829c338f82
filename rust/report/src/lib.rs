//! A [`Report`](inspect::report::Report) as JSON, CSV, text for a terminal, or one self-contained HTML page.
//!
//! Every form shows values as they stand in the report: callers hide them with [`masked`] unless they were asked to
//! show them. What comes from the network can act neither on a terminal, nor on a browser, nor on a spreadsheet.

#![forbid(unsafe_code)]

pub mod compare;
pub mod country;
pub mod csv;
mod group;
pub mod html;
pub mod json;
pub mod mask;
#[cfg(test)]
mod testdata;
pub mod text;
mod timeline;
mod verdict;
mod words;

pub use csv::to_csv;
pub use html::to_html;
pub use json::{ReadError, read_json, to_json};
pub use mask::{masked, masked_event};
pub use text::{TextOptions, live_line, to_text};
