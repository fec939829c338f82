//! A contender at its place: namespaces, servers, and the engine between them.

use std::fs::{self, File};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use rustix::fs::{FallocateFlags, fallocate};

use super::contender::Contender;
use super::load;
use super::network::{ENGINE, Network, PHONE};
use super::process::Process;
use super::world::World;

/// How long an engine may take to relay its first packet.
const START: Duration = Duration::from_secs(5);
/// How often what was recorded is thrown away.
const TRIM: Duration = Duration::from_millis(50);

/// All that one contender is measured in. Dropped from top to bottom.
pub(super) struct Scene {
    pub world: World,
    /// From the engine's start to the first packet that it relayed.
    pub cold_start: Duration,
    _trimmer: Option<Trimmer>,
    engine: Option<Engine>,
    network: Network,
}

impl Scene {
    /// Starts a contender; it relays when this returns.
    ///
    /// # Errors
    /// What the machine does not allow, or the engine does not do, with the last that it said.
    #[expect(clippy::disallowed_methods, reason = "measuring is what this is for")]
    pub(super) fn set(contender: Contender, mtu: usize, scratch: &Path) -> Result<Self> {
        let network = Network::new()?;
        let world = World::start()?;
        let (recording, log) = (scratch.join("recording.pcapng"), scratch.join("log"));
        let mut engine = None;
        let mut begun = Instant::now();
        match contender.command(mtu, &recording) {
            None => network.route_phone(mtu)?,
            Some(mut command) => {
                let log = File::create(&log)?;
                command.stdout(log.try_clone()?).stderr(log).stdin(Stdio::null());
                if !contender.makes_tun() {
                    command.stdin(network.open_tun(mtu)?);
                }
                begun = Instant::now();
                engine = Some(Engine(network.inside(ENGINE, || command.spawn()).context("cannot start")?));
            }
        }
        let cold_start = in_phone(&network, async || load::first_reply(begun, START).await)
            .with_context(|| format!("relays nothing; it said: {}", last_words(&log)))?;
        let trimmer = (contender == Contender::Telltale).then(|| Trimmer::start(recording)).transpose()?;
        Ok(Self { world, cold_start, _trimmer: trimmer, engine, network })
    }

    /// Runs the load in the phone's namespace.
    pub(super) fn phone<R: Send>(&self, load: impl AsyncFnOnce() -> Result<R> + Send) -> Result<R> {
        in_phone(&self.network, load)
    }

    /// Runs `work` on a thread of its own in one of the namespaces.
    pub(super) fn inside<R: Send>(&self, place: &str, work: impl FnOnce() -> R + Send) -> R {
        self.network.inside(place, work)
    }

    /// The engine's process; the kernel has none.
    pub(super) fn process(&self) -> Option<Process> {
        self.engine.as_ref().map(|engine| Process(engine.0.id()))
    }
}

fn in_phone<R: Send>(network: &Network, load: impl AsyncFnOnce() -> Result<R> + Send) -> Result<R> {
    network.inside(PHONE, || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(load())
    })
}

/// The engine, which ends when this is dropped.
struct Engine(Child);

impl Drop for Engine {
    fn drop(&mut self) {
        _ = self.0.kill();
        _ = self.0.wait();
    }
}

fn last_words(log: &Path) -> String {
    let text = fs::read_to_string(log).unwrap_or_default();
    text.trim().lines().last().unwrap_or("nothing").to_owned()
}

/// Gives the space of what was recorded back again and again: gigabytes are recorded, and nobody reads them.
struct Trimmer {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Trimmer {
    fn start(recording: PathBuf) -> Result<Self> {
        let file = fs::OpenOptions::new().write(true).open(&recording)?;
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let thread = thread::Builder::new().name("trimmer".to_owned()).spawn(move || {
            while !stopped.load(Ordering::Relaxed) {
                thread::sleep(TRIM);
                let written = file.metadata().map_or(0, |metadata| metadata.len());
                let flags = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
                _ = fallocate(file.as_fd(), flags, 0, written.max(1));
            }
        })?;
        Ok(Self { stop, thread: Some(thread) })
    }
}

impl Drop for Trimmer {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        _ = self.thread.take().map(JoinHandle::join);
    }
}
