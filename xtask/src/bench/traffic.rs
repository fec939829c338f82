//! Made-up traffic to measure with: the same bytes every time.

use std::fmt::Write;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sim::tls::CHANGE_CIPHER_SPEC;

/// The phone's port in captures of one connection.
pub(super) const PHONE_PORT: u16 = 40_000;
/// Bytes of a segment.
pub(super) const SEGMENT: usize = 1400;
/// Bytes of a message's body.
const BODY: usize = 16 << 10;
/// Payload of a flow of [`unfinished`].
pub(super) const UNFINISHED: usize = 2048;

/// Flags of TCP segments.
const SYN: u8 = 2;
const SYN_ACK: u8 = 18;
const ACK: u8 = 16;
const PUSH: u8 = 24;

/// A server's TLS records after a handshake that was seen, in one connection.
pub(super) fn encrypted(size: usize) -> Vec<Vec<u8>> {
    let stream = [&CHANGE_CIPHER_SPEC[..], &records(size)].concat();
    connection(443, &hello(), &stream)
}

/// Whole TLS records of encrypted data, at least `size` bytes of them.
pub(super) fn records(size: usize) -> Vec<u8> {
    let mut numbers = Numbers(1);
    let mut stream = Vec::with_capacity(size + BODY + 5);
    while stream.len() < size {
        stream.extend([23, 3, 3, 0x40, 0]);
        stream.extend((0..BODY / 8).flat_map(|_| numbers.next().to_be_bytes()));
    }
    stream
}

/// Makes a connection to a port of the server's with about so many bytes of payload, as IPv4 packets.
type Make = fn(u16, usize) -> Vec<Vec<u8>>;

/// What is sent in clear over HTTP.
const PLAINTEXT: [(&str, Make); 5] = [
    ("HTTP upload of JSON", upload_json),
    ("HTTP upload of forms", |port, size| upload(port, size, "application/x-www-form-urlencoded", form)),
    ("HTTP upload of JSON in base64", |port, size| {
        upload(port, size, "text/plain", |it| STANDARD.encode(json(it)))
    }),
    ("HTTP upload of a text", |port, size| upload(port, size, "text/plain", prose)),
    ("HTTP download of HTML", |port, size| {
        connection(port, b"GET / HTTP/1.1\r\nHost: bench.example\r\n\r\n", &reply(size))
    }),
];

/// Plaintext by what it is, with about `size` bytes of payload, and all kinds together; of these the wanted ones.
pub(super) fn plaintext(size: usize, wanted: impl Fn(&str) -> bool) -> Vec<(&'static str, Vec<Vec<u8>>)> {
    const ALL: &str = "HTTP of all kinds";
    let kinds =
        PLAINTEXT.into_iter().filter(|(what, _)| wanted(what)).map(|(what, make)| (what, make(80, size)));
    let all = wanted(ALL).then(|| (ALL, every_plaintext(size)));
    kinds.chain(all).collect()
}

/// Text in no protocol.
pub(super) fn text(size: usize) -> Vec<Vec<u8>> {
    connection(9999, lines(size).as_bytes(), b"")
}

/// As much of each kind of plaintext, each in a connection of its own.
fn every_plaintext(size: usize) -> Vec<Vec<u8>> {
    let each = PLAINTEXT.into_iter().zip(8000..);
    each.flat_map(|((_, make), port)| make(port, size / PLAINTEXT.len())).collect()
}

/// Requests whose bodies are JSON.
pub(super) fn upload_json(port: u16, size: usize) -> Vec<Vec<u8>> {
    upload(port, size, "application/json", json)
}

/// The packets of a flow of its own that sends the beginning of a long request.
pub(super) fn unfinished(flow: usize) -> Vec<Vec<u8>> {
    let end = End { port: 1024 + (flow % 60_000) as u16, host: (flow / 60_000) as u8 };
    let mut text = String::from("POST /a HTTP/1.1\r\nHost: bench.example\r\nContent-Length: 100000\r\n\r\n");
    while text.len() < UNFINISHED {
        text.push_str("name=value&");
    }
    text.truncate(UNFINISHED);
    let (first, second) = text.as_bytes().split_at(UNFINISHED / 2);
    vec![
        segment(end, 80, Way::Out, (0, 0), SYN, b""),
        segment(end, 80, Way::In, (0, 1), SYN_ACK, b""),
        segment(end, 80, Way::Out, (1, 1), PUSH, first),
        segment(end, 80, Way::Out, (1 + first.len() as u32, 1), PUSH, second),
    ]
}

/// SplitMix64: numbers that look random and are the same every time.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    }
}

/// What a client of TLS begins with.
pub(super) fn hello() -> Vec<u8> {
    sim::tls::hello([7; 32])
}

/// Requests until `size`, each with a body of about [`BODY`] bytes.
fn upload(port: u16, size: usize, kind: &str, body: fn(&mut Numbers) -> String) -> Vec<Vec<u8>> {
    let mut numbers = Numbers(1);
    let mut out = Vec::new();
    while out.len() < size {
        let body = body(&mut numbers);
        let len = body.len();
        let head = "User-Agent: okhttp/4.9\r\nHost: bench.example\r\n";
        out.extend(
            format!("POST /v1/batch HTTP/1.1\r\n{head}Content-Type: {kind}\r\nContent-Length: {len}\r\n\r\n")
                .bytes(),
        );
        out.extend(body.bytes());
    }
    connection(port, &out, b"")
}

