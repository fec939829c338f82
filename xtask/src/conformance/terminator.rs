//! The terminator of the phone's TCP (`netstack`) against scripts of what a server's TCP must do: the peer's segments are
//! fed to it, the script's socket calls play the upstream, and acknowledgments, data, FIN, RST and what the application
//! reads are compared. Windows, options and how data is cut into segments are not.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use anyhow::{Context, Result};
use netstack::{Config, Event, FlowId, Stack};
use packet::{Packet, Segment, TcpSegment, Timestamp};

use super::corpus::Capture;
use super::score::{Board, Miss};
use super::script::{Script, Step, Wire};
use super::wire;

/// Plays every script in which the stack is the server.
///
/// # Errors
/// When the file cannot be read.
pub fn score(board: &mut Board, file: &Capture) -> Result<()> {
    let text = std::fs::read_to_string(&file.file)?;
    for line in text.lines() {
        let script: Script = serde_json::from_str(line).with_context(|| file.path.clone())?;
        if script.role != "server" {
            continue;
        }
        match play(&script) {
            Ok(()) => board.count(&file.source, "terminator", 1, 0),
            Err(wrong) => {
                let what = format!("{}: {wrong}", script.file);
                let miss = match choice(&script, &wrong) {
                    Some(reason) => Miss::excused(what, reason),
                    None => Miss::owed(what, wrong.split(" (step").next().unwrap_or_default()),
                };
                board.miss(&file.source, "terminator", miss);
            }
        }
    }
    Ok(())
}

/// Why the stack differs by choice, with what allows it; `None` when it should not differ.
fn choice(script: &Script, wrong: &str) -> Option<&'static str> {
    let calls = |option: &str| script.steps.iter().any(|step| step.args.contains(option));
    let incoming =
        |test: fn(&Wire) -> bool| script.steps.iter().filter_map(|step| step.r#in.as_ref()).any(test);
    let ahead = wrong.starts_with("sent to") && !wrong.starts_with("sent to 0 ");
    let reason = match () {
        () if calls("UDP_ENCAPS") => "TCP in UDP is no part of the protocol",
        () if calls("TCP_MD5SIG") => "no MD5 signatures (RFC 2385 is obsolete)",
        () if calls("FASTOPEN")
            || script.file.contains("fastopen")
            || incoming(|it| it.opts.contains("FO")) =>
        {
            "data on a SYN waits for the handshake (RFC 7413 section 4.2: a server may disregard the cookie)"
        }
        () if calls("SHUT_RD") => "the upstream's own end of reading is not the stack's",
        () if ahead => {
            "no congestion window: the link is memory (RFC 5681 is for networks; the receiver's window holds)"
        }
        () if incoming(|it| it.flags.contains("SF")) => {
            "SYN with FIN is refused or ignored (RFC 9293 asks for no such support)"
        }
        () if wrong.starts_with("no RST") && incoming(|it| it.flags.contains('S') && it.seq > 0) => {
            "a SYN in TIME-WAIT is acknowledged, not reset (RFC 5961 section 4.2)"
        }
        () if wrong.starts_with("SYN") && incoming(|it| it.flags == "S" && it.seq > 0) => {
            "a later SYN ends TIME-WAIT (RFC 1122 section 4.2.2.13)"
        }
        () if script.file.contains("5F") => {
            "a FIN ahead of its data waits to be sent again (RFC 9293 SHLD-31)"
        }
        () if script.steps.iter().any(|step| step.icmp_in.is_some()) => {
            "ICMP from the phone to its peer has no meaning on a TUN"
        }
        () if script.unparsed > 0 => "the script is not whole",
        () => return None,
    };
    Some(reason)
}

const PHONE: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::new(10, 0, 0, 2)), 40_000);
const SERVER: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::new(203, 0, 113, 1)), 8080);
/// The phone's initial sequence number.
const PHONE_ISN: u32 = 0x7fff_fff0;
/// How long an answer may take that the script has at once: acknowledgments may be delayed (RFC 9293 section 3.8.6.3).
const DELAY: Duration = Duration::from_millis(200);

