//! Tiny servers: HTTP, DNS, and one that answers when it has heard all.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, Ipv6Addr, Shutdown, TcpListener, TcpStream, UdpSocket};
use std::thread;

use crate::namespaces::{WORLD_V4, WORLD_V6};

/// The port of a server that says what it hears.
pub const ECHO: u16 = 7002;

/// The bytes of every download and upload: a block whose length is no power of two, over and over.
pub struct Pattern {
    block: Vec<u8>,
}

impl Pattern {
    pub fn new() -> Self {
        let mut state = 0x2545_f491_4f6c_dd1d_u64;
        let block = std::iter::repeat_with(|| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state as u8
        });
        Self { block: block.take(1_000_003).collect() }
    }

    pub fn write(&self, mut len: usize, sink: &mut impl Write) -> std::io::Result<()> {
        while len > 0 {
            let now = len.min(self.block.len());
            sink.write_all(&self.block[..now])?;
            len -= now;
        }
        Ok(())
    }

    /// Reads to the end, or `most` bytes, and returns how many bytes there were. Panics at the first wrong one.
    pub fn check(&self, source: &mut impl Read, most: usize) -> usize {
        let mut buffer = vec![0; 1 << 18];
        let mut at = 0;
        while at < most {
            let room = buffer.len().min(most - at);
            let read = source.read(&mut buffer[..room]).expect("to read");
            if read == 0 {
                break;
            }
            let mut checked = 0;
            while checked < read {
                let from = (at + checked) % self.block.len();
                let len = (read - checked).min(self.block.len() - from);
                assert!(
                    buffer[checked..checked + len] == self.block[from..from + len],
                    "wrong byte after {at}"
                );
                checked += len;
            }
            at += read;
        }
        at
    }
}

/// Starts all servers in the calling thread's namespace. They end with the process.
pub fn start() {
    serve(80, http);
    serve(7000, |mut stream| {
        let mut all = Vec::new();
        stream.read_to_end(&mut all)?;
        all.reverse();
        stream.write_all(&all)
    });
    serve(7001, |mut stream| {
        // Finishes first, and still listens.
        stream.write_all(b"goodbye")?;
        stream.shutdown(Shutdown::Write)?;
        std::io::copy(&mut stream, &mut std::io::sink()).map(drop)
    });
    serve(ECHO, |mut stream| {
        let mut heard = stream.try_clone()?;
        std::io::copy(&mut heard, &mut stream)?;
        stream.shutdown(Shutdown::Write)
    });
    serve(53, |mut stream| {
        let mut length = [0; 2];
        while stream.read_exact(&mut length).is_ok() {
            let mut query = vec![0; usize::from(u16::from_be_bytes(length))];
            stream.read_exact(&mut query)?;
            let answer = dns(&query);
            stream.write_all(&(answer.len() as u16).to_be_bytes())?;
            stream.write_all(&answer)?;
        }
        Ok(())
    });
    let socket = UdpSocket::bind("[::]:53").expect("UDP port 53");
    spawn(move || {
        let mut query = [0; 1500];
        while let Ok((len, from)) = socket.recv_from(&mut query) {
            let _ = socket.send_to(&dns(&query[..len]), from);
        }
    });
    let socket = UdpSocket::bind("[::]:7").expect("UDP port 7");
    spawn(move || {
        let mut datagram = vec![0; 1 << 16];
        while let Ok((len, from)) = socket.recv_from(&mut datagram) {
            let _ = socket.send_to(&datagram[..len], from);
        }
    });
}

fn serve(port: u16, handle: fn(TcpStream) -> std::io::Result<()>) {
    let listener = TcpListener::bind(("::", port)).expect("a TCP port");
    spawn(move || {
        for stream in listener.incoming().flatten() {
            spawn(move || {
                let _ = handle(stream);
            });
        }
    });
}

fn spawn(work: impl FnOnce() + Send + 'static) {
    thread::Builder::new().spawn(work).expect("a thread");
}

/// `GET /N` gives N bytes of the pattern, `PUT` takes bytes of it.
fn http(stream: TcpStream) -> std::io::Result<()> {
    let pattern = Pattern::new();
    let mut writer = stream.try_clone()?;
    let mut reader = BufReader::new(stream);
    loop {
        let (mut request, mut length) = (String::new(), 0);
        if reader.read_line(&mut request)? == 0 {
            return Ok(());
        }
        let mut line = String::new();
        while reader.read_line(&mut line)? > 2 {
            let lower = line.to_ascii_lowercase();
            if let Some(value) = lower.strip_prefix("content-length:") {
                length = value.trim().parse().unwrap_or(0);
            }
            if lower.starts_with("expect:") {
                writer.write_all(b"HTTP/1.1 100 Continue\r\n\r\n")?;
            }
            line.clear();
        }
        if request.starts_with("PUT") {
            let answer = format!("{}", pattern.check(&mut reader, length));
            write!(writer, "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{answer}", answer.len())?;
        } else {
            let path = request.split(' ').nth(1).unwrap_or_default();
            let len = path.trim_start_matches('/').parse().unwrap_or(0);
            write!(writer, "HTTP/1.1 200 OK\r\nContent-Length: {len}\r\n\r\n")?;
            pattern.write(len, &mut writer)?;
        }
    }
}

/// Answers any question for A or AAAA with the world's address (RFC 1035).
fn dns(query: &[u8]) -> Vec<u8> {
    let mut end = 12;
    while query.get(end).is_some_and(|len| *len > 0) {
        end += usize::from(query[end]) + 1;
    }
    end += 5;
    let (Some(question), Some(kind)) = (query.get(12..end), query.get(end - 3)) else { return Vec::new() };
    let address: Vec<u8> = match kind {
        28 => WORLD_V6.parse::<Ipv6Addr>().expect("an address").octets().to_vec(),
        _ => WORLD_V4.parse::<Ipv4Addr>().expect("an address").octets().to_vec(),
    };
    let mut answer = query[..2].to_vec();
    answer.extend([0x81, 0x80, 0, 1, 0, 1, 0, 0, 0, 0]);
    answer.extend(question);
    answer.extend([0xc0, 12, 0, *kind, 0, 1, 0, 0, 0, 60, 0, address.len() as u8]);
    answer.extend(address);
    answer
}
