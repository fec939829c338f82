//! ipstack, which forwards each stream to where it wants to go.

use std::io;
use std::time::Duration;

use ipstack::{IpStack, IpStackConfig, IpStackStream, IpStackUdpStream, TcpConfig, TcpOptions};
use peers::{LONGEST, UDP_IDLE, udp};
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// Bytes of IPv4 and TCP headers.
const HEADERS: u16 = 40;

fn main() -> io::Result<()> {
    peers::main(async |tun, mtu| {
        let mut tcp = TcpConfig::default();
        tcp.timeout = Duration::from_secs(600);
        tcp.options = Some(vec![TcpOptions::MaximumSegmentSize(mtu - HEADERS)]);
        let mut config = IpStackConfig::default();
        config.mtu(mtu).map_err(io::Error::other)?.with_tcp_config(tcp).udp_timeout(UDP_IDLE);
        let mut stack = IpStack::new(config, tun);
        loop {
            match stack.accept().await.map_err(io::Error::other)? {
                IpStackStream::Tcp(mut phone) => drop(tokio::spawn(async move {
                    let mut world = TcpStream::connect(phone.peer_addr()).await?;
                    world.set_nodelay(true)?;
                    copy_bidirectional(&mut phone, &mut world).await
                })),
                IpStackStream::Udp(phone) => drop(tokio::spawn(datagrams(phone))),
                IpStackStream::UnknownTransport(_) | IpStackStream::UnknownNetwork(_) => {}
            }
        }
    })
}

/// Carries the datagrams of one flow until nothing more comes.
async fn datagrams(mut phone: IpStackUdpStream) -> io::Result<()> {
    let world = udp(phone.peer_addr()).await?;
    let (mut asked, mut answered) = (vec![0; LONGEST], vec![0; LONGEST]);
    loop {
        tokio::select! {
            len = phone.read(&mut asked) => match len? {
                0 => return Ok(()),
                len => _ = world.send(&asked[..len]).await?,
            },
            len = timeout(UDP_IDLE, world.recv(&mut answered)) => phone.write_all(&answered[..len??]).await?,
        }
    }
}
