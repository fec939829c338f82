//! Conversations whose truth is known, to measure how often a detector of identifiers is right.
//!
//! A corpus is a function of a seed: [`Corpus::sample`] gives any conversation by its number alone. Even numbers carry an
//! identifier of a phone, odd ones are innocent and full of look-alikes. Nothing here is shared with the detector: the
//! crate imports no other of the project.

#![forbid(unsafe_code)]

mod binary;
mod carrier;
mod compression;
mod content;
mod disguise;
pub mod form;
mod hpack;
mod http2;
mod http3;
pub mod identity;
mod innocent;
mod lookalike;
mod mail;
mod markup;
mod names;
mod packet;
mod protocol;
mod qpack;
mod quic;
mod random;
mod schedule;
mod secure;
mod signalling;
mod supl;
mod tls;
mod wrapping;

pub use packet::{Packet, Way};

use carrier::{CARRIERS, Carrier, Load, Takes};
use content::{CONTENTS, Content, Field};
use form::{FORMS, Form, Grade, Sort};
use identity::{Identity, Kind, Part};
use random::Random;
use wrapping::{NONE, Of, WRAPPINGS, Wrapping};

/// Conversations of one phone: all of a session are of the same, whose values are known.
pub const SESSION: u64 = 500;

/// What is not asked of a detector, and why.
pub const OUT_OF_SCOPE: [(&str, &str); 17] = [
    ("imeisv, msisdn, serial by shape", "any number or word of that length looks so"),
    ("android_id, gsf_id, widevine_id by shape", "no check digit: hashes and traces look the same"),
    ("advertising_id by shape", "a UUID like any other"),
    (
        "imsi by shape",
        "15 digits from a country code: one number in five; only within a network access identifier",
    ),
    ("bssid, ssid by shape", "an access point's address without a name is found as a MAC address"),
    ("cell, location by shape", "plain numbers; maps are full of coordinates"),
    ("meid by shape", "only with the manufacturers' prefix in use: other hexadecimal numbers look the same"),
    ("base32 of less than 15 bytes", "as short, any word in capitals is base32"),
    (
        "brotli, deflate and LZ4 blocks that no header names, and a container that brings its key, of less than 20 bytes",
        "as short, noise is one",
    ),
    ("what XOR makes digits of base64 of, and nothing else", "it is taken for that"),
    ("anything over the UDP ports of NetBIOS's names and of ESP", "these two have no mark of their own"),
    (
        "brotli, deflate and LZ4 blocks of anything but text, where no header names them",
        "nothing marks them: that text comes of them is all that tells",
    ),
    (
        "what is XORed, but for known values of 15 bytes and more",
        "only what is known to lie beneath tells the key",
    ),
    ("quoted-printable with a single escape", "it may as well be how a form's value begins"),
    (
        "names in the `dns=` of a GET whose Accept does not say `application/dns-message`, but for `/dns-query`",
        "RFC 8484 asks clients to say it; without, a field of that name may be anything",
    ),
    ("digests by key or shape", "one way: only who knows the value knows its digest"),
    (
        "16 hexadecimal digits under `id` beside a phone's model",
        "an Android ID or a record's number: nobody can tell",
    ),
];

/// What a conversation carries.
#[derive(Debug)]
pub struct Truth {
    /// The identifier.
    pub identity: Identity,
    /// How sure a detector can be.
    pub grade: Grade,
    /// How the value is written.
    pub form: Form,
    /// What the content is; `value` where the value stands alone.
    pub content: &'static str,
    /// What was done to the content.
    pub wrapping: &'static str,
    /// Over which protocol.
    pub transport: &'static str,
    /// Where in it.
    pub place: &'static str,
}

