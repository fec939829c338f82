//! Searches bytes for thousands of needles in one pass.
//!
//! The search of Wu and Manber (A fast algorithm for multi-pattern searching, University of Arizona TR-94-17): the last
//! bytes of a window tell how far it may move. An automaton over the same needles takes ten times the memory, and longer
//! for each byte the more needles there are; here most bytes are never looked at.

/// Something to look for.
#[derive(Debug, Clone)]
pub struct Needle {
    /// Its bytes; in lower case when `fold`.
    pub bytes: Box<[u8]>,
    /// Whether the case of letters does not matter.
    pub fold: bool,
    /// So many of its first bytes are enough: a digest is often cut off. At least [`BLOCK`].
    pub least: usize,
    /// What a hit is told by.
    pub tag: usize,
}

/// Bytes that are looked at together.
pub const BLOCK: usize = 4;
/// A longer window would not let move faster: what slows down are the places that could be the begin of a needle.
const WIDEST: usize = 16;
/// Slots of the table of moves: some ten for each needle.
const SLOT_BITS: u32 = 17;
/// Bits of the filter of windows.
const FILTER_BITS: u32 = 18;

/// Needles, ready to be searched for.
#[derive(Debug, Clone, Default)]
pub struct Needles {
    list: Vec<Needle>,
    /// Length of the window: that of the shortest needle.
    window: usize,
    /// How far the window may move, by the last block in it.
    moves: Vec<u8>,
    /// One bit for each window that a needle begins with, by its first and last block.
    windows: Vec<u64>,
    /// Needles by the last block of their window.
    ends: Vec<(u32, u32)>,
}

/// Where a needle is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// [`Needle::tag`].
    pub tag: usize,
    /// First byte.
    pub start: usize,
    /// How many of its bytes are there, from [`Needle::least`] to all.
    pub agreed: usize,
}

impl Needles {
    /// Prepares the search. Needles that are too short are left out.
    pub fn new(mut list: Vec<Needle>) -> Self {
        list.retain(|needle| needle.least >= BLOCK && needle.least <= needle.bytes.len());
        let shortest = list.iter().map(|needle| needle.least).min();
        let Some(window) = shortest.map(|length| length.min(WIDEST)) else { return Self::default() };
        let farthest = window - BLOCK + 1;
        let mut moves = vec![u8::try_from(farthest).unwrap_or(u8::MAX); 1 << SLOT_BITS];
        let mut windows = vec![0u64; 1 << (FILTER_BITS - 6)];
        let mut ends = Vec::with_capacity(list.len());
        for (index, needle) in (0u32..).zip(&list) {
            for (at, block) in needle.bytes[..window].windows(BLOCK).enumerate() {
                let slot = &mut moves[slot(hash(block))];
                *slot = (*slot).min(u8::try_from(farthest - 1 - at).unwrap_or(u8::MAX));
            }
            let (first, last) = (hash(&needle.bytes), hash(&needle.bytes[window - BLOCK..window]));
            let (word, bit) = filter(first, last);
            windows[word] |= bit;
            ends.push((last, index));
        }
        ends.sort_unstable();
        Self { list, window, moves, windows, ends }
    }

    /// Every place where a needle is, by its first byte; of those at the same, what agrees longest comes first.
    pub fn find(&self, bytes: &[u8], found: &mut dyn FnMut(Place)) {
        let mut end = self.window;
        while let Some(block) = end.checked_sub(BLOCK).and_then(|at| bytes.get(at..end)) {
            let last = hash(block);
            match self.moves.get(slot(last)) {
                Some(0) => {
                    let start = end - self.window;
                    let (word, bit) = filter(hash(&bytes[start..]), last);
                    if self.windows.get(word).is_some_and(|bits| bits & bit != 0) {
                        self.check(&bytes[start..], start, last, found);
                    }
                    end += 1;
                }
                Some(&far) => end += usize::from(far),
                None => return,
            }
        }
    }

    /// Bytes of memory that the search takes.
    #[cfg(test)]
    pub fn size(&self) -> usize {
        let needles: usize = self.list.iter().map(|it| size_of::<Needle>() + it.bytes.len()).sum();
        needles + self.moves.len() + self.windows.len() * 8 + self.ends.len() * 8
    }

