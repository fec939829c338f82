//! What is written reads back, whatever it is and wherever it is cut off.

use std::io::{self, Read, Write};

use flate2::Compression;
use flate2::write::GzEncoder;
use packet::{App, Direction, FlowKey, Input, Phase, Timestamp, Transport};
use proptest::prelude::*;
use recording::{ReadError, Reader, Writer};

/// An [`Input`] that owns what it holds.
#[derive(Debug, Clone, PartialEq)]
enum Owned {
    Packet(Option<Direction>, Vec<u8>),
    Skipped(String, usize),
    Owner(FlowKey, App),
    Phase(Phase),
}

impl Owned {
    fn of(input: &Input<'_>) -> Self {
        match *input {
            Input::Packet { direction, bytes } => Self::Packet(direction, bytes.to_vec()),
            Input::Skipped { reason, len } => Self::Skipped(reason.to_owned(), len),
            Input::Owner { flow, app } => Self::Owner(flow, app.clone()),
            Input::Phase(phase) => Self::Phase(phase),
            Input::Keys(_) => unreachable!("keys are never recorded"),
        }
    }

    fn as_input(&self) -> Input<'_> {
        match self {
            Self::Packet(direction, bytes) => Input::Packet { direction: *direction, bytes },
            Self::Skipped(reason, len) => Input::Skipped { reason, len: *len },
            Self::Owner(flow, app) => Input::Owner { flow: *flow, app },
            Self::Phase(phase) => Input::Phase(*phase),
        }
    }
}

type Session = Vec<(Timestamp, Owned)>;

fn write(source: &str, session: &Session) -> Vec<u8> {
    let mut writer = Writer::new(Vec::new(), source).unwrap();
    for (at, input) in session {
        writer.write(*at, &input.as_input()).unwrap();
    }
    writer.into_inner().unwrap()
}

fn read(bytes: &[u8]) -> Result<(Session, Option<String>), ReadError> {
    let mut reader = Reader::open(bytes, None)?;
    let mut session = Vec::new();
    while let Some((at, input)) = reader.next_input()? {
        session.push((at, Owned::of(&input)));
    }
    Ok((session, reader.truncated().map(str::to_owned)))
}

fn inputs() -> impl Strategy<Value = Owned> {
    let direction = prop_oneof![Just(None), Just(Some(Direction::Inbound)), Just(Some(Direction::Outbound))];
    let transport = prop_oneof![Just(Transport::Tcp), Just(Transport::Udp), Just(Transport::Icmp)];
    let flow = (transport, any::<([u8; 4], u16)>(), any::<([u8; 16], u16)>())
        .prop_map(|(transport, v4, v6)| FlowKey { transport, local: v4.into(), remote: v6.into() });
    prop_oneof![
        (direction, prop::collection::vec(any::<u8>(), 0..200))
            .prop_map(|(way, bytes)| Owned::Packet(way, bytes)),
        (".{0,40}", any::<usize>()).prop_map(|(reason, len)| Owned::Skipped(reason, len)),
        (flow, "(?s).{0,40}", any::<Option<u32>>())
            .prop_map(|(flow, name, uid)| Owned::Owner(flow, App { name, uid })),
        prop::sample::select(&Phase::ALL[..]).prop_map(Owned::Phase),
    ]
}

fn sessions() -> impl Strategy<Value = Session> {
    let at = (0..=i64::MAX).prop_map(Timestamp::from_nanos);
    prop::collection::vec((at, inputs()), 0..12)
}

proptest! {
    #[test]
    fn a_recording_reads_back_to_what_was_written(session in sessions(), source in "(?s).{0,60}") {
        let written = write(&source, &session);
        let reader = Reader::open(&written[..], None).unwrap();
        prop_assert_eq!(reader.recorded_source(), Some(&source[..]));
        let (found, truncated) = read(&written).unwrap();
        prop_assert_eq!(&found, &session);
        prop_assert_eq!(truncated, None);
        prop_assert_eq!(write(&source, &found), written);
    }

    #[test]
    fn no_bytes_make_the_reader_panic(mut bytes in prop::collection::vec(any::<u8>(), 0..600), kind in 0..4u8) {
        let magic: &[u8] = match kind {
            0 => &[0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4, 0],
            1 => &[0x0a, 0x0d, 0x0d, 0x0a, 28, 0, 0, 0, 0x4d, 0x3c, 0x2b, 0x1a, 1, 0, 0, 0],
            2 => &[0x1f, 0x8b, 8, 0],
            _ => &[],
        };
        bytes.splice(..0, magic.iter().copied());
        let _ = read(&bytes);
    }

    #[test]
    fn no_damage_makes_the_reader_panic(session in sessions(), at in any::<prop::sample::Index>(), to in any::<u8>()) {
        let mut written = write("damaged", &session);
        let at = at.index(written.len());
        written[at] = to;
        let _ = read(&written);
    }
}

