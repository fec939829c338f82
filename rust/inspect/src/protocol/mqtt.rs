//! MQTT 3.1, 3.1.1 (OASIS 2014) and 5.0 (OASIS 2019): who connects, and what is published.

use packet::Direction;

use super::Observation;
use super::framed::{Framing, Length};
use super::message::Parts;
use super::reader::Reader;

/// Packet types, in the first byte's upper half (5.0 section 2.1.2).
const CONNECT: u8 = 1;
const PUBLISH: u8 = 3;
const SUBSCRIBE: u8 = 8;
const UNSUBSCRIBE: u8 = 10;
const AUTH: u8 = 15;

/// Whether bytes begin with a CONNECT packet; `None`: they may yet.
pub(super) fn probe(bytes: &[u8]) -> Option<bool> {
    // The longest head: type, four bytes of length, `MQIsdp`, level, flags.
    const HEAD: usize = 15;
    match begins_connect(bytes) {
        Ok(level) => Some(level),
        Err(()) if bytes.len() < HEAD => None,
        Err(()) => Some(false),
    }
}

/// `Err`: too few bytes.
fn begins_connect(bytes: &[u8]) -> Result<bool, ()> {
    let mut reader = Reader(bytes);
    let first = reader.u8().ok_or(())?;
    if first != CONNECT << 4 {
        return Ok(false);
    }
    let Some(length) = varint(&mut reader) else { return if bytes.len() < 5 { Err(()) } else { Ok(false) } };
    let names: [(&[u8], &[u8]); 2] = [(b"\0\x04MQTT", &[4, 5]), (b"\0\x06MQIsdp", &[3])];
    for (name, levels) in names {
        let there = reader.0.len().min(name.len());
        if reader.0[..there] != name[..there] {
            continue;
        }
        let &[level, flags, ..] = reader.0.get(name.len()..).ok_or(())? else { return Err(()) };
        // Bit 7: a bridge between brokers says so in the level. Bit 0 of the flags is reserved.
        return Ok(levels.contains(&(level & 0x7f)) && flags & 1 == 0 && length >= name.len() as u64 + 4);
    }
    Ok(false)
}

