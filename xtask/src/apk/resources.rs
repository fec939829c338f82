//! Resources and the manifest: aapt2's part of the APK.

use std::io::{Cursor, Read};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use super::native::MIN_SDK;
use super::{archive, arsc, maven};
use crate::run;

/// The API level whose behaviour the app is made for. From 37 on, connections to the local network need a permission.
pub const TARGET_SDK: u32 = 36;

/// Where the parts are that later steps take.
#[derive(Debug)]
pub struct Resources {
    /// An APK of the manifest and the resources alone.
    pub apk: PathBuf,
    /// What of the code the manifest and the layouts name, for R8.
    pub keep_rules: PathBuf,
}

/// Compiles and links what is in `android/src/main` into `android/target/res`; R.java goes to `gen` there, where the POM
/// takes it from.
///
/// # Errors
/// When aapt2 complains.
pub fn link(aapt2: &Path, android: &Path, cache: &Path) -> Result<Resources> {
    let framework = framework(cache)?;
    let out = android.join("target/res");
    let generated = out.join("gen");
    // A resource that is gone must be gone from R.java.
    let _ = std::fs::remove_dir_all(&generated);
    std::fs::create_dir_all(&generated)?;
    let compiled = out.join("compiled.zip");
    let main = android.join("src/main");
    let mut compile = Command::new(aapt2);
    run::output(compile.arg("compile").arg("--dir").arg(main.join("res")).arg("-o").arg(&compiled))?;

    let resources = Resources { apk: out.join("res.apk"), keep_rules: out.join("aapt.pro") };
    let version = env!("CARGO_PKG_VERSION");
    let mut link = Command::new(aapt2);
    link.arg("link").arg("-I").arg(framework).arg("--manifest").arg(main.join("AndroidManifest.xml"));
    link.arg("-o")
        .arg(&resources.apk)
        .arg("--java")
        .arg(&generated)
        .arg("--proguard")
        .arg(&resources.keep_rules);
    link.args(["--min-sdk-version", &MIN_SDK.to_string(), "--target-sdk-version", &TARGET_SDK.to_string()]);
    link.args([
        "--replace-version",
        "--version-name",
        version,
        "--version-code",
        &version_code(version)?.to_string(),
    ]);
    // Elements that are newer than this aapt2 (`queries`) are kept with a warning.
    link.args(["--auto-add-overlay", "--no-version-vectors", "--warn-manifest-validation"]).arg(compiled);
    run::output(&mut link)?;
    Ok(resources)
}

/// The number that Android compares versions by: 1.2.3 is 10203.
fn version_code(version: &str) -> Result<u32> {
    let mut code = 0;
    for part in version.split('.') {
        let part: u32 = part.parse().with_context(|| format!("{version} is not of the form 1.2.3"))?;
        ensure!(part < 100, "{version} has a part above 99");
        code = code * 100 + part;
    }
    Ok(code)
}

/// Android's own resources as a file that every aapt2 can link against; made once.
fn framework(cache: &Path) -> Result<PathBuf> {
    let android = maven::ANDROID_ALL.resolve()?;
    let name = android.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let path = cache.join(format!("{name}-resources.apk"));
    if path.is_file() {
        return Ok(path);
    }
    let mut jar = zip::ZipArchive::new(Cursor::new(std::fs::read(&android)?))?;
    let mut entry = |name: &str| -> Result<Vec<u8>> {
        let mut content = Vec::new();
        jar.by_name(name)
            .with_context(|| format!("{} in {}", name, android.display()))?
            .read_to_end(&mut content)?;
        Ok(content)
    };
    let table = arsc::plain(&entry("resources.arsc")?).context("Android's table of resources")?;
    let manifest = entry("AndroidManifest.xml")?;
    let mut entries = [("AndroidManifest.xml".to_owned(), manifest), ("resources.arsc".to_owned(), table)];
    // Whole or not at all: a file that was cut would be taken for the table next time.
    let part = path.with_extension("part");
    std::fs::create_dir_all(cache)?;
    std::fs::write(&part, archive::write(&mut entries)?)?;
    std::fs::rename(&part, &path)?;
    Ok(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_get_numbers_that_rise() {
        assert_eq!(version_code("0.1.0").unwrap(), 100);
        assert_eq!(version_code("1.2.3").unwrap(), 10203);
        assert!(version_code("1.100.0").is_err());
        assert!(version_code("1.0-rc1").is_err());
    }
}
