//! What a connection encrypts, opened with secrets that were given (RFC 9001 sections 5 and 6).

use packet::Direction;

use super::super::cipher::{AeadKind, Bulk, Hash, Suite};
use super::super::session::Context;
use super::super::tls::decrypted;
use super::super::{ClientHello, Observation, ServerHello};
use super::frame::{Frame, frames};
use super::keys::{Keys, Version};
use super::streams::{Piece, Streams};
use super::{Crypto, Range};
use crate::keylog::{Secret, Secrets};

/// The bit of a short header that changes with each generation of keys.
const KEY_PHASE: u8 = 0x04;

/// A connection whose secrets were given. Of pairs, the client's comes first.
#[derive(Debug, Clone)]
pub(super) struct Sealed {
    secrets: Secrets,
    version: Version,
    client: Direction,
    suite: Option<(AeadKind, Hash)>,
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
        secrets: Secrets,
        version: Version,
        client: Direction,
        hello: &ClientHello,
        context: &Context,
    ) -> Self {
        Self {
            secrets,
            version,
            client,
            suite: None,
            handshake: [None, None],
            application: [None, None],
            crypto: [Crypto::of(client, true), Crypto::of(client.reversed(), false)],
            id_len: [0; 2],
            expected: [[0; 2]; 2],
            streams: Streams::new(client, hello, context),
        }
    }

    /// The server chose: from here on there are keys.
    pub(super) fn choose(&mut self, hello: &ServerHello) {
        let Some(Suite { bulk: Bulk::Aead(kind), hash }) = Suite::of(hello.cipher) else { return };
        self.suite = Some((kind, hash));
        let keys = |secret| {
            let secret = self.secrets.get(secret)?;
            Some((secret.to_vec(), Keys::of_secret(self.version, kind, hash, secret)?))
        };
        self.handshake = [Secret::ClientHandshake, Secret::ServerHandshake]
            .map(|secret| keys(secret).map(|(_, keys)| keys));
        self.application = [Secret::ClientApplication, Secret::ServerApplication]
            .map(|secret| keys(secret).map(|(secret, keys)| Generation { secret, keys, phase: 0 }));
    }

    /// A long header went by: it tells the id that its sender chose.
    pub(super) fn learn_id(&mut self, direction: Direction, source: &[u8]) {
        self.id_len[self.role(direction)] = source.len();
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
        for frame in frames(&content) {
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

#[cfg(test)]
mod tests;
