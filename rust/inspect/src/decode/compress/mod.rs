//! Gzip (RFC 1952), zlib (RFC 1950), raw deflate (RFC 1951), brotli (RFC 7932), zstd (RFC 8878) and LZ4 (frames and
//! blocks, github.com/lz4/lz4, doc).

mod brotli;
mod lz4;

use std::io::Read;

use brotli_decompressor::Decompressor;
use flate2::read::{DeflateDecoder, MultiGzDecoder, ZlibDecoder};
use lz4_flex::frame::FrameDecoder;
use ruzstd::decoding::StreamingDecoder;

use super::text;

/// A compressed format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// RFC 1952.
    Gzip,
    /// RFC 1950.
    Zlib,
    /// RFC 1951.
    Deflate,
    /// RFC 7932.
    Brotli,
    /// RFC 8878.
    Zstd,
    /// In frames.
    Lz4,
    /// A block alone, or behind its size.
    Lz4Block,
}

/// Formats that nothing marks, found by trying: the likeliest first.
const UNMARKED: [Format; 3] = [Format::Deflate, Format::Lz4Block, Format::Brotli];
/// A window of zstd that every decoder must support (RFC 8878 section 3.1.1.1.2); larger ones are refused.
const ZSTD_WINDOW: u64 = 8 << 20;

impl Format {
    /// Every format.
    pub const ALL: [Self; 7] =
        [Self::Gzip, Self::Zlib, Self::Deflate, Self::Brotli, Self::Zstd, Self::Lz4, Self::Lz4Block];

    /// The step's name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Zlib => "zlib",
            Self::Deflate => "deflate",
            Self::Brotli => "brotli",
            Self::Zstd => "zstd",
            Self::Lz4 => "lz4",
            Self::Lz4Block => "lz4-block",
        }
    }

    /// The format of a step's name.
    pub fn of_step(step: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|format| format.as_str() == step)
    }

    /// What the first bytes say. Raw deflate, brotli and LZ4 blocks have no mark. A zlib stream with a window of 256 bytes is
    /// allowed, but nothing writes it, and protobuf's messages begin so.
    pub fn of(bytes: &[u8]) -> Option<Self> {
        match bytes {
            [0x1f, 0x8b, 8, ..] => Some(Self::Gzip),
            [0x28, 0xb5, 0x2f, 0xfd, _, ..] => Some(Self::Zstd),
            [0x04, 0x22, 0x4d, 0x18, _, ..] => Some(Self::Lz4),
            [first, second, _, ..]
                if first & 0x0f == 8
                    && (1..=7).contains(&(first >> 4))
                    && second & 0x20 == 0
                    && (u16::from(*first) << 8 | u16::from(*second)).is_multiple_of(31) =>
            {
                Some(Self::Zlib)
            }
            _ => None,
        }
    }

    /// What a content coding (RFC 9110 section 8.4.1) is called to be. `deflate` may be zlib or raw.
    pub fn of_coding(coding: &str) -> Option<Self> {
        match coding {
            "gzip" | "x-gzip" => Some(Self::Gzip),
            "deflate" | "x-deflate" => Some(Self::Deflate),
            "br" | "brotli" => Some(Self::Brotli),
            "zstd" | "x-zstd" => Some(Self::Zstd),
            "lz4" | "x-lz4" => Some(Self::Lz4),
            _ => None,
        }
    }
}

/// Decompresses what nothing marks, if one of the formats fits to the last byte and text comes of it.
pub fn unmarked(input: &[u8], limit: usize, ratio: usize) -> Option<(Format, Inflated)> {
    if input.len() < 16 {
        return None;
    }
    UNMARKED.into_iter().find_map(|format| {
        let fits = |out: &Inflated| {
            (out.complete || out.stopped.is_some()) && out.bytes.len() >= 16 && text::is_text(&out.bytes)
        };
        let out = inflate(format, input, limit, ratio);
        (fits(&out) && is_used_up(format, input, limit, ratio)).then_some((format, out))
    })
}

/// Whether the last byte is needed: behind a shorter stream there is something else.
fn is_used_up(format: Format, input: &[u8], limit: usize, ratio: usize) -> bool {
    let shorter = input.split_last().map_or(input, |(_, rest)| rest);
    format == Format::Lz4Block || !inflate(format, shorter, limit, ratio).complete
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

impl Inflated {
    const NOTHING: Self = Self { bytes: Vec::new(), stopped: None, complete: false };
}

/// Decompresses at most `limit` bytes and at most `ratio` times the input.
pub fn inflate(format: Format, input: &[u8], limit: usize, ratio: usize) -> Inflated {
    let read = |decoder: &mut dyn Read| read(decoder, input.len(), limit, ratio);
    match format {
        Format::Gzip => {
            let out = read(&mut MultiGzDecoder::new(input));
            match gzip_content(input) {
                Some(content) if out.bytes.is_empty() && !out.complete => {
                    let out = read(&mut DeflateDecoder::new(content));
                    Inflated { complete: false, ..out }
                }
                _ => out,
            }
        }
        Format::Zlib => read(&mut ZlibDecoder::new(input)),
        Format::Deflate => read(&mut DeflateDecoder::new(input)),
        Format::Brotli if !brotli::is_bounded(input, bound(input.len(), usize::MAX, ratio).0) => {
            Inflated { stopped: Some("ratio"), ..Inflated::NOTHING }
        }
        Format::Brotli => read(&mut Decompressor::new(input, 4096)),
        Format::Zstd => match StreamingDecoder::new_with_max_window_size(input, ZSTD_WINDOW) {
            Ok(mut decoder) => read(&mut decoder),
            Err(_) => Inflated::NOTHING,
        },
        Format::Lz4 => read(&mut FrameDecoder::new(input)),
        Format::Lz4Block => lz4::block(input, bound(input.len(), limit, ratio).0),
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

/// How many bytes may come out, and what it is that bounds them.
fn bound(input: usize, limit: usize, ratio: usize) -> (usize, &'static str) {
    let allowed = input.saturating_mul(ratio).max(RATIO_FREE);
    if limit <= allowed { (limit, "bytes") } else { (allowed, "ratio") }
}

fn read(decoder: &mut dyn Read, input: usize, limit: usize, ratio: usize) -> Inflated {
    let mut out = Inflated::NOTHING;
    let (bound, why) = bound(input, limit, ratio);
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
        out.bytes.extend_from_slice(chunk.get(..got).unwrap_or_default());
        if out.bytes.len() > bound {
            out.bytes.truncate(bound);
            out.stopped = Some(why);
            return out;
        }
    }
}

#[cfg(test)]
mod tests;
