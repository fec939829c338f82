//! A real kernel's TCP, curl and dig on the phone's side, real servers on the other, the engine between them.
//!
//! Needs root, `ip`, `curl`, `dig`, `iperf3` and `nmap`: `cargo test -p tunnel --test namespace -- --ignored`.

#![cfg(target_os = "linux")]

use std::fs::File;
use std::io::{BufReader, BufWriter, Read, Write};
use std::net::{IpAddr, Shutdown, SocketAddr, TcpStream, UdpSocket};
use std::os::fd::BorrowedFd;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::mpsc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use inspect::Inspector;
use inspect::report::{Close, Report};
use packet::{App, FlowKey, Phase, Transport};
use socket2::{Domain, Protocol, Socket, Type};
use tokio::sync::mpsc::UnboundedSender;
use tunnel::{Control, FdTun, Host, Outcome, Session, SessionConfig, StackConfig};

#[path = "world/namespaces.rs"]
mod namespaces;
#[path = "world/servers.rs"]
mod servers;

use namespaces::{Namespaces, WORLD_V4, WORLD_V6};
use servers::Pattern;

const PATIENCE: Duration = Duration::from_secs(20);
const BOTH: [&str; 2] = [WORLD_V4, WORLD_V6];

/// Needs no protection, and takes its time to find out who opened a flow.
struct Platform;

impl Host for Platform {
    fn protect(&self, _socket: BorrowedFd<'_>) -> bool {
        true
    }

    fn owner(&self, flow: &FlowKey) -> Option<App> {
        thread::sleep(Duration::from_millis(2));
        (flow.remote.port() == 80).then(|| App { name: "example.curl".into(), uid: Some(10_123) })
    }
}

/// A running engine, its recording, and how to stop it.
struct Engine {
    control: UnboundedSender<Control>,
    thread: JoinHandle<Outcome>,
    recording: PathBuf,
}

impl Engine {
    fn start(namespaces: &Namespaces, test: &str, mtu: usize, dns: Option<IpAddr>) -> Self {
        let fd = namespaces.open_tun(mtu);
        let recording = std::env::temp_dir().join(format!("telltale-{test}-{}.pcapng", std::process::id()));
        let sink = BufWriter::with_capacity(1 << 20, File::create(&recording).expect("a recording"));
        let (control, commands) = tokio::sync::mpsc::unbounded_channel();
        let engine = namespaces.name("e");
        let thread = thread::spawn(move || {
            namespaces::enter(&engine);
            let config = SessionConfig {
                inspect: inspect_config(),
                // The phone's sockets and the engine's share this process's descriptors.
                stack: StackConfig { mtu, seed: 7, most_flows: 8192, ..StackConfig::default() },
                dns,
                recording: Some(Box::new(sink)),
                sight: tunnel::Sight::Readable,
                notify: Box::new(drop),
                tun_grace: Duration::ZERO,
            };
            let runtime =
                tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(async move {
                let tun = FdTun::from_fd(fd).expect("the TUN");
                Session::new(config, tun, Platform).expect("a session").run(commands).await
            })
        });
        Self { control, thread, recording }
    }

    /// Stops the engine, and checks that its recording replays to the same report.
    fn stop(self) -> Report {
        self.control.send(Control::Stop).expect("a running engine");
        let outcome = self.wait();
        assert!(outcome.tun_failed.is_none(), "{:?}", outcome.tun_failed);
        outcome.report
    }

    /// The same for an engine that stops by itself.
    fn wait(self) -> Outcome {
        let outcome = self.thread.join().expect("an engine that did not panic");
        assert_eq!(outcome.recording_failed, None);
        let replayed = replay(&self.recording);
        let (live, replayed) = (report::json::to_json(&outcome.report), report::json::to_json(&replayed));
        assert!(
            live == replayed,
            "the live report is not that of the recording {}",
            self.recording.display()
        );
        std::fs::remove_file(&self.recording).expect("to remove the recording");
        outcome
    }
}

fn inspect_config() -> inspect::Config {
    inspect::Config { source: "namespace test".into(), ..inspect::Config::default() }
}

