//! What the manifest promises: who may do what, on which Android.

use std::collections::BTreeSet;

use crate::apk::native::{Abi, MIN_SDK};
use crate::apk::resources::TARGET_SDK;

/// What aapt2 reads from an APK, and what should be there.
#[derive(Debug, Clone)]
pub struct Facts {
    /// `aapt2 dump badging`
    pub badging: String,
    /// `aapt2 dump xmltree` of the manifest
    pub manifest: String,
    /// The same of every file in `res/xml`
    pub configurations: Vec<String>,
    /// The committed list of permissions, one a line
    pub permissions: String,
}

/// What does not hold.
pub fn check(facts: &Facts, abis: &[Abi]) -> Vec<String> {
    let mut complaints = Vec::new();
    let lines: Vec<&str> = facts.badging.lines().collect();
    let mut expect = |beginning: &str| {
        if !lines.iter().any(|line| line.starts_with(beginning)) {
            complaints.push(format!("the manifest does not say {beginning}"));
        }
    };
    expect("package: name='org.telltale' ");
    expect(&format!("sdkVersion:'{MIN_SDK}'"));
    expect(&format!("targetSdkVersion:'{TARGET_SDK}'"));
    expect("application-label:'Telltale'");
    expect("launchable-activity: name='org.telltale.");
    let names: Vec<String> = abis.iter().map(|abi| format!("'{}'", abi.name())).collect();
    expect(&format!("native-code: {}", names.join(" ")));
    let version = format!("versionName='{}'", env!("CARGO_PKG_VERSION"));
    if !lines.iter().any(|line| line.starts_with("package: ") && line.contains(&version)) {
        complaints.push(format!("the manifest does not say {version}"));
    }
    if lines.contains(&"application-debuggable") || allows(&facts.manifest, "debuggable") {
        complaints.push("the manifest lets everyone debug the app".to_owned());
    }
    // Compressed libraries cannot be mapped: without this, the phone refuses to install the app.
    if !allows(&facts.manifest, "extractNativeLibs") {
        complaints.push(
            "the manifest does not let the compressed libraries be unpacked (extractNativeLibs)".to_owned(),
        );
    }
    complaints.extend(permissions(&lines, &facts.permissions));
    complaints.extend(cleartext(facts));
    complaints
}

/// A permission more is a question to every user; one less is a feature that fails on a phone.
fn permissions(lines: &[&str], golden: &str) -> Vec<String> {
    let quoted = |line: &&str| -> Option<String> {
        let rest = line.strip_prefix("uses-permission")?;
        Some(rest.split('\'').nth(1)?.to_owned())
    };
    let has: BTreeSet<String> = lines.iter().filter_map(quoted).collect();
    let should: BTreeSet<String> = golden.lines().map(str::to_owned).collect();
    let more = has.difference(&should).map(|name| format!("permission {name} is not in permissions.txt"));
    let less =
        should.difference(&has).map(|name| format!("permission {name} of permissions.txt is not asked for"));
    more.chain(less).collect()
}

/// The app itself talks to nobody; what it relays are the sockets of others, to which this setting does not apply.
fn cleartext(facts: &Facts) -> Vec<String> {
    let mut complaints = Vec::new();
    if allows(&facts.manifest, "usesCleartextTraffic") {
        complaints.push("the manifest allows cleartext traffic".to_owned());
    }
    let is_permitted = |tree: &String| allows(tree, "cleartextTrafficPermitted");
    if facts.configurations.iter().any(is_permitted) {
        complaints.push("a network security configuration permits cleartext traffic".to_owned());
    }
    complaints
}

/// Whether an attribute is there and not false. aapt2 shows a truth value in one of two ways, by its version.
fn allows(tree: &str, attribute: &str) -> bool {
    let is_false = |line: &str| {
        line.contains("=false") || line.ends_with("=(type 0x12)0x0") || line.contains("=\"false\"")
    };
    tree.lines()
        .filter(|line| line.trim_start().starts_with("A: ") && line.contains(attribute))
        .any(|line| !is_false(line))
}

