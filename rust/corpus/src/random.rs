//! Randomness that is the same for the same seed, on every machine and for ever: a flow is found again by its number.

/// SplitMix64 (Steele, Lea and Flood, 2014).
#[derive(Debug, Clone)]
pub struct Random(u64);

impl Random {
    /// The sequence of one item of a seed. Items that are neighbours have nothing in common.
    pub fn new(seed: u64, item: u64) -> Self {
        let mut mixer = Self(seed);
        let base = mixer.next();
        let mut out = Self(base ^ item.wrapping_mul(0xd6e8_feb8_6659_fd93));
        out.next();
        out
    }

    /// The next 64 bits.
    pub const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut value = self.0;
        value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        value ^ (value >> 31)
    }

    /// A number below `bound`; 0 when that is 0.
    pub const fn below(&mut self, bound: u64) -> u64 {
        let value = self.next();
        if bound == 0 { 0 } else { value % bound }
    }

    /// A number from `low` to `high`, both included.
    pub const fn between(&mut self, low: u64, high: u64) -> u64 {
        low + self.below(high - low + 1)
    }

    /// Whether something happens that happens `percent` times in a hundred.
    pub const fn happens(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    /// One of `choices`, which is not empty.
    pub fn pick<'a, T: ?Sized>(&mut self, choices: &[&'a T]) -> &'a T {
        choices[self.index(choices.len())]
    }

    /// A place in a list of `len` items, which is not empty.
    pub const fn index(&mut self, len: usize) -> usize {
        self.below(len as u64) as usize
    }

    /// Characters of an alphabet.
    pub fn of(&mut self, alphabet: &str, count: usize) -> String {
        let letters = alphabet.as_bytes();
        (0..count).map(|_| char::from(letters[self.index(letters.len())])).collect()
    }

    /// Decimal digits, the first not 0.
    pub fn number(&mut self, count: usize) -> String {
        self.of("123456789", count.min(1)) + &self.digits(count.saturating_sub(1))
    }

    /// Decimal digits.
    pub fn digits(&mut self, count: usize) -> String {
        self.of("0123456789", count)
    }

    /// Hexadecimal digits in lower case.
    pub fn hex(&mut self, count: usize) -> String {
        self.of("0123456789abcdef", count)
    }

    /// Bytes.
    pub fn bytes(&mut self, count: usize) -> Vec<u8> {
        (0..count).map(|_| self.next() as u8).collect()
    }

    /// Puts a list into another order.
    pub fn shuffle<T>(&mut self, list: &mut [T]) {
        for end in (1..list.len()).rev() {
            list.swap(end, self.index(end + 1));
        }
    }
}
