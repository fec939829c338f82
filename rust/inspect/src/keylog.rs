//! Secrets of TLS and QUIC connections that somebody gave, so that what they sent can be read.
//!
//! The format is that of NSS (RFC 9850): a line for each secret, `LABEL CLIENT-RANDOM SECRET`, in hex.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

/// Connections whose secrets are kept: as many as a report lists flows, and far less than memory holds.
const MOST_CONNECTIONS: usize = 262_144;
/// The longest secret: that of a 512-bit hash.
const LONGEST_SECRET: usize = 64;
/// How many connections may lie within each other and still be read: a tunnel, and a proxy through it.
const DEEPEST: u8 = 3;

/// What a secret is for (RFC 9850 section 2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Secret {
    /// The master secret of TLS 1.2 and older: `CLIENT_RANDOM`.
    Master,
    /// `CLIENT_EARLY_TRAFFIC_SECRET`.
    ClientEarly,
    /// `CLIENT_HANDSHAKE_TRAFFIC_SECRET`.
    ClientHandshake,
    /// `SERVER_HANDSHAKE_TRAFFIC_SECRET`.
    ServerHandshake,
    /// `CLIENT_TRAFFIC_SECRET_0`.
    ClientApplication,
    /// `SERVER_TRAFFIC_SECRET_0`.
    ServerApplication,
}

impl Secret {
    fn from_label(label: &[u8]) -> Option<Self> {
        // Early QUIC stacks had labels of their own.
        match label.strip_prefix(b"QUIC_").unwrap_or(label) {
            b"CLIENT_RANDOM" => Some(Self::Master),
            b"CLIENT_EARLY_TRAFFIC_SECRET" => Some(Self::ClientEarly),
            b"CLIENT_HANDSHAKE_TRAFFIC_SECRET" => Some(Self::ClientHandshake),
            b"SERVER_HANDSHAKE_TRAFFIC_SECRET" => Some(Self::ServerHandshake),
            b"CLIENT_TRAFFIC_SECRET_0" => Some(Self::ClientApplication),
            b"SERVER_TRAFFIC_SECRET_0" => Some(Self::ServerApplication),
            _ => None,
        }
    }
}

/// The secrets of one connection.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Secrets([Option<Box<[u8]>>; 6]);

impl Secrets {
    /// The secret for that, if it was given.
    pub fn get(&self, secret: Secret) -> Option<&[u8]> {
        self.0[secret as usize].as_deref()
    }
}

/// Secrets by the client random of their connection. What prints it prints no secret.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct KeyLog {
    connections: BTreeMap<[u8; 32], Secrets>,
}

impl KeyLog {
    /// Adds the secrets of a key log. Returns how many it took; lines that are no secret of a known kind are passed
    /// over, as are comments and what is half written.
    pub fn add(&mut self, log: &[u8]) -> usize {
        log.split(|&byte| byte == b'\n').filter(|line| self.add_line(line).is_some()).count()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.connections.is_empty()
    }

    fn add_line(&mut self, line: &[u8]) -> Option<()> {
        let mut words = line.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
        let secret = Secret::from_label(words.next()?)?;
        let random = <[u8; 32]>::try_from(unhex(words.next()?)?).ok()?;
        let value = unhex(words.next()?).filter(|value| !value.is_empty())?;
        if self.connections.len() >= MOST_CONNECTIONS && !self.connections.contains_key(&random) {
            return None;
        }
        self.connections.entry(random).or_default().0[secret as usize] = Some(value.into());
        Some(())
    }
}

impl fmt::Debug for KeyLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyLog({} connections)", self.connections.len())
    }
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secrets")
    }
}

fn unhex(digits: &[u8]) -> Option<Vec<u8>> {
    if digits.len() > 2 * LONGEST_SECRET {
        return None;
    }
    let (pairs, []) = digits.as_chunks::<2>() else { return None };
    let digit = |digit: u8| char::from(digit).to_digit(16);
    pairs.iter().map(|&[high, low]| Some((digit(high)? << 4 | digit(low)?) as u8)).collect()
}

/// The secrets that all flows of a session share. A capture may bring more while it is read.
#[derive(Clone, Default)]
pub struct KeyRing {
    log: Arc<Mutex<KeyLog>>,
    depth: u8,
}

impl KeyRing {
    /// With what was given beforehand.
    pub fn new(log: KeyLog) -> Self {
        Self { log: Arc::new(Mutex::new(log)), depth: 0 }
    }

    /// Adds the secrets of a key log.
    pub fn add(&self, log: &[u8]) {
        self.log.lock().unwrap_or_else(PoisonError::into_inner).add(log);
    }

    /// The secrets of the connection that a client began with this random.
    pub fn secrets(&self, client_random: &[u8; 32]) -> Option<Secrets> {
        if self.depth >= DEEPEST {
            return None;
        }
        let log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        log.connections.get(client_random).cloned()
    }

    /// For what lies within a connection that was read with this ring.
    pub fn nested(&self) -> Self {
        Self { log: Arc::clone(&self.log), depth: self.depth.saturating_add(1) }
    }
}

impl fmt::Debug for KeyRing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyRing")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_secrets_comments_or_nothing() {
        let random = "1f".repeat(32);
        let log = format!(
            "# comment\r\n\nCLIENT_RANDOM {random} {}\r\nQUIC_SERVER_TRAFFIC_SECRET_0\t{random}  AbCd\n\
             EXPORTER_SECRET {random} 00\nCLIENT_RANDOM {random} abc\nCLIENT_RANDOM {random}\nCLIENT_RANDOM 1f 00\n\
             CLIENT_TRAFFIC_SECRET_0 {random} \u{b5}\u{b5}",
            "0a".repeat(48),
        );
        let mut keys = KeyLog::default();
        assert_eq!(keys.add(log.as_bytes()), 2);
        assert_eq!(format!("{keys:?}"), "KeyLog(1 connections)");
        let ring = KeyRing::new(keys);
        let secrets = ring.secrets(&[0x1f; 32]).unwrap();
        assert_eq!(secrets.get(Secret::Master), Some(&[0x0a; 48][..]));
        assert_eq!(secrets.get(Secret::ServerApplication), Some(&[0xab, 0xcd][..]));
        assert_eq!(secrets.get(Secret::ClientApplication), None);
        assert!(!format!("{ring:?} {secrets:?}").contains("ab"));
    }

    #[test]
    fn a_ring_grows_and_its_depth_is_bounded() {
        let ring = KeyRing::default();
        let inner = ring.nested().nested();
        ring.add(format!("CLIENT_RANDOM {} 01", "00".repeat(32)).as_bytes());
        assert!(inner.secrets(&[0; 32]).is_some());
        assert!(inner.nested().secrets(&[0; 32]).is_none());
    }
}
