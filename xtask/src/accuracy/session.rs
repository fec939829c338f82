//! A session: its conversations go through the engine at the same time, and what it says is held against the truth.

use std::collections::BTreeMap;
use std::fmt::Write;

use anyhow::{Result, anyhow};
use corpus::form::Grade;
use corpus::{Corpus, SESSION, Sample, Truth, Way};
use inspect::identifier::{Confidence, KnownIdentifier};
use inspect::report::{Finding, Identifier, Severity};
use inspect::{Config, Inspector, KeyLog};
use packet::{Direction, Input, Timestamp};

use super::board::Board;

/// Conversations that go on at the same time.
const AT_ONCE: usize = 8;
/// Between two packets.
const STEP: i64 = 1_000_000;

/// Runs a session and counts.
pub fn run(corpus: Corpus, session: u64, board: &mut Board) -> Result<()> {
    let samples: Vec<Sample> =
        (session * SESSION..(session + 1) * SESSION).map(|it| corpus.sample(it)).collect();
    let findings = inspect(corpus, session, &samples)?;
    for sample in &samples {
        let ports = corpus::ports(sample.number);
        let found: Vec<&Finding> = ports.iter().filter_map(|port| findings.get(port)).flatten().collect();
        judge(sample, &found, board);
    }
    Ok(())
}

/// What the engine says, by the phone's port.
fn inspect(corpus: Corpus, session: u64, samples: &[Sample]) -> Result<BTreeMap<u16, Vec<Finding>>> {
    let watch: Result<Vec<_>, String> = corpus
        .phone(session)
        .into_iter()
        .map(|(identity, value)| {
            let kind = identity.kind.name().parse().map_err(|error| format!("{error}"))?;
            Ok(KnownIdentifier { kind, value })
        })
        .collect();
    let watch = watch.map_err(|error| anyhow!(error))?;
    let mut keys = KeyLog::default();
    samples.iter().for_each(|sample| {
        keys.add(sample.keys.as_bytes());
    });
    let config = Config { source: "accuracy".to_owned(), watch, keys, ..Config::default() };
    let mut inspector = Inspector::new(config).map_err(|error| anyhow!(error))?;
    let mut now = Timestamp::from_nanos(1_700_000_000_000_000_000);
    for together in samples.chunks(AT_ONCE) {
        let most = together.iter().map(|sample| sample.packets.len()).max().unwrap_or_default();
        for place in 0..most {
            for packet in together.iter().filter_map(|sample| sample.packets.get(place)) {
                let direction = match packet.way {
                    Way::Out => Direction::Outbound,
                    Way::In => Direction::Inbound,
                };
                now = Timestamp::from_nanos(now.as_nanos() + STEP);
                inspector
                    .handle_input(now, Input::Packet { direction: Some(direction), bytes: &packet.bytes });
                while inspector.poll_event().is_some() {}
            }
        }
    }
    let report = inspector.finish(None);
    let ports: BTreeMap<u32, u16> = report.flows.iter().map(|flow| (flow.id, flow.local.port())).collect();
    let mut out: BTreeMap<u16, Vec<Finding>> = BTreeMap::new();
    for finding in report.findings {
        if let Some(port) = ports.get(&finding.flow) {
            out.entry(*port).or_default().push(finding);
        }
    }
    Ok(out)
}

fn judge(sample: &Sample, findings: &[&Finding], board: &mut Board) {
    if let Some(truth) = &sample.truth {
        board.count_truth(sample.number, truth, findings.iter().any(|finding| is_found(truth, finding)));
    } else {
        board.count_innocent(sample, findings.iter().any(|it| it.severity >= Severity::Medium));
    }
    for finding in findings.iter().filter(|it| it.severity >= Severity::Medium) {
        // That content lies about itself is true of many that carry something; only what is innocent must be silent.
        if finding.identifiers.is_empty() && sample.truth.is_none() {
            board.count_alarm(sample, &format!("{}: {}", finding.rule, finding.title), None);
        }
        for identifier in &finding.identifiers {
            let claim = format!("{} {} by {:?}", identifier.kind, identifier.value, identifier.confidence);
            match &sample.truth {
                // Its kind may be another's: an access point's address is a MAC address.
                Some(truth) if truth.identity.has(&identifier.value) => board.count_right(),
                _ => board.count_alarm(sample, &claim, Some(identifier)),
            }
        }
    }
}

fn is_found(truth: &Truth, finding: &Finding) -> bool {
    let is = |it: &Identifier| {
        truth.identity.is(it.kind.as_str(), &it.value) && it.confidence >= least(truth.grade)
    };
    finding.identifiers.iter().any(is)
}

const fn least(grade: Grade) -> Confidence {
    match grade {
        Grade::Shape => Confidence::Shape,
        Grade::Key => Confidence::Key,
        Grade::Known => Confidence::Known,
    }
}

/// A conversation, and what the engine says of it when it is alone.
pub fn explain(corpus: Corpus, number: u64) -> Result<String> {
    let sample = corpus.sample(number);
    let mut out = format!("{:#?}\n{} {:?}\n", sample.truth, sample.place, sample.lookalikes);
    for packet in &sample.packets {
        let text: String =
            packet.bytes.iter().flat_map(|byte| std::ascii::escape_default(*byte)).map(char::from).collect();
        writeln!(out, "{:?} {text}", packet.way)?;
    }
    let findings = inspect(corpus, number / SESSION, &[sample])?;
    writeln!(out, "{findings:#?}")?;
    Ok(out)
}
