//! QUIC version 1 (RFC 9000): packets, how they are protected (RFC 9001), and the streams that they carry.

use aes::Aes128;
use aes::cipher::{BlockCipherEncrypt, KeyInit};

use crate::http2::chunk;
use crate::packet::{Talk, Turns, Way};
use crate::protocol::host;
use crate::random::Random;
use crate::schedule::{Sealer, expand, extract, line};
use crate::secure::{keys, secret, server_hello};
use crate::tls::{early_data, extension, handshake, hello, with_length};

/// Types of long headers (section 17.2), with a packet number of four bytes.
const INITIAL: u8 = 0xc3;
const EARLY: u8 = 0xd3;
const HANDSHAKE: u8 = 0xe3;
/// The least size of a datagram with an Initial packet (section 14.1).
const LEAST: usize = 1200;
/// Most bytes of a STREAM frame's content here: a datagram fits any path.
const MOST: usize = 1100;

/// An Initial packet whose hello asks for a name (section 17.2.2).
pub fn quic_initial(name: &str, random: &mut Random) -> Vec<u8> {
    Client::new(name, b"\x02h3", false, random).initial(random)
}

/// What a client chose: its hello, and both ends' first connection ids.
struct Client {
    hello: Vec<u8>,
    id: Vec<u8>,
    /// What it calls the server until that names itself.
    destination: Vec<u8>,
}

impl Client {
    /// `early`: whether it says that it sends data at once.
    fn new(name: &str, protocols: &[u8], early: bool, random: &mut Random) -> Self {
        let (id, destination) = (random.bytes(8), random.bytes(8));
        let parameters = [&[1, 4, 0x80, 0, 0x75, 0x30, 15, 8][..], &id].concat();
        let more = [extension(0x0039, &parameters), if early { early_data() } else { Vec::new() }].concat();
        let hello = hello(name, protocols, b"", &more, random);
        Self { hello, id, destination }
    }

    fn initial(&self, random: &mut Random) -> Vec<u8> {
        // In one CRYPTO frame or two, the later first; then padding.
        let cut = if random.happens(50) { self.hello.len() / 2 } else { 0 };
        let mut frames = crypto(cut, &self.hello[cut..]);
        frames.extend(if cut > 0 { crypto(0, &self.hello[..cut]) } else { Vec::new() });
        frames.resize(frames.len().max(LEAST - 46), 0);
        let head = long(INITIAL, &self.destination, &self.id, frames.len(), 0);
        initial_keys(&self.destination, "client in").protect(head, 4, 0, &frames)
    }
}

/// A long header (section 17.2), the Initial's without a token.
fn long(kind: u8, destination: &[u8], source: &[u8], content: usize, number: u32) -> Vec<u8> {
    let token: &[u8] = if kind == INITIAL { &[0] } else { &[] };
    let length = (0x4000 | (content + 4 + 16) as u16).to_be_bytes();
    let ids = [&[destination.len() as u8], destination, &[source.len() as u8], source].concat();
    [&[kind, 0, 0, 0, 1], &ids[..], token, &length, &number.to_be_bytes()].concat()
}

/// A CRYPTO frame (section 19.6), numbers in two bytes.
fn crypto(offset: usize, bytes: &[u8]) -> Vec<u8> {
    let number = |value: usize| (0x4000 | value as u16).to_be_bytes();
    [&[6], &number(offset)[..], &number(bytes.len()), bytes].concat()
}

/// RFC 9001 section 5.2.
const SALT: [u8; 20] = [
    0x38, 0x76, 0x2c, 0xf7, 0xf5, 0x59, 0x34, 0xb3, 0x4d, 0x17, 0x9a, 0xe6, 0xa4, 0xc8, 0x0c, 0xad, 0xcc,
    0xbb, 0x7f, 0x0a,
];

/// How one end protects its packets.
struct Keys {
    sealer: Sealer,
    header: Aes128,
}

/// Those of Initial packets follow from the connection id that the client chose.
fn initial_keys(destination: &[u8], end: &str) -> Keys {
    Keys::of(&expand::<32>(&extract(&SALT, destination), end))
}

impl Keys {
    /// RFC 9001 section 5.1.
    fn of(secret: &[u8; 32]) -> Self {
        let sealer = Sealer::aes(expand(secret, "quic key"), expand(secret, "quic iv"));
        Self { sealer, header: Aes128::new(&expand::<16>(secret, "quic hp").into()) }
    }

    /// RFC 9001 sections 5.3 and 5.4. The last `len` bytes of the header are those of the packet's number.
    fn protect(&self, mut head: Vec<u8>, len: usize, number: u64, frames: &[u8]) -> Vec<u8> {
        let sealed = self.sealer.seal(number, frames, &head);
        let mut mask = [0; 16];
        mask.copy_from_slice(&sealed[4 - len..][..16]);
        self.header.encrypt_block((&mut mask).into());
        let at = head.len() - len;
        head[0] ^= mask[0] & if head[0] & 0x80 == 0 { 0x1f } else { 0x0f };
        head[at..].iter_mut().zip(&mask[1..]).for_each(|(byte, mask)| *byte ^= mask);
        [head, sealed].concat()
    }
}

