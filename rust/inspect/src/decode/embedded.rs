//! Compressed streams behind a header: protocols of one's own often put a length or a message's number before what they
//! compress.

use std::io::Read;
use std::ops::Range;

use flate2::bufread::{GzDecoder, ZlibDecoder};
use smol_str::SmolStr;

use super::Piece;
use super::compress::Format;
use super::text;

/// Longest header.
const HEADER: usize = 64;
/// Most streams that are looked for, and most places that are tried.
const MOST: usize = 32;
/// So much of a stream tells whether it is one.
const ENOUGH: usize = 64 << 10;
/// Less that comes of a stream tells nothing.
const SHORTEST: usize = 8;

/// The streams, each with a header before it. Their paths say where they begin.
pub fn pieces(bytes: &[u8]) -> Vec<Piece> {
    let mut out = Vec::new();
    let (mut from, mut tries) = (1, MOST);
    while out.len() < MOST
        && let Some(range) = next(bytes, from, &mut tries)
    {
        from = range.end + 1;
        let piece = Piece::slice(range.start.to_string(), range, 1);
        out.push(Piece { key: Some(SmolStr::default()), ..piece });
    }
    out
}

/// The stream that begins within a header's length.
fn next(bytes: &[u8], from: usize, tries: &mut usize) -> Option<Range<usize>> {
    (from..=from.saturating_add(HEADER)).find_map(|at| {
        let rest = bytes.get(at..)?;
        let format = Format::of(rest).filter(|_| *tries > 0)?;
        *tries -= 1;
        Some(at..at + length(format, rest)?)
    })
}

/// How long the stream is that bytes begin with; to their end, where its own is not found.
fn length(format: Format, bytes: &[u8]) -> Option<usize> {
    let mut rest = bytes;
    let (plain, whole) = match format {
        Format::Gzip => read(&mut GzDecoder::new(&mut rest)),
        Format::Zlib => read(&mut ZlibDecoder::new(&mut rest)),
        // Their marks are four bytes long.
        _ => return Some(bytes.len()),
    };
    // Of two bytes by chance noise comes, in which a word may stand, but never so much.
    let begun = || plain.len() >= 2 * SHORTEST && text::is_text(&plain);
    match whole {
        _ if plain.len() >= ENOUGH => Some(bytes.len()),
        true if plain.len() >= SHORTEST => Some(bytes.len() - rest.len()),
        false if begun() => Some(bytes.len()),
        _ => None,
    }
}

/// What comes of a stream, up to what is enough, and whether nothing was wrong with it.
fn read(decoder: &mut dyn Read) -> (Vec<u8>, bool) {
    let mut out = Vec::new();
    let whole = decoder.take(ENOUGH as u64).read_to_end(&mut out).is_ok();
    (out, whole)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::{GzEncoder, ZlibEncoder};

    use super::*;

    const TEXT: &[u8] = br#"{"imei":"001017001234569"}"#;

    fn gzip() -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(TEXT).unwrap();
        encoder.finish().unwrap()
    }

    fn zlib() -> Vec<u8> {
        zlib_of(TEXT)
    }

    fn zlib_of(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn found(bytes: &[u8]) -> Vec<Vec<u8>> {
        pieces(bytes).iter().map(|piece| piece.bytes(bytes).to_vec()).collect()
    }

    #[test]
    fn each_stream_is_found_behind_its_header() {
        let bytes = [b"\0\0\0\x28", zlib().as_slice(), b"\xca\xfe\0\x01", &gzip(), b"\0\0end"].concat();
        assert_eq!(found(&bytes), [zlib(), gzip()]);
        assert_eq!(pieces(&bytes)[0].path, "4");
    }

    #[test]
    fn a_stream_that_is_cut_off_goes_to_the_end() {
        let long = TEXT.repeat(20);
        let mut encoder = GzEncoder::new(Vec::new(), Compression::none());
        encoder.write_all(&long).unwrap();
        let whole = encoder.finish().unwrap();
        let bytes = [b"\0\x01", &whole[..200]].concat();
        assert_eq!(found(&bytes), [&whole[..200]]);
    }

    #[test]
    fn a_long_stream_of_binary_is_one() {
        let long: Vec<u8> = (0..ENOUGH as u32).flat_map(|number| (number * number).to_be_bytes()).collect();
        let stream = zlib_of(&long);
        assert_eq!(found(&[b"\0\x01", stream.as_slice()].concat()), [stream]);
    }

    #[test]
    fn marks_alone_are_no_streams() {
        assert_eq!(found(&[0x78, 0x9c].repeat(500)), [[0u8; 0]; 0]);
        assert_eq!(found(&[&[0; HEADER + 1], zlib().as_slice()].concat()).len(), 1);
        assert_eq!(found(&[&[0; HEADER + 2], zlib().as_slice()].concat()).len(), 0);
        assert_eq!(found(b"").len(), 0);
    }
}
