//! How fast content is decoded and searched, with nothing to look for and with a value of each kind.
//!
//! `cargo run --release -p inspect --example scan [CONTENT [searched|watched]]`

use std::hint::black_box;
use std::time::Duration;

use inspect::decode::{Limits, decode_bytes, everything};
use inspect::identifier::{IdentifierKind as Kind, KnownIdentifier, Scanner};

/// Times that each measurement is repeated.
const ROUNDS: usize = 9;
/// Bytes of each content; about what an upload of telemetry has.
const SIZE: usize = 16 << 10;
/// Contents scanned in a round.
const REPEATED: usize = 256;

/// A value of each kind, all made up.
const VALUES: [(Kind, &str); 18] = [
    (Kind::Imei, "001017001234569"),
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
];

fn main() {
    let mut plain = Scanner::default();
    let mut watching = Scanner::default();
    let (begun, before) = (busy(), resident());
    for (kind, value) in VALUES {
        let value = value.to_owned();
        watching.watch(&KnownIdentifier { kind, value }).expect("a valid value");
    }
    let (took, grown) = (busy().saturating_sub(begun), resident().saturating_sub(before));
    println!("{} values to look for: {:.1} ms, {grown} KiB", VALUES.len(), took.as_secs_f64() * 1e3);
    println!("MB/s: decoded, also searched, also for the values");
    let wanted = std::env::args().nth(1);
    for (name, make) in
        CONTENTS.into_iter().filter(|(name, _)| wanted.as_deref().is_none_or(|it| it == *name))
    {
        let mut bytes = Vec::new();
        for n in 0.. {
            bytes.extend_from_slice(make(n).as_bytes());
            if bytes.len() >= SIZE {
                break;
            }
        }
        let rate = |scanner: &mut Scanner| {
            let time = median(|| {
                black_box(scanner.scan_bytes("http body", &bytes, 0..bytes.len() as u64));
            });
            (REPEATED * bytes.len()) as f64 / time.as_secs_f64() / 1e6
        };
        let decoding = || {
            let decode = || {
                let range = 0..bytes.len() as u64;
                black_box(decode_bytes("http body", &bytes, range, Limits::default(), &mut everything));
            };
            (REPEATED * bytes.len()) as f64 / median(decode).as_secs_f64() / 1e6
        };
        // One alone, for a profile.
        match std::env::args().nth(2).as_deref() {
            Some("searched") => println!("{name:12} {:6.0}", rate(&mut plain)),
            Some(_) => println!("{name:12} {:6.0}", rate(&mut watching)),
            None => {
                let (decoded, scanned, watched) = (decoding(), rate(&mut plain), rate(&mut watching));
                println!("{name:12} {decoded:6.0} {scanned:6.0} {watched:6.0}");
            }
        }
    }
}
/// The nth piece of a content.
type Piece = fn(u64) -> String;

const CONTENTS: [(&str, Piece); 9] = [
    ("json", |n| {
        let (begin, id) = (if n == 0 { "[" } else { "," }, noise(n));
        format!(
            "{begin}{{\"event\":\"screen_view\",\"ts\":{},\"session\":\"{id:016x}\",\"duration\":{},\
             \"params\":{{\"screen\":\"MainActivity\",\"previous\":\"Settings\",\"count\":{},\"ok\":true}}}}",
            1_700_000_000_000 + n,
            id % 10_000,
            id % 100
        )
    }),
    ("events", |n| {
        let (begin, id) = (if n == 0 { "[" } else { "," }, noise(n));
        format!(
            "{begin}{{\"name\":\"screen_view\",\"ts\":{},\"session\":\"{:08x}\",\"params\":{{\"screen\":\"page {}\",\
             \"duration\":{}.{},\"ok\":true,\"from\":null,\"tags\":[\"a\",\"b{}\"]}}}}",
            1_764_000_000_000 + n,
            id >> 32,
            id % 90,
            id % 1000,
            id % 10,
            id % 90
        )
    }),
    ("fields", |n| {
        let id = noise(n);
        format!("t{}=event%20{}&w={}&title=a+page+of+{}&", id % 40, id % 1000, id >> 40, id % 77)
    }),
    // {"event":"screen_view","session":"9b3e…"}, over and over.
    ("base64", |n| {
        if n == 0 {
            "W3siZXZlbnQiOiJzY3JlZW5fdmlldyIs".into()
        } else {
            "InNlc3Npb24iOiI5YjNlNTFhNyIsImV2ZW50IjoicGFnZV92aWV3cyIs".into()
        }
    }),
    ("json texts", |n| {
        let begin = if n == 0 { "[" } else { "," };
        format!("{begin}{{\"title\":\"{}\",\"body\":\"{}\"}}", WORDS, WORDS.repeat(4))
    }),
    ("form", |n| {
        format!("a{n}={:x}&name=some+words+of+text&t={}&v=1.2.{}&", noise(n), 1_700_000_000 + n, n % 10)
    }),
    ("text", |n| format!("{WORDS} {}. ", n % 1000)),
    ("log", |n| {
        format!(
            "2026-01-02 10:{:02}:{:02}.123 I/Tag( 123): request {:x} took {} ms\n",
            n % 60,
            n % 59,
            noise(n),
            n % 900
        )
    }),
    ("hex", |n| format!("{:016x}{:016x} ", noise(n), noise(n + 1))),
];

const WORDS: &str = "It was a bright cold day in April and the clocks were striking thirteen";

/// splitmix64.
fn noise(n: u64) -> u64 {
    let mut z = n.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

fn median(mut run: impl FnMut()) -> Duration {
    let mut run = || (0..REPEATED).for_each(|_| run());
    run();
    let mut times: Vec<Duration> = (0..ROUNDS)
        .map(|_| {
            let begun = busy();
            run();
            busy().saturating_sub(begun)
        })
        .collect();
    times.sort();
    times[ROUNDS / 2]
}

/// How long this thread has been on a processor: others' load does not count.
fn busy() -> Duration {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let nanos = text.split(' ').next().and_then(|it| it.parse().ok());
    Duration::from_nanos(nanos.unwrap_or_default())
}

/// Memory of this process, in KiB; 0 where the system does not say.
fn resident() -> u64 {
    let pages = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    pages.split(' ').nth(1).and_then(|it| it.parse::<u64>().ok()).unwrap_or(0) * 4
}
