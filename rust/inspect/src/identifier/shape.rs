//! Identifiers that their shape alone gives away, found in one pass over text.
//!
//! Precision comes first: what is only digits is believed with a check digit and a prefix that is in use, and where
//! nothing else continues the number.

use std::ops::Range;

use memchr::memmem::Finder;

use super::IdentifierKind as Kind;
use super::{digits, equipment, mac, place, sim, software};

/// An identifier in text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// What it is.
    pub kind: Kind,
    /// Canonical form.
    pub value: String,
    /// Where it stands.
    pub range: Range<usize>,
}

/// Looks for shapes.
#[derive(Debug, Clone)]
pub struct Shapes {
    marks: [(Finder<'static>, Marked); 4],
}

/// What reads the identifier around a mark.
type Marked = fn(&[u8], Range<usize>) -> Option<Found>;

/// The shortest shape of digits: a MEID, or a MAC address in groups of four.
const SHORTEST: usize = 14;
/// Bytes of a run that are looked at together.
const BLOCK: usize = 4;
/// How far apart: a run of [`SHORTEST`] has a whole block in it wherever it begins.
const STEP: usize = SHORTEST - (BLOCK - 1);
/// What is shorter holds no mark of a fingerprint, a push token, a network access identifier or a position.
const MARKED_MIN: usize = 20;
/// No shape is longer than a push token.
const LONGEST: usize = 512;

const MARKS: [(&str, Marked); 4] =
    [("-keys", fingerprint), (":APA91b", token), ("3gppnetwork.org", network_access), ("$G", position)];

/// Hexadecimal digits and what separates their groups.
const RUN: [bool; 256] = run_bytes();

const fn run_bytes() -> [bool; 256] {
    let mut table = [false; 256];
    let bytes = b"0123456789abcdefABCDEF:-.";
    let mut i = 0;
    while i < bytes.len() {
        table[bytes[i] as usize] = true;
        i += 1;
    }
    table
}

fn is_run(byte: u8) -> bool {
    RUN[usize::from(byte)]
}

impl Default for Shapes {
    fn default() -> Self {
        Self { marks: MARKS.map(|(mark, read)| (Finder::new(mark), read)) }
    }
}

impl Shapes {
    /// Every identifier that the text's shapes show, in no particular order.
    pub fn find(&self, text: &[u8]) -> Vec<Found> {
        let mut out = Vec::new();
        runs(text, &mut out);
        self.marked(text, &mut out);
        out
    }

    /// Whether [`Self::find`] would find something.
    #[inline]
    pub fn has_any(&self, text: &[u8]) -> bool {
        text.len() >= SHORTEST && !self.find(text).is_empty()
    }

    fn marked(&self, text: &[u8], out: &mut Vec<Found>) {
        if text.len() < MARKED_MIN {
            return;
        }
        for (mark, read) in &self.marks {
            let found = mark.find_iter(text);
            out.extend(found.filter_map(|at| read(text, at..at + mark.needle().len())));
        }
    }
}

/// Goes through runs of hexadecimal digits and separators. A run of [`SHORTEST`] covers one of the blocks that stand
/// [`STEP`] apart, so only those are looked at, and whole: words have many such letters, but few of them together.
fn runs(text: &[u8], out: &mut Vec<Found>) {
    let mut done = 0;
    let mut probe = STEP - 1;
    while let Some(block) = text.get(probe..).and_then(<[u8]>::first_chunk::<BLOCK>) {
        if !block.iter().fold(true, |all, &byte| all & is_run(byte)) {
            probe += STEP;
            continue;
        }
        let start =
            text[done..probe].iter().rposition(|&byte| !is_run(byte)).map_or(done, |at| done + at + 1);
        let end = text[probe..].iter().position(|&byte| !is_run(byte)).map_or(text.len(), |at| probe + at);
        if end - start >= SHORTEST {
            run(text, start..end, out);
        }
        done = end;
        probe = end + STEP;
    }
}

fn run(text: &[u8], range: Range<usize>, out: &mut Vec<Found>) {
    let is_separator = |byte: &u8| matches!(byte, b':' | b'-' | b'.');
    let lead = text[range.clone()].iter().take_while(|byte| is_separator(byte)).count();
    let start = range.start + lead;
    let trail = text[start..range.end].iter().rev().take_while(|byte| is_separator(byte)).count();
    let range = start..range.end - trail;
    let whole = &text[range.clone()];
    if whole.len() < SHORTEST || !is_free(text, &range) {
        return;
    }
    if let Some((kind, value)) = separated(whole) {
        out.push(Found { kind, value, range });
        return;
    }
    let mut from = range.start;
    let mut before = None;
    for part in whole.split(is_separator) {
        let part_range = from..from + part.len();
        let after = text.get(part_range.end).filter(|_| part_range.end < range.end);
        if !is_joined(before)
            && !is_joined(after)
            && let Some((kind, value)) = number(part)
        {
            out.push(Found { kind, value, range: part_range.clone() });
        }
        before = after;
        from = part_range.end + 1;
    }
}

/// Whether a separator makes one thing of the groups on its sides. A colon parts a name from its value.
fn is_joined(separator: Option<&u8>) -> bool {
    matches!(separator, Some(b'-' | b'.'))
}

/// Whether no letter or digit, and nothing else that would make it a part of a longer word, touches the run.
fn is_free(text: &[u8], range: &Range<usize>) -> bool {
    let glues = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'%' | b'$');
    let before = range.start.checked_sub(1).and_then(|at| text.get(at));
    let after = text.get(range.end);
    !before.is_some_and(glues) && !after.is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'%')
}

