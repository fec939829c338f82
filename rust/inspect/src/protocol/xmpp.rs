//! XMPP (RFC 6120): stanzas handed on as XML, until TLS begins.

use packet::Direction;

use super::Observation;
use super::message::{Parts, host_name};
use super::session::{Run, StreamSession, Switch, Upgrade};
use crate::stream::StreamEvent;

/// The longest stanza (a server must allow 10,000 bytes; RFC 6120 section 13.12).
const MAX_STANZA: usize = 64 * 1024;
/// Tags inside each other.
const MAX_DEPTH: u32 = 256;

/// Whether a stream begins as XMPP's; `None`: it may yet.
pub(super) fn probe(bytes: &[u8]) -> Option<bool> {
    const LONGEST: usize = 1024;
    const OPEN: &[u8] = b"<stream:stream";
    let begins = |begin: &[u8]| bytes.iter().zip(begin).all(|(one, other)| one == other);
    if begins(OPEN) {
        return (bytes.len() > OPEN.len()).then(|| bytes[OPEN.len()].is_ascii_whitespace());
    }
    if !begins(b"<?xml ") {
        return Some(false);
    }
    let head = &bytes[..bytes.len().min(LONGEST)];
    let Some(end) = head.windows(2).position(|it| it == b"?>") else {
        return if head.len() < LONGEST { None } else { Some(false) };
    };
    let rest = head[end + 2..].trim_ascii_start();
    let same = rest.iter().zip(OPEN).all(|(one, other)| one == other);
    if same && rest.len() <= OPEN.len() && head.len() < LONGEST {
        None
    } else {
        Some(same && rest.len() > OPEN.len())
    }
}

/// An XML stream in each direction.
#[derive(Debug, Clone, Default)]
pub(super) struct Xmpp {
    halves: [Half; 2],
}

/// Where in the markup a byte stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum State {
    #[default]
    Text,
    /// Behind `<`, and what the tag began with.
    Tag(Kind),
    /// In an attribute's value, up to that quote.
    Quoted(Kind, u8),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Nothing came behind `<` yet.
    New,
    Open,
    Close,
    /// `<?xml …?>`, `<!…>`.
    Other,
}

#[derive(Debug, Clone, Default)]
struct Half {
    /// The stanza that is coming.
    buffer: Vec<u8>,
    at: u64,
    state: State,
    /// The stream's own tag is the first.
    depth: u32,
    /// How much of the buffer was handed on because it went on no more.
    told: usize,
    lost: bool,
}

/// What a byte completed.
#[derive(Debug, PartialEq, Eq)]
enum Step {
    None,
    /// The tag that opens the stream.
    Stream,
    Stanza,
    Broken,
}

impl Half {
    /// Whether something is kept that was not handed on.
    fn is_pending(&self) -> bool {
        !self.lost && self.buffer.len() > self.told
    }

    fn push(&mut self, byte: u8) -> Step {
        let last = self.buffer.last().copied();
        self.buffer.push(byte);
        if self.buffer.len() > MAX_STANZA {
            return Step::Broken;
        }
        match (self.state, byte) {
            (State::Text, b'<') => self.state = State::Tag(Kind::New),
            (State::Text, _) if self.depth <= 1 && !byte.is_ascii_whitespace() => return Step::Broken,
            (State::Text, _) => {}
            (State::Tag(Kind::New), _) => {
                self.state = State::Tag(match byte {
                    b'/' => Kind::Close,
                    b'?' | b'!' => Kind::Other,
                    _ => Kind::Open,
                });
            }
            (State::Tag(kind), b'"' | b'\'') => self.state = State::Quoted(kind, byte),
            (State::Tag(kind), b'>') => {
                self.state = State::Text;
                return self.close_tag(kind, last == Some(b'/'));
            }
            (State::Quoted(kind, quote), _) if byte == quote => self.state = State::Tag(kind),
            _ => {}
        }
        Step::None
    }

