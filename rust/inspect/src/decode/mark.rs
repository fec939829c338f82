//! Where the next mark stands, in formats whose parts are short: a search by vector is not worth its set-up there.

/// Bytes that are looked at together.
pub const WORD: usize = 8;

/// Where one of some bytes stands first from `at` on; the bytes' end when none does.
#[inline]
pub fn find_any<const N: usize>(bytes: &[u8], mut at: usize, marks: [u8; N]) -> usize {
    /// Words that are looked at before a vector's search begins.
    const WORDS: usize = 3;
    for _ in 0..WORDS {
        let Some(word) = bytes.get(at..).and_then(<[u8]>::first_chunk) else { break };
        if let Some(first) = first_of(u64::from_le_bytes(*word), marks) {
            return at + first;
        }
        at += WORD;
    }
    let rest = bytes.get(at..).unwrap_or_default();
    let found = match *marks.as_slice() {
        [mark] => memchr::memchr(mark, rest),
        [one, other] => memchr::memchr2(one, other, rest),
        _ => rest.iter().position(|byte| marks.contains(byte)),
    };
    found.map_or(bytes.len(), |found| at + found)
}

/// The first bytes of a text; behind its end they are 0. A loop over as many as there are would be left at another place
/// each time, which processors do not foresee.
#[inline]
pub fn word(text: &[u8]) -> u64 {
    match (text.first_chunk(), text.first_chunk(), text.last_chunk()) {
        (Some(word), ..) => u64::from_le_bytes(*word),
        // Two halves that may lie over each other.
        (None, Some(first), Some(last)) => {
            let shift = 8 * (text.len() - size_of::<u32>());
            u64::from(u32::from_le_bytes(*first)) | u64::from(u32::from_le_bytes(*last)) << shift
        }
        // Up to three bytes, which these are all, whatever their number.
        _ => match (text.first(), text.get(text.len() / 2), text.last()) {
            (Some(first), Some(middle), Some(last)) => {
                let placed = |byte: &u8, at: usize| u64::from(*byte) << (8 * at);
                placed(first, 0) | placed(middle, text.len() / 2) | placed(last, text.len() - 1)
            }
            _ => 0,
        },
    }
}

/// Which byte of a word is the first that is one of some.
#[inline]
pub fn first_of<const N: usize>(word: u64, marks: [u8; N]) -> Option<usize> {
    let found = marks.iter().fold(0, |found, mark| found | zeros(word ^ repeated(*mark)));
    if found == 0 { None } else { Some(found.trailing_zeros() as usize / 8) }
}

const fn repeated(byte: u8) -> u64 {
    u64::from_ne_bytes([byte; 8])
}

/// The highest bit of the first byte that is zero, and perhaps of others behind it; 0 when there is none.
const fn zeros(word: u64) -> u64 {
    word.wrapping_sub(repeated(0x01)) & !word & repeated(0x80)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_a_word_of_what_is_shorter() {
        let text = *b"abcdefghij";
        for length in 0..=text.len() {
            let mut padded = [0; WORD];
            padded.iter_mut().zip(&text[..length]).for_each(|(byte, of)| *byte = *of);
            assert_eq!(word(&text[..length]), u64::from_le_bytes(padded), "{length}");
        }
    }

    #[test]
    fn finds_each_at_any_distance() {
        for distance in 0..80 {
            for mark in *b"&=%+" {
                let mut bytes = vec![b'x'; distance];
                bytes.extend([mark, b'x', b'=', b'&']);
                for at in 0..=distance {
                    assert_eq!(find_any(&bytes, at, *b"=&%+"), distance, "{distance} from {at}");
                    assert_eq!(find_any(&bytes, at, [mark]), distance, "{distance} from {at}");
                    assert_eq!(find_any(&bytes, at, [mark, b'!']), distance, "{distance} from {at}");
                }
            }
            let none = vec![b'x'; distance];
            assert_eq!(find_any(&none, 0, *b"=&"), distance);
        }
        assert_eq!(find_any(b"", 0, *b"=&"), 0);
        assert_eq!(find_any(b"ab", 5, *b"=&"), 2);
    }
}
