//! How much could be seen, and what could not.

use std::collections::BTreeMap;

use crate::facts::Facts;
use crate::flow::{Flow, FlowTable};
use crate::identifier::KnownIdentifier;
use crate::report::{Capture, Close, Coverage, Ech, Unseen};

/// What a session counted besides its flows.
#[derive(Debug, Clone, Default)]
pub struct Counts {
    /// Decodings that were stopped by a bound, by which.
    pub stopped: BTreeMap<&'static str, u64>,
    /// HTTP bodies that were not kept whole, by why.
    pub cut_bodies: BTreeMap<&'static str, u64>,
}

/// Adds up what was seen.
pub fn coverage(table: &FlowTable, facts: &[Facts], watch: &[KnownIdentifier]) -> Coverage {
    let mut sum = Coverage::default();
    for (flow, facts) in table.flows().iter().zip(facts) {
        sum.flows += 1;
        sum.named += u64::from(facts.host.is_some());
        sum.midstream += u64::from(flow.midstream);
        match facts.encrypted {
            Some(true) => {
                sum.encrypted += 1;
                sum.decrypted += u64::from(facts.decrypted);
            }
            Some(false) => sum.readable += 1,
            None => sum.unknown += 1,
        }
        for way in 0..2 {
            let (bytes, read, missing) = (flow.bytes[way], flow.read[way], flow.missing[way]);
            sum.payload_bytes += bytes;
            sum.searched_bytes += read.min(bytes);
            sum.missing_bytes += missing.min(bytes);
            if facts.encrypted == Some(true) {
                sum.encrypted_bytes += bytes.saturating_sub(read + missing);
            }
        }
    }
    sum.evicted = table.evicted();
    sum.watched = watch.iter().map(|known| known.kind).collect();
    sum.watched.sort_unstable();
    sum.watched.dedup();
    sum
}

/// Says what could not be seen, the worst first.
pub fn unseen(
    capture: &Capture,
    coverage: &Coverage,
    table: &FlowTable,
    facts: &[Facts],
    counts: &Counts,
) -> Vec<Unseen> {
    let mut list = List::default();
    if let Some(cut) = &capture.truncated {
        list.say(
            "truncated",
            None,
            format!("The capture ends early: {cut}. What came after is not in this report."),
        );
    }
    list.count(
        "unlisted_packets",
        table.unlisted(),
        ["packet of a flow", "packets of flows"],
        " beyond the most that a report lists, only counted",
    );
    list.count(
        "evicted",
        coverage.evicted,
        ["flow was", "flows were"],
        " given up because too many were open at once",
    );
    list.count(
        "missing_bytes",
        coverage.missing_bytes,
        ["payload byte is", "payload bytes are"],
        " not in the capture (lost while capturing, or cut by a snap length)",
    );
    list.count(
        "midstream",
        coverage.midstream,
        ["TCP connection was", "TCP connections were"],
        " open before the capture began; what was said before is unknown",
    );
    let unparsed = capture.unparsed.values().sum();
    list.count(
        "unparsed",
        unparsed,
        ["packet", "packets"],
        " could not be taken apart; the reasons are listed with the capture",
    );
    list.count(
        "encrypted",
        coverage.encrypted - coverage.decrypted,
        ["flow is", "flows are"],
        " encrypted: only the other end, the size and the time are known",
    );
    let with = |ech| facts.iter().filter(|facts| facts.ech == Some(ech)).count() as u64;
    list.count(
        "hidden_name",
        with(Ech::Hidden),
        ["flow hides its host", "flows hide their host"],
        " behind Encrypted Client Hello: the name shown is that of a front which many share",
    );
    list.count(
        "hidden_name",
        with(Ech::Unclear),
        ["flow offers", "flows offer"],
        " Encrypted Client Hello: the name shown may only be the outer one",
    );
    list.count(
        "unanswered",
        unanswered(table),
        ["connection was", "connections were"],
        " refused or not answered: what the phone would have sent is unknown",
    );
    list.count(
        "opaque",
        opaque(table, facts),
        ["flow carries", "flows carry"],
        " bytes that no known protocol explains; they were searched as far as they were kept",
    );
    for (why, count) in &counts.cut_bodies {
        let rest = format!(" not searched to the end ({})", cut(why));
        list.count("cut_bodies", *count, ["HTTP body was", "HTTP bodies were"], &rest);
    }
    for (bound, count) in &counts.stopped {
        let rest = format!(" not decoded to the end ({})", stop(bound));
        list.count("decoding_stopped", *count, ["content was", "contents were"], &rest);
    }
    if coverage.watched.is_empty() {
        list.say(
            "no_known_values",
            None,
            "No values of this phone were given to look for. Identifiers were found by key name and by shape only; \
             hashed ones were not found at all.",
        );
    }
    list.say(
        "before",
        None,
        "What the phone sent before watching began, and over networks that were not watched, is not here.",
    );
    list.say(
        "modem",
        None,
        "What the modem sends by itself never passes here: registration by SMS, IMS and VoLTE, carrier access points, \
         satellite assistance (SUPL) in the modem. On the phone, system connections bound to a network, other users \
         and work profiles pass by as well.",
    );
    list.items
}

fn unanswered(table: &FlowTable) -> u64 {
    let in_vain = |flow: &&Flow| matches!(flow.close, Some(Close::Refused | Close::Unanswered));
    table.flows().iter().filter(in_vain).count() as u64
}

fn opaque(table: &FlowTable, facts: &[Facts]) -> u64 {
    let unknown = |(flow, facts): &(&Flow, &Facts)| {
        facts.encrypted.is_none() && facts.protocols.is_empty() && flow.bytes != [0, 0]
    };
    table.flows().iter().zip(facts).filter(unknown).count() as u64
}

/// Why a body is not whole, in plain words.
fn cut(why: &str) -> &str {
    match why {
        "gap" => "bytes are missing",
        "too_long" => "longer than what is kept",
        "unfinished" => "still unfinished when the capture ended",
        other => other,
    }
}

/// Which bound a decoding reached, in plain words.
fn stop(bound: &str) -> &str {
    match bound {
        "bytes" => "too long when decoded",
        "coding" => "in a coding that is not read here, or broken",
        "depth" => "encoded too many times over",
        "ratio" => "unpacks to too many times its size",
        "steps" => "made of too many parts",
        other => other,
    }
}

#[derive(Default)]
struct List {
    items: Vec<Unseen>,
}

impl List {
    fn say(&mut self, what: &str, count: Option<u64>, why: impl Into<String>) {
        self.items.push(Unseen { what: what.to_owned(), count, why: why.into() });
    }

    /// `12 flows are encrypted.`; nothing for none.
    fn count(&mut self, what: &str, count: u64, [one, many]: [&str; 2], rest: &str) {
        let subject = if count == 1 { one } else { many };
        if count > 0 {
            self.say(what, Some(count), format!("{count} {subject}{rest}."));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_is_said_otherwise_than_many_and_none_not_at_all() {
        let mut list = List::default();
        for count in 0..3 {
            list.count("encrypted", count, ["flow is", "flows are"], " encrypted");
        }
        let said: Vec<_> = list.items.iter().map(|item| (item.count, item.why.as_str())).collect();
        assert_eq!(said, [(Some(1), "1 flow is encrypted."), (Some(2), "2 flows are encrypted.")]);
    }
}
