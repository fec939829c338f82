//! What TLS and QUIC protect their content with: ciphers, and how keys come from secrets.

mod aead;
mod cbc;
mod mac;
mod rc4;
mod schedule;
mod suite;

pub(super) use aead::{Aead, AeadKind, nonce};
pub(super) use cbc::Cbc;
pub(super) use mac::MacKey;
pub(super) use rc4::{RC4_KEY_LEN, Rc4};
pub(super) use schedule::{Hash, Prf, expand_label};
pub(super) use suite::{Bulk, Suite, of_secret_len};
