//! Captures of every kind that is read, put together byte by byte from the formats' specifications
//! (draft-ietf-opsawg-pcap, draft-ietf-opsawg-pcapng).

use std::io::{self, Read, Write};

use packet::{Direction, Input, Timestamp};
use recording::{Phone, ReadError, Reader};

/// An IPv4 packet without payload, from 10.0.0.`from` to 10.0.0.`to`.
fn ip(from: u8, to: u8) -> Vec<u8> {
    vec![0x45, 0, 0, 20, 0, 0, 0, 0, 64, 99, 0, 0, 10, 0, 0, from, 10, 0, 0, to]
}

/// Integers in a file's byte order.
#[derive(Clone, Copy)]
struct Order {
    big: bool,
}

const LITTLE: Order = Order { big: false };
const BIG: Order = Order { big: true };

impl Order {
    fn u16(self, number: u16) -> [u8; 2] {
        if self.big { number.to_be_bytes() } else { number.to_le_bytes() }
    }

    fn u32(self, number: u32) -> [u8; 4] {
        if self.big { number.to_be_bytes() } else { number.to_le_bytes() }
    }

    fn words(self, numbers: &[u32]) -> Vec<u8> {
        numbers.iter().flat_map(|number| self.u32(*number)).collect()
    }

    /// A classic capture's header.
    fn pcap(self, magic: u32, link: u32) -> Vec<u8> {
        [&self.u32(magic)[..], &self.u16(2), &self.u16(4), &self.words(&[0, 0, 65_535, link])].concat()
    }

    fn record(self, seconds: u32, fraction: u32, bytes: &[u8]) -> Vec<u8> {
        let len = bytes.len() as u32;
        [&self.words(&[seconds, fraction, len, len])[..], bytes].concat()
    }

    fn block(self, kind: u32, body: &[u8]) -> Vec<u8> {
        let mut body = body.to_vec();
        body.resize(body.len().next_multiple_of(4), 0);
        let len = body.len() as u32 + 12;
        [&self.u32(kind)[..], &self.u32(len), &body, &self.u32(len)].concat()
    }

    fn section(self) -> Vec<u8> {
        let body = [&self.u32(0x1a2b_3c4d)[..], &self.u16(1), &self.u16(0), &[0xff; 8]].concat();
        self.block(0x0a0d_0d0a, &body)
    }

    fn option(self, code: u16, value: &[u8]) -> Vec<u8> {
        let mut option = [&self.u16(code)[..], &self.u16(value.len() as u16), value].concat();
        option.resize(option.len().next_multiple_of(4), 0);
        option
    }

    fn interface(self, link: u16, snaplen: u32, options: &[u8]) -> Vec<u8> {
        self.block(1, &[&self.u16(link)[..], &[0, 0], &self.u32(snaplen), options].concat())
    }

    fn enhanced(self, interface: u32, units: u64, bytes: &[u8], options: &[u8]) -> Vec<u8> {
        let len = bytes.len() as u32;
        let mut body = self.words(&[interface, (units >> 32) as u32, units as u32, len, len]);
        body.extend_from_slice(bytes);
        body.resize(body.len().next_multiple_of(4), 0);
        body.extend_from_slice(options);
        self.block(6, &body)
    }
}

/// What a capture holds, in a form to compare: time in nanoseconds, direction, and the packet or the reason.
#[derive(Debug, PartialEq)]
enum Seen {
    Packet(i64, Option<Direction>, Vec<u8>),
    Skipped(String),
    App(String, String),
    Keys(String),
}

fn read_as(source: impl Read, phone: Option<Phone>) -> Result<Vec<Seen>, ReadError> {
    let mut reader = Reader::open(source, phone)?;
    let mut seen = Vec::new();
    while let Some((at, input)) = reader.next_input()? {
        seen.push(match input {
            Input::Packet { direction, bytes } => Seen::Packet(at.as_nanos(), direction, bytes.to_vec()),
            Input::Skipped { reason, .. } => Seen::Skipped(reason.to_owned()),
            Input::Owner { flow, app } => Seen::App(flow.to_string(), app.name.clone()),
            Input::Phase(phase) => panic!("{phase}"),
            Input::Keys(log) => Seen::Keys(String::from_utf8_lossy(log).into_owned()),
        });
    }
    Ok(seen)
}

fn read(bytes: &[u8]) -> Vec<Seen> {
    read_as(bytes, None).unwrap()
}