fn replay(recording: &Path) -> Report {
    let file = BufReader::with_capacity(1 << 20, File::open(recording).expect("the recording"));
    let mut reader = recording::Reader::open(file, None).expect("a recording");
    let mut inspector = Inspector::new(inspect_config()).expect("an inspector");
    while let Some((now, input)) = reader.next_input().expect("to read the recording") {
        inspector.handle_input(now, input);
    }
    assert_eq!(reader.truncated(), None);
    inspector.finish(None)
}

/// Runs `script`, which acts as the phone, against the engine. A script that takes too long fails.
fn with_engine(
    test: &str,
    mtu: usize,
    dns: Option<IpAddr>,
    patience: Duration,
    script: fn(&Namespaces),
) -> Report {
    let namespaces = Namespaces::new();
    namespaces.inside("w", servers::start);
    allow_ping(&namespaces);
    let engine = Engine::start(&namespaces, test, mtu, dns);
    let (done, finished) = mpsc::channel();
    let result = thread::scope(|scope| {
        let namespaces = &namespaces;
        scope.spawn(move || {
            script(namespaces);
            let _ = done.send(());
        });
        let result = finished.recv_timeout(patience);
        // Closes the phone's connections, so that a script that hangs ends.
        let report = engine.stop();
        result.map(|()| report)
    });
    result.expect("a script that ends in time")
}

fn allow_ping(namespaces: &Namespaces) {
    for place in ["p", "e"] {
        namespaces.inside(place, || {
            // The file is that of the reading thread's namespace.
            std::fs::write("/proc/sys/net/ipv4/ping_group_range", "0 2147483647").expect("to allow ping");
        });
    }
}

fn curl(namespaces: &Namespaces, arguments: &[&str]) -> String {
    let output = namespaces
        .phone_command("curl")
        .args(["--silent", "--show-error", "--fail", "--noproxy", "*", "--max-time", "60"])
        .args(arguments)
        .output()
        .expect("curl");
    assert!(output.status.success(), "curl {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn url(host: &str, path: &str) -> String {
    if host.contains(':') { format!("http://[{host}]/{path}") } else { format!("http://{host}/{path}") }
}

fn download(namespaces: &Namespaces, host: &str, len: usize) {
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

fn upload(namespaces: &Namespaces, host: &str, len: usize) {
    let path = std::env::temp_dir().join(format!("telltale-upload-{}", std::process::id()));
    let mut file = BufWriter::new(File::create(&path).expect("a file"));
    Pattern::new().write(len, &mut file).expect("to write");
    file.flush().expect("to write");
    let taken = curl(namespaces, &["--upload-file", &path.to_string_lossy(), &url(host, "")]);
    std::fs::remove_file(&path).expect("to remove the file");
    assert_eq!(taken, len.to_string());
}

fn dig(namespaces: &Namespaces, server: &str, arguments: &[&str]) -> String {
    let output = namespaces
        .phone_command("dig")
        .args([&format!("@{server}"), "+short", "+tries=1", "+time=5"])
        .args(arguments)
        .output()
        .expect("dig");
    assert!(output.status.success(), "dig {arguments:?}");
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

fn remote(host: &str, port: u16) -> SocketAddr {
    SocketAddr::new(host.parse::<IpAddr>().expect("an address"), port)
}

fn connect(host: &str, port: u16) -> std::io::Result<TcpStream> {
    let stream = TcpStream::connect_timeout(&remote(host, port), PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    Ok(stream)
}

/// The phone finishes first and still hears the answer.
fn half_close_by_the_phone(host: &str) {
    let mut stream = connect(host, 7000).expect("to connect");
    stream.write_all(b"abc").expect("to write");
    stream.shutdown(Shutdown::Write).expect("to shut down");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).expect("to read");
    assert_eq!(answer, b"cba");
}

/// A TLS connection whose server says nothing before the phone has finished, as its records cannot be read.
fn encrypted_upload(host: &str) {
    let mut stream = connect(host, 7000).expect("to connect");
    let body = [&[3, 3][..], &[7; 32], &[0, 0, 2, 0x13, 1, 1, 0, 0, 0]].concat();
    let len = body.len() as u8;
    stream.write_all(&[&[22, 3, 1, 0, len + 4, 1, 0, 0, len][..], &body].concat()).expect("to write");
    stream.write_all(&[20, 3, 3, 0, 1, 1]).expect("to write");
    for _ in 0..100 {
        stream.write_all(&[&[23, 3, 3, 0x40, 0][..], &[0x5a; 1 << 14]].concat()).expect("to write");
    }
    stream.shutdown(Shutdown::Write).expect("to shut down");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).expect("to read");
    assert_eq!(answer.len(), 9 + body.len() + 6 + 100 * (5 + (1 << 14)));
}

/// The server finishes first and still listens.
fn half_close_by_the_server(host: &str) {
    let mut stream = connect(host, 7001).expect("to connect");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).expect("to read");
    assert_eq!(answer, b"goodbye");
    stream.write_all(&[7; 100_000]).expect("the other half is open");
}

fn udp_echo(host: &str, len: usize) {
    let socket = UdpSocket::bind(if host.contains(':') { "[::]:0" } else { "0.0.0.0:0" }).expect("a socket");
    socket.set_read_timeout(Some(PATIENCE)).expect("to set a timeout");
    socket.connect(remote(host, 7)).expect("to connect");
    let sent: Vec<u8> = (0..len).map(|at| (at % 251) as u8).collect();
    socket.send(&sent).expect("to send");
    let mut received = vec![0; 1 << 16];
    let read = socket.recv(&mut received).expect("an echo");
    assert!(received[..read] == sent[..], "the echo of {len} bytes has {read}");
}

fn udp_refused(host: &str) {
    let socket = UdpSocket::bind(if host.contains(':') { "[::]:0" } else { "0.0.0.0:0" }).expect("a socket");
    socket.set_read_timeout(Some(PATIENCE)).expect("to set a timeout");
    socket.connect(remote(host, 9)).expect("to connect");
    socket.send(b"anybody?").expect("to send");
    let error = socket.recv(&mut [0; 16]).expect_err("nobody is there");
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionRefused);
}

