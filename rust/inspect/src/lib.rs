//! Packets in, findings out: the part of Telltale that understands what a phone tells.
//!
//! A pipeline of modules, each importing only those before it:
//! `keylog` → `stream` → `protocol` → `needles` → `decode` → `identifier` → `report` (types) → `sample` → `disguise` →
//! `knowledge` → `purpose` → `naming` → `flow` → `facts` → `evidence` → `rule` → `summary` → `trigger` → `inspector`.
//! No clock, no randomness, no IO: the same inputs give the same report.

#![forbid(unsafe_code)]

pub mod decode;
mod disguise;
mod evidence;
mod facts;
mod flow;
pub mod identifier;
mod inspector;
mod keylog;
pub mod knowledge;
mod naming;
mod needles;
pub mod protocol;
mod purpose;
pub mod report;
mod rule;
mod sample;
pub mod stream;
mod summary;
pub mod trigger;

pub use flow::MOST_LISTED;
pub use identifier::{Confidence, IdentifierKind, KnownIdentifier};
pub use inspector::{Config, Event, Inspector};
pub use keylog::{KeyLog, KeyRing};

/// The stable names of all rules, in the order in which they are asked.
pub fn rule_names() -> impl Iterator<Item = &'static str> {
    rule::RULES.iter().map(|rule| rule.name)
}
