//! Protocols in which lines of text are said in turn: SMTP, IMAP, POP3 and FTP; and the mail that they carry.

use std::net::SocketAddr;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::content::Field;
use crate::packet::{Beside, Talk, Turns, Way};
use crate::random::Random;
use crate::wrapping::{lines, quoted_printable};

/// What a mail brings.
#[derive(Debug, Clone, Copy)]
pub struct Content<'a> {
    /// The content.
    pub bytes: &'a [u8],
    /// What it is said to be.
    pub media_type: &'a str,
    /// Whether it is text.
    pub text: bool,
}

/// A mail (RFC 5322) with a content as its body (RFC 2045), and further header fields.
pub fn mail(head: &[Field], content: Content<'_>, random: &mut Random) -> Vec<u8> {
    let part = part(content, random);
    let head: Vec<_> =
        head.iter().flat_map(|it| [it.name.as_bytes(), b": ", &it.value, b"\r\n"].concat()).collect();
    [&envelope(random), &head[..], &part].concat()
}

/// A mail with a few words, and a content as its attachment (RFC 2046 section 5.1.3, RFC 2183).
pub fn mail_with_attachment(content: Content<'_>, random: &mut Random) -> Vec<u8> {
    let mark = format!("=_{}", random.hex(16));
    let head = format!(
        "Content-Type: multipart/mixed; boundary=\"{mark}\"\r\n\r\nThis is a multipart message.\r\n--{mark}\r\n\
         Content-Type: text/plain; charset=us-ascii\r\n\r\nSee what is attached.\r\n--{mark}\r\n\
         Content-Disposition: attachment; filename=\"report.bin\"\r\n"
    );
    [&envelope(random), head.as_bytes(), &part(content, random), format!("\r\n--{mark}--\r\n").as_bytes()]
        .concat()
}

fn envelope(random: &mut Random) -> Vec<u8> {
    format!(
        "Date: Thu, 26 Nov 2026 10:00:00 +0000\r\nFrom: log@vendor.example\r\nTo: <in{}@vendor.example>\r\n\
         Message-ID: <{}@vendor.example>\r\nSubject: report\r\nMIME-Version: 1.0\r\n",
        random.below(40),
        random.hex(12)
    )
    .into_bytes()
}

/// Header fields that say how the content is encoded, and it.
fn part(content: Content<'_>, random: &mut Random) -> Vec<u8> {
    // RFC 5322 section 2.1.1; what is longer, or holds line ends of another kind, must be encoded.
    let plain = content.text
        && content.bytes.is_ascii()
        && content.bytes.split(|byte| *byte == b'\n').all(|line| line.len() < 998 && !line.contains(&b'\r'));
    let (encoding, body) = match random.below(3) {
        0 if plain => ("7bit", content.bytes.to_vec()),
        0 | 1 if content.text => ("quoted-printable", quoted_printable(content.bytes)),
        _ => ("base64", lines(&STANDARD.encode(content.bytes), "\r\n")),
    };
    let head =
        format!("Content-Type: {}\r\nContent-Transfer-Encoding: {encoding}\r\n\r\n", content.media_type);
    [head.as_bytes(), &body, b"\r\n"].concat()
}

/// A mail is handed over (RFC 5321): lines that begin with a dot get another.
pub fn smtp(mail: &[u8], random: &mut Random) -> Turns {
    let mut text = Vec::new();
    for line in mail.split_inclusive(|byte| *byte == b'\n') {
        if line.starts_with(b".") {
            text.push(b'.');
        }
        text.extend(line);
    }
    text.extend(b".\r\n");
    let hello = format!("EHLO [192.0.2.{}]\r\n", random.below(255));
    vec![
        (Way::In, b"220 mx.vendor.example ESMTP\r\n".to_vec()),
        (Way::Out, hello.into_bytes()),
        (Way::In, b"250-mx.vendor.example\r\n250-SIZE 9000000\r\n250 8BITMIME\r\n".to_vec()),
        (Way::Out, b"MAIL FROM:<log@vendor.example>\r\n".to_vec()),
        (Way::In, b"250 2.1.0 Ok\r\n".to_vec()),
        (Way::Out, b"RCPT TO:<in@vendor.example>\r\n".to_vec()),
        (Way::In, b"250 2.1.5 Ok\r\n".to_vec()),
        (Way::Out, b"DATA\r\n".to_vec()),
        (Way::In, b"354 End data with <CR><LF>.<CR><LF>\r\n".to_vec()),
        (Way::Out, text),
        (Way::In, b"250 2.0.0 Ok: queued\r\n".to_vec()),
        (Way::Out, b"QUIT\r\n".to_vec()),
    ]
}