fn ping(host: &str) {
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

fn everything(namespaces: &Namespaces) {
    for host in BOTH {
        assert_eq!(dig(namespaces, host, &["www.example.test", "A"]), WORLD_V4);
        assert_eq!(dig(namespaces, host, &["www.example.test", "AAAA", "+tcp"]), WORLD_V6);
        download(namespaces, host, 5_000_000);
        upload(namespaces, host, 5_000_000);
        namespaces.inside("p", || {
            half_close_by_the_phone(host);
            half_close_by_the_server(host);
            encrypted_upload(host);
            let refused = connect(host, 81).expect_err("nobody listens");
            assert_eq!(refused.kind(), std::io::ErrorKind::ConnectionRefused);
            udp_echo(host, 1000);
            udp_echo(host, 4000);
            udp_refused(host);
            ping(host);
        });
    }
    namespaces.inside("p", || {
        let unreachable = connect("10.99.0.1", 80).expect_err("there is no route");
        assert_eq!(unreachable.kind(), std::io::ErrorKind::NetworkUnreachable);
        let (first, mut second) =
            (connect(WORLD_V4, 80).expect("a connection"), connect(WORLD_V6, 80).expect("another"));
        // One is reset, the other left open when the session ends.
        socket2::SockRef::from(&first).set_linger(Some(Duration::ZERO)).expect("to set linger");
        drop(first);
        second.write_all(b"GET /3 HTTP/1.1\r\nHost: open.example.test\r\n\r\n").expect("to write");
        second.read_exact(&mut [0; 10]).expect("an answer");
    });
}

#[test]
#[ignore = "needs network namespaces"]
fn everything_is_relayed_and_the_recording_replays_to_the_same_report() {
    let report = with_engine("everything", 1500, None, Duration::from_secs(120), everything);
    assert_eq!(report.phases.first().map(|at| at.phase), Some(Phase::Started));
    assert_eq!(report.phases.last().map(|at| at.phase), Some(Phase::Stopped));
    let count = |transport, port| {
        report.flows.iter().filter(|flow| flow.transport == transport && flow.remote.port() == port).count()
    };
    assert_eq!((count(Transport::Udp, 53), count(Transport::Tcp, 53)), (2, 2));
    assert!(report.flows.iter().any(|flow| flow.close == Some(Close::Refused)));
    assert!(report.flows.iter().any(|flow| flow.close == Some(Close::Rst)));
    let owned = |flow: &&inspect::report::Flow| flow.app.as_ref().is_some_and(|app| app.uid == Some(10_123));
    assert!(report.flows.iter().filter(owned).count() >= 4);
    assert_eq!(report.capture.unparsed.values().sum::<u64>(), 0, "{:?}", report.capture.unparsed);
}

#[test]
#[ignore = "needs network namespaces"]
fn two_thousand_connections_at_once_are_all_relayed() {
    let report = with_engine("many", 1500, None, Duration::from_secs(120), |namespaces| {
        namespaces.inside("p", || {
            let open = |at: usize| connect(BOTH[at % 2], 7000).expect("to connect");
            let mut streams: Vec<_> = (0..2_000).map(open).collect();
            for (at, stream) in streams.iter_mut().enumerate() {
                stream.write_all(&(at as u32).to_be_bytes()).expect("to write");
                stream.shutdown(Shutdown::Write).expect("to shut down");
            }
            for (at, stream) in streams.iter_mut().enumerate() {
                let mut answer = Vec::new();
                stream.read_to_end(&mut answer).expect("to read");
                assert_eq!(answer, (at as u32).to_le_bytes());
            }
        });
    });
    assert_eq!(report.flows.iter().filter(|flow| flow.close == Some(Close::Fin)).count(), 2_000);
}

#[test]
#[ignore = "needs network namespaces"]
fn a_tun_that_goes_away_ends_the_session() {
    let namespaces = Namespaces::new();
    namespaces.inside("w", servers::start);
    let engine = Engine::start(&namespaces, "gone", 1500, None);
    download(&namespaces, WORLD_V4, 1_000);
    let status = namespaces.phone_command("ip").args(["link", "del", "tun0"]).status().expect("ip");
    assert!(status.success());
    let control = engine.control.clone();
    // An engine that does not notice is stopped, and fails the test.
    thread::spawn(move || {
        thread::sleep(PATIENCE);
        let _ = control.send(Control::Stop);
    });
    let outcome = engine.wait();
    assert!(outcome.tun_failed.is_some());
    assert_eq!(outcome.report.phases.last().map(|at| at.phase), Some(Phase::Stopped));
}

#[test]
#[ignore = "needs network namespaces"]
fn dns_is_redirected() {
    let dns = WORLD_V6.parse().expect("an address");
    let report = with_engine("dns", 1280, Some(dns), Duration::from_secs(60), |namespaces| {
        // RFC 5737: nobody is there.
        assert_eq!(dig(namespaces, "192.0.2.53", &["www.example.test", "A"]), WORLD_V4);
        assert_eq!(dig(namespaces, "192.0.2.53", &["www.example.test", "AAAA", "+tcp"]), WORLD_V6);
    });
    // The report says whom the phone asked.
    assert!(report.flows.iter().all(|flow| flow.remote.to_string() == "192.0.2.53:53"), "{:?}", report.flows);
}

#[test]
#[ignore = "needs network namespaces"]
fn a_gigabyte_arrives_whole() {
    let report = with_engine("gigabyte", 9000, None, Duration::from_secs(420), |namespaces| {
        #[expect(clippy::disallowed_methods, reason = "a measurement")]
        let start = Instant::now();
        download(namespaces, WORLD_V4, 1_000_000_000);
        eprintln!("1 GB in {:?}", start.elapsed());
    });
    assert!(report.flows.iter().any(|flow| flow.bytes_in >= 1_000_000_000));
    assert_eq!(report.coverage.missing_bytes, 0);
}

/// Begins this many connections within a second, evenly, and counts how many are refused and how many open in 100 s.
/// A SYN that finds the TUN's queue full (500 packets, as Android's) is lost, and sent again by the phone's kernel
/// after seconds: those of a burst together, so that most of them are lost again.
#[expect(clippy::disallowed_methods, reason = "what is sent has a rate")]
fn storm(count: usize) -> (usize, usize) {
    let target = remote(WORLD_V4, 81).into();
    let began = Instant::now();
    let begin = |n: usize| {
        let due = Duration::from_secs_f64(n as f64 / count as f64);
        thread::sleep(due.saturating_sub(began.elapsed()));
        let socket = Socket::new(Domain::IPV4, Type::STREAM, Some(Protocol::TCP)).expect("a descriptor");
        socket.set_nonblocking(true).expect("to set it");
        let _ = socket.connect(&target);
        socket
    };
    let mut waiting: Vec<Socket> = (0..count).map(begin).collect();
    let (mut refused, mut opened) = (0, 0);
    for _ in 0..1000 {
        waiting.retain(|socket| match socket.take_error() {
            Ok(Some(error)) => {
                refused += usize::from(error.kind() == std::io::ErrorKind::ConnectionRefused);
                false
            }
            _ if socket.peer_addr().is_ok() => {
                opened += 1;
                false
            }
            _ => true,
        });
        if waiting.is_empty() {
            break;
        }
        thread::sleep(Duration::from_millis(100));
    }
    (refused, opened)
}

/// Descriptors of this process, the engine's among them.
fn descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd").expect("a list").count()
}

