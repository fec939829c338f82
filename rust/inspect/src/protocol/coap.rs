//! CoAP (RFC 7252) over UDP, and over TCP (RFC 8323), with what LwM2M registers by it.

use std::ops::Range;

use packet::Direction;

use super::Observation;
use super::dissector::Opening;
use super::framed::{Framing, Length};
use super::message::{Parts, host_name, urn};
use super::reader::Reader;
use super::session::DatagramSession;

/// The port of CoAP without DTLS.
const PORT: u16 = 5683;
/// Begins the payload.
const MARKER: u8 = 0xff;

/// Options (RFC 7252 section 5.10).
const URI_HOST: u32 = 3;
const LOCATION_PATH: u32 = 8;
const URI_PATH: u32 = 11;
const URI_QUERY: u32 = 15;
const LOCATION_QUERY: u32 = 20;
const PROXY_URI: u32 = 35;

/// Codes: an empty message, methods up to iPATCH (RFC 8132), capabilities and settings (RFC 8323).
const EMPTY: u8 = 0;
const LAST_METHOD: u8 = 7;
const CSM: u8 = 0xe1;

/// Whether a datagram is a CoAP message. Off its port it must be a request whose options are all known and say a path.
pub(super) fn probe(opening: &Opening<'_>) -> bool {
    let Some(message) = Datagram::parse(opening.bytes) else { return false };
    if opening.port == PORT {
        return true;
    }
    let is_request = (1..=LAST_METHOD).contains(&message.code) && message.kind <= 1;
    is_request
        && message.token.len() <= 8
        && message.options.iter().all(is_known)
        && message.names_resource(opening.bytes)
}

/// Whether a TCP stream begins with capabilities and settings; `None`: it may yet. Off its port they must tell how long
/// messages may be.
pub(super) fn probe_stream(opening: &Opening<'_>) -> Option<bool> {
    let bytes = opening.bytes;
    let &[first, second, ..] = bytes else {
        return if bytes.first().is_none_or(|first| first & 0x0f == 0) { None } else { Some(false) };
    };
    // The settings need less than thirteen bytes, and no token.
    let len = usize::from(first >> 4);
    if first & 0x0f != 0 || len > 12 || second != CSM {
        return Some(false);
    }
    let body = bytes.get(2..2 + len)?;
    let Some((options, payload)) = options(body, 2) else { return Some(false) };
    let known =
        options.iter().all(|option| matches!((option.number, option.value.len()), (2, 0..=4) | (4, 0)));
    let telling = options.iter().any(|option| option.number == 2) || opening.port == PORT;
    Some(known && telling && payload.is_none())
}

/// A message in a datagram.
struct Datagram {
    /// 0 confirmable, 1 not, 2 acknowledgement, 3 reset.
    kind: u8,
    code: u8,
    token: Range<usize>,
    options: Vec<Setting>,
    payload: Option<usize>,
}

/// An option.
struct Setting {
    number: u32,
    value: Range<usize>,
}

impl Datagram {
    /// RFC 7252 section 3.
    fn parse(bytes: &[u8]) -> Option<Self> {
        let &[first, code, _, _, ref rest @ ..] = bytes else { return None };
        let (version, kind, token) = (first >> 6, first >> 4 & 3, usize::from(first & 0x0f));
        if version != 1 || token > 8 || !is_code(code) || (code == EMPTY && bytes.len() != 4) {
            return None;
        }
        let at = 4 + token;
        let (options, payload) = options(rest.get(token..)?, at)?;
        Some(Self { kind, code, token: 4..at, options, payload })
    }

    fn names_resource(&self, bytes: &[u8]) -> bool {
        let printable = |range: &Range<usize>| {
            let text = std::str::from_utf8(bytes.get(range.clone()).unwrap_or_default());
            text.is_ok_and(|text| !text.is_empty() && !text.chars().any(char::is_control))
        };
        let mut names =
            self.options.iter().filter(|it| matches!(it.number, URI_HOST | URI_PATH | URI_QUERY | PROXY_URI));
        names.clone().any(|it| it.value.len() > 1) && names.all(|it| printable(&it.value))
    }
}

