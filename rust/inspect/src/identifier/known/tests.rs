use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use sha2::Digest;

use super::*;

const IMEI: &str = "001017001234569";

fn known(kind: Kind, value: &str) -> KnownValues {
    let mut known = KnownValues::default();
    known.add([(kind, value)]).unwrap();
    known
}

fn find(kind: Kind, value: &str, text: &[u8]) -> Vec<(Range<usize>, &'static [&'static str])> {
    let mut out = Vec::new();
    known(kind, value).find(text, &mut |hit| out.push((hit.range, hit.steps)));
    out
}

/// The steps of the first hit.
fn steps(kind: Kind, value: &str, text: &[u8]) -> &'static [&'static str] {
    find(kind, value, text).first().unwrap_or_else(|| panic!("{kind} in {text:?}")).1
}

#[test]
fn finds_numbers_but_not_within_longer_ones() {
    for text in [
        "001017001234569",
        "x00101700123456y",
        "0010170012345607",
        "00-101700-123456-9",
        "00-101700-123456-78",
        "00101700 123456 9",
        "001017001234560",
        "IMEI:001017001234569;",
    ] {
        assert!(!find(Kind::Imei, IMEI, text.as_bytes()).is_empty(), "{text}");
    }
    for text in ["9001017001234569", "00101700123456999", "1001017001234560"] {
        assert!(find(Kind::Imei, IMEI, text.as_bytes()).is_empty(), "{text}");
    }
}

#[test]
fn the_longest_form_at_a_place_comes_first() {
    let hits = find(Kind::Imei, IMEI, b"imei=001017001234569&");
    assert_eq!(hits[0].0, 5..20);
}

#[test]
fn finds_other_writings() {
    let imei = |text: &[u8]| steps(Kind::Imei, IMEI, text);
    assert_eq!(imei(b"965432100710100"), ["reversed"]);
    assert_eq!(imei(b"x 00017100214365f9"), ["swapped nibbles"]);
    assert_eq!(imei(b"\x08\x00\x10\x17\x00\x12\x34\x56\x9f"), ["bcd"]);
    // A mobile identity: length, first digit with the type, the others swapped.
    assert_eq!(imei(b"\x08\x0a\x10\x10\x07\x10\x32\x54\x96"), ["bcd (swapped)"]);
}

#[test]
fn finds_numbers_in_another_base() {
    let number = 1_017_001_234_569u64;
    let imei = |text: &[u8]| steps(Kind::Imei, IMEI, text);
    assert_eq!(imei(format!("{number:x}").as_bytes()), ["hexadecimal"]);
    assert_eq!(imei(&number.to_be_bytes()), ["binary"]);
    assert_eq!(imei(&number.to_le_bytes()), ["binary (little endian)"]);
    let android = "9774d56d682e549c";
    assert_eq!(steps(Kind::AndroidId, android, b"10913582462901572764"), [""; 0]);
    assert_eq!(
        steps(Kind::AndroidId, android, b"\x9c\x54\x2e\x68\x6d\xd5\x74\x97"),
        ["binary (little endian)"]
    );
    assert!(!find(Kind::AndroidId, "79f02e8d28a79023", b"8786574056807174179").is_empty());
    assert_eq!(steps(Kind::Mac, "02:00:5e:10:00:fe", b"id 2200601362686"), ["decimal"]);
}

#[test]
fn finds_addresses_in_every_notation() {
    let mac = "02:00:5E:10:00:FE";
    for text in ["02005e1000fe", "02-00-5e-10-00-FE", "0200.5e10.00fe", "02005e-1000fe", "02 00 5e 10 00 fe"]
    {
        assert_eq!(find(Kind::Mac, mac, text.as_bytes()).len(), 1, "{text}");
    }
    assert_eq!(steps(Kind::Mac, mac, b"\x02\x00\x5e\x10\x00\xfe"), ["binary"]);
    assert_eq!(steps(Kind::Mac, mac, b"\xfe\x00\x10\x5e\x00\x02"), ["binary (little endian)"]);
    assert_eq!(steps(Kind::Mac, mac, b"FE:00:10:5E:00:02"), ["reversed octets"]);
}

