//! The dynamic table, its entries numbered from the first that was ever added (RFC 9204 sections 3.2.4 to 3.2.6).

use super::super::hpack::{ENTRY_OVERHEAD, Field, MAX_TABLE, Table};

/// What an entry counts whose name and value have so many bytes (section 3.2.1).
pub(super) const fn size(name: usize, value: usize) -> usize {
    name + value + ENTRY_OVERHEAD
}

/// The table as far as it is known: of a larger one than [`MAX_TABLE`] the newest entries are kept.
#[derive(Debug, Clone, Default)]
pub(super) struct DynamicTable {
    table: Table,
    /// Entries that were ever added: the insert count.
    inserted: u64,
    /// As it was set. `None`: it was not, and there can be no entry.
    capacity: Option<usize>,
}

impl DynamicTable {
    pub(super) fn set_capacity(&mut self, capacity: usize) {
        self.capacity = Some(capacity);
        self.table.set_capacity(capacity);
    }

    pub(super) const fn capacity(&self) -> Option<usize> {
        self.capacity
    }

    /// What all entries that are kept count.
    #[cfg(test)]
    pub(super) const fn size(&self) -> usize {
        self.table.size()
    }

    pub(super) const fn inserted(&self) -> u64 {
        self.inserted
    }

    /// Adds an entry that counts `size`. `None`: it is larger than the table, which nobody may send.
    pub(super) fn insert(&mut self, field: Field, size: usize) -> Option<()> {
        self.capacity.filter(|capacity| size <= *capacity)?;
        self.table.insert(field, size);
        self.inserted += 1;
        Some(())
    }

    /// The entry before which `newer` others were added last, and what it counts. One that is not kept has no name; `None`:
    /// there is none.
    pub(super) fn relative(&self, newer: usize) -> Option<(Field, usize)> {
        let unknown = || {
            let possible = (newer as u64) < self.inserted && self.capacity > Some(MAX_TABLE);
            possible.then(|| (Field::fixed(("", ""), 0..0), size(0, 0)))
        };
        self.table.get(newer).cloned().or_else(unknown)
    }

    /// The entry of that number, if it is kept.
    pub(super) fn absolute(&self, number: u64) -> Option<&Field> {
        let newer = self.inserted.checked_sub(number)?.checked_sub(1)?;
        self.table.get(usize::try_from(newer).ok()?).map(|(field, _)| field)
    }
}
