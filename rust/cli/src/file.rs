//! Files that are read whole, and what is said of those that cannot be.

use std::path::Path;
use std::{fmt, fs, io};

use crate::Failure;

/// The bytes of a file that is expected to be `what`, with its article, and has at most `largest` bytes.
///
/// # Errors
/// It cannot be read or is larger: one line that names it.
pub fn read(path: &Path, largest: u64, what: &str) -> Result<Vec<u8>, Failure> {
    let unreadable = |error| unreadable(&path.display(), &error);
    if fs::metadata(path).map_err(unreadable)?.len() > largest {
        return Err(Failure(format!("{}: is too large for {what}", path.display())));
    }
    fs::read(path).map_err(unreadable)
}

/// Why an input of that name cannot be read.
pub fn unreadable(name: &dyn fmt::Display, error: &io::Error) -> Failure {
    Failure(match error.kind() {
        io::ErrorKind::NotFound => format!("{name}: there is no such file"),
        _ => format!("{name}: cannot be read: {error}"),
    })
}
