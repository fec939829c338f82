//! A phone that does not exist: test-range IMEIs (TAC 00101700), test network 001-01, locally administered MAC.

use std::io::Write;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::write::GzEncoder;

/// Base64 lines as Android's `Base64.DEFAULT` wraps them.
const LINE_LEN: usize = 76;

/// What the registration client posts: field names, order and absent values as the Qualcomm client of 2018 sends them.
const REGISTRATION: &[(&str, &str)] = &[
    ("REGVER", "7.0"),
    ("MEID", "99001234567890"),
    ("MODEL", "TST-TA 0001"),
    ("SWVER", "TEST_BUILD_001"),
    ("SIM1CDMAIMSI", "001011234567890"),
    ("UETYPE", "1"),
    ("SIM1ICCID", "89860300000001234564"),
    ("SIM1LTEIMSI", "001010123456789"),
    ("SIM1TYPE", "2"),
    ("SIM2CDMAIMSI", ""),
    ("SIM2ICCID", ""),
    ("SIM2LTEIMSI", ""),
    ("SIM2TYPE", ""),
    ("MACID", "02:00:5e:10:00:fe"),
    ("OSVER", "android9"),
    ("RAM", "4G"),
    ("ROM", "64G"),
    ("IMEI1", "001017001234569"),
    ("IMEI2", "001017001234643"),
    ("SIM1CELLID", "19088743"),
    ("SIM2CELLID", ""),
    ("DATASIM", "1"),
    ("SIM1VoLTESW", "1"),
    ("SIM2VoLTESW", "3"),
    ("ACCESSTYPE", "1"),
    ("REGDATE", "2019-02-14 08:00:01"),
];

/// The registration's body: base64 of JSON, in lines. It is called `encrypted-json`; nothing is encrypted.
pub fn registration_body() -> Vec<u8> {
    let fields: Vec<_> = REGISTRATION.iter().map(|(key, value)| format!("\"{key}\":\"{value}\"")).collect();
    let encoded = STANDARD.encode(format!("{{{}}}", fields.join(",")));
    let mut body = Vec::new();
    for line in encoded.as_bytes().chunks(LINE_LEN) {
        body.extend_from_slice(line);
        body.push(b'\n');
    }
    body
}

/// The check-in's body: a gzipped protocol buffer. Field numbers are those of microG's `checkin.proto`.
pub fn check_in_body() -> Vec<u8> {
    let mut build = Vec::new();
    put_text(&mut build, 1, "test/tst/tst:9/PQ1A/1:user/release-keys");
    put_text(&mut build, 2, "tst");
    put_text(&mut build, 4, "test2");
    put_text(&mut build, 6, "android-google");
    let mut check_in = Vec::new();
    put_bytes(&mut check_in, 1, &build);
    put_text(&mut check_in, 6, "00101");
    put_text(&mut check_in, 7, "00101");
    put_text(&mut check_in, 8, "mobile-notroaming");
    let mut request = Vec::new();
    put_text(&mut request, 1, "001017001234569");
    put_bytes(&mut request, 4, &check_in);
    put_text(&mut request, 6, "en_US");
    put_text(&mut request, 9, "02005e1000fe");
    put_text(&mut request, 12, "Etc/UTC");
    put_text(&mut request, 16, "TESTSN0012345");
    put_text(&mut request, 19, "wifi");
    gzip(&request)
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    // A Vec takes all bytes.
    let _ = encoder.write_all(bytes);
    encoder.finish().unwrap_or_default()
}

fn put_text(message: &mut Vec<u8>, field: u8, text: &str) {
    put_bytes(message, field, text.as_bytes());
}

/// A length-delimited field (wire type 2).
fn put_bytes(message: &mut Vec<u8>, field: u8, bytes: &[u8]) {
    put_varint(message, usize::from(field) << 3 | 2);
    put_varint(message, bytes.len());
    message.extend_from_slice(bytes);
}

fn put_varint(message: &mut Vec<u8>, mut value: usize) {
    while value >= 0x80 {
        message.push(value as u8 | 0x80);
        value >>= 7;
    }
    message.push(value as u8);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_registration_is_base64_in_lines() {
        let body = registration_body();
        // 539 bytes of JSON make 720 of base64, on nine full lines and a part of one.
        assert_eq!(body.len(), 730);
        assert!(body.split_inclusive(|byte| *byte == b'\n').all(|line| line.len() <= LINE_LEN + 1));
        assert!(body.starts_with(b"eyJSRUdWRVIiOiI3LjAiLCJNRUlEIjoiOTkwMDEyMzQ1Njc4OTAi"));
    }

    #[test]
    fn long_fields_have_long_lengths() {
        let mut message = Vec::new();
        put_bytes(&mut message, 22, &[7; 300]);
        assert_eq!(&message[..5], [0xb2, 0x01, 0xac, 0x02, 7]);
    }
}
