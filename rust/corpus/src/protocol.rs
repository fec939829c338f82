//! Application protocols, as clients write them: enough of each to carry a content.

use crate::content::{Field, varint};
use crate::random::Random;
use crate::wrapping;

/// An HTTP/1 request. `head` are header fields in addition to the usual ones.
pub fn http(method: &str, target: &str, head: &[Field], body: &[u8], random: &mut Random) -> Vec<u8> {
    let mut lines = vec![
        Field::new("Host", host(random)),
        Field::new(
            "User-Agent",
            random.pick(&["okhttp/4.9.1", "Dalvik/2.1.0 (Linux; U; Android 9)", "curl/7.88.1", "Reg/1.0"]),
        ),
        Field::new("Accept", "*/*"),
    ];
    lines.extend_from_slice(head);
    random.shuffle(&mut lines);
    let chunked = !body.is_empty() && random.happens(15);
    if chunked {
        lines.push(Field::new("Transfer-Encoding", "chunked"));
    } else if !body.is_empty() || method == "POST" {
        lines.push(Field::new("Content-Length", body.len().to_string()));
    }
    let mut out = format!("{method} {target} HTTP/1.1\r\n").into_bytes();
    // Firmware of some modems leaves out the space.
    let colon: &[u8] = if random.happens(10) { b":" } else { b": " };
    for line in lines {
        out.extend([line.name.as_bytes(), colon, &line.value, b"\r\n"].concat());
    }
    out.extend(b"\r\n");
    if chunked {
        out.extend(chunks(body, random))
    } else {
        out.extend(body)
    }
    out
}

fn chunks(body: &[u8], random: &mut Random) -> Vec<u8> {
    let size = random.between(1 + body.len() as u64 / 20, 1 + body.len() as u64) as usize;
    let mut out = Vec::new();
    for chunk in body.chunks(size) {
        out.extend(format!("{:x}\r\n", chunk.len()).into_bytes());
        out.extend(chunk);
        out.extend(b"\r\n");
    }
    out.extend(b"0\r\n\r\n");
    out
}

/// A host name that no table knows.
pub fn host(random: &mut Random) -> String {
    let word = random.pick(&["api", "reg", "up", "log", "svc", "gw", "edge"]);
    format!("{word}{}.{}.example", random.below(40), random.pick(&["vendor", "carrier", "cloud", "shop"]))
}

/// An answer that says nothing.
pub fn http_answer() -> Vec<u8> {
    b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\nok".to_vec()
}

