//! HTTP/1.x (RFC 9112), both directions: every message when it is complete, or as far as it came.

mod body;
mod head;

use std::collections::VecDeque;

use packet::Direction;

use super::session::{StreamSession, Switch, Upgrade};
use super::{BodyCoding, HttpHeader, HttpMessage, HttpStart, Observation, Readable};
use crate::stream::StreamEvent;
use body::{Framing, Progress};
pub(super) use head::{begins_known, probe};

/// The longest head.
const MAX_HEAD: usize = 64 * 1024;
/// The longest first line when it is searched after a gap.
const MAX_LINE: usize = 8 * 1024;
/// How much of a body is kept, outbound and inbound.
const MAX_BODY: [usize; 2] = [1024 * 1024, 256 * 1024];
/// What is kept of a client that speaks before its CONNECT is answered.
const MAX_HELD: usize = 64 * 1024;
/// How a response begins.
const VERSION: &[u8] = b"HTTP/";
/// Requests that wait for their response.
const MAX_REQUESTS: usize = 256;

/// What a response needs to know of its request.
#[derive(Debug, Clone, Copy, Default)]
struct Request {
    head: bool,
    connect: bool,
}

/// An HTTP/1.x connection.
#[derive(Debug, Clone)]
pub(super) struct Http {
    halves: [Half; 2],
    requests: VecDeque<Request>,
}

impl Http {
    pub(super) fn new() -> Self {
        Self {
            halves: [Half::new(Direction::Outbound), Half::new(Direction::Inbound)],
            requests: VecDeque::new(),
        }
    }
}

impl StreamSession for Http {
    fn handle(
        &mut self,
        direction: Direction,
        event: StreamEvent<'_>,
        out: &mut Vec<Observation>,
    ) -> Option<Switch> {
        let half = &mut self.halves[direction.index()];
        match event {
            StreamEvent::Data { offset, bytes } => self.handle_data(direction, offset, bytes, out),
            StreamEvent::Gap { len, .. } => {
                half.handle_gap(len, out);
                self.requests.clear();
                None
            }
            StreamEvent::End => {
                half.handle_end(out);
                self.release(direction)
            }
        }
    }

    fn flush(&mut self, out: &mut Vec<Observation>) -> Option<Switch> {
        self.halves.iter_mut().for_each(|half| half.cut("unfinished", out));
        self.release(Direction::Outbound).or_else(|| self.release(Direction::Inbound))
    }

    fn is_pending(&self) -> bool {
        self.halves.iter().any(|half| {
            let unread = matches!(half.phase, Phase::Head | Phase::Held) && !half.buffer.is_empty();
            half.message.is_some() || unread
        })
    }
}

impl Http {
    fn handle_data(
        &mut self,
        direction: Direction,
        offset: u64,
        bytes: &[u8],
        out: &mut Vec<Observation>,
    ) -> Option<Switch> {
        let mut rest = bytes;
        while !rest.is_empty() {
            let at = offset + (bytes.len() - rest.len()) as u64;
            let half = &mut self.halves[direction.index()];
            match half.phase {
                Phase::Head => {
                    let Some(head) = half.take_head(&mut rest, at, out) else { continue };
                    let after = std::mem::take(&mut half.after_head);
                    let next = offset + (bytes.len() - rest.len()) as u64;
                    let end = next - after.len() as u64;
                    if let Some(to) = self.begin(direction, head, end, out) {
                        return Some(self.switch(to, direction, end, &[&after, rest].concat()));
                    }
                    if let Some(mut switch) = self.handle_data(direction, end, &after, out) {
                        switch.rest.push((direction, next, rest.to_vec()));
                        return Some(switch);
                    }
                }
                Phase::Forbidden(_) => half.decide_forbidden(rest, out),
                Phase::Body(_) => half.take_body(&mut rest, at, out),
                Phase::Lost => half.find_start(&mut rest, at),
                Phase::Held => {
                    if !half.hold(&mut rest, at) {
                        return Some(self.switch(Upgrade::Anything, direction, at, rest));
                    }
                }
            }
        }
        None
    }

