//! The demo's internet: the servers that a phone meets at its first boot.

use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use quinn::crypto::rustls::QuicServerConfig;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio_rustls::TlsAcceptor;

use super::places::{ANALYTICS, CHECK_IN, CONNECTIVITY, PAGE, Place, REGISTRATION, RESOLVER, TIME};
use super::tls::Authority;
use super::{dns, places};

/// The longest request that is read.
const LONGEST_REQUEST: usize = 64 * 1024;

/// The replies of the registration server, one to each attempt: silence, a refusal, success.
const REGISTRATION_REPLIES: [Option<&str>; 3] = [
    None,
    Some(r#"{"resultCode":"1","resultDesc":"Parameter error"}"#),
    Some(r#"{"resultCode":"0","resultDesc":"Success"}"#),
];

const WELCOME: &str = "<!doctype html><title>Example</title><h1>An ordinary page</h1><p>Nothing to see.</p>";

/// Opens every server's sockets; they are served for as long as the runtime runs.
pub async fn serve(authority: &Authority, v6: bool) -> io::Result<()> {
    let dns = UdpSocket::bind((RESOLVER.v4, 53)).await?;
    tokio::spawn(serve_dns(dns, v6));
    tokio::spawn(serve_time(UdpSocket::bind((TIME.v4, 123)).await?));

    let attempts = Arc::new(AtomicUsize::new(0));
    serve_tcp(REGISTRATION, 80, v6, move |stream| register(stream, Arc::clone(&attempts))).await?;
    serve_tcp(CONNECTIVITY, 80, v6, |stream| answer(stream, "HTTP/1.1 204 No Content", "")).await?;
    serve_tcp(PAGE, 80, v6, |stream| answer(stream, "HTTP/1.1 200 OK\r\nContent-Type: text/html", WELCOME))
        .await?;

    let tls = TlsAcceptor::from(authority.server("http/1.1")?);
    serve_tls(
        CHECK_IN,
        v6,
        tls.clone(),
        "HTTP/1.1 200 OK\r\nContent-Type: application/x-protobuffer",
        "\u{8}\u{1}",
    )
    .await?;
    serve_tls(PAGE, v6, tls, "HTTP/1.1 200 OK\r\nContent-Type: text/html", WELCOME).await?;

    let quic = QuicServerConfig::try_from(authority.server("h3")?).map_err(io::Error::other)?;
    let config = quinn::ServerConfig::with_crypto(Arc::new(quic));
    tokio::spawn(serve_beacons(quinn::Endpoint::server(config, (ANALYTICS.v4, 443).into())?));
    Ok(())
}

/// Waits until the world answers: a new wire may lose its first packets. To be called at the engine's end of it.
pub fn wait_until_reachable(v6: bool) -> io::Result<()> {
    const ATTEMPTS: usize = 50;
    for address in CONNECTIVITY.addresses(v6) {
        let remote = SocketAddr::new(address, 80);
        let mut attempts = 0;
        while let Err(error) = std::net::TcpStream::connect_timeout(&remote, Duration::from_millis(200)) {
            attempts += 1;
            if attempts == ATTEMPTS {
                return Err(error);
            }
            thread::sleep(Duration::from_millis(50));
        }
    }
    Ok(())
}

async fn serve_dns(socket: UdpSocket, v6: bool) {
    let look_up = |name: &str| {
        let place = places::ALL.iter().find(|place| place.name == name)?;
        Some(place.addresses(v6).collect())
    };
    let mut query = [0; 512];
    while let Ok((len, from)) = socket.recv_from(&mut query).await {
        if let Some(reply) = dns::reply(&query[..len], look_up) {
            let _ = socket.send_to(&reply, from).await;
        }
    }
}

/// As much of NTP (RFC 5905) as a client looks at: mode 4, stratum 1, the client's transmit time as origin.
async fn serve_time(socket: UdpSocket) {
    let mut request = [0; 48];
    while let Ok((48, from)) = socket.recv_from(&mut request).await {
        let mut reply = [0; 48];
        reply[..4].copy_from_slice(&[0x24, 1, request[2], 0xec]);
        reply[12..16].copy_from_slice(b"GOOG");
        reply[24..32].copy_from_slice(&request[40..48]);
        for at in [16, 32, 40] {
            reply[at..at + 8].copy_from_slice(&request[40..48]);
        }
        let _ = socket.send_to(&reply, from).await;
    }
}

/// Hands each connection to `handle`.
async fn serve_tcp<F, Fut>(place: Place, port: u16, v6: bool, handle: F) -> io::Result<()>
where
    F: Fn(TcpStream) -> Fut + Clone + Send + 'static,
    Fut: Future<Output = io::Result<()>> + Send + 'static,
{
    for address in place.addresses(v6) {
        let listener = listen(address, port).await?;
        let handle = handle.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(handle(stream));
            }
        });
    }
    Ok(())
}

