//! Builds the segments that scripts describe.

use std::net::{IpAddr, SocketAddr};

/// A segment; both ends are IPv4.
pub struct Tcp<'a> {
    /// The sender.
    pub from: SocketAddr,
    /// The receiver.
    pub to: SocketAddr,
    /// Sequence number.
    pub seq: u32,
    /// Acknowledgment number; sets the flag.
    pub ack: Option<u32>,
    /// packetdrill's letters.
    pub flags: &'a str,
    /// Window, unscaled.
    pub window: u16,
    /// Options, a multiple of four bytes.
    pub options: &'a [u8],
    /// The data.
    pub payload: &'a [u8],
}

impl Tcp<'_> {
    /// The whole packet, without checksums: what takes it does not verify them.
    pub fn packet(&self) -> Vec<u8> {
        let (IpAddr::V4(from), IpAddr::V4(to)) = (self.from.ip(), self.to.ip()) else { return Vec::new() };
        let header = 20 + self.options.len();
        let total = (20 + header + self.payload.len()) as u16;
        let mut packet = vec![0x45, 0];
        packet.extend(total.to_be_bytes());
        packet.extend([0, 0, 0, 0, 64, 6, 0, 0]);
        packet.extend(from.octets());
        packet.extend(to.octets());
        packet.extend(self.from.port().to_be_bytes());
        packet.extend(self.to.port().to_be_bytes());
        packet.extend(self.seq.to_be_bytes());
        packet.extend(self.ack.unwrap_or_default().to_be_bytes());
        packet.extend([(header as u8 / 4) << 4, self.flag_bits()]);
        packet.extend(self.window.to_be_bytes());
        packet.extend([0; 4]);
        packet.extend(self.options);
        packet.extend(self.payload);
        packet
    }

    fn flag_bits(&self) -> u8 {
        let letters = [('F', 1), ('S', 2), ('R', 4), ('P', 8), ('U', 32)];
        let bits = letters.iter().filter(|(letter, _)| self.flags.contains(*letter)).map(|(_, bit)| *bit);
        bits.sum::<u8>() | if self.ack.is_some() { 16 } else { 0 }
    }
}

/// The options that a stack must heed: maximum segment size and window scale (RFC 9293 section 3.2, RFC 7323).
pub fn options(text: &str) -> Vec<u8> {
    let mut options = Vec::new();
    for option in text.split(',') {
        match option.trim().split_once(' ') {
            Some(("mss", value)) => {
                let value: u16 = value.parse().unwrap_or(536);
                options.extend([2, 4]);
                options.extend(value.to_be_bytes());
            }
            Some(("wscale", value)) => options.extend([1, 3, 3, value.parse().unwrap_or(0)]),
            _ => {}
        }
    }
    options
}

/// By how many bits windows are shifted.
pub fn window_scale(text: &str) -> u8 {
    let value = text.split(',').find_map(|option| option.trim().strip_prefix("wscale "));
    value.and_then(|value| value.parse().ok()).unwrap_or(0).min(14)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_segment_is_what_it_says() {
        let options = options("mss 1460,nop,wscale 6,sackOK");
        let [from, to] = ["10.0.0.2:1", "203.0.113.1:80"].map(|it| it.parse().unwrap());
        let tcp =
            Tcp { from, to, seq: 5, ack: Some(9), flags: "FP.", window: 7, options: &options, payload: b"x" };
        let bytes = tcp.packet();
        let packet = packet::Packet::parse(&bytes).unwrap();
        let packet::Segment::Tcp(read) = packet.segment else { panic!("{packet:?}") };
        assert_eq!((read.seq, read.ack, read.window, read.payload), (5, 9, 7, &b"x"[..]));
        assert_eq!(read.options, [2, 4, 5, 180, 1, 3, 3, 6]);
        assert!(read.flags.fin && read.flags.psh && read.flags.ack && !read.flags.syn && !read.flags.rst);
    }
}