#[test]
fn finds_telephone_numbers_with_and_without_the_country() {
    for text in
        ["+15550100123", "15550100123", "0015550100123", "5550100123", "+1 5550100123", "555-010-0123"]
    {
        assert!(!find(Kind::Msisdn, "+15550100123", text.as_bytes()).is_empty(), "{text}");
    }
    assert_eq!(steps(Kind::Msisdn, "+15550100123", b"5155100021F3"), ["swapped nibbles"]);
}

#[test]
fn finds_uuids_as_octets() {
    let id = "38400000-8cf0-11bd-b23e-10b96e40000d";
    let octets = b"\x38\x40\x00\x00\x8c\xf0\x11\xbd\xb2\x3e\x10\xb9\x6e\x40\x00\x0d";
    assert_eq!(steps(Kind::AdvertisingId, id, octets), ["binary"]);
    let mixed = b"\x00\x00\x40\x38\xf0\x8c\xbd\x11\xb2\x3e\x10\xb9\x6e\x40\x00\x0d";
    assert_eq!(steps(Kind::AdvertisingId, id, mixed), ["binary (little endian)"]);
    assert_eq!(steps(Kind::AdvertisingId, id, STANDARD.encode(octets).as_bytes()), ["base64", "binary"]);
    assert_eq!(steps(Kind::AdvertisingId, id, b"384000008CF011BDB23E10B96E40000D"), [""; 0]);
}

