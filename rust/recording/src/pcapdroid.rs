//! The apps that PCAPdroid notes, when its "PCAPdroid extensions" are on, in its two formats.
//!
//! In pcap, each packet gets an Ethernet header of zeros and, behind padding to four bytes, a trailer of 32 bytes in
//! network order: a magic number, the app's user id (-1: unknown), its name in 20 bytes, and a CRC-32 of the frame.
//!
//! In pcapng, a custom block names the app of each user id, and a packet's comment is `u-` and the user id.

use std::collections::BTreeMap;

use std::time::Duration;

use packet::{App, FlowKey, Timestamp};

use crate::field::Endian;
use crate::frame::user;

const MAGIC: [u8; 4] = 0x0107_2021_u32.to_be_bytes();
const NAME_AT: usize = 8;
const NAME_LEN: usize = 20;
const FCS_LEN: usize = 4;

/// A frame's trailer.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Trailer {
    /// Where in the frame it starts.
    pub(crate) start: usize,
    /// The app, if it was known.
    pub(crate) app: Option<App>,
}

impl Trailer {
    /// Reads the trailer of an Ethernet frame. The check sequence may have been stripped.
    pub(crate) fn parse(frame: &[u8]) -> Option<Self> {
        [FCS_LEN, 0].into_iter().find_map(|fcs| {
            let end = frame.len().checked_sub(fcs)?;
            let start = end.checked_sub(NAME_AT + NAME_LEN)?;
            let trailer = &frame[start..end];
            trailer.starts_with(&MAGIC).then(|| Self { start, app: app(trailer) })
        })
    }
}

fn app(trailer: &[u8]) -> Option<App> {
    let uid = u32::from_be_bytes(*trailer.get(4..)?.first_chunk()?);
    let uid = (uid != u32::MAX).then_some(uid);
    let name = trailer[NAME_AT..].split(|byte| *byte == 0).next().unwrap_or_default();
    // The name was cut to its field, perhaps inside a character.
    let name = String::from_utf8_lossy(name);
    let name = name.trim_end_matches(char::REPLACEMENT_CHARACTER);
    match (name, uid) {
        ("", None) => None,
        ("", Some(uid)) => Some(user(uid)),
        (name, uid) => Some(App { name: name.to_owned(), uid }),
    }
}

/// The names of apps by user id, from custom blocks.
#[derive(Debug, Default)]
pub(crate) struct AppNames {
    names: BTreeMap<u32, String>,
}

impl AppNames {
    /// More than a phone has apps.
    const MOST: usize = 8_192;
    /// PCAPdroid's private enterprise number.
    const OWNER: u32 = 62_652;
    const VERSION: u16 = 1;
    const NAMES_AN_APP: u8 = 1;
    const HEADER_LEN: usize = 14;

    /// Takes a custom block's body: the owner's number, version (16 bits), kind (8) and padding, then the user id, the
    /// lengths of the package's name and of the app's title (8 bits each), and both.
    pub(crate) fn learn(&mut self, endian: Endian, body: &[u8]) {
        let Some((header, names)) = body.split_at_checked(Self::HEADER_LEN) else { return };
        let is_name = endian.u32(header, 0) == Self::OWNER
            && endian.u16(header, 4) == Self::VERSION
            && header[6] == Self::NAMES_AN_APP;
        let package = names.get(..usize::from(header[12])).and_then(|name| std::str::from_utf8(name).ok());
        if let Some(package) = package.filter(|name| is_name && !name.is_empty())
            && self.names.len() < Self::MOST
        {
            self.names.insert(endian.u32(header, 8), package.to_owned());
        }
    }

    /// The app that a packet's comment means.
    pub(crate) fn of_comment(&self, comment: &str) -> Option<App> {
        let uid = comment.strip_prefix("u-")?.parse().ok()?;
        let name = self.names.get(&uid)?.clone();
        Some(App { name, uid: Some(uid) })
    }
}

/// Remembers which apps were already told, so that each is told once per flow, and again when the flow may be another
/// one between the same ends.
#[derive(Debug, Default)]
pub(crate) struct Told {
    flows: BTreeMap<FlowKey, (App, Timestamp)>,
}

