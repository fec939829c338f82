//! Goes a chain of steps again, to show what each yields.

use std::ops::Range;

use super::compress::{Format, inflate};
use super::walk::step_text;
use super::{
    Limits, Piece, base64, form, grpc, header, hex, json, multipart, percent, protobuf, text, xml, xor,
};
use crate::protocol::{http2_data, undo_huffman, websocket_payload};

/// A step and what it yielded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExplainedStep {
    /// The step as in the chain.
    pub step: String,
    /// The bytes after it.
    pub bytes: Vec<u8>,
}

/// Goes the steps of a match again on the bytes of its range.
///
/// Selecting steps before the first transforming one have been taken already: that is what the range is. They yield
/// the bytes as they are. A step that cannot be taken ends the list; so does nothing else, and the steps that name
/// what a value was hashed or written with (`sha256`, `reversed`) yield what they are given.
pub fn explain(origin: &[u8], steps: &[String]) -> Vec<ExplainedStep> {
    let mut out: Vec<ExplainedStep> = Vec::new();
    let mut bytes = origin.to_vec();
    let mut selected = true;
    for step in steps {
        let next = if selected { first(&bytes, step) } else { take(&bytes, step).map(|it| (it, false)) };
        let Some((result, still)) = next else { break };
        bytes = result;
        selected = still;
        out.push(ExplainedStep { step: step.clone(), bytes: bytes.clone() });
    }
    out
}

/// A step while nothing was transformed yet: what came of it, and whether that is still so.
fn first(bytes: &[u8], step: &str) -> Option<(Vec<u8>, bool)> {
    let word = step.split(' ').next().unwrap_or_default();
    match word {
        "json" if bytes.contains(&b'\\') => Some((json::unescape(bytes), false)),
        "xml" if bytes.contains(&b'&') => Some((xml::unescape(bytes), false)),
        "protobuf" if step.ends_with(')') => Some((number(bytes, step)?, false)),
        _ if is_transforming(word) => Some((take(bytes, step)?, false)),
        _ => Some((bytes.to_vec(), true)),
    }
}

fn is_transforming(word: &str) -> bool {
    matches!(
        word,
        "chunked" | "frames" | "huffman" | "gzip" | "zlib" | "deflate" | "percent" | "hex" | "base64" | "xor"
    )
}

fn number(bytes: &[u8], step: &str) -> Option<Vec<u8>> {
    let value = if step.ends_with("(fixed64)") {
        u64::from_le_bytes(*bytes.first_chunk()?)
    } else {
        protobuf::varint(bytes)?.0
    };
    Some(value.to_string().into_bytes())
}

fn take(bytes: &[u8], step: &str) -> Option<Vec<u8>> {
    let limits = Limits::default();
    let word = step.split(' ').next().unwrap_or_default();
    let inflated = |format| Some(inflate(format, bytes, limits.bytes, limits.ratio).bytes);
    match word {
        "chunked" => Some(unchunk(bytes)),
        "frames" => unframe(bytes, step),
        "huffman" => undo_huffman(bytes),
        "gzip" => inflated(Format::Gzip),
        "zlib" => inflated(Format::Zlib),
        "deflate" => inflated(Format::Deflate),
        "percent" => Some(percent::decode(bytes, true)),
        "hex" => hex::decode(bytes.trim_ascii()),
        "base64" => base64::decode(bytes, 1).map(|it| it.bytes),
        "xor" => xor::decode(bytes),
        "json" => select(bytes, word, step, &json::pieces(bytes, limits.steps)),
        "xml" => select(bytes, word, step, &xml::pieces(bytes, limits.steps)),
        "form" => select(bytes, word, step, &form::pieces(bytes, limits.steps)),
        "query" => select(bytes, word, step, &text::query(bytes, limits.steps)),
        "cookie" => select(bytes, word, step, &header::cookies(bytes, limits.steps)),
        "credentials" => select(bytes, word, step, &header::credentials(bytes)),
        "protobuf" => select(bytes, word, step, &protobuf::pieces(bytes, limits.steps)?),
        "grpc" => select(bytes, word, step, &grpc::pieces(bytes, limits.steps)?),
        "multipart" => {
            let boundary = multipart::boundary(bytes)?;
            select(bytes, word, step, &multipart::pieces(bytes, boundary, limits.steps))
        }
        "text" => select(bytes, word, step, &text::pieces(bytes)),
        _ => Some(bytes.to_vec()),
    }
}

fn select(bytes: &[u8], word: &str, step: &str, pieces: &[Piece]) -> Option<Vec<u8>> {
    let mut number = 0;
    let plain = |piece: &Piece| step_text(word, &piece.path, 1, piece.suffix);
    pieces
        .iter()
        .find(|piece| {
            if !step.starts_with(plain(piece).trim_end_matches(piece.suffix)) {
                return false;
            }
            let same = pieces.iter().take_while(|it| !std::ptr::eq(*it, *piece));
            number = 1 + same.filter(|it| it.path == piece.path && it.suffix == piece.suffix).count() as u32;
            step_text(word, &piece.path, number, piece.suffix) == step
        })
        .map(|piece| piece.bytes(bytes).to_vec())
}

/// Undoes the chunked coding (RFC 9112 section 7.1) as far as it is sound.
fn unchunk(mut rest: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    while let Some((size, start)) = chunk_size(rest) {
        let range: Range<usize> = start..start.saturating_add(size).min(rest.len());
        out.extend_from_slice(&rest[range.clone()]);
        let after = &rest[range.end..];
        rest = after.strip_prefix(b"\r\n").or_else(|| after.strip_prefix(b"\n")).unwrap_or(after);
        if size == 0 || rest.is_empty() {
            break;
        }
    }
    out
}

/// Undoes `frames (websocket)` and `frames (stream 5)`, those of HTTP/2.
fn unframe(bytes: &[u8], step: &str) -> Option<Vec<u8>> {
    let of = step.strip_prefix("frames (")?.strip_suffix(')')?;
    match of.strip_prefix("stream ") {
        Some(stream) => Some(http2_data(bytes, stream.parse().ok()?)),
        None => Some(websocket_payload(bytes)),
    }
}

fn chunk_size(bytes: &[u8]) -> Option<(usize, usize)> {
    let end = bytes.iter().take(1024).position(|&byte| byte == b'\n')?;
    let digits: Vec<u8> =
        bytes[..end].trim_ascii_start().iter().map_while(|&byte| hex::digit(byte)).collect();
    if digits.is_empty() || digits.len() > 8 {
        return None;
    }
    let size = digits.iter().fold(0usize, |size, &digit| size << 4 | usize::from(digit));
    Some((size, end + 1))
}
