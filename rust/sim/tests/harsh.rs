//! Thousands of random sessions over links of every badness, each followed until nothing is left of it: every byte
//! arrives once and in order, or the right error does, on both sides.

use sim::{Scenario, judge, left_over, run_unwatched};

fn all_hold(seeds: impl Iterator<Item = u64>) {
    for seed in seeds {
        let scenario = Scenario::harsh(seed);
        let outcome = run_unwatched(&scenario);
        assert_eq!(judge(&scenario, &outcome), None, "{:?}", scenario.quality);
        assert_eq!(left_over(&scenario, &outcome), None, "{:?}", scenario.quality);
    }
}

#[test]
fn every_byte_arrives_once_or_the_right_error_and_nothing_is_left() {
    all_hold(0..1_500);
}

/// Sessions that once failed.
#[test]
fn what_failed_once_holds() {
    // The engine's FIN was acknowledged by a segment that smoltcp drops, and by bare ones for ever after.
    all_hold([22_165].into_iter());
}

/// `TELLTALE_SEEDS=0..100000 cargo test --release -p sim --test harsh -- --ignored`
#[test]
#[ignore = "takes minutes"]
#[expect(clippy::disallowed_methods, reason = "which seeds are run is for people to say")]
fn many_more_hold() {
    let range = std::env::var("TELLTALE_SEEDS").unwrap_or_else(|_| "1500..12000".to_owned());
    let parsed = range.split_once("..").and_then(|(from, to)| Some((from.parse().ok()?, to.parse().ok()?)));
    let (from, to): (u64, u64) = parsed.expect("TELLTALE_SEEDS is FROM..TO");
    all_hold(from..to);
}
