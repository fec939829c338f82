//! Gzip (RFC 1952), zlib (RFC 1950) and raw deflate (RFC 1951).

use std::io::Read;

use flate2::read::{DeflateDecoder, MultiGzDecoder, ZlibDecoder};

/// A compressed format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// RFC 1952.
    Gzip,
    /// RFC 1950.
    Zlib,
    /// RFC 1951.
    Deflate,
}

impl Format {
    /// The step's name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Zlib => "zlib",
            Self::Deflate => "deflate",
        }
    }

    /// What the first bytes say. Raw deflate has no mark.
    pub fn of(bytes: &[u8]) -> Option<Self> {
        match bytes {
            [0x1f, 0x8b, 8, ..] => Some(Self::Gzip),
            [first, second, _, ..]
                if first & 0x0f == 8
                    && first >> 4 <= 7
                    && second & 0x20 == 0
                    && (u16::from(*first) << 8 | u16::from(*second)).is_multiple_of(31) =>
            {
                Some(Self::Zlib)
            }
            _ => None,
        }
    }
}

/// What came out.
#[derive(Debug, PartialEq, Eq)]
pub struct Inflated {
    /// The bytes; of broken input, those before the break.
    pub bytes: Vec<u8>,
    /// Which bound stopped it: `bytes` or `ratio`.
    pub stopped: Option<&'static str>,
    /// Whether the input was whole and sound.
    pub complete: bool,
}

/// Decompresses at most `limit` bytes and at most `ratio` times the input.
pub fn inflate(format: Format, input: &[u8], limit: usize, ratio: usize) -> Inflated {
    match format {
        Format::Gzip => read(MultiGzDecoder::new(input), input.len(), limit, ratio),
        Format::Zlib => read(ZlibDecoder::new(input), input.len(), limit, ratio),
        Format::Deflate => read(DeflateDecoder::new(input), input.len(), limit, ratio),
    }
}

/// Below this size the ratio does not matter: a page of zeros is no bomb.
const RATIO_FREE: usize = 64 << 10;

fn read(mut decoder: impl Read, input: usize, limit: usize, ratio: usize) -> Inflated {
    let mut out = Inflated { bytes: Vec::new(), stopped: None, complete: false };
    let allowed = input.saturating_mul(ratio).max(RATIO_FREE);
    let mut chunk = [0; 8192];
    loop {
        let got = match decoder.read(&mut chunk) {
            Ok(0) => {
                out.complete = true;
                return out;
            }
            Ok(got) => got,
            Err(_) => return out,
        };
        out.bytes.extend_from_slice(&chunk[..got]);
        let bound = limit.min(allowed);
        if out.bytes.len() > bound {
            out.bytes.truncate(bound);
            out.stopped = Some(if limit <= allowed { "bytes" } else { "ratio" });
            return out;
        }
    }
}

#[cfg(test)]
mod tests {
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
        for (format, input) in [(Format::Gzip, gzip(&text)), (Format::Zlib, zlib), (Format::Deflate, deflate)]
        {
            let out = inflate(format, &input, 1 << 20, 100);
            assert_eq!((out.bytes.as_slice(), out.stopped, out.complete), (text.as_slice(), None, true));
        }
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
}
