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
    let total = bytes.len() as f64;
    let bits = counts.iter().filter(|count| **count > 0).map(|&count| {
        let share = f64::from(count) / total;
        -share * share.log2()
    });
    (bits.sum::<f64>() * 100.0).round() as u16
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
    fn the_first_bytes_and_the_printable_share_are_told() {
        let found = sample(b"\x01\x02ok", &(5..9));
        assert_eq!((found.first.as_str(), found.printable, found.range), ("01026f6b", 50, [5, 9]));
        assert_eq!(sample(&[b'a'; 1000], &(0..1000)).first, "61".repeat(SHOWN));
        assert_eq!(sample(&[], &(0..0)).printable, 0);
    }
}
