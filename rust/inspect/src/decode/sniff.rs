//! What bytes are: found out from themselves, strictest first.

use std::borrow::Cow;
use std::ops::RangeInclusive;

use super::compress::{Format, inflate, unmarked};
use super::mark::{self, WORD};
use super::part::{Part, Wanted};
use super::{
    Limits, Piece, base32, base64, cbor, data_url, der, disguise, embedded, form, grpc, hex, json, jwt, mime,
    msgpack, multipart, percent, plist, protobuf, quoted, text, utf16, wbxml, xml,
};

/// Shorter base64 is found too often in ordinary words.
const BASE64_MIN: usize = 10;
/// Shorter hexadecimal text is found too often in ordinary numbers.
const HEX_MIN: usize = 20;
/// What is shorter than those, down to these, counts when nothing but a word of letters and digits comes of it.
const SHORT_BASE64_MIN: usize = 6;
const SHORT_HEX_MIN: usize = 12;
/// Shorter base32 is found too often in ordinary capitals.
const BASE32_MIN: usize = 24;
/// Shorter results are not tried for formats that nothing marks: they are digests and keys.
const UNMARKED_MIN: usize = 68;

/// Lengths of a value in free text that is decoded: not so short that it is a word, nor so long that many cost much.
const CODED_VALUE: RangeInclusive<usize> = 24..=4096;

/// What is longer is no word.
const LONGEST_WORD: usize = 24;

