//! Many things at once.

use std::io;
use std::net::{IpAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::Result;
use tokio::task::JoinSet;

use super::latency::ask;
use super::{Many, connect, many, request, udp};
use crate::bench::against::world;

/// How many at once.
const AT_ONCE: usize = 64;
/// How many in all.
const TIMES: usize = 10_000;
/// No new ones are begun after this time.
const LIMIT: Duration = Duration::from_secs(8);
/// The same for flows that stay.
const FLOWS_LIMIT: Duration = Duration::from_secs(20);
/// How long [`datagrams`] takes.
const WINDOW: Duration = Duration::from_millis(1500);
/// After this time a datagram counts as lost.
const LOST: Duration = Duration::from_millis(500);

/// Short connections: connect, ask, read the reply, close.
pub(in crate::bench::against) async fn connections(address: IpAddr) -> Many<()> {
    let short = move |number: usize| async move {
        let port = world::ONCE.start + (number % world::ONCE.len()) as u16;
        let mut stream = connect((address, port)).await?;
        request(&mut stream).await
    };
    many(TIMES, AT_ONCE, LIMIT, short).await
}

/// Flows that have each exchanged a request and a reply and then stay open, silent.
pub(in crate::bench::against) async fn idle_flows(address: IpAddr, count: usize) -> Result<Vec<TcpStream>> {
    let flow = move |_| async move {
        let mut stream = connect((address, world::ANSWERS)).await?;
        request(&mut stream).await?;
        stream.into_std()
    };
    Ok(many(count, AT_ONCE, FLOWS_LIMIT, flow).await.done)
}

/// Whether nobody has closed an idle flow.
pub(in crate::bench::against) fn is_open(flow: &TcpStream) -> bool {
    flow.peek(&mut [0]).is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock)
}

/// A question on a new socket each.
pub(in crate::bench::against) async fn new_sockets(address: IpAddr) -> Many<()> {
    let exchange = move |_| async move {
        let socket = udp(address).await?;
        socket.connect((address, world::UDP)).await?;
        ask(&socket, LOST).await
    };
    many(TIMES, AT_ONCE, LIMIT, exchange).await
}

/// Questions from [`AT_ONCE`] sockets, each asking anew when it has its reply: replies a second, and how many were lost.
#[expect(clippy::disallowed_methods, reason = "measuring is what this is for")]
pub(in crate::bench::against) async fn datagrams(address: IpAddr) -> Result<(f64, u64)> {
    let (replies, lost) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
    let begun = Instant::now();
    let mut askers = JoinSet::new();
    for _ in 0..AT_ONCE {
        let socket = udp(address).await?;
        socket.connect((address, world::UDP)).await?;
        let (replies, lost) = (Arc::clone(&replies), Arc::clone(&lost));
        askers.spawn(async move {
            while begun.elapsed() < WINDOW {
                let counter = if ask(&socket, LOST).await.is_ok() { &replies } else { &lost };
                counter.fetch_add(1, Ordering::Relaxed);
            }
        });
    }
    askers.join_all().await;
    let rate = replies.load(Ordering::Relaxed) as f64 / begun.elapsed().as_secs_f64();
    anyhow::ensure!(rate > 0.0, "no reply at all");
    Ok((rate, lost.load(Ordering::Relaxed)))
}
