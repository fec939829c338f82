//! What `cargo xtask counts` counts the instructions of: `counts WORK SEGMENTS` simulates a session over a good link in
//! which so many segments of 1,400 bytes go one way, with the acknowledgments that they cause, or so many names are asked
//! for.

use std::error::Error;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use sim::{App, Behaviour, Exchange, Finish, Quality, Question, Scenario, run, run_unwatched, tls};

/// Payload bytes of a segment.
const SEGMENT: usize = 1400;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let work = arguments.next().ok_or("the work is missing")?;
    let segments: usize = arguments.next().ok_or("the number of segments is missing")?.parse()?;
    let size = segments * SEGMENT;
    match work.as_str() {
        "relay-down" => _ = run_unwatched(&download(vec![b'x'; size])),
        "relay-up" => _ = run_unwatched(&upload(vec![b'x'; size])),
        "watch-tls" => _ = run(&download(tls::records(size.div_ceil(tls::RECORD)))),
        "watch-json" => _ = run(&upload(post("application/json", size, json))),
        "watch-form" => _ = run(&upload(post("application/x-www-form-urlencoded", size, form))),
        "relay-dns" => _ = run_unwatched(&lookups(segments)),
        "watch-dns" => _ = run(&lookups(segments)),
        "watch-text" => _ = run(&upload(post("text/plain", size, text))),
        other => return Err(format!("no such work: {other}").into()),
    }
    Ok(())
}

fn session(port: u16, outgoing: Vec<u8>, server: Behaviour) -> Scenario {
    let app = App {
        start: Duration::ZERO,
        // RFC 5737: for documentation.
        remote: SocketAddr::new(IpAddr::V4(Ipv4Addr::new(203, 0, 113, 1)), port),
        outgoing,
        finish: Finish::AfterReceiving,
        reads: None,
        sleeps: None,
        buffer: 1 << 16,
        patience: None,
        keep_alive: false,
    };
    Scenario {
        seed: 1,
        mtu: SEGMENT + 40,
        quality: [Quality::default(); 2],
        buffer: 64 << 10,
        most_buffers: 64 << 20,
        most_quiet: 16,
        exchanges: vec![Exchange { app, server }],
        questions: Vec::new(),
        afterwards: Duration::ZERO,
    }
}

/// A hello, and what the server answers.
fn download(content: Vec<u8>) -> Scenario {
    session(Scenario::FIRST_PORT, tls::hello([7; 32]), Behaviour::Source(content))
}

fn upload(content: Vec<u8>) -> Scenario {
    let app_first = session(Scenario::FIRST_PORT, content, Behaviour::Sink);
    let exchanges = app_first.exchanges.into_iter().map(|mut exchange| {
        exchange.app.finish = Finish::AfterSending;
        exchange
    });
    Scenario { exchanges: exchanges.collect(), ..app_first }
}

/// Names asked for in turn, a millisecond apart.
fn lookups(count: usize) -> Scenario {
    let asked = (0..count).map(|n| Question::lookup(Duration::from_millis(n as u64), n as u16));
    let questions = asked.collect();
    let afterwards = Duration::from_millis(count as u64);
    Scenario { exchanges: Vec::new(), questions, afterwards, ..session(53, Vec::new(), Behaviour::Sink) }
}

/// Requests with a body of about 16 KiB each, until there are `size` bytes.
fn post(kind: &str, size: usize, body: impl Fn() -> String) -> Vec<u8> {
    let (body, mut out) = (body(), Vec::new());
    while out.len() < size {
        let head = format!("POST /v1 HTTP/1.1\r\nHost: counts.example\r\nContent-Type: {kind}\r\n");
        out.extend(format!("{head}Content-Length: {}\r\n\r\n{body}", body.len()).bytes());
    }
    out
}

fn repeat(item: impl Fn(usize) -> String) -> String {
    (0..200).map(item).collect()
}

fn json() -> String {
    let events = repeat(|n| {
        let params = format!("{{\"page\":\"p {}\",\"took\":{}.5,\"ok\":true}}", n % 90, n % 999);
        format!("{{\"name\":\"view\",\"ts\":{},\"params\":{params}}},", n + 17_640)
    });
    format!("[{events}{{}}]")
}

fn form() -> String {
    repeat(|n| format!("t{}=event%20{n}&w={n}&title=a+page+of+{}&", n % 40, n % 77))
}

fn text() -> String {
    repeat(|n| format!("the phone sends what nobody asked for when it is switched on, {n} times. "))
}
