//! The app that PCAPdroid notes behind each packet when its "PCAPdroid extensions" are on: an Ethernet header of
//! zeros, the IP packet, padding to four bytes, then 32 bytes in network order: a magic number, the app's user id
//! (-1: unknown), its name in 20 bytes, and a CRC-32 of the frame.

use std::collections::BTreeMap;

use packet::{App, FlowKey};

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
        ("", Some(uid)) => Some(App { name: format!("UID {uid}"), uid: Some(uid) }),
        (name, uid) => Some(App { name: name.to_owned(), uid }),
    }
}

/// Remembers which apps were already told, so that each is told once per flow.
#[derive(Debug, Default)]
pub(crate) struct Told {
    apps: BTreeMap<FlowKey, App>,
}

impl Told {
    /// More flows than this are forgotten, and told once again.
    const MOST_FLOWS: usize = 8_192;

    /// The flow's key and app, when they are news. The key is turned as the flow's first packet went.
    pub(crate) fn news(&mut self, flow: FlowKey, app: &App) -> Option<FlowKey> {
        let flow = if self.apps.contains_key(&flow.reversed()) { flow.reversed() } else { flow };
        if self.apps.get(&flow) == Some(app) {
            return None;
        }
        if self.apps.len() == Self::MOST_FLOWS {
            self.apps.clear();
        }
        self.apps.insert(flow, app.clone());
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
