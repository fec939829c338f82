//! The head of an HTTP/1.x message (RFC 9112 sections 2 to 5), read as leniently as browsers and servers do: bare LF,
//! spaces around the colon or none, folded lines, missing version, lines that are no header.

use std::ops::Range;

use super::super::{HttpHeader, HttpStart};

/// More header fields than any message has.
const MAX_HEADERS: usize = 1000;

/// Blanks in a line that is still taken for empty.
const MAX_BLANK: usize = 8;

/// Longer words at the beginning of a line are no field's name.
const MAX_NAME: usize = 64;

/// How much of what was searched for a head's end decides together with what follows it.
pub(super) const LOOKBACK: usize = 2 * MAX_BLANK + MAX_NAME + 2;

/// Methods of RFC 9110 and WebDAV that are believed without an HTTP version behind them.
const METHODS: [&str; 17] = [
    "GET",
    "POST",
    "HEAD",
    "PUT",
    "DELETE",
    "OPTIONS",
    "CONNECT",
    "TRACE",
    "PATCH",
    "PROPFIND",
    "PROPPATCH",
    "MKCOL",
    "COPY",
    "MOVE",
    "LOCK",
    "UNLOCK",
    "REPORT",
];

/// Whether bytes begin as an HTTP message does; `None`: too few to tell.
pub(in super::super) fn probe(bytes: &[u8]) -> Option<bool> {
    const LONGEST_LINE: usize = 8192;
    let bytes = bytes.trim_ascii_start();
    match bytes.iter().take(LONGEST_LINE).position(|&byte| byte == b'\n') {
        // What its beginning excludes, a whole line does not prove: however a stream is cut, the same is said of it.
        Some(end) => Some(could_begin(&bytes[..end]) && parse_start(&bytes[..end], 0).is_some()),
        None if bytes.len() >= LONGEST_LINE => Some(begins_known(bytes)),
        None => could_begin(bytes).then_some(()).map_or(Some(false), |()| None),
    }
}

/// Whether bytes without a line end begin with a known method, or as a response.
pub(in super::super) fn begins_known(bytes: &[u8]) -> bool {
    let method = bytes.split(|&byte| byte == b' ').next().unwrap_or_default();
    let known = METHODS.iter().any(|known| known.as_bytes() == method);
    (known && bytes.len() > method.len() + 1) || bytes.starts_with(b"HTTP/1.")
}

fn could_begin(bytes: &[u8]) -> bool {
    let token = bytes.iter().position(|&byte| !is_token(byte)).unwrap_or(bytes.len());
    let text = bytes.iter().all(|&byte| byte >= b' ' || byte == b'\t' || byte == b'\r');
    let ends = matches!(bytes.get(token), None | Some(b' ' | b'\t' | b'/'));
    (text || begins_known(bytes)) && ends && token <= 32 && (token > 0 || bytes.is_empty())
}

/// Finds the end of a head: the offset after its empty line. `from` is where a former search ended; `whole` says that
/// no more bytes will come.
///
/// A line of blanks ends it as well, unless another field or more of the same one follows.
pub(super) fn find_end(bytes: &[u8], from: usize, whole: bool) -> Option<usize> {
    let mut at = from;
    while let Some(found) = bytes.get(at..)?.iter().position(|&byte| byte == b'\n') {
        at += found + 1;
        let is_blank = |byte: &&u8| matches!(byte, b'\r' | b' ' | b'\t');
        let end = at + bytes[at..].iter().take(MAX_BLANK).take_while(is_blank).count() + 1;
        if bytes.get(end - 1) != Some(&b'\n') {
            continue;
        }
        let empty = matches!(&bytes[at..end], b"\n" | b"\r\n");
        let goes_on = || bytes.get(end).is_none_or(u8::is_ascii_whitespace);
        if empty || !(goes_on() || begins_field(&bytes[end..]).unwrap_or(!whole)) {
            return Some(end);
        }
    }
    None
}

