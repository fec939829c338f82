//! Identifiers that their key names.

use super::Confidence;
use super::IdentifierKind as Kind;
use super::lexicon::Key;
use super::{digits, equipment, mac, phone, sim, software};

/// What is known of a value besides its key.
#[derive(Debug, Clone, Copy, Default)]
pub struct Context {
    /// Things that clients say of their phone stand beside it.
    pub device: bool,
    /// It stands in a record of requests that are traced.
    pub tracing: bool,
    /// It stands in a list of access points.
    pub access_point: bool,
}

/// How sure the key makes it. A key such as `device.id` or `guid` says that a value tells devices apart, not that its
/// UUID is the advertising id: it may be an installation's own.
pub fn confidence(key: Key, kind: Kind) -> Confidence {
    match (key, kind) {
        (Key::Device | Key::Vague, Kind::AdvertisingId) => Confidence::Shape,
        _ => Confidence::Key,
    }
}

/// The identifier that a value is by its key, in canonical form, if its shape allows it.
pub fn identify(key: Key, value: &[u8], context: Context) -> Option<(Kind, String)> {
    let value = trim(value);
    match key {
        Key::Imei => equipment_number(value, true).or_else(|| device(value)),
        Key::Imeisv => imeisv(value).or_else(|| equipment_number(value, true)),
        Key::Meid => equipment_number(value, false).or_else(|| decimal_meid(value)),
        Key::Esn => esn(value).or_else(|| equipment_number(value, false)),
        Key::Imsi => sim::imsi(value).then(|| (Kind::Imsi, text(value))),
        Key::Iccid => sim::iccid(&compact(value)).map(|digits| (Kind::Iccid, text(&digits))),
        Key::Eid => Some(compact(value)).filter(|it| sim::eid(it)).map(|digits| (Kind::Eid, text(&digits))),
        Key::Msisdn => phone::msisdn(value).map(|number| (Kind::Msisdn, number)),
        Key::Phone => phone::msisdn(value)
            .map(|number| (Kind::Msisdn, number))
            .or_else(|| equipment_number(value, false)),
        Key::AndroidId => software::android_id(value)
            .map(|id| (Kind::AndroidId, id))
            .or_else(|| software::gsf_id(value).map(|id| (Kind::GsfId, id)))
            .or_else(|| device(value)),
        Key::GsfId => {
            software::gsf_id(value).or_else(|| software::android_id(value)).map(|id| (Kind::GsfId, id))
        }
        Key::AdvertisingId => software::uuid(value)
            .or_else(|| software::open_id(value))
            .map(|id| (Kind::AdvertisingId, id))
            .or_else(|| equipment_number(value, false)),
        Key::Serial => {
            equipment_number(value, false).or_else(|| software::serial(value).map(|id| (Kind::Serial, id)))
        }
        Key::Mac if context.access_point => mac::mac(value, true).map(|it| (Kind::Bssid, it)),
        Key::Mac => mac::mac(value, true).map(|it| (Kind::Mac, it)),
        Key::Bssid => mac::mac(value, true).map(|it| (Kind::Bssid, it)),
        Key::Ssid => ssid(value).map(|it| (Kind::Ssid, it)),
        Key::Fingerprint => software::fingerprint(value).then(|| (Kind::Fingerprint, text(value))),
        Key::WidevineId => {
            software::widevine_id(value).then(|| (Kind::WidevineId, text(value))).or_else(|| device(value))
        }
        Key::FcmToken => software::fcm_token(value).then(|| (Kind::FcmToken, text(value))),
        Key::Device => device(value),
        Key::Vague if context.tracing => equipment_number(value, false),
        Key::Vague => equipment_number(value, false).or_else(|| vague(value, context)),
        Key::Cell(_) | Key::WholeCell | Key::Latitude | Key::Longitude | Key::Coordinates => None,
    }
}

/// IMEI and MEID; when a key says so also IMEIs without check digit or with a software version.
fn equipment_number(value: &[u8], keyed: bool) -> Option<(Kind, String)> {
    let digits = compact(value);
    let separated = digits.len() != value.len();
    if equipment::imei(&digits) && (keyed || equipment::has_allocated_prefix(&digits)) {
        return Some((Kind::Imei, text(&digits)));
    }
    if separated {
        return None;
    }
    if keyed && equipment::imei14(&digits) && !digits.starts_with(b"99") {
        return Some((Kind::Imei, text(&digits)));
    }
    if equipment::meid(&digits) {
        return Some((Kind::Meid, text(&digits).to_ascii_lowercase()));
    }
    keyed.then(|| imeisv(&digits)).flatten()
}

fn imeisv(value: &[u8]) -> Option<(Kind, String)> {
    let digits = compact(value);
    equipment::imeisv(&digits).then(|| (Kind::Imeisv, text(&digits)))
}

fn decimal_meid(value: &[u8]) -> Option<(Kind, String)> {
    equipment::meid_of_decimal(&compact(value)).map(|meid| (Kind::Meid, meid))
}

