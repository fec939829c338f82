//! Sees everything that can influence a report: hands it to the inspector and to the recording, same time, same order.

use std::fmt;
use std::io::{self, BufWriter, Write};
use std::time::Duration;

use inspect::Inspector;
use inspect::report::Report;
use packet::{Direction, Input, Timestamp};
use recording::Writer;

use crate::health::Trouble;

/// Where a recording goes.
pub type RecordingSink = Box<dyn Write + Send>;

/// Something to tell while a session runs.
#[derive(Debug)]
pub enum Notice {
    /// The inspector saw something.
    Event(inspect::Event),
    /// The recording failed and ends here, in one plain sentence. The session goes on, and what was written before
    /// stays readable.
    RecordingFailed(String),
    /// The network under the session, or the platform, does not do what the phone asks for; or does so again.
    Trouble(Trouble),
}

/// Takes notices as they come.
pub type NoticeSink = Box<dyn FnMut(Notice) + Send>;

/// What is recorded reaches the sink after this time at the latest.
const FLUSH: Duration = Duration::from_secs(1);

type RecordingWriter = Writer<BufWriter<RecordingSink>>;

/// What of the packets is seen and kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sight {
    /// All are inspected, and recorded as they are.
    Whole,
    /// All are inspected; what nobody can read is left out of the recording, whose replay gives the same report.
    Readable,
    /// None: measures what the relay alone costs.
    Nothing,
}

pub(crate) struct Tap {
    inspector: Inspector,
    recording: Option<RecordingWriter>,
    sight: Sight,
    /// When what was recorded has to reach the sink.
    flush_at: Option<Timestamp>,
    failure: Option<String>,
    notify: NoticeSink,
}

impl Tap {
    pub(crate) fn new(
        inspector: Inspector,
        recording: Option<RecordingWriter>,
        sight: Sight,
        notify: NoticeSink,
    ) -> Self {
        Self { inspector, recording, sight, flush_at: None, failure: None, notify }
    }

    pub(crate) fn packet(&mut self, now: Timestamp, direction: Direction, bytes: &[u8]) {
        match self.sight {
            Sight::Nothing => {}
            Sight::Whole => self.input(now, Input::Packet { direction: Some(direction), bytes }),
            Sight::Readable => {
                self.inspector.handle_input(now, Input::Packet { direction: Some(direction), bytes });
                let kept = bytes.len() - self.inspector.unread();
                self.record(now, |writer| writer.write_beginning(now, Some(direction), bytes, kept));
                self.tell();
            }
        }
    }

    pub(crate) fn input(&mut self, now: Timestamp, input: Input<'_>) {
        self.record(now, |writer| writer.write(now, &input));
        self.inspector.handle_input(now, input);
        self.tell();
    }

    fn record(&mut self, now: Timestamp, write: impl FnOnce(&mut RecordingWriter) -> io::Result<()>) {
        if let Some(writer) = &mut self.recording {
            let result = write(writer);
            self.flush_at.get_or_insert(now + FLUSH);
            self.check(result);
        }
    }

    pub(crate) fn handle_timeout(&mut self, now: Timestamp) {
        if self.inspector.poll_timeout().is_some_and(|at| at <= now) {
            self.inspector.handle_timeout(now);
            self.tell();
        }
        if self.flush_at.is_some_and(|at| at <= now) {
            self.flush();
        }
    }

    pub(crate) fn poll_timeout(&self) -> Option<Timestamp> {
        match (self.inspector.poll_timeout(), self.flush_at) {
            (Some(inspector), Some(flush)) => Some(inspector.min(flush)),
            (inspector, flush) => inspector.or(flush),
        }
    }

    /// The report as it stands.
    pub(crate) fn snapshot(&mut self, now: Timestamp) -> Report {
        self.inspector.handle_timeout(now);
        self.tell();
        self.inspector.snapshot()
    }

    pub(crate) fn notify(&mut self, notice: Notice) {
        (self.notify)(notice);
    }

    /// The report, and why the recording failed, if it did.
    pub(crate) fn finish(mut self) -> (Report, Option<String>) {
        self.flush();
        (self.inspector.finish(None), self.failure)
    }

    fn flush(&mut self) {
        self.flush_at = None;
        if let Some(writer) = &mut self.recording {
            let result = writer.flush();
            self.check(result);
        }
    }

    fn check(&mut self, result: io::Result<()>) {
        let Err(error) = result else { return };
        self.recording = None;
        self.flush_at = None;
        let message = format!("recording ends here, the session goes on: {error}");
        self.failure = Some(message.clone());
        (self.notify)(Notice::RecordingFailed(message));
    }

    fn tell(&mut self) {
        while let Some(event) = self.inspector.poll_event() {
            (self.notify)(Notice::Event(event));
        }
    }
}

impl fmt::Debug for Tap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tap").field("failure", &self.failure).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use packet::Phase;

    use super::*;

    /// A disk with room for so many bytes.
    struct Disk {
        room: usize,
        written: Arc<Mutex<Vec<u8>>>,
    }

    impl Write for Disk {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let len = bytes.len().min(self.room);
            if len == 0 && !bytes.is_empty() {
                return Err(io::ErrorKind::StorageFull.into());
            }
            self.room -= len;
            self.written.lock().expect("nobody panics").extend_from_slice(&bytes[..len]);
            Ok(len)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_full_disk_ends_the_recording_and_not_the_session() {
        let written = Arc::new(Mutex::new(Vec::new()));
        let failures = Arc::new(Mutex::new(Vec::new()));
        let disk = Disk { room: 1000, written: Arc::clone(&written) };
        let told = Arc::clone(&failures);
        let notify: NoticeSink = Box::new(move |notice| {
            if let Notice::RecordingFailed(message) = notice {
                told.lock().expect("nobody panics").push(message);
            }
        });
        let writer = Writer::new(BufWriter::new(Box::new(disk) as RecordingSink), "test")
            .expect("room for the beginning");
        let inspector = Inspector::new(inspect::Config::default()).expect("nothing is watched");
        let mut tap = Tap::new(inspector, Some(writer), Sight::Whole, notify);
        for milli in 0..100 {
            tap.input(Timestamp::from_millis(milli), Input::Phase(Phase::ScreenOn));
        }
        let (report, failure) = tap.finish();
        assert_eq!(report.phases.len(), 100);
        assert_eq!(failures.lock().expect("nobody panics").as_slice(), failure.as_slice());

        let written = written.lock().expect("nobody panics");
        let mut reader = recording::Reader::open(&written[..], None).expect("a recording");
        let mut read = 0;
        while reader.next_input().expect("readable to the cut").is_some() {
            read += 1;
        }
        assert!(read > 3 && reader.truncated().is_some());
    }
}