/// A MAC address or an IMEI in groups.
fn separated(text: &[u8]) -> Option<(Kind, String)> {
    if matches!(text.len(), 14 | 17) && !mac::is_time(text) {
        let letters = text.iter().any(u8::is_ascii_alphabetic);
        let value = mac::mac(text, false).filter(|_| text.len() == 17 || letters);
        if let Some(value) = value {
            return Some((Kind::Mac, value));
        }
    }
    if !matches!(text.len(), 17 | 18) {
        return None;
    }
    let groups: Vec<_> = text.split(|&byte| byte == b'-').map(<[u8]>::len).collect();
    let imei = matches!(groups.as_slice(), [2, 6, 6, 1] | [6, 2, 6, 1] | [8, 6, 1]);
    let digits: Vec<u8> = text.iter().copied().filter(|&byte| byte != b'-').collect();
    let valid = imei && equipment::imei(&digits) && equipment::has_allocated_prefix(&digits);
    valid.then(|| (Kind::Imei, String::from_utf8_lossy(&digits).into_owned()))
}

/// A number without separators.
fn number(part: &[u8]) -> Option<(Kind, String)> {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    match part.len() {
        14 if equipment::meid_by_shape(part) => Some((Kind::Meid, text(part).to_ascii_lowercase())),
        15 if equipment::has_common_prefix(part) && equipment::imei(part) => Some((Kind::Imei, text(part))),
        19 | 20 => sim::iccid_by_shape(part).map(|digits| (Kind::Iccid, text(&digits))),
        32 if digits::all_digits(part) && sim::eid(part) => Some((Kind::Eid, text(part))),
        _ => None,
    }
}

fn fingerprint(text: &[u8], mark: Range<usize>) -> Option<Found> {
    let is_end = |byte: &u8| !byte.is_ascii_graphic() || b"\"'<>,;|&()=[]{}?!*".contains(byte);
    let from = mark.start.saturating_sub(160);
    let start = text[from..mark.start].iter().rposition(is_end).map_or(from, |at| from + at + 1);
    let range = start..mark.end;
    let value = &text[range.clone()];
    software::fingerprint(value).then(|| Found {
        kind: Kind::Fingerprint,
        value: String::from_utf8_lossy(value).into_owned(),
        range,
    })
}

