//! Where the next mark stands, in formats whose parts are short: a search by vector is not worth its set-up there.

/// Bytes that are looked at together.
pub const WORD: usize = 8;

/// Where one of two bytes stands first from `at` on; the bytes' end when neither does.
#[inline]
pub fn find_either(bytes: &[u8], mut at: usize, marks: (u8, u8)) -> usize {
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
    memchr::memchr2(marks.0, marks.1, rest).map_or(bytes.len(), |found| at + found)
}

/// Whether one of two bytes, neither of them 0, stands in a text that is short most often.
#[inline]
pub fn has_either(text: &[u8], marks: (u8, u8)) -> bool {
    if text.len() <= WORD {
        first_of(word(text), marks).is_some()
    } else {
        memchr::memchr2(marks.0, marks.1, text).is_some()
    }
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

/// Which byte of a word is the first that is one of two.
#[inline]
pub const fn first_of(word: u64, (one, other): (u8, u8)) -> Option<usize> {
    let marks = zeros(word ^ repeated(one)) | zeros(word ^ repeated(other));
    if marks == 0 { None } else { Some(marks.trailing_zeros() as usize / 8) }
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
    fn tells_whether_either_stands_anywhere() {
        for length in 0..20 {
            let mut text = vec![b'x'; length];
            assert!(!has_either(&text, (b'%', b'+')), "{length}");
            for (at, mark) in (0..length).zip(b"%+".iter().cycle()) {
                text[at] = *mark;
                assert!(has_either(&text, (b'%', b'+')), "{at} of {length}");
                text[at] = b'x';
            }
        }
    }

    #[test]
    fn finds_either_at_any_distance() {
        for distance in 0..80 {
            for mark in *b"&=" {
                let mut bytes = vec![b'x'; distance];
                bytes.extend([mark, b'x', b'=', b'&']);
                for at in 0..=distance {
                    assert_eq!(find_either(&bytes, at, (b'=', b'&')), distance, "{distance} from {at}");
                }
            }
            let none = vec![b'x'; distance];
            assert_eq!(find_either(&none, 0, (b'=', b'&')), distance);
        }
        assert_eq!(find_either(b"", 0, (b'=', b'&')), 0);
        assert_eq!(find_either(b"ab", 5, (b'=', b'&')), 2);
    }
}
