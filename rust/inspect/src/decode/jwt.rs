//! JSON Web Tokens (RFC 7519) as values of their own: header, claims and signature, each base64url.

use super::{Piece, base64};

/// The header and the claims, if that is what stands there. The signature says nothing.
pub fn pieces(text: &[u8]) -> Option<Vec<Piece>> {
    let start = text.len() - text.trim_ascii_start().len();
    let text = text.trim_ascii();
    // An object's `{"` begins every header.
    if !text.starts_with(b"eyJ") {
        return None;
    }
    // Plain base64 has no dot at all.
    let mut dots = memchr::memchr_iter(b'.', text);
    let (first, second) = (dots.next()?, dots.next()?);
    let (header, claims, signature) = (&text[..first], &text[first + 1..second], &text[second + 1..]);
    let is_part = |part: &[u8]| part.iter().all(|&byte| base64::is_digit(byte));
    if claims.len() < 4 || dots.next().is_some() || ![header, claims, signature].into_iter().all(is_part) {
        return None;
    }
    let second = start + header.len() + 1;
    Some(vec![
        Piece::slice("header", start..start + header.len(), 1),
        Piece::slice("claims", second..second + claims.len(), 2),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn splits_header_and_claims() {
        let text = b" eyJhbGciOiJub25lIn0.eyJpbWVpIjoiMSJ9.";
        let found: Vec<_> = pieces(text).unwrap().iter().map(|it| it.bytes(text).to_vec()).collect();
        assert_eq!(found, [b"eyJhbGciOiJub25lIn0".to_vec(), b"eyJpbWVpIjoiMSJ9".to_vec()]);
        for text in ["eyJhbGciOiJub25lIn0", "eyJh.b.c d", "eyJh.eyJh.c.d", "a.b.c"] {
            assert_eq!(pieces(text.as_bytes()), None, "{text}");
        }
    }
}
