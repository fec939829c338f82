use super::super::super::session::Context;
use super::super::super::{ClientHello, HttpStart};
use super::super::streams::{Piece, Streams};
use super::*;

const OUT: Direction = Direction::Outbound;
const IN: Direction = Direction::Inbound;
/// The streams on which the client and the server say what their tables hold, and their settings.
const ENCODER: u64 = 6;
const CONTROL: [u64; 2] = [2, 3];

/// 220 bytes, and a field with a name of one byte each.
const SETTINGS: &[u8] = b"\0\x04\x03\x01\x40\xdc";
const CAPACITY: &[u8] = b"\x02\x3f\xbd\x01";
const ENTRIES: [&[u8]; 2] = [b"\x41a\x0f490154203237518", b"\x41b\x012"];

/// A connection, and how much was said on each stream.
struct Connection {
    streams: Streams,
    sent: std::collections::BTreeMap<(usize, u64), u64>,
    out: Vec<Observation>,
}

impl Connection {
    fn new() -> Self {
        let hello = ClientHello { alpn: vec!["h3".to_owned()], ..ClientHello::default() };
        let streams = Streams::new(OUT, &hello, &Context::default());
        Self { streams, sent: Default::default(), out: Vec::new() }
    }

    /// One whose server allows a table.
    fn with_settings() -> Self {
        let mut new = Self::new();
        new.say(IN, CONTROL[1], SETTINGS);
        new
    }

    fn say(&mut self, direction: Direction, id: u64, bytes: &[u8]) {
        self.piece(direction, id, bytes, false);
    }

    fn end(&mut self, direction: Direction, id: u64, bytes: &[u8]) {
        self.piece(direction, id, bytes, true);
    }

    fn piece(&mut self, direction: Direction, id: u64, bytes: &[u8], last: bool) {
        let at = self.sent.entry((direction.index(), id)).or_default();
        let piece = Piece { offset: *at, bytes, last };
        *at += bytes.len() as u64;
        self.streams.handle(direction, id, piece, &mut self.out);
    }

    fn flush(&mut self) {
        self.streams.flush(&mut self.out);
        assert!(!self.streams.is_pending());
    }

    /// What was yielded: of messages their fields and body, of sections that were not read their bytes.
    fn take(&mut self) -> Vec<String> {
        self.out.drain(..).map(|it| told(&it)).collect()
    }
}

fn told(observation: &Observation) -> String {
    let Observation::Decrypted(inside) = observation else { panic!("{observation:?}") };
    match &**inside {
        Observation::Http(it) => {
            let HttpStart::Request { method, .. } = &it.start else { panic!("{it:?}") };
            let fields: String =
                it.headers.iter().map(|field| format!(" {}={}", field.name, field.value)).collect();
            format!("{method}{fields} {}", String::from_utf8_lossy(&it.body))
        }
        Observation::Message(it) => format!("{} {:02x?}", it.parts[0].name, it.parts[0].value),
        other => panic!("{other:?}"),
    }
}

/// A GET with the field lines given, and a body.
fn request(prefix: &[u8], lines: &[u8], body: &[u8]) -> Vec<u8> {
    let section = [prefix, b"\xd1", lines].concat();
    [&[1, section.len() as u8], &section[..], &[0, body.len() as u8], body].concat()
}

#[test]
fn a_request_that_waits_is_yielded_whole() {
    let bytes = request(b"\x03\x00", b"\x80\x81", b"body");
    for cut in 0..bytes.len() {
        let mut connection = Connection::with_settings();
        connection.say(OUT, ENCODER, CAPACITY);
        connection.say(OUT, 0, &bytes[..cut]);
        connection.say(OUT, ENCODER, ENTRIES[0]);
        connection.end(OUT, 0, &bytes[cut..]);
        assert_eq!(connection.take(), [""; 0], "{cut}");
        connection.say(OUT, ENCODER, ENTRIES[1]);
        assert_eq!(connection.take(), ["GET b=2 a=490154203237518 body"], "{cut}");
        connection.flush();
        assert_eq!(connection.take(), [""; 0]);
    }
}