/// Classes 0 (methods), 2 (success), 4 and 5 (errors).
const fn is_code(code: u8) -> bool {
    matches!(code >> 5, 0 | 2 | 4 | 5) && (code >> 5 != 0 || code <= LAST_METHOD)
}

/// Options that are registered, with lengths that they may have.
fn is_known(option: &Setting) -> bool {
    let len = option.value.len();
    match option.number {
        1 | 4 => len <= 8,
        3 | 11 | 15 | 8 | 20 | 39 => len <= 255,
        5 | 13 => len == 0,
        6 | 12 | 14 | 17 | 23 | 27 | 28 | 60 => len <= 4,
        7 => len <= 2,
        9 | 21 | 35 => len <= 1034,
        16 | 258 => len <= 3,
        252 | 292 => len <= 40,
        _ => false,
    }
}

/// Options up to the payload, and where that begins (RFC 7252 section 3.1). The first byte stands at `at`.
fn options(bytes: &[u8], at: usize) -> Option<(Vec<Setting>, Option<usize>)> {
    const MOST: usize = 128;
    let position = |reader: &Reader<'_>| at + bytes.len() - reader.0.len();
    let (mut reader, mut number, mut out) = (Reader(bytes), 0u32, Vec::new());
    while let Some(first) = reader.u8() {
        if first == MARKER {
            return (!reader.is_empty()).then(|| (out, Some(position(&reader))));
        }
        number = number.checked_add(extended(first >> 4, &mut reader)?)?;
        let len = extended(first & 0x0f, &mut reader)? as usize;
        let start = position(&reader);
        reader.take(len)?;
        if out.len() == MOST {
            return None;
        }
        out.push(Setting { number, value: start..start + len });
    }
    Some((out, None))
}

/// A number of four bits that may go on in one or two bytes.
fn extended(nibble: u8, reader: &mut Reader<'_>) -> Option<u32> {
    match nibble {
        13 => Some(13 + u32::from(reader.u8()?)),
        14 => Some(269 + u32::from(reader.u16()?)),
        15 => None,
        _ => Some(nibble.into()),
    }
}

/// CoAP over UDP: a message in each datagram.
#[derive(Debug, Clone)]
pub(super) struct Datagrams;

impl DatagramSession for Datagrams {
    fn handle(
        &mut self,
        direction: Direction,
        offset: u64,
        bytes: &[u8],
        out: &mut Vec<Observation>,
    ) -> usize {
        let Some(message) = Datagram::parse(bytes) else { return 0 };
        out.extend(observe(direction, offset, bytes, &message.options, message.payload));
        bytes.len()
    }
}

/// How messages over TCP are told apart (RFC 8323 section 3.2).
#[derive(Debug, Clone)]
pub(super) struct Stream;

/// What stands before the options, and how long the whole is.
struct Head {
    code: u8,
    /// Where the options begin.
    options: usize,
    len: u64,
}

fn head(bytes: &[u8]) -> Option<Head> {
    let mut reader = Reader(bytes);
    let first = reader.u8()?;
    let len = match first >> 4 {
        13 => 13 + u64::from(reader.u8()?),
        14 => 269 + u64::from(reader.u16()?),
        15 => 65_805 + u64::from(reader.u32()?),
        short => short.into(),
    };
    let code = reader.u8()?;
    let options = bytes.len() - reader.0.len() + usize::from(first & 0x0f);
    Some(Head { code, options, len: options as u64 + len })
}

impl Framing for Stream {
    fn measure(&self, _direction: Direction, bytes: &[u8]) -> Length {
        match head(bytes) {
            _ if bytes.first().is_some_and(|first| first & 0x0f > 8) => Length::Broken,
            // Signals (class 7) beside what datagrams hold.
            Some(head) if is_code(head.code) || matches!(head.code, CSM..=0xe5) => Length::Known(head.len),
            Some(_) => Length::Broken,
            None => Length::Unknown,
        }
    }

