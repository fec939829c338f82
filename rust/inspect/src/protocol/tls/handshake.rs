//! What the hellos agree on, and the keys that follow from it and from the secrets that were given.

use packet::Direction;

use super::super::cipher::{Bulk, Suite, of_secret_len};
use super::super::{ClientHello, ServerHello};
use super::protection::Protection;
use crate::keylog::{KeyRing, Secret, Secrets};

/// TLS 1.3 as it was standardised.
const TLS13: u16 = 0x0304;

/// How far a sender of TLS 1.3 is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Epoch {
    /// Data of a client that resumes (RFC 8446 section 2.3).
    Early,
    Handshake,
    Application,
}

/// What is known of the handshake.
#[derive(Debug, Clone, Default)]
pub(super) struct Handshake {
    client: Option<Direction>,
    client_random: [u8; 32],
    /// Whether the client said that it sends data at once.
    early_data: bool,
    server: Option<ServerHello>,
}

impl Handshake {
    /// A ClientHello went by.
    pub(super) fn begin(&mut self, direction: Direction, hello: &ClientHello) {
        *self = Self {
            client: Some(direction),
            client_random: hello.random,
            early_data: hello.early_data,
            server: None,
        };
    }

    /// The server chose.
    pub(super) fn answer(&mut self, hello: &ServerHello) {
        if !hello.retry {
            self.server = Some(hello.clone());
        }
    }

    /// The secrets of this connection, as far as they were given: a capture brings each before what it opens.
    pub(super) fn secrets(&self, keys: &KeyRing) -> Option<Secrets> {
        self.client.and_then(|_| keys.secrets(&self.client_random))
    }

    /// Whether the server chose.
    pub(super) fn is_answered(&self) -> bool {
        self.server.is_some()
    }

    /// The suite that the server chose.
    pub(super) fn suite(&self) -> Option<u16> {
        self.server.as_ref().map(|server| server.cipher)
    }

    /// Whether it is TLS 1.3, as far as that is known.
    pub(super) fn is_tls13(&self) -> bool {
        self.server.as_ref().is_some_and(is_tls13)
    }

    /// Whether the sender of that direction is the client. Who sends is taken for it where no hello was seen.
    pub(super) fn is_client(&self, direction: Direction) -> bool {
        self.client.map_or(direction == Direction::Outbound, |client| client == direction)
    }

    /// What a sender begins with.
    pub(super) fn first_epoch(&self, direction: Direction) -> Epoch {
        if self.is_client(direction) && self.early_data { Epoch::Early } else { Epoch::Handshake }
    }

    /// How the sender of `direction` protects what it sends: more than one where the algorithm is not known yet.
    pub(super) fn protections(
        &self,
        direction: Direction,
        epoch: Epoch,
        secrets: &Secrets,
    ) -> Vec<Protection> {
        if epoch == Epoch::Early {
            return early(secrets);
        }
        self.protection(direction, epoch, secrets).into_iter().collect()
    }

    fn protection(&self, direction: Direction, epoch: Epoch, secrets: &Secrets) -> Option<Protection> {
        let server = self.server.as_ref()?;
        let suite = Suite::of(server.cipher)?;
        let client = self.is_client(direction);
        if !is_tls13(server) {
            let master = secrets.get(Secret::Master)?;
            return Protection::of_master(suite, server, &self.client_random, master, client);
        }
        let secret = match (epoch, client) {
            (Epoch::Early, _) => return None,
            (Epoch::Handshake, true) => Secret::ClientHandshake,
            (Epoch::Handshake, false) => Secret::ServerHandshake,
            (Epoch::Application, true) => Secret::ClientApplication,
            (Epoch::Application, false) => Secret::ServerApplication,
        };
        let Bulk::Aead(kind) = suite.bulk else { return None };
        Protection::of_traffic_secret(kind, suite.hash, secrets.get(secret)?)
    }
}

/// The suite is that of the session which is resumed; the secret's length leaves few.
fn early(secrets: &Secrets) -> Vec<Protection> {
    let Some(secret) = secrets.get(Secret::ClientEarly) else { return Vec::new() };
    let (hash, kinds) = of_secret_len(secret.len());
    kinds.iter().filter_map(|&kind| Protection::of_traffic_secret(kind, hash, secret)).collect()
}

/// TLS 1.3 or a draft of it.
fn is_tls13(hello: &ServerHello) -> bool {
    hello.version >= TLS13
}
