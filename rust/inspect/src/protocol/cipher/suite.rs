//! Cipher suites by their number (IANA's TLS Cipher Suites registry), whatever their key exchange.

use super::aead::AeadKind;
use super::cbc::BlockKind;
use super::mac::MacKind;
use super::schedule::Hash;

/// How a suite protects content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::protocol) enum Bulk {
    Aead(AeadKind),
    Cbc(BlockKind, MacKind),
    Rc4(MacKind),
}

/// A cipher suite, as far as it matters once the keys are known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::protocol) struct Suite {
    pub(in crate::protocol) bulk: Bulk,
    /// The hash of the key schedule, from TLS 1.2 on.
    pub(in crate::protocol) hash: Hash,
}

const fn aead(kind: AeadKind, hash: Hash) -> Suite {
    Suite { bulk: Bulk::Aead(kind), hash }
}

const fn cbc(kind: BlockKind, mac: MacKind) -> Suite {
    let hash = if matches!(mac, MacKind::Sha384) { Hash::Sha384 } else { Hash::Sha256 };
    Suite { bulk: Bulk::Cbc(kind, mac), hash }
}

const fn rc4(mac: MacKind) -> Suite {
    Suite { bulk: Bulk::Rc4(mac), hash: Hash::Sha256 }
}

impl Suite {
    /// `None`: a suite of another cipher (Camellia, ARIA, SEED …), which is not read here.
    pub(in crate::protocol) fn of(number: u16) -> Option<Self> {
        use AeadKind::*;
        use BlockKind::{Aes128, Aes256, TripleDes};
        use MacKind::{Md5, Sha1, Sha256, Sha384};
        Some(match number {
            0x1301 => aead(Aes128Gcm, Hash::Sha256),
            0x1302 => aead(Aes256Gcm, Hash::Sha384),
            0x1303 | 0xcca8..=0xccae => aead(ChaCha20Poly1305, Hash::Sha256),
            // RSA, DH, DHE, anonymous and PSK key exchange: even numbers are AES-128.
            0x009c..=0x00ad if number & 1 == 0 => aead(Aes128Gcm, Hash::Sha256),
            0x009c..=0x00ad => aead(Aes256Gcm, Hash::Sha384),
            // ECDH: odd numbers are AES-128.
            0xc02b..=0xc032 if number & 1 == 1 => aead(Aes128Gcm, Hash::Sha256),
            0xc02b..=0xc032 => aead(Aes256Gcm, Hash::Sha384),
            // CCM: odd numbers are AES-256; some have a short tag.
            0x1304 | 0xc09c | 0xc09e | 0xc0a4 | 0xc0a6 | 0xc0ac | 0xd005 => aead(Aes128Ccm, Hash::Sha256),
            0xc09d | 0xc09f | 0xc0a5 | 0xc0a7 | 0xc0ad => aead(Aes256Ccm, Hash::Sha256),
            0x1305 | 0xc0a0 | 0xc0a2 | 0xc0a8 | 0xc0aa | 0xc0ae | 0xd003 => aead(Aes128Ccm8, Hash::Sha256),
            0xc0a1 | 0xc0a3 | 0xc0a9 | 0xc0ab | 0xc0af => aead(Aes256Ccm8, Hash::Sha256),
            0xd001 => aead(Aes128Gcm, Hash::Sha256),
            0xd002 => aead(Aes256Gcm, Hash::Sha384),
            0x002f..=0x0034 | 0x008c | 0x0090 | 0x0094 => cbc(Aes128, Sha1),
            0xc004 | 0xc009 | 0xc00e | 0xc013 | 0xc018 | 0xc01d..=0xc01f | 0xc035 => cbc(Aes128, Sha1),
            0x0035..=0x003a | 0x008d | 0x0091 | 0x0095 => cbc(Aes256, Sha1),
            0xc005 | 0xc00a | 0xc00f | 0xc014 | 0xc019 | 0xc020..=0xc022 | 0xc036 => cbc(Aes256, Sha1),
            0x003c | 0x003e..=0x0040 | 0x0067 | 0x006c | 0x00ae | 0x00b2 | 0x00b6 => cbc(Aes128, Sha256),
            0xc023 | 0xc025 | 0xc027 | 0xc029 | 0xc037 => cbc(Aes128, Sha256),
            0x003d | 0x0068..=0x006b | 0x006d => cbc(Aes256, Sha256),
            0x00af | 0x00b3 | 0x00b7 | 0xc024 | 0xc026 | 0xc028 | 0xc02a | 0xc038 => cbc(Aes256, Sha384),
            0x000a | 0x000d | 0x0010 | 0x0013 | 0x0016 | 0x001b => cbc(TripleDes, Sha1),
            0x008b | 0x008f | 0x0093 => cbc(TripleDes, Sha1),
            0xc003 | 0xc008 | 0xc00d | 0xc012 | 0xc017 | 0xc01a..=0xc01c | 0xc034 => cbc(TripleDes, Sha1),
            0x0004 | 0x0018 => rc4(Md5),
            0x0005 | 0x008a | 0x008e | 0x0092 => rc4(Sha1),
            0xc002 | 0xc007 | 0xc00c | 0xc011 | 0xc016 | 0xc033 => rc4(Sha1),
            _ => return None,
        })
    }
}

/// Of TLS 1.3's suites, those whose traffic secrets have that many bytes: which it is, the secret does not tell.
pub(in crate::protocol) fn of_secret_len(len: usize) -> (Hash, &'static [AeadKind]) {
    match len {
        48 => (Hash::Sha384, &[AeadKind::Aes256Gcm]),
        _ => (
            Hash::Sha256,
            &[AeadKind::Aes128Gcm, AeadKind::ChaCha20Poly1305, AeadKind::Aes128Ccm, AeadKind::Aes128Ccm8],
        ),
    }
}