    /// A head came: finds out where its body ends, or what the connection becomes.
    fn begin(
        &mut self,
        direction: Direction,
        head: Head,
        end: u64,
        out: &mut Vec<Observation>,
    ) -> Option<Upgrade> {
        let mut forbidden = None;
        let (framing, upgrade) = match &head.start {
            HttpStart::Request { method, .. } => {
                let connect = method == "CONNECT";
                if self.requests.len() == MAX_REQUESTS {
                    self.requests.pop_front();
                }
                self.requests.push_back(Request { head: method == "HEAD", connect });
                (if connect { Framing::Length(0) } else { head.request_framing() }, None)
            }
            HttpStart::Response { status } => {
                let interim = (100..200).contains(status) && *status != 101;
                let request =
                    if interim { self.requests.front().copied() } else { self.requests.pop_front() };
                let request = request.unwrap_or_default();
                let tunnel = request.connect && (200..300).contains(status);
                let empty =
                    request.head || tunnel || (100..200).contains(status) || matches!(status, 204 | 304);
                let upgrade =
                    if tunnel { Some(Upgrade::Anything) } else { (*status == 101).then(|| head.upgrade()) };
                let framing = if empty { Framing::Length(0) } else { head.response_framing() };
                if *status == 204 && !request.head && !tunnel {
                    forbidden = head.announced_framing();
                }
                if request.connect && !interim && !tunnel {
                    self.resume(direction.reversed(), out);
                }
                (framing, upgrade)
            }
        };
        let connect = matches!(&head.start, HttpStart::Request { method, .. } if method == "CONNECT");
        let half = &mut self.halves[direction.index()];
        match forbidden {
            Some(framing) => {
                half.keep_head(head, BodyCoding::Plain, end);
                half.phase = Phase::Forbidden(framing);
            }
            None => half.begin_body(head, framing, end, connect, out),
        }
        upgrade
    }

    /// A CONNECT was refused: what the client sent since is more HTTP.
    fn resume(&mut self, direction: Direction, out: &mut Vec<Observation>) {
        let half = &mut self.halves[direction.index()];
        if !matches!(half.phase, Phase::Held) {
            return;
        }
        half.phase = Phase::Head;
        let (at, held) = (half.buffer_at, std::mem::take(&mut half.buffer));
        // Nested no deeper than requests are held: a second CONNECT holds again.
        let _ = self.handle_data(direction, at, &held, out);
    }

    /// No answer to a CONNECT will come: what was held is taken for the tunnel's.
    fn release(&mut self, direction: Direction) -> Option<Switch> {
        let half = &self.halves[direction.index()];
        let held = matches!(half.phase, Phase::Held) && !half.buffer.is_empty();
        held.then(|| self.switch(Upgrade::Anything, direction, 0, &[]))
    }

    fn switch(&mut self, to: Upgrade, direction: Direction, at: u64, rest: &[u8]) -> Switch {
        let mut all = Vec::new();
        for half in &mut self.halves {
            if !half.buffer.is_empty() {
                all.push((half.direction, half.buffer_at, std::mem::take(&mut half.buffer)));
            }
        }
        if !rest.is_empty() {
            all.push((direction, at, rest.to_vec()));
        }
        Switch { to, rest: all }
    }
}

/// Reads a message that stands alone in `bytes`, which begin at `at`: its head, and all that follows as its body.
pub(super) fn parse_whole(direction: Direction, bytes: &[u8], at: u64) -> Option<HttpMessage> {
    let head_len = head::find_end(bytes, 0, true).unwrap_or(bytes.len());
    let (start, headers) = head::parse(&bytes[..head_len], at)?;
    let end = at + bytes.len() as u64;
    Some(HttpMessage {
        direction,
        start,
        headers,
        body: bytes[head_len..].to_vec(),
        body_range: at + head_len as u64..end,
        coding: BodyCoding::Plain,
        cut: None,
        range: at..end,
    })
}

