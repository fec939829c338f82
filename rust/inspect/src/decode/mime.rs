//! Messages and body parts with headers (RFC 5322, RFC 2045): mail, and what multipart holds.

use std::ops::Range;

use super::Piece;
use super::transfer::{self, Transfer};

/// Header fields that show that this is one.
const TELLING: [&str; 6] = [
    "content-type",
    "content-transfer-encoding",
    "content-disposition",
    "mime-version",
    "received",
    "message-id",
];
/// Bytes of header fields that are read.
const MAX_HEAD: usize = 64 << 10;

/// A header field: its name, and where its value stands.
pub type Field<'a> = (&'a str, Range<usize>);

/// The header fields and the body, if a telling field is among the first and an empty line follows.
pub fn pieces(text: &[u8], limit: usize) -> Option<Vec<Piece>> {
    // Quick: most text does not begin with a field's name.
    let colon = text.iter().take(40).position(|byte| !byte.is_ascii_alphanumeric() && *byte != b'-')?;
    if colon == 0 || text.get(colon) != Some(&b':') {
        return None;
    }
    let (fields, body) = head(text)?;
    let telling = |name: &str| TELLING.iter().any(|it| name.eq_ignore_ascii_case(it));
    if !fields.iter().any(|(name, _)| telling(name)) {
        return None;
    }
    let mut out: Vec<Piece> =
        fields.into_iter().take(limit).map(|(name, range)| Piece::slice(name, range, 1)).collect();
    if body < text.len() {
        let is_transfer = |piece: &&Piece| piece.path.eq_ignore_ascii_case(transfer::FIELD);
        let transfer = out.iter().find(is_transfer).and_then(|it| Transfer::of(it.bytes(text)));
        out.push(Piece { transfer, ..Piece::slice("body", body..text.len(), 1) });
    }
    Some(out)
}

/// The fields at the beginning, folded lines joined, and where the body begins behind the empty line.
pub fn head(text: &[u8]) -> Option<(Vec<Field<'_>>, usize)> {
    let mut fields: Vec<Field<'_>> = Vec::new();
    let mut at = 0;
    while at < text.len().min(MAX_HEAD) {
        let rest = text.get(at..)?;
        let length = rest.iter().position(|&byte| byte == b'\n')?;
        let line = rest.get(..length)?;
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let end = at + line.len();
        let next = at + length + 1;
        if line.is_empty() {
            return Some((fields, next));
        }
        if line.starts_with(b" ") || line.starts_with(b"\t") {
            fields.last_mut()?.1.end = end;
        } else {
            let colon = line.iter().position(|&byte| byte == b':')?;
            let name = std::str::from_utf8(line.get(..colon)?).ok()?;
            let is_name = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_graphic());
            let value = line.get(colon + 1..)?;
            let start = end - value.trim_ascii_start().len();
            fields.push((is_name.then_some(name)?, start..end));
        }
        at = next;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn splits_fields_from_the_body() {
        let text = b"Subject: a\r\n b\r\nContent-Type:text/plain\r\n\r\nimei: 1\r\n";
        let found: Vec<_> = pieces(text, 9)
            .unwrap()
            .iter()
            .map(|it| format!("{}={}", it.path, String::from_utf8_lossy(it.bytes(text))))
            .collect();
        assert_eq!(found, ["Subject=a\r\n b", "Content-Type=text/plain", "body=imei: 1\r\n"]);
        for text in
            ["imei: 1\n\nx", "Content-Type: x", "Content-Type: x\nno field\n\n", ": x\n\n", " a: b\n\n"]
        {
            assert_eq!(pieces(text.as_bytes(), 9), None, "{text:?}");
        }
    }
}
