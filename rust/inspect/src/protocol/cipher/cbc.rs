//! Block ciphers with a separate authentication code (RFC 5246 section 6.2.3.2, RFC 7366).

use aes::cipher::block_padding::NoPadding;
use aes::cipher::{BlockCipherDecrypt, BlockModeDecrypt, KeyInit, KeyIvInit};
use aes::{Aes128, Aes256};
use cbc::Decryptor;
use des::TdesEde3;

use super::mac::MacKey;

/// Block ciphers that TLS uses so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::protocol) enum BlockKind {
    Aes128,
    Aes256,
    TripleDes,
}

impl BlockKind {
    /// Length of its key in bytes.
    pub(in crate::protocol) fn key_len(self) -> usize {
        match self {
            Self::Aes128 => 16,
            Self::TripleDes => 24,
            Self::Aes256 => 32,
        }
    }

    /// Length of a block, and of what a chain begins with, in bytes.
    pub(in crate::protocol) fn block_len(self) -> usize {
        if self == Self::TripleDes { 8 } else { 16 }
    }
}

/// Keys of one sender that uses a block cipher.
#[derive(Clone)]
pub(in crate::protocol) struct Cbc {
    pub(in crate::protocol) kind: BlockKind,
    pub(in crate::protocol) key: Vec<u8>,
    pub(in crate::protocol) mac: MacKey,
    /// TLS 1.0: what the next record's chain begins with. Later versions send it with each record.
    pub(in crate::protocol) chained: Option<Vec<u8>>,
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
        let sealed = if self.encrypt_then_mac { self.mac.open(&header, fragment)? } else { fragment };
        let block_len = self.kind.block_len();
        let (iv, blocks) = match &self.chained {
            Some(iv) => (&iv[..], sealed),
            None => sealed.split_at_checked(block_len)?,
        };
        let mut content = self.decrypt(iv, blocks)?;
        if self.chained.is_some() {
            self.chained = blocks.rchunks(block_len).next().map(<[u8]>::to_vec);
        }
        let padding = usize::from(*content.last()?) + 1;
        content.truncate(content.len().checked_sub(padding)?);
        if self.encrypt_then_mac {
            Some(content)
        } else {
            self.mac.open(header, &content).map(<[u8]>::to_vec)
        }
    }

    fn decrypt(&self, iv: &[u8], blocks: &[u8]) -> Option<Vec<u8>> {
        if blocks.is_empty() || !blocks.len().is_multiple_of(self.kind.block_len()) {
            return None;
        }
        match self.kind {
            BlockKind::Aes128 => decrypt::<Aes128>(&self.key, iv, blocks),
            BlockKind::Aes256 => decrypt::<Aes256>(&self.key, iv, blocks),
            BlockKind::TripleDes => decrypt::<TdesEde3>(&self.key, iv, blocks),
        }
    }
}

fn decrypt<C: BlockCipherDecrypt + KeyInit>(key: &[u8], iv: &[u8], blocks: &[u8]) -> Option<Vec<u8>> {
    let mut buffer = blocks.to_vec();
    Decryptor::<C>::new_from_slices(key, iv).ok()?.decrypt_padded::<NoPadding>(&mut buffer).ok()?;
    Some(buffer)
}

impl std::fmt::Debug for Cbc {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Cbc")
    }
}
