//! The field sections of a connection, and what they are read with.

use std::mem;

use packet::Direction;

use super::super::super::hpack::{Block, Field, MAX_LIST};
use super::super::super::qpack::Decoder;

/// Bytes that the field sections of all messages that are not over may come to, and those of them that are not read: the
/// rest is room to read them.
const MOST_KEPT: usize = 2 << 20;
const MOST_UNREAD: usize = 1 << 20;

/// What the field sections of a connection are read with.
#[derive(Debug, Clone)]
pub(in super::super) struct Fields {
    /// By the direction of the sections.
    decoders: [Decoder; 2],
    /// Whether the stream that fills each one's table began.
    encoders: [bool; 2],
    /// How many bytes of sections may yet be kept.
    room: usize,
}

/// A field section of a message.
#[derive(Debug, Clone)]
pub(super) enum Section {
    /// Its frame goes on.
    Coming(Block),
    /// It refers to entries of the table that are still to come (RFC 9204 section 2.1.2).
    Blocked(Block),
    /// `unread`: what it was read from, if not all of it could be read.
    Read { fields: Vec<Field>, unread: Option<Block> },
}

impl Fields {
    pub(in super::super) fn new() -> Self {
        Self { decoders: Default::default(), encoders: [false; 2], room: MOST_KEPT }
    }

    /// An encoder stream begins. Returns whether it is that direction's first: there must be no other (RFC 9204 section 4.2).
    pub(super) const fn begin_encoder(&mut self, direction: Direction) -> bool {
        !mem::replace(&mut self.encoders[direction.index()], true)
    }

    pub(super) const fn decoder(&mut self, direction: Direction) -> &mut Decoder {
        &mut self.decoders[direction.index()]
    }

    /// Room for so many bytes of a section that is not read yet, or for fewer.
    pub(super) fn take_unread(&mut self, bytes: usize) -> usize {
        self.take(bytes.min(self.room.saturating_sub(MOST_KEPT - MOST_UNREAD)))
    }

    fn take(&mut self, bytes: usize) -> usize {
        let taken = bytes.min(self.room);
        self.room -= taken;
        taken
    }

    #[cfg(test)]
    pub(super) const fn room(&self) -> usize {
        self.room
    }

    pub(super) const fn give_back(&mut self, bytes: usize) {
        self.room += bytes;
    }

    /// Reads a section unless it is blocked; `last`: or if it is, as far as it can be. `kept`: how many bytes its message
    /// took.
    pub(super) fn read(&mut self, direction: Direction, section: &mut Section, last: bool, kept: &mut usize) {
        let (Section::Blocked(block) | Section::Coming(block)) = section else { return };
        let decoder = &self.decoders[direction.index()];
        let block = mem::take(block);
        if !last && decoder.is_blocked(&block) {
            *section = Section::Blocked(block);
            return;
        }
        let (fields, sound) = decoder.decode(&block, MAX_LIST.min(self.room));
        if sound {
            // Its fields take its place.
            self.give_back(block.bytes().len());
            *kept -= block.bytes().len();
        }
        *kept += self.take(fields.iter().map(Field::size).sum());
        *section = Section::Read { fields, unread: (!sound).then_some(block) };
    }
}
