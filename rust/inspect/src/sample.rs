//! What bytes of no known protocol look like: enough to tell ciphertext from a table or a text, and one protocol of its
//! own from another.

use std::ops::Range;

use crate::report::Sample;

/// How many of the first bytes are shown.
const SHOWN: usize = 32;

/// What `bytes` look like, which stand at `range` in the stream.
pub fn sample(bytes: &[u8], range: &Range<u64>) -> Sample {
    let printable = |byte: &&u8| matches!(byte, b' '..=b'~' | b'\t' | b'\r' | b'\n');
    let share = bytes.iter().filter(printable).count() * 100 / bytes.len().max(1);
    let first = bytes.iter().take(SHOWN).map(|byte| format!("{byte:02x}")).collect();
    Sample { range: [range.start, range.end], entropy: entropy(bytes), printable: share as u8, first }
}

/// Shannon's entropy in hundredths of a bit per byte: 0 for one byte over and over, 800 for all equally often.
fn entropy(bytes: &[u8]) -> u16 {
    let mut counts = [0u32; 256];
    bytes.iter().for_each(|&byte| counts[usize::from(byte)] += 1);
    let Some(total) = u32::try_from(bytes.len()).ok().filter(|total| *total > 0) else { return 0 };
    // Of n bytes, of which each value v comes c(v) times: log n - sum of c log c / n.
    let weighed = |count: u32| u64::from(count) * log2(count);
    let known: u64 = counts.iter().filter(|count| **count > 0).map(|&count| weighed(count)).sum();
    let bits = weighed(total).saturating_sub(known) / u64::from(total);
    ((bits * 100 + LOG_UNIT / 2) / LOG_UNIT) as u16
}

/// Parts of a bit that [`log2`] counts in.
const LOG_UNIT: u64 = 1 << 16;

/// Binary logarithm of a number above 0, digit by digit: squaring doubles it. A library's differs from one machine to the
/// next in the last digit, and reports may not.
fn log2(number: u32) -> u64 {
    let whole = number.ilog2();
    // From 1 to below 2, with 31 digits behind the point.
    let mut rest = u64::from(number) << (31 - whole);
    let mut log = u64::from(whole) * LOG_UNIT;
    let mut digit = LOG_UNIT / 2;
    while digit > 0 {
        rest = (rest * rest) >> 31;
        if rest >> 32 > 0 {
            rest >>= 1;
            log += digit;
        }
        digit /= 2;
    }
    log
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entropy_is_between_nothing_and_eight_bits() {
        let every: Vec<u8> = (0..=255).collect();
        assert_eq!(entropy(&[]), 0);
        assert_eq!(entropy(&[7; 100]), 0);
        assert_eq!(entropy(&[0, 1, 0, 1]), 100);
        assert_eq!(entropy(&every.repeat(3)), 800);
        assert!((300..500).contains(&entropy(b"a sentence that says something, as people write it")));
    }

    #[test]
    fn logarithms_are_those_of_the_library_to_four_digits() {
        for number in [1u32, 2, 3, 7, 10, 1000, 8191, 8192, u32::MAX] {
            let error = log2(number) as f64 / LOG_UNIT as f64 - f64::from(number).log2();
            assert!(error.abs() < 1e-4, "{number}: {error}");
        }
    }

    #[test]
    fn the_first_bytes_and_the_printable_share_are_told() {
        let found = sample(b"\x01\x02ok", &(5..9));
        assert_eq!((found.first.as_str(), found.printable, found.range), ("01026f6b", 50, [5, 9]));
        assert_eq!(sample(&[b'a'; 1000], &(0..1000)).first, "61".repeat(SHOWN));
        assert_eq!(sample(&[], &(0..0)).printable, 0);
    }
}
