//! Android's public API as a library to compile against, and the gates that hold the compiled app to it.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Result, ensure};

use super::maven;
use crate::run;

/// The annotation of methods that are called after a check of the API level.
const GUARDED: &str = "org.telltale.SdkGuarded";

/// The tool in `android/toolchain/*.java`, compiled.
#[derive(Debug)]
pub struct ApiTool {
    classes: PathBuf,
    libraries: Vec<PathBuf>,
    allowed: PathBuf,
}

impl ApiTool {
    /// Compiles it, unless that was done since it changed.
    ///
    /// # Errors
    /// When its libraries are not to be had or it does not compile.
    pub fn compile(root: &Path, cache: &Path) -> Result<Self> {
        let toolchain = root.join("android/toolchain");
        let libraries = vec![maven::ASM.resolve()?, maven::ANIMAL_SNIFFER.resolve()?];
        let mut sources = Vec::new();
        for entry in std::fs::read_dir(&toolchain)? {
            let path = entry?.path();
            sources.extend(path.extension().is_some_and(|extension| extension == "java").then_some(path));
        }
        sources.sort();
        let classes = cache.join("api-tool");
        let tool = Self { classes: classes.clone(), libraries, allowed: toolchain.join("api-allowed.txt") };
        if sources.iter().all(|source| is_newer(&classes.join("ApiTool.class"), source)) {
            return Ok(tool);
        }
        let mut javac = Command::new("javac");
        javac.args(["-Xlint:all", "-Werror", "--release", "17", "-d"]).arg(&classes);
        javac.arg("-cp").arg(std::env::join_paths(&tool.libraries)?).args(sources);
        run::output(&mut javac)?;
        Ok(tool)
    }

    /// Makes the library of the public API and gives it to Maven, unless that was done since the tool or the list of
    /// allowed names changed.
    ///
    /// # Errors
    /// When its parts are not to be had or Maven does not take it.
    pub fn library(&self, cache: &Path) -> Result<PathBuf> {
        let (path, installed) = (cache.join("android-public.jar"), maven::ANDROID_PUBLIC.path()?);
        let inputs = [self.classes.join("ApiTool.class"), self.allowed.clone()];
        if !inputs.iter().all(|input| is_newer(&path, input)) {
            let part = path.with_extension("part");
            let list = self.list(&maven::API_34)?;
            let mut java = self.java()?;
            java.arg("stub").arg(list).arg(maven::ANDROID_ALL.resolve()?).arg(&part);
            run::output(&mut java)?;
            std::fs::rename(part, &path)?;
        }
        // Compared by content: another checkout may have installed another one.
        if std::fs::read(&installed).ok() != Some(std::fs::read(&path)?) {
            maven::ANDROID_PUBLIC.install(&path)?;
        }
        Ok(path)
    }

    /// Checks that the classes call nothing hidden, and, outside of guarded methods, nothing that Android 8 lacks.
    ///
    /// # Errors
    /// When they do, with every such call.
    pub fn check(&self, classes: &Path) -> Result<()> {
        let hidden = self.outside(&self.list(&maven::API_34)?, "-", classes)?;
        let newer = self.outside(&maven::API_26.resolve()?.display().to_string(), GUARDED, classes)?;
        for call in &hidden {
            eprintln!("not public in Android's API up to level 34, nor in api-allowed.txt: {call}");
        }
        for call in newer.iter().filter(|call| !hidden.contains(call)) {
            eprintln!("newer than API level 26, and not in a method with @SdkGuarded: {call}");
        }
        let count = hidden.len() + newer.iter().filter(|call| !hidden.contains(call)).count();
        ensure!(count == 0, "{count} calls are outside of Android's API");
        Ok(())
    }

    fn outside(&self, list: &str, guard: &str, classes: &Path) -> Result<Vec<String>> {
        let mut java = self.java()?;
        let output = java.args(["check", list, guard]).arg(classes).output()?;
        let lines = String::from_utf8_lossy(&output.stdout).lines().map(str::to_owned).collect::<Vec<_>>();
        let complaint = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success() || !lines.is_empty(), "ApiTool failed: {}", complaint.trim());
        Ok(lines)
    }

    fn list(&self, list: &maven::Artifact) -> Result<String> {
        Ok(format!("{},{}", list.resolve()?.display(), self.allowed.display()))
    }

    fn java(&self) -> Result<Command> {
        let class_path = std::env::join_paths(self.libraries.iter().chain([&self.classes]))?;
        let mut java = Command::new("java");
        java.arg("-cp").arg(class_path).arg("ApiTool");
        Ok(java)
    }
}

/// Whether a file was made after all that went into another one.
pub fn is_newer(made: &Path, from: &Path) -> bool {
    let time = |path: &Path| std::fs::metadata(path).and_then(|metadata| metadata.modified());
    matches!((time(made), time(from)), (Ok(made), Ok(from)) if made >= from)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Compiles a class against the public API and one hidden class, and lets the gates judge it.
    #[test]
    #[ignore = "needs a JDK and Maven's artifacts: cargo xtask setup"]
    fn hidden_and_newer_calls_are_found() {
        let folder = tempfile::tempdir().unwrap();
        let public = maven::ANDROID_PUBLIC.path().unwrap();
        let compile = |name: &str, code: &str, to: &str, with: &[PathBuf]| {
            let (source, to) = (folder.path().join(name), folder.path().join(to));
            std::fs::write(&source, code).unwrap();
            let mut javac = Command::new("javac");
            javac.arg("-cp").arg(std::env::join_paths(with).unwrap()).arg("-d").arg(&to).arg(&source);
            run::output(&mut javac).unwrap();
            to
        };
        let hidden = "package android.os; public class SystemProperties { public static void get() {} }";
        let hidden = compile("SystemProperties.java", hidden, "hidden", std::slice::from_ref(&public));
        let code = "class Bad extends android.app.Service {\n\
            void hidden() { android.os.SystemProperties.get(); }\n\
            void newer(android.app.Notification n) { startForeground(1, n, 1); }\n\
            void old() { stopSelf(); }\n\
            public android.os.IBinder onBind(android.content.Intent i) { return null; } }\n";
        let classes = compile("Bad.java", code, "classes", &[public, hidden]);

        let cache = folder.path().join("cache");
        let tool = ApiTool::compile(&run::root(), &cache).unwrap();
        let hidden = tool.outside(&tool.list(&maven::API_34).unwrap(), "-", &classes).unwrap();
        assert_eq!(hidden, ["Bad.hidden -> android.os.SystemProperties.get()V"]);
        let level_26 = maven::API_26.resolve().unwrap().display().to_string();
        let newer = tool.outside(&level_26, GUARDED, &classes).unwrap();
        let inherited = |call: &String| call.starts_with("Bad.newer -> Bad.startForeground");
        assert!(newer.iter().any(inherited), "{newer:?}");
        assert!(!newer.iter().any(|call| call.contains("stopSelf")), "{newer:?}");
        assert!(tool.check(&classes).is_err());
    }
}
