//! Packets, one after the other, each behind a length byte and the seconds since the one before: parsed, looked into
//! and put together again.

use std::time::Duration;

use packet::{IpPacket, Packet, Reassembled, Reassembler, Timestamp};

/// Runs it once.
pub fn run(data: &[u8]) {
    let mut reassembler = Reassembler::default();
    let mut now = Timestamp::default();
    let mut rest = data;
    while let [len, seconds, after @ ..] = rest {
        let (bytes, after) = after.split_at(usize::from(*len).min(after.len()));
        rest = after;
        now = now + Duration::from_secs(u64::from(*seconds));
        let Ok(packet) = Packet::parse(bytes).map(Packet::innermost) else { continue };
        if let Reassembled::Complete(whole) = reassembler.insert(now, &packet.ip) {
            let whole = IpPacket::parse(&whole).expect("what is put together can be taken apart");
            assert_eq!(whole.fragment, None);
        }
    }
}
