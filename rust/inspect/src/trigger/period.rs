//! Contacts that a timer makes.

use super::Tie;
use super::chance::binomial_tail;
use super::contact::{Contact, millis};

/// How far a time between two contacts may be from the median, in hundredths of it, and how likely an exponential time
/// is to be as near to its median: 2^-(1-j) - 2^-(1+j).
const JITTERS: [(u64, f64); 3] = [(2, 0.013_863_4), (10, 0.069_370_2), (25, 0.174_149_9)];
/// How many things [`best`] tries.
pub const TESTS: usize = JITTERS.len();
/// Three equal times between contacts happen by themselves too easily.
const LEAST_INTERVALS: usize = 4;
/// Faster repetition is retrying, not a timer.
const LEAST_PERIOD_MS: u64 = 10_000;

/// The jitter that chance imitates worst. `None` when less than half of the times between contacts are regular.
pub fn best(contacts: &[Contact]) -> Option<Tie> {
    let intervals = intervals(contacts);
    if intervals.len() < LEAST_INTERVALS {
        return None;
    }
    let mut sorted: Vec<u64> = intervals.iter().map(|(_, length)| *length).collect();
    sorted.sort_unstable();
    let median = *sorted.get(sorted.len() / 2)?;
    if median < LEAST_PERIOD_MS {
        return None;
    }
    let ties = JITTERS.iter().filter_map(|&(jitter, share)| tie(&intervals, median, jitter, share));
    ties.min_by(|one, other| one.chance.total_cmp(&other.chance))
}

/// The times between neighbours within a session, each with the index of the later one.
fn intervals(contacts: &[Contact]) -> Vec<(usize, u64)> {
    let pairs = contacts.iter().zip(contacts.iter().skip(1)).enumerate();
    pairs
        .filter(|(_, (one, next))| one.session == next.session)
        .map(|(index, (one, next))| (index + 1, millis(one.at, next.at)))
        .collect()
}

fn tie(intervals: &[(usize, u64)], median: u64, jitter: u64, share: f64) -> Option<Tie> {
    let most = median.saturating_mul(jitter) / 100;
    let regular: Vec<_> = intervals.iter().filter(|(_, length)| length.abs_diff(median) <= most).collect();
    if regular.len() * 2 < intervals.len() {
        return None;
    }
    let mut explained: Vec<usize> = regular.iter().flat_map(|(index, _)| [index - 1, *index]).collect();
    explained.dedup();
    Some(Tie {
        phases: &[],
        occasions: intervals.len(),
        answered: regular.len(),
        delays: regular.iter().map(|(_, length)| *length).collect(),
        explained,
        // One of them is the median itself, and near it for no reason.
        chance: binomial_tail(intervals.len() - 1, regular.len() - 1, share),
    })
}
