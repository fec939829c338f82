//! `telltale replay -`: a capture that grows.

mod program;

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, ChildStderr, ChildStdin, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

use inspect::report::Report;
use program::{boot, boot_bytes, command, run};
use rustix::process::{Pid, Signal, kill_process};

const PATIENCE: Duration = Duration::from_secs(60);

struct Live {
    child: Child,
    stdin: ChildStdin,
    lines: Receiver<String>,
}

impl Live {
    fn start() -> Self {
        let mut command = command(["replay", "-", "--format=json"]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("runs");
        let stdin = child.stdin.take().expect("piped");
        let lines = lines(child.stderr.take().expect("piped"));
        Self { child, stdin, lines }
    }

    /// Waits for a line on stderr.
    fn wait_for(&self, word: &str) {
        while !self.lines.recv_timeout(PATIENCE).expect("a line in time").contains(word) {}
    }

    /// The exit status and the report, after the input ended.
    fn finish(mut self) -> (Option<i32>, Report) {
        drop(self.stdin);
        let mut json = String::new();
        self.child.stdout.take().expect("piped").read_to_string(&mut json).expect("UTF-8");
        let status = self.child.wait().expect("ended");
        (status.code(), report::read_json(&json).expect("a report"))
    }
}

fn lines(stderr: ChildStderr) -> Receiver<String> {
    let (sender, receiver) = channel();
    thread::spawn(move || {
        for line in BufReader::new(stderr).lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                return;
            }
        }
    });
    receiver
}

#[test]
fn findings_are_shown_while_it_grows() {
    let bytes = boot_bytes();
    let mut live = Live::start();
    let (first, rest) = bytes.split_at(bytes.len() * 3 / 4);
    live.stdin.write_all(first).expect("taken");
    live.wait_for("zzhc.vnet.cn");
    live.stdin.write_all(rest).expect("taken");
    let (status, report) = live.finish();
    assert_eq!(status, Some(0));
    let from_file = run(["replay".as_ref(), boot().as_os_str(), "--format=json".as_ref()]).report();
    assert_eq!(report, from_file);
}

#[test]
fn a_signal_ends_it_with_the_report() {
    let bytes = boot_bytes();
    for signal in [Signal::INT, Signal::TERM] {
        let mut live = Live::start();
        // Not at the end of a packet: that is the user's doing, not the capture's.
        live.stdin.write_all(&bytes[..bytes.len() * 3 / 4]).expect("taken");
        live.wait_for("zzhc.vnet.cn");
        let pid = Pid::from_child(&live.child);
        kill_process(pid, signal).expect("signalled");
        let mut json = String::new();
        live.child.stdout.take().expect("piped").read_to_string(&mut json).expect("UTF-8");
        assert_eq!(live.child.wait().expect("ended").code(), Some(0));
        let report = report::read_json(&json).expect("a report");
        assert_eq!(report.capture.truncated, None);
        assert!(!report.findings.is_empty());
    }
}
