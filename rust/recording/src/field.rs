//! Integers in the byte order of a file's author.

/// The byte order of a file or section.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Endian {
    Little,
    Big,
}

impl Endian {
    /// The 16-bit field at `at`; 0 past the end.
    pub(crate) fn u16(self, bytes: &[u8], at: usize) -> u16 {
        let field = chunk(bytes, at);
        match self {
            Self::Little => u16::from_le_bytes(field),
            Self::Big => u16::from_be_bytes(field),
        }
    }

    /// The 32-bit field at `at`; 0 past the end.
    pub(crate) fn u32(self, bytes: &[u8], at: usize) -> u32 {
        let field = chunk(bytes, at);
        match self {
            Self::Little => u32::from_le_bytes(field),
            Self::Big => u32::from_be_bytes(field),
        }
    }

    /// The 64-bit field at `at`; 0 past the end.
    pub(crate) fn u64(self, bytes: &[u8], at: usize) -> u64 {
        let field = chunk(bytes, at);
        match self {
            Self::Little => u64::from_le_bytes(field),
            Self::Big => u64::from_be_bytes(field),
        }
    }
}

/// `N` bytes from `at` on; zeros when they are not all there.
fn chunk<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    bytes.get(at..).and_then(|rest| rest.first_chunk()).copied().unwrap_or([0; N])
}
