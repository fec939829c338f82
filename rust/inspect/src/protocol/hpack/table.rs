//! The fields that a sender adds to what all connections know: the dynamic table of HPACK (RFC 7541 section 2.3.2) and of
//! QPACK (RFC 9204 section 3.2).

use std::collections::VecDeque;

use super::Field;

/// The largest table that is kept.
pub(in crate::protocol) const MAX_TABLE: usize = 64 << 10;
/// What an entry counts beyond its bytes (RFC 7541 section 4.1, RFC 9204 section 3.2.1).
pub(in crate::protocol) const ENTRY_OVERHEAD: usize = 32;

/// Entries, of which the oldest make room for the newest.
#[derive(Debug, Clone, Default)]
pub(in crate::protocol) struct Table {
    /// The newest first, with what they count.
    entries: VecDeque<(Field, usize)>,
    size: usize,
    capacity: usize,
}

impl Table {
    /// Changes the capacity; of a larger table than [`MAX_TABLE`] the newest entries are kept.
    pub(in crate::protocol) fn set_capacity(&mut self, capacity: usize) {
        self.capacity = capacity.min(MAX_TABLE);
        self.evict(0);
    }

    /// Adds an entry that counts `size`. One that is larger than the table leaves it empty.
    pub(in crate::protocol) fn insert(&mut self, field: Field, size: usize) {
        self.evict(size);
        if size <= self.capacity {
            self.size += size;
            self.entries.push_front((field, size));
        }
    }

    /// The entry before which `newer` others were added last, and what it counts.
    pub(in crate::protocol) fn get(&self, newer: usize) -> Option<&(Field, usize)> {
        self.entries.get(newer)
    }

    pub(in crate::protocol) fn clear(&mut self) {
        self.entries.clear();
        self.size = 0;
    }

    /// What all entries count.
    #[cfg(test)]
    pub(in crate::protocol) const fn size(&self) -> usize {
        self.size
    }

    /// Drops the oldest until there is room for `size`.
    fn evict(&mut self, size: usize) {
        while self.size + size > self.capacity {
            let Some((_, dropped)) = self.entries.pop_back() else { return };
            self.size -= dropped;
        }
    }
}
