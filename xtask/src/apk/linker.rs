//! xtask as the linker of Android libraries: takes what rustc tells a C compiler's driver, and runs `ld.lld` with it.
//!
//! cargo can only be given one program as a linker, without arguments. So `native` puts a copy of this program, named
//! [`NAME`], into a folder per target, next to that target's link stubs; `main` sees the name that it was called by.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, bail, ensure};

/// The name under which xtask is a linker.
pub const NAME: &str = "ld-telltale";

/// lld 14, Debian 12's own, refuses to make a library from a linker script alone.
pub const LLD: &str = "ld.lld-19";

/// For a driver of a C compiler only; `ld.lld` does not know them.
const FOR_DRIVERS: [&str; 5] = ["-m64", "-nodefaultlibs", "-nostartfiles", "-nostdlib", "-nostdlib++"];

/// What Android asks of a library: pages of 16 KiB, no symbol left open, nothing exported but what we name.
pub const FLAGS: [&str; 11] = [
    "-z",
    "max-page-size=16384",
    "-z",
    // Without it the read-only part after relocation ends on a boundary of 4 KiB.
    "common-page-size=16384",
    "-z",
    "defs",
    "-z",
    "noexecstack",
    "--build-id=sha1",
    "--hash-style=both",
    "-Bsymbolic",
];

/// Symbols of the unwinder of pure Rust. Exported, they would take the place of other libraries' unwinders.
const UNWINDER: [&str; 4] = ["_Unwind_", "__gnu_unwind_frame", "__register_frame", "__deregister_frame"];

/// Whether this program was called as a linker.
pub fn is_called() -> bool {
    std::env::args_os().next().is_some_and(|name| Path::new(&name).file_name() == Some(OsStr::new(NAME)))
}

/// Links.
pub fn main() -> ExitCode {
    match link() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{NAME}: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn link() -> Result<()> {
    let mut arguments = std::env::args();
    let called = PathBuf::from(arguments.next().unwrap_or_default());
    let stubs = called.parent().context("called without a folder")?;
    let mut flags = Vec::new();
    for argument in arguments {
        match argument.strip_prefix('@') {
            Some(file) => {
                let text = std::fs::read_to_string(file).with_context(|| format!("cannot read {file}"))?;
                flags.extend(text.lines().flat_map(translated));
            }
            None => flags.extend(translated(&argument)),
        }
    }
    for script in flags.iter().filter_map(|flag| flag.strip_prefix("--version-script=")) {
        let text = std::fs::read_to_string(script).with_context(|| format!("cannot read {script}"))?;
        std::fs::write(script, without_unwinder(&text))?;
    }
    let mut lld = Command::new(LLD);
    lld.args(FLAGS).arg("--exclude-libs=ALL").arg("-L").arg(stubs).args(&flags);
    let status = lld.status().with_context(|| format!("cannot start {LLD}"))?;
    ensure!(status.success(), "{LLD} failed ({status})");
    Ok(())
}

/// One argument for a compiler's driver, as arguments for a linker.
fn translated(argument: &str) -> Vec<String> {
    if let Some(list) = argument.strip_prefix("-Wl,") {
        return list.split(',').map(str::to_owned).collect();
    }
    let for_drivers = FOR_DRIVERS.contains(&argument);
    if for_drivers || ["-march=", "-fuse-ld=", "--target="].iter().any(|flag| argument.starts_with(flag)) {
        return Vec::new();
    }
    vec![argument.to_owned()]
}

/// A version script that keeps the unwinder's symbols inside.
fn without_unwinder(script: &str) -> String {
    let is_unwinder = |line: &str| UNWINDER.iter().any(|prefix| line.trim_start().starts_with(prefix));
    script.lines().filter(|line| !is_unwinder(line)).flat_map(|line| [line, "\n"]).collect()
}

/// Link stubs for one target: libraries that hold the names in `symbols/*.sym` and no code. A function of bionic that is
/// not listed fails the link by its name; then its API level is looked up, and it is added to the list or avoided.
///
/// # Errors
/// When a list cannot be read or `ld.lld` fails.
pub fn write_stubs(symbols: &Path, emulation: &str, folder: &Path) -> Result<()> {
    std::fs::create_dir_all(folder)?;
    for (library, names) in symbol_lists(symbols)? {
        let script = folder.join(format!("{library}.ld"));
        let lines: String = names.iter().map(|name| format!("{name} = 0;\n")).collect();
        std::fs::write(&script, lines)?;
        let soname = format!("{library}.so");
        let mut lld = Command::new(LLD);
        lld.args(["-m", emulation, "-shared", "-soname", &soname, "-o"])
            .arg(folder.join(&soname))
            .arg(&script);
        crate::run::output(&mut lld)?;
        std::fs::remove_file(script)?;
    }
    // std asks for a libunwind; the crate `unwinding` has its symbols.
    std::fs::write(folder.join("libunwind.a"), "!<arch>\n")?;
    Ok(())
}

/// The libraries in a folder of lists, and the names in each, in order.
///
/// # Errors
/// When there is no list, or one cannot be read.
pub fn symbol_lists(folder: &Path) -> Result<Vec<(String, Vec<String>)>> {
    let mut lists = Vec::new();
    for entry in std::fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))? {
        let path = entry?.path();
        if path.extension() != Some(OsStr::new("sym")) {
            continue;
        }
        let library = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let names = std::fs::read_to_string(&path)?.lines().map(str::to_owned).collect();
        lists.push((library, names));
    }
    if lists.is_empty() {
        bail!("no list of symbols in {}", folder.display());
    }
    lists.sort();
    Ok(lists)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_drivers_arguments_become_a_linkers() {
        assert_eq!(translated("-Wl,-z,relro,--version-script=/x"), ["-z", "relro", "--version-script=/x"]);
        assert_eq!(translated("-m64"), Vec::<String>::new());
        assert_eq!(translated("-march=armv8-a"), Vec::<String>::new());
        assert_eq!(translated("-shared"), ["-shared"]);
    }

    #[test]
    fn the_unwinder_stays_inside() {
        let script =
            "{\n  global:\n    Java_a;\n    _Unwind_Resume;\n    __register_frame;\n  local: *;\n};\n";
        assert_eq!(without_unwinder(script), "{\n  global:\n    Java_a;\n  local: *;\n};\n");
    }

    #[test]
    fn the_committed_lists_are_sorted_and_unique() {
        let lists = symbol_lists(&crate::run::root().join("android/toolchain/sym")).unwrap();
        assert_eq!(lists.len(), 4);
        for (library, names) in lists {
            assert!(names.is_sorted_by(|a, b| a < b), "{library}");
        }
    }
}