/// A number of one to four bytes, the lowest seven bits first (5.0 section 1.5.5).
fn varint(reader: &mut Reader<'_>) -> Option<u64> {
    let mut value = 0;
    for shift in [0, 7, 14, 21] {
        let byte = reader.u8()?;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

/// What MQTT's packets are read with.
#[derive(Debug, Clone, Default)]
pub(super) struct Mqtt {
    /// From 5 on packets have properties.
    level: u8,
}

impl Framing for Mqtt {
    fn measure(&self, _direction: Direction, bytes: &[u8]) -> Length {
        let mut reader = Reader(bytes);
        if reader.u8().is_some_and(|first| first >> 4 == 0) {
            return Length::Broken;
        }
        match varint(&mut reader) {
            Some(rest) => Length::Known((bytes.len() - reader.0.len()) as u64 + rest),
            None if bytes.len() < 5 => Length::Unknown,
            None => Length::Broken,
        }
    }

    fn take(&mut self, direction: Direction, at: u64, bytes: &[u8], out: &mut Vec<Observation>) {
        let mut parts = Parts::new(bytes, at);
        let mut reader = Reader(bytes);
        let Some(first) = reader.u8() else { return };
        if varint(&mut reader).is_none() {
            return;
        }
        // What was read before a packet breaks off counts.
        let _ = match first >> 4 {
            CONNECT => self.connect(&mut reader, &mut parts),
            PUBLISH => self.publish(first, &mut reader, &mut parts),
            SUBSCRIBE | UNSUBSCRIBE => self.subscribe(first >> 4, &mut reader, &mut parts),
            AUTH => reader.u8().and_then(|_| properties(&mut reader, &mut parts, "")),
            _ => None,
        };
        out.extend(parts.finish(direction, "mqtt", None));
    }
}

impl Mqtt {
    /// 5.0 section 3.1.
    fn connect(&mut self, reader: &mut Reader<'_>, parts: &mut Parts<'_>) -> Option<()> {
        reader.vec16()?;
        self.level = reader.u8()? & 0x7f;
        let flags = reader.u8()?;
        reader.u16()?;
        self.properties(reader, parts, "")?;
        string(reader, parts, "client_id")?;
        if flags & 0x04 != 0 {
            self.properties(reader, parts, "will_")?;
            string(reader, parts, "will_topic")?;
            string(reader, parts, "will_payload")?;
        }
        if flags & 0x80 != 0 {
            string(reader, parts, "username")?;
        }
        if flags & 0x40 != 0 {
            string(reader, parts, "password")?;
        }
        Some(())
    }

    /// 5.0 section 3.3.
    fn publish(&self, first: u8, reader: &mut Reader<'_>, parts: &mut Parts<'_>) -> Option<()> {
        string(reader, parts, "topic")?;
        if first & 0x06 != 0 {
            reader.u16()?;
        }
        self.properties(reader, parts, "")?;
        parts.take_rest("payload", reader);
        Some(())
    }

    /// 5.0 sections 3.8 and 3.10.
    fn subscribe(&self, kind: u8, reader: &mut Reader<'_>, parts: &mut Parts<'_>) -> Option<()> {
        reader.u16()?;
        self.properties(reader, parts, "")?;
        while !reader.is_empty() {
            string(reader, parts, "topic_filter")?;
            if kind == SUBSCRIBE {
                reader.u8()?;
            }
        }
        Some(())
    }

    fn properties(&self, reader: &mut Reader<'_>, parts: &mut Parts<'_>, prefix: &str) -> Option<()> {
        if self.level < 5 { Some(()) } else { properties(reader, parts, prefix) }
    }
}

/// A text or binary value behind its length.
fn string(reader: &mut Reader<'_>, parts: &mut Parts<'_>, name: impl Into<String>) -> Option<()> {
    let len = reader.u16()?;
    // A packet cut off in a long value still tells its beginning.
    let there = usize::from(len).min(reader.0.len());
    parts.take(name, reader, there)?;
    (there == usize::from(len)).then_some(())
}

/// The properties of a packet (5.0 section 2.2.2). Those of the will get a prefix.
fn properties(reader: &mut Reader<'_>, parts: &mut Parts<'_>, prefix: &str) -> Option<()> {
    let len = varint(reader)?;
    let end = reader.0.len().checked_sub(usize::try_from(len).ok()?)?;
    while reader.0.len() > end {
        match reader.u8()? {
            // One, two and four bytes; a variable number.
            0x01 | 0x17 | 0x19 | 0x24 | 0x25 | 0x28 | 0x29 | 0x2a => reader.take(1).map(drop)?,
            0x13 | 0x21 | 0x22 | 0x23 => reader.take(2).map(drop)?,
            0x02 | 0x11 | 0x18 | 0x27 => reader.take(4).map(drop)?,
            0x0b => varint(reader).map(drop)?,
            0x03 => string(reader, parts, format!("{prefix}content_type"))?,
            0x08 => string(reader, parts, format!("{prefix}response_topic"))?,
            0x09 => string(reader, parts, format!("{prefix}correlation_data"))?,
            0x12 => string(reader, parts, "assigned_client_id")?,
            0x15 => string(reader, parts, "authentication_method")?,
            0x16 => string(reader, parts, "authentication_data")?,
            0x1a => string(reader, parts, "response_information")?,
            0x1c => string(reader, parts, "server_reference")?,
            0x1f => string(reader, parts, "reason")?,
            0x26 => {
                let key = String::from_utf8_lossy(reader.vec16()?.0).into_owned();
                string(reader, parts, format!("{prefix}user_property.{key}"))?;
            }
            _ => return None,
        }
    }
    (reader.0.len() == end).then_some(())
}

#[cfg(test)]
mod tests {
    use super::super::Message;
    use super::super::dissector::tests::dissect;
    use super::*;

    const OUT: Direction = Direction::Outbound;

    fn text(value: &[u8]) -> Vec<u8> {
        [&(value.len() as u16).to_be_bytes()[..], value].concat()
    }

    fn packet(first: u8, body: &[u8]) -> Vec<u8> {
        let (low, high) = (body.len() as u8 & 0x7f | 0x80, (body.len() >> 7) as u8);
        [&[first, low, high][..], body].concat()
    }

    /// CONNECT with a will, a user and a password, then PUBLISH with QoS 1.
    fn flow(level: u8) -> Vec<u8> {
        let name = if level == 3 { &b"MQIsdp"[..] } else { b"MQTT" };
        let property = [&[0x26][..], &text(b"imei"), &text(b"001017001234569")].concat();
        let properties =
            if level == 5 { [&[property.len() as u8][..], &property].concat() } else { Vec::new() };
        let none = if level == 5 { vec![0] } else { Vec::new() };
        let connect = [
            text(name),
            vec![level, 0xc6, 0, 60],
            properties,
            text(b"phone-1"),
            none.clone(),
            text(b"will/topic"),
            text(b"gone"),
            text(b"user"),
            text(b"secret"),
        ]
        .concat();
        let publish = [text(b"dev/001017001234569/up"), vec![0, 1], none, b"{\"a\":1}".to_vec()].concat();
        [packet(0x10, &connect), packet(0x32, &publish), vec![0xc0, 0]].concat()
    }

    fn parts(message: &Message, flow: &[u8]) -> Vec<(String, String)> {
        message
            .parts
            .iter()
            .map(|part| {
                assert_eq!(flow[part.range.start as usize..part.range.end as usize], part.value);
                (part.name.clone(), String::from_utf8_lossy(&part.value).into_owned())
            })
            .collect()
    }

    #[test]
    fn who_connects_and_what_is_published() {
        for (level, step) in [(3, 1), (4, 1), (5, 1), (5, 11), (4, 1000), (5, 1000)] {
            let flow = flow(level);
            let out = dissect(9999, &[(OUT, &flow)], step);
            let [
                Observation::Protocol(protocol),
                Observation::Message(connect),
                Observation::Message(publish),
            ] = &out[..]
            else {
                panic!("{level}: {out:?}")
            };
            assert_eq!(protocol.0, "mqtt");
            let mut expected = vec![
                ("client_id", "phone-1"),
                ("will_topic", "will/topic"),
                ("will_payload", "gone"),
                ("username", "user"),
                ("password", "secret"),
            ];
            if level == 5 {
                expected.insert(0, ("user_property.imei", "001017001234569"));
            }
            let own = |pairs: &[(&str, &str)]| -> Vec<(String, String)> {
                pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
            };
            assert_eq!(parts(connect, &flow), own(&expected));
            assert_eq!(
                parts(publish, &flow),
                own(&[("topic", "dev/001017001234569/up"), ("payload", "{\"a\":1}")])
            );
        }
    }

    #[test]
    fn only_a_connect_begins_it() {
        for level in [3, 4, 5] {
            for len in 0..flow(level).len() {
                let said = probe(&flow(level)[..len]);
                assert!(said == Some(true) || said.is_none() && len < 16, "{len}: {said:?}");
            }
        }
        for other in [
            &b"\x10\x20\0\x04MQTX\x04\x02"[..],
            b"\x10\x20\0\x04MQTT\x07\x02",
            b"\x10\x20\0\x04MQTT\x04\x03",
            b"GET /",
        ] {
            assert_eq!(probe(other), Some(false), "{other:?}");
        }
    }

    #[test]
    fn garbage_behind_it_is_looked_at_as_bytes() {
        let bytes = [&flow(4)[..], b"\0imei=001017001234569"].concat();
        for step in [1, 1000] {
            let out = dissect(1883, &[(OUT, &bytes)], step);
            assert!(matches!(out.last(), Some(Observation::Readable(_))), "{out:?}");
        }
    }
}
