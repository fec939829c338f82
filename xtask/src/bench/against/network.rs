//! Three network namespaces: `phone`, whose only way out is a TUN (or, for comparison, the kernel's own routing),
//! `engine`, where the engine's upstream sockets are, and `world` with the servers.
//!
//! All of it happens in a mount namespace of the harness's own, so the names are nobody else's and nothing is left.

use std::fs::{self, File};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::os::fd::{AsFd, OwnedFd};
use std::process::Command;
use std::thread;

use anyhow::{Context, Result};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use crate::run;

pub(super) const PHONE: &str = "phone";
pub(super) const ENGINE: &str = "engine";
pub(super) const WORLD: &str = "world";

/// The TUN's name.
pub(super) const TUN: &str = "tun0";

/// The servers' addresses.
pub(super) const WORLD_V4: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 88, 0, 2));
pub(super) const WORLD_V6: IpAddr = IpAddr::V6(Ipv6Addr::new(0xfd88, 0, 0, 0, 0, 0, 0, 2));

/// MTU of the way from the engine to the world: as upstream paths are, whatever the phone's MTU.
const UPSTREAM_MTU: usize = 1500;

/// The namespaces, removed when this is dropped.
pub(super) struct Network(());

impl Network {
    /// Namespaces with a wire from `engine` to `world`, and nothing from `phone` to anywhere.
    pub(super) fn new() -> Result<Self> {
        let network = Self(());
        for place in [PHONE, ENGINE, WORLD] {
            ip(&format!("netns add {place}"))?;
            network.inside(place, settings)?;
            ip(&format!("-n {place} link set lo up"))?;
        }
        wire((ENGINE, "eng0", "10.88.0.1/24", "fd88::1/64"), (WORLD, "wld0", "10.88.0.2/24", "fd88::2/64"))?;
        route(WORLD, "10.88.0.1", "fd88::1")?;
        set_mtu(UPSTREAM_MTU, &[(ENGINE, "eng0"), (WORLD, "wld0")])?;
        Ok(network)
    }

    /// The phone's TUN, made its only way out.
    pub(super) fn open_tun(&self, mtu: usize) -> Result<OwnedFd> {
        let tun = self.inside(PHONE, || tunnel::linux::open_tun(TUN)).context("the TUN")?;
        for command in [
            format!("addr add 10.215.173.2/32 dev {TUN}"),
            format!("-6 addr add fd66::2/128 dev {TUN} nodad"),
            format!("link set {TUN} mtu {mtu} up"),
            format!("route add default dev {TUN}"),
            format!("-6 route add default dev {TUN}"),
        ] {
            ip(&format!("-n {PHONE} {command}"))?;
        }
        Ok(tun)
    }

    /// No engine: the kernel routes between phone and world, packet by packet (no segmentation offload, which a TUN
    /// has not either), all of the way with `mtu`.
    pub(super) fn route_phone(&self, mtu: usize) -> Result<()> {
        wire(
            (PHONE, "phn0", "10.215.173.2/24", "fd66::2/64"),
            (ENGINE, "eng1", "10.215.173.1/24", "fd66::1/64"),
        )?;
        route(PHONE, "10.215.173.1", "fd66::1")?;
        let links = [(PHONE, "phn0"), (ENGINE, "eng1"), (ENGINE, "eng0"), (WORLD, "wld0")];
        set_mtu(mtu, &links)?;
        for (place, link) in links {
            ip(&format!("-n {place} link set {link} gso_max_segs 1"))?;
        }
        self.inside(ENGINE, || {
            fs::write("/proc/sys/net/ipv4/ip_forward", "1")?;
            fs::write("/proc/sys/net/ipv6/conf/all/forwarding", "1")
        })?;
        Ok(())
    }

    /// Runs `work` on a thread of its own in a namespace and waits for it.
    pub(super) fn inside<R: Send>(&self, place: &str, work: impl FnOnce() -> R + Send) -> R {
        thread::scope(|scope| {
            let worker = scope.spawn(move || {
                enter(place);
                work()
            });
            worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        })
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        for place in [PHONE, ENGINE, WORLD] {
            _ = ip(&format!("netns del {place}"));
        }
    }
}

/// Moves the calling thread into the namespace.
pub(super) fn enter(place: &str) {
    let file = File::open(format!("/run/netns/{place}")).expect("the namespace's file");
    move_into_link_name_space(file.as_fd(), Some(LinkNameSpaceType::Network))
        .expect("to enter the namespace");
}

/// Settings of the calling thread's namespace.
fn settings() -> Result<()> {
    for (setting, value) in [
        // Enough ports that none is wanted again while the kernel still remembers its last connection.
        ("ipv4/ip_local_port_range", "1024 65535"),
        // Nothing that the kernel says of itself on the TUN: an idle phone is idle.
        ("ipv6/conf/default/addr_gen_mode", "1"),
        ("ipv6/conf/default/router_solicitations", "0"),
        // Addresses of links are good at once: a router without one loses what it is to send in the first second.
        ("ipv6/conf/default/accept_dad", "0"),
        ("core/somaxconn", "65535"),
        ("ipv4/tcp_max_syn_backlog", "65535"),
    ] {
        let path = format!("/proc/sys/net/{setting}");
        fs::write(&path, value).with_context(|| path.clone())?;
    }
    Ok(())
}

/// A namespace, a link in it, and the link's addresses.
type End<'a> = (&'a str, &'a str, &'a str, &'a str);

fn wire(one: End<'_>, other: End<'_>) -> Result<()> {
    ip(&format!("-n {} link add {} type veth peer name {} netns {}", one.0, one.1, other.1, other.0))?;
    for (place, link, v4, v6) in [one, other] {
        // Routers ask for their neighbours from addresses of the link.
        ip(&format!("-n {place} link set {link} addrgenmode eui64"))?;
        ip(&format!("-n {place} addr add {v4} dev {link}"))?;
        ip(&format!("-n {place} -6 addr add {v6} dev {link} nodad"))?;
        ip(&format!("-n {place} link set {link} up"))?;
    }
    Ok(())
}

fn route(place: &str, v4: &str, v6: &str) -> Result<()> {
    ip(&format!("-n {place} route add default via {v4}"))?;
    ip(&format!("-n {place} -6 route add default via {v6}"))
}

fn set_mtu(mtu: usize, links: &[(&str, &str)]) -> Result<()> {
    links.iter().try_for_each(|(place, link)| ip(&format!("-n {place} link set {link} mtu {mtu}")))
}

fn ip(arguments: &str) -> Result<()> {
    run::output(Command::new("ip").args(arguments.split(' '))).map(drop)
}
