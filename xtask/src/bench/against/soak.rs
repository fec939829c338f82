//! `cargo xtask soak`: real traffic at full load for as long as one likes. What the engine holds must not grow.

use std::fmt;
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use tokio::time::sleep;

use super::contender::Contender;
use super::load::endless::{Done, Endless};
use super::network::WORLD_V4;
use super::process::Process;
use super::scene::Scene;
use super::{RUN, check_machine, prepare, run_inside};
use crate::bench::run_optimized;

#[derive(clap::Args)]
pub struct Arguments {
    /// Seconds to watch, after the warm-up
    #[arg(long, default_value_t = 1800, value_parser = clap::value_parser!(u64).range(30..))]
    time: u64,

    /// Seconds before, at least: it lasts until the report's list of flows is full, which grows by design
    #[arg(long, default_value_t = 60)]
    warm_up: u64,

    /// MTU of the phone's TUN
    #[arg(long, default_value_t = 9000)]
    mtu: u16,

    /// Already in the namespaces that the harness makes for itself
    #[arg(long, hide = true)]
    inside: bool,
}

/// Builds the engine, then watches it in namespaces of the harness's own.
///
/// # Errors
/// When something grows, nothing is relayed any more, or the machine does not allow it.
pub fn run(arguments: &Arguments) -> Result<()> {
    if cfg!(debug_assertions) {
        return run_optimized();
    }
    if !arguments.inside {
        check_machine()?;
        Contender::Telltale.build()?;
        return run_inside();
    }
    prepare()?;
    let scene = Scene::set(Contender::Telltale, usize::from(arguments.mtu), Path::new(RUN))?;
    let process = scene.process().context("the engine")?;
    scene.phone(async || soak(process, arguments).await)
}

/// How often it is looked.
const EVERY: Duration = Duration::from_secs(5);
/// How long a warm-up may take until the list is full.
const LONGEST_WARM_UP: Duration = Duration::from_secs(1200);
/// After this time without load a DNS conversation, which stays longest, is forgotten.
const FORGOTTEN: Duration = Duration::from_secs(120);
/// What memory may differ by, in percent and in bytes: pages that the allocator keeps now and gives back then.
const MEMORY_PERCENT: u64 = 3;
const MEMORY: u64 = 8 << 20;
/// The same for descriptors: connections that end at the moment.
const DESCRIPTORS_PERCENT: usize = 10;
const DESCRIPTORS: usize = 64;

#[expect(clippy::disallowed_methods, reason = "how long it takes is what this is for")]
async fn soak(process: Process, arguments: &Arguments) -> Result<()> {
    let idle = Held::by(process)?;
    println!("idle: {idle}");
    let load = Endless::begin(WORLD_V4);
    let begun = Instant::now();
    let mut before = Seen::default();
    while begun.elapsed() < Duration::from_secs(arguments.warm_up) || !fills_the_list(&load.done) {
        ensure!(
            begun.elapsed() < LONGEST_WARM_UP,
            "{} s were too short to warm up",
            LONGEST_WARM_UP.as_secs()
        );
        before = look(process, &load.done, before, "warming up").await?.0;
    }
    let begun = Instant::now();
    let mut held = Vec::new();
    while begun.elapsed() < Duration::from_secs(arguments.time) {
        let (seen, sample) = look(process, &load.done, before, "watching").await?;
        before = seen;
        held.push(sample);
    }
    println!("relayed {}; failed: {}", Seen::of(&load.done), load.done.failures());
    drop(load);
    let growth = growth(&held);
    let left = drained(process, idle).await?;
    growth?;
    println!("flat: {}; without load {left}", held.last().context("no sample")?);
    Ok(())
}

/// Whether as many flows were begun as the report lists.
fn fills_the_list(done: &Done) -> bool {
    let [connections, questions] = [&done.connections, &done.questions].map(|it| it.load(Ordering::Relaxed));
    connections + questions > inspect::MOST_LISTED as u64
}

/// Waits, then looks what was relayed meanwhile and what is held.
async fn look(process: Process, done: &Done, before: Seen, what: &str) -> Result<(Seen, Held)> {
    sleep(EVERY).await;
    let (seen, held) = (Seen::of(done), Held::by(process).context("the engine has ended")?);
    println!("{what}: {held}; relayed {seen}");
    ensure!(seen.goes_on_from(&before), "something stalled: {seen} are as {} s ago", EVERY.as_secs());
    Ok((seen, held))
}

