//! Finds the phone's and its owner's identifiers in what was decoded.
//!
//! By known value, by key name, by shape: graded in that order. A key's value must have a shape that the key allows;
//! the zeros and placeholders that clients send for what they lack are never identifiers.

mod digits;
mod dull;
mod equipment;
mod interest;
mod keyed;
mod known;
mod learned;
mod lexicon;
mod mac;
mod names;
mod phone;
mod place;
mod recurring;
mod scan;
mod shape;
mod sim;
mod software;
mod token;

use std::fmt;
use std::ops::Range;
use std::str::FromStr;

use packet::Direction;
use serde::{Deserialize, Serialize};

use self::interest::Interest;
pub use self::recurring::{Place, Recurrence, Recurring, Sending, domain, shared};
pub use self::token::Token;
use crate::decode::{self, Cribs, Decoded, Labels, Limits, Part, Wanted};
use crate::protocol::{HttpMessage, Message, Readable};

/// What an identifier identifies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the names are the standard ones; `describe` says what each is")]
pub enum IdentifierKind {
    Imei,
    Imeisv,
    Meid,
    Imsi,
    Iccid,
    Eid,
    Msisdn,
    AndroidId,
    GsfId,
    AdvertisingId,
    Serial,
    Mac,
    Ssid,
    Bssid,
    Cell,
    Location,
    Fingerprint,
    WidevineId,
    FcmToken,
    DeviceToken,
}

impl IdentifierKind {
    /// Every kind, in declaration order.
    pub const ALL: [Self; 20] = [
        Self::Imei,
        Self::Imeisv,
        Self::Meid,
        Self::Imsi,
        Self::Iccid,
        Self::Eid,
        Self::Msisdn,
        Self::AndroidId,
        Self::GsfId,
        Self::AdvertisingId,
        Self::Serial,
        Self::Mac,
        Self::Ssid,
        Self::Bssid,
        Self::Cell,
        Self::Location,
        Self::Fingerprint,
        Self::WidevineId,
        Self::FcmToken,
        Self::DeviceToken,
    ];

    /// The stable name, as in reports and `--watch`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Imei => "imei",
            Self::Imeisv => "imeisv",
            Self::Meid => "meid",
            Self::Imsi => "imsi",
            Self::Iccid => "iccid",
            Self::Eid => "eid",
            Self::Msisdn => "msisdn",
            Self::AndroidId => "android_id",
            Self::GsfId => "gsf_id",
            Self::AdvertisingId => "advertising_id",
            Self::Serial => "serial",
            Self::Mac => "mac",
            Self::Ssid => "ssid",
            Self::Bssid => "bssid",
            Self::Cell => "cell",
            Self::Location => "location",
            Self::Fingerprint => "fingerprint",
            Self::WidevineId => "widevine_id",
            Self::FcmToken => "fcm_token",
            Self::DeviceToken => "device_token",
        }
    }

    /// The name for people, as in "your phone sent its …".
    pub const fn describe(self) -> &'static str {
        match self {
            Self::Imei => "IMEI (the phone's worldwide serial number)",
            Self::Imeisv => "IMEISV (the phone's number with its software version)",
            Self::Meid => "MEID (the phone's number on CDMA networks)",
            Self::Imsi => "IMSI (the subscriber's number on the SIM)",
            Self::Iccid => "ICCID (the SIM card's serial number)",
            Self::Eid => "EID (the eSIM chip's serial number)",
            Self::Msisdn => "phone number",
            Self::AndroidId => "Android ID",
            Self::GsfId => "Google Services Framework ID",
            Self::AdvertisingId => "advertising ID",
            Self::Serial => "hardware serial number",
            Self::Mac => "MAC address",
            Self::Ssid => "Wi-Fi network name",
            Self::Bssid => "Wi-Fi access point's address",
            Self::Cell => "cell (where the phone is, by its radio mast)",
            Self::Location => "location",
            Self::Fingerprint => "build fingerprint",
            Self::WidevineId => "Widevine device ID",
            Self::FcmToken => "push token",
            Self::DeviceToken => "device token (a value that stays the same wherever it is sent)",
        }
    }
}

impl fmt::Display for IdentifierKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The text names no [`IdentifierKind`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownKind(pub String);

impl fmt::Display for UnknownKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = IdentifierKind::ALL.iter().map(|kind| kind.as_str()).collect();
        write!(f, "unknown kind {:?}; one of {}", self.0, names.join(", "))
    }
}

impl std::error::Error for UnknownKind {}

impl FromStr for IdentifierKind {
    type Err = UnknownKind;