#[cfg(test)]
mod tests {
    use super::*;

    const UNPACKED: &str = "  A: android:extractNativeLibs(0x010104ea)=true\n";

    fn good() -> Facts {
        let version = env!("CARGO_PKG_VERSION");
        let badging = format!(
            "package: name='org.telltale' versionCode='1' versionName='{version}'\nsdkVersion:'26'\n\
            targetSdkVersion:'36'\nuses-permission: name='android.permission.INTERNET'\n\
            application-label:'Telltale'\nlaunchable-activity: name='org.telltale.ui.Main'  label=''\n\
            native-code: 'arm64-v8a' 'x86_64'\n"
        );
        let manifest =
            format!("E: application\n  A: android:usesCleartextTraffic(0x010104ec)=false\n{UNPACKED}");
        Facts {
            badging,
            manifest,
            configurations: Vec::new(),
            permissions: "android.permission.INTERNET\n".to_owned(),
        }
    }

    fn after(change: impl FnOnce(&mut Facts)) -> Vec<String> {
        let mut facts = good();
        change(&mut facts);
        check(&facts, &Abi::ALL)
    }

    #[test]
    fn a_good_manifest_passes() {
        assert_eq!(after(|_| ()), Vec::<String>::new());
    }

    #[test]
    fn every_line_that_is_expected_is_missed() {
        for (line, other) in [
            ("org.telltale' ", "org.other' "),
            ("sdkVersion:'26'\nt", "sdkVersion:'24'\nt"),
            ("targetSdkVersion:'36'", "targetSdkVersion:'37'"),
            ("application-label:'Telltale'", "application-label:''"),
            ("launchable-activity", "x"),
            ("'arm64-v8a' 'x86_64'", "'arm64-v8a'"),
            ("versionName='", "versionName='9"),
        ] {
            let complaints = after(|facts| facts.badging = facts.badging.replacen(line, other, 1));
            assert_eq!(complaints.len(), 1, "{line}: {complaints:?}");
        }
    }

    #[test]
    fn other_permissions_are_found() {
        let more =
            after(|facts| facts.badging.push_str("uses-permission: name='android.permission.CAMERA'\n"));
        assert_eq!(more, ["permission android.permission.CAMERA is not in permissions.txt"]);
        let also =
            after(|facts| facts.badging.push_str("uses-permission-sdk-23: name='a.B' maxSdkVersion='28'\n"));
        assert_eq!(also, ["permission a.B is not in permissions.txt"]);
        let less = after(|facts| facts.permissions.push_str("a.B\n"));
        assert_eq!(less, ["permission a.B of permissions.txt is not asked for"]);
    }

    #[test]
    fn libraries_that_stay_packed_are_found() {
        let gone = after(|facts| facts.manifest = facts.manifest.replace(UNPACKED, ""));
        assert_eq!(gone.len(), 1, "{gone:?}");
        let denied = after(|facts| facts.manifest = facts.manifest.replace("ea)=true", "ea)=false"));
        assert_eq!(denied.len(), 1, "{denied:?}");
    }

    #[test]
    fn cleartext_and_debugging_are_found() {
        let tree = |attribute: &str, value: &str| format!("  A: http://x:{attribute}(0x01)={value}\n");
        for value in ["true", "(type 0x12)0xffffffff"] {
            assert_eq!(after(|facts| facts.manifest += &tree("usesCleartextTraffic", value)).len(), 1);
            assert_eq!(after(|facts| facts.manifest += &tree("debuggable", value)).len(), 1);
            let configuration = "    A: cleartextTrafficPermitted=\"true\" (Raw: \"true\")\n".to_owned();
            assert_eq!(after(|facts| facts.configurations.push(configuration)).len(), 1);
        }
        assert_eq!(
            after(|facts| facts.manifest += &tree("debuggable", "(type 0x12)0x0")),
            Vec::<String>::new()
        );
        assert_eq!(after(|facts| facts.badging.push_str("application-debuggable\n")).len(), 1);
    }
}