/// What bytes turn out to be.
#[derive(Debug)]
pub enum Content {
    /// Nothing to undo.
    Plain,
    /// One encoding to undo: the step and the result.
    Encoded(Cow<'static, str>, Vec<u8>),
    /// Parts: the step's word and they.
    Parts(&'static str, Vec<Piece>),
}

impl Content {
    fn encoded(step: &'static str, bytes: Vec<u8>) -> Self {
        Self::Encoded(Cow::Borrowed(step), bytes)
    }
}

/// Finds out what bytes are. `room` bounds what may come of them; `stop` hears which bound was met. Of containers whose
/// readers ask, the parts that are wanted are given.
pub fn sniff(
    bytes: &[u8],
    limits: &Limits,
    room: usize,
    wanted: &mut Wanted<'_>,
    stop: &mut dyn FnMut(&'static str),
) -> Content {
    if let Some(format) = Format::of(bytes) {
        let out = inflate(format, bytes, room, limits.ratio);
        // Base64 can begin as zlib does (`8O`); no stream's first bytes are all text.
        let begun = || is_begun(format, &out.bytes) && !text::begins_as_text(bytes);
        if out.complete || begun() {
            out.stopped.map(&mut *stop);
            return Content::encoded(format.as_str(), out.bytes);
        }
        // A whole bomb: nothing of it was let out.
        out.stopped.map(&mut *stop);
    }
    if let Some(content) = marked(bytes, limits, room, stop) {
        return content;
    }
    if !text::is_texty(bytes) {
        return opaque(bytes, limits, room, stop);
    }
    let content = readable(bytes, limits, room, wanted);
    // Of short noise one in a thousand has no control character, and may have a `=` or a `:`.
    if !is_noise(&content) || text::begins_as_text(bytes) {
        return content;
    }
    match content {
        Content::Plain => opaque(bytes, limits, room, stop),
        content => disguised(bytes, room).unwrap_or(content),
    }
}

/// Whether it may have been found in noise.
fn is_noise(content: &Content) -> bool {
    match content {
        Content::Plain | Content::Parts("form" | "query" | "text", _) => true,
        Content::Encoded(step, _) => step == "percent",
        Content::Parts(..) => false,
    }
}

/// What a value in free text is: such values may lie in each other, so nothing is looked for that the text holds too.
pub fn sniff_value(bytes: &[u8], limits: &Limits, room: usize) -> Content {
    let is_digit = |&byte: &u8| base64::is_digit(byte) || byte == b'=';
    let can_be_coded =
        CODED_VALUE.contains(&bytes.len()) && bytes.len() <= room && bytes.iter().all(is_digit);
    can_be_coded.then(|| encoded_text(bytes, limits)).flatten().unwrap_or(Content::Plain)
}

/// One more part than allowed, so that the walk notices.
fn most(limits: &Limits) -> usize {
    limits.steps.saturating_add(1)
}

/// Binary formats that can pass for text, or begin with a mark.
fn marked(bytes: &[u8], limits: &Limits, room: usize, stop: &mut dyn FnMut(&'static str)) -> Option<Content> {
    let most = most(limits);
    if plist::is_plist(bytes) {
        return plist::pieces(bytes, most, stop).map(|pieces| Content::Parts("plist", pieces));
    }
    if let Some((step, text)) = utf16::decode(bytes).filter(|(_, text)| text.len() <= room) {
        return Some(Content::encoded(step, text));
    }
    let cbor = cbor::is_cbor(bytes).then(|| cbor::pieces(bytes, most)).flatten();
    let msgpack = msgpack::is_msgpack(bytes).then(|| msgpack::pieces(bytes, most)).flatten();
    match (cbor, msgpack) {
        // What begins an array in the one begins a map in the other. Chance makes of a text many small items.
        (Some(cbor), Some(msgpack)) if msgpack.len() < cbor.len() => Some(Content::Parts("msgpack", msgpack)),
        (Some(cbor), _) => Some(Content::Parts("cbor", cbor)),
        (None, msgpack) => msgpack.map(|pieces| Content::Parts("msgpack", pieces)),
    }
}

fn opaque(bytes: &[u8], limits: &Limits, room: usize, stop: &mut dyn FnMut(&'static str)) -> Content {
    let most = most(limits);
    if let Some(pieces) = grpc::pieces(bytes, most) {
        return Content::Parts("grpc", pieces);
    }
    if let Some(content) = disguised(bytes, room) {
        return content;
    }
    if let Some(pieces) = wbxml::pieces(bytes, most, stop) {
        return Content::Parts("wbxml", pieces);
    }
    if der::is_der(bytes)
        && let Some(pieces) = der::pieces(bytes, most)
    {
        return Content::Parts("der", pieces);
    }
    if let Some(pieces) =
        protobuf::pieces(bytes, most).filter(|pieces| protobuf::is_telling(bytes, pieces, 4))
    {
        return Content::Parts("protobuf", pieces);
    }
    if let Some(pieces) = protobuf::delimited(bytes, most) {
        return Content::Parts("delimited", pieces);
    }
    let behind = embedded::pieces(bytes);
    if !behind.is_empty() {
        return Content::Parts("at", behind);
    }
    match text::tokens(bytes) {
        pieces if pieces.is_empty() => Content::Plain,
        pieces => Content::Parts("text", pieces),
    }
}

fn disguised(bytes: &[u8], room: usize) -> Option<Content> {
    let (step, plain) = disguise::open(bytes).filter(|(_, plain)| plain.len() <= room)?;
    Some(Content::encoded(step, plain))
}

fn readable(bytes: &[u8], limits: &Limits, room: usize, wanted: &mut Wanted<'_>) -> Content {
    let most = most(limits);
    let mut plain = Vec::new();
    let mut keep = |part: &Part<'_>| is_worth(part, wanted, &mut plain);
    let marked = json::is_json(bytes) || xml::is_xml(bytes) || bytes.starts_with(b"--");
    if marked
        && bytes.len() <= room
        && quoted::is_encoded(bytes)
        && let plain = quoted::decode(bytes)
        && text::is_text(&plain)
    {
        return Content::encoded("quoted-printable", plain);
    }
    if json::is_json(bytes) {
        return Content::Parts("json", json::pieces(bytes, most, &mut keep));
    }
    if xml::is_xml(bytes) {
        return Content::Parts("xml", xml::pieces(bytes, most));
    }
    if let Some(boundary) = multipart::boundary(bytes) {
        return Content::Parts("multipart", multipart::pieces(bytes, boundary, most));
    }
    if let Some(pieces) = mime::pieces(bytes, most) {
        return Content::Parts("mime", pieces);
    }
    if let Some(pieces) = jwt::pieces(bytes) {
        return Content::Parts("jwt", pieces);
    }
    if let Some(piece) = data_url::piece(bytes) {
        return Content::Parts("data", vec![piece]);
    }
    if bytes.len() <= room && quoted::is_encoded(bytes) {
        let plain = quoted::decode(bytes);
        // Values of a form or a line of a log can begin as escapes do; text does not come of them.
        let apart = || !form::is_form(bytes) || !bytes.contains(&b'&') || quoted::is_encoded_form(bytes);
        if text::is_text(&plain) && apart() {
            return Content::encoded("quoted-printable", plain);
        }
    }
    if form::is_form(bytes) {
        return Content::Parts("form", form::pieces(bytes, most, &mut keep));
    }
    if bytes.len() <= room
        && let Some(content) = encoded_text(bytes, limits)
    {
        return content;
    }
    named_text(bytes, limits)
}

/// Whether a part becomes a leaf: when it could be encoded, or is wanted as it is. Beneath percent-encoding most often
/// is nothing but a text.
fn is_worth(part: &Part<'_>, wanted: &mut Wanted<'_>, plain: &mut Vec<u8>) -> bool {
    match promise(part.value) {
        Promise::None => wanted(part),
        Promise::Percent => {
            let plain = percent::decode_to(plain, part.value, true);
            is_promising(plain) || wanted(&Part { value: plain, made: true, ..part.clone() })
        }
        // Words that could be base64 are common, and decoding one costs less than a leaf.
        Promise::Word => is_short_base64(part.value) || wanted(part),
        Promise::Some => true,
    }
}

fn is_short_base64(word: &[u8]) -> bool {
    // Of too few bytes only a name is believed, which begins with what names are made of.
    if word.len() * 3 / 4 < BASE64_MIN
        && !base64::first(word).is_some_and(|bytes| bytes.iter().all(is_of_name))
    {
        return false;
    }
    let limits = Limits::default();
    base64::decode(word, SHORT_BASE64_MIN).is_some_and(|out| {
        is_name(&out.bytes) || word.len() * 3 / 4 >= BASE64_MIN && is_sensible(&out.bytes, &limits)
    })
}

/// Hexadecimal, base32, base64 and percent-encoding: the first three only when something sensible comes of them.
fn encoded_text(bytes: &[u8], limits: &Limits) -> Option<Content> {
    let trimmed = bytes.trim_ascii();
    if trimmed.len() >= SHORT_HEX_MIN
        && let Some(out) = hex::decode(trimmed)
        && (is_name(&out) || trimmed.len() >= HEX_MIN && is_sensible(&out, limits))
    {
        return Some(Content::encoded("hex", out));
    }
    if trimmed.len() >= BASE32_MIN
        && let Some(out) = base32::decode(trimmed)
        && is_sensible(&out, limits)
    {
        return Some(Content::encoded("base32", out));
    }
    if let Some(out) = base64::decode(bytes, SHORT_BASE64_MIN)
        && (is_name(&out.bytes) || bytes.len() * 3 / 4 >= BASE64_MIN && is_sensible(&out.bytes, limits))
    {
        return Some(Content::Encoded(out.step, out.bytes));
    }
    percent::is_encoded(bytes).then(|| Content::encoded("percent", percent::decode(bytes, true)))
}

/// Whether bytes are a short word with a digit, such as a serial number. Noise of that length is one in some 10,000 times.
fn is_name(bytes: &[u8]) -> bool {
    (SHORT_BASE64_MIN..=32).contains(&bytes.len())
        && bytes.iter().all(is_of_name)
        && bytes.iter().any(u8::is_ascii_digit)
}

const fn is_of_name(byte: &u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')
}

/// What a text without structure holds: a URL's query, tokens, named values.
fn named_text(bytes: &[u8], limits: &Limits) -> Content {
    let query = text::query(bytes, limits.steps);
    if !query.is_empty() {
        return Content::Parts("query", query);
    }
    let pieces = text::pieces(bytes);
    if pieces.is_empty() { Content::Plain } else { Content::Parts("text", pieces) }
}

/// Whether bytes look like what somebody would have encoded, and not like noise.
fn is_sensible(bytes: &[u8], limits: &Limits) -> bool {
    const FEW: usize = 4096;
    if text::is_text(bytes) || text::has_words(bytes) {
        return true;
    }
    if disguise::open(bytes).is_some() || grpc::pieces(bytes, 1).is_some() {
        return true;
    }
    match Format::of(bytes) {
        Some(Format::Zlib) if is_zlib(bytes, FEW, limits.ratio) => true,
        // A protobuf may begin as a zlib stream does.
        None | Some(Format::Zlib) => {
            let few = Limits { steps: FEW, ..*limits };
            marked(bytes, &few, usize::MAX, &mut |_| {}).is_some()
                || wbxml::pieces(bytes, FEW, &mut |_| {}).is_some()
                || (der::is_der(bytes) && der::pieces(bytes, FEW).is_some())
                || (bytes.len() >= 16
                    && protobuf::pieces(bytes, FEW)
                        .is_some_and(|pieces| protobuf::is_telling(bytes, &pieces, 6)))
                || (bytes.len() >= UNMARKED_MIN && unmarked(bytes, FEW, limits.ratio).is_some())
        }
        Some(_) => true,
    }
}

/// Whether what came of a stream that breaks off is worth it. A zlib stream is said to be there by two bytes only, and
/// something comes of most others.
fn is_begun(format: Format, bytes: &[u8]) -> bool {
    bytes.len() >= 16 && (format != Format::Zlib || text::is_text(bytes) || text::has_words(bytes))
}

/// Whether a zlib stream stands there whole, or much comes of it: its two first bytes are often found by chance.
fn is_zlib(bytes: &[u8], room: usize, ratio: usize) -> bool {
    let out = inflate(Format::Zlib, bytes, room, ratio);
    is_begun(Format::Zlib, &out.bytes) || (out.complete && !out.bytes.is_empty())
}

/// What a byte tells about the part that it stands in.
const CLASS: [u32; 256] = classes();
const CONTROL: u32 = 1;
const PERCENT: u32 = 2;
const MARK: u32 = 4;
/// No digit of base64, white space or padding.
const UNCODED: u32 = 8;
const NO_NUMBER: u32 = 16;
/// No hexadecimal digit, and no hyphen between groups of them.
const NO_HEX: u32 = 32;
const SPACE: u32 = 64;
const HYPHEN: u32 = 128;
const UPPER: u32 = 256;
const LOWER: u32 = 512;

const fn classes() -> [u32; 256] {
    let mut out = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let it = byte as u8;
        let coded = it.is_ascii_alphanumeric()
            || it.is_ascii_whitespace()
            || matches!(it, b'+' | b'/' | b'-' | b'_' | b'=');
        out[byte] = if it < 9 { CONTROL } else { 0 }
            | if it == b'%' { PERCENT } else { 0 }
            | if matches!(it, b'=' | b':' | b'?') { MARK } else { 0 }
            | if coded { 0 } else { UNCODED }
            | if it.is_ascii_digit() { 0 } else { NO_NUMBER }
            | if it.is_ascii_hexdigit() || it == b'-' { 0 } else { NO_HEX }
            | if it == b' ' { SPACE } else { 0 }
            | if it == b'-' { HYPHEN } else { 0 }
            | if it.is_ascii_uppercase() { UPPER } else { 0 }
            | if it.is_ascii_lowercase() { LOWER } else { 0 };
        byte += 1;
    }
    out
}

/// What all bytes of a part tell.
fn class_of(part: &[u8]) -> u32 {
    let of = |bytes: &[u8]| bytes.iter().fold(0, |class, &byte| class | CLASS[usize::from(byte)]);
    let (words, rest) = part.as_chunks::<WORD>();
    let class = words.iter().fold(0, |class, word| class | of(word));
    // The last word, some of whose bytes were looked at already: as many steps whatever the length.
    class | part.last_chunk::<WORD>().map_or_else(|| of(rest), |word| of(word))
}

/// Whether a part that could be base64 is far likelier to be something else: a UUID or a short hexadecimal number, or words.
fn is_word(part: &[u8], class: u32) -> bool {
    if class & NO_HEX == 0 {
        return class & HYPHEN != 0 || part.len() < HEX_MIN;
    }
    // A form's `+` is one of 64 digits, a space between words one of six letters.
    class & SPACE != 0 && part.iter().filter(|&&byte| byte == b' ').count() * 12 > part.len()
}

/// Capitals that do not begin a word, and other letters: base64 has both.
fn is_mixed(part: &[u8], class: u32) -> bool {
    class & UPPER != 0 && class & LOWER != 0 && part.iter().skip(1).any(u8::is_ascii_uppercase)
}

/// Whether hexadecimal digits, which may be decimal alone, can be those of a text.
fn is_hex_of_text(part: &[u8]) -> bool {
    part.len() >= SHORT_HEX_MIN
        && part.len().is_multiple_of(2)
        && part.iter().step_by(2).all(|byte| matches!(byte, b'0' | b'2'..=b'7'))
}

/// What a quick look at a part promises.
enum Promise {
    None,
    /// Percent-encoding, which may hide more.
    Percent,
    /// A word that could be base64, and nothing else.
    Word,
    Some,
}

/// A quick look at whether [`sniff`] could find something in a part.
pub fn is_promising(part: &[u8]) -> bool {
    !matches!(promise(part), Promise::None)
}

#[inline]
fn promise(part: &[u8]) -> Promise {
    let is_short = part.len() < WORD;
    let encoded = || mark::first_of(mark::word(part), [b'%']).is_some();
    if is_short && !encoded() { Promise::None } else { promise_of_long(part) }
}

fn promise_of_long(part: &[u8]) -> Promise {
    let class = class_of(part);
    if class & (CONTROL | MARK) != 0 {
        return Promise::Some;
    }
    if class & PERCENT != 0 {
        return Promise::Percent;
    }
    let some = |promising: bool| if promising { Promise::Some } else { Promise::None };
    if class & UNCODED != 0 {
        return some(begins_as_encoded(part));
    }
    let long = part.len() >= 14 || (part.len() >= 11 && is_mixed(part, class));
    let coded = long && class & NO_NUMBER != 0 && !is_word(part, class);
    if coded && class & NO_HEX != 0 && part.len() <= LONGEST_WORD {
        return Promise::Word;
    }
    some(coded || (class & NO_HEX == 0 && is_hex_of_text(part)) || hex::is_separated(part))
}

/// Whether a container or a compressed stream may begin here, or a token's header stand somewhere.
fn begins_as_encoded(part: &[u8]) -> bool {
    matches!(
        part.first(),
        Some(b'{' | b'[' | b'<' | 0x1f | b'x' | 0x80..=0xbf | 0xd9 | 0xdc..=0xdf | 0xfe | 0xff)
    ) || memchr::memchr_iter(b'J', part).any(|at| part[..at].ends_with(b"ey"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_of_a_part_tells() {
        for length in 0..40 {
            let mut part = vec![b'0'; length];
            for at in 0..length {
                part[at] = b'%';
                assert_eq!(class_of(&part) & PERCENT, PERCENT, "{at} of {length}");
                part[at] = b'0';
            }
            assert_eq!(class_of(&part), 0);
        }
    }
}
