//! Runs the program, and makes captures for it.
#![allow(dead_code, reason = "not every test file uses everything")]

use std::ffi::OsStr;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use inspect::report::Report;
use packet::{Input, Timestamp};
use recording::Writer;

/// The IMEI of the phone that does not exist, in the demo's recording.
pub const IMEI: &str = "001017001234569";

/// The demo's recording.
pub fn boot() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden/demo-boot/capture.pcapng")
}

/// The bytes of the demo's recording.
pub fn boot_bytes() -> Vec<u8> {
    std::fs::read(boot()).expect("the demo's recording")
}

/// A capture of a clock that was set (an NTP request to a documentation address): nothing to flag.
pub fn quiet_bytes(at: i64) -> Vec<u8> {
    let mut packet = vec![0x45, 0, 0, 76, 0, 1, 0, 0, 64, 17, 0, 0, 192, 168, 1, 23, 192, 0, 2, 1];
    packet.extend_from_slice(&[0x9c, 0x40, 0, 123, 0, 56, 0, 0]);
    packet.push(0x1b);
    packet.resize(76, 0);
    sent(at, &packet)
}

/// A capture of a single segment of TCP, to port 80 of a documentation address.
pub fn tcp_bytes(payload: &[u8]) -> Vec<u8> {
    let [high, low] = (40 + payload.len() as u16).to_be_bytes();
    let mut packet = vec![0x45, 0, high, low, 0, 1, 0, 0, 64, 6, 0, 0, 192, 168, 1, 23, 192, 0, 2, 1];
    packet.extend([0x9c, 0x40, 0, 80, 0, 0, 0, 1, 0, 0, 0, 1, 0x50, 0x18, 0xff, 0xff, 0, 0, 0, 0]);
    packet.extend(payload);
    sent(0, &packet)
}

/// A recording of a packet that the phone sends, at so many milliseconds.
fn sent(at: i64, packet: &[u8]) -> Vec<u8> {
    let mut writer = Writer::new(Vec::new(), "quiet").expect("a recording");
    let input = Input::Packet { direction: Some(packet::Direction::Outbound), bytes: packet };
    writer.write(Timestamp::from_millis(at), &input).expect("written");
    writer.into_inner().expect("a whole recording")
}

/// What the program did.
#[derive(Debug)]
pub struct Ran {
    pub status: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Ran {
    /// The JSON report on stdout.
    pub fn report(&self) -> Report {
        report::read_json(&self.stdout).unwrap_or_else(|error| panic!("{error}\n{self:?}"))
    }

    /// Checks that it failed for bad input, said so in one line that holds `words`, and reported nothing.
    #[track_caller]
    pub fn assert_refused(&self, words: &[&str]) {
        self.assert_said(words);
        assert_eq!(self.stdout, "", "{self:?}");
    }

    /// Checks that it ended with status 2 and one line on stderr that holds `words`.
    #[track_caller]
    pub fn assert_said(&self, words: &[&str]) {
        assert_eq!(self.status, Some(2), "{self:?}");
        assert_eq!(self.stderr.lines().count(), 1, "{self:?}");
        assert!(self.stderr.starts_with("telltale: "), "{self:?}");
        for word in words {
            assert!(self.stderr.contains(word), "{word:?} is not in {self:?}");
        }
    }
}

/// The program with arguments, in a plain environment.
pub fn command<A: AsRef<OsStr>>(arguments: impl IntoIterator<Item = A>) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_telltale"));
    command.args(arguments).env_remove("NO_COLOR").stdin(Stdio::null());
    command
}

/// Runs the program.
pub fn run<A: AsRef<OsStr>>(arguments: impl IntoIterator<Item = A>) -> Ran {
    finish(&mut command(arguments))
}

/// Runs a command to its end.
pub fn finish(command: &mut Command) -> Ran {
    let output = command.output().expect("the program runs");
    Ran {
        status: output.status.code(),
        stdout: String::from_utf8(output.stdout).expect("UTF-8"),
        stderr: String::from_utf8(output.stderr).expect("UTF-8"),
    }
}

/// A file with these bytes, in a folder that lives as long as the test.
pub fn file(folder: &tempfile::TempDir, name: &str, bytes: &[u8]) -> PathBuf {
    let path = folder.path().join(name);
    std::fs::File::create(&path).and_then(|mut file| file.write_all(bytes)).expect("written");
    path
}

/// A folder for a test.
pub fn folder() -> tempfile::TempDir {
    tempfile::tempdir().expect("a folder")
}