    fn close_tag(&mut self, kind: Kind, empty: bool) -> Step {
        match kind {
            Kind::Open if empty => {}
            Kind::Open => self.depth += 1,
            Kind::Close => self.depth = self.depth.saturating_sub(1),
            Kind::New | Kind::Other => return Step::None,
        }
        match (kind, self.depth) {
            (_, MAX_DEPTH..) => Step::Broken,
            (Kind::Open, 1) if !empty => Step::Stream,
            (Kind::Close, 1) | (Kind::Open, 1) => Step::Stanza,
            _ => Step::None,
        }
    }
}

impl Xmpp {
    fn handle_data(
        &mut self,
        direction: Direction,
        offset: u64,
        bytes: &[u8],
        out: &mut Vec<Observation>,
    ) -> Option<Switch> {
        for (index, &byte) in bytes.iter().enumerate() {
            let half = &mut self.halves[direction.index()];
            if half.buffer.is_empty() {
                half.at = offset + index as u64;
            }
            let step = half.push(byte);
            if step == Step::None {
                continue;
            }
            let rest = (direction, offset + index as u64 + 1, bytes[index + 1..].to_vec());
            if step == Step::Broken {
                return Some(self.give_way(direction, rest));
            }
            let stanza = std::mem::take(&mut half.buffer);
            half.told = 0;
            let at = half.at;
            if step == Step::Stream {
                out.extend(observe_stream(direction, at, &stanza));
                out.extend(Observation::whole(direction, at, &stanza));
            } else if direction == Direction::Inbound && stanza.trim_ascii_start().starts_with(b"<proceed") {
                // RFC 6120 section 5.4.2.3: TLS begins behind it.
                return Some(self.give_way(direction, rest));
            } else {
                // SASL begins the stream anew inside the old one.
                if stanza.trim_ascii_start().starts_with(b"<success") {
                    self.halves.iter_mut().for_each(|half| half.depth = 0);
                }
                out.extend(observe_stanza(direction, at, &stanza));
            }
        }
        None
    }

    /// The connection goes on with another protocol.
    fn give_way(&mut self, direction: Direction, rest: Run) -> Switch {
        let other = &mut self.halves[direction.reversed().index()];
        let held = (direction.reversed(), other.at, std::mem::take(&mut other.buffer));
        let own = &mut self.halves[direction.index()];
        let mut own =
            (direction, if own.buffer.is_empty() { rest.1 } else { own.at }, std::mem::take(&mut own.buffer));
        own.2.extend_from_slice(&rest.2);
        Switch { to: Upgrade::Anything, rest: vec![held, own] }
    }

    fn take_unfinished(&mut self, direction: Direction, out: &mut Vec<Observation>) {
        let half = &mut self.halves[direction.index()];
        let stanza = std::mem::take(&mut half.buffer);
        half.told = 0;
        out.extend(observe_stanza(direction, half.at, &stanza));
    }

    /// Tells what came of a stanza that goes on no more; it may still.
    fn tell_unfinished(&mut self, direction: Direction, out: &mut Vec<Observation>) {
        let half = &mut self.halves[direction.index()];
        if half.is_pending() {
            half.told = half.buffer.len();
            out.extend(observe_stanza(direction, half.at, &half.buffer));
        }
    }
}

/// The tag that opens a stream: the phone's says which domain it wants.
fn observe_stream(direction: Direction, at: u64, tag: &[u8]) -> Option<Observation> {
    let mut parts = Parts::new(tag, at);
    let mut host = None;
    for name in ["from", "to"] {
        let Some(range) = attribute(tag, name) else { continue };
        if name == "to" && direction == Direction::Outbound {
            host = host_name(&tag[range.clone()]);
        }
        parts.add(format!("stream.{name}"), range);
    }
    parts.finish(direction, "xmpp", host)
}

fn observe_stanza(direction: Direction, at: u64, stanza: &[u8]) -> Option<Observation> {
    let end = stanza.trim_ascii_end().len();
    let start = end - stanza[..end].trim_ascii_start().len();
    let mut parts = Parts::new(stanza, at);
    parts.add("stanza", start..end);
    parts.finish(direction, "xmpp", None)
}