/// A MEID's predecessor counts as one.
fn esn(value: &[u8]) -> Option<(Kind, String)> {
    equipment::esn(value).map(|esn| (Kind::Meid, esn))
}

/// An identifier of a device, whatever it is.
fn device(value: &[u8]) -> Option<(Kind, String)> {
    equipment_number(value, false)
        .or_else(|| mac::mac(value, false).map(|it| (Kind::Mac, it)))
        .or_else(|| software::uuid(value).map(|it| (Kind::AdvertisingId, it)))
        .or_else(|| sim::iccid_by_shape(value).map(|it| (Kind::Iccid, text(&it))))
        .or_else(|| software::android_id_by_context(value).map(|it| (Kind::AndroidId, it)))
        .or_else(|| software::gsf_id_by_context(value).map(|it| (Kind::GsfId, it)))
}

/// Under a vague key an Android ID is believed where a device is described.
fn vague(value: &[u8], context: Context) -> Option<(Kind, String)> {
    software::android_id_by_context(value).filter(|_| context.device).map(|it| (Kind::AndroidId, it))
}

fn ssid(value: &[u8]) -> Option<String> {
    let name = std::str::from_utf8(value).ok()?;
    let placeholder =
        matches!(name, "<unknown ssid>" | "unknown" | "0x" | "null" | "none" | "<none>" | "true" | "false");
    let valid = (1..=32).contains(&name.len()) && !placeholder && !name.contains(|it: char| it.is_control());
    let number =
        digits::all_digits(value) || name.split(['x', '.']).all(|it| digits::all_digits(it.as_bytes()));
    (valid && !number).then(|| name.to_owned())
}

/// Without what people and programs put around values: white space, quotes, the name of the kind.
pub fn trim(value: &[u8]) -> &[u8] {
    let value = value.trim_ascii();
    let value = value.strip_prefix(b"\"").and_then(|it| it.strip_suffix(b"\"")).unwrap_or(value);
    for prefix in ["urn:gsma:imei:", "urn:imei:", "imei:", "imsi:", "meid:", "mac:"] {
        if value.get(..prefix.len()).is_some_and(|it| it.eq_ignore_ascii_case(prefix.as_bytes())) {
            return &value[prefix.len()..];
        }
    }
    value
}

/// Without hyphens and spaces.
fn compact(value: &[u8]) -> Vec<u8> {
    value.iter().copied().filter(|byte| !matches!(byte, b'-' | b' ')).collect()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(key: Key, value: &str) -> Option<Kind> {
        identify(key, value.as_bytes(), Context::default()).map(|it| it.0)
    }

    #[test]
    fn a_key_needs_a_fitting_value() {
        assert_eq!(kind(Key::Imei, "001017001234569"), Some(Kind::Imei));
        assert_eq!(kind(Key::Imei, "35-909110-877893-3"), Some(Kind::Imei));
        assert_eq!(kind(Key::Imei, "A00005F53E9421"), Some(Kind::Meid));
        assert_eq!(kind(Key::Imei, "0010170012345607"), Some(Kind::Imeisv));
        assert_eq!(kind(Key::Meid, "268435456006245953"), Some(Kind::Meid));
        assert_eq!(kind(Key::Esn, "80A1B2C3"), Some(Kind::Meid));
        assert_eq!(kind(Key::Eid, "8900 1012 0123 4123 4012 3456 7890 1224"), Some(Kind::Eid));
        for value in
            ["001017001234560", "00000000000000000000", "ff:ff:ff:ff:ff:ff", "4111111111111111", "true", ""]
        {
            assert_eq!(kind(Key::Imei, value), None, "{value}");
        }
        assert_eq!(kind(Key::Device, "6656c90bd5482a90"), Some(Kind::AndroidId));
        assert_eq!(kind(Key::Device, "8786574056807174179"), Some(Kind::GsfId));
        assert_eq!(kind(Key::Device, "8947080727544110336"), Some(Kind::Iccid));
        assert_eq!(kind(Key::Ssid, "TestNet-5G"), Some(Kind::Ssid));
    }

    #[test]
    fn a_general_key_does_not_make_a_uuid_an_advertising_id_for_sure() {
        assert_eq!(confidence(Key::AdvertisingId, Kind::AdvertisingId), Confidence::Key);
        assert_eq!(confidence(Key::Device, Kind::AdvertisingId), Confidence::Shape);
        assert_eq!(confidence(Key::Device, Kind::Imei), Confidence::Key);
    }

    #[test]
    fn a_vague_key_needs_company() {
        let value = b"6656c90bd5482a90";
        let device = Context { device: true, ..Context::default() };
        assert_eq!(identify(Key::Vague, value, Context::default()), None);
        assert_eq!(identify(Key::Vague, value, device), Some((Kind::AndroidId, "6656c90bd5482a90".into())));
        assert_eq!(identify(Key::Vague, value, Context { tracing: true, ..device }), None);
    }
}
