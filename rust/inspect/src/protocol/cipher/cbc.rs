//! Block ciphers with a separate authentication code (RFC 5246 section 6.2.3.2, RFC 7366).

use aes::cipher::block_padding::NoPadding;
use aes::cipher::{BlockModeDecrypt, KeyIvInit};
use aes::{Aes128, Aes256};
use cbc::Decryptor;
use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;
use sha2::{Sha256, Sha384};

const BLOCK: usize = 16;

/// Hashes of authentication codes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::protocol) enum MacKind {
    Sha1,
    Sha256,
    Sha384,
}

impl MacKind {
    /// Length of its code, and of its key, in bytes.
    pub(in crate::protocol) fn len(self) -> usize {
        match self {
            Self::Sha1 => 20,
            Self::Sha256 => 32,
            Self::Sha384 => 48,
        }
    }

    /// Whether `code` is that of `parts`.
    fn verify(self, key: &[u8], parts: [&[u8]; 2], code: &[u8]) -> Option<()> {
        fn verify<M: Mac + KeyInit>(key: &[u8], parts: [&[u8]; 2], code: &[u8]) -> Option<()> {
            let mut mac = <M as KeyInit>::new_from_slice(key).ok()?;
            parts.iter().for_each(|part| mac.update(part));
            mac.verify_slice(code).ok()
        }
        match self {
            Self::Sha1 => verify::<Hmac<Sha1>>(key, parts, code),
            Self::Sha256 => verify::<Hmac<Sha256>>(key, parts, code),
            Self::Sha384 => verify::<Hmac<Sha384>>(key, parts, code),
        }
    }
}

/// Keys of one sender that uses AES-CBC.
#[derive(Clone)]
pub(in crate::protocol) struct Cbc {
    pub(in crate::protocol) key: Vec<u8>,
    pub(in crate::protocol) mac: MacKind,
    pub(in crate::protocol) mac_key: Vec<u8>,
    /// TLS 1.0: what the next record's chain begins with. Later versions send it with each record.
    pub(in crate::protocol) chained: Option<[u8; BLOCK]>,
    /// Whether the code is of the ciphertext (RFC 7366).
    pub(in crate::protocol) encrypt_then_mac: bool,
}

impl Cbc {
    /// The content of a record. `header` makes what the code covers before it, for a content of that length.
    pub(in crate::protocol) fn open(
        &mut self,
        header: impl Fn(usize) -> Vec<u8>,
        fragment: &[u8],
    ) -> Option<Vec<u8>> {
        let sealed = if self.encrypt_then_mac {
            let (sealed, code) = fragment.split_at_checked(fragment.len().checked_sub(self.mac.len())?)?;
            self.mac.verify(&self.mac_key, [&header(sealed.len()), sealed], code)?;
            sealed
        } else {
            fragment
        };
        let (iv, blocks) = match self.chained {
            Some(iv) => (iv, sealed),
            None => sealed.split_first_chunk().map(|(iv, blocks)| (*iv, blocks))?,
        };
        let mut content = self.decrypt(iv, blocks)?;
        if self.chained.is_some() {
            self.chained = blocks.last_chunk().copied();
        }
        let padding = usize::from(*content.last()?) + 1;
        content.truncate(content.len().checked_sub(padding)?);
        if !self.encrypt_then_mac {
            let code = content.split_off(content.len().checked_sub(self.mac.len())?);
            self.mac.verify(&self.mac_key, [&header(content.len()), &content], &code)?;
        }
        Some(content)
    }

    fn decrypt(&self, iv: [u8; BLOCK], blocks: &[u8]) -> Option<Vec<u8>> {
        if blocks.is_empty() || !blocks.len().is_multiple_of(BLOCK) {
            return None;
        }
        let mut buffer = blocks.to_vec();
        if self.key.len() == 16 {
            let cipher = Decryptor::<Aes128>::new_from_slices(&self.key, &iv).ok()?;
            cipher.decrypt_padded::<NoPadding>(&mut buffer).ok()?;
        } else {
            let cipher = Decryptor::<Aes256>::new_from_slices(&self.key, &iv).ok()?;
            cipher.decrypt_padded::<NoPadding>(&mut buffer).ok()?;
        }
        Some(buffer)
    }
}

impl std::fmt::Debug for Cbc {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Cbc")
    }
}
