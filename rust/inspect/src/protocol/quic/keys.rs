//! Packet protection (RFC 9001 section 5). The keys of Initial packets follow from what anybody on the path sees, those
//! of others from secrets that were given.

use aes::cipher::{BlockCipherEncrypt, KeyInit};
use aes::{Aes128, Aes256};
use chacha20::ChaCha20;
use chacha20::cipher::{KeyIvInit, StreamCipher, StreamCipherSeek};
use hkdf::Hkdf;
use sha2::Sha256;

use super::super::cipher::{Aead, AeadKind, Hash, expand_label, nonce};

/// A version's parameters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Version {
    salt: [u8; 20],
    /// Version 2 (RFC 9369) has labels and packet types of its own.
    pub(super) second: bool,
}

const fn version(salt: [u8; 20], second: bool) -> Version {
    Version { salt, second }
}

/// RFC 9001 section 5.2.
const V1: Version = version(hex(b"38762cf7f55934b34d179ae6a4c80cadccbb7f0a"), false);
/// RFC 9369 section 3.3.1.
const V2: Version = version(hex(b"0dede3def700a6db819381be6e269dcbf9bd2ed9"), true);
/// draft-ietf-quic-tls-29 to -32.
const DRAFT_29: Version = version(hex(b"afbfec289993d24c9e9786f19c6111e04390a899"), false);
/// draft-ietf-quic-tls-23 to -28.
const DRAFT_23: Version = version(hex(b"c3eef712c72ebb5a11a7d2432bb46365bef9f502"), false);
/// draft-ietf-quic-tls-21 and -22.
const DRAFT_21: Version = version(hex(b"7fbcdb0e7c66bbe9193a96cd21519ebd7a02644a"), false);
/// Google's T050 and T051, QUIC with TLS before it was standardised.
const T050: Version = version(hex(b"7ff579e5acd072915580304c43a2367c60488310"), false);
const T051: Version = version(hex(b"7a4edef4e7ccee5fa4506c19124fc8ccda6e033d"), false);

/// The parameters of a version number; `None` for versions whose protection is not known, as when a client forces
/// version negotiation.
pub(super) fn parameters(number: u32) -> Option<Version> {
    match number {
        1 | 0xff00_0021..=0xff00_0022 => Some(V1),
        0x6b33_43cf | 0x709a_50c4 => Some(V2),
        0xff00_001d..=0xff00_0020 => Some(DRAFT_29),
        0xff00_0017..=0xff00_001c | 0xface_b002 => Some(DRAFT_23),
        0xff00_0015..=0xff00_0016 | 0xface_b001 => Some(DRAFT_21),
        0x5430_3530 => Some(T050),
        0x5430_3531 => Some(T051),
        _ => None,
    }
}

impl Version {
    fn label(self, what: &str) -> String {
        format!("{} {what}", if self.second { "quicv2" } else { "quic" })
    }

    /// What the secret of the next generation of keys follows from (RFC 9001 section 6.1).
    pub(super) fn next_secret(self, hash: Hash, secret: &[u8]) -> Option<Vec<u8>> {
        expand_label(hash, secret, &self.label("ku"), hash.len())
    }
}

/// Keys of one sender for one kind of packets.
#[derive(Clone)]
pub(super) struct Keys {
    packet: Aead,
    header: HeaderKey,
    iv: [u8; 12],
}

/// What hides packet numbers (RFC 9001 section 5.4).
#[derive(Clone)]
enum HeaderKey {
    Aes128(Box<Aes128>),
    Aes256(Box<Aes256>),
    ChaCha([u8; 32]),
}

impl HeaderKey {
    fn new(kind: AeadKind, key: &[u8]) -> Option<Self> {
        Some(match kind {
            AeadKind::Aes128Gcm | AeadKind::Aes128Ccm | AeadKind::Aes128Ccm8 => {
                Self::Aes128(Aes128::new_from_slice(key).ok()?.into())
            }
            AeadKind::Aes256Gcm | AeadKind::Aes256Ccm | AeadKind::Aes256Ccm8 => {
                Self::Aes256(Aes256::new_from_slice(key).ok()?.into())
            }
            AeadKind::ChaCha20Poly1305 => Self::ChaCha(key.try_into().ok()?),
        })
    }

    fn mask(&self, sample: [u8; 16]) -> [u8; 5] {
        let mut block = sample.into();
        match self {
            Self::Aes128(key) => key.encrypt_block(&mut block),
            Self::Aes256(key) => key.encrypt_block(&mut block),
            Self::ChaCha(key) => {
                let [a, b, c, d, nonce @ ..] = sample;
                let mut mask = [0; 5];
                let mut cipher = ChaCha20::new(&(*key).into(), &nonce.into());
                let block = u64::from(u32::from_le_bytes([a, b, c, d]));
                if cipher.try_seek(block * 64).is_ok() {
                    let _ = cipher.try_apply_keystream(&mut mask);
                }
                return mask;
            }
        }
        [block[0], block[1], block[2], block[3], block[4]]
    }
}

/// A header without its protection.
pub(super) struct Bare {
    /// Up to and with the packet number.
    pub(super) header: Vec<u8>,
    /// The packet number.
    pub(super) number: u64,
}

impl std::fmt::Debug for Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Keys")
    }
}

impl Keys {
    /// Those of the client and of the server for a client's first destination connection id.
    pub(super) fn derive(version: Version, connection: &[u8]) -> Option<[Self; 2]> {
        let initial = Hkdf::<Sha256>::new(Some(&version.salt), connection);
        Some([
            Self::of_sender(version, &initial, "client in")?,
            Self::of_sender(version, &initial, "server in")?,
        ])
    }

