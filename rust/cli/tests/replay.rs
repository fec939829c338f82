//! `telltale replay` from the outside: exit statuses, formats, masking, bad input.

mod program;

use std::fs::{self, File};
use std::path::Path;

use inspect::report::{Report, Severity};
use inspect::{Confidence, IdentifierKind};
use program::{IMEI, boot, boot_bytes, command, file, finish, folder, quiet_bytes, run};

fn replay(more: &[&str]) -> program::Ran {
    let boot = boot();
    run([&["replay", boot.to_str().expect("UTF-8")], more].concat())
}

#[test]
fn the_status_says_how_bad_it_is() {
    assert_eq!(replay(&[]).status, Some(0));
    for severity in ["critical", "high", "info"] {
        assert_eq!(replay(&["--fail-on", severity]).status, Some(1), "{severity}");
    }
    let folder = folder();
    let quiet = file(&folder, "quiet.pcapng", &quiet_bytes(1_550_131_200_000));
    let ran = run(["replay".as_ref(), quiet.as_os_str(), "--fail-on".as_ref(), "info".as_ref()]);
    assert_eq!(ran.status, Some(0), "{ran:?}");
    assert!(ran.stdout.contains("quiet"), "{ran:?}");
}

#[test]
fn the_registration_is_critical_and_nothing_else_of_note() {
    let report = replay(&["--format", "json", "--home", "NO"]).report();
    let critical: Vec<_> = report.findings.iter().filter(|it| it.severity == Severity::Critical).collect();
    assert_eq!(critical.len(), 3);
    let kinds = [
        IdentifierKind::Imei,
        IdentifierKind::Iccid,
        IdentifierKind::Imsi,
        IdentifierKind::Mac,
        IdentifierKind::Cell,
    ];
    for finding in &critical {
        assert_eq!(finding.host.as_deref(), Some("zzhc.vnet.cn"));
        assert_eq!(finding.owner.as_deref(), Some("China Telecom"));
        assert_eq!(finding.country.as_deref(), Some("CN"));
        assert_eq!(finding.encrypted, Some(false));
        for kind in kinds {
            assert!(finding.identifiers.iter().any(|it| it.kind == kind), "{kind}");
        }
        assert!(finding.identifiers.iter().all(|it| it.decode.iter().any(|step| step.starts_with("base64"))));
    }
    let triggers: Vec<_> = critical.iter().map(|it| it.phase.map(|phase| phase.as_str())).collect();
    assert_eq!(triggers, [Some("boot_completed"), Some("screen_on"), Some("unlock")]);
    assert_innocent(&report);
}

/// Connectivity check, time and the ordinary page are seen, and not flagged.
fn assert_innocent(report: &Report) {
    for host in ["connectivitycheck.gstatic.com", "time.android.com", "www.example.com"] {
        let flows: Vec<_> = report.flows.iter().filter(|flow| flow.host.as_deref() == Some(host)).collect();
        assert!(!flows.is_empty(), "{host} was contacted");
        for flow in flows {
            assert!(report.findings.iter().all(|finding| finding.flow != flow.id), "{host}");
        }
    }
}

#[test]
fn values_are_masked_unless_asked_for() {
    for format in ["text", "json", "html", "csv"] {
        let masked = replay(&["--format", format]);
        assert_eq!(masked.status, Some(0));
        assert!(masked.stdout.contains("zzhc.vnet.cn"), "{format}");
        assert!(!masked.stdout.contains(IMEI), "{format}");
        assert!(!masked.stdout.contains("89860300000001234564"), "{format}");
        assert!(replay(&["--format", format, "--show-values"]).stdout.contains(IMEI), "{format}");
    }
}

#[test]
fn the_ending_of_the_output_names_the_format() {
    let folder = folder();
    let begins = [("a.json", "{\n"), ("a.html", "<!"), ("a.csv", "finding"), ("a.txt", "Telltale")];
    for (name, begin) in begins {
        let path = folder.path().join(name);
        let ran = replay(&["-o", path.to_str().expect("UTF-8")]);
        assert_eq!((ran.status, ran.stdout.as_str()), (Some(0), ""), "{ran:?}");
        let text = fs::read_to_string(path).expect("written");
        assert!(text.to_lowercase().starts_with(&begin.to_lowercase()), "{name}: {}", &text[..40]);
    }
    let path = folder.path().join("page.html");
    replay(&["--format", "json", "-o", path.to_str().expect("UTF-8")]);
    assert!(
        report::read_json(&fs::read_to_string(path).expect("written")).is_ok(),
        "--format has the last word"
    );
}

#[test]
fn colour_is_for_terminals_unless_asked_for() {
    assert!(!replay(&[]).stdout.contains('\u{1b}'));
    assert!(replay(&["--color", "always"]).stdout.contains('\u{1b}'));
    assert!(!replay(&["--color", "never"]).stdout.contains('\u{1b}'));
}

