//! HTTP/2 (RFC 9113): requests, on a connection that speaks it from the start or changes to it.

use crate::content::Field;
use crate::hpack::Encoder;
use crate::packet::{Turns, Way};
use crate::protocol::host;
use crate::random::Random;

/// A request.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// Its method.
    pub method: &'a str,
    /// Its path and query.
    pub path: &'a str,
    /// Further fields.
    pub head: &'a [Field],
    /// Its content.
    pub body: &'a [u8],
}

impl Request<'_> {
    /// All fields: those that begin with a colon first, names in lower case (sections 8.2.1 and 8.3.1).
    pub fn fields(&self, scheme: &str, random: &mut Random) -> Vec<Field> {
        let mut fields = vec![
            Field::new(":method", self.method),
            Field::new(":scheme", scheme),
            Field::new(":path", self.path),
            Field::new(":authority", host(random)),
        ];
        let named = |it: &Field| Field::new(it.name.to_ascii_lowercase(), it.value.clone());
        fields.extend(self.head.iter().map(named));
        fields
    }
}

/// A connection in clear from the start, with the request: its first, or its second.
pub fn connection(request: Request<'_>, huffman: bool, random: &mut Random) -> Vec<u8> {
    let fields = request.fields("http", random);
    let mut encoder = Encoder::new(huffman);
    if random.happens(40) {
        return [preface(), stream(1, &fields, request.body, &mut encoder, random)].concat();
    }
    let page = stream(1, &first_page(&fields), b"", &mut encoder, random);
    let fields = [fields, about()].concat();
    [preface(), page, stream(3, &fields, request.body, &mut encoder, random)].concat()
}

/// The fields that ask for `/` where others are asked for: those of the client's own have no value yet.
pub fn first_page(fields: &[Field]) -> Vec<Field> {
    let own = |field: &Field| match field.name.as_str() {
        ":method" => Some(Field::new(":method", "GET")),
        ":path" => Some(Field::new(":path", "/")),
        ":scheme" | ":authority" => Some(field.clone()),
        name if name.starts_with("content-") => None,
        name => Some(Field::new(name, "")),
    };
    fields.iter().filter_map(own).chain(about()).collect()
}

/// What a client says of itself.
pub fn about() -> Vec<Field> {
    vec![Field::new("user-agent", "Client/3.2 (Android)"), Field::new("accept-language", "en")]
}

/// A connection that begins as HTTP/1 (RFC 7540 section 3.2). What was asked for there is the first stream; the request is
/// the next.
pub fn upgraded(request: Request<'_>, huffman: bool, random: &mut Random) -> Turns {
    let asked = [
        Field::new("Connection", "Upgrade, HTTP2-Settings"),
        Field::new("Upgrade", "h2c"),
        Field::new("HTTP2-Settings", "AAMAAABkAAQAAP__"),
    ];
    let fields = request.fields("http", random);
    let next = stream(3, &fields, request.body, &mut Encoder::new(huffman), random);
    let agreed = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n".to_vec();
    vec![
        (Way::Out, crate::protocol::http("GET", "/", &asked, b"", random)),
        (Way::In, [agreed, answer()].concat()),
        (Way::Out, [preface(), next].concat()),
    ]
}

/// The server's SETTINGS.
pub fn answer() -> Vec<u8> {
    frame(4, 0, 0, &[])
}

fn preface() -> Vec<u8> {
    [b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec(), frame(4, 0, 0, &[])].concat()
}

fn stream(id: u32, fields: &[Field], body: &[u8], encoder: &mut Encoder, random: &mut Random) -> Vec<u8> {
    let mut out = headers(id, &encoder.block(fields, random), body.is_empty(), random);
    let size = chunk(body.len(), random);
    let count = body.chunks(size).count();
    for (number, part) in body.chunks(size).enumerate() {
        out.extend(frame(0, u8::from(number + 1 == count), id, part));
    }
    out
}

/// A HEADERS frame, sometimes padded and with a priority, and sometimes CONTINUATION frames (sections 6.2 and 6.10).
fn headers(id: u32, block: &[u8], last: bool, random: &mut Random) -> Vec<u8> {
    let (mut flags, mut before, mut padding) = (u8::from(last), Vec::new(), 0);
    if random.happens(20) {
        padding = random.index(9);
        flags |= 0x08;
        before.push(padding as u8);
    }
    if random.happens(20) {
        flags |= 0x20;
        before.extend([0, 0, 0, 0, 15]);
    }
    let cut = if random.happens(20) { random.index(block.len()) } else { block.len() };
    let (first, rest) = block.split_at(cut);
    let ends = if rest.is_empty() { 0x04 } else { 0 };
    let mut out = frame(1, flags | ends, id, &[&before, first, &vec![0; padding]].concat());
    if !rest.is_empty() {
        out.extend(frame(9, 0x04, id, rest));
    }
    out
}

/// How much of a body is sent at once.
pub fn chunk(len: usize, random: &mut Random) -> usize {
    random.between(1 + len as u64 / 5, 1 + len as u64) as usize
}

fn frame(kind: u8, flags: u8, stream: u32, body: &[u8]) -> Vec<u8> {
    let length = (body.len() as u32).to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), body].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_as_long_as_they_say() {
        let request =
            Request { method: "POST", path: "/up", head: &[Field::new("X-Id", "7")], body: &[b'x'; 100] };
        for item in 0..50 {
            let bytes = connection(request, item % 2 == 0, &mut Random::new(1, item));
            let (mut rest, mut body, mut ended) = (&bytes[24..], 0, 0);
            while let [high, middle, low, kind, flags, _, _, _, _, content @ ..] = rest {
                let length = usize::from(*high) << 16 | usize::from(*middle) << 8 | usize::from(*low);
                body += if *kind == 0 { length } else { 0 };
                ended += if *kind == 0 { flags & 1 } else { 0 };
                rest = &content[length..];
            }
            assert_eq!((rest.len(), body, ended), (0, 100, 1));
        }
    }

    #[test]
    fn a_connection_changes_its_protocol() {
        let request = Request { method: "GET", path: "/", head: &[], body: b"" };
        let turns = upgraded(request, true, &mut Random::new(1, 1));
        assert!(turns[1].1.starts_with(b"HTTP/1.1 101 ") && turns[2].1.starts_with(b"PRI * HTTP/2.0\r\n"));
    }

    #[test]
    fn the_first_page_is_of_the_same_host() {
        let fields =
            [(":method", "POST"), (":authority", "a.example"), ("x-id", "1"), ("content-type", "text/plain")];
        let page = first_page(&fields.map(|(name, value)| Field::new(name, value)));
        let expected = [(":method", "GET"), (":authority", "a.example"), ("x-id", "")];
        assert_eq!(page[..3], expected.map(|(name, value)| Field::new(name, value)));
        assert_eq!(page[3..], about());
    }

    /// The name of a field in the second request stands in the first alone.
    #[test]
    fn a_second_request_goes_on_with_the_table_of_the_first() {
        let request = Request { method: "GET", path: "/up", head: &[Field::new("X-Id", "7")], body: b"" };
        let of = |item| connection(request, false, &mut Random::new(1, item));
        let find = |bytes: &[u8], text: &[u8]| bytes.windows(text.len()).filter(|it| *it == text).count();
        let shared = (0..200).map(of).filter(|bytes| find(bytes, b"/up") == 1 && find(bytes, b"x-id\0") == 1);
        let indexed = shared.filter(|bytes| find(bytes, b"x-id") == 1).count();
        assert!(indexed > 10, "{indexed}");
    }
}
