//! TLS over TCP (RFC 8446 section 5): records, and the handshake messages in them, up to where encryption begins.

use packet::Direction;

use super::hello::{CLIENT_HELLO, SERVER_HELLO, client_hello, client_hello_v2, server_hello};
use super::session::{StreamSession, Switch};
use super::{Carrier, Observation};
use crate::stream::StreamEvent;

const RECORD_HEADER: usize = 5;
const HANDSHAKE_HEADER: usize = 4;
/// Bytes of a handshake message that are kept: longer than any post-quantum hello.
const MAX_HANDSHAKE: usize = 64 * 1024;
/// The largest ciphertext record (RFC 5246 section 6.2.3).
const MAX_RECORD: usize = (1 << 14) + 2048;

/// Record content types.
const CHANGE_CIPHER_SPEC: u8 = 20;
const ALERT: u8 = 21;
const HANDSHAKE: u8 = 22;
const APPLICATION_DATA: u8 = 23;

/// Whether bytes begin as a TLS stream does; `None`: too few to tell.
pub(super) fn probe(bytes: &[u8]) -> Option<bool> {
    let head = &bytes[..bytes.len().min(6)];
    if let [first, _, rest @ ..] = head
        && first & 0x80 != 0
    {
        // SSL 2.0 framing: a length of two bytes, then a ClientHello that offers SSL 2.0, SSL 3.0 or TLS 1.x.
        return match rest {
            [1, 3, 0..=3, ..] | [1, 0, 2, ..] => Some(bytes[0] == 0x80 && bytes[1] >= 11),
            [1, 3] | [1, 0] | [1] | [] => None,
            _ => Some(false),
        };
    }
    match *head {
        [] | [HANDSHAKE] | [HANDSHAKE, 3] | [HANDSHAKE, 3, 0..=4] | [HANDSHAKE, 3, 0..=4, _] => None,
        [HANDSHAKE, 3, 0..=4, high, low] => is_length(high, low).then_some(()).map_or(Some(false), |()| None),
        [HANDSHAKE, 3, 0..=4, high, low, _] => Some(is_length(high, low)),
        // The middle of a connection.
        [CHANGE_CIPHER_SPEC | ALERT | APPLICATION_DATA, 3, 0..=4, high, low, ..] => {
            Some(is_length(high, low))
        }
        [CHANGE_CIPHER_SPEC | ALERT | APPLICATION_DATA, 3, ..]
        | [CHANGE_CIPHER_SPEC | ALERT | APPLICATION_DATA] => {
            (head.len() >= 3 && head[2] > 4).then_some(false)
        }
        _ => Some(false),
    }
}

fn is_length(high: u8, low: u8) -> bool {
    (1..=MAX_RECORD).contains(&usize::from(u16::from_be_bytes([high, low])))
}

/// How one direction ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Handshake messages may still come in clear.
    Clear,
    /// A ChangeCipherSpec went by: only a second ClientHello can follow in clear (RFC 8446 appendix D.4).
    Changed,
    /// Everything is encrypted from here on, or nothing can be read.
    Done,
}

/// A TLS connection.
#[derive(Debug, Clone)]
pub(super) struct Tls {
    halves: [Half; 2],
}

impl Tls {
    pub(super) fn new() -> Self {
        Self { halves: [Half::new(Direction::Outbound), Half::new(Direction::Inbound)] }
    }
}

impl StreamSession for Tls {
    fn handle(
        &mut self,
        direction: Direction,
        event: StreamEvent<'_>,
        out: &mut Vec<Observation>,
    ) -> Option<Switch> {
        let half = &mut self.halves[direction.index()];
        match event {
            StreamEvent::Data { offset, bytes } => half.handle_data(offset, bytes, out),
            StreamEvent::Gap { .. } => half.give_up("gap", out),
            StreamEvent::End => half.give_up("unfinished", out),
        }
        None
    }

