//! What key names say about their values.

/// What a key names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Key {
    /// An IMEI, or what stands for it on a phone without one.
    Imei,
    /// An IMEISV.
    Imeisv,
    /// A MEID.
    Meid,
    /// An electronic serial number.
    Esn,
    /// An IMSI.
    Imsi,
    /// An ICCID.
    Iccid,
    /// An EID.
    Eid,
    /// A telephone number.
    Msisdn,
    /// A telephone number, or a telephone.
    Phone,
    /// An Android ID.
    AndroidId,
    /// A Google Services Framework ID.
    GsfId,
    /// An advertising ID.
    AdvertisingId,
    /// A hardware serial number.
    Serial,
    /// The phone's MAC address.
    Mac,
    /// The access point's MAC address.
    Bssid,
    /// The access point's name.
    Ssid,
    /// The build fingerprint.
    Fingerprint,
    /// The Widevine ID.
    WidevineId,
    /// A push token.
    FcmToken,
    /// Some identifier of the device, of whichever kind.
    Device,
    /// Some identifier of anything.
    Vague,
    /// A part of a cell's name.
    Cell(CellPart),
    /// All parts of a cell's name in one value.
    WholeCell,
    /// A latitude.
    Latitude,
    /// A longitude.
    Longitude,
    /// Latitude and longitude in one value.
    Coordinates,
}

/// Parts of a cell's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum CellPart {
    /// Country and network in one.
    Plmn,
    /// Mobile country code.
    Mcc,
    /// Mobile network code.
    Mnc,
    /// Location area code.
    Lac,
    /// Tracking area code.
    Tac,
    /// Cell identity, under a name that is used for other things too.
    Cid,
    /// Cell identity, under a name that is clear by itself.
    CellId,
    /// E-UTRAN cell identity.
    Eci,
    /// NR cell identity.
    Nci,
    /// CDMA system.
    Sid,
    /// CDMA network.
    Nid,
    /// CDMA base station.
    BaseId,
}

