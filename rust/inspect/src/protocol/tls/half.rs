//! One direction of a TLS connection: its records (RFC 8446 section 5), and the messages in them.

use std::ops::Range;

use packet::Direction;

use super::super::certificate::{self, CERTIFICATE, Presented};
use super::super::hello::{CLIENT_HELLO, SERVER_HELLO, client_hello, client_hello_v2, server_hello};
use super::super::psk::{self, CLIENT_KEY_EXCHANGE};
use super::super::{Carrier, Observation};
use super::handshake::Epoch;
use super::protection::{Opened, Protection};
use super::{Scene, decrypted};

const RECORD_HEADER: usize = 5;
const HANDSHAKE_HEADER: usize = 4;
/// Bytes of a handshake message that are kept: longer than any post-quantum hello.
const MAX_HANDSHAKE: usize = 64 * 1024;
/// The largest ciphertext record (RFC 5246 section 6.2.3).
const MAX_RECORD: usize = (1 << 14) + 2048;

/// Ciphertext that waits for the server's choice.
const MAX_WAITING: usize = 64 * 1024;

/// Handshake message types.
const END_OF_EARLY_DATA: u8 = 5;
const SERVER_HELLO_DONE: u8 = 14;
const FINISHED: u8 = 20;
const KEY_UPDATE: u8 = 24;

/// TLS 1.3 encrypts all that follows the server's hello.
const TLS13: u16 = 0x0304;

/// Record content types.
const CHANGE_CIPHER_SPEC: u8 = 20;
const ALERT: u8 = 21;
const HANDSHAKE: u8 = 22;
const APPLICATION_DATA: u8 = 23;

/// Whether bytes begin as a TLS stream does; `None`: too few to tell.
pub(in crate::protocol) fn probe(bytes: &[u8]) -> Option<bool> {
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

/// What is read of one direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Handshake messages may still come in clear.
    Clear,
    /// A ChangeCipherSpec went by: only a second ClientHello can follow in clear (RFC 8446 appendix D.4).
    Changed,
    /// Everything is encrypted from here on, and read with secrets that were given.
    Sealed,
    /// Everything is encrypted from here on, or nothing can be read.
    Done,
}

/// One direction. Only the record being read is buffered, and of a handshake message what came so far.
#[derive(Debug, Clone)]
pub(super) struct Half {
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
    /// Whether the server chose a version that encrypts, and goes on in clear.
    chose: bool,
    /// Whether the server asked for another ClientHello, and its true choice is still to come.
    retried: bool,
    epoch: Epoch,
    /// What the next encrypted record is opened with: one, or one of few.
    protections: Vec<Protection>,
    /// Encrypted records that came before it was known how.
    waiting: Vec<Vec<u8>>,
    /// Whether data went by that no secret was given for.
    missed_early: bool,
}

impl Half {
    pub(super) fn new(direction: Direction) -> Self {
        Self {
            direction,
            state: State::Clear,
            encrypted: None,
            record: Vec::new(),
            at: 0,
            message: Vec::new(),
            message_at: 0,
            any: false,
            chose: false,
            retried: false,
            epoch: Epoch::Handshake,
            protections: Vec::new(),
            waiting: Vec::new(),
            missed_early: false,
        }
    }

