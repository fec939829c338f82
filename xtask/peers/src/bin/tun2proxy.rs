//! tun2proxy without a proxy.

use std::io;

use tun2proxy::{Args, CancellationToken, ProxyParameters, ProxyType};

/// Bytes of IPv4 and TCP headers.
const HEADERS: u16 = 40;

fn main() -> io::Result<()> {
    peers::main(async |tun, mtu| {
        let proxy = ProxyParameters { proxy_type: ProxyType::None, ..ProxyParameters::default() };
        let args = Args {
            proxy,
            ipv6_enabled: true,
            max_sessions: 100_000,
            tcp_mss: Some(mtu - HEADERS),
            ..Args::default()
        };
        tun2proxy::run(tun, mtu, args, CancellationToken::new()).await.map_err(io::Error::other)?;
        Ok(())
    })
}
