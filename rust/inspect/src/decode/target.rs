//! The target of an HTTP request (RFC 9112 section 3.2): path and query.

use std::iter;

use smol_str::SmolStr;

use super::part::everything;
use super::{Piece, Value, form};
use crate::protocol::segments;

/// A target's path, and those of its segments that may be encoded. These have no name: the path as a whole has.
pub fn path(target: &[u8]) -> Vec<Piece> {
    let path = &target[..path_end(target)];
    let segments = segments(path).map(|(number, range)| {
        let piece = Piece::slice(format!("path[{number}]"), range, 1);
        Piece { key: Some(SmolStr::default()), ..piece }
    });
    iter::once(Piece::slice("path", 0..path.len(), 1)).chain(segments).collect()
}

/// What a target asks, at most `limit` fields of it.
pub fn query(target: &[u8], limit: usize) -> Vec<Piece> {
    let start = (path_end(target) + 1).min(target.len());
    let mut pieces = form::pieces(&target[start..], limit, &mut everything);
    for piece in &mut pieces {
        if let Value::Slice(range) = &mut piece.value {
            *range = range.start + start..range.end + start;
        }
    }
    pieces
}

fn path_end(target: &[u8]) -> usize {
    memchr::memchr(b'?', target).unwrap_or(target.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn path_and_query_are_told_apart() {
        let target = b"/v1/MDAxMDE3MDAx?a=1&b=%32";
        let read = |pieces: Vec<Piece>| -> Vec<(String, String)> {
            let text = |it: &Piece| String::from_utf8_lossy(it.bytes(target)).into_owned();
            pieces.iter().map(|it| (it.path.to_string(), text(it))).collect()
        };
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(read(path(target)), [pair("path", "/v1/MDAxMDE3MDAx"), pair("path[2]", "MDAxMDE3MDAx")]);
        assert_eq!(read(query(target, 9)), [pair("a", "1"), pair("b", "%32")]);
        assert_eq!(query(b"/v1", 9).len() + query(b"/v1?", 9).len(), 0);
    }
}