#[test]
fn an_entry_that_came_before_may_be_dropped_after() {
    let mut connection = Connection::with_settings();
    connection.say(OUT, ENCODER, &[CAPACITY, ENTRIES[0]].concat());
    connection.say(OUT, 0, &request(b"\x02\x00", b"\x80", b"bo"));
    // The table is emptied.
    connection.say(OUT, ENCODER, b"\x20");
    connection.end(OUT, 0, b"\x00\x02dy");
    assert_eq!(connection.take(), ["GET a=490154203237518 body"]);
}

#[test]
fn requests_go_on_in_the_order_of_what_they_need() {
    let mut connection = Connection::with_settings();
    connection.say(OUT, ENCODER, CAPACITY);
    connection.end(OUT, 0, &request(b"\x03\x00", b"\x80", b"1"));
    connection.end(OUT, 4, &request(b"\x02\x00", b"\x80", b"2"));
    connection.end(OUT, 8, &request(b"\x00\x00", b"", b"3"));
    assert_eq!(connection.take(), ["GET 3"]);
    connection.say(OUT, ENCODER, ENTRIES[0]);
    assert_eq!(connection.take(), ["GET a=490154203237518 2"]);
    connection.say(OUT, ENCODER, ENTRIES[1]);
    assert_eq!(connection.take(), ["GET b=2 1"]);
}

#[test]
fn what_never_comes_is_missing_and_said_to_be() {
    let mut connection = Connection::with_settings();
    connection.say(OUT, ENCODER, &[CAPACITY, ENTRIES[0]].concat());
    connection.end(OUT, 0, &request(b"\x03\x00", b"\x80\x81\x21c\x013", b"body"));
    assert!(connection.streams.is_pending());
    connection.flush();
    let expected = ["fields [03, 00, d1, 80, 81, 21, 63, 01, 33]", "GET = a=490154203237518 c=3 body"];
    assert_eq!(connection.take(), expected);
    // It is not yielded again.
    connection.say(OUT, ENCODER, ENTRIES[1]);
    connection.flush();
    assert_eq!(connection.take(), [""; 0]);
}

#[test]
fn each_direction_has_its_own_table() {
    let mut connection = Connection::with_settings();
    // The client allows a table too.
    connection.say(OUT, CONTROL[0], SETTINGS);
    connection.say(OUT, ENCODER, &[CAPACITY, ENTRIES[0]].concat());
    connection.say(IN, 7, &[CAPACITY, ENTRIES[1]].concat());
    for (direction, expected) in [(OUT, "GET a=490154203237518 "), (IN, "GET b=2 ")] {
        connection.end(direction, 0, &request(b"\x02\x00", b"\x80", b""));
        assert_eq!(connection.take(), [expected]);
    }
}

#[test]
fn a_server_that_allows_no_table_gets_none() {
    for settings in [&b"\0\x04\0"[..], b"\0\x04\x02\x07\x10", b"\0\x04\x02\x01\0"] {
        let mut connection = Connection::new();
        for (at, byte) in settings.iter().enumerate() {
            assert_eq!(connection.sent.get(&(1, 3)).copied().unwrap_or_default(), at as u64);
            connection.say(IN, CONTROL[1], &[*byte]);
        }
        connection.say(OUT, ENCODER, &[CAPACITY, ENTRIES[0]].concat());
        connection.end(OUT, 0, &request(b"\x02\x00", b"\x80", b""));
        assert_eq!(connection.take().last().unwrap(), "GET = ", "{settings:x?}");
    }
}

#[test]
fn settings_that_were_not_seen_are_assumed() {
    let mut connection = Connection::new();
    connection.end(OUT, 0, &request(b"\x02\x00", b"\x80", b""));
    connection.say(OUT, ENCODER, &[CAPACITY, ENTRIES[0]].concat());
    assert_eq!(connection.take(), ["GET a=490154203237518 "]);
}

#[test]
fn a_hole_in_the_encoder_stream_is_not_read_over() {
    let mut connection = Connection::with_settings();
    connection.say(OUT, ENCODER, &[CAPACITY, ENTRIES[0]].concat());
    let at = connection.sent[&(0, ENCODER)];
    // More is missing than there can be entries.
    connection.sent.insert((0, ENCODER), at + 7);
    connection.say(OUT, ENCODER, b"\x00");
    connection.end(OUT, 0, &request(b"\x02\x00", b"\x80", b""));
    assert_eq!(connection.take(), [""; 0]);
    connection.sent.insert((0, ENCODER), at);
    connection.say(OUT, ENCODER, &[ENTRIES[1], b"\x00\x00"].concat());
    assert_eq!(connection.take(), ["GET a=490154203237518 "]);
}