    fn from_str(text: &str) -> Result<Self, UnknownKind> {
        Self::ALL
            .into_iter()
            .find(|kind| kind.as_str().eq_ignore_ascii_case(text))
            .ok_or_else(|| UnknownKind(text.to_owned()))
    }
}

/// How sure a match is, best last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Confidence {
    /// It has the validated shape of one.
    Shape,
    /// It has the shape of something random, and was sent again and again without changing.
    Recurrence,
    /// A key names it, or named it in an earlier message, and its shape allows it.
    Key,
    /// It is a value of this phone that the user gave.
    Known,
}

/// A value of this phone to look for (`--watch KIND=VALUE`).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct KnownIdentifier {
    /// What it is.
    pub kind: IdentifierKind,
    /// Its value, in any usual form.
    pub value: String,
}

/// An identifier that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Match {
    /// What it is.
    pub kind: IdentifierKind,
    /// Its value in canonical form (digits only; MAC lower case with colons).
    pub value: String,
    /// How sure.
    pub confidence: Confidence,
    /// The steps that lead from the stream's bytes to the value, e.g. `["http body", "base64", "json IMEI1"]`.
    pub decode: Vec<String>,
    /// The bytes of the stream that hold it: exact where nothing was decoded, else the outermost encoded value.
    pub range: Range<u64>,
}

/// What a scan yields.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Scan {
    /// What was found, best confidence first, then by range; no identifier twice at the same confidence or below.
    pub matches: Vec<Match>,
    /// Why parts could not be decoded to the end: stable `snake_case` words (`depth`, `bytes`, `ratio`, `steps`).
    pub stopped: Vec<&'static str>,
    /// The body says it is something that it is not, in plain words (`says that it is application/encrypted-json and is base64`).
    pub misdeclared: Option<String>,
    /// Bytes that decoding yielded.
    pub decoded: usize,
    /// What could be a device's token, if it is sent again: none of the matches.
    pub tokens: Vec<Token>,
}

impl Match {
    /// Whether both are of the same identifier, wherever it stands.
    pub fn is_same(&self, other: &Self) -> bool {
        self.kind == other.kind && self.value == other.value
    }
}

impl Scan {
    /// Adds what is new.
    fn add(&mut self, matches: Vec<Match>) {
        for found in matches {
            if !self.matches.iter().any(|known| known.is_same(&found)) {
                self.matches.push(found);
            }
        }
    }
}

/// A shorter label of a host name is no code.
const SHORTEST_LABEL: usize = 10;

/// Looks for identifiers.
#[derive(Debug, Clone, Default)]
pub struct Scanner {
    known: known::KnownValues,
    cribs: Cribs,
    learned: learned::Learned,
    shapes: shape::Shapes,
    names: names::Names,
    dull: dull::DullNames,
    limits: Limits,
}

impl Scanner {
    /// Looks for these values too, in every form and encoding.
    ///
    /// # Errors
    /// A value that its kind does not allow (an IMEI with a wrong check digit, say), in one plain sentence.
    pub fn watch(&mut self, known: &KnownIdentifier) -> Result<(), String> {
        self.watch_all(std::slice::from_ref(known))
    }

    /// Looks for all of these values too. Each call prepares the search for every value anew.
    ///
    /// # Errors
    /// As [`Self::watch`].
    pub fn watch_all(&mut self, known: &[KnownIdentifier]) -> Result<(), String> {
        self.known.add(known.iter().map(|it| (it.kind, it.value.as_str())))?;
        self.cribs = Cribs::new(self.known.texts());
        self.dull = dull::DullNames::default();
        Ok(())
    }

    /// Scans an HTTP message: target, headers, cookies, body. Remembers what keys name in it, to recognise the same
    /// values under other names in later messages.
    pub fn scan_http(&mut self, host: Option<&str>, message: &HttpMessage) -> Scan {
        let limits = self.limits;
        let declared = message.header("content-type").unwrap_or_default();
        let scan = self.scan(declared, |wanted| decode::decode_http(host, message, limits, wanted));
        self.learn(message.direction, &scan);
        scan
    }

    /// Scans a message with named parts, and remembers what they name.
    pub fn scan_message(&mut self, message: &Message) -> Scan {
        let limits = self.limits;
        let scan = self.scan("", |wanted| decode::decode_message(message, limits, wanted));
        self.learn(message.direction, &scan);
        scan
    }

    /// Scans bytes without a known protocol. `origin` is the first decode step (`tcp payload`, `dns name`, `tls sni`).
    pub fn scan_bytes(&mut self, origin: &str, bytes: &[u8], range: Range<u64>) -> Scan {
        let limits = self.limits;
        self.scan("", |wanted| decode::decode_bytes(origin, bytes, range, limits, wanted))
    }

