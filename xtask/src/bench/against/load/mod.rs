//! What the phone does: transfers, requests, many things at once. Runs on a runtime of one thread in its namespace.

pub(super) mod endless;
pub(super) mod latency;
pub(super) mod rate;
pub(super) mod transfer;

use std::future::Future;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::network::WORLD_V4;
use super::world;
use crate::bench::traffic;

/// How long anything may take before it counts as failed.
const PATIENCE: Duration = Duration::from_secs(2);

/// Asks until the first answer. How long after `begun` it came.
///
/// # Errors
/// When none comes within `limit`.
pub(super) async fn first_reply(begun: Instant, limit: Duration) -> Result<Duration> {
    let socket = udp(WORLD_V4).await?;
    let mut buffer = [0; 64];
    while begun.elapsed() < limit {
        // Without a TUN yet there is no route either.
        _ = socket.send_to(&query(), (WORLD_V4, world::UDP)).await;
        let answer = timeout(Duration::from_millis(1), socket.recv_from(&mut buffer)).await;
        if matches!(answer, Ok(Ok(_))) {
            return Ok(begun.elapsed());
        }
    }
    bail!("no reply within {} s", limit.as_secs())
}

/// A question to a DNS server (RFC 1035) for the address of `bench.example`.
fn query() -> Vec<u8> {
    let head = [0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    [&head[..], b"\x05bench\x07example\0", &[0, 1, 0, 1]].concat()
}

/// A socket that is not connected.
async fn udp(family: IpAddr) -> io::Result<UdpSocket> {
    let any = match family {
        IpAddr::V4(_) => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        IpAddr::V6(_) => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
    };
    UdpSocket::bind((any, 0)).await
}

/// A connection, in time.
async fn connect(address: impl Into<SocketAddr>) -> io::Result<TcpStream> {
    let stream = timeout(PATIENCE, TcpStream::connect(address.into())).await??;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// Says hello and waits for the whole reply.
async fn request(stream: &mut TcpStream) -> io::Result<()> {
    let exchange = async {
        stream.write_all(&traffic::hello()).await?;
        let mut reply = vec![0; world::reply().len()];
        stream.read_exact(&mut reply).await.map(drop)
    };
    timeout(PATIENCE, exchange).await?
}

/// What came of many tries.
pub(super) struct Many<T> {
    pub done: Vec<T>,
    /// Those that failed, and those for which no time was left.
    pub failed: usize,
    /// From the first try to the last success.
    pub time: Duration,
}

impl<T> Many<T> {
    /// Successes a second.
    ///
    /// # Errors
    /// When there was none.
    pub(super) fn rate(&self) -> Result<f64> {
        match self.done.len() {
            0 => bail!("all {} failed", self.failed),
            done => Ok(done as f64 / self.time.as_secs_f64()),
        }
    }
}

/// Tries to do `work` so often, `at_once` at the same time, and begins no more after `limit`.
#[expect(clippy::disallowed_methods, reason = "measuring is what this is for")]
pub(super) async fn many<T, F>(
    count: usize,
    at_once: usize,
    limit: Duration,
    work: impl Fn(usize) -> F + Clone + Send + 'static,
) -> Many<T>
where
    F: Future<Output = io::Result<T>> + Send,
    T: Send + 'static,
{
    let begun = Instant::now();
    let next = Arc::new(AtomicUsize::new(0));
    let mut workers = JoinSet::new();
    for _ in 0..at_once {
        let (next, work) = (Arc::clone(&next), work.clone());
        workers.spawn(async move {
            let (mut done, mut last) = (Vec::new(), Duration::ZERO);
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= count || begun.elapsed() > limit {
                    return (done, last);
                }
                if let Ok(Ok(result)) = timeout(PATIENCE, work(number)).await {
                    done.push(result);
                    last = begun.elapsed();
                }
            }
        });
    }
    let (mut done, mut time) = (Vec::with_capacity(count), Duration::ZERO);
    while let Some(worker) = workers.join_next().await {
        let (results, last) = worker.expect("a worker does not panic");
        done.extend(results);
        time = time.max(last);
    }
    Many { failed: count - done.len(), done, time }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_tries_are_counted() -> Result<()> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
        runtime.block_on(async {
            let odd = |n: usize| async move {
                if n % 2 == 1 { Ok(n) } else { Err(io::ErrorKind::TimedOut.into()) }
            };
            let mut some = many(101, 8, Duration::from_secs(60), odd).await;
            some.done.sort();
            assert_eq!(some.done, (0..50).map(|n| 2 * n + 1).collect::<Vec<_>>());
            assert_eq!(some.failed, 51);
            assert!(some.rate()? > 0.0);
            let none = many(4, 2, Duration::from_secs(60), |_| async {
                io::Result::<()>::Err(io::ErrorKind::Other.into())
            });
            assert!(none.await.rate().is_err());
            Ok(())
        })
    }
}