async fn serve_tls(
    place: Place,
    v6: bool,
    tls: TlsAcceptor,
    head: &'static str,
    body: &'static str,
) -> io::Result<()> {
    serve_tcp(place, 443, v6, move |stream| {
        let tls = tls.clone();
        async move { answer(tls.accept(stream).await?, head, body).await }
    })
    .await
}

async fn listen(address: IpAddr, port: u16) -> io::Result<TcpListener> {
    TcpListener::bind(SocketAddr::new(address, port)).await
}

async fn serve_beacons(endpoint: quinn::Endpoint) {
    while let Some(incoming) = endpoint.accept().await {
        tokio::spawn(async move {
            let Ok(connection) = incoming.await else { return };
            while let Ok((mut reply, mut beacon)) = connection.accept_bi().await {
                if beacon.read_to_end(LONGEST_REQUEST).await.is_ok() {
                    let _ = reply.write_all(b"ok").await;
                    let _ = reply.finish();
                }
            }
        });
    }
}

async fn register(mut stream: TcpStream, attempts: Arc<AtomicUsize>) -> io::Result<()> {
    read_request(&mut stream).await?;
    let attempt = attempts.fetch_add(1, Ordering::Relaxed).min(REGISTRATION_REPLIES.len() - 1);
    match REGISTRATION_REPLIES[attempt] {
        Some(body) => respond(&mut stream, "HTTP/1.1 200 OK\r\nContent-Type: application/json", body).await,
        // Says nothing until the client gives up.
        None => tokio::io::copy(&mut stream, &mut tokio::io::sink()).await.map(drop),
    }
}

async fn answer<S: AsyncRead + AsyncWrite + Unpin>(mut stream: S, head: &str, body: &str) -> io::Result<()> {
    read_request(&mut stream).await?;
    respond(&mut stream, head, body).await
}

async fn respond<S: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut S,
    head: &str,
    body: &str,
) -> io::Result<()> {
    let reply = format!("{head}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}", body.len());
    stream.write_all(reply.as_bytes()).await?;
    stream.shutdown().await
}

/// Reads a request to the end of its body.
async fn read_request<S: AsyncRead + Unpin>(stream: &mut S) -> io::Result<()> {
    let mut request = Vec::new();
    while request.len() < LONGEST_REQUEST && !is_whole(&request) {
        if stream.read_buf(&mut request).await? == 0 {
            break;
        }
    }
    Ok(())
}

fn is_whole(request: &[u8]) -> bool {
    let Some(head_len) = request.windows(4).position(|window| window == b"\r\n\r\n") else { return false };
    let head = String::from_utf8_lossy(&request[..head_len]).to_ascii_lowercase();
    let body_len = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length:"))
        .and_then(|value| value.trim().parse::<usize>().ok())
        .unwrap_or(0);
    request.len() - head_len - 4 >= body_len
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_ends_with_its_body() {
        assert!(!is_whole(b"GET / HTTP/1.1\r\n"));
        assert!(is_whole(b"GET / HTTP/1.1\r\n\r\n"));
        assert!(!is_whole(b"POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\nab"));
        assert!(is_whole(b"POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc"));
    }
}
