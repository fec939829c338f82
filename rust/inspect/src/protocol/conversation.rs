//! Protocols in which lines of text are said in turn: FTP, SMTP, POP3, IMAP.

use std::fmt::Debug;

use packet::Direction;

use super::message::Parts;
use super::session::{Run, StreamSession, Switch, Upgrade};
use super::{Observation, Readable};
use crate::stream::StreamEvent;

/// The longest line; RFC 5321 allows 1000 bytes, IMAP's clients send more.
const MAX_LINE: usize = 8 * 1024;
/// Bytes kept of a text between lines.
const MAX_TEXT: usize = 256 * 1024;
/// Bytes of answers that are looked at together.
const MAX_ANSWER: usize = 4 * 1024;

/// A line of a client or a server, without its end.
#[derive(Debug, Clone, Copy)]
pub(super) struct Line<'a> {
    pub(super) bytes: &'a [u8],
    /// Stream offset of the first byte.
    pub(super) at: u64,
}

impl<'a> Line<'a> {
    /// The first word in upper case, and what follows it.
    pub(super) fn command(&self) -> (String, &'a [u8], usize) {
        let end = self.bytes.iter().position(|&byte| byte == b' ').unwrap_or(self.bytes.len());
        let rest = self.bytes[end..].trim_ascii_start();
        let word = String::from_utf8_lossy(&self.bytes[..end.min(32)]).to_ascii_uppercase();
        (word, rest, self.bytes.len() - rest.len())
    }
}

/// What follows a client's line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    /// Another line.
    Line,
    /// That many bytes of text, then another line.
    Counted(u64),
    /// Text up to a line with nothing but a dot, if the server wants it.
    Dotted,
    /// The client asked for TLS.
    Tls,
}

/// What a server's line means for what the client asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Answer {
    Yes,
    No,
    /// It is no answer to that.
    Other,
}

/// What is said in one such protocol.
pub(super) trait Dialect: Debug + Clone + Send + 'static {
    /// First word of the decode steps.
    const NAME: &'static str;

    /// Takes a line of the client's.
    fn line(&mut self, line: Line<'_>, out: &mut Vec<Observation>) -> Next;

    /// Takes a text of the client's that begins at `at`, its escaped dots undone. `len` bytes of the stream are its.
    fn text(&mut self, at: u64, bytes: &[u8], len: u64, out: &mut Vec<Observation>);

    /// What a line of the server's says to a wish for TLS.
    fn answer(&self, line: &[u8]) -> Answer;
}

/// A connection: the phone is the client.
#[derive(Debug, Clone)]
pub(super) struct Conversation<D> {
    dialect: D,
    client: Half,
    server: Half,
    mode: Mode,
    text: Text,
    /// The server's lines since the client's last.
    said: Vec<u8>,
    said_at: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    Line,
    Counted(u64),
    Dotted,
    /// TLS was asked for; what the client says is held until the server answers.
    Asked,
}

/// Bytes of one direction that are no line yet.
#[derive(Debug, Clone, Default)]
struct Half {
    buffer: Vec<u8>,
    at: u64,
    /// How much of the buffer was handed on because it went on no more.
    told: usize,
    lost: bool,
}

/// A text between lines.
#[derive(Debug, Clone, Default)]
struct Text {
    at: u64,
    /// Bytes of the stream that are its.
    len: u64,
    kept: Vec<u8>,
    /// Whether a line in it was too long to be seen whole, and goes on.
    inside: bool,
}

impl Text {
    fn push(&mut self, at: u64, bytes: &[u8], len: usize) {
        if self.len == 0 {
            self.at = at;
        }
        self.len += len as u64;
        let room = MAX_TEXT.saturating_sub(self.kept.len());
        self.kept.extend_from_slice(&bytes[..bytes.len().min(room)]);
    }
}

impl<D: Dialect> Conversation<D> {
    pub(super) fn new(dialect: D) -> Self {
        Self {
            dialect,
            client: Half::default(),
            server: Half::default(),
            mode: Mode::Line,
            text: Text::default(),
            said: Vec::new(),
            said_at: 0,
        }
    }

