//! Compressed formats. Brotli's encoder and that of LZ4, which is written here, have nothing of the detector's decoders;
//! deflate's and zstd's are the encoding halves of the crates that it decodes with.

use std::io::Write;

use brotli::enc::BrotliEncoderParams;
use flate2::Compression;
use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};
use ruzstd::encoding::{CompressionLevel, compress_to_vec};

/// Gzip (RFC 1952). Writing to memory does not fail, here and below.
pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).and_then(|()| encoder.finish()).unwrap_or_default()
}

/// Zlib (RFC 1950).
pub fn zlib(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).and_then(|()| encoder.finish()).unwrap_or_default()
}

/// Deflate without anything around it (RFC 1951).
pub fn deflate(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).and_then(|()| encoder.finish()).unwrap_or_default()
}

/// Deflate up to a boundary of bytes, without the empty block that makes it (RFC 7692 section 7.2.1).
pub fn flushed_deflate(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
    let written = encoder.write_all(bytes).and_then(|()| encoder.flush());
    let out = written.map_or(&[][..], |()| encoder.get_ref());
    out.strip_suffix(&[0, 0, 0xff, 0xff]).unwrap_or(out).to_vec()
}

/// Brotli (RFC 7932).
pub fn brotli(mut bytes: &[u8]) -> Vec<u8> {
    let parameters = BrotliEncoderParams { quality: 5, lgwin: 18, ..BrotliEncoderParams::default() };
    let mut out = Vec::new();
    brotli::BrotliCompress(&mut bytes, &mut out, &parameters).map_or_else(|_| Vec::new(), |_| out)
}

/// Zstd (RFC 8878).
pub fn zstd(bytes: &[u8]) -> Vec<u8> {
    compress_to_vec(bytes, CompressionLevel::Fastest)
}

/// An LZ4 frame with one block (github.com/lz4/lz4, doc/lz4_Frame_format.md): version 1, blocks independent, at most 64 KiB,
/// no checksums but the header's.
pub fn lz4(bytes: &[u8]) -> Vec<u8> {
    let block = lz4_block(bytes);
    let length = (block.len() as u32).to_le_bytes();
    [&[0x04, 0x22, 0x4d, 0x18, 0x60, 0x40, 0x82][..], &length, &block, &[0; 4]].concat()
}

/// An LZ4 block (doc/lz4_Block_format.md): a match of at least four bytes ends twelve bytes before the end at the latest.
pub fn lz4_block(bytes: &[u8]) -> Vec<u8> {
    const SHORTEST: usize = 4;
    let (mut out, mut from, mut at) = (Vec::new(), 0, 0);
    while at + 12 < bytes.len() {
        let window = at.saturating_sub(0xffff);
        let next = &bytes[at..at + SHORTEST];
        let Some(distance) = bytes[window..at].windows(SHORTEST).rev().position(|it| it == next) else {
            at += 1;
            continue;
        };
        let offset = distance + SHORTEST;
        let most = bytes.len() - 5 - at;
        let same = (0..most).take_while(|more| bytes[at + more] == bytes[at + more - offset]).count();
        sequence(&mut out, &bytes[from..at], Some((offset, same - SHORTEST)));
        at += same;
        from = at;
    }
    sequence(&mut out, &bytes[from..], None);
    out
}

/// Literals, then a match: its offset, and by how much it is longer than the shortest.
fn sequence(out: &mut Vec<u8>, literals: &[u8], found: Option<(usize, usize)>) {
    let (offset, length) = found.unwrap_or_default();
    out.push((literals.len().min(15) << 4 | length.min(15)) as u8);
    extend(out, literals.len());
    out.extend(literals);
    if found.is_some() {
        out.extend((offset as u16).to_le_bytes());
        extend(out, length);
    }
}

/// What four bits cannot say of a length.
fn extend(out: &mut Vec<u8>, length: usize) {
    if let Some(rest) = length.checked_sub(15) {
        out.resize(out.len() + rest / 255, 255);
        out.push((rest % 255) as u8);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_repeat_what_stood_before() {
        assert_eq!(lz4_block(b"abc"), b"\x30abc");
        // 4 literals, then 21 bytes from 4 before, then the last five.
        let repeated = b"abcdabcdabcdabcdabcdabcdabcdab";
        assert_eq!(lz4_block(repeated), b"\x4fabcd\x04\0\x02\x50bcdab");
        let literals = lz4_block(&[b'x'; 3].repeat(3));
        assert_eq!(literals, b"\x90xxxxxxxxx");
        assert_eq!(lz4_block(&(0..=255).collect::<Vec<u8>>())[..2], [0xf0, 241]);
    }

    #[test]
    fn formats_begin_as_they_are_specified() {
        let text = b"imei=359091108778933&imei=359091108778933";
        assert_eq!(gzip(text)[..3], [0x1f, 0x8b, 8]);
        assert_eq!(zlib(text)[0], 0x78);
        // RFC 7692 section 7.2.3.1.
        assert_eq!(flushed_deflate(b"Hello"), [0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00]);
        assert_eq!(zstd(text)[..4], [0x28, 0xb5, 0x2f, 0xfd]);
        assert_eq!(lz4(text)[..4], [0x04, 0x22, 0x4d, 0x18]);
        for packed in [deflate(text), brotli(text), lz4_block(text)] {
            assert!((8..text.len()).contains(&packed.len()), "{packed:?}");
        }
    }
}
