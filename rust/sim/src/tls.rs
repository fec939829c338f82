//! What a TLS connection looks like to those who have no keys: enough of it that its records are taken for encrypted.

/// Bytes of a record that is encrypted, header included.
pub const RECORD: usize = 5 + (1 << 14);
/// From here on what its sender says is encrypted (RFC 8446 section D.4).
pub const CHANGE_CIPHER_SPEC: [u8; 6] = [20, 3, 3, 0, 1, 1];

/// A ClientHello of TLS 1.3 without any extension, and a first record that is encrypted.
pub fn hello(random: [u8; 32]) -> Vec<u8> {
    let body = [&[3, 3][..], &random, &[0, 0, 2, 0x13, 1, 1, 0, 0, 0]].concat();
    let len = body.len() as u8;
    let record = [23, 3, 3, 0, 4, 1, 2, 3, 4];
    [&[22, 3, 1, 0, len + 4, 1, 0, 0, len][..], &body, &CHANGE_CIPHER_SPEC, &record].concat()
}

/// So many records that are encrypted, behind the one that says so.
pub fn records(count: usize) -> Vec<u8> {
    let mut out = CHANGE_CIPHER_SPEC.to_vec();
    for _ in 0..count {
        out.extend([23, 3, 3, 0x40, 0]);
        out.extend((0..1u32 << 14).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8));
    }
    out
}