    /// Takes all that is whole of what the client said.
    fn listen(&mut self, out: &mut Vec<Observation>) -> Option<Switch> {
        loop {
            match self.mode {
                Mode::Asked if self.client.buffer.len() > MAX_TEXT => return Some(self.give_way(false)),
                Mode::Asked => return None,
                Mode::Counted(left) => {
                    let there = self.client.buffer.len().min(usize::try_from(left).unwrap_or(usize::MAX));
                    let (at, bytes) = self.client.take(there);
                    self.text.push(at, &bytes, there);
                    self.mode = Mode::Counted(left - there as u64);
                    if left > there as u64 {
                        return None;
                    }
                    self.finish_text(out);
                }
                Mode::Dotted => {
                    if !self.text_line(out) {
                        return None;
                    }
                }
                Mode::Line => {
                    let Some((at, line)) = self.client.line() else { break };
                    let next = self.dialect.line(Line { bytes: line.trim_ascii_end(), at }, out);
                    out.extend(Observation::whole(Direction::Outbound, at, &line));
                    self.mode = match next {
                        Next::Line => Mode::Line,
                        Next::Counted(len) => Mode::Counted(len),
                        Next::Dotted => Mode::Dotted,
                        Next::Tls => Mode::Asked,
                    };
                }
            }
        }
        (self.client.buffer.len() >= MAX_LINE).then(|| self.give_way(false))
    }

    /// Takes a line of a dotted text; whether there was one.
    fn text_line(&mut self, out: &mut Vec<Observation>) -> bool {
        let (at, line) = match self.client.line() {
            Some(line) => line,
            None if self.client.buffer.len() >= MAX_LINE => self.client.take(MAX_LINE),
            None => return false,
        };
        let begins = !std::mem::replace(&mut self.text.inside, !line.ends_with(b"\n"));
        if begins && line.trim_ascii_end() == b"." {
            self.finish_text(out);
        } else {
            // RFC 5321 section 4.5.2.
            let plain = line.strip_prefix(b".").filter(|_| begins).unwrap_or(&line);
            self.text.push(at, plain, line.len());
        }
        true
    }

    fn finish_text(&mut self, out: &mut Vec<Observation>) {
        let text = std::mem::take(&mut self.text);
        self.mode = Mode::Line;
        if text.len > 0 {
            self.dialect.text(text.at, &text.kept, text.len, out);
        }
    }

    /// Takes what the server said: its lines are kept until the client speaks.
    fn hear(&mut self, out: &mut Vec<Observation>) -> Option<Switch> {
        loop {
            let (at, line) = match self.server.line() {
                Some(line) => line,
                None if self.server.buffer.len() >= MAX_LINE => self.server.take(MAX_LINE),
                None => return None,
            };
            if self.said.is_empty() {
                self.said_at = at;
            }
            self.said.extend_from_slice(&line);
            if self.said.len() >= MAX_ANSWER {
                self.tell(out);
            }
            match self.dialect.answer(line.trim_ascii_end()) {
                Answer::Yes if self.mode == Mode::Asked => return Some(self.give_way(true)),
                Answer::No if self.mode == Mode::Asked => {
                    self.mode = Mode::Line;
                    if let Some(switch) = self.listen(out) {
                        return Some(switch);
                    }
                }
                // A refused text is not sent.
                Answer::No
                    if self.mode == Mode::Dotted && self.text.len == 0 && self.client.buffer.is_empty() =>
                {
                    self.mode = Mode::Line;
                }
                _ => {}
            }
        }
    }

    fn tell(&mut self, out: &mut Vec<Observation>) {
        let said = std::mem::take(&mut self.said);
        let mut parts = Parts::new(&said, self.said_at);
        parts.add("reply", 0..said.len());
        out.extend(parts.finish(Direction::Inbound, D::NAME, None));
    }

