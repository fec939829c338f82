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

/// The first bytes of a text; behind its end they are 0.
#[inline]
pub fn word(text: &[u8]) -> u64 {
    let padded = || {
        let mut word = [0; WORD];
        word.iter_mut().zip(text).for_each(|(byte, of)| *byte = *of);
        word
    };
    u64::from_le_bytes(text.first_chunk().copied().unwrap_or_else(padded))
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
