//! The demo's phone: apps that open connections as the real ones do, each under its own name.

use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use packet::{App, FlowKey, Transport};
use quinn::crypto::rustls::QuicClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream, UdpSocket};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use super::dns;
use super::places::{PHONE, PHONE_V6, Place, RESOLVER};
use super::tls::Authority;

/// How long a client waits for an answer: long enough for a busy machine.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long until a datagram that was not answered is sent again.
const RETRY: Duration = Duration::from_secs(1);

const LONGEST_REPLY: usize = 64 * 1024;

/// Which app opened which socket: what Android's `getConnectionOwnerUid` tells the real app.
#[derive(Debug, Clone, Default)]
pub struct Owners(Arc<Mutex<BTreeMap<(Transport, SocketAddr), App>>>);

impl Owners {
    fn insert(&self, transport: Transport, local: SocketAddr, app: &App) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert((transport, local), app.clone());
    }

    /// The app that opened a flow.
    pub fn look_up(&self, flow: &FlowKey) -> Option<App> {
        let key = (flow.transport, flow.local);
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&key).cloned()
    }
}

/// A phone with a network.
#[derive(Debug)]
pub struct Phone {
    owners: Owners,
    tls: TlsConnectorDebug,
    quic: quinn::ClientConfig,
    v6: bool,
}

/// `TlsConnector` without its configuration in debug output.
struct TlsConnectorDebug(TlsConnector);

impl std::fmt::Debug for TlsConnectorDebug {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("TlsConnector")
    }
}

impl Phone {
    /// A phone that trusts the world's certificate.
    pub fn new(authority: &Authority, owners: Owners, v6: bool) -> io::Result<Self> {
        let quic = QuicClientConfig::try_from(authority.client("h3")?).map_err(io::Error::other)?;
        Ok(Self {
            owners,
            tls: TlsConnectorDebug(TlsConnector::from(authority.client("http/1.1")?)),
            quic: quinn::ClientConfig::new(Arc::new(quic)),
            v6,
        })
    }

    /// A request over plain HTTP.
    pub async fn http(&self, app: &App, place: Place, request: &[u8]) -> io::Result<Vec<u8>> {
        let mut stream = self.connect(app, place, 80).await?;
        exchange(&mut stream, request).await
    }

    /// A request over TLS.
    pub async fn https(&self, app: &App, place: Place, request: &[u8]) -> io::Result<Vec<u8>> {
        let stream = self.connect(app, place, 443).await?;
        let name = ServerName::try_from(place.name).map_err(io::Error::other)?;
        let mut stream = within(self.tls.0.connect(name, stream)).await?;
        exchange(&mut stream, request).await
    }

    /// A message on a QUIC stream, and the reply.
    pub async fn quic(&self, app: &App, place: Place, message: &[u8]) -> io::Result<Vec<u8>> {
        let remote = self.resolve(app, place).await?;
        let endpoint = quinn::Endpoint::client(local_to(remote))?;
        self.owners.insert(Transport::Udp, endpoint.local_addr()?, app);
        let connecting = endpoint
            .connect_with(self.quic.clone(), SocketAddr::new(remote, 443), place.name)
            .map_err(io::Error::other)?;
        let connection = within(async { connecting.await.map_err(io::Error::other) }).await?;
        let reply = within(async {
            let (mut send, mut receive) = connection.open_bi().await?;
            send.write_all(message).await?;
            send.finish()?;
            receive.read_to_end(LONGEST_REPLY).await.map_err(io::Error::other)
        })
        .await?;
        connection.close(0_u32.into(), b"done");
        endpoint.wait_idle().await;
        Ok(reply)
    }

    /// A datagram, and the reply.
    pub async fn datagram(&self, app: &App, place: Place, port: u16, message: &[u8]) -> io::Result<Vec<u8>> {
        let remote = self.resolve(app, place).await?;
        self.ask(app, SocketAddr::new(remote, port), message).await
    }

    async fn connect(&self, app: &App, place: Place, port: u16) -> io::Result<TcpStream> {
        let remote = self.resolve(app, place).await?;
        let socket = if remote.is_ipv6() { TcpSocket::new_v6()? } else { TcpSocket::new_v4()? };
        socket.bind(local_to(remote))?;
        self.owners.insert(Transport::Tcp, socket.local_addr()?, app);
        within(socket.connect(SocketAddr::new(remote, port))).await
    }

    /// The place's address: IPv6 where both ends have it, as Android prefers it.
    async fn resolve(&self, app: &App, place: Place) -> io::Result<IpAddr> {
        let resolver = SocketAddr::new(RESOLVER.v4.into(), 53);
        let kinds: &[bool] = if self.v6 { &[true, false] } else { &[false] };
        for v6 in kinds {
            // A fixed transaction id: nobody in the demo's world forges answers.
            let reply = self.ask(app, resolver, &dns::query(0x7e11, place.name, *v6)).await?;
            if let Some(address) = dns::first_address(&reply) {
                return Ok(address);
            }
        }
        Err(io::Error::other(format!("{} has no address", place.name)))
    }

    async fn ask(&self, app: &App, remote: SocketAddr, message: &[u8]) -> io::Result<Vec<u8>> {
        let socket = UdpSocket::bind(local_to(remote.ip())).await?;
        self.owners.insert(Transport::Udp, socket.local_addr()?, app);
        socket.connect(remote).await?;
        let mut reply = vec![0; 2048];
        let len = within(async {
            loop {
                socket.send(message).await?;
                if let Ok(received) = timeout(RETRY, socket.recv(&mut reply)).await {
                    return received;
                }
            }
        })
        .await?;
        reply.truncate(len);
        Ok(reply)
    }
}

fn local_to(remote: IpAddr) -> SocketAddr {
    let local = if remote.is_ipv6() { IpAddr::from(PHONE_V6) } else { IpAddr::from(PHONE) };
    SocketAddr::new(local, 0)
}

/// Sends a request and reads the reply to its end.
async fn exchange<S: AsyncRead + AsyncWrite + Unpin>(stream: &mut S, request: &[u8]) -> io::Result<Vec<u8>> {
    stream.write_all(request).await?;
    stream.flush().await?;
    let mut reply = Vec::new();
    within(stream.take(LONGEST_REPLY as u64).read_to_end(&mut reply)).await?;
    Ok(reply)
}

async fn within<T>(work: impl Future<Output = io::Result<T>>) -> io::Result<T> {
    timeout(PATIENCE, work).await.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))?
}
