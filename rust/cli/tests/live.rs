//! `telltale tun` and `telltale demo` from the outside.

mod program;

use std::fs;
use std::process::{Command, Stdio};

use inspect::report::Severity;
use program::{IMEI, boot_bytes, finish, folder, run};

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