    /// The connection goes on with another protocol. What the server said is told before.
    fn give_way(&mut self, server_first: bool) -> Switch {
        let run =
            |direction, half: &mut Half| -> Run { (direction, half.at, std::mem::take(&mut half.buffer)) };
        let mut rest =
            vec![run(Direction::Outbound, &mut self.client), run(Direction::Inbound, &mut self.server)];
        if !server_first {
            rest.reverse();
        }
        Switch { to: Upgrade::Anything, rest }
    }

    fn lose(&mut self, direction: Direction, out: &mut Vec<Observation>) {
        let half = if direction == Direction::Outbound { &mut self.client } else { &mut self.server };
        if !half.lost {
            *half = Half { lost: true, ..Half::default() };
            out.push(Observation::GiveUp { direction, reason: "gap" });
        }
    }
}

impl Half {
    fn add(&mut self, offset: u64, bytes: &[u8]) {
        if self.buffer.is_empty() {
            self.at = offset;
        }
        self.buffer.extend_from_slice(bytes);
    }

    fn take(&mut self, len: usize) -> (u64, Vec<u8>) {
        let rest = self.buffer.split_off(len.min(self.buffer.len()));
        let taken = std::mem::replace(&mut self.buffer, rest);
        let at = self.at;
        self.at += taken.len() as u64;
        self.told = self.told.saturating_sub(taken.len());
        (at, taken)
    }

    /// What goes on no more, or not soon: it was not handed on yet.
    fn rest(&mut self, direction: Direction) -> Option<Observation> {
        let untold = self.buffer.len() > self.told;
        self.told = self.buffer.len();
        untold.then(|| Observation::Readable(Readable::new(direction, self.at, &self.buffer)))
    }

    /// The first line with its end, unless it is too long.
    fn line(&mut self) -> Option<(u64, Vec<u8>)> {
        let end = self.buffer.iter().take(MAX_LINE).position(|&byte| byte == b'\n')?;
        Some(self.take(end + 1))
    }
}

impl<D: Dialect> StreamSession for Conversation<D> {
    fn handle(
        &mut self,
        direction: Direction,
        event: StreamEvent<'_>,
        out: &mut Vec<Observation>,
    ) -> Option<Switch> {
        match (event, direction) {
            (StreamEvent::Data { .. }, _) if !self.wants(direction) => None,
            (StreamEvent::Data { offset, bytes }, Direction::Outbound) => {
                self.tell(out);
                self.client.add(offset, bytes);
                self.listen(out)
            }
            (StreamEvent::Data { offset, bytes }, Direction::Inbound) => {
                self.server.add(offset, bytes);
                let switch = self.hear(out)?;
                self.tell(out);
                Some(switch)
            }
            (StreamEvent::Gap { .. }, _) => {
                self.flush(out);
                self.lose(direction, out);
                None
            }
            (StreamEvent::End, _) => {
                if direction == Direction::Outbound
                    && self.mode == Mode::Line
                    && !self.client.buffer.is_empty()
                {
                    let (at, line) = self.client.take(MAX_LINE);
                    self.dialect.line(Line { bytes: &line, at }, out);
                    out.extend(Observation::whole(Direction::Outbound, at, &line));
                }
                self.flush(out);
                None
            }
        }
    }

    fn flush(&mut self, out: &mut Vec<Observation>) -> Option<Switch> {
        self.tell(out);
        if self.text.len > 0 {
            // What still comes of it is another text.
            let mode = self.mode;
            self.finish_text(out);
            self.mode = mode;
        }
        out.extend(self.client.rest(Direction::Outbound));
        out.extend(self.server.rest(Direction::Inbound));
        None
    }

    fn is_pending(&self) -> bool {
        let halves = [&self.client, &self.server];
        !self.said.is_empty() || self.text.len > 0 || halves.iter().any(|half| half.buffer.len() > half.told)
    }

    fn wants(&self, direction: Direction) -> bool {
        !if direction == Direction::Outbound { self.client.lost } else { self.server.lost }
    }
}
