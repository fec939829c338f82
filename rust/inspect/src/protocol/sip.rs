//! SIP (RFC 3261) over UDP and TCP, as a phone speaks it with IMS (3GPP TS 24.229): who registers, with which phone, in
//! which cell.

use std::ops::Range;

use packet::Direction;

use super::Observation;
use super::dissector::Opening;
use super::framed::{Framing, Length};
use super::message::{Parts, urn};
use super::session::DatagramSession;

/// Methods of RFC 3261 and its extensions.
const METHODS: [&[u8]; 14] = [
    b"ACK ",
    b"BYE ",
    b"CANCEL ",
    b"INFO ",
    b"INVITE ",
    b"MESSAGE ",
    b"NOTIFY ",
    b"OPTIONS ",
    b"PRACK ",
    b"PUBLISH ",
    b"REFER ",
    b"REGISTER ",
    b"SUBSCRIBE ",
    b"UPDATE ",
];
const VERSION: &[u8] = b"SIP/2.0";
/// The longest first line.
const MAX_LINE: usize = 1024;
/// Header fields read of one message.
const MOST_FIELDS: usize = 128;

/// Whether a stream begins with a request or an answer; `None`: it may yet.
pub(super) fn probe(bytes: &[u8]) -> Option<bool> {
    let begins = |word: &[u8]| bytes.iter().zip(word).all(|(one, other)| one == other);
    if !begins(b"SIP/2.0 ") && !METHODS.iter().any(|method| begins(method)) {
        return Some(false);
    }
    match bytes.iter().take(MAX_LINE).position(|&byte| byte == b'\n') {
        Some(end) => Some(is_first_line(bytes[..end].trim_ascii_end())),
        None if bytes.len() < MAX_LINE => None,
        None => Some(false),
    }
}

fn is_first_line(line: &[u8]) -> bool {
    let mut words = line.splitn(3, |&byte| byte == b' ');
    let (Some(first), Some(second), third) = (words.next(), words.next(), words.next()) else { return false };
    if first == VERSION {
        return second.len() == 3 && second.iter().all(u8::is_ascii_digit);
    }
    let scheme = ["sip:", "sips:", "tel:", "urn:"].iter().any(|it| second.starts_with(it.as_bytes()));
    scheme && third == Some(VERSION)
}

/// Whether a datagram is one.
pub(super) fn probe_datagram(opening: &Opening<'_>) -> bool {
    probe(opening.bytes) == Some(true)
}

/// SIP over UDP: a message in each datagram.
#[derive(Debug, Clone)]
pub(super) struct Datagrams;

impl DatagramSession for Datagrams {
    fn handle(
        &mut self,
        direction: Direction,
        offset: u64,
        bytes: &[u8],
        out: &mut Vec<Observation>,
    ) -> usize {
        if probe(bytes) == Some(true) {
            out.extend(observe(direction, offset, bytes));
            return bytes.len();
        }
        // Line ends: that a way through a NAT stays open.
        bytes.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count()
    }
}

/// SIP over TCP (RFC 3261 section 18.3).
#[derive(Debug, Clone)]
pub(super) struct Stream;

impl Framing for Stream {
    fn measure(&self, _direction: Direction, bytes: &[u8]) -> Length {
        let blank = bytes.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
        if blank > 0 {
            return Length::Known(blank as u64);
        }
        if probe(bytes) == Some(false) {
            return Length::Broken;
        }
        let Some(head) = head_len(bytes) else { return Length::Unknown };
        let length = fields(bytes, head).into_iter().find_map(|field| {
            let is_length = field.is(bytes, "content-length", "l");
            let text = std::str::from_utf8(bytes.get(field.value)?).ok()?;
            is_length.then(|| text.parse::<u32>().ok()).flatten()
        });
        Length::Known(head as u64 + u64::from(length.unwrap_or(0)))
    }

    fn take(&mut self, direction: Direction, at: u64, bytes: &[u8], out: &mut Vec<Observation>) {
        out.extend(observe(direction, at, bytes));
    }
}

/// How long the head is, its blank line included.
fn head_len(bytes: &[u8]) -> Option<usize> {
    let end = |mark: &[u8]| bytes.windows(mark.len()).position(|it| it == mark).map(|at| at + mark.len());
    // The first of them: a later one must not change what an earlier one ended.
    [end(b"\r\n\r\n"), end(b"\n\n")].into_iter().flatten().min()
}

struct Field {
    name: Range<usize>,
    value: Range<usize>,
}

impl Field {
    fn is(&self, bytes: &[u8], name: &str, short: &str) -> bool {
        let own = bytes.get(self.name.clone()).unwrap_or_default();
        own.eq_ignore_ascii_case(name.as_bytes()) || own.eq_ignore_ascii_case(short.as_bytes())
    }
}

