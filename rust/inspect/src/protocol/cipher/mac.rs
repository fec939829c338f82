//! Authentication codes that stand behind the content (RFC 5246 section 6.2.3.1).

use hmac::{Hmac, KeyInit, Mac};
use md5::Md5;
use sha1::Sha1;
use sha2::{Sha256, Sha384};

/// Hashes of authentication codes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::protocol) enum MacKind {
    Md5,
    Sha1,
    Sha256,
    Sha384,
}

impl MacKind {
    /// Length of its code, and of its key, in bytes.
    pub(in crate::protocol) fn len(self) -> usize {
        match self {
            Self::Md5 => 16,
            Self::Sha1 => 20,
            Self::Sha256 => 32,
            Self::Sha384 => 48,
        }
    }
}

/// A key of such a code.
#[derive(Clone)]
pub(in crate::protocol) struct MacKey {
    pub(in crate::protocol) kind: MacKind,
    pub(in crate::protocol) key: Vec<u8>,
}

impl MacKey {
    /// What stands before the code at the end of `bytes`, if that is of it. `header` makes what the code covers before it,
    /// for content of that length.
    pub(in crate::protocol) fn open<'a>(
        &self,
        header: impl Fn(usize) -> Vec<u8>,
        bytes: &'a [u8],
    ) -> Option<&'a [u8]> {
        let (content, code) = bytes.split_at_checked(bytes.len().checked_sub(self.kind.len())?)?;
        let parts = [&header(content.len()), content];
        match self.kind {
            MacKind::Md5 => self.verify::<Hmac<Md5>>(parts, code),
            MacKind::Sha1 => self.verify::<Hmac<Sha1>>(parts, code),
            MacKind::Sha256 => self.verify::<Hmac<Sha256>>(parts, code),
            MacKind::Sha384 => self.verify::<Hmac<Sha384>>(parts, code),
        }?;
        Some(content)
    }

    fn verify<M: Mac + KeyInit>(&self, parts: [&[u8]; 2], code: &[u8]) -> Option<()> {
        let mut mac = <M as KeyInit>::new_from_slice(&self.key).ok()?;
        parts.iter().for_each(|part| mac.update(part));
        mac.verify_slice(code).ok()
    }
}

impl std::fmt::Debug for MacKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("MacKey")
    }
}
