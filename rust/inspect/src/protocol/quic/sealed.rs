//! What a connection encrypts, opened with secrets that were given (RFC 9001 sections 5 and 6).

use packet::Direction;

use super::super::cipher::{AeadKind, Bulk, Hash, Suite, of_secret_len};
use super::super::session::Context;
use super::super::tls::decrypted;
use super::super::{ClientHello, Observation, ServerHello};
use super::frame::{Frame, frames};
use super::keys::{Keys, Version};
use super::streams::{Piece, Streams};
use super::{Crypto, Range};
use crate::keylog::{KeyRing, Secret, Secrets};

/// The bit of a short header that changes with each generation of keys.
const KEY_PHASE: u8 = 0x04;

/// A connection whose secrets were given. Of pairs, the client's comes first.
#[derive(Debug, Clone)]
pub(super) struct Sealed {
    version: Version,
    client: Direction,
    client_random: [u8; 32],
    given: KeyRing,
    suite: Option<(AeadKind, Hash)>,
    /// Of data that a client sends at once when it resumes: one for each algorithm that may be the resumed session's.
    early: Vec<Keys>,
    handshake: [Option<Keys>; 2],
    application: [Option<Generation>; 2],
    /// Of Handshake packets.
    crypto: [Crypto; 2],
    /// Length of the connection id that each end chose.
    id_len: [usize; 2],
    /// The number after the largest packet number seen: of Handshake packets, then of all later ones.
    expected: [[u64; 2]; 2],
    streams: Streams,
}

/// Keys of application data, which change now and then.
#[derive(Debug, Clone)]
struct Generation {
    secret: Vec<u8>,
    keys: Keys,
    phase: u8,
}

impl Sealed {
    pub(super) fn new(
        secrets: &Secrets,
        version: Version,
        client: Direction,
        hello: &ClientHello,
        context: &Context,
    ) -> Self {
        Self {
            early: if hello.early_data { early_keys(secrets, version) } else { Vec::new() },
            version,
            client,
            client_random: hello.random,
            given: context.keys.clone(),
            suite: None,
            handshake: [None, None],
            application: [None, None],
            crypto: [Crypto::of(client, true), Crypto::of(client.reversed(), false)],
            id_len: [0; 2],
            expected: [[0; 2]; 2],
            streams: Streams::new(client, hello, context),
        }
    }

    /// Whether it is the connection that this hello begins.
    pub(super) fn is_of(&self, hello: &ClientHello) -> bool {
        self.client_random == hello.random
    }

    /// The server chose: from here on there are keys.
    pub(super) fn choose(&mut self, hello: &ServerHello) {
        if let Some(Suite { bulk: Bulk::Aead(kind), hash }) = Suite::of(hello.cipher) {
            self.suite = Some((kind, hash));
        }
    }

    /// A secret as it was given, and the keys that follow from it.
    fn keys(&self, secret: Secret) -> Option<(Vec<u8>, Keys)> {
        let (kind, hash) = self.suite?;
        let secrets = self.given.secrets(&self.client_random)?;
        let secret = secrets.get(secret)?;
        Some((secret.to_vec(), Keys::of_secret(self.version, kind, hash, secret)?))
    }

    /// A long header went by: it tells the id that its sender chose.
    pub(super) fn learn_id(&mut self, direction: Direction, source: &[u8]) {
        self.id_len[self.role(direction)] = source.len();
    }

    /// Opens a 0-RTT packet.
    pub(super) fn handle_early(
        &mut self,
        direction: Direction,
        packet: &[u8],
        number_at: usize,
        out: &mut Vec<Observation>,
    ) {
        if direction != self.client {
            return;
        }
        let expected = self.expected[1][0];
        let opened = self.early.iter().enumerate().find_map(|(at, keys)| {
            let bare = keys.bare(packet, number_at, expected)?;
            Some((at, bare.number, keys.open_bare(packet, &bare)?))
        });
        let Some((at, number, content)) = opened else { return };
        self.early.swap(0, at);
        self.early.truncate(1);
        self.expected[1][0] = expected.max(number.saturating_add(1));
        self.read_streams(direction, &content, out);
    }

    /// Opens a Handshake packet.
    pub(super) fn handle_handshake(
        &mut self,
        direction: Direction,
        packet: &[u8],
        number_at: usize,
        range: Range<u64>,
        out: &mut Vec<Observation>,
    ) {
        let role = self.role(direction);
        if self.handshake[role].is_none() {
            let secret = [Secret::ClientHandshake, Secret::ServerHandshake][role];
            self.handshake[role] = self.keys(secret).map(|(_, keys)| keys);
        }
        let Some(keys) = &self.handshake[role] else { return };
        let expected = &mut self.expected[0][role];
        let Some(bare) = keys.bare(packet, number_at, *expected) else { return };
        let Some(content) = keys.open_bare(packet, &bare) else { return };
        *expected = (*expected).max(bare.number.saturating_add(1));
        let mut seen = Vec::new();
        self.crypto[role].take_frames(&content, range, &mut seen);
        out.extend(seen.into_iter().map(decrypted));
    }

    /// Opens a packet with a short header.
    pub(super) fn handle_short(&mut self, direction: Direction, packet: &[u8], out: &mut Vec<Observation>) {
        let role = self.role(direction);
        let number_at = 1 + self.id_len[1 - role];
        let Some(content) = self.open_short(role, packet, number_at) else { return };
        self.read_streams(direction, &content, out);
    }

    fn read_streams(&mut self, direction: Direction, content: &[u8], out: &mut Vec<Observation>) {
        for frame in frames(content) {
            if let Frame::Stream { id, offset, bytes, last } = frame {
                self.streams.handle(direction, id, Piece { offset, bytes, last }, out);
            }
        }
    }

    pub(super) fn flush(&mut self, out: &mut Vec<Observation>) {
        self.streams.flush(out);
    }

    pub(super) fn is_pending(&self) -> bool {
        self.streams.is_pending()
    }

    fn open_short(&mut self, role: usize, packet: &[u8], number_at: usize) -> Option<Vec<u8>> {
        if self.application[role].is_none() {
            let secret = [Secret::ClientApplication, Secret::ServerApplication][role];
            let keys = self.keys(secret);
            self.application[role] = keys.map(|(secret, keys)| Generation { secret, keys, phase: 0 });
        }
        let generation = self.application[role].as_mut()?;
        let expected = &mut self.expected[1][role];
        let bare = generation.keys.bare(packet, number_at, *expected)?;
        let phase = bare.header.first()? & KEY_PHASE;
        let content = match generation.keys.open_bare(packet, &bare) {
            Some(content) => content,
            None if phase != generation.phase => {
                let (kind, hash) = self.suite?;
                let secret = self.version.next_secret(hash, &generation.secret)?;
                let keys =
                    Keys::of_secret(self.version, kind, hash, &secret)?.with_header_of(&generation.keys);
                let content = keys.open_bare(packet, &bare)?;
                *generation = Generation { secret, keys, phase };
                content
            }
            None => return None,
        };
        *expected = (*expected).max(bare.number.saturating_add(1));
        Some(content)
    }

    fn role(&self, direction: Direction) -> usize {
        usize::from(direction != self.client)
    }
}

fn early_keys(secrets: &Secrets, version: Version) -> Vec<Keys> {
    let Some(secret) = secrets.get(Secret::ClientEarly) else { return Vec::new() };
    let (hash, kinds) = of_secret_len(secret.len());
    kinds.iter().filter_map(|&kind| Keys::of_secret(version, kind, hash, secret)).collect()
}

#[cfg(test)]
mod tests;