/// Names without case and separators, sorted.
const NAMES: &[(&str, Key)] = &[
    ("aaid", Key::AdvertisingId),
    ("adid", Key::AdvertisingId),
    ("adidentifier", Key::AdvertisingId),
    ("advertiserid", Key::AdvertisingId),
    ("advertisingid", Key::AdvertisingId),
    ("advertisingidentifier", Key::AdvertisingId),
    ("advertisingtrackingid", Key::AdvertisingId),
    ("advid", Key::AdvertisingId),
    ("aid", Key::Vague),
    ("aidlogin", Key::GsfId),
    ("analyticsid", Key::Vague),
    ("andid", Key::AndroidId),
    ("androidadid", Key::AdvertisingId),
    ("androidid", Key::AndroidId),
    ("androidserial", Key::Serial),
    ("anid", Key::AndroidId),
    ("apmac", Key::Bssid),
    ("ardid", Key::AndroidId),
    ("asid", Key::Vague),
    ("auid", Key::Vague),
    ("baseid", Key::Cell(CellPart::BaseId)),
    ("basestation", Key::WholeCell),
    ("basestationid", Key::Cell(CellPart::BaseId)),
    ("bluetoothaddress", Key::Mac),
    ("bsid", Key::Cell(CellPart::BaseId)),
    ("bssid", Key::Bssid),
    ("btaddress", Key::Mac),
    ("bts", Key::WholeCell),
    ("buildfingerprint", Key::Fingerprint),
    ("caid", Key::Vague),
    ("cell", Key::WholeCell),
    ("cellid", Key::Cell(CellPart::CellId)),
    ("cellidentity", Key::Cell(CellPart::CellId)),
    ("cellinfo", Key::WholeCell),
    ("celllocation", Key::WholeCell),
    ("celloperator", Key::Cell(CellPart::Plmn)),
    ("cellphone", Key::Msisdn),
    ("celltower", Key::WholeCell),
    ("cgi", Key::WholeCell),
    ("chipid", Key::Serial),
    ("ci", Key::Cell(CellPart::Cid)),
    ("cid", Key::Cell(CellPart::Cid)),
    ("connectedssid", Key::Ssid),
    ("coordinates", Key::Coordinates),
    ("coords", Key::Coordinates),
    ("cpuid", Key::Serial),
    ("cpuserial", Key::Serial),
    ("currentssid", Key::Ssid),
    ("dev", Key::Device),
    ("device", Key::Device),
    ("deviceadid", Key::AdvertisingId),
    ("deviceeid", Key::Eid),
    ("deviceid", Key::Device),
    ("deviceifa", Key::AdvertisingId),
    ("deviceserial", Key::Serial),
    ("deviceserialnum", Key::Serial),
    ("devicesn", Key::Serial),
    ("deviceuniqueid", Key::WidevineId),
    ("devid", Key::Device),
    ("devsn", Key::Serial),
    ("di", Key::Vague),
    ("did", Key::Device),
    ("dpid", Key::AdvertisingId),
    ("drmid", Key::WidevineId),
    ("duid", Key::Device),
    ("dvid", Key::Device),
    ("ecgi", Key::WholeCell),
    ("eci", Key::Cell(CellPart::Eci)),
    ("eid", Key::Eid),
    ("enodebid", Key::Cell(CellPart::Cid)),
    ("esimeid", Key::Eid),
    ("esn", Key::Esn),
    ("essid", Key::Ssid),
    ("euicceid", Key::Eid),
    ("euiccid", Key::Eid),
    ("eutrancellid", Key::Cell(CellPart::Eci)),
    ("fcmid", Key::FcmToken),
    ("fcmtoken", Key::FcmToken),
    ("fingerprint", Key::Fingerprint),
    ("fp", Key::Fingerprint),
    ("gadid", Key::AdvertisingId),
    ("gaid", Key::AdvertisingId),
    ("gcmid", Key::FcmToken),
    ("gcmtoken", Key::FcmToken),
    ("geo", Key::Coordinates),
    ("geolat", Key::Latitude),
    ("geolocation", Key::Coordinates),
    ("geolon", Key::Longitude),
    ("googleadid", Key::AdvertisingId),
    ("googleadvertisingid", Key::AdvertisingId),
    ("googleaid", Key::AdvertisingId),
    ("gps", Key::Coordinates),
    ("gpsadid", Key::AdvertisingId),
    ("gpslat", Key::Latitude),
    ("gpslocation", Key::Coordinates),
    ("gpslon", Key::Longitude),
    ("gsfid", Key::GsfId),
    ("guid", Key::Device),
    ("hardwareid", Key::Device),
    ("hid", Key::Vague),
    ("hwid", Key::Device),
    ("hwserial", Key::Serial),
    ("hwsn", Key::Serial),
    ("iccid", Key::Iccid),
    ("id", Key::Vague),
    ("idfa", Key::AdvertisingId),
    ("ifa", Key::AdvertisingId),
    ("imei", Key::Imei),
    ("imeis", Key::Imei),
    ("imeisv", Key::Imeisv),
    ("imie", Key::Imei),
    ("imsi", Key::Imsi),
    ("installid", Key::Device),
    ("instid", Key::Device),
    ("lac", Key::Cell(CellPart::Lac)),
    ("lacci", Key::WholeCell),
    ("laccid", Key::WholeCell),
    ("lat", Key::Latitude),
    ("late6", Key::Latitude),
    ("late7", Key::Latitude),
    ("latitude", Key::Latitude),
    ("latitudee6", Key::Latitude),
    ("latitudee7", Key::Latitude),
    ("latlng", Key::Coordinates),
    ("latlon", Key::Coordinates),
    ("latlong", Key::Coordinates),
    ("line1number", Key::Msisdn),
    ("ll", Key::Coordinates),
    ("lng", Key::Longitude),
    ("lnge6", Key::Longitude),
    ("lnge7", Key::Longitude),
    ("loc", Key::Coordinates),
    ("location", Key::Coordinates),
    ("locationareacode", Key::Cell(CellPart::Lac)),
    ("lon", Key::Longitude),
    ("long", Key::Longitude),
    ("longitude", Key::Longitude),
    ("longitudee6", Key::Longitude),
    ("longitudee7", Key::Longitude),
    ("mac", Key::Mac),
    ("macaddr", Key::Mac),
    ("macaddress", Key::Mac),
    ("macid", Key::Mac),
    ("mcc", Key::Cell(CellPart::Mcc)),
    ("mccmnc", Key::Cell(CellPart::Plmn)),
    ("mci", Key::Cell(CellPart::Cid)),
    ("mcid", Key::Cell(CellPart::Cid)),
    ("mdn", Key::Msisdn),
    ("mediadrmid", Key::WidevineId),
    ("meid", Key::Meid),
    ("mid", Key::Vague),
    ("mlac", Key::Cell(CellPart::Lac)),
    ("mmcc", Key::Cell(CellPart::Mcc)),
    ("mmeid", Key::Meid),
    ("mmnc", Key::Cell(CellPart::Mnc)),
    ("mnc", Key::Cell(CellPart::Mnc)),
    ("mnci", Key::Cell(CellPart::Nci)),
    ("mobile", Key::Phone),
    ("mobilecountrycode", Key::Cell(CellPart::Mcc)),
    ("mobileid", Key::Device),
    ("mobilekey", Key::Device),
    ("mobilenetworkcode", Key::Cell(CellPart::Mnc)),
    ("mobileno", Key::Msisdn),
    ("mobilenumber", Key::Msisdn),
    ("mobilephone", Key::Msisdn),
    ("mobuserid", Key::Vague),
    ("msisdn", Key::Msisdn),
    ("mtac", Key::Cell(CellPart::Tac)),
    ("ncgi", Key::WholeCell),
    ("nci", Key::Cell(CellPart::Nci)),
    ("networkoperator", Key::Cell(CellPart::Plmn)),
    ("nid", Key::Cell(CellPart::Nid)),
    ("numeric", Key::Cell(CellPart::Plmn)),
    ("oaid", Key::AdvertisingId),
    ("openudid", Key::Device),
    ("operator", Key::Cell(CellPart::Plmn)),
    ("operatornumeric", Key::Cell(CellPart::Plmn)),
    ("osdevid", Key::Device),
    ("ouid", Key::AdvertisingId),
    ("ownid", Key::Vague),
    ("phone", Key::Phone),
    ("phoneid", Key::Device),
    ("phoneno", Key::Msisdn),
    ("phonenum", Key::Msisdn),
    ("phonenumber", Key::Msisdn),
    ("phonesn", Key::Serial),
    ("plmn", Key::Cell(CellPart::Plmn)),
    ("psn", Key::Serial),
    ("pushtoken", Key::FcmToken),
    ("rawadvertisingtrackingid", Key::AdvertisingId),
    ("rdid", Key::AdvertisingId),
    ("regid", Key::FcmToken),
    ("registrationid", Key::FcmToken),
    ("roserialno", Key::Serial),
    ("routermac", Key::Bssid),
    ("serial", Key::Serial),
    ("serialid", Key::Serial),
    ("serialno", Key::Serial),
    ("serialnum", Key::Serial),
    ("serialnumber", Key::Serial),
    ("servingcell", Key::WholeCell),
    ("sid", Key::Cell(CellPart::Sid)),
    ("sim", Key::Iccid),
    ("simid", Key::Iccid),
    ("simoperator", Key::Cell(CellPart::Plmn)),
    ("simserial", Key::Iccid),
    ("simserialno", Key::Iccid),
    ("simserialnum", Key::Iccid),
    ("simserialnumber", Key::Iccid),
    ("simsn", Key::Iccid),
    ("sn", Key::Serial),
    ("ssaid", Key::AndroidId),
    ("ssid", Key::Ssid),
    ("subscriberid", Key::Imsi),
    ("tac", Key::Cell(CellPart::Tac)),
    ("tel", Key::Phone),
    ("telephone", Key::Msisdn),
    ("tid", Key::Vague),
    ("trackingareacode", Key::Cell(CellPart::Tac)),
    ("trackingid", Key::AdvertisingId),
    ("udid", Key::Device),
    ("uid", Key::Vague),
    ("unid", Key::Vague),
    ("uniqueid", Key::Device),
    ("usercd", Key::Vague),
    ("userid", Key::Vague),
    ("userphone", Key::Phone),
    ("vaid", Key::AdvertisingId),
    ("widevineid", Key::WidevineId),
    ("wifiaddress", Key::Mac),
    ("wifiname", Key::Ssid),
    ("wifissid", Key::Ssid),
    ("xdfedeviceid", Key::GsfId),
    ("xid", Key::Vague),
];

