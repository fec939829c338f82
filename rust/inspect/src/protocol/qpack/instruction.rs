//! What the encoder stream says (RFC 9204 section 4.3).

use super::super::hpack::{Literal, Reader};

/// One instruction.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Instruction {
    /// How many bytes the entries may count.
    SetCapacity(usize),
    /// A new entry's name and value.
    Insert(Name, Literal),
    /// The entry before which so many others were added last is added again.
    Duplicate(usize),
}

/// Where a new entry's name is found.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Name {
    /// In the table that all connections know.
    Fixed(usize),
    /// In the entry before which so many others were added last.
    Entry(usize),
    Literal(Literal),
}

impl Instruction {
    /// The next one. `None`: its end did not come.
    pub(super) fn read(reader: &mut Reader<'_>) -> Option<Self> {
        let first = reader.peek()?;
        Some(match first {
            0x80.. => {
                let index = reader.integer(6)?;
                let name = if first & 0x40 == 0 { Name::Entry(index) } else { Name::Fixed(index) };
                Self::Insert(name, reader.literal(7)?)
            }
            0x40.. => {
                let name = reader.literal(5)?;
                Self::Insert(Name::Literal(name), reader.literal(7)?)
            }
            0x20.. => Self::SetCapacity(reader.integer(5)?),
            _ => Self::Duplicate(reader.integer(5)?),
        })
    }
}
