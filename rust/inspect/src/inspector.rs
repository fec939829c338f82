//! The pipeline's outside: inputs in, events and a report out.

use packet::{Input, Timestamp};

use crate::identifier::KnownIdentifier;
use crate::report::{Finding, Flow, PhaseAt, Report};

/// What a session is told before it begins.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Config {
    /// For `capture.source`: the file's name, or the live session's.
    pub source: String,
    /// Country in which the phone is meant to be used (ISO 3166-1 alpha-2).
    pub home: Option<String>,
    /// Values of this phone to look for.
    pub watch: Vec<KnownIdentifier>,
}

/// Something to show at once.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// The phone entered a phase.
    Phase(PhaseAt),
    /// A flow was opened, named or closed.
    Flow(Box<Flow>),
    /// Something was found.
    Finding(Box<Finding>),
}

/// Takes a session's inputs in order and tells what they show.
///
/// Timers only move when an input or [`Self::handle_timeout`] moves them, each to its own deadline: when
/// `handle_timeout` is called late, or not at all, the report is the same.
#[derive(Debug)]
pub struct Inspector {
    _config: Config,
}

impl Inspector {
    /// A session that has seen nothing yet.
    ///
    /// # Errors
    /// A watched value that its kind does not allow, in one plain sentence.
    pub fn new(config: Config) -> Result<Self, String> {
        Ok(Self { _config: config })
    }

    /// Takes the next input. Times that go backwards count as the latest time seen.
    pub fn handle_input(&mut self, _now: Timestamp, _input: Input<'_>) {}

    /// Moves the timers due by `now`.
    pub fn handle_timeout(&mut self, _now: Timestamp) {}

    /// When [`Self::handle_timeout`] should be called next.
    pub fn poll_timeout(&self) -> Option<Timestamp> {
        None
    }

    /// The next thing to show.
    pub fn poll_event(&mut self) -> Option<Event> {
        None
    }

    /// Ends the session: what is still unfinished is judged as it stands. `truncated` says where and why reading
    /// stopped early.
    pub fn finish(self, _truncated: Option<String>) -> Report {
        unreachable!("written by the pipeline's own commit")
    }
}
