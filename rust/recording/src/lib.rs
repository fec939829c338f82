//! Captures in (pcap, pcapng), recordings out (pcapng with owner and phase marks).
//!
//! [`Reader`] takes a capture that anybody made apart: `source` unzips and looks ahead, `pcap` and `pcapng` read the
//! file formats, `link` finds the IP packet in a frame, `direction` says which way it went, `pcapdroid` reads which app
//! PCAPdroid noted, `mark` what a recording of our own remembers. [`Writer`] makes such a recording: it reads back to
//! the inputs that were written.

#![forbid(unsafe_code)]

use std::net::IpAddr;

mod direction;
mod error;
mod field;
mod frame;
mod link;
mod mark;
mod options;
mod pcap;
mod pcapdroid;
mod pcapng;
mod reader;
mod sniff;
mod source;
mod writer;

pub use error::ReadError;
pub use reader::Reader;
pub use writer::Writer;

/// Which end of a capture is the phone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phone {
    /// By IP address.
    Ip(IpAddr),
    /// By link-layer address.
    Mac([u8; 6]),
}
