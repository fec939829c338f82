//! Goes a chain of steps again, to show what each yields.

use std::collections::HashMap;
use std::ops::Range;

use super::compress::{Format, inflate};
use super::part::everything;
use super::walk::step_text;
use super::{
    Limits, Piece, base32, base64, cbor, data_url, der, disguise, embedded, form, grpc, header, hex, json,
    jwt, labels, mime, msgpack, multipart, percent, plist, protobuf, quoted, target, text, utf16, wbxml, xml,
};
use crate::protocol::{http2_data, undo_huffman, unpack, websocket_payload};

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

/// Takes a single step on bytes that are what an earlier step yielded. `None`: it cannot be taken on them.
pub fn explain_step(bytes: &[u8], step: &str) -> Option<Vec<u8>> {
    take(bytes, step)
}

/// A step while nothing was transformed yet: what came of it, and whether that is still so.
fn first(bytes: &[u8], step: &str) -> Option<(Vec<u8>, bool)> {
    let word = step.split(' ').next().unwrap_or_default();
    match word {
        "json" if bytes.contains(&b'\\') => Some((json::unescape(bytes), false)),
        "xml" if bytes.contains(&b'&') => Some((xml::unescape(bytes), false)),
        _ if let Some(made) = made(bytes, word, step) => Some((made?, false)),
        "supl" => Some(unpack(step, bytes).map_or_else(|| (bytes.to_vec(), true), |it| (it, false))),
        _ if is_transforming(word) => Some((take(bytes, step)?, false)),
        _ => Some((bytes.to_vec(), true)),
    }
}

fn is_transforming(word: &str) -> bool {
    matches!(
        word,
        "chunked"
            | "frames"
            | "huffman"
            | "labels"
            | "percent"
            | "quoted-printable"
            | "hex"
            | "base32"
            | "base64"
            | "xor"
            | "aes-128-cbc"
    ) || word.starts_with("utf-16")
        || Format::of_step(word).is_some()
}

/// What a selecting step made of the bytes, when it did not leave them as they are: its suffix says so.
fn made(bytes: &[u8], word: &str, step: &str) -> Option<Option<Vec<u8>>> {
    let read: fn(&[u8]) -> Option<Vec<u8>> = match (word, step.rsplit(' ').next()?) {
        ("json", "(octets)") => json::octets,
        ("protobuf", "(fixed64)") => {
            |bytes| Some(u64::from_le_bytes(*bytes.first_chunk()?).to_string().into_bytes())
        }
        ("protobuf", "(varint)") => |bytes| Some(protobuf::varint(bytes)?.0.to_string().into_bytes()),
        ("cbor", "(number)" | "(chunks)") => cbor::scalar,
        ("msgpack", "(number)") => msgpack::scalar,
        ("plist", "(number)" | "(utf-16)") => plist::scalar,
        ("der", "(utf-16)") => der::scalar,
        _ => return None,
    };
    Some(read(bytes))
}

fn take(bytes: &[u8], step: &str) -> Option<Vec<u8>> {
    let limits = Limits::default();
    let word = step.split(' ').next().unwrap_or_default();
    if let Some(format) = Format::of_step(word) {
        return Some(inflate(format, bytes, limits.bytes, limits.ratio).bytes);
    }
    let pick = |pieces: &[Piece]| select(bytes, word, step, pieces);
    match word {
        "chunked" => Some(unchunk(bytes)),
        "frames" => unframe(bytes, step),
        "huffman" => undo_huffman(bytes),
        "labels" => labels::join(bytes, step),
        "percent" => Some(percent::decode(bytes, true)),
        "quoted-printable" => Some(quoted::decode(bytes)),
        "hex" => hex::decode(bytes.trim_ascii()),
        // In a host name letters of both cases are the same.
        "base32" => base32::decode(bytes).or_else(|| base32::decode(&bytes.to_ascii_lowercase())),
        "base64" => base64::decode(bytes, 1).map(|it| it.bytes),
        "utf-16le" | "utf-16be" => utf16::decode(bytes).map(|(_, text)| text),
        "xor" | "aes-128-cbc" => disguise::reopen(step, bytes),
        "json" => pick(&json::pieces(bytes, limits.steps, &mut everything)),
        "xml" => pick(&xml::pieces(bytes, limits.steps)),
        "form" => pick(&form::pieces(bytes, limits.steps, &mut everything)),
        "target" => pick(&target::path(bytes)),
        "query" => {
            pick(&text::query(bytes, limits.steps)).or_else(|| pick(&target::query(bytes, limits.steps)))
        }
        "cookie" => pick(&header::cookies(bytes, limits.steps)),
        "credentials" => pick(&header::credentials(bytes)),
        "protobuf" => pick(&protobuf::pieces(bytes, limits.steps)?),
        "grpc" => pick(&grpc::pieces(bytes, limits.steps)?),
        "delimited" => pick(&protobuf::delimited(bytes, limits.steps)?),
        "cbor" => pick(&cbor::pieces(bytes, limits.steps)?),
        "msgpack" => pick(&msgpack::pieces(bytes, limits.steps)?),
        "plist" => pick(&plist::pieces(bytes, limits.steps, &mut |_| {})?),
        "wbxml" => pick(&wbxml::pieces(bytes, limits.steps, &mut |_| {})?),
        "der" => pick(&der::pieces(bytes, limits.steps)?),
        "multipart" => pick(&multipart::pieces(bytes, multipart::boundary(bytes)?, limits.steps)),
        "mime" => pick(&mime::pieces(bytes, limits.steps)?),
        "jwt" => pick(&jwt::pieces(bytes)?),
        "data" => pick(&[data_url::piece(bytes)?]),
        "text" => pick(&text::pieces(bytes)),
        "at" => pick(&embedded::pieces(bytes)),
        _ => Some(bytes.to_vec()),
    }
}

fn select(bytes: &[u8], word: &str, step: &str, pieces: &[Piece]) -> Option<Vec<u8>> {
    // A path with its suffix may be the beginning of another's.
    let mut seen: HashMap<(&str, &str), u32> = HashMap::new();
    for piece in pieces {
        let plain = step_text(word, &piece.path, 1, piece.suffix);
        if !step.starts_with(plain.trim_end_matches(piece.suffix)) {
            continue;
        }
        let number = seen.entry((&piece.path, piece.suffix)).or_default();
        *number += 1;
        if step_text(word, &piece.path, *number, piece.suffix) == step {
            return Some(piece.bytes(bytes).to_vec());
        }
    }
    None
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
