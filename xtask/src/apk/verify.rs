//! What must hold for every APK, checked in the finished file: a build that goes through is no proof.

mod library;
mod manifest;

use std::collections::BTreeSet;
use std::io::{Cursor, Read};
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::archive::STORED_ALIGNMENT;
use super::linker;
use super::native::{Abi, LIBRARY, MIN_SDK};
use super::tools::Tools;
use crate::run;

/// With two ABIs. It is a download on a phone that is being set up.
const LARGEST: usize = 4 << 20;

/// Checks the APK, and names everything that does not hold.
///
/// # Errors
/// When something does not hold.
pub fn check(apk: &Path, tools: &Tools, root: &Path, abis: &[Abi]) -> Result<()> {
    let bytes = std::fs::read(apk).with_context(|| format!("cannot read {}", apk.display()))?;
    let lists = linker::symbol_lists(&root.join("android/toolchain/sym"))?;
    let symbols: BTreeSet<String> = lists.into_iter().flat_map(|(_, names)| names).collect();
    let mut complaints = size(bytes.len());
    complaints.extend(archive(&bytes, &symbols, abis)?);
    complaints.extend(manifest::check(&facts(apk, &tools.aapt2, root, &bytes)?, abis));
    complaints.extend(signatures(apk, &tools.apksigner)?);
    if complaints.is_empty() {
        return Ok(());
    }
    for complaint in &complaints {
        eprintln!("verify: {complaint}");
    }
    bail!("{}: {} checks failed", apk.display(), complaints.len())
}

fn size(bytes: usize) -> Vec<String> {
    let too_large = bytes > LARGEST;
    too_large.then(|| format!("the APK has {bytes} bytes, more than {LARGEST}")).into_iter().collect()
}

/// What is wrong with the entries, the libraries in them included.
fn archive(apk: &[u8], symbols: &BTreeSet<String>, abis: &[Abi]) -> Result<Vec<String>> {
    let mut archive = zip::ZipArchive::new(Cursor::new(apk))?;
    let mut complaints = Vec::new();
    let mut libraries = BTreeSet::new();
    for index in 0..archive.len() {
        let mut entry = archive.by_index(index)?;
        let name = entry.name()?.into_owned();
        let is_library = name.ends_with(".so");
        if name == "resources.arsc" {
            let at = entry.data_start().context("an entry without a place")?;
            if entry.compression() != zip::CompressionMethod::Stored {
                complaints.push(format!("{name}: compressed, Android maps it from the APK"));
            } else if at % STORED_ALIGNMENT as u64 != 0 {
                complaints.push(format!("{name}: at {at}, not at a multiple of {STORED_ALIGNMENT}"));
            }
        }
        if is_library {
            let mut content = Vec::new();
            entry.read_to_end(&mut content)?;
            complaints.extend(library::check(&name, &content, symbols));
            libraries.insert(name);
        }
    }
    let wanted: BTreeSet<String> = abis.iter().map(|abi| format!("lib/{}/{LIBRARY}", abi.name())).collect();
    complaints.extend(wanted.difference(&libraries).map(|name| format!("{name}: missing")));
    complaints.extend(libraries.difference(&wanted).map(|name| format!("{name}: not expected")));
    complaints.extend(archive.by_name("classes.dex").is_err().then(|| "classes.dex: missing".to_owned()));
    Ok(complaints)
}

/// What aapt2 reads from the APK, and what should be there.
fn facts(apk: &Path, aapt2: &Path, root: &Path, bytes: &[u8]) -> Result<manifest::Facts> {
    let dump = |what: &[&str]| -> Result<String> {
        let mut command = Command::new(aapt2);
        let output = run::output(command.arg("dump").args(what).arg(apk))?;
        Ok(String::from_utf8_lossy(&output).into_owned())
    };
    let archive = zip::ZipArchive::new(Cursor::new(bytes))?;
    let names = archive.file_names().collect::<Result<Vec<_>, _>>()?;
    let configurations = names.iter().filter(|name| name.starts_with("res/xml") && name.ends_with(".xml"));
    let configurations =
        configurations.map(|name| dump(&["xmltree", "--file", name])).collect::<Result<_>>()?;
    let golden = root.join("android/toolchain/permissions.txt");
    Ok(manifest::Facts {
        badging: dump(&["badging"])?,
        manifest: dump(&["xmltree", "--file", "AndroidManifest.xml"])?,
        configurations,
        permissions: std::fs::read_to_string(&golden).with_context(|| golden.display().to_string())?,
    })
}

