//! Ways in which an identifier is written before anything is done to what holds it.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use sha2::Digest;

use crate::content::varint;
use crate::identity::{Identity, Kind};

/// How sure a detector can be, and by what.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Grade {
    /// By its shape alone: no name that says anything stands beside it.
    Shape,
    /// A key names it.
    Key,
    /// The value was given to look for.
    Known,
}

impl Grade {
    /// As in reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Shape => "shape",
            Self::Key => "key",
            Self::Known => "known",
        }
    }
}

/// What became of the value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sort {
    /// Text that people would read.
    Plain,
    /// Text or bytes from which the value can be got back.
    Reversible,
    /// A digest.
    Digest,
}

/// A way of writing.
#[derive(Debug, Clone, Copy)]
pub struct Form {
    /// For tables.
    pub name: &'static str,
    /// What becomes of the value.
    pub sort: Sort,
    /// Whether the result is text.
    pub text: bool,
    write: fn(&Identity) -> Option<Vec<u8>>,
}

impl Form {
    /// The identifier so written; `None` when its kind is not written so.
    pub fn write(&self, identity: &Identity) -> Option<Vec<u8>> {
        if identity.kind.is_place() && self.name != "plain" {
            return None;
        }
        (self.write)(identity)
    }

    /// Whether the value is written as it is.
    pub fn is_plain(&self) -> bool {
        self.name == FORMS[0].name
    }

    /// Whether the grade can be expected of it: what is disguised can only be known.
    pub fn fits(&self, grade: Grade, kind: Kind) -> bool {
        match (self.sort, grade, self.name) {
            (_, Grade::Known, _) => true,
            (Sort::Plain, Grade::Key, name) => name != "network access identifier",
            (Sort::Plain, Grade::Shape, "network access identifier") => true,
            (Sort::Plain, Grade::Shape, _) if !has_shape(kind) => false,
            // A number needs its mark or its name; bare hexadecimal digits are anything.
            (Sort::Plain, Grade::Shape, "no separators" | "spaces") => false,
            (Sort::Plain, Grade::Shape, _) => kind != Kind::Imsi,
            (Sort::Reversible, Grade::Key, "swapped nibbles") => kind == Kind::Iccid,
            _ => false,
        }
    }
}

/// Whether anything about the kind's values gives them away without a name. See [`crate::OUT_OF_SCOPE`].
pub const fn has_shape(kind: Kind) -> bool {
    use Kind::{Eid, FcmToken, Fingerprint, Iccid, Imei, Imsi, Mac, Meid};
    matches!(kind, Imei | Iccid | Eid | Meid | Mac | Imsi | Fingerprint | FcmToken)
}

const fn text(name: &'static str, write: fn(&Identity) -> Option<Vec<u8>>) -> Form {
    Form { name, sort: Sort::Plain, text: true, write }
}

const fn reversible(name: &'static str, text: bool, write: fn(&Identity) -> Option<Vec<u8>>) -> Form {
    Form { name, sort: Sort::Reversible, text, write }
}

const fn digest(name: &'static str, text: bool, write: fn(&Identity) -> Option<Vec<u8>>) -> Form {
    Form { name, sort: Sort::Digest, text, write }
}

/// Every way of writing.
pub const FORMS: [Form; 28] = [
    text("plain", |it| Some(it.value.clone().into_bytes())),
    text("upper case", |it| changed(it, &it.value.to_uppercase())),
    text("separators", separated),
    text("no separators", bare),
    text("dots", |it| {
        matches!(it.kind, Kind::Mac | Kind::Bssid)
            .then(|| grouped(&digits(it), 4, "."))
            .map(String::into_bytes)
    }),
    text("spaces", |it| (it.kind == Kind::Imei).then(|| imei_groups(&it.value, " ").into_bytes())),
    text("international prefix", |it| {
        (it.kind == Kind::Msisdn).then(|| it.value.replace('+', "00").into_bytes())
    }),
    text("network access identifier", |it| (it.kind == Kind::Imsi).then(|| access(&it.value).into_bytes())),
    reversible("reversed", true, |it| {
        // A MAC address that is read backwards is another one.
        (it.value.len() >= 14 && it.value.bytes().all(|byte| byte.is_ascii_digit()))
            .then(|| it.value.bytes().rev().collect())
    }),
    reversible("swapped nibbles", true, |it| is_numbered(it.kind).then(|| swapped(&it.value).into_bytes())),
    reversible("first 14 digits", true, |it| {
        (it.kind == Kind::Imei).then(|| it.value.as_bytes()[..14].to_vec())
    }),
    reversible("software version", true, |it| {
        (it.kind == Kind::Imei).then(|| [&it.value.as_bytes()[..14], b"07"].concat())
    }),
    reversible("BCD", false, |it| is_numbered(it.kind).then(|| packed(&padded(&it.value)))),
    reversible("BCD, nibbles swapped", false, |it| is_numbered(it.kind).then(|| packed(&swapped(&it.value)))),
    reversible("BCD, filled up in front", false, |it| {
        (is_numbered(it.kind) && it.value.len() % 2 == 1).then(|| packed(&format!("0{}", it.value)))
    }),
    reversible("varint", false, |it| match it.kind {
        Kind::Imei | Kind::Imeisv | Kind::Imsi => Some(varint(it.value.parse().ok()?)),
        Kind::AndroidId => Some(varint(u64::from_str_radix(&it.value, 16).ok()?)),
        _ => None,
    }),
    reversible("binary", false, |it| matches!(it.kind, Kind::Mac | Kind::Bssid).then(|| packed(&digits(it)))),
    reversible("other radix", true, |it| match it.kind {
        Kind::AndroidId => Some(u64::from_str_radix(&it.value, 16).ok()?.to_string().into_bytes()),
        Kind::GsfId => Some(format!("{:x}", it.value.parse::<u64>().ok()?).into_bytes()),
        _ => None,
    }),
    digest("md5", true, |it| Some(hex(&md5::Md5::digest(&it.value)).into_bytes())),
    digest("md5, upper case", true, |it| Some(hex(&md5::Md5::digest(&it.value)).to_uppercase().into_bytes())),
    digest("md5 of upper case", true, |it| {
        Some(hex(&md5::Md5::digest(it.value.to_uppercase())).into_bytes())
    }),
    digest("md5 without separators", true, |it| bare(it).map(|it| hex(&md5::Md5::digest(it)).into_bytes())),
    digest("md5, bytes", false, |it| Some(md5::Md5::digest(&it.value).to_vec())),
    digest("sha1", true, |it| Some(hex(&sha1::Sha1::digest(&it.value)).into_bytes())),
    digest("sha256", true, |it| Some(hex(&sha2::Sha256::digest(&it.value)).into_bytes())),
    digest("sha256 of upper case", true, |it| {
        Some(hex(&sha2::Sha256::digest(it.value.to_uppercase())).into_bytes())
    }),
    digest("sha1, base64", true, |it| Some(STANDARD.encode(sha1::Sha1::digest(&it.value)).into_bytes())),
    digest("sha256, base64url", true, |it| {
        Some(URL_SAFE_NO_PAD.encode(sha2::Sha256::digest(&it.value)).into_bytes())
    }),
];

