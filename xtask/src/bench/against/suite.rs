//! What is measured together, in one engine's life.

use std::net::IpAddr;
use std::thread::sleep;
use std::time::Duration;

use anyhow::{Context, Result};
use clap::ValueEnum;
use serde::Serialize;

use super::figure::Figure;
use super::load::transfer::{Way, transfer};
use super::load::{latency, rate};
use super::network::{WORLD_V4, WORLD_V6};
use super::process::Process;
use super::replay;
use super::stage::Stage;
use super::stats::percentile;

/// One or more tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, ValueEnum, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Suite {
    /// Bytes a second and engine CPU, up and down, over 1 and 8 connections
    Throughput,
    /// Connect, request and reply, UDP request and reply
    Latency,
    /// Short connections and datagrams, 64 at once
    Rate,
    /// Memory with 0, 1,000 and 10,000 idle flows, and throughput beside them
    Flows,
    /// Wake-ups without traffic
    Idle,
    /// From start to the first packet relayed
    Start,
    /// How fast a capture is read
    Replay,
}

/// Which IP.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Family {
    #[value(name = "4")]
    V4,
    #[value(name = "6")]
    V6,
}

impl Family {
    fn world(self) -> IpAddr {
        match self {
            Self::V4 => WORLD_V4,
            Self::V6 => WORLD_V6,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::V4 => "IPv4",
            Self::V6 => "IPv6",
        }
    }
}

/// Numbers of connections that share a transfer.
const STREAMS: [usize; 2] = [1, 8];
/// Idle flows, in all.
const FLOWS: [usize; 2] = [1_000, 10_000];
/// For what was done before to be over.
const PAUSE: Duration = Duration::from_millis(300);
/// For the engine's short timers to be over.
const SETTLE: Duration = Duration::from_millis(2500);
/// How long sleep is watched.
const WATCH: Duration = Duration::from_secs(4);
/// Engines that are started in each round.
const STARTS: usize = 3;

impl Suite {
    /// Whether it is measured at each MTU, or at one.
    pub(super) fn is_about_mtu(self) -> bool {
        self == Self::Throughput
    }

    /// Measures a contender once.
    pub(super) fn run(self, stage: &mut Stage<'_>, families: &[Family]) {
        match self {
            Self::Throughput => families.iter().for_each(|family| throughput(stage, *family)),
            Self::Latency => families.iter().for_each(|family| latency(stage, *family)),
            Self::Rate => families.iter().for_each(|family| rates(stage, *family)),
            Self::Flows => flows(stage),
            Self::Idle => idle(stage),
            Self::Start => start(stage),
            Self::Replay => replay::run(stage),
        }
    }
}

fn throughput(stage: &mut Stage<'_>, family: Family) {
    for (way, name) in [(Way::Download, "down"), (Way::Upload, "up")] {
        for streams in STREAMS {
            let cell = format!("{name} ×{streams} {}", family.name());
            stage.measure(&cell, &[Figure::Throughput, Figure::EngineCpu], |scene| {
                let window = scene.phone(async || transfer(scene, family.world(), way, streams).await)?;
                let cpu = window.engine_cpu.map(|cpu| (Figure::EngineCpu, cpu));
                Ok([Some((Figure::Throughput, window.gigabits_per_second)), cpu]
                    .into_iter()
                    .flatten()
                    .collect())
            });
            sleep(PAUSE);
        }
    }
}

fn latency(stage: &mut Stage<'_>, family: Family) {
    let (cell, address) = (family.name(), family.world());
    stage.measure(cell, &[Figure::Connect, Figure::ConnectP99, Figure::FirstReply], |scene| {
        let times = scene.phone(async || latency::connects(address).await)?;
        values([
            (Figure::Connect, percentile(&times.connect, 0.5)),
            (Figure::ConnectP99, percentile(&times.connect, 0.99)),
            (Figure::FirstReply, percentile(&times.first_reply, 0.5)),
        ])
    });
    stage.measure(cell, &[Figure::Request, Figure::RequestP99], |scene| {
        let times = scene.phone(async || latency::requests(address).await)?;
        values([(Figure::Request, percentile(&times, 0.5)), (Figure::RequestP99, percentile(&times, 0.99))])
    });
    stage.measure(cell, &[Figure::Datagram, Figure::DatagramP99], |scene| {
        let times = scene.phone(async || latency::datagrams(address).await)?;
        values([(Figure::Datagram, percentile(&times, 0.5)), (Figure::DatagramP99, percentile(&times, 0.99))])
    });
    stage.measure(cell, &[Figure::Imposture], |scene| {
        let seemed = scene.phone(async || Ok(latency::impostures(address).await))?;
        Ok(vec![(Figure::Imposture, seemed as f64)])
    });
    stage.measure(cell, &[Figure::EndsMissed], |scene| {
        let missed = scene.phone(async || Ok(latency::ends_missed(address).await))?;
        Ok(vec![(Figure::EndsMissed, missed as f64)])
    });
}

