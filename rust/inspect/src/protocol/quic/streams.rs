//! The streams of a connection that is decrypted, put together, and what they carry: HTTP/3 (RFC 9114), or whatever it
//! is (DNS, RFC 9250).

use std::collections::BTreeMap;
use std::mem;

use packet::{Direction, Timestamp, Transport};

use super::super::dissector::Dissector;
use super::super::session::Context;
use super::super::tls::decrypted;
use super::super::{ClientHello, Observation};
use super::http3::{Fields, Http3, OneWay};
use crate::stream::{StreamEvent, Window};

/// Streams that are put together at a time, with those that are over and not forgotten. Later ones are passed over.
const MOST_STREAMS: usize = 256;
/// Bytes of one connection that wait behind holes.
const MOST_WAITING: usize = 1024 * 1024;
/// Messages that wait for what other streams bring, and their bytes. So many streams may be blocked where Chrome and most
/// servers say how many may (RFC 9204 section 5).
const MOST_BLOCKED: usize = 100;
const MOST_BLOCKED_BYTES: usize = 4 * 1024 * 1024;
/// Only one end sends on a stream whose id has this bit.
const ONE_WAY: u64 = 2;
/// The server opened a stream whose id has this bit.
const SERVERS: u64 = 1;
const DNS_PORT: u16 = 53;

/// The streams of a connection.
#[derive(Debug, Clone)]
pub(super) struct Streams {
    client: Direction,
    http3: bool,
    context: Context,
    by_id: BTreeMap<u64, Stream>,
    /// By type of stream (RFC 9000 section 2.1): the last that is forgotten, since it was over. None up to it begins anew.
    forgotten: [Option<u64>; 4],
    fields: Fields,
}

/// A piece of a stream, as a frame brings it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Piece<'a> {
    pub(super) offset: u64,
    pub(super) bytes: &'a [u8],
    /// Whether the stream ends with it.
    pub(super) last: bool,
}

#[derive(Debug, Clone)]
struct Stream {
    halves: [Half; 2],
    carries: Carries,
}

#[derive(Debug, Clone)]
enum Carries {
    /// A request and its reply.
    Http3(Box<[Http3; 2]>),
    /// What manages HTTP/3.
    OneWay(OneWay),
    Any(Box<Dissector>),
    Nothing,
}

/// One direction put together.
#[derive(Debug, Clone, Default)]
struct Half {
    waiting: Window,
    next: u64,
    /// Where it ends, once that is known.
    end: Option<u64>,
    ended: bool,
}

impl Streams {
    /// `client`: which way the requests go.
    pub(super) fn new(client: Direction, hello: &ClientHello, context: &Context) -> Self {
        let offers = |start: &str| hello.alpn.iter().any(|protocol| protocol.starts_with(start));
        let port = if offers("doq") { DNS_PORT } else { context.port };
        let context = Context { port, keys: context.keys.nested() };
        Self {
            client,
            http3: offers("h3"),
            context,
            by_id: BTreeMap::new(),
            forgotten: [None; 4],
            fields: Fields::new(),
        }
    }

    /// Takes a piece of a stream.
    pub(super) fn handle(
        &mut self,
        direction: Direction,
        id: u64,
        piece: Piece<'_>,
        out: &mut Vec<Observation>,
    ) {
        let waiting: usize =
            self.by_id.values().flat_map(|it| &it.halves).map(|half| half.waiting.weight()).sum();
        if waiting + piece.bytes.len() > MOST_WAITING {
            return;
        }
        if !self.by_id.contains_key(&id) {
            if !self.has_room(id) {
                return;
            }
            let stream = Stream { halves: Default::default(), carries: self.carries(id) };
            self.by_id.insert(id, stream);
        }
        let Some(stream) = self.by_id.get_mut(&id) else { return };
        let mut seen = Vec::new();
        let unblocks = stream.handle(direction, piece, &mut self.fields, &mut seen);
        stream.settle(id, &mut self.fields, &mut seen);
        if unblocks {
            self.unblock(&mut seen);
        } else if stream.carries.is_blocked() {
            self.bound_blocked(&mut seen);
        }
        out.extend(seen.into_iter().map(decrypted));
    }

