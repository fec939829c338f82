//! The packed encoding of ASN.1 without alignment (X.691): bits from the highest of each byte on.

/// A reader that stands at a bit.
#[derive(Debug, Clone)]
pub(super) struct Bits<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Bits<'a> {
    /// At the first bit of the byte at `start`.
    pub(super) const fn new(bytes: &'a [u8], start: usize) -> Self {
        Self { bytes, at: start * 8 }
    }

    /// Where it stands, in bits.
    pub(super) const fn at(&self) -> usize {
        self.at
    }

    /// A number of at most 64 bits.
    pub(super) fn take(&mut self, count: u32) -> Option<u64> {
        let mut value = 0;
        for _ in 0..count {
            let bit = self.bytes.get(self.at / 8)? >> (7 - self.at % 8) & 1;
            value = value << 1 | u64::from(bit);
            self.at += 1;
        }
        Some(value)
    }

    pub(super) fn flag(&mut self) -> Option<bool> {
        self.take(1).map(|bit| bit == 1)
    }

    /// `None`: there are not so many.
    pub(super) fn skip(&mut self, count: usize) -> Option<()> {
        self.at += count;
        (self.at <= self.bytes.len() * 8).then_some(())
    }

    /// Bytes of an extension that follows (section 11.9); 16 KiB and more come in pieces, and are nothing that is read here.
    pub(super) fn length(&mut self) -> Option<usize> {
        let len = if !self.flag()? {
            self.take(7)
        } else if !self.flag()? {
            self.take(14)
        } else {
            None
        };
        len.map(|len| len as usize)
    }

    /// Passes over what later versions added to a sequence, if anything (section 19.7).
    pub(super) fn skip_additions(&mut self, extended: bool) -> Option<()> {
        if !extended {
            return Some(());
        }
        let many = self.flag()?;
        let count = self.take(6).filter(|_| !many)? as u32 + 1;
        let there = self.take(count)?.count_ones();
        for _ in 0..there {
            let len = self.length()?;
            self.skip(len * 8)?;
        }
        Some(())
    }
}