/// Fails when the last third of the samples holds more than the first.
fn growth(held: &[Held]) -> Result<()> {
    let third = held.len().div_ceil(3);
    let (first, last) = (&held[..third], &held[held.len() - third..]);
    let middle = |part: &[Held], of: fn(&Held) -> u64| {
        let mut values: Vec<u64> = part.iter().map(of).collect();
        values.sort_unstable();
        values[values.len() / 2]
    };
    let [memory, memory_later] = [first, last].map(|part| middle(part, |it| it.memory));
    let allowed = memory + memory * MEMORY_PERCENT / 100 + MEMORY;
    if memory_later > allowed {
        bail!("memory grew after the warm-up: from {} to {}", mebibytes(memory), mebibytes(memory_later));
    }
    let [descriptors, descriptors_later] = [first, last].map(|part| middle(part, |it| it.descriptors as u64));
    let (descriptors, later) = (descriptors as usize, descriptors_later as usize);
    if later > descriptors + descriptors * DESCRIPTORS_PERCENT / 100 + DESCRIPTORS {
        bail!("descriptors grew after the warm-up: from {descriptors} to {later}");
    }
    let [threads, later] = [first, last].map(|part| part.iter().map(|it| it.threads).max());
    ensure!(later <= threads, "threads grew after the warm-up: from {threads:?} to {later:?}");
    Ok(())
}

/// Waits until the engine holds as few descriptors as before the load.
async fn drained(process: Process, idle: Held) -> Result<Held> {
    let mut held = Held::by(process)?;
    for _ in 0..FORGOTTEN.as_secs() {
        if held.descriptors <= idle.descriptors {
            return Ok(held);
        }
        sleep(Duration::from_secs(1)).await;
        held = Held::by(process)?;
    }
    bail!(
        "{} descriptors are left {} s after the load, {} were there before it",
        held.descriptors,
        FORGOTTEN.as_secs(),
        idle.descriptors
    )
}

/// What the engine holds at a moment.
#[derive(Debug, Clone, Copy)]
struct Held {
    /// Resident bytes.
    memory: u64,
    descriptors: usize,
    threads: usize,
}

impl Held {
    fn by(process: Process) -> io::Result<Self> {
        Ok(Self {
            memory: process.resident()?,
            descriptors: process.descriptors()?,
            threads: process.threads()?,
        })
    }
}

impl fmt::Display for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { memory, descriptors, threads } = self;
        write!(f, "{}, {descriptors} descriptors, {threads} threads", mebibytes(*memory))
    }
}

fn mebibytes(bytes: u64) -> String {
    format!("{:.1} MiB", bytes as f64 / f64::from(1 << 20))
}

/// What was relayed until a moment.
#[derive(Debug, Clone, Copy, Default)]
struct Seen {
    down: u64,
    up: u64,
    connections: u64,
    questions: u64,
}

impl Seen {
    fn of(done: &Done) -> Self {
        let of = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Self {
            down: of(&done.down),
            up: of(&done.up),
            connections: of(&done.connections),
            questions: of(&done.questions),
        }
    }

    /// Whether there is more of everything.
    fn goes_on_from(&self, before: &Self) -> bool {
        self.down > before.down
            && self.up > before.up
            && self.connections > before.connections
            && self.questions > before.questions
    }
}

impl fmt::Display for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { down, up, connections, questions } = self;
        let gigabytes = |bytes: &u64| *bytes as f64 / 1e9;
        let (down, up) = (gigabytes(down), gigabytes(up));
        write!(
            f,
            "{down:.1} GB down, {up:.1} GB up, {connections} short connections, {questions} DNS questions"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn held(memory: u64, descriptors: usize, threads: usize) -> Held {
        Held { memory: memory << 20, descriptors, threads }
    }

    #[test]
    fn what_grows_is_told_from_what_wavers() {
        let wavers: Vec<Held> = (0..90).map(|at| held(200 + at % 7, 500 + at as usize % 40, 2)).collect();
        assert!(growth(&wavers).is_ok());
        let complaint =
            |grown: fn(u64) -> Held| growth(&(0..90).map(grown).collect::<Vec<_>>()).unwrap_err().to_string();
        assert!(complaint(|at| held(200 + at / 2, 500, 2)).starts_with("memory grew"));
        assert!(complaint(|at| held(200, 500 + 3 * at as usize, 2)).starts_with("descriptors grew"));
        assert!(complaint(|at| held(200, 500, 2 + at as usize / 50)).starts_with("threads grew"));
    }
}