#[test]
fn other_streams_are_passed_over() {
    let mut connection = Connection::with_settings();
    connection.say(OUT, ENCODER, &[CAPACITY, ENTRIES[0]].concat());
    // The decoder's, a push, a reserved type, a second encoder's; and what its stream's other end cannot say.
    for (direction, id, bytes) in [
        (OUT, 10, &b"\x03\x84"[..]),
        (IN, 11, b"\x01\x00\x01\x03\0\0\xd1"),
        (IN, 15, b"\x40\x21\xff\xff"),
        (OUT, 14, b"\x02\x20"),
        (IN, ENCODER, b"\x02\x20"),
        (OUT, CONTROL[1], SETTINGS),
    ] {
        connection.end(direction, id, bytes);
    }
    connection.end(OUT, 0, &request(b"\x02\x00", b"\x80", b""));
    assert_eq!(connection.take(), ["GET a=490154203237518 "]);
    connection.flush();
    assert_eq!(connection.take(), [""; 0]);
}

#[test]
fn of_too_many_that_wait_the_first_is_yielded() {
    let waiting = request(b"\x02\x00", b"\x80", b"");
    let mut connection = Connection::with_settings();
    (0..100).for_each(|stream| connection.end(OUT, 4 * stream, &waiting));
    assert_eq!(connection.take(), [""; 0]);
    connection.end(OUT, 400, &waiting);
    assert_eq!(connection.take(), ["fields [02, 00, d1, 80]", "GET = "]);
    connection.say(OUT, ENCODER, &[CAPACITY, ENTRIES[0]].concat());
    assert_eq!(connection.take(), vec!["GET a=490154203237518 "; 100]);
    // Bodies of 200,000 bytes.
    let mut connection = Connection::with_settings();
    for stream in 0..25 {
        connection.say(OUT, 4 * stream, &waiting);
        connection.say(OUT, 4 * stream, b"\x00\x80\x03\x0d\x40");
        (0..20).for_each(|_| connection.say(OUT, 4 * stream, &[b'x'; 10_000]));
    }
    let given_up = connection.take().iter().filter(|told| told.starts_with("fields")).count();
    assert_eq!(given_up, 25 - (4 << 20) / 200_004);
}

/// What waits is bounded in number and bytes, and what there is no room for does not stop the rest.
#[test]
fn what_waits_is_bounded() {
    let mut connection = Connection::with_settings();
    connection.say(OUT, ENCODER, CAPACITY);
    let section = [&b"\x02\x00\xd1\x80\x21c\x7f\xe1\x5c"[..], &[b'x'; 12_000]].concat();
    let frame = [&[1, 0x80, 0, (section.len() >> 8) as u8, section.len() as u8], &section[..]].concat();
    for id in 0..200 {
        (0..12).for_each(|_| connection.say(OUT, 4 * id, &frame));
    }
    assert_eq!(2 * connection.streams.fields().room(), Fields::new().room());
    connection.say(OUT, ENCODER, ENTRIES[0]);
    connection.flush();
    let told = connection.take();
    assert!(told.iter().map(String::len).sum::<usize>() < 8 << 20);
    assert!(told[0].starts_with("GET a=490154203237518 c=xxx"), "{}", &told[0][..30]);
    // All room is given back.
    assert_eq!(connection.streams.fields().room(), Fields::new().room());
}

#[test]
fn requests_are_read_however_many_came_before() {
    let mut it = Connection::new();
    for id in (0..4000).step_by(4) {
        it.end(OUT, id, &request(b"\0\0", b"", b"hello"));
        it.end(IN, id, b"");
        assert!(it.take().first().is_some_and(|told| told.starts_with("GET")), "request {id}");
    }
    let again = Piece { offset: 0, bytes: &request(b"\0\0", b"", b"again"), last: true };
    it.streams.handle(OUT, 0, again, &mut it.out);
    it.streams.handle(OUT, 3000, again, &mut it.out);
    it.flush();
    assert!(it.out.is_empty(), "{:?}", it.out);
}
