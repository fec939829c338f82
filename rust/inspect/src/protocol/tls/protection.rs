//! Record protection (RFC 8446 section 5.2, RFC 5246 section 6.2.3, RFC 5288, RFC 7905), undone.

use super::super::ServerHello;
use super::super::cipher::{
    Aead, AeadKind, Bulk, Cbc, Hash, MacKey, Prf, RC4_KEY_LEN, Rc4, Suite, expand_label, nonce,
};

const TLS11: u16 = 0x0302;
const TLS12: u16 = 0x0303;
/// Bytes of the nonce that come with each record of AES-GCM and AES-CCM in TLS 1.2 (RFC 5288, RFC 6655).
const EXPLICIT: usize = 8;

/// How one sender protects its records.
#[derive(Clone)]
pub(super) struct Protection {
    /// Number of the next record.
    sequence: u64,
    keys: Keys,
}

#[derive(Debug, Clone)]
enum Keys {
    /// TLS 1.3; the secret is kept for what follows from it.
    Modern { aead: Aead, iv: [u8; 12], kind: AeadKind, hash: Hash, secret: Vec<u8> },
    /// AES-GCM and AES-CCM of TLS 1.2: four bytes of the nonce are secret.
    Salted { aead: Aead, salt: [u8; 4] },
    /// ChaCha20-Poly1305 of TLS 1.2.
    ChaCha { aead: Aead, iv: [u8; 12] },
    /// A block cipher, up to TLS 1.2.
    Cbc(Box<Cbc>),
    /// RC4, up to TLS 1.2.
    Rc4(Box<Rc4>),
}

/// A record's content, and its type.
pub(super) type Opened = (u8, Vec<u8>);

impl Protection {
    /// TLS 1.3: from a traffic secret (RFC 8446 section 7.3).
    pub(super) fn of_traffic_secret(kind: AeadKind, hash: Hash, secret: &[u8]) -> Option<Self> {
        let secret = secret.get(..hash.len())?;
        let aead = kind.key(&expand_label(hash, secret, "key", kind.key_len())?)?;
        let iv = expand_label(hash, secret, "iv", 12)?.try_into().ok()?;
        let keys = Keys::Modern { aead, iv, kind, hash, secret: secret.to_vec() };
        Some(Self { sequence: 0, keys })
    }

    /// Up to TLS 1.2: from the master secret (RFC 5246 section 6.3).
    pub(super) fn of_master(
        suite: Suite,
        server: &ServerHello,
        client_random: &[u8; 32],
        master: &[u8],
        client: bool,
    ) -> Option<Self> {
        let (mac_len, key_len, iv_len) = match suite.bulk {
            Bulk::Aead(AeadKind::ChaCha20Poly1305) => (0, 32, 12),
            Bulk::Aead(kind) => (0, kind.key_len(), 4),
            Bulk::Cbc(kind, mac) => (mac.len(), kind.key_len(), kind.block_len()),
            Bulk::Rc4(mac) => (mac.len(), RC4_KEY_LEN, 0),
        };
        let prf = if server.version >= TLS12 { Prf::Of(suite.hash) } else { Prf::Md5Sha1 };
        let len = 2 * (mac_len + key_len + iv_len);
        let block = prf.expand(master, "key expansion", [&server.random, client_random], len);
        // Of each kind the client's comes first.
        let part = |at: usize, len: usize| {
            let at = if client { at } else { at + len };
            block.get(at..at + len)
        };
        let mac_key = part(0, mac_len)?;
        let key = part(2 * mac_len, key_len)?;
        let iv = part(2 * (mac_len + key_len), iv_len)?;
        let mac = |kind| MacKey { kind, key: mac_key.to_vec() };
        let keys = match suite.bulk {
            Bulk::Aead(kind @ AeadKind::ChaCha20Poly1305) => {
                Keys::ChaCha { aead: kind.key(key)?, iv: iv.try_into().ok()? }
            }
            Bulk::Aead(kind) => Keys::Salted { aead: kind.key(key)?, salt: iv.try_into().ok()? },
            Bulk::Cbc(kind, hash) => Keys::Cbc(Box::new(Cbc {
                kind,
                key: key.to_vec(),
                mac: mac(hash),
                chained: (server.version < TLS11).then(|| iv.to_vec()),
                encrypt_then_mac: server.encrypt_then_mac,
            })),
            Bulk::Rc4(hash) => Keys::Rc4(Box::new(Rc4::new(key.try_into().ok()?, mac(hash)))),
        };
        Some(Self { sequence: 0, keys })
    }

    /// Undoes the protection of a whole record, header included. `None`: it is protected otherwise.
    pub(super) fn open(&mut self, record: &[u8]) -> Option<Opened> {
        let (header, fragment) = record.split_first_chunk::<5>()?;
        let sequence = self.sequence;
        let additional_of = |len| additional(sequence, header, len);
        let opened = match &mut self.keys {
            Keys::Modern { aead, iv, .. } => inner(aead.open(nonce(*iv, sequence), header, fragment)?)?,
            Keys::Salted { aead, salt } => {
                let (explicit, sealed) = fragment.split_first_chunk::<EXPLICIT>()?;
                let mut nonce = [0; 12];
                nonce[..4].copy_from_slice(salt);
                nonce[4..].copy_from_slice(explicit);
                (header[0], open_aead12(aead, nonce, sequence, header, sealed)?)
            }
            Keys::ChaCha { aead, iv } => {
                let nonce = nonce(*iv, sequence);
                (header[0], open_aead12(aead, nonce, sequence, header, fragment)?)
            }
            Keys::Cbc(cbc) => (header[0], cbc.open(additional_of, fragment)?),
            Keys::Rc4(rc4) => (header[0], rc4.open(additional_of, fragment)?),
        };
        self.sequence += 1;
        Some(opened)
    }

    /// Replaces the keys by those that follow from them (RFC 8446 section 7.2).
    pub(super) fn update(&mut self) -> Option<()> {
        let Keys::Modern { kind, hash, secret, .. } = &self.keys else { return None };
        let next = expand_label(*hash, secret, "traffic upd", hash.len())?;
        *self = Self::of_traffic_secret(*kind, *hash, &next)?;
        Some(())
    }
}

impl std::fmt::Debug for Protection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Protection")
    }
}

/// What stands before the content in what its authentication covers, up to TLS 1.2.
fn additional(sequence: u64, header: &[u8; 5], len: usize) -> Vec<u8> {
    let len = u16::try_from(len).unwrap_or(u16::MAX).to_be_bytes();
    [&sequence.to_be_bytes()[..], &header[..3], &len].concat()
}

fn open_aead12(
    aead: &Aead,
    nonce: [u8; 12],
    sequence: u64,
    header: &[u8; 5],
    sealed: &[u8],
) -> Option<Vec<u8>> {
    let len = sealed.len().checked_sub(aead.tag_len())?;
    aead.open(nonce, &additional(sequence, header, len), sealed)
}

/// The content of a TLSInnerPlaintext, and its type, which stands behind it.
fn inner(mut plain: Vec<u8>) -> Option<Opened> {
    let end = plain.iter().rposition(|&byte| byte != 0)?;
    let kind = plain[end];
    plain.truncate(end);
    Some((kind, plain))
}
