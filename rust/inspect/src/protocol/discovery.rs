//! What a phone says of itself in DNS records: to its neighbours by service discovery (RFC 6763), to resolvers in the options
//! of a query (RFC 6891).

use packet::Direction;

use super::dns;
use super::message::Parts;
use super::reader::Reader;
use super::{Observation, Protocol};

/// Record types.
const PTR: u16 = 12;
const TXT: u16 = 16;
const SRV: u16 = 33;
const OPT: u16 = 41;
/// Shorter data tells nobody apart.
const SHORTEST_DATA: usize = 6;
/// Records read of one message.
const MOST_RECORDS: usize = 128;

/// The names and descriptions of a message's records. Its addresses, and what it asks, are for those who read DNS.
pub(super) fn observe(
    direction: Direction,
    at: u64,
    bytes: &[u8],
    protocol: &'static str,
) -> Option<Observation> {
    let mut parts = Parts::new(bytes, at);
    // What was read before a message breaks off counts.
    let _ = records(bytes, protocol != Protocol::DNS.0, &mut parts);
    parts.finish(direction, protocol, None)
}

fn records(bytes: &[u8], multicast: bool, parts: &mut Parts<'_>) -> Option<()> {
    let mut reader = Reader(bytes);
    reader.take(4)?;
    let counts = [reader.u16()?, reader.u16()?, reader.u16()?, reader.u16()?].map(usize::from);
    let mut at = bytes.len() - reader.0.len();
    for _ in 0..counts[0] {
        dns::name(bytes, &mut at)?;
        at += 4;
    }
    for _ in 0..counts[1..].iter().sum::<usize>().min(MOST_RECORDS) {
        let start = at;
        let owner = dns::name(bytes, &mut at)?;
        let end_of_name = at;
        let mut reader = Reader(bytes.get(at..)?);
        let kind = reader.u16()?;
        reader.take(6)?;
        let data = reader.vec16()?.0;
        let begin = at + 10;
        at = begin + data.len();
        match kind {
            PTR => {
                add_label(parts, "service", begin);
                add_name(parts, "service", dns::name(bytes, &mut { begin }), begin..at);
            }
            SRV => {
                add_label(parts, "instance", start);
                add_name(parts, "instance", Some(owner), start..end_of_name);
                add_name(parts, "target", dns::name(bytes, &mut { begin + 6 }), begin..at);
            }
            TXT => add_strings(parts, data, begin),
            OPT => add_options(parts, data, begin),
            // Neighbours tell in those above all that there is.
            _ if multicast || data.len() < SHORTEST_DATA => {}
            _ => parts.add("data", begin..at),
        }
    }
    Some(())
}

fn add_name(parts: &mut Parts<'_>, part: &str, name: Option<String>, range: std::ops::Range<usize>) {
    if let Some(name) = name.filter(|name| !name.is_empty()) {
        parts.add_decoded(part, name.into_bytes(), range);
    }
}

/// The first label of the name at `at`, in which an instance may be called by something encoded.
fn add_label(parts: &mut Parts<'_>, part: &str, at: usize) {
    if let Some(&len @ 10..=63) = parts.all().get(at) {
        parts.add(format!("{part}[0]"), at + 1..at + 1 + usize::from(len));
    }
}

/// Strings of `key=value` (RFC 6763 section 6.4).
fn add_strings(parts: &mut Parts<'_>, data: &[u8], begin: usize) {
    let mut reader = Reader(data);
    while let Some(text) = reader.vec8() {
        let end = begin + data.len() - reader.0.len();
        let start = end - text.0.len();
        match text.0.iter().position(|&byte| byte == b'=') {
            Some(equals) if equals > 0 => {
                let key = String::from_utf8_lossy(&text.0[..equals]).into_owned();
                parts.add(format!("txt.{key}"), start + equals + 1..end);
            }
            _ => parts.add("txt", start..end),
        }
    }
}

/// Options of a query (RFC 6891 section 6.1.2): resolvers of carriers and of filters know customers by them.
fn add_options(parts: &mut Parts<'_>, data: &[u8], begin: usize) {
    /// NSID, the client's network, cookies, keep-alive, padding: they say nothing, or what addresses say.
    const PLAIN: [u16; 5] = [3, 8, 10, 11, 12];
    let mut reader = Reader(data);
    while let (Some(code), Some(value)) = (reader.u16(), reader.vec16()) {
        let end = begin + data.len() - reader.0.len();
        if !PLAIN.contains(&code) {
            parts.add(format!("option {code}"), end - value.0.len()..end);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Where a pointer to the owner leads.
    const OWNER: [u8; 2] = [0xc0, 12];

    fn record(kind: u16, data: &[u8]) -> Vec<u8> {
        let len = (data.len() as u16).to_be_bytes();
        [&OWNER[..], &kind.to_be_bytes(), &[0x80, 1, 0, 0, 0, 120], &len, data].concat()
    }

    /// An answer with the owner's name in its first record.
    fn message() -> Vec<u8> {
        let first =
            [&b"\x05_cast\x05local\0"[..], &[0, 12, 0, 1, 0, 0, 0, 1, 0, 8], b"\x05phone\xc0\x0c"].concat();
        let txt = record(TXT, b"\x14imei=001017001234569\x03abc\x02=x");
        let srv = record(SRV, b"\0\0\0\0\x1f\x90\x08Pixel-7a\xc0\x12");
        [&[0, 0, 0x84, 0, 0, 0, 0, 3, 0, 0, 0, 0][..], &first, &txt, &srv].concat()
    }

    #[test]
    fn names_and_descriptions_are_read() {
        let bytes = message();
        let Some(Observation::Message(message)) = observe(Direction::Outbound, 0, &bytes, "mdns") else {
            panic!()
        };
        let parts: Vec<(&str, &[u8])> =
            message.parts.iter().map(|part| (part.name.as_str(), &part.value[..])).collect();
        let expected: [(&str, &[u8]); 6] = [
            ("service", b"phone._cast.local"),
            ("txt.imei", b"001017001234569"),
            ("txt", b"abc"),
            ("txt", b"=x"),
            ("instance", b"_cast.local"),
            ("target", b"pixel-7a.local"),
        ];
        assert_eq!(parts, expected);
        let imei = &message.parts[1].range;
        assert_eq!(&bytes[imei.start as usize..imei.end as usize], b"001017001234569");
    }

    #[test]
    fn what_is_cut_off_breaks_nothing() {
        let bytes = message();
        for len in 0..bytes.len() {
            if let Some(Observation::Message(message)) =
                observe(Direction::Outbound, 0, &bytes[..len], "mdns")
            {
                assert!(message.parts.iter().all(|part| part.range.end <= len as u64));
            }
        }
    }

    #[test]
    fn an_instances_label_is_a_part() {
        let name = b"\x0f001017001234569\xc0\x0c";
        let first =
            [&b"\x05_cast\x05local\0"[..], &[0, 12, 0, 1, 0, 0, 0, 1, 0, name.len() as u8], name].concat();
        let bytes = [&[0, 0, 0x84, 0, 0, 0, 0, 1, 0, 0, 0, 0][..], &first].concat();
        let Some(Observation::Message(message)) = observe(Direction::Outbound, 0, &bytes, "mdns") else {
            panic!("nothing")
        };
        assert_eq!((&message.parts[0].name[..], &message.parts[0].value[..]), ("service[0]", &name[1..16]));
        assert_eq!(message.parts[1].value, b"001017001234569._cast.local");
    }
}