#[test]
fn captures_are_one_session_in_their_order() {
    let folder = folder();
    let quiet = file(&folder, "quiet.pcapng", &quiet_bytes(1_550_131_200_000));
    let ran = run(["replay".as_ref(), quiet.as_os_str(), boot().as_os_str(), "--format=json".as_ref()]);
    let (both, one) = (ran.report(), replay(&["--format", "json"]).report());
    assert_eq!(both.capture.packets, one.capture.packets + 1);
    assert_eq!(both.capture.source, format!("quiet, {}", one.capture.source));
    assert_eq!(both.findings.len(), one.findings.len());
    assert_eq!(both.flows[0].remote.port(), 123);
}

#[test]
fn the_same_capture_gives_the_same_bytes() {
    assert_eq!(replay(&["--format", "json"]).stdout, replay(&["--format", "json"]).stdout);
}

#[test]
fn what_is_no_capture_is_refused() {
    let folder = folder();
    run(["replay", "/no/such/file.pcap"]).assert_refused(&["/no/such/file.pcap", "no such file"]);
    for (name, bytes) in
        [("empty", &b""[..]), ("text.pcap", b"Dear diary, today I recorded nothing."), ("short", b"\x0a\x0d")]
    {
        let path = file(&folder, name, bytes);
        run(["replay".as_ref(), path.as_os_str()]).assert_refused(&[name, "at byte 0: "]);
        // A good capture before it changes nothing.
        run(["replay".as_ref(), boot().as_os_str(), path.as_os_str()]).assert_refused(&[name]);
    }
    run(["replay".as_ref(), folder.path().as_os_str()]).assert_refused(&["cannot be read"]);
    run(["replay", "-", "-"]).assert_refused(&["given twice"]);
    run(["replay", "-"]).assert_said_last(&["stdin", "at byte 0: "]);
}

trait Said {
    fn assert_said_last(&self, words: &[&str]);
}

impl Said for program::Ran {
    /// As for refused input, after the remark that standard input is being read.
    fn assert_said_last(&self, words: &[&str]) {
        assert_eq!((self.status, self.stdout.as_str()), (Some(2), ""), "{self:?}");
        let last = self.stderr.lines().last().unwrap_or_default();
        assert!(words.iter().all(|word| last.contains(word)), "{self:?}");
    }
}

#[test]
fn a_capture_that_is_cut_off_is_reported_up_to_the_cut() {
    let folder = folder();
    let bytes = boot_bytes();
    let whole = replay(&["--format", "json"]).report();
    for cut in [bytes.len() - 3, bytes.len() / 2 + 1, 1001] {
        let path = file(&folder, "cut.pcapng", &bytes[..cut]);
        let ran = run(["replay".as_ref(), path.as_os_str(), "--format=json".as_ref()]);
        ran.assert_said(&["cut.pcapng"]);
        let report = ran.report();
        assert!(
            report.capture.truncated.as_deref().is_some_and(|it| it.contains("cut.pcapng")),
            "{report:?}"
        );
        assert!(report.capture.packets <= whole.capture.packets);
    }
    let path = file(&folder, "cut.pcapng", &bytes[..bytes.len() - 3]);
    let text = run(["replay".as_ref(), path.as_os_str()]);
    assert!(text.stdout.contains("cut.pcapng"), "{text:?}");
    let most = run(["replay".as_ref(), path.as_os_str(), "--format=json".as_ref()]).report();
    assert_eq!(most.findings.len(), whole.findings.len());
}

#[test]
fn a_capture_that_is_damaged_is_reported_up_to_the_damage() {
    let folder = folder();
    let mut bytes = boot_bytes();
    let at = block_after(&bytes, bytes.len() / 2);
    bytes[at + 4..at + 8].copy_from_slice(&[0xff; 4]);
    let path = file(&folder, "damaged.pcapng", &bytes);
    let ran = run(["replay".as_ref(), path.as_os_str(), "--format=json".as_ref(), "--fail-on=info".as_ref()]);
    // Its length is what is wrong with the block.
    ran.assert_said(&["damaged.pcapng", &format!("at byte {}", at + 4)]);
    let report = ran.report();
    assert!(report.capture.packets > 10);
    assert!(report.capture.truncated.is_some_and(|it| it.contains("damaged.pcapng")));
}

/// Where the first pcapng block at or after `at` begins.
fn block_after(bytes: &[u8], at: usize) -> usize {
    let mut block = 0;
    while block < at {
        let len: [u8; 4] = bytes[block + 4..block + 8].try_into().expect("a block");
        block += u32::from_le_bytes(len) as usize;
    }
    block
}

