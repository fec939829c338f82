//! Bytes in one direction, for as long as a window lasts.

use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::sleep;

use super::connect;
use crate::bench::against::process::Process;
use crate::bench::against::scene::Scene;
use crate::bench::against::world;
use crate::bench::traffic;

/// Before the window, for windows and buffers to grow.
const WARM_UP: Duration = Duration::from_millis(600);
/// What is measured.
const WINDOW: Duration = Duration::from_millis(1500);
/// What is read and written at once.
const CHUNK: usize = 256 << 10;

/// As seen from the phone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::bench::against) enum Way {
    Download,
    Upload,
}

/// What arrived in a window.
pub(in crate::bench::against) struct Window {
    pub gigabits_per_second: f64,
    /// Seconds for each 10⁹ bytes. The kernel's own routing is nobody's.
    pub engine_cpu: Option<f64>,
}

/// Moves TLS records over so many connections, and counts them where they arrive.
///
/// # Errors
/// When a connection cannot be made, or nothing arrives.
pub(in crate::bench::against) async fn transfer(
    scene: &Scene,
    address: IpAddr,
    way: Way,
    streams: usize,
) -> Result<Window> {
    let counter = match way {
        Way::Download => Arc::new(AtomicU64::new(0)),
        Way::Upload => scene.world.uploaded(),
    };
    let records: Arc<[u8]> = traffic::records(CHUNK).into();
    let mut tasks = JoinSet::new();
    for _ in 0..streams {
        match way {
            Way::Download => {
                let stream = connect((address, world::DOWNLOAD)).await.context("no connection")?;
                tasks.spawn(read(stream, Arc::clone(&counter)));
            }
            Way::Upload => {
                let stream = connect((address, world::UPLOAD)).await.context("no connection")?;
                tasks.spawn(write(stream, Arc::clone(&records)));
            }
        }
    }
    sleep(WARM_UP).await;
    window(&counter, scene.process()).await
}

/// Counts for a while.
#[expect(clippy::disallowed_methods, reason = "measuring is what this is for")]
async fn window(counter: &AtomicU64, process: Option<Process>) -> Result<Window> {
    let cpu = || process.map(Process::cpu).transpose().context("the engine has ended");
    let (begun, before, cpu_before) = (Instant::now(), counter.load(Ordering::Relaxed), cpu()?);
    sleep(WINDOW).await;
    let (time, after, cpu_after) = (begun.elapsed(), counter.load(Ordering::Relaxed), cpu()?);
    let bytes = (after - before) as f64;
    if bytes == 0.0 {
        bail!("stalled");
    }
    let busy = cpu_after.zip(cpu_before).map(|(after, before)| after.saturating_sub(before).as_secs_f64());
    Ok(Window {
        gigabits_per_second: bytes * 8.0 / 1e9 / time.as_secs_f64(),
        engine_cpu: busy.map(|busy| busy / (bytes / 1e9)),
    })
}

async fn read(mut stream: TcpStream, counter: Arc<AtomicU64>) -> io::Result<()> {
    stream.write_all(&traffic::hello()).await?;
    let mut buffer = vec![0; CHUNK];
    loop {
        match stream.read(&mut buffer).await? {
            0 => return Ok(()),
            len => counter.fetch_add(len as u64, Ordering::Relaxed),
        };
    }
}

async fn write(mut stream: TcpStream, records: Arc<[u8]>) -> io::Result<()> {
    stream.write_all(&traffic::hello()).await?;
    loop {
        stream.write_all(&records).await?;
    }
}
