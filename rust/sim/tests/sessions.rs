//! Hundreds of random sessions: every byte arrives once and in order or the right error does, and the recording
//! replays to the live report, byte for byte.

use sim::{Behaviour, End, Exchange, Finish, Outcome, Running, Scenario, replay, run};

const SEEDS: u64 = 300;

#[test]
fn bytes_arrive_once_and_in_order_and_the_recording_replays_to_the_live_report() {
    for seed in 0..SEEDS {
        let scenario = Scenario::random(seed);
        let outcome = run(&scenario);
        check_exchanges(&scenario, &outcome);
        let live = serde_json::to_string(&outcome.report).expect("JSON");
        let replayed = serde_json::to_string(&replay(&outcome.recording)).expect("JSON");
        assert!(live == replayed, "seed {seed}\n{live}\n{replayed}");
    }
}

#[test]
fn the_same_seed_gives_the_same_session() {
    for seed in [3, 77] {
        let [first, second] = [(); 2].map(|()| run(&Scenario::random(seed)));
        assert!(first.recording == second.recording);
    }
}

fn check_exchanges(scenario: &Scenario, outcome: &Outcome) {
    for (index, exchange) in scenario.exchanges.iter().enumerate() {
        let (app, heard) = (&outcome.apps[index], &outcome.heard[index]);
        assert_eq!(
            judge(exchange, app, heard),
            None,
            "seed {}, exchange {index} ({} bytes out, {:?}, end {:?}, server heard {:?})",
            scenario.seed,
            exchange.app.outgoing.len(),
            app.app.finish,
            app.end,
            heard.iter().map(Vec::len).collect::<Vec<_>>(),
        );
    }
}

fn judge(exchange: &Exchange, app: &Running, heard: &[Vec<u8>]) -> Option<&'static str> {
    let sent = &exchange.app.outgoing;
    if heard.iter().any(|heard| !sent.starts_with(heard)) {
        return Some("the server heard what was not sent");
    }
    let whole = heard.iter().any(|heard| heard == sent);
    let answer: &[u8] = match &exchange.server {
        Behaviour::Echo | Behaviour::Slow(_) | Behaviour::ResetAfter(_) => sent,
        Behaviour::Source(bytes) | Behaviour::Answer(_, bytes) => bytes,
        Behaviour::Sink => &format!("heard {}", sent.len()).into_bytes(),
        Behaviour::Refuse(_) | Behaviour::Silent => &[],
    };
    if !answer.starts_with(&app.received) {
        return Some("the phone heard what was not said");
    }
    match (&exchange.server, exchange.app.finish) {
        (Behaviour::Refuse(_) | Behaviour::Silent, _) if app.end != Some(End::Refused) => Some("not refused"),
        // The RST may overtake the SYN's acknowledgment.
        (Behaviour::ResetAfter(_), _) if !matches!(app.end, Some(End::Reset | End::Refused)) => {
            Some("not reset")
        }
        (Behaviour::Refuse(_) | Behaviour::Silent | Behaviour::ResetAfter(_), _) => None,
        (_, Finish::Abort(_)) if app.end != Some(End::Aborted) => Some("not aborted"),
        (_, Finish::Abort(_)) => None,
        _ if app.end != Some(End::Finished) => Some("not finished"),
        _ if !whole => Some("the server did not hear all"),
        _ if app.received != answer => Some("the phone did not hear all"),
        _ => None,
    }
}
