//! One thing after the other, each timed.

use std::io;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use tokio::io::AsyncReadExt;
use tokio::net::UdpSocket;
use tokio::time::timeout;

use super::{PATIENCE, connect, many, query, request, udp};
use crate::bench::against::world;

/// How often each is done, if there is time for it.
const TIMES: usize = 1000;
/// Time for each kind.
const LIMIT: Duration = Duration::from_secs(1);
/// Datagrams that may be lost before this gives up.
const LOSSES: usize = 3;
/// Closed ports that are knocked at, and connections whose end is waited for.
const KNOCKS: usize = 20;

/// Times of connections.
#[derive(Default)]
pub(in crate::bench::against) struct Connects {
    /// Until the connection was there.
    pub connect: Vec<Duration>,
    /// Until a reply was, from the same moment. An engine that says "connected" before it is gains nothing here.
    pub first_reply: Vec<Duration>,
}

/// Connects, asks, closes, again and again.
#[expect(clippy::disallowed_methods, reason = "measuring is what this is for")]
pub(in crate::bench::against) async fn connects(address: IpAddr) -> Result<Connects> {
    let mut times = Connects::default();
    let begun = Instant::now();
    while times.connect.len() < TIMES && begun.elapsed() < LIMIT {
        let start = Instant::now();
        let mut stream = connect((address, world::ANSWERS)).await.context("no connection")?;
        times.connect.push(start.elapsed());
        request(&mut stream).await.context("no reply")?;
        times.first_reply.push(start.elapsed());
    }
    Ok(times)
}

/// Requests on one connection.
#[expect(clippy::disallowed_methods, reason = "measuring is what this is for")]
pub(in crate::bench::against) async fn requests(address: IpAddr) -> Result<Vec<Duration>> {
    let mut stream = connect((address, world::ANSWERS)).await.context("no connection")?;
    let mut times = Vec::new();
    let begun = Instant::now();
    while times.len() < TIMES && begun.elapsed() < LIMIT {
        let start = Instant::now();
        request(&mut stream).await.context("no reply")?;
        times.push(start.elapsed());
    }
    Ok(times)
}

/// Questions over UDP from one socket.
#[expect(clippy::disallowed_methods, reason = "measuring is what this is for")]
pub(in crate::bench::against) async fn datagrams(address: IpAddr) -> Result<Vec<Duration>> {
    let socket = udp(address).await?;
    socket.connect((address, world::UDP)).await?;
    let (mut times, mut lost) = (Vec::new(), 0);
    let begun = Instant::now();
    while times.len() < TIMES && begun.elapsed() < LIMIT {
        let start = Instant::now();
        match ask(&socket, PATIENCE).await {
            Ok(()) => times.push(start.elapsed()),
            Err(_) => lost += 1,
        }
        if lost > LOSSES {
            bail!("{lost} datagrams without a reply");
        }
    }
    Ok(times)
}

/// Asks a connected socket's server and waits for the reply.
pub(super) async fn ask(socket: &UdpSocket, patience: Duration) -> io::Result<()> {
    let mut buffer = [0; 64];
    socket.send(&query()).await?;
    timeout(patience, socket.recv(&mut buffer)).await??;
    Ok(())
}

/// Knocks at a port where nobody listens. How often that looked like a connection, out of [`KNOCKS`].
pub(in crate::bench::against) async fn impostures(address: IpAddr) -> usize {
    let knock = move |_| connect((address, world::CLOSED));
    many(KNOCKS, KNOCKS, LIMIT, knock).await.done.len()
}

/// Asks servers that close when they have answered. How often the end did not arrive in time, out of [`KNOCKS`].
pub(in crate::bench::against) async fn ends_missed(address: IpAddr) -> usize {
    let to_the_end = move |_| async move {
        let mut stream = connect((address, world::ONCE.start)).await?;
        request(&mut stream).await?;
        stream.read_to_end(&mut Vec::new()).await.map(drop)
    };
    many(KNOCKS, KNOCKS, LIMIT, to_the_end).await.failed
}