    pub(super) fn handle_data(
        &mut self,
        offset: u64,
        bytes: &[u8],
        scene: &mut Scene,
        out: &mut Vec<Observation>,
    ) {
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
                self.check_header(scene, out);
            }
            if self.state != State::Done && self.record.len() == self.wanted() {
                self.handle_record(scene, out);
            }
        }
    }

    /// Opens what waited for the server's choice.
    pub(super) fn handle_waiting(&mut self, scene: &mut Scene, out: &mut Vec<Observation>) {
        if self.waiting.is_empty() || !scene.handshake.is_answered() {
            return;
        }
        for record in std::mem::take(&mut self.waiting) {
            self.open(&record, scene, out);
        }
    }

    pub(super) fn end(&mut self, scene: &mut Scene, out: &mut Vec<Observation>) {
        if self.state == State::Sealed {
            scene.content.end(self.direction, &scene.context, out);
            self.stop();
        } else {
            self.give_up("unfinished", out);
        }
    }

    /// Yields what is unfinished. What was decrypted is none of its: that goes on.
    pub(super) fn flush(&mut self, out: &mut Vec<Observation>) {
        if self.is_pending() {
            self.give_up("unfinished", out);
        }
        if self.chose {
            self.encrypted = Some(true);
        }
    }

    pub(super) fn is_pending(&self) -> bool {
        let handshake = self.record.len() > RECORD_HEADER && self.record[0] == HANDSHAKE;
        self.state != State::Sealed && (!self.message.is_empty() || handshake)
    }

    pub(super) fn wants(&self) -> bool {
        self.state != State::Done
    }

    /// Whether what comes is application data that is decrypted.
    pub(super) fn is_application(&self) -> bool {
        self.state == State::Sealed
    }

    pub(super) fn encrypted(&self) -> Option<bool> {
        self.encrypted
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

    fn handle_record(&mut self, scene: &mut Scene, out: &mut Vec<Observation>) {
        let end = self.at + self.record.len() as u64;
        let record = std::mem::take(&mut self.record);
        let begins = std::mem::replace(&mut self.at, end);
        if !self.any && record[0] & 0x80 != 0 {
            return self.handle_v2(&record, begins, out);
        }
        self.any = true;
        match record[0] {
            _ if self.state == State::Sealed => self.open(&record, scene, out),
            CHANGE_CIPHER_SPEC => self.change_cipher(out),
            HANDSHAKE if self.state == State::Changed && !self.may_be_hello(&record) => {
                self.seal(scene, out);
                self.open(&record, scene, out);
            }
            HANDSHAKE => {
                if self.message.is_empty() {
                    self.message_at = begins;
                }
                self.message.extend_from_slice(&record[RECORD_HEADER..]);
                self.handle_messages(begins..end, scene, out);
            }
            _ => {}
        }
        // The buffer is kept for the next record.
        if self.state != State::Done {
            self.record = record;
            self.record.clear();
        }
    }

    /// Decides on a record by its header, so that no ciphertext is kept that cannot be read.
    fn check_header(&mut self, scene: &mut Scene, out: &mut Vec<Observation>) {
        let (kind, major, len) = (self.record[0], self.record[1], self.wanted() - RECORD_HEADER);
        match kind {
            _ if major != 3 || len > MAX_RECORD => self.give_up("malformed", out),
            _ if self.state == State::Sealed => {}
            APPLICATION_DATA => self.seal(scene, out),
            HANDSHAKE if self.message.len() + len > MAX_HANDSHAKE => self.give_up("too_long", out),
            // A second ClientHello is never as short as an encrypted Finished.
            HANDSHAKE
                if self.state == State::Changed && (self.direction == Direction::Inbound || len < 64) =>
            {
                self.seal(scene, out);
            }
            HANDSHAKE => {}
            CHANGE_CIPHER_SPEC if len == 1 => {}
            ALERT if self.state == State::Changed => self.seal(scene, out),
            ALERT => self.give_up("alert", out),
            _ => self.give_up("malformed", out),
        }
    }

    /// Whether a record that follows a ChangeCipherSpec can be one in clear.
    fn may_be_hello(&self, record: &[u8]) -> bool {
        let kind_and_major = (record.get(RECORD_HEADER), record.get(RECORD_HEADER + HANDSHAKE_HEADER));
        !self.message.is_empty() || matches!(kind_and_major, (Some(&CLIENT_HELLO), Some(3) | None))
    }

    fn change_cipher(&mut self, out: &mut Vec<Observation>) {
        // After a HelloRetryRequest it means nothing (RFC 8446 appendix D.4).
        if self.retried {
            return;
        }
        if self.state == State::Clear && self.message.is_empty() {
            self.state = State::Changed;
        } else if !self.message.is_empty() {
            self.give_up("malformed", out);
        }
    }

    /// Reads the messages that are whole. `record` is where the bytes that came last stand.
    fn handle_messages(&mut self, record: Range<u64>, scene: &mut Scene, out: &mut Vec<Observation>) {
        while self.state != State::Done {
            let [kind, high, middle, low, ref body @ ..] = self.message[..] else { return };
            let len = usize::from(high) << 16 | usize::from(middle) << 8 | usize::from(low);
            if self.state == State::Changed
                && (kind != CLIENT_HELLO || body.first().is_some_and(|&major| major != 3))
            {
                return self.seal(scene, out);
            }
            if len > MAX_HANDSHAKE {
                let hello = matches!(kind, CLIENT_HELLO | SERVER_HELLO);
                return self.give_up(if hello { "too_long" } else { "malformed" }, out);
            }
            let Some(body) = body.get(..len).map(<[u8]>::to_vec) else { return };
            // What is left of the record's bytes stands at its end.
            let payload = (record.end - record.start).saturating_sub(RECORD_HEADER as u64);
            let begun = self.message.len() as u64;
            let at = (begun <= payload).then(|| record.end - begun + HANDSHAKE_HEADER as u64);
            let message = psk::Handshake { body: &body, at, range: self.message_at..record.end };
            if self.handle_message(kind, &message, scene, out).is_none() {
                return self.give_up("malformed", out);
            }
            self.message.drain(..(HANDSHAKE_HEADER + len).min(self.message.len()));
            self.message_at = record.start;
        }
    }

    /// `None`: it is no message of its kind.
    fn handle_message(
        &mut self,
        kind: u8,
        message: &psk::Handshake<'_>,
        scene: &mut Scene,
        out: &mut Vec<Observation>,
    ) -> Option<()> {
        let (body, range) = (message.body, message.range.clone());
        let sealed = self.state == State::Sealed;
        let mut say = |observation| out.push(if sealed { decrypted(observation) } else { observation });
        match kind {
            CLIENT_HELLO => {
                let hello = client_hello(body, Carrier::Tcp, range)?;
                say(Observation::ClientHello(hello.clone()));
                let identity = |it: &Vec<u8>| psk::message(it, self.direction, message);
                hello.psk_identities.iter().filter_map(identity).for_each(say);
                scene.begin(self.direction, &hello, out);
                if !sealed {
                    self.state = State::Clear;
                }
            }
            SERVER_HELLO => {
                let hello = server_hello(body);
                self.retried = hello.as_ref().is_some_and(|hello| hello.retry);
                hello.iter().for_each(|hello| scene.handshake.answer(hello));
                hello.iter().cloned().for_each(|hello| say(Observation::ServerHello(hello)));
                match hello {
                    Some(hello) if sealed || hello.retry => {}
                    // Its certificate is still in clear.
                    Some(hello) if hello.version < TLS13 => self.chose = true,
                    _ => self.seal(scene, out),
                }
            }
            CERTIFICATE => {
                let presented = Presented {
                    direction: self.direction,
                    by_client: scene.handshake.is_client(self.direction),
                    tls13: scene.handshake.is_tls13(),
                    range,
                };
                let certificate = certificate::of_message(body, presented);
                certificate.into_iter().for_each(|it| say(Observation::Certificate(it.into())));
            }
            CLIENT_KEY_EXCHANGE => {
                let suite = scene.handshake.suite();
                psk::of_key_exchange(message, suite, self.direction).into_iter().for_each(say);
            }
            // What else comes in clear is of no use, unless what follows it can be read.
            SERVER_HELLO_DONE if !sealed && !scene.has_secrets() => self.seal(scene, out),
            FINISHED if sealed && scene.handshake.is_tls13() => self.enter(Epoch::Application),
            END_OF_EARLY_DATA if sealed => self.enter(Epoch::Handshake),
            KEY_UPDATE if sealed => self.protections.first_mut()?.update()?,
            _ => {}
        }
        Some(())
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

    /// What comes is encrypted.
    fn seal(&mut self, scene: &mut Scene, out: &mut Vec<Observation>) {
        if !scene.has_secrets() {
            return self.give_up("encrypted", out);
        }
        self.salvage(out);
        self.state = State::Sealed;
        self.encrypted = Some(true);
        self.enter(scene.handshake.first_epoch(self.direction));
    }

    fn enter(&mut self, epoch: Epoch) {
        self.epoch = epoch;
        self.protections.clear();
    }

    /// Opens an encrypted record, or lets it wait.
    fn open(&mut self, record: &[u8], scene: &mut Scene, out: &mut Vec<Observation>) {
        let answered = scene.handshake.is_answered();
        // TLS 1.3 sends these in clear, to look like a resumption to boxes on the way (RFC 8446 appendix D.4).
        if record[0] == CHANGE_CIPHER_SPEC && (!answered || scene.handshake.is_tls13()) {
            return;
        }
        while self.state == State::Sealed {
            if self.protections.is_empty() {
                if self.epoch != Epoch::Early && !answered {
                    return self.wait(record, out);
                }
                self.protections = scene.protections(self.direction, self.epoch);
            }
            if let Some((kind, content)) = self.try_open(record) {
                let begins = self.at.saturating_sub(record.len() as u64);
                return self.handle_content(kind, &content, begins..self.at, scene, out);
            }
            match self.epoch {
                Epoch::Early => {
                    self.missed_early = self.protections.is_empty();
                    self.enter(Epoch::Handshake);
                }
                Epoch::Handshake if self.missed_early && !self.protections.is_empty() => return,
                _ => self.give_up("encrypted", out),
            }
        }
    }

    fn wait(&mut self, record: &[u8], out: &mut Vec<Observation>) {
        let held: usize = self.waiting.iter().map(Vec::len).sum();
        if held + record.len() > MAX_WAITING {
            return self.give_up("encrypted", out);
        }
        self.waiting.push(record.to_vec());
    }

    fn try_open(&mut self, record: &[u8]) -> Option<Opened> {
        let mut opened = None;
        let fits = self.protections.iter_mut().position(|protection| {
            opened = protection.open(record);
            opened.is_some()
        })?;
        self.protections.swap(0, fits);
        self.protections.truncate(1);
        opened
    }

    fn handle_content(
        &mut self,
        kind: u8,
        content: &[u8],
        range: Range<u64>,
        scene: &mut Scene,
        out: &mut Vec<Observation>,
    ) {
        match kind {
            HANDSHAKE if self.message.len() + content.len() > MAX_HANDSHAKE => self.give_up("too_long", out),
            HANDSHAKE => {
                if self.message.is_empty() {
                    self.message_at = range.start;
                }
                self.message.extend_from_slice(content);
                self.handle_messages(range, scene, out);
            }
            // Renegotiated.
            CHANGE_CIPHER_SPEC => self.protections.clear(),
            APPLICATION_DATA if !content.is_empty() => {
                scene.content.handle(self.direction, content, &scene.context, out);
            }
            _ => {}
        }
    }

    /// Stops reading.
    pub(super) fn give_up(&mut self, reason: &'static str, out: &mut Vec<Observation>) {
        if self.state == State::Done {
            return;
        }
        if self.state != State::Sealed {
            self.salvage(out);
        }
        self.stop();
        out.push(Observation::GiveUp { direction: self.direction, reason });
    }

    fn stop(&mut self) {
        self.state = State::Done;
        self.encrypted = Some(true);
        self.record = Vec::new();
        self.message = Vec::new();
        self.waiting = Vec::new();
        self.protections = Vec::new();
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
