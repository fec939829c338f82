//! Artifacts in the local Maven repository.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::run;

const GET: &str = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:get";
const INSTALL: &str = "org.apache.maven.plugins:maven-install-plugin:3.1.3:install-file";

/// A file that Maven knows by these names.
#[derive(Debug, Clone, Copy)]
pub struct Artifact {
    group: &'static str,
    name: &'static str,
    version: &'static str,
    kind: &'static str,
}

/// Android 16's classes and resources, hidden ones included.
pub const ANDROID_ALL: Artifact = Artifact {
    group: "org.robolectric",
    name: "android-all",
    version: "16-robolectric-13921718",
    kind: "jar",
};
/// The compiler from class files to dex.
pub const R8: Artifact = Artifact { group: "com.android.tools", name: "r8", version: "9.4.34", kind: "jar" };
/// Kotlin's library.
pub const KOTLIN: Artifact =
    Artifact { group: "org.jetbrains.kotlin", name: "kotlin-stdlib", version: "2.4.21", kind: "jar" };
/// What is public at API level 26, made from the SDK of that level.
pub const API_26: Artifact = Artifact {
    group: "com.toasttab.android",
    name: "gummy-bears-api-26",
    version: "0.12.0",
    kind: "signature",
};
/// What is public at API level 34, the highest one that there is a list of.
pub const API_34: Artifact = Artifact { name: "gummy-bears-api-34", ..API_26 };
/// Reads and writes class files.
pub const ASM: Artifact = Artifact { group: "org.ow2.asm", name: "asm", version: "9.8", kind: "jar" };
/// The classes that the lists above are serialized from.
pub const ANIMAL_SNIFFER: Artifact =
    Artifact { group: "org.codehaus.mojo", name: "animal-sniffer", version: "1.24", kind: "jar" };
/// The public API as a library to compile against; made here, see `public_api`.
pub const ANDROID_PUBLIC: Artifact =
    Artifact { group: "org.telltale", name: "android-public", version: "36", kind: "jar" };

impl Artifact {
    /// Where the local repository has it.
    ///
    /// # Errors
    /// When there is no home folder.
    pub fn path(&self) -> Result<PathBuf> {
        let repository = std::env::home_dir().context("no home folder")?.join(".m2/repository");
        let folder = repository.join(self.group.replace('.', "/")).join(self.name).join(self.version);
        Ok(folder.join(format!("{}-{}.{}", self.name, self.version, self.kind)))
    }

    /// Where it is, fetched when it is not there yet.
    ///
    /// # Errors
    /// When Maven cannot fetch it.
    pub fn resolve(&self) -> Result<PathBuf> {
        let path = self.path()?;
        if path.is_file() {
            return Ok(path);
        }
        eprintln!("{} {} is missing: fetching it with Maven", self.name, self.version);
        let coordinates = format!("-Dartifact={}:{}:{}:{}", self.group, self.name, self.version, self.kind);
        run::run(command().args([GET, &coordinates, "-Dtransitive=false"]))?;
        ensure!(path.is_file(), "Maven did not put {} to {}", self.name, path.display());
        Ok(path)
    }

    /// Puts a file made here into the local repository under this name.
    ///
    /// # Errors
    /// When Maven fails.
    pub fn install(&self, file: &std::path::Path) -> Result<()> {
        let mut maven = command();
        maven.args([INSTALL, &format!("-Dfile={}", file.display()), &format!("-DgroupId={}", self.group)]);
        maven.args([&format!("-DartifactId={}", self.name), &format!("-Dversion={}", self.version)]);
        run::run(maven.arg(format!("-Dpackaging={}", self.kind)))
    }
}

/// Maven without questions and progress. Kotlin's compiler would leave a daemon behind that lives for two hours.
pub fn command() -> Command {
    let mut maven = Command::new("mvn");
    maven.args(["-B", "-q", "-ntp", "-Dkotlin.compiler.daemon=false"]);
    maven
}
