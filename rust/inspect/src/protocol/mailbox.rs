//! POP3 (RFC 1939) and IMAP (RFC 9051): whose mailbox, with which credentials, from which software.

use packet::Direction;

use super::Observation;
use super::conversation::{Answer, Dialect, Line, Next};
use super::dissector::Opening;
use super::mail;
use super::message::Parts;

const POP3_PORT: u16 = 110;

/// Whether a server greets as POP3's; `None`: it may yet.
pub(super) fn probe_pop3(opening: &Opening<'_>) -> Option<bool> {
    let greeting = greeting(opening, b"+OK ")?;
    let says = |text: &[u8]| greeting.windows(text.len()).any(|it| it.eq_ignore_ascii_case(text));
    // A time stamp in angle brackets is for APOP.
    let stamp = greeting.ends_with(b">") && says(b"<") && says(b"@");
    Some(!greeting.is_empty() && (says(b"POP") || stamp || opening.port == POP3_PORT))
}

/// Whether a server greets as IMAP's; `None`: it may yet.
pub(super) fn probe_imap(opening: &Opening<'_>) -> Option<bool> {
    let ok = greeting(opening, b"* OK ");
    let known = greeting(opening, b"* PREAUTH ");
    match (ok, known) {
        (Some(one), Some(other)) => Some(!one.is_empty() || !other.is_empty()),
        _ => None,
    }
}

/// A server's first line, if it begins so; empty if it does not; `None`: it may yet.
fn greeting<'a>(opening: &Opening<'a>, begin: &[u8]) -> Option<&'a [u8]> {
    const LONGEST: usize = 1024;
    let bytes = opening.bytes;
    let begins = bytes.iter().zip(begin).all(|(one, other)| one == other);
    if opening.direction == Direction::Outbound || !begins {
        return Some(b"");
    }
    match bytes.iter().take(LONGEST).position(|&byte| byte == b'\n') {
        Some(end) if end > begin.len() => Some(bytes[..end].trim_ascii_end()),
        None if bytes.len() < LONGEST => None,
        _ => Some(b""),
    }
}

/// POP3's commands.
#[derive(Debug, Clone, Default)]
pub(super) struct Pop3 {
    /// Lines of an authentication to come.
    authenticates: bool,
}

impl Dialect for Pop3 {
    const NAME: &'static str = "pop3";

    fn line(&mut self, line: Line<'_>, out: &mut Vec<Observation>) -> Next {
        let mut parts = Parts::new(line.bytes, line.at);
        let (command, rest, at) = line.command();
        let argument = at..line.bytes.len();
        match command.as_str() {
            "USER" => parts.add("user", argument),
            "PASS" => parts.add("password", argument),
            "APOP" => parts.add("user", at..at + word_len(rest)),
            "AUTH" => {
                self.authenticates = true;
                let method = word_len(rest);
                parts.add("auth", (at + method + 1).min(argument.end)..argument.end);
            }
            "STLS" => return Next::Tls,
            "STAT" | "LIST" | "UIDL" | "RETR" | "TOP" | "DELE" | "CAPA" | "NOOP" | "RSET" | "QUIT" => {
                self.authenticates = false;
            }
            _ if self.authenticates => parts.add("auth", 0..line.bytes.len()),
            _ => parts.add("command", 0..line.bytes.len()),
        }
        out.extend(parts.finish(Direction::Outbound, Self::NAME, None));
        Next::Line
    }

    fn text(&mut self, _: u64, _: &[u8], _: u64, _: &mut Vec<Observation>) {}

    fn answer(&self, line: &[u8]) -> Answer {
        match line {
            [b'+', b'O', b'K', ..] => Answer::Yes,
            [b'-', b'E', b'R', b'R', ..] => Answer::No,
            _ => Answer::Other,
        }
    }
}

/// IMAP's commands.
#[derive(Debug, Clone, Default)]
pub(super) struct Imap {
    /// The tag of the command that asks for TLS.
    asked: Vec<u8>,
    /// The command that a literal belongs to.
    command: String,
}

