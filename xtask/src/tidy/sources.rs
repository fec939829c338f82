//! Checks of files by their text.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::run;

/// Crates that read hostile bytes and decide what a report says: nothing unsafe in them.
const SAFE_CRATES: [&str; 7] = ["packet", "inspect", "netstack", "recording", "report", "sim", "corpus"];

/// Words that say nothing about what a type is for.
const EMPTY_NAMES: [&str; 4] = ["Manager", "Helper", "Util", "Common"];

/// What is untidy in one file.
pub(super) fn check(path: &Path, text: &str) -> Vec<String> {
    let mut complaints: Vec<&str> = Vec::new();
    let extension = path.extension().unwrap_or_default().to_str().unwrap_or_default();
    // What is fuzzed with is whatever it is.
    let input = path.ancestors().any(|folder| folder.ends_with("fuzz/corpus"));
    if text.contains('\r') && extension != "http" && !input {
        complaints.push("carriage returns");
    }
    if !text.is_empty() && !text.ends_with('\n') && ["rs", "toml", "md", "tsv"].contains(&extension) {
        complaints.push("no newline at the end");
    }
    if extension == "tsv"
        && !text.lines().filter(|line| !line.starts_with('#')).is_sorted()
        && sorted_table(path)
    {
        complaints.push("not sorted");
    }
    let mut complaints: Vec<String> = complaints.into_iter().map(str::to_owned).collect();
    if extension == "rs" {
        complaints.extend(check_rust(path, text));
    }
    complaints.into_iter().map(|complaint| format!("{}: {complaint}", path.display())).collect()
}

fn sorted_table(path: &Path) -> bool {
    path.ends_with("endpoints.tsv")
}

fn check_rust(path: &Path, text: &str) -> Vec<String> {
    let mut complaints = Vec::new();
    // Tests beside a module are documented by what they test.
    if !text.starts_with("//!") && !path.ends_with("tests.rs") {
        complaints.push("no module documentation at the top".to_owned());
    }
    let crate_name = path.components().nth(1).and_then(|part| part.as_os_str().to_str()).unwrap_or_default();
    let is_root = path.ends_with("src/lib.rs") && path.starts_with("rust");
    if is_root && SAFE_CRATES.contains(&crate_name) && !text.contains("#![forbid(unsafe_code)]") {
        complaints.push("no #![forbid(unsafe_code)]".to_owned());
    }
    for (number, line) in text.lines().enumerate() {
        if let Some(name) = defined(line)
            && EMPTY_NAMES.iter().any(|empty| name.contains(empty))
        {
            complaints.push(format!("line {}: {name} says nothing", number + 1));
        }
    }
    complaints
}

/// The type or module that a line defines, in camel case.
fn defined(line: &str) -> Option<String> {
    let line = line.trim_start();
    let line = line.strip_prefix("pub(crate) ").or_else(|| line.strip_prefix("pub(super) ")).unwrap_or(line);
    let line = line.strip_prefix("pub ").unwrap_or(line);
    let keywords = ["struct ", "enum ", "trait ", "type ", "mod "];
    let rest = keywords.iter().find_map(|keyword| line.strip_prefix(keyword))?;
    let name: String = rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
    let capital =
        |word: &str| word.chars().take(1).flat_map(char::to_uppercase).chain(word.chars().skip(1)).collect();
    Some(name.split('_').map(capital).collect::<Vec<String>>().concat())
}

/// What in `inspect` imports a module that comes later in the pipeline. The order is the one that `lib.rs` documents.
pub(super) fn check_pipeline(files: &[PathBuf]) -> Result<Vec<String>> {
    let sources = Path::new("rust/inspect/src");
    let read =
        |path: &Path| std::fs::read_to_string(run::root().join(path)).context(path.display().to_string());
    let order = pipeline(&read(&sources.join("lib.rs"))?);
    let mut complaints = Vec::new();
    for path in files.iter().filter(|path| path.extension().is_some_and(|extension| extension == "rs")) {
        let Ok(inside) = path.strip_prefix(sources) else { continue };
        let module = inside.components().next().map(|part| Path::new(part.as_os_str()).with_extension(""));
        let module = module.unwrap_or_default().to_string_lossy().into_owned();
        if module == "lib" {
            continue;
        }
        let Some(place) = order.iter().position(|name| *name == module) else {
            complaints.push(format!("{}: {module} is not in lib.rs's pipeline", path.display()));
            continue;
        };
        for later in imports(&read(path)?).into_iter().filter(|name| order[place + 1..].contains(name)) {
            complaints.push(format!("{}: imports {later}, which comes after {module}", path.display()));
        }
    }
    Ok(complaints)
}

/// The modules in the order in which `lib.rs` names them: the words in backticks around arrows.
fn pipeline(lib: &str) -> Vec<String> {
    let documentation: String = lib.lines().map_while(|line| line.strip_prefix("//!")).collect();
    let mut order = Vec::new();
    for part in documentation.split('→') {
        let words: Vec<&str> = part.split('`').collect();
        // The last word in backticks before the first arrow, else the first one after an arrow.
        let word = if order.is_empty() { words.iter().rev().nth(1) } else { words.get(1) };
        order.extend(word.map(|word| (*word).to_owned()));
    }
    order
}

/// The modules that a file names with `crate::`, tests left out.
fn imports(text: &str) -> Vec<String> {
    let code = text.split("#[cfg(test)]").next().unwrap_or_default();
    let code: Vec<&str> = code.lines().filter(|line| !line.trim_start().starts_with("//")).collect();
    let code = code.join("\n");
    let name = |rest: &str| rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect::<String>();
    let mut names: Vec<String> = code.split("crate::").skip(1).map(name).collect();
    names.sort();
    names.dedup();
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pipeline_is_read_from_the_documentation() {
        let lib = "//! Does things, see [`x`].\n//! `report` (types) → `stream` →\n//! `rule/*`.\n//! No `clock`.\nmod a;";
        assert_eq!(pipeline(lib), ["report", "stream", "rule/*"]);
    }

    #[test]
    fn imports_are_found_outside_of_tests() {
        let text =
            "//! [`crate::doc`]\nuse crate::a::B;\nfn f() { crate::c::d() }\n#[cfg(test)]\nuse crate::z;";
        assert_eq!(imports(text), ["a", "c"]);
    }

    #[test]
    fn untidy_rust_is_found() {
        let lib = Path::new("rust/inspect/src/lib.rs");
        assert_eq!(check(lib, "//! Fine.\n#![forbid(unsafe_code)]\n"), Vec::<String>::new());
        assert_eq!(check(lib, "mod a;\n").len(), 2);
        assert_eq!(check(Path::new("a.rs"), "//! X\npub struct FlowManager;\nmod string_utils;\n").len(), 2);
        assert_eq!(check(Path::new("a.rs"), "//! X").len(), 1);
        assert_eq!(check(Path::new("x/endpoints.tsv"), "#h\nb\na\n").len(), 1);
    }
}
