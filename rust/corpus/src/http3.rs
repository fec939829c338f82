//! HTTP/3 (RFC 9114): requests whose fields may stand in a table that one before them began to fill (RFC 9204).

use crate::content::Field;
use crate::http2::{Request, about, chunk, first_page};
use crate::packet::{Talk, Way};
use crate::qpack::Encoder;
use crate::quic::{self, Flights, Sent, varint};
use crate::random::Random;

/// Streams of the client's: its settings, and what fills the table.
const CONTROL: u8 = 2;
const ENCODER: u8 = 6;
/// Streams of the server's: its settings, and what it acknowledges.
const SERVER_CONTROL: u8 = 3;
const SERVER_DECODER: u8 = 7;

/// Types of frames (RFC 9114 section 7.2).
const DATA: usize = 0;
const HEADERS: usize = 1;
const SETTINGS: usize = 4;

/// A connection with the request: its first, or its second if it has a table.
pub fn connection(request: Request<'_>, random: &mut Random) -> Talk {
    let fields = request.fields("https", random);
    let huffman = random.happens(50);
    let flights = if random.happens(40) {
        let message = message(&mut Encoder::of_known(huffman), &fields, request.body, random);
        vec![(Way::Out, vec![settings(CONTROL, &[]), ends(0, message)])]
    } else {
        with_table(&fields, request.body, huffman, random)
    };
    quic::connection(b"\x02h3", &flights, random)
}

/// A request for the host's first page, often its answer, and the request; what the client says of itself is in both.
fn with_table(fields: &[Field], body: &[u8], huffman: bool, random: &mut Random) -> Flights {
    let most = [128, 256, 1024, 4096, 65_536][random.index(5)];
    let mut encoder = Encoder::new(most, huffman, random);
    // SETTINGS_QPACK_MAX_TABLE_CAPACITY and SETTINGS_QPACK_BLOCKED_STREAMS (RFC 9204 section 5).
    let allowed = settings(SERVER_CONTROL, &[(1, most), (7, 100)]);
    let page = message(&mut encoder, &first_page(fields), b"", random);
    let table = [varint(2), encoder.instructions()].concat();
    let begun = table.len();
    let first = vec![settings(CONTROL, &[]), goes_on(ENCODER, 0, table), ends(0, page)];
    let mut flights = vec![(Way::In, vec![allowed]), (Way::Out, first)];
    if random.happens(70) {
        // `:status: 200`, and that the section was read (RFC 9204 section 4.4.1).
        let answer = ends(0, frame(HEADERS, &[0, 0, 0xd9]));
        flights.push((Way::In, vec![goes_on(SERVER_DECODER, 0, vec![3, 0x80]), answer]));
        encoder.acknowledged();
    }
    let asked = message(&mut encoder, &[fields, &about()].concat(), body, random);
    flights.push((Way::Out, vec![goes_on(ENCODER, begun, encoder.instructions()), ends(4, asked)]));
    flights
}

/// HEADERS and DATA (RFC 9114 section 4.1).
fn message(encoder: &mut Encoder, fields: &[Field], body: &[u8], random: &mut Random) -> Vec<u8> {
    let mut out = frame(HEADERS, &encoder.section(fields, random));
    if !body.is_empty() {
        out.extend(body.chunks(chunk(body.len(), random)).flat_map(|part| frame(DATA, part)));
    }
    out
}

/// A control stream (RFC 9114 section 6.2.1).
fn settings(stream: u8, settings: &[(usize, usize)]) -> Sent {
    let settings: Vec<u8> =
        settings.iter().flat_map(|(id, value)| [varint(*id), varint(*value)].concat()).collect();
    goes_on(stream, 0, [varint(0), frame(SETTINGS, &settings)].concat())
}

fn frame(kind: usize, content: &[u8]) -> Vec<u8> {
    [varint(kind), varint(content.len()), content.to_vec()].concat()
}

const fn goes_on(stream: u8, offset: usize, bytes: Vec<u8>) -> Sent {
    Sent { stream, offset, bytes, last: false }
}

const fn ends(stream: u8, bytes: Vec<u8>) -> Sent {
    Sent { stream, offset: 0, bytes, last: true }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_request_goes_on_with_the_table_of_the_first() {
        let fields = [Field::new(":method", "POST"), Field::new(":path", "/up"), Field::new("x-id", "7")];
        let mut evident = 0;
        for item in 0..200 {
            let flights = with_table(&fields, b"body", false, &mut Random::new(1, item));
            let (way, first) = &flights[1];
            let (_, second) = flights.last().unwrap();
            assert_eq!(*way, Way::Out);
            assert_eq!(first.iter().map(|it| it.stream).collect::<Vec<_>>(), [CONTROL, ENCODER, 0]);
            assert_eq!(second.iter().map(|it| it.stream).collect::<Vec<_>>(), [ENCODER, 4]);
            assert_eq!((first[1].offset, second[0].offset), (0, first[1].bytes.len()));
            assert!(second[1].last && second[1].bytes.ends_with(b"y"));
            // The value is in the table alone.
            let has = |sent: &Sent| sent.bytes.windows(2).any(|it| it == b"\x017");
            evident += u32::from(has(&second[0]) && !has(&second[1]));
        }
        assert!(evident > 50, "{evident}");
    }
}
