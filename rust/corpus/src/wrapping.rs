//! Encodings of whole contents and of single values.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE_NO_PAD};

use crate::compression::{brotli, deflate, gzip, lz4, lz4_block, zlib, zstd};
use crate::disguise::{fixed_key, self_keyed, xor};
use crate::form;

/// An encoding.
#[derive(Debug, Clone, Copy)]
pub struct Wrapping {
    /// For tables.
    pub name: &'static str,
    /// Whether the result is text.
    pub text: bool,
    /// What it is done to.
    pub of: Of,
    wrap: fn(&[u8]) -> Vec<u8>,
}

/// What an encoding is done to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Of {
    /// Anything.
    Anything,
    /// Text: by its nature, or because nothing marks its result, so that only what comes of it tells. See
    /// [`crate::OUT_OF_SCOPE`].
    Text,
    /// Contents of that name: a program that has the disguise sends nothing else in it.
    Only(&'static str),
    /// Contents with a known value in them. See [`crate::OUT_OF_SCOPE`].
    Known,
}

impl Wrapping {
    /// Encodes.
    pub fn wrap(&self, bytes: &[u8]) -> Vec<u8> {
        (self.wrap)(bytes)
    }
}

const fn to_text(name: &'static str, wrap: fn(&[u8]) -> Vec<u8>) -> Wrapping {
    Wrapping { name, text: true, of: Of::Anything, wrap }
}

const fn to_bytes(name: &'static str, wrap: fn(&[u8]) -> Vec<u8>) -> Wrapping {
    Wrapping { name, text: false, of: Of::Anything, wrap }
}

const fn of_text(wrapping: Wrapping) -> Wrapping {
    Wrapping { of: Of::Text, ..wrapping }
}

/// Nothing is done.
pub const NONE: Wrapping = to_text("none", <[u8]>::to_vec);

/// Every encoding but [`NONE`].
pub const WRAPPINGS: [Wrapping; 45] = [
    to_text("base64", |it| STANDARD.encode(it).into_bytes()),
    to_text("base64, unpadded", |it| STANDARD_NO_PAD.encode(it).into_bytes()),
    to_text("base64url", |it| URL_SAFE_NO_PAD.encode(it).into_bytes()),
    to_text("base64, lines ended by LF", |it| lines(&STANDARD.encode(it), "\n")),
    to_text("base64, lines ended by CRLF", |it| lines(&STANDARD.encode(it), "\r\n")),
    to_text("base64 twice", |it| STANDARD.encode(STANDARD.encode(it)).into_bytes()),
    to_text("hex", |it| form::hex(it).into_bytes()),
    to_text("hex, upper case", |it| form::hex(it).to_uppercase().into_bytes()),
    to_text("hex behind 0x", |it| format!("0x{}", form::hex(it)).into_bytes()),
    to_text("hex, octets apart", |it| {
        it.iter().map(|byte| format!("{byte:02X}")).collect::<Vec<_>>().join(" ").into_bytes()
    }),
    to_text("percent", |it| it.iter().map(|byte| format!("%{byte:02X}")).collect::<String>().into_bytes()),
    to_text("percent of base64", |it| percent(STANDARD.encode(it).as_bytes())),
    to_bytes("gzip", gzip),
    to_bytes("zlib", zlib),
    to_bytes("gzip behind a header", |it| [b"\xca\xfe\0\x01\0\0\x02\x07", gzip(it).as_slice()].concat()),
    to_bytes("zlib behind its size", |it| {
        let packed = zlib(it);
        [&(packed.len() as u32).to_be_bytes()[..], &packed].concat()
    }),
    to_text("base64 of gzip", |it| STANDARD.encode(gzip(it)).into_bytes()),
    to_text("base64url of zlib", |it| URL_SAFE_NO_PAD.encode(zlib(it)).into_bytes()),
    to_text("hex of gzip", |it| form::hex(&gzip(it)).into_bytes()),
    to_bytes("gzip of base64", |it| gzip(STANDARD.encode(it).as_bytes())),
    to_text("base64 of hex", |it| STANDARD.encode(form::hex(it)).into_bytes()),
    to_text("data URL", |it| {
        format!("data:application/octet-stream;base64,{}", STANDARD.encode(it)).into_bytes()
    }),
    to_text("base32", |it| base32(it, true)),
    to_text("base32, lower case, unpadded", |it| base32(it, false).to_ascii_lowercase()),
    to_text("base32 of gzip", |it| base32(&gzip(it), true)),
    of_text(to_text("array of octets", |it| {
        format!("[{}]", it.iter().map(u8::to_string).collect::<Vec<_>>().join(",")).into_bytes()
    })),
    of_text(to_text("quoted-printable", quoted_printable)),
    of_text(to_bytes("UTF-16LE", |it| utf16(it, u16::to_le_bytes))),
    of_text(to_bytes("UTF-16BE", |it| utf16(it, u16::to_be_bytes))),
    of_text(to_bytes("UTF-16LE, marked", |it| [vec![0xff, 0xfe], utf16(it, u16::to_le_bytes)].concat())),
    of_text(to_bytes("UTF-16BE, marked", |it| [vec![0xfe, 0xff], utf16(it, u16::to_be_bytes)].concat())),
    of_text(to_text("base64 of UTF-16LE", |it| STANDARD.encode(utf16(it, u16::to_le_bytes)).into_bytes())),
    to_bytes("zstd", zstd),
    to_bytes("LZ4 frame", lz4),
    of_text(to_bytes("LZ4 block", lz4_block)),
    of_text(to_bytes("LZ4 block behind its size", |it| {
        [&(it.len() as u32).to_le_bytes()[..], &lz4_block(it)].concat()
    })),
    of_text(to_bytes("deflate", deflate)),
    of_text(to_bytes("brotli", brotli)),
    to_text("base64 of zstd", |it| STANDARD.encode(zstd(it)).into_bytes()),
    to_text("hex of LZ4 frame", |it| form::hex(&lz4(it)).into_bytes()),
    Wrapping {
        of: Of::Only("form"),
        ..to_text("hex of self-keyed XOR", |it| form::hex(&self_keyed(it)).to_uppercase().into_bytes())
    },
    Wrapping {
        of: Of::Only("json"),
        ..to_text("base64 of AES with a published key", |it| STANDARD.encode(fixed_key(it)).into_bytes())
    },
    Wrapping { of: Of::Known, ..to_bytes("XOR with one byte", |it| xor(it, &[0x5a])) },
    Wrapping { of: Of::Known, ..to_bytes("XOR with five bytes", |it| xor(it, b"k3y!\x9c")) },
    Wrapping {
        of: Of::Known,
        ..to_text("base64 of XOR", |it| STANDARD.encode(xor(it, &[0x17, 0xa2, 0x3c])).into_bytes())
    },
];

