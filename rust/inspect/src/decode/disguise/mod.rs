//! Disguises that can be taken off: ciphers whose key is known to everybody, or derived from what lies beneath.

mod crib;
mod fixed_key;
mod self_keyed;

pub use crib::{Cribs, Holds, Key, Sealed};

/// What lies beneath a cipher that needs no secret: the step, and the bytes.
pub fn open(bytes: &[u8]) -> Option<(&'static str, Vec<u8>)> {
    let own = || self_keyed::decode(bytes).map(|plain| (SELF_KEYED, plain));
    own().or_else(|| fixed_key::decode(bytes).map(|plain| (FIXED_KEY, plain)))
}

/// Takes the step of that name again.
pub fn reopen(step: &str, bytes: &[u8]) -> Option<Vec<u8>> {
    match step {
        SELF_KEYED => self_keyed::decode(bytes),
        FIXED_KEY => fixed_key::decode(bytes),
        _ => Some(Key::of_step(step)?.apply(bytes)),
    }
}

const SELF_KEYED: &str = "xor (key inside)";
const FIXED_KEY: &str = "aes-128-cbc (published key)";