/// What a direction is at.
#[derive(Debug, Clone)]
enum Phase {
    /// A head comes, or blank lines before it.
    Head,
    /// A body comes.
    Body(Framing),
    /// After a head that announces a body where none may be: what comes decides.
    Forbidden(Framing),
    /// After a gap: the next message is looked for.
    Lost,
    /// After a CONNECT: its answer decides what the bytes are.
    Held,
}

/// A head taken apart.
#[derive(Debug, Clone)]
struct Head {
    start: HttpStart,
    headers: Vec<HttpHeader>,
    at: u64,
}

impl Head {
    fn values<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.headers.iter().filter(move |h| h.name.eq_ignore_ascii_case(name)).map(|h| h.value.as_str())
    }

    fn length(&self) -> Option<u64> {
        // Lengths are added to offsets.
        let one = |value: &str| value.trim().parse().ok().filter(|&length: &u64| length < 1 << 48);
        self.values("content-length")
            .find_map(|value| value.split(',').map(one).reduce(|a, b| a.filter(|_| b.is_some()))?)
    }

    fn is_chunked(&self) -> bool {
        self.values("transfer-encoding").any(|value| value.to_ascii_lowercase().contains("chunked"))
    }

    fn request_framing(&self) -> Framing {
        let length = self.length();
        if self.is_chunked() {
            Framing::chunked(Some(length.unwrap_or(0)))
        } else {
            Framing::Length(length.unwrap_or(0))
        }
    }

    fn response_framing(&self) -> Framing {
        let length = self.length();
        if self.is_chunked() {
            Framing::chunked(length)
        } else {
            length.map_or(Framing::UntilEnd, Framing::Length)
        }
    }

    /// How a body is delimited that the header fields tell of.
    fn announced_framing(&self) -> Option<Framing> {
        let framing = self.response_framing();
        let announced = !framing.is_complete() && !matches!(framing, Framing::UntilEnd);
        announced.then_some(framing)
    }

    fn upgrade(&self) -> Upgrade {
        let mut names = self.values("upgrade").map(str::to_ascii_lowercase);
        match names.next().as_deref() {
            Some("websocket") => Upgrade::WebSocket,
            Some("h2c") => Upgrade::Http2,
            _ => Upgrade::Anything,
        }
    }
}

/// One direction.
#[derive(Debug, Clone)]
struct Half {
    direction: Direction,
    phase: Phase,
    /// The head so far, the line that is looked at after a gap, or what is held.
    buffer: Vec<u8>,
    /// Stream offset of `buffer[0]`.
    buffer_at: u64,
    /// How far `buffer` was searched for the head's end.
    searched: usize,
    /// Bytes that were taken for the head and turned out to follow it.
    after_head: Vec<u8>,
    /// The message whose body comes, unless it was yielded already.
    message: Option<Box<HttpMessage>>,
    /// The bytes of its head.
    head: Vec<u8>,
}

impl Half {
    fn new(direction: Direction) -> Self {
        Self {
            direction,
            phase: Phase::Head,
            buffer: Vec::new(),
            buffer_at: 0,
            searched: 0,
            head: Vec::new(),
            after_head: Vec::new(),
            message: None,
        }
    }

    fn take_head(&mut self, rest: &mut &[u8], at: u64, out: &mut Vec<Observation>) -> Option<Head> {
        if self.buffer.is_empty() {
            let blank = rest.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
            *rest = &rest[blank..];
            self.buffer_at = at + blank as u64;
            self.searched = 0;
        }
        let before = self.buffer.len();
        let taken = rest.len().min(MAX_HEAD - before);
        self.buffer.extend_from_slice(&rest[..taken]);
        let Some(end) = head::find_end(&self.buffer, self.searched, false) else {
            *rest = &rest[taken..];
            // An empty line may have begun, so that much is looked at again; nothing else is, however small the segments.
            self.searched = self.searched.max(self.buffer.len().saturating_sub(head::LOOKBACK));
            if self.buffer.len() == MAX_HEAD {
                self.cut("too_long", out);
                self.phase = Phase::Lost;
            }
            return None;
        };
        // What came last may show that the head ended before it: then the buffer holds what follows the head, too.
        *rest = &rest[end.saturating_sub(before)..];
        self.after_head = self.buffer[end..before.max(end)].to_vec();
        self.buffer.truncate(end);
        let mut parsed = head::parse(&self.buffer, self.buffer_at);
        if parsed.is_none() && self.skip_garbage(out) {
            parsed = head::parse(&self.buffer, self.buffer_at);
        }
        if parsed.is_none() {
            self.cut("malformed", out);
            self.after_head.clear();
        }
        std::mem::swap(&mut self.head, &mut self.buffer);
        self.buffer.clear();
        let (start, headers) = parsed?;
        Some(Head { start, headers, at: self.buffer_at })
    }