/// What an end sends on a stream at once.
#[derive(Debug)]
pub struct Sent {
    /// The stream's id.
    pub stream: u8,
    /// How much was sent on it before.
    pub offset: usize,
    /// What is sent.
    pub bytes: Vec<u8>,
    /// Whether the stream ends with it.
    pub last: bool,
}

/// What both ends send in turns.
pub type Flights = Vec<(Way, Vec<Sent>)>;

/// A connection with these streams, and the secrets by which it can be read (TLS_AES_128_GCM_SHA256).
pub fn connection(protocols: &[u8], flights: &Flights, random: &mut Random) -> Talk {
    // A client that resumes asks before it is answered.
    let (early, rest) = match &flights[..] {
        [(Way::Out, early), rest @ ..] if random.happens(30) => (Some(early), rest),
        all => (None, all),
    };
    let client = Client::new(&host(random), protocols, early.is_some(), random);
    let secrets: [[u8; 32]; 4] = std::array::from_fn(|_| secret(random));
    let [from_client, from_server, data, reply] = secrets.map(|secret| Keys::of(&secret));
    // Connection ids are as long as their owner wants.
    let length = random.between(4, 20) as usize;
    let server_id = random.bytes(length);
    let mut turns = vec![(Way::Out, client.initial(random))];
    let (mut log, mut number) = (keys(&client.hello[6..38], &secrets), 0);
    if let Some(sent) = early {
        let secret = secret(random);
        log += &line("CLIENT_EARLY_TRAFFIC_SECRET", &client.hello[6..38], &secret);
        let (id, keys) = (client.destination.clone(), Keys::of(&secret));
        let mut sender = Sender { early: Some(client.id.clone()), keys, id, number };
        turns.extend(sender.datagrams(sent, random).into_iter().map(|bytes| (Way::Out, bytes)));
        number = sender.number;
    }
    turns.extend(greeting(&client, &server_id, &[from_client, from_server], random));
    let mut server = Sender { early: None, keys: reply, id: client.id.clone(), number: 0 };
    // HANDSHAKE_DONE (section 19.20), and padding.
    turns.push((Way::In, server.packet(&[0x1e, 0, 0, 0], random)));
    let mut ends = [Sender { early: None, keys: data, id: server_id, number }, server];
    for (way, sent) in rest {
        let datagrams = ends[usize::from(*way == Way::In)].datagrams(sent, random);
        turns.extend(datagrams.into_iter().map(|bytes| (*way, bytes)));
    }
    Talk { keys: log, ..Talk::udp(443, turns) }
}

/// The handshake once the client began; `ends`: the client's and the server's keys in it.
fn greeting(client: &Client, server_id: &[u8], ends: &[Keys; 2], random: &mut Random) -> Turns {
    let chosen = crypto(0, &server_hello(&[0], 0x1301, random));
    let answer = long(INITIAL, &client.id, server_id, chosen.len(), 0);
    let answer = initial_keys(&client.destination, "server in").protect(answer, 4, 0, &chosen);
    let finished = |random: &mut Random| handshake(20, &random.bytes(32));
    let own = |id: &[u8]| [&[id.len() as u8], id].concat();
    let parameters = [vec![0], own(&client.destination), vec![15], own(server_id)].concat();
    let extensions = handshake(8, &with_length(&extension(0x0039, &parameters)));
    let greeting = crypto(0, &[extensions, finished(random)].concat());
    let greeting =
        ends[1].protect(long(HANDSHAKE, &client.id, server_id, greeting.len(), 0), 4, 0, &greeting);
    let done = crypto(0, &finished(random));
    let done = ends[0].protect(long(HANDSHAKE, server_id, &client.id, done.len(), 0), 4, 0, &done);
    vec![(Way::In, [answer, greeting].concat()), (Way::Out, done)]
}

/// One end, once the handshake is done, or before it.
struct Sender {
    /// Of a client that does not wait for the handshake: what it calls itself.
    early: Option<Vec<u8>>,
    keys: Keys,
    /// What the other end calls itself.
    id: Vec<u8>,
    /// Of the next packet.
    number: u32,
}

impl Sender {
    /// Streams' contents in STREAM frames (section 19.8), one in each datagram; some come before those that they follow.
    fn datagrams(&mut self, sent: &[Sent], random: &mut Random) -> Vec<Vec<u8>> {
        let mut out = Vec::new();
        for Sent { stream, offset, bytes, last } in sent {
            let size = chunk(bytes.len(), random).min(MOST);
            for (place, part) in bytes.chunks(size).enumerate() {
                let end = place * size + part.len();
                let fin = u8::from(*last && end == bytes.len());
                let at = varint(offset + place * size);
                let head = [vec![0x0e | fin, *stream], at, varint(part.len())].concat();
                out.push(self.packet(&[head, part.to_vec()].concat(), random));
            }
        }
        if random.happens(30) {
            random.shuffle(&mut out);
        }
        out
    }

