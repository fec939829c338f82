//! What waits behind a hole.

use std::collections::BTreeMap;

/// What a chunk costs beside its bytes, so that many tiny ones are bounded too.
const CHUNK_COST: usize = 64;

/// Chunks by the offset of their first byte; they do not overlap and are never empty.
#[derive(Debug, Clone, Default)]
pub(crate) struct Window {
    chunks: BTreeMap<u64, Box<[u8]>>,
    weight: usize,
}

/// How a segment overlaps with what was there before it, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Overlap {
    /// Were there already.
    pub(crate) repeated: u64,
    /// Of these: were different.
    pub(crate) conflicting: u64,
}

impl Overlap {
    /// Compares two copies of the same bytes, as far as both reach.
    pub(crate) fn between(first: &[u8], second: &[u8]) -> Self {
        let pairs = first.iter().zip(second);
        Self {
            repeated: first.len().min(second.len()) as u64,
            conflicting: pairs.filter(|(a, b)| a != b).count() as u64,
        }
    }

    fn add(&mut self, other: Self) {
        self.repeated += other.repeated;
        self.conflicting += other.conflicting;
    }
}

impl Window {
    /// Keeps those of `bytes`, which begin at `offset`, that are not there yet.
    pub(crate) fn insert(&mut self, offset: u64, bytes: &[u8]) -> Overlap {
        let mut overlap = Overlap::default();
        let (mut offset, mut rest) = (offset, bytes);
        if let Some((&start, chunk)) = self.chunks.range(..=offset).next_back() {
            let inside = usize::try_from(offset - start).unwrap_or(usize::MAX);
            let known = chunk.get(inside..).unwrap_or_default();
            overlap.add(Overlap::between(known, rest));
            let skip = known.len().min(rest.len());
            (offset, rest) = (offset + skip as u64, &rest[skip..]);
        }
        while !rest.is_empty() {
            let following = self.chunks.range(offset..).next();
            let room = following.map_or(u64::MAX, |(&start, _)| start - offset);
            let fresh = rest.len().min(usize::try_from(room).unwrap_or(usize::MAX));
            let known = following.map_or(&[][..], |(_, chunk)| chunk);
            overlap.add(Overlap::between(known, &rest[fresh..]));
            let skip = fresh + known.len().min(rest.len() - fresh);
            if fresh > 0 {
                self.weight += fresh + CHUNK_COST;
                self.chunks.insert(offset, rest[..fresh].into());
            }
            (offset, rest) = (offset + skip as u64, &rest[skip..]);
        }
        overlap
    }

    /// Offset of the first byte kept.
    pub(crate) fn start(&self) -> Option<u64> {
        self.chunks.first_key_value().map(|(&start, _)| start)
    }

    /// Offset after the last byte kept.
    pub(crate) fn end(&self) -> Option<u64> {
        self.chunks.last_key_value().map(|(&start, chunk)| start + chunk.len() as u64)
    }

    /// Takes the first chunk out.
    pub(crate) fn pop(&mut self) -> Option<Box<[u8]>> {
        let (_, chunk) = self.chunks.pop_first()?;
        self.weight -= chunk.len() + CHUNK_COST;
        Some(chunk)
    }

    /// Bytes kept.
    pub(crate) fn held(&self) -> usize {
        self.weight - self.chunks.len() * CHUNK_COST
    }

    /// Bytes kept, bookkeeping included.
    pub(crate) fn weight(&self) -> usize {
        self.weight
    }

    /// Moves everything by `delta`; what would lie before 0 is dropped.
    pub(crate) fn shift(&mut self, delta: i64) {
        for (start, chunk) in std::mem::take(&mut self.chunks) {
            match start.checked_add_signed(delta) {
                Some(start) => drop(self.chunks.insert(start, chunk)),
                None => self.weight -= chunk.len() + CHUNK_COST,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drain(window: &mut Window) -> Vec<(u64, Vec<u8>)> {
        let mut all = Vec::new();
        while let Some(start) = window.start() {
            all.push((start, window.pop().unwrap().into_vec()));
        }
        assert_eq!(window.weight(), 0);
        all
    }

    #[test]
    fn the_first_copy_wins_and_differences_are_counted() {
        let mut window = Window::default();
        window.insert(10, b"bbb");
        window.insert(20, b"ddd");
        let overlap = window.insert(8, b"AAbBBcccccccdDD++");
        assert_eq!(overlap, Overlap { repeated: 6, conflicting: 4 });
        assert_eq!(window.end(), Some(25));
        let text: Vec<u8> = drain(&mut window).into_iter().flat_map(|(_, chunk)| chunk).collect();
        assert_eq!(text, b"AAbbbcccccccddd++");
    }

    #[test]
    fn a_copy_inside_a_chunk_adds_nothing() {
        let mut window = Window::default();
        window.insert(0, b"abcdef");
        assert_eq!(window.insert(2, b"cd"), Overlap { repeated: 2, conflicting: 0 });
        assert_eq!(window.insert(4, b"efgh"), Overlap { repeated: 2, conflicting: 0 });
        assert_eq!(drain(&mut window), [(0, b"abcdef".to_vec()), (6, b"gh".to_vec())]);
    }

    #[test]
    fn shifting_drops_what_falls_off_the_front() {
        let mut window = Window::default();
        window.insert(3, b"a");
        window.insert(9, b"b");
        window.shift(-5);
        assert_eq!(drain(&mut window), [(4, b"b".to_vec())]);
    }
}