    /// A stream that was picked up in the middle begins with the rest of something: it is handed on for itself.
    fn skip_garbage(&mut self, out: &mut Vec<Observation>) -> bool {
        let mut line_at = 0;
        let start = self.buffer.split_inclusive(|&byte| byte == b'\n').find_map(|line| {
            line_at += line.len();
            head::find_start(line).map(|start| line_at - line.len() + start)
        });
        let Some(start) = start else { return false };
        let bytes: Vec<u8> = self.buffer.drain(..start).collect();
        let range = self.buffer_at..self.buffer_at + start as u64;
        self.buffer_at = range.end;
        out.push(Observation::Readable(Readable { direction: self.direction, bytes, range }));
        true
    }

    fn begin_body(
        &mut self,
        head: Head,
        framing: Framing,
        end: u64,
        connect: bool,
        out: &mut Vec<Observation>,
    ) {
        self.keep_head(head, framing.coding(), end);
        if framing.is_complete() {
            self.emit(None, out);
            self.phase = if connect { Phase::Held } else { Phase::Head };
        } else {
            self.phase = Phase::Body(framing);
        }
    }

    fn keep_head(&mut self, head: Head, coding: BodyCoding, end: u64) {
        self.message = Some(Box::new(HttpMessage {
            direction: self.direction,
            start: head.start,
            headers: head.headers,
            body: Vec::new(),
            body_range: end..end,
            coding,
            cut: None,
            range: head.at..end,
        }));
    }

    /// What follows is the next response, or the body after all.
    fn decide_forbidden(&mut self, rest: &[u8], out: &mut Vec<Observation>) {
        let Phase::Forbidden(framing) = std::mem::replace(&mut self.phase, Phase::Head) else { return };
        let rest = rest.trim_ascii_start();
        if rest.starts_with(VERSION) || VERSION.starts_with(rest) {
            return self.emit(None, out);
        }
        self.phase = Phase::Body(framing);
    }

    fn take_body(&mut self, rest: &mut &[u8], at: u64, out: &mut Vec<Observation>) {
        let Phase::Body(framing) = &mut self.phase else { return };
        let all = rest.len();
        let limit = MAX_BODY[self.direction.index()];
        let mut full = false;
        let message = &mut self.message;
        let progress = framing.feed(rest, at, &mut |content| {
            if let Some(message) = message {
                let room = content.len().min(limit - message.body.len());
                message.body.extend_from_slice(&content[..room]);
                full |= room < content.len();
            }
        });
        let coding = framing.coding();
        if let Some(message) = &mut self.message {
            message.coding = coding;
            message.body_range.end = at + (all - rest.len()) as u64;
            message.range.end = message.body_range.end;
        }
        if full {
            self.emit(Some("too_long"), out);
        }
        match progress {
            Progress::More => {}
            Progress::Complete(trailers) => {
                if let Some(message) = &mut self.message {
                    message.headers.extend(trailers);
                }
                self.emit(None, out);
                self.phase = Phase::Head;
            }
            Progress::Malformed => {
                self.emit(Some("malformed"), out);
                self.phase = Phase::Lost;
            }
        }
    }

