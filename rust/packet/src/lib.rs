//! What every part of Telltale speaks of: packets, flows, directions, time, and the inputs a session is made of.
//!
//! Everything here is a plain value or a checked view of bytes; nothing reads a clock, a file or a socket.

#![forbid(unsafe_code)]

mod flow;
mod input;
mod ip;
mod reassembly;
mod time;
mod transport;

pub use flow::{Direction, FlowKey, Transport};
pub use input::{App, Input, Phase};
pub use ip::{Fragment, IpPacket, ParseError};
pub use reassembly::{Reassembled, Reassembler};
pub use time::Timestamp;
pub use transport::{IcmpMessage, IcmpVersion, Packet, Segment, TcpFlags, TcpSegment, UdpDatagram};
