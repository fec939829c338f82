//! Who is measured, and how each is built and started.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Result, bail};
use clap::ValueEnum;
use serde::Serialize;

use super::network::{PHONE, TUN};
use crate::needs::{self, Tool};
use crate::run;

/// Builds the peers that are written in Go.
const GO: Tool = Tool { program: "go", package: "golang-go" };

/// Someone who carries the phone's packets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(into = "&'static str")]
pub(super) enum Contender {
    /// `telltale tun`, which inspects and records.
    Telltale,
    /// The same engine without inspection and recording.
    Relay,
    /// The kernel's own routing.
    Kernel,
    Peer(Peer),
}

/// An engine of others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, ValueEnum)]
pub(super) enum Peer {
    NetstackSmoltcp,
    Ipstack,
    Tun2proxy,
    Tun2socks,
    SingTun,
}

impl From<Contender> for &'static str {
    fn from(contender: Contender) -> Self {
        contender.name()
    }
}

impl Contender {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Telltale => "telltale",
            Self::Relay => "relay alone",
            Self::Kernel => "kernel",
            Self::Peer(peer) => peer.name(),
        }
    }

    pub(super) fn is_peer(self) -> bool {
        matches!(self, Self::Peer(_))
    }

    /// Builds it.
    ///
    /// # Errors
    /// When a compiler is missing, or complains.
    pub(super) fn build(self) -> Result<()> {
        match self {
            Self::Telltale | Self::Relay => {
                run::run(run::cargo().args(["build", "--release", "--package", "telltale"]))
            }
            Self::Kernel => Ok(()),
            Self::Peer(peer) if peer.is_go() => build_go(peer),
            Self::Peer(peer) => build_rust(peer),
        }
    }

    /// The command that runs it, without its TUN. Its recording, if it makes one, goes to `recording`.
    /// `None` for the kernel, which runs anyway.
    pub(super) fn command(self, mtu: usize, recording: &Path) -> Option<Command> {
        let mtu = mtu.to_string();
        let telltale = |more: &[&str]| {
            let mut command = Command::new(run::target().join("release/telltale"));
            command.args(["tun", "--name", TUN, "--netns", PHONE, "--mtu", &mtu]).args(more);
            command
        };
        match self {
            Self::Telltale => {
                let mut command = telltale(&["--record"]);
                command.arg(recording);
                Some(command)
            }
            Self::Relay => Some(telltale(&["--relay-only"])),
            Self::Kernel => None,
            Self::Peer(peer) => {
                let mut command = Command::new(peer.program());
                command.arg(mtu);
                Some(command)
            }
        }
    }

    /// Whether it makes its TUN itself, instead of being handed one as its standard input.
    pub(super) fn makes_tun(self) -> bool {
        matches!(self, Self::Telltale | Self::Relay)
    }
}

impl Peer {
    fn name(self) -> &'static str {
        match self {
            Self::NetstackSmoltcp => "netstack-smoltcp",
            Self::Ipstack => "ipstack",
            Self::Tun2proxy => "tun2proxy",
            Self::Tun2socks => "tun2socks",
            Self::SingTun => "sing-tun",
        }
    }

    fn is_go(self) -> bool {
        matches!(self, Self::Tun2socks | Self::SingTun)
    }

    fn program(self) -> PathBuf {
        match self.is_go() {
            true => target().join("go").join(self.name()),
            false => target().join("release").join(self.name()),
        }
    }
}

/// Where peers are built.
fn target() -> PathBuf {
    run::target().join("peers")
}

fn sources(language: &str) -> PathBuf {
    run::root().join("xtask/peers").join(language)
}

fn build_rust(peer: Peer) -> Result<()> {
    let mut cargo = run::cargo();
    cargo.args(["build", "--release", "--locked", "--bin", peer.name(), "--target-dir"]).arg(target());
    run::run(cargo.current_dir(sources("rust")))
}

fn build_go(peer: Peer) -> Result<()> {
    needs::ensure(&[GO])?;
    let mut go = Command::new("go");
    go.args(["build", "-trimpath", "-buildvcs=false", "-mod=readonly", "-o"]).arg(peer.program());
    run::run(go.arg(format!("./{}", peer.name())).current_dir(sources("go")))?;
    if !peer.program().is_file() {
        bail!("{}: not built", peer.name());
    }
    Ok(())
}
