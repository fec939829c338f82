//! Google's mobile connection server without TLS: which device waits for pushes. (What mtalk.google.com takes on ports
//! 5228 to 5230 is TLS around it.) Tags and fields as Chromium's `mcs.proto` numbers them.

use packet::Direction;

use super::Observation;
use super::framed::{Framing, Length};
use super::message::Parts;
use super::reader::Reader;

/// Versions of the protocol that clients were seen with.
const VERSIONS: std::ops::RangeInclusive<u8> = 38..=48;
const LOGIN_REQUEST: u8 = 2;
const DATA_MESSAGE: u8 = 8;
const SETTING: &str = "login.setting";
const APP_DATA: &str = "message.app_data";
/// The last tag in use.
const MAX_TAG: u8 = 16;
/// Wire types of protobuf.
const LENGTH_DELIMITED: u64 = 2;

/// Whether bytes begin as a client does: version, login's tag, length, and a login's first field; `None`: they may yet.
pub(super) fn probe(bytes: &[u8]) -> Option<bool> {
    const LONGEST_LOGIN: u64 = 16 * 1024;
    let mut reader = Reader(bytes);
    let fits = VERSIONS.contains(&reader.u8()?) && reader.u8().is_none_or(|tag| tag == LOGIN_REQUEST);
    if !fits {
        return Some(false);
    }
    let Some(len) = varint(&mut reader) else { return if bytes.len() < 7 { None } else { Some(false) } };
    if !(16..=LONGEST_LOGIN).contains(&len) {
        return Some(false);
    }
    // The id of the client's software, such as `chrome-63.0.3234.0`, then the domain.
    let [0x0a, id @ 1..=64, rest @ ..] = reader.0 else {
        return if reader.0.len() < 2 && matches!(reader.0, [] | [0x0a]) { None } else { Some(false) };
    };
    let id = usize::from(*id);
    let there = rest.get(..id.min(rest.len())).unwrap_or_default();
    if !there.iter().all(u8::is_ascii_graphic) {
        return Some(false);
    }
    rest.get(id).map(|next| *next == 0x12)
}

