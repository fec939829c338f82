//! `cargo xtask bench --against`: Telltale beside other engines that carry a phone's packets, in the same places, with
//! the same load, in the same run.

mod contender;
mod figure;
pub mod h2spec;
mod load;
mod network;
mod process;
mod replay;
mod scene;
pub mod soak;
mod stage;
mod stats;
mod suite;
mod table;
mod world;

use std::fmt;
use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};
use clap::ValueEnum;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use serde::Serialize;

use self::contender::{Contender, Peer};
use self::stage::{Sample, Stage};
use self::suite::{Family, Suite};
use crate::{needs, run};

/// What `cargo xtask bench --help` ends with.
pub(super) const HELP: &str = "\
Examples:
  cargo xtask bench parse                   how fast packets are parsed
  cargo xtask bench dissect                 how fast each protocol is taken apart
  cargo xtask bench 'decode json' --times 3 how fast JSON is, in each way to write it
  cargo xtask bench --against               Telltale beside every peer, every suite
  cargo xtask bench --against netstack-smoltcp,ipstack --suite throughput --mtu 9000 --rounds 2

With --against, a load in a network namespace `phone` goes through the engine under test to servers in a namespace \
`world`. Contenders take turns; shown are medians, with half of the range as a part of them (±). Raw figures go to \
target/bench/against.json. Needs root. The peers come from their registries, in the versions that xtask/peers locks.";

/// The MTU of suites that are not about it.
const USUAL_MTU: u16 = 9000;
/// Where the harness works, in a mount namespace of its own.
const RUN: &str = "/run";

#[derive(clap::Args)]
#[command(next_help_heading = "Against others")]
pub(super) struct Options {
    /// Compare with these engines; without a name, with all
    #[arg(long, value_name = "PEER,...", num_args = 0.., value_delimiter = ',')]
    against: Option<Vec<Peer>>,

    /// Measure only these suites
    #[arg(long, value_name = "SUITE,...", value_delimiter = ',', requires = "against")]
    suite: Vec<Suite>,

    /// MTUs of the phone's TUN in the throughput suite; the others use 9000, or the first if that is not among them
    #[arg(long, value_name = "BYTES,...", value_delimiter = ',', requires = "against", default_values_t = [1500, 9000, 65535])]
    mtu: Vec<u16>,

    /// Versions of IP: 4, 6
    #[arg(long, value_name = "VERSION,...", value_delimiter = ',', requires = "against", default_values = ["4"])]
    ip: Vec<Family>,

    /// How often everything is measured
    #[arg(long, requires = "against", default_value_t = 3, value_parser = clap::value_parser!(u16).range(1..))]
    rounds: u16,

    /// Leave out the relay alone and the kernel's routing, which are no peers
    #[arg(long, requires = "against")]
    peers_only: bool,

    /// Already in the namespaces that the harness makes for itself
    #[arg(long, hide = true)]
    inside: bool,
}

impl Options {
    pub(super) fn is_wanted(&self) -> bool {
        self.against.is_some()
    }

    fn suites(&self) -> Vec<Suite> {
        if self.suite.is_empty() { Suite::value_variants().to_vec() } else { self.suite.clone() }
    }

    fn contenders(&self) -> Vec<Contender> {
        let peers = match self.against.as_deref() {
            None | Some([]) => Peer::value_variants(),
            Some(peers) => peers,
        };
        let references = if self.peers_only { &[][..] } else { &[Contender::Relay, Contender::Kernel] };
        let peers = peers.iter().copied().map(Contender::Peer);
        [Contender::Telltale].into_iter().chain(references.iter().copied()).chain(peers).collect()
    }

    fn mtus(&self, suite: Suite) -> Vec<usize> {
        let usual = if self.mtu.contains(&USUAL_MTU) { USUAL_MTU } else { self.mtu[0] };
        let mtus = if suite.is_about_mtu() { &self.mtu[..] } else { &[usual] };
        mtus.iter().copied().map(usize::from).collect()
    }
}

/// Builds the contenders, then measures in namespaces of the harness's own.
pub(super) fn run(options: &Options) -> Result<()> {
    if options.inside {
        return measure(options);
    }
    check_machine()?;
    for contender in options.contenders() {
        if let Err(error) = contender.build() {
            // It is shown as failed in each cell.
            eprintln!("{}: cannot be built: {error:#}", contender.name());
        }
    }
    run_inside()
}

