//! SMTP (RFC 5321): who writes to whom, what, and with which credentials.

use packet::Direction;

use super::Observation;
use super::conversation::{Answer, Dialect, Line, Next};
use super::dissector::Opening;
use super::mail;
use super::message::Parts;

/// Whether a side begins as SMTP; `None`: it may yet. A greeting alone can be FTP's too.
pub(super) fn probe(opening: &Opening<'_>) -> Option<bool> {
    match opening.direction {
        Direction::Inbound => super::ftp::greets(opening.bytes, &["SMTP"]),
        Direction::Outbound => begins_with_line(opening.bytes, &["EHLO ", "HELO ", "LHLO "]),
    }
}

/// Whether bytes begin with a line of one of these commands; `None`: they may yet.
pub(super) fn begins_with_line(bytes: &[u8], commands: &[&str]) -> Option<bool> {
    const LONGEST: usize = 512;
    let begins =
        |it: &&str| bytes.iter().zip(it.bytes()).all(|(one, other)| one.to_ascii_uppercase() == other);
    if !commands.iter().any(begins) {
        return Some(false);
    }
    match bytes.iter().take(LONGEST).position(|&byte| byte == b'\n') {
        Some(end) => {
            let line = &bytes[..end];
            Some(line.ends_with(b"\r") && line[..end - 1].iter().all(|byte| matches!(byte, b' '..=b'~')))
        }
        None if bytes.len() < LONGEST => None,
        None => Some(false),
    }
}

/// What a client of SMTP is at.
#[derive(Debug, Clone, Default)]
pub(super) struct Smtp {
    /// Lines of an authentication to come.
    authenticates: bool,
    /// Whether a text is what BDAT brings.
    chunks: bool,
}

impl Dialect for Smtp {
    const NAME: &'static str = "smtp";

    fn line(&mut self, line: Line<'_>, out: &mut Vec<Observation>) -> Next {
        let mut parts = Parts::new(line.bytes, line.at);
        let (command, rest, at) = line.command();
        let all = at..line.bytes.len();
        let mut next = Next::Line;
        match command.as_str() {
            "EHLO" | "HELO" | "LHLO" => parts.add("helo", all),
            "MAIL" | "RCPT" => parts.add(command.to_ascii_lowercase(), all),
            "AUTH" => {
                self.authenticates = true;
                parts.add("auth", all.start + method_len(rest)..all.end);
            }
            "DATA" => {
                self.chunks = false;
                next = Next::Dotted;
            }
            "BDAT" => {
                self.chunks = true;
                let size = rest.split(|&byte| byte == b' ').next().unwrap_or_default();
                next =
                    Next::Counted(std::str::from_utf8(size).ok().and_then(|it| it.parse().ok()).unwrap_or(0));
            }
            "STARTTLS" => next = Next::Tls,
            "RSET" | "NOOP" | "QUIT" | "VRFY" | "EXPN" | "HELP" => {
                self.authenticates = false;
                parts.add(command.to_ascii_lowercase(), all);
            }
            // An answer to the server's challenge.
            _ if self.authenticates => parts.add("auth", 0..line.bytes.len()),
            _ => parts.add("command", 0..line.bytes.len()),
        }
        out.extend(parts.finish(Direction::Outbound, Self::NAME, None));
        next
    }

    fn text(&mut self, at: u64, bytes: &[u8], len: u64, out: &mut Vec<Observation>) {
        out.extend(mail::observe(Self::NAME, at, bytes, len));
    }

    fn answer(&self, line: &[u8]) -> Answer {
        match line {
            // Only the greeting has that code too, and it comes before.
            [b'2', b'2', b'0', b' ', ..] | [b'2', b'2', b'0'] => Answer::Yes,
            [b'4' | b'5', _, _, b' ', ..] | [b'4' | b'5', _, _] => Answer::No,
            _ => Answer::Other,
        }
    }
}

/// A mechanism and the space behind it.
fn method_len(rest: &[u8]) -> usize {
    rest.iter().position(|&byte| byte == b' ').map_or(rest.len(), |at| at + 1)
}

#[cfg(test)]
mod tests {
    use super::super::Message;
    use super::super::dissector::tests::dissect;
    use super::*;

    const OUT: Direction = Direction::Outbound;
    const IN: Direction = Direction::Inbound;

    fn sent(out: &[Observation]) -> Vec<(String, String)> {
        let parts = |message: &Message| {
            let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
            message.parts.iter().map(|part| (part.name.clone(), text(&part.value))).collect::<Vec<_>>()
        };
        out.iter()
            .filter_map(|it| match it {
                Observation::Message(message) if message.direction == OUT => Some(parts(message)),
                _ => None,
            })
            .flatten()
            .collect()
    }

    #[test]
    fn a_mail_is_read() {
        let turns = [
            (IN, &b"220 mx.example ready\r\n"[..]),
            (OUT, b"EHLO [192.0.2.1]\r\n"),
            (IN, b"250-mx.example\r\n250 AUTH PLAIN\r\n"),
            (OUT, b"AUTH PLAIN AHVzZXIAcGFzcw==\r\n"),
            (IN, b"235 yes\r\n"),
            (OUT, b"MAIL FROM:<a@b.example>\r\nDATA\r\n"),
            (IN, b"250 ok\r\n354 go\r\n"),
            (OUT, b"Subject: x\r\n\r\n..imei=1\r\n.\r\nQUIT\r\n"),
            (IN, b"221 bye\r\n"),
        ];
        for step in [1, 3, 1000] {
            let out = dissect(2525, &turns, step);
            assert_eq!(out[0], Observation::Protocol(super::super::Protocol("smtp")));
            let expected = [
                ("helo", "[192.0.2.1]"),
                ("auth", "AHVzZXIAcGFzcw=="),
                ("mail", "FROM:<a@b.example>"),
                ("header.Subject", "x"),
                ("body", ".imei=1\r\n"),
            ];
            let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned()));
            assert_eq!(sent(&out), expected, "{step}");
        }
    }

    #[test]
    fn tls_follows_the_servers_word() {
        let hello = [22, 3, 1, 0, 5, 1, 0, 0, 1, 3, 20, 3, 3, 0, 1, 1];
        for (word, tls) in [(&b"220 go\r\n"[..], true), (b"454 no\r\n", false)] {
            let turns = [
                (OUT, &b"EHLO a\r\n"[..]),
                (IN, b"250 STARTTLS\r\n"),
                (OUT, b"STARTTLS\r\n"),
                (IN, word),
                (OUT, &hello),
            ];
            for step in [1, 1000] {
                let out = dissect(25, &turns, step);
                let is_tls = out.contains(&Observation::Protocol(super::super::Protocol::TLS));
                assert_eq!(is_tls, tls, "{out:?}");
            }
        }
    }

    #[test]
    fn a_chunk_is_counted() {
        let turns = [(OUT, &b"EHLO a\r\nBDAT 12 LAST\r\nTo: x\r\n\r\na.bQUIT\r\n"[..])];
        for step in [1, 1000] {
            let out = dissect(25, &turns, step);
            assert_eq!(sent(&out)[1..], [("header.To".into(), "x".into()), ("body".into(), "a.b".into())]);
        }
    }
}
