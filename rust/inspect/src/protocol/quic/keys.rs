//! Initial packet protection (RFC 9001 section 5): its keys follow from what anybody on the path sees.

use aes::Aes128;
use aes::cipher::{BlockCipherEncrypt, KeyInit};
use aes_gcm::Aes128Gcm;
use aes_gcm::aead::{Aead, Payload};
use hkdf::Hkdf;
use sha2::Sha256;

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

/// Keys of one sender.
#[derive(Clone)]
pub(super) struct Keys {
    packet: Aes128Gcm,
    header: Aes128,
    iv: [u8; 12],
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
        let [key_label, iv_label, header_label] = match version.second {
            true => ["quicv2 key", "quicv2 iv", "quicv2 hp"],
            false => ["quic key", "quic iv", "quic hp"],
        };
        let secret: [u8; 32] = expand(initial, label)?;
        let secret = Hkdf::<Sha256>::from_prk(&secret).ok()?;
        let (packet, header): ([u8; 16], [u8; 16]) =
            (expand(&secret, key_label)?, expand(&secret, header_label)?);
        Some(Self {
            packet: Aes128Gcm::new(&packet.into()),
            header: Aes128::new(&header.into()),
            iv: expand(&secret, iv_label)?,
        })
    }

    /// Removes the protection of a long-header packet whose packet number begins at `number_at`. `None`: these are not
    /// its keys.
    pub(super) fn open(&self, packet: &[u8], number_at: usize) -> Option<Vec<u8>> {
        let sample: [u8; 16] = *packet.get(number_at + 4..)?.first_chunk()?;
        let mut mask = sample.into();
        self.header.encrypt_block(&mut mask);
        let first = packet[0] ^ (mask[0] & 0x0f);
        let number_len = usize::from(first & 3) + 1;
        let mut header = packet.get(..number_at + number_len)?.to_vec();
        header[0] = first;
        header[number_at..].iter_mut().zip(&mask[1..]).for_each(|(byte, mask)| *byte ^= mask);
        let mut nonce = self.iv;
        nonce[12 - number_len..]
            .iter_mut()
            .zip(&header[number_at..])
            .for_each(|(byte, number)| *byte ^= number);
        let sealed = Payload { msg: &packet[number_at + number_len..], aad: &header };
        self.packet.decrypt(&nonce.into(), sealed).ok()
    }
}

/// HKDF-Expand-Label (RFC 8446 section 7.1) without context.
fn expand<const N: usize>(secret: &Hkdf<Sha256>, label: &str) -> Option<[u8; N]> {
    let mut out = [0; N];
    let len = (N as u16).to_be_bytes();
    let prefix = b"tls13 ";
    let label_len = [(prefix.len() + label.len()) as u8];
    secret.expand_multi_info(&[&len, &label_len, prefix, label.as_bytes(), &[0]], &mut out).ok()?;
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
        let mut nonce = self.iv;
        nonce[10..].iter_mut().zip(&header[number_at..]).for_each(|(byte, number)| *byte ^= number);
        let sealed = self.packet.encrypt(&nonce.into(), Payload { msg: payload, aad: header }).unwrap();
        let mut packet = [header, &sealed].concat();
        let sample: [u8; 16] = *packet[number_at + 4..].first_chunk().unwrap();
        let mut mask = sample.into();
        self.header.encrypt_block(&mut mask);
        packet[0] ^= mask[0] & 0x0f;
        packet[number_at..number_at + 2].iter_mut().zip(&mask[1..]).for_each(|(byte, mask)| *byte ^= mask);
        packet
    }
}
