//! In what identifiers were wrapped up, in plain words.

use std::collections::BTreeSet;

use crate::report::Identifier;

/// Ways of wrapping that are listed before the rest is left out.
const MOST_WAYS: usize = 4;

/// First words of the steps that hide a value from somebody who looks at the bytes, and how to say them. Formats that
/// only order values (JSON, forms) hide nothing.
const WRAPPINGS: [(&str, &str); 28] = [
    ("aes", "AES with a key that is no secret"),
    ("base32", "base32"),
    ("base64", "base64"),
    ("bcd", "packed decimal digits"),
    ("brotli", "Brotli"),
    ("cbor", "CBOR"),
    ("crc32", "a CRC-32"),
    ("deflate", "deflate"),
    ("gzip", "gzip"),
    ("hex", "hexadecimal digits"),
    ("jwt", "a JSON web token"),
    ("lz4", "LZ4"),
    ("md5", "an MD5 hash"),
    ("messagepack", "MessagePack"),
    ("msgpack", "MessagePack"),
    ("nibbles", "swapped digits"),
    ("percent", "percent-encoding"),
    ("protobuf", "protobuf"),
    ("quoted-printable", "quoted-printable"),
    ("reversed", "reversed order"),
    ("sha1", "a SHA-1 hash"),
    ("sha256", "a SHA-256 hash"),
    ("sha512", "a SHA-512 hash"),
    ("utf-16", "UTF-16"),
    ("varint", "a protobuf number"),
    ("xor", "XOR with a key that is no secret"),
    ("zlib", "zlib"),
    ("zstd", "Zstandard"),
];

/// The wrappings around the identifiers, each way once, the outermost first: `gzip, in it base64`. `None` when none had
/// to be undone.
pub fn disguise(identifiers: &[Identifier]) -> Option<String> {
    let ways: BTreeSet<_> = identifiers.iter().filter_map(|identifier| way(&identifier.decode)).collect();
    let mut shown: Vec<_> = ways.iter().take(MOST_WAYS).cloned().collect();
    if ways.len() > MOST_WAYS {
        shown.push("others".to_owned());
    }
    (!shown.is_empty()).then(|| shown.join("; or "))
}

fn way(steps: &[String]) -> Option<String> {
    let mut words: Vec<&str> = steps.iter().filter_map(|step| wrapping(step)).collect();
    words.dedup();
    (!words.is_empty()).then(|| words.join(", in it "))
}

fn wrapping(step: &str) -> Option<&'static str> {
    let first = step.split(' ').next()?;
    WRAPPINGS.iter().find(|(word, _)| *word == first).map(|(_, words)| *words)
}

#[cfg(test)]
mod tests {
    use packet::Direction;

    use super::*;
    use crate::identifier::{Confidence, IdentifierKind};

    fn told(steps: &[&str]) -> Identifier {
        Identifier {
            kind: IdentifierKind::Imei,
            value: "001017001234569".into(),
            confidence: Confidence::Key,
            decode: steps.iter().map(|step| (*step).to_owned()).collect(),
            range: [0, 1],
            direction: Direction::Outbound,
        }
    }

    #[test]
    fn formats_hide_nothing() {
        assert_eq!(disguise(&[]), None);
        assert_eq!(disguise(&[told(&["http body", "json IMEI"]), told(&["http query", "form hex"])]), None);
    }

    #[test]
    fn wrappings_are_said_from_outside_in_and_each_way_once() {
        let nokia = ["http body", "base64 (lines of 76)", "json IMEI1"];
        assert_eq!(disguise(&[told(&nokia), told(&nokia)]).as_deref(), Some("base64"));
        let both = [told(&["http body", "gzip", "json a", "base64"]), told(&["http query", "md5"])];
        assert_eq!(disguise(&both).as_deref(), Some("an MD5 hash; or gzip, in it base64"));
    }

    #[test]
    fn many_ways_are_cut_short() {
        let many: Vec<_> = ["gzip", "hex", "md5", "sha1", "xor", "zlib"].map(|step| told(&[step])).into();
        assert!(disguise(&many).is_some_and(|text| text.ends_with("; or others")));
    }

    #[test]
    fn the_list_is_sorted() {
        assert!(WRAPPINGS.is_sorted_by(|a, b| a.0 < b.0));
    }
}