#[test]
#[ignore = "needs network namespaces"]
fn a_storm_of_ten_thousand_connections_is_answered_and_leaves_nothing() {
    let report = with_engine("storm", 1500, None, Duration::from_secs(180), |namespaces| {
        download(namespaces, WORLD_V4, 1_000);
        let before = descriptors();
        assert_eq!(namespaces.inside("p", || storm(10_000)), (10_000, 0));
        download(namespaces, WORLD_V4, 1_000_000);
        assert!(descriptors() <= before + 16, "{before} descriptors became {}", descriptors());
    });
    let refused = report.flows.iter().filter(|flow| flow.close == Some(Close::Refused)).count();
    assert!(refused >= 9_000, "{refused} were seen to be refused");
}

/// What nmap finds open from a place.
fn open_ports(namespaces: &Namespaces, place: &str) -> Vec<String> {
    let ports = ["-sT", "-Pn", "-n", "-p", "1-200,7000-7010", "-oG", "-", WORLD_V4];
    let output = namespaces.command(place, "nmap").args(ports).output().expect("nmap");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let listed =
        text.lines().filter_map(|line| line.split_once("Ports: ")).map(|(_, ports)| ports.to_owned());
    let ports = listed.flat_map(|ports| ports.split(", ").map(str::to_owned).collect::<Vec<_>>());
    ports
        .filter(|port| port.contains("/open/"))
        .map(|port| port.split('\t').next().unwrap_or("").to_owned())
        .collect()
}

