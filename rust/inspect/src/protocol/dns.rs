//! DNS messages (RFC 1035), over UDP and TCP, multicast DNS and LLMNR alike.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::ops::Range;

use packet::Direction;

use super::discovery;
use super::reader::Reader;
use super::session::{StreamSession, Switch};
use super::unknown::Unknown;
use super::{DnsAnswer, DnsData, DnsMessage, DnsQuestion, Observation, Protocol};
use crate::stream::StreamEvent;

const HEADER: usize = 12;
/// A name's labels and the jumps to earlier ones.
const MAX_STEPS: usize = 128;
/// The longest name in text (RFC 1035 section 2.3.4).
const MAX_NAME: usize = 255;
/// Most names are shorter.
const USUAL_NAME: usize = 48;
/// Records of one message that are read.
const MAX_RECORDS: u16 = 256;

/// Record types.
const A: u16 = 1;
const CNAME: u16 = 5;
const AAAA: u16 = 28;
const SVCB: u16 = 64;
const HTTPS: u16 = 65;

/// Reads a message that stands at `range.start`. A malformed tail costs only what stands there. `None`: not even
/// the questions can be read.
pub fn parse(bytes: &[u8], range: Range<u64>) -> Option<DnsMessage> {
    parse_counted(bytes, range).map(|read| read.message)
}

/// What a message says that begins at `offset`. Returns how many bytes it has; none, if it is no message.
pub(super) fn observe(
    protocol: &'static str,
    direction: Direction,
    offset: u64,
    bytes: &[u8],
    out: &mut Vec<Observation>,
) -> usize {
    let Some(read) = parse_counted(bytes, offset..offset + bytes.len() as u64) else { return 0 };
    // Only of neighbours is of interest what they say of themselves.
    let telling = direction == Direction::Outbound || protocol != Protocol::DNS.0;
    if telling && bytes.get(6..HEADER).is_some_and(|counts| counts != [0; 6]) {
        out.extend(discovery::observe(direction, offset, bytes, protocol));
    }
    out.push(Observation::Dns(read.message.into()));
    read.len.min(bytes.len())
}

/// Whether a datagram is a whole DNS message: every record that its header counts is there.
pub(super) fn is_message(bytes: &[u8]) -> bool {
    plausible(bytes) && parse_counted(bytes, 0..0).is_some_and(|read| read.whole)
}

/// The same of what came by a port of DNS: there a message that breaks off will do.
pub(super) fn is_begun(bytes: &[u8]) -> bool {
    parse_counted(bytes, 0..0).is_some_and(|read| read.whole || plausible(bytes))
}

/// Whether a header can be one of a query, an answer, a notification or an update.
fn plausible(bytes: &[u8]) -> bool {
    let Some(&[_, _, high, low, ..]) = bytes.first_chunk::<HEADER>() else { return false };
    let opcode = high >> 3 & 0x0f;
    let count = |at: usize| u16::from_be_bytes([bytes[at], bytes[at + 1]]);
    let reserved = low & 0x40 != 0;
    matches!(opcode, 0 | 2 | 4 | 5)
        && !reserved
        && count(4) <= 8
        && count(6) <= 512
        && count(4) + count(6) > 0
}

/// What was read of a message.
struct Read {
    message: DnsMessage,
    /// Whether every record that its header counts is there.
    whole: bool,
    /// Its bytes, up to where it ends or breaks off.
    len: usize,
}

fn parse_counted(bytes: &[u8], range: Range<u64>) -> Option<Read> {
    let mut reader = Reader(bytes);
    let id = reader.u16()?;
    let flags = reader.u16()?;
    let counts = [reader.u16()?, reader.u16()?, reader.u16()?, reader.u16()?];
    let (response, rcode) = (flags & 0x8000 != 0, (flags & 0x0f) as u8);
    let message = DnsMessage { id, response, rcode, range, ..DnsMessage::default() };
    let mut read = Read { message, whole: false, len: HEADER };
    for _ in 0..counts[0].min(MAX_RECORDS) {
        let mut at = read.len;
        let Some(question) = question(bytes, &mut at, &read.message.range) else {
            return (!read.message.questions.is_empty()).then_some(read);
        };
        read.message.questions.push(question);
        read.len = at;
    }
    let records = counts[1..].iter().map(|&count| usize::from(count)).sum::<usize>();
    for index in 0..records.min(usize::from(MAX_RECORDS)) {
        let mut at = read.len;
        let Some(answer) = record(bytes, &mut at) else { return Some(read) };
        read.len = at;
        // Authority records never name a flow; additional ones do (the addresses of an HTTPS record's target).
        let authority =
            (usize::from(counts[1])..usize::from(counts[1]) + usize::from(counts[2])).contains(&index);
        read.message.answers.extend(answer.filter(|_| !authority));
    }
    read.whole = read.len <= bytes.len();
    Some(read)
}

