//! A flow's bytes in turns, each behind a control byte and its length: dissected without a panic, with every range
//! inside the stream.

use std::ops::Range;

use inspect::protocol::{Dissector, Observation};
use inspect::stream::StreamEvent;
use packet::{Direction, Timestamp, Transport};

/// Ports that break ties, and one that does not.
const PORTS: [u16; 8] = [53, 80, 123, 137, 443, 1900, 5353, 9999];

/// Where an observation says that it stands, and in which direction if it says so.
pub(crate) fn ranges(observation: &Observation) -> Vec<(Option<Direction>, &Range<u64>)> {
    match observation {
        Observation::Http(message) => vec![(Some(message.direction), &message.range)],
        Observation::Readable(readable) => vec![(Some(readable.direction), &readable.range)],
        Observation::Dns(message) => vec![(None, &message.range)],
        Observation::ClientHello(hello) => vec![(None, &hello.range)],
        Observation::Message(message) => {
            message.parts.iter().map(|part| (Some(message.direction), &part.range)).collect()
        }
        Observation::Certificate(certificate) => vec![(Some(certificate.direction), &certificate.range)],
        Observation::Protocol(_)
        | Observation::ServerHello(_)
        | Observation::Decrypted(_)
        | Observation::GiveUp { .. } => Vec::new(),
    }
}

/// Runs it once.
pub fn run(data: &[u8]) {
    let [first, rest @ ..] = data else { return };
    let transport = if first & 8 == 0 { Transport::Tcp } else { Transport::Udp };
    let mut dissector = Dissector::new(transport, PORTS[usize::from(first & 7)]);
    let (now, mut at, mut out) = (Timestamp::default(), [0u64; 2], Vec::new());
    let mut rest = rest;
    while let [control, len, after @ ..] = rest {
        let (bytes, after) = after.split_at(usize::from(*len).min(after.len()));
        rest = after;
        let direction = if control & 1 == 0 { Direction::Outbound } else { Direction::Inbound };
        let offset = at[direction.index()];
        let len = bytes.len() as u64;
        match (transport, control >> 4) {
            (Transport::Tcp, 0) => dissector.flush(&mut out),
            (Transport::Tcp, 1) if len > 0 => {
                dissector.handle_stream(now, direction, StreamEvent::Gap { offset, len }, &mut out);
                at[direction.index()] += len;
            }
            (Transport::Tcp, _) if len > 0 => {
                dissector.handle_stream(now, direction, StreamEvent::Data { offset, bytes }, &mut out);
                at[direction.index()] += len;
            }
            (Transport::Tcp, _) => dissector.handle_stream(now, direction, StreamEvent::End, &mut out),
            _ => {
                dissector.handle_datagram(now, direction, offset, bytes, &mut out);
                at[direction.index()] += len;
            }
        }
    }
    dissector.flush(&mut out);
    assert!(!dissector.is_pending());
    for (direction, range) in out.iter().flat_map(ranges) {
        let end = direction.map_or(at[0].max(at[1]), |direction| at[direction.index()]);
        assert!(range.start <= range.end && range.end <= end);
    }
}
