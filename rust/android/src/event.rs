//! Events as JSON, one object each, told apart by `type`.

use inspect::Event;
use inspect::report::{Finding, Flow, PhaseAt};
use serde::Serialize;
use tunnel::{Notice, Trouble};

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Told<'a> {
    Phase(&'a PhaseAt),
    Flow(&'a Flow),
    Finding {
        #[serde(flatten)]
        masked: &'a Finding,
        /// Unmasked, in the order of its identifiers.
        values: Vec<&'a str>,
    },
    Trouble {
        what: &'a str,
        count: u64,
        over: bool,
        text: String,
    },
    RecordingFailed {
        text: &'a str,
    },
    Ended {
        why: &'a str,
        text: Option<&'a str>,
    },
}

/// How a session ended.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Why {
    Stopped,
    TunFailed,
    Panicked,
}

/// What a session tells while it runs.
pub(crate) fn notice(notice: &Notice) -> Vec<u8> {
    match notice {
        Notice::Event(event) => of_event(event),
        Notice::RecordingFailed(text) => json(&Told::RecordingFailed { text }),
        Notice::Trouble(trouble) => of_trouble(trouble),
    }
}

/// The last event.
pub(crate) fn ended(why: Why, text: Option<&str>) -> Vec<u8> {
    let why = match why {
        Why::Stopped => "stopped",
        Why::TunFailed => "tun_failed",
        Why::Panicked => "panicked",
    };
    json(&Told::Ended { why, text })
}

/// What the inspector saw.
pub(crate) fn of_event(event: &Event) -> Vec<u8> {
    match event {
        Event::Phase(phase) => json(&Told::Phase(phase)),
        Event::Flow(flow) => json(&Told::Flow(flow)),
        Event::Finding(finding) => {
            let values = finding.identifiers.iter().map(|it| it.value.as_str()).collect();
            match report::masked_event(event) {
                Event::Finding(masked) => json(&Told::Finding { masked: &masked, values }),
                _ => Vec::new(),
            }
        }
    }
}

fn of_trouble(trouble: &Trouble) -> Vec<u8> {
    let Trouble { kind, count, over } = *trouble;
    json(&Told::Trouble { what: kind.as_str(), count, over, text: trouble.to_string() })
}

fn json(told: &Told<'_>) -> Vec<u8> {
    // Strings, numbers and lists: none of these can fail to serialise.
    serde_json::to_vec(told).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use packet::{Phase, Timestamp};

    use super::*;

    fn text(event: Vec<u8>) -> String {
        String::from_utf8(event).expect("UTF-8")
    }

    #[test]
    fn events_have_a_type() {
        let phase = PhaseAt { phase: Phase::Unlock, at: Timestamp::default() };
        let phase = text(of_event(&Event::Phase(phase)));
        assert_eq!(phase, r#"{"type":"phase","phase":"unlock","at":"1970-01-01T00:00:00Z"}"#);
        let end = text(ended(Why::Panicked, Some("why")));
        assert_eq!(end, r#"{"type":"ended","why":"panicked","text":"why"}"#);
        let failed = text(notice(&Notice::RecordingFailed("disk full".to_owned())));
        assert_eq!(failed, r#"{"type":"recording_failed","text":"disk full"}"#);
    }
}