fn reply(size: usize) -> Vec<u8> {
    let mut numbers = Numbers(1);
    let mut out = Vec::new();
    while out.len() < size {
        let body = format!("<!doctype html><p>{}</p>", prose(&mut numbers));
        let kind = "Content-Type: text/html\r\n";
        out.extend(format!("HTTP/1.1 200 OK\r\n{kind}Content-Length: {}\r\n\r\n", body.len()).bytes());
        out.extend(body.bytes());
    }
    out
}

/// What an analytics library sends: a list of events.
fn json(numbers: &mut Numbers) -> String {
    let mut out = String::from("{\"events\":[");
    while out.len() < BODY {
        let n = numbers.next();
        let (session, screen) = (n >> 32, n % 90);
        _ = write!(
            out,
            "{{\"name\":\"screen_view\",\"ts\":17640{:08},\"session\":\"{session:08x}\",\"params\":{{\"screen\":\"page {screen}\",\
             \"duration\":{}.{},\"ok\":true,\"from\":null,\"tags\":[\"a\",\"b{screen}\"]}}}},",
            n % 100_000_000,
            n % 1000,
            n % 10
        );
    }
    out.push_str("{}]}");
    out
}

fn form(numbers: &mut Numbers) -> String {
    let mut out = String::from("v=1");
    while out.len() < BODY {
        let n = numbers.next();
        _ = write!(out, "&t{}=event%20{}&w={}&title=a+page+of+{}", n % 40, n % 1000, n >> 40, n % 77);
    }
    out
}

fn prose(numbers: &mut Numbers) -> String {
    const WORDS: [&str; 16] = [
        "the", "phone", "sends", "what", "nobody", "asked", "for", "when", "it", "is", "switched", "on",
        "and", "unlocked", "again", "today",
    ];
    let mut out = String::new();
    while out.len() < BODY {
        let n = numbers.next();
        (0..16).for_each(|at| _ = write!(out, "{} ", WORDS[(n >> (4 * at) & 15) as usize]));
        _ = write!(out, "{}. ", n % 2000);
    }
    out
}

fn lines(size: usize) -> String {
    let mut numbers = Numbers(1);
    let mut out = String::new();
    while out.len() < size {
        let n = numbers.next();
        _ = writeln!(out, "LOG {} level={} took {} ms: nothing to see", n >> 40, n % 5, n % 977);
    }
    out
}

/// A connection in which the phone says `up` and the server answers `down`, its packets in order.
fn connection(port: u16, up: &[u8], down: &[u8]) -> Vec<Vec<u8>> {
    let end = PHONE;
    let mut packets = vec![
        segment(end, port, Way::Out, (0, 0), SYN, b""),
        segment(end, port, Way::In, (0, 1), SYN_ACK, b""),
        segment(end, port, Way::Out, (1, 1), ACK, b""),
    ];
    for (part, seq) in up.chunks(SEGMENT).zip((1u32..).step_by(SEGMENT)) {
        packets.push(segment(end, port, Way::Out, (seq, 1), PUSH, part));
    }
    for (part, seq) in down.chunks(SEGMENT).zip((1u32..).step_by(SEGMENT)) {
        packets.push(segment(end, port, Way::In, (seq, 1 + up.len() as u32), PUSH, part));
    }
    packets
}

/// The phone's end.
#[derive(Clone, Copy)]
struct End {
    port: u16,
    host: u8,
}

const PHONE: End = End { port: PHONE_PORT, host: 0 };

#[derive(Clone, Copy, PartialEq)]
enum Way {
    Out,
    In,
}

/// The SYN of a phone that takes segments of [`SEGMENT`] bytes, 16 MiB of them at once (RFC 9293 section 3.2, RFC 7323
/// section 2).
pub(super) fn connecting() -> Vec<u8> {
    let [high, low] = (SEGMENT as u16).to_be_bytes();
    let options = [2, 4, high, low, 3, 3, 8, 0];
    let mut packet = segment(PHONE, 443, Way::Out, (0, 0), SYN, &options);
    packet[32] = 0x70;
    packet
}

/// What the phone of [`connecting`] sends then.
pub(super) fn sent(seq: u32, ack: u32, payload: &[u8]) -> Vec<u8> {
    segment(PHONE, 443, Way::Out, (seq, ack), ACK, payload)
}

/// A datagram of the phone's, as an IPv4 packet without checksums.
pub(super) fn datagram(payload: &[u8]) -> Vec<u8> {
    let mut packet = vec![0x45, 0];
    packet.extend((28 + payload.len() as u16).to_be_bytes());
    packet.extend([0, 0, 0, 0, 64, 17, 0, 0, 10, 0, 0, 2, 192, 0, 2, 1]);
    packet.extend(PHONE.port.to_be_bytes());
    packet.extend(53u16.to_be_bytes());
    packet.extend((8 + payload.len() as u16).to_be_bytes());
    packet.extend([0, 0]);
    packet.extend(payload);
    packet
}

/// An IPv4 packet, checksums left out.
fn segment(end: End, port: u16, way: Way, (seq, ack): (u32, u32), flags: u8, payload: &[u8]) -> Vec<u8> {
    let (phone, server) = (([10, 0, 0, 2 + end.host], end.port), ([192, 0, 2, 1], port));
    let (from, to) = if way == Way::Out { (phone, server) } else { (server, phone) };
    let mut packet = vec![0x45, 0];
    packet.extend((40 + payload.len() as u16).to_be_bytes());
    packet.extend([0, 0, 0, 0, 64, 6, 0, 0]);
    packet.extend([from.0, to.0].concat());
    packet.extend(from.1.to_be_bytes());
    packet.extend(to.1.to_be_bytes());
    packet.extend(seq.to_be_bytes());
    packet.extend(ack.to_be_bytes());
    packet.extend([0x50, flags, 0xff, 0xff, 0, 0, 0, 0]);
    packet.extend(payload);
    packet
}
