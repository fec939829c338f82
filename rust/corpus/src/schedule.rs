//! Keys that follow from secrets (RFC 8446 section 7, RFC 5246 section 5), and ciphers with them.

use aes_gcm::Aes128Gcm;
use aes_gcm::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::ChaCha20Poly1305;
use hkdf::Hkdf;
use hmac::{Hmac, Mac};
use sha2::Sha256;

use crate::form::hex;

/// HKDF-Expand-Label (RFC 8446 section 7.1) without a context.
pub fn expand<const N: usize>(secret: &[u8; 32], label: &str) -> [u8; N] {
    let label = [b"tls13 ", label.as_bytes()].concat();
    let info = [&[0, N as u8, label.len() as u8], &label[..], &[0]].concat();
    let mut out = [0; N];
    // A secret is as long as a hash, and no key longer than a hash's 255-fold.
    let _ = Hkdf::<Sha256>::from_prk(secret).map(|secret| secret.expand(&info, &mut out));
    out
}

/// HKDF-Extract (RFC 5869 section 2.2).
pub fn extract(salt: &[u8], secret: &[u8]) -> [u8; 32] {
    Hkdf::<Sha256>::extract(Some(salt), secret).0.into()
}

/// The PRF of TLS 1.2 (RFC 5246 section 5), as many bytes as are asked for.
pub fn prf(secret: &[u8], label: &str, seed: &[u8], len: usize) -> Vec<u8> {
    let seed = [label.as_bytes(), seed].concat();
    let (mut out, mut last) = (Vec::new(), digest(secret, &[&seed]));
    while out.len() < len {
        out.extend(digest(secret, &[&last, &seed]));
        last = digest(secret, &[&last]);
    }
    out.truncate(len);
    out
}

fn digest(key: &[u8], parts: &[&[u8]]) -> Vec<u8> {
    // A key of any length will do.
    let Ok(mut mac) = <Hmac<Sha256> as KeyInit>::new_from_slice(key) else { return Vec::new() };
    parts.iter().for_each(|part| mac.update(part));
    mac.finalize().into_bytes().to_vec()
}

/// A line of a key log (RFC 9850).
pub fn line(label: &str, client_random: &[u8], secret: &[u8]) -> String {
    format!("{label} {} {}\n", hex(client_random), hex(secret))
}

/// A cipher with its key, and the vector that the number of a message is mixed into.
pub struct Sealer {
    cipher: Cipher,
    iv: [u8; 12],
}

enum Cipher {
    Aes(Box<Aes128Gcm>),
    ChaCha(Box<ChaCha20Poly1305>),
}

impl Sealer {
    /// AES-128 in GCM.
    pub fn aes(key: [u8; 16], iv: [u8; 12]) -> Self {
        Self { cipher: Cipher::Aes(Box::new(Aes128Gcm::new(&key.into()))), iv }
    }

    /// ChaCha20-Poly1305.
    pub fn chacha(key: [u8; 32], iv: [u8; 12]) -> Self {
        Self { cipher: Cipher::ChaCha(Box::new(ChaCha20Poly1305::new(&key.into()))), iv }
    }

    /// Encrypts a message; `aad` is sealed with it but stands in clear.
    pub fn seal(&self, number: u64, content: &[u8], aad: &[u8]) -> Vec<u8> {
        let mut nonce = self.iv;
        nonce[4..].iter_mut().zip(number.to_be_bytes()).for_each(|(byte, other)| *byte ^= other);
        let payload = Payload { msg: content, aad };
        let sealed = match &self.cipher {
            Cipher::Aes(cipher) => cipher.encrypt(&nonce.into(), payload),
            Cipher::ChaCha(cipher) => cipher.encrypt(&nonce.into(), payload),
        };
        // No message here is as long as a cipher's limit.
        sealed.unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_those_of_the_standard() {
        // RFC 8448 section 3: the server's handshake traffic secret, and its key and vector.
        let secret = [
            0xb6, 0x7b, 0x7d, 0x69, 0x0c, 0xc1, 0x6c, 0x4e, 0x75, 0xe5, 0x42, 0x13, 0xcb, 0x2d, 0x37, 0xb4,
            0xe9, 0xc9, 0x12, 0xbc, 0xde, 0xd9, 0x10, 0x5d, 0x42, 0xbe, 0xfd, 0x59, 0xd3, 0x91, 0xad, 0x38,
        ];
        assert_eq!(expand::<16>(&secret, "key")[..4], [0x3f, 0xce, 0x51, 0x60]);
        assert_eq!(expand::<12>(&secret, "iv")[..4], [0x5d, 0x31, 0x3e, 0xb2]);
        assert_eq!(line("X", &[1], &[2, 255]), "X 01 02ff\n");
    }

    #[test]
    fn both_ciphers_seal_as_their_libraries_open() {
        for sealer in [Sealer::aes([1; 16], [2; 12]), Sealer::chacha([1; 32], [2; 12])] {
            let mut nonce = [2; 12];
            nonce[11] ^= 5;
            let sealed = sealer.seal(5, b"abc", b"x");
            let payload = Payload { msg: &sealed[..], aad: b"x" };
            let opened = match &sealer.cipher {
                Cipher::Aes(cipher) => cipher.decrypt(&nonce.into(), payload),
                Cipher::ChaCha(cipher) => cipher.decrypt(&nonce.into(), payload),
            };
            assert_eq!(opened.unwrap(), b"abc");
        }
    }
}
