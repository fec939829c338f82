//! How a part of a mail or a multipart content says that it is encoded (RFC 2045 section 6).

use super::sniff::Content;
use super::{base64, quoted};

/// An encoding that changes the bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transfer {
    /// Section 6.7.
    Quoted,
    /// Section 6.8.
    Base64,
}

/// The name of the header field.
pub const FIELD: &str = "content-transfer-encoding";

impl Transfer {
    /// What the header field says.
    pub fn of(value: &[u8]) -> Option<Self> {
        let value = value.trim_ascii();
        let is = |name: &str| value.eq_ignore_ascii_case(name.as_bytes());
        if is("quoted-printable") { Some(Self::Quoted) } else { is("base64").then_some(Self::Base64) }
    }

    /// What the bytes are by that, if it does anything to them and they agree.
    pub fn undo(self, bytes: &[u8]) -> Option<Content> {
        match self {
            Self::Quoted if !bytes.contains(&b'=') => None,
            Self::Quoted => Some(Content::Encoded("quoted-printable".into(), quoted::decode(bytes))),
            Self::Base64 => base64::decode(bytes, 1).map(|it| Content::Encoded(it.step, it.bytes)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_changes_bytes_is_undone() {
        let undone = |said: &[u8], bytes: &[u8]| match Transfer::of(said).and_then(|it| it.undo(bytes)) {
            Some(Content::Encoded(step, out)) => Some((step.into_owned(), out)),
            _ => None,
        };
        let own = |step: &str, bytes: &[u8]| Some((step.to_owned(), bytes.to_vec()));
        assert_eq!(undone(b" BASE64\r\n", b"AP8=\r\n").map(|it| it.1), Some(vec![0, 255]));
        assert_eq!(undone(b"quoted-printable", b"a=3D1"), own("quoted-printable", b"a=1"));
        assert_eq!(undone(b"quoted-printable", b"nothing to undo"), None);
        assert_eq!(undone(b"8bit", b"a=3D1"), None);
    }
}
