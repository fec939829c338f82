//! The demo played live: phone, engine and world, each on a thread with a network of its own.

use std::io;
use std::os::fd::OwnedFd;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

use inspect::report::Report;
use packet::{App, FlowKey, Phase};
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tunnel::{Control, Host, Namespace};

use super::phone::{Owners, Phone};
use super::script::{self, Stage};
use super::tls::Authority;
use super::{RECORDING, config, namespace, world};
use crate::args::DemoArgs;
use crate::live::{Screen, line};
use crate::session::{self, Plan};
use crate::{Failure, Outcome, complain};

const MTU: usize = 1500;

/// Why there is no live demo.
#[derive(Debug)]
pub enum Problem {
    /// The machine does not have, or not allow, what it needs.
    Missing(String),
    /// It has, and still it went wrong.
    Failed(Failure),
}

impl From<io::Error> for Problem {
    fn from(error: io::Error) -> Self {
        Self::Failed(Failure(format!("the demo failed: {error}")))
    }
}

/// Plays the boot and returns what it showed.
///
/// # Errors
/// See [`Problem`].
pub fn play(args: &DemoArgs) -> Result<(Report, Outcome), Problem> {
    namespace::check_tools().map_err(Problem::Missing)?;
    // This thread is the engine's. Nothing else of the process has started yet.
    namespace::enter_first().map_err(Problem::Missing)?;
    let authority = Authority::new()?;
    // A kernel may allow namespaces and yet not what has to be done in them.
    let refused = |error: io::Error| Problem::Missing(format!("networks cannot be set up ({error})"));
    let (v6, _world) = start_world(&authority).map_err(refused)?;
    let owners = Owners::default();
    let phone = Phone::new(&authority, owners.clone(), v6)?;
    let (sender, commands) = unbounded_channel();
    let stage = LiveStage { control: sender.clone(), keep: args.keep };
    let PhoneThread { tun, start, result } = start_phone(phone, v6, stage).map_err(refused)?;

    let recording = session::create_recording(&args.output.join(RECORDING)).map_err(Problem::Failed)?;
    let plan = Plan {
        inspect: config(),
        mtu: MTU,
        dns: None,
        recording: Some(recording),
        sight: tunnel::Sight::Whole,
        screen: Screen::new(args.color, args.show_values),
    };
    line("telltale: a phone is switched on, in a network of its own; Ctrl-C ends it");
    let begin = || {
        let _ = start.send(());
    };
    let ended = session::run(plan, tun, Apps(owners), (sender, commands), begin).map_err(Problem::Failed)?;

    let mut outcome = if session::complain(&ended) { Outcome::Partial } else { Outcome::Clean };
    // No result: the user ended it before the script was over.
    if let Ok(Err(error)) = result.try_recv() {
        complain(&format!("the demo's phone failed: {error}"));
        outcome = Outcome::Partial;
    }
    Ok((ended.report, outcome))
}

/// Knows the apps of the demo's phone.
struct Apps(Owners);

impl Host for Apps {
    fn protect(&self, socket: std::os::fd::BorrowedFd<'_>) -> bool {
        Namespace.protect(socket)
    }

    fn owner(&self, flow: &FlowKey) -> Option<App> {
        self.0.look_up(flow)
    }
}

/// The world's thread ends with this.
type WorldGuard = tokio::sync::oneshot::Sender<()>;

/// Starts the servers and wires them to the engine. Returns whether IPv6 works.
fn start_world(authority: &Authority) -> io::Result<(bool, WorldGuard)> {
    let authority = authority.clone();
    let (to_engine, from_world) = channel();
    let (to_world, from_engine) = channel();
    let (guard, end) = tokio::sync::oneshot::channel::<()>();
    thread::spawn(move || {
        let result = world_thread(&authority, &to_engine, &from_engine, end);
        let _ = to_engine.send(result.map(|()| String::new()));
    });
    let v6 = namespace::wire_engine(&receive(&from_world)??)?;
    let _ = to_world.send(v6);
    receive(&from_world)??;
    world::wait_until_reachable(v6)?;
    Ok((v6, guard))
}

fn world_thread(
    authority: &Authority,
    to_engine: &Sender<io::Result<String>>,
    from_engine: &Receiver<bool>,
    end: tokio::sync::oneshot::Receiver<()>,
) -> io::Result<()> {
    namespace::enter_another()?;
    let _ = to_engine.send(Ok(namespace::here()));
    let v6 = receive(from_engine)?;
    namespace::wire_world(v6)?;
    runtime()?.block_on(async {
        world::serve(authority, v6).await?;
        let _ = to_engine.send(Ok(String::new()));
        let _ = end.await;
        Ok(())
    })
}

struct PhoneThread {
    tun: OwnedFd,
    /// Lets the script begin.
    start: Sender<()>,
    /// How it ended.
    result: Receiver<io::Result<()>>,
}

fn start_phone(phone: Phone, v6: bool, stage: LiveStage) -> io::Result<PhoneThread> {
    let (to_engine, from_phone) = channel();
    let (start, begin) = channel();
    let (report, result) = channel();
    thread::spawn(move || {
        let tun = namespace::enter_another()
            .and_then(|()| tunnel::linux::open_tun(namespace::TUN))
            .and_then(|tun| namespace::wire_phone(v6, MTU).map(|()| tun));
        let wired = tun.is_ok();
        let _ = to_engine.send(tun);
        // The other end is gone when the engine could not begin.
        if wired && begin.recv().is_ok() {
            let played = runtime().and_then(|runtime| runtime.block_on(script::play(&phone, &stage)));
            let ok = played.is_ok();
            let _ = report.send(played);
            stage.finish(ok);
        }
    });
    let tun = receive(&from_phone)??;
    Ok(PhoneThread { tun, start, result })
}

/// Phases go to the engine, remarks to the terminal.
struct LiveStage {
    control: UnboundedSender<Control>,
    keep: bool,
}

impl Stage for LiveStage {
    fn enter(&self, phase: Phase) {
        let _ = self.control.send(Control::Phase(phase));
    }

    fn say(&self, text: &str) {
        line(&format!("  … {text}"));
    }
}

impl LiveStage {
    /// The script is over: ends the session, or leaves it to the user while this thread keeps its network.
    fn finish(&self, ok: bool) {
        if !(self.keep && ok) {
            let _ = self.control.send(Control::Stop);
            return;
        }
        let (process, thread) = (std::process::id(), namespace::here());
        line("telltale: the phone stays on until Ctrl-C; to get into its network:");
        line(&format!("    nsenter --net=/proc/{process}/task/{thread}/ns/net"));
        if let Ok(runtime) = runtime() {
            runtime.block_on(self.control.closed());
        }
    }
}

fn receive<T>(channel: &Receiver<T>) -> io::Result<T> {
    channel.recv().map_err(|_| io::Error::other("a part of the demo stopped"))
}

fn runtime() -> io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()
}