/// The same, once both ends turned to TLS (RFC 3207): what is said before, and what is said within.
pub fn smtp_starttls(mail: &[u8], random: &mut Random) -> [Turns; 2] {
    let within = smtp(mail, random).split_off(1);
    let before = vec![
        (Way::In, b"220 mx.vendor.example ESMTP\r\n".to_vec()),
        (Way::Out, b"EHLO phone\r\n".to_vec()),
        (Way::In, b"250-mx.vendor.example\r\n250 STARTTLS\r\n".to_vec()),
        (Way::Out, b"STARTTLS\r\n".to_vec()),
        (Way::In, b"220 2.0.0 Ready to start TLS\r\n".to_vec()),
    ];
    [before, within]
}

/// A mail is kept on the server (RFC 9051 section 6.3.12).
pub fn imap(mail: &[u8]) -> Turns {
    vec![
        (Way::In, b"* OK IMAP4rev1 ready\r\n".to_vec()),
        (Way::Out, b"a1 CAPABILITY\r\n".to_vec()),
        (Way::In, b"* CAPABILITY IMAP4rev1 ID\r\na1 OK done\r\n".to_vec()),
        (Way::Out, format!("a2 APPEND Sent (\\Seen) {{{}}}\r\n", mail.len()).into_bytes()),
        (Way::In, b"+ go on\r\n".to_vec()),
        (Way::Out, [mail, b"\r\n"].concat()),
        (Way::In, b"a2 OK done\r\n".to_vec()),
    ]
}

/// The client says what it is (RFC 2971).
pub fn imap_id(fields: &[Field]) -> Turns {
    let quoted = |text: &str| text.replace('\\', "\\\\").replace('"', "\\\"");
    let pairs: Vec<_> =
        fields.iter().map(|it| format!("\"{}\" \"{}\"", it.name, quoted(&it.text()))).collect();
    vec![
        (Way::In, b"* OK IMAP4rev1 ready\r\n".to_vec()),
        (Way::Out, format!("a1 ID (\"name\" \"Mail\" {})\r\n", pairs.join(" ")).into_bytes()),
        (Way::In, b"* ID NIL\r\na1 OK done\r\n".to_vec()),
    ]
}

/// Somebody logs in (RFC 1939).
pub fn pop3(user: &str) -> Turns {
    vec![
        (Way::In, b"+OK POP3 server ready\r\n".to_vec()),
        (Way::Out, format!("USER {user}\r\n").into_bytes()),
        (Way::In, b"+OK\r\n".to_vec()),
        (Way::Out, b"QUIT\r\n".to_vec()),
    ]
}

/// A file is stored (RFC 959); its content goes over another connection.
pub fn ftp(folder: &str) -> Turns {
    vec![
        (Way::In, b"220 FTP server ready\r\n".to_vec()),
        (Way::Out, b"USER anonymous\r\n".to_vec()),
        (Way::In, b"230 ok\r\n".to_vec()),
        (Way::Out, format!("STOR /up/{folder}/boot.log\r\n").into_bytes()),
        (Way::In, b"150 ok\r\n".to_vec()),
    ]
}

/// How an FTP client has a second connection opened.
#[derive(Debug, Clone, Copy)]
enum Transfer {
    /// The server listens, and says where: over IPv4 only (RFC 959 section 4.1.2), or over either (RFC 2428 section 3).
    Passive,
    ExtendedPassive,
    /// The phone listens, and says where.
    Active,
}