impl Dialect for Imap {
    const NAME: &'static str = "imap";

    fn line(&mut self, line: Line<'_>, out: &mut Vec<Observation>) -> Next {
        let mut parts = Parts::new(line.bytes, line.at);
        let (_, tagged, at) = line.command();
        let inner = Line { bytes: tagged, at: line.at + at as u64 };
        let (command, rest, skipped) = inner.command();
        let start = at + skipped;
        match command.as_str() {
            "LOGIN" => add_words(&mut parts, start, &["user", "password"]),
            "AUTHENTICATE" => {
                parts.add("auth", (start + word_len(rest) + 1).min(line.bytes.len())..line.bytes.len())
            }
            "ID" => add_pairs(&mut parts, start),
            "STARTTLS" => {
                self.asked = line.bytes[..word_len(line.bytes)].to_vec();
                return Next::Tls;
            }
            "CAPABILITY" | "NOOP" | "LOGOUT" | "IDLE" | "CHECK" | "CLOSE" | "EXPUNGE" => {}
            // An answer to a challenge has no tag and no spaces.
            "" => parts.add("auth", 0..line.bytes.len()),
            word if word.bytes().all(|byte| byte.is_ascii_uppercase()) => {
                parts.add(word.to_ascii_lowercase(), start..line.bytes.len());
            }
            _ => parts.add("command", 0..line.bytes.len()),
        }
        out.extend(parts.finish(Direction::Outbound, Self::NAME, None));
        match literal(line.bytes) {
            Some(len) => {
                self.command = command;
                Next::Counted(len)
            }
            None => Next::Line,
        }
    }

    fn text(&mut self, at: u64, bytes: &[u8], len: u64, out: &mut Vec<Observation>) {
        if self.command == "APPEND" {
            return out.extend(mail::observe(Self::NAME, at, bytes, len));
        }
        let mut parts = Parts::new(bytes, at);
        parts.add("literal", 0..bytes.len());
        out.extend(parts.finish(Direction::Outbound, Self::NAME, None));
    }

    fn answer(&self, line: &[u8]) -> Answer {
        let Some(rest) = line.strip_prefix(&self.asked[..]).filter(|_| !self.asked.is_empty()) else {
            return Answer::Other;
        };
        match rest.get(..4).map(|word| word.to_ascii_uppercase()).as_deref() {
            Some([b' ', b'O', b'K', b' ']) => Answer::Yes,
            Some([b' ', b'N', b'O', b' '] | [b' ', b'B', b'A', b'D']) => Answer::No,
            _ => Answer::Other,
        }
    }
}

fn word_len(bytes: &[u8]) -> usize {
    bytes.iter().position(|&byte| byte == b' ').unwrap_or(bytes.len())
}

/// The length of the literal that follows a line: `{12}`, or `{12+}` when nobody waits (RFC 7888).
fn literal(line: &[u8]) -> Option<u64> {
    let inner = line.strip_suffix(b"}")?;
    let open = inner.iter().rposition(|&byte| byte == b'{')?;
    let digits = std::str::from_utf8(&inner[open + 1..]).ok()?;
    digits.strip_suffix('+').unwrap_or(digits).parse().ok()
}

/// Where words stand from `start` on, quotes undone.
fn words(bytes: &[u8], start: usize) -> Vec<std::ops::Range<usize>> {
    const MOST: usize = 64;
    let (mut out, mut at) = (Vec::new(), start);
    while out.len() < MOST {
        let is_gap = |byte: &u8| matches!(byte, b' ' | b'(' | b')');
        at += bytes.get(at..).unwrap_or_default().iter().take_while(|byte| is_gap(byte)).count();
        let Some(rest) = bytes.get(at..).filter(|rest| !rest.is_empty()) else { break };
        let (begin, len) = match rest.strip_prefix(b"\"") {
            Some(quoted) => (at + 1, quoted.iter().position(|&byte| byte == b'"').unwrap_or(quoted.len())),
            None => (at, rest.iter().position(is_gap).unwrap_or(rest.len())),
        };
        out.push(begin..begin + len);
        at = begin + len + usize::from(begin > at);
    }
    out
}

