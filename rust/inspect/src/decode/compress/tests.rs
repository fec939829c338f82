use std::io::Write;

use flate2::Compression;
use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};

use super::*;

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn inflates_all_three() {
    let text = b"the same text, the same text".repeat(20);
    let mut zlib = ZlibEncoder::new(Vec::new(), Compression::default());
    zlib.write_all(&text).unwrap();
    let zlib = zlib.finish().unwrap();
    let mut deflate = DeflateEncoder::new(Vec::new(), Compression::default());
    deflate.write_all(&text).unwrap();
    let deflate = deflate.finish().unwrap();
    assert_eq!(Format::of(&gzip(&text)), Some(Format::Gzip));
    assert_eq!(Format::of(&zlib), Some(Format::Zlib));
    for (format, input) in [(Format::Gzip, gzip(&text)), (Format::Zlib, zlib), (Format::Deflate, deflate)] {
        let out = inflate(format, &input, 1 << 20, 100);
        assert_eq!((out.bytes.as_slice(), out.stopped, out.complete), (text.as_slice(), None, true));
    }
}

#[test]
fn gzip_headers_and_trailers_may_be_wrong() {
    let text = b"the same text, the same text".repeat(20);
    let plain = gzip(&text);
    let header = |flags: u8, fields: &[u8]| [&plain[..3], &[flags], &plain[4..10], fields].concat();
    let headers = [
        header(0x20, b""),
        header(0xc0, b""),
        header(0x02, b"\0\0"),
        header(0xff, b"\x03\0abcname\0comment\0\0\0"),
    ];
    for header in headers {
        let out = inflate(Format::Gzip, &[&header, &plain[10..]].concat(), 1 << 20, 100);
        assert_eq!((out.bytes.as_slice(), out.complete), (text.as_slice(), false), "{header:x?}");
    }
    let trailer = plain.len() - 8;
    for end in [&b""[..], b"\0\0\0", b"\0\0\0\0\0\0\0\0", b"12345678 and more"] {
        let out = inflate(Format::Gzip, &[&plain[..trailer], end].concat(), 1 << 20, 100);
        assert_eq!(out.bytes, text, "{end:x?}");
    }
    assert_eq!(inflate(Format::Gzip, &header(0x1f, b"\xff"), 1 << 20, 100).bytes, b"");
}

#[test]
fn yields_the_prefix_of_a_broken_one() {
    let mut text = Vec::new();
    for i in 0..5000u32 {
        text.extend_from_slice(i.wrapping_mul(2_654_435_761).to_string().as_bytes());
    }
    let whole = gzip(&text);
    let out = inflate(Format::Gzip, &whole[..whole.len() / 2], 1 << 20, 100);
    assert!(!out.complete && !out.bytes.is_empty() && text.starts_with(&out.bytes));
}

#[test]
fn bounds_a_bomb() {
    let bomb = gzip(&vec![0; 8 << 20]);
    let out = inflate(Format::Gzip, &bomb, 1 << 20, 1 << 20);
    assert_eq!((out.bytes.len(), out.stopped), (1 << 20, Some("bytes")));
    let out = inflate(Format::Gzip, &bomb, 100 << 20, 20);
    assert_eq!(out.stopped, Some("ratio"));
}

