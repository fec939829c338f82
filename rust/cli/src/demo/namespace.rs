//! Network namespaces without names: each belongs to a thread and to the wires that end in it, so that all of it is
//! gone when the process is, however it ends.

use std::fs::{self, OpenOptions};
use std::io;
use std::process::{Command, Stdio};

use nix::sched::{CloneFlags, unshare};
use nix::unistd::{getgid, gettid, getuid};

use super::places::{self, ENGINE, ENGINE_V6, PHONE, PHONE_V6, WORLD, WORLD_V6};

/// The name of the phone's TUN.
pub const TUN: &str = "tun0";

/// Gives the calling thread an empty network of its own. Without root's rights it becomes root of a user namespace,
/// where the kernel allows that; this works only while the process has one thread.
///
/// # Errors
/// Why this machine does not allow it, in words.
pub fn enter_first() -> Result<(), String> {
    let (uid, gid) = (getuid(), getgid());
    if unshare(CloneFlags::CLONE_NEWNET).is_ok() {
        return Ok(());
    }
    unshare(CloneFlags::CLONE_NEWUSER | CloneFlags::CLONE_NEWNET)
        .map_err(|errno| format!("no right to make network namespaces ({})", errno.desc()))?;
    let map = |file: &str, text: String| fs::write(file, text).map_err(|error| format!("{file}: {error}"));
    map("/proc/self/setgroups", "deny".to_owned())?;
    map("/proc/self/uid_map", format!("0 {uid} 1"))?;
    map("/proc/self/gid_map", format!("0 {gid} 1"))
}

/// Gives the calling thread another empty network.
pub fn enter_another() -> io::Result<()> {
    unshare(CloneFlags::CLONE_NEWNET).map_err(io::Error::from)
}

/// The name by which `ip` finds the calling thread's network.
pub fn here() -> String {
    gettid().to_string()
}

/// What a live demo needs beside namespaces.
///
/// # Errors
/// What is missing, in words.
pub fn check_tools() -> Result<(), String> {
    OpenOptions::new()
        .read(true)
        .write(true)
        .open("/dev/net/tun")
        .map_err(|error| format!("/dev/net/tun cannot be opened ({error})"))?;
    ip("link show lo").map_err(|error| format!("the command `ip` (package iproute2) does not work ({error})"))
}

/// In the engine's network: the wire to the world. Returns whether IPv6 works on it.
pub fn wire_engine(world: &str) -> io::Result<bool> {
    ip(&format!("link add eng0 type veth peer name wld0 netns {world}"))?;
    ip("link set lo up")?;
    ip(&format!("addr add {ENGINE}/24 dev eng0"))?;
    ip("link set eng0 up")?;
    ip(&format!("route add default via {WORLD}"))?;
    let v6 = ip(&format!("-6 addr add {ENGINE_V6}/64 dev eng0 nodad")).is_ok()
        && ip(&format!("-6 route add default via {WORLD_V6}")).is_ok();
    Ok(v6)
}

/// In the world's network, once the wire is there: the servers' addresses.
pub fn wire_world(v6: bool) -> io::Result<()> {
    ip("link set lo up")?;
    ip(&format!("addr add {WORLD}/24 dev wld0"))?;
    ip("link set wld0 up")?;
    if v6 {
        ip(&format!("-6 addr add {WORLD_V6}/64 dev wld0 nodad"))?;
    }
    for address in places::ALL.iter().flat_map(|place| place.addresses(v6)) {
        match address.is_ipv6() {
            false => ip(&format!("addr add {address}/32 dev lo"))?,
            true => ip(&format!("-6 addr add {address}/128 dev lo nodad"))?,
        }
    }
    Ok(())
}

/// In the phone's network, once its TUN is there: everything goes into the TUN.
pub fn wire_phone(v6: bool, mtu: usize) -> io::Result<()> {
    ip("link set lo up")?;
    // No link-local address: the kernel's own router solicitations are not part of the story.
    ip(&format!("link set {TUN} addrgenmode none"))?;
    ip(&format!("addr add {PHONE}/32 dev {TUN}"))?;
    if v6 {
        ip(&format!("-6 addr add {PHONE_V6}/128 dev {TUN} nodad"))?;
    }
    ip(&format!("link set {TUN} mtu {mtu} up"))?;
    ip(&format!("route add default dev {TUN}"))?;
    if v6 {
        ip(&format!("-6 route add default dev {TUN}"))?;
    }
    Ok(())
}

/// Runs `ip` in the calling thread's network.
fn ip(arguments: &str) -> io::Result<()> {
    let output = Command::new("ip").args(arguments.split(' ')).stdin(Stdio::null()).output()?;
    if output.status.success() {
        return Ok(());
    }
    let complaint = String::from_utf8_lossy(&output.stderr);
    Err(io::Error::other(format!("ip {arguments}: {}", complaint.trim())))
}

#[cfg(test)]
pub mod tests {
    use super::*;

    /// Instead of TUN and engine: the phone's addresses on the engine's end of the wire, so that phone and world
    /// talk to each other directly.
    pub fn wire_phone_directly(v6: bool) -> io::Result<()> {
        ip(&format!("addr add {PHONE}/32 dev eng0"))?;
        if v6 { ip(&format!("-6 addr add {PHONE_V6}/128 dev eng0 nodad")) } else { Ok(()) }
    }

    /// The way back.
    pub fn route_phone(v6: bool) -> io::Result<()> {
        ip(&format!("route add {PHONE} via {ENGINE}"))?;
        if v6 { ip(&format!("-6 route add {PHONE_V6} via {ENGINE_V6}")) } else { Ok(()) }
    }
}
