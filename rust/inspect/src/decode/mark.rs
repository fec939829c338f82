//! Where the next mark stands, in formats whose parts are short: a search by vector is not worth its set-up there.

/// Where one of two bytes stands first from `at` on; the bytes' end when neither does.
#[inline]
pub fn find_either(bytes: &[u8], mut at: usize, (one, other): (u8, u8)) -> usize {
    /// Words of 8 bytes that are looked at before a vector's search begins.
    const WORDS: usize = 3;
    for _ in 0..WORDS {
        let Some(word) = bytes.get(at..).and_then(<[u8]>::first_chunk) else { break };
        let word = u64::from_le_bytes(*word);
        let marks = zeros(word ^ repeated(one)) | zeros(word ^ repeated(other));
        if marks != 0 {
            return at + marks.trailing_zeros() as usize / 8;
        }
        at += 8;
    }
    let rest = bytes.get(at..).unwrap_or_default();
    memchr::memchr2(one, other, rest).map_or(bytes.len(), |found| at + found)
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
