//! One direction of a bad link.

use std::collections::BTreeMap;
use std::time::Duration;

use packet::Timestamp;

use crate::Random;

/// How bad a link is. The default is a good one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Quality {
    /// Packets in a thousand that are lost.
    pub loss: u32,
    /// Packets in a thousand that come twice.
    pub duplicates: u32,
    /// Packets in a thousand that are held up, so that those behind overtake them.
    pub reorder: u32,
    /// Packets in a thousand of which one bit is turned.
    pub corrupt: u32,
    /// Every packet takes this long.
    pub delay: Duration,
    /// And a random time up to this, so packets overtake each other.
    pub jitter: Duration,
    /// Bytes that pass in a second, when that is bounded; what comes faster waits.
    pub rate: Option<u32>,
    /// Nothing arrives that is sent in this time after the beginning: from, until.
    pub outage: Option<(Duration, Duration)>,
}

/// Packets under way.
#[derive(Debug)]
pub struct Link {
    quality: Quality,
    begin: Timestamp,
    random: Random,
    /// By arrival, then in the order of sending.
    packets: BTreeMap<(Timestamp, u64), Vec<u8>>,
    sent: u64,
    /// When the wire is free again.
    free: Timestamp,
}

/// The least time that a packet takes.
const LEAST: Duration = Duration::from_micros(100);

impl Link {
    /// An empty link.
    pub const fn new(quality: Quality, begin: Timestamp, seed: u64) -> Self {
        Self { quality, begin, random: Random::new(seed), packets: BTreeMap::new(), sent: 0, free: begin }
    }

    /// Takes a packet.
    pub fn send(&mut self, now: Timestamp, mut packet: Vec<u8>) {
        let since = now.since(self.begin);
        let out = self.quality.outage.is_some_and(|(from, until)| (from..until).contains(&since));
        if self.random.happens(self.quality.loss) || out {
            return;
        }
        if self.random.happens(self.quality.corrupt) {
            let at = self.random.below(packet.len());
            packet[at] ^= 1 << self.random.below(8);
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
        let mut leaves = now;
        if let Some(rate) = self.quality.rate {
            let micros = packet.len() as u64 * 1_000_000 / u64::from(rate);
            self.free = self.free.max(now) + Duration::from_micros(micros);
            leaves = self.free;
        }
        let mut delay = LEAST + self.quality.delay + self.up_to(self.quality.jitter);
        if self.random.happens(self.quality.reorder) {
            let usual = self.quality.delay.max(Duration::from_millis(2));
            delay += usual / 2 + self.up_to(usual * 3 / 2);
        }
        self.sent += 1;
        self.packets.insert((leaves + delay, self.sent), packet);
    }

    fn up_to(&mut self, most: Duration) -> Duration {
        Duration::from_micros(self.random.below(most.as_micros() as usize + 1) as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BEGIN: Timestamp = Timestamp::from_millis(1_000);

    /// The numbers of the packets that arrive of a hundred, one each millisecond, and when the last does.
    fn arrivals(quality: Quality) -> (Vec<u8>, Duration) {
        let mut link = Link::new(quality, BEGIN, 1);
        for number in 0..100 {
            link.send(BEGIN + Duration::from_millis(number.into()), vec![number; 100]);
        }
        let (mut numbers, mut last) = (Vec::new(), BEGIN);
        while let Some(at) = link.next_arrival() {
            last = at;
            numbers.extend(link.receive(at).map(|packet| packet[50]));
        }
        (numbers, last.since(BEGIN))
    }

    #[test]
    fn each_fault_does_what_it_says() {
        let all: Vec<u8> = (0..100).collect();
        let good = Quality::default();
        assert_eq!(arrivals(good), (all.clone(), Duration::from_micros(99_100)));
        assert!((70..95).contains(&arrivals(Quality { loss: 200, ..good }).0.len()));
        assert!((105..130).contains(&arrivals(Quality { duplicates: 200, ..good }).0.len()));
        let (mut numbers, _) = arrivals(Quality { reorder: 200, ..good });
        assert_ne!(numbers, all);
        numbers.sort_unstable();
        assert_eq!(numbers, all);
        let outage = Some((Duration::from_millis(10), Duration::from_millis(30)));
        assert_eq!(arrivals(Quality { outage, ..good }).0, [&all[..10], &all[30..]].concat());
        assert_eq!(
            arrivals(Quality { rate: Some(10_000), ..good }).1,
            Duration::from_secs(1) + LEAST,
            "10 kB at 10 kB/s"
        );
    }

    #[test]
    fn a_bit_is_turned() {
        let mut link = Link::new(Quality { corrupt: 1000, ..Quality::default() }, BEGIN, 1);
        link.send(BEGIN, vec![0; 40]);
        let packet = link.receive(BEGIN + Duration::from_secs(1)).expect("a packet");
        assert_eq!(packet.iter().map(|byte| byte.count_ones()).sum::<u32>(), 1);
    }
}
