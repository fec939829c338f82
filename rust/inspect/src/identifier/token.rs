//! Values that could be a device's token: random to look at, and under no name that says they are something else.

use std::ops::Range;

use super::lexicon;
use crate::decode::{Decoded, Leaf};

/// Tokens kept of one message, and values looked at for them.
const MOST: usize = 64;
const MOST_LOOKED_AT: usize = 4096;
/// 16 hexadecimal digits, or 11 letters and digits, are 64 bits; of letters and digits more are needed to tell chance
/// from words.
const SHORTEST: usize = 16;
/// Longer ones are tickets, signatures and messages.
const LONGEST: usize = 96;

/// A value that could be a device's token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    /// The value without what differs between writings: hexadecimal digits in lower case and without hyphens.
    pub value: String,
    /// The value as it was sent.
    pub shown: String,
    /// What it is called there: key, cookie, header, the step of the path before it.
    pub key: String,
    /// Whether that name says that it tells devices, installations or users apart.
    pub named: bool,
    /// The steps that lead to it.
    pub decode: Vec<String>,
    /// The bytes of the stream that hold it.
    pub range: Range<u64>,
}

impl Token {
    /// Whether a value is the same, in whichever writing.
    pub fn is(&self, value: &str) -> bool {
        self.shown == value || random(value.as_bytes()).is_some_and(|(plain, _)| plain == self.value)
    }
}

/// The tokens in the content, each value once, in the order of the leaves.
pub fn tokens(decoded: &Decoded<'_>) -> Vec<Token> {
    let mut out: Vec<Token> = Vec::new();
    let mut looked_at = 0;
    for leaf in decoded.leaves().iter().filter(|leaf| !leaf.replaced && !leaf.is_excerpt()) {
        let bytes = decoded.bytes(leaf);
        if bytes.len() < SHORTEST || leaf.key.is_empty() {
            continue;
        }
        looked_at += 1;
        if looked_at > MOST_LOOKED_AT || out.len() >= MOST {
            break;
        }
        if leaf.key == "path" && bytes.first() == Some(&b'/') {
            of_path(decoded, leaf, bytes, &mut out);
        } else if bytes.len() <= LONGEST + 2 && random(bytes).is_some() {
            add(decoded, leaf, leaf.name(), 0..bytes.len(), &mut out);
        }
    }
    out
}

/// Steps of a path, named by the one before: `/devices/5f0c…/events`. The path of a file names the file.
fn of_path(decoded: &Decoded<'_>, leaf: &Leaf, path: &[u8], out: &mut Vec<Token>) {
    let file = path.rsplit(|&byte| byte == b'/').next().is_some_and(|last| last.contains(&b'.'));
    if file || path.len() > 1024 {
        return;
    }
    let (mut start, mut before) = (0, "");
    for step in path.split(|&byte| byte == b'/') {
        let range = start..start + step.len();
        start = range.end + 1;
        if random(step).is_some() {
            add(decoded, leaf, before, range, out);
        }
        before = std::str::from_utf8(step).unwrap_or_default();
    }
}

fn add(decoded: &Decoded<'_>, leaf: &Leaf, name: &str, part: Range<usize>, out: &mut Vec<Token>) {
    let bytes = decoded.bytes(leaf).get(part.clone()).unwrap_or_default();
    let Some((value, shown)) = random(bytes) else { return };
    let plain = plain(name);
    let named = is_named(name, &plain);
    if out.len() >= MOST || out.iter().any(|token| token.value == value) || is_something_else(&plain, named) {
        return;
    }
    let decode = decoded.chain(leaf);
    let first = decode.first().map_or("", String::as_str);
    let cookie = decode.iter().any(|step| step.starts_with("cookie "));
    if let Some(header) = first.strip_prefix("http header ")
        && !cookie
        && !may_hold_one(header)
    {
        return;
    }
    let (named, key) = (named || cookie, name.to_owned());
    out.push(Token { value, shown, key, named, decode, range: decoded.range(leaf, part) });
}

/// Whether what stands under a name could be a token.
pub fn may_be_called(name: &str) -> bool {
    let plain = plain(name);
    !is_something_else(&plain, is_named(name, &plain))
}

fn is_named(name: &str, plain: &str) -> bool {
    tells_apart(plain) || lexicon::key(name).is_some_and(is_device)
}

/// Whether a header could hold a token: the standard ones hold what the software says to every server.
fn may_hold_one(header: &str) -> bool {
    let name = header.to_ascii_lowercase();
    name.starts_with("x-") || name.ends_with("id")
}

const fn is_device(key: lexicon::Key) -> bool {
    use lexicon::Key;
    matches!(
        key,
        Key::Device | Key::Vague | Key::AdvertisingId | Key::AndroidId | Key::Serial | Key::WidevineId
    )
}

fn plain(name: &str) -> String {
    name.bytes()
        .filter(u8::is_ascii_alphanumeric)
        .take(64)
        .map(|byte| char::from(byte.to_ascii_lowercase()))
        .collect()
}