/// Names that are clear also with something before them (`device_imei`, `sim1iccid`) or, when marked, behind.
const STEMS: &[(&str, Key)] = &[
    ("imeisv", Key::Imeisv),
    ("imei", Key::Imei),
    ("imie", Key::Imei),
    ("meid", Key::Meid),
    ("imsi", Key::Imsi),
    ("iccid", Key::Iccid),
    ("simserial", Key::Iccid),
    ("simserialnumber", Key::Iccid),
    ("msisdn", Key::Msisdn),
    ("phonenumber", Key::Msisdn),
    ("androidid", Key::AndroidId),
    ("openudid", Key::Device),
    ("udid", Key::Device),
    ("deviceid", Key::Device),
    ("gsfid", Key::GsfId),
    ("gaid", Key::AdvertisingId),
    ("oaid", Key::AdvertisingId),
    ("idfa", Key::AdvertisingId),
    ("deviceifa", Key::AdvertisingId),
    ("advertisingid", Key::AdvertisingId),
    ("advertiserid", Key::AdvertisingId),
    ("andadvid", Key::AdvertisingId),
    ("googleadid", Key::AdvertisingId),
    ("serialno", Key::Serial),
    ("serialnumber", Key::Serial),
    ("macaddress", Key::Mac),
    ("macaddr", Key::Mac),
    ("wifimac", Key::Mac),
    ("wlanmac", Key::Mac),
    ("btmac", Key::Mac),
    ("bluetoothmac", Key::Mac),
    ("ethmac", Key::Mac),
    ("ethernetmac", Key::Mac),
    ("devicemac", Key::Mac),
    ("bssid", Key::Bssid),
    ("fingerprint", Key::Fingerprint),
    ("simserialno", Key::Iccid),
    ("cellid", Key::Cell(CellPart::CellId)),
    ("mccmnc", Key::Cell(CellPart::Plmn)),
    ("latitude", Key::Latitude),
    ("longitude", Key::Longitude),
    ("fcmtoken", Key::FcmToken),
    ("pushtoken", Key::FcmToken),
];

