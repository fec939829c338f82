//! The in-memory device between a smoltcp interface and the phone's TUN.

use std::collections::VecDeque;

use packet::{Direction, FlowKey, Packet, Segment, TcpFlags, TcpSegment};
use smoltcp::phy::{self, Checksum, DeviceCapabilities, Medium};
use smoltcp::time::Instant;

/// Packets for the phone, oldest first, and the buffers to build the next ones in.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    queue: VecDeque<Vec<u8>>,
    /// How many packets left the queue at its front.
    popped: u64,
    spare: Vec<Vec<u8>>,
}

/// A packet's place in an [`Outbox`], whether it is still there or not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place(u64);

impl Outbox {
    const MOST_SPARE: usize = 64;

    pub(crate) fn push(&mut self, packet: Vec<u8>) {
        self.queue.push_back(packet);
    }

    pub(crate) fn pop(&mut self) -> Option<Vec<u8>> {
        let packet = self.queue.pop_front()?;
        self.popped += 1;
        Some(packet)
    }

    pub(crate) fn len(&self) -> usize {
        self.queue.len()
    }

    pub(crate) fn last(&self) -> Option<&[u8]> {
        self.queue.back().map(Vec::as_slice)
    }

    /// The place of the last packet.
    pub(crate) fn last_place(&self) -> Place {
        Place(self.popped + self.queue.len() as u64 - 1)
    }

    /// Puts the last packet at `place`, should the packet there still wait and say nothing that the last does not
    /// ([`supersedes`]). Whether it did.
    pub(crate) fn supersede(&mut self, place: Place) -> bool {
        let at = place.0.checked_sub(self.popped).and_then(|at| usize::try_from(at).ok());
        let Some(at) = at.filter(|at| at + 1 < self.queue.len()) else { return false };
        if !self.queue.back().is_some_and(|last| supersedes(last, &self.queue[at])) {
            return false;
        }
        if let Some(earlier) = self.queue.swap_remove_back(at) {
            self.recycle(earlier);
        }
        true
    }

    /// Takes back all packets but the first `kept`, which are not to be sent after all.
    pub(crate) fn take_back(&mut self, kept: usize) {
        while self.queue.len() > kept {
            let packet = self.queue.pop_back().unwrap_or_default();
            self.recycle(packet);
        }
    }

    /// Takes back the buffer of a packet that is on its way.
    pub(crate) fn recycle(&mut self, buffer: Vec<u8>) {
        if self.spare.len() < Self::MOST_SPARE {
            self.spare.push(buffer);
        }
    }

    /// A buffer of exactly `len` bytes: smoltcp takes its checksums over all it is given.
    fn buffer(&mut self, len: usize) -> Vec<u8> {
        let mut buffer = self.spare.pop().unwrap_or_default();
        buffer.resize(len, 0);
        buffer
    }
}

/// Whether `later` is an acknowledgment that makes `earlier` superfluous, one of the same connection that waits to be
/// sent: it acknowledges more, or opens the window further. One that says the same again is a signal of its own
/// (RFC 5681 section 2), and so are options.
fn supersedes(later: &[u8], earlier: &[u8]) -> bool {
    let (Some((key, later)), Some((earlier_key, earlier))) = (acknowledgment(later), acknowledgment(earlier))
    else {
        return false;
    };
    let ahead = later.ack.wrapping_sub(earlier.ack) as i32;
    key == earlier_key && (ahead > 0 || (ahead == 0 && later.window > earlier.window))
}

/// A packet that does nothing but acknowledge, without options.
fn acknowledgment(packet: &[u8]) -> Option<(FlowKey, TcpSegment<'_>)> {
    let packet = Packet::parse(packet).ok()?;
    let key = packet.flow_key(Direction::Inbound)?;
    let Segment::Tcp(tcp) = packet.segment else { return None };
    let bare = TcpFlags { ack: true, ..TcpFlags::default() };
    (tcp.flags == bare && tcp.options.is_empty() && tcp.payload.is_empty()).then_some((key, tcp))
}

/// What an interface sees while it is polled: at most one packet in, any number out.
pub(crate) struct Device<'d> {
    pub(crate) mtu: usize,
    pub(crate) inbound: Option<&'d [u8]>,
    pub(crate) outbox: &'d mut Outbox,
}

impl phy::Device for Device<'_> {
    type RxToken<'a>
        = RxToken<'a>
    where
        Self: 'a;
    type TxToken<'a>
        = TxToken<'a>
    where
        Self: 'a;

    fn receive(&mut self, _now: Instant) -> Option<(RxToken<'_>, TxToken<'_>)> {
        let packet = self.inbound.take()?;
        Some((RxToken(packet), TxToken(self.outbox)))
    }

    fn transmit(&mut self, _now: Instant) -> Option<TxToken<'_>> {
        Some(TxToken(self.outbox))
    }

    fn capabilities(&self) -> DeviceCapabilities {
        let mut capabilities = DeviceCapabilities::default();
        capabilities.medium = Medium::Ip;
        capabilities.max_transmission_unit = self.mtu;
        // The phone's kernel hands its packets over in memory: what it built is not verified once more.
        capabilities.checksum.ipv4 = Checksum::Tx;
        capabilities.checksum.tcp = Checksum::Tx;
        capabilities
    }
}

pub(crate) struct RxToken<'a>(&'a [u8]);

impl phy::RxToken for RxToken<'_> {
    fn consume<R, F: FnOnce(&[u8]) -> R>(self, f: F) -> R {
        f(self.0)
    }
}

pub(crate) struct TxToken<'a>(&'a mut Outbox);

impl phy::TxToken for TxToken<'_> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, len: usize, f: F) -> R {
        let mut buffer = self.0.buffer(len);
        let result = f(&mut buffer);
        self.0.push(buffer);
        result
    }
}