/// A file is stored; its content goes over another connection.
pub fn ftp_upload(content: &[u8], random: &mut Random) -> Talk {
    let transfer = [Transfer::Passive, Transfer::ExtendedPassive, Transfer::Active][random.index(3)];
    let mut turns = vec![
        (Way::In, b"220 FTP server ready\r\n".to_vec()),
        (Way::Out, b"USER anonymous\r\n".to_vec()),
        (Way::In, b"230 ok\r\n".to_vec()),
        (Way::Out, b"TYPE I\r\n".to_vec()),
        (Way::In, b"200 ok\r\n".to_vec()),
    ];
    turns.extend(match transfer {
        Transfer::Passive => Some((Way::Out, b"PASV\r\n".to_vec())),
        Transfer::ExtendedPassive => Some((Way::Out, b"EPSV\r\n".to_vec())),
        Transfer::Active => None,
    });
    let at = turns.len();
    let (listener, tell, port): (_, fn(SocketAddr) -> Vec<u8>, _) = match transfer {
        Transfer::Passive => {
            (Way::In, |at| format!("227 Entering Passive Mode ({})\r\n", commas(at)).into(), None)
        }
        Transfer::ExtendedPassive => {
            (Way::In, |at| format!("229 Entering Extended Passive Mode (|||{}|)\r\n", at.port()).into(), None)
        }
        Transfer::Active => (Way::Out, active, Some(20)),
    };
    if port.is_some() {
        turns.push((Way::In, b"200 ok\r\n".to_vec()));
    }
    turns.push((Way::Out, format!("STOR boot{}.bin\r\n", random.below(99)).into_bytes()));
    // What was told is a turn too.
    let opened = turns.len() + 1;
    turns.push((Way::In, b"150 go on\r\n226 stored\r\n".to_vec()));
    let beside = Beside {
        ipv4: matches!(transfer, Transfer::Passive),
        listener,
        told: (at, tell),
        opened,
        port: port.unwrap_or_else(|| random.between(40_000, 65_000) as u16),
        turns: vec![(Way::Out, content.to_vec())],
    };
    Talk { beside: Some(beside), ..Talk::tcp(21, turns) }
}

/// PORT (RFC 959 section 4.1.2), or over IPv6 EPRT (RFC 2428 section 2).
fn active(at: SocketAddr) -> Vec<u8> {
    match at {
        SocketAddr::V4(_) => format!("PORT {}\r\n", commas(at)),
        SocketAddr::V6(at) => format!("EPRT |2|{}|{}|\r\n", at.ip(), at.port()),
    }
    .into_bytes()
}

/// The bytes of address and port.
fn commas(at: SocketAddr) -> String {
    let [high, low] = at.port().to_be_bytes();
    format!("{},{high},{low}", at.ip().to_string().replace('.', ","))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mail_is_escaped_and_ended() {
        let random = &mut Random::new(1, 1);
        let text = smtp(b"a: b\r\n\r\n.x\r\n", random).into_iter().find(|(_, it)| it.starts_with(b"a: "));
        assert_eq!(text.unwrap().1, b"a: b\r\n\r\n..x\r\n.\r\n");
        let turns = imap(b"a: b\r\n");
        assert!(turns[3].1.ends_with(b"{6}\r\n"));
    }

    #[test]
    fn a_second_connection_is_told_of() {
        let seen = (0..40).map(|item| {
            let talk = ftp_upload(b"abc", &mut Random::new(3, item));
            let beside = talk.beside.unwrap();
            let said = (beside.told.1)("192.0.2.1:258".parse().unwrap());
            assert!(talk.turns[beside.opened - 2].1.starts_with(b"STOR "));
            String::from_utf8(said).unwrap()
        });
        let seen: std::collections::BTreeSet<_> = seen.collect();
        let expected = [
            "227 Entering Passive Mode (192,0,2,1,1,2)\r\n",
            "229 Entering Extended Passive Mode (|||258|)\r\n",
            "PORT 192,0,2,1,1,2\r\n",
        ];
        assert_eq!(seen.iter().map(String::as_str).collect::<Vec<_>>(), expected);
        assert_eq!(active("[2001:db8::1]:258".parse().unwrap()), b"EPRT |2|2001:db8::1|258|\r\n");
    }

    #[test]
    fn what_no_mail_can_hold_is_encoded() {
        for item in 0..20 {
            let content = Content { bytes: &[0, 255], media_type: "a/b", text: false };
            let mail = mail(&[], content, &mut Random::new(1, item));
            assert!(mail.ends_with(b"Content-Transfer-Encoding: base64\r\n\r\nAP8=\r\n\r\n"));
        }
    }
}