    fn packet(&mut self, frames: &[u8], random: &mut Random) -> Vec<u8> {
        let number = self.number;
        self.number += 1;
        if let Some(source) = &self.early {
            let head = long(EARLY, &self.id, source, frames.len(), number);
            return self.keys.protect(head, 4, number.into(), frames);
        }
        short(&self.keys, &self.id, number, frames, random)
    }
}

/// A packet with a short header (section 17.3.1), its number in one to four bytes.
fn short(keys: &Keys, id: &[u8], number: u32, frames: &[u8], random: &mut Random) -> Vec<u8> {
    let len = random.between(1, 4) as usize;
    let head = [&[0x40 | (len as u8 - 1)], id, &number.to_be_bytes()[4 - len..]].concat();
    keys.protect(head, len, number.into(), frames)
}

/// Section 16.
pub fn varint(value: usize) -> Vec<u8> {
    match value {
        0..64 => vec![value as u8],
        64..16_384 => (0x4000 | value as u16).to_be_bytes().to_vec(),
        _ => (0x8000_0000 | value as u32).to_be_bytes().to_vec(),
    }
}

/// A question of DNS over QUIC (RFC 9250 section 4.2), behind its length.
pub fn dns(question: &[u8], random: &mut Random) -> Talk {
    let message = [&(question.len() as u16).to_be_bytes(), question].concat();
    let sent = Sent { stream: 0, offset: 0, bytes: message, last: true };
    connection(b"\x03doq", &vec![(Way::Out, vec![sent])], random)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_initial_fills_its_datagram() {
        assert_eq!(quic_initial("x.example", &mut Random::new(1, 1)).len(), LEAST);
    }

    #[test]
    fn a_packet_is_protected_as_in_the_standard() {
        // RFC 9001 appendix A.1.
        let destination = [0x83, 0x94, 0xc8, 0xf0, 0x3e, 0x51, 0x57, 0x08];
        let secret = expand::<32>(&extract(&SALT, &destination), "client in");
        assert_eq!(secret[..4], [0xc0, 0x0c, 0xf1, 0x51]);
        assert_eq!(expand::<16>(&secret, "quic key")[..4], [0x1f, 0x36, 0x96, 0x13]);
        assert_eq!(expand::<12>(&secret, "quic iv")[..4], [0xfa, 0x04, 0x4b, 0x2f]);
        assert_eq!(expand::<16>(&secret, "quic hp")[..4], [0x9f, 0x50, 0x44, 0x9e]);
        // Appendix A.3: the server's first packet.
        let frames = [
            0x02, 0x00, 0x00, 0x00, 0x00, 0x06, 0x00, 0x40, 0x5a, 0x02, 0x00, 0x00, 0x56, 0x03, 0x03, 0xee,
            0xfc, 0xe7, 0xf7, 0xb3, 0x7b, 0xa1, 0xd1, 0x63, 0x2e, 0x96, 0x67, 0x78, 0x25, 0xdd, 0xf7, 0x39,
            0x88, 0xcf, 0xc7, 0x98, 0x25, 0xdf, 0x56, 0x6d, 0xc5, 0x43, 0x0b, 0x9a, 0x04, 0x5a, 0x12, 0x00,
            0x13, 0x01, 0x00, 0x00, 0x2e, 0x00, 0x33, 0x00, 0x24, 0x00, 0x1d, 0x00, 0x20, 0x9d, 0x3c, 0x94,
            0x0d, 0x89, 0x69, 0x0b, 0x84, 0xd0, 0x8a, 0x60, 0x99, 0x3c, 0x14, 0x4e, 0xca, 0x68, 0x4d, 0x10,
            0x81, 0x28, 0x7c, 0x83, 0x4d, 0x53, 0x11, 0xbc, 0xf3, 0x2b, 0xb9, 0xda, 0x1a, 0x00, 0x2b, 0x00,
            0x02, 0x03, 0x04,
        ];
        let head =
            [0xc1, 0, 0, 0, 1, 0, 8, 0xf0, 0x67, 0xa5, 0x50, 0x2a, 0x42, 0x62, 0xb5, 0, 0x40, 0x75, 0, 1];
        let packet = initial_keys(&destination, "server in").protect(head.to_vec(), 2, 1, &frames);
        assert_eq!(packet[..5], [0xcf, 0, 0, 0, 1]);
        assert_eq!(packet[18..24], [0xc0, 0xd9, 0x5a, 0x48, 0x2c, 0xd0]);
        assert_eq!(packet[packet.len() - 4..], [0x7d, 0xd0, 0x74, 0xee]);
    }

    #[test]
    fn numbers_are_as_in_the_standard() {
        // RFC 9000 appendix A.1.
        assert_eq!(varint(37), [0x25]);
        assert_eq!(varint(15_293), [0x7b, 0xbd]);
        assert_eq!(varint(494_878_333), [0x9d, 0x7f, 0x3e, 0x7d]);
    }
}