fn changed(identity: &Identity, text: &str) -> Option<Vec<u8>> {
    let letters = matches!(
        identity.kind,
        Kind::Meid | Kind::Mac | Kind::Bssid | Kind::AndroidId | Kind::AdvertisingId | Kind::WidevineId
    );
    (letters && text != identity.value).then(|| text.as_bytes().to_vec())
}

fn separated(identity: &Identity) -> Option<Vec<u8>> {
    let value = &identity.value;
    let text = match identity.kind {
        Kind::Imei => imei_groups(value, "-"),
        Kind::Mac | Kind::Bssid => value.replace(':', "-"),
        _ => return None,
    };
    Some(text.into_bytes())
}

/// The groups that an IMEI is printed in.
fn imei_groups(value: &str, separator: &str) -> String {
    [&value[..2], &value[2..8], &value[8..14], &value[14..]].join(separator)
}

fn bare(identity: &Identity) -> Option<Vec<u8>> {
    match identity.kind {
        Kind::Mac | Kind::Bssid => Some(digits(identity).into_bytes()),
        // Ten digits without a mark are a national number, of whichever country.
        Kind::Msisdn if identity.value.len() > 11 => Some(identity.value.as_bytes()[1..].to_vec()),
        _ => None,
    }
}

/// 3GPP TS 23.003 section 14.
fn access(imsi: &str) -> String {
    format!("0{imsi}@nai.epc.mnc{:0>3}.mcc{}.3gppnetwork.org", &imsi[3..5], &imsi[..3])
}

/// Whether modems and cards pack the number into nibbles.
const fn is_numbered(kind: Kind) -> bool {
    matches!(kind, Kind::Imei | Kind::Imeisv | Kind::Imsi | Kind::Iccid)
}

fn digits(identity: &Identity) -> String {
    identity.value.replace(':', "")
}

fn grouped(digits: &str, size: usize, separator: &str) -> String {
    let groups: Vec<_> = digits.as_bytes().chunks(size).map(String::from_utf8_lossy).collect();
    groups.join(separator)
}

fn padded(digits: &str) -> String {
    if digits.len() % 2 == 1 { format!("{digits}f") } else { digits.to_owned() }
}

fn swapped(digits: &str) -> String {
    padded(digits)
        .as_bytes()
        .chunks(2)
        .flat_map(|pair| pair.iter().rev())
        .map(|&byte| char::from(byte))
        .collect()
}

fn packed(digits: &str) -> Vec<u8> {
    let pairs = digits.as_bytes().chunks(2).map(String::from_utf8_lossy);
    pairs.filter_map(|pair| u8::from_str_radix(&pair, 16).ok()).collect()
}

/// Lower-case hexadecimal digits.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(name: &str, kind: Kind, value: &str) -> Option<Vec<u8>> {
        let form = FORMS.iter().find(|it| it.name == name).unwrap();
        form.write(&Identity { kind, value: value.to_owned(), parts: Vec::new() })
    }

    #[test]
    fn writes_as_modems_and_people_do() {
        let imei = "359091108778933";
        assert_eq!(written("separators", Kind::Imei, imei).unwrap(), b"35-909110-877893-3");
        assert_eq!(written("swapped nibbles", Kind::Imei, imei).unwrap(), b"53091901788739f3");
        assert_eq!(written("BCD", Kind::Imei, imei).unwrap(), b"\x35\x90\x91\x10\x87\x78\x93\x3f");
        assert_eq!(
            written("BCD, filled up in front", Kind::Imei, imei).unwrap(),
            b"\x03\x59\x09\x11\x08\x77\x89\x33"
        );
        assert_eq!(written("varint", Kind::AndroidId, "000000000000012c").unwrap(), b"\xac\x02");
        assert_eq!(written("dots", Kind::Mac, "02:00:5e:10:00:fe").unwrap(), b"0200.5e10.00fe");
        assert_eq!(written("other radix", Kind::AndroidId, "00000000000000ff").unwrap(), b"255");
        assert_eq!(written("binary", Kind::Imei, imei), None);
        assert_eq!(written("md5", Kind::Serial, "abc").unwrap(), b"900150983cd24fb0d6963f7d28e17f72");
    }
}