    /// Looks for the first line of a message.
    fn find_start(&mut self, rest: &mut &[u8], at: u64) {
        if self.buffer.is_empty() {
            self.buffer_at = at;
        }
        let room = MAX_LINE - self.buffer.len();
        let end = rest.iter().take(room).position(|&byte| byte == b'\n');
        let taken = end.map_or(room.min(rest.len()), |end| end + 1);
        self.buffer.extend_from_slice(&rest[..taken]);
        *rest = &rest[taken..];
        if end.is_none() && self.buffer.len() < MAX_LINE {
            return;
        }
        match head::find_start(&self.buffer) {
            Some(start) if end.is_some() => {
                self.buffer.drain(..start);
                self.buffer_at += start as u64;
                self.searched = 0;
                self.phase = Phase::Head;
            }
            _ => self.buffer.clear(),
        }
    }

    /// Keeps what comes before a CONNECT is answered; `false` when it is too much.
    fn hold(&mut self, rest: &mut &[u8], at: u64) -> bool {
        if self.buffer.is_empty() {
            self.buffer_at = at;
        }
        if self.buffer.len() + rest.len() > MAX_HELD {
            return false;
        }
        self.buffer.extend_from_slice(std::mem::take(rest));
        true
    }

    fn handle_gap(&mut self, len: u64, out: &mut Vec<Observation>) {
        let known = match &mut self.phase {
            Phase::Body(framing) => framing.skip(len),
            Phase::Head | Phase::Forbidden(_) | Phase::Lost | Phase::Held => false,
        };
        let ended = matches!(&self.phase, Phase::Body(framing) if framing.is_complete());
        self.cut("gap", out);
        match (known, ended) {
            (true, false) => {}
            (true, true) => self.phase = Phase::Head,
            (false, _) => {
                self.phase = Phase::Lost;
                self.buffer.clear();
            }
        }
    }

    fn handle_end(&mut self, out: &mut Vec<Observation>) {
        match self.phase {
            Phase::Body(Framing::UntilEnd) => {
                if let Some(message) = &mut self.message
                    && let Some(content) = body::unchunk(&message.body)
                {
                    message.body = content;
                    message.coding = BodyCoding::Chunked;
                }
                self.emit(None, out);
            }
            Phase::Held => {}
            Phase::Head | Phase::Forbidden(_) | Phase::Body(_) | Phase::Lost => self.cut("unfinished", out),
        }
    }

    /// Yields what is kept of an unfinished message; what still comes of its body is passed over.
    fn cut(&mut self, reason: &'static str, out: &mut Vec<Observation>) {
        match self.phase {
            Phase::Body(ref mut framing) => {
                let content = framing.take_unchunked();
                if let Some(message) = self.message.as_mut().filter(|_| !content.is_empty()) {
                    message.body = content;
                    message.coding = BodyCoding::Plain;
                }
                self.emit(Some(reason), out);
            }
            Phase::Forbidden(_) => {
                self.emit(None, out);
                self.phase = Phase::Head;
            }
            Phase::Head if !self.buffer.is_empty() => {
                let bytes = std::mem::take(&mut self.buffer);
                let range = self.buffer_at..self.buffer_at + bytes.len() as u64;
                // Where bytes are missing, the last line is not whole, and half an identifier is none.
                let lines = match reason {
                    "gap" => bytes.iter().rposition(|&byte| byte == b'\n').map_or(0, |at| at + 1),
                    _ => bytes.len(),
                };
                let head = &bytes[..lines];
                match parse_whole(self.direction, head, range.start) {
                    Some(message) => {
                        out.push(Observation::Http(Box::new(HttpMessage { cut: Some(reason), ..message })));
                        out.extend(Observation::whole(self.direction, range.start, head));
                    }
                    None => {
                        out.push(Observation::Readable(Readable { direction: self.direction, bytes, range }));
                    }
                }
                self.phase = Phase::Lost;
            }
            Phase::Lost => self.buffer.clear(),
            Phase::Head | Phase::Held => {}
        }
    }

    fn emit(&mut self, cut: Option<&'static str>, out: &mut Vec<Observation>) {
        if let Some(mut message) = self.message.take() {
            message.cut = cut;
            let at = message.range.start;
            out.push(Observation::Http(message));
            out.extend(Observation::whole(self.direction, at, &std::mem::take(&mut self.head)));
        }
    }
}

#[cfg(test)]
mod tests;
