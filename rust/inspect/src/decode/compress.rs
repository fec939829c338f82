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
        Format::Gzip => {
            let out = read(MultiGzDecoder::new(input), input.len(), limit, ratio);
            match gzip_content(input) {
                Some(content) if out.bytes.is_empty() && !out.complete => {
                    let out = read(DeflateDecoder::new(content), input.len(), limit, ratio);
                    Inflated { complete: false, ..out }
                }
                _ => out,
            }
        }
        Format::Zlib => read(ZlibDecoder::new(input), input.len(), limit, ratio),
        Format::Deflate => read(DeflateDecoder::new(input), input.len(), limit, ratio),
    }
}

/// What follows a gzip header (RFC 1952 section 2.3), read as clients do: reserved flags mean nothing, and the
/// header's checksum is not looked at.
fn gzip_content(input: &[u8]) -> Option<&[u8]> {
    const CHECKSUM: u8 = 2;
    const EXTRA: u8 = 4;
    const NAME: u8 = 8;
    const COMMENT: u8 = 16;
    let flags = *input.get(3)?;
    let mut rest = input.get(10..)?;
    if flags & EXTRA != 0 {
        let (len, after) = rest.split_first_chunk()?;
        rest = after.get(usize::from(u16::from_le_bytes(*len))..)?;
    }
    for _ in 0..(flags & (NAME | COMMENT)).count_ones() {
        rest = rest.get(rest.iter().position(|&byte| byte == 0)? + 1..)?;
    }
    if flags & CHECKSUM == 0 { Some(rest) } else { rest.get(2..) }
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
}
