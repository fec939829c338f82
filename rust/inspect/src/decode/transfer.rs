//! How what holds a part says that it is encoded: a field of a mail or a multipart content (RFC 2045 section 6), or that it is
//! a form.

use super::sniff::Content;
use super::{base64, percent, quoted};

/// An encoding that changes the bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transfer {
    /// Section 6.7.
    Quoted,
    /// Section 6.8.
    Base64,
    /// A form's value, in which `+` is a space (WHATWG URL section 5.1).
    Form,
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
            Self::Form if !is_spaced(bytes) => None,
            Self::Form => Some(Content::Encoded("percent".into(), percent::decode(bytes, true))),
        }
    }
}

/// Whether words are parted by `+`. In base64 that nobody encoded it is one of 64 digits, and before a telephone number it is
/// no space.
fn is_spaced(value: &[u8]) -> bool {
    /// Shorter base64 says little.
    const SHORT: usize = 16;
    let inner = value.strip_prefix(b"+").unwrap_or(value);
    let inner = inner.strip_suffix(b"+").unwrap_or(inner);
    let spaces = inner.iter().filter(|&&byte| byte == b'+').count();
    let is_digit = |byte: &u8| byte.is_ascii_alphanumeric() || b"+/=".contains(byte);
    spaces > 0 && (value.len() < SHORT || spaces * 12 > value.len() || !value.iter().all(is_digit))
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

    #[test]
    fn a_plus_between_words_is_a_space() {
        let spaced = |value: &[u8]| Transfer::Form.undo(value).is_some();
        for value in ["My+Home+Net", "35+909110+877893+3", "NETGEAR+2E8D", "Telekom_FON-Hotspot+Guests"] {
            assert!(spaced(value.as_bytes()), "{value}");
        }
        assert!(!spaced(b"+4917012345678") && !spaced(b"plain") && !spaced(b"a+"));
        assert!(!spaced(b"VGhlIHBob25l+HNlbmRzIHdoYXQgbm9ib2R5IGFza2VkIGZvcg=="));
    }
}