fn rates(stage: &mut Stage<'_>, family: Family) {
    let (cell, address) = (family.name(), family.world());
    stage.measure(cell, &[Figure::ConnectionRate, Figure::ConnectionsFailed], |scene| {
        let many = scene.phone(async || Ok(rate::connections(address).await))?;
        Ok(vec![(Figure::ConnectionRate, many.rate()?), (Figure::ConnectionsFailed, many.failed as f64)])
    });
    sleep(PAUSE);
    stage.measure(cell, &[Figure::DatagramRate, Figure::DatagramsLost], |scene| {
        let (rate, lost) = scene.phone(async || rate::datagrams(address).await)?;
        Ok(vec![(Figure::DatagramRate, rate), (Figure::DatagramsLost, lost as f64)])
    });
    sleep(PAUSE);
    stage.measure(cell, &[Figure::SocketRate, Figure::SocketsLost], |scene| {
        let many = scene.phone(async || Ok(rate::new_sockets(address).await))?;
        Ok(vec![(Figure::SocketRate, many.rate()?), (Figure::SocketsLost, many.failed as f64)])
    });
}

/// Memory before, with some and with many idle flows; throughput without and with them.
fn flows(stage: &mut Stage<'_>) {
    let (mut memory_before, mut speed_before) = (None, None);
    stage.measure("0 flows", &[Figure::Resident], |scene| {
        memory_before = scene.process().map(Process::resident).transpose()?;
        Ok(memory_before.map(|bytes| (Figure::Resident, mebibytes(bytes))).into_iter().collect())
    });
    stage.measure("0 flows", &[Figure::Throughput], |scene| {
        let window = scene.phone(async || transfer(scene, WORLD_V4, Way::Download, 1).await)?;
        speed_before = Some(window.gigabits_per_second);
        Ok(vec![(Figure::Throughput, window.gigabits_per_second)])
    });
    let mut flows = Vec::new();
    for count in FLOWS {
        let cell = format!("{count} flows");
        stage.measure(&cell, &[Figure::FlowsLost, Figure::Resident, Figure::PerFlow], |scene| {
            flows.extend(scene.phone(async || rate::idle_flows(WORLD_V4, count - flows.len()).await)?);
            sleep(PAUSE);
            let open = flows.iter().filter(|flow| rate::is_open(flow)).count();
            let memory = scene.process().map(Process::resident).transpose()?;
            let per_flow = memory.zip(memory_before).filter(|_| open > 0).map(|(with, without)| {
                (Figure::PerFlow, with.saturating_sub(without) as f64 / 1024.0 / open as f64)
            });
            let memory = memory.map(|bytes| (Figure::Resident, mebibytes(bytes)));
            let lost = (Figure::FlowsLost, (count - open) as f64);
            Ok([Some(lost), memory, per_flow].into_iter().flatten().collect())
        });
    }
    let [.., most] = FLOWS;
    stage.measure(&format!("{most} flows"), &[Figure::Throughput, Figure::Loaded], |scene| {
        let without = speed_before.context("no throughput without flows")?;
        let window = scene.phone(async || transfer(scene, WORLD_V4, Way::Download, 1).await)?;
        let speed = window.gigabits_per_second;
        Ok(vec![(Figure::Throughput, speed), (Figure::Loaded, speed / without)])
    });
}

fn mebibytes(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}

fn idle(stage: &mut Stage<'_>) {
    stage.measure("", &[Figure::WakeUps], |scene| {
        let Some(process) = scene.process() else { return Ok(Vec::new()) };
        sleep(SETTLE);
        let before = process.sleeps()?;
        sleep(WATCH);
        let sleeps = process.sleeps()?.saturating_sub(before);
        Ok(vec![(Figure::WakeUps, sleeps as f64 / WATCH.as_secs_f64())])
    });
}

fn start(stage: &mut Stage<'_>) {
    for _ in 0..STARTS {
        stage.measure("", &[Figure::ColdStart], |scene| {
            let engine = scene.process().is_some();
            let time = scene.cold_start.as_secs_f64() * 1e3;
            Ok(engine.then_some((Figure::ColdStart, time)).into_iter().collect())
        });
        stage.clear();
    }
}

/// Figures that were all measured.
fn values<const N: usize>(figures: [(Figure, Option<f64>); N]) -> Result<Vec<(Figure, f64)>> {
    figures.into_iter().map(|(figure, value)| Ok((figure, value.context("nothing was measured")?))).collect()
}
