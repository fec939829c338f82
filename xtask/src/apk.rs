//! `cargo xtask apk`: the app as a signed APK, from the sources to the checks of the finished file.

mod archive;
mod arsc;
mod dex;
mod install;
pub mod linker;
mod maven;
mod native;
mod public_api;
pub mod reproducible;
mod resources;
mod sign;
mod tools;
mod verify;

use std::fmt::Write;
use std::io::Cursor;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, Result};
use sha2::{Digest, Sha256};

use crate::run;
pub use native::Abi;
use native::LIBRARY;
use public_api::ApiTool;
use resources::Resources;
use tools::Tools;
pub use tools::jdk;

#[derive(Default, clap::Args)]
pub struct Arguments {
    /// Sign with the key that TELLTALE_KEYSTORE and its companions name, instead of a debug key
    #[arg(long)]
    release: bool,
    /// Install it on the phone that is connected
    #[arg(long)]
    install: bool,
    /// The serial number of the phone to install it on, when there are several
    #[arg(long, requires = "install")]
    serial: Option<String>,
    /// Build for this kind of processor only; may come again (both when absent)
    #[arg(long)]
    abi: Vec<Abi>,
}

pub fn run(arguments: &Arguments) -> Result<()> {
    // Asked for first: without a key, nobody wants to wait for the build.
    let key = if arguments.release { sign::Key::release()? } else { sign::Key::debug()? };
    let abis = if arguments.abi.is_empty() { Abi::ALL.to_vec() } else { arguments.abi.clone() };
    let app = Workshop::open(&run::root(), &run::target().join("android"))?;
    let unsigned = app.unsigned(&abis)?;
    let apk = app.finish(&unsigned, &key, &abis)?;
    if arguments.install {
        install::install(&apk, arguments.serial.as_deref(), &abis)?;
    }
    Ok(())
}

/// Builds the app with the debug key for both ABIs and gives the APK's place.
///
/// # Errors
/// When a step fails.
pub fn build() -> Result<PathBuf> {
    run(&Arguments::default())?;
    Ok(dist(&run::root()).join(format!("{}.apk", name())))
}

/// `cargo xtask setup`: what an IDE and Maven need to open `android/pom.xml` and run its tests by hand.
///
/// # Errors
/// When something is missing and cannot be had.
pub fn setup() -> Result<()> {
    let app = Workshop::open(&run::root(), &run::target().join("android"))?;
    app.prepare()?;
    eprintln!("ready: open android/pom.xml in an IDE, or run `mvn test` in android/");
    Ok(())
}

/// The tools, and the folders that a build reads and writes.
struct Workshop {
    tools: Tools,
    root: PathBuf,
    /// What is built, the standard library for Android included; kept between builds.
    target: PathBuf,
}

/// What does not change with the app's code.
struct Prepared {
    api: PathBuf,
    checks: ApiTool,
    resources: Resources,
}

impl Workshop {
    /// Checks and installs what a build needs. `root` is a checkout.
    fn open(root: &Path, target: &Path) -> Result<Self> {
        let tools = step("tools", Tools::choose)?;
        std::fs::create_dir_all(target)?;
        Ok(Self { tools, root: root.to_owned(), target: target.to_owned() })
    }

    fn android(&self) -> PathBuf {
        self.root.join("android")
    }

    fn prepare(&self) -> Result<Prepared> {
        let checks = step("API tool", || ApiTool::compile(&self.root, &self.target))?;
        let api = step("public API", || checks.library(&self.target))?;
        let link = || resources::link(&self.tools.aapt2, &self.android(), &self.target);
        Ok(Prepared { api, checks, resources: step("resources", link)? })
    }

    /// The engine's library for each ABI.
    fn engine(&self, abis: &[Abi]) -> Result<Vec<PathBuf>> {
        step("engine", || native::build(abis, &self.tools.compiler, &self.root, &self.target))
    }

    /// The APK without a signature.
    fn unsigned(&self, abis: &[Abi]) -> Result<PathBuf> {
        let mut entries = Vec::new();
        for (abi, library) in abis.iter().zip(self.engine(abis)?) {
            entries.push((format!("lib/{}/{LIBRARY}", abi.name()), std::fs::read(library)?));
        }
        let Prepared { api, checks, resources } = self.prepare()?;
        let classes = step("Kotlin", || dex::compile(&self.android()))?;
        step("API checks", || checks.check(&classes))?;
        let rules = self.android().join("r8.pro");
        let out = self.target.join("dex");
        let dex = step("R8", || dex::shrink(&self.tools.r8, &api, &rules, &resources, &classes, &out))?;
        entries.push(("classes.dex".to_owned(), std::fs::read(dex.dex)?));
        entries.extend(contents(&resources.apk)?);
        let unsigned = self.target.join("unsigned.apk");
        std::fs::write(&unsigned, archive::write(&mut entries)?)?;
        Ok(unsigned)
    }

    /// Signs and checks the APK, and puts it into `dist` with what belongs to it.
    fn finish(&self, unsigned: &Path, key: &sign::Key, abis: &[Abi]) -> Result<PathBuf> {
        let signed = self.target.join("signed.apk");
        step("signature", || key.sign(&self.tools.apksigner, unsigned, &signed))?;
        step("checks", || verify::check(&signed, &self.tools, &self.root, abis))?;
        let bytes = std::fs::read(&signed)?;
        let (dist, name) = (dist(&self.root), name());
        std::fs::create_dir_all(&dist)?;
        let file = |extension: &str| dist.join(format!("{name}{extension}"));
        let sum = hexadecimal(&Sha256::digest(&bytes));
        std::fs::write(file(".apk"), &bytes)?;
        std::fs::write(file(".apk.sha256"), format!("{sum}  {name}.apk\n"))?;
        std::fs::copy(self.target.join("dex/mapping.txt"), file(".mapping.txt"))?;
        let mut versions = self.tools.versions()?;
        versions.push(format!("unsigned: {}", hexadecimal(&Sha256::digest(std::fs::read(unsigned)?))));
        std::fs::write(file(".buildinfo"), versions.join("\n") + "\n")?;
        eprintln!("{}: {} bytes, SHA-256 {sum}", file(".apk").display(), bytes.len());
        Ok(file(".apk"))
    }
}

/// The files of another archive.
fn contents(archive: &Path) -> Result<Vec<(String, Vec<u8>)>> {
    let mut archive = zip::ZipArchive::new(Cursor::new(std::fs::read(archive)?))?;
    let mut entries = Vec::new();
    for index in 0..archive.len() {
        let mut entry = archive.by_index(index)?;
        let mut content = Vec::new();
        std::io::copy(&mut entry, &mut content)?;
        entries.push((entry.name()?.into_owned(), content));
    }
    Ok(entries)
}

fn dist(root: &Path) -> PathBuf {
    root.join("dist")
}

fn name() -> String {
    format!("telltale-{}", env!("CARGO_PKG_VERSION"))
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Does a step, and says what it is and how long it took.
#[expect(clippy::disallowed_methods, reason = "how long a step takes is for people; nothing depends on it")]
fn step<T>(name: &str, work: impl FnOnce() -> Result<T>) -> Result<T> {
    let begun = Instant::now();
    let done = work().with_context(|| name.to_owned())?;
    eprintln!("── {name}: {:.1} s", begun.elapsed().as_secs_f64());
    Ok(done)
}
