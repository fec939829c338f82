//! RC4 with a separate authentication code (RFC 5246 section 6.2.3.1). RFC 7465 forbids it; old clients still use it.

use rc4::{KeyInit, StreamCipher};

use super::mac::MacKey;

/// Length of its key in TLS, in bytes.
pub(in crate::protocol) const RC4_KEY_LEN: usize = 16;

/// Keys of one sender that uses RC4.
pub(in crate::protocol) struct Rc4 {
    key: [u8; RC4_KEY_LEN],
    mac: MacKey,
    cipher: rc4::Rc4,
    /// Bytes of the key stream that were used.
    used: u64,
}

impl Rc4 {
    pub(in crate::protocol) fn new(key: [u8; RC4_KEY_LEN], mac: MacKey) -> Self {
        Self { key, mac, cipher: begin(key), used: 0 }
    }

    /// The content of a record. `header` makes what the code covers before it, for a content of that length.
    pub(in crate::protocol) fn open(
        &mut self,
        header: impl Fn(usize) -> Vec<u8>,
        fragment: &[u8],
    ) -> Option<Vec<u8>> {
        let mut plain = fragment.to_vec();
        self.cipher.try_apply_keystream(&mut plain).ok()?;
        self.used += plain.len() as u64;
        self.mac.open(header, &plain).map(<[u8]>::to_vec)
    }
}

/// RC4 repeats a key until it has 256 bytes: twice this one is the 32 bytes whose length needs no check.
fn begin(key: [u8; RC4_KEY_LEN]) -> rc4::Rc4 {
    let mut twice = [0; 2 * RC4_KEY_LEN];
    twice.chunks_mut(RC4_KEY_LEN).for_each(|half| half.copy_from_slice(&key));
    rc4::Rc4::new(&twice.into())
}

impl Clone for Rc4 {
    /// The cipher's state cannot be copied: a copy uses as much of the key stream again.
    fn clone(&self) -> Self {
        let mut cipher = begin(self.key);
        (0..self.used).for_each(|_| cipher.unchecked_write_keystream(&mut [0]));
        Self { key: self.key, mac: self.mac.clone(), cipher, used: self.used }
    }
}

impl std::fmt::Debug for Rc4 {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Rc4")
    }
}

#[cfg(test)]
mod tests {
    use super::super::mac::MacKind;
    use super::*;

    #[test]
    fn a_copy_goes_on_where_the_original_is() {
        let mac = MacKey { kind: MacKind::Sha1, key: vec![1; 20] };
        let mut one = Rc4::new([7; RC4_KEY_LEN], mac);
        // A record that is not of these keys is undone as well, for nothing.
        assert_eq!(one.open(|_| Vec::new(), &[0; 100]), None);
        let mut other = one.clone();
        let next = |rc4: &mut Rc4| {
            let mut bytes = [0; 16];
            rc4.cipher.write_keystream(&mut bytes);
            bytes
        };
        assert_eq!(next(&mut one), next(&mut other));
        assert_ne!(next(&mut one), [0; 16]);
    }
}
