//! How much a brotli stream says that it holds (RFC 7932 sections 9.1 and 9.2).
//!
//! The decoder fills a window of up to 16 MiB before it gives anything out, so what begins with more than may come of it
//! is better not begun: some bytes would take milliseconds.

/// The window bits of the large-window extension, which browsers do not take.
const LARGE: u8 = 0b001_0001;

/// Whether the stream's first block holds no more than so many bytes.
pub(super) fn is_bounded(input: &[u8], most: usize) -> bool {
    let mut bits = Bits { input, at: 0 };
    first_length(&mut bits).is_some_and(|length| length <= most as u64)
}

/// Bytes of the first block that are not compressed any more; `None` where no stream begins so.
fn first_length(bits: &mut Bits<'_>) -> Option<u64> {
    if bits.input.first()? & 0x7f == LARGE {
        return None;
    }
    // WBITS: 1, 4 or 7 bits.
    if bits.take(1)? == 1 && bits.take(3)? == 0 {
        bits.take(3)?;
    }
    let last = bits.take(1)? == 1;
    if last && bits.take(1)? == 1 {
        return Some(0);
    }
    match bits.take(2)? {
        // Metadata, which only another block can follow.
        3 => (!last).then_some(0),
        nibbles => Some(bits.take(4 * (4 + nibbles as u32))? + 1),
    }
}

/// Bits, the lowest of each byte first.
struct Bits<'a> {
    input: &'a [u8],
    at: usize,
}

impl Bits<'_> {
    fn take(&mut self, count: u32) -> Option<u64> {
        let mut out = 0;
        for bit in 0..count {
            let byte = self.input.get(self.at / 8)?;
            out |= u64::from(byte >> (self.at % 8) & 1) << bit;
            self.at += 1;
        }
        Some(out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_say_what_their_first_block_holds() {
        // An empty stream; ten bytes with the window that most encoders choose; 16 MiB.
        let length = |input: &[u8]| first_length(&mut Bits { input, at: 0 });
        assert_eq!(length(&[0x06]), Some(0));
        assert_eq!(length(&[0x8b, 0x04, 0x80]), Some(10));
        assert_eq!(length(&[0x9b, 0xff, 0xff, 0xff]), Some(1 << 24));
        assert_eq!(length(&[LARGE, 0, 0, 0, 0]), None);
        assert_eq!(length(&[]), None);
        assert!(!is_bounded(&[0x9b, 0xff, 0xff, 0xff], 1 << 20));
    }
}
