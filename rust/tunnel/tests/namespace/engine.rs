//! The engine, running between phone and world, and what must hold of every session.

use std::fs::File;
use std::io::{BufReader, BufWriter};
use std::net::IpAddr;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use inspect::Inspector;
use inspect::report::Report;
use packet::{App, FlowKey};
use tokio::sync::mpsc::UnboundedSender;
use tunnel::{Control, FdTun, Host, Outcome, Session, SessionConfig, StackConfig};

use crate::namespaces::{self, Namespaces};
use crate::servers;

/// How long a test may take on the slowest machine. Nothing is measured here.
const LONGEST: Duration = Duration::from_secs(900);

/// Needs no protection, and takes its time to find out who opened a flow.
struct Platform;

impl Host for Platform {
    fn protect(&self, _socket: BorrowedFd<'_>) -> bool {
        true
    }

    fn owner(&self, flow: &FlowKey) -> Option<App> {
        thread::sleep(Duration::from_millis(2));
        (flow.remote.port() == 80).then(|| App { name: "example.curl".into(), uid: Some(10_123) })
    }
}

/// A running engine, its recording, and how to stop it.
pub struct Engine {
    pub control: UnboundedSender<Control>,
    thread: JoinHandle<Outcome>,
    recording: PathBuf,
}

impl Engine {
    pub fn start(namespaces: &Namespaces, test: &str, mtu: usize, dns: Option<IpAddr>) -> Self {
        Self::start_at(namespaces.open_tun(mtu), namespaces, test, mtu, dns)
    }

    /// The same for an engine that reads the phone's packets from `fd`.
    pub fn start_at(
        fd: OwnedFd,
        namespaces: &Namespaces,
        test: &str,
        mtu: usize,
        dns: Option<IpAddr>,
    ) -> Self {
        let recording = std::env::temp_dir().join(format!("telltale-{test}-{}.pcapng", std::process::id()));
        let sink = BufWriter::with_capacity(1 << 20, File::create(&recording).expect("a recording"));
        let (control, commands) = tokio::sync::mpsc::unbounded_channel();
        let engine = namespaces.name("e");
        let thread = thread::spawn(move || {
            namespaces::enter(&engine);
            let config = SessionConfig {
                inspect: inspect_config(),
                // The phone's sockets and the engine's share this process's descriptors.
                stack: StackConfig { seed: 7, most_flows: 8192, ..StackConfig::for_mtu(mtu) },
                dns,
                recording: Some(Box::new(sink)),
                sight: tunnel::Sight::Readable,
                notify: Box::new(drop),
                tun_grace: Duration::ZERO,
            };
            let runtime =
                tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(async move {
                let tun = FdTun::from_fd(fd).expect("the TUN");
                Session::new(config, tun, Platform).expect("a session").run(commands).await
            })
        });
        Self { control, thread, recording }
    }

    /// Runs `script`, then stops.
    pub fn serve(self, script: impl FnOnce() + Send) -> Report {
        let (done, finished) = mpsc::channel();
        let result = thread::scope(|scope| {
            scope.spawn(move || {
                script();
                let _ = done.send(());
            });
            let result = finished.recv_timeout(LONGEST);
            // Closes the phone's connections, so that a script that hangs ends.
            let report = self.stop();
            result.map(|()| report)
        });
        result.expect("a script that ends in time")
    }

    /// Stops the engine, and checks that its recording replays to the same report.
    pub fn stop(self) -> Report {
        self.control.send(Control::Stop).expect("a running engine");
        let outcome = self.wait();
        assert!(outcome.tun_failed.is_none(), "{:?}", outcome.tun_failed);
        outcome.report
    }

    /// The same for an engine that stops by itself.
    pub fn wait(self) -> Outcome {
        let outcome = self.thread.join().expect("an engine that did not panic");
        assert_eq!(outcome.recording_failed, None);
        let replayed = replay(&self.recording);
        let (live, replayed) = (report::json::to_json(&outcome.report), report::json::to_json(&replayed));
        assert!(
            live == replayed,
            "the live report is not that of the recording {}",
            self.recording.display()
        );
        std::fs::remove_file(&self.recording).expect("to remove the recording");
        outcome
    }
}

fn inspect_config() -> inspect::Config {
    inspect::Config { source: "namespace test".into(), ..inspect::Config::default() }
}

fn replay(recording: &Path) -> Report {
    let file = BufReader::with_capacity(1 << 20, File::open(recording).expect("the recording"));
    let mut reader = recording::Reader::open(file, None).expect("a recording");
    let mut inspector = Inspector::new(inspect_config()).expect("an inspector");
    while let Some((now, input)) = reader.next_input().expect("to read the recording") {
        inspector.handle_input(now, input);
    }
    assert_eq!(reader.truncated(), None);
    inspector.finish(None)
}

/// Namespaces with the servers in theirs.
pub fn namespaces() -> Namespaces {
    let namespaces = Namespaces::new();
    ["w", "f"].iter().for_each(|place| namespaces.inside(place, servers::start));
    ["p", "e"].iter().for_each(|place| namespaces.set(place, "ipv4/ping_group_range", "0 2147483647"));
    namespaces
}

/// Runs `script`, which acts as the phone, against an engine. A script that takes too long fails.
pub fn with_engine(
    test: &str,
    mtu: usize,
    dns: Option<IpAddr>,
    script: impl FnOnce(&Namespaces) + Send,
) -> Report {
    let namespaces = namespaces();
    let engine = Engine::start(&namespaces, test, mtu, dns);
    engine.serve(|| script(&namespaces))
}

/// Descriptors of this process, the engine's among them.
pub fn descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd").expect("a list").count()
}
