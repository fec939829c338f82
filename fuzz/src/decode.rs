//! A decoder on any bytes: as a step that is taken again, and as what the walk finds out by itself.

use inspect::decode::{Cribs, Limits, decode_bytes, everything, explain_step, uncover};

use crate::Target;

/// Every decoder's target.
pub const TARGETS: &[(&str, Target)] = &[
    ("decode_base32", |data| run("base32", data)),
    ("decode_base64", |data| run("base64", data)),
    ("decode_quoted", |data| run("quoted-printable", data)),
    ("decode_utf16", |data| run("utf-16le", data)),
    ("decode_gzip", |data| run("gzip", data)),
    ("decode_zlib", |data| run("zlib", data)),
    ("decode_deflate", |data| run("deflate", data)),
    ("decode_brotli", |data| run("brotli", data)),
    ("decode_zstd", |data| run("zstd", data)),
    ("decode_lz4", |data| run("lz4", data)),
    ("decode_lz4_block", |data| run("lz4-block", data)),
    ("decode_json", |data| run("json a", data)),
    ("decode_xml", |data| run("xml a", data)),
    ("decode_form", |data| run("form a", data)),
    ("decode_query", |data| run("query a", data)),
    ("decode_text", |data| run("text token", data)),
    ("decode_protobuf", |data| run("protobuf 1", data)),
    ("decode_delimited", |data| run("delimited [0]", data)),
    ("decode_cbor", |data| run("cbor a", data)),
    ("decode_msgpack", |data| run("msgpack a", data)),
    ("decode_plist", |data| run("plist a", data)),
    ("decode_wbxml", |data| run("wbxml a", data)),
    ("decode_der", |data| run("der 0", data)),
    ("decode_multipart", |data| run("multipart a", data)),
    ("decode_mime", |data| run("mime body", data)),
    ("decode_jwt", |data| run("jwt claims", data)),
    ("decode_data", |data| run("data a", data)),
    ("decode_at", |data| run("at 4", data)),
    ("decode_hex", |data| run("hex", data)),
    ("decode_percent", |data| run("percent", data)),
    ("decode_xor_key_inside", |data| run("xor (key inside)", data)),
    ("decode_published_key", |data| run("aes-128-cbc (published key)", data)),
    ("decode_uncover", run_uncover),
];

fn run(step: &str, data: &[u8]) {
    let limits = Limits::default();
    if let Some(out) = explain_step(data, step) {
        assert!(out.len() <= limits.bytes.max(data.len() * 4), "{step} yields {} bytes", out.len());
    }
    let decoded = decode_bytes("tcp payload", data, 0..data.len() as u64, limits, &mut everything);
    // Parts are copied at each depth.
    let most = limits.bytes + data.len().saturating_mul(8);
    assert!(decoded.spent() <= most, "{} bytes", decoded.spent());
    for leaf in decoded.leaves() {
        let range = decoded.range(leaf, 0..decoded.bytes(leaf).len());
        assert!(range.start <= range.end && range.end <= data.len() as u64, "{leaf:?}");
    }
}

/// The first bytes are what is known to lie beneath the others.
fn run_uncover(data: &[u8]) {
    let (crib, bytes) = data.split_at(data.len().min(15));
    let limits = Limits::default();
    let decoded = decode_bytes("tcp payload", bytes, 0..bytes.len() as u64, limits, &mut everything);
    let uncovered =
        uncover(decoded, (&Cribs::new([crib]), &|bytes: &[u8]| bytes.len() > 64), limits, &mut everything);
    assert!(uncovered.nodes().all(|(_, node)| node.len() <= limits.bytes.max(bytes.len())));
}
