//! `telltale explain` from the outside.

mod program;

use std::fs;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use inspect::report::Severity;

use program::{IMEI, boot, boot_bytes, file, folder, quiet_bytes, run, tcp_bytes};

/// A folder with the demo's recording and its report.
fn case(show_values: bool) -> tempfile::TempDir {
    let folder = folder();
    let capture = file(&folder, "boot.pcapng", &boot_bytes());
    let report = folder.path().join("report.json");
    let mut arguments = vec!["replay".as_ref(), capture.as_os_str(), "-o".as_ref(), report.as_os_str()];
    if show_values {
        arguments.push("--show-values".as_ref());
    }
    assert_eq!(run(arguments).status, Some(0));
    folder
}

/// The number of the first registration in the report.
fn id(folder: &tempfile::TempDir) -> String {
    let json = fs::read_to_string(folder.path().join("report.json")).expect("a report");
    let report = report::read_json(&json).expect("a report");
    let finding = report.findings.iter().find(|finding| finding.severity == Severity::Critical);
    finding.expect("a registration").id.to_string()
}

fn explain(folder: &tempfile::TempDir, more: &[&str]) -> program::Ran {
    let report = folder.path().join("report.json");
    run([&["explain", report.to_str().expect("UTF-8")], more].concat())
}

#[test]
fn each_step_is_shown_with_the_values_masked() {
    for show_values_in_report in [false, true] {
        let folder = case(show_values_in_report);
        let masked = explain(&folder, &[&id(&folder)]);
        assert_eq!(masked.status, Some(0), "{masked:?}");
        for part in
            ["On the wire", "Content-L", "> http body", "> base64", "> json IMEI1", "\"REGVER\":\"7.0\""]
        {
            assert!(masked.stdout.contains(part), "{part}: {}", masked.stdout);
        }
        assert!(!masked.stdout.contains(IMEI), "{}", masked.stdout);
        // Nor in base64: this is how the body's IMEI begins there.
        assert!(!masked.stdout.contains("SU1FSTEi"), "{}", masked.stdout);
        assert!(masked.stdout.contains("--show-values shows them"));

        let shown = explain(&folder, &[&id(&folder), "--show-values"]);
        assert!(shown.stdout.contains(&format!("⟦{IMEI}⟧")), "{}", shown.stdout);
    }
}

#[test]
fn what_is_still_encoded_is_masked_too() {
    let folder = folder();
    // JSON in hexadecimal digits, in base64.
    let digits: String =
        format!("{{\"imei\":\"{IMEI}\"}}").bytes().map(|byte| format!("{byte:02x}")).collect();
    let body = STANDARD.encode(&digits);
    let post = format!("POST /a HTTP/1.1\r\nHost: a.example\r\nContent-Length: {}\r\n\r\n{body}", body.len());
    file(&folder, "boot.pcapng", &tcp_bytes(post.as_bytes()));
    let report = folder.path().join("report.json");
    let capture = folder.path().join("boot.pcapng");
    run(["replay".as_ref(), capture.as_os_str(), "-o".as_ref(), report.as_os_str()]);
    let from = ["1", "--capture", capture.to_str().expect("UTF-8")];
    let masked = explain(&folder, &from);
    assert!(masked.stdout.contains("    > hex\n") && masked.stdout.contains("⟦···⟧"), "{masked:?}");
    assert!(!masked.stdout.contains(&digits[20..40]), "{}", masked.stdout);
    let shown = explain(&folder, &[&from[..], &["--show-values"]].concat());
    assert!(shown.stdout.contains(&digits), "{}", shown.stdout);
}

#[test]
fn the_capture_may_be_elsewhere() {
    let folder = case(false);
    fs::remove_file(folder.path().join("boot.pcapng")).expect("removed");
    explain(&folder, &[&id(&folder)]).assert_refused(&["boot.pcapng", "--capture"]);
    let boot = boot();
    let ran = explain(&folder, &[&id(&folder), "--capture", boot.to_str().expect("UTF-8")]);
    assert_eq!(ran.status, Some(0), "{ran:?}");
    assert!(ran.stdout.contains("> json IMEI1"));
}

#[test]
fn another_capture_is_noticed() {
    let folder = case(false);
    file(&folder, "boot.pcapng", &quiet_bytes(1_550_131_200_000));
    explain(&folder, &[&id(&folder)]).assert_said(&["not all of the bytes are in the capture"]);
}

#[test]
fn what_is_not_there_is_said() {
    let folder = case(false);
    explain(&folder, &["99"]).assert_refused(&["has no finding 99"]);
    run(["explain", "/no/such/report.json", "1"])
        .assert_refused(&["/no/such/report.json: there is no such file"]);
    let boot = boot();
    run(["explain".as_ref(), boot.as_os_str(), "1".as_ref()]).assert_refused(&["is no report"]);
    let text = file(&folder, "text.json", b"{\"schema\": \"something/1\"}");
    run(["explain".as_ref(), text.as_os_str(), "1".as_ref()]).assert_refused(&["text.json"]);
}
