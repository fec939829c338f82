//! What TLS and QUIC protect their content with: ciphers, and how keys come from secrets.

mod aead;
mod cbc;
mod schedule;
mod suite;

pub(super) use aead::{Aead, AeadKind, nonce};
pub(super) use cbc::Cbc;
pub(super) use schedule::{Hash, Prf, expand_label};
pub(super) use suite::{Bulk, Suite, of_secret_len};
