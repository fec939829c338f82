//! Authenticated encryption (RFC 5116, RFC 6655).

use aes::{Aes128, Aes256};
use aes_gcm::aead::{Aead as _, KeyInit, Payload};
use aes_gcm::{Aes128Gcm, Aes256Gcm};
use ccm::Ccm;
use ccm::consts::{U8, U12, U16};
use chacha20poly1305::ChaCha20Poly1305;

type Aes128Ccm = Ccm<Aes128, U16, U12>;
type Aes256Ccm = Ccm<Aes256, U16, U12>;
type Aes128Ccm8 = Ccm<Aes128, U8, U12>;
type Aes256Ccm8 = Ccm<Aes256, U8, U12>;

/// Algorithms of authenticated encryption that TLS and QUIC use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::protocol) enum AeadKind {
    Aes128Gcm,
    Aes256Gcm,
    Aes128Ccm,
    Aes256Ccm,
    /// With a tag of eight bytes.
    Aes128Ccm8,
    Aes256Ccm8,
    ChaCha20Poly1305,
}

impl AeadKind {
    /// Length of its key in bytes.
    pub(in crate::protocol) fn key_len(self) -> usize {
        match self {
            Self::Aes128Gcm | Self::Aes128Ccm | Self::Aes128Ccm8 => 16,
            Self::Aes256Gcm | Self::Aes256Ccm | Self::Aes256Ccm8 | Self::ChaCha20Poly1305 => 32,
        }
    }

    /// `None`: the key has not this algorithm's length.
    pub(in crate::protocol) fn key(self, key: &[u8]) -> Option<Aead> {
        Some(match self {
            Self::Aes128Gcm => Aead::Aes128Gcm(Aes128Gcm::new_from_slice(key).ok()?.into()),
            Self::Aes256Gcm => Aead::Aes256Gcm(Aes256Gcm::new_from_slice(key).ok()?.into()),
            Self::Aes128Ccm => Aead::Aes128Ccm(Aes128Ccm::new_from_slice(key).ok()?.into()),
            Self::Aes256Ccm => Aead::Aes256Ccm(Aes256Ccm::new_from_slice(key).ok()?.into()),
            Self::Aes128Ccm8 => Aead::Aes128Ccm8(Aes128Ccm8::new_from_slice(key).ok()?.into()),
            Self::Aes256Ccm8 => Aead::Aes256Ccm8(Aes256Ccm8::new_from_slice(key).ok()?.into()),
            Self::ChaCha20Poly1305 => Aead::ChaCha(ChaCha20Poly1305::new_from_slice(key).ok()?.into()),
        })
    }
}

/// A key of such an algorithm.
#[derive(Clone)]
pub(in crate::protocol) enum Aead {
    Aes128Gcm(Box<Aes128Gcm>),
    Aes256Gcm(Box<Aes256Gcm>),
    Aes128Ccm(Box<Aes128Ccm>),
    Aes256Ccm(Box<Aes256Ccm>),
    Aes128Ccm8(Box<Aes128Ccm8>),
    Aes256Ccm8(Box<Aes256Ccm8>),
    ChaCha(Box<ChaCha20Poly1305>),
}

impl Aead {
    /// Length of what authenticates, in bytes.
    pub(in crate::protocol) fn tag_len(&self) -> usize {
        if matches!(self, Self::Aes128Ccm8(_) | Self::Aes256Ccm8(_)) { 8 } else { 16 }
    }

    /// The content of `sealed`; `None`: that is not its key, or not its nonce.
    pub(in crate::protocol) fn open(&self, nonce: [u8; 12], aad: &[u8], sealed: &[u8]) -> Option<Vec<u8>> {
        let payload = Payload { msg: sealed, aad };
        match self {
            Self::Aes128Gcm(key) => key.decrypt(&nonce.into(), payload).ok(),
            Self::Aes256Gcm(key) => key.decrypt(&nonce.into(), payload).ok(),
            Self::Aes128Ccm(key) => key.decrypt(&nonce.into(), payload).ok(),
            Self::Aes256Ccm(key) => key.decrypt(&nonce.into(), payload).ok(),
            Self::Aes128Ccm8(key) => key.decrypt(&nonce.into(), payload).ok(),
            Self::Aes256Ccm8(key) => key.decrypt(&nonce.into(), payload).ok(),
            Self::ChaCha(key) => key.decrypt(&nonce.into(), payload).ok(),
        }
    }

    /// The opposite of [`Self::open`].
    #[cfg(test)]
    pub(in crate::protocol) fn seal(&self, nonce: [u8; 12], aad: &[u8], content: &[u8]) -> Vec<u8> {
        let payload = Payload { msg: content, aad };
        match self {
            Self::Aes128Gcm(key) => key.encrypt(&nonce.into(), payload).unwrap(),
            Self::Aes256Gcm(key) => key.encrypt(&nonce.into(), payload).unwrap(),
            Self::Aes128Ccm(key) => key.encrypt(&nonce.into(), payload).unwrap(),
            Self::Aes256Ccm(key) => key.encrypt(&nonce.into(), payload).unwrap(),
            Self::Aes128Ccm8(key) => key.encrypt(&nonce.into(), payload).unwrap(),
            Self::Aes256Ccm8(key) => key.encrypt(&nonce.into(), payload).unwrap(),
            Self::ChaCha(key) => key.encrypt(&nonce.into(), payload).unwrap(),
        }
    }
}

impl std::fmt::Debug for Aead {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Aead")
    }
}

/// A nonce for the packet or record of that number (RFC 8446 section 5.3, RFC 9001 section 5.3).
pub(in crate::protocol) fn nonce(iv: [u8; 12], number: u64) -> [u8; 12] {
    let mut nonce = iv;
    nonce[4..].iter_mut().zip(number.to_be_bytes()).for_each(|(byte, number)| *byte ^= number);
    nonce
}
