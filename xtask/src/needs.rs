//! What the machine must have: checks for it, and installs what is missing where that is possible.

use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Result, bail};

use crate::run;

/// A program, and the Debian package that holds it.
#[derive(Debug, Clone, Copy)]
pub struct Tool {
    /// The program's name.
    pub program: &'static str,
    /// The package's name.
    pub package: &'static str,
}

/// A C compiler's driver links Rust programs too.
pub const LINKER: Tool = Tool { program: "cc", package: "gcc libc6-dev" };
/// Makes network namespaces and devices.
pub const IP: Tool = Tool { program: "ip", package: "iproute2" };
/// An HTTP client of others' making.
pub const CURL: Tool = Tool { program: "curl", package: "curl" };
/// A DNS client of others' making.
pub const DIG: Tool = Tool { program: "dig", package: "dnsutils" };

/// Measures throughput: a TCP client and server of others' making.
pub const IPERF: Tool = Tool { program: "iperf3", package: "iperf3" };
/// Lists open ports.
pub const NMAP: Tool = Tool { program: "nmap", package: "nmap" };

/// Builds the engines in Go that ours is measured beside.
pub const GO: Tool = Tool { program: "go", package: "golang-go" };

/// An HTTP/2 server.
pub const NGHTTPD: Tool = Tool { program: "nghttpd", package: "nghttp2-server" };

/// Sees to it that every tool is there: with apt as root, or through sudo when that asks for no password.
///
/// # Errors
/// When one is missing and cannot be installed, in one line that names it.
pub fn ensure(tools: &[Tool]) -> Result<()> {
    let missing = || tools.iter().filter(|tool| !is_there(tool.program));
    let packages: Vec<&str> = missing().flat_map(|tool| tool.package.split(' ')).collect();
    if packages.is_empty() {
        return Ok(());
    }
    let names: Vec<&str> = missing().map(|tool| tool.program).collect();
    let Some(apt) = apt() else {
        bail!("needs {} (on Debian: apt-get install {})", names.join(", "), packages.join(" "));
    };
    eprintln!("{} missing: installing {}", names.join(", "), packages.join(" "));
    let mut install = apt_command(&apt, &["install", "-y", "-qq", "--no-install-recommends"]);
    install.args(&packages);
    if run::run(&mut install).is_err() {
        // A bare machine has no lists of packages yet, or old ones.
        run::run(&mut apt_command(&apt, &["update", "-qq"]))?;
        run::run(&mut install)?;
    }
    let still: Vec<&str> = missing().map(|tool| tool.program).collect();
    if !still.is_empty() {
        bail!("needs {}, which {} did not bring", still.join(", "), packages.join(" "));
    }
    Ok(())
}

/// Whether network namespaces and TUN devices can be made here.
pub fn can_make_namespaces() -> bool {
    let made = quiet("unshare", &["--net", "true"]);
    made && is_root() && Path::new("/dev/net/tun").exists()
}

fn is_there(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let sbin = ["/usr/sbin", "/sbin"].map(Into::into);
    std::env::split_paths(&path).chain(sbin).any(|folder| folder.join(program).is_file())
}

/// How to call apt here, if at all.
fn apt() -> Option<Vec<&'static str>> {
    if !is_there("apt-get") {
        return None;
    }
    if is_root() {
        return Some(vec!["apt-get"]);
    }
    quiet("sudo", &["-n", "true"]).then(|| vec!["sudo", "-n", "apt-get"])
}

fn apt_command(apt: &[&'static str], arguments: &[&str]) -> Command {
    let mut command = Command::new(apt[0]);
    command.args(&apt[1..]).args(arguments).env("DEBIAN_FRONTEND", "noninteractive");
    command
}

fn is_root() -> bool {
    run::output(Command::new("id").arg("-u")).is_ok_and(|id| id.trim_ascii() == b"0")
}

fn quiet(program: &str, arguments: &[&str]) -> bool {
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_there_is_found() {
        assert!(is_there("sh"));
        assert!(!is_there("no-such-program-anywhere"));
        ensure(&[Tool { program: "sh", package: "dash" }]).unwrap();
    }
}
