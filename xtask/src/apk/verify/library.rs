//! What a library must be, so that every Android from 8 on loads it, pages of 16 KiB included.

use std::collections::BTreeSet;

use anyhow::{Context, Result};
use object::Endianness;
use object::elf::{self, FileHeader64};
use object::read::elf::{Dyn, FileHeader, ProgramHeader, Sym};

/// Google Play and newer phones want it.
const PAGE: u64 = 16 * 1024;

/// The libraries that are on every phone and that the engine may ask for.
const NEEDED: [&str; 4] = ["libc.so", "libdl.so", "liblog.so", "libm.so"];

/// The functions that Kotlin binds to, see `org.telltale.engine.NativeEngine`.
const EXPORTS: [&str; 7] = [
    "Java_org_telltale_engine_NativeEngine_attach",
    "Java_org_telltale_engine_NativeEngine_close",
    "Java_org_telltale_engine_NativeEngine_feed",
    "Java_org_telltale_engine_NativeEngine_mark",
    "Java_org_telltale_engine_NativeEngine_nextEvent",
    "Java_org_telltale_engine_NativeEngine_open",
    "Java_org_telltale_engine_NativeEngine_report",
];
/// Called by the runtime when it loads the library; may be there.
const ON_LOAD: &str = "JNI_OnLoad";

/// Entries of the dynamic section that older Androids do not know, or that must not be.
const FORBIDDEN: [(elf::DynamicTag, &str); 6] = [
    (elf::DT_TEXTREL, "relocations in its code"),
    (elf::DT_RPATH, "a search path"),
    (elf::DT_RUNPATH, "a search path"),
    (elf::DT_RELR, "packed relocations, which need Android 11"),
    // DT_ANDROID_RELR, as NDKs before r23 wrote it.
    (elf::DynamicTag(0x6fff_e000), "packed relocations, which need Android 9"),
    (elf::DT_VERNEED, "versions of symbols"),
];

/// What is read from a library.
#[derive(Debug, Clone, Default)]
struct Facts {
    /// Alignment, and whether it may be written and executed
    loads: Vec<(u64, bool, bool)>,
    has_thread_locals: bool,
    tags: Vec<elf::DynamicTag>,
    soname: Option<String>,
    needed: Vec<String>,
    exports: BTreeSet<String>,
    /// What it cannot be loaded without
    wants: BTreeSet<String>,
}

/// What is wrong with the library of this name in the APK; `known` are the symbols of Android 8's libraries.
pub fn check(name: &str, content: &[u8], known: &BTreeSet<String>) -> Vec<String> {
    let complaints = match read(content) {
        Ok(facts) => judge(name.rsplit('/').next().unwrap_or(name), &facts, known),
        Err(error) => vec![format!("cannot be read: {error:#}")],
    };
    complaints.into_iter().map(|complaint| format!("{name}: {complaint}")).collect()
}

fn read(content: &[u8]) -> Result<Facts> {
    let header = FileHeader64::<Endianness>::parse(content)?;
    let endian = header.endian()?;
    let sections = header.sections(endian, content)?;
    let symbols = sections.symbols(endian, content, elf::SHT_DYNSYM)?;
    let mut facts = Facts::default();
    for segment in header.program_headers(endian, content)? {
        let flags = segment.p_flags(endian);
        match segment.p_type(endian) {
            elf::PT_LOAD => {
                facts.loads.push((
                    segment.p_align(endian),
                    flags.contains(elf::PF_W),
                    flags.contains(elf::PF_X),
                ));
            }
            elf::PT_TLS => facts.has_thread_locals = true,
            elf::PT_DYNAMIC => {
                for entry in segment.dynamic(endian, content)?.context("an empty dynamic section")? {
                    let tag = entry.tag(endian);
                    let text = || -> Result<String> {
                        let offset = entry.val32(endian).context("an offset that is too large")?;
                        let text =
                            symbols.strings().get(offset).ok().context("a name outside of the table")?;
                        Ok(String::from_utf8_lossy(text).into_owned())
                    };
                    match tag {
                        elf::DT_NEEDED => facts.needed.push(text()?),
                        elf::DT_SONAME => facts.soname = Some(text()?),
                        tag => facts.tags.push(tag),
                    }
                }
            }
            _ => {}
        }
    }
    for symbol in symbols.iter() {
        let name = String::from_utf8_lossy(symbol.name(endian, symbols.strings())?).into_owned();
        if !symbol.is_undefined(endian) {
            facts.exports.insert(name);
        } else if symbol.st_bind() != elf::STB_WEAK && !name.is_empty() {
            facts.wants.insert(name);
        }
    }
    Ok(facts)
}