    fn check(&self, text: &[u8], start: usize, last: u32, found: &mut dyn FnMut(Place)) {
        let from = self.ends.partition_point(|(hash, _)| *hash < last);
        let mut places: Vec<Place> = Vec::new();
        for (hash, index) in self.ends.get(from..).unwrap_or_default() {
            if *hash != last {
                break;
            }
            let Some(needle) = self.list.get(*index as usize) else { continue };
            let same = |(one, other): (&u8, &u8)| {
                if needle.fold { one.to_ascii_lowercase() == *other } else { one == other }
            };
            let agreed = text.iter().zip(&needle.bytes).take_while(|pair| same(*pair)).count();
            if agreed >= needle.least {
                places.push(Place { tag: needle.tag, start, agreed });
            }
        }
        places.sort_by_key(|place| std::cmp::Reverse(place.agreed));
        places.into_iter().for_each(found);
    }
}

/// The hash of a block. Setting a bit makes letters of both cases the same, and some other bytes too, which does no harm.
fn hash(block: &[u8]) -> u32 {
    let number = block.first_chunk().map_or(0, |bytes| u32::from_le_bytes(*bytes)) | 0x2020_2020;
    number.wrapping_mul(0x9e37_79b1)
}

/// The move of a block with that hash.
const fn slot(hash: u32) -> usize {
    (hash >> (32 - SLOT_BITS)) as usize
}

/// Where the filter keeps a window: which word, which bit.
const fn filter(first: u32, last: u32) -> (usize, u64) {
    let at = (first.rotate_left(15) ^ last).wrapping_mul(0x85eb_ca6b) >> (32 - FILTER_BITS);
    ((at >> 6) as usize, 1 << (at & 63))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn needles(list: &[(&[u8], bool, usize)]) -> Needles {
        let needle = |(tag, (bytes, fold, least)): (usize, &(&[u8], bool, usize))| Needle {
            bytes: (*bytes).into(),
            fold: *fold,
            least: *least,
            tag,
        };
        Needles::new(list.iter().enumerate().map(needle).collect())
    }

    fn find(needles: &Needles, text: &[u8]) -> Vec<(usize, usize, usize)> {
        let mut out = Vec::new();
        needles.find(text, &mut |place| out.push((place.tag, place.start, place.agreed)));
        out
    }

    #[test]
    fn finds_each_wherever_it_stands() {
        let all = needles(&[(b"needle", true, 6), (b"Exact!", false, 6), (b"0123456789abcdef", true, 8)]);
        for lead in 0..40 {
            let place = |text: &str| format!("{}{text}", "x".repeat(lead));
            assert_eq!(find(&all, place("NeEdLe").as_bytes()), [(0, lead, 6)]);
            assert_eq!(find(&all, place("Exact!").as_bytes()), [(1, lead, 6)]);
            assert_eq!(find(&all, place("exact!").as_bytes()), []);
            assert_eq!(find(&all, place("01234567zz").as_bytes()), [(2, lead, 8)]);
            assert_eq!(find(&all, place("0123456789ABCDEF").as_bytes()), [(2, lead, 16)]);
            assert_eq!(find(&all, place("0123456").as_bytes()), []);
        }
    }

    #[test]
    fn finds_the_longer_of_two_first_and_both() {
        let all = needles(&[(b"12345", false, 5), (b"12345678", false, 8), (b"45678", false, 5)]);
        assert_eq!(find(&all, b"-12345678-"), [(1, 1, 8), (0, 1, 5), (2, 4, 5)]);
    }

    #[test]
    fn agrees_with_looking_everywhere() {
        let words: Vec<Vec<u8>> = (0..300u32)
            .map(|n| {
                let text = format!("{:x}", u64::from(n + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
                text.as_bytes()[..5 + n as usize % 6].to_vec()
            })
            .collect();
        let list: Vec<(&[u8], bool, usize)> = words.iter().map(|it| (&**it, true, it.len())).collect();
        let all = needles(&list);
        let text: String =
            (0..4000u64).map(|n| format!("{:x}", (n % 700).wrapping_mul(0x9e37_79b9_7f4a_7c15))).collect();
        let mut expected = Vec::new();
        for start in 0..text.len() {
            expected.extend(
                words
                    .iter()
                    .filter(|it| text.as_bytes()[start..].starts_with(it))
                    .map(|it| (start, it.len())),
            );
        }
        let mut found: Vec<_> = find(&all, text.as_bytes()).iter().map(|it| (it.1, it.2)).collect();
        expected.sort_unstable();
        found.sort_unstable();
        assert!(expected.len() > 1000);
        assert_eq!(found, expected);
    }

    #[test]
    fn nothing_is_found_without_needles_or_text() {
        assert_eq!(find(&Needles::default(), b"anything"), []);
        assert_eq!(find(&needles(&[(b"abc", false, 3)]), b"abcabc"), [], "too short to look for");
        assert_eq!(find(&needles(&[(b"needle", false, 6)]), b""), []);
        assert_eq!(find(&needles(&[(b"needle", false, 6)]), b"need"), []);
    }
}