/// What one side has said so far, in relative numbers.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
struct Said {
    syn: bool,
    /// The most that was acknowledged.
    ack: u32,
    /// The end of the data that was sent.
    end: u32,
    fin: bool,
    resets: u32,
}

struct Player {
    stack: Stack,
    now: Timestamp,
    flow: Option<FlowId>,
    /// How many were opened.
    connections: u32,
    /// The stack's initial sequence number.
    isn: Option<u32>,
    said: Said,
    /// What the application has read.
    read: u32,
    finished: bool,
    reset: bool,
    /// The application has closed its socket.
    closed: bool,
    lingers: bool,
    /// The upstream's kernel resets a connection that is closed with something left to read (RFC 2525 section 2.17).
    resets_unread: bool,
    /// How far the phone lets the stack send.
    edge: u32,
    scale: u8,
}

fn play(script: &Script) -> Result<(), String> {
    let mut player = Player::new(script.file.starts_with("google"));
    let mut expected = Said::default();
    for (number, step) in script.steps.iter().enumerate() {
        player.pass_to(&step.t);
        let outcome = match (&step.r#in, &step.out, &step.sys) {
            (Some(wire), ..) => {
                let before = player.connections;
                player.segment(wire);
                if player.connections > before {
                    expected = Said::default();
                }
                Ok(())
            }
            (_, Some(wire), _) => {
                expected.add(wire);
                player.expect(&expected)
            }
            (_, _, Some(call)) => player.call(call, step),
            _ => Err(format!("needs ICMP: {:.20}", step.icmp_in.as_deref().unwrap_or_default())),
        };
        outcome.map_err(|wrong| format!("{wrong} (step {number})"))?;
    }
    Ok(())
}

impl Said {
    fn add(&mut self, wire: &Wire) {
        self.syn |= wire.flags.contains('S');
        self.fin |= wire.flags.contains('F');
        self.resets += u32::from(wire.flags.contains('R'));
        if !wire.flags.contains('R') {
            self.ack = self.ack.max(wire.ack.unwrap_or_default());
            self.end = self.end.max(wire.seq + wire.len);
        }
    }

    fn add_segment(&mut self, isn: u32, tcp: &TcpSegment<'_>) {
        self.syn |= tcp.flags.syn;
        self.fin |= tcp.flags.fin;
        self.resets += u32::from(tcp.flags.rst);
        if !tcp.flags.rst {
            self.ack = self.ack.max(tcp.ack.wrapping_sub(PHONE_ISN));
            self.end = self.end.max(tcp.seq.wrapping_sub(isn) + tcp.payload.len() as u32);
        }
    }

    fn difference(&self, expected: &Self) -> Option<String> {
        let wrong = match (self, expected) {
            (ours, theirs) if ours == theirs => return None,
            (ours, theirs) if ours.resets < theirs.resets => "no RST".to_owned(),
            (ours, theirs) if ours.resets > theirs.resets => "an RST".to_owned(),
            (ours, theirs) if ours.syn != theirs.syn => "SYN".to_owned(),
            (ours, theirs) if ours.ack != theirs.ack => format!("ack {} for {}", ours.ack, theirs.ack),
            (ours, theirs) if ours.end != theirs.end => format!("sent to {} for {}", ours.end, theirs.end),
            _ => "FIN".to_owned(),
        };
        Some(wrong)
    }
}

impl Player {
    fn new(resets_unread: bool) -> Self {
        Self {
            stack: Stack::new(Config { seed: 7, buffer: usize::from(u16::MAX), ..Config::default() }),
            now: Timestamp::from_millis(1_600_000_000_000),
            flow: None,
            connections: 0,
            isn: None,
            said: Said::default(),
            read: 0,
            finished: false,
            reset: false,
            closed: false,
            lingers: false,
            resets_unread,
            edge: 0,
            scale: 0,
        }
    }

