//! Scripted ends of upstream connections.

use std::time::Duration;

use netstack::{FlowId, Stack, Unreachable};
use packet::Timestamp;

use crate::Random;

/// How a server behaves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Behaviour {
    /// Sends back what it gets, and finishes after the phone.
    Echo,
    /// The same, but takes this many bytes at most in 30 ms.
    Slow(usize),
    /// The same as [`Self::Echo`], but once it has taken this many bytes it takes nothing for this long.
    Stall(usize, Duration),
    /// Listens to the end, then says how many bytes it heard.
    Sink,
    /// Sends these bytes and finishes, whatever the phone does; still listens.
    Source(Vec<u8>),
    /// Answers a request of this many bytes with these, and finishes.
    Answer(usize, Vec<u8>),
    /// Resets the connection once it has heard this many bytes.
    ResetAfter(usize),
    /// Cannot be reached.
    Refuse(Unreachable),
    /// Never answers.
    Silent,
}

/// What a server was told of the end of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Told {
    /// Both sides finished.
    Closed,
    /// The phone reset it, or it was given up.
    Reset,
    /// Nothing: the server itself refused or reset it.
    Nothing,
}

/// A server's end of one connection.
#[derive(Debug)]
pub struct Connection {
    /// What it heard.
    pub received: Vec<u8>,
    /// How it ended, if it did.
    pub told: Option<Told>,
    behaviour: Behaviour,
    stage: Stage,
    outgoing: Vec<u8>,
    accepted: usize,
    /// The phone finished.
    phone_finished: bool,
    stalled: bool,
    /// When it acts of its own accord.
    wakes: Option<Timestamp>,
}

#[derive(Debug, PartialEq, Eq)]
enum Stage {
    Connecting,
    Open,
    /// It sends no more.
    Finished,
    Over,
}

const PAUSE: Duration = Duration::from_millis(30);

impl Connection {
    /// A connection attempt that is answered after `delay`.
    pub fn new(now: Timestamp, behaviour: Behaviour, delay: Duration) -> Self {
        let outgoing = match &behaviour {
            Behaviour::Source(bytes) => bytes.clone(),
            _ => Vec::new(),
        };
        let wakes = (behaviour != Behaviour::Silent).then_some(now + delay);
        Self {
            received: Vec::new(),
            told: None,
            behaviour,
            stage: Stage::Connecting,
            outgoing,
            accepted: 0,
            phone_finished: false,
            stalled: false,
            wakes,
        }
    }

    /// When [`Self::work`] is next needed.
    pub const fn poll_timeout(&self) -> Option<Timestamp> {
        self.wakes
    }

    /// The phone sends no more.
    pub const fn phone_finished(&mut self) {
        self.phone_finished = true;
    }

    /// The flow is gone.
    ///
    /// # Panics
    /// When that was told before.
    pub fn end(&mut self, told: Told) {
        assert_eq!(self.told.replace(told), None, "an end is told once");
        self.stage = Stage::Over;
        self.wakes = None;
    }

    /// Does what can be done.
    pub fn work(&mut self, now: Timestamp, id: FlowId, stack: &mut Stack, random: &mut Random) {
        if self.stage == Stage::Connecting {
            if self.wakes.is_none_or(|wakes| now < wakes) {
                return;
            }
            self.wakes = None;
            if let Behaviour::Refuse(why) = self.behaviour {
                self.end(Told::Nothing);
                return stack.refused(now, id, why);
            }
            self.stage = Stage::Open;
            stack.connected(now, id);
        }
        if self.stage == Stage::Over {
            return;
        }
        self.listen(now, id, stack, random);
        if matches!(self.behaviour, Behaviour::ResetAfter(after) if self.received.len() >= after) {
            self.end(Told::Nothing);
            return stack.upstream_reset(now, id);
        }
        self.speak(now, id, stack);
    }

    fn listen(&mut self, now: Timestamp, id: FlowId, stack: &mut Stack, random: &mut Random) {
        let mut quota = match self.behaviour {
            _ if self.wakes.is_some_and(|wakes| now < wakes) && !self.is_prompt() => return,
            Behaviour::Slow(most) => most,
            _ => usize::MAX,
        };
        let before = self.received.len();
        stack.drain(now, id, |bytes| {
            // A socket may take less than it is offered.
            let take = if random.happens(100) { 1 + random.below(bytes.len()) } else { bytes.len() };
            let take = take.min(quota);
            quota -= take;
            self.received.extend_from_slice(&bytes[..take]);
            take
        });
        let heard = &self.received[before..];
        self.wakes = (!heard.is_empty()).then_some(now + PAUSE);
        if matches!(self.behaviour, Behaviour::Echo | Behaviour::Slow(_) | Behaviour::Stall(..)) {
            self.outgoing.extend_from_slice(heard);
        }
        if let Behaviour::Stall(after, pause) = self.behaviour
            && self.received.len() >= after
            && !std::mem::replace(&mut self.stalled, true)
        {
            self.wakes = Some(now + pause);
        }
    }

    /// Whether it takes what comes at once.
    const fn is_prompt(&self) -> bool {
        !matches!(self.behaviour, Behaviour::Slow(_) | Behaviour::Stall(..))
    }

    fn speak(&mut self, now: Timestamp, id: FlowId, stack: &mut Stack) {
        if self.stage != Stage::Open {
            return;
        }
        let complete = match &self.behaviour {
            Behaviour::Echo | Behaviour::Slow(_) | Behaviour::Stall(..) => self.phone_finished,
            Behaviour::Sink if self.phone_finished => {
                self.outgoing = format!("heard {}", self.received.len()).into_bytes();
                true
            }
            Behaviour::Answer(request, answer) if self.received.len() >= *request => {
                self.outgoing.clone_from(answer);
                true
            }
            Behaviour::Source(_) => true,
            _ => false,
        };
        self.accepted += stack.handle_upstream(now, id, &self.outgoing[self.accepted..]);
        if complete && self.accepted == self.outgoing.len() {
            self.stage = Stage::Finished;
            stack.upstream_closed(now, id);
        }
    }
}