    fn flush(&mut self, out: &mut Vec<Observation>) -> Option<Switch> {
        for half in self.halves.iter_mut().filter(|half| half.is_pending()) {
            half.give_up("unfinished", out);
        }
        None
    }

    fn is_pending(&self) -> bool {
        self.halves.iter().any(Half::is_pending)
    }

    fn wants(&self, direction: Direction) -> bool {
        self.halves[direction.index()].state != State::Done
    }

    fn encrypted(&self, direction: Direction) -> Option<bool> {
        self.halves[direction.index()].encrypted
    }
}

/// One direction. Only the record being read is buffered, and of a handshake message what came so far.
#[derive(Debug, Clone)]
struct Half {
    direction: Direction,
    state: State,
    encrypted: Option<bool>,
    /// Stream bytes not consumed yet: less than a record.
    record: Vec<u8>,
    /// Stream offset of `record[0]`.
    at: u64,
    /// Handshake bytes not consumed yet.
    message: Vec<u8>,
    /// Stream offset of the record that `message` begins in.
    message_at: u64,
    any: bool,
}

impl Half {
    fn new(direction: Direction) -> Self {
        Self {
            direction,
            state: State::Clear,
            encrypted: None,
            record: Vec::new(),
            at: 0,
            message: Vec::new(),
            message_at: 0,
            any: false,
        }
    }

    fn handle_data(&mut self, offset: u64, bytes: &[u8], out: &mut Vec<Observation>) {
        let mut rest = bytes;
        if self.record.is_empty() {
            self.at = offset;
        }
        while self.state != State::Done && !rest.is_empty() {
            let wanted = self.wanted();
            let taken = rest.len().min(wanted - self.record.len());
            self.record.extend_from_slice(&rest[..taken]);
            rest = &rest[taken..];
            if self.record.len() == RECORD_HEADER && wanted == RECORD_HEADER {
                self.check_header(out);
            }
            if self.state != State::Done && self.record.len() == self.wanted() {
                self.handle_record(out);
            }
        }
    }

    /// How many bytes the record at hand needs, as far as is known.
    fn wanted(&self) -> usize {
        match self.record[..] {
            // The first byte alone tells which header follows.
            [] if !self.any => 1,
            [first, second, ..] if first & 0x80 != 0 && !self.any => {
                2 + (usize::from(first & 0x7f) << 8 | usize::from(second))
            }
            [first] if first & 0x80 != 0 && !self.any => 2,
            [_, _, _, high, low, ..] => RECORD_HEADER + usize::from(u16::from_be_bytes([high, low])),
            _ => RECORD_HEADER,
        }
    }

    fn handle_record(&mut self, out: &mut Vec<Observation>) {
        let end = self.at + self.record.len() as u64;
        let record = std::mem::take(&mut self.record);
        let begins = std::mem::replace(&mut self.at, end);
        if !self.any && record[0] & 0x80 != 0 {
            return self.handle_v2(&record, begins, out);
        }
        self.any = true;
        match record[0] {
            CHANGE_CIPHER_SPEC => self.change_cipher(out),
            HANDSHAKE => {
                if self.message.is_empty() {
                    self.message_at = begins;
                }
                self.message.extend_from_slice(&record[RECORD_HEADER..]);
                self.handle_messages(end, out);
            }
            _ => {}
        }
        // The buffer is kept for the next record.
        if self.state != State::Done {
            self.record = record;
            self.record.clear();
        }
    }

    /// Decides on a record by its header, so that no ciphertext is ever kept.
    fn check_header(&mut self, out: &mut Vec<Observation>) {
        let (kind, major, len) = (self.record[0], self.record[1], self.wanted() - RECORD_HEADER);
        match kind {
            _ if major != 3 || len > MAX_RECORD => self.give_up("malformed", out),
            APPLICATION_DATA => self.encrypt(out),
            HANDSHAKE if self.message.len() + len > MAX_HANDSHAKE => self.give_up("too_long", out),
            // A second ClientHello is never as short as an encrypted Finished.
            HANDSHAKE
                if self.state == State::Changed && (self.direction == Direction::Inbound || len < 64) =>
            {
                self.encrypt(out);
            }
            HANDSHAKE => {}
            CHANGE_CIPHER_SPEC if len == 1 => {}
            ALERT if self.state == State::Changed => self.encrypt(out),
            ALERT => self.give_up("alert", out),
            _ => self.give_up("malformed", out),
        }
    }

