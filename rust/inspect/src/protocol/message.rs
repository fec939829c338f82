//! Puts messages with named parts together.

use std::ops::Range;

use packet::Direction;

use super::reader::Reader;
use super::{Message, Observation, Part};

/// Parts kept of one message.
const MOST_PARTS: usize = 256;

/// The segments of a path that are long enough to be encoded each by itself: their numbers, and where in it they stand. None
/// when it has but one.
pub(crate) fn segments(path: &[u8]) -> impl Iterator<Item = (usize, Range<usize>)> {
    const SHORTEST: usize = 10;
    const MOST: usize = 32;
    let mut start = 0;
    let ranges = path.split(|&byte| byte == b'/').take(MOST).map(move |segment| {
        let range = start..start + segment.len();
        start = range.end + 1;
        range
    });
    ranges.enumerate().filter(|(_, range)| range.len() >= SHORTEST && range.len() < path.len())
}

/// The parts of a message whose bytes are `bytes`, which begin at `at` in the stream.
#[derive(Debug)]
pub(super) struct Parts<'a> {
    bytes: &'a [u8],
    at: u64,
    list: Vec<Part>,
}

impl<'a> Parts<'a> {
    pub(super) const fn new(bytes: &'a [u8], at: u64) -> Self {
        Self { bytes, at, list: Vec::new() }
    }

    /// Where a reader of these bytes, or of the last of them, stands.
    pub(super) const fn position(&self, reader: &Reader<'_>) -> usize {
        self.bytes.len().saturating_sub(reader.0.len())
    }

    /// The whole message.
    pub(super) const fn all(&self) -> &'a [u8] {
        self.bytes
    }

    pub(super) fn get(&self, range: Range<usize>) -> &'a [u8] {
        self.bytes.get(range).unwrap_or_default()
    }

    /// Adds bytes that stand there as they are. Nothing, if there are none.
    pub(super) fn add(&mut self, name: impl Into<String>, range: Range<usize>) {
        let value = self.get(range.clone());
        if !value.is_empty() {
            self.add_decoded(name, value.to_vec(), range);
        }
    }

    /// Adds what was made of the bytes of a range.
    pub(super) fn add_decoded(&mut self, name: impl Into<String>, value: Vec<u8>, range: Range<usize>) {
        if self.list.len() < MOST_PARTS {
            let range = self.at + range.start as u64..self.at + range.end as u64;
            self.list.push(Part { name: name.into(), value, range });
        }
    }

    /// Reads `len` bytes and adds them.
    pub(super) fn take(
        &mut self,
        name: impl Into<String>,
        reader: &mut Reader<'_>,
        len: usize,
    ) -> Option<()> {
        let start = self.position(reader);
        reader.take(len)?;
        self.add(name, start..start + len);
        Some(())
    }

    /// Adds all that a reader has left.
    pub(super) fn take_rest(&mut self, name: impl Into<String>, reader: &mut Reader<'_>) {
        let start = self.position(reader);
        reader.take_up_to(usize::MAX);
        self.add(name, start..self.bytes.len());
    }

    /// The message, if it has a part or names the other end.
    pub(super) fn finish(
        self,
        direction: Direction,
        protocol: &'static str,
        host: Option<String>,
    ) -> Option<Observation> {
        let told = !self.list.is_empty() || host.is_some();
        told.then(|| Observation::Message(Box::new(Message { direction, protocol, host, parts: self.list })))
    }
}

/// A name of a host or domain, lower case, without a trailing dot, if it can be one.
pub(super) fn host_name(bytes: &[u8]) -> Option<String> {
    let bytes = bytes.strip_suffix(b".").unwrap_or(bytes);
    let allowed = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    let valid = (1..=253).contains(&bytes.len()) && bytes.iter().all(allowed) && bytes.contains(&b'.');
    valid.then(|| String::from_utf8_lossy(bytes).to_ascii_lowercase())
}

/// What a URN that names a piece of equipment or a subscription says it is, and where its number stands: `urn:imei:…`
/// of LwM2M (OMA-TS-LightweightM2M_Core section 6.3), `urn:gsma:imei:…` of IMS (RFC 7254), which may have parameters.
pub(super) fn urn(value: &[u8]) -> Option<(&'static str, Range<usize>)> {
    const NAMES: [(&str, &str); 9] = [
        ("urn:gsma:imei:", "imei"),
        ("urn:gsma:imeisv:", "imeisv"),
        ("urn:imei:", "imei"),
        ("urn:imeisv:", "imeisv"),
        ("urn:imsi:", "imsi"),
        ("urn:meid:", "meid"),
        ("urn:esn:", "esn"),
        ("urn:uuid:", "device_id"),
        ("urn:iccid:", "iccid"),
    ];
    let begins =
        |name: &str| value.get(..name.len()).is_some_and(|it| it.eq_ignore_ascii_case(name.as_bytes()));
    let (prefix, name) = NAMES.iter().find(|(prefix, _)| begins(prefix))?;
    let rest = &value[prefix.len()..];
    let end =
        rest.iter().position(|&byte| matches!(byte, b';' | b'?' | b'#' | b'>' | b'"')).unwrap_or(rest.len());
    Some((name, prefix.len()..prefix.len() + end))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urns_name_their_number() {
        assert_eq!(urn(b"urn:gsma:imei:00101700-123456-0;svn=01"), Some(("imei", 14..31)));
        assert_eq!(urn(b"URN:IMSI:001010123456789"), Some(("imsi", 9..24)));
        assert_eq!(urn(b"urn:dev:ops:1-2-3"), None);
    }

    #[test]
    fn hosts_are_names() {
        assert_eq!(host_name(b"IMS.Example."), Some("ims.example".to_owned()));
        for no in [&b"localhost"[..], b"a b.example", b"", b"\xff.example"] {
            assert_eq!(host_name(no), None);
        }
    }
}