#[test]
fn finds_every_digest_of_every_form_whole_and_cut_off() {
    type Hash = (&'static str, fn(&str) -> Vec<u8>);
    let hashes: [Hash; 6] = [
        ("md5", |it| md5::Md5::digest(it).to_vec()),
        ("sha1", |it| sha1::Sha1::digest(it).to_vec()),
        ("sha224", |it| sha2::Sha224::digest(it).to_vec()),
        ("sha256", |it| sha2::Sha256::digest(it).to_vec()),
        ("sha384", |it| sha2::Sha384::digest(it).to_vec()),
        ("sha512", |it| sha2::Sha512::digest(it).to_vec()),
    ];
    let mac = known(Kind::Mac, "02:00:5e:10:00:fe");
    let first = |text: &[u8]| {
        let mut out = Vec::new();
        mac.find(text, &mut |hit| out.push((hit.range, hit.steps.join(" "))));
        assert!(out.iter().skip(1).all(|it| it.0.end <= out[0].0.end), "{out:?}");
        out.remove(0)
    };
    for form in
        ["02:00:5e:10:00:fe", "02:00:5E:10:00:FE", "02005e1000fe", "02005E1000FE", "02-00-5E-10-00-FE"]
    {
        for (name, hash) in hashes {
            let digest = hash(form);
            let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
            assert_eq!(first(format!("\"{hex}\"").as_bytes()), (1..hex.len() + 1, name.to_owned()));
            assert_eq!(first(hex.to_uppercase().as_bytes()).1, name);
            assert_eq!(first(&digest).1, name);
            assert_eq!(first(STANDARD.encode(&digest).as_bytes()).1, format!("base64 {name}"));
            assert_eq!(first(URL_SAFE_NO_PAD.encode(&digest).as_bytes()).1, format!("base64 {name}"));
            assert_eq!(first(&hex.as_bytes()[..16]), (0..16, format!("{name} (first 64 bits)")));
            if digest.len() > 16 {
                assert_eq!(first(&hex.as_bytes()[..32]), (0..32, format!("{name} (first 128 bits)")));
                assert_eq!(first(&digest[..16]).1, format!("{name} (first 128 bits)"));
                let cut = STANDARD.encode(&digest[..16]);
                assert_eq!(first(cut.as_bytes()).1, format!("base64 {name} (first 128 bits)"));
            }
        }
        let md5: String = md5::Md5::digest(form).iter().map(|byte| format!("{byte:02X}")).collect();
        assert_eq!(first(&md5.as_bytes()[8..24]).1, "md5 (middle 64 bits)");
        let crc = {
            let mut crc = flate2::Crc::new();
            crc.update(form.as_bytes());
            crc.sum()
        };
        assert_eq!(first(format!("crc={crc:08x}").as_bytes()).1, "crc32", "{form}");
    }
}

#[test]
fn other_digests_and_parts_that_are_too_short_are_none() {
    let digest: String = sha2::Sha256::digest(IMEI).iter().map(|byte| format!("{byte:02x}")).collect();
    assert!(!find(Kind::Imei, IMEI, digest.as_bytes()).is_empty());
    assert!(find(Kind::Imei, IMEI, &digest.as_bytes()[..15]).is_empty());
    assert!(find(Kind::Imei, IMEI, &digest.as_bytes()[1..]).is_empty());
    let salted: String =
        sha2::Sha256::digest(format!("{IMEI}salt")).iter().map(|it| format!("{it:02x}")).collect();
    assert!(find(Kind::Imei, IMEI, salted.as_bytes()).is_empty());
}

#[test]
fn a_value_of_each_kind_takes_little_memory() {
    let values = [
        (Kind::Imei, IMEI),
        (Kind::Imeisv, "0010170012345607"),
        (Kind::Meid, "a00005f53e9421"),
        (Kind::Imsi, "001010123456789"),
        (Kind::Iccid, "89860300000001234564"),
        (Kind::Eid, "89001012012341234012345678901224"),
        (Kind::Msisdn, "+15550100123"),
        (Kind::AndroidId, "9774d56d682e549c"),
        (Kind::GsfId, "8786574056807174179"),
        (Kind::AdvertisingId, "38400000-8cf0-11bd-b23e-10b96e40000d"),
        (Kind::Serial, "TESTSN0012345"),
        (Kind::Mac, "02:00:5e:10:00:fe"),
        (Kind::Ssid, "TestNetwork-5G"),
        (Kind::Bssid, "02:00:5e:10:00:ff"),
        (Kind::Cell, "001-01 tac 4660 eci 19088743"),
        (Kind::Location, "48.137154,11.576124"),
        (Kind::Fingerprint, "test/tst/tst:9/PQ1A/1:user/release-keys"),
        (Kind::WidevineId, "q83vEjRWeJCrze8SNFZ4kKvN7xI0VniQq83vEjRWeJA="),
        (Kind::FcmToken, "cTestTestTestTestTest1:APA91bTest"),
        (Kind::DeviceToken, "5f0c1e6d-2b7a-4a58-9d3e-6c1b0f9a7e42"),
    ];
    let mut all = KnownValues::default();
    all.add(values).unwrap();
    assert_eq!(all.values.len(), values.len());
    assert!(all.needles.size() < 2 << 20, "{}", all.needles.size());
    let text: String = values.iter().map(|(_, value)| format!("{value}\n")).collect();
    let mut found = std::collections::BTreeSet::new();
    all.find(text.as_bytes(), &mut |hit| _ = found.insert(hit.kind));
    assert_eq!(found.len(), values.len());
}

#[test]
fn refuses_values_that_cannot_be() {
    for (kind, value) in [
        (Kind::Imei, "001017001234560"),
        (Kind::Imei, "123"),
        (Kind::Mac, "ff:ff:ff:ff:ff:ff"),
        (Kind::Iccid, "123"),
        (Kind::Serial, "abc"),
        (Kind::Imsi, "170000000000000"),
        (Kind::AdvertisingId, "00000000-0000-0000-0000-000000000000"),
    ] {
        let mut known = KnownValues::default();
        assert!(known.add([(kind, value)]).unwrap_err().contains(value), "{value}");
        assert!(known.is_empty());
    }
    let many: Vec<String> = (0..=MOST).map(|n| format!("SERIAL{n:04}")).collect();
    let mut known = KnownValues::default();
    assert!(known.add(many.iter().map(|it| (Kind::Serial, it.as_str()))).is_err());
}
