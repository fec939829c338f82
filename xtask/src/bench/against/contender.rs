//! Who is measured, and how each is built and started.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Result;
use clap::ValueEnum;
use serde::Serialize;

use super::network::{PHONE, TUN};
use crate::run;

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
            Self::Peer(peer) => peer.build(),
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
        }
    }

    fn program(self) -> PathBuf {
        target().join("release").join(self.name())
    }

    fn build(self) -> Result<()> {
        let mut cargo = run::cargo();
        cargo.args(["build", "--release", "--locked", "--bin", self.name(), "--target-dir"]).arg(target());
        run::run(cargo.current_dir(run::root().join("xtask/peers")))
    }
}

/// Where peers are built.
fn target() -> PathBuf {
    run::target().join("peers")
}
