use flate2::{Compress, Compression, FlushCompress};

use super::*;

const OUT: Direction = Direction::Outbound;
const MASK: Option<[u8; 4]> = Some([0x37, 0xfa, 0x21, 0x3d]);

/// A frame; `first`: FIN, RSV and opcode.
fn frame(first: u8, mask: Option<[u8; 4]>, payload: &[u8]) -> Vec<u8> {
    let mut out = vec![first];
    let masked = if mask.is_some() { 0x80 } else { 0 };
    match payload.len() {
        len @ 0..=125 => out.push(masked | len as u8),
        len @ 126..=0xffff => {
            out.push(masked | 126);
            out.extend((len as u16).to_be_bytes());
        }
        len => {
            out.push(masked | 127);
            out.extend((len as u64).to_be_bytes());
        }
    }
    let key = mask.unwrap_or_default();
    out.extend(mask.iter().flatten());
    out.extend(payload.iter().zip(key.iter().cycle()).map(|(byte, key)| byte ^ key));
    out
}

fn run(bytes: &[u8], step: usize) -> Vec<Observation> {
    let (mut session, mut out, mut at) = (WebSocket::new(), Vec::new(), 0);
    for piece in bytes.chunks(step) {
        session.handle(OUT, StreamEvent::Data { offset: at, bytes: piece }, &mut out);
        at += piece.len() as u64;
    }
    session.flush(&mut out);
    assert!(!session.is_pending());
    out
}

/// Protocol, name, value and range of each message; the same however the bytes are cut.
fn messages(bytes: &[u8]) -> Vec<(&'static str, String, Vec<u8>, Range<u64>)> {
    let whole = run(bytes, usize::MAX);
    for step in [1, 2, 3, 11] {
        assert_eq!(run(bytes, step), whole, "step {step}");
    }
    let read = |it: Observation| match it {
        Observation::Message(message) => {
            let part = message.parts.into_iter().next()?;
            Some((message.protocol, part.name, part.value, part.range))
        }
        Observation::Readable(readable) => Some(("", String::new(), readable.bytes, readable.range)),
        _ => None,
    };
    whole.into_iter().filter_map(read).collect()
}

/// Compresses messages as one side of a connection does.
fn compress(texts: &[&str]) -> Vec<Vec<u8>> {
    let mut compress = Compress::new(Compression::default(), false);
    let one = |text: &&str| {
        let mut out = Vec::with_capacity(4096);
        compress.compress_vec(text.as_bytes(), &mut out, FlushCompress::Sync).unwrap();
        out.truncate(out.len() - 4);
        out
    };
    texts.iter().map(one).collect()
}

/// RFC 6455 section 5.7.
#[test]
fn the_examples_of_the_rfc_are_read() {
    assert_eq!(frame(0x81, MASK, b"Hello"), b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58");
    let all = [
        frame(0x81, None, b"Hello"),
        frame(0x81, MASK, b"Hello"),
        frame(0x01, None, b"Hel"),
        frame(0x89, None, b"Hello"),
        frame(0x80, None, b"lo"),
        frame(0x8a, MASK, b""),
        frame(0x82, None, &[7; 256]),
        frame(0x82, None, &[8; 65536]),
    ];
    let own = |name: &str, value: &[u8], range| (NAME, name.to_owned(), value.to_vec(), range);
    assert_eq!(
        messages(&all.concat()),
        [
            own("text", b"Hello", 0..7),
            own("text", b"Hello", 7..18),
            own("ping", b"Hello", 23..30),
            own("text", b"Hello", 18..34),
            own("binary", &[7; 256], 40..300),
            own("binary", &[8; 65536], 300..65846),
        ]
    );
}

#[test]
fn messages_that_repeat_former_ones_are_decompressed() {
    let texts = [
        "{\"imei\":\"490154203237518\",\"event\":\"start\"}",
        "{\"imei\":\"490154203237518\",\"event\":\"stop\"}",
    ];
    let [first, second] = &compress(&texts)[..] else { unreachable!() };
    assert!(second.len() < first.len() / 2);
    let (start, end) = second.split_at(5);
    let bytes = [frame(0xc1, MASK, first), frame(0x41, MASK, start), frame(0x80, MASK, end)].concat();
    let found: Vec<_> = messages(&bytes).into_iter().map(|it| (it.0, it.2)).collect();
    assert_eq!(found, texts.map(|text| (COMPRESSED, text.as_bytes().to_vec())));
}

#[test]
fn what_is_no_frame_is_handed_on() {
    for garbage in [&b"imei=123"[..], b"\xb1garbage", b"\x89\x7e\x01\x00long ping"] {
        let found = messages(&[&frame(0x81, None, b"Hello")[..], garbage].concat());
        assert_eq!(found.len(), 2, "{found:?}");
        assert_eq!((&found[1].2[..], found[1].3.start), (garbage, 7));
    }
}

#[test]
fn what_came_of_a_message_is_yielded_once() {
    let whole = frame(0x81, MASK, b"imei=490154203237518");
    assert_eq!(messages(&whole[..16])[0].2, b"imei=49015");
    let (mut session, mut out) = (WebSocket::new(), Vec::new());
    session.handle(OUT, StreamEvent::Data { offset: 0, bytes: &whole[..16] }, &mut out);
    session.flush(&mut out);
    session.handle(OUT, StreamEvent::Data { offset: 16, bytes: &whole[16..] }, &mut out);
    session.handle(OUT, StreamEvent::Data { offset: 26, bytes: &frame(0x81, None, b"next") }, &mut out);
    assert_eq!(out.len(), 2);
}

#[test]
fn a_gap_inside_a_frame_is_passed_over() {
    let (mut session, mut out) = (WebSocket::new(), Vec::new());
    let first = frame(0x81, None, &[b'a'; 100]);
    session.handle(OUT, StreamEvent::Data { offset: 0, bytes: &first[..50] }, &mut out);
    session.handle(OUT, StreamEvent::Gap { offset: 50, len: 52 }, &mut out);
    session.handle(OUT, StreamEvent::Data { offset: 102, bytes: &frame(0x81, None, b"next") }, &mut out);
    let values: Vec<_> = out
        .iter()
        .map(|it| if let Observation::Message(it) = it { it.parts[0].value.len() } else { 0 })
        .collect();
    assert_eq!(values, [48, 4]);
    session.handle(OUT, StreamEvent::Gap { offset: 108, len: 5 }, &mut out);
    session.handle(OUT, StreamEvent::Data { offset: 113, bytes: b"imei=1" }, &mut out);
    session.flush(&mut out);
    assert!(matches!(out.last(), Some(Observation::Readable(it)) if it.bytes == b"imei=1"));
}

#[test]
fn a_message_that_swells_is_bounded() {
    let mut bomb = Vec::with_capacity(1 << 20);
    let zeros = vec![0; 4 << 20];
    Compress::new(Compression::best(), false).compress_vec(&zeros, &mut bomb, FlushCompress::Sync).unwrap();
    let found = messages(&frame(0xc2, MASK, &bomb));
    assert_eq!(found[0].2.len(), MAX_MESSAGE[0]);
}