/// Whether bytes begin with a field's name and colon; `None`: too few to tell.
fn begins_field(bytes: &[u8]) -> Option<bool> {
    let name = bytes.iter().take(MAX_NAME).take_while(|&&byte| is_token(byte)).count();
    let blank = bytes[name..].iter().take(MAX_BLANK).take_while(|&&byte| byte == b' ').count();
    bytes.get(name + blank).map(|&byte| name > 0 && byte == b':')
}

/// Takes apart a head that begins at `at` in the stream. `None`: its first line is not HTTP's.
pub(super) fn parse(bytes: &[u8], at: u64) -> Option<(HttpStart, Vec<HttpHeader>)> {
    let (line, rest) = split_line(bytes);
    let start = parse_start(line, at)?;
    let rest_at = at + (bytes.len() - rest.len()) as u64;
    Some((start, parse_fields(rest, rest_at)))
}

/// Header or trailer fields.
pub(super) fn parse_fields(bytes: &[u8], at: u64) -> Vec<HttpHeader> {
    let mut fields: Vec<HttpHeader> = Vec::new();
    let mut rest = bytes;
    while !rest.is_empty() && fields.len() < MAX_HEADERS {
        let field_at = at + (bytes.len() - rest.len()) as u64;
        let (field, after) = rest.split_at(field_len(rest));
        rest = after;
        fields.extend(parse_field(field, field_at));
    }
    fields
}

/// The length of the first field, with its line end and the lines folded into it (RFC 9112 section 5.2). A bare CR
/// ends it too when another field follows.
fn field_len(bytes: &[u8]) -> usize {
    let ends = |at: usize| {
        let next = &bytes[at + 1..];
        match bytes[at] {
            b'\n' => !matches!(next.first(), Some(b' ' | b'\t')),
            b'\r' => begins_field(next) == Some(true),
            _ => false,
        }
    };
    (0..bytes.len()).find(|&at| ends(at)).map_or(bytes.len(), |at| at + 1)
}

/// A field. Of a line that is none all is the value: servers pass over it, but it was sent. `None`: a blank line.
fn parse_field(field: &[u8], at: u64) -> Option<HttpHeader> {
    let (name, value) = split_field(field).unwrap_or((&[], 0..field.len()));
    let range = trimmed(field, value);
    let value = String::from_utf8_lossy(&field[range.clone()]);
    let lines: Vec<_> = value.split('\n').map(str::trim_ascii).filter(|line| !line.is_empty()).collect();
    (!name.is_empty() || !lines.is_empty()).then(|| HttpHeader {
        name: String::from_utf8_lossy(name).into_owned(),
        value: lines.join(" "),
        range: at + range.start as u64..at + range.end as u64,
        huffman: false,
    })
}

/// A field's name, and where its value stands. Blanks and control characters before the colon are passed over, and so is a
/// line before it that is no field.
fn split_field(field: &[u8]) -> Option<(&[u8], Range<usize>)> {
    let colon = field.iter().position(|&byte| byte == b':')?;
    let name = &field[..field[..colon].iter().rposition(|&byte| byte > b' ')? + 1];
    let name = name.rsplit(|&byte| byte == b'\n').next().unwrap_or(name).trim_ascii();
    Some((name, colon + 1..field.len()))
}

fn trimmed(line: &[u8], range: Range<usize>) -> Range<usize> {
    let bytes = &line[range.clone()];
    let start = range.start + (bytes.len() - bytes.trim_ascii_start().len());
    start..start + bytes.trim_ascii().len()
}

/// The first line without its end, and what follows.
fn split_line(bytes: &[u8]) -> (&[u8], &[u8]) {
    let (line, rest) = match bytes.iter().position(|&byte| byte == b'\n') {
        Some(end) => (&bytes[..end], &bytes[end + 1..]),
        None => (bytes, &[][..]),
    };
    (line.strip_suffix(b"\r").unwrap_or(line), rest)
}

