//! Identifiers as phones, SIMs and software have them, drawn at random by the rules of those who issue them.

use crate::content::Field;
use crate::random::Random;

/// What an identifier identifies. Names are those of reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "the names are the standard ones")]
pub enum Kind {
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
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 19] = [
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
    ];

    /// The name in reports.
    pub const fn name(self) -> &'static str {
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
        }
    }

    /// Whether its parts stand under keys of their own.
    pub const fn is_place(self) -> bool {
        matches!(self, Self::Cell | Self::Location)
    }
}

/// An identifier.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// What it is.
    pub kind: Kind,
    /// Its value: digits only, MAC addresses in lower case with colons, `latitude,longitude`.
    pub value: String,
    /// Of a place, its parts: what a part is, and its value.
    pub parts: Vec<(Part, String)>,
}

/// Parts of places.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are the standard ones")]
pub enum Part {
    Mcc,
    Mnc,
    Plmn,
    Lac,
    Tac,
    Cid,
    Eci,
    Nci,
    Sid,
    Nid,
    BaseId,
    Latitude,
    Longitude,
}

impl Part {
    /// Its name in standards, with its value; of a network that is one number, its two parts.
    pub(crate) fn called(self, value: &str) -> Vec<Field> {
        let name = match self {
            Self::Plmn => {
                let (mcc, mnc) = value.split_at(3);
                return vec![Field::new("mcc", mcc), Field::new("mnc", mnc)];
            }
            Self::Mcc => "mcc",
            Self::Mnc => "mnc",
            Self::Lac => "lac",
            Self::Tac => "tac",
            Self::Cid => "cid",
            Self::Eci => "eci",
            Self::Nci => "nci",
            Self::Sid => "sid",
            Self::Nid => "nid",
            Self::BaseId => "baseid",
            Self::Latitude => "latitude",
            Self::Longitude => "longitude",
        };
        vec![Field::new(name, value)]
    }
}

impl Identity {
    /// An identifier of that kind.
    pub fn draw(kind: Kind, random: &mut Random) -> Self {
        if let Kind::Cell | Kind::Location = kind {
            let parts = if kind == Kind::Cell { cell(random) } else { location(random) };
            let separator = if kind == Kind::Cell { " " } else { "," };
            let values: Vec<&str> = parts.iter().map(|(_, value)| value.as_str()).collect();
            return Self { kind, value: values.join(separator), parts };
        }
        let value = match kind {
            Kind::Imei => imei(random),
            Kind::Imeisv => imei(random)[..14].to_owned() + &random.digits(2),
            Kind::Meid => meid(random),
            Kind::Imsi => imsi(random),
            Kind::Iccid => iccid(random),
            Kind::Eid => eid(random),
            Kind::Msisdn => msisdn(random),
            Kind::AndroidId => android_id(random),
            Kind::GsfId => random.between(1 << 60, i64::MAX as u64).to_string(),
            Kind::AdvertisingId => uuid(random),
            Kind::Serial => serial(random),
            Kind::Mac | Kind::Bssid => mac(random),
            Kind::Ssid => ssid(random),
            Kind::Fingerprint => fingerprint(random),
            Kind::WidevineId => hex_with_letters(random, 64),
            Kind::FcmToken | Kind::Cell | Kind::Location => fcm_token(random),
        };
        Self { kind, value, parts: Vec::new() }
    }

    /// Whether a report's value is this one. Places are compared by their numbers, telephone numbers without the mark of
    /// a country code.
    pub fn is(&self, kind: &str, value: &str) -> bool {
        kind == self.kind.name() && self.has(value)
    }

    /// Whether a report's value is this one, whatever it takes it for.
    pub fn has(&self, value: &str) -> bool {
        match self.kind {
            Kind::Location => same_numbers(&self.value, value),
            Kind::Cell => self.parts.iter().all(|(part, number)| match part {
                Part::Plmn => value.split(' ').any(|it| it.replace('-', "") == *number),
                _ => value.split([' ', '-']).any(|it| it == number),
            }),
            Kind::Msisdn => value.trim_start_matches('+') == self.value.trim_start_matches('+'),
            _ => value.eq_ignore_ascii_case(&self.value),
        }
    }
}

fn same_numbers(one: &str, other: &str) -> bool {
    let numbers = |text: &str| text.split(',').map(|it| it.trim().parse::<f64>().ok()).collect::<Vec<_>>();
    numbers(one) == numbers(other)
}

