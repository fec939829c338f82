//! Searches bytes for thousands of needles in one pass.
//!
//! Blocks of the text that stand a fixed step apart are looked up in a filter of the needles' first blocks; the step is so
//! short that every needle that stands in the text covers one of them with one of its first. Looking up does not depend on
//! what was found before, so that the processor does several at once; an automaton, or a search that moves by what it saw
//! (Wu and Manber), waits for memory at each step.

use foldhash::HashMap;

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
/// A longer step would fill the filter with more blocks of each needle.
const LONGEST_STEP: usize = 4;
/// Bits of the filter at most: 32 KiB, which stays in the processor's nearest memory.
const FILTER_BITS: u32 = 18;
/// Bits of the filter for each block in it, so that few other blocks pass.
const SPARSE: usize = 32;

/// Needles, ready to be searched for.
#[derive(Debug, Clone, Default)]
pub struct Needles {
    list: Vec<Needle>,
    /// How far the blocks of the text that are looked up stand apart.
    step: usize,
    /// One bit for each block that a needle begins with, by the first bits of its hash.
    filter: Vec<u64>,
    /// How many bits of a hash lie behind those.
    rest: u32,
    /// Where a block stands: where those with its hash begin in `places`.
    blocks: HashMap<u32, u32>,
    /// The needles' first blocks, by hash.
    places: Vec<Beginning>,
}

/// One of a needle's first blocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Beginning {
    hash: u32,
    /// How many of the needle's bytes stand before it.
    lead: u32,
    needle: u32,
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
        let Some(shortest) = list.iter().map(|needle| needle.least).min() else { return Self::default() };
        let step = (shortest - BLOCK + 1).min(LONGEST_STEP);
        let bits = (list.len() * step * SPARSE).next_power_of_two().clamp(64, 1 << FILTER_BITS);
        let (mut filter, rest) = (vec![0u64; bits / 64], 32 - bits.trailing_zeros());
        let mut places = Vec::with_capacity(list.len() * step);
        for (needle, it) in (0u32..).zip(&list) {
            let blocks = it.bytes.windows(BLOCK).filter_map(<[u8]>::first_chunk);
            for (lead, block) in (0u32..).zip(blocks).take(step) {
                let hash = hash(*block);
                let (word, bit) = slot(hash, rest);
                filter[word] |= bit;
                places.push(Beginning { hash, lead, needle });
            }
        }
        places.sort_unstable();
        let mut blocks = HashMap::default();
        for (at, place) in (0u32..).zip(&places) {
            blocks.entry(place.hash).or_insert(at);
        }
        Self { list, step, filter, rest, blocks, places }
    }

    /// Every place where a needle is, by its first byte; of those at the same, what agrees longest comes first.
    pub fn find(&self, bytes: &[u8], found: &mut dyn FnMut(Place)) {
        if self.list.is_empty() {
            return;
        }
        let mut at = 0;
        while let Some(block) = bytes.get(at..).and_then(<[u8]>::first_chunk) {
            let hash = hash(*block);
            let (word, bit) = slot(hash, self.rest);
            if self.filter.get(word).is_some_and(|bits| bits & bit != 0) {
                self.check(bytes, at, hash, found);
            }
            at += self.step;
        }
    }

    /// Bytes of memory that the search takes.
    #[cfg(test)]
    pub fn size(&self) -> usize {
        let needles: usize = self.list.iter().map(|it| size_of::<Needle>() + it.bytes.len()).sum();
        needles
            + self.filter.len() * 8
            + self.blocks.capacity() * 9
            + self.places.len() * size_of::<Beginning>()
    }

    /// The needles that have a block with that hash at `at`: they begin there or less than a step before.
    #[inline(never)]
    fn check(&self, text: &[u8], at: usize, hash: u32, found: &mut dyn FnMut(Place)) {
        let Some(&from) = self.blocks.get(&hash) else { return };
        let beginnings = self.places.get(from as usize..).unwrap_or_default();
        let mut places: Vec<Place> = Vec::new();
        for beginning in beginnings.iter().take_while(|it| it.hash == hash) {
            let Some(needle) = self.list.get(beginning.needle as usize) else { continue };
            let Some(start) = at.checked_sub(beginning.lead as usize) else { continue };
            let same = |(one, other): (&u8, &u8)| {
                if needle.fold { one.to_ascii_lowercase() == *other } else { one == other }
            };
            let agreed = text[start..].iter().zip(&needle.bytes).take_while(|pair| same(*pair)).count();
            if agreed >= needle.least {
                places.push(Place { tag: needle.tag, start, agreed });
            }
        }
        places.sort_by_key(|place| (place.start, std::cmp::Reverse(place.agreed)));
        places.into_iter().for_each(found);
    }
}

/// The hash of a block. Setting a bit makes letters of both cases the same, and some other bytes too, which does no harm.
const fn hash(block: [u8; BLOCK]) -> u32 {
    (u32::from_le_bytes(block) | 0x2020_2020).wrapping_mul(0x9e37_79b1)
}

/// Where the filter keeps a hash: which word, which bit. `rest`: how many bits of the hash are left out.
const fn slot(hash: u32, rest: u32) -> (usize, u64) {
    let at = hash >> rest;
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