/// What a name says, if anything. Case, `_`, `-`, `.`, spaces, a leading `X-` and trailing numbers do not matter.
pub fn key(name: &str) -> Option<Key> {
    if name.is_empty() || name.len() > 64 {
        return None;
    }
    let mut buffer = [0u8; 64];
    let mut length = 0;
    for byte in name.bytes().filter(u8::is_ascii_alphanumeric) {
        *buffer.get_mut(length)? = byte.to_ascii_lowercase();
        length += 1;
    }
    let whole = std::str::from_utf8(&buffer[..length]).ok()?;
    let marked =
        name.get(..2).is_some_and(|it| it.eq_ignore_ascii_case("x-") || it.eq_ignore_ascii_case("x_"));
    let bare = if marked { &whole[1..] } else { whole };
    let stem = bare.trim_end_matches(|it: char| it.is_ascii_digit());
    [whole, bare, stem].into_iter().find_map(exact).or_else(|| ending(stem)).or_else(|| beginning(stem))
}

fn exact(name: &str) -> Option<Key> {
    NAMES.binary_search_by(|(other, _)| (*other).cmp(name)).ok().map(|at| NAMES[at].1)
}

fn ending(name: &str) -> Option<Key> {
    // `timei…` and `hmac` are other words.
    STEMS.iter().find(|(stem, _)| name.ends_with(stem) && !name.ends_with("timei")).map(|(_, key)| *key)
}

fn beginning(name: &str) -> Option<Key> {
    let suffixes = [
        "value", "str", "number", "num", "no", "code", "md5", "sha1", "sha256", "hash", "plain", "raw",
        "first", "second",
    ];
    let name = suffixes.iter().find_map(|suffix| name.strip_suffix(suffix))?;
    exact(name).filter(|key| !matches!(key, Key::Vague | Key::Device | Key::Cell(_))).or_else(|| ending(name))
}

