//! Reads a capture again for some bytes of one flow.

use std::ops::Range;

use inspect::report::{Flow, Report};
use inspect::stream::{StreamEvent, TcpStreams};
use packet::{Direction, FlowKey, Input, Packet, Reassembled, Reassembler, Segment, Timestamp};

/// Bytes shown before and after what is wanted.
const CONTEXT: u64 = 48;
/// The longest excerpt, in bytes.
const LONGEST: u64 = 16 << 20;

/// Some bytes of one direction of a flow, with a little of what stands around them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Excerpt {
    /// Which way.
    pub direction: Direction,
    /// The bytes wanted.
    pub wanted: Range<u64>,
    /// Where `bytes` begin.
    pub offset: u64,
    /// The bytes, as far as they were found; those before the last one found that were not are 0.
    pub bytes: Vec<u8>,
    /// How many of the wanted bytes were found.
    found: u64,
    longest: u64,
}

impl Excerpt {
    /// An excerpt that holds nothing yet.
    pub fn new(direction: Direction, range: [u64; 2]) -> Self {
        let wanted = range[0]..range[1].max(range[0]);
        let offset = wanted.start.saturating_sub(CONTEXT);
        let longest = (wanted.end.saturating_add(CONTEXT) - offset).min(LONGEST);
        Self { direction, wanted, offset, bytes: Vec::new(), found: 0, longest }
    }

    /// The wanted bytes, if all were found.
    pub fn wanted_bytes(&self) -> Option<&[u8]> {
        let range = self.wanted_range();
        (self.found >= self.wanted.end - self.wanted.start).then(|| self.bytes.get(range)).flatten()
    }

    /// Where the wanted bytes stand in `bytes`.
    pub fn wanted_range(&self) -> Range<usize> {
        let at =
            |offset: u64| usize::try_from(offset - self.offset).unwrap_or(usize::MAX).min(self.bytes.len());
        at(self.wanted.start)..at(self.wanted.end)
    }

    fn add(&mut self, offset: u64, bytes: &[u8]) {
        let (start, end) = (offset, offset.saturating_add(bytes.len() as u64));
        let (from, to) = (start.max(self.offset), end.min(self.offset + self.longest));
        if from >= to {
            return;
        }
        let (at, len) = ((from - self.offset) as usize, (to - from) as usize);
        if self.bytes.len() < at + len {
            self.bytes.resize(at + len, 0);
        }
        let skip = (from - start) as usize;
        self.bytes[at..at + len].copy_from_slice(&bytes[skip..skip + len]);
        self.found += to.min(self.wanted.end).saturating_sub(from.max(self.wanted.start));
    }

    fn is_full(&self) -> bool {
        self.bytes.len() as u64 >= self.longest
    }
}

/// Rebuilds a flow of a report from the inputs that the report was made of, and fills excerpts of it.
#[derive(Debug)]
pub struct Rebuild<'a> {
    key: FlowKey,
    opened: Timestamp,
    /// When the same two ends opened their next flow.
    until: Option<Timestamp>,
    excerpts: &'a mut [Excerpt],
    now: Timestamp,
    reassembler: Reassembler,
    streams: TcpStreams,
    /// UDP payload so far, each way.
    datagrams: [u64; 2],
}

impl<'a> Rebuild<'a> {
    /// Begins.
    pub fn new(report: &Report, flow: &Flow, excerpts: &'a mut [Excerpt]) -> Self {
        let key = |flow: &Flow| FlowKey { transport: flow.transport, local: flow.local, remote: flow.remote };
        let next = report.flows.iter().find(|other| other.id > flow.id && key(other) == key(flow));
        Self {
            key: key(flow),
            opened: flow.opened,
            until: next.map(|next| next.opened),
            excerpts,
            now: Timestamp::from_nanos(i64::MIN),
            reassembler: Reassembler::default(),
            streams: TcpStreams::default(),
            datagrams: [0; 2],
        }
    }

    /// Takes the next input. Returns whether more are needed.
    pub fn handle_input(&mut self, now: Timestamp, input: &Input<'_>) -> bool {
        self.now = self.now.max(now);
        if self.until.is_some_and(|until| self.now >= until) || self.excerpts.iter().all(Excerpt::is_full) {
            return false;
        }
        if let Input::Packet { bytes, .. } = input {
            self.handle_packet(bytes);
        }
        true
    }

    /// The capture ends: takes what waits behind holes.
    pub fn finish(mut self) {
        let excerpts = &mut *self.excerpts;
        self.streams.finish(&mut |way, event| add(excerpts, way, event));
    }

    fn handle_packet(&mut self, bytes: &[u8]) {
        let Ok(packet) = Packet::parse(bytes) else { return };
        match packet.segment {
            Segment::Fragment => {
                if let Reassembled::Complete(whole) = self.reassembler.insert(self.now, &packet.ip)
                    && let Ok(packet) = Packet::parse(&whole)
                {
                    self.handle_whole(&packet);
                }
            }
            _ => self.handle_whole(&packet),
        }
    }

    fn handle_whole(&mut self, packet: &Packet<'_>) {
        let inner = packet.innermost();
        let Some((direction, packet)) = [packet, &inner]
            .into_iter()
            .find_map(|packet| Some((self.direction(packet)?, packet)))
            .filter(|_| self.now >= self.opened)
        else {
            return;
        };
        let excerpts = &mut *self.excerpts;
        match &packet.segment {
            Segment::Tcp(segment) => {
                self.streams.handle_segment(direction, segment, &mut |way, event| add(excerpts, way, event));
            }
            Segment::Udp(datagram) => {
                let offset = &mut self.datagrams[direction.index()];
                add(excerpts, direction, StreamEvent::Data { offset: *offset, bytes: datagram.payload });
                *offset += (datagram.payload.len() + datagram.missing) as u64;
            }
            _ => {}
        }
    }

    /// Which way a packet of the flow goes; `None` when it is another flow's.
    fn direction(&self, packet: &Packet<'_>) -> Option<Direction> {
        let key = packet.flow_key(Direction::Outbound)?;
        if key == self.key {
            return Some(Direction::Outbound);
        }
        (key.reversed() == self.key).then_some(Direction::Inbound)
    }
}

fn add(excerpts: &mut [Excerpt], way: Direction, event: StreamEvent<'_>) {
    if let StreamEvent::Data { offset, bytes } = event {
        excerpts
            .iter_mut()
            .filter(|excerpt| excerpt.direction == way)
            .for_each(|excerpt| excerpt.add(offset, bytes));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_excerpt_takes_what_it_wants_from_any_pieces() {
        let mut excerpt = Excerpt::new(Direction::Outbound, [100, 110]);
        let stream: Vec<u8> = (0..=255).collect();
        for start in (0..256).step_by(7) {
            let end = (start + 7).min(256);
            excerpt.add(start as u64, &stream[start..end]);
        }
        assert_eq!(excerpt.wanted_bytes(), Some(&stream[100..110]));
        assert_eq!((excerpt.offset, excerpt.bytes.len()), (52, 106));
    }

    #[test]
    fn a_hole_in_what_is_wanted_is_noticed() {
        let mut excerpt = Excerpt::new(Direction::Outbound, [10, 20]);
        excerpt.add(0, &[1; 15]);
        excerpt.add(16, &[1; 50]);
        assert_eq!(excerpt.wanted_bytes(), None);
        assert_eq!(excerpt.wanted_range(), 10..20);
    }
}
