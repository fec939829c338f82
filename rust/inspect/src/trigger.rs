//! What makes the phone contact a host: a phase that it enters, or a timer.
//!
//! Only times count, and chance is the measure. *Phase*: if the contacts of a host came at random times, each would fall
//! into the windows after the phase with the share of the watched time that these windows cover; the number of
//! occasions followed by a contact is then at most binomial. *Period*: if the contacts were a Poisson process, the
//! times between them would be exponential, and near their median only so often. Both probabilities are multiplied by
//! the number of tests made (Bonferroni), and what is left above [`MOST_CHANCE`] is not said.
//!
//! All that is computed is made of sums, products and quotients, which are the same on every machine.

mod chance;
mod contact;
mod period;
mod phase;

use packet::{Phase, Timestamp};

use self::contact::{Contact, Group};
use self::phase::Causes;
use crate::report::{Capture, Cause, Flow, PhaseAt, Report, Trigger};

/// A trigger more likely than this to be chance is not reported.
pub const MOST_CHANCE: f64 = 0.01;
/// Fewer contacts than this prove nothing.
const LEAST_CONTACTS: usize = 2;
/// Hosts and apps that are looked at, those first contacted first.
const MOST_GROUPS: usize = 4_096;
/// Triggers that are reported, those of hosts first contacted first.
const MOST_TRIGGERS: usize = 1_024;
/// Triggers of one host and app.
const MOST_OF_GROUP: usize = 4;
const MOST_FLOWS: usize = 64;

/// One session, as far as triggers are concerned.
#[derive(Debug, Clone, Copy)]
pub struct Watched<'a> {
    first: Option<Timestamp>,
    last: Option<Timestamp>,
    phases: &'a [PhaseAt],
    flows: &'a [Flow],
}

impl<'a> Watched<'a> {
    /// The parts of a session; `phases` by time.
    pub const fn of(capture: &Capture, phases: &'a [PhaseAt], flows: &'a [Flow]) -> Self {
        Self { first: capture.first, last: capture.last, phases, flows }
    }

    /// When it began and ended; `None` when nothing happened.
    fn span(&self) -> Option<(Timestamp, Timestamp)> {
        let marks = || self.phases.iter().map(|entry| entry.at);
        let first = self.first.into_iter().chain(marks()).min()?;
        let last = self.last.into_iter().chain(marks()).max()?;
        Some((first, last))
    }
}

impl<'a> From<&'a Report> for Watched<'a> {
    fn from(report: &'a Report) -> Self {
        Self::of(&report.capture, &report.phases, &report.flows)
    }
}

/// The triggers of all sessions taken together, in the order of the first contacts, the surest of a host first. Flow
/// ids are those of the session that they are from.
pub fn triggers(sessions: &[Watched<'_>]) -> Vec<Trigger> {
    let groups = contact::groups(sessions, MOST_GROUPS);
    let causes = Causes::of(sessions);
    // Every group that could pass is a try, whether it passes or not.
    let tries = (groups.len() * (causes.tests() + period::TESTS)).max(1) as f64;
    groups.iter().flat_map(|group| of_group(group, &causes, tries)).take(MOST_TRIGGERS).collect()
}

/// Takes the surest cause, then looks for another of the contacts that it leaves. A timer is asked last: phases that come
/// at regular times make contacts regular, and not the other way round.
fn of_group(group: &Group<'_>, causes: &Causes, tries: f64) -> Vec<Trigger> {
    let mut left = group.contacts.clone();
    let mut found: Vec<Trigger> = Vec::new();
    while found.len() < MOST_OF_GROUP && left.len() >= LEAST_CONTACTS {
        let tie = causes.best(&left).filter(|tie| tie.chance * tries <= MOST_CHANCE);
        let Some(tie) = tie.or_else(|| period::best(&left).filter(|tie| tie.chance * tries <= MOST_CHANCE))
        else {
            break;
        };
        found.push(tie.trigger(group, &left, tries));
        let mut explained = tie.explained.iter().peekable();
        let mut index = 0;
        left.retain(|_| {
            let gone = explained.next_if_eq(&&index).is_some();
            index += 1;
            !gone
        });
    }
    found
}

/// A cause and the contacts it explains.
struct Tie {
    phases: &'static [Phase],
    occasions: usize,
    answered: usize,
    /// One for each answered occasion, in milliseconds.
    delays: Vec<u64>,
    /// Indices of the contacts, ascending.
    explained: Vec<usize>,
    /// Before correction.
    chance: f64,
}

impl Tie {
    fn trigger(&self, group: &Group<'_>, contacts: &[Contact], tries: f64) -> Trigger {
        let mut delays = self.delays.clone();
        delays.sort_unstable();
        let quantile = |numerator: usize| {
            let last = delays.len().saturating_sub(1);
            delays.get((last * numerator + 2) / 4).copied().unwrap_or_default()
        };
        let flows =
            self.explained.iter().filter_map(|&index| contacts.get(index)).map(|contact| contact.flow);
        Trigger {
            host: group.host.clone(),
            app: group.app.map(str::to_owned),
            cause: if self.phases.is_empty() { Cause::Period } else { Cause::Phase },
            phases: self.phases.to_vec(),
            contacts: contacts.len() as u64,
            tied: self.explained.len() as u64,
            occasions: self.occasions as u64,
            answered: self.answered as u64,
            delay_ms: quantile(2),
            spread_ms: quantile(3) - quantile(1),
            chance: chance::two_digits(self.chance * tries),
            flows: flows.take(MOST_FLOWS).collect(),
        }
    }
}

#[cfg(test)]
mod tests;
