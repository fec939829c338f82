//! Medians, spread and percentiles.

use std::time::Duration;

/// What several rounds gave.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Summary {
    /// The middle one; of an even number the mean of the two in the middle.
    pub median: f64,
    /// Half of what is between the lowest and the highest, as a part of the median.
    pub spread: f64,
}

/// `None` without values.
pub(super) fn summary(values: &[f64]) -> Option<Summary> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let (low, high) = (*sorted.first()?, *sorted.last()?);
    let middle = sorted.len() / 2;
    let median = if sorted.len() % 2 == 1 {
        sorted[middle]
    } else {
        f64::midpoint(sorted[middle - 1], sorted[middle])
    };
    let spread = if median == 0.0 { 0.0 } else { (high - low) / 2.0 / median };
    Some(Summary { median, spread })
}

/// The time that `part` of the times do not exceed, in microseconds. `None` without times.
pub(super) fn percentile(times: &[Duration], part: f64) -> Option<f64> {
    let mut sorted = times.to_vec();
    sorted.sort();
    let place = (part * sorted.len() as f64).ceil() as usize;
    let time = sorted.get(place.saturating_sub(1))?;
    Some(time.as_secs_f64() * 1e6)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_middle_and_how_far_the_others_are() {
        assert_eq!(summary(&[]), None);
        assert_eq!(summary(&[3.0]), Some(Summary { median: 3.0, spread: 0.0 }));
        assert_eq!(summary(&[4.0, 1.0, 2.0]), Some(Summary { median: 2.0, spread: 0.75 }));
        assert_eq!(summary(&[4.0, 2.0]), Some(Summary { median: 3.0, spread: 1.0 / 3.0 }));
        assert_eq!(summary(&[0.0, 0.0]), Some(Summary { median: 0.0, spread: 0.0 }));
    }

    #[test]
    fn percentiles_are_times_that_were_measured() {
        let times: Vec<Duration> = (1..=200).rev().map(Duration::from_micros).collect();
        assert_eq!(percentile(&times, 0.5), Some(100.0));
        assert_eq!(percentile(&times, 0.99), Some(198.0));
        assert_eq!(percentile(&times[..1], 0.99), Some(200.0));
        assert_eq!(percentile(&[], 0.5), None);
    }
}
