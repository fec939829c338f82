//! Packets in, findings out: the part of Telltale that understands what a phone tells.
//!
//! A pipeline of modules, each importing only those before it:
//! `stream` → `protocol` → `decode` → `identifier` → `knowledge` → `flow` → `rule` → `report`.
//! No clock, no randomness, no IO: the same inputs give the same report.

#![forbid(unsafe_code)]

pub mod decode;
pub mod identifier;
mod inspector;
pub mod knowledge;
pub mod protocol;
pub mod report;
pub mod stream;

pub use identifier::{Confidence, IdentifierKind, KnownIdentifier};
pub use inspector::{Config, Event, Inspector};