/// `message` is where the whole of `bytes` stands.
fn question(bytes: &[u8], at: &mut usize, message: &Range<u64>) -> Option<DnsQuestion> {
    let begin = *at;
    let written = written_name(bytes, at)?;
    let mut reader = Reader(bytes.get(*at..)?);
    let kind = reader.u16()?;
    reader.u16()?;
    // Between a length and the root's: as long as its text where no byte is escaped and nothing is left out.
    let there = begin + 1..*at - 1;
    let exact = !written.is_empty()
        && there.len() == written.len()
        && message.end.saturating_sub(message.start) == bytes.len() as u64;
    let place = message.start + there.start as u64..message.start + there.end as u64;
    let range = if exact { place } else { message.clone() };
    *at += 4;
    Some(DnsQuestion { name: written.to_ascii_lowercase(), written, kind, range })
}

/// Reads a record. The outer `None`: malformed; the inner: of another kind.
fn record(bytes: &[u8], at: &mut usize) -> Option<Option<DnsAnswer>> {
    let owner = name(bytes, at)?;
    let mut reader = Reader(bytes.get(*at..)?);
    let kind = reader.u16()?;
    reader.u16()?;
    let ttl = reader.u32()?;
    let data = reader.vec16()?.0;
    let begin = *at + 10;
    *at = begin + data.len();
    let data = match kind {
        A => <[u8; 4]>::try_from(data).ok().map(|octets| DnsData::Address(Ipv4Addr::from(octets).into())),
        AAAA => <[u8; 16]>::try_from(data).ok().map(|octets| DnsData::Address(Ipv6Addr::from(octets).into())),
        CNAME => name(bytes, &mut { begin }).map(DnsData::Alias),
        SVCB | HTTPS => service(data, &owner),
        _ => None,
    };
    Some(data.map(|data| DnsAnswer { name: owner, ttl, data }))
}

/// A service binding (RFC 9460 section 2.2).
fn service(data: &[u8], owner: &str) -> Option<DnsData> {
    const ECH: u16 = 5;
    let priority = Reader(data).u16()?;
    let mut at = 2;
    let target = name(data, &mut at)?;
    let target = if target.is_empty() { owner.to_owned() } else { target };
    if priority == 0 {
        return Some(DnsData::Alias(target));
    }
    let (mut hints, mut ech) = (Vec::new(), None);
    let mut params = Reader(data.get(at..)?);
    while let (Some(key), Some(value)) = (params.u16(), params.vec16()) {
        hints.extend(addresses(key, value.0));
        if key == ECH {
            ech = public_name(value.0);
        }
    }
    Some(DnsData::Service { target, hints, ech })
}

/// The outer name of the first ECH configuration of a list (RFC 9849 section 4).
fn public_name(list: &[u8]) -> Option<String> {
    const ECH: u16 = 0xfe0d;
    let mut list = Reader(list).vec16()?;
    while let (Some(version), Some(mut config)) = (list.u16(), list.vec16()) {
        if version == ECH {
            // config_id, kem_id
            config.take(3)?;
            // public_key, cipher_suites
            config.vec16()?;
            config.vec16()?;
            // maximum_name_length
            config.u8()?;
            return super::hello::host_name(config.vec8()?.0);
        }
    }
    None
}

fn addresses(key: u16, value: &[u8]) -> Vec<IpAddr> {
    const IPV4_HINT: u16 = 4;
    const IPV6_HINT: u16 = 6;
    match key {
        IPV4_HINT => value.as_chunks::<4>().0.iter().map(|&octets| Ipv4Addr::from(octets).into()).collect(),
        IPV6_HINT => value.as_chunks::<16>().0.iter().map(|&octets| Ipv6Addr::from(octets).into()).collect(),
        _ => Vec::new(),
    }
}

/// Reads the name at `at` and moves `at` behind it. Bytes that no host name has are escaped as in zone files.
pub(super) fn name(bytes: &[u8], at: &mut usize) -> Option<String> {
    let mut name = written_name(bytes, at)?;
    name.make_ascii_lowercase();
    Some(name)
}

