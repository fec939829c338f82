//! `telltale compare` from the outside: exit statuses, formats, baselines, bad input.

mod program;

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use packet::{Input, Timestamp};
use program::{IMEI, boot, boot_bytes, file, folder, quiet_bytes, run};
use recording::{Reader, Writer};

/// China Telecom's server in the demo.
const REGISTRATION: &[u8] = &[42, 99, 2, 15];

/// The demo's recording, later by `shift`, without the packets that hold `without`.
fn edited(shift: Duration, without: Option<&[u8]>) -> Vec<u8> {
    let bytes = boot_bytes();
    let mut reader = Reader::open(bytes.as_slice(), None).expect("a recording");
    let mut writer = Writer::new(Vec::new(), "edited").expect("a recording");
    while let Some((now, input)) = reader.next_input().expect("a whole recording") {
        let holds = |part: &[u8]| match input {
            Input::Packet { bytes, .. } => bytes.windows(part.len()).any(|window| window == part),
            _ => false,
        };
        if !without.is_some_and(holds) {
            writer.write(now + shift, &input).expect("written");
        }
    }
    writer.into_inner().expect("a whole recording")
}

/// A folder with a boot, the same a day later, and one without the registration.
struct Case {
    folder: tempfile::TempDir,
}

impl Case {
    fn new() -> Self {
        let folder = folder();
        file(&folder, "monday.pcapng", &boot_bytes());
        file(&folder, "tuesday.pcapng", &edited(Duration::from_secs(86_400), None));
        file(&folder, "good.pcapng", &edited(Duration::ZERO, Some(REGISTRATION)));
        Self { folder }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Runs `telltale compare`; what ends like a file of the case is one.
    fn compare(&self, arguments: &[&str]) -> program::Ran {
        let own = |argument: &&str| {
            let is_file = [".pcapng", ".json"].iter().any(|ending| argument.ends_with(ending));
            if is_file { self.path(argument).display().to_string() } else { (*argument).to_owned() }
        };
        run(std::iter::once("compare".to_owned()).chain(arguments.iter().map(own)))
    }

    fn report(&self, capture: &str, name: &str, more: &[&str]) {
        let [capture, report] = [capture, name].map(|name| self.path(name).display().to_string());
        let arguments = [&["replay", &capture, "-o", &report], more].concat();
        assert_eq!(run(arguments).status, Some(0));
    }
}

fn value(ran: &program::Ran) -> serde_json::Value {
    serde_json::from_str(&ran.stdout).unwrap_or_else(|error| panic!("{error}\n{ran:?}"))
}

#[test]
fn the_same_boot_on_another_day_holds_nothing_new() {
    let case = Case::new();
    let ran = case.compare(&["monday.pcapng", "tuesday.pcapng", "--fail-on", "info"]);
    assert_eq!((ran.status, ran.stderr.as_str()), (Some(0), ""), "{ran:?}");
    assert!(ran.stdout.contains("Nothing differs from the reference."), "{}", ran.stdout);
    assert!(ran.stdout.contains("CONSTANT") && ran.stdout.contains("IMEI, zzhc.vnet.cn"), "{}", ran.stdout);
}

#[test]
fn a_registration_that_the_baseline_lacks_fails_the_build() {
    let case = Case::new();
    let ran = case.compare(&["--baseline", "good.pcapng", "tuesday.pcapng", "--fail-on", "critical"]);
    assert_eq!(ran.status, Some(1), "{ran:?}");
    assert!(ran.stdout.contains("cleartext_registration, zzhc.vnet.cn (critical)"), "{}", ran.stdout);
    assert!(ran.stdout.contains("good.pcapng (reference)"), "{}", ran.stdout);
    // Without --fail-on nothing counts, and what is gone never does.
    assert_eq!(case.compare(&["good.pcapng", "tuesday.pcapng"]).status, Some(0));
    let gone = case.compare(&["tuesday.pcapng", "good.pcapng", "--fail-on", "info"]);
    assert_eq!(gone.status, Some(0), "{gone:?}");
    assert!(gone.stdout.contains("Gone: 2 findings and 1 host."), "{}", gone.stdout);
    // What any of the baselines holds is known.
    let both =
        ["--baseline", "good.pcapng", "--baseline", "monday.pcapng", "tuesday.pcapng", "--fail-on=info"];
    assert_eq!(case.compare(&both).status, Some(0));
}

#[test]
fn reports_and_captures_may_be_mixed() {
    let case = Case::new();
    case.report("monday.pcapng", "monday.json", &["--show-values"]);
    case.report("tuesday.pcapng", "hidden.json", &[]);
    let json = ["monday.json", "tuesday.pcapng", "--format", "json", "--show-values"];
    let comparison = value(&case.compare(&json));
    assert_eq!(comparison["schema"], "telltale.comparison/1");
    assert_eq!(comparison["sides"][0]["name"], "monday.json");
    let imei = comparison["identifiers"].as_array().expect("a list").iter().find(|row| row["kind"] == "imei");
    let imei = imei.expect("the IMEI");
    assert_eq!((&imei["constancy"], &imei["host"]), (&"constant".into(), &"zzhc.vnet.cn".into()));
    assert_eq!(imei["sides"][0], imei["sides"][1]);
    let hidden = case.compare(&["monday.pcapng", "hidden.json"]);
    assert!(hidden.stdout.contains("values are hidden in it"), "{}", hidden.stdout);
}

#[test]
fn a_trigger_needs_several_boots() {
    let case = Case::new();
    for day in 0..8_u64 {
        let name = format!("day{day}.pcapng");
        file(&case.folder, &name, &edited(Duration::from_secs(86_400 * day), None));
    }
    let names: Vec<String> = (0..8).map(|day| format!("day{day}.pcapng")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let comparison = value(&case.compare(&[&names[..], &["--format", "json"]].concat()));
    let triggers = comparison["triggers"].as_array().expect("a list");
    assert!(triggers.iter().any(|trigger| trigger["cause"] == "phase"), "{triggers:?}");
    let alone = run(["replay".as_ref(), boot().as_os_str(), "--format=json".as_ref()]).report();
    assert_eq!(alone.triggers, []);
}

#[test]
fn values_are_masked_unless_asked_for() {
    let case = Case::new();
    for format in ["text", "json", "html", "csv"] {
        let arguments = ["monday.pcapng", "tuesday.pcapng", "--format", format];
        let masked = case.compare(&arguments);
        assert_eq!(masked.status, Some(0));
        assert!(masked.stdout.contains("zzhc.vnet.cn"), "{format}");
        assert!(!masked.stdout.contains(IMEI), "{format}");
        let shown = case.compare(&[&arguments[..], &["--show-values"]].concat());
        assert!(shown.stdout.contains(IMEI), "{format}");
        assert_eq!(masked.stdout, case.compare(&arguments).stdout, "the same bytes again");
    }
}

#[test]
fn the_ending_of_the_output_names_the_format() {
    let case = Case::new();
    let page = case.path("update.html");
    let to = page.to_str().expect("UTF-8");
    let ran = case.compare(&["good.pcapng", "monday.pcapng", "-o", to]);
    assert_eq!((ran.status, ran.stdout.as_str()), (Some(0), ""), "{ran:?}");
    assert!(fs::read_to_string(&page).expect("written").starts_with("<!doctype html>"));
    case.compare(&["good.pcapng", "monday.pcapng", "-o", "good.pcapng"])
        .assert_refused(&["the capture itself"]);
}

#[test]
fn bad_input_is_refused_in_one_line() {
    let case = Case::new();
    file(&case.folder, "broken.json", b"{\"schema\": \"telltale.report/9\"}");
    file(&case.folder, "cut.json", b"  {\"schema\": ");
    file(&case.folder, "text.pcapng", b"Dear diary");
    case.compare(&["monday.pcapng"]).assert_refused(&["give two", "--baseline"]);
    case.compare(&["monday.pcapng", "nowhere.pcapng"]).assert_refused(&["nowhere.pcapng", "no such file"]);
    case.compare(&["monday.pcapng", "broken.json"]).assert_refused(&["broken.json", "telltale.report/9"]);
    case.compare(&["cut.json", "monday.pcapng"]).assert_refused(&["cut.json", "cut off"]);
    case.compare(&["monday.pcapng", "text.pcapng"]).assert_refused(&["text.pcapng", "at byte 0"]);
}

#[test]
fn a_capture_that_is_cut_off_is_compared_up_to_the_cut() {
    let case = Case::new();
    let bytes = boot_bytes();
    file(&case.folder, "cut.pcapng", &bytes[..bytes.len() - 3]);
    let ran = case.compare(&["monday.pcapng", "cut.pcapng"]);
    ran.assert_said(&["cut.pcapng", "not all of it could be read"]);
    assert!(ran.stdout.contains("ends early"), "{}", ran.stdout);
}

#[test]
fn a_quiet_boot_is_a_boot() {
    let case = Case::new();
    file(&case.folder, "quiet.pcapng", &quiet_bytes(Timestamp::from_millis(0).as_nanos()));
    let ran = case.compare(&["quiet.pcapng", "monday.pcapng", "--fail-on", "critical"]);
    assert_eq!(ran.status, Some(1), "{ran:?}");
}