/// `the same text, the same text` twenty times over, compressed by the reference encoders.
const TEXT: &[u8] = b"the same text, the same text";
const BROTLI: &[u8] = &[
    0x1b, 0x2f, 0x02, 0xf8, 0x8d, 0x94, 0x6e, 0xde, 0xaa, 0xa4, 0x63, 0x01, 0xa9, 0x32, 0xbc, 0x3c, 0x24,
    0x1e, 0xc2, 0x52, 0x80, 0x15, 0x90, 0xb1, 0x49, 0x3a, 0x3b, 0x07,
];
const ZSTD: &[u8] = &[
    0x28, 0xb5, 0x2f, 0xfd, 0x64, 0x30, 0x01, 0xcd, 0x00, 0x00, 0x78, 0x74, 0x68, 0x65, 0x20, 0x73, 0x61,
    0x6d, 0x65, 0x20, 0x74, 0x65, 0x78, 0x74, 0x2c, 0x20, 0x02, 0x00, 0x11, 0x7e, 0x56, 0x80, 0x1c, 0xb3,
    0x0e, 0xb9, 0x6d, 0x32, 0x78,
];
const LZ4: &[u8] = &[
    0x04, 0x22, 0x4d, 0x18, 0x64, 0x40, 0xa7, 0x1e, 0x00, 0x00, 0x00, 0xf9, 0x00, 0x74, 0x68, 0x65, 0x20,
    0x73, 0x61, 0x6d, 0x65, 0x20, 0x74, 0x65, 0x78, 0x74, 0x2c, 0x20, 0x0f, 0x00, 0x0f, 0x1c, 0x00, 0xff,
    0xfd, 0x50, 0x20, 0x74, 0x65, 0x78, 0x74, 0x00, 0x00, 0x00, 0x00, 0xd2, 0xb6, 0x33, 0x12,
];

#[test]
fn inflates_brotli_zstd_and_lz4() {
    let text = TEXT.repeat(20);
    let block = lz4_flex::block::compress(&text);
    let sized = lz4_flex::block::compress_prepend_size(&text);
    for (format, input) in [
        (Format::Brotli, BROTLI),
        (Format::Zstd, ZSTD),
        (Format::Lz4, LZ4),
        (Format::Lz4Block, &block),
        (Format::Lz4Block, &sized),
    ] {
        let out = inflate(format, input, 1 << 20, 1000);
        assert_eq!(
            (out.bytes.as_slice(), out.stopped, out.complete),
            (text.as_slice(), None, true),
            "{format:?}"
        );
        let out = inflate(format, input, 100, 1000);
        assert_eq!((out.bytes.len(), out.stopped), (100, Some("bytes")), "{format:?}");
        // A block's beginning may be another block.
        for end in 0..if format == Format::Lz4Block { 0 } else { input.len() } {
            assert!(
                text.starts_with(&inflate(format, &input[..end], 1 << 20, 1000).bytes),
                "{format:?} {end}"
            );
        }
        assert_eq!(Format::of_step(format.as_str()), Some(format));
    }
    assert_eq!(Format::of(ZSTD), Some(Format::Zstd));
    assert_eq!(Format::of(LZ4), Some(Format::Lz4));
}

#[test]
fn what_nothing_marks_is_found_by_trying() {
    let text = TEXT.repeat(20);
    let mut deflate = DeflateEncoder::new(Vec::new(), Compression::default());
    deflate.write_all(&text).unwrap();
    let block = lz4_flex::block::compress(&text);
    for (format, input) in [
        (Format::Deflate, deflate.finish().unwrap()),
        (Format::Lz4Block, block),
        (Format::Brotli, BROTLI.to_vec()),
    ] {
        let found = unmarked(&input, 1 << 20, 1000).map(|(format, out)| (format, out.bytes));
        assert_eq!(found, Some((format, text.clone())));
        assert_eq!(unmarked(&[&input, &b"x"[..]].concat(), 1 << 20, 1000), None, "{format:?}");
    }
    assert_eq!(unmarked(&text, 1 << 20, 1000), None);
    let mut state = 1u32;
    for _ in 0..2000 {
        let noise: Vec<u8> = std::iter::repeat_with(|| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24) as u8
        })
        .take(64)
        .collect();
        assert_eq!(unmarked(&noise, 1 << 20, 1000), None, "{noise:x?}");
    }
}

#[test]
fn a_number_of_protobuf_does_not_begin_a_zlib_stream() {
    assert_eq!(Format::of(&[0x08, 0xd7, 0xca, 0xc6]), None);
    assert_eq!(Format::of(&[0x18, 0x57, 0x00]), Some(Format::Zlib));
}
