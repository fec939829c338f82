//! Keys from secrets: HKDF-Expand-Label (RFC 8446 section 7.1), and the pseudorandom functions of older TLS
//! (RFC 5246 section 5, RFC 2246 section 5).

use hkdf::Hkdf;
use hmac::{Hmac, KeyInit, Mac};
use md5::Md5;
use sha1::Sha1;
use sha2::{Sha256, Sha384};

/// Hashes of a key schedule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::protocol) enum Hash {
    Sha256,
    Sha384,
}

impl Hash {
    /// Length of its output, and of a traffic secret, in bytes.
    pub(in crate::protocol) fn len(self) -> usize {
        match self {
            Self::Sha256 => 32,
            Self::Sha384 => 48,
        }
    }
}

/// HKDF-Expand-Label without context: `len` bytes. `None`: the secret is shorter than the hash, or `len` too long.
pub(in crate::protocol) fn expand_label(
    hash: Hash,
    secret: &[u8],
    label: &str,
    len: usize,
) -> Option<Vec<u8>> {
    const PREFIX: &[u8] = b"tls13 ";
    let mut out = vec![0; len];
    let len = u16::try_from(len).ok()?.to_be_bytes();
    let label_len = [u8::try_from(PREFIX.len() + label.len()).ok()?];
    let info: [&[u8]; 5] = [&len, &label_len, PREFIX, label.as_bytes(), &[0]];
    match hash {
        Hash::Sha256 => Hkdf::<Sha256>::from_prk(secret).ok()?.expand_multi_info(&info, &mut out).ok()?,
        Hash::Sha384 => Hkdf::<Sha384>::from_prk(secret).ok()?.expand_multi_info(&info, &mut out).ok()?,
    }
    Some(out)
}

/// The pseudorandom functions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::protocol) enum Prf {
    /// TLS 1.0 and 1.1: MD5 and SHA-1 together.
    Md5Sha1,
    /// TLS 1.2.
    Of(Hash),
}

impl Prf {
    /// `len` bytes of its output.
    pub(in crate::protocol) fn expand(
        self,
        secret: &[u8],
        label: &str,
        seed: [&[u8]; 2],
        len: usize,
    ) -> Vec<u8> {
        let seed = [label.as_bytes(), seed[0], seed[1]].concat();
        match self {
            Self::Of(Hash::Sha256) => p_hash::<Hmac<Sha256>>(secret, &seed, len),
            Self::Of(Hash::Sha384) => p_hash::<Hmac<Sha384>>(secret, &seed, len),
            Self::Md5Sha1 => {
                // The halves share a byte when the length is odd.
                let half = secret.len().div_ceil(2);
                let mut out = p_hash::<Hmac<Md5>>(&secret[..half], &seed, len);
                let other = p_hash::<Hmac<Sha1>>(&secret[secret.len() - half..], &seed, len);
                out.iter_mut().zip(other).for_each(|(byte, other)| *byte ^= other);
                out
            }
        }
    }
}

fn p_hash<M: Mac + KeyInit>(secret: &[u8], seed: &[u8], len: usize) -> Vec<u8> {
    let keyed = |parts: [&[u8]; 2]| {
        // HMAC takes keys of any length.
        let mut mac = <M as KeyInit>::new_from_slice(secret).ok()?;
        parts.iter().for_each(|part| mac.update(part));
        Some(mac.finalize().into_bytes())
    };
    let mut out = Vec::with_capacity(len);
    let mut chain = keyed([seed, &[]]);
    while let Some(link) = chain.filter(|_| out.len() < len) {
        out.extend(keyed([&link, seed]).into_iter().flatten());
        chain = keyed([&link, &[]]);
    }
    out.truncate(len);
    out
}