/// A question for an A record (RFC 1035).
pub fn dns(name: &str, random: &mut Random) -> Vec<u8> {
    let mut out = random.bytes(2);
    out.extend([1, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
    for label in name.split('.') {
        out.push(label.len() as u8);
        out.extend(label.as_bytes());
    }
    out.extend([0, 0, 1, 0, 1]);
    out
}

fn mqtt_text(text: &[u8]) -> Vec<u8> {
    [(text.len() as u16).to_be_bytes().as_slice(), text].concat()
}

fn mqtt_packet(kind: u8, body: &[u8]) -> Vec<u8> {
    [vec![kind], varint(body.len() as u64), body.to_vec()].concat()
}

/// MQTT 3.1.1 CONNECT.
pub fn mqtt_connect(client: &[u8]) -> Vec<u8> {
    let body = [mqtt_text(b"MQTT"), vec![4, 2, 0, 60], mqtt_text(client)].concat();
    mqtt_packet(0x10, &body)
}

/// The same with a user name.
pub fn mqtt_connect_as(client: &[u8], user: &[u8]) -> Vec<u8> {
    let body = [mqtt_text(b"MQTT"), vec![4, 0x82, 0, 60], mqtt_text(client), mqtt_text(user)].concat();
    mqtt_packet(0x10, &body)
}

/// MQTT PUBLISH at most once.
pub fn mqtt_publish(topic: &str, payload: &[u8]) -> Vec<u8> {
    mqtt_packet(0x30, &[mqtt_text(topic.as_bytes()), payload.to_vec()].concat())
}

/// MQTT 5.0 CONNECT, without properties.
pub fn mqtt5_connect(client: &[u8]) -> Vec<u8> {
    let body = [mqtt_text(b"MQTT"), vec![5, 2, 0, 60, 0], mqtt_text(client)].concat();
    mqtt_packet(0x10, &body)
}

/// MQTT 5.0 PUBLISH with user properties (section 3.3.2.3.7).
pub fn mqtt5_publish(topic: &str, properties: &[Field], payload: &[u8]) -> Vec<u8> {
    let properties: Vec<u8> = properties
        .iter()
        .flat_map(|it| [vec![0x26], mqtt_text(it.name.as_bytes()), mqtt_text(&it.value)].concat())
        .collect();
    let body =
        [mqtt_text(topic.as_bytes()), varint(properties.len() as u64), properties, payload.to_vec()].concat();
    mqtt_packet(0x30, &body)
}

/// A CoAP POST (RFC 7252 section 3). Options are number and value, sorted by number.
pub fn coap(options: &[(u16, &[u8])], payload: &[u8], random: &mut Random) -> Vec<u8> {
    [vec![0x44, 0x02], random.bytes(6), coap_body(options, payload)].concat()
}

/// The same over TCP (RFC 8323 section 3.2), behind capabilities and settings (section 5.3) that tell how long a message may be.
pub fn coap_over_tcp(options: &[(u16, &[u8])], payload: &[u8], random: &mut Random) -> Vec<u8> {
    let body = coap_body(options, payload);
    let (length, more) = match body.len() {
        // Two bytes count up to there.
        len @ 0..65_805 => nibble(len),
        len => (15, (len as u32 - 65_805).to_be_bytes().to_vec()),
    };
    let settings = [0x30, 0xe1, 0x22, 0x20, 0x00];
    let token = random.bytes(4);
    [&settings[..], &[length << 4 | 4], &more, &[0x02], &token, &body].concat()
}

/// The server's settings.
pub fn coap_answer() -> Vec<u8> {
    vec![0x30, 0xe1, 0x22, 0x08, 0x00]
}

fn coap_body(options: &[(u16, &[u8])], payload: &[u8]) -> Vec<u8> {
    let (mut out, mut last) = (Vec::new(), 0);
    for (number, value) in options {
        let (delta, more_delta) = nibble((number - last).into());
        let (length, more_length) = nibble(value.len());
        out.push(delta << 4 | length);
        out.extend([more_delta, more_length, value.to_vec()].concat());
        last = *number;
    }
    out.push(0xff);
    out.extend(payload);
    out
}

fn nibble(value: usize) -> (u8, Vec<u8>) {
    match value {
        0..13 => (value as u8, Vec::new()),
        13..269 => (13, vec![(value - 13) as u8]),
        _ => (14, ((value - 269) as u16).to_be_bytes().to_vec()),
    }
}

/// A client's opening handshake (RFC 6455 section 4.1).
/// `more` are header fields in addition to the usual ones.
pub fn websocket_opening(more: &[Field], random: &mut Random) -> Vec<u8> {
    let usual = [
        Field::new("Connection", "Upgrade"),
        Field::new("Upgrade", "websocket"),
        Field::new("Sec-WebSocket-Version", "13"),
        Field::new("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
    ];
    http("GET", "/socket", &[&usual, more].concat(), b"", random)
}

/// The server agrees.
pub fn websocket_answer(more: &[Field]) -> Vec<u8> {
    let accept = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";
    let more: String = more.iter().map(|it| format!("{}: {}\r\n", it.name, it.text())).collect();
    format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\n\
         {more}\r\n"
    )
    .into_bytes()
}

/// A message from a client, masked, in one frame or two. `compressed` (RFC 7692) marks the first.
pub fn websocket_message(message: &[u8], text: bool, compressed: bool, random: &mut Random) -> Vec<u8> {
    let cut = if random.happens(40) { random.index(message.len() + 1) } else { message.len() };
    let (head, tail) = message.split_at(cut);
    let first = if text { 1 } else { 2 } | if compressed { 0x40 } else { 0 };
    if tail.is_empty() {
        return websocket_frame(0x80 | first, head, random);
    }
    [websocket_frame(first, head, random), websocket_frame(0x80, tail, random)].concat()
}

fn websocket_frame(first: u8, payload: &[u8], random: &mut Random) -> Vec<u8> {
    let mut out = vec![first];
    match payload.len() {
        len @ 0..126 => out.push(0x80 | len as u8),
        len => out.extend([&[0x80 | 126], (len as u16).to_be_bytes().as_slice()].concat()),
    }
    let mask = random.bytes(4);
    out.extend(&mask);
    out.extend(payload.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask));
    out
}

/// The target of a request with one field in its query.
pub fn query(path: &str, fields: &[Field]) -> String {
    let pairs: Vec<String> = fields
        .iter()
        .map(|it| format!("{}={}", it.name, String::from_utf8_lossy(&wrapping::percent(&it.value))))
        .collect();
    format!("{path}?{}", pairs.join("&"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_protocols() {
        let random = &mut Random::new(1, 1);
        assert_eq!(mqtt_connect(b"a"), b"\x10\x0d\0\x04MQTT\x04\x02\0\x3c\0\x01a");
        let publish = mqtt5_publish("t", &[Field::new("a", "b")], b"c");
        assert_eq!(publish, b"\x30\x0c\0\x01t\x07\x26\0\x01a\0\x01bc");
        assert_eq!(coap(&[(11, b"rd")], b"x", random)[8..], *b"\xb2rd\xffx");
        let stream = coap_over_tcp(&[(11, b"rd")], &[b'x'; 10], random);
        // 14 bytes behind the token: 13 and one.
        assert_eq!((&stream[5..8], &stream[12..16]), (&[0xd4, 1, 2][..], &b"\xb2rd\xff"[..]));
        let frame = websocket_frame(0x81, b"hi", random);
        assert_eq!((frame[0], frame[1], frame[6] ^ frame[2]), (0x81, 0x82, b'h'));
        assert_eq!(dns("a.b", random)[12..], *b"\x01a\x01b\0\0\x01\0\x01");
        assert_eq!(chunks(b"abc", random).last(), Some(&b'\n'));
        assert_eq!(query("/p", &[Field::new("a", "b c")]), "/p?a=b%20c");
    }
}