/// The same, its letters as they are written.
fn written_name(bytes: &[u8], at: &mut usize) -> Option<String> {
    let mut text = String::with_capacity(USUAL_NAME);
    let (mut position, mut jumped) = (*at, false);
    for _ in 0..MAX_STEPS {
        let len = *bytes.get(position)?;
        match len >> 6 {
            0 if len == 0 => {
                if !jumped {
                    *at = position + 1;
                }
                return Some(text);
            }
            0 => {
                let label = bytes.get(position + 1..position + 1 + usize::from(len))?;
                if !text.is_empty() {
                    text.push('.');
                }
                push_label(&mut text, label);
                position += 1 + label.len();
            }
            3 => {
                let target = usize::from(len & 0x3f) << 8 | usize::from(*bytes.get(position + 1)?);
                if !jumped {
                    *at = position + 2;
                }
                // Only backwards, so that it ends.
                if target >= position {
                    return None;
                }
                (position, jumped) = (target, true);
            }
            _ => return None,
        }
        // An escaped byte takes four letters.
        if text.len() > 4 * MAX_NAME {
            return None;
        }
    }
    None
}

fn push_label(text: &mut String, label: &[u8]) {
    // Almost every label is one of a host name.
    if let Ok(plain) = std::str::from_utf8(label)
        && label.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'-')
    {
        return text.push_str(plain);
    }
    for &byte in label {
        match byte {
            b'.' | b'\\' => text.extend(['\\', char::from(byte)]),
            b'!'..=b'~' => text.push(char::from(byte)),
            _ => text.push_str(&format!("\\{byte:03}")),
        }
    }
}

/// DNS over TCP (RFC 1035 section 4.2.2): two bytes of length before each message.
#[derive(Debug, Clone)]
pub(super) struct Stream {
    halves: [Half; 2],
    /// What stands where a message should.
    other: Unknown,
}

#[derive(Debug, Clone, Default)]
struct Half {
    buffer: Vec<u8>,
    at: u64,
    lost: bool,
}

/// Whether a TCP stream begins as DNS; `None`: too few bytes to tell. Off its port the first message must be whole.
pub(super) fn probe(bytes: &[u8], port: u16) -> Option<bool> {
    const LONGEST_ELSEWHERE: usize = 2048;
    let [high, low, message @ ..] = bytes else { return None };
    let len = usize::from(u16::from_be_bytes([*high, *low]));
    if len < HEADER + 5 || (port != 53 && len > LONGEST_ELSEWHERE) {
        return Some(false);
    }
    if message.len() < HEADER {
        return None;
    }
    match (plausible(message), port) {
        (false, _) => Some(false),
        (true, 53) => Some(true),
        (true, _) => message.get(..len).map(is_message),
    }
}

impl Stream {
    pub(super) fn new() -> Self {
        Self { halves: [Half::default(), Half::default()], other: Unknown::to_the_end() }
    }
}

impl StreamSession for Stream {
    fn handle(
        &mut self,
        direction: Direction,
        event: StreamEvent<'_>,
        out: &mut Vec<Observation>,
    ) -> Option<Switch> {
        let half = &mut self.halves[direction.index()];
        match event {
            StreamEvent::Data { offset, bytes } => {
                half.handle_data(direction, offset, bytes, (&mut self.other, out))
            }
            StreamEvent::End => {}
            StreamEvent::Gap { .. } if half.lost => {}
            StreamEvent::Gap { .. } => {
                *half = Half { lost: true, ..Half::default() };
                out.push(Observation::GiveUp { direction, reason: "gap" });
            }
        }
        None
    }

    fn wants(&self, direction: Direction) -> bool {
        !self.halves[direction.index()].lost
    }
}

impl Half {
    fn handle_data(
        &mut self,
        direction: Direction,
        offset: u64,
        bytes: &[u8],
        (other, out): (&mut Unknown, &mut Vec<Observation>),
    ) {
        if self.lost {
            return;
        }
        if self.buffer.is_empty() {
            self.at = offset;
        }
        let mut rest = bytes;
        while !rest.is_empty() {
            let wanted = match self.buffer[..] {
                [high, low, ..] => 2 + usize::from(u16::from_be_bytes([high, low])),
                _ => 2,
            };
            let taken = rest.len().min(wanted - self.buffer.len());
            self.buffer.extend_from_slice(&rest[..taken]);
            rest = &rest[taken..];
            if self.buffer.len() == wanted && wanted > 2 {
                let (message, at) = (&self.buffer[2..], self.at + 2);
                let len = observe(Protocol::DNS.0, direction, at, message, out);
                other.take_rest(direction, at, (message, len), out);
                self.buffer.clear();
                self.at += wanted as u64;
            } else if self.buffer == [0, 0] {
                self.buffer.clear();
                self.at += 2;
            }
        }
    }
}
