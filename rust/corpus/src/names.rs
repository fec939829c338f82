//! Names under which programs send identifiers, and names that say nothing.

use crate::identity::{Kind, Part};
use crate::random::Random;

/// Names that say nothing about their value.
const NEUTRAL: [&str; 14] = [
    "q", "value", "ref", "content", "data1", "p", "k3", "item", "zz", "field7", "x1", "arg", "extra", "info2",
];

/// Names as public client code and protocol descriptions have them.
const fn names(kind: Kind) -> &'static [&'static str] {
    match kind {
        Kind::Imei => &[
            "imei",
            "IMEI",
            "imei1",
            "IMEI2",
            "device_imei",
            "deviceImei",
            "d_imei",
            "imeiNo",
            "imei_number",
            "X-IMEI",
            "phoneImei",
            "imei_1",
            "primaryImei",
            "X-3GPP-IMEI",
            "android_imei",
            "imeiCode",
            "slot1_imei",
        ],
        Kind::Imeisv => &["imeisv", "imei_sv", "IMEISV", "imeiSv", "device_imeisv"],
        Kind::Meid => &["meid", "MEID", "meid1", "device_meid", "MMEID", "X-MEID", "meidNumber"],
        Kind::Imsi => &[
            "imsi",
            "IMSI",
            "imsi1",
            "sim_imsi",
            "simImsi",
            "SIM1LTEIMSI",
            "SIM2CDMAIMSI",
            "subscriberId",
            "subscriber_id",
            "X-3GPP-IMSI",
            "imsi_1",
            "imsiNumber",
        ],
        Kind::Iccid => &[
            "iccid",
            "ICCID",
            "iccid1",
            "sim_iccid",
            "simSerialNumber",
            "sim_serial",
            "SIM1ICCID",
            "iccId",
            "icc_id",
            "sim_sn",
            "simSerialNo",
            "sim_serial_number",
            "X-ICCID",
        ],
        Kind::Eid => &["eid", "EID", "device_eid", "esim_eid", "euicc_eid", "eidValue"],
        Kind::Msisdn => &[
            "msisdn",
            "MSISDN",
            "phone",
            "phoneNumber",
            "phone_number",
            "mobile",
            "mobileNo",
            "phone_no",
            "tel",
            "line1Number",
            "phoneNum",
            "mobile_number",
            "mdn",
            "telephone",
            "phonenum",
            "user_phone",
            "phone1",
        ],
        Kind::AndroidId => &[
            "android_id",
            "androidId",
            "ANDROID_ID",
            "androidid",
            "androidID",
            "deviceAndroidId",
            "ssaid",
            "X-Android-Id",
            "and_id",
            "secure_android_id",
        ],
        Kind::GsfId => &["gsfid", "gsf_id", "gsfId", "X-DFE-Device-Id", "GSFID", "device_gsf_id"],
        Kind::AdvertisingId => &[
            "gaid",
            "adid",
            "advertisingId",
            "advertising_id",
            "aaid",
            "idfa",
            "oaid",
            "google_ad_id",
            "gps_adid",
            "ifa",
            "rdid",
            "ad_id",
            "advertiser_id",
            "vaid",
            "google_aid",
            "device_ifa",
            "OAID",
            "adIdentifier",
        ],
        Kind::Serial => &[
            "serial",
            "serialno",
            "serial_number",
            "serialNumber",
            "sn",
            "SN",
            "deviceSerial",
            "device_serial",
            "ro.serialno",
            "X-SN",
            "hw_serial",
            "device_sn",
            "serialNum",
            "deviceSerialNumber",
            "SerialNo",
            "deviceSN",
        ],
        Kind::Mac => &[
            "mac",
            "MAC",
            "macAddress",
            "mac_address",
            "wifi_mac",
            "wifiMac",
            "wlan_mac",
            "macaddr",
            "MACID",
            "bt_mac",
            "deviceMac",
            "mac_addr",
            "X-MAC",
            "wlanMac",
            "bluetooth_mac",
            "bluetoothAddress",
            "eth_mac",
        ],
        Kind::Ssid => &["ssid", "SSID", "wifi_ssid", "wifiSsid", "essid", "wifi_name", "currentSsid"],
        Kind::Bssid => {
            &["bssid", "BSSID", "wifi_bssid", "ap_mac", "apMac", "routerMac", "wifiBssid", "router_mac"]
        }
        Kind::Fingerprint => {
            &["fingerprint", "build_fingerprint", "buildFingerprint", "ro.build.fingerprint", "fp"]
        }
        Kind::WidevineId => &["widevine_id", "widevineId", "drm_id", "deviceUniqueId", "mediaDrmId", "drmId"],
        Kind::FcmToken => {
            &["fcm_token", "fcmToken", "push_token", "registration_id", "regid", "gcm_token", "X-Push-Token"]
        }
        Kind::Cell | Kind::Location => &[],
    }
}

/// A name that names the kind.
pub fn telling(kind: Kind, random: &mut Random) -> &'static str {
    random.pick(names(kind))
}

/// A name that says nothing.
pub fn neutral(random: &mut Random) -> &'static str {
    random.pick(&NEUTRAL)
}

/// Names of the parts of places, of one habit.
pub fn parts(parts: &[Part], random: &mut Random) -> Vec<&'static str> {
    let habit = random.index(4);
    parts.iter().map(|part| part_names(*part)[habit]).collect()
}

const fn part_names(part: Part) -> [&'static str; 4] {
    match part {
        Part::Mcc => ["mcc", "MCC", "mobileCountryCode", "mcc"],
        Part::Mnc => ["mnc", "MNC", "mobileNetworkCode", "mnc"],
        Part::Plmn => ["mccmnc", "plmn", "networkOperator", "operator"],
        Part::Lac => ["lac", "LAC", "locationAreaCode", "lac"],
        Part::Tac => ["tac", "TAC", "trackingAreaCode", "tac"],
        Part::Cid => ["cid", "CellId", "cellId", "cell_id"],
        Part::Eci => ["ci", "ECI", "cellId", "eci"],
        Part::Nci => ["nci", "NCI", "cellId", "nci"],
        Part::Sid => ["sid", "SID", "sid", "sid"],
        Part::Nid => ["nid", "NID", "nid", "nid"],
        Part::BaseId => ["baseid", "BASEID", "baseStationId", "bsid"],
        Part::Latitude => ["lat", "latitude", "gps_lat", "lat"],
        Part::Longitude => ["lng", "longitude", "gps_lon", "lon"],
    }
}
