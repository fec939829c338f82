//! Hundreds of random sessions: every byte arrives once and in order or the right error does, and the recording
//! replays to the live report, byte for byte.

use sim::tls::records;
use sim::{Behaviour, Exchange, Finish, Scenario, Watched, judge, replay, run, tls};

const SEEDS: u64 = 300;

fn replay_tells_the_same(seed: u64, watched: &Watched) {
    let live = serde_json::to_string(&watched.report).expect("JSON");
    let replayed = serde_json::to_string(&replay(&watched.recording)).expect("JSON");
    assert!(live == replayed, "seed {seed}\n{live}\n{replayed}");
}

#[test]
fn bytes_arrive_once_and_in_order_and_the_recording_replays_to_the_live_report() {
    for seed in 0..SEEDS {
        let scenario = Scenario::random(seed);
        let (outcome, watched) = run(&scenario);
        assert_eq!(judge(&scenario, &outcome), None);
        replay_tells_the_same(seed, &watched);
    }
}

#[test]
fn the_same_seed_gives_the_same_session() {
    for seed in [3, 77] {
        let [first, second] = [(); 2].map(|()| run(&Scenario::random(seed)));
        assert!(first.1.recording == second.1.recording);
    }
}

/// Runs `scenario`, whose replay must tell what was told live. Returns how many bytes its recording has for each that
/// was carried.
fn recorded(scenario: &Scenario) -> f64 {
    let (_, watched) = run(scenario);
    replay_tells_the_same(scenario.seed, &watched);
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
            exchange.app.outgoing = tls::hello([7; 32]);
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
            exchange.app.outgoing = [tls::hello([7; 32]), records(60)].concat();
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
            exchange.app.outgoing = [tls::hello([7; 32]), records(4), exchange.app.outgoing.clone()].concat();
        }
        recorded(&scenario);
    }
}
