//! Conversations in TLS 1.3 (RFC 8446) and 1.2 (RFC 5246), with the secrets by which they can be read. Nobody agrees on
//! these: they are drawn, as the two ends' shares are.

use crate::packet::{Talk, Turns, Way};
use crate::protocol::host;
use crate::random::Random;
use crate::schedule::{Sealer, expand, line, prf};
use crate::tls::{
    certificates, client_hello, client_hello_with, early_data, extension, handshake, record, with_length,
};

/// Types of records.
const CHANGE: u8 = 20;
const HANDSHAKE: u8 = 22;
const DATA: u8 = 23;

/// Where a ClientHello's record holds its random, and its session's id.
const RANDOM: std::ops::Range<usize> = 11..43;
const SESSION: std::ops::Range<usize> = 43..76;

/// One end, once it encrypts.
struct Sender {
    sealer: Sealer,
    tls13: bool,
    /// Of the next record.
    number: u64,
}

impl Sender {
    fn modern(secret: &[u8; 32], cipher: u16) -> Self {
        let iv = expand(secret, "iv");
        let sealer = match cipher {
            AES => Sealer::aes(expand(secret, "key"), iv),
            _ => Sealer::chacha(expand(secret, "key"), iv),
        };
        Self { sealer, tls13: true, number: 0 }
    }

    /// Content as records, cut anywhere.
    fn send(&mut self, content: &[u8], random: &mut Random) -> Vec<u8> {
        const MOST: u64 = 1 << 14;
        let size =
            random.between(1 + content.len() as u64 / 4, MOST.max(content.len() as u64 / 4 + 1)).min(MOST);
        content.chunks(size as usize).flat_map(|part| self.seal(DATA, part, random)).collect()
    }

    fn seal(&mut self, kind: u8, content: &[u8], random: &mut Random) -> Vec<u8> {
        let number = self.number;
        self.number += 1;
        if self.tls13 {
            // Section 5.2: the type stands behind the content, and zeros may follow.
            let padding = if random.happens(20) { random.index(40) } else { 0 };
            let inner = [content, &[kind], &vec![0; padding]].concat();
            let head = [&[DATA, 3, 3], &(inner.len() as u16 + 16).to_be_bytes()[..]].concat();
            return [&head[..], &self.sealer.seal(number, &inner, &head)].concat();
        }
        // RFC 5288 section 3: the nonce's second part is sent along, and may be the number.
        let head = [kind, 3, 3];
        let length = (content.len() as u16).to_be_bytes();
        let aad = [&number.to_be_bytes()[..], &head, &length].concat();
        let sealed = self.sealer.seal(number, content, &aad);
        record(kind, &[&number.to_be_bytes()[..], &sealed].concat())
    }
}

/// What is said once both ends encrypt.
fn seal_turns(turns: &[(Way, Vec<u8>)], mut ends: [Sender; 2], random: &mut Random) -> Turns {
    let mut seal =
        |(way, bytes): &(Way, Vec<u8>)| (*way, ends[usize::from(*way == Way::In)].send(bytes, random));
    turns.iter().map(&mut seal).collect()
}

/// TLS_AES_128_GCM_SHA256 and TLS_CHACHA20_POLY1305_SHA256.
const AES: u16 = 0x1301;
const CHACHA: u16 = 0x1303;

/// The talk within TLS 1.3.
pub fn tls13(talk: Talk, random: &mut Random) -> Talk {
    let cipher = if random.happens(50) { AES } else { CHACHA };
    // A client that resumes speaks before it is answered.
    let (early, rest) = match &talk.turns[..] {
        [(Way::Out, early), rest @ ..] if random.happens(20) => (Some(early), rest),
        all => (None, all),
    };
    let more = if early.is_some() { early_data() } else { Vec::new() };
    let hello = client_hello_with(&host(random), &more, random);
    let secrets: [[u8; 32]; 4] = std::array::from_fn(|_| secret(random));
    let mut log = keys(&hello[RANDOM], &secrets);
    let mut ends = secrets.map(|secret| Sender::modern(&secret, cipher));
    let changed = record(CHANGE, &[1]);
    let finished = |random: &mut Random| handshake(20, &random.bytes(32));
    let mut begin = hello.clone();
    // EndOfEarlyData (section 4.5) goes with the early data's keys, once the server has answered.
    let mut end_of_early = Vec::new();
    if let Some(content) = early {
        let secret = secret(random);
        log += &line("CLIENT_EARLY_TRAFFIC_SECRET", &hello[RANDOM], &secret);
        let mut sender = Sender::modern(&secret, cipher);
        begin.extend([changed.clone(), sender.send(content, random)].concat());
        end_of_early = sender.seal(HANDSHAKE, &handshake(5, &[]), random);
    }
    let greeting = [handshake(8, &[0, 0]), finished(random)].concat();
    let answer = [
        record(HANDSHAKE, &server_hello(&hello[SESSION], cipher, random)),
        changed.clone(),
        ends[1].seal(HANDSHAKE, &greeting, random),
    ];
    let done = finished(random);
    let done = ends[0].seal(HANDSHAKE, &done, random);
    let done = [if early.is_some() { end_of_early } else { changed }, done].concat();
    let mut turns = vec![(Way::Out, begin), (Way::In, answer.concat()), (Way::Out, done)];
    let [_, _, client, mut server] = ends;
    if random.happens(50) {
        // A ticket (section 4.6.1).
        let ticket = [random.bytes(8), vec![1, 7], with_length(&random.bytes(32)), vec![0, 0]].concat();
        turns.push((Way::In, server.seal(HANDSHAKE, &handshake(4, &ticket), random)));
    }
    turns.extend(seal_turns(rest, [client, server], random));
    Talk { turns, keys: talk.keys + &log, ..talk }
}