fn judge(file: &str, facts: &Facts, known: &BTreeSet<String>) -> Vec<String> {
    let mut complaints = Vec::new();
    if facts.loads.is_empty() {
        complaints.push("nothing in it is loaded".to_owned());
    }
    for (alignment, writable, executable) in &facts.loads {
        if *alignment < PAGE {
            complaints.push(format!("a segment is aligned to {alignment}, not to {PAGE}"));
        }
        if *writable && *executable {
            complaints.push("a segment can be written and executed".to_owned());
        }
    }
    if facts.has_thread_locals {
        complaints.push("thread-local storage of ELF, which needs Android 10".to_owned());
    }
    for (_, what) in FORBIDDEN.iter().filter(|(tag, _)| facts.tags.contains(tag)) {
        complaints.push(format!("has {what}"));
    }
    if facts.soname.as_deref() != Some(file) {
        complaints.push(format!("calls itself {:?}", facts.soname.as_deref().unwrap_or_default()));
    }
    for library in facts.needed.iter().filter(|library| !NEEDED.contains(&library.as_str())) {
        complaints.push(format!("needs {library}"));
    }
    let wanted: BTreeSet<String> = EXPORTS.iter().map(|name| (*name).to_owned()).collect();
    complaints.extend(wanted.difference(&facts.exports).map(|name| format!("does not export {name}")));
    let more = facts.exports.difference(&wanted).filter(|name| *name != ON_LOAD);
    complaints.extend(more.map(|name| format!("exports {name}")));
    complaints.extend(
        facts.wants.difference(known).map(|name| format!("wants {name}, which is in no list of symbols")),
    );
    complaints
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "libtelltale_engine.so";

    fn good() -> Facts {
        Facts {
            loads: vec![(PAGE, false, true), (4 * PAGE, true, false)],
            soname: Some(FILE.to_owned()),
            needed: vec!["libc.so".to_owned()],
            exports: EXPORTS.iter().chain([&ON_LOAD]).map(|name| (*name).to_owned()).collect(),
            wants: BTreeSet::from(["malloc".to_owned()]),
            ..Facts::default()
        }
    }

    fn after(change: impl FnOnce(&mut Facts)) -> Vec<String> {
        let mut facts = good();
        change(&mut facts);
        judge(FILE, &facts, &BTreeSet::from(["malloc".to_owned()]))
    }

    #[test]
    fn a_good_library_passes() {
        assert_eq!(after(|_| ()), Vec::<String>::new());
    }

    #[test]
    fn each_fault_is_found() {
        let faults: [fn(&mut Facts); 11] = [
            |facts| facts.loads[0].0 = 4096,
            |facts| facts.loads[1].2 = true,
            |facts| facts.loads.clear(),
            |facts| facts.has_thread_locals = true,
            |facts| facts.soname = None,
            |facts| facts.soname = Some("libother.so".to_owned()),
            |facts| facts.needed.push("libssl.so".to_owned()),
            |facts| drop(facts.exports.pop_first()),
            |facts| facts.exports.extend(["_Unwind_Resume".to_owned()]),
            |facts| facts.wants.extend(["getrandom".to_owned()]),
            |facts| facts.tags.push(elf::DT_TEXTREL),
        ];
        for (number, fault) in faults.into_iter().enumerate() {
            let complaints = after(fault);
            // JNI_OnLoad sorts first: it may be missing.
            assert_eq!(complaints.len(), usize::from(number != 7), "fault {number}: {complaints:?}");
        }
        for (tag, what) in FORBIDDEN {
            assert_eq!(after(|facts| facts.tags.push(tag)), [format!("has {what}")]);
        }
        assert_eq!(after(|facts| drop(facts.exports.pop_last())).len(), 1);
    }

    #[test]
    fn what_is_no_library_is_said_to_be_none() {
        let complaints = check("lib/x86_64/a.so", b"\x7fELF", &BTreeSet::new());
        assert!(complaints[0].starts_with("lib/x86_64/a.so: cannot be read"), "{complaints:?}");
    }
}