/// The header fields behind the first line; a folded one as its lines stand there.
fn fields(bytes: &[u8], head: usize) -> Vec<Field> {
    let mut out: Vec<Field> = Vec::new();
    let mut start = 0;
    for line in bytes[..head.min(bytes.len())].split_inclusive(|&byte| byte == b'\n') {
        let end = start + line.trim_ascii_end().len();
        let folded = matches!(line.first(), Some(b' ' | b'\t'));
        let full = out.len() >= MOST_FIELDS;
        match (folded, out.last_mut(), line.iter().position(|&byte| byte == b':')) {
            (true, Some(field), _) => field.value.end = end.max(field.value.end),
            (false, _, Some(colon)) if start > 0 && !full => {
                let name = line[..colon].trim_ascii_end().len();
                let skipped = line[colon + 1..].iter().take_while(|byte| byte.is_ascii_whitespace()).count();
                let value = (start + colon + 1 + skipped).min(end)..end;
                out.push(Field { name: start..start + name, value });
            }
            _ => {}
        }
        start += line.len();
    }
    out
}

fn observe(direction: Direction, at: u64, bytes: &[u8]) -> Option<Observation> {
    let mut parts = Parts::new(bytes, at);
    let line = bytes.iter().position(|&byte| byte == b'\n').unwrap_or(bytes.len());
    if line == 0 || bytes.first() == Some(&b'\r') {
        return None;
    }
    parts.add("start_line", 0..bytes[..line].trim_ascii_end().len());
    let head = head_len(bytes).unwrap_or(bytes.len());
    for field in fields(bytes, head) {
        let name = String::from_utf8_lossy(parts.get(field.name)).into_owned();
        let lower = name.to_ascii_lowercase();
        add_number(&mut parts, &lower, &field.value);
        if lower == "p-access-network-info" {
            add_cell(&mut parts, &field.value);
        }
        add_user(&mut parts, &lower, &field.value);
        parts.add(name, field.value);
    }
    parts.add("body", head..bytes.len());
    parts.finish(direction, "sip", None)
}

/// What only SIP's grammar tells apart: a URN's number, and the IMSI that is the user of an operator's own domain (TS
/// 23.003 sections 13.3 and 13.4B).
fn add_number(parts: &mut Parts<'_>, name: &str, value: &Range<usize>) {
    let text = parts.get(value.clone());
    if let Some(at) = find(text, b"urn:")
        && let Some((kind, number)) = urn(&text[at..])
    {
        parts.add(format!("{name}.{kind}"), value.start + at + number.start..value.start + at + number.end);
    }
    let Some(at) = text.iter().position(|&byte| byte == b'@') else { return };
    let digits = text[..at].iter().rev().take_while(|byte| byte.is_ascii_digit()).count();
    let domain: Vec<u8> = text[at + 1..].iter().take(64).map(u8::to_ascii_lowercase).collect();
    if (14..=15).contains(&digits) && domain.starts_with(b"ims.mnc") {
        parts.add(format!("{name}.imsi"), value.start + at - digits..value.start + at);
    }
}

/// The user of an address (RFC 3261 section 19.1.1): he may be encoded, by percent and more.
fn add_user(parts: &mut Parts<'_>, name: &str, value: &Range<usize>) {
    let text = parts.get(value.clone());
    let Some(start) = find(text, b"sip:").map(|at| at + 4) else { return };
    let ends = |byte: &u8| matches!(byte, b'@' | b'>' | b';' | b'?' | b' ');
    let length = text[start..].iter().position(ends).unwrap_or(0);
    if text.get(start + length) == Some(&b'@') {
        parts.add(format!("{name}.user"), value.start + start..value.start + start + length);
    }
}

fn find(text: &[u8], needle: &[u8]) -> Option<usize> {
    text.windows(needle.len()).position(|it| it.eq_ignore_ascii_case(needle))
}

