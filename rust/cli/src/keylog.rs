//! The secrets to read encrypted connections with, from `--keylog`.

use std::path::PathBuf;

use inspect::KeyLog;

use crate::{Failure, file};

/// The largest key log that is read, in bytes: some hundred thousand connections.
const LARGEST_FILE: u64 = 256 << 20;

/// All that the files hold.
///
/// # Errors
/// One cannot be read, or holds no secret, in one line that names it.
pub fn read(paths: &[PathBuf]) -> Result<KeyLog, Failure> {
    let mut keys = KeyLog::default();
    for path in paths {
        let fail = |message: &str| Failure(format!("{}: {message}", path.display()));
        if keys.add(&file::read(path, LARGEST_FILE, "a key log")?) == 0 {
            return Err(fail(
                "holds no secret of TLS or QUIC; give a key log in the NSS format, as `SSLKEYLOGFILE` makes it",
            ));
        }
    }
    Ok(keys)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_file_without_secrets_is_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("keys.log");
        fs::write(&path, "# nothing\n").expect("written");
        let error = read(std::slice::from_ref(&path)).expect_err("no secret");
        assert!(error.0.contains("keys.log: holds no secret"), "{}", error.0);
        fs::write(&path, format!("CLIENT_RANDOM {} {}\n", "00".repeat(32), "11".repeat(48)))
            .expect("written");
        assert!(!read(&[path.clone(), path]).expect("secrets").is_empty());
    }
}