    /// Whether a stream may begin. When there are too many, the first that is over is forgotten.
    fn has_room(&mut self, id: u64) -> bool {
        if self.forgotten[kind(id)].is_some_and(|last| id <= last) {
            return false;
        }
        if self.by_id.len() < MOST_STREAMS {
            return true;
        }
        let mut over = self.by_id.iter().filter(|(_, stream)| matches!(stream.carries, Carries::Nothing));
        let Some((&over, _)) = over.next() else { return false };
        self.by_id.remove(&over);
        let last = &mut self.forgotten[kind(over)];
        *last = (*last).max(Some(over));
        true
    }

    /// What HTTP/3's messages are read with came: reads those that waited for it.
    fn unblock(&mut self, out: &mut Vec<Observation>) {
        for (&id, stream) in &mut self.by_id {
            if let Carries::Http3(halves) = &mut stream.carries {
                halves.iter_mut().for_each(|half| half.unblock(&mut self.fields, out));
                stream.settle(id, &mut self.fields, out);
            }
        }
    }

    /// Yields the first of too many that wait, as far as they can be read.
    fn bound_blocked(&mut self, out: &mut Vec<Observation>) {
        loop {
            let mut blocked: Vec<_> =
                self.by_id.iter_mut().filter(|(_, stream)| stream.carries.is_blocked()).collect();
            let bytes: usize = blocked.iter().map(|(_, stream)| stream.carries.kept()).sum();
            if blocked.len() <= MOST_BLOCKED && bytes <= MOST_BLOCKED_BYTES {
                return;
            }
            let Some((id, stream)) = blocked.first_mut() else { return };
            stream.flush(&mut self.fields, out);
            stream.settle(**id, &mut self.fields, out);
        }
    }

    pub(super) fn flush(&mut self, out: &mut Vec<Observation>) {
        let mut seen = Vec::new();
        self.by_id.values_mut().for_each(|stream| stream.flush(&mut self.fields, &mut seen));
        out.extend(seen.into_iter().map(decrypted));
    }

    pub(super) fn is_pending(&self) -> bool {
        self.by_id.values().any(|stream| match &stream.carries {
            Carries::Http3(halves) => halves.iter().any(Http3::is_pending),
            Carries::Any(dissector) => dissector.is_pending(),
            Carries::OneWay(_) | Carries::Nothing => false,
        })
    }

    #[cfg(test)]
    pub(super) const fn fields(&self) -> &Fields {
        &self.fields
    }

    fn carries(&self, id: u64) -> Carries {
        match (self.http3, id & ONE_WAY) {
            (true, 0) => {
                let half = |direction| Http3::new(direction, direction == self.client, id);
                Carries::Http3(Box::new(Direction::BOTH.map(half)))
            }
            (true, _) => Carries::OneWay(OneWay::new(self.sender(id))),
            (false, _) => {
                let dissector = Dissector::new(Transport::Tcp, self.context.port);
                Carries::Any(dissector.with_keys(self.context.keys.clone()).into())
            }
        }
    }

    /// Who sends on a stream on which only one end does (RFC 9000 section 2.1).
    const fn sender(&self, id: u64) -> Direction {
        if id & SERVERS == 0 { self.client } else { self.client.reversed() }
    }
}

/// A stream's type: who opened it, and whether both ends send on it.
const fn kind(id: u64) -> usize {
    (id & (ONE_WAY | SERVERS)) as usize
}

