//! Standard input that grows, and that Ctrl-C ends as if it had ended by itself.

use std::io::{self, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

/// Chunks that wait to be read, at most: keeps memory bounded when the writer is faster than the analysis.
const CHUNKS: usize = 16;
const CHUNK_LEN: usize = 64 * 1024;

/// Standard input. A thread reads it, so that a signal can end it while it is silent.
pub struct Stdin {
    chunks: Receiver<io::Result<Vec<u8>>>,
    current: io::Cursor<Vec<u8>>,
    interrupted: Arc<AtomicBool>,
    ended: bool,
}

impl Stdin {
    /// Begins to read. From now on the first SIGINT or SIGTERM ends the input, and a second one the process.
    ///
    /// # Errors
    /// The signals cannot be watched.
    pub fn open() -> io::Result<Self> {
        let interrupted = Arc::new(AtomicBool::new(false));
        for signal in [SIGINT, SIGTERM] {
            // Registered first, so that it sees the flag of an earlier signal only.
            signal_hook::flag::register_conditional_shutdown(signal, 128 + signal, Arc::clone(&interrupted))?;
            signal_hook::flag::register(signal, Arc::clone(&interrupted))?;
        }
        let mut signals = Signals::new([SIGINT, SIGTERM])?;
        let (sender, chunks) = sync_channel(CHUNKS);
        let end = sender.clone();
        thread::spawn(move || {
            if signals.forever().next().is_some() {
                // An empty chunk is the end.
                let _ = end.send(Ok(Vec::new()));
            }
        });
        thread::spawn(move || pump(&mut io::stdin().lock(), &sender));
        Ok(Self { chunks, current: io::Cursor::default(), interrupted, ended: false })
    }

    /// Tells whether a signal ended it; stays valid while the input is being read elsewhere.
    pub fn interrupted(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.interrupted)
    }
}

impl Read for Stdin {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        loop {
            let len = self.current.read(buf)?;
            if len > 0 || buf.is_empty() || self.ended || self.interrupted.load(Ordering::Relaxed) {
                return Ok(len);
            }
            let chunk = self.chunks.recv().unwrap_or_else(|_| Ok(Vec::new()))?;
            self.ended = chunk.is_empty();
            self.current = io::Cursor::new(chunk);
        }
    }
}

/// Sends on what `source` yields, until its end, an error, or nobody listens.
fn pump(source: &mut dyn Read, sink: &SyncSender<io::Result<Vec<u8>>>) {
    loop {
        let mut chunk = vec![0; CHUNK_LEN];
        let read = match source.read(&mut chunk) {
            Ok(len) => {
                chunk.truncate(len);
                Ok(chunk)
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => Err(error),
        };
        let last = read.as_ref().map_or(true, Vec::is_empty);
        if sink.send(read).is_err() || last {
            return;
        }
    }
}
