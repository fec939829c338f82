//! Encodings of whole contents and of single values.

use std::io::Write;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use flate2::Compression;
use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};

use crate::form;

/// An encoding.
#[derive(Debug, Clone, Copy)]
pub struct Wrapping {
    /// For tables.
    pub name: &'static str,
    /// Whether the result is text.
    pub text: bool,
    wrap: fn(&[u8]) -> Vec<u8>,
}

impl Wrapping {
    /// Encodes.
    pub fn wrap(&self, bytes: &[u8]) -> Vec<u8> {
        (self.wrap)(bytes)
    }
}

const fn to_text(name: &'static str, wrap: fn(&[u8]) -> Vec<u8>) -> Wrapping {
    Wrapping { name, text: true, wrap }
}

const fn to_bytes(name: &'static str, wrap: fn(&[u8]) -> Vec<u8>) -> Wrapping {
    Wrapping { name, text: false, wrap }
}

/// Nothing is done.
pub const NONE: Wrapping = to_text("none", <[u8]>::to_vec);

/// Every encoding but [`NONE`].
pub const WRAPPINGS: [Wrapping; 18] = [
    to_text("base64", |it| STANDARD.encode(it).into_bytes()),
    to_text("base64, unpadded", |it| STANDARD_NO_PAD.encode(it).into_bytes()),
    to_text("base64url", |it| URL_SAFE_NO_PAD.encode(it).into_bytes()),
    to_text("base64, lines ended by LF", |it| lines(&STANDARD.encode(it), "\n")),
    to_text("base64, lines ended by CRLF", |it| lines(&STANDARD.encode(it), "\r\n")),
    to_text("base64 twice", |it| STANDARD.encode(STANDARD.encode(it)).into_bytes()),
    to_text("hex", |it| form::hex(it).into_bytes()),
    to_text("hex, upper case", |it| form::hex(it).to_uppercase().into_bytes()),
    to_text("percent", |it| it.iter().map(|byte| format!("%{byte:02X}")).collect::<String>().into_bytes()),
    to_text("percent of base64", |it| percent(STANDARD.encode(it).as_bytes())),
    to_bytes("gzip", gzip),
    to_bytes("zlib", zlib),
    to_text("base64 of gzip", |it| STANDARD.encode(gzip(it)).into_bytes()),
    to_text("base64url of zlib", |it| URL_SAFE_NO_PAD.encode(zlib(it)).into_bytes()),
    to_text("hex of gzip", |it| form::hex(&gzip(it)).into_bytes()),
    to_bytes("gzip of base64", |it| gzip(STANDARD.encode(it).as_bytes())),
    to_text("base64 of hex", |it| STANDARD.encode(form::hex(it)).into_bytes()),
    to_text("data URL", |it| {
        format!("data:application/octet-stream;base64,{}", STANDARD.encode(it)).into_bytes()
    }),
];

type Code = fn(&[u8]) -> Vec<u8>;

/// Content codings of HTTP: the token and the encoding.
pub const CODINGS: [(&str, Code); 2] = [("gzip", gzip), ("deflate", deflate)];

fn lines(text: &str, end: &str) -> Vec<u8> {
    let lines = text.as_bytes().chunks(76).map(|line| String::from_utf8_lossy(line) + end);
    lines.collect::<String>().into_bytes()
}

/// Percent-encodes what a query cannot hold.
pub fn percent(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len());
    for &byte in bytes {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
            out.push(byte);
        } else {
            out.extend(format!("%{byte:02X}").into_bytes());
        }
    }
    out
}

/// Writing to memory does not fail.
fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).and_then(|()| encoder.finish()).unwrap_or_default()
}

fn zlib(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).and_then(|()| encoder.finish()).unwrap_or_default()
}

fn deflate(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).and_then(|()| encoder.finish()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wraps_as_others_unwrap() {
        let wrap = |name: &str| WRAPPINGS.iter().find(|it| it.name == name).unwrap().wrap(b"<abc>?");
        assert_eq!(wrap("base64"), b"PGFiYz4/");
        assert_eq!(wrap("percent of base64"), b"PGFiYz4%2F");
        assert_eq!(wrap("hex, upper case"), b"3C6162633E3F");
        assert_eq!(wrap("gzip")[..2], [0x1f, 0x8b]);
    }

    #[test]
    fn lines_have_76_characters() {
        let text = lines(&"x".repeat(100), "\n");
        assert_eq!(text.len(), 102);
        assert_eq!((text[76], text[101]), (b'\n', b'\n'));
    }
}
