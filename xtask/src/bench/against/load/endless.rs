//! Everything that a phone does, at once and without end.

use std::collections::BTreeMap;
use std::future::Future;
use std::io;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::latency::ask;
use super::{connect, request, udp};
use crate::bench::against::world;
use crate::bench::traffic;

/// Connections that transfer, each way.
const TRANSFERS: usize = 3;
/// How long each of them lasts before another takes its place.
const TRANSFER: Duration = Duration::from_secs(7);
/// Short connections at once.
const SHORT: usize = 24;
/// Time between two DNS questions, each from a socket of its own.
const QUESTION: Duration = Duration::from_millis(20);
/// Time after a failure.
const PAUSE: Duration = Duration::from_millis(100);
/// What is read and written at once.
const CHUNK: usize = 256 << 10;

/// What was done so far.
#[derive(Debug, Default)]
pub(in crate::bench::against) struct Done {
    /// Bytes that the phone read.
    pub down: AtomicU64,
    /// Bytes that the phone wrote.
    pub up: AtomicU64,
    /// Short connections, each of which had its reply.
    pub connections: AtomicU64,
    /// Questions that were answered.
    pub questions: AtomicU64,
    /// Of all that, what failed and how, and how often.
    pub failed: Mutex<BTreeMap<(&'static str, io::ErrorKind), u64>>,
}

impl Done {
    fn fail(&self, what: &'static str, error: &io::Error) {
        let mut failed = self.failed.lock().unwrap_or_else(PoisonError::into_inner);
        *failed.entry((what, error.kind())).or_default() += 1;
    }

    /// What failed, in words.
    pub fn failures(&self) -> String {
        let failed = self.failed.lock().unwrap_or_else(PoisonError::into_inner);
        let each = failed.iter().map(|((what, error), count)| format!("{count} × {what}: {error}"));
        if failed.is_empty() { "none".to_owned() } else { each.collect::<Vec<_>>().join(", ") }
    }
}

/// The load, which ends when this is dropped.
pub(in crate::bench::against) struct Endless {
    /// What it has done.
    pub done: Arc<Done>,
    _workers: JoinSet<()>,
}

impl Endless {
    /// Begins transfers both ways, short connections, connections that are reset, and DNS questions.
    pub(in crate::bench::against) fn begin(address: IpAddr) -> Self {
        let done = Arc::new(Done::default());
        let mut workers = JoinSet::new();
        let records: Arc<[u8]> = traffic::records(CHUNK).into();
        for _ in 0..TRANSFERS {
            let records = Arc::clone(&records);
            workers.spawn(forever("download", Arc::clone(&done), move |done| download(address, done)));
            let send = move |done| upload(address, Arc::clone(&records), done);
            workers.spawn(forever("upload", Arc::clone(&done), send));
        }
        for number in 0..SHORT {
            let port = world::ONCE.start + (number % world::ONCE.len()) as u16;
            // Every fourth is reset instead of closed.
            let resets = number % 4 == 0;
            let ask = move |done| short(address, port, resets, done);
            workers.spawn(forever("short connection", Arc::clone(&done), ask));
        }
        workers.spawn(forever("question", Arc::clone(&done), move |done| question(address, done)));
        Self { done, _workers: workers }
    }
}

async fn forever<F: Future<Output = io::Result<()>>>(
    what: &'static str,
    done: Arc<Done>,
    work: impl Fn(Arc<Done>) -> F,
) {
    loop {
        if let Err(error) = work(Arc::clone(&done)).await {
            done.fail(what, &error);
            sleep(PAUSE).await;
        }
    }
}

async fn download(address: IpAddr, done: Arc<Done>) -> io::Result<()> {
    let mut stream = connect((address, world::DOWNLOAD)).await?;
    stream.write_all(&traffic::hello()).await?;
    let mut buffer = vec![0; CHUNK];
    let reading = async {
        loop {
            match stream.read(&mut buffer).await? {
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                len => done.down.fetch_add(len as u64, Ordering::Relaxed),
            };
        }
    };
    until(TRANSFER, reading).await
}

async fn upload(address: IpAddr, records: Arc<[u8]>, done: Arc<Done>) -> io::Result<()> {
    let mut stream = connect((address, world::UPLOAD)).await?;
    stream.write_all(&traffic::hello()).await?;
    let writing = async {
        loop {
            stream.write_all(&records).await?;
            done.up.fetch_add(records.len() as u64, Ordering::Relaxed);
        }
    };
    until(TRANSFER, writing).await
}

async fn short(address: IpAddr, port: u16, resets: bool, done: Arc<Done>) -> io::Result<()> {
    let mut stream = connect((address, port)).await?;
    request(&mut stream).await?;
    if resets {
        stream.set_zero_linger()?;
    } else {
        stream.read_to_end(&mut Vec::new()).await?;
    }
    done.connections.fetch_add(1, Ordering::Relaxed);
    Ok(())
}

async fn question(address: IpAddr, done: Arc<Done>) -> io::Result<()> {
    sleep(QUESTION).await;
    let socket = udp(address).await?;
    socket.connect((address, world::DNS)).await?;
    ask(&socket, super::PATIENCE).await?;
    done.questions.fetch_add(1, Ordering::Relaxed);
    Ok(())
}

/// Works for so long; that it has not ended then is no failure.
async fn until(time: Duration, work: impl Future<Output = io::Result<()>>) -> io::Result<()> {
    timeout(time, work).await.unwrap_or(Ok(()))
}
