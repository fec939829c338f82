//! What was found before must not be found again: every committed input is run once.

use std::fs;
use std::path::{Path, PathBuf};

fn inputs(target: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(target);
    let entries = fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.expect("a readable folder").path()).collect();
    paths.sort();
    paths
}

#[test]
fn every_input_of_every_corpus_passes() {
    for (name, run) in fuzz::targets() {
        let inputs = inputs(name);
        assert!(!inputs.is_empty(), "{name} has no corpus");
        for path in inputs {
            // Told before the run: a panic then names its input.
            println!("{name}: {}", path.display());
            run(&fs::read(&path).expect("a readable input"));
        }
    }
}

#[test]
fn every_corpus_has_its_target() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
    for entry in fs::read_dir(folder).expect("the corpora") {
        let name = entry.expect("a readable folder").file_name().into_string().expect("a plain name");
        assert!(fuzz::target(&name).is_some(), "{name}: no such target");
    }
}