type Code = fn(&[u8]) -> Vec<u8>;

/// Content codings of HTTP: the token and the encoding.
pub const CODINGS: [(&str, Code); 5] =
    [("gzip", gzip), ("deflate", deflate), ("deflate", zlib), ("br", brotli), ("zstd", zstd)];

/// In lines of 76 characters.
pub fn lines(text: &str, end: &str) -> Vec<u8> {
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

/// RFC 4648 section 6.
fn base32(bytes: &[u8], padded: bool) -> Vec<u8> {
    const DIGITS: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let mut out = Vec::with_capacity(bytes.len().div_ceil(5) * 8);
    for group in bytes.chunks(5) {
        let bits = (0..5).fold(0u64, |bits, at| bits << 8 | u64::from(group.get(at).copied().unwrap_or(0)));
        let digits = (group.len() * 8).div_ceil(5);
        out.extend((0..digits).map(|at| DIGITS[(bits >> (35 - 5 * at) & 31) as usize]));
        if padded {
            out.resize(out.len() + 8 - digits, b'=');
        }
    }
    out
}

/// RFC 2045 section 6.7: lines of 76 characters at most, what cannot stand in them as two digits.
pub fn quoted_printable(text: &[u8]) -> Vec<u8> {
    const LONGEST: usize = 76;
    let (mut out, mut column) = (Vec::new(), 0);
    for (at, &byte) in text.iter().enumerate() {
        let ends_line = matches!(text.get(at + 1), None | Some(b'\n' | b'\r'));
        let piece = match byte {
            b'\n' if at > 0 && text[at - 1] == b'\r' => b"\n".to_vec(),
            b'\r' if text.get(at + 1) == Some(&b'\n') => b"\r".to_vec(),
            b'=' | 0..b' ' | 127.. => format!("={byte:02X}").into_bytes(),
            b' ' if ends_line => b"=20".to_vec(),
            byte => vec![byte],
        };
        // The mark of a line that goes on needs a place too; what ends a line is none of it.
        let ends = matches!(piece[..], [b'\r' | b'\n']);
        if !ends && column + piece.len() > LONGEST - usize::from(!ends_line) {
            out.extend(b"=\r\n");
            column = 0;
        }
        column = if byte == b'\n' { 0 } else { column + piece.len() };
        out.extend(piece);
    }
    out
}

/// RFC 2781, without a mark.
fn utf16(text: &[u8], order: fn(u16) -> [u8; 2]) -> Vec<u8> {
    String::from_utf8_lossy(text).encode_utf16().flat_map(order).collect()
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
    fn base32_is_as_specified() {
        // RFC 4648 section 10.
        let written = ["f", "fo", "foo", "foob", "fooba", "foobar"].map(|it| base32(it.as_bytes(), true));
        let expected = ["MY======", "MZXQ====", "MZXW6===", "MZXW6YQ=", "MZXW6YTB", "MZXW6YTBOI======"];
        assert_eq!(written, expected.map(|it| it.as_bytes().to_vec()));
        assert_eq!(base32(b"foobar", false), b"MZXW6YTBOI");
    }

    #[test]
    fn quoted_lines_go_on() {
        assert_eq!(quoted_printable("a=b \r\nü\n".as_bytes()), b"a=3Db=20\r\n=C3=BC=0A");
        let written = quoted_printable(&[b'x'; 200]);
        assert!(written.split(|byte| *byte == b'\n').all(|line| line.len() <= 77), "{written:?}");
        let whole = [&[b'x'; 76][..], b"\r\n"].concat();
        assert_eq!(quoted_printable(&whole), whole);
        assert_eq!(written.iter().filter(|byte| **byte == b'x').count(), 200);
        assert_eq!(utf16("é1".as_bytes(), u16::to_be_bytes), [0, 0xe9, 0, b'1']);
    }

    #[test]
    fn lines_have_76_characters() {
        let text = lines(&"x".repeat(100), "\n");
        assert_eq!(text.len(), 102);
        assert_eq!((text[76], text[101]), (b'\n', b'\n'));
    }
}