impl Told {
    /// More flows than this are forgotten, and told once again.
    const MOST_FLOWS: usize = 8_192;
    /// A flow that was silent for as long may be a new one.
    const SILENCE: Duration = Duration::from_secs(10);

    /// The flow's key, turned as the flow's first packet went, when its app is news. `opens`: the packet opens a
    /// connection for certain.
    pub(crate) fn news(&mut self, now: Timestamp, flow: FlowKey, opens: bool, app: &App) -> Option<FlowKey> {
        let flow = if self.flows.contains_key(&flow.reversed()) { flow.reversed() } else { flow };
        if let Some((told, last)) = self.flows.get_mut(&flow) {
            let silence = now.since(*last);
            *last = now;
            if told == app && !opens && silence < Self::SILENCE {
                return None;
            }
        }
        if self.flows.len() >= Self::MOST_FLOWS {
            self.flows.clear();
        }
        self.flows.insert(flow, (app.clone(), now));
        Some(flow)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A frame as PCAPdroid's documentation describes it.
    fn frame(uid: i32, name: &[u8], fcs: bool) -> Vec<u8> {
        let mut frame = vec![0; 16];
        frame.extend_from_slice(&MAGIC);
        frame.extend_from_slice(&uid.to_be_bytes());
        frame.extend_from_slice(name);
        frame.resize(16 + NAME_AT + NAME_LEN, 0);
        frame.resize(frame.len() + if fcs { FCS_LEN } else { 0 }, 0xee);
        frame
    }

    #[test]
    fn the_app_is_read() {
        for fcs in [true, false] {
            let trailer = Trailer::parse(&frame(10_123, b"Browser", fcs)).unwrap();
            assert_eq!(trailer.start, 16);
            assert_eq!(trailer.app, Some(App { name: "Browser".into(), uid: Some(10_123) }));
        }
    }

    #[test]
    fn custom_blocks_name_the_apps_of_comments() {
        let mut body = 62_652_u32.to_be_bytes().to_vec();
        body.extend_from_slice(&[0, 1, 1, 0, 0, 0, 0x27, 0x74, 11, 4]);
        body.extend_from_slice(b"com.exampleMail");
        let mut names = AppNames::default();
        names.learn(Endian::Big, &body);
        let app = App { name: "com.example".into(), uid: Some(10_100) };
        assert_eq!(names.of_comment("u-10100"), Some(app));
        assert_eq!(names.of_comment("u-10101"), None);
        assert_eq!(names.of_comment("10100"), None);
        for len in 0..body.len() - 4 {
            let mut names = AppNames::default();
            names.learn(Endian::Big, &body[..len]);
            assert_eq!(names.of_comment("u-10100"), None);
        }
    }

    #[test]
    fn an_app_is_told_again_when_the_flow_may_be_another() {
        let flow = FlowKey {
            transport: packet::Transport::Udp,
            local: "10.0.0.1:5".parse().unwrap(),
            remote: "192.0.2.1:6".parse().unwrap(),
        };
        let app = |name: &str| App { name: name.into(), uid: None };
        let at = |second: i64| Timestamp::from_millis(second * 1_000);
        let mut told = Told::default();
        assert_eq!(told.news(at(0), flow, true, &app("a")), Some(flow));
        assert_eq!(told.news(at(9), flow.reversed(), false, &app("a")), None);
        assert_eq!(told.news(at(18), flow, false, &app("a")), None);
        assert_eq!(told.news(at(18), flow, false, &app("b")), Some(flow));
        assert_eq!(told.news(at(19), flow, true, &app("b")), Some(flow));
        assert_eq!(told.news(at(29), flow.reversed(), false, &app("b")), Some(flow));
    }

    #[test]
    fn unknown_and_cut_names_are_borne() {
        assert_eq!(Trailer::parse(&frame(-1, b"", true)).unwrap().app, None);
        assert_eq!(Trailer::parse(&frame(0, b"", true)).unwrap().app.unwrap().name, "UID 0");
        let cut = "0123456789012345678ü".as_bytes();
        assert_eq!(
            Trailer::parse(&frame(1, &cut[..20], true)).unwrap().app.unwrap().name,
            "0123456789012345678"
        );
        assert_eq!(Trailer::parse(&[0; 64]), None);
        assert_eq!(Trailer::parse(&[]), None);
    }
}