/// Appends the check digit (ISO/IEC 7812-1): doubles every second digit from the right end.
pub fn with_check_digit(mut digits: String) -> String {
    let mut sum = 0;
    for (place, digit) in digits.bytes().rev().map(|byte| u32::from(byte - b'0')).enumerate() {
        sum += match (place % 2, digit) {
            (1, digit) => digit,
            (_, digit @ 0..=4) => digit * 2,
            (_, digit) => digit * 2 - 9,
        };
    }
    digits.push(char::from(b'0' + ((10 - sum % 10) % 10) as u8));
    digits
}

/// Type allocation codes begin with the body that gave them: 01 PTCRB, 35 TÜV SÜD BABT, 86 TAF.
fn imei(random: &mut Random) -> String {
    let body = random.pick(&["01", "35", "35", "35", "86", "86"]).to_owned();
    with_check_digit(body + &random.digits(12))
}

fn meid(random: &mut Random) -> String {
    "a00000".to_owned() + &random.hex(8)
}

/// Country and network of some carriers.
const NETWORKS: [(&str, &str); 18] = [
    ("204", "04"),
    ("208", "01"),
    ("214", "07"),
    ("222", "10"),
    ("228", "01"),
    ("234", "15"),
    ("242", "01"),
    ("262", "02"),
    ("310", "260"),
    ("311", "480"),
    ("404", "45"),
    ("440", "10"),
    ("450", "05"),
    ("460", "00"),
    ("460", "11"),
    ("505", "01"),
    ("655", "10"),
    ("724", "05"),
];

fn imsi(random: &mut Random) -> String {
    let (mcc, mnc) = NETWORKS[random.index(NETWORKS.len())];
    let head = format!("{mcc}{mnc}");
    let rest = random.number(15 - head.len());
    head + &rest
}

fn iccid(random: &mut Random) -> String {
    let issuer = random
        .pick(&["8901260", "8901410", "8944110", "8949020", "8947080", "8986031", "8933201", "8991101"]);
    let body = if random.happens(50) { 18 } else { 19 };
    with_check_digit(issuer.to_owned() + &random.digits(body - issuer.len()))
}

/// 30 digits and two that make the whole leave 1 by 97 (GSMA SGP.02).
fn eid(random: &mut Random) -> String {
    let body = random.pick(&["89049032", "89033023", "89086030", "89044000"]).to_owned() + &random.digits(22);
    let rest =
        (body.clone() + "00").bytes().fold(0u32, |rest, byte| (rest * 10 + u32::from(byte - b'0')) % 97);
    format!("{body}{:02}", 98 - rest)
}

fn msisdn(random: &mut Random) -> String {
    match random.below(8) {
        0 => format!(
            "+1{}{}{}",
            random.number(3).replacen('1', "2", 1),
            random.pick(&["2", "5", "7"]),
            random.digits(6)
        ),
        1 => format!("+44{}{}", random.pick(&["77", "78", "79"]), random.digits(8)),
        2 => format!("+49{}{}", random.pick(&["151", "160", "171"]), random.digits(8)),
        3 => format!("+47{}{}", random.pick(&["4", "9"]), random.digits(7)),
        4 => format!("+86{}{}", random.pick(&["139", "158", "186"]), random.digits(8)),
        5 => format!("+33{}{}", random.pick(&["6", "7"]), random.digits(8)),
        6 => format!("+91{}{}", random.pick(&["98", "70", "81"]), random.digits(8)),
        _ => format!("+79{}", random.digits(9)),
    }
}

/// Hexadecimal digits with at least one letter and one digit: without, it would be another thing.
fn hex_with_letters(random: &mut Random, count: usize) -> String {
    format!("{}{}{}", random.of("abcdef", 1), random.of("0123456789", 1), random.hex(count - 2))
}

/// The first digit says nothing about an Android ID; that there is a letter nearly always holds.
fn android_id(random: &mut Random) -> String {
    let id = hex_with_letters(random, 16);
    let (head, tail) = id.split_at(random.index(15) + 1);
    format!("{tail}{head}")
}

/// Version 4 (RFC 9562).
pub fn uuid(random: &mut Random) -> String {
    let variant = random.of("89ab", 1);
    let (a, b, c, d, e) = (random.hex(8), random.hex(4), random.hex(3), random.hex(3), random.hex(12));
    format!("{a}-{b}-4{c}-{variant}{d}-{e}")
}

/// As some makers number their phones.
fn serial(random: &mut Random) -> String {
    let upper = "0123456789ABCDEFGHJKLMNPRSTUVWXYZ";
    match random.below(5) {
        0 => format!("R5{}{}{}", random.of("CN8", 1), random.digits(2), random.of(upper, 6)),
        1 => format!("{}A{}X{}", random.digits(1), random.digits(2), random.of(upper, 6)),
        2 => format!("{}{}", random.of("23456789", 2), hex_with_letters(random, 6)),
        3 => format!("ZY22{}", random.of(upper, 6)),
        _ => format!("PL{}GA{}{}", random.digits(1), random.of(upper, 1), random.digits(10)),
    }
}