    fn take(&mut self, direction: Direction, at: u64, bytes: &[u8], out: &mut Vec<Observation>) {
        let Some(head) = head(bytes).filter(|head| is_code(head.code)) else { return };
        let Some(body) = bytes.get(head.options..) else { return };
        if let Some((options, payload)) = options(body, head.options) {
            out.extend(observe(direction, at, bytes, &options, payload));
        }
    }
}

fn observe(
    direction: Direction,
    at: u64,
    bytes: &[u8],
    options: &[Setting],
    payload: Option<usize>,
) -> Option<Observation> {
    let mut parts = Parts::new(bytes, at);
    let mut host = None;
    let path: Vec<&[u8]> =
        options.iter().filter(|it| it.number == URI_PATH).map(|it| parts.get(it.value.clone())).collect();
    let registers = matches!(path[..], [b"rd" | b"bs", ..]);
    for option in options {
        let value = parts.get(option.value.clone());
        match option.number {
            URI_HOST if direction == Direction::Outbound => {
                host = host_name(value);
                parts.add("uri_host", option.value.clone());
            }
            URI_HOST => parts.add("uri_host", option.value.clone()),
            URI_QUERY | LOCATION_QUERY => query(&mut parts, option.value.clone(), registers),
            LOCATION_PATH => parts.add("location_path", option.value.clone()),
            PROXY_URI => parts.add("proxy_uri", option.value.clone()),
            number if !is_known(option) => parts.add(format!("option {number}"), option.value.clone()),
            _ => {}
        }
    }
    add_path(&mut parts, options);
    if let Some(payload) = payload {
        parts.add("payload", payload..bytes.len());
    }
    parts.finish(direction, "coap", host)
}

/// The segments of a path in one, so that what leads to a value is seen: `rd/a/b`.
fn add_path(parts: &mut Parts<'_>, options: &[Setting]) {
    let mut segments =
        options.iter().filter(|it| it.number == URI_PATH).map(|it| it.value.clone()).peekable();
    let Some(first) = segments.next() else { return };
    if segments.peek().is_none() {
        return parts.add("uri_path", first);
    }
    let (mut text, mut end) = (parts.get(first.clone()).to_vec(), first.end);
    for segment in segments {
        text.push(b'/');
        text.extend_from_slice(parts.get(segment.clone()));
        end = segment.end;
    }
    parts.add_decoded("uri_path", text, first.start..end);
}

/// An argument `name=value`. The `ep` of a registration is the client's name, most often a URN with its IMEI (LwM2M
/// Core 1.2 section 6.3).
fn query(parts: &mut Parts<'_>, range: Range<usize>, registers: bool) {
    let text = parts.get(range.clone());
    let Some(equals) = text.iter().position(|&byte| byte == b'=') else {
        return parts.add("uri_query", range);
    };
    let (name, value) = (String::from_utf8_lossy(&text[..equals]), range.start + equals + 1..range.end);
    if registers && name == "ep" {
        let endpoint = parts.get(value.clone());
        return match urn(endpoint) {
            Some((kind, at)) => {
                parts.add(format!("endpoint.{kind}"), value.start + at.start..value.start + at.end);
            }
            // `imei:…`, a serial number, a MAC address.
            None => parts.add("endpoint.device_id", value),
        };
    }
    parts.add(format!("uri_query.{name}"), value);
}

#[cfg(test)]
mod tests {
    use super::super::Message;
    use super::super::dissector::tests::dissect;
    use super::*;

    const OUT: Direction = Direction::Outbound;

    fn option(delta: u8, value: &[u8]) -> Vec<u8> {
        let len = value.len();
        let head =
            if len < 13 { vec![delta << 4 | len as u8] } else { vec![delta << 4 | 13, len as u8 - 13] };
        [&head, value].concat()
    }

    /// A registration's options and payload.
    fn registration() -> Vec<u8> {
        [
            option(3, b"lwm2m.example.org"),
            option(8, b"rd"),
            option(1, b"\x28"),
            option(3, b"ep=urn:imei:001017001234569"),
            option(0, b"lt=86400"),
            vec![MARKER],
            b"</1/0>,</3/0>".to_vec(),
        ]
        .concat()
    }

