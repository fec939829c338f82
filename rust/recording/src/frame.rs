//! What the file formats hand to the link layer.

use std::ops::Range;

use packet::{App, Direction, Timestamp};

use crate::link::LinkType;
use crate::mark::Mark;

/// The longest packet that is believed, in bytes: what `tcpdump -s 0` takes at most.
pub(crate) const LONGEST_PACKET: usize = 256 * 1024;

/// What comes next in a capture.
#[derive(Debug)]
pub(crate) enum Step {
    /// A frame.
    Frame(Frame),
    /// Something else that a recording remembers.
    Mark(Mark),
    /// Secrets of connections, and where they are in the source's buffer.
    Keys(Timestamp, Range<usize>),
    /// Something that is no input.
    Other,
    /// The end, at a record's border.
    End,
    /// The source ends inside a record.
    Cut {
        /// Whether that record is a packet.
        in_packet: bool,
    },
}

/// A captured frame.
#[derive(Debug)]
pub(crate) struct Frame {
    /// When.
    pub(crate) at: Timestamp,
    /// How its bytes start; `None` when the interface's link type cannot be read.
    pub(crate) link: Option<LinkType>,
    /// Where they are in the source's buffer.
    pub(crate) bytes: Range<usize>,
    /// Which way it went, where the file says so.
    pub(crate) direction: Option<Direction>,
    /// The app, where the file says so: PCAPdroid on the phone wrote it.
    pub(crate) app: Option<App>,
}

/// An app of which nothing but the user id is known.
pub(crate) fn user(uid: u32) -> App {
    App { name: format!("UID {uid}"), uid: Some(uid) }
}

/// A moment, clamped to what [`Timestamp`] holds.
pub(crate) fn clamped(nanos: i128) -> Timestamp {
    Timestamp::from_nanos(nanos.clamp(i128::from(i64::MIN), i128::from(i64::MAX)) as i64)
}
