//! Tells parts with the same path apart: the second `id` is `id#2`.

use std::collections::HashMap;
use std::hash::Hash;

/// Asked for less often, numbers are counted each time; a table of all costs more.
const FEW: u32 = 16;

/// How often each key of a list stood in it before, found out when it is asked for.
#[derive(Debug, Default)]
pub struct Numbers {
    asked: u32,
    table: Vec<u32>,
}

impl Numbers {
    /// The number of the item at `index` among those of its key, from 1. The list has `len` items.
    pub fn get<K: Hash + Eq>(&mut self, index: usize, len: usize, key: impl Fn(usize) -> K) -> u32 {
        if self.asked < FEW {
            self.asked += 1;
            let wanted = key(index);
            let before = (0..index).filter(|other| key(*other) == wanted).count();
            return u32::try_from(before).unwrap_or(u32::MAX).saturating_add(1);
        }
        if self.table.len() != len {
            let mut seen: HashMap<K, u32> = HashMap::new();
            self.table = (0..len)
                .map(|index| {
                    let count = seen.entry(key(index)).or_insert(0);
                    *count += 1;
                    *count
                })
                .collect();
        }
        self.table.get(index).copied().unwrap_or(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counting_and_the_table_agree() {
        let list = ["a", "b", "a", "a", "b", "c"];
        let mut numbers = Numbers::default();
        for _ in 0..10 {
            let found: Vec<_> =
                (0..list.len()).map(|at| numbers.get(at, list.len(), |at| list[at])).collect();
            assert_eq!(found, [1, 1, 2, 3, 2, 1]);
        }
    }
}