fn parse_start(line: &[u8], at: u64) -> Option<HttpStart> {
    if is_version(line) || line.starts_with(b"ICY ") {
        return Some(HttpStart::Response { status: status(line) });
    }
    let method = line.iter().position(|&byte| !is_token(byte))?;
    if !(1..=32).contains(&method) || !matches!(line[method], b' ' | b'\t') {
        return None;
    }
    let name = std::str::from_utf8(&line[..method]).ok()?;
    let mut target = trimmed(line, method..line.len());
    let last = line[target.clone()]
        .iter()
        .rposition(|byte| matches!(byte, b' ' | b'\t'))
        .map(|at| target.start + at);
    let version = last.is_some_and(|last| is_version(&line[last + 1..]));
    if let Some(last) = last.filter(|_| version) {
        target = trimmed(line, target.start..last);
    }
    // RTSP and SIP have the same shape, and text may begin with a word.
    let other = last.is_some_and(|last| {
        line[last + 1..]
            .windows(3)
            .any(|three| three[0] == b'/' && three[1].is_ascii_digit() && three[2] == b'.')
    });
    if target.is_empty() || (!version && (other || !METHODS.contains(&name))) {
        return None;
    }
    Some(HttpStart::Request {
        method: name.to_owned(),
        target: String::from_utf8_lossy(&line[target.clone()]).into_owned(),
        target_range: at + target.start as u64..at + target.end as u64,
        huffman: false,
    })
}

fn is_version(bytes: &[u8]) -> bool {
    bytes.get(..5).is_some_and(|name| name.eq_ignore_ascii_case(b"HTTP/"))
}

/// The status code; 200 when there is none, as browsers take it. More than three digits are none of the known ones.
fn status(line: &[u8]) -> u16 {
    let code = line
        .iter()
        .position(|byte| matches!(byte, b' ' | b'\t'))
        .map_or(&[][..], |at| line[at..].trim_ascii_start());
    let digits = code.iter().take_while(|byte| byte.is_ascii_digit());
    let value =
        digits.fold(0u16, |value, digit| value.saturating_mul(10).saturating_add((digit - b'0').into()));
    if value == 0 { 200 } else { value }
}

fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// Where in a line without its end a message begins, with all its first line: to find the way back after a gap.
pub(super) fn find_start(line: &[u8]) -> Option<usize> {
    let strong = |at: usize| {
        let rest = &line[at..];
        if rest.starts_with(b"HTTP/1.") {
            return true;
        }
        let version = rest.trim_ascii_end();
        let version = &version[version.len().saturating_sub(9)..];
        version.starts_with(b" HTTP/1.")
            && METHODS
                .iter()
                .any(|method| rest.starts_with(method.as_bytes()) && rest.get(method.len()) == Some(&b' '))
    };
    (0..line.len()).find(|&at| line[at].is_ascii_uppercase() && strong(at))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(text: &str) -> Vec<(String, String, String)> {
        let all = parse_fields(text.as_bytes(), 100).into_iter();
        all.map(|f| {
            let raw = &text[(f.range.start - 100) as usize..(f.range.end - 100) as usize];
            (f.name, f.value, raw.to_owned())
        })
        .collect()
    }

    fn own(name: &str, value: &str, raw: &str) -> (String, String, String) {
        (name.to_owned(), value.to_owned(), raw.to_owned())
    }

    #[test]
    fn sloppy_fields_are_read() {
        let read = fields("A:1\nB : 2 \r\nnonsense\r\nC:\r\n  x\r\n\ty\r\n: none\r\nD:  a:b\r\n");
        let expected = [
            own("A", "1", "1"),
            own("B", "2", "2"),
            own("", "nonsense", "nonsense"),
            own("C", "x y", "x\r\n\ty"),
            own("", ": none", ": none"),
            own("D", "a:b", "a:b"),
        ];
        assert_eq!(read, expected);
        let read = fields("A\0: 1\r\nno field\r\nB\r\n :\r\n 2\rC: 3\rmore\r\n");
        let expected = [
            own("A", "1", "1"),
            own("", "no field", "no field"),
            own("B", "2", "2"),
            own("C", "3\rmore", "3\rmore"),
        ];
        assert_eq!(read, expected);
    }

    #[test]
    fn a_head_ends_at_its_empty_line_however_written() {
        assert_eq!(find_end(b"a\r\n\r\nb", 0, false), Some(5));
        assert_eq!(find_end(b"a\n\nb", 0, false), Some(3));
        assert_eq!(find_end(b"a\n\r\nb", 0, false), Some(4));
        assert_eq!(find_end(b"a\r\nb\r\n\r", 0, false), None);
    }

    #[test]
    fn a_line_of_blanks_ends_a_head_unless_a_field_follows() {
        for blank in ["\r\r", " ", "\t"] {
            let end = |after: &str, whole: bool| {
                let head = format!("a\n{blank}\n");
                let found = find_end(format!("{head}{after}").as_bytes(), 0, whole);
                found.map(|at| at.checked_sub(head.len()))
            };
            assert_eq!(end("{\"a\":1}", false), Some(Some(0)));
            assert_eq!(end("4\r\nWiki", false), Some(Some(0)));
            assert_eq!(end("b", false), None);
            assert_eq!(end("b", true), Some(Some(0)));
            assert_eq!(end("b: c\r\n\r\n", false), Some(Some(8)));
            assert_eq!(end(" folded\r\n\r\n", false), Some(Some(11)));
            assert_eq!(end("\r\nbody", false), Some(Some(2)));
        }
    }

    #[test]
    fn start_lines_are_read() {
        let request = |line: &str| match parse_start(line.as_bytes(), 0) {
            Some(HttpStart::Request { method, target, target_range, .. }) => {
                assert_eq!(&line[target_range.start as usize..target_range.end as usize], target);
                Some((method, target))
            }
            _ => None,
        };
        let own = |method: &str, target: &str| Some((method.to_owned(), target.to_owned()));
        assert_eq!(request("GET /a HTTP/1.1"), own("GET", "/a"));
        assert_eq!(request("GET  /a b  HTTP/1.1"), own("GET", "/a b"));
        assert_eq!(request("GET /a"), own("GET", "/a"));
        assert_eq!(request("NOTIFY-X http://h/ HTTP/1.0"), own("NOTIFY-X", "http://h/"));
        for other in ["OPTIONS rtsp://h RTSP/1.0", "REGISTER sip:h SIP/2.0", "hello world", "EHLO x", "GET "]
        {
            assert_eq!(request(other), None, "{other}");
        }
        let status = |line: &str| parse_start(line.as_bytes(), 0);
        assert_eq!(status("HTTP/1.1 404 Not Found"), Some(HttpStart::Response { status: 404 }));
        assert_eq!(status("http/1.0  204"), Some(HttpStart::Response { status: 204 }));
        assert_eq!(status("HTTP/1.1 2040 ok"), Some(HttpStart::Response { status: 2040 }));
        assert_eq!(status("HTTP/1.1"), Some(HttpStart::Response { status: 200 }));
    }

    #[test]
    fn a_probe_waits_for_the_first_line() {
        assert_eq!(probe(b""), None);
        assert_eq!(probe(b"PO"), None);
        assert_eq!(probe(b"POST /a HT"), None);
        assert_eq!(probe(b"POST /a HTTP/1.1\r\n"), Some(true));
        assert_eq!(probe(b"\r\nPOST /a HTTP/1.1\r\n"), Some(true));
        assert_eq!(probe(b"\x16\x03\x01"), Some(false));
        assert_eq!(probe(b"220 mail.example ESMTP\r\n"), Some(false));
    }

    #[test]
    fn the_next_message_is_found_in_the_rest_of_a_body() {
        assert_eq!(find_start(b"xyz}HTTP/1.1 200 OK\r"), Some(4));
        assert_eq!(find_start(b"{\"GET\":1}POST /a HTTP/1.1\r"), Some(9));
        assert_eq!(find_start(b"GET out of here"), None);
    }
}
