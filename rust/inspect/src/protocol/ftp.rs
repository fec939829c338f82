//! FTP's control connection (RFC 959): who logs in, and what is fetched and stored.

use packet::Direction;

use super::Observation;
use super::conversation::{Answer, Dialect, Line, Next};
use super::dissector::Opening;
use super::message::{Parts, host_name, segments};
use super::smtp::begins_with_line;

/// What a client says first. USER is POP3's too, but there the server's greeting tells.
const FIRST: [&str; 9] =
    ["USER ", "AUTH TLS", "AUTH SSL", "FEAT\r", "SYST\r", "OPTS UTF8", "HOST ", "CLNT ", "LANG "];

/// Whether a side begins as FTP; `None`: it may yet. A greeting alone can be SMTP's too.
pub(super) fn probe(opening: &Opening<'_>) -> Option<bool> {
    match opening.direction {
        Direction::Inbound => greets(opening.bytes, &["FTP"]),
        Direction::Outbound => {
            let begins = begins_with_line(opening.bytes, &FIRST)?;
            // `USER a b c d` is IRC's.
            let end = opening.bytes.iter().position(|&byte| byte == b'\r').unwrap_or(0);
            let words = opening.bytes[..end].split(|&byte| byte == b' ').count();
            Some(begins && words <= 3 && !(words == 3 && opening.bytes[..4].eq_ignore_ascii_case(b"USER")))
        }
    }
}

/// Whether a server greets with code 220 and one of these words; without one, what the client says must tell.
pub(super) fn greets(bytes: &[u8], words: &[&str]) -> Option<bool> {
    const LONGEST: usize = 1024;
    if bytes.iter().zip(b"220").any(|(one, other)| one != other)
        || bytes.get(3).is_some_and(|byte| !matches!(byte, b' ' | b'-'))
    {
        return Some(false);
    }
    let text = &bytes[..bytes.len().min(LONGEST)];
    let line = text.iter().position(|&byte| byte == b'\n').map(|end| &text[..end]);
    let Some(line) = line else { return if bytes.len() < LONGEST { None } else { Some(false) } };
    let says = |word: &&str| line.windows(word.len()).any(|it| it.eq_ignore_ascii_case(word.as_bytes()));
    words.iter().any(says).then_some(true)
}

/// Commands and their arguments.
#[derive(Debug, Clone)]
pub(super) struct Ftp;

impl Dialect for Ftp {
    const NAME: &'static str = "ftp";

    fn line(&mut self, line: Line<'_>, out: &mut Vec<Observation>) -> Next {
        let mut parts = Parts::new(line.bytes, line.at);
        let (command, rest, at) = line.command();
        let argument = at..line.bytes.len();
        let mut host = None;
        let mut next = Next::Line;
        match command.as_str() {
            "USER" => parts.add("user", argument),
            "PASS" => parts.add("password", argument),
            "ACCT" => parts.add("account", argument),
            "AUTH" => next = Next::Tls,
            // RFC 7151.
            "HOST" => host = host_name(rest),
            // Addresses and forms of transfer tell nothing.
            "PORT" | "EPRT" | "TYPE" | "MODE" | "STRU" | "PASV" | "EPSV" | "FEAT" | "SYST" | "NOOP"
            | "QUIT" => {}
            word if word.len() <= 4 && word.bytes().all(|byte| byte.is_ascii_uppercase()) => {
                let name = word.to_ascii_lowercase();
                parts.add(name.clone(), argument.clone());
                for (number, range) in segments(parts.get(argument.clone())) {
                    let range = argument.start + range.start..argument.start + range.end;
                    parts.add(format!("{name}[{number}]"), range);
                }
            }
            _ => parts.add("command", 0..line.bytes.len()),
        }
        out.extend(parts.finish(Direction::Outbound, Self::NAME, host));
        next
    }

    fn text(&mut self, _: u64, _: &[u8], _: u64, _: &mut Vec<Observation>) {}

    /// RFC 4217 section 4.
    fn answer(&self, line: &[u8]) -> Answer {
        match line {
            [b'2', b'3', b'4', b' ', ..] | [b'2', b'3', b'4'] => Answer::Yes,
            [b'4' | b'5', _, _, b' ', ..] => Answer::No,
            _ => Answer::Other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Protocol;
    use super::super::dissector::tests::dissect;
    use super::*;

    const OUT: Direction = Direction::Outbound;
    const IN: Direction = Direction::Inbound;

    #[test]
    fn a_login_and_a_file_are_read() {
        let turns = [
            (IN, &b"220-Welcome\r\n220 to a.example\r\n"[..]),
            (OUT, b"USER phone\r\n"),
            (IN, b"331 password?\r\n"),
            (OUT, b"PASS 001017001234569\r\nSTOR /up/001017001234569.zip\r\n"),
        ];
        for step in [1, 4, 1000] {
            let out = dissect(2121, &turns, step);
            assert_eq!(out[0], Observation::Protocol(Protocol("ftp")));
            let sent: Vec<_> = out
                .iter()
                .filter_map(|it| match it {
                    Observation::Message(it) if it.direction == OUT => Some(&it.parts[0]),
                    _ => None,
                })
                .map(|part| (part.name.as_str(), part.range.clone()))
                .collect();
            assert_eq!(sent, [("user", 5..10), ("password", 17..32), ("stor", 39..62)], "{step}");
        }
    }

    #[test]
    fn greetings_are_told_apart() {
        let ask = |direction, bytes| probe(&Opening { bytes, direction, port: 9 });
        assert_eq!(ask(IN, &b"220 (vsFTPd 3.0)\r\n"[..]), Some(true));
        assert_eq!(ask(IN, b"220 mail\r\n"), None);
        assert_eq!(ask(IN, b"200 ok\r\n"), Some(false));
        assert_eq!(ask(OUT, b"USER guest 0 * :Guest\r\n"), Some(false));
        assert_eq!(ask(OUT, b"USER a\n"), Some(false));
        assert_eq!(ask(OUT, b"USE"), None);
        assert_eq!(ask(OUT, b"OPTS UTF8 ON\r\n"), Some(true));
    }

    #[test]
    fn a_folder_may_be_encoded() {
        let store = b"USER phone\r\nSTOR /up/MDAxMDE3MDAxMjM0NTY5/boot.log\r\n";
        let out = dissect(2121, &[(IN, &b"220 FTP server\r\n"[..]), (OUT, store)], 1000);
        let Some(Observation::Message(message)) = out.last() else { panic!("{out:?}") };
        let parts: Vec<_> = message.parts.iter().map(|part| (&part.name[..], &part.value[..])).collect();
        let whole = &b"/up/MDAxMDE3MDAxMjM0NTY5/boot.log"[..];
        assert_eq!(parts, [("stor", whole), ("stor[2]", b"MDAxMDE3MDAxMjM0NTY5")]);
    }
}