fn signatures(apk: &Path, apksigner: &Path) -> Result<Vec<String>> {
    let mut command = Command::new(apksigner);
    command.args(["verify", "--verbose", "--min-sdk-version", &MIN_SDK.to_string()]).arg(apk);
    let output = command.output().context("cannot start apksigner")?;
    Ok(judge(&String::from_utf8_lossy(&[output.stdout, output.stderr].concat())))
}

/// What is wrong by what `apksigner verify --verbose` says.
fn judge(said: &str) -> Vec<String> {
    let wanted = ["Verifies", "(APK Signature Scheme v2): true", "(APK Signature Scheme v3): true"];
    let missing =
        wanted.iter().filter(|wanted| !said.lines().any(|line| line == **wanted || line.ends_with(**wanted)));
    missing
        .map(|wanted| {
            format!("apksigner does not say \"{wanted}\": {}", said.lines().next().unwrap_or_default())
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An archive of one entry, written by another hand.
    fn other(name: &str, method: zip::CompressionMethod) -> Vec<u8> {
        use std::io::Write;
        let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
        writer.start_file(name, zip::write::SimpleFileOptions::default().compression_method(method)).unwrap();
        writer.write_all(b"abc").unwrap();
        writer.finish().unwrap().into_inner()
    }

    /// The same with a file before it, of one byte and this name.
    fn beside(first: &str, name: &str, method: zip::CompressionMethod) -> Vec<u8> {
        use std::io::Write;
        let options = zip::write::SimpleFileOptions::default().compression_method(method);
        let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
        for (name, content) in [(first, "x"), (name, "abc")] {
            writer.start_file(name, options).unwrap();
            writer.write_all(content.as_bytes()).unwrap();
        }
        writer.finish().unwrap().into_inner()
    }

    fn complaints(apk: &[u8]) -> String {
        archive(apk, &BTreeSet::new(), &[Abi::Arm64]).unwrap().join("\n")
    }

    #[test]
    fn misplaced_and_missing_entries_are_found() {
        let stored = complaints(&other("lib/x86_64/libother.so", zip::CompressionMethod::Stored));
        assert!(stored.contains("lib/arm64-v8a/libtelltale_engine.so: missing"), "{stored}");
        assert!(stored.contains("lib/x86_64/libother.so: not expected"), "{stored}");
        assert!(stored.contains("classes.dex: missing"), "{stored}");
        // 34 bytes of another file, then 30 and the name: the content begins at 78.
        let shifted = complaints(&beside("abc", "resources.arsc", zip::CompressionMethod::Stored));
        assert!(
            shifted.contains("resources.arsc: at ") && shifted.contains("not at a multiple of 4"),
            "{shifted}"
        );
        let compressed = complaints(&other("resources.arsc", zip::CompressionMethod::Deflated));
        assert!(compressed.contains("resources.arsc: compressed"), "{compressed}");
    }

    #[test]
    fn an_apk_that_is_too_large_is_found() {
        assert_eq!(size(LARGEST), Vec::<String>::new());
        assert_eq!(size(LARGEST + 1).len(), 1);
    }

    #[test]
    fn a_missing_signature_is_found() {
        let good = "Verifies\nVerified using v2 scheme (APK Signature Scheme v2): true\n\
            Verified using v3 scheme (APK Signature Scheme v3): true\n";
        assert_eq!(judge(good), Vec::<String>::new());
        assert_eq!(judge(&good.replace("v3): true", "v3): false")).len(), 1);
        assert_eq!(judge("DOES NOT VERIFY\nERROR: no signature\n").len(), 3);
    }
}