fn refusal(bytes: &[u8]) -> (u64, String) {
    match read_as(bytes, None) {
        Err(ReadError::Format { offset, message }) => (offset, message),
        other => panic!("{other:?}"),
    }
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn classic_captures_are_read_in_both_orders_and_resolutions() {
    for order in [LITTLE, BIG] {
        for (magic, nanos) in [(0xa1b2_c3d4, 2_000), (0xa1b2_3c4d, 2)] {
            let bytes = [order.pcap(magic, 101), order.record(1, 2, &ip(1, 2))].concat();
            assert_eq!(read(&bytes), [Seen::Packet(1_000_000_000 + nanos, None, ip(1, 2))]);
        }
    }
}

#[test]
fn flags_beside_the_link_type_are_ignored() {
    // A frame check sequence of 4 bytes.
    let bytes = [LITTLE.pcap(0xa1b2_c3d4, 0x2400_0065), LITTLE.record(0, 0, &ip(1, 2))].concat();
    assert_eq!(read(&bytes).len(), 1);
}

#[test]
fn old_versions_with_swapped_lengths_are_read() {
    let mut bytes = LITTLE.pcap(0xa1b2_c3d4, 101);
    bytes[6] = 2;
    bytes.extend(LITTLE.words(&[0, 0, 1_500, 20]));
    bytes.extend(ip(1, 2));
    assert_eq!(read(&bytes), [Seen::Packet(0, None, ip(1, 2))]);
}

#[test]
fn sections_in_both_orders_follow_each_other() {
    let section = |order: Order, to| {
        [order.section(), order.interface(101, 0, &[]), order.enhanced(0, 1_000_000, &ip(1, to), &[])]
            .concat()
    };
    let bytes = [section(LITTLE, 2), section(BIG, 3), section(LITTLE, 4)].concat();
    let packet = |to| Seen::Packet(1_000_000_000, None, ip(1, to));
    assert_eq!(read(&bytes), [packet(2), packet(3), packet(4)]);
}

#[test]
fn each_interface_has_its_own_clock_and_link_type() {
    let order = BIG;
    let mut loopback = order.u32(2).to_vec();
    loopback.extend(ip(3, 4));
    let bytes = [
        order.section(),
        order.interface(101, 0, &order.option(9, &[9])),
        order.interface(0, 0, &[order.option(9, &[0x81]), order.option(14, &10u64.to_be_bytes())].concat()),
        order.enhanced(0, 5, &ip(1, 2), &[]),
        order.enhanced(1, 3, &loopback, &[]),
    ]
    .concat();
    let expected = [Seen::Packet(5, None, ip(1, 2)), Seen::Packet(11_500_000_000, None, ip(3, 4))];
    assert_eq!(read(&bytes), expected);
}

#[test]
fn packet_flags_tell_the_direction() {
    let order = LITTLE;
    let flags = |flags: u32| [order.option(1, b"a comment"), order.option(2, &order.u32(flags))].concat();
    let bytes = [
        order.section(),
        order.interface(101, 0, &[]),
        order.enhanced(0, 0, &ip(1, 2), &flags(0xffff_fffd)),
        order.enhanced(0, 0, &ip(1, 2), &flags(2)),
        order.enhanced(0, 0, &ip(1, 2), &flags(0)),
    ]
    .concat();
    let packet = |direction| Seen::Packet(0, direction, ip(1, 2));
    let expected = [packet(Some(Direction::Inbound)), packet(Some(Direction::Outbound)), packet(None)];
    assert_eq!(read(&bytes), expected);

    // Which end is the phone is known better by who reads.
    let phone = Some(Phone::Ip([10, 0, 0, 1].into()));
    let packet = || Seen::Packet(0, Some(Direction::Outbound), ip(1, 2));
    assert_eq!(read_as(&bytes[..], phone).unwrap(), [packet(), packet(), packet()]);
}

#[test]
fn simple_and_obsolete_packets_are_read_and_others_passed_by() {
    let order = LITTLE;
    let obsolete = [&order.u16(0)[..], &order.u16(0), &order.words(&[0, 7, 20, 20]), &ip(1, 2)].concat();
    // Cut by the interface's snap length of 20.
    let simple = [&order.u32(1_500)[..], &ip(3, 4)].concat();
    let bytes = [
        order.section(),
        order.interface(101, 20, &[]),
        order.block(4, &[0; 40]),
        order.block(2, &obsolete),
        order.block(0x0bad, &[0; 300]),
        order.block(3, &simple),
        order.block(0x7fff_ffff, &[]),
    ]
    .concat();
    assert_eq!(read(&bytes), [Seen::Packet(7_000, None, ip(1, 2)), Seen::Packet(7_000, None, ip(3, 4))]);
}

#[test]
fn secrets_come_before_the_packets_behind_them() {
    const TLS: u32 = 0x544c_534b;
    for order in [LITTLE, BIG] {
        let secrets =
            |kind, len, log: &[u8]| order.block(10, &[&order.words(&[kind, len])[..], log].concat());
        let packet = order.enhanced(0, 1, &ip(1, 2), &[]);
        let capture = [
            order.section(),
            secrets(TLS, 5, b"first..."),
            order.interface(101, 0, &[]),
            packet.clone(),
            // Of WireGuard; longer than its block; too short.
            secrets(0x5747_4b4c, 4, b"none"),
            secrets(TLS, 9_999, b"cut"),
            order.block(10, &[0; 4]),
            packet,
        ];
        let seen = read(&capture.concat());
        let keys = |log: &str| Seen::Keys(log.to_owned());
        let packet = || Seen::Packet(1_000, None, ip(1, 2));
        assert_eq!(seen, [keys("first"), packet(), keys("cut\0"), packet()]);
    }
}

#[test]
fn keys_are_never_recorded() {
    let recording = |keys: &[&[u8]]| {
        let mut writer = recording::Writer::new(Vec::new(), "test").expect("memory");
        for log in keys {
            writer.write(Timestamp::from_millis(1), &Input::Keys(log)).expect("memory");
        }
        writer.into_inner().expect("memory")
    };
    assert_eq!(recording(&[b"CLIENT_RANDOM 00 00"]), recording(&[]));
}

#[test]
fn gzip_is_seen_through_also_in_several_members() {
    let (head, tail) = (LITTLE.pcap(0xa1b2_c3d4, 101), LITTLE.record(0, 0, &ip(1, 2)));
    let bytes = [gzip(&head), gzip(&tail), gzip(&tail)].concat();
    assert_eq!(read(&bytes).len(), 2);
}

#[test]
fn a_gzip_stream_that_is_cut_off_is_read_up_to_the_cut() {
    let mut plain = LITTLE.pcap(0xa1b2_c3d4, 101);
    for second in 0..2_000 {
        plain.extend(LITTLE.record(
            second,
            second * 7_919 % 1_000_000,
            &ip(second as u8, (second >> 8) as u8),
        ));
    }
    let zipped = gzip(&plain);
    let mut reader = Reader::open(&zipped[..zipped.len() / 2], None).unwrap();
    let mut packets = 0;
    while reader.next_input().unwrap().is_some() {
        packets += 1;
    }
    assert!(packets > 100 && packets < 2_000, "{packets}");
    let cut = reader.truncated().unwrap();
    assert!(cut.contains("(unzipped)") && cut.contains(&format!("packet {}", packets + 1)), "{cut}");
}

#[test]
fn a_damaged_gzip_stream_is_an_error_with_its_place() {
    let mut zipped = gzip(&[LITTLE.pcap(0xa1b2_c3d4, 101), LITTLE.record(0, 0, &ip(1, 2))].concat());
    let crc = zipped.len() - 8;
    zipped[crc] ^= 1;
    let (offset, message) = refusal(&zipped);
    assert_eq!(offset, 24 + 16 + 20);
    assert!(message.contains("gzip"), "{message}");
}

#[test]
fn a_classic_capture_that_is_cut_off_is_read_up_to_the_cut() {
    let bytes =
        [LITTLE.pcap(0xa1b2_c3d4, 101), LITTLE.record(0, 0, &ip(1, 2)), LITTLE.record(0, 0, &ip(1, 2))]
            .concat();
    for len in 24..bytes.len() {
        let mut reader = Reader::open(&bytes[..len], None).unwrap();
        let mut packets = 0;
        while reader.next_input().unwrap().is_some() {
            packets += 1;
        }
        assert_eq!(packets, (len - 24) / 36);
        let cut =
            ((len - 24) % 36 != 0).then(|| format!("cut off at byte {len}, inside packet {}", packets + 1));
        assert_eq!(reader.truncated(), cut.as_deref());
    }
}

#[test]
fn damage_is_an_error_with_its_place_and_what_came_before_stays() {
    let good = [LITTLE.pcap(0xa1b2_c3d4, 101), LITTLE.record(0, 0, &ip(1, 2))].concat();
    let bytes = [&good[..], &LITTLE.words(&[0, 0, u32::MAX, u32::MAX])].concat();
    let mut reader = Reader::open(&bytes[..], None).unwrap();
    assert!(reader.next_input().unwrap().is_some());
    let error = reader.next_input().unwrap_err().to_string();
    assert!(error.starts_with("at byte 68: ") && error.contains("damaged"), "{error}");
    assert!(reader.next_input().unwrap().is_none());

    let order = LITTLE;
    let start = [order.section(), order.interface(101, 0, &[])].concat();
    let damaged = |block: &[u8]| {
        let (offset, message) = refusal(&[&start[..], block].concat());
        assert!(message.contains("damaged"), "{message}");
        offset - start.len() as u64
    };
    let mut wrong_trailer = order.enhanced(0, 0, &ip(1, 2), &[]);
    let end = wrong_trailer.len() - 4;
    wrong_trailer[end] ^= 4;
    assert_eq!(damaged(&wrong_trailer), end as u64);
    let mut too_much = order.enhanced(0, 0, &ip(1, 2), &[]);
    too_much[20] = 24;
    assert_eq!(damaged(&too_much), 20);
    assert_eq!(damaged(&order.enhanced(1, 0, &ip(1, 2), &[])), 8);
    assert_eq!(damaged(&order.words(&[6, 0xffff_fffc])), 4);
    assert_eq!(damaged(&order.words(&[6, 8])), 4);
    assert_eq!(damaged(&order.words(&[6, 33])), 4);
    assert_eq!(damaged(&order.block(6, &[0; 16])), 8);
    assert_eq!(damaged(&order.interface(101, 0, &[9, 0, 40, 0, 6, 0, 0, 0])), 16);
}

#[test]
fn what_is_no_capture_is_named() {
    assert_eq!(refusal(b"").0, 0);
    assert!(refusal(b"").1.contains("empty"));
    assert!(refusal(&gzip(b"")).1.contains("empty"));
    assert!(refusal(b"\x89PNG\r\n\x1a\n").1.contains("PNG"));
    assert!(refusal(&gzip(b"<html>")).1.contains("HTML"));
    assert!(refusal(&[0xd4]).1.contains("no capture"));
    assert!(refusal(&LITTLE.pcap(0xa1b2_c3d4, 101)[..20]).1.contains("cut off"));
}

#[test]
fn link_types_that_are_not_read_are_named() {
    let (offset, message) = refusal(&LITTLE.pcap(0xa1b2_c3d4, 127));
    assert_eq!(offset, 20);
    assert!(message.contains("127") && message.contains("Wi-Fi"), "{message}");

    // In a capture of several interfaces, one that is not read is no reason to refuse the rest.
    let order = LITTLE;
    let start = [order.section(), order.interface(189, 0, &[])].concat();
    assert!(refusal(&[&start[..], &order.enhanced(0, 0, &[0; 64], &[])].concat()).1.contains("USB"));
    let both = [
        &start[..],
        &order.interface(101, 0, &[]),
        &order.enhanced(0, 0, &[0; 64], &[]),
        &order.enhanced(1, 0, &ip(1, 2), &[]),
    ]
    .concat();
    assert_eq!(read(&both), [Seen::Skipped("link_type".into()), Seen::Packet(0, None, ip(1, 2))]);
}

#[test]
fn pcapdroids_trailer_names_the_app_once_a_flow() {
    // UDP from 10.0.0.1 (or 192.0.2.1) port 5 to port 6.
    let frame = |source: [u8; 4], destination: [u8; 4], ports: [u8; 4], name: &[u8]| {
        let mut frame = vec![0; 12];
        frame.extend([8, 0, 0x45, 0, 0, 28, 0, 0, 0, 0, 64, 17, 0, 0]);
        frame.extend(source);
        frame.extend(destination);
        frame.extend(ports);
        frame.extend([0, 8, 0, 0]);
        frame.resize(frame.len().next_multiple_of(4), 0);
        frame.extend(0x0107_2021_u32.to_be_bytes());
        frame.extend(10_100_u32.to_be_bytes());
        frame.extend(name);
        frame.resize(frame.len() + 20 - name.len() + 4, 0);
        LITTLE.record(0, 0, &frame)
    };
    let (phone, server) = ([10, 0, 0, 1], [192, 0, 2, 1]);
    let bytes = [
        LITTLE.pcap(0xa1b2_c3d4, 1),
        frame(phone, server, [0, 5, 0, 6], b"Browser"),
        frame(server, phone, [0, 6, 0, 5], b"Browser"),
        frame(phone, server, [0, 7, 0, 6], b"Mail"),
    ]
    .concat();
    let told: Vec<_> = read(&bytes)
        .into_iter()
        .map(|seen| match seen {
            Seen::Packet(_, direction, bytes) => {
                assert_eq!(bytes.len(), 30, "the packet and two bytes of padding");
                direction.map_or("?".to_owned(), |direction| format!("{direction:?}"))
            }
            Seen::App(flow, app) => format!("{app}: {flow}"),
            Seen::Skipped(reason) => reason,
            Seen::Keys(log) => log,
        })
        .collect();
    let expected = [
        "Outbound",
        "Browser: udp 10.0.0.1:5 -> 192.0.2.1:6",
        "Inbound",
        "Outbound",
        "Mail: udp 10.0.0.1:7 -> 192.0.2.1:6",
    ];
    assert_eq!(told, expected);
}

#[test]
fn the_packet_filter_names_the_user_and_the_direction() {
    /// Length and kind in the phone's byte order, the value, padding.
    fn attribute(kind: u16, value: &[u8]) -> Vec<u8> {
        let mut out = [&(value.len() as u16 + 4).to_le_bytes()[..], &kind.to_le_bytes(), value].concat();
        out.resize(out.len().next_multiple_of(4), 0);
        out
    }
    let frame = |family: u8, hook: u8, uid: Option<u32>, packet: &[u8]| {
        let uid = uid.map_or(Vec::new(), |uid| attribute(11, &uid.to_be_bytes()));
        let prefix = attribute(10, b"a prefix\0");
        let parts = [&[family, 0, 0, 30][..], &attribute(1, &[8, 0, hook, 0]), &prefix, &uid];
        LITTLE.record(0, 0, &[parts.concat(), attribute(9, packet)].concat())
    };
    let mut udp = ip(1, 2);
    udp[9] = 17;
    udp.extend([0, 5, 0, 6, 0, 8, 0, 0]);
    udp[3] = udp.len() as u8;
    let bytes = [
        LITTLE.pcap(0xa1b2_c3d4, 239),
        frame(2, 3, Some(10_100), &udp),
        frame(2, 1, None, &ip(2, 1)),
        frame(10, 4, None, &ip(3, 4)),
        frame(7, 4, None, &ip(3, 4)),
        LITTLE.record(0, 0, &[2, 0, 0, 30, 8, 0]),
    ]
    .concat();
    let seen = read(&bytes);
    let [Seen::Packet(_, Some(Direction::Outbound), first), Seen::App(flow, app), rest @ ..] = &seen[..]
    else {
        panic!("{seen:?}")
    };
    assert_eq!((first, &app[..], flow.starts_with("udp")), (&udp, "UID 10100", true));
    let expected = [
        Seen::Packet(0, Some(Direction::Inbound), ip(2, 1)),
        Seen::Packet(0, None, ip(3, 4)),
        Seen::Skipped("not_ip".into()),
        Seen::Skipped("link_header".into()),
    ];
    assert_eq!(rest, expected);
}

#[test]
fn pcapdroids_comments_name_the_app_too() {
    let order = LITTLE;
    let mut udp = ip(1, 2);
    udp[3] = 28;
    udp[9] = 17;
    udp.extend([0, 5, 0, 6, 0, 8, 0, 0]);
    let names =
        [&order.u32(62_652)[..], &order.u16(1), &[1, 0], &order.u32(10_100), &[11, 0], b"com.example"];
    let bytes = [
        order.section(),
        order.interface(101, 0, &[]),
        order.block(0x0bad, &names.concat()),
        order.enhanced(0, 0, &udp, &order.option(1, b"u-10100")),
        order.enhanced(0, 0, &udp, &order.option(1, b"u-10100")),
    ]
    .concat();
    let packet = || Seen::Packet(0, None, udp.clone());
    let app = Seen::App("udp 10.0.0.1:5 -> 10.0.0.2:6".into(), "com.example".into());
    assert_eq!(read(&bytes), [packet(), app, packet()]);
}

/// Gives its bytes a few at a time, and fails when asked for more than there are.
struct Growing<'a> {
    bytes: &'a [u8],
}

impl Read for Growing<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.bytes.is_empty() {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let len = buffer.len().min(7).min(self.bytes.len());
        self.bytes.read(&mut buffer[..len])
    }
}

#[test]
fn packets_are_given_out_as_soon_as_they_are_there() {
    let order = LITTLE;
    let classic = [order.pcap(0xa1b2_c3d4, 101), order.record(1, 0, &ip(1, 2))].concat();
    let blocks =
        [order.section(), order.interface(101, 0, &[]), order.enhanced(0, 1_000_000, &ip(1, 2), &[])]
            .concat();
    for bytes in [classic, blocks] {
        let mut reader = Reader::open(Growing { bytes: &bytes }, None).unwrap();
        let (at, _) = reader.next_input().unwrap().unwrap();
        assert_eq!(at, Timestamp::from_millis(1_000));
        assert!(matches!(reader.next_input(), Err(ReadError::Io(_))));
    }
}
