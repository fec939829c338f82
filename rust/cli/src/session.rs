//! What the live commands share: an engine on this thread, its recording, and the signals that end it.

use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::time::Duration;

use inspect::Config;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender};
use tokio::time::sleep;
use tunnel::{Control, FdTun, Host, Notice, NoticeSink, Outcome, Session, SessionConfig, Sight, StackConfig};

use crate::Failure;
use crate::live::{self, Screen};

/// What a live session is told before it begins.
pub struct Plan {
    /// What to look for.
    pub inspect: Config,
    /// The TUN's MTU in bytes.
    pub mtu: usize,
    /// Where DNS is sent instead of where the phone sends it.
    pub dns: Option<std::net::IpAddr>,
    /// Where the recording goes.
    pub recording: Option<File>,
    /// What of the packets is seen and kept.
    pub sight: Sight,
    /// Where events are shown.
    pub screen: Screen,
}

/// Begins a recording at `path`.
///
/// # Errors
/// It cannot be written, in one line that names it.
pub fn create_recording(path: &Path) -> Result<File, Failure> {
    File::create(path).map_err(|error| Failure(format!("{}: cannot be recorded to: {error}", path.display())))
}

/// Runs a session until it is told to stop, by `commands` or by SIGINT or SIGTERM. `begun` is called when it has begun.
///
/// # Errors
/// It cannot begin.
pub fn run<H: Host>(
    plan: Plan,
    tun: OwnedFd,
    host: H,
    (sender, commands): (UnboundedSender<Control>, UnboundedReceiver<Control>),
    begun: impl FnOnce(),
) -> Result<Outcome, Failure> {
    let fail = |error: io::Error| Failure(format!("cannot run the engine: {error}"));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(fail)?;
    runtime.block_on(async {
        let tun = FdTun::from_fd(tun).map_err(fail)?;
        let session = Session::new(config(plan), tun, host).map_err(|error| Failure(error.to_string()))?;
        stop_on_signals(&sender).map_err(fail)?;
        begun();
        Ok(session.run(commands).await)
    })
}

/// Stops the session after `time`. Needs the session's runtime.
pub fn stop_after(time: Duration, sender: UnboundedSender<Control>) {
    tokio::spawn(async move {
        sleep(time).await;
        let _ = sender.send(Control::Stop);
    });
}

/// Says what went wrong in a session. Returns whether something did.
pub fn complain(outcome: &Outcome) -> bool {
    if let Some(error) = &outcome.tun_failed {
        crate::complain(&format!("the TUN failed, which ended the session: {error}"));
    }
    // That the recording failed was said when it happened.
    outcome.tun_failed.is_some() || outcome.recording_failed.is_some()
}

fn config(plan: Plan) -> SessionConfig {
    SessionConfig {
        inspect: plan.inspect,
        stack: StackConfig { seed: tunnel::random_seed(), ..StackConfig::for_mtu(plan.mtu) },
        dns: plan.dns,
        recording: plan.recording.map(|file| Box::new(file) as Box<_>),
        sight: plan.sight,
        notify: notify(plan.screen),
        tun_grace: Duration::ZERO,
    }
}

fn notify(mut screen: Screen) -> NoticeSink {
    Box::new(move |notice| match notice {
        Notice::Event(event) => screen.show(&event),
        Notice::RecordingFailed(message) => live::line(&format!("telltale: {message}")),
        Notice::Trouble(trouble) => live::line(&format!("telltale: {trouble}")),
    })
}

fn stop_on_signals(sender: &UnboundedSender<Control>) -> io::Result<()> {
    for kind in [SignalKind::interrupt(), SignalKind::terminate()] {
        let mut signals = signal(kind)?;
        let sender = sender.clone();
        tokio::spawn(async move {
            signals.recv().await;
            let _ = sender.send(Control::Stop);
        });
    }
    Ok(())
}