    /// Looks for the given values alone, as they stand there.
    pub fn scan_known(&self, origin: &str, readable: &Readable) -> Vec<Match> {
        let mut out: Vec<Match> = Vec::new();
        self.known.find(&readable.bytes, &mut |hit| {
            if out.iter().any(|found| found.kind == hit.kind && found.value == hit.value) {
                return;
            }
            let decode =
                std::iter::once(origin).chain(hit.steps.iter().copied()).map(str::to_owned).collect();
            let at = |offset: usize| readable.range.start + offset as u64;
            out.push(Match {
                kind: hit.kind,
                value: hit.value.to_owned(),
                confidence: Confidence::Known,
                decode,
                range: at(hit.range.start)..at(hit.range.end),
            });
        });
        out
    }

    fn learn(&mut self, direction: Direction, scan: &Scan) {
        if direction == Direction::Outbound {
            self.learned.learn(&scan.matches);
        }
    }

    /// Bounds what decoding may yield from each message from now on.
    pub fn set_room(&mut self, bytes: usize) {
        self.limits.bytes = bytes.min(Limits::default().bytes);
    }

    /// Scans a host name as it is written: as a whole, then label by label, which may be encoded, and labels that may be one
    /// text. `range` is where it stands; where it does not stand as it is (compressed in DNS), it is the range of all its
    /// labels.
    pub fn scan_name(&mut self, origin: &str, written: &str, range: Range<u64>) -> Scan {
        if self.dull.holds(written, self.learned.len()) {
            return Scan::default();
        }
        let scan = self.scan_new_name(origin, written, range);
        if scan.matches.is_empty() && scan.stopped.is_empty() {
            self.dull.add(written);
        }
        scan
    }

    fn scan_new_name(&mut self, origin: &str, written: &str, range: Range<u64>) -> Scan {
        let name = written.to_ascii_lowercase();
        // Whose case matters: base64.
        let mixed = (name != written).then_some(written);
        let mut scan = self.scan_bytes(origin, name.as_bytes(), range.clone());
        let exact = range.end.saturating_sub(range.start) == name.len() as u64;
        let place = |part: &Range<usize>| match exact {
            true => range.start + part.start as u64..range.start + part.end as u64,
            false => range.clone(),
        };
        for text in [Some(name.as_str()), mixed].into_iter().flatten() {
            let mut start = 0;
            for label in text.split('.') {
                let part = start..start + label.len();
                start = part.end + 1;
                if label.len() >= SHORTEST_LABEL && label.len() < text.len() {
                    scan.add(self.scan_bytes(origin, label.as_bytes(), place(&part)).matches);
                }
            }
            for labels in Labels::of(text) {
                let (step, part) = (labels.step(), labels.range);
                let joined = text[part.clone()].replace('.', "");
                let mut matches = self.scan_made([origin, &step], joined.as_bytes(), place(&part)).matches;
                // Digits that chance puts together are no number.
                matches.retain(|found| found.decode.len() > 2);
                scan.add(matches);
            }
        }
        scan
    }

    fn scan_made(&mut self, steps: [&str; 2], bytes: &[u8], range: Range<u64>) -> Scan {
        let limits = self.limits;
        self.scan("", |wanted| decode::decode_made(steps, bytes, range, limits, wanted))
    }

    /// Scans what is decoded. `declared`: the content type that it claims.
    fn scan<'a>(&mut self, declared: &str, decode: impl FnOnce(&mut Wanted<'_>) -> Decoded<'a>) -> Scan {
        let Self { known, cribs, learned, shapes, names, limits, .. } = self;
        let mut interest = Interest { names, known, cribs, learned, shapes };
        let mut wanted = |part: &Part<'_>| interest.wants(part);
        let mut decoded = decode(&mut wanted);
        // Takes off what a known value beneath gives away.
        if !cribs.is_empty() {
            decoded =
                decode::uncover(decoded, (cribs, &|bytes: &[u8]| known.holds(bytes)), *limits, &mut wanted);
        }
        let matches = scan::matches(&decoded, known, learned, shapes, names);
        let mut tokens = token::tokens(&decoded);
        tokens.retain(|token| !matches.iter().any(|found| token.is(&found.value)));
        let misdeclared = misdeclared(declared, decoded.formats());
        Scan { matches, stopped: decoded.stopped().to_vec(), misdeclared, decoded: decoded.spent(), tokens }
    }
}