/// Whether a name says that its value tells devices, installations or users apart.
fn tells_apart(plain: &str) -> bool {
    const WORDS: &[&str] = &[
        "device",
        "install",
        "instance",
        "visitor",
        "user",
        "anon",
        "uuid",
        "guid",
        "udid",
        "uid",
        "distinct",
        "hardware",
        "phone",
        "handset",
        "terminal",
        "machine",
        "subscriber",
        "customer",
        "profile",
        "pushtoken",
        "clientid",
        "fid",
    ];
    WORDS.iter().any(|word| plain.contains(word))
}

/// Whether a name promises what passes with the request or the session, or what belongs to the software, to its
/// server or to a person's account: none of them tells this phone from others of its kind.
fn is_something_else(plain: &str, named: bool) -> bool {
    const PASSING: &[&str] = &[
        "trace",
        "span",
        "request",
        "reqid",
        "nonce",
        "sess",
        "time",
        "stamp",
        "date",
        "etag",
        "match",
        "csrf",
        "xsrf",
        "state",
        "challenge",
        "verifier",
        "sign",
        "hash",
        "digest",
        "checksum",
        "md5",
        "sha1",
        "sha256",
        "salt",
        "random",
        "cache",
        "transaction",
        "order",
        "event",
        "message",
        "msgid",
        "batch",
        "correlation",
        "conversation",
        "boundary",
        "idempotency",
        "impression",
        "click",
        "auction",
        "creative",
        "campaign",
        "placement",
        "adunit",
        "cursor",
        "offset",
        "page",
        "range",
        "ticket",
        "payload",
        "data",
        "body",
        "b3",
    ];
    const SOFTWARE: &[&str] = &[
        "api",
        "appid",
        "appkey",
        "appsecret",
        "sdkkey",
        "writekey",
        "dsn",
        "cert",
        "public",
        "license",
        "version",
        "build",
        "commit",
        "revision",
        "model",
        "product",
        "package",
        "bundle",
        "project",
        "organi",
        "tenant",
        "workspace",
        "file",
        "url",
        "uri",
        "resource",
        "asset",
        "image",
        "icon",
        "font",
        "locale",
        "experiment",
        "variant",
        "config",
        "schema",
        "template",
        "category",
        "item",
        "sku",
        "title",
        "name",
        "agent",
        "useragent",
        "ifnone",
        "dataset",
        "feature",
        "channel",
        "game",
        "partner",
        "publisher",
    ];
    // Those who know it are let in by it: it is no less secret to a server than a password.
    const SECRET: &[&str] =
        &["token", "auth", "bearer", "jwt", "secret", "password", "credential", "key", "account"];
    let any = |words: &[&str]| words.iter().any(|word| plain.contains(word));
    any(PASSING)
        || any(SOFTWARE)
        || (!named && any(SECRET))
        || matches!(plain, "iv" | "cb" | "ts" | "t" | "v" | "h")
}

/// Whether a value by itself could be a token.
pub fn is_random(value: &[u8]) -> bool {
    let is_part = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_+/=\"{}".contains(byte);
    (SHORTEST..=LONGEST + 4).contains(&value.len())
        && value.trim_ascii().iter().all(is_part)
        && random(value).is_some()
}

/// A value that looks random, by itself and as it was sent. What are only decimal digits are times, orders and contents
/// far more often than devices.
fn random(bytes: &[u8]) -> Option<(String, String)> {
    let bytes = bytes.trim_ascii();
    let text = bytes.strip_prefix(b"\"").and_then(|it| it.strip_suffix(b"\"")).unwrap_or(bytes);
    let text = text.strip_prefix(b"{").and_then(|it| it.strip_suffix(b"}")).unwrap_or(text);
    if !(SHORTEST..=LONGEST).contains(&text.len()) {
        return None;
    }
    let shown = std::str::from_utf8(text).ok()?;
    let digits: Vec<u8> = text.iter().filter(|byte| **byte != b'-').map(u8::to_ascii_lowercase).collect();
    let uuid = text.len() == 36 && digits.len() == 32;
    if (uuid || digits.len() == text.len()) && digits.iter().all(u8::is_ascii_hexdigit) {
        let varied = distinct(&digits) >= 7.min(digits.len() / 2) && !is_well_known(&digits);
        let letters = digits.iter().filter(|byte| byte.is_ascii_alphabetic()).count();
        let mixed = letters >= 2 && letters + 2 <= digits.len();
        let value = String::from_utf8(digits).ok()?;
        return (varied && mixed).then(|| (value, shown.to_ascii_lowercase()));
    }
    is_mixed(text).then(|| (shown.to_owned(), shown.to_owned()))
}

