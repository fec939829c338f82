//! Why a capture cannot be read.

use std::fmt;
use std::io;

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

impl ReadError {
    /// What is wrong in the file from `offset` on.
    pub(crate) fn format(offset: u64, message: impl Into<String>) -> Self {
        Self::Format { offset, message: message.into() }
    }
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(error) => error.fmt(f),
            Self::Format { offset, message } => write!(f, "at byte {offset}: {message}"),
        }
    }
}

impl std::error::Error for ReadError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io(error) => Some(error),
            Self::Format { .. } => None,
        }
    }
}

impl From<io::Error> for ReadError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}