#[test]
fn a_full_disk_is_said() {
    let full = || File::options().write(true).open("/dev/full").expect("/dev/full");
    let boot = boot();
    let mut to_stdout = command(["replay".as_ref(), boot.as_os_str()]);
    let output = to_stdout.stdout(full()).output().expect("runs");
    assert_eq!(output.status.code(), Some(2));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.starts_with("telltale: standard output: cannot be written: No space left"), "{said}");
    assert_eq!(said.lines().count(), 1);
    replay(&["-o", "/dev/full"]).assert_refused(&["/dev/full: cannot be written: No space left"]);
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let (reader, writer) = std::io::pipe().expect("a pipe");
    drop(reader);
    let boot = boot();
    let mut command = command(["replay".as_ref(), boot.as_os_str()]);
    let output = command.stdout(writer).output().expect("runs");
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
}

#[test]
fn places_for_the_report_are_checked_first() {
    let folder = folder();
    let path = folder.path().to_str().expect("UTF-8");
    replay(&["-o", path]).assert_refused(&[path, "is a folder"]);
    replay(&["-o", &format!("{path}/none/report.html")]).assert_refused(&["there is no folder"]);
}

#[test]
fn a_report_never_takes_the_place_of_its_capture() {
    let folder = folder();
    let capture = file(&folder, "boot.pcapng", &boot_bytes());
    let link = folder.path().join("report.json");
    std::os::unix::fs::symlink(&capture, &link).expect("linked");
    for output in [&capture, &link] {
        let arguments = [Path::new("replay"), &capture, Path::new("-o"), output];
        run(arguments).assert_refused(&["is the capture itself"]);
    }
    assert_eq!(fs::read(&capture).expect("read"), boot_bytes());
}

#[test]
fn a_phone_that_is_not_in_the_capture_is_said() {
    for (phone, status) in [("10.215.173.2", 0), ("192.0.2.77", 2), ("02:00:00:00:00:01", 2)] {
        let ran = replay(&["--phone", phone]);
        assert_eq!(ran.status, Some(status), "{ran:?}");
        assert_eq!(ran.stderr.contains("--phone: no packet"), status == 2, "{ran:?}");
        assert!(ran.stdout.contains("CRITICAL"));
    }
}

#[test]
fn given_values_are_found_and_named_as_given() {
    let report = replay(&["--format=json", "--show-values", "--watch", &format!("imei={IMEI}")]).report();
    let found = report.findings.iter().flat_map(|it| &it.identifiers).find(|it| it.value == IMEI);
    assert_eq!(found.map(|it| it.confidence), Some(Confidence::Known));
    assert_eq!(report.coverage.watched, [IdentifierKind::Imei]);
}

#[test]
fn wrong_values_are_refused() {
    let folder = folder();
    let good = file(&folder, "good", format!("# mine\n\nimei = {IMEI}  # *#06#\n").as_bytes());
    let report = replay(&["--format=json", "--watch-file", good.to_str().expect("UTF-8")]).report();
    assert_eq!(report.coverage.watched, [IdentifierKind::Imei]);

    let windows = file(&folder, "windows", format!("\u{feff}imei={IMEI}\r\n").as_bytes());
    let report = replay(&["--format=json", "--watch-file", windows.to_str().expect("UTF-8")]).report();
    assert_eq!(report.coverage.watched, [IdentifierKind::Imei]);
    let binary = file(&folder, "binary", b"\xff\xfe");
    replay(&["--watch-file", binary.to_str().expect("UTF-8")]).assert_refused(&["is no text"]);

    let bad = file(&folder, "bad", b"# mine\nimei=1234\n");
    let bad = bad.to_str().expect("UTF-8");
    replay(&["--watch-file", bad]).assert_refused(&[&format!("{bad}:2: ")]);
    replay(&["--watch-file", "/no/such/list"]).assert_refused(&["/no/such/list: there is no such file"]);
    for wrong in ["imei", "imei=", "shoe_size=44", "imei=1234"] {
        let ran = replay(&["--watch", wrong]);
        assert_eq!((ran.status, ran.stdout.as_str()), (Some(2), ""), "{wrong}: {ran:?}");
    }
}

#[test]
fn wrong_usage_has_status_2() {
    for arguments in
        [&["replay"][..], &["fly"], &["replay", "a", "--home", "Norway"], &["replay", "a", "--phone", "me"]]
    {
        let ran = run(arguments);
        assert_eq!((ran.status, ran.stdout.as_str()), (Some(2), ""), "{ran:?}");
        assert!(!ran.stderr.is_empty());
    }
}

#[test]
fn help_teaches() {
    let help = run(["replay", "--help"]);
    assert_eq!(help.status, Some(0));
    for word in ["tcpdump", "*#06#", "Exit status", "Examples:"] {
        assert!(help.stdout.contains(word), "{word}");
    }
    for shell in ["bash", "zsh", "fish"] {
        assert!(run(["completions", shell]).stdout.contains("telltale"), "{shell}");
    }
    assert_eq!(finish(&mut command(["--version"])).status, Some(0));
}