    fn datagram() -> Vec<u8> {
        [&[0x42, 2, 0x12, 0x34, 7, 8][..], &registration()].concat()
    }

    #[test]
    fn an_option_that_nobody_registered_is_read() {
        let body = [option(11, b"a"), vec![0xed, 0xfc, 0xd0, 2], b"imei=1234567890".to_vec()].concat();
        let bytes = [&[0x40, 1, 0x12, 0x34][..], &body].concat();
        let mut out = Vec::new();
        assert_eq!(Datagrams.handle(OUT, 0, &bytes, &mut out), bytes.len());
        let [Observation::Message(message)] = &out[..] else { panic!("{out:?}") };
        let parts: Vec<_> = message.parts.iter().map(|part| (part.name.as_str(), &part.value[..])).collect();
        assert_eq!(parts, [("option 65000", &b"imei=1234567890"[..]), ("uri_path", b"a")]);
        assert_eq!(Datagrams.handle(OUT, 0, b"imei=1", &mut out), 0);
    }

    fn opening(bytes: &[u8], port: u16) -> Opening<'_> {
        Opening { bytes, direction: OUT, port }
    }

    fn check(message: &Message, bytes: &[u8]) {
        assert_eq!(message.host.as_deref(), Some("lwm2m.example.org"));
        let imei = message.parts.iter().find(|part| part.name == "endpoint.imei").unwrap();
        assert_eq!(imei.value, b"001017001234569");
        let at = imei.range.start as usize..imei.range.end as usize;
        assert_eq!(bytes[at], imei.value);
        let names: Vec<&str> = message.parts.iter().map(|part| part.name.as_str()).collect();
        assert_eq!(names, ["uri_host", "endpoint.imei", "uri_query.lt", "uri_path", "payload"]);
    }

    #[test]
    fn a_registration_names_its_client() {
        let bytes = datagram();
        assert!(probe(&opening(&bytes, PORT)) && probe(&opening(&bytes, 40000)));
        let mut out = Vec::new();
        Datagrams.handle(OUT, 0, &bytes, &mut out);
        let [Observation::Message(message)] = &out[..] else { panic!("{out:?}") };
        check(message, &bytes);
    }

    #[test]
    fn other_datagrams_are_none_of_coaps() {
        let bytes = datagram();
        let whole = |len: &usize| probe(&opening(&bytes[..*len], 9999));
        // Where an option ends; behind the marker something must follow.
        assert_eq!((0..70).filter(whole).collect::<Vec<_>>(), [25, 28, 30, 59, 68]);
        assert!(!probe(&opening(&[0x40, 1, 0, 0], 9999)), "no path");
        assert!(!probe(&opening(&[0x44, 0x61, 0, 0, 1, 2, 3, 4], 9999)), "code 3.01");
        assert!(!probe(&opening(&[&datagram()[..], &[0]].concat()[..7], PORT)), "an option that is cut");
        assert!(probe(&opening(&[0x60, 0, 0, 0], PORT)) && !probe(&opening(&[0x60, 0, 0, 0, 1], PORT)));
    }

    #[test]
    fn a_stream_begins_with_settings() {
        let body = registration();
        let head = [&[0xd1, (body.len() - 13) as u8, 2, 9][..], &body].concat();
        let flow = [&[0x30, CSM, 0x22, 4, 0][..], &head].concat();
        for step in [1, 3, 7, 1000] {
            let out = dissect(5684, &[(OUT, &flow)], step);
            let [Observation::Protocol(protocol), Observation::Message(message)] = &out[..] else {
                panic!("{step}: {out:?}")
            };
            assert_eq!(protocol.0, "coap");
            check(message, &flow);
        }
        assert_eq!(probe_stream(&opening(&[0, CSM], 9999)), Some(false));
        assert_eq!(probe_stream(&opening(&[0, CSM], PORT)), Some(true));
        assert_eq!(probe_stream(&opening(b"GE", PORT)), Some(false));
    }
}
