//! `telltale tun` and `telltale demo` from the outside.

mod program;

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::thread;

use inspect::report::{Report, Severity};
use program::{IMEI, boot_bytes, finish, folder, run};
use rustix::process::{Pid, Signal, kill_process};

/// The program without the right to administrate networks, whoever runs the test.
fn without_rights(arguments: &[&str]) -> Command {
    let mut command = if rustix::process::geteuid().is_root() {
        let mut command = Command::new("setpriv");
        command.args(["--bounding-set=-net_admin,-sys_admin", "--inh-caps=-net_admin,-sys_admin"]);
        command.arg(env!("CARGO_BIN_EXE_telltale"));
        command
    } else {
        Command::new(env!("CARGO_BIN_EXE_telltale"))
    };
    command.args(arguments).stdin(Stdio::null());
    command
}

/// The program in an empty network, with every right there.
fn in_empty_network(arguments: &[&str]) -> Command {
    let mut command = Command::new("unshare");
    command.args(["-n", env!("CARGO_BIN_EXE_telltale")]).args(arguments).stdin(Stdio::null());
    command
}

#[test]
fn a_missing_right_is_said() {
    finish(&mut without_rights(&["tun"])).assert_refused(&["telltale0: cannot be opened: ", "telltale: "]);
}

#[test]
fn a_namespace_that_is_not_there_is_said_first() {
    let ran = finish(&mut without_rights(&["tun", "--netns", "no-such-namespace"]));
    ran.assert_refused(&["no-such-namespace: there is no such network namespace", "ip netns add"]);
}

#[test]
fn a_recording_that_cannot_be_is_said_first() {
    run(["tun", "--record", "/no/such/folder/boot.pcapng"]).assert_refused(&["/no/such/folder"]);
    run(["tun", "--record", "/tmp"]).assert_refused(&["is a folder"]);
    run(["tun", "-o", "/no/such/folder/report.html"]).assert_refused(&["/no/such/folder"]);
}

#[test]
#[ignore = "needs network namespaces"]
fn a_session_ends_by_itself_and_replays_to_the_same_report() {
    let folder = folder();
    let recording = folder.path().join("quiet.pcapng");
    let record = recording.to_str().expect("UTF-8");
    let live = finish(&mut in_empty_network(&["tun", "--for", "1s", "--record", record, "--format", "json"]));
    assert_eq!(live.status, Some(0), "{live:?}");
    assert!(live.stderr.contains("ip rule add"), "{live:?}");
    assert_eq!(live.report().capture.source, "quiet.pcapng");
    assert_eq!(run(["replay", record, "--format", "json"]).stdout, live.stdout);
}

#[test]
#[ignore = "needs network namespaces"]
fn a_disk_that_is_full_does_not_end_the_session() {
    let live =
        finish(&mut in_empty_network(&["tun", "--for", "2s", "--record", "/dev/full", "--format=json"]));
    assert_eq!(live.status, Some(2), "{live:?}");
    assert!(live.stderr.contains("No space left"), "{live:?}");
    assert_eq!(live.report().phases.len(), 2, "started and stopped");
}

/// Starts a command and returns when a line on its stderr holds `word`.
fn start(command: &mut Command, word: &str) -> Child {
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("runs");
    let lines = BufReader::new(child.stderr.take().expect("piped")).lines();
    let mut lines = lines.map_while(Result::ok);
    assert!(lines.any(|line| line.contains(word)), "{word:?} was not said");
    // The rest is read, so that the program can go on writing.
    thread::spawn(move || lines.count());
    child
}

/// The status and the JSON report of a program that is about to end.
fn end(child: Child) -> (Option<i32>, Report) {
    let output = child.wait_with_output().expect("ended");
    let json = String::from_utf8(output.stdout).expect("UTF-8");
    (output.status.code(), report::read_json(&json).expect("a report"))
}

#[test]
#[ignore = "needs network namespaces"]
fn a_signal_ends_a_session_with_the_report() {
    for signal in [Signal::INT, Signal::TERM] {
        let live = start(&mut in_empty_network(&["tun", "--format=json"]), "watching");
        kill_process(Pid::from_child(&live), signal).expect("signalled");
        assert_eq!(end(live).0, Some(0));
    }
}

