//! Where observations stand.

use std::ops::Range;

use inspect::protocol::Observation;
use packet::Direction;

/// Where an observation says that it stands, and in which direction if it says so.
pub(crate) fn ranges(observation: &Observation) -> Vec<(Option<Direction>, &Range<u64>)> {
    match observation {
        Observation::Http(message) => vec![(Some(message.direction), &message.range)],
        Observation::Readable(readable) | Observation::Whole(readable) => {
            vec![(Some(readable.direction), &readable.range)]
        }
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