/// A number, the lowest seven bits first.
fn varint(reader: &mut Reader<'_>) -> Option<u64> {
    let mut value = 0;
    for shift in (0..35).step_by(7) {
        let byte = reader.u8()?;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

/// A connection: each side begins with its version.
#[derive(Debug, Clone, Default)]
pub(super) struct Mcs {
    begun: [bool; 2],
}

impl Mcs {
    fn skip_version(&self, direction: Direction, reader: &mut Reader<'_>) {
        if !self.begun[direction.index()] {
            reader.take_up_to(1);
        }
    }
}

impl Framing for Mcs {
    fn measure(&self, direction: Direction, bytes: &[u8]) -> Length {
        let mut reader = Reader(bytes);
        self.skip_version(direction, &mut reader);
        match reader.u8() {
            Some(tag) if tag <= MAX_TAG => {}
            Some(_) => return Length::Broken,
            None => return Length::Unknown,
        }
        let there = reader.0.len();
        match varint(&mut reader) {
            Some(len) => Length::Known((bytes.len() - reader.0.len()) as u64 + len),
            None if there < 5 => Length::Unknown,
            None => Length::Broken,
        }
    }

    fn take(&mut self, direction: Direction, at: u64, bytes: &[u8], out: &mut Vec<Observation>) {
        let mut reader = Reader(bytes);
        self.skip_version(direction, &mut reader);
        self.begun[direction.index()] = true;
        let (Some(tag), Some(_)) = (reader.u8(), varint(&mut reader)) else { return };
        let mut parts = Parts::new(bytes, at);
        // What was read before a message breaks off counts.
        let _ = fields(tag, &mut reader, &mut parts);
        out.extend(parts.finish(direction, "mcs", None));
    }
}

fn fields(tag: u8, reader: &mut Reader<'_>, parts: &mut Parts<'_>) -> Option<()> {
    while !reader.is_empty() {
        let key = varint(reader)?;
        match key & 7 {
            0 => varint64(reader)?,
            1 => reader.take(8).map(drop)?,
            5 => reader.take(4).map(drop)?,
            LENGTH_DELIMITED => {
                let len = usize::try_from(varint(reader)?).ok()?;
                match field(tag, key >> 3) {
                    Some(name @ (SETTING | APP_DATA)) => take_pair(name, reader, len, parts)?,
                    Some(name) => take(name, reader, len, parts)?,
                    None => reader.take(len).map(drop)?,
                }
            }
            _ => return None,
        }
    }
    Some(())
}

/// A device calls itself `android-` and its Android ID in hexadecimal.
fn take(name: &str, reader: &mut Reader<'_>, len: usize, parts: &mut Parts<'_>) -> Option<()> {
    const PREFIX: &[u8] = b"android-";
    let prefixed = name == "login.device_id" && len > PREFIX.len() && reader.0.starts_with(PREFIX);
    let skipped = if prefixed { PREFIX.len() } else { 0 };
    reader.take(skipped)?;
    parts.take(name, reader, len - skipped)
}

/// A name (field 1) and what it stands for (field 2); anything else as it stands there.
fn take_pair(name: &str, reader: &mut Reader<'_>, len: usize, parts: &mut Parts<'_>) -> Option<()> {
    let there = reader.0.get(..len)?;
    let Some((key, skipped)) = pair(there) else { return parts.take(name, reader, len) };
    reader.take(skipped)?;
    parts.take(format!("{name}.{key}"), reader, len - skipped)
}

/// The name, and how many bytes stand before what it stands for.
fn pair(bytes: &[u8]) -> Option<(&str, usize)> {
    let mut reader = Reader(bytes);
    let mut text = |tag: u8| {
        let length = (reader.u8()? == tag).then(|| varint(&mut reader)).flatten()?;
        let before = bytes.len() - reader.0.len();
        reader.take(usize::try_from(length).ok()?).map(|text| (text, before))
    };
    let ((key, _), (_, before)) = (text(0x0a)?, text(0x12)?);
    let is_name = !key.is_empty() && key.iter().all(u8::is_ascii_graphic);
    (is_name && reader.is_empty()).then_some((std::str::from_utf8(key).ok()?, before))
}

fn varint64(reader: &mut Reader<'_>) -> Option<()> {
    (0..10).find_map(|_| reader.u8().filter(|byte| byte & 0x80 == 0)).map(drop)
}

fn field(tag: u8, number: u64) -> Option<&'static str> {
    match (tag, number) {
        (LOGIN_REQUEST, 1) => Some("login.client"),
        (LOGIN_REQUEST, 2) => Some("login.domain"),
        // What the check-in called Android ID, in decimal.
        (LOGIN_REQUEST, 3) => Some("login.android_id"),
        (LOGIN_REQUEST, 4) => Some("login.resource"),
        (LOGIN_REQUEST, 5) => Some("login.auth_token"),
        (LOGIN_REQUEST, 6) => Some("login.device_id"),
        (LOGIN_REQUEST, 8) => Some(SETTING),
        (DATA_MESSAGE, 3) => Some("message.from"),
        (DATA_MESSAGE, 4) => Some("message.to"),
        (DATA_MESSAGE, 5) => Some("message.category"),
        (DATA_MESSAGE, 6) => Some("message.token"),
        (DATA_MESSAGE, 7) => Some(APP_DATA),
        (DATA_MESSAGE, 21) => Some("message.raw_data"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::dissector::tests::dissect;
    use super::*;

    const OUT: Direction = Direction::Outbound;
    const IN: Direction = Direction::Inbound;

    fn field_of(number: u8, value: &[u8]) -> Vec<u8> {
        [&[number << 3 | 2, value.len() as u8], value].concat()
    }

    fn login() -> Vec<u8> {
        let body = [
            field_of(1, b"chrome-63.0.3234.0"),
            field_of(2, b"mcs.android.com"),
            field_of(3, b"3879463021284719321"),
            field_of(6, b"android-35d6a1f8b2c4e7d9"),
            vec![0x80, 1, 1],
        ]
        .concat();
        [&[41, LOGIN_REQUEST, body.len() as u8][..], &body].concat()
    }

    #[test]
    fn a_login_names_its_device() {
        let heartbeat = [0, 0];
        let flow = [&login()[..], &heartbeat].concat();
        for step in [1, 5, 1000] {
            let out = dissect(5228, &[(OUT, &flow[..]), (IN, &[41, 3, 2, 0x50, 1][..])], step);
            let [Observation::Protocol(protocol), Observation::Message(message)] = &out[..] else {
                panic!("{out:?}")
            };
            assert_eq!(protocol.0, "mcs");
            let id = &message.parts[2];
            assert_eq!((&id.name[..], &id.value[..]), ("login.android_id", &b"3879463021284719321"[..]));
            assert_eq!(flow[id.range.start as usize..id.range.end as usize], id.value);
        }
    }

    #[test]
    fn only_a_login_begins_it() {
        for len in 0..login().len() {
            assert_ne!(probe(&login()[..len]), Some(false), "{len}");
        }
        assert_eq!(probe(&login()), Some(true));
        for other in [&[41u8, 3, 40, 0x0a, 3][..], &[41, 2, 40, 0x08, 3], b")imei", &[41, 2, 40, 10, 2, 0, 0]]
        {
            assert_eq!(probe(other), Some(false), "{other:?}");
        }
    }

    #[test]
    fn data_is_called_by_its_name() {
        let pair = [field_of(1, b"imei"), field_of(2, b"001017001234569")].concat();
        let body = [field_of(5, b"com.example"), field_of(7, &pair), field_of(7, b"\x08\x01")].concat();
        let flow = [&login()[..], &[DATA_MESSAGE, body.len() as u8], &body].concat();
        let out = dissect(5228, &[(OUT, &flow)], 7);
        let Some(Observation::Message(message)) = out.last() else { panic!("{out:?}") };
        let parts: Vec<_> = message.parts.iter().map(|part| (&part.name[..], &part.value[..])).collect();
        let imei = ("message.app_data.imei", &b"001017001234569"[..]);
        let others = [("message.category", &b"com.example"[..]), ("message.app_data", b"\x08\x01")];
        assert_eq!(parts, [others[0], imei, others[1]]);
        assert!(message.parts.iter().all(|part| flow[part.range.start as usize..].starts_with(&part.value)));
    }
}
