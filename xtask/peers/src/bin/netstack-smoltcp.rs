//! netstack-smoltcp, wired as in its own example, with a UDP socket for each flow instead of for each datagram.

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use futures::{SinkExt, StreamExt};
use netstack_smoltcp::{StackBuilder, TcpListener, UdpSocket};
use peers::{LONGEST, Tun, UDP_IDLE, udp};
use tokio::io::copy_bidirectional;
use tokio::net::TcpStream;
use tokio::sync::mpsc::{Sender, channel};
use tokio::time::timeout;

/// Datagrams that wait for a flow's socket, and answers for the stack, before some are dropped.
const QUEUE: usize = 1024;

/// Payload, whence, whither.
type Datagram = (Vec<u8>, SocketAddr, SocketAddr);

fn main() -> io::Result<()> {
    peers::main(async |tun, mtu| {
        let builder = StackBuilder::default().enable_tcp(true).enable_udp(true).enable_icmp(true);
        let (stack, runner, datagrams, streams) = builder.mtu(mtu.into()).build()?;
        let missing = || io::Error::other("the stack lacks a part");
        tokio::spawn(runner.ok_or_else(missing)?);
        tokio::spawn(carry_streams(streams.ok_or_else(missing)?));
        tokio::spawn(carry_datagrams(datagrams.ok_or_else(missing)?));

        let tun = Arc::new(tun);
        let (mut inward, mut outward) = stack.split();
        tokio::spawn({
            let tun: Arc<Tun> = Arc::clone(&tun);
            async move {
                while let Some(Ok(packet)) = outward.next().await {
                    _ = tun.send(&packet).await;
                }
            }
        });
        let mut buffer = vec![0; LONGEST];
        loop {
            let len = tun.receive(&mut buffer).await?;
            _ = inward.send(buffer[..len].to_vec()).await;
        }
    })
}

async fn carry_streams(mut streams: TcpListener) {
    while let Some((mut phone, _, remote)) = streams.next().await {
        tokio::spawn(async move {
            let mut world = TcpStream::connect(remote).await?;
            world.set_nodelay(true)?;
            copy_bidirectional(&mut phone, &mut world).await
        });
    }
}

async fn carry_datagrams(socket: UdpSocket) {
    let (mut asked, mut answer) = socket.split();
    let (answers, mut waiting) = channel::<Datagram>(QUEUE);
    tokio::spawn(async move {
        while let Some(datagram) = waiting.recv().await {
            _ = answer.send(datagram).await;
        }
    });
    let mut flows: HashMap<(SocketAddr, SocketAddr), Sender<Vec<u8>>> = HashMap::new();
    while let Some((payload, local, remote)) = asked.next().await {
        let flow = flows.entry((local, remote)).or_insert_with(|| open(local, remote, answers.clone()));
        if flow.is_closed() {
            *flow = open(local, remote, answers.clone());
        }
        _ = flow.try_send(payload);
    }
}

/// Starts a flow that ends by itself when no answer comes.
fn open(local: SocketAddr, remote: SocketAddr, answers: Sender<Datagram>) -> Sender<Vec<u8>> {
    let (sender, mut asked) = channel::<Vec<u8>>(QUEUE);
    tokio::spawn(async move {
        let world = udp(remote).await?;
        let mut buffer = vec![0; LONGEST];
        loop {
            tokio::select! {
                payload = asked.recv() => match payload {
                    Some(payload) => _ = world.send(&payload).await?,
                    None => return io::Result::Ok(()),
                },
                len = timeout(UDP_IDLE, world.recv(&mut buffer)) => {
                    _ = answers.send((buffer[..len??].to_vec(), remote, local)).await;
                }
            }
        }
    });
    sender
}
