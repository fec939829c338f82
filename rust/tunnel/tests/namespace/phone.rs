//! What the phone does: with programs of others, and with sockets of its kernel.

use std::fs::File;
use std::io::{BufWriter, Read, Write};
use std::net::{IpAddr, Shutdown, SocketAddr, TcpStream, UdpSocket};
use std::process::Stdio;
use std::time::Duration;

use sim::tls;
use socket2::{Domain, Protocol, Socket, Type};

use crate::namespaces::{Namespaces, WORLD_V4, WORLD_V6};
use crate::servers::Pattern;

/// How long anything is waited for. Nobody measures time here: machines may be slow, and busy.
pub const PATIENCE: Duration = Duration::from_secs(240);
pub const BOTH: [&str; 2] = [WORLD_V4, WORLD_V6];

pub fn curl(namespaces: &Namespaces, arguments: &[&str]) -> String {
    let output = namespaces
        .phone_command("curl")
        .args(["--silent", "--show-error", "--fail", "--noproxy", "*", "--max-time", "400"])
        .args(arguments)
        .output()
        .expect("curl");
    assert!(output.status.success(), "curl {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

pub fn url(host: &str, path: &str) -> String {
    if host.contains(':') { format!("http://[{host}]/{path}") } else { format!("http://{host}/{path}") }
}

pub fn download(namespaces: &Namespaces, host: &str, len: usize) {
    let mut child = namespaces
        .phone_command("curl")
        .args(["--silent", "--fail", "--noproxy", "*", "--max-time", "400", &url(host, &len.to_string())])
        .stdout(Stdio::piped())
        .spawn()
        .expect("curl");
    let received = Pattern::new().check(&mut child.stdout.take().expect("its output"), usize::MAX);
    assert!(child.wait().expect("curl").success());
    assert_eq!(received, len);
}

pub fn upload(namespaces: &Namespaces, host: &str, len: usize) {
    let path = std::env::temp_dir().join(format!("telltale-upload-{}", std::process::id()));
    let mut file = BufWriter::new(File::create(&path).expect("a file"));
    Pattern::new().write(len, &mut file).expect("to write");
    file.flush().expect("to write");
    let taken = curl(namespaces, &["--upload-file", &path.to_string_lossy(), &url(host, "")]);
    std::fs::remove_file(&path).expect("to remove the file");
    assert_eq!(taken, len.to_string());
}

pub fn dig(namespaces: &Namespaces, server: &str, arguments: &[&str]) -> String {
    let output = namespaces
        .phone_command("dig")
        .args([&format!("@{server}"), "+short", "+tries=1", "+time=240"])
        .args(arguments)
        .output()
        .expect("dig");
    assert!(output.status.success(), "dig {arguments:?}");
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

pub fn remote(host: &str, port: u16) -> SocketAddr {
    SocketAddr::new(host.parse::<IpAddr>().expect("an address"), port)
}

pub fn connect(host: &str, port: u16) -> std::io::Result<TcpStream> {
    let stream = TcpStream::connect_timeout(&remote(host, port), PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    Ok(stream)
}

/// The phone finishes first and still hears the answer.
pub fn half_close_by_the_phone(host: &str) {
    let mut stream = connect(host, 7000).expect("to connect");
    stream.write_all(b"abc").expect("to write");
    stream.shutdown(Shutdown::Write).expect("to shut down");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).expect("to read");
    assert_eq!(answer, b"cba");
}

/// A TLS connection whose server says nothing before the phone has finished, as its records cannot be read.
pub fn encrypted_upload(host: &str) {
    let mut stream = connect(host, 7000).expect("to connect");
    let sent = [tls::hello([7; 32]), tls::records(100)].concat();
    stream.write_all(&sent).expect("to write");
    stream.shutdown(Shutdown::Write).expect("to shut down");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).expect("to read");
    assert_eq!(answer.len(), sent.len());
}

/// The server finishes first and still listens.
pub fn half_close_by_the_server(host: &str) {
    let mut stream = connect(host, 7001).expect("to connect");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).expect("to read");
    assert_eq!(answer, b"goodbye");
    stream.write_all(&[7; 100_000]).expect("the other half is open");
}

pub fn udp_echo(host: &str, len: usize) {
    let socket = UdpSocket::bind(if host.contains(':') { "[::]:0" } else { "0.0.0.0:0" }).expect("a socket");
    socket.set_read_timeout(Some(PATIENCE)).expect("to set a timeout");
    socket.connect(remote(host, 7)).expect("to connect");
    let sent: Vec<u8> = (0..len).map(|at| (at % 251) as u8).collect();
    socket.send(&sent).expect("to send");
    let mut received = vec![0; 1 << 16];
    let read = socket.recv(&mut received).expect("an echo");
    assert!(received[..read] == sent[..], "the echo of {len} bytes has {read}");
}

pub fn udp_refused(host: &str) {
    let socket = UdpSocket::bind(if host.contains(':') { "[::]:0" } else { "0.0.0.0:0" }).expect("a socket");
    socket.set_read_timeout(Some(PATIENCE)).expect("to set a timeout");
    socket.connect(remote(host, 9)).expect("to connect");
    socket.send(b"anybody?").expect("to send");
    let error = socket.recv(&mut [0; 16]).expect_err("nobody is there");
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionRefused);
}

pub fn ping(host: &str) {
    let (protocol, kind, reply) =
        if host.contains(':') { (Protocol::ICMPV6, 128, 129) } else { (Protocol::ICMPV4, 8, 0) };
    let address = remote(host, 0);
    let mut socket =
        Socket::new(Domain::for_address(address), Type::DGRAM, Some(protocol)).expect("a ping socket");
    socket.set_read_timeout(Some(PATIENCE)).expect("to set a timeout");
    socket.connect(&address.into()).expect("to connect");
    socket.write_all(&[kind, 0, 0, 0, 0, 0, 0, 1, b'p', b'i', b'n', b'g']).expect("to send");
    let mut answer = [0; 64];
    let len = socket.read(&mut answer).expect("an echo reply");
    assert_eq!((answer[0], &answer[6..len]), (reply, &[0, 1, b'p', b'i', b'n', b'g'][..]));
}
