//! Searches bytes for thousands of needles in one pass.
//!
//! Blocks of the text that stand a fixed step apart are looked up in a filter of the needles' first blocks; the step is so
//! short that every needle that stands in the text covers one of them with one of its first. Looking up does not depend on
//! what was found before, so that the processor does several at once; an automaton, or a search that moves by what it saw
//! (Wu and Manber), waits for memory at each step.

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
/// How far the blocks of the text stand apart at most that are looked up. A longer step would fill the filter with more blocks of
/// each needle.
const STEP: usize = 4;
/// Blocks that are looked up before any is acted on.
const BATCH: usize = 4;
/// The filter has 2,048 words of 64 bits, which stay in the processor's nearest memory.
const WORDS_BITS: u32 = 11;
/// So do the 1,024 choices of bits that stand for a block in its word.
const CHOICES_BITS: u32 = 10;

/// Needles, ready to be searched for.
#[derive(Debug, Clone, Default)]
pub struct Needles {
    list: Vec<Needle>,
    /// How far the blocks of the text that are looked up stand apart: so that each needle has one in every step, of which the
    /// last may end with a byte of the text's.
    step: usize,
    /// None without needles.
    filter: Option<Box<Filter>>,
    /// The needles' first blocks, by hash.
    beginnings: Vec<Beginning>,
    /// Where those whose hashes begin with each number begin among them, and where the last end.
    shelves: Vec<u32>,
    /// How far a hash is shifted for the number that it begins with.
    shift: u32,
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
        let step = STEP.min(shortest - (BLOCK - 2));
        let mut filter = Filter::default();
        let mut beginnings = Vec::with_capacity(list.len() * step);
        for (needle, it) in (0u32..).zip(&list) {
            let surely = &it.bytes[..it.least];
            for lead in 0..step {
                let block = &surely[lead..surely.len().min(lead + BLOCK)];
                let lead = lead as u32;
                beginnings.extend(blocks(block).map(|block| Beginning { hash: hash(block), lead, needle }));
            }
        }
        beginnings.sort_unstable();
        beginnings.dedup();
        beginnings.iter().for_each(|it| filter.add(it.hash));
        // About one on each shelf.
        let digits = (beginnings.len() as u32).ilog2() + 1;
        let shift = u32::BITS - digits;
        let begin = |number: u32| beginnings.partition_point(|it| it.hash >> shift < number) as u32;
        let shelves = (0..=1 << digits).map(begin).collect();
        Self { list, step, filter: Some(Box::new(filter)), beginnings, shelves, shift }
    }

    /// Every place where a needle is, by its first byte; of those at the same, what agrees longest comes first.
    pub fn find(&self, text: &[u8], found: &mut dyn FnMut(Place)) {
        let Some(filter) = &self.filter else { return };
        match self.step {
            2 => self.find_at::<2>(filter, text, found),
            3 => self.find_at::<3>(filter, text, found),
            _ => self.find_at::<STEP>(filter, text, found),
        }
    }

    /// [`Self::find`] with blocks that stand `STEP` apart.
    fn find_at<const STEP: usize>(&self, filter: &Filter, text: &[u8], found: &mut dyn FnMut(Place)) {
        let mut at = 0;
        while let Some(bytes) = text.get(at..).and_then(<[u8]>::first_chunk::<{ BATCH * self::STEP }>) {
            let hash = |n: usize| bytes[n * STEP..].first_chunk().map_or(0, |block| hash(*block));
            let bit = |n: usize| u32::from(filter.has(hash(n))) << n;
            let mut hits = (0..BATCH).map(bit).fold(0, |all, bit| all | bit);
            while hits != 0 {
                let n = hits.trailing_zeros() as usize % BATCH;
                self.check(text, at + n * STEP, hash(n), found);
                hits &= hits - 1;
            }
            at += BATCH * STEP;
        }
        while let Some(block) = text.get(at..).and_then(block) {
            let hash = hash(block);
            if filter.has(hash) {
                self.check(text, at, hash, found);
            }
            at += STEP;
        }
    }

    /// Bytes of memory that the search takes.
    #[cfg(test)]
    pub fn size(&self) -> usize {
        let needles: usize = self.list.iter().map(|it| size_of::<Needle>() + it.bytes.len()).sum();
        needles
            + size_of::<Filter>()
            + self.beginnings.len() * size_of::<Beginning>()
            + self.shelves.len() * size_of::<u32>()
    }

    /// The needles that have a block with that hash at `at`: they begin there or less than a step before.
    #[inline(never)]
    fn check(&self, text: &[u8], at: usize, hash: u32, found: &mut dyn FnMut(Place)) {
        let shelf = self.shelves.get((hash >> self.shift) as usize..).and_then(<[u32]>::first_chunk);
        let Some(&[from, to]) = shelf else { return };
        let beginnings = self.beginnings.get(from as usize..to as usize).unwrap_or_default();
        let mut places: Vec<Place> = Vec::new();
        for beginning in beginnings.iter().filter(|it| it.hash == hash) {
            let Some(needle) = self.list.get(beginning.needle as usize) else { continue };
            let Some(start) = at.checked_sub(beginning.lead as usize) else { continue };
            let same = |(one, other): (&u8, &u8)| {
                if needle.fold { one.to_ascii_lowercase() == *other } else { one == other }
            };
            let rest = text.get(start..).unwrap_or_default();
            let agreed = rest.iter().zip(&needle.bytes).take_while(|pair| same(*pair)).count();
            if agreed >= needle.least {
                places.push(Place { tag: needle.tag, start, agreed });
            }
        }
        places.sort_by_key(|place| (place.start, std::cmp::Reverse(place.agreed)));
        places.into_iter().for_each(found);
    }
}

