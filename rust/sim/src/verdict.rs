//! Whether every connection of a session went as it had to.

use crate::{Behaviour, End, Exchange, Finish, Outcome, Running, Scenario, Told, server::Connection};

/// What is wrong with `outcome`, for people; `None` when every byte arrived once and in order, or the right error did,
/// on both sides, and nothing is left.
pub fn judge(scenario: &Scenario, outcome: &Outcome) -> Option<String> {
    for (index, exchange) in scenario.exchanges.iter().enumerate() {
        let (app, connections) = (&outcome.apps[index], &outcome.connections[index]);
        let may_break = scenario.quality.iter().any(|quality| quality.outage.is_some());
        if let Some(wrong) = exchange.judge(app, connections, may_break) {
            return Some(format!(
                "seed {}, exchange {index}: {wrong} ({} bytes out, {:?}, end {:?} after {} bytes; server {:.60}: {:?})",
                scenario.seed,
                exchange.app.outgoing.len(),
                exchange.app.finish,
                app.end,
                app.received.len(),
                format!("{:?}", exchange.server),
                connections.iter().map(|it| (it.received.len(), it.told)).collect::<Vec<_>>(),
            ));
        }
    }
    None
}

/// What is left of a session's connections when all have ended and every timer has had its time; `None` when nothing is.
pub fn left_over(scenario: &Scenario, outcome: &Outcome) -> Option<String> {
    let seed = scenario.seed;
    if (outcome.flows, outcome.buffers, outcome.timers) != (0, 0, false) {
        let Outcome { flows, buffers, timers, .. } = outcome;
        return Some(format!("seed {seed}: {flows} flows, {buffers} bytes, timers: {timers}"));
    }
    let untold = |(index, connections): (usize, &Vec<Connection>)| {
        connections.iter().any(|connection| connection.told.is_none()).then_some(index)
    };
    let index = outcome.connections.iter().enumerate().find_map(untold)?;
    Some(format!("seed {seed}: exchange {index}'s server was not told of the end"))
}

impl Exchange {
    /// What the server says when it hears all.
    fn answer(&self) -> Vec<u8> {
        match &self.server {
            Behaviour::Echo | Behaviour::Slow(_) | Behaviour::Stall(..) | Behaviour::ResetAfter(_) => {
                self.app.outgoing.clone()
            }
            Behaviour::Source(bytes) | Behaviour::Answer(_, bytes) => bytes.clone(),
            Behaviour::Sink => format!("heard {}", self.app.outgoing.len()).into_bytes(),
            Behaviour::Refuse(_) | Behaviour::Silent => Vec::new(),
        }
    }

    fn judge(&self, app: &Running, connections: &[Connection], may_break: bool) -> Option<&'static str> {
        let (sent, answer) = (&self.app.outgoing, self.answer());
        if connections.iter().any(|it| !sent.starts_with(&it.received)) {
            return Some("the server heard what was not sent");
        }
        if !answer.starts_with(&app.received) {
            return Some("the phone heard what was not said");
        }
        if connections.iter().filter(|it| !it.received.is_empty()).count() > 1 {
            return Some("bytes were heard twice");
        }
        let Some(end) = app.end else { return Some("it has not ended") };
        // An outage may last longer than anybody waits. Then both sides have to be told; or, when only the last
        // acknowledgment was lost (TIME-WAIT is short), both have heard all.
        let whole = app.received == answer && connections.iter().any(|it| it.received == *sent);
        let told = connections.iter().all(|it| it.told != Some(Told::Closed));
        if may_break && end == End::Reset && (told || whole) {
            return None;
        }
        match (&self.server, self.app.finish) {
            (Behaviour::Refuse(_) | Behaviour::Silent, _) => (end != End::Refused).then_some("not refused"),
            // An app that resets as well, or is gone, may be the first. The RST may overtake the SYN's acknowledgment.
            (Behaviour::ResetAfter(_), Finish::Abort(_)) if end == End::Aborted => None,
            (Behaviour::ResetAfter(_), Finish::Vanish(_)) if end == End::Vanished => None,
            (Behaviour::ResetAfter(_), _) => {
                (!matches!(end, End::Reset | End::Refused)).then_some("not reset")
            }
            (_, Finish::Abort(_)) if end != End::Aborted => Some("not aborted"),
            (_, Finish::Vanish(_)) if end != End::Vanished => Some("not gone"),
            (_, Finish::Abort(_) | Finish::Vanish(_)) => connections
                .iter()
                .any(|it| it.told == Some(Told::Closed))
                .then_some("the server was told of an end in order"),
            _ if end != End::Finished => Some("not finished"),
            _ if !whole => Some("not all was heard"),
            _ => None,
        }
    }
}
