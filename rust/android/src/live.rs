//! A live session: the tunnel on a thread of its own.

use std::fs::File;
use std::io;
use std::os::fd::{BorrowedFd, FromRawFd, OwnedFd};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread::JoinHandle;
use std::time::Duration;

use inspect::report::Report;
use packet::Phase;
use rustix::fs::FileType;
use tokio::runtime::{Handle, Runtime};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tunnel::{FdTun, Outcome, Session, SessionConfig, StackConfig};

use crate::config::Config;
use crate::drill::DrillTun;
use crate::event::{self, Why};
use crate::failure::Failure;
use crate::platform::Platform;
use crate::queue::Queue;

type Control = tunnel::Control<DrillTun>;

/// Android takes the old TUN away when it gives a new one, which may reach us a moment later.
const TUN_GRACE: Duration = Duration::from_secs(5);

/// The session's thread, and how to speak to it.
pub(crate) struct Live {
    control: UnboundedSender<Control>,
    runtime: Handle,
    drill: bool,
    thread: Mutex<Option<JoinHandle<()>>>,
    ending: Arc<Mutex<Option<Ending>>>,
}

/// What is left of a session that ended: its report, or why there is none.
type Ending = Result<Report, String>;

impl Live {
    /// Begins a session that waits for its TUN.
    pub(crate) fn start(config: &Config, platform: Platform, events: Arc<Queue>) -> Result<Self, Failure> {
        let fail = |error: io::Error| Failure::Engine(format!("the engine cannot begin: {error}"));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(fail)?;
        let session_config = session_config(config, Arc::clone(&events))?;
        let session = Session::new(session_config, None, platform)
            .map_err(|error| Failure::argument(format!("config: {error}")))?;
        let (control, commands) = unbounded_channel();
        let handle = runtime.handle().clone();
        let ending = Arc::new(Mutex::new(None));
        let kept = Arc::clone(&ending);
        let thread = std::thread::Builder::new()
            .name("engine".to_owned())
            .spawn(move || run(&runtime, session, commands, &kept, &events))
            .map_err(fail)?;
        Ok(Self { control, runtime: handle, drill: config.drill, thread: Mutex::new(Some(thread)), ending })
    }

    pub(crate) fn attach(&self, tun: OwnedFd) -> Result<(), Failure> {
        self.check_running()?;
        let _inside = self.runtime.enter();
        let fail = |error: io::Error| Failure::argument(format!("tunFd: cannot be watched: {error}"));
        let tun = FdTun::from_fd(tun).map_err(fail)?;
        self.send(Control::Tun(DrillTun { tun, drill: self.drill }))
    }

    pub(crate) fn mark(&self, phase: Phase) -> Result<(), Failure> {
        self.check_running()?;
        self.send(if phase == Phase::Stopped { Control::Stop } else { Control::Phase(phase) })
    }

    /// The report as it stands, or the last one.
    pub(crate) fn report(&self) -> Result<Report, Failure> {
        let (sender, receiver) = mpsc::channel();
        let sink = Box::new(move |report| {
            let _ = sender.send(report);
        });
        if self.control.send(Control::Report(sink)).is_ok()
            && let Ok(report) = receiver.recv()
        {
            return Ok(report);
        }
        self.join();
        match &*self.ending() {
            Some(Ok(report)) => Ok(report.clone()),
            Some(Err(why)) => Err(Failure::Engine(why.clone())),
            None => Err(Failure::Engine("the engine ended without a report".to_owned())),
        }
    }

    /// Ends the session, and waits until it has.
    pub(crate) fn close(&self) {
        let _ = self.control.send(Control::Stop);
        self.join();
    }

    fn join(&self) {
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread {
            // It catches its panics.
            let _ = thread.join();
        }
    }

    fn check_running(&self) -> Result<(), Failure> {
        match &*self.ending() {
            None => Ok(()),
            Some(Ok(_)) => Err(Failure::state("the session has ended")),
            Some(Err(why)) => Err(Failure::state(format!("the session has ended: {why}"))),
        }
    }

    fn send(&self, control: Control) -> Result<(), Failure> {
        self.control.send(control).map_err(|_| Failure::state("the session has ended"))
    }

    fn ending(&self) -> std::sync::MutexGuard<'_, Option<Ending>> {
        self.ending.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Takes over the descriptor, if it may be a TUN: open, and a character device as `/dev/net/tun` is. One that is refused
/// stays the caller's.
pub(crate) fn take_tun(fd: i32) -> Result<OwnedFd, Failure> {
    let refuse = |why: &str| Failure::argument(format!("tunFd: {fd} is no TUN: {why}"));
    if fd < 0 {
        return Err(refuse("no descriptor is negative"));
    }
    // SAFETY: it is only asked what it is, which the kernel answers with an error for one that is not open.
    let stat = rustix::fs::fstat(unsafe { BorrowedFd::borrow_raw(fd) });
    let stat = stat.map_err(|error| refuse(&error.to_string()))?;
    match FileType::from_raw_mode(stat.st_mode as _) {
        // SAFETY: it is open, and the caller hands it over (`ParcelFileDescriptor.detachFd`), as `attach` is documented.
        FileType::CharacterDevice => Ok(unsafe { OwnedFd::from_raw_fd(fd) }),
        other => Err(refuse(&format!("it is a {other:?}"))),
    }
}

fn run(
    runtime: &Runtime,
    session: Session<DrillTun, Platform>,
    commands: UnboundedReceiver<Control>,
    ending: &Mutex<Option<Ending>>,
    events: &Queue,
) {
    // The session, and with it the TUN, is gone when this returns, however it ends: the phone is online again.
    let outcome = catch_unwind(AssertUnwindSafe(|| runtime.block_on(session.run(commands))));
    let (kept, last) = match outcome {
        Ok(Outcome { report, tun_failed, .. }) => {
            let why = if tun_failed.is_some() { Why::TunFailed } else { Why::Stopped };
            let text = tun_failed.map(|error| format!("the TUN failed: {error}"));
            (Ok(report), event::ended(why, text.as_deref()))
        }
        Err(payload) => {
            let why = Failure::panicked(&*payload).to_string();
            let last = event::ended(Why::Panicked, Some(&why));
            (Err(why), last)
        }
    };
    *ending.lock().unwrap_or_else(PoisonError::into_inner) = Some(kept);
    events.push(last);
    events.end();
}

fn session_config(config: &Config, events: Arc<Queue>) -> Result<SessionConfig, Failure> {
    let recording = match &config.recording {
        None => None,
        Some(path) => {
            let create = File::create(path);
            let file = create.map_err(|error| {
                Failure::argument(format!("recording: {} cannot be written: {error}", path.display()))
            })?;
            Some(Box::new(file) as tunnel::RecordingSink)
        }
    };
    Ok(SessionConfig {
        inspect: config.inspect(None)?,
        stack: StackConfig { seed: tunnel::random_seed(), ..StackConfig::for_mtu(usize::from(config.mtu)) },
        dns: config.dns,
        recording,
        sight: tunnel::Sight::Readable,
        notify: Box::new(move |notice| events.push(event::notice(&notice))),
        tun_grace: TUN_GRACE,
    })
}