    fn pass_to(&mut self, t: &str) {
        let relative = t.strip_prefix('+').and_then(|text| text.split("...").next());
        let seconds: f64 = relative.and_then(|text| text.parse().ok()).unwrap_or_default();
        self.pass(self.now + Duration::from_micros((seconds * 1e6) as u64));
    }

    fn pass(&mut self, until: Timestamp) {
        while let Some(at) = self.stack.poll_timeout().filter(|at| *at <= until) {
            self.now = self.now.max(at);
            self.stack.handle_timeout(self.now);
            self.settle();
        }
        self.now = until;
    }

    fn segment(&mut self, wire: &Wire) {
        let payload: Vec<u8> = (0..wire.len).map(|at| byte_at(wire.seq + at)).collect();
        let ack = wire.flags.contains('.').then_some(wire.ack.unwrap_or(1));
        if wire.flags.contains('S') {
            self.scale = wire::window_scale(&wire.opts);
        }
        let window = u32::from(wire.win.unwrap_or(u16::MAX)) << self.scale;
        self.edge = self.edge.max(ack.unwrap_or(1).wrapping_add(window));
        let ack = ack.map(|ack| self.isn.unwrap_or_default().wrapping_add(ack));
        let segment = wire::Tcp {
            from: PHONE,
            to: SERVER,
            seq: PHONE_ISN.wrapping_add(wire.seq),
            ack,
            flags: &wire.flags,
            window: wire.win.unwrap_or(u16::MAX),
            options: &wire::options(&wire.opts),
            payload: &payload,
        };
        self.stack.handle_packet(self.now, &segment.packet());
        self.settle();
    }

    fn settle(&mut self) {
        loop {
            while let Some((id, event)) = self.stack.poll_event() {
                self.event(id, event);
            }
            let Some(bytes) = self.stack.poll_packet() else { return };
            if let Ok(Packet { segment: Segment::Tcp(tcp), .. }) = Packet::parse(&bytes) {
                if tcp.flags.syn {
                    self.isn = Some(tcp.seq);
                }
                self.said.add_segment(self.isn.unwrap_or(tcp.seq), &tcp);
            }
            self.stack.recycle(bytes);
        }
    }

    fn event(&mut self, id: FlowId, event: Event) {
        match event {
            Event::Connect(_) => {
                self.flow = Some(id);
                self.connections += 1;
                self.said = Said::default();
                (self.read, self.finished, self.reset, self.closed) = (0, false, false, false);
                self.stack.connected(self.now, id);
            }
            // A server's kernel resets a connection on which data comes that nobody will read.
            Event::Ready if self.closed && self.available() > 0 => self.stack.upstream_reset(self.now, id),
            Event::ShutdownWrite => self.finished = true,
            Event::Reset => {
                self.reset = true;
                self.flow = None;
            }
            Event::Closed => self.flow = None,
            Event::Ready | Event::Datagram(_) => {}
        }
    }

    fn expect(&mut self, expected: &Said) -> Result<(), String> {
        let latest = self.now + DELAY;
        let begin = self.now;
        while self.said.difference(expected).is_some() {
            match self.stack.poll_timeout().filter(|at| *at <= latest) {
                Some(at) => self.pass(at.max(self.now)),
                None => break,
            }
        }
        self.now = self.now.max(begin);
        // One byte may probe a closed window.
        if self.said.end > self.edge + 1 {
            return Err(format!("{} bytes beyond the phone's window", self.said.end - self.edge));
        }
        self.said.difference(expected).map_or(Ok(()), Err)
    }

    fn call(&mut self, call: &str, step: &Step) -> Result<(), String> {
        let Some(id) = self.flow else { return Ok(()) };
        let descriptor = step.args.split(',').next().unwrap_or_default();
        let listening = descriptor == "3";
        match call {
            "send" | "write" | "sendto" if step.ret > 0 => {
                let bytes = vec![0; step.ret as usize];
                self.stack.handle_upstream(self.now, id, &bytes);
            }
            "shutdown" if !step.args.contains("SHUT_RD)") => self.stack.upstream_closed(self.now, id),
            "setsockopt" if step.args.contains("SO_LINGER") => self.lingers = true,
            "close" if !listening && (self.lingers || self.resets_unread && self.available() > 0) => {
                self.stack.upstream_reset(self.now, id);
            }
            "close" if !listening => {
                self.closed = true;
                self.stack.upstream_closed(self.now, id);
            }
            // One that blocks ends with the packets to come.
            "recv" | "read" if step.errno.is_none() && !step.t.contains("...") => {
                return self.receive(id, step);
            }
            _ => {}
        }
        self.settle();
        Ok(())
    }

