//! The Android app's tests, which run on the JVM: with the engine built for this machine, and the finished APK.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::{apk, needs, run};

/// Builds what the tests look at, and runs them.
///
/// # Errors
/// When a build or a test fails.
pub fn run() -> Result<()> {
    run::run(run::cargo().args(["build", "--package", "android", "--package", "telltale"]))?;
    let apk = apk::build()?;
    // Xtask's own tests of the gates, which take what the build has fetched.
    run::run(run::cargo().args(["test", "--package", "xtask", "--", "--ignored"]))?;
    let built = run::target().join("debug");
    let mut maven = Command::new("mvn");
    maven.args(["-B", "-ntp", "test"]).current_dir(run::root().join("android"));
    let engine = built.join("libtelltale_engine.so");
    for (name, file) in [("engine", &engine), ("apk", &apk), ("cli", &built.join("telltale"))] {
        maven.arg(format!("-Dtelltale.{name}={}", file.display()));
    }
    if needs::can_make_namespaces() {
        needs::ensure(&[needs::IP, needs::CURL, needs::DIG])?;
        let java = in_namespace(&apk::jdk()?, &run::target().join("test-jvm"))?;
        maven.arg(format!("-Djvm={}", java.display()));
    } else {
        eprintln!("skipped: the app's tests with a real TUN (they want root and /dev/net/tun)");
    }
    run::run(&mut maven)
}

/// A `java` that runs the JDK's in a network namespace of its own, so that a TUN that a test leaves behind ends with it.
/// surefire takes its folder for a JDK's and asks the file `release` for the version. Maven itself stays outside.
fn in_namespace(jdk: &Path, folder: &Path) -> Result<PathBuf> {
    let java = folder.join("bin/java");
    std::fs::create_dir_all(folder.join("bin"))?;
    std::fs::copy(jdk.join("release"), folder.join("release")).context("the JDK's file `release`")?;
    let real = jdk.join("bin/java");
    let script = format!(
        "#!/bin/sh\nexec env TELLTALE_NAMESPACE=1 unshare --net -- sh -c 'ip link set lo up; exec \"$0\" \"$@\"' '{}' \"$@\"\n",
        real.display()
    );
    std::fs::write(&java, script)?;
    std::fs::set_permissions(&java, std::fs::Permissions::from_mode(0o755))?;
    Ok(java)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_script_is_a_jdk_for_surefire() {
        let folder = tempfile::tempdir().unwrap();
        let jdk = folder.path().join("a jdk");
        std::fs::create_dir(&jdk).unwrap();
        std::fs::write(jdk.join("release"), "JAVA_VERSION=\"17\"\n").unwrap();
        let java = in_namespace(&jdk, &folder.path().join("test-jvm")).unwrap();
        assert!(java.ends_with("test-jvm/bin/java"));
        assert!(folder.path().join("test-jvm/release").is_file());
        assert!(std::fs::read_to_string(java).unwrap().contains("a jdk/bin/java' \"$@\""));
    }
}
