//! The servers of `world`.

use std::future::Future;
use std::io;
use std::net::{Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use anyhow::{Context, Result};
use nix::sched::{CloneFlags, unshare};
use sim::tls::CHANGE_CIPHER_SPEC;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream, UdpSocket};
use tokio::time::sleep;

use super::network::{self, WORLD};
use crate::bench::traffic;

/// Sends for as long as it is heard.
pub(super) const DOWNLOAD: u16 = 443;
/// Takes whatever comes.
pub(super) const UPLOAD: u16 = 444;
/// Answers each message of the length of [`traffic::hello`].
pub(super) const ANSWERS: u16 = 445;
/// Nobody listens here.
pub(super) const CLOSED: u16 = 9;
/// These answer one such message and close. Several, so that a connection's ports are not soon wanted again.
pub(super) const ONCE: std::ops::Range<u16> = 900..916;
/// Answers datagrams.
pub(super) const UDP: u16 = 853;
/// The same as a DNS server, whose clients are soon forgotten.
pub(super) const DNS: u16 = 53;

/// Connections that wait to be accepted.
const BACKLOG: u32 = 16_384;
/// How often the servers look whether they are to end.
const LOOK: Duration = Duration::from_millis(20);
/// What is read and written at once.
const CHUNK: usize = 256 << 10;

/// The servers, which end when this is dropped.
pub(super) struct World {
    uploaded: Arc<AtomicU64>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl World {
    /// Starts them in their namespace.
    pub(super) fn start() -> Result<Self> {
        let uploaded = Arc::new(AtomicU64::new(0));
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let (tell, told) = std::sync::mpsc::channel();
        let counter = Arc::clone(&uploaded);
        let thread = thread::Builder::new().name(WORLD.to_owned()).spawn(move || {
            network::enter(WORLD);
            // Descriptors of its own: each end of 10,000 flows needs one, and a table may be no larger than 20,000.
            _ = unshare(CloneFlags::CLONE_FILES);
            match start_all(counter) {
                Ok(runtime) => {
                    _ = tell.send(Ok(()));
                    // Asked for, not told: what would wake this thread is a descriptor that others do not have.
                    runtime.block_on(async {
                        while !stopped.load(Ordering::Relaxed) {
                            sleep(LOOK).await;
                        }
                    });
                }
                Err(error) => _ = tell.send(Err(error)),
            }
        })?;
        told.recv()?.context("the servers")?;
        Ok(Self { uploaded, stop, thread: Some(thread) })
    }

    /// Bytes that came in on [`UPLOAD`].
    pub(super) fn uploaded(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.uploaded)
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        _ = self.thread.take().map(JoinHandle::join);
    }
}

fn start_all(uploaded: Arc<AtomicU64>) -> io::Result<tokio::runtime::Runtime> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let records: Arc<[u8]> = traffic::records(CHUNK).into();
        serve(DOWNLOAD, move |stream| download(stream, Arc::clone(&records)))?;
        serve(UPLOAD, move |stream| upload(stream, Arc::clone(&uploaded)))?;
        serve(ANSWERS, answers)?;
        for port in ONCE {
            serve(port, |mut stream| async move { answer(&mut stream).await.map(drop) })?;
        }
        for port in [UDP, DNS] {
            tokio::spawn(datagrams(UdpSocket::bind((Ipv6Addr::UNSPECIFIED, port)).await?));
        }
        Ok::<_, io::Error>(())
    })?;
    Ok(runtime)
}

fn serve<F, H>(port: u16, handle: H) -> io::Result<()>
where
    F: Future<Output = io::Result<()>> + Send + 'static,
    H: Fn(TcpStream) -> F + Send + 'static,
{
    let socket = TcpSocket::new_v6()?;
    socket.set_reuseaddr(true)?;
    socket.bind(SocketAddr::from((Ipv6Addr::UNSPECIFIED, port)))?;
    let listener: TcpListener = socket.listen(BACKLOG)?;
    tokio::spawn(async move {
        loop {
            if let Ok((stream, _)) = listener.accept().await {
                _ = stream.set_nodelay(true);
                tokio::spawn(handle(stream));
            }
        }
    });
    Ok(())
}

/// Says what a TLS server would, endlessly.
async fn download(mut stream: TcpStream, records: Arc<[u8]>) -> io::Result<()> {
    let mut hello = vec![0; traffic::hello().len()];
    stream.read_exact(&mut hello).await?;
    stream.write_all(&CHANGE_CIPHER_SPEC).await?;
    loop {
        stream.write_all(&records).await?;
    }
}

async fn upload(mut stream: TcpStream, uploaded: Arc<AtomicU64>) -> io::Result<()> {
    let mut buffer = vec![0; CHUNK];
    loop {
        match stream.read(&mut buffer).await? {
            0 => return Ok(()),
            len => uploaded.fetch_add(len as u64, Ordering::Relaxed),
        };
    }
}

async fn answers(mut stream: TcpStream) -> io::Result<()> {
    while answer(&mut stream).await? {}
    Ok(())
}

/// Answers a message. Whether there was one.
async fn answer(stream: &mut TcpStream) -> io::Result<bool> {
    let mut message = vec![0; traffic::hello().len()];
    match stream.read_exact(&mut message).await {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
        Err(error) => Err(error),
        Ok(_) => stream.write_all(&reply()).await.map(|()| true),
    }
}

/// What a server says to a hello here: two TLS records.
pub(super) fn reply() -> Vec<u8> {
    let mut reply = CHANGE_CIPHER_SPEC.to_vec();
    reply.extend([23, 3, 3, 0, 100]);
    reply.extend([7; 100]);
    reply
}

/// Answers as a DNS server does that knows no name: the question with the bit that makes it an answer.
async fn datagrams(socket: UdpSocket) {
    let mut buffer = vec![0; 1 << 16];
    loop {
        let Ok((len, from)) = socket.recv_from(&mut buffer).await else { continue };
        if let Some(flags) = buffer.get_mut(2) {
            *flags |= 0x80;
        }
        _ = socket.send_to(&buffer[..len], from).await;
    }
}
