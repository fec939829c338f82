//! A phone's packets, made and read.

#![allow(dead_code, reason = "each test uses some of it")]

use std::net::{IpAddr, SocketAddr};

use netstack::{Config, Event, FlowId, Stack};
use packet::{IpPacket, Packet, Segment, TcpSegment, Timestamp};
use smoltcp::phy::ChecksumCapabilities;
use smoltcp::wire::{
    IpProtocol, IpRepr, TcpControl, TcpPacket, TcpRepr, TcpSeqNumber, TcpTimestampRepr, UdpPacket, UdpRepr,
};

pub const V4: (&str, &str) = ("10.0.0.2:40000", "203.0.113.1:443");
pub const V6: (&str, &str) = ("[fd00::2]:40000", "[2001:db8::1]:443");
pub const START: Timestamp = Timestamp::from_millis(1_600_000_000_000);

pub fn stack() -> Stack {
    Stack::new(Config { seed: 1, ..Config::default() })
}

pub fn address(text: &str) -> SocketAddr {
    text.parse().expect("an address")
}

pub fn packet(
    ends: (&str, &str),
    protocol: IpProtocol,
    length: usize,
    fill: impl FnOnce(&mut [u8]),
) -> Vec<u8> {
    let (from, to): (IpAddr, IpAddr) = (address(ends.0).ip(), address(ends.1).ip());
    let ip = IpRepr::new(from.into(), to.into(), protocol, length, 64);
    let mut bytes = vec![0; ip.header_len() + length];
    ip.emit(&mut bytes, &ChecksumCapabilities::default());
    fill(&mut bytes[ip.header_len()..]);
    bytes
}

pub fn tcp(ends: (&str, &str), control: TcpControl, seq: u32, ack: Option<u32>, payload: &[u8]) -> Vec<u8> {
    segment(ends, control, (seq, ack, 65_535), payload)
}

/// A bare acknowledgment of the phone's, with its window.
pub fn with_window(seq: u32, ack: u32, window: u16) -> Vec<u8> {
    segment(V4, TcpControl::None, (seq, Some(ack), window), &[])
}

fn segment(
    ends: (&str, &str),
    control: TcpControl,
    (seq, ack, window_len): (u32, Option<u32>, u16),
    payload: &[u8],
) -> Vec<u8> {
    let syn = control == TcpControl::Syn;
    let repr = TcpRepr {
        src_port: address(ends.0).port(),
        dst_port: address(ends.1).port(),
        control,
        seq_number: TcpSeqNumber(seq as i32),
        ack_number: ack.map(|ack| TcpSeqNumber(ack as i32)),
        window_len,
        window_scale: syn.then_some(0),
        max_seg_size: syn.then_some(1460),
        sack_permitted: false,
        sack_ranges: [None; 3],
        timestamp: None::<TcpTimestampRepr>,
        payload,
    };
    let (from, to) = (address(ends.0).ip().into(), address(ends.1).ip().into());
    packet(ends, IpProtocol::Tcp, repr.buffer_len(), |body| {
        repr.emit(&mut TcpPacket::new_unchecked(body), &from, &to, &ChecksumCapabilities::default());
    })
}

pub fn udp(ends: (&str, &str), payload: &[u8]) -> Vec<u8> {
    let repr = UdpRepr { src_port: address(ends.0).port(), dst_port: address(ends.1).port() };
    let (from, to) = (address(ends.0).ip().into(), address(ends.1).ip().into());
    packet(ends, IpProtocol::Udp, 8 + payload.len(), |body| {
        let fill = |room: &mut [u8]| room.copy_from_slice(payload);
        let checksums = ChecksumCapabilities::default();
        repr.emit(&mut UdpPacket::new_unchecked(body), &from, &to, payload.len(), fill, &checksums);
    })
}

/// Sends the phone's SYN and returns the flow it opens.
pub fn open(stack: &mut Stack, ends: (&str, &str)) -> FlowId {
    stack.handle_packet(START, &tcp(ends, TcpControl::Syn, 1000, None, &[]));
    match stack.poll_event() {
        Some((id, Event::Connect(key))) => {
            assert_eq!((key.local, key.remote), (address(ends.0), address(ends.1)));
            id
        }
        other => panic!("{other:?}"),
    }
}

/// The next packet for the phone, whose checksums are right.
pub fn next(stack: &mut Stack) -> Vec<u8> {
    let bytes = stack.poll_packet().expect("a packet");
    let ip = IpPacket::parse(&bytes).expect("an IP packet");
    let (from, to) = (ip.source.into(), ip.destination.into());
    if bytes[0] >> 4 == 4 {
        assert!(smoltcp::wire::Ipv4Packet::new_unchecked(&bytes).verify_checksum());
    }
    match ip.protocol {
        _ if ip.fragment.is_some() => {}
        6 => assert!(TcpPacket::new_unchecked(ip.payload).verify_checksum(&from, &to)),
        17 => assert!(UdpPacket::new_unchecked(ip.payload).verify_checksum(&from, &to)),
        1 => assert!(smoltcp::wire::Icmpv4Packet::new_unchecked(ip.payload).verify_checksum()),
        58 => {
            let (IpAddr::V6(from), IpAddr::V6(to)) = (ip.source, ip.destination) else { panic!("{ip:?}") };
            assert!(smoltcp::wire::Icmpv6Packet::new_unchecked(ip.payload).verify_checksum(&from, &to));
        }
        other => panic!("protocol {other}"),
    }
    bytes
}

pub fn next_tcp(bytes: &[u8]) -> TcpSegment<'_> {
    match Packet::parse(bytes).expect("a packet").segment {
        Segment::Tcp(tcp) => tcp,
        other => panic!("{other:?}"),
    }
}

/// Opens a connection all the way and returns the stack's sequence number.
pub fn establish(stack: &mut Stack, ends: (&str, &str)) -> (FlowId, u32) {
    let id = open(stack, ends);
    stack.connected(START, id);
    let bytes = next(stack);
    let answer = next_tcp(&bytes);
    assert!(answer.flags.syn && answer.flags.ack);
    assert_eq!(answer.ack, 1001);
    let seq = answer.seq.wrapping_add(1);
    stack.handle_packet(START, &tcp(ends, TcpControl::None, 1001, Some(seq), &[]));
    (id, seq)
}
