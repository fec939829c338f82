//! The options at the end of a pcapng block (section 3.5 of the draft).

use crate::field::Endian;

pub(crate) const COMMENT: u16 = 1;
pub(crate) const IF_NAME: u16 = 2;
pub(crate) const IF_DESCRIPTION: u16 = 3;
pub(crate) const IF_TSRESOL: u16 = 9;
pub(crate) const IF_TSOFFSET: u16 = 14;
pub(crate) const SHB_USERAPPL: u16 = 4;
pub(crate) const EPB_FLAGS: u16 = 2;

const END: u16 = 0;

/// The options of a block, walked within their bytes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Options<'a> {
    endian: Endian,
    bytes: &'a [u8],
}

impl<'a> Options<'a> {
    /// The options that start at `bytes[0]`.
    pub(crate) fn new(endian: Endian, bytes: &'a [u8]) -> Self {
        Self { endian, bytes }
    }

    /// Whether an option runs past the end.
    pub(crate) fn is_broken(self) -> bool {
        let mut walk = self;
        while walk.next().is_some() {}
        // What `next` did not take is the end mark, or rests after it, or an option that does not fit.
        walk.bytes.len() >= 4 && walk.endian.u16(walk.bytes, 0) != END
    }

    /// The first option with this code.
    fn find(mut self, code: u16) -> Option<&'a [u8]> {
        loop {
            let (found, value) = self.next()?;
            if found == code {
                return Some(value);
            }
        }
    }

    /// The option as an 8-bit number.
    pub(crate) fn byte(self, code: u16) -> Option<u8> {
        self.find(code)?.first().copied()
    }

    /// The option as a 32-bit number.
    pub(crate) fn u32(self, code: u16) -> Option<u32> {
        let value = self.find(code)?;
        (value.len() == 4).then(|| self.endian.u32(value, 0))
    }

    /// The option as a 64-bit number.
    pub(crate) fn u64(self, code: u16) -> Option<u64> {
        let value = self.find(code)?;
        (value.len() == 8).then(|| self.endian.u64(value, 0))
    }

    /// The option as text, if it is UTF-8.
    pub(crate) fn text(self, code: u16) -> Option<&'a str> {
        std::str::from_utf8(self.find(code)?).ok()
    }

    fn next(&mut self) -> Option<(u16, &'a [u8])> {
        let header = self.bytes.get(..4)?;
        let (code, len) = (self.endian.u16(header, 0), usize::from(self.endian.u16(header, 2)));
        if code == END {
            return None;
        }
        let value = self.bytes.get(4..4 + len)?;
        self.bytes = self.bytes.get(4 + len.next_multiple_of(4)..).unwrap_or_default();
        Some((code, value))
    }
}

/// Appends an option in little-endian order. A value that is too long is cut to what the length field can say.
pub(crate) fn push(block: &mut Vec<u8>, code: u16, value: &[u8]) {
    let len = u16::try_from(value.len()).unwrap_or(u16::MAX);
    let value = &value[..usize::from(len)];
    block.extend_from_slice(&code.to_le_bytes());
    block.extend_from_slice(&len.to_le_bytes());
    block.extend_from_slice(value);
    block.resize(block.len().next_multiple_of(4), 0);
}

/// Appends the mark that ends the options.
pub(crate) fn push_end(block: &mut Vec<u8>) {
    block.extend_from_slice(&[0; 4]);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_found_and_padded() {
        let mut bytes = Vec::new();
        push(&mut bytes, IF_NAME, b"wlan0");
        push(&mut bytes, IF_TSRESOL, &[9]);
        push_end(&mut bytes);
        let found = Options::new(Endian::Little, &bytes);
        assert_eq!(found.text(IF_NAME), Some("wlan0"));
        assert_eq!(found.byte(IF_TSRESOL), Some(9));
        assert_eq!(found.u64(IF_TSOFFSET), None);
        assert!(!found.is_broken());
    }

    #[test]
    fn an_option_that_does_not_fit_is_seen() {
        let bytes = [2, 0, 9, 0, b'w', b'l', b'a', b'n'];
        let found = Options::new(Endian::Little, &bytes);
        assert!(found.is_broken());
        assert_eq!(found.text(IF_NAME), None);
    }
}
