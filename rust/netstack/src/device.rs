//! The in-memory device between a smoltcp interface and the phone's TUN.

use std::collections::VecDeque;

use smoltcp::phy::{self, Checksum, DeviceCapabilities, Medium};
use smoltcp::time::Instant;

/// Packets for the phone, oldest first, and the buffers to build the next ones in.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    queue: VecDeque<Vec<u8>>,
    spare: Vec<Vec<u8>>,
}

impl Outbox {
    const MOST_SPARE: usize = 64;

    pub(crate) fn push(&mut self, packet: Vec<u8>) {
        self.queue.push_back(packet);
    }

    pub(crate) fn pop(&mut self) -> Option<Vec<u8>> {
        self.queue.pop_front()
    }

    pub(crate) fn len(&self) -> usize {
        self.queue.len()
    }

    pub(crate) fn last(&self) -> Option<&[u8]> {
        self.queue.back().map(Vec::as_slice)
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
