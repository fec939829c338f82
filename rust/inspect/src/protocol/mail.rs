//! A mail message (RFC 5322) with MIME (RFC 2045), as SMTP and IMAP carry it.

use std::ops::Range;

use packet::Direction;

use super::Observation;
use super::message::Parts;

/// Header fields read of one message.
const MOST_FIELDS: usize = 128;

/// What a message says that begins at `at`. `len` bytes of the stream are its: more than `bytes` where it was escaped or
/// is long.
pub(super) fn observe(protocol: &'static str, at: u64, bytes: &[u8], len: u64) -> Option<Observation> {
    let exact = len == bytes.len() as u64;
    let mut parts = Parts::new(bytes, at);
    let (fields, body) = split(bytes);
    let mut boundary = None;
    for (name, value) in fields {
        let text = parts.get(value.clone());
        if name.eq_ignore_ascii_case("content-type") {
            boundary = boundary_of(text);
        }
        parts.add(format!("header.{name}"), value);
    }
    let content = bytes.get(body..).unwrap_or_default();
    // What stands before the first part is for programs that do not know MIME.
    let mark = boundary.map(|boundary| [b"--", boundary].concat());
    let first = mark.and_then(|mark| content.windows(mark.len()).position(|it| it == mark));
    parts.add("body", body + first.unwrap_or(0)..bytes.len());
    let mut message = parts.finish(Direction::Outbound, protocol, None)?;
    if let (Observation::Message(message), false) = (&mut message, exact) {
        // Nobody knows any more which byte stood where.
        message.parts.iter_mut().for_each(|part| part.range = at..at + len);
    }
    Some(message)
}

/// The header fields, and where the body begins.
fn split(bytes: &[u8]) -> (Vec<(String, Range<usize>)>, usize) {
    let mut fields: Vec<(String, Range<usize>)> = Vec::new();
    let mut start = 0;
    for line in bytes.split_inclusive(|&byte| byte == b'\n') {
        let text = line.trim_ascii_end();
        let end = start + text.len();
        if text.is_empty() {
            return (fields, start + line.len());
        }
        match (line.first(), fields.last_mut(), line.iter().position(|&byte| byte == b':')) {
            (Some(b' ' | b'\t'), Some(field), _) => field.1.end = end,
            (_, _, Some(colon)) if line[..colon].iter().all(u8::is_ascii_graphic) => {
                let skipped = line[colon + 1..].iter().take_while(|byte| byte.is_ascii_whitespace()).count();
                let value = (start + colon + 1 + skipped).min(end)..end;
                if fields.len() < MOST_FIELDS {
                    fields.push((String::from_utf8_lossy(&line[..colon]).into_owned(), value));
                }
            }
            // No header at all.
            _ => return (fields, start),
        }
        start += line.len();
    }
    (fields, bytes.len())
}

/// The boundary that a content type tells, with or without quotes.
fn boundary_of(content_type: &[u8]) -> Option<&[u8]> {
    const NAME: &[u8] = b"boundary=";
    let at = content_type.windows(NAME.len()).position(|it| it.eq_ignore_ascii_case(NAME))? + NAME.len();
    let rest = &content_type[at..];
    let (rest, quoted) = rest.strip_prefix(b"\"").map_or((rest, false), |rest| (rest, true));
    let ends = |byte: &u8| if quoted { *byte == b'"' } else { *byte == b';' || byte.is_ascii_whitespace() };
    let end = rest.iter().position(ends).unwrap_or(rest.len());
    (1..=70).contains(&end).then(|| &rest[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(bytes: &[u8], len: u64) -> Vec<(String, String, Range<u64>)> {
        let Some(Observation::Message(message)) = observe("smtp", 10, bytes, len) else { return Vec::new() };
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        message.parts.iter().map(|part| (part.name.clone(), text(&part.value), part.range.clone())).collect()
    }

    #[test]
    fn header_and_parts_are_told_apart() {
        let mail = b"X-IMEI: 1\r\nContent-Type: multipart/mixed;\r\n boundary=\"b b\"\r\n\r\nhello\r\n--b b\r\n\r\nx\r\n--b b--\r\n";
        let parts = parts(mail, mail.len() as u64);
        assert_eq!(parts[0], ("header.X-IMEI".into(), "1".into(), 18..19));
        assert!(parts[1].1.ends_with("boundary=\"b b\""));
        assert!(parts[2].0 == "body" && parts[2].1.starts_with("--b b\r\n"));
    }

    #[test]
    fn places_of_what_was_escaped_are_the_whole() {
        let parts = parts(b"just text\r\n.dot", 16);
        assert_eq!(parts, [("body".into(), "just text\r\n.dot".into(), 10..26)]);
    }
}