fn check_machine() -> Result<()> {
    needs::ensure(&[needs::IP])?;
    if !needs::can_make_namespaces() {
        bail!("needs root, network namespaces and /dev/net/tun");
    }
    Ok(())
}

/// Runs this program once more, with `--inside`, in namespaces of its own. Its processes end with this one, and the
/// namespaces with them, however that happens.
fn run_inside() -> Result<()> {
    let mut command = Command::new("setpriv");
    command.args([
        "--pdeathsig",
        "KILL",
        "unshare",
        "--kill-child",
        "--fork",
        "--pid",
        "--mount-proc",
        "--mount",
        "--net",
    ]);
    command.arg(std::env::current_exe()?).args(std::env::args().skip(1)).arg("--inside");
    run::run(&mut command)
}

/// What both the harness and the engines, which inherit it, need of the machine.
fn prepare() -> Result<()> {
    run::run(Command::new("mount").args(["-t", "tmpfs", "tmpfs", RUN]))?;
    let most = getrlimit(Resource::Nofile).maximum;
    setrlimit(Resource::Nofile, Rlimit { current: most, maximum: most }).context("descriptors")?;
    // With tokio's signals built in, the first runtime opens a pipe for all: it has to be in every table of descriptors.
    tokio::runtime::Builder::new_current_thread().enable_all().build().map(drop).context("a runtime")
}

fn measure(options: &Options) -> Result<()> {
    prepare()?;
    let contenders = options.contenders();
    let machine = Machine::here();
    let mut samples = Vec::new();
    for round in 0..usize::from(options.rounds) {
        for suite in options.suites() {
            for mtu in options.mtus(suite) {
                for contender in rotated(&contenders, round) {
                    eprintln!(
                        "round {} of {}: {suite:?}, MTU {mtu}, {}",
                        round + 1,
                        options.rounds,
                        contender.name()
                    );
                    let mut stage = Stage::new(suite, contender, mtu, round, Path::new(RUN), &mut samples);
                    suite.run(&mut stage, &options.ip);
                }
            }
        }
        // What was measured so far is kept should the rest be stopped.
        write(&machine, &samples)?;
    }
    println!("{machine}.\n");
    println!("{}", table::render(&samples, &contenders));
    Ok(())
}

/// Everyone is first once.
fn rotated<T: Copy>(items: &[T], round: usize) -> Vec<T> {
    let mut items = items.to_vec();
    let first = round % items.len().max(1);
    items.rotate_left(first);
    items
}

/// Where it was measured, and how much else was going on.
#[derive(Serialize)]
struct Machine {
    processor: String,
    cores: usize,
    kernel: String,
    /// Processes that wanted a core in the minute before (proc_loadavg(5)).
    load_before: f64,
}

impl Machine {
    fn here() -> Self {
        let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
        let info = read("/proc/cpuinfo");
        let model = info.lines().find(|line| line.starts_with("model name"));
        let model = model.and_then(|line| line.split_once(": ")).map_or("unknown", |(_, name)| name);
        let load = read("/proc/loadavg").split(' ').next().and_then(|load| load.parse().ok());
        Self {
            processor: model.to_owned(),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            kernel: read("/proc/sys/kernel/osrelease").trim().to_owned(),
            load_before: load.unwrap_or_default(),
        }
    }
}

impl fmt::Display for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { processor, cores, kernel, load_before } = self;
        write!(f, "{processor}, {cores} cores, Linux {kernel}, load of {load_before} before the run")
    }
}

/// The raw figures.
#[derive(Serialize)]
struct Results<'a> {
    machine: &'a Machine,
    samples: &'a [Sample],
}

fn write(machine: &Machine, samples: &[Sample]) -> Result<()> {
    let folder = run::target().join("bench");
    fs::create_dir_all(&folder)?;
    let path = folder.join("against.json");
    fs::write(&path, serde_json::to_vec_pretty(&Results { machine, samples })?)
        .with_context(|| path.display().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everyone_is_first_once() {
        let firsts: Vec<u8> = (0..4).map(|round| rotated(&[1, 2, 3], round)[0]).collect();
        assert_eq!(firsts, [1, 2, 3, 1]);
        assert_eq!(rotated(&[1, 2, 3], 1), [2, 3, 1]);
    }
}
