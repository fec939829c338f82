//! `data:` URLs (RFC 2397).

use super::Piece;
use super::transfer::Transfer;

/// Longer media types are not believed.
const MAX_TYPE: usize = 256;

/// The content, still encoded; its path is the media type.
pub fn piece(text: &[u8]) -> Option<Piece> {
    let prefix = text.get(..5)?;
    let comma = text.iter().take(MAX_TYPE).position(|&byte| byte == b',')?;
    let declared = std::str::from_utf8(text.get(5..comma)?).ok()?;
    let is_type = |it: char| it.is_ascii_alphanumeric() || "/;=+-._".contains(it);
    if !prefix.eq_ignore_ascii_case(b"data:") || !declared.chars().all(is_type) || comma + 1 >= text.len() {
        return None;
    }
    let media_type = declared.split(';').next().filter(|it| !it.is_empty()).unwrap_or("text/plain");
    let transfer = declared.split(';').skip(1).find_map(|it| Transfer::of(it.as_bytes()));
    Some(Piece { transfer, ..Piece::slice(media_type, comma + 1..text.len(), 1) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_is_named_by_its_type() {
        for (text, path, content) in [
            ("data:application/json;base64,eyJhIjoxfQ==", "application/json", "eyJhIjoxfQ=="),
            ("DATA:,a%20b", "text/plain", "a%20b"),
        ] {
            let piece = piece(text.as_bytes()).unwrap();
            assert_eq!((piece.path.as_str(), piece.bytes(text.as_bytes())), (path, content.as_bytes()));
            assert_eq!(piece.transfer.is_some(), text.contains("base64"));
        }
        for text in ["data:", "data:x", "data: a, b", "date:,x", "data:,"] {
            assert_eq!(piece(text.as_bytes()), None, "{text}");
        }
    }
}
