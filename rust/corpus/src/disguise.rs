//! Disguises that hide nothing from who knows them: their keys are published, sent along, or so short that what lies
//! beneath gives them away.

use aes::Aes128;
use cbc::Encryptor;
use cbc::cipher::block_padding::Pkcs7;
use cbc::cipher::{BlockModeEncrypt, KeyIvInit};
use md5::Digest;

/// XOR with a key over and over.
pub fn xor(bytes: &[u8], key: &[u8]) -> Vec<u8> {
    bytes.iter().zip(key.iter().cycle()).map(|(byte, key)| byte ^ key).collect()
}

/// The container of a firmware updater (Adups, version 5): lengths of padding and key in one byte, the padding, the key with
/// each byte turned left by three bits, and a form that begins with `&`, XORed with the key.
pub fn self_keyed(form: &[u8]) -> Vec<u8> {
    let digest = md5::Md5::digest(form);
    let (padding, length) = (usize::from(digest[0] % 15), usize::from(3 + digest[1] % 12));
    let key = &digest[2..2 + length];
    let mut out = vec![(padding << 4 | length) as u8];
    out.extend((0..padding).map(|at| if at == 0 { 8 } else { 0 }));
    out.extend(key.iter().map(|byte| byte.rotate_left(3)));
    out.extend(xor(&[b"&", form].concat(), key));
    out
}

/// What another updater sends (Xiaomi's): AES-128-CBC (NIST SP 800-38A) with PKCS #7 padding, under a key and a vector that
/// are the same in every phone.
pub fn fixed_key(text: &[u8]) -> Vec<u8> {
    let cipher = Encryptor::<Aes128>::new(b"miuiotavalided11".into(), b"0102030405060708".into());
    let mut out = text.to_vec();
    out.resize(text.len() + 16, 0);
    let length = cipher.encrypt_padded::<Pkcs7>(&mut out, text.len()).map_or(0, <[u8]>::len);
    out.truncate(length);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_where_they_belong() {
        assert_eq!(xor(b"abc", &[1, 2]), [b'a' ^ 1, b'b' ^ 2, b'c' ^ 1]);
        let sealed = self_keyed(b"imei=359091108778933");
        let (padding, length) = (usize::from(sealed[0] >> 4), usize::from(sealed[0] & 15));
        let key: Vec<u8> =
            sealed[1 + padding..1 + padding + length].iter().map(|byte| byte.rotate_right(3)).collect();
        assert_eq!(xor(&sealed[1 + padding + length..], &key), b"&imei=359091108778933");
        assert_eq!((fixed_key(b"{}").len(), fixed_key(&[b'x'; 16]).len()), (16, 32));
    }
}