/// Whether a name is one that clients send beside identifiers of their phone: its model, system, app, screen.
pub fn tells_of_a_device(name: &str) -> bool {
    const MARKS: &[&str] = &[
        "androidversion",
        "api",
        "apilevel",
        "apkversion",
        "appver",
        "appversion",
        "appvn",
        "brand",
        "bundleid",
        "carrier",
        "cpuabi",
        "devicebrand",
        "devicemodel",
        "devicetype",
        "firmware",
        "fwver",
        "hardware",
        "make",
        "manufacturer",
        "model",
        "modelname",
        "networktype",
        "os",
        "osname",
        "osver",
        "osversion",
        "osvs",
        "packagename",
        "phonemodel",
        "pkg",
        "platform",
        "product",
        "romversion",
        "screendensity",
        "screenheight",
        "screenresolution",
        "screensize",
        "screenwidth",
        "sdk",
        "sdkint",
        "sdkver",
        "sdkversion",
        "swver",
        "systemversion",
        "vendor",
        "versioncode",
        "versionname",
    ];
    let plain = plain(name);
    MARKS.binary_search(&plain.as_str()).is_ok()
}

/// Whether a name belongs to the tracing of requests, whose identifiers look like a phone's.
pub fn tells_of_tracing(name: &str) -> bool {
    let plain = plain(name);
    let bare = plain.strip_prefix('x').unwrap_or(&plain);
    ["trace", "span", "parentid", "b3", "correlation", "request"]
        .iter()
        .any(|it| plain.starts_with(it) || bare.starts_with(it))
}

/// Whether a name promises a number that is no identifier of a phone: then what only has the shape of one is none.
pub fn tells_of_another_number(name: &str) -> bool {
    const WORDS: &[&str] = &[
        "time",
        "stamp",
        "date",
        "expires",
        "order",
        "invoice",
        "trace",
        "span",
        "card",
        "pan",
        "price",
        "amount",
        "total",
        "nonce",
        "seq",
        "version",
        "appid",
        "app_id",
        "fbid",
        "size",
        "offset",
        "length",
        "hash",
        "digest",
        "signature",
        "checksum",
        "request",
        "transaction",
        "txn",
        "payment",
        "page",
        "article",
        "product",
        "sku",
        "ean",
        "isbn",
        "upc",
        "tracking_number",
        "parcel",
        "account",
        "iban",
        "duration",
        "counter",
        "random",
        "etag",
        "build",
        "session",
    ];
    let lower = name.to_ascii_lowercase();
    matches!(lower.as_str(), "ts" | "t" | "_" | "cb" | "rnd" | "exp" | "iat" | "nbf" | "v")
        || WORDS.iter().any(|word| lower.contains(word))
}

fn plain(name: &str) -> String {
    name.bytes().filter(u8::is_ascii_alphanumeric).map(|byte| char::from(byte.to_ascii_lowercase())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_sorted() {
        assert!(NAMES.is_sorted_by(|one, other| one.0 < other.0));
    }

    #[test]
    fn reads_names_in_any_dress() {
        for (name, expected) in [
            ("IMEI1", Key::Imei),
            ("device_imei", Key::Imei),
            ("o_androidimei", Key::Imei),
            ("X-3GPP-IMEI", Key::Imei),
            ("SIM1CDMAIMSI", Key::Imsi),
            ("sim1iccid", Key::Iccid),
            ("serial_number", Key::Serial),
            ("X-SN", Key::Serial),
            ("MACID", Key::Mac),
            ("macAddress", Key::Mac),
            ("SIM1CELLID", Key::Cell(CellPart::CellId)),
            ("deviceAndroidId", Key::AndroidId),
            ("X-DFE-Device-Id", Key::GsfId),
            ("google_advertising_id", Key::AdvertisingId),
            ("PhoneNumber", Key::Msisdn),
        ] {
            assert_eq!(key(name), Some(expected), "{name}");
        }
        for name in ["timeInterval", "hmac", "timeIndex", "model", "", "width", "x", "esnips"] {
            assert_eq!(key(name), None, "{name}");
        }
    }

    #[test]
    fn knows_the_company_identifiers_keep() {
        assert!(tells_of_a_device("os_version") && tells_of_a_device("SDK") && !tells_of_a_device("title"));
        assert!(tells_of_tracing("X-B3-TraceId") && tells_of_tracing("traceId") && !tells_of_tracing("imei"));
        assert!(tells_of_another_number("orderNumber") && !tells_of_another_number("uid"));
    }
}