fn token(text: &[u8], mark: Range<usize>) -> Option<Found> {
    let part_of = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    let start =
        mark.start - text[..mark.start].iter().rev().take(64).take_while(|byte| part_of(byte)).count();
    let end = mark.end + text[mark.end..].iter().take(LONGEST).take_while(|byte| part_of(byte)).count();
    let value = &text[start..end];
    software::fcm_token(value).then(|| Found {
        kind: Kind::FcmToken,
        value: String::from_utf8_lossy(value).into_owned(),
        range: start..end,
    })
}

/// The IMSI in a network access identifier (3GPP TS 23.003 section 14): `0<IMSI>@….3gppnetwork.org`.
fn network_access(text: &[u8], mark: Range<usize>) -> Option<Found> {
    let from = mark.start.saturating_sub(64);
    let at = from + text[from..mark.start].iter().rposition(|&byte| byte == b'@')?;
    let length = text[..at].iter().rev().take(17).take_while(|byte| byte.is_ascii_digit()).count();
    let user = &text[at - length..at];
    let imsi = if length == 16 { &user[1..] } else { user };
    sim::imsi(imsi).then(|| Found {
        kind: Kind::Imsi,
        value: String::from_utf8_lossy(imsi).into_owned(),
        range: at - imsi.len()..at,
    })
}

/// A receiver's sentence (NMEA 0183): 82 characters with the line's end.
fn position(text: &[u8], mark: Range<usize>) -> Option<Found> {
    let rest = text.get(mark.start..)?;
    let star = rest.iter().take(82).position(|&byte| byte == b'*')?;
    let range = mark.start..mark.start + star + 3;
    let value = place::sentence(text.get(range.clone())?)?;
    Some(Found { kind: Kind::Location, value, range })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(text: &str) -> Vec<(Kind, String)> {
        Shapes::default().find(text.as_bytes()).into_iter().map(|it| (it.kind, it.value)).collect()
    }

    #[test]
    fn finds_shapes_wherever_they_stand() {
        for lead in 0..40 {
            // The shortest of all, and another behind a run that is too short.
            let text = format!("{} 0200.5e10.00fe, 12345 359091108778933, x", "z".repeat(lead));
            let found = Shapes::default().find(text.as_bytes());
            let found: Vec<&str> = found.iter().map(|it| &text[it.range.clone()]).collect();
            assert_eq!(found, ["0200.5e10.00fe", "359091108778933"], "{lead}");
        }
        assert_eq!(find("imei:35-909110-877893-3."), [(Kind::Imei, "359091108778933".into())]);
        assert_eq!(find("02:00:5E:10:00:FE"), [(Kind::Mac, "02:00:5e:10:00:fe".into())]);
        assert_eq!(find("[0200.5e10.00fe]"), [(Kind::Mac, "02:00:5e:10:00:fe".into())]);
        assert_eq!(find("(89860300000001234564)"), [(Kind::Iccid, "89860300000001234564".into())]);
        assert_eq!(find("id A00005F53E9421;"), [(Kind::Meid, "a00005f53e9421".into())]);
        assert_eq!(
            find("0001010123456789@nai.epc.mnc001.mcc001.3gppnetwork.org"),
            [(Kind::Imsi, "001010123456789".into())]
        );
        assert_eq!(
            find("x test/tst/tst:9/PQ1A/1:user/release-keys y"),
            [(Kind::Fingerprint, "test/tst/tst:9/PQ1A/1:user/release-keys".into())]
        );
    }

    #[test]
    fn leaves_parts_of_other_things_alone() {
        for text in [
            "1359091108778933",
            "x359091108778933",
            "359091108778933-12",
            "1.359091108778933",
            "%359091108778933",
            "001017001234560",
            "00000000000000000000",
            "ff:ff:ff:ff:ff:ff",
            "4111111111111111",
            "378282246310005",
            "20-11-22-10-11-12",
            "2019.1234.5678",
            "00000000-0000-0000-0000-000000000000",
            "AB:CD:EF:01:23:45:67:89:AB:CD:EF:01:23:45:67:89:AB:CD:EF:01",
            "123456789012345",
        ] {
            assert_eq!(find(text), [], "{text}");
        }
    }
}
