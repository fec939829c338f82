//! The app's classes: compiled by Maven, held to the API, shrunk to dex by R8.

use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use super::native::MIN_SDK;
use super::resources::Resources;
use super::{archive, maven, tools};
use crate::run;

/// Compiles the Kotlin sources to `android/target/classes`.
///
/// # Errors
/// When they do not compile.
pub fn compile(android: &Path) -> Result<PathBuf> {
    run::run(maven::command().arg("process-classes").current_dir(android))?;
    Ok(android.join("target/classes"))
}

/// What R8 makes.
#[derive(Debug)]
pub struct Dex {
    /// The classes.
    pub dex: PathBuf,
    /// Which lines and methods went where.
    pub mapping: PathBuf,
}

/// Runs R8 over the app's classes and Kotlin's library, unless it ran over the same ones with the same rules before.
///
/// # Errors
/// When R8 fails, or needs more than one dex file.
pub fn shrink(
    r8: &Path,
    api: &Path,
    rules: &Path,
    resources: &Resources,
    classes: &Path,
    out: &Path,
) -> Result<Dex> {
    let kotlin = maven::KOTLIN.resolve()?;
    let dex = Dex { dex: out.join("classes.dex"), mapping: out.join("mapping.txt") };
    let jar = archive::write(&mut class_files(classes)?)?;
    let inputs = [api, rules, &resources.keep_rules, &kotlin].map(std::fs::read);
    let inputs = inputs.into_iter().collect::<Result<Vec<_>, _>>()?;
    let stamp = out.join("inputs");
    let digest = digest(&(r8, &jar, inputs));
    if std::fs::read_to_string(&stamp).is_ok_and(|old| old == digest) && dex.dex.is_file() {
        return Ok(dex);
    }
    let _ = std::fs::remove_dir_all(out);
    std::fs::create_dir_all(out)?;
    let app = out.join("app.jar");
    std::fs::write(&app, jar)?;
    let mut java = Command::new("java");
    java.arg("-Xmx2g").arg("-cp").arg(r8).arg("com.android.tools.r8.R8");
    java.args(["--release", "--min-api", &MIN_SDK.to_string()])
        .arg("--lib")
        .arg(api)
        .arg("--lib")
        .arg(tools::jdk()?);
    java.arg("--pg-conf").arg(rules).arg("--pg-conf").arg(&resources.keep_rules);
    java.arg("--pg-map-output").arg(&dex.mapping).arg("--output").arg(out).arg(&app).arg(kotlin);
    run::output(&mut java)?;
    ensure!(!out.join("classes2.dex").exists(), "the classes do not fit into one dex file");
    std::fs::write(stamp, digest)?;
    Ok(dex)
}

/// Every class file in a folder, by the name that it has in an archive.
fn class_files(folder: &Path) -> Result<Vec<(String, Vec<u8>)>> {
    let (mut files, mut folders) = (Vec::new(), vec![folder.to_owned()]);
    while let Some(inside) = folders.pop() {
        for entry in
            std::fs::read_dir(&inside).with_context(|| format!("cannot read {}", inside.display()))?
        {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "class") {
                let name = path.strip_prefix(folder)?.to_string_lossy().into_owned();
                files.push((name, std::fs::read(&path)?));
            }
        }
    }
    Ok(files)
}

/// A word that tells whether inputs changed; not against anyone who wants them to collide.
fn digest(inputs: &impl Hash) -> String {
    let mut hasher = DefaultHasher::new();
    inputs.hash(&mut hasher);
    format!("{:016x}", hasher.finish())
}
