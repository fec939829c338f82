//! What brings contents and values to the network: a transport and a place in it.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::content::{Field, form_of};
use crate::http2::Request;
use crate::packet::{Talk, Turns, Way};
use crate::random::Random;
use crate::wrapping::{CODINGS, percent};
use crate::{binary, compression, http2, http3, mail, protocol as p, quic, secure, signalling, supl, tls};

/// What is brought.
#[derive(Debug)]
pub struct Load<'a> {
    /// The content, for carriers of contents.
    pub bytes: &'a [u8],
    /// What an honest client says of it.
    pub media_type: &'a str,
    /// Whether it is text.
    pub text: bool,
    /// The fields, for carriers of values.
    pub fields: &'a [Field],
}

/// What a carrier can bring.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Takes {
    /// Any content.
    Content,
    /// A content that is text.
    Text,
    /// A content that is text on one line.
    Line,
    /// Values with their names.
    Fields,
    /// Values, without their names.
    Values,
    /// One value, without its name.
    Value,
    /// One value that names the phone by where it stands: nothing innocent stands there.
    Name,
    /// One value that can be a label of a host name.
    Label,
    /// The number of a subscriber, named by what it is.
    Subscriber,
    /// A cell or an access point, its parts named by what they are.
    Place,
}

/// A carrier.
#[derive(Debug, Clone, Copy)]
pub struct Carrier {
    /// For tables: the place.
    pub name: &'static str,
    /// For tables: the transport.
    pub transport: &'static str,
    /// What it can bring.
    pub takes: Takes,
    send: fn(&Load<'_>, &mut Random) -> Talk,
}

impl Carrier {
    /// The talk.
    pub fn send(&self, load: &Load<'_>, random: &mut Random) -> Talk {
        (self.send)(load, random)
    }
}

const fn of(
    transport: &'static str,
    name: &'static str,
    takes: Takes,
    send: fn(&Load<'_>, &mut Random) -> Talk,
) -> Carrier {
    Carrier { name, transport, takes, send }
}

/// Every carrier.
pub const CARRIERS: [Carrier; 76] = [
    of("http", "body", Takes::Content, |load, random| post(&media_type(load, random), load.bytes, random)),
    of("http", "coded body", Takes::Content, |load, random| {
        let (token, code) = CODINGS[random.index(CODINGS.len())];
        let mut head = media_type(load, random);
        head.push(Field::new("Content-Encoding", token));
        post(&head, &code(load.bytes), random)
    }),
    of("http", "form field", Takes::Text, |load, random| {
        let fields = [Field::new("cmd", "up"), Field::new("data", load.bytes)];
        post(&[Field::new("Content-Type", "application/x-www-form-urlencoded")], &form_of(&fields), random)
    }),
    of("http", "json field", Takes::Text, |load, random| {
        let text = String::from_utf8_lossy(load.bytes).replace('\\', "\\\\").replace('"', "\\\"");
        let text = text.replace('\r', "\\r").replace('\n', "\\n").replace('\t', "\\t");
        let body = format!("{{\"cmd\":\"up\",\"data\":\"{text}\"}}");
        post(&[Field::new("Content-Type", "application/json")], body.as_bytes(), random)
    }),
    of("http", "query field", Takes::Text, |load, random| {
        get(&p::query("/up", &[Field::new("v", "2"), Field::new("data", load.bytes)]), &[], random)
    }),
    of("http", "header field", Takes::Line, |load, random| {
        get("/up", &[Field::new("X-Payload", load.bytes)], random)
    }),
    of("http", "query", Takes::Fields, |load, random| get(&p::query("/check", load.fields), &[], random)),
    of("http", "header", Takes::Fields, |load, random| get("/check", load.fields, random)),
    of("http", "cookie", Takes::Fields, |load, random| {
        let pairs: Vec<_> =
            load.fields.iter().map(|it| [it.name.as_bytes(), b"=", &it.value].concat()).collect();
        let cookie = [b"lang=en; ", pairs.join(b"; ".as_slice()).as_slice()].concat();
        get("/check", &[Field::new("Cookie", cookie)], random)
    }),
    of("http", "path", Takes::Values, |load, random| get(&(path(load) + "/status"), &[], random)),
    of("http", "user agent", Takes::Values, |load, random| {
        let values: Vec<_> = load.fields.iter().map(|it| it.value.clone()).collect();
        let agent = [b"Client/3.2 (Android; ", values.join(b"; ".as_slice()).as_slice(), b")"].concat();
        get("/check", &[Field::new("X-Agent", agent)], random)
    }),
    of("tcp", "payload", Takes::Content, |load, random| raw(false, load.bytes, random)),
    of("udp", "payload", Takes::Content, |load, random| raw(true, load.bytes, random)),
    of("dns", "name", Takes::Label, |load, random| {
        let question = p::dns(&name(load, random), random);
        Talk::udp(53, vec![(Way::Out, question)])
    }),
    of("dns", "name over TCP", Takes::Label, |load, random| {
        Talk::tcp(53, vec![(Way::Out, tls::with_length(&p::dns(&name(load, random), random)))])
    }),
    of("dns", "name over TLS", Takes::Label, |load, random| {
        let question = tls::with_length(&p::dns(&name(load, random), random));
        secure::tls13(Talk::tcp(853, vec![(Way::Out, question)]), random)
    }),
    of("dns", "name over HTTPS", Takes::Label, |load, random| {
        // RFC 8484 section 4.1.
        let question = p::dns(&name(load, random), random);
        let head = ["content-type", "accept"].map(|name| Field::new(name, "application/dns-message"));
        let target = format!("/dns-query?dns={}", URL_SAFE_NO_PAD.encode(&question));
        let asked = match random.below(3) {
            0 => request("POST", "/dns-query", &head, &question),
            1 => request("GET", &target, &head[1..], b""),
            _ => request("GET", &target, &[], b""),
        };
        secured(http2(asked, Strings::Any, random), random)
    }),
    of("dns", "name over QUIC", Takes::Label, |load, random| {
        let question = p::dns(&name(load, random), random);
        Talk { port: port(853, random), ..quic::dns(&question, random) }
    }),
    of("tls", "server name", Takes::Label, |load, random| {
        let hello = tls::client_hello(&name(load, random), random);
        Talk::tcp(port(443, random), vec![(Way::Out, hello)])
    }),
    of("tls", "client certificate", Takes::Value, |load, random| {
        tcp(443, tls::client_certificate(&one(load), random), random)
    }),
    of("quic", "server name", Takes::Label, |load, random| {
        let initial = quic::quic_initial(&name(load, random), random);
        Talk::udp(port(443, random), vec![(Way::Out, initial)])
    }),
    of("tls 1.3", "http body", Takes::Content, |load, random| {
        let inner = post(&media_type(load, random), load.bytes, random);
        secured(inner, random)
    }),
    of("tls 1.3", "http query", Takes::Fields, |load, random| {
        let inner = get(&p::query("/check", load.fields), &[], random);
        secured(inner, random)
    }),
    of("tls 1.3", "http2 body", Takes::Content, |load, random| {
        let head = media_type(load, random);
        let inner = http2(request("POST", "/up", &head, load.bytes), Strings::Any, random);
        secured(inner, random)
    }),
    of("tls 1.3", "http2 header", Takes::Fields, |load, random| {
        let inner = http2(request("GET", "/check", load.fields, b""), Strings::Any, random);
        secured(inner, random)
    }),
    of("tls 1.3", "websocket message", Takes::Content, |load, random| {
        let message = p::websocket_message(load.bytes, load.text, false, random);
        let inner = websocket(&[], message, random);
        secured(inner, random)
    }),
    of("tls 1.3", "mqtt payload", Takes::Content, |load, random| {
        let inner = mqtt(b"c-1", Some(load.bytes), random);
        Talk { port: port(8883, random), ..secure::tls13(inner, random) }
    }),
    of("tls 1.3", "payload", Takes::Content, |load, random| {
        let inner = raw(false, load.bytes, random);
        secured(inner, random)
    }),
    of("tls 1.2", "http body", Takes::Content, |load, random| {
        let inner = post(&media_type(load, random), load.bytes, random);
        Talk { port: port(443, random), ..secure::tls12(inner, random) }
    }),
    of("tls 1.2", "http header", Takes::Fields, |load, random| {
        let inner = get("/check", load.fields, random);
        Talk { port: port(443, random), ..secure::tls12(inner, random) }
    }),
    of("http3", "body", Takes::Content, |load, random| {
        let head = media_type(load, random);
        http3(request("POST", "/up", &head, load.bytes), random)
    }),
    of("http3", "query", Takes::Fields, |load, random| {
        http3(request("GET", &p::query("/check", load.fields), &[], b""), random)
    }),
    of("http3", "header", Takes::Fields, |load, random| {
        http3(request("GET", "/check", load.fields, b""), random)
    }),
    of("mqtt", "payload", Takes::Content, |load, random| mqtt(b"c-1", Some(load.bytes), random)),
    of("mqtt", "client id", Takes::Values, |load, random| {
        let values: Vec<_> = load.fields.iter().map(|it| it.value.clone()).collect();
        mqtt(&values.join(&b'-'), None, random)
    }),
    of("coap", "payload", Takes::Content, |load, random| coap(&[(11, b"up")], load.bytes, random)),
    of("coap", "query", Takes::Fields, |load, random| {
        registration(load, |options, links| coap(options, links, random))
    }),
    of("coap", "payload over TCP", Takes::Content, |load, random| {
        coap_over_tcp(&[(11, b"up")], load.bytes, random)
    }),
    of("coap", "query over TCP", Takes::Fields, |load, random| {
        registration(load, |options, links| coap_over_tcp(options, links, random))
    }),
    of("websocket", "message", Takes::Content, |load, random| {
        let message = p::websocket_message(load.bytes, load.text, false, random);
        websocket(&[], message, random)
    }),
    of("websocket", "compressed message", Takes::Content, |load, random| {
        let packed = compression::flushed_deflate(load.bytes);
        let message = p::websocket_message(&packed, load.text, true, random);
        websocket(&[Field::new("Sec-WebSocket-Extensions", "permessage-deflate")], message, random)
    }),
    of("http2", "body", Takes::Content, |load, random| {
        let head = media_type(load, random);
        http2(request("POST", "/up", &head, load.bytes), Strings::Any, random)
    }),
    of("http2", "body after an upgrade", Takes::Content, |load, random| {
        let head = media_type(load, random);
        let huffman = random.happens(50);
        let turns = http2::upgraded(request("POST", "/up", &head, load.bytes), huffman, random);
        tcp(80, turns, random)
    }),
    of("http2", "query", Takes::Fields, |load, random| {
        http2(request("GET", &p::query("/check", load.fields), &[], b""), Strings::Plain, random)
    }),
    of("http2", "query, Huffman-coded", Takes::Fields, |load, random| {
        http2(request("GET", &p::query("/check", load.fields), &[], b""), Strings::Huffman, random)
    }),
    of("http2", "header", Takes::Fields, |load, random| {
        http2(request("GET", "/check", load.fields, b""), Strings::Plain, random)
    }),
    of("http2", "header, Huffman-coded", Takes::Fields, |load, random| {
        http2(request("GET", "/check", load.fields, b""), Strings::Huffman, random)
    }),
    of("http2", "path", Takes::Values, |load, random| {
        http2(request("GET", &path(load), &[], b""), Strings::Plain, random)
    }),
    of("http2", "path, Huffman-coded", Takes::Values, |load, random| {
        http2(request("GET", &path(load), &[], b""), Strings::Huffman, random)
    }),
    of("grpc", "message", Takes::Content, |load, random| {
        let packed = random.happens(40);
        let message = if packed { compression::gzip(load.bytes) } else { load.bytes.to_vec() };
        let mut head = vec![Field::new("content-type", "application/grpc"), Field::new("te", "trailers")];
        head.extend(packed.then(|| Field::new("grpc-encoding", "gzip")));
        let message = binary::grpc(&message, packed);
        http2(request("POST", "/vendor.Report/Send", &head, &message), Strings::Any, random)
    }),
    of("grpc", "metadata", Takes::Fields, |load, random| {
        let mut head = vec![Field::new("content-type", "application/grpc"), Field::new("te", "trailers")];
        head.extend_from_slice(load.fields);
        let message = binary::grpc(b"\x08\x01", false);
        http2(request("POST", "/vendor.Report/Send", &head, &message), Strings::Any, random)
    }),
    of("mqtt", "user property", Takes::Fields, |load, random| {
        let publish = p::mqtt5_publish("up/report", load.fields, b"{\"on\":true}");
        let turns = vec![
            (Way::Out, p::mqtt5_connect(b"c-1")),
            (Way::In, vec![0x20, 3, 0, 0, 0]),
            (Way::Out, publish),
        ];
        Talk::tcp(port(1883, random), turns)
    }),
    of("mqtt", "user name", Takes::Value, |load, random| {
        let connect = p::mqtt_connect_as(b"c-1", one(load).as_bytes());
        Talk::tcp(port(1883, random), vec![(Way::Out, connect)])
    }),
    of("coap", "endpoint", Takes::Name, |load, random| {
        let endpoint = [b"ep=", one(load).as_bytes()].concat();
        coap(&[(11, b"rd"), (15, b"lwm2m=1.0"), (15, &endpoint)], b"</1/0>,</3/0>", random)
    }),
    of("smtp", "body", Takes::Content, |load, random| {
        let mail = mail::mail(&[], in_mail(load), random);
        tcp(587, mail::smtp(&mail, random), random)
    }),
    of("smtp", "attachment", Takes::Content, |load, random| {
        let mail = mail::mail_with_attachment(in_mail(load), random);
        tcp(587, mail::smtp(&mail, random), random)
    }),
    of("smtp", "body after STARTTLS", Takes::Content, |load, random| {
        let mail = mail::mail(&[], in_mail(load), random);
        let [mut turns, within] = mail::smtp_starttls(&mail, random);
        let secured = secure::tls13(tcp(587, within, random), random);
        turns.extend(secured.turns.iter().cloned());
        Talk { turns, ..secured }
    }),
    of("smtp", "header", Takes::Fields, |load, random| {
        let words = mail::Content { bytes: b"see above", media_type: "text/plain", text: true };
        let mail = mail::mail(load.fields, words, random);
        tcp(587, mail::smtp(&mail, random), random)
    }),
    of("imap", "appended mail", Takes::Content, |load, random| {
        let mail = mail::mail(&[], in_mail(load), random);
        tcp(143, mail::imap(&mail), random)
    }),
    of("imap", "client id", Takes::Fields, |load, random| tcp(143, mail::imap_id(load.fields), random)),
    of("pop3", "user", Takes::Value, |load, random| tcp(110, mail::pop3(&one(load)), random)),
    of("ftp", "file name", Takes::Value, |load, random| tcp(21, mail::ftp(&one(load)), random)),
    of("ftp", "stored file", Takes::Content, |load, random| mail::ftp_upload(load.bytes, random)),
    of("supl", "subscriber", Takes::Subscriber, |load, random| {
        let message = load.fields.first().map(|it| supl::of_subscriber(it, random));
        tcp(7276, vec![(Way::Out, message.unwrap_or_default())], random)
    }),
    // Of these the port alone tells whose they are.
    of("supl", "place", Takes::Place, |load, random| {
        Talk::tcp(7276, vec![(Way::Out, supl::of_place(load.fields, random))])
    }),
    of("sip", "body", Takes::Content, |load, random| {
        let message = signalling::sip("MESSAGE", "anonymous", &media_type(load, random), load.bytes, random);
        sip(message, random)
    }),
    of("sip", "header", Takes::Fields, |load, random| {
        sip(signalling::sip("REGISTER", "anonymous", load.fields, b"", random), random)
    }),
    of("sip", "user", Takes::Value, |load, random| {
        let user = percent(one(load).as_bytes());
        sip(signalling::sip("REGISTER", &String::from_utf8_lossy(&user), &[], b"", random), random)
    }),
    of("xmpp", "message", Takes::Text, |load, random| {
        let text = String::from_utf8_lossy(load.bytes);
        tcp(5222, signalling::xmpp(&signalling::xmpp_message(&text)), random)
    }),
    of("xmpp", "registration", Takes::Fields, |load, random| {
        tcp(5222, signalling::xmpp(&signalling::xmpp_registration(load.fields)), random)
    }),
    of("xmpp", "resource", Takes::Value, |load, random| {
        tcp(5222, signalling::xmpp(&signalling::xmpp_resource(&one(load))), random)
    }),
    of("mcs", "app data", Takes::Fields, |load, random| {
        tcp(5228, vec![(Way::Out, signalling::mcs(load.fields))], random)
    }),
    of("stun", "user name", Takes::Value, |load, random| {
        let message = signalling::stun(one(load).as_bytes(), random);
        Talk::udp(port(3478, random), vec![(Way::Out, message)])
    }),
    of("mdns", "instance", Takes::Label, |load, _| {
        Talk::udp(5353, vec![(Way::Out, signalling::mdns(&one(load), &[]))])
    }),
    of("mdns", "text", Takes::Fields, |load, _| {
        Talk::udp(5353, vec![(Way::Out, signalling::mdns("phone", load.fields))])
    }),
    of("ssdp", "header", Takes::Fields, |load, _| {
        Talk::udp(1900, vec![(Way::Out, signalling::ssdp(load.fields))])
    }),
];

/// What clients say of a content: the truth, something general, nothing, or something else.
fn media_type(load: &Load<'_>, random: &mut Random) -> Vec<Field> {
    let says = match random.below(10) {
        0..6 => load.media_type,
        6..8 => "application/octet-stream",
        8 => return Vec::new(),
        _ => "text/plain; charset=utf-8",
    };
    vec![Field::new("Content-Type", says)]
}

fn port(usual: u16, random: &mut Random) -> u16 {
    if random.happens(50) { usual } else { any_port(random) }
}

/// Any port but those of NetBIOS's names and of ESP in UDP. See [`crate::OUT_OF_SCOPE`].
fn any_port(random: &mut Random) -> u16 {
    match random.between(81, 65_535) as u16 {
        137 | 4500 => 8080,
        port => port,
    }
}

fn http(request: Vec<u8>, random: &mut Random) -> Talk {
    let mut turns = vec![(Way::Out, request)];
    if random.happens(70) {
        turns.push((Way::In, p::http_answer()));
    }
    Talk::tcp(port(80, random), turns)
}

fn post(head: &[Field], body: &[u8], random: &mut Random) -> Talk {
    let request = p::http("POST", random.pick(&["/", "/up", "/api/v1/report"]), head, body, random);
    http(request, random)
}

fn get(target: &str, head: &[Field], random: &mut Random) -> Talk {
    let request = p::http("GET", target, head, b"", random);
    http(request, random)
}

fn raw(udp: bool, bytes: &[u8], random: &mut Random) -> Talk {
    Talk { udp, ..Talk::tcp(any_port(random), vec![(Way::Out, bytes.to_vec())]) }
}

/// The first value.
fn one(load: &Load<'_>) -> String {
    load.fields.first().map(Field::text).unwrap_or_default()
}

fn name(load: &Load<'_>, random: &mut Random) -> String {
    format!("{}.{}", one(load), p::host(random))
}

fn tcp(usual: u16, turns: Turns, random: &mut Random) -> Talk {
    Talk::tcp(port(usual, random), turns)
}

fn sip(message: Vec<u8>, random: &mut Random) -> Talk {
    Talk { udp: random.happens(50), ..Talk::tcp(port(5060, random), vec![(Way::Out, message)]) }
}

const fn in_mail<'a>(load: &Load<'a>) -> mail::Content<'a> {
    mail::Content { bytes: load.bytes, media_type: load.media_type, text: load.text }
}

