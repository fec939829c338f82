use super::super::hpack::tests::{index, literal};
use super::super::{BodyCoding, HttpMessage, HttpStart};
use super::*;

const OUT: Direction = Direction::Outbound;
const IN: Direction = Direction::Inbound;
const IMEI: &str = "490154203237518";

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let len = (payload.len() as u32).to_be_bytes();
    [&len[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// The fields of a POST that are the same in each.
fn request(path: &str, huffman: bool) -> Vec<u8> {
    [
        index(3),
        index(6),
        literal(":path", path, false, huffman),
        literal(":authority", "api.example", true, huffman),
    ]
    .concat()
}

fn settings() -> Vec<u8> {
    frame(frame::SETTINGS, 0, 0, &[0, 3, 0, 0, 0, 100])
}

/// What turns yield, cut in pieces of `step` bytes.
fn dissect(turns: &[(Direction, Vec<u8>)], step: usize) -> Vec<Observation> {
    let (mut session, mut out, mut at) = (Http2::new(), Vec::new(), [0u64; 2]);
    for (direction, bytes) in turns {
        for piece in bytes.chunks(step) {
            let offset = at[direction.index()];
            at[direction.index()] += piece.len() as u64;
            session.handle(*direction, StreamEvent::Data { offset, bytes: piece }, &mut out);
        }
    }
    session.flush(&mut out);
    assert!(!session.is_pending());
    out
}

/// The same however it is cut.
fn messages(turns: &[(Direction, Vec<u8>)]) -> Vec<HttpMessage> {
    let whole = dissect(turns, usize::MAX);
    for step in [1, 2, 3, 7, 50] {
        assert_eq!(dissect(turns, step), whole, "step {step}");
    }
    let http = |it| if let Observation::Http(message) = it { Some(*message) } else { None };
    whole.into_iter().filter_map(http).collect()
}

fn sent(frames: &[Vec<u8>]) -> Vec<(Direction, Vec<u8>)> {
    vec![(OUT, [PREFACE, &settings(), &frames.concat()].concat())]
}

#[test]
fn requests_and_responses_of_interleaved_streams_are_told_apart() {
    let client = sent(&[
        frame(frame::HEADERS, 4, 1, &request("/one", false)),
        frame(
            frame::HEADERS,
            4,
            3,
            &[&request("/two", true)[..], &literal("x-id", "7", false, true)].concat(),
        ),
        frame(frame::DATA, 0, 1, b"im"),
        frame(frame::DATA, 1, 3, b"two"),
        frame(frame::WINDOW_UPDATE, 0, 0, &[0, 0, 0, 9]),
        frame(frame::DATA, 9, 1, b"\x04ei=1\0\0\0\0"),
    ]);
    let server = [
        settings(),
        frame(frame::HEADERS, 5, 3, &index(9)),
        frame(frame::HEADERS, 4, 1, &literal(":status", "103", false, false)),
        frame(frame::HEADERS, 4, 1, &index(8)),
        frame(frame::DATA, 0, 1, b"ok"),
        frame(frame::HEADERS, 5, 1, &literal("grpc-status", "0", false, false)),
    ]
    .concat();
    let found = messages(&[client, vec![(IN, server)]].concat());
    let start = |message: &HttpMessage| match &message.start {
        HttpStart::Request { method, target, .. } => format!("{method} {target}"),
        HttpStart::Response { status } => status.to_string(),
    };
    let all: Vec<_> = found.iter().map(|it| (start(it), &it.body[..], it.coding, it.cut)).collect();
    assert_eq!(
        all,
        [
            ("POST /two".to_owned(), &b"two"[..], BodyCoding::Plain, None),
            ("POST /one".to_owned(), b"imei=1", BodyCoding::Frames(1), None),
            ("204".to_owned(), b"", BodyCoding::Plain, None),
            ("103".to_owned(), b"", BodyCoding::Plain, None),
            ("200".to_owned(), b"ok", BodyCoding::Plain, None),
        ]
    );
    assert_eq!((found[0].authority(), found[0].header("x-id")), (Some("api.example"), Some("7")));
    assert_eq!(found[4].header("grpc-status"), Some("0"));
}

#[test]
fn a_header_block_in_pieces_is_one() {
    let block = request("/path", false);
    let padded = [&[2][..], &[0, 0, 0, 0, 9], &block[..6], &[0, 0]].concat();
    let found = messages(&sent(&[
        frame(frame::HEADERS, 0x28 | 1, 1, &padded),
        frame(frame::CONTINUATION, 0, 1, &block[6..9]),
        frame(frame::CONTINUATION, 4, 1, &block[9..]),
    ]));
    assert!(matches!(&found[0].start, HttpStart::Request { target, .. } if target == "/path"));
    assert_eq!((found.len(), found[0].cut), (1, None));
}

#[test]
fn a_promise_is_a_request_and_a_reset_cuts_both_ways() {
    let client =
        sent(&[frame(frame::HEADERS, 4, 1, &request("/a", false)), frame(frame::DATA, 0, 1, b"part")]);
    let promise = [&2u32.to_be_bytes()[..], &request("/pushed", false)].concat();
    let server = [
        settings(),
        frame(frame::PUSH_PROMISE, 4, 1, &promise),
        frame(frame::RST_STREAM, 0, 1, &[0, 0, 0, 8]),
    ];
    let found = messages(&[client, vec![(IN, server.concat())]].concat());
    let all: Vec<_> = found.iter().map(|it| (it.direction, it.cut, it.body.len())).collect();
    assert_eq!(all, [(OUT, Some("reset"), 4), (IN, Some("unfinished"), 0)]);
    assert!(matches!(&found[1].start, HttpStart::Request { target, .. } if target == "/pushed"));
}

#[test]
fn a_stream_that_goes_on_is_yielded_in_parts() {
    let (mut session, mut out) = (Http2::new(), Vec::new());
    let first = [PREFACE, &frame(1, 4, 1, &request("/s", false)), &frame(0, 0, 1, b"imei=1")].concat();
    let second = frame(0, 0, 1, b"imei=2");
    session.handle(OUT, StreamEvent::Data { offset: 0, bytes: &first }, &mut out);
    session.flush(&mut out);
    assert!(!session.is_pending());
    session.handle(OUT, StreamEvent::Data { offset: first.len() as u64, bytes: &second }, &mut out);
    session.flush(&mut out);
    session.handle(OUT, StreamEvent::End, &mut out);
    let bodies: Vec<_> =
        out.iter().map(|it| if let Observation::Http(it) = it { &it.body[..] } else { b"" }).collect();
    assert_eq!(bodies, [b"imei=1", b"imei=2"]);
}

#[test]
fn a_gap_in_content_cuts_its_stream_only() {
    let (mut session, mut out) = (Http2::new(), Vec::new());
    let start =
        [PREFACE, &frame(1, 4, 1, &request("/a", false)), &frame(0, 1, 1, &[b'x'; 50])[..19]].concat();
    let rest = [vec![b'x'; 30], frame(1, 5, 3, &request("/b", false))].concat();
    let at = start.len() as u64;
    session.handle(OUT, StreamEvent::Data { offset: 0, bytes: &start }, &mut out);
    session.handle(OUT, StreamEvent::Gap { offset: at, len: 10 }, &mut out);
    session.handle(OUT, StreamEvent::Data { offset: at + 10, bytes: &rest }, &mut out);
    let cuts: Vec<_> =
        out.iter().map(|it| if let Observation::Http(it) = it { it.cut } else { None }).collect();
    assert_eq!(cuts, [Some("gap"), None]);
    // Where frames begin is not known after one between them; what follows is handed on as it is.
    session.handle(OUT, StreamEvent::Gap { offset: at + 200, len: 1 }, &mut out);
    session.handle(OUT, StreamEvent::Data { offset: at + 201, bytes: b"imei=1" }, &mut out);
    session.flush(&mut out);
    assert!(matches!(out.last(), Some(Observation::Readable(it)) if it.bytes == b"imei=1"));
}

#[test]
fn what_came_of_a_header_block_is_read() {
    let block =
        [request("/a", false), literal("imei", IMEI, false, false), literal("later", "x", false, false)]
            .concat();
    let whole = [PREFACE, &frame(frame::HEADERS, 5, 1, &block)].concat();
    let found = messages(&[(OUT, whole[..whole.len() - 4].to_vec())]);
    assert_eq!((found[0].header("imei"), found[0].cut), (Some(IMEI), Some("unfinished")));
}

#[test]
fn broken_blocks_and_frames_are_handed_on() {
    let out = dissect(&sent(&[frame(frame::HEADERS, 4, 1, &[0xff; 9]), frame(0xb, 0, 0, b"imei=1")]), 4);
    let bytes: Vec<_> = out
        .iter()
        .filter_map(|it| if let Observation::Readable(it) = it { Some(&it.bytes[..]) } else { None })
        .collect();
    assert_eq!(bytes, [&[0xff; 9][..], b"imei=1"]);
    let out = dissect(&sent(&[frame(frame::CONTINUATION, 4, 1, b"abc"), b"imei=2".to_vec()]), 4);
    assert!(matches!(out.last(), Some(Observation::Readable(it)) if it.bytes.ends_with(b"imei=2")));
}

#[test]
fn bodies_and_streams_are_bounded() {
    let head = frame(frame::HEADERS, 4, 1, &request("/a", false));
    let data = vec![b'x'; 700 << 10];
    let found = messages_once(&[head, frame(0, 0, 1, &data), frame(0, 1, 1, &data)]);
    assert_eq!((found[0].cut, found[0].body.len()), (Some("too_long"), 1 << 20));
    let many: Vec<_> =
        (0..300).map(|id| frame(frame::HEADERS, 4, 2 * id + 1, &request("/a", false))).collect();
    let found = messages_once(&many);
    assert_eq!(found.len(), 300);
}

fn messages_once(frames: &[Vec<u8>]) -> Vec<HttpMessage> {
    let http = |it| if let Observation::Http(message) = it { Some(*message) } else { None };
    dissect(&sent(frames), 4096).into_iter().filter_map(http).collect()
}

#[test]
fn either_side_can_be_recognised_first() {
    let empty = frame(frame::SETTINGS, 0, 0, b"");
    assert_eq!(probe(PREFACE), Some(true));
    assert_eq!(probe(&PREFACE[..15]), None);
    assert_eq!(probe(&settings()), Some(true));
    assert_eq!(probe(&settings()[..8]), None);
    assert_eq!(probe(&empty), None);
    assert_eq!(probe(&[&empty[..], &frame(frame::SETTINGS, 1, 0, b"")].concat()), Some(true));
    for other in [
        &b"POST / HTTP/1.1"[..],
        b"\0\x1c\x12\x34\x01",
        b"\0\0\0\0\0\0\0\0\0\0",
        b"\0\0\x06\x04\0\0\0\0\0\0\xff\0\0\0\0",
    ] {
        assert_eq!(probe(other), Some(false), "{other:?}");
    }
}
