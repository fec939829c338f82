//! The streams of a connection that is decrypted, put together, and what they carry: HTTP/3 (RFC 9114), or whatever it
//! is (DNS, RFC 9250).

use std::collections::BTreeMap;
use std::mem;

use packet::{Direction, Timestamp, Transport};

use super::super::dissector::Dissector;
use super::super::session::Context;
use super::super::tls::decrypted;
use super::super::{ClientHello, Observation};
use super::http3::Http3;
use crate::stream::{StreamEvent, Window};

/// Streams that are put together at a time. Later ones are passed over.
const MOST_STREAMS: usize = 256;
/// Bytes of one connection that wait behind holes.
const MOST_WAITING: usize = 1024 * 1024;
/// Only one end sends on a stream whose id has this bit.
const ONE_WAY: u64 = 2;
const DNS_PORT: u16 = 53;

/// The streams of a connection.
#[derive(Debug, Clone)]
pub(super) struct Streams {
    client: Direction,
    http3: bool,
    context: Context,
    by_id: BTreeMap<u64, Stream>,
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
    Any(Box<Dissector>),
    /// What manages HTTP/3.
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
        Self { client, http3: offers("h3"), context, by_id: BTreeMap::new() }
    }

    /// Takes a piece of a stream.
    pub(super) fn handle(
        &mut self,
        direction: Direction,
        id: u64,
        offset: u64,
        bytes: &[u8],
        last: bool,
        out: &mut Vec<Observation>,
    ) {
        let waiting: usize =
            self.by_id.values().flat_map(|it| &it.halves).map(|half| half.waiting.weight()).sum();
        if waiting + bytes.len() > MOST_WAITING {
            return;
        }
        if !self.by_id.contains_key(&id) && self.by_id.len() == MOST_STREAMS {
            return;
        }
        let begin = || Stream { halves: Default::default(), carries: self.carries(id) };
        let fresh = (!self.by_id.contains_key(&id)).then(begin);
        let stream = match fresh {
            Some(fresh) => self.by_id.entry(id).or_insert(fresh),
            None => match self.by_id.get_mut(&id) {
                Some(stream) => stream,
                None => return,
            },
        };
        let mut seen = Vec::new();
        stream.handle(direction, offset, bytes, last, &mut seen);
        let over = |half: &Half| half.ended;
        let one_way = id & ONE_WAY != 0;
        if stream.halves.iter().all(over) || (one_way && stream.halves.iter().any(over)) {
            stream.flush(&mut seen);
            // Kept as a mark, so that what comes again is not read again.
            stream.carries = Carries::Nothing;
        }
        out.extend(seen.into_iter().map(decrypted));
    }

    pub(super) fn flush(&mut self, out: &mut Vec<Observation>) {
        let mut seen = Vec::new();
        self.by_id.values_mut().for_each(|stream| stream.flush(&mut seen));
        out.extend(seen.into_iter().map(decrypted));
    }

    pub(super) fn is_pending(&self) -> bool {
        self.by_id.values().any(|stream| match &stream.carries {
            Carries::Http3(halves) => halves.iter().any(Http3::is_pending),
            Carries::Any(dissector) => dissector.is_pending(),
            Carries::Nothing => false,
        })
    }

    fn carries(&self, id: u64) -> Carries {
        match (self.http3, id & ONE_WAY) {
            (true, 0) => {
                let half = |direction| Http3::new(direction, direction == self.client, id);
                Carries::Http3(Box::new(Direction::BOTH.map(half)))
            }
            (true, _) => Carries::Nothing,
            (false, _) => {
                let dissector = Dissector::new(Transport::Tcp, self.context.port);
                Carries::Any(dissector.with_keys(self.context.keys.clone()).into())
            }
        }
    }
}

impl Stream {
    fn handle(
        &mut self,
        direction: Direction,
        offset: u64,
        bytes: &[u8],
        last: bool,
        out: &mut Vec<Observation>,
    ) {
        let half = &mut self.halves[direction.index()];
        let Some(end) = offset.checked_add(bytes.len() as u64) else { return };
        if last {
            half.end.get_or_insert(end);
        }
        let skip = usize::try_from(half.next.saturating_sub(offset)).unwrap_or(usize::MAX);
        if let Some(fresh) = bytes.get(skip..).filter(|fresh| !fresh.is_empty()) {
            half.waiting.insert(offset + skip as u64, fresh);
        }
        while half.waiting.start() == Some(half.next) {
            let chunk = half.waiting.pop().unwrap_or_default();
            let offset = half.next;
            half.next += chunk.len() as u64;
            self.carries.handle(direction, StreamEvent::Data { offset, bytes: &chunk }, out);
        }
        if half.end == Some(half.next) && !mem::replace(&mut half.ended, true) {
            self.carries.handle(direction, StreamEvent::End, out);
        }
    }

    fn flush(&mut self, out: &mut Vec<Observation>) {
        match &mut self.carries {
            Carries::Http3(halves) => halves.iter_mut().for_each(|half| half.finish(out)),
            Carries::Any(dissector) => dissector.flush(out),
            Carries::Nothing => {}
        }
    }
}

impl Carries {
    fn handle(&mut self, direction: Direction, event: StreamEvent<'_>, out: &mut Vec<Observation>) {
        match (self, event) {
            (Self::Any(dissector), event) => {
                dissector.handle_stream(Timestamp::default(), direction, event, out);
            }
            (Self::Http3(halves), StreamEvent::Data { bytes, .. }) => halves[direction.index()].handle(bytes),
            (Self::Http3(halves), StreamEvent::End) => halves[direction.index()].finish(out),
            (Self::Http3(_), StreamEvent::Gap { .. }) | (Self::Nothing, _) => {}
        }
    }
}