/// The blocks that needles begin with: for each, up to three bits of one word are 0, which the first bits of its hash say. With
/// one bit, ordinary text hits a block in sixteen; so, one in several hundred.
#[derive(Debug, Clone)]
struct Filter([u64; 1 << WORDS_BITS]);

impl Default for Filter {
    fn default() -> Self {
        Self([u64::MAX; 1 << WORDS_BITS])
    }
}

impl Filter {
    fn add(&mut self, hash: u32) {
        self.0[Self::word(hash)] &= !Self::bits(hash);
    }

    fn has(&self, hash: u32) -> bool {
        self.0[Self::word(hash)] & Self::bits(hash) == 0
    }

    const fn word(hash: u32) -> usize {
        (hash >> (u32::BITS - WORDS_BITS)) as usize
    }

    fn bits(hash: u32) -> u64 {
        BITS[(hash >> (u32::BITS - WORDS_BITS - CHOICES_BITS)) as usize % BITS.len()]
    }
}

/// Bits of a word by chance, up to three. One load takes less than three shifts.
static BITS: [u64; 1 << CHOICES_BITS] = chosen_bits();

const fn chosen_bits() -> [u64; 1 << CHOICES_BITS] {
    let mut out = [0; 1 << CHOICES_BITS];
    // The linear congruential generator of PCG, whose upper bits are the better ones.
    let mut state = 0x853c_49e6_748f_ea9b_u64;
    let mut at = 0;
    while at < out.len() {
        state = state.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0xda3e_39cb_94b9_5bdb);
        out[at] = 1 << (state >> 58) | 1 << (state >> 52 & 63) | 1 << (state >> 46 & 63);
        at += 1;
    }
    out
}

/// The hash of a block. Setting a bit makes letters of both cases the same, and some other bytes too, which does no harm.
const fn hash(block: [u8; BLOCK]) -> u32 {
    (u32::from_le_bytes(block) | 0x2020_2020).wrapping_mul(0x9e37_79b1)
}

/// The block that a text begins with; at its end a zero may stand for the last byte.
fn block(text: &[u8]) -> Option<[u8; BLOCK]> {
    let short = || text.first_chunk::<{ BLOCK - 1 }>().map(|&[a, b, c]| [a, b, c, 0]);
    text.first_chunk().copied().or_else(short)
}

/// The blocks of a text that may begin with `part`: where that is a byte short, the next may be any.
fn blocks(part: &[u8]) -> impl Iterator<Item = [u8; BLOCK]> {
    let last = if part.len() < BLOCK { 0..=u8::MAX } else { 0..=0 };
    block(part).into_iter().flat_map(move |[a, b, c, d]| last.clone().map(move |any| [a, b, c, d | any]))
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
        let all = needles(&[
            (b"needle", true, 6),
            (b"Exact!", false, 6),
            (b"0123456789abcdef", true, 8),
            (b"cut off", true, 6),
        ]);
        for lead in 0..40 {
            let place = |text: &str| format!("{}{text}", "x".repeat(lead));
            assert_eq!(find(&all, place("NeEdLe").as_bytes()), [(0, lead, 6)]);
            assert_eq!(find(&all, place("Exact!").as_bytes()), [(1, lead, 6)]);
            assert_eq!(find(&all, place("exact!").as_bytes()), []);
            assert_eq!(find(&all, place("01234567zz").as_bytes()), [(2, lead, 8)]);
            assert_eq!(find(&all, place("0123456789ABCDEF").as_bytes()), [(2, lead, 16)]);
            assert_eq!(find(&all, place("0123456").as_bytes()), []);
            assert_eq!(find(&all, place("cut of").as_bytes()), [(3, lead, 6)]);
            assert_eq!(find(&all, place("cut of it").as_bytes()), [(3, lead, 6)]);
        }
    }

    #[test]
    fn finds_the_longer_of_two_first_and_both() {
        let all = needles(&[(b"12345", false, 5), (b"12345678", false, 8), (b"45678", false, 5)]);
        assert_eq!(find(&all, b"-12345678-"), [(1, 1, 8), (0, 1, 5), (2, 4, 5)]);
    }

    #[test]
    fn agrees_with_looking_everywhere() {
        for shortest in BLOCK..BLOCK + STEP + 2 {
            looks_everywhere(shortest);
        }
    }

    fn looks_everywhere(shortest: usize) {
        let words: Vec<Vec<u8>> = (0..300u32)
            .map(|n| {
                let text = format!("{:x}", u64::from(n + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
                text.as_bytes()[..shortest + n as usize % 6].to_vec()
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