fn add_words(parts: &mut Parts<'_>, start: usize, names: &[&str]) {
    for (name, range) in names.iter().zip(words(parts.all(), start)) {
        parts.add(*name, range);
    }
}

/// RFC 2971: what the client is.
fn add_pairs(parts: &mut Parts<'_>, start: usize) {
    let words = words(parts.all(), start);
    for pair in words.as_chunks::<2>().0 {
        let [name, value] = pair.clone();
        let name = String::from_utf8_lossy(parts.get(name)).into_owned();
        parts.add(format!("id.{name}"), value);
    }
}

#[cfg(test)]
mod tests {
    use super::super::Protocol;
    use super::super::dissector::tests::dissect;
    use super::*;

    const OUT: Direction = Direction::Outbound;
    const IN: Direction = Direction::Inbound;

    fn sent(out: &[Observation]) -> Vec<(String, String)> {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let mut all = Vec::new();
        for observation in out {
            if let Observation::Message(message) = observation
                && message.direction == OUT
            {
                all.extend(message.parts.iter().map(|part| (part.name.clone(), text(&part.value))));
            }
        }
        all
    }

    fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
        expected.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn imap_names_user_and_software() {
        let turns = [
            (IN, &b"* OK ready\r\n"[..]),
            (OUT, b"a1 ID (\"name\" \"Mail\" \"x-serial\" \"R58N12345\")\r\n"),
            (OUT, b"a2 login me \"a b\"\r\na3 APPEND in {14}\r\nTo: x\r\n\r\nimei!\r\n"),
            (IN, b"a3 OK\r\n"),
        ];
        for step in [1, 5, 1000] {
            let out = dissect(9143, &turns, step);
            assert_eq!(out[0], Observation::Protocol(Protocol("imap")));
            let expected = [
                ("id.name", "Mail"),
                ("id.x-serial", "R58N12345"),
                ("user", "me"),
                ("password", "a b"),
                ("append", "in {14}"),
                ("header.To", "x"),
                ("body", "imei!"),
            ];
            assert_eq!(sent(&out)[..7], pairs(&expected), "{step}");
        }
    }

    #[test]
    fn pop3_names_its_user() {
        let turns = [
            (IN, &b"+OK POP3 ready\r\n"[..]),
            (OUT, b"USER me\r\n"),
            (IN, b"+OK\r\n"),
            (OUT, b"PASS secret\r\n"),
        ];
        for step in [1, 1000] {
            let out = dissect(9110, &turns, step);
            assert_eq!(out[0], Observation::Protocol(Protocol("pop3")));
            assert_eq!(sent(&out), pairs(&[("user", "me"), ("password", "secret")]));
        }
        let ask = |bytes| probe_pop3(&Opening { bytes, direction: IN, port: 6379 });
        assert_eq!(
            (ask(&b"+OK\r\n"[..]), ask(b"+OK fine\r\n"), ask(b"+O")),
            (Some(false), Some(false), None)
        );
    }

    #[test]
    fn tls_follows_the_tagged_answer() {
        let hello = [22, 3, 1, 0, 5, 1, 0, 0, 1, 3, 20, 3, 3, 0, 1, 1];
        let turns = [
            (IN, &b"* OK ready\r\n"[..]),
            (OUT, b"t9 STARTTLS\r\n"),
            (IN, b"* note\r\nt9 OK go\r\n"),
            (OUT, &hello),
        ];
        for step in [1, 1000] {
            let out = dissect(143, &turns, step);
            assert!(out.contains(&Observation::Protocol(Protocol::TLS)), "{out:?}");
        }
    }
}
