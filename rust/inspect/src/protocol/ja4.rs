//! JA4: the fingerprint of a TLS client, as FoxIO published it under the BSD 3-Clause licence
//! (<https://github.com/FoxIO-LLC/ja4>, `technical_details/JA4.md`).

use std::fmt::Write as _;

use sha2::{Digest, Sha256};

use super::Carrier;
use super::hello::{Hello, extension, is_grease};

/// The fingerprint of a whole ClientHello.
pub(super) fn ja4(hello: &Hello<'_>, carrier: Carrier) -> String {
    let mut ciphers: Vec<u16> = hello.ciphers().filter(|&suite| !is_grease(suite)).collect();
    let mut extensions: Vec<u16> =
        hello.extensions.iter().map(|e| e.0).filter(|&kind| !is_grease(kind)).collect();
    let prefix = format!(
        "{}{}{}{:02}{:02}{}",
        carrier_letter(carrier),
        version_name(hello.version(carrier)),
        if hello.extension(extension::SERVER_NAME).is_some() { 'd' } else { 'i' },
        ciphers.len().min(99),
        extensions.len().min(99),
        alpn_ends(hello.alpn().next()),
    );
    ciphers.sort_unstable();
    extensions.sort_unstable();
    extensions.retain(|&kind| kind != extension::SERVER_NAME && kind != extension::ALPN);
    let mut listed = hex_list(extensions.into_iter());
    let algorithms = hex_list(hello.signature_algorithms().filter(|&algorithm| !is_grease(algorithm)));
    if !algorithms.is_empty() {
        listed = format!("{listed}_{algorithms}");
    }
    format!("{prefix}_{}_{}", short_hash(&hex_list(ciphers.into_iter())), short_hash(&listed))
}

fn carrier_letter(carrier: Carrier) -> char {
    match carrier {
        Carrier::Tcp => 't',
        Carrier::Quic => 'q',
        Carrier::Dtls => 'd',
    }
}

fn version_name(version: u16) -> &'static str {
    match version {
        0x0304 => "13",
        0x0303 => "12",
        0x0302 => "11",
        0x0301 => "10",
        0x0300 => "s3",
        0x0002 => "s2",
        0xfeff => "d1",
        0xfefd => "d2",
        0xfefc => "d3",
        _ => "00",
    }
}

/// First and last letter of the first protocol offered; where one of them is no letter or digit, first and last digit
/// of its bytes in hex.
fn alpn_ends(protocol: Option<&[u8]>) -> String {
    let Some(&[first, ..]) = protocol else { return "00".into() };
    let last = protocol.and_then(<[u8]>::last).copied().unwrap_or(first);
    if first.is_ascii_alphanumeric() && last.is_ascii_alphanumeric() {
        return format!("{}{}", char::from(first), char::from(last));
    }
    format!("{:x}{:x}", first >> 4, last & 0x0f)
}

fn hex_list(values: impl Iterator<Item = u16>) -> String {
    let mut list = String::new();
    for value in values {
        if !list.is_empty() {
            list.push(',');
        }
        let _ = write!(list, "{value:04x}");
    }
    list
}

/// The first 12 hex digits of SHA-256; zeros for an empty list.
fn short_hash(list: &str) -> String {
    if list.is_empty() {
        return "000000000000".into();
    }
    let digest = Sha256::digest(list.as_bytes());
    digest.iter().take(6).fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    // The example of FoxIO's technical_details/JA4.md.
    #[test]
    fn hashes_are_those_of_the_definition() {
        let ciphers = "002f,0035,009c,009d,1301,1302,1303,c013,c014,c02b,c02c,c02f,c030,cca8,cca9";
        assert_eq!(short_hash(ciphers), "8daaf6152771");
        let extensions = "0005,000a,000b,000d,0012,0015,0017,001b,0023,002b,002d,0033,4469,ff01_0403,0804,0401,0503,0805,0501,0806,0601";
        assert_eq!(short_hash(extensions), "e5627efa2ab1");
        assert_eq!(short_hash(""), "000000000000");
    }

    #[test]
    fn the_protocol_offered_is_abbreviated() {
        assert_eq!(alpn_ends(Some(b"h2")), "h2");
        assert_eq!(alpn_ends(Some(b"http/1.1")), "h1");
        assert_eq!(alpn_ends(Some(b"x")), "xx");
        assert_eq!(alpn_ends(Some(&[0x30, 0xab])), "3b");
        assert_eq!(alpn_ends(Some(&[0xab])), "ab");
        assert_eq!(alpn_ends(Some(b"")), "00");
        assert_eq!(alpn_ends(None), "00");
    }
}