    fn available(&mut self) -> usize {
        let Some(id) = self.flow else { return 0 };
        let mut available = 0;
        self.stack.drain(self.now, id, |bytes| {
            available = bytes.len();
            0
        });
        available
    }

    /// What is read must be what was sent, and as much as the script says.
    fn receive(&mut self, id: FlowId, step: &Step) -> Result<(), String> {
        let (mut wanted, mut wrong, peeks) = (step.ret as usize, false, step.args.contains("MSG_PEEK"));
        let mut at = self.read + 1;
        self.stack.drain(self.now, id, |bytes| {
            let taken = bytes.len().min(wanted);
            wrong |= bytes[..taken].iter().zip(at..).any(|(byte, seq)| *byte != byte_at(seq));
            at += taken as u32;
            wanted -= taken;
            if peeks { 0 } else { taken }
        });
        if !peeks {
            self.read = at - 1;
        }
        self.settle();
        match (wanted, wrong) {
            (_, true) => Err("a byte differs".to_owned()),
            (0, _) if step.ret == 0 && !self.finished => Err("no end to read".to_owned()),
            (0, _) => Ok(()),
            (missing, _) => Err(format!("{missing} bytes of {} not to be read", step.ret)),
        }
    }
}

/// The byte that the phone's stream has at a sequence number: any, but always the same.
fn byte_at(seq: u32) -> u8 {
    (seq.wrapping_mul(2_654_435_761) >> 24) as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    fn script(steps: serde_json::Value) -> Script {
        serde_json::from_value(serde_json::json!({"file": "x", "role": "server", "steps": steps})).unwrap()
    }

    fn steps(read: i64, acknowledged: u32) -> serde_json::Value {
        let wire = |flags: &str, seq: u32, len: u32, ack: u32| serde_json::json!({"flags": flags, "seq": seq, "len": len, "ack": ack});
        serde_json::json!([
            {"t": "+0", "in": {"flags": "S", "seq": 0, "len": 0, "win": 1000, "opts": "mss 1460"}},
            {"t": "+0", "out": wire("S.", 0, 0, 1)},
            {"t": "+0", "in": wire(".", 1, 0, 1)},
            {"t": "+0.1", "in": wire("F.", 1, 10, 1)},
            {"t": "+0", "out": wire(".", 1, 0, acknowledged)},
            {"t": "+0", "sys": "recv", "args": "4, ..., 1024, 0", "ret": read},
            {"t": "+0", "sys": "recv", "args": "4, ..., 1024, 0", "ret": 0},
            {"t": "+0", "sys": "send", "args": "4, ..., 5, 0", "ret": 5},
            {"t": "+0", "out": wire("P.", 1, 5, acknowledged)},
        ])
    }

    #[test]
    fn a_script_is_played_and_differences_are_told() {
        assert_eq!(play(&script(steps(10, 12))), Ok(()));
        assert_eq!(play(&script(steps(10, 11))), Err("ack 12 for 11 (step 4)".to_owned()));
        assert_eq!(play(&script(steps(11, 12))), Err("1 bytes of 11 not to be read (step 5)".to_owned()));
    }

    #[test]
    fn what_differs_by_choice_names_what_allows_it() {
        let incomplete = Script { unparsed: 1, ..script(serde_json::json!([])) };
        assert_eq!(choice(&incomplete, "FIN (step 3)"), Some("the script is not whole"));
        assert_eq!(choice(&script(serde_json::json!([])), "FIN (step 3)"), None);
    }
}
