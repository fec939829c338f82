//! Values that look like identifiers and are none: what pages, interfaces and logs are full of.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};

use crate::form;
use crate::identity::{uuid, with_check_digit};
use crate::random::Random;

/// A class of values, with names under which they are sent.
#[derive(Debug, Clone, Copy)]
pub struct LookAlike {
    /// For tables.
    pub name: &'static str,
    names: &'static [&'static str],
    make: fn(&mut Random) -> String,
}

impl LookAlike {
    /// A name and a value.
    pub fn draw(&self, random: &mut Random) -> (&'static str, String) {
        (random.pick(self.names), (self.make)(random))
    }
}

const fn of(
    name: &'static str,
    names: &'static [&'static str],
    make: fn(&mut Random) -> String,
) -> LookAlike {
    LookAlike { name, names, make }
}

const ANY: &[&str] = &["q", "value", "ref", "n", "content", "item", "x", "key1", "param"];

/// Every class.
pub const LOOKALIKES: [LookAlike; 66] = [
    of("seconds", &["ts", "time", "t", "expires", "iat", "since"], |it| {
        it.between(1_500_000_000, 1_900_000_000).to_string()
    }),
    of("milliseconds", &["ts", "timestamp", "createdAt", "_", "cb", "start"], |it| {
        it.between(1_500_000_000_000, 1_900_000_000_000).to_string()
    }),
    of("microseconds", &["ts", "time_us", "begin", "value"], |it| {
        it.between(1_500_000_000_000_000, 1_900_000_000_000_000).to_string()
    }),
    of("nanoseconds", &["startTimeUnixNano", "ts", "when"], |it| {
        it.between(1_500_000_000_000_000_000, 1_900_000_000_000_000_000).to_string()
    }),
    of("hrtime", &["uptime", "elapsed", "mono"], |it| {
        it.between(1_000_000_000_000, 99_999_999_999_999).to_string()
    }),
    of("date", &["date", "updated", "lastModified"], |it| {
        format!(
            "20{:02}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z",
            it.below(40),
            1 + it.below(12),
            1 + it.below(28),
            it.below(24),
            it.below(60),
            it.below(60),
            it.below(1000)
        )
    }),
    of("date digits", &["build", "stamp", "v", "value"], |it| {
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
    of("time of day", &["at", "from", "value"], |it| {
        format!(
            "{:02}:{:02}:{:02}:{:02}:{:02}:{:02}",
            it.below(24),
            it.below(60),
            it.below(60),
            it.below(60),
            it.below(60),
            it.below(60)
        )
    }),
    of("card 16", &["card", "pan", "number", "value"], |it| {
        with_check_digit(
            it.pick(&["4", "51", "55", "2221", "6011", "3528", "3589"]).to_owned() + &it.digits(14),
        )[..]
            .chars()
            .take(16)
            .collect()
    }),
    of("card amex", &["card", "pan", "number", "q", "value"], |it| {
        with_check_digit(it.pick(&["34", "37"]).to_owned() + &it.digits(12))
    }),
    of("card diners", &["card", "number", "value"], |it| with_check_digit("36".to_owned() + &it.digits(11))),
    of("card 19", &["card", "number", "value"], |it| with_check_digit("62".to_owned() + &it.digits(16))),
    of("order", &["orderId", "order_no", "q"], |it| {
        format!("{}-{}-{}", it.number(3), it.number(7), it.number(7))
    }),
    of("order short", &["orderId", "invoice", "value"], |it| it.number(10)),
    of("order like a telephone number", &["order_no", "customer", "ref"], |it| {
        format!("0{}-{}", it.number(3), it.number(7))
    }),
    of("parcel", &["tracking_number", "parcel", "q"], |it| {
        format!("1Z{}{}", it.of("0123456789ABCDEFGHJKLMNPRSTUVWXYZ", 6), it.digits(10))
    }),
    of(
        "uuid of a request",
        &["request_id", "X-Request-Id", "event_id", "msgId", "nonce", "correlationId"],
        uuid,
    ),
    of("uuid of a thing", &["articleId", "playlist", "sessionId", "orderUuid"], uuid),
    of("trace id", &["traceId", "trace_id", "X-B3-TraceId"], |it| it.hex(32)),
    of("span id", &["spanId", "parentId", "X-B3-SpanId", "span_id"], |it| it.hex(16)),
    of("traceparent", &["traceparent"], |it| format!("00-{}-{}-01", it.hex(32), it.hex(16))),
    of("md5", &["md5", "hash", "checksum", "etag", "q"], |it| it.hex(32)),
    of("sha1", &["sha1", "commit", "revision", "digest"], |it| it.hex(40)),
    of("sha256", &["sha256", "digest", "integrity", "value"], |it| it.hex(64)),
    of("short hash", &["commit", "rev", "build", "chunk"], |it| it.hex(12)),
    of("hex 14", &["token", "salt", "rev"], |it| it.hex(14)),
    of("crc", &["crc", "crc32"], |it| it.hex(8)),
    of("etag", &["ETag", "If-None-Match", "etag"], |it| format!("\"{}-{}\"", it.hex(8), it.hex(13))),
    of("version", &["version", "ver", "appVersion", "sdk"], |it| {
        format!("{}.{}.{}.{}", it.below(200), it.below(100), it.below(10_000), it.below(1000))
    }),
    of("version long", &["version", "build", "fw"], |it| {
        format!("{}.{}.{}", it.number(4), it.number(4), it.number(4))
    }),
    of("build number", &["build", "fwver", "display"], |it| {
        format!("{}{}A.{}.{}", it.of("PQRSTU", 1), it.of("PQK", 1), it.digits(6), it.digits(3))
    }),
    of("price", &["price", "amount", "total"], |it| format!("{}.{:02}", it.below(5000), it.below(100))),
    of("coordinates in text", &["text", "caption", "html", "q"], |it| {
        format!("see {}.{}, {}.{} on the map", it.below(90), it.digits(6), it.below(180), it.digits(6))
    }),
    of("centre of a map", &["center", "viewport", "bbox"], |it| {
        format!("{}.{},{}.{}", it.below(90), it.digits(5), it.below(180), it.digits(5))
    }),
    of("tile", &["tile", "url", "src"], |it| {
        format!("/tiles/{}/{}/{}.png", it.between(1, 18), it.below(200_000), it.below(200_000))
    }),
    of("ratio", &["scale", "zoom", "opacity"], |it| format!("0.{}", it.digits(12))),
    of("ipv4", &["ip", "addr", "host", "value"], |it| {
        format!("{}.{}.{}.{}", it.below(256), it.below(256), it.below(256), it.below(256))
    }),
    of("ipv6", &["ip", "addr", "peer"], |it| {
        (0..6).fold("2001:db8".to_owned(), |text, _| text + ":" + &it.hex(4))
    }),
    of("ipv6 short", &["ip", "addr"], |it| {
        format!("fe80::{}:{}ff:fe{}:{}", it.hex(4), it.hex(2), it.hex(2), it.hex(4))
    }),
    of("colour", &["color", "bg", "theme"], |it| format!("#{}", it.hex(6))),
    of("colours", &["palette", "gradient"], |it| format!("{}-{}-{}", it.hex(6), it.hex(6), it.hex(6))),
    of("base64 of noise", &["sig", "payload", "key", "value"], |it| {
        let length = it.between(12, 72) as usize;
        STANDARD.encode(it.bytes(length))
    }),
    of("token", &["token", "nonce", "state", "code"], |it| {
        it.of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-", 22)
    }),
    of("session token", &["session", "access_token", "csrf"], |it| {
        it.of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789", 48)
    }),
    of("jwt", &["access_token", "id_token", "jwt"], jwt),
    of("isbn", &["isbn", "q", "value"], |it| format!("978{}", it.number(10))),
    of("ean", &["ean", "gtin", "upc", "q"], |it| it.number(13)),
    of("gtin 14", &["gtin", "sku", "value"], |it| with_check_digit(it.number(13))),
    of("iban", &["iban", "account"], |it| format!("DE{}", it.digits(20))),
    of("object id", &["id", "_id", "post", "cursor"], |it| it.hex(24)),
    of("snowflake", &["tweet", "message_id", "id", "cursor"], |it| {
        it.between(1_000_000_000_000_000_000, 1_900_000_000_000_000_000).to_string()
    }),
    of("facebook app", &["fb_app_id", "app_id", "page"], |it| it.number(15)),
    of("number 14", ANY, |it| it.number(14)),
    of("number 15", ANY, |it| it.number(15)),
    of("number 16", ANY, |it| it.number(16)),
    of("number 17", ANY, |it| it.number(17)),
    of("number 19", ANY, |it| it.number(19)),
    of("number 20", ANY, |it| it.number(20)),
    of("number 32", ANY, |it| it.number(32)),
    of("digits within a word", &["file", "name", "img"], |it| {
        format!("IMG_{}x{}", it.number(8), it.number(15))
    }),
    of("analytics client", &["cid", "_ga", "client"], |it| {
        format!("{}.{}", it.number(9), it.between(1_500_000_000, 1_900_000_000))
    }),
    of("certificate", &["thumbprint", "cert", "pin"], |it| {
        let bytes = it.bytes(20);
        form::hex(&bytes).as_bytes().chunks(2).map(String::from_utf8_lossy).collect::<Vec<_>>().join(":")
    }),
    of("file size", &["size", "length", "offset"], |it| it.between(1, 99_999_999_999).to_string()),
    of("screen", &["res", "screen", "dpi"], |it| {
        format!("{}x{}", it.between(480, 1440), it.between(800, 3200))
    }),
    of("stack frame", &["at", "frame", "backtrace"], |it| {
        format!(
            "#{:02} pc {:016x} /system/lib64/libc.so (BuildId: {})",
            it.below(30),
            it.below(1 << 40),
            it.hex(32)
        )
    }),
    of(
        "absent value",
        &[
            "imei",
            "imsi",
            "mac",
            "androidId",
            "gaid",
            "serial",
            "iccid",
            "meid",
            "phone",
            "bssid",
            "deviceId",
        ],
        |it| {
            it.pick(&[
                "",
                "0",
                "000000000000000",
                "00000000000000",
                "02:00:00:00:00:00",
                "00:00:00:00:00:00",
                "unknown",
                "null",
                "n/a",
                "false",
                "00000000-0000-0000-0000-000000000000",
                "00000000000000000000",
                "-1",
                "denied",
            ])
            .to_owned()
        },
    ),
];

fn jwt(random: &mut Random) -> String {
    let claims = format!(
        "{{\"sub\":\"{}\",\"iat\":{},\"scope\":\"read\",\"jti\":\"{}\"}}",
        random.number(8),
        random.between(1_500_000_000, 1_900_000_000),
        uuid(random)
    );
    let signature = URL_SAFE_NO_PAD.encode(random.bytes(32));
    format!(
        "{}.{}.{signature}",
        URL_SAFE_NO_PAD.encode("{\"alg\":\"HS256\",\"typ\":\"JWT\"}"),
        URL_SAFE_NO_PAD.encode(claims)
    )
}
