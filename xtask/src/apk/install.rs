//! Puts the APK onto a phone, with adb.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::native::Abi;
use super::tools;
use crate::run;

/// What to do on the phone.
const NEXT: &str = "\
On the phone: open Telltale, press Start and accept the system's question about the VPN.
To watch a whole boot: Settings, Network & internet, VPN, the wheel beside Telltale, Always-on VPN.
If the phone says that the developer is not verified: apps that adb installs are exempt; allow it and go on.";

/// Installs it on the phone with this serial number, or on the only one there is.
///
/// # Errors
/// When there is no adb, no phone, more than one, or one of another ABI.
pub fn install(apk: &Path, serial: Option<&str>, abis: &[Abi]) -> Result<()> {
    let adb = adb().context("no adb: install Android's platform tools (on Debian: apt-get install adb)")?;
    let listed = run::output(Command::new(&adb).arg("devices"))?;
    let serial = choose(&String::from_utf8_lossy(&listed), serial)?;
    let on_phone = |arguments: &[&str]| {
        let mut command = Command::new(&adb);
        command.args(["-s", &serial]).args(arguments);
        command
    };
    let abi_list = run::output(&mut on_phone(&["shell", "getprop", "ro.product.cpu.abilist"]))?;
    let abi_list = String::from_utf8_lossy(&abi_list);
    if !abis.iter().any(|abi| abi_list.trim().split(',').any(|theirs| theirs == abi.name())) {
        let ours: Vec<&str> = abis.iter().map(|abi| abi.name()).collect();
        bail!("{serial} runs {}, the APK is for {}", abi_list.trim(), ours.join(" and "));
    }
    run::run(on_phone(&["install", "-r"]).arg(apk))?;
    eprintln!("{NEXT}");
    Ok(())
}

fn adb() -> Option<PathBuf> {
    let sdk = tools::folder("ANDROID_HOME").map(|sdk| sdk.join("platform-tools"));
    let path = std::env::var_os("PATH").unwrap_or_default();
    sdk.into_iter()
        .chain(std::env::split_paths(&path))
        .map(|folder| folder.join("adb"))
        .find(|adb| adb.is_file())
}

/// The serial number of the phone to use, from what `adb devices` lists.
fn choose(listed: &str, wanted: Option<&str>) -> Result<String> {
    let rows = listed.lines().skip_while(|line| !line.starts_with("List of devices")).skip(1);
    let phones: Vec<(&str, &str)> = rows.filter_map(|line| line.split_once('\t')).collect();
    let phone = match (wanted, phones.as_slice()) {
        (Some(wanted), _) => {
            let phone = phones.iter().find(|(serial, _)| *serial == wanted);
            phone.with_context(|| format!("no phone with the serial number {wanted} (see `adb devices`)"))?
        }
        (None, []) => bail!("no phone: connect one and turn on USB debugging in its developer options"),
        (None, [phone]) => phone,
        (None, _) => {
            let serials: Vec<&str> = phones.iter().map(|(serial, _)| *serial).collect();
            bail!("several phones: choose one with --serial ({})", serials.join(", "));
        }
    };
    match *phone {
        (serial, "device") => Ok(serial.to_owned()),
        (serial, "unauthorized") => {
            bail!("{serial} has not allowed this computer: accept the question on its screen")
        }
        (serial, state) => bail!("{serial} is {state}: unplug it and plug it in again"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "* daemon started successfully\nList of devices attached\n";

    #[test]
    fn the_only_phone_is_taken() {
        assert_eq!(choose(&format!("{HEAD}abc\tdevice\n\n"), None).unwrap(), "abc");
    }

    #[test]
    fn what_hinders_is_said() {
        let said = |rows: &str, wanted| choose(&format!("{HEAD}{rows}"), wanted).unwrap_err().to_string();
        assert!(said("", None).starts_with("no phone: connect"));
        assert!(said("a\tdevice\nb\tdevice\n", None).contains("--serial (a, b)"));
        assert!(said("a\tdevice\n", Some("c")).contains("serial number c"));
        assert!(said("a\tunauthorized\n", None).contains("accept the question"));
        assert!(said("a\toffline\n", None).contains("is offline"));
    }
}
