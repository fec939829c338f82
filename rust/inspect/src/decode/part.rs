//! Which parts of a container become leaves.
//!
//! Most of what phones send in JSON and forms tells nothing: counts, names of screens, times. A leaf for each costs more
//! than all else, so their readers ask before they make one.

use std::ops::Range;

/// A part of a container, before anything is kept of it.
#[derive(Debug, Clone)]
pub struct Part<'p> {
    /// The last key of its path, and the one before; empty where there is none.
    pub key: &'p [u8],
    /// The key of what holds it.
    pub above: &'p [u8],
    /// Its bytes.
    pub value: &'p [u8],
    /// Where they stand in the container, or what they were made of.
    pub range: Range<usize>,
    /// Whether undoing an encoding made the value: then no container's bytes hold it.
    pub made: bool,
}

/// Whether something may be found in a part that is no more encoded.
pub type Wanted<'w> = dyn FnMut(&Part<'_>) -> bool + 'w;

/// Wants every part.
pub const fn everything(_: &Part<'_>) -> bool {
    true
}