/// The key log of a connection: the handshake's secrets, then those of what follows, the client's first.
pub fn keys(client_random: &[u8], secrets: &[[u8; 32]; 4]) -> String {
    let labels = [
        "CLIENT_HANDSHAKE_TRAFFIC_SECRET",
        "SERVER_HANDSHAKE_TRAFFIC_SECRET",
        "CLIENT_TRAFFIC_SECRET_0",
        "SERVER_TRAFFIC_SECRET_0",
    ];
    labels.iter().zip(secrets).map(|(label, secret)| line(label, client_random, secret)).collect()
}

/// A traffic secret.
pub fn secret(random: &mut Random) -> [u8; 32] {
    std::array::from_fn(|_| random.next() as u8)
}

/// The server chooses TLS 1.3 (section 4.1.3). `session`: the client's session id with its length.
pub fn server_hello(session: &[u8], cipher: u16, random: &mut Random) -> Vec<u8> {
    let share = [&[0, 0x1d][..], &with_length(&random.bytes(32))].concat();
    let extensions = [extension(0x002b, &[3, 4]), extension(0x0033, &share)].concat();
    let body =
        [&[3, 3], &random.bytes(32)[..], session, &cipher.to_be_bytes(), &[0], &with_length(&extensions)];
    handshake(2, &body.concat())
}

/// The talk within TLS 1.2: TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256.
pub fn tls12(talk: Talk, random: &mut Random) -> Talk {
    let name = host(random);
    let hello = client_hello(&name, random);
    let (server_random, master) = (random.bytes(32), random.bytes(48));
    let chosen = [&[3, 3][..], &server_random, &[0, 0xc0, 0x2f, 0, 0, 0]].concat();
    let share =
        [&[3, 0, 0x1d, 32][..], &random.bytes(32), &[4, 1], &with_length(&random.bytes(256))].concat();
    let answer =
        [handshake(2, &chosen), certificates(&name, random), handshake(12, &share), handshake(14, &[])];
    // Section 6.3: both keys, then both vectors, of which four bytes are secret.
    let block = prf(&master, "key expansion", &[&server_random, &hello[RANDOM]].concat(), 40);
    let mut ends = [0, 1].map(|end| {
        let (mut key, mut iv) = ([0; 16], [0; 12]);
        key.copy_from_slice(&block[16 * end..][..16]);
        iv[..4].copy_from_slice(&block[32 + 4 * end..][..4]);
        Sender { sealer: Sealer::aes(key, iv), tls13: false, number: 0 }
    });
    let changed = record(CHANGE, &[1]);
    let exchange = handshake(16, &[&[32], &random.bytes(32)[..]].concat());
    let mut finish = |end: usize| {
        let finished = handshake(20, &random.bytes(12));
        [changed.clone(), ends[end].seal(HANDSHAKE, &finished, random)].concat()
    };
    let mut turns = vec![
        (Way::Out, hello.clone()),
        (Way::In, record(HANDSHAKE, &answer.concat())),
        (Way::Out, [record(HANDSHAKE, &exchange), finish(0)].concat()),
        (Way::In, finish(1)),
    ];
    turns.extend(seal_turns(&talk.turns, ends, random));
    Talk { turns, keys: talk.keys + &line("CLIENT_RANDOM", &hello[RANDOM], &master), ..talk }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The types of the records of a stream.
    fn kinds(mut bytes: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        while let [kind, 3, 3, high, low, rest @ ..] = bytes {
            out.push(*kind);
            bytes = &rest[usize::from(*high) << 8 | usize::from(*low)..];
        }
        assert!(bytes.is_empty());
        out
    }

    #[test]
    fn turns_become_records_and_nothing_is_readable() {
        let mut seen = Vec::new();
        for item in 0..20 {
            let talk = |seed| {
                let (speaks, random) =
                    ((Way::Out, b"imei=359091108778933".repeat(40)), Random::new(seed, item));
                (Talk::tcp(443, vec![speaks.clone(), speaks]), random)
            };
            for (tls, (talk, mut random)) in [(3, talk(9)), (2, talk(8))] {
                let talk = if tls == 3 { tls13(talk, &mut random) } else { tls12(talk, &mut random) };
                let early = kinds(&talk.turns[0].1).len() > 1;
                let (way, last) = talk.turns.last().unwrap();
                assert!(kinds(last).iter().all(|kind| *kind == 23) && *way == Way::Out && last.len() > 800);
                assert!(!talk.turns.iter().any(|(_, bytes)| bytes.windows(5).any(|it| it == b"imei=")));
                seen.push((tls, early, talk.keys.lines().count()));
            }
        }
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen, [(2, false, 1), (3, false, 4), (3, true, 5)]);
    }
}