/// A conversation.
#[derive(Debug)]
pub struct Sample {
    /// Its number in the corpus.
    pub number: u64,
    /// What it carries; `None` when it is innocent.
    pub truth: Option<Truth>,
    /// Where look-alikes stand, of one that is innocent.
    pub place: String,
    /// Its look-alikes: class and value.
    pub lookalikes: Vec<(&'static str, String)>,
    /// Its packets in the order of their arrival.
    pub packets: Vec<Packet>,
    /// The secrets of what it encrypts, as a key log (RFC 9850).
    pub keys: String,
}

/// A corpus.
#[derive(Debug, Clone, Copy)]
pub struct Corpus {
    seed: u64,
}

impl Corpus {
    /// The corpus of a seed.
    pub const fn new(seed: u64) -> Self {
        Self { seed }
    }

    /// The phone of a session: an identifier of each kind, and how one would give it to look for.
    pub fn phone(&self, session: u64) -> Vec<(Identity, String)> {
        Kind::ALL
            .into_iter()
            .map(|kind| self.known(session, kind))
            .map(|it| (it.clone(), given(&it)))
            .collect()
    }

    fn known(&self, session: u64, kind: Kind) -> Identity {
        Identity::draw(kind, &mut Random::new(self.seed ^ 0x5e55_1045, session * 64 + kind as u64))
    }

    /// A conversation. The phone's ports are told by its number within its session: see [`ports`].
    pub fn sample(&self, number: u64) -> Sample {
        let random = &mut Random::new(self.seed, number);
        let phone_ports = ports(number);
        if number % 2 == 1 {
            let innocent = innocent::draw(random);
            let packets = packet::packets(&innocent.talk, phone_ports, random);
            return Sample {
                number,
                truth: None,
                place: innocent.place,
                lookalikes: innocent.values,
                packets,
                keys: innocent.talk.keys,
            };
        }
        let kind = Kind::ALL[(number / 2 % Kind::ALL.len() as u64) as usize];
        let (truth, talk) = loop {
            if let Some(drawn) = self.carrying(kind, number / SESSION, random) {
                break drawn;
            }
        };
        let packets = packet::packets(&talk, phone_ports, random);
        Sample {
            number,
            truth: Some(truth),
            place: String::new(),
            lookalikes: Vec::new(),
            packets,
            keys: talk.keys,
        }
    }

    /// So many messages that identify nobody, in every way to write them, by its name.
    pub fn contents(&self, count: u64) -> Vec<(&'static str, Vec<Vec<u8>>)> {
        let write = |content: &Content| {
            let write = |number| {
                let random = &mut Random::new(self.seed, number);
                content.write(&content::fillers(random), random)
            };
            (content.name, (0..count).map(write).collect())
        };
        CONTENTS.iter().map(write).collect()
    }

    /// So many messages of JSON that identify nobody, in every encoding, by its name.
    pub fn encodings(&self, count: u64) -> Vec<(&'static str, Vec<Vec<u8>>)> {
        let json = self.contents(count).into_iter().find(|(name, _)| *name == "json");
        let messages = json.map(|(_, messages)| messages).unwrap_or_default();
        let wrap = |it: &Wrapping| (it.name, messages.iter().map(|message| it.wrap(message)).collect());
        WRAPPINGS.iter().map(wrap).collect()
    }

