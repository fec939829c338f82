//! Hundreds of random sessions: every byte arrives once and in order or the right error does, and the recording
//! replays to the live report, byte for byte.

use sim::{Behaviour, Finish, Scenario, judge, replay, run};

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

/// A ClientHello of TLS 1.3 without any extension, and a first record that is encrypted.
fn hello() -> Vec<u8> {
    let body = [&[3, 3][..], &[7; 32], &[0, 0, 2, 0x13, 1, 1, 0, 0, 0]].concat();
    let len = body.len() as u8;
    let records = [20, 3, 3, 0, 1, 1, 23, 3, 3, 0, 4, 1, 2, 3, 4];
    [&[22, 3, 1, 0, len + 4, 1, 0, 0, len][..], &body, &records].concat()
}

#[test]
fn what_nobody_can_read_is_not_recorded_and_the_replay_tells_the_same() {
    let mut content = vec![20, 3, 3, 0, 1, 1];
    for _ in 0..60 {
        content.extend([23, 3, 3, 0x40, 0]);
        content.extend((0..1u32 << 14).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8));
    }
    for seed in 0..40 {
        let mut scenario = Scenario::random(seed);
        scenario.quality = Default::default();
        scenario.exchanges.truncate(2);
        for exchange in &mut scenario.exchanges {
            exchange.app.outgoing = hello();
            exchange.app.finish = Finish::AfterReceiving;
            exchange.server = Behaviour::Source(content.clone());
        }
        let (_, watched) = run(&scenario);
        let live = serde_json::to_string(&watched.report).expect("a report");
        assert_eq!(
            serde_json::to_string(&replay(&watched.recording)).expect("a report"),
            live,
            "seed {seed}"
        );
        let carried: u64 = watched.report.flows.iter().map(|flow| flow.bytes_in).sum();
        // At the smallest MTU a packet's header and the recording's own are a fifth of it.
        if carried > 500_000 {
            assert!((watched.recording.len() as u64) < carried / 2, "seed {seed}: {carried}");
        }
    }
}
