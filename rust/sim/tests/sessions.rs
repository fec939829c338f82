//! Hundreds of random sessions: every byte arrives once and in order or the right error does, and the recording
//! replays to the live report, byte for byte.

use sim::{Behaviour, Exchange, Finish, Scenario, judge, replay, run};

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

/// So many of a TLS connection's records that are encrypted, behind the one that says so.
fn records(count: usize) -> Vec<u8> {
    let mut content = vec![20, 3, 3, 0, 1, 1];
    for _ in 0..count {
        content.extend([23, 3, 3, 0x40, 0]);
        content.extend((0..1u32 << 14).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8));
    }
    content
}

/// Runs `scenario`, whose replay must tell what was told live. Returns how many bytes its recording has for each that
/// was carried.
fn recorded(scenario: &Scenario) -> f64 {
    let (_, watched) = run(scenario);
    let live = serde_json::to_string(&watched.report).expect("a report");
    let replayed = serde_json::to_string(&replay(&watched.recording)).expect("a report");
    assert!(live == replayed, "seed {}\n{live}\n{replayed}", scenario.seed);
    let carried: u64 = watched.report.flows.iter().map(|flow| flow.bytes_in + flow.bytes_out).sum();
    watched.recording.len() as f64 / carried as f64
}

/// A random session of which two exchanges are left, over a good link.
fn two_exchanges(seed: u64, change: impl Fn(&mut Exchange)) -> Scenario {
    let mut scenario = Scenario { quality: Default::default(), ..Scenario::random(seed) };
    scenario.exchanges.truncate(2);
    scenario.exchanges.iter_mut().for_each(change);
    scenario
}

#[test]
fn what_nobody_can_read_is_not_recorded_and_the_replay_tells_the_same() {
    for seed in 0..40 {
        let scenario = two_exchanges(seed, |exchange| {
            exchange.app.outgoing = hello();
            exchange.app.finish = Finish::AfterReceiving;
            exchange.server = Behaviour::Source(records(60));
        });
        // At the smallest MTU a packet's header and the recording's own are a fifth of it.
        assert!(recorded(&scenario) < 0.5, "seed {seed}");
    }
}

#[test]
fn an_upload_that_nobody_can_read_is_not_recorded_while_the_server_is_silent() {
    for seed in 0..40 {
        let scenario = two_exchanges(seed, |exchange| {
            exchange.app.outgoing = [hello(), records(60)].concat();
            exchange.app.finish = Finish::AfterSending;
            exchange.server = Behaviour::Sink;
        });
        assert!(recorded(&scenario) < 0.5, "seed {seed}");
    }
}

#[test]
fn what_is_left_out_of_an_upload_changes_nothing_on_a_bad_network() {
    for seed in 0..200 {
        let mut scenario = Scenario::harsh(seed);
        for exchange in &mut scenario.exchanges {
            exchange.app.outgoing = [hello(), records(4), exchange.app.outgoing.clone()].concat();
        }
        recorded(&scenario);
    }
}
