//! Packetdrill scripts as the corpus gives them.

use serde::Deserialize;

/// A packetdrill script, taken apart.
#[derive(Deserialize)]
pub(super) struct Script {
    pub file: String,
    pub role: String,
    pub steps: Vec<Step>,
    /// Lines of the original that are not among the steps.
    #[serde(default)]
    pub unparsed: u32,
}

/// What happens next in it.
#[derive(Deserialize)]
pub(super) struct Step {
    /// Seconds, `+` when they are since the step before.
    pub t: String,
    pub r#in: Option<Wire>,
    pub out: Option<Wire>,
    pub sys: Option<String>,
    #[serde(default)]
    pub args: String,
    #[serde(default)]
    pub ret: i64,
    pub errno: Option<String>,
    pub icmp_in: Option<String>,
}

/// A segment, its sequence numbers relative to the initial ones.
#[derive(Deserialize)]
pub(super) struct Wire {
    pub flags: String,
    pub seq: u32,
    pub len: u32,
    pub ack: Option<u32>,
    pub win: Option<u16>,
    #[serde(default)]
    pub opts: String,
}