fn mqtt(client: &[u8], payload: Option<&[u8]>, random: &mut Random) -> Talk {
    let mut turns = vec![(Way::Out, p::mqtt_connect(client)), (Way::In, vec![0x20, 2, 0, 0])];
    turns.extend(payload.map(|payload| (Way::Out, p::mqtt_publish("up/report", payload))));
    Talk::tcp(port(1883, random), turns)
}

fn websocket(agreed: &[Field], message: Vec<u8>, random: &mut Random) -> Talk {
    let opening = p::websocket_opening(agreed, random);
    let turns = vec![(Way::Out, opening), (Way::In, p::websocket_answer(agreed)), (Way::Out, message)];
    Talk::tcp(port(80, random), turns)
}

fn coap(options: &[(u16, &[u8])], payload: &[u8], random: &mut Random) -> Talk {
    let message = p::coap(options, payload, random);
    Talk::udp(port(5683, random), vec![(Way::Out, message)])
}

fn coap_over_tcp(options: &[(u16, &[u8])], payload: &[u8], random: &mut Random) -> Talk {
    let stream = p::coap_over_tcp(options, payload, random);
    tcp(5683, vec![(Way::Out, stream), (Way::In, p::coap_answer())], random)
}

/// What a client says of itself when it registers (LwM2M Core 1.2 section 6.3), with further arguments.
fn registration(load: &Load<'_>, send: impl FnOnce(&[(u16, &[u8])], &[u8]) -> Talk) -> Talk {
    let pairs: Vec<_> = load.fields.iter().map(|it| [it.name.as_bytes(), b"=", &it.value].concat()).collect();
    let mut options: Vec<(u16, &[u8])> = vec![(11, b"rd"), (15, b"lt=86400")];
    options.extend(pairs.iter().map(|it| (15, it.as_slice())));
    send(&options, b"</1/0>,</3/0>")
}

/// How texts stand in header blocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Strings {
    Plain,
    Huffman,
    Any,
}

const fn request<'a>(method: &'a str, path: &'a str, head: &'a [Field], body: &'a [u8]) -> Request<'a> {
    Request { method, path, head, body }
}

fn path(load: &Load<'_>) -> String {
    let values: Vec<_> = load.fields.iter().map(|it| percent(&it.value)).collect();
    format!("/v1/{}", String::from_utf8_lossy(&values.join(&b'/')))
}

fn http2(request: Request<'_>, strings: Strings, random: &mut Random) -> Talk {
    let huffman = strings == Strings::Huffman || (strings == Strings::Any && random.happens(50));
    let request = http2::connection(request, huffman, random);
    tcp(80, vec![(Way::Out, request), (Way::In, http2::answer())], random)
}

fn http3(request: Request<'_>, random: &mut Random) -> Talk {
    Talk { port: port(443, random), ..http3::connection(request, random) }
}

fn secured(inner: Talk, random: &mut Random) -> Talk {
    Talk { port: port(443, random), ..secure::tls13(inner, random) }
}
