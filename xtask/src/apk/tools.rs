//! The programs that make an APK: an Android SDK's and NDK's where they are installed, else those of Debian's packages
//! and Maven's repository. Everything else of the build is the same for both.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::{linker, maven};
use crate::needs::{self, Tool};

/// Runs Maven, Kotlin's compiler and R8.
const JDK: Tool = Tool { program: "javac", package: "openjdk-17-jdk-headless" };
const MAVEN: Tool = Tool { program: "mvn", package: "maven" };
const AAPT2: Tool = Tool { program: "aapt2", package: "aapt" };
const APKSIGNER: Tool = Tool { program: "apksigner", package: "apksigner" };
/// Debian's packages, by paths: a rustup's programs of the same names do not bring the library's source.
const COMPILER: [Tool; 4] = [
    Tool { program: "/usr/bin/cargo", package: "cargo-web" },
    Tool { program: "/usr/bin/rustc", package: "rustc-web" },
    Tool { program: "/usr/lib/rustlib/src/rust/library/std/Cargo.toml", package: "rust-web-src" },
    Tool { program: linker::LLD, package: "lld-19" },
];

/// What compiles and links Rust for Android.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Compiler {
    /// Debian's rustc, its source of the standard library, lld, and link stubs made here.
    Debian,
    /// The NDK in this folder, and the user's own Rust with its Android targets.
    Ndk(PathBuf),
}

/// The programs, chosen once.
#[derive(Debug, Clone)]
pub struct Tools {
    /// Compiles and links resources, and reads them back.
    pub aapt2: PathBuf,
    /// Signs, and checks signatures.
    pub apksigner: PathBuf,
    /// A JAR that holds R8.
    pub r8: PathBuf,
    /// Compiles the engine.
    pub compiler: Compiler,
}

impl Tools {
    /// Chooses by `ANDROID_HOME` and `ANDROID_NDK_HOME`, and installs what is missing where that is possible.
    ///
    /// # Errors
    /// When an SDK or NDK is named that lacks something, or when a program is missing and cannot be installed.
    pub fn choose() -> Result<Self> {
        needs::ensure(&[needs::LINKER, JDK, MAVEN])?;
        let sdk = folder("ANDROID_HOME");
        let ndk = folder("ANDROID_NDK_HOME");
        let mut missing = Vec::new();
        if sdk.is_none() {
            missing.extend([AAPT2, APKSIGNER]);
        }
        if ndk.is_none() {
            missing.extend(COMPILER);
        }
        needs::ensure(&missing)?;
        let r8 = if sdk.is_none() { maven::R8.resolve()? } else { PathBuf::new() };
        Self::select(sdk.as_deref(), ndk.as_deref(), r8)
    }

    /// The programs in these folders; those on PATH and `r8` without an SDK.
    fn select(sdk: Option<&Path>, ndk: Option<&Path>, r8: PathBuf) -> Result<Self> {
        let compiler = match ndk {
            Some(ndk) => {
                there(&ndk.join("toolchains/llvm/prebuilt/linux-x86_64/bin"), "ANDROID_NDK_HOME")?;
                Compiler::Ndk(ndk.to_owned())
            }
            None => Compiler::Debian,
        };
        let Some(sdk) = sdk else {
            return Ok(Self { aapt2: "aapt2".into(), apksigner: "apksigner".into(), r8, compiler });
        };
        let newest = newest_build_tools(sdk)?;
        let tool = |name| there(&newest.join(name), "ANDROID_HOME");
        Ok(Self { aapt2: tool("aapt2")?, apksigner: tool("apksigner")?, r8: tool("lib/d8.jar")?, compiler })
    }

    /// One line for each tool: what it is and its version.
    ///
    /// # Errors
    /// When a tool does not tell its version.
    pub fn versions(&self) -> Result<Vec<String>> {
        let line = |name: &str, command: &mut Command| -> Result<String> {
            let output = command.output().with_context(|| format!("cannot start {name}"))?;
            let text = [output.stdout, output.stderr].concat();
            let text = String::from_utf8_lossy(&text);
            Ok(format!("{name}: {}", text.lines().next().unwrap_or("unknown").trim()))
        };
        let rustc = if self.compiler == Compiler::Debian { "/usr/bin/rustc" } else { "rustc" };
        let mut lines = vec![
            line("rustc", Command::new(rustc).arg("--version"))?,
            line("aapt2", Command::new(&self.aapt2).arg("version"))?,
            line("apksigner", Command::new(&self.apksigner).arg("--version"))?,
            line("javac", Command::new("javac").arg("-version"))?,
            line(
                "r8",
                Command::new("java").arg("-cp").arg(&self.r8).args(["com.android.tools.r8.R8", "--version"]),
            )?,
        ];
        match &self.compiler {
            Compiler::Debian => lines.push(line("lld", Command::new(linker::LLD).arg("--version"))?),
            Compiler::Ndk(ndk) => {
                let properties = std::fs::read_to_string(ndk.join("source.properties")).unwrap_or_default();
                let revision = properties.lines().find(|line| line.starts_with("Pkg.Revision"));
                lines.push(format!("ndk: {}", revision.unwrap_or("unknown")));
            }
        }
        Ok(lines)
    }
}