/// Letters and digits that change as chance changes them, and not as words and numbers do.
fn is_mixed(text: &[u8]) -> bool {
    let class = |byte: u8| match byte {
        b'0'..=b'9' => Some(0u8),
        b'a'..=b'z' => Some(1),
        b'A'..=b'Z' => Some(2),
        b'-' | b'_' | b'+' | b'/' | b'=' => Some(3),
        _ => None,
    };
    let Some(classes) = text.iter().map(|&byte| class(byte)).collect::<Option<Vec<u8>>>() else {
        return false;
    };
    let count = |wanted: u8| classes.iter().filter(|class| **class == wanted).count();
    let (digits, lower, upper, marks) = (count(0), count(1), count(2), count(3));
    let signs: Vec<u8> = classes.iter().copied().filter(|class| *class != 3).collect();
    let changes = signs.windows(2).filter(|pair| pair[0] != pair[1]).count();
    // Of random letters and digits six neighbours of ten differ in class; of those in one case four.
    let both = lower >= 2 && upper >= 2;
    let enough = if both { 10 * changes >= 4 * signs.len() } else { 4 * changes >= signs.len() };
    digits >= 2 && lower + upper >= 4 && 8 * marks <= text.len() && enough && distinct(text) >= 9
}

fn distinct(bytes: &[u8]) -> usize {
    let mut seen = [false; 256];
    bytes.iter().filter(|byte| !std::mem::replace(&mut seen[usize::from(**byte)], true)).count()
}

/// UUIDs that standards give to everybody: Bluetooth's, and those of content protection.
fn is_well_known(digits: &[u8]) -> bool {
    const PROTECTION: [&[u8]; 4] = [
        b"edef8ba979d64acea3c827dcd51d21ed",
        b"9a04f07998404286ab92e65be0885f95",
        b"1077efecc0b24d02ace33c1e52e2fb4b",
        b"94ce86fb07ff4f43adb893d2fa968ca2",
    ];
    digits.ends_with(b"00001000800000805f9b34fb") || PROTECTION.contains(&digits)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode::{Limits, decode_bytes, everything};

    fn keys(text: &str) -> Vec<(String, bool)> {
        let decoded = decode_bytes(
            "tcp payload",
            text.as_bytes(),
            0..text.len() as u64,
            Limits::default(),
            &mut everything,
        );
        tokens(&decoded).into_iter().map(|it| (it.key, it.named)).collect()
    }

    #[test]
    fn takes_what_looks_random() {
        for text in [
            "5f0c1e6d-2b7a-4a58-9d3e-6c1b0f9a7e42",
            "5F0C1E6D2B7A4A589D3E6C1B0F9A7E42",
            "6656c90bd5482a90",
            "cX1kQ9pTz0uW7vB3nM5yRf",
            "k3j9x0q2m7v5b8w1z4t6",
            "\"{5f0c1e6d-2b7a-4a58-9d3e-6c1b0f9a7e42}\"",
        ] {
            assert!(random(text.as_bytes()).is_some(), "{text}");
        }
        let one = random(b"5F0C1E6D2B7A4A589D3E6C1B0F9A7E42").unwrap().0;
        assert_eq!(random(b"5f0c1e6d-2b7a-4a58-9d3e-6c1b0f9a7e42").unwrap().0, one);
    }

    #[test]
    fn leaves_words_numbers_and_what_is_everybodys() {
        for text in [
            "1700000000000000",
            "8786574056807174179",
            "com.example.application.v2",
            "my-app-name-production-v2",
            "SamsungGalaxyS21UltraExynos",
            "TLS_AES_128_GCM_SHA256",
            "HmacSHA256WithRSAEncryption",
            "00000000-0000-0000-0000-000000000000",
            "0000110a-0000-1000-8000-00805f9b34fb",
            "edef8ba9-79d6-4ace-a3c8-27dcd51d21ed",
            "build-20190214-release-3",
            "2019-02-14T08:01:19Z",
            "aaaaaaaabbbbbbbb11111111",
            "Europe/Berlin_Standard",
            "short1A2b3C",
        ] {
            assert_eq!(random(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn names_decide_what_may_be_one() {
        let value = "5f0c1e6d-2b7a-4a58-9d3e-6c1b0f9a7e42";
        for (name, expected) in [
            ("zq", Some(false)),
            ("installationId", Some(true)),
            ("device_token", Some(true)),
            ("client_uuid", Some(true)),
            ("requestId", None),
            ("X-B3-TraceId", None),
            ("api_key", None),
            ("access_token", None),
            ("etag", None),
            ("session_id", None),
            ("build_id", None),
            ("sha256", None),
        ] {
            let found = keys(&format!("{{\"{name}\":\"{value}\",\"n\":1}}"));
            assert_eq!(found.first().map(|it| it.1), expected, "{name}");
        }
    }

    #[test]
    fn a_message_has_a_bounded_number_of_them() {
        let item =
            |n: u64| format!("{{\"q{n}\":\"{:016x}a7\"}}", (n + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let text = format!("[{}]", (0..1000).map(item).collect::<Vec<_>>().join(","));
        assert_eq!(keys(&text).len(), MOST);
    }
}
