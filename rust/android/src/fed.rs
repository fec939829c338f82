//! A session that is fed a capture, piece by piece, on the caller's thread.

use std::collections::VecDeque;
use std::io::{self, Read};
use std::sync::{Arc, Mutex, PoisonError};

use inspect::Inspector;
use inspect::report::Report;
use packet::Input;
use recording::{ReadError, Reader};

use crate::config::Config;
use crate::drill;
use crate::event;
use crate::failure::Failure;
use crate::queue::Queue;

/// Enough for the headers of any capture, and for the name that a recording has for its session.
const HEADERS: usize = 64 * 1024;

/// A capture on its way.
pub(crate) struct Fed {
    config: Config,
    pipe: Pipe,
    /// Once enough has come to tell what it is.
    replay: Option<Replay>,
}

struct Replay {
    reader: Reader<Pipe>,
    inspector: Inspector,
}

impl Fed {
    pub(crate) fn new(config: Config) -> Self {
        Self { config, pipe: Pipe::default(), replay: None }
    }

    /// Takes the next bytes of the capture, cut anywhere, and tells what they show.
    pub(crate) fn feed(&mut self, bytes: &[u8], events: &Queue) -> Result<(), Failure> {
        if self.pipe.push(bytes) < HEADERS && self.replay.is_none() {
            return Ok(());
        }
        self.advance(events)
    }

    /// The capture's end: judges it.
    pub(crate) fn finish(mut self: Box<Self>, events: &Queue) -> Result<Report, Failure> {
        self.pipe.end();
        let result = self.advance(events);
        events.end();
        result?;
        let Some(Replay { reader, inspector }) = self.replay else {
            return Err(Failure::state("report: nothing was fed yet"));
        };
        let name = &self.config.source;
        Ok(inspector.finish(reader.truncated().map(|problem| format!("{name}: {problem}"))))
    }

    fn advance(&mut self, events: &Queue) -> Result<(), Failure> {
        let unreadable = |error: ReadError| Failure::argument(format!("{}: {error}", self.config.source));
        if self.replay.is_none() {
            let reader = Reader::open(self.pipe.clone(), None).map_err(unreadable)?;
            let config = self.config.inspect(reader.recorded_source())?;
            let inspector = Inspector::new(config).map_err(Failure::argument)?;
            self.replay = Some(Replay { reader, inspector });
        }
        let Some(Replay { reader, inspector }) = &mut self.replay else { return Ok(()) };
        loop {
            match reader.next_input() {
                Ok(Some((now, input))) => {
                    if self.config.drill && matches!(input, Input::Packet { .. }) {
                        drill::fail();
                    }
                    inspector.handle_input(now, input);
                }
                Ok(None) => return Ok(()),
                Err(ReadError::Io(error)) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(unreadable(error)),
            }
            while let Some(event) = inspector.poll_event() {
                events.push(event::of_event(&event));
            }
        }
    }
}

/// Bytes that were fed and not read. Reading what has not come yet would block.
#[derive(Debug, Clone, Default)]
struct Pipe(Arc<Mutex<(VecDeque<u8>, bool)>>);

impl Pipe {
    /// Returns how many bytes wait.
    fn push(&self, bytes: &[u8]) -> usize {
        let (waiting, _) = &mut *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.extend(bytes);
        waiting.len()
    }

    fn end(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).1 = true;
    }
}

impl Read for Pipe {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let (waiting, ended) = &mut *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.is_empty() && !*ended {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        waiting.read(buffer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The recording of the demo: a first boot with a registration in clear.
    const BOOT: &[u8] = include_bytes!("../../cli/tests/golden/demo-boot/capture.pcapng");

    fn config(json: &str) -> Config {
        crate::config::parse(json.as_bytes()).expect("a configuration")
    }

    fn replayed() -> Report {
        let mut reader = Reader::open(BOOT, None).expect("a recording");
        let source = reader.recorded_source().expect("its name").to_owned();
        let mut inspector =
            Inspector::new(inspect::Config { source, ..Default::default() }).expect("nothing is watched");
        while let Some((now, input)) = reader.next_input().expect("readable") {
            inspector.handle_input(now, input);
        }
        inspector.finish(None)
    }

    #[test]
    fn pieces_give_the_report_of_the_whole() {
        for len in [1, 13, 4096, BOOT.len()] {
            let events = Queue::default();
            let mut fed = Box::new(Fed::new(config(r#"{"source":"given"}"#)));
            for piece in BOOT.chunks(len) {
                fed.feed(piece, &events).expect("a capture");
            }
            let report = fed.finish(&events).expect("a report");
            assert!(report == replayed(), "pieces of {len} bytes");
            assert!(!report.findings.is_empty());
            assert!(events.next().is_some_and(|event| event.starts_with(br#"{"type":""#)));
        }
    }

    #[test]
    fn what_is_no_capture_is_named() {
        let events = Queue::default();
        let mut fed = Box::new(Fed::new(config(r#"{"source":"letter.txt"}"#)));
        fed.feed(b"Dear founders,", &events).expect("too little to tell");
        let failure = fed.finish(&events).expect_err("no capture").to_string();
        assert!(failure.starts_with("letter.txt: at byte 0: "), "{failure}");
    }

    #[test]
    fn a_capture_that_is_cut_off_says_so() {
        let events = Queue::default();
        let mut fed = Box::new(Fed::new(config(r#"{"source":"cut"}"#)));
        fed.feed(&BOOT[..BOOT.len() - 3], &events).expect("a capture");
        let report = fed.finish(&events).expect("a report");
        assert!(report.capture.truncated.is_some_and(|it| it.starts_with("cut: cut off at byte ")));
    }

    #[test]
    #[should_panic(expected = "a rehearsed failure")]
    fn a_failure_can_be_rehearsed() {
        let mut fed = Box::new(Fed::new(config(r#"{"source":"drill","drill":true}"#)));
        let events = Queue::default();
        let _ = fed.feed(BOOT, &events);
        let _ = fed.finish(&events);
    }
}