    fn change_cipher(&mut self, out: &mut Vec<Observation>) {
        if self.state == State::Clear && self.message.is_empty() {
            self.state = State::Changed;
        } else if !self.message.is_empty() {
            self.give_up("malformed", out);
        }
    }

    fn handle_messages(&mut self, end: u64, out: &mut Vec<Observation>) {
        while self.state != State::Done {
            let [kind, high, middle, low, ref body @ ..] = self.message[..] else { return };
            let len = usize::from(high) << 16 | usize::from(middle) << 8 | usize::from(low);
            let hello = matches!(kind, CLIENT_HELLO | SERVER_HELLO);
            if self.state == State::Changed
                && (kind != CLIENT_HELLO || body.first().is_some_and(|&major| major != 3))
            {
                return self.encrypt(out);
            }
            if len > MAX_HANDSHAKE {
                return self.give_up(if hello { "too_long" } else { "malformed" }, out);
            }
            let Some(body) = body.get(..len) else { return };
            match kind {
                CLIENT_HELLO => {
                    let hello = client_hello(body, Carrier::Tcp, self.message_at..end);
                    let known = hello.is_some();
                    out.extend(hello.map(Observation::ClientHello));
                    if !known {
                        return self.give_up("malformed", out);
                    }
                    self.state = State::Clear;
                }
                SERVER_HELLO => {
                    let hello = server_hello(body);
                    let last = hello.as_ref().is_none_or(|hello| !hello.retry);
                    out.extend(hello.map(Observation::ServerHello));
                    if last {
                        return self.encrypt(out);
                    }
                }
                // Certificates and key exchanges: in clear up to TLS 1.2, of no use here.
                _ => {}
            }
            self.message.drain(..HANDSHAKE_HEADER + len);
            self.message_at = end;
        }
    }

    fn handle_v2(&mut self, record: &[u8], begins: u64, out: &mut Vec<Observation>) {
        self.any = true;
        let range = begins..begins + record.len() as u64;
        let hello = record.get(3..).and_then(|body| client_hello_v2(body, range));
        match hello {
            Some(hello) => out.push(Observation::ClientHello(hello)),
            None => self.give_up("malformed", out),
        }
    }

    fn encrypt(&mut self, out: &mut Vec<Observation>) {
        self.give_up("encrypted", out);
    }

    /// Stops reading.
    fn give_up(&mut self, reason: &'static str, out: &mut Vec<Observation>) {
        if self.state == State::Done {
            return;
        }
        self.salvage(out);
        self.state = State::Done;
        self.encrypted = Some(true);
        self.record = Vec::new();
        out.push(Observation::GiveUp { direction: self.direction, reason });
    }

    fn is_pending(&self) -> bool {
        !self.message.is_empty() || (self.record.len() > RECORD_HEADER && self.record[0] == HANDSHAKE)
    }

    /// Reads what came of a ClientHello that stays unfinished.
    fn salvage(&mut self, out: &mut Vec<Observation>) {
        let mut message = std::mem::take(&mut self.message);
        let end = self.at + self.record.len() as u64;
        if self.record.first() == Some(&HANDSHAKE) {
            if message.is_empty() {
                self.message_at = self.at;
            }
            message.extend_from_slice(self.record.get(RECORD_HEADER..).unwrap_or_default());
        }
        if message.first() == Some(&CLIENT_HELLO) && message.len() > HANDSHAKE_HEADER {
            let hello = client_hello(&message[HANDSHAKE_HEADER..], Carrier::Tcp, self.message_at..end);
            out.extend(hello.map(Observation::ClientHello));
        }
    }
}