    /// Draws at random; `None` when what was drawn does not fit together.
    fn carrying(&self, kind: Kind, session: u64, random: &mut Random) -> Option<(Truth, packet::Talk)> {
        let grade = [Grade::Shape, Grade::Key, Grade::Known][random.index(3)];
        let form = if random.happens(50) { FORMS[0] } else { FORMS[random.index(FORMS.len())] };
        let carrier = CARRIERS[random.index(CARRIERS.len())];
        let content = &CONTENTS[random.index(CONTENTS.len())];
        let wrapping = if random.happens(35) { NONE } else { WRAPPINGS[random.index(WRAPPINGS.len())] };
        let possible = form.fits(grade, kind) && (grade != Grade::Shape || form::has_shape(kind));
        if !possible || (grade == Grade::Known && kind == Kind::Cell && form.sort != Sort::Plain) {
            return None;
        }
        let identity = match grade {
            Grade::Known => self.known(session, kind),
            Grade::Key | Grade::Shape => Identity::draw(kind, random),
        };
        if let Takes::Subscriber | Takes::Place = carrier.takes {
            let fields = called(&identity, form, grade, carrier.takes)?;
            let load = Load { bytes: b"", media_type: "", text: false, fields: &fields };
            let talk = (wrapping.name == NONE.name).then(|| carrier.send(&load, random))?;
            let (wrapping, transport, place) = (wrapping.name, carrier.transport, carrier.name);
            return Some((
                Truth { identity, grade, form, content: "value", wrapping, transport, place },
                talk,
            ));
        }
        let fields = fields(&identity, form, grade, random)?;
        let alone = matches!(
            carrier.takes,
            Takes::Fields | Takes::Values | Takes::Value | Takes::Name | Takes::Label
        );
        let talk = if alone {
            values(&fields, form, grade, &carrier, &wrapping, random)?
        } else {
            contents((&identity, fields), form, grade, &carrier, content, &wrapping, random)?
        };
        let content = if alone { "value" } else { content.name };
        let (wrapping, transport, place) = (wrapping.name, carrier.transport, carrier.name);
        Some((Truth { identity, grade, form, content, wrapping, transport, place }, talk))
    }
}

/// The phone's ports of a conversation, which tell it from the others of its session: that of its connection, and that of
/// another one which some open beside it.
pub const fn ports(number: u64) -> [u16; 2] {
    let place = (number % SESSION) as u16;
    [20_000 + place, 30_000 + place]
}

/// How one would write a value to look for it.
fn given(identity: &Identity) -> String {
    if identity.kind != Kind::Cell {
        return identity.value.clone();
    }
    let (network, rest): (Vec<_>, Vec<_>) =
        identity.parts.iter().partition(|(part, _)| matches!(part, Part::Mcc | Part::Mnc | Part::Plmn));
    let digits: String = network.iter().map(|(_, value)| value.as_str()).collect();
    let network = digits.get(..3).map(|mcc| format!("{mcc}-{}", &digits[3..]));
    network.into_iter().chain(rest.iter().map(|(_, value)| value.clone())).collect::<Vec<_>>().join(" ")
}

/// The identifier as fields: a place in parts or as one, anything else as one.
fn fields(identity: &Identity, form: Form, grade: Grade, random: &mut Random) -> Option<Vec<Field>> {
    let telling = grade == Grade::Key;
    let whole = identity.kind == Kind::Location && random.happens(40);
    if identity.kind.is_place() && !whole {
        form.is_plain().then_some(())?;
        let parts: Vec<Part> = identity.parts.iter().map(|(part, _)| *part).collect();
        let names = names::parts(&parts, random);
        let values = identity.parts.iter().map(|(_, value)| value.as_bytes());
        return Some(names.into_iter().zip(values).map(|(name, value)| Field::new(name, value)).collect());
    }
    let name = match (telling, whole) {
        (true, true) => random.pick(&["location", "geo", "latlng", "loc", "gps", "ll"]),
        (true, false) => names::telling(identity.kind, random),
        (false, _) => names::neutral(random),
    };
    Some(vec![Field::new(name, form.write(identity)?)])
}

/// A subscriber's number or a place as protocols call them that have a field for it.
fn called(identity: &Identity, form: Form, grade: Grade, takes: Takes) -> Option<Vec<Field>> {
    let name = match (takes, identity.kind, form.is_plain(), form.name) {
        (Takes::Subscriber, Kind::Msisdn, true, _) => "msisdn",
        (Takes::Subscriber, Kind::Imsi, true, _) => "imsi",
        (Takes::Subscriber, Kind::Imsi, _, "network access identifier") => "nai",
        (Takes::Place, Kind::Bssid, true, _) => "bssid",
        (Takes::Place, Kind::Cell, true, _) => "cell",
        (Takes::Place, Kind::Location, true, _) => "location",
        _ => return None,
    };
    if grade == Grade::Shape && name != "nai" {
        return None;
    }
    let fields = if identity.kind.is_place() {
        identity.parts.iter().flat_map(|(part, value)| part.called(value)).collect()
    } else {
        vec![Field::new(name, form.write(identity)?)]
    };
    (takes == Takes::Subscriber || supl::knows(&fields)).then_some(fields)
}

/// Values that stand alone.
fn values(
    fields: &[Field],
    form: Form,
    grade: Grade,
    carrier: &Carrier,
    wrapping: &Wrapping,
    random: &mut Random,
) -> Option<packet::Talk> {
    let named = carrier.takes == Takes::Fields;
    let needs_names = grade == Grade::Key || fields.len() > 1;
    if !form.text || (needs_names && !named) || !is_alone(wrapping, carrier, fields, grade) {
        return None;
    }
    let wrapped = |it: &Field| Field::new(it.name.clone(), wrapping.wrap(&it.value));
    let fields: Vec<Field> = fields.iter().map(wrapped).collect();
    let fits = |byte: &u8| match carrier.takes {
        Takes::Label => byte.is_ascii_lowercase() || byte.is_ascii_digit() || *byte == b'-',
        // No file's name holds a slash.
        _ if carrier.transport == "ftp" && *byte == b'/' => false,
        _ => *byte >= b' ' && *byte < 127 && !b";,\"".contains(byte),
    };
    if !fields
        .iter()
        .all(|it| it.value.iter().all(fits) && (carrier.takes != Takes::Label || it.value.len() < 64))
    {
        return None;
    }
    // An option of CoAP (RFC 7252 section 5.10) and a text of DNS (RFC 1035 section 3.3) hold 255 bytes.
    if matches!(carrier.transport, "coap" | "mdns")
        && fields.iter().any(|it| it.name.len() + it.value.len() > 254)
    {
        return None;
    }
    Some(carrier.send(&Load { bytes: b"", media_type: "", text: true, fields: &fields }, random))
}

/// Whether anybody would encode a single value so. Parts of a place are not, nor is what stands among words; what is a word
/// under its own name (a serial number, a network's name) may as well be hexadecimal or base64 itself.
fn is_alone(wrapping: &Wrapping, carrier: &Carrier, fields: &[Field], grade: Grade) -> bool {
    if wrapping.name == NONE.name {
        return true;
    }
    let number = |byte: &u8| byte.is_ascii_hexdigit() || b":.+-".contains(byte);
    let words = grade == Grade::Key && !fields.iter().all(|it| it.value.iter().all(number));
    let others = ["zip", "zlib", "zstd", "LZ4", "data URL", "quoted", "AES", "XOR"];
    let usual = wrapping.text && others.iter().all(|it| !wrapping.name.contains(it));
    let short = fields.iter().any(|it| it.value.len() < shortest(wrapping));
    usual && !short && !words && fields.len() == 1 && carrier.name != "user agent"
}

/// A content with the fields among others.
fn contents(
    (identity, fields): (&Identity, Vec<Field>),
    form: Form,
    grade: Grade,
    carrier: &Carrier,
    content: &Content,
    wrapping: &Wrapping,
    random: &mut Random,
) -> Option<packet::Talk> {
    let unnamed = grade == Grade::Key && !content.named;
    let ungrouped = fields.len() > 1 && !content.grouped;
    if unnamed || ungrouped || (!form.text && !content.binary) {
        return None;
    }
    let values: Vec<Vec<u8>> = fields.iter().map(|it| it.value.clone()).collect();
    let mut all = content::fillers(random);
    let at = random.index(all.len() + 1);
    all.splice(at..at, fields);
    let written = content.write(&all, random);
    let bytes = wrapping.wrap(&written);
    let usual = grade == Grade::Known && form.is_plain() && !identity.kind.is_place();
    if !is_asked(wrapping, usual.then_some(&values), &written, &bytes) {
        return None;
    }
    if !innocent::fits(carrier.takes, content, wrapping, &bytes) {
        return None;
    }
    let text = innocent::is_text(content, wrapping);
    let media_type =
        if wrapping.name == NONE.name { content.media_type } else { "application/encrypted-json" };
    Some(carrier.send(&Load { bytes: &bytes, media_type, text, fields: &[] }, random))
}

/// Whether a detector can be asked for what a content was made of: see [`OUT_OF_SCOPE`]. `known`: the values, if they are
/// known and stand there as they are usually written.
fn is_asked(wrapping: &Wrapping, known: Option<&Vec<Vec<u8>>>, written: &[u8], bytes: &[u8]) -> bool {
    if wrapping.of == Of::Known {
        let beneath =
            |value: &Vec<u8>| value.len() >= 15 && written.windows(value.len()).any(|it| it == value);
        let digit = |byte: &u8| byte.is_ascii_alphanumeric() || b"+/-_= \r\n".contains(byte);
        let taken = !wrapping.text && bytes.iter().all(digit);
        return !taken && known.is_some_and(|values| values.iter().all(beneath));
    }
    let escapes = bytes.iter().filter(|byte| **byte == b'=').count();
    written.len() >= shortest(wrapping) && (wrapping.name != "quoted-printable" || escapes != 1)
}

/// Bytes from which on an encoding that nothing marks is believed. See [`OUT_OF_SCOPE`].
fn shortest(wrapping: &Wrapping) -> usize {
    match wrapping.name {
        name if name.contains("base32") => 15,
        name if name.contains("self-keyed") => 20,
        "hex, octets apart" => 7,
        "array of octets" => 12,
        "deflate" | "brotli" | "LZ4 block" | "LZ4 block behind its size" => 20,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn a_number_says_all() {
        for number in 0..200 {
            let (one, two) = (Corpus::new(1).sample(number), Corpus::new(1).sample(number));
            assert_eq!(one.packets, two.packets);
            assert_ne!(one.packets, Corpus::new(2).sample(number).packets);
            assert_eq!(one.truth.is_some(), number % 2 == 0);
        }
    }

    #[test]
    fn every_table_is_drawn_from_to_its_end() {
        let mut seen: BTreeSet<String> = BTreeSet::new();
        for number in (0..40_000).step_by(2) {
            let truth = Corpus::new(3).sample(number).truth.unwrap();
            let place = format!("{} {}", truth.transport, truth.place);
            for name in [truth.form.name, truth.content, truth.wrapping, &place, truth.identity.kind.name()] {
                seen.insert(name.to_owned());
            }
        }
        let places = CARRIERS.iter().map(|it| format!("{} {}", it.transport, it.name));
        let names = FORMS.iter().map(|it| it.name).chain(CONTENTS.iter().map(|it| it.name));
        let names = names.chain(WRAPPINGS.iter().map(|it| it.name)).chain(Kind::ALL.map(Kind::name));
        let missing: Vec<_> =
            names.map(str::to_owned).chain(places).filter(|it| !seen.contains(it)).collect();
        assert!(missing.is_empty(), "{missing:?}");
    }

    #[test]
    fn the_value_stands_in_the_bytes_when_nothing_is_done_to_it() {
        let mut plain = 0;
        for number in (0..40_000).step_by(2) {
            let sample = Corpus::new(5).sample(number);
            let truth = sample.truth.unwrap();
            let untouched =
                truth.wrapping == "none" && truth.form.name == "plain" && truth.transport == "udp";
            if !untouched || truth.identity.kind.is_place() || sample.packets.len() > 1 {
                continue;
            }
            let holds =
                |text: &str| sample.packets[0].bytes.windows(text.len()).any(|it| it == text.as_bytes());
            if truth.content == "log line" || truth.content == "separated values" {
                assert!(holds(&truth.identity.value), "{number}");
                plain += 1;
            }
        }
        assert!(plain > 3, "{plain}");
    }
}
