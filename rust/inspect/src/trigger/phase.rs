//! Contacts that follow a phase.

use packet::{Phase, Timestamp};

use super::chance::binomial_tail;
use super::contact::{Contact, millis};
use super::{Tie, Watched};

/// How long after an occasion a contact may come, in milliseconds: at once, after a job is scheduled, after the minute that
/// registration clients wait, and after a back-off.
const WINDOWS: [u64; 4] = [2_000, 10_000, 90_000, 300_000];
/// A cause is tried when it was there this often, and named when this often a contact followed.
const LEAST_OCCASIONS: usize = 2;
/// Occasions of one cause that are looked at, in all sessions together.
const MOST_OCCASIONS: usize = 512;

/// Phases that can make a phone send something. That watching began or ended, or that there is no network, cannot.
const CAUSES: [(&[Phase], u64); 10] = [
    (&[Phase::LockedBoot], SAME_MS),
    (&[Phase::BootCompleted], SAME_MS),
    (&[Phase::NetworkUp], SAME_MS),
    (&[Phase::SimLoaded], SAME_MS),
    (&[Phase::SimRemoved], SAME_MS),
    (&[Phase::SetupDone], SAME_MS),
    (&[Phase::Unlock], SAME_MS),
    (&[Phase::ScreenOn], SAME_MS),
    (&[Phase::ScreenOff], SAME_MS),
    // Woken, whichever way: a client that registers "at each switch-on and unlock" waits for all of these.
    (&[Phase::BootCompleted, Phase::Unlock, Phase::ScreenOn], WAKING_MS),
];

/// The same phase again within this time is the same occasion.
const SAME_MS: u64 = 2_000;
/// From the screen that goes on to the PIN that is entered.
const WAKING_MS: u64 = 15_000;

/// When something happened that may be a cause.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Occasion {
    session: usize,
    at: Timestamp,
}

struct Candidate {
    phases: &'static [Phase],
    /// By session and time.
    occasions: Vec<Occasion>,
    /// For each of [`WINDOWS`]: the share of the watched time that is within it.
    shares: [f64; WINDOWS.len()],
}

/// The causes that were there often enough.
pub struct Causes {
    candidates: Vec<Candidate>,
}

impl Causes {
    pub fn of(sessions: &[Watched<'_>]) -> Self {
        let candidate = |&(phases, gap): &(&'static [Phase], u64)| {
            let occasions = occasions(sessions, phases, gap);
            let shares = WINDOWS.map(|window| share(sessions, &occasions, window));
            Candidate { phases, occasions, shares }
        };
        let mut candidates: Vec<_> = CAUSES.iter().map(candidate).collect();
        candidates.retain(|candidate| candidate.occasions.len() >= LEAST_OCCASIONS);
        Self { candidates }
    }

    /// How many things [`Self::best`] tries.
    pub const fn tests(&self) -> usize {
        self.candidates.len() * WINDOWS.len()
    }

    /// The cause that chance imitates worst; of equals the one that came before most directly.
    pub fn best(&self, contacts: &[Contact]) -> Option<Tie> {
        let mut best: Option<Tie> = None;
        for candidate in &self.candidates {
            for (window, share) in WINDOWS.into_iter().zip(candidate.shares) {
                let Some(tie) = candidate.tie(contacts, window, share) else { continue };
                if best.as_ref().is_none_or(|best| is_surer(&tie, best)) {
                    best = Some(tie);
                }
            }
        }
        best
    }
}

fn is_surer(tie: &Tie, other: &Tie) -> bool {
    let late = |tie: &Tie| tie.delays.iter().fold(0_u64, |sum, delay| sum.saturating_add(*delay));
    match tie.chance.total_cmp(&other.chance) {
        std::cmp::Ordering::Equal => late(tie) < late(other),
        order => order.is_lt(),
    }
}

impl Candidate {
    /// `None` when fewer than two, or than half, of the occasions were followed.
    fn tie(&self, contacts: &[Contact], window: u64, share: f64) -> Option<Tie> {
        let (mut delays, mut explained) = (Vec::new(), Vec::new());
        let mut last = None;
        for (index, contact) in contacts.iter().enumerate() {
            let Some(occasion) = self.before(contact) else { continue };
            let delay = millis(self.occasions[occasion].at, contact.at);
            if delay > window {
                continue;
            }
            explained.push(index);
            if last != Some(occasion) {
                delays.push(delay);
                last = Some(occasion);
            }
        }
        let answered = delays.len();
        if answered < LEAST_OCCASIONS || answered * 2 < self.occasions.len() {
            return None;
        }
        // Contacts that follow the same occasion are not independent of each other: they count as one.
        let trials = contacts.len() - (explained.len() - answered);
        let chance = binomial_tail(trials, answered, share);
        Some(Tie {
            phases: self.phases,
            occasions: self.occasions.len(),
            answered,
            delays,
            explained,
            chance,
        })
    }

    /// The latest occasion at or before a contact, in its session.
    fn before(&self, contact: &Contact) -> Option<usize> {
        let key = Occasion { session: contact.session, at: contact.at };
        let index = self.occasions.partition_point(|occasion| *occasion <= key).checked_sub(1)?;
        self.occasions.get(index).filter(|occasion| occasion.session == contact.session).map(|_| index)
    }
}

fn occasions(sessions: &[Watched<'_>], phases: &[Phase], gap: u64) -> Vec<Occasion> {
    let mut occasions = Vec::new();
    for (session, watched) in sessions.iter().enumerate() {
        let mut latest = None;
        for entry in watched.phases.iter().filter(|entry| phases.contains(&entry.phase)) {
            if latest.is_none_or(|latest| millis(latest, entry.at) > gap) {
                occasions.push(Occasion { session, at: entry.at });
            }
            latest = Some(entry.at);
        }
    }
    occasions.truncate(MOST_OCCASIONS);
    occasions
}

/// The share of all sessions' time that is at most `window` after an occasion.
fn share(sessions: &[Watched<'_>], occasions: &[Occasion], window: u64) -> f64 {
    let (mut within, mut total) = (0_u64, 0_u64);
    for (session, watched) in sessions.iter().enumerate() {
        let Some((first, last)) = watched.span() else { continue };
        total = total.saturating_add(millis(first, last));
        let of_session: Vec<_> = occasions.iter().filter(|occasion| occasion.session == session).collect();
        for (index, occasion) in of_session.iter().enumerate() {
            let end = of_session.get(index + 1).map_or(last, |next| next.at);
            within = within.saturating_add(millis(occasion.at, end).min(window));
        }
    }
    if total == 0 { 1.0 } else { within as f64 / total as f64 }
}