fn attribute(tag: &[u8], name: &str) -> Option<std::ops::Range<usize>> {
    let is_it = |it: &[u8]| {
        it.first().is_some_and(u8::is_ascii_whitespace)
            && it[1..].starts_with(name.as_bytes())
            && it.get(name.len() + 1) == Some(&b'=')
    };
    let at = tag.windows(name.len() + 2).position(is_it)? + name.len() + 2;
    let quote = *tag.get(at).filter(|byte| matches!(byte, b'"' | b'\''))?;
    let len = tag[at + 1..].iter().position(|&byte| byte == quote)?;
    Some(at + 1..at + 1 + len)
}

impl StreamSession for Xmpp {
    fn handle(
        &mut self,
        direction: Direction,
        event: StreamEvent<'_>,
        out: &mut Vec<Observation>,
    ) -> Option<Switch> {
        let lost = self.halves[direction.index()].lost;
        match event {
            StreamEvent::Data { offset, bytes } if !lost => {
                return self.handle_data(direction, offset, bytes, out);
            }
            StreamEvent::Gap { .. } if !lost => {
                self.take_unfinished(direction, out);
                self.halves[direction.index()] = Half { lost: true, ..Half::default() };
                out.push(Observation::GiveUp { direction, reason: "gap" });
            }
            StreamEvent::End => self.take_unfinished(direction, out),
            _ => {}
        }
        None
    }

    fn flush(&mut self, out: &mut Vec<Observation>) -> Option<Switch> {
        Direction::BOTH.into_iter().for_each(|direction| self.tell_unfinished(direction, out));
        None
    }

    fn is_pending(&self) -> bool {
        self.halves.iter().any(Half::is_pending)
    }

    fn wants(&self, direction: Direction) -> bool {
        !self.halves[direction.index()].lost
    }
}

#[cfg(test)]
mod tests {
    use super::super::Protocol;
    use super::super::dissector::tests::dissect;
    use super::*;

    const OUT: Direction = Direction::Outbound;
    const IN: Direction = Direction::Inbound;
    const OPEN: &[u8] =
        b"<?xml version='1.0'?><stream:stream from='001@a.example' to='A.Example' version='1.0'>";

    #[test]
    fn stanzas_are_handed_on() {
        let stanza = &b"<iq type='set' id='>'><q imei='1'>a<b/></q></iq>"[..];
        let flow = [OPEN, b"\n", stanza, b" <presence/>"].concat();
        for step in [1, 9, 1000] {
            let out = dissect(9999, &[(OUT, &flow)], step);
            assert_eq!(out[0], Observation::Protocol(Protocol::XMPP));
            let [_, Observation::Message(stream), Observation::Message(first), Observation::Message(second)] =
                &out[..]
            else {
                panic!("{out:?}")
            };
            assert_eq!(stream.host.as_deref(), Some("a.example"));
            assert_eq!(stream.parts[0].value, b"001@a.example");
            assert_eq!(first.parts[0].value, stanza);
            let range = first.parts[0].range.clone();
            assert_eq!(&flow[range.start as usize..range.end as usize], stanza);
            assert_eq!(second.parts[0].value, b"<presence/>");
        }
    }

    #[test]
    fn tls_begins_where_the_server_says_so() {
        let hello = [22, 3, 1, 0, 5, 1, 0, 0, 1, 3, 20, 3, 3, 0, 1, 1];
        let turns = [
            (OUT, OPEN),
            (IN, OPEN),
            (OUT, b"<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"),
            (IN, b"<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"),
            (OUT, &hello),
        ];
        for step in [1, 1000] {
            assert!(dissect(5222, &turns, step).contains(&Observation::Protocol(Protocol::TLS)));
        }
    }

    #[test]
    fn other_xml_is_none() {
        assert_eq!(probe(b"<?xml version='1.0'?><html>"), Some(false));
        assert_eq!(probe(b"<stream:streams"), Some(false));
        assert_eq!(probe(b"<?xml version='1.0'?> <stream:str"), None);
        assert_eq!(probe(OPEN), Some(true));
    }

    #[test]
    fn what_breaks_is_looked_at_as_bytes() {
        let out = dissect(5222, &[(OUT, &[OPEN, &b"imei=1"[..]].concat())], 3);
        assert!(matches!(out.last(), Some(Observation::Readable(it)) if it.bytes == b"imei=1"), "{out:?}");
    }
}
