//! Finds captures and what is known of them.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::truth::Row;

/// A capture.
#[derive(Debug, Clone)]
pub struct Capture {
    /// Where it is from: the folder inside the corpora.
    pub source: String,
    /// Its path inside the corpora.
    pub path: String,
    /// The file.
    pub file: PathBuf,
}

impl Capture {
    /// What others read in it; empty where nobody did.
    ///
    /// # Errors
    /// When the rows cannot be read.
    pub fn truth(&self) -> Result<Vec<Row>> {
        let name = self.file.file_name().unwrap_or_default().to_string_lossy();
        let folder = self.file.parent().unwrap_or(Path::new("."));
        let Ok(text) = std::fs::read_to_string(folder.join("truth").join(format!("{name}.jsonl"))) else {
            return Ok(Vec::new());
        };
        let row = |line| serde_json::from_str(line).with_context(|| format!("truth of {}", self.path));
        text.lines().map(row).collect()
    }

    /// A file that belongs to the test of which this capture is a part (`<test>__<file>`), by its ending.
    pub fn sibling(&self, ending: &str) -> Option<String> {
        let name = self.file.file_name()?.to_str()?;
        let (test, _) = name.rsplit_once("__")?;
        std::fs::read_to_string(self.file.with_file_name(format!("{test}__{ending}"))).ok()
    }
}

/// Every capture in the folder, in the order of their paths.
///
/// # Errors
/// When the folder cannot be read.
pub fn captures(folder: &Path) -> Result<Vec<Capture>> {
    let mut found = files(folder, folder)?;
    found.retain(|capture| is_capture(&capture.path));
    Ok(found)
}

/// Files of segments and of what a receiver makes of them (JSON lines of packetdrill scripts).
///
/// # Errors
/// When the folder cannot be read.
pub fn tcp_vectors(folder: &Path) -> Result<Vec<Capture>> {
    let mut found = files(folder, folder)?;
    found.retain(|file| file.path.ends_with(".jsonl") && file.path.contains("tcp_vectors"));
    Ok(found)
}

fn is_capture(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or_default();
    let capture = [".pcap", ".pcapng", ".cap"].iter().any(|ending| {
        name.split_once(ending).is_some_and(|(_, rest)| rest.is_empty() || rest.starts_with('.'))
    });
    capture && !name.ends_with(".jsonl")
}

fn files(folder: &Path, root: &Path) -> Result<Vec<Capture>> {
    let mut found = Vec::new();
    let listing = std::fs::read_dir(folder).with_context(|| folder.display().to_string())?;
    let mut entries: Vec<PathBuf> = listing.map(|entry| Ok(entry?.path())).collect::<std::io::Result<_>>()?;
    entries.sort();
    for file in entries {
        if file.is_dir() {
            found.extend(files(&file, root)?);
            continue;
        }
        let inside = file.strip_prefix(root).unwrap_or(&file).to_string_lossy().into_owned();
        let source = inside.split('/').next().unwrap_or_default().to_owned();
        found.push(Capture { source, path: inside, file });
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn captures_are_known_by_their_endings() {
        for path in ["a/b.pcap", "b.pcapng", "b.pcap.gz", "a/c.pcapng.1", "x.cap"] {
            assert!(is_capture(path), "{path}");
        }
        for path in ["a/b.pcap.jsonl", "a/b.keylog", "a.pcaps.txt", "index.tsv", "a.capture"] {
            assert!(!is_capture(path), "{path}");
        }
    }
}