/// Says so when a body that claims to be unreadable can be read.
fn misdeclared(content_type: &str, formats: &[&str]) -> Option<String> {
    let declared = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    // `application/octet-stream` claims nothing: it may be anything. An SVG image is XML, and says so.
    let encrypted = declared.contains("encrypt") || declared.contains("cipher");
    let claims = encrypted || (declared.starts_with("image/") && !declared.contains("svg"));
    let plain = *formats.last()?;
    let readable = [
        "json",
        "form",
        "xml",
        "multipart",
        "mime",
        "jwt",
        "base64",
        "base32",
        "hex",
        "percent",
        "quoted-printable",
        "utf-16le",
        "utf-16be",
    ]
    .contains(&plain);
    (claims && readable).then(|| {
        let compressed = |it: &&&str| {
            matches!(**it, "gzip" | "zlib" | "deflate" | "brotli" | "zstd" | "lz4" | "lz4-block")
        };
        let first = formats.iter().find(|it| !compressed(it)).unwrap_or(&plain);
        format!("says that it is {declared} and is {first}")
    })
}

#[cfg(test)]
mod tests {
    use packet::Direction;

    use super::{IdentifierKind, KnownIdentifier, Scanner, misdeclared};

    #[test]
    fn a_host_name_is_read_label_by_label() {
        let found = |name: &str| {
            let scan = Scanner::default().scan_name("tls sni", name, 100..100 + name.len() as u64);
            scan.matches.into_iter().map(|it| (it.kind, it.range)).collect::<Vec<_>>()
        };
        // The letters of the next label are hexadecimal digits.
        assert_eq!(found("359091108778933.edge.example"), [(IdentifierKind::Imei, 100..115)]);
        assert_eq!(found("x.333539303931313038373738393333.example"), [(IdentifierKind::Imei, 102..132)]);
        assert_eq!(found("d3b07384d113edec49eaa6238ad5ff00.cloud.example"), []);
        // Base64, whose case DNS keeps; and JSON in hexadecimal digits, longer than a label may be.
        assert_eq!(found("x.MzU5MDkxMTA4Nzc4OTMz.Example"), [(IdentifierKind::Imei, 102..122)]);
        let digits = "7b22696d6569223a223335393039313130383737383933332c226e223a317d";
        let spread = format!("x.{}.{}.cloud.example", &digits[..40], &digits[40..]);
        assert_eq!(found(&spread), [(IdentifierKind::Imei, 102..165)]);
    }

    #[test]
    fn a_name_is_searched_anew_when_more_is_looked_for() {
        let mut scanner = Scanner::default();
        let found = |scanner: &mut Scanner, name: &str| {
            scanner.scan_name("dns name", name, 0..name.len() as u64).matches.len()
        };
        let name = "9774d56d682e549c.edge.example";
        assert_eq!([found(&mut scanner, name), found(&mut scanner, name)], [0, 0]);
        let body = br#"{"android_id":"9774d56d682e549c"}"#;
        let named = scanner.scan_bytes("http body", body, 0..body.len() as u64);
        scanner.learn(Direction::Outbound, &named);
        assert_eq!([found(&mut scanner, name), found(&mut scanner, name)], [1, 1]);
        scanner
            .watch(&KnownIdentifier { kind: IdentifierKind::Serial, value: "TESTSN0012345".into() })
            .expect("a valid value");
        assert_eq!(found(&mut scanner, "testsn0012345.example"), 1);
    }

    #[test]
    fn only_a_claim_that_the_bytes_refute_is_a_lie() {
        for (declared, formats, lie) in [
            ("application/encrypted-json", &["base64", "json"][..], true),
            ("image/png; q=1", &["json"], true),
            ("application/encrypted-json", &[], false),
            ("application/octet-stream", &["gzip", "json"], false),
            ("image/svg+xml", &["xml"], false),
            ("application/json", &["json"], false),
        ] {
            assert_eq!(misdeclared(declared, formats).is_some(), lie, "{declared} {formats:?}");
        }
    }

    #[test]
    fn what_tells_a_length_is_no_part_of_a_value() {
        use super::{Confidence, KnownIdentifier};
        let mut scanner = Scanner::default();
        scanner.watch(&KnownIdentifier { kind: IdentifierKind::Ssid, value: "Telenor 7369".into() }).unwrap();
        // {"ref": "Telenor 7369", "req": 1} in CBOR: l and c tell how long texts are.
        let mut found = |bytes: &[u8]| {
            let scan = scanner.scan_bytes("tcp payload", bytes, 0..bytes.len() as u64);
            scan.matches.into_iter().map(|it| (it.confidence, it.range, it.decode)).collect::<Vec<_>>()
        };
        let decode = vec!["tcp payload".to_owned(), "cbor ref".to_owned()];
        assert_eq!(found(b"\xa2crefl\x54elenor 7369creq\x01"), [(Confidence::Known, 6..18, decode)]);
        assert_eq!(found(b"lTelenor 7369creq"), []);
    }
}
