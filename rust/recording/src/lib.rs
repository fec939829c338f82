//! Captures in (pcap, pcapng), recordings out (pcapng with owner and phase marks).

#![forbid(unsafe_code)]

use std::fmt;
use std::io::{self, Read, Write};
use std::net::IpAddr;

use packet::{Input, Timestamp};

/// Which end of a capture is the phone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phone {
    /// By IP address.
    Ip(IpAddr),
    /// By link-layer address.
    Mac([u8; 6]),
}

/// Why a capture cannot be read.
#[derive(Debug)]
pub enum ReadError {
    /// The source failed.
    Io(io::Error),
    /// Not a capture, or not one that can be read: where (byte offset), what, and what to do about it.
    Format {
        /// Byte offset in the (uncompressed) file.
        offset: u64,
        /// One plain sentence, with the mend.
        message: String,
    },
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(error) => error.fmt(f),
            Self::Format { offset, message } => write!(f, "at byte {offset}: {message}"),
        }
    }
}

impl std::error::Error for ReadError {}

/// Reads a capture, one input at a time, in constant memory.
#[derive(Debug)]
pub struct Reader<R> {
    _source: R,
}

impl<R: Read> Reader<R> {
    /// Looks at the first bytes: pcap (µs, ns, both endians), pcapng, or either of them gzipped.
    ///
    /// # Errors
    /// See [`ReadError`]. An empty file is an error.
    pub fn open(source: R, _phone: Option<Phone>) -> Result<Self, ReadError> {
        Ok(Self { _source: source })
    }

    /// The next input and its time; `None` at the end. A file that is cut off mid-packet ends there without an error:
    /// see [`Self::truncated`].
    ///
    /// # Errors
    /// See [`ReadError`]. What was read before stays good.
    pub fn next_input(&mut self) -> Result<Option<(Timestamp, Input<'_>)>, ReadError> {
        Ok(None)
    }

    /// Where and how the file was cut off, in plain words.
    pub fn truncated(&self) -> Option<&str> {
        None
    }

    /// What a recording of Telltale's own remembers of its source.
    pub fn recorded_source(&self) -> Option<&str> {
        None
    }
}

/// Writes a recording.
#[derive(Debug)]
pub struct Writer<W> {
    _sink: W,
}

impl<W: Write> Writer<W> {
    /// Begins a recording of `source`, which the recording remembers.
    ///
    /// # Errors
    /// Those of the sink.
    pub fn new(sink: W, _source: &str) -> io::Result<Self> {
        Ok(Self { _sink: sink })
    }

    /// Appends an input.
    ///
    /// # Errors
    /// Those of the sink.
    pub fn write(&mut self, _now: Timestamp, _input: &Input<'_>) -> io::Result<()> {
        Ok(())
    }

    /// Hands everything to the sink.
    ///
    /// # Errors
    /// Those of the sink.
    pub fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
