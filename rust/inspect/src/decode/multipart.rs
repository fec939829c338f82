//! `multipart/form-data` and its relatives (RFC 2046 section 5.1, RFC 7578).

use aho_corasick::AhoCorasick;

use super::Piece;
use super::transfer::{self, Transfer};

/// The boundary line, if the bytes begin with one and part headers follow.
pub fn boundary(bytes: &[u8]) -> Option<&[u8]> {
    let start = bytes.len() - bytes.trim_ascii_start().len();
    let rest = bytes[start..].starts_with(b"--").then(|| &bytes[start..])?;
    let line = rest.split(|&byte| matches!(byte, b'\r' | b'\n')).next()?;
    let after = rest.get(line.len()..)?.trim_ascii_start();
    let headed = after.len() >= 8 && after[..8].eq_ignore_ascii_case(b"content-");
    ((3..=72).contains(&line.len()) && headed).then_some(line)
}

/// The parts' contents; each part's path is its `name`, all are of one object.
pub fn pieces(bytes: &[u8], boundary: &[u8], limit: usize) -> Vec<Piece> {
    let Ok(finder) = AhoCorasick::new([boundary]) else {
        return Vec::new();
    };
    let marks: Vec<_> = finder.find_iter(bytes).map(|it| it.range()).take(limit.saturating_add(1)).collect();
    let ends = marks.iter().skip(1).map(|it| it.start).chain([bytes.len()]);
    marks.iter().zip(ends).filter_map(|(mark, end)| part(bytes, mark.end, end)).take(limit).collect()
}

fn part(bytes: &[u8], start: usize, end: usize) -> Option<Piece> {
    let part = bytes.get(start..end)?;
    let crlf = part.windows(4).position(|it| it == b"\r\n\r\n").map(|at| at + 4);
    let lf = || part.windows(2).position(|it| it == b"\n\n").map(|at| at + 2);
    let body = crlf.or_else(lf)?;
    let content = &part[body..];
    let content = content.strip_suffix(b"\n").unwrap_or(content);
    let content = content.strip_suffix(b"\r").unwrap_or(content);
    let from = start + body;
    let piece = Piece::slice(name(&part[..body]).unwrap_or_default(), from..from + content.len(), 1);
    Some(Piece { transfer: transfer(&part[..body]), ..piece })
}

/// How the part says that it is encoded. In a mail all parts may be.
fn transfer(headers: &[u8]) -> Option<Transfer> {
    headers.split(|&byte| byte == b'\n').find_map(|line| {
        let colon = line.iter().position(|&byte| byte == b':')?;
        let is_transfer = line[..colon].eq_ignore_ascii_case(transfer::FIELD.as_bytes());
        is_transfer.then(|| Transfer::of(&line[colon + 1..])).flatten()
    })
}

fn name(headers: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(headers);
    let lower = text.to_ascii_lowercase();
    let at = lower.match_indices("name=").map(|(at, _)| at).find(|&at| !lower[..at].ends_with("file"))?;
    let rest = text.get(at + 5..)?;
    let value = match rest.strip_prefix('"') {
        Some(quoted) => quoted.split('"').next(),
        None => rest.split([';', '\r', '\n']).next(),
    };
    value.map(|it| it.trim().chars().take(128).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn splits_parts_by_name() {
        let text = b"--x1\r\nContent-Disposition: form-data; name=\"imei\"\r\n\r\n123\r\n--x1\r\n\
            Content-Disposition: form-data; filename=\"a.txt\"; name=log\r\nContent-Type: text/plain\r\n\r\nab\r\ncd\r\n--x1--\r\n";
        let mark = boundary(text).unwrap();
        assert_eq!(mark, b"--x1");
        let found: Vec<_> =
            pieces(text, mark, 9).iter().map(|it| (it.path.to_string(), it.bytes(text).to_vec())).collect();
        assert_eq!(found, [("imei".into(), b"123".to_vec()), ("log".into(), b"ab\r\ncd".to_vec())]);
        assert_eq!(boundary(b"-- a dash\n text"), None);
    }
}
