//! The request of a firmware updater (Xiaomi's): JSON in AES-128-CBC with PKCS #7 padding, under a key and an
//! initialisation vector that are the same in every phone and were published.

use std::sync::LazyLock;

use aes::Aes128;
use cbc::Decryptor;
use cbc::cipher::block_padding::Pkcs7;
use cbc::cipher::{BlockCipherDecrypt, BlockModeDecrypt, InnerIvInit, KeyInit};

use crate::decode::{json, text};

const KEY: [u8; 16] = *b"miuiotavalided11";
const VECTOR: [u8; 16] = *b"0102030405060708";
const BLOCK: usize = 16;

/// Setting the key up costs more than a block.
static CIPHER: LazyLock<Aes128> = LazyLock::new(|| Aes128::new(&KEY.into()));

/// The text, if it is JSON.
pub fn decode(bytes: &[u8]) -> Option<Vec<u8>> {
    if bytes.is_empty() || !bytes.len().is_multiple_of(BLOCK) {
        return None;
    }
    // The first block settles it for all but the right ones.
    let mut first: [u8; BLOCK] = *bytes.first_chunk()?;
    CIPHER.decrypt_block((&mut first).into());
    if !matches!(first[0] ^ VECTOR[0], b'{' | b'[') {
        return None;
    }
    let mut plain = bytes.to_vec();
    let decryptor = Decryptor::inner_iv_init(CIPHER.clone(), &VECTOR.into());
    let length = decryptor.decrypt_padded::<Pkcs7>(&mut plain).ok()?.len();
    plain.truncate(length);
    (json::is_json(&plain) && text::is_text(&plain)).then_some(plain)
}

#[cfg(test)]
mod tests {
    use cbc::Encryptor;
    use cbc::cipher::{BlockModeEncrypt, KeyIvInit};

    use super::*;

    #[test]
    fn decodes_what_the_published_key_opens() {
        let text = br#"{"d":"whyred","imei":"001017001234569"}"#;
        let mut buffer = [0; 64];
        buffer[..text.len()].copy_from_slice(text);
        let sealed = Encryptor::<Aes128>::new(&KEY.into(), &VECTOR.into())
            .encrypt_padded::<Pkcs7>(&mut buffer, text.len())
            .unwrap()
            .to_vec();
        assert_eq!(decode(&sealed).as_deref(), Some(text.as_slice()));
        assert_eq!(decode(&sealed[..32]), None);
        assert_eq!(decode(&sealed[16..]), None);
        assert_eq!(decode(b""), None);
    }
}
