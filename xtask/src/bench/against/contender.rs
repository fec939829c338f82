//! Who is measured, and how each is built and started.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Result;
use clap::ValueEnum;
use serde::Serialize;

use super::network::{PHONE, TUN};
use crate::{needs, run};

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
    SingTunGvisor,
    SingTunSystem,
}

/// As locked, and with the part of sing-tun that is its stack "gvisor".
const GO_FLAGS: &str = "-mod=readonly -buildvcs=false -trimpath -tags=with_gvisor";

/// What builds a peer's thin main.
#[derive(Debug, Clone, Copy)]
enum Builder {
    Cargo,
    Go,
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
                let (builder, program, arguments) = peer.thin_main();
                let mut command = Command::new(builder.output().join(program));
                command.arg(mtu).args(arguments);
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
            Self::SingTunGvisor => "sing-tun-gvisor",
            Self::SingTunSystem => "sing-tun-system",
        }
    }

    /// What builds its program, the program, and what that is told besides the MTU.
    fn thin_main(self) -> (Builder, &'static str, &'static [&'static str]) {
        match self {
            Self::NetstackSmoltcp | Self::Ipstack | Self::Tun2proxy => (Builder::Cargo, self.name(), &[]),
            Self::Tun2socks => (Builder::Go, self.name(), &[]),
            Self::SingTunGvisor => (Builder::Go, "sing-tun", &["gvisor"]),
            Self::SingTunSystem => (Builder::Go, "sing-tun", &["system"]),
        }
    }

    fn build(self) -> Result<()> {
        let (builder, program, _) = self.thin_main();
        builder.build(program)
    }
}

impl Builder {
    /// Builds a program, with its dependencies in the versions that are locked.
    fn build(self, program: &str) -> Result<()> {
        let sources = run::root().join("xtask/peers");
        match self {
            Self::Cargo => {
                let mut cargo = run::cargo();
                cargo.args(["build", "--release", "--locked", "--bin", program]);
                cargo.arg("--target-dir").arg(target());
                run::run(cargo.current_dir(sources))
            }
            Self::Go => {
                needs::ensure(&[needs::GO])?;
                let mut go = Command::new(needs::GO.program);
                go.args(["build", "-o"]).arg(self.output().join(program)).arg(format!("./{program}"));
                go.env("GOFLAGS", GO_FLAGS).env("CGO_ENABLED", "0");
                run::run(go.current_dir(sources.join("go")))
            }
        }
    }

    /// The folder that programs are put into.
    fn output(self) -> PathBuf {
        target().join(match self {
            Self::Cargo => "release",
            Self::Go => "go",
        })
    }
}

/// Where peers are built.
fn target() -> PathBuf {
    run::target().join("peers")
}
