//! Conversations without any identifier, full of look-alikes.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::carrier::{CARRIERS, Load, Takes};
use crate::content::{CONTENTS, Content, Field};
use crate::form;
use crate::lookalike::LOOKALIKES;
use crate::packet::{Talk, Way};
use crate::random::Random;
use crate::wrapping::{NONE, Of, WRAPPINGS, Wrapping};
use crate::{protocol, supl};

/// An innocent conversation.
#[derive(Debug)]
pub struct Innocent {
    /// For tables: where the look-alikes stand.
    pub place: String,
    /// What is said.
    pub talk: Talk,
    /// The look-alikes: class and value.
    pub values: Vec<(&'static str, String)>,
}

/// Draws one.
pub fn draw(random: &mut Random) -> Innocent {
    let mut values = Vec::new();
    let mut fields = Vec::new();
    for _ in 0..random.between(3, 12) {
        let class = &LOOKALIKES[random.index(LOOKALIKES.len())];
        let (name, value) = class.draw(random);
        if fields.iter().all(|it: &Field| it.name != name) {
            fields.push(Field::new(name, value.as_bytes()));
            values.push((class.name, value));
        }
    }
    let (place, mut talk) = match random.below(10) {
        0..7 => structured(&fields, random),
        7 => page(&values, random),
        8 => log(&values, random),
        _ if random.happens(20) => positioning(random),
        _ => noise(random),
    };
    if !talk.udp && random.happens(20) {
        let answer = CONTENTS[0].write(&fields, random);
        let head = format!(
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
            answer.len()
        );
        talk.turns.push((Way::In, [head.into_bytes(), answer].concat()));
    }
    Innocent { place, talk, values }
}

/// Fields, written and brought in any way in which identifiers are.
fn structured(fields: &[Field], random: &mut Random) -> (String, Talk) {
    loop {
        let carrier = &CARRIERS[random.index(CARRIERS.len())];
        let content = &CONTENTS[random.index(CONTENTS.len())];
        let wrapping = wrapping(random);
        let (bytes, fields, label) = match carrier.takes {
            Takes::Name | Takes::Label | Takes::Subscriber | Takes::Place => continue,
            Takes::Fields | Takes::Values | Takes::Value => (Vec::new(), in_a_line(fields, random), "fields"),
            Takes::Content | Takes::Text | Takes::Line => {
                let bytes = wrapping.wrap(&content.write(fields, random));
                if !fits(carrier.takes, content, &wrapping, &bytes) {
                    continue;
                }
                (bytes, Vec::new(), content.name)
            }
        };
        let text = is_text(content, &wrapping);
        let load = Load { bytes: &bytes, media_type: content.media_type, text, fields: &fields };
        return (format!("{} {}: {label}", carrier.transport, carrier.name), carrier.send(&load, random));
    }
}

fn wrapping(random: &mut Random) -> Wrapping {
    if random.happens(60) { NONE } else { WRAPPINGS[random.index(WRAPPINGS.len())] }
}

/// Whether what is sent is text to its sender.
pub fn is_text(content: &Content, wrapping: &Wrapping) -> bool {
    if wrapping.name == NONE.name { content.text } else { wrapping.text }
}

/// Whether a carrier can bring the content.
pub fn fits(takes: Takes, content: &Content, wrapping: &Wrapping, bytes: &[u8]) -> bool {
    let done = match wrapping.of {
        Of::Anything | Of::Known => true,
        Of::Text => content.text,
        Of::Only(name) => content.name == name,
    };
    if !done {
        return false;
    }
    let text = is_text(content, wrapping);
    match takes {
        Takes::Text => text,
        Takes::Line => {
            text && bytes.iter().all(|it| *it >= b' ') && !bytes.ends_with(b" ") && bytes.len() < 4000
        }
        Takes::Content => wrapping.name != "data URL",
        Takes::Fields | Takes::Values | Takes::Value => false,
        Takes::Name | Takes::Label | Takes::Subscriber | Takes::Place => false,
    }
}

/// What can stand in a header or a cookie, few.
fn in_a_line(fields: &[Field], random: &mut Random) -> Vec<Field> {
    let plain = |it: &&Field| !it.value.iter().any(|byte| matches!(byte, b';' | b'\r' | b'\n'));
    fields.iter().filter(plain).take(random.between(1, 6) as usize).cloned().collect()
}

fn page(values: &[(&'static str, String)], random: &mut Random) -> (String, Talk) {
    let script: String = values
        .iter()
        .map(|(_, value)| format!("function {0}(e){{return {0}.c[{1:?}]||e}}", random.of("abcdef", 2), value))
        .collect();
    let image = STANDARD.encode([b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR".as_slice(), &random.bytes(300)].concat());
    let body = format!(
        "<html><style>a{{color:#{}}}</style><script>{script}</script><img src=\"data:image/png;base64,{image}\"></html>",
        random.hex(6)
    );
    let request = protocol::http(
        "POST",
        "/snapshot",
        &[Field::new("Content-Type", "text/html")],
        body.as_bytes(),
        random,
    );
    ("http body: page".to_owned(), Talk::tcp(80, vec![(Way::Out, request)]))
}

fn log(values: &[(&'static str, String)], random: &mut Random) -> (String, Talk) {
    let mut text = String::from("FATAL EXCEPTION: main\njava.lang.IllegalStateException: bad cursor\n");
    for (_, value) in values {
        let line = random.below(900);
        text.push_str(&format!("\tat com.shop.app.a{}.b(SourceFile:{line}) [{value}]\n", random.below(99)));
    }
    let (from, to) = (random.below(1 << 40), random.below(1 << 40));
    text.push_str(&format!(
        "{from:x}-{to:x} r-xp 00000000 fd:00 {} /system/lib64/libart.so\n",
        random.number(6)
    ));
    let port = random.between(1024, 65_535) as u16;
    ("tcp payload: log".to_owned(), Talk::tcp(port, vec![(Way::Out, text.into_bytes())]))
}

fn noise(random: &mut Random) -> (String, Talk) {
    let udp = random.happens(50);
    let bytes = match random.below(3) {
        0 => random.bytes(900),
        1 => form::hex(&random.bytes(200)).into_bytes(),
        _ => (0..40).map(|_| random.number(1 + random_len(udp))).collect::<Vec<_>>().join(" ").into_bytes(),
    };
    let port = random.between(1024, 65_535) as u16;
    ("payload: noise".to_owned(), Talk { udp, ..Talk::tcp(port, vec![(Way::Out, bytes)]) })
}

/// What SUPL brings for another protocol: measurements that anything may look like.
fn positioning(random: &mut Random) -> (String, Talk) {
    let length = random.between(20, 300) as usize;
    let message = supl::positioning(&random.bytes(length), random);
    ("supl: positioning".to_owned(), Talk::tcp(7276, vec![(Way::Out, message)]))
}

const fn random_len(short: bool) -> usize {
    if short { 5 } else { 11 }
}