#[test]
#[ignore = "needs network namespaces"]
fn what_runs_in_a_namespace_is_watched() {
    let name = format!("telltale-{}", std::process::id());
    // A thread with a network of its own, where the server has a documentation address.
    let watched = thread::spawn(move || {
        nix::sched::unshare(nix::sched::CloneFlags::CLONE_NEWNET).expect("a network");
        ip("link set lo up");
        ip("addr add 192.0.2.1/32 dev lo");
        let server = TcpListener::bind("192.0.2.1:80").expect("a server");
        thread::spawn(move || {
            let (mut stream, _) = server.accept().expect("a request");
            let mut request = [0; 4096];
            let _ = stream.read(&mut request);
            let _ = stream.write_all(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n");
        });
        ip(&format!("netns add {name}"));
        let arguments =
            ["tun", "--netns", &name, "--for", "60s", "--format=json", "--fail-on=high", "--show-values"];
        let live = start(&mut program::command(arguments), "watching");
        let url = format!("http://192.0.2.1/check?imei={IMEI}");
        let curl = finish(Command::new("ip").args([
            "netns",
            "exec",
            &name,
            "curl",
            "-sS",
            "--max-time",
            "20",
            &url,
        ]));
        kill_process(Pid::from_child(&live), Signal::INT).expect("signalled");
        let ended = end(live);
        ip(&format!("netns del {name}"));
        (curl, ended)
    });
    let (curl, (status, report)) = watched.join().expect("no panic");
    assert_eq!(curl.status, Some(0), "{curl:?}");
    assert_eq!(status, Some(1));
    let flow = report.flows.iter().find(|flow| flow.remote.port() == 80).expect("a flow");
    let finding = report.findings.iter().find(|finding| finding.flow == flow.id).expect("a finding");
    assert!(finding.identifiers.iter().any(|it| it.value == IMEI), "{finding:?}");
}

fn ip(arguments: &str) {
    let ran = finish(Command::new("ip").args(arguments.split(' ')));
    assert_eq!(ran.status, Some(0), "ip {arguments}: {ran:?}");
}

fn demo(mut command: Command, folder: &tempfile::TempDir) -> program::Ran {
    finish(command.arg("--output").arg(folder.path().join("out")))
}

#[test]
fn where_the_demo_cannot_be_played_it_is_replayed() {
    let folder = folder();
    let mut command = program::command(["demo"]);
    command.env("PATH", "/nowhere");
    let ran = demo(command, &folder);
    assert_eq!(ran.status, Some(0), "{ran:?}");
    assert!(
        ran.stderr.contains("cannot be played here") && ran.stderr.contains("recording of it"),
        "{ran:?}"
    );
    assert_eq!(ran.stdout, demo(program::command(["demo", "--bundled"]), &folder).stdout);
}

#[test]
fn the_bundled_demo_flags_the_registration() {
    let folder = folder();
    let ran = demo(program::command(["demo", "--bundled"]), &folder);
    assert_eq!(ran.status, Some(0), "{ran:?}");
    assert!(ran.stderr.contains("telltale explain"), "{ran:?}");
    assert!(ran.stdout.contains("China Telecom") && !ran.stdout.contains(IMEI), "{ran:?}");
    let out = folder.path().join("out");
    assert_eq!(fs::read(out.join("boot.pcapng")).expect("recorded"), boot_bytes());
    for name in ["report.html", "report.json", "report.txt"] {
        let text = fs::read_to_string(out.join(name)).expect(name);
        assert!(text.contains("zzhc.vnet.cn") && !text.contains(IMEI), "{name}");
    }
}

#[test]
#[ignore = "needs network namespaces"]
fn the_demo_flags_the_registration_live_and_replayed() {
    let folder = folder();
    let ran = demo(program::command(["demo"]), &folder);
    assert_eq!(ran.status, Some(0), "{ran:?}");
    assert!(!ran.stderr.contains("cannot be played"), "{ran:?}");
    let out = folder.path().join("out");
    let json = fs::read_to_string(out.join("report.json")).expect("report.json");
    let report = report::read_json(&json).expect("a report");
    let critical = report.findings.iter().filter(|it| it.severity == Severity::Critical);
    let triggers: Vec<_> = critical.map(|it| it.phase.map(|phase| phase.as_str())).collect();
    assert_eq!(triggers, [Some("boot_completed"), Some("screen_on"), Some("unlock")]);
    let replayed = run([
        "replay".as_ref(),
        out.join("boot.pcapng").as_os_str(),
        "--home=NO".as_ref(),
        "--format=json".as_ref(),
    ]);
    assert_eq!(replayed.stdout, json);
}
