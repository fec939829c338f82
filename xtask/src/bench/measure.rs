//! Times work by the processor and shows it.

use std::hint::black_box;
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// How often each measurement is repeated, and which are wanted.
#[derive(Debug, Clone, Copy)]
pub(super) struct Measure<'a> {
    /// What their names have in them.
    pub(super) filter: &'a str,
    /// At least 1.
    pub(super) rounds: usize,
}

/// What the rounds of a measurement took.
#[derive(Debug, Clone, Copy)]
struct Times {
    median: Duration,
    best: Duration,
    worst: Duration,
}

impl Measure<'_> {
    /// Whether something of that name is wanted.
    pub(super) fn wants(self, name: &str) -> bool {
        name.contains(self.filter)
    }

    /// Shows how long one of `items` takes.
    pub(super) fn items(self, name: &str, items: usize, mut run: impl FnMut(usize) -> bool) {
        if !self.wants(name) {
            return;
        }
        let times = self.times(&mut || {
            black_box((0..items).filter(|n| run(*n)).count());
        });
        let nanos = |time: Duration| time.as_nanos() as f64 / items as f64;
        let (median, best, worst) = (nanos(times.median), nanos(times.best), nanos(times.worst));
        println!("{name:44} {median:8.0} ns   ({best:.0} to {worst:.0})");
    }

    /// Shows how fast bytes are gone through that come in pieces: `of` packets, messages.
    pub(super) fn bytes(self, name: &str, of: &str, pieces: &[Vec<u8>], run: &mut dyn FnMut()) {
        if !self.wants(name) {
            return;
        }
        show(name, of, pieces, self.times(run));
    }

    /// Shows how fast bytes are gone through in several ways that take turns: others' work on the machine comes and goes,
    /// and meets all of them alike then.
    pub(super) fn in_turns(self, of: &str, mut ways: Vec<Way<'_>>) {
        ways.retain(|it| self.wants(&it.name));
        ways.iter_mut().for_each(|it| (it.run)());
        let mut taken = vec![Vec::with_capacity(self.rounds); ways.len()];
        for _ in 0..self.rounds {
            for (way, taken) in ways.iter_mut().zip(&mut taken) {
                taken.push(time(&mut way.run));
            }
        }
        for (way, taken) in ways.iter().zip(taken) {
            show(&way.name, of, way.pieces, Times::of(taken));
        }
    }

    fn times(self, run: &mut dyn FnMut()) -> Times {
        run();
        Times::of((0..self.rounds).map(|_| time(run)).collect())
    }
}

/// A way to go through bytes, measured beside others.
pub(super) struct Way<'w> {
    /// What it is called.
    pub(super) name: String,
    /// The bytes.
    pub(super) pieces: &'w [Vec<u8>],
    /// Goes through all of them.
    pub(super) run: Box<dyn FnMut() + 'w>,
}

impl Times {
    fn of(mut taken: Vec<Duration>) -> Self {
        taken.sort();
        Self { median: taken[taken.len() / 2], best: taken[0], worst: taken[taken.len() - 1] }
    }
}

fn show(name: &str, of: &str, pieces: &[Vec<u8>], times: Times) {
    let bytes: usize = pieces.iter().map(Vec::len).sum();
    let speed = |time: Duration| bytes as f64 / time.as_secs_f64() / 1e6;
    let nanos = times.median.as_nanos() as f64 / pieces.len() as f64;
    let (median, best, worst) = (speed(times.median), speed(times.best), speed(times.worst));
    println!("{name:44} {median:8.0} MB/s ({best:.0} to {worst:.0}), {nanos:.0} ns a {of}");
}

fn time(run: &mut dyn FnMut()) -> Duration {
    let begun = busy();
    run();
    busy().saturating_sub(begun)
}

/// How long this thread has been on a processor: what others do meanwhile does not count.
fn busy() -> Duration {
    Duration::try_from(clock_gettime(ClockId::ThreadCPUTime)).unwrap_or_default()
}