/// Bytes that an iperf3 client in the phone's namespace transferred.
fn iperf(namespaces: &Namespaces, arguments: &[&str]) -> u64 {
    let server = namespaces.command("w", "iperf3").args(["-s", "-1"]).stdout(Stdio::null()).spawn();
    let mut server = server.expect("iperf3");
    thread::sleep(Duration::from_millis(500));
    let mut client = namespaces.phone_command("iperf3");
    let output = client.args(["-c", WORLD_V4, "-J", "-n", "20M"]).args(arguments).output().expect("iperf3");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{text}");
    assert!(server.wait().expect("its end").success());
    let (_, sum) = text.split_once("\"sum_received\"").expect("a sum");
    let (_, bytes) = sum.split_once("\"bytes\":").expect("its bytes");
    bytes.trim_start().chars().take_while(char::is_ascii_digit).collect::<String>().parse().expect("a number")
}

#[test]
#[ignore = "needs network namespaces"]
fn tools_of_others_see_what_they_see_without_the_engine() {
    with_engine("tools", 1500, None, Duration::from_secs(120), |namespaces| {
        let direct = open_ports(namespaces, "e");
        assert_eq!(direct.len(), 4, "{direct:?}");
        assert_eq!(open_ports(namespaces, "p"), direct);
        for arguments in [&[][..], &["-R"], &["-P", "4"], &["-R", "-P", "4"]] {
            let bytes = iperf(namespaces, arguments);
            // iperf3's server stops to count when its client has nothing more to send: the megabytes that lie in the
            // buffers between them are not in the sum. That all bytes arrive is for the other tests to say.
            assert!(bytes >= 10_000_000, "{arguments:?}: {bytes} bytes");
        }
    });
}