/// The JDK that `javac` belongs to.
///
/// # Errors
/// When there is none.
pub fn jdk() -> Result<PathBuf> {
    if let Some(home) = folder("JAVA_HOME") {
        return Ok(home);
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    let javac = std::env::split_paths(&path).map(|folder| folder.join("javac")).find(|javac| javac.is_file());
    let javac = std::fs::canonicalize(javac.context("no javac on PATH")?)?;
    javac.ancestors().nth(2).map(Path::to_owned).context("javac is in no JDK")
}

/// The folder that a variable of the environment names, if it is set.
pub fn folder(variable: &str) -> Option<PathBuf> {
    std::env::var_os(variable).filter(|value| !value.is_empty()).map(PathBuf::from)
}

fn there(path: &Path, variable: &str) -> Result<PathBuf> {
    if !path.exists() {
        bail!("{variable} lacks {}: install it, or unset {variable} to use Debian's tools", path.display());
    }
    Ok(path.to_owned())
}

/// The build-tools of the highest version: 36.0.0 comes after 9.0.0.
fn newest_build_tools(sdk: &Path) -> Result<PathBuf> {
    let folder = there(&sdk.join("build-tools"), "ANDROID_HOME")?;
    let version = |path: &PathBuf| -> Vec<u32> {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        name.split(['.', '-']).map_while(|part| part.parse().ok()).collect()
    };
    let entries = std::fs::read_dir(&folder)?.filter_map(|entry| Some(entry.ok()?.path()));
    let newest = entries.filter(|path| path.is_dir()).max_by_key(version);
    newest.with_context(|| {
        format!("nothing in {}: install build-tools, or unset ANDROID_HOME", folder.display())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn touch(path: &Path) {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, "").unwrap();
    }

    #[test]
    fn without_folders_the_tools_on_path_are_taken() {
        let tools = Tools::select(None, None, "r8.jar".into()).unwrap();
        assert_eq!(tools.aapt2, Path::new("aapt2"));
        assert_eq!(tools.r8, Path::new("r8.jar"));
        assert_eq!(tools.compiler, Compiler::Debian);
    }

    #[test]
    fn an_sdk_and_an_ndk_are_taken_where_they_are() {
        let folder = tempfile::tempdir().unwrap();
        let (sdk, ndk) = (folder.path().join("sdk"), folder.path().join("ndk"));
        for version in ["9.0.0", "36.0.0", "35.0.1"] {
            for tool in ["aapt2", "apksigner", "lib/d8.jar"] {
                touch(&sdk.join("build-tools").join(version).join(tool));
            }
        }
        touch(&ndk.join("toolchains/llvm/prebuilt/linux-x86_64/bin/aarch64-linux-android26-clang"));
        let tools = Tools::select(Some(&sdk), Some(&ndk), PathBuf::new()).unwrap();
        assert_eq!(tools.aapt2, sdk.join("build-tools/36.0.0/aapt2"));
        assert_eq!(tools.r8, sdk.join("build-tools/36.0.0/lib/d8.jar"));
        assert_eq!(tools.compiler, Compiler::Ndk(ndk));
    }

    #[test]
    fn an_sdk_that_lacks_a_tool_is_refused_by_name() {
        let folder = tempfile::tempdir().unwrap();
        let refused = |sdk: &Path| Tools::select(Some(sdk), None, PathBuf::new()).unwrap_err().to_string();
        assert!(refused(folder.path()).contains("ANDROID_HOME lacks"));
        touch(&folder.path().join("build-tools/36.0.0/aapt2"));
        assert!(refused(folder.path()).contains("apksigner"));
        let ndk = Tools::select(None, Some(folder.path()), PathBuf::new()).unwrap_err().to_string();
        assert!(ndk.contains("ANDROID_NDK_HOME lacks"));
    }
}