    fn of_sender(version: Version, initial: &Hkdf<Sha256>, label: &str) -> Option<Self> {
        let secret = expand_label_of(initial, label)?;
        Self::of_secret(version, AeadKind::Aes128Gcm, Hash::Sha256, &secret)
    }

    /// Those that follow from a sender's secret.
    pub(super) fn of_secret(version: Version, kind: AeadKind, hash: Hash, secret: &[u8]) -> Option<Self> {
        let secret = secret.get(..hash.len())?;
        let expand = |what: &str, len| expand_label(hash, secret, &version.label(what), len);
        Some(Self {
            packet: kind.key(&expand("key", kind.key_len())?)?,
            header: HeaderKey::new(kind, &expand("hp", kind.key_len())?)?,
            iv: expand("iv", 12)?.try_into().ok()?,
        })
    }

    /// The same, but for the key that hides packet numbers, which stays (RFC 9001 section 6.1).
    pub(super) fn with_header_of(self, older: &Self) -> Self {
        Self { header: older.header.clone(), ..self }
    }

    /// Removes the protection of a long-header packet whose packet number begins at `number_at` and is a small one.
    /// `None`: these are not its keys.
    pub(super) fn open(&self, packet: &[u8], number_at: usize) -> Option<Vec<u8>> {
        self.open_bare(packet, &self.bare(packet, number_at, 0)?)
    }

    /// Removes the protection of the header of a packet. `expected` is the number after the largest one seen.
    pub(super) fn bare(&self, packet: &[u8], number_at: usize, expected: u64) -> Option<Bare> {
        let sample: [u8; 16] = *packet.get(number_at + 4..)?.first_chunk()?;
        let mask = self.header.mask(sample);
        let long = packet.first()? & 0x80 != 0;
        let first = packet[0] ^ (mask[0] & if long { 0x0f } else { 0x1f });
        let number_len = usize::from(first & 3) + 1;
        let mut header = packet.get(..number_at + number_len)?.to_vec();
        header[0] = first;
        header[number_at..].iter_mut().zip(&mask[1..]).for_each(|(byte, mask)| *byte ^= mask);
        let short = header[number_at..].iter().fold(0, |number, &byte| number << 8 | u64::from(byte));
        Some(Bare { number: whole_number(short, 8 * number_len as u32, expected), header })
    }

    /// The content of a packet whose header is bare.
    pub(super) fn open_bare(&self, packet: &[u8], bare: &Bare) -> Option<Vec<u8>> {
        self.packet.open(nonce(self.iv, bare.number), &bare.header, packet.get(bare.header.len()..)?)
    }
}

/// A packet number from its low bits: that which is closest to the expected one (RFC 9000 appendix A.3).
fn whole_number(short: u64, bits: u32, expected: u64) -> u64 {
    const LARGEST: u64 = (1 << 62) - 1;
    let window = 1u64 << bits;
    let candidate = (expected & !(window - 1)) | short;
    if candidate.saturating_add(window / 2) <= expected && candidate <= LARGEST - window {
        candidate + window
    } else if candidate > expected.saturating_add(window / 2) && candidate >= window {
        candidate - window
    } else {
        candidate
    }
}

fn expand_label_of(secret: &Hkdf<Sha256>, label: &str) -> Option<[u8; 32]> {
    let label = format!("tls13 {label}");
    let mut out = [0; 32];
    secret.expand_multi_info(&[&[0, 32, label.len() as u8], label.as_bytes(), &[0]], &mut out).ok()?;
    Some(out)
}

const fn hex<const N: usize>(digits: &[u8]) -> [u8; N] {
    const fn value(digit: u8) -> u8 {
        if digit.is_ascii_digit() { digit - b'0' } else { digit - b'a' + 10 }
    }
    assert!(digits.len() == 2 * N);
    let mut bytes = [0; N];
    let mut i = 0;
    while i < N {
        bytes[i] = value(digits[2 * i]) << 4 | value(digits[2 * i + 1]);
        i += 1;
    }
    bytes
}

#[cfg(test)]
impl Keys {
    /// The opposite of [`Self::open`]: `header` ends with a packet number of two bytes.
    pub(super) fn seal(&self, header: &[u8], payload: &[u8]) -> Vec<u8> {
        let number_at = header.len() - 2;
        let number = u64::from(header[number_at]) << 8 | u64::from(header[number_at + 1]);
        let sealed = self.packet.seal(nonce(self.iv, number), header, payload);
        let mut packet = [header, &sealed].concat();
        let mask = self.header.mask(*packet[number_at + 4..].first_chunk().unwrap());
        packet[0] ^= mask[0] & if header[0] & 0x80 != 0 { 0x0f } else { 0x1f };
        packet[number_at..number_at + 2].iter_mut().zip(&mask[1..]).for_each(|(byte, mask)| *byte ^= mask);
        packet
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // RFC 9000 appendix A.3.
    #[test]
    fn packet_numbers_are_the_closest_to_the_expected_one() {
        assert_eq!(whole_number(0x9b32, 16, 0xa82f_30eb), 0xa82f_9b32);
        assert_eq!(whole_number(0xff, 8, 0x100), 0xff);
        assert_eq!(whole_number(0x00, 8, 0xff), 0x100);
        assert_eq!(whole_number(0x05, 8, 0), 5);
        assert_eq!(whole_number(0, 32, u64::MAX), !0xffff_ffff);
    }
}
