//! What a handle stands for: a session that is fresh, live, or fed from a capture.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use inspect::report::Report;
use packet::Phase;

use crate::config::Config;
use crate::failure::Failure;
use crate::fed::Fed;
use crate::live::{self, Live};
use crate::platform::Platform;
use crate::queue::Queue;

/// One session. Its first TUN or phase makes it a live one, its first fed bytes make it a replay.
pub(crate) struct Engine {
    config: Config,
    events: Arc<Queue>,
    state: Mutex<State>,
}

enum State {
    Fresh(Platform),
    Live(Arc<Live>),
    Fed(Box<Fed>),
    /// The report of a fed session that was asked for its report.
    Judged(Box<Report>),
    /// It failed, and why.
    Failed(String),
}

impl Engine {
    pub(crate) fn new(config: Config, platform: Platform) -> Self {
        Self { config, events: Arc::default(), state: Mutex::new(State::Fresh(platform)) }
    }

    /// Takes over a TUN's descriptor, which is closed with the session. One that is no TUN stays the caller's.
    pub(crate) fn attach(&self, fd: i32) -> Result<(), Failure> {
        let tun = live::take_tun(fd)?;
        self.live()?.attach(tun)
    }

    pub(crate) fn mark(&self, phase: &str) -> Result<(), Failure> {
        let phase: Phase = phase.parse().map_err(|error| Failure::argument(format!("phase: {error}")))?;
        if phase == Phase::Started {
            return Err(Failure::argument("phase: `started` is marked by the engine itself"));
        }
        self.live()?.mark(phase)
    }

    pub(crate) fn feed(&self, bytes: &[u8]) -> Result<(), Failure> {
        let mut state = self.lock();
        if matches!(*state, State::Fresh(_)) {
            *state = State::Fed(Box::new(Fed::new(self.config.clone())));
        }
        match &mut *state {
            State::Fed(fed) => {
                let result = caught(|| fed.feed(bytes, &self.events));
                if let Err(Failure::Engine(why)) = &result {
                    *state = State::Failed(why.clone());
                    self.events.end();
                }
                result
            }
            State::Failed(why) => Err(Failure::Engine(why.clone())),
            State::Judged(_) => {
                Err(Failure::state("feed: the report was made already; open another session"))
            }
            State::Fresh(_) | State::Live(_) => {
                Err(Failure::state("feed: this session watches a TUN; open another one for a capture"))
            }
        }
    }

    pub(crate) fn next_event(&self) -> Option<Vec<u8>> {
        self.events.next()
    }

    pub(crate) fn report(&self) -> Result<Report, Failure> {
        let mut state = self.lock();
        if let State::Live(live) = &*state {
            let live = Arc::clone(live);
            // The session may need Java to answer, and Java this lock.
            drop(state);
            return live.report();
        }
        if let State::Failed(why) = &*state {
            return Err(Failure::Engine(why.clone()));
        }
        if let State::Fresh(_) = *state {
            return Err(Failure::state("report: nothing was attached or fed yet"));
        }
        let taken = std::mem::replace(&mut *state, State::Failed("the report failed".to_owned()));
        let judged = match taken {
            State::Fed(fed) => caught(|| fed.finish(&self.events)),
            State::Judged(report) => Ok(*report),
            _ => Err(Failure::state("report: there is none")),
        };
        *state = match &judged {
            Ok(report) => State::Judged(Box::new(report.clone())),
            Err(failure) => State::Failed(failure.to_string()),
        };
        judged
    }

    /// Ends the session, and waits until it has.
    pub(crate) fn close(&self) {
        let state = std::mem::replace(&mut *self.lock(), State::Failed("the session was closed".to_owned()));
        if let State::Live(live) = state {
            live.close();
        }
        self.events.end();
    }

    /// The live session, which begins now if it has not.
    fn live(&self) -> Result<Arc<Live>, Failure> {
        let mut state = self.lock();
        if matches!(*state, State::Fresh(_)) {
            // Told as closed if it cannot begin: its platform is gone with it.
            let fresh =
                std::mem::replace(&mut *state, State::Failed("the session could not begin".to_owned()));
            if let State::Fresh(platform) = fresh {
                let live = Live::start(&self.config, platform, Arc::clone(&self.events))?;
                *state = State::Live(Arc::new(live));
            }
        }
        match &*state {
            State::Live(live) => Ok(Arc::clone(live)),
            State::Failed(why) => Err(Failure::state(why.clone())),
            _ => Err(Failure::state(
                "this session is fed from a capture, which brings its own phases and packets",
            )),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What `work` gives, its panic as a failure.
fn caught<T>(work: impl FnOnce() -> Result<T, Failure>) -> Result<T, Failure> {
    // What it worked on is not used again after a panic.
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|payload| Err(Failure::panicked(&*payload)))
}
