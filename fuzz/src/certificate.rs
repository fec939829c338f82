//! A server's certificate, in the clear flight of TLS 1.2: taken apart without a panic, and named by names only.

use inspect::protocol::{Dissector, Observation};
use inspect::stream::StreamEvent;
use packet::{Direction, Timestamp, Transport};

/// The longest certificate that the messages around it leave room for.
const LONGEST: usize = 60_000;
/// The longest content of a record.
const RECORD: usize = 16_384;

/// Runs it once.
pub fn run(data: &[u8]) {
    let certificate = &data[..data.len().min(LONGEST)];
    let list = [&length(certificate.len())[..], certificate].concat();
    let body = [&length(list.len())[..], &list].concat();
    // ServerHello: TLS 1.2, TLS_RSA_WITH_AES_128_CBC_SHA, no session id.
    let hello = [&[3, 3][..], &[7; 32], &[0, 0, 0x2f, 0]].concat();
    let flight = [message(2, &hello), message(11, &body), message(14, &[])].concat();
    let (mut dissector, mut out, mut offset) = (Dissector::new(Transport::Tcp, 443), Vec::new(), 0);
    for content in flight.chunks(RECORD) {
        let record = [&[22, 3, 3][..], &(content.len() as u16).to_be_bytes(), content].concat();
        let event = StreamEvent::Data { offset, bytes: &record };
        dissector.handle_stream(Timestamp::default(), Direction::Inbound, event, &mut out);
        offset += record.len() as u64;
    }
    dissector.flush(&mut out);
    assert_eq!(dissector.encrypted(Direction::Inbound), Some(true));
    for observation in &out {
        if let Observation::Certificate(certificate) = observation {
            assert!(certificate.host().is_none_or(|host| host.contains('.') && host.len() <= 255));
            assert!(certificate.range.start < certificate.range.end && certificate.range.end <= offset);
        }
    }
}

fn length(len: usize) -> [u8; 3] {
    [(len >> 16) as u8, (len >> 8) as u8, len as u8]
}

fn message(kind: u8, body: &[u8]) -> Vec<u8> {
    [&[kind][..], &length(body.len()), body].concat()
}
