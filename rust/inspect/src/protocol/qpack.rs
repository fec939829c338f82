//! QPACK (RFC 9204): the field sections of HTTP/3, and the table that one end fills so that they can be short.

mod fixed;
mod instruction;
mod section;
mod table;

use std::mem;
use std::sync::Arc;

use super::hpack::{Block, Field, MAX_TABLE, Reader};
use instruction::{Instruction, Name};
use table::DynamicTable;

/// Bytes of an instruction that are waited for: no entry that is kept needs as many.
const MAX_INSTRUCTION: usize = 2 * MAX_TABLE;

/// What the field sections of one direction are read with.
#[derive(Debug, Clone, Default)]
pub(super) struct Decoder {
    table: DynamicTable,
    /// How large the table may become, as the other end announced (section 3.2.3). `None`: that was not seen.
    announced: Option<usize>,
    /// The instruction whose end did not come.
    pending: Block,
    /// Bytes of the encoder stream up to the last of those that wait behind a hole.
    ahead: u64,
    /// Whether the encoder stream made no sense: no entry is known from then on.
    broken: bool,
}

impl Decoder {
    /// The other end announced SETTINGS_QPACK_MAX_TABLE_CAPACITY (section 5).
    pub(super) const fn announce(&mut self, capacity: usize) {
        self.announced = Some(capacity);
    }

    /// How many bytes of the encoder stream there are up to the last of those that wait behind a hole.
    pub(super) const fn set_ahead(&mut self, bytes: u64) {
        self.ahead = bytes;
    }

    /// Takes what comes next on the encoder stream, where it stands at `at` (section 4.3).
    pub(super) fn handle(&mut self, bytes: &[u8], at: u64) {
        if self.broken {
            return;
        }
        self.pending.add(bytes, at);
        let block = mem::take(&mut self.pending);
        let used = self.execute(&block);
        match used.filter(|used| block.bytes().len() - used <= MAX_INSTRUCTION) {
            None => *self = Self { broken: true, ..Self::default() },
            Some(0) => self.pending = block,
            Some(used) => self.pending.add(&block.bytes()[used..], block.at() + used as u64),
        }
    }

    /// Follows all instructions that are whole, and returns how many bytes they have. `None`: one makes no sense.
    fn execute(&mut self, block: &Block) -> Option<usize> {
        let (mut reader, mut used) = (Reader::new(block), 0);
        while let Some(instruction) = Instruction::read(&mut reader) {
            self.follow(instruction, &reader)?;
            used = reader.position();
        }
        Some(used)
    }

    fn follow(&mut self, instruction: Instruction, reader: &Reader<'_>) -> Option<()> {
        match instruction {
            Instruction::SetCapacity(capacity) => {
                let allowed = self.announced.is_none_or(|most| capacity <= most);
                allowed.then(|| self.table.set_capacity(capacity))
            }
            Instruction::Insert(name, value) => {
                let (name, name_len) = self.name(name, reader)?;
                let (value, len) = reader.text(value)?;
                self.table.insert(Field { name, ..value }, table::size(name_len, len))
            }
            Instruction::Duplicate(index) => {
                let (field, size) = self.table.relative(index)?;
                self.table.insert(field, size)
            }
        }
    }

    /// A new entry's name, and how many bytes it was sent with.
    fn name(&self, name: Name, reader: &Reader<'_>) -> Option<(Arc<str>, usize)> {
        let name: Arc<str> = match name {
            Name::Fixed(index) => fixed::FIELDS.get(index)?.0.into(),
            Name::Entry(index) => self.table.relative(index)?.0.name,
            Name::Literal(literal) => return reader.text(literal).map(|(field, len)| (field.value, len)),
        };
        let len = name.len();
        Some((name, len))
    }

    /// The most entries that the table may hold (section 4.5.1.1). Where it was not seen what the other end allows, it is
    /// taken for what this one uses: encoders use all that they may.
    fn max_entries(&self) -> Option<u64> {
        let capacity = self.announced.or_else(|| self.table.capacity())?;
        Some((capacity / table::size(0, 0)) as u64)
    }
}

#[cfg(test)]
mod tests;