impl Stream {
    /// Returns whether messages of other streams may have waited for what came.
    fn handle(
        &mut self,
        direction: Direction,
        piece: Piece<'_>,
        fields: &mut Fields,
        out: &mut Vec<Observation>,
    ) -> bool {
        let half = &mut self.halves[direction.index()];
        if !half.take(piece) {
            return false;
        }
        let mut unblocks = false;
        while let Some((offset, chunk)) = half.next_chunk() {
            let event = StreamEvent::Data { offset, bytes: &chunk };
            unblocks |= self.carries.handle(direction, event, fields, out);
        }
        if half.end == Some(half.next) && !mem::replace(&mut half.ended, true) {
            self.carries.handle(direction, StreamEvent::End, fields, out);
        }
        if let Carries::OneWay(stream) = &self.carries {
            stream.set_ahead(direction, half.ahead(), fields);
        }
        unblocks
    }

    /// What is over is yielded, unless it waits for what other streams bring. It is kept as a mark, so that what comes again
    /// is not read again.
    fn settle(&mut self, id: u64, fields: &mut Fields, out: &mut Vec<Observation>) {
        let over = |half: &Half| half.ended;
        let is_over = self.halves.iter().all(over) || (id & ONE_WAY != 0 && self.halves.iter().any(over));
        if is_over && !self.carries.is_blocked() {
            self.flush(fields, out);
            self.carries = Carries::Nothing;
        }
    }

    fn flush(&mut self, fields: &mut Fields, out: &mut Vec<Observation>) {
        match &mut self.carries {
            Carries::Http3(halves) => halves.iter_mut().for_each(|half| half.finish(fields, out)),
            Carries::Any(dissector) => dissector.flush(out),
            Carries::OneWay(_) | Carries::Nothing => {}
        }
    }
}

impl Half {
    /// Keeps what is new of a piece. `false`: it stands where nothing can.
    fn take(&mut self, Piece { offset, bytes, last }: Piece<'_>) -> bool {
        let Some(end) = offset.checked_add(bytes.len() as u64) else { return false };
        if last {
            self.end.get_or_insert(end);
        }
        let skip = usize::try_from(self.next.saturating_sub(offset)).unwrap_or(usize::MAX);
        if let Some(fresh) = bytes.get(skip..).filter(|fresh| !fresh.is_empty()) {
            self.waiting.insert(offset + skip as u64, fresh);
        }
        true
    }

    /// What comes next, and where it stands.
    fn next_chunk(&mut self) -> Option<(u64, Box<[u8]>)> {
        let offset = self.next;
        let chunk = (self.waiting.start() == Some(offset)).then(|| self.waiting.pop())??;
        self.next += chunk.len() as u64;
        Some((offset, chunk))
    }

    /// How many bytes there are up to the last that waits.
    fn ahead(&self) -> u64 {
        self.waiting.end().map_or(0, |end| end.saturating_sub(self.next))
    }
}

impl Carries {
    /// Returns whether messages of other streams may have waited for what came.
    fn handle(
        &mut self,
        direction: Direction,
        event: StreamEvent<'_>,
        fields: &mut Fields,
        out: &mut Vec<Observation>,
    ) -> bool {
        match (self, event) {
            (Self::Any(dissector), event) => {
                dissector.handle_stream(Timestamp::default(), direction, event, out);
            }
            (Self::Http3(halves), StreamEvent::Data { bytes, .. }) => {
                halves[direction.index()].handle(bytes, fields);
            }
            (Self::Http3(halves), StreamEvent::End) => halves[direction.index()].end(fields, out),
            (Self::OneWay(stream), StreamEvent::Data { offset, bytes }) => {
                return stream.handle(direction, bytes, offset, fields);
            }
            (Self::Http3(_) | Self::OneWay(_) | Self::Nothing, _) => {}
        }
        false
    }

    fn is_blocked(&self) -> bool {
        matches!(self, Self::Http3(halves) if halves.iter().any(Http3::is_blocked))
    }

    /// Bytes of HTTP/3's messages.
    fn kept(&self) -> usize {
        if let Self::Http3(halves) = self { halves.iter().map(Http3::kept).sum() } else { 0 }
    }
}