/// One of each kind.
fn one_of_each() -> Session {
    let flow = FlowKey {
        transport: Transport::Tcp,
        local: "10.0.0.2:40000".parse().unwrap(),
        remote: "192.0.2.1:80".parse().unwrap(),
    };
    let inputs = [
        Owned::Phase(Phase::Started),
        Owned::Packet(Some(Direction::Outbound), vec![0x45; 41]),
        Owned::Owner(flow, App { name: "com.example\nodd".into(), uid: Some(10_001) }),
        Owned::Skipped("not_ip".into(), 60),
        Owned::Packet(None, vec![0x60; 40]),
        Owned::Phase(Phase::Stopped),
    ];
    (0..).map(|second| Timestamp::from_millis(1_550_131_260_000 + second)).zip(inputs).collect()
}

#[test]
fn a_recording_cut_off_anywhere_yields_what_came_before() {
    let session = one_of_each();
    let written = write("a phone", &session);
    let mut whole = 0;
    for len in 0..written.len() {
        let Ok((found, truncated)) = read(&written[..len]) else {
            assert!(len < 64, "cut off at {len}: only a cut inside the header is an error");
            continue;
        };
        assert_eq!(found, session[..found.len()]);
        assert!(found.len() >= whole);
        whole = found.len();
        if let Some(truncated) = truncated {
            assert!(truncated.starts_with(&format!("cut off at byte {len}, ")), "{truncated}");
        }
    }
    assert_eq!(read(&written).unwrap().0, session);
}

#[test]
fn recordings_one_behind_the_other_are_read_as_one() {
    let (first, second) = (one_of_each(), one_of_each());
    let both = [write("first", &first), write("second", &second)].concat();
    let (found, _) = read(&both).unwrap();
    assert_eq!(found, [first, second].concat());
    assert_eq!(Reader::open(&both[..], None).unwrap().recorded_source(), Some("first"));
}

/// Bytes of which the first ones are there, and the others come one by one, each after a read that would have blocked.
struct Slow<'a> {
    rest: &'a [u8],
    at_once: usize,
    blocks: bool,
}

impl Read for Slow<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let len = if self.at_once > 0 { self.at_once.min(buffer.len()) } else { buffer.len().min(1) };
        self.blocks = self.at_once == 0 && !self.blocks;
        if self.blocks && !self.rest.is_empty() {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let read = self.rest.read(&mut buffer[..len])?;
        self.at_once = self.at_once.saturating_sub(read);
        Ok(read)
    }
}

#[test]
fn a_source_that_would_block_is_asked_again() {
    let session = one_of_each();
    let unknown_block =
        [&0x4444u32.to_le_bytes()[..], &300u32.to_le_bytes(), &[7; 288], &300u32.to_le_bytes()];
    let plain = [write("first", &session), unknown_block.concat(), write("second", &session)].concat();
    let mut zipped = GzEncoder::new(Vec::new(), Compression::default());
    zipped.write_all(&plain).unwrap();
    let zipped = zipped.finish().unwrap();
    for (bytes, at_once) in [(&plain, 200), (&zipped, 200)] {
        let mut reader = Reader::open(Slow { rest: bytes, at_once, blocks: false }, None).unwrap();
        let (mut found, mut blocked) = (Session::new(), 0);
        loop {
            match reader.next_input() {
                Ok(Some((at, input))) => found.push((at, Owned::of(&input))),
                Ok(None) => break,
                Err(ReadError::Io(error)) if error.kind() == io::ErrorKind::WouldBlock => blocked += 1,
                Err(error) => panic!("{error}"),
            }
        }
        assert_eq!(found, [session.clone(), session.clone()].concat());
        assert_eq!(reader.truncated(), None);
        assert!(blocked > bytes.len() / 2, "{blocked}");
    }
}
