//! One direction of a bad link.

use std::collections::BTreeMap;
use std::time::Duration;

use packet::Timestamp;

use crate::Random;

/// How bad a link is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Quality {
    /// Packets in a thousand that are lost.
    pub loss: u32,
    /// Packets in a thousand that come twice.
    pub duplicates: u32,
    /// Every packet takes a random time up to this, so packets overtake each other.
    pub jitter: Duration,
}

/// Packets under way.
#[derive(Debug)]
pub struct Link {
    quality: Quality,
    random: Random,
    /// By arrival, then in the order of sending.
    packets: BTreeMap<(Timestamp, u64), Vec<u8>>,
    sent: u64,
}

impl Link {
    /// An empty link.
    pub const fn new(quality: Quality, seed: u64) -> Self {
        Self { quality, random: Random::new(seed), packets: BTreeMap::new(), sent: 0 }
    }

    /// Takes a packet.
    pub fn send(&mut self, now: Timestamp, packet: Vec<u8>) {
        if self.random.happens(self.quality.loss) {
            return;
        }
        if self.random.happens(self.quality.duplicates) {
            self.put(now, packet.clone());
        }
        self.put(now, packet);
    }

    /// When the next packet arrives.
    pub fn next_arrival(&self) -> Option<Timestamp> {
        self.packets.first_key_value().map(|(&(at, _), _)| at)
    }

    /// The next packet that has arrived by `now`.
    pub fn receive(&mut self, now: Timestamp) -> Option<Vec<u8>> {
        if self.next_arrival()? > now {
            return None;
        }
        self.packets.pop_first().map(|(_, packet)| packet)
    }

    fn put(&mut self, now: Timestamp, packet: Vec<u8>) {
        let jitter = self.quality.jitter.as_micros() as usize;
        let delay = Duration::from_micros(100 + self.random.below(jitter + 1) as u64);
        self.sent += 1;
        self.packets.insert((now + delay, self.sent), packet);
    }
}