fn mac(random: &mut Random) -> String {
    let maker =
        random.pick(&["00:ec:0a", "3c:5a:b4", "58:cb:52", "a4:50:46", "94:65:2d", "da:a1:19", "f0:9f:c2"]);
    format!("{maker}:{}:{}:{}", random.hex(2), random.hex(2), random.of("0123456789abcde", 2))
}

fn ssid(random: &mut Random) -> String {
    let name = random.pick(&[
        "FRITZ!Box",
        "Telenor",
        "TP-Link",
        "NETGEAR",
        "Vodafone",
        "dlink",
        "Haus am See",
        "Livebox",
    ]);
    format!("{name}{}{}", random.pick(&["-", " ", "_"]), random.of("0123456789ABCDEF", 4))
}

fn fingerprint(random: &mut Random) -> String {
    let (brand, product) =
        [("google", "redfin"), ("samsung", "a52qnsxx"), ("xiaomi", "merlin"), ("nokia", "B2N_00WW")]
            [random.index(4)];
    let build = format!(
        "{}{}A.{}.{}",
        random.of("PQRSTU", 1),
        random.of("PQK", 1),
        random.digits(6),
        random.digits(3)
    );
    let release = random.between(8, 15);
    format!("{brand}/{product}/{product}:{release}/{build}/{}:user/release-keys", random.number(7))
}

const URL_SAFE: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

fn fcm_token(random: &mut Random) -> String {
    format!("{}{}:APA91b{}", random.of("cdef", 1), random.of(URL_SAFE, 21), random.of(URL_SAFE, 134))
}

fn cell(random: &mut Random) -> Vec<(Part, String)> {
    let (mcc, mnc) = NETWORKS[random.index(NETWORKS.len())];
    let network = if random.happens(70) {
        vec![(Part::Mcc, mcc.to_owned()), (Part::Mnc, mnc.to_owned())]
    } else {
        vec![(Part::Plmn, format!("{mcc}{mnc}"))]
    };
    let number = |random: &mut Random, most: u64| random.between(1, most).to_string();
    let rest = match random.below(4) {
        0 => vec![(Part::Lac, number(random, 0xfffe)), (Part::Cid, number(random, 0xfffe))],
        1 => vec![(Part::Lac, number(random, 0xfffe)), (Part::Cid, number(random, 0x0fff_fffe))],
        2 => vec![(Part::Tac, number(random, 0xfffe)), (Part::Eci, number(random, 0x0fff_fffe))],
        _ => vec![(Part::Tac, number(random, 0xff_fffe)), (Part::Nci, number(random, (1 << 36) - 2))],
    };
    if random.happens(10) {
        let (sid, nid, base) = (number(random, 0x7ffe), number(random, 0xfffe), number(random, 0xfffe));
        return vec![(Part::Sid, sid), (Part::Nid, nid), (Part::BaseId, base)];
    }
    network.into_iter().chain(rest).collect()
}

fn location(random: &mut Random) -> Vec<(Part, String)> {
    let mut degrees = |most: u64| {
        let decimals = random.between(4, 7) as usize;
        let sign = if random.happens(30) { "-" } else { "" };
        format!(
            "{sign}{}.{}{}",
            random.between(1, most),
            random.digits(decimals - 1),
            random.of("123456789", 1)
        )
    };
    vec![(Part::Latitude, degrees(69)), (Part::Longitude, degrees(178))]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_are_valid_and_repeatable() {
        assert_eq!(with_check_digit("35909110877893".to_owned()), "359091108778933");
        for kind in Kind::ALL {
            let draw = |item| Identity::draw(kind, &mut Random::new(1, item));
            assert_eq!(draw(7), draw(7));
            assert_ne!(draw(7), draw(8));
        }
        let eid = Identity::draw(Kind::Eid, &mut Random::new(1, 1)).value;
        assert_eq!(eid.parse::<u128>().unwrap() % 97, 1);
    }

    #[test]
    fn places_are_compared_by_their_numbers() {
        let parts = vec![(Part::Mcc, "262".into()), (Part::Mnc, "02".into()), (Part::Tac, "7".into())];
        let cell = Identity { kind: Kind::Cell, value: String::new(), parts };
        assert!(cell.is("cell", "262-02 tac 7 eci 9") && !cell.is("cell", "262-03 tac 7"));
        let place = Identity { kind: Kind::Location, value: "1.50000,2".into(), parts: Vec::new() };
        assert!(place.is("location", "1.5,2.0") && !place.is("location", "1.5,2.1"));
    }
}
