//! A scripted session in virtual time, its script made of any bytes: a phone, bad links, the stack and servers. Every byte
//! must arrive once and in order, or the right error, on both sides; nothing may be left. Every other session is also
//! inspected and recorded, and its recording has to replay to the same report.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use sim::{
    App, Behaviour, Exchange, Finish, Outcome, Quality, Scenario, Unreachable, judge, left_over, replay, run,
    run_unwatched,
};

/// Runs it once.
pub fn run_script(data: &[u8]) {
    let mut script = Script(data);
    let watched = script.byte() & 1 == 1;
    let scenario = script.scenario();
    let outcome = if watched { run_watched(&scenario) } else { run_unwatched(&scenario) };
    assert_eq!(judge(&scenario, &outcome), None, "{:?}", scenario.quality);
    assert_eq!(left_over(&scenario, &outcome), None, "{:?}", scenario.quality);
}

fn run_watched(scenario: &Scenario) -> Outcome {
    let (outcome, watched) = run(scenario);
    assert!(watched.report == replay(&watched.recording), "the recording tells something else");
    outcome
}

/// Bytes that are read as long as there are any, and are 0 then.
struct Script<'a>(&'a [u8]);

impl Script<'_> {
    fn byte(&mut self) -> u8 {
        let Some((first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        *first
    }

    /// A number up to `most`, by 256 steps.
    fn up_to(&mut self, most: usize) -> usize {
        usize::from(self.byte()) * most / 255
    }

    fn pick<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[usize::from(self.byte()) % choices.len()]
    }

    fn scenario(&mut self) -> Scenario {
        let mtu = self.pick(&[576, 1280, 1500, 9000, 65_535]);
        let quality = [self.quality(), self.quality()];
        let count = 1 + self.up_to(2);
        Scenario {
            seed: u64::from(self.byte()),
            mtu,
            quality,
            buffer: 1_500 + self.up_to(100_000),
            most_buffers: self.pick(&[0, 64 << 10, 1 << 30]),
            most_quiet: 0,
            exchanges: (0..count).map(|index| self.exchange(index)).collect(),
            questions: Vec::new(),
            afterwards: Duration::from_secs(3 * 3600),
        }
    }

    fn quality(&mut self) -> Quality {
        Quality {
            loss: self.up_to(150) as u32,
            duplicates: self.up_to(300) as u32,
            reorder: self.up_to(300) as u32,
            // smoltcp, which is the phone's kernel, verifies no checksums when it is built to be fuzzed.
            corrupt: 0,
            delay: Duration::from_micros(self.up_to(400_000) as u64),
            jitter: Duration::from_micros(self.up_to(200_000) as u64),
            rate: None,
            outage: None,
        }
    }

    fn exchange(&mut self, index: usize) -> Exchange {
        let remote: std::net::IpAddr = match self.byte() & 1 {
            0 => Ipv4Addr::new(203, 0, 113, 1).into(),
            _ => Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1).into(),
        };
        let outgoing = self.payload();
        let server = self.server(outgoing.len());
        let answer = match &server {
            Behaviour::Source(bytes) | Behaviour::Answer(_, bytes) => bytes.len(),
            Behaviour::Echo | Behaviour::Slow(_) | Behaviour::Stall(..) => outgoing.len(),
            _ => 0,
        };
        let speaks = matches!(server, Behaviour::Source(_) | Behaviour::Answer(..));
        let finish = match self.byte() % 6 {
            0 => Finish::Abort(self.up_to(answer)),
            1 => Finish::Vanish(self.up_to(answer)),
            2 | 3 if speaks => Finish::AfterReceiving,
            _ => Finish::AfterSending,
        };
        let never = matches!(server, Behaviour::Silent | Behaviour::Refuse(_));
        let app = App {
            start: Duration::from_millis(self.up_to(2_000) as u64),
            remote: SocketAddr::new(remote, Scenario::FIRST_PORT + index as u16),
            finish,
            reads: (self.byte() & 3 == 0).then(|| 500 + self.up_to(5_000)),
            sleeps: (self.byte() & 3 == 0).then(|| (self.up_to(answer), self.pause())),
            buffer: 1_000 + self.up_to(100_000),
            patience: never.then_some(Duration::from_secs(90)),
            keep_alive: matches!(server, Behaviour::ResetAfter(_)) || self.byte() & 1 == 1,
            outgoing,
        };
        Exchange { app, server }
    }

    fn server(&mut self, request: usize) -> Behaviour {
        match self.byte() % 9 {
            0 => Behaviour::Sink,
            1 => Behaviour::Source(self.payload()),
            2 => Behaviour::Answer(request, self.payload()),
            3 => Behaviour::ResetAfter(self.up_to(request)),
            4 => {
                Behaviour::Refuse(self.pick(&[Unreachable::Refused, Unreachable::Host, Unreachable::Network]))
            }
            5 => Behaviour::Silent,
            6 => Behaviour::Slow(100 + self.up_to(4_000)),
            7 => Behaviour::Stall(self.up_to(request), self.pause()),
            _ => Behaviour::Echo,
        }
    }

    fn pause(&mut self) -> Duration {
        Duration::from_millis(self.pick(&[50, 1_000, 10_000, 600_000]))
    }

    fn payload(&mut self) -> Vec<u8> {
        let len = self.up_to(255) * self.pick(&[1, 10, 100]);
        (0..len).map(|at| (at % 251) as u8).collect()
    }
}
