//! TLS 1.3 whose keys are given: the hellos that choose TLS_AES_128_GCM_SHA256 (RFC 8446), and what secrets are expanded to.

use hkdf::Hkdf;
use inspect::{KeyLog, KeyRing};
use packet::Direction;
use sha2::Sha256;

/// The client's random number, which a key log names a connection by.
const RANDOM: [u8; 32] = [7; 32];
/// The secret of every epoch and both ends.
pub const SECRET: [u8; 32] = [9; 32];
/// What a key log names the secrets of what follows the handshake by, the client's first.
pub const TRAFFIC: [&str; 2] = ["CLIENT_TRAFFIC_SECRET_0", "SERVER_TRAFFIC_SECRET_0"];

/// What a key log names the secret of what a client that resumes sends at once by.
pub const EARLY: &str = "CLIENT_EARLY_TRAFFIC_SECRET";
/// The extension with which it says so (RFC 8446 section 4.2.10).
pub const EARLY_DATA: [u8; 4] = [0, 42, 0, 0];

/// A key log that gives the secret under those labels.
pub fn keys(labels: &[&str]) -> KeyRing {
    let mut keys = KeyLog::default();
    for label in labels {
        keys.add(format!("{label} {} {}", "07".repeat(32), "09".repeat(32)).as_bytes());
    }
    KeyRing::new(keys)
}

/// What both ends begin with, without the record's header; the client with further extensions.
pub fn hellos(extensions: &[u8]) -> [(Direction, Vec<u8>); 2] {
    let versions = [0, 43, 0, 2, 3, 4];
    let client = [&[3, 3][..], &RANDOM, &[0, 0, 2, 0x13, 1, 1, 0, 0, extensions.len() as u8], extensions];
    let server = [&[3, 3][..], &[8; 32], &[0, 0x13, 1, 0, 0, 6], &versions];
    let message = |kind, body: Vec<u8>| [&[kind, 0, 0, body.len() as u8][..], &body].concat();
    [(Direction::Outbound, message(1, client.concat())), (Direction::Inbound, message(2, server.concat()))]
}

/// HKDF-Expand-Label (RFC 8446 section 7.1).
pub fn expand<const N: usize>(secret: &Hkdf<Sha256>, label: &str) -> [u8; N] {
    let mut out = [0; N];
    let label = format!("tls13 {label}");
    let info = [&[0, N as u8, label.len() as u8][..], label.as_bytes(), &[0]].concat();
    secret.expand(&info, &mut out).expect("a short output");
    out
}
