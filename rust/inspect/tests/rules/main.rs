//! Each rule on two recordings made for it: one that it flags, one like it that it does not. And all of them on a boot
//! that is as it should be.

mod normal_boot;
mod scenes;
mod wire;

use std::collections::BTreeSet;
use std::fmt::Write;
use std::fs;
use std::iter;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::path::PathBuf;

use inspect::report::{Finding, Report};
use inspect::{Config, Event, Inspector};
use packet::Input;
use recording::Reader;
use scenes::{Scene, scenes};
use wire::Tape;

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/rules")
}

fn stored(scene: &Scene) -> Vec<u8> {
    let path = folder().join(format!("{}.pcapng", scene.name()));
    fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The report of a recording.
fn replayed(recording: &[u8], config: Config) -> Report {
    let mut inspector = Inspector::new(config).expect("good values");
    let mut reader = Reader::open(recording, None).expect("a recording");
    while let Some((at, input)) = reader.next_input().expect("a whole recording") {
        inspector.handle_input(at, input);
    }
    inspector.finish(None)
}

/// The inputs of a recording; the program's version in its header is no part of it.
fn inputs(recording: &[u8]) -> Vec<String> {
    let mut reader = Reader::open(recording, None).expect("a recording");
    let mut inputs = Vec::new();
    while let Some((at, input)) = reader.next_input().expect("a whole recording") {
        inputs.push(format!("{at} {input:?}"));
    }
    inputs
}

/// A report as the golden file has it: what each flow is for, and all that a finding says.
fn told(scene: &Scene, report: &Report) -> String {
    let mut out = format!("{}\n", scene.name());
    for flow in report.flows.iter().filter(|flow| flow.remote.port() != 53) {
        let host = flow.host.as_deref().unwrap_or("?");
        let from = flow.purpose_from.map_or_else(|| "nothing".to_owned(), |from| from.to_string());
        let _ = writeln!(out, "  to {host}: {} by {from}, expected {:?}", flow.purpose, flow.expected);
    }
    report.findings.iter().for_each(|finding| tell(&mut out, finding));
    out
}

fn tell(out: &mut String, finding: &Finding) {
    let or_none = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".to_owned());
    let _ = writeln!(out, "  {:?} {}: {}", finding.severity, finding.rule, finding.title);
    let _ = writeln!(out, "    {}", finding.why);
    let _ = writeln!(
        out,
        "    by {}, to {}, phase {:?} + {:?} ms, encrypted {:?}, disguise {}, expected {:?}, identifiers {}",
        or_none(&finding.app),
        or_none(&finding.country),
        finding.phase,
        finding.since,
        finding.encrypted,
        or_none(&finding.disguise),
        finding.expected,
        finding.identifiers.len()
    );
}

fn all_told(recording: fn(&Scene) -> Vec<u8>) -> String {
    let told: Vec<_> = scenes()
        .iter()
        .map(|scene| told(scene, &replayed(&recording(scene), scene.config.clone())))
        .collect();
    told.join("\n")
}

#[test]
fn an_app_that_is_named_late_is_told_all_the_same() {
    let mut tape = Tape::new("late");
    let server = SocketAddrV4::new(Ipv4Addr::new(203, 0, 113, 9), 7000);
    tape.ask("com.example.late", server, b"{\"imei\":\"356938035643809\"}");
    let tape = tape.into_bytes();
    let mut inspector = Inspector::new(Config::default()).expect("no values");
    let mut reader = Reader::open(&*tape, None).expect("a recording");
    let mut owners = Vec::new();
    while let Some((at, input)) = reader.next_input().expect("a whole recording") {
        match input {
            Input::Owner { flow, app } => owners.push((at, flow, app.clone())),
            input => inspector.handle_input(at, input),
        }
    }
    for (at, flow, app) in &owners {
        inspector.handle_input(*at, Input::Owner { flow: *flow, app });
    }
    let events = iter::from_fn(|| inspector.poll_event());
    let apps: Vec<_> = events
        .filter_map(
            |event| if let Event::Finding(finding) = event { Some((finding.id, finding.app)) } else { None },
        )
        .collect();
    let app = Some("com.example.late".to_owned());
    assert_eq!(apps, [(1, None), (1, app.clone())]);
    assert_eq!(inspector.finish(None).findings[0].app, app);
}

#[test]
fn each_rule_flags_its_scene_and_not_the_quiet_one() {
    for scene in scenes() {
        let report = replayed(&stored(&scene), scene.config.clone());
        let said = report.findings.iter().any(|finding| finding.rule == scene.rule);
        let rules: Vec<_> = report.findings.iter().map(|finding| &finding.rule).collect();
        // A maker's registration is usual: the rule says so, and no more.
        let usual = report.findings.iter().all(|finding| finding.expected == Some(true));
        assert!(said == scene.flagged || (said && usual), "{}: {rules:?}", scene.name());
    }
}

#[test]
fn every_rule_has_its_scenes() {
    let with_scenes: BTreeSet<_> = scenes().iter().map(|scene| scene.rule).collect();
    let rules: BTreeSet<_> = inspect::rule_names().collect();
    assert_eq!(with_scenes, rules);
}

#[test]
fn the_recordings_are_what_the_scenes_make() {
    for scene in scenes() {
        assert!(inputs(&stored(&scene)) == inputs(&scene.record()), "{} is out of date", scene.name());
    }
}

#[test]
fn what_is_told_of_them_is_as_stored() {
    let golden = fs::read_to_string(folder().join("told.txt")).expect("the golden file");
    let now = all_told(stored);
    for (stored, now) in golden.split("\n\n").zip(now.split("\n\n")) {
        assert_eq!(stored.trim_end(), now.trim_end());
    }
    assert_eq!(golden, now);
}

#[test]
#[ignore = "stores recordings and golden file anew: look at the difference before it is committed"]
fn store() {
    for scene in scenes() {
        fs::write(folder().join(format!("{}.pcapng", scene.name())), scene.record()).expect("written");
    }
    fs::write(folder().join("told.txt"), all_told(Scene::record)).expect("written");
}
