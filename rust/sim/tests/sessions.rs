//! Hundreds of random sessions: every byte arrives once and in order or the right error does, and the recording
//! replays to the live report, byte for byte.

use sim::{Scenario, judge, replay, run};

const SEEDS: u64 = 300;

#[test]
fn bytes_arrive_once_and_in_order_and_the_recording_replays_to_the_live_report() {
    for seed in 0..SEEDS {
        let scenario = Scenario::random(seed);
        let (outcome, watched) = run(&scenario);
        assert_eq!(judge(&scenario, &outcome), None);
        let live = serde_json::to_string(&watched.report).expect("JSON");
        let replayed = serde_json::to_string(&replay(&watched.recording)).expect("JSON");
        assert!(live == replayed, "seed {seed}\n{live}\n{replayed}");
    }
}

#[test]
fn the_same_seed_gives_the_same_session() {
    for seed in [3, 77] {
        let [first, second] = [(); 2].map(|()| run(&Scenario::random(seed)));
        assert!(first.1.recording == second.1.recording);
    }
}