/// The cell of P-Access-Network-Info (TS 24.229 section 7.2A.4): network, area and cell in one row of digits.
fn add_cell(parts: &mut Parts<'_>, value: &Range<usize>) {
    const FORMS: [(&str, &str, usize, &str, usize); 4] = [
        ("cgi-3gpp=", "lac", 4, "cell_id", 4),
        ("utran-cell-id-3gpp=", "tac", 4, "eci", 7),
        ("utran-sai-3gpp=", "lac", 4, "cell_id", 4),
        ("nr-cell-id-3gpp=", "tac", 6, "nci", 9),
    ];
    let text = parts.get(value.clone());
    // UTRAN and E-UTRAN share the parameter: 3G has location areas.
    let is_3g = text.starts_with(b"3GPP-UTRAN");
    let nr = text.starts_with(b"3GPP-NR");
    for (name, area, area_len, cell, cell_len) in FORMS {
        let Some(at) = find(text, name.as_bytes()) else { continue };
        let start = at + name.len() + usize::from(text.get(at + name.len()) == Some(&b'"'));
        let digits = text[start.min(text.len())..].iter().take_while(|byte| byte.is_ascii_hexdigit()).count();
        let (area_len, cell_len) = if nr { (6, 9) } else { (area_len, cell_len) };
        let Some(plmn) = digits.checked_sub(area_len + cell_len).filter(|len| (5..=6).contains(len)) else {
            continue;
        };
        let range = value.start + start..value.start + start + digits;
        let (area, cell) = match (is_3g, nr) {
            (true, _) => ("lac", "cell_id"),
            (_, true) => ("tac", "nci"),
            _ => (area, cell),
        };
        let number = |from: usize, len: usize| {
            let hex = String::from_utf8_lossy(text.get(start + from..start + from + len)?);
            u64::from_str_radix(&hex, 16).ok().map(|number| number.to_string().into_bytes())
        };
        let network = text[start..start + plmn].to_vec();
        parts.add_decoded("cell.plmn", network, range.clone());
        for (name, from, len) in [(area, plmn, area_len), (cell, plmn + area_len, cell_len)] {
            if let Some(number) = number(from, len) {
                parts.add_decoded(format!("cell.{name}"), number, range.clone());
            }
        }
        return;
    }
}

#[cfg(test)]
mod tests {
    use super::super::Message;
    use super::super::dissector::tests::dissect;
    use super::*;

    const OUT: Direction = Direction::Outbound;
    const REGISTER: &[u8] = b"REGISTER sip:ims.mnc001.mcc001.3gppnetwork.org SIP/2.0\r\n\
        From: <sip:001010123456789@ims.mnc001.mcc001.3gppnetwork.org>;tag=1\r\n\
        Contact: <sip:192.0.2.1:5060>;+sip.instance=\"<urn:gsma:imei:00101700-123456-0>\"\r\n\
        P-Access-Network-Info: 3GPP-E-UTRAN-FDD;\r\n utran-cell-id-3gpp=0010112341234567\r\n\
        l: 4\r\n\r\nbody";

    fn part<'a>(message: &'a Message, name: &str) -> &'a [u8] {
        message.parts.iter().find(|part| part.name == name).map_or(b"", |part| &part.value)
    }

    fn check(message: &Message) {
        assert_eq!(part(message, "from.imsi"), b"001010123456789");
        assert_eq!(part(message, "from.user"), b"001010123456789");
        assert_eq!(part(message, "contact.user"), b"");
        assert_eq!(part(message, "contact.imei"), b"00101700-123456-0");
        assert_eq!(part(message, "cell.plmn"), b"00101");
        assert_eq!(part(message, "cell.tac"), b"4660");
        assert_eq!(part(message, "cell.eci"), b"19088743");
        assert_eq!(part(message, "body"), b"body");
        for part in message.parts.iter().filter(|part| !part.name.starts_with("cell")) {
            assert_eq!(
                REGISTER[part.range.start as usize..part.range.end as usize],
                part.value,
                "{}",
                part.name
            );
        }
    }

    #[test]
    fn a_registration_names_subscriber_phone_and_cell() {
        let flow = [REGISTER, b"\r\n\r\n", b"SIP/2.0 200 OK\r\n\r\n"].concat();
        for step in [1, 10, 2000] {
            let out = dissect(9999, &[(OUT, &flow)], step);
            let [Observation::Protocol(protocol), Observation::Message(first), Observation::Message(second)] =
                &out[..]
            else {
                panic!("{out:?}")
            };
            assert_eq!(protocol.0, "sip");
            check(first);
            assert_eq!(part(second, "start_line"), b"SIP/2.0 200 OK");
        }
        let mut out = Vec::new();
        Datagrams.handle(OUT, 0, REGISTER, &mut out);
        let [Observation::Message(message)] = &out[..] else { panic!("{out:?}") };
        check(message);
    }

    #[test]
    fn others_of_that_look_are_not_it() {
        for line in
            ["REGISTER sip:a HTTP/1.1\r\n", "INVITE x SIP/2.0\r\n", "SIP/2.0 2\r\n", "NOTIFY * HTTP/1.1\r\n"]
        {
            assert_eq!(probe(line.as_bytes()), Some(false), "{line}");
        }
        assert_eq!(probe(b"REGIS"), None);
        assert_eq!(probe(&[&b"REGISTER "[..], &[b'a'; 2000]].concat()), Some(false));
    }
}
