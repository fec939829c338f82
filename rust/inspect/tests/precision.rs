//! Values that look like identifiers and are none, made by a seeded generator: what a page, an API or a log is full of.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use inspect::identifier::{Confidence, Match, Scanner};

/// xorshift64* (Vigna 2016).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    fn pick<'a>(&mut self, from: &[&'a str]) -> &'a str {
        from[self.below(from.len() as u64) as usize]
    }

    fn of(&mut self, alphabet: &str, length: usize) -> String {
        let letters = alphabet.as_bytes();
        (0..length).map(|_| char::from(letters[self.below(letters.len() as u64) as usize])).collect()
    }

    fn digits(&mut self, length: usize) -> String {
        self.of("123456789", 1) + &self.of("0123456789", length - 1)
    }

    fn hex(&mut self, length: usize) -> String {
        self.of("0123456789abcdef", length)
    }
}

fn luhn(body: &str) -> String {
    let sum: u32 = body
        .bytes()
        .rev()
        .enumerate()
        .map(|(index, byte)| {
            let digit = u32::from(byte - b'0');
            let twice = digit * 2;
            if index % 2 == 1 { digit } else { twice / 10 + twice % 10 }
        })
        .sum();
    format!("{body}{}", (10 - sum % 10) % 10)
}

/// A kind of value, how often it may be taken for an identifier per 10,000, and why that cannot be helped.
type Class = (&'static str, u32, fn(&mut Random) -> String);

const CLASSES: &[Class] = &[
    ("seconds", 0, |it| (1_500_000_000 + it.below(400_000_000)).to_string()),
    ("milliseconds", 0, |it| (1_500_000_000_000 + it.below(400_000_000_000)).to_string()),
    ("microseconds", 0, |it| (1_500_000_000_000_000 + it.below(400_000_000_000_000)).to_string()),
    ("nanoseconds", 0, |it| (1_500_000_000_000_000_000 + it.below(400_000_000_000_000_000)).to_string()),
    ("card 16", 0, |it| {
        luhn(
            &(it.pick(&["4", "51", "55", "2221", "6011", "3528", "3589"]).to_owned() + &it.digits(15))
                .as_str()[..15],
        )
    }),
    ("card amex", 0, |it| luhn(&(it.pick(&["34", "37"]).to_owned() + &it.digits(12)))),
    ("snowflake", 0, |it| (1_000_000_000_000_000_000 + it.below(900_000_000_000_000_000)).to_string()),
    ("order", 0, |it| format!("{}-{}-{}", it.digits(3), it.digits(7), it.digits(7))),
    ("order short", 0, |it| it.digits(10)),
    ("uuid", 0, |it| format!("{}-{}-4{}-a{}-{}", it.hex(8), it.hex(4), it.hex(3), it.hex(3), it.hex(12))),
    ("trace id", 0, |it| it.hex(32)),
    ("span id", 0, |it| it.hex(16)),
    ("traceparent", 0, |it| format!("00-{}-{}-01", it.hex(32), it.hex(16))),
    ("md5", 0, |it| it.hex(32)),
    ("sha1", 0, |it| it.hex(40)),
    ("sha256", 0, |it| it.hex(64)),
    ("short hash", 0, |it| it.hex(12)),
    ("version", 0, |it| {
        format!("{}.{}.{}.{}", it.below(200), it.below(100), it.below(10_000), it.below(1000))
    }),
    ("version long", 0, |it| format!("{}.{}.{}", it.digits(4), it.digits(4), it.digits(4))),
    ("price", 0, |it| format!("{}.{:02}", it.below(5000), it.below(100))),
    ("coordinates", 0, |it| format!("{}.{},{}.{}", it.below(90), it.digits(6), it.below(180), it.digits(6))),
    ("date", 0, |it| {
        format!(
            "20{:02}-{:02}-{:02}T{:02}:{:02}:{:02}.{}Z",
            it.below(40),
            1 + it.below(12),
            1 + it.below(28),
            it.below(24),
            it.below(60),
            it.below(60),
            it.digits(3)
        )
    }),
    ("date digits", 0, |it| {
        format!(
            "20{:02}{:02}{:02}{:02}{:02}{:02}",
            it.below(40),
            1 + it.below(12),
            1 + it.below(28),
            it.below(24),
            it.below(60),
            it.below(60)
        )
    }),
    ("ipv6", 0, |it| {
        format!(
            "2001:db8:{}:{}:{}:{}:{}:{}",
            it.hex(4),
            it.hex(4),
            it.hex(4),
            it.hex(4),
            it.hex(4),
            it.hex(4)
        )
    }),
    ("ipv4", 0, |it| format!("{}.{}.{}.{}", it.below(256), it.below(256), it.below(256), it.below(256))),
    ("certificate", 0, |it| (0..20).map(|_| it.hex(2)).collect::<Vec<_>>().join(":")),
    ("base64", 0, |it| {
        let length = 12 + it.below(60) as usize;
        STANDARD.encode((0..length).map(|_| it.next() as u8).collect::<Vec<_>>())
    }),
    ("object id", 0, |it| it.hex(24)),
    ("nonce", 0, |it| it.of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-", 22)),
    ("isbn", 0, |it| format!("978{}", it.digits(10))),
    ("colour", 0, |it| format!("#{}", it.hex(6))),
    ("etag", 0, |it| format!("\"{}-{}\"", it.hex(8), it.hex(13))),
    ("facebook app", 40, |it| it.digits(15)),
    // A number of 15 digits begins like an IMEI in 2 of 90 cases, and every tenth of those has the right check digit.
    ("number 15", 40, |it| it.digits(15)),
    ("number 14", 0, |it| it.digits(14)),
    ("number 16", 0, |it| it.digits(16)),
    // 89, a country and a check digit: 1 in 1,000.
    ("number 19", 40, |it| it.digits(19)),
    ("number 20", 40, |it| it.digits(20)),
    ("number 32", 2, |it| it.digits(32)),
    // Five fixed digits of 14.
    ("hex 14", 1, |it| it.hex(14)),
];

const EACH: u32 = 800;

/// One value in each of the ways in which values are sent.
fn dressed(value: &str, random: &mut Random) -> Vec<String> {
    let key = random.pick(&["q", "value", "ref", "content", "url", "code", "state", "item", "node"]);
    let quoted = value.replace('"', "\\\"");
    vec![
        value.to_owned(),
        format!("something {value} and more"),
        format!("{{\"{key}\":\"{quoted}\",\"n\":1}}"),
        format!("a=1&{key}={}", value.replace('"', "%22").replace(',', "%2C")),
        format!("<p>{value}</p>"),
    ]
}

fn scan(scanner: &mut Scanner, text: &str) -> Vec<Match> {
    scanner.scan_bytes("tcp payload", text.as_bytes(), 0..text.len() as u64).matches
}

#[test]
fn what_only_looks_like_an_identifier_is_none() {
    let mut scanner = Scanner::default();
    let mut random = Random(0x7e11_7a1e);
    let mut failed = Vec::new();
    for (name, allowed, make) in CLASSES {
        let mut flagged = Vec::new();
        for _ in 0..EACH {
            let value = make(&mut random);
            let hits: Vec<_> =
                dressed(&value, &mut random).iter().flat_map(|it| scan(&mut scanner, it)).collect();
            if let Some(hit) = hits.into_iter().next() {
                flagged.push(hit);
            }
        }
        let limit = (allowed * EACH).div_ceil(10_000);
        if flagged.len() > limit as usize {
            failed.push(format!("{name}: {} of {EACH}, e.g. {:?}", flagged.len(), flagged[0]));
        }
    }
    assert!(failed.is_empty(), "{failed:#?}");
}

#[test]
fn a_key_does_not_make_an_identifier_of_anything() {
    let mut scanner = Scanner::default();
    let mut random = Random(0x0dd5_eed5);
    let words = [
        "true",
        "false",
        "null",
        "en_US",
        "1080x2220",
        "unknown",
        "0",
        "-1",
        "none",
        "n/a",
        "Pixel 4a",
        "WIFI",
    ];
    let keys = [
        "imei",
        "imsi",
        "iccid",
        "meid",
        "mac",
        "androidId",
        "gaid",
        "serial",
        "phone",
        "msisdn",
        "deviceid",
        "id",
        "eid",
        "lat",
        "lng",
        "location",
        "cellid",
        "lac",
        "cid",
        "ssid",
        "bssid",
        "fingerprint",
        "uid",
        "sn",
        "operator",
    ];
    for key in keys {
        for _ in 0..300 {
            let value = match random.below(6) {
                0 => random.pick(&words).to_owned(),
                1 => random.digits(13).replacen(|_: char| true, "1", 1),
                2 => random.digits(9),
                3 => random.below(1_000_000).to_string(),
                4 => "0".repeat(random.below(33) as usize),
                _ => {
                    let good = luhn(&random.digits(14));
                    let last = good.as_bytes()[14] - b'0';
                    format!("{}{}", &good[..14], (u64::from(last) + 1 + random.below(9)) % 10)
                }
            };
            let subscriber = key == "imsi" && value.len() == 15;
            let network = ["operator", "ssid", "cellid"].contains(&key); // short numbers and words may be these
            if subscriber || network {
                continue;
            }
            for text in [
                format!("{{\"{key}\":\"{value}\"}}"),
                format!("{key}={value}&x=1"),
                format!("{{\"{key}\":{value}}}"),
            ] {
                assert_eq!(scan(&mut scanner, &text), [], "{text}");
            }
        }
    }
}

#[test]
fn real_shapes_are_still_found_among_them() {
    let mut scanner = Scanner::default();
    let mut random = Random(0xfee1_600d);
    for _ in 0..500 {
        let prefix = random.pick(&["35332811", "86412303", "01234500"]).to_owned();
        let imei = luhn(&(prefix + &random.of("0123456789", 6)));
        for text in dressed(&imei, &mut random) {
            let found = scan(&mut scanner, &text);
            assert!(
                found.iter().any(|it| it.value == imei && it.confidence == Confidence::Shape),
                "{text}: {found:?}"
            );
        }
    }
}
