//! What is measured, in which unit, and what is to be reached.

use serde::Serialize;

/// A quantity that is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Figure {
    Throughput,
    EngineCpu,
    Connect,
    ConnectP99,
    FirstReply,
    Request,
    RequestP99,
    Datagram,
    DatagramP99,
    Imposture,
    EndsMissed,
    ConnectionRate,
    ConnectionsFailed,
    DatagramRate,
    DatagramsLost,
    SocketRate,
    SocketsLost,
    Resident,
    FlowsLost,
    PerFlow,
    Loaded,
    WakeUps,
    ColdStart,
    ReplayEncrypted,
    ReplayPlain,
    ReplayMemory,
}

/// What a figure has to be for Telltale.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Target {
    /// So many times the best peer's, or better.
    OfBestPeer(f64),
    /// No more than this.
    AtMost(f64),
    /// No less than this.
    AtLeast(f64),
}

/// How a figure is shown and judged.
pub(super) struct About {
    pub title: &'static str,
    pub higher_is_better: bool,
    /// Digits after the point.
    pub digits: usize,
    pub target: Option<Target>,
}

impl Figure {
    /// At an MTU of so many bytes.
    pub(super) fn about(self, mtu: usize) -> About {
        use Target::{AtLeast, AtMost, OfBestPeer};
        let higher = |title, digits, target| About { title, higher_is_better: true, digits, target };
        let lower = |title, digits, target| About { title, higher_is_better: false, digits, target };
        let as_good = Some(OfBestPeer(1.0));
        match self {
            Self::Throughput => higher("Gbit/s", 2, Some(OfBestPeer(if mtu > 1500 { 1.25 } else { 1.0 }))),
            Self::EngineCpu => lower("engine CPU, s/GB", 2, cpu_target(mtu).map(OfBestPeer)),
            Self::Connect => lower("connect, median µs", 0, as_good),
            Self::ConnectP99 => lower("connect, p99 µs", 0, as_good),
            Self::FirstReply => lower("connect and first reply, median µs", 0, as_good),
            Self::Request => lower("request and reply, median µs", 0, None),
            Self::RequestP99 => lower("request and reply, p99 µs", 0, None),
            Self::Datagram => lower("UDP request and reply, median µs", 0, as_good),
            Self::DatagramP99 => lower("UDP request and reply, p99 µs", 0, as_good),
            Self::Imposture => lower("closed ports that seemed open, of 20", 0, Some(AtMost(0.0))),
            Self::EndsMissed => lower(
                "connections that the server closed and the phone did not see closed, of 20",
                0,
                Some(AtMost(0.0)),
            ),
            Self::ConnectionRate => higher("connections/s, 64 at once", 0, Some(OfBestPeer(1.2))),
            Self::ConnectionsFailed => lower("connections that failed, of 10,000", 0, Some(AtMost(0.0))),
            Self::DatagramRate => higher("UDP replies/s, 64 at once", 0, as_good),
            Self::DatagramsLost => lower("UDP requests without a reply", 0, None),
            Self::SocketRate => higher("UDP replies/s, each on a new socket", 0, as_good),
            Self::SocketsLost => lower("new sockets without a reply, of 10,000", 0, None),
            Self::Resident => lower("memory, MiB", 1, None),
            Self::FlowsLost => lower("flows that failed or did not last", 0, Some(AtMost(0.0))),
            Self::PerFlow => lower("memory for each idle flow, KiB", 2, Some(AtMost(4.0))),
            Self::Loaded => higher("throughput beside idle flows, of that without", 2, Some(AtLeast(0.95))),
            Self::WakeUps => lower("wake-ups a second", 2, Some(AtMost(0.0))),
            Self::ReplayEncrypted => higher("MB/s of capture", 0, Some(AtLeast(1000.0))),
            Self::ReplayPlain => higher("MB/s of capture", 0, Some(AtLeast(300.0))),
            Self::ReplayMemory => lower("memory, of that for a quarter of the capture", 2, Some(AtMost(1.1))),
            Self::ColdStart => lower("start to first packet relayed, ms", 1, Some(AtMost(50.0))),
        }
    }
}

/// What part of the best peer's CPU for a gigabyte ours may be.
fn cpu_target(mtu: usize) -> Option<f64> {
    match mtu {
        ..=1500 => Some(1.0),
        9000 => Some(0.8),
        _ => None,
    }
}

impl Target {
    /// Whether `ours` reaches it. `None` when there is nobody to compare with.
    pub(super) fn is_met(self, ours: f64, best_peer: Option<f64>, higher_is_better: bool) -> Option<bool> {
        match self {
            Self::AtMost(bound) => Some(ours <= bound),
            Self::AtLeast(bound) => Some(ours >= bound),
            Self::OfBestPeer(times) => best_peer.map(|best| match higher_is_better {
                true => ours >= times * best,
                false => ours <= times * best,
            }),
        }
    }

    /// In a table.
    pub(super) fn shown(self, higher_is_better: bool) -> String {
        let sign = if higher_is_better { '≥' } else { '≤' };
        match self {
            Self::AtMost(bound) => format!("≤ {bound}"),
            Self::AtLeast(bound) => format!("≥ {bound}"),
            Self::OfBestPeer(times) => format!("{sign} {times} ×"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_look_the_right_way() {
        let faster = Target::OfBestPeer(1.25);
        assert_eq!(faster.is_met(5.0, Some(4.0), true), Some(true));
        assert_eq!(faster.is_met(4.9, Some(4.0), true), Some(false));
        assert_eq!(faster.is_met(4.9, None, true), None);
        let cheaper = Target::OfBestPeer(0.8);
        assert_eq!(cheaper.is_met(0.8, Some(1.0), false), Some(true));
        assert_eq!(cheaper.is_met(0.9, Some(1.0), false), Some(false));
        assert_eq!(Target::AtMost(0.0).is_met(0.0, None, false), Some(true));
        assert_eq!(Target::AtLeast(0.95).is_met(0.94, None, true), Some(false));
        assert_eq!(faster.shown(true), "≥ 1.25 ×");
    }

    #[test]
    fn each_mtu_has_its_targets() {
        let targets = |mtu| [Figure::Throughput, Figure::EngineCpu].map(|figure| figure.about(mtu).target);
        assert_eq!(targets(1500), [Some(Target::OfBestPeer(1.0)); 2]);
        assert_eq!(targets(9000), [Some(Target::OfBestPeer(1.25)), Some(Target::OfBestPeer(0.8))]);
        assert_eq!(targets(65535), [Some(Target::OfBestPeer(1.25)), None]);
    }
}
