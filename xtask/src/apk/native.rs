//! The engine as a library for each ABI of Android.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use super::linker;
use super::tools::Compiler;
use crate::run;

/// The library's file name, which `System.loadLibrary("telltale_engine")` finds.
pub const LIBRARY: &str = "libtelltale_engine.so";

/// The lowest API level that the app runs on.
pub const MIN_SDK: u32 = 26;

/// A processor's kind, as Android and the compilers name it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Abi {
    /// 64-bit ARM: nearly every phone
    #[value(name = "arm64-v8a")]
    Arm64,
    /// 64-bit x86: emulators
    #[value(name = "x86_64")]
    X86_64,
}

impl Abi {
    /// Every ABI that a released APK has.
    pub const ALL: [Self; 2] = [Self::Arm64, Self::X86_64];

    /// Android's name, which is the folder's name in the APK.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Arm64 => "arm64-v8a",
            Self::X86_64 => "x86_64",
        }
    }

    /// Rust's name of the target.
    pub const fn triple(self) -> &'static str {
        match self {
            Self::Arm64 => "aarch64-linux-android",
            Self::X86_64 => "x86_64-linux-android",
        }
    }

    /// The linker's name of the format.
    const fn emulation(self) -> &'static str {
        match self {
            Self::Arm64 => "aarch64linux",
            Self::X86_64 => "elf_x86_64",
        }
    }
}

/// Builds the library for each ABI, in a target folder that only Android's builds use: the standard library in it is
/// built once, as long as the flags stay the same. All at once: the last step of each, which is one long optimization,
/// keeps one core busy.
///
/// # Errors
/// When the stubs cannot be made or the build fails.
pub fn build(abis: &[Abi], compiler: &Compiler, root: &Path, target: &Path) -> Result<Vec<PathBuf>> {
    let mut cargo = match compiler {
        Compiler::Debian => debian(abis, root, target)?,
        Compiler::Ndk(ndk) => with_ndk(abis, ndk, root),
    };
    cargo.current_dir(root).env("CARGO_TARGET_DIR", target);
    cargo.args(["--profile", "android", "--package", "android", "--locked", "--quiet"]);
    for abi in abis {
        cargo.args(["--target", abi.triple()]);
    }
    run::run(&mut cargo)?;
    Ok(abis.iter().map(|abi| target.join(abi.triple()).join("android").join(LIBRARY)).collect())
}

/// Debian's compiler has no Android libraries: it builds the standard library too, from Debian's package of its source.
fn debian(abis: &[Abi], root: &Path, target: &Path) -> Result<Command> {
    let mut cargo = Command::new("/usr/bin/cargo");
    // A rustup's rustc that comes first on PATH would be taken, and lacks the source.
    cargo.env("RUSTC", "/usr/bin/rustc").env_remove("RUSTUP_TOOLCHAIN").env_remove("RUSTC_WRAPPER");
    cargo.env("RUSTC_BOOTSTRAP", "1").args(["build", "-Zbuild-std=std,panic_unwind"]);
    cargo.env_remove("RUSTFLAGS").env_remove("CARGO_ENCODED_RUSTFLAGS");
    let source =
        std::fs::canonicalize("/usr/lib/rustlib/src/rust").context("the source of Rust's libraries")?;
    for abi in abis {
        let folder = target.join("link").join(abi.triple());
        linker::write_stubs(&root.join("android/toolchain/sym"), abi.emulation(), &folder)?;
        let linker = folder.join(linker::NAME);
        copy_self(&linker)?;
        cargo.env(variable(*abi, "LINKER"), linker);
        cargo.env(variable(*abi, "RUSTFLAGS"), remapped(root, Some(&source)));
    }
    Ok(cargo)
}

/// With an NDK, the user's own compiler and its ready libraries are used; the NDK brings the unwinder.
fn with_ndk(abis: &[Abi], ndk: &Path, root: &Path) -> Command {
    let flags: Vec<String> = linker::FLAGS
        .iter()
        .map(|flag| format!("-C link-arg=-Wl,{flag}"))
        .chain([remapped(root, None)])
        .collect();
    let mut cargo = Command::new("cargo");
    cargo.args(["build", "--no-default-features"]);
    for abi in abis {
        let clang = format!("toolchains/llvm/prebuilt/linux-x86_64/bin/{}{MIN_SDK}-clang", abi.triple());
        cargo.env(variable(*abi, "LINKER"), ndk.join(clang));
        cargo.env(variable(*abi, "RUSTFLAGS"), flags.join(" "));
    }
    cargo
}

/// Flags that keep this machine's folders out of the library.
fn remapped(root: &Path, source: Option<&Path>) -> String {
    let cargo_home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let cargo_home = cargo_home.or_else(|| std::env::home_dir().map(|home| home.join(".cargo")));
    let folders = [(Some(root), "/telltale"), (cargo_home.as_deref(), "/cargo"), (source, "/rustc")];
    let flags = folders.iter().filter_map(|(from, to)| from.map(|from| (from, to)));
    flags
        .map(|(from, to)| format!("--remap-path-prefix={}={to}", from.display()))
        .collect::<Vec<_>>()
        .join(" ")
}

fn variable(abi: Abi, name: &str) -> String {
    format!("CARGO_TARGET_{}_{name}", abi.triple().to_uppercase().replace('-', "_"))
}

/// A copy, not a link: this program may be rebuilt while cargo calls the linker.
fn copy_self(to: &Path) -> Result<()> {
    let program = std::env::current_exe()?;
    let _ = std::fs::remove_file(to);
    std::fs::copy(&program, to).with_context(|| format!("cannot copy xtask to {}", to.display()))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ndk_gets_no_unwinder_and_its_own_clang() {
        let cargo = with_ndk(&[Abi::Arm64], Path::new("/ndk"), Path::new("/src"));
        assert!(cargo.get_args().any(|argument| argument == "--no-default-features"));
        let linker = cargo.get_envs().find(|(key, _)| *key == "CARGO_TARGET_AARCH64_LINUX_ANDROID_LINKER");
        let clang = "/ndk/toolchains/llvm/prebuilt/linux-x86_64/bin/aarch64-linux-android26-clang";
        assert_eq!(linker.and_then(|(_, value)| value), Some(clang.as_ref()));
    }
}
