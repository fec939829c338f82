//! gRPC's and gRPC-web's length-prefixed messages (gRPC over HTTP2, section "Requests").

use super::Piece;

/// Bytes before each message: flags and length.
const PREFIX: usize = 5;
/// The message is compressed.
const COMPRESSED: u8 = 1;
/// gRPC-web's trailers, as text.
const TRAILERS: u8 = 0x80;

/// The messages, at most `limit`, if the bytes are nothing else from end to end. After a whole one the last may be cut off.
pub fn pieces(bytes: &[u8], limit: usize) -> Option<Vec<Piece>> {
    let mut out = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        let (flags, length) = prefix(bytes.get(at..)?)?;
        let start = at + PREFIX;
        let end = start.checked_add(length)?;
        if end > bytes.len() && out.is_empty() {
            return None;
        }
        let content = start..end.min(bytes.len());
        at = content.end;
        if !content.is_empty() && out.len() < limit {
            let name = if flags & TRAILERS == 0 { "message" } else { "trailers" };
            out.push(Piece::slice(name, content, out.len() as u32 + 1));
        }
    }
    (!out.is_empty()).then_some(out)
}

/// Flags and length of the first message.
fn prefix(bytes: &[u8]) -> Option<(u8, usize)> {
    let (&flags, rest) = bytes.split_first()?;
    let length = u32::from_be_bytes(*rest.first_chunk()?);
    (flags & !(COMPRESSED | TRAILERS) == 0).then_some((flags, usize::try_from(length).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_and_trailers_are_told_apart() {
        let bytes = b"\0\0\0\0\x03abc\x01\0\0\0\x02de\0\0\0\0\0\x80\0\0\0\x0dgrpc-status:0";
        let found: Vec<_> = pieces(bytes, 9)
            .unwrap()
            .iter()
            .map(|it| (it.path.to_string(), it.bytes(bytes).to_vec()))
            .collect();
        let own = |name: &str, bytes: &[u8]| (name.to_owned(), bytes.to_vec());
        assert_eq!(found, [own("message", b"abc"), own("message", b"de"), own("trailers", b"grpc-status:0")]);
        assert_eq!(pieces(bytes, 1).unwrap().len(), 1);
        let cut: Vec<_> =
            pieces(&bytes[..14], 9).unwrap().iter().map(|it| it.bytes(bytes).to_vec()).collect();
        assert_eq!(cut, [b"abc".to_vec(), b"d".to_vec()]);
    }

    #[test]
    fn other_bytes_are_none() {
        for bytes in [
            &b""[..],
            b"\0",
            b"\0\0\0\0\0",
            b"\0\0\0\0\x04abc",
            b"\0\0\0\0\x02abc",
            b"\x02\0\0\0\x01a",
            b"text",
        ] {
            assert_eq!(pieces(bytes, 9), None, "{bytes:?}");
        }
    }
}
