//! The session's clock: the only place that asks for the time.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use packet::Timestamp;

/// Wall-clock time that never goes backwards: the time of day when it was started, and what has passed since.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Clock {
    start: Timestamp,
    origin: Instant,
}

impl Clock {
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the clock that everything else is told the time by"
    )]
    pub(crate) fn start() -> Self {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self { start: Timestamp::default() + since_epoch, origin: Instant::now() }
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "this is the clock that everything else is told the time by"
    )]
    pub(crate) fn now(&self) -> Timestamp {
        self.start + Instant::now().saturating_duration_since(self.origin)
    }

    /// When `at` is, for a timer.
    pub(crate) fn instant(&self, at: Timestamp) -> Instant {
        // Far enough for any deadline, near enough for any platform's arithmetic.
        const MOST: Duration = Duration::from_secs(365 * 24 * 3600);
        self.origin + at.since(self.start).min(MOST)
    }
}
