//! The samples as Markdown: a table for each suite, Telltale beside each peer.

use std::fmt::Write;

use super::contender::Contender;
use super::figure::Figure;
use super::stage::Sample;
use super::stats::{Summary, summary};
use super::suite::Suite;

/// How much more CPU the same transfer may cost with inspection and recording than without.
const WATCHING: f64 = 1.15;

/// What one row compares.
type Key<'a> = (Suite, Figure, usize, &'a str);

/// All tables. `contenders` are the columns.
pub(super) fn render(samples: &[Sample], contenders: &[Contender]) -> String {
    let mut keys: Vec<Key<'_>> = Vec::new();
    for sample in samples {
        let key = (sample.suite, sample.figure, sample.mtu, sample.cell.as_str());
        if !keys.contains(&key) {
            keys.push(key);
        }
    }
    // Stable: cells keep the order in which they were measured.
    keys.sort_by_key(|key| (key.0, key.1, key.2));
    let mut out = String::new();
    let (mut met, mut judged) = (0, 0);
    for table in keys.chunk_by(|one, other| heading(one) == heading(other)) {
        _ = writeln!(out, "### {}\n", heading(&table[0]));
        out.push_str(&head(contenders));
        for key in table {
            let row = Row::of(samples, key, contenders);
            out.push_str(&row.line());
            let verdict = row.is_met();
            judged += usize::from(verdict.is_some());
            met += usize::from(verdict == Some(true));
        }
        out.push('\n');
    }
    out.push_str(&watching(samples, &keys));
    _ = writeln!(out, "{met} of {judged} targets met.");
    out
}

/// Of the table that a row is in.
fn heading(key: &Key<'_>) -> String {
    match key.0 {
        Suite::Throughput => format!("Throughput: {}", key.1.about(key.2).title),
        suite => format!("{suite:?}, MTU {}", key.2),
    }
}

fn head(contenders: &[Contender]) -> String {
    let names: Vec<&str> = contenders.iter().map(|contender| contender.name()).collect();
    let rule = "--- | ".repeat(contenders.len() + 2);
    format!("| | {} | of the best peer | target | met |\n| --- | {}--- |\n", names.join(" | "), rule)
}

/// One figure of all contenders.
struct Row<'a> {
    key: &'a Key<'a>,
    /// In the order of the columns.
    entries: Vec<(Contender, Entry)>,
}

/// One contender's rounds.
struct Entry {
    summary: Option<Summary>,
    failed: usize,
    rounds: usize,
    /// Why the last one that failed did.
    failure: Option<String>,
}

impl<'a> Row<'a> {
    fn of(samples: &[Sample], key: &'a Key<'a>, contenders: &[Contender]) -> Self {
        let entry = |contender: &Contender| (*contender, Entry::of(samples, key, *contender));
        Self { key, entries: contenders.iter().map(entry).collect() }
    }

    fn median(&self, contender: Contender) -> Option<f64> {
        let (_, entry) = self.entries.iter().find(|(other, _)| *other == contender)?;
        Some(entry.summary?.median)
    }

    fn best_peer(&self) -> Option<f64> {
        let medians = self.entries.iter().filter(|(contender, _)| contender.is_peer());
        let medians = medians.filter_map(|(_, entry)| Some(entry.summary?.median));
        match self.key.1.about(self.key.2).higher_is_better {
            true => medians.max_by(f64::total_cmp),
            false => medians.min_by(f64::total_cmp),
        }
    }

    fn is_met(&self) -> Option<bool> {
        let about = self.key.1.about(self.key.2);
        let target = about.target?;
        match self.median(Contender::Telltale) {
            Some(ours) => target.is_met(ours, self.best_peer(), about.higher_is_better),
            // A figure that failed reaches no target; one that was not asked for is not judged.
            None => {
                let (_, entry) =
                    self.entries.iter().find(|(contender, _)| *contender == Contender::Telltale)?;
                (entry.failed > 0).then_some(false)
            }
        }
    }

    fn line(&self) -> String {
        let (_, figure, mtu, cell) = *self.key;
        let about = figure.about(mtu);
        let label = match self.key.0 {
            Suite::Throughput => format!("MTU {mtu} {cell}"),
            _ if cell.is_empty() => about.title.to_owned(),
            _ => format!("{}, {cell}", about.title),
        };
        let entries: Vec<String> = self.entries.iter().map(|(_, entry)| entry.shown(about.digits)).collect();
        let ratio = match (self.median(Contender::Telltale), self.best_peer()) {
            (Some(ours), Some(best)) if best > 0.0 => format!("{:.2} ×", ours / best),
            _ => "–".to_owned(),
        };
        let target = about.target.map_or("–".to_owned(), |target| target.shown(about.higher_is_better));
        format!("| {label} | {} | {ratio} | {target} | {} |\n", entries.join(" | "), verdict(self.is_met()))
    }
}

fn verdict(met: Option<bool>) -> &'static str {
    match met {
        Some(true) => "yes",
        Some(false) => "**no**",
        None => "–",
    }
}

impl Entry {
    fn of(samples: &[Sample], key: &Key<'_>, contender: Contender) -> Self {
        let mut entry = Self { summary: None, failed: 0, rounds: 0, failure: None };
        let mut values = Vec::new();
        for sample in samples {
            let is_here = (sample.suite, sample.figure, sample.mtu, sample.cell.as_str()) == *key;
            if !is_here || sample.contender != contender {
                continue;
            }
            entry.rounds += 1;
            values.extend(sample.value);
            if let Some(failure) = &sample.failure {
                entry.failed += 1;
                entry.failure = Some(failure.clone());
            }
        }
        entry.summary = summary(&values);
        entry
    }

    fn shown(&self, digits: usize) -> String {
        let Some(Summary { median, spread }) = self.summary else {
            return self.failure.as_deref().map_or("–".to_owned(), cell_text);
        };
        let mut text = format!("{median:.digits$}");
        if self.rounds > 1 && spread > 0.0 {
            _ = write!(text, " ±{:.0} %", spread * 100.0);
        }
        if self.failed > 0 {
            _ = write!(text, " ({} of {} failed)", self.failed, self.rounds);
        }
        text
    }
}

/// The beginning of a failure, without what would end the cell.
fn cell_text(failure: &str) -> String {
    let text: String = failure.chars().map(|c| if c == '|' || c.is_control() { ' ' } else { c }).collect();
    let text = text.split(';').next().unwrap_or_default();
    format!("*{}*", text.chars().take(40).collect::<String>().trim())
}

/// CPU with inspection and recording, against that of the relay alone.
fn watching(samples: &[Sample], keys: &[Key<'_>]) -> String {
    let both = [Contender::Telltale, Contender::Relay];
    let mut out = String::new();
    for key in keys.iter().filter(|key| key.0 == Suite::Throughput && key.1 == Figure::EngineCpu) {
        let row = Row::of(samples, key, &both);
        let (Some(with), Some(without)) = (row.median(both[0]), row.median(both[1])) else { continue };
        let ratio = with / without;
        let met = verdict(Some(ratio <= WATCHING));
        _ = writeln!(
            out,
            "| MTU {} {} | {with:.2} | {without:.2} | {ratio:.2} × | ≤ {WATCHING} × | {met} |",
            key.2, key.3
        );
    }
    if out.is_empty() {
        return out;
    }
    let head = "| | telltale | relay alone | ratio | target | met |\n| --- | --- | --- | --- | --- | --- |";
    format!("### What inspecting and recording costs: engine CPU, s/GB\n\n{head}\n{out}\n")
}

#[cfg(test)]
mod tests {
    use super::super::contender::Peer;
    use super::*;

    fn sample(figure: Figure, contender: Contender, round: usize, value: Result<f64, &str>) -> Sample {
        Sample {
            suite: Suite::Throughput,
            mtu: 9000,
            cell: "down ×1 IPv4".to_owned(),
            figure,
            contender,
            round,
            value: value.ok(),
            failure: value.err().map(str::to_owned),
        }
    }

    #[test]
    fn ours_is_judged_by_the_best_peer() {
        let (fast, slow) = (Contender::Peer(Peer::NetstackSmoltcp), Contender::Peer(Peer::Ipstack));
        let columns = [Contender::Telltale, Contender::Relay, fast, slow];
        let samples = [
            sample(Figure::Throughput, Contender::Telltale, 0, Ok(4.0)),
            sample(Figure::Throughput, Contender::Telltale, 1, Ok(6.0)),
            sample(Figure::Throughput, fast, 0, Ok(2.5)),
            sample(Figure::Throughput, fast, 1, Err("stalled")),
            sample(Figure::Throughput, slow, 0, Err("no | connection; so")),
            sample(Figure::EngineCpu, Contender::Telltale, 0, Ok(1.0)),
            sample(Figure::EngineCpu, Contender::Relay, 0, Ok(0.5)),
            sample(Figure::EngineCpu, fast, 0, Ok(1.0)),
        ];
        let text = render(&samples, &columns);
        let lines: Vec<&str> = text.lines().filter(|line| line.starts_with("| MTU")).collect();
        assert_eq!(
            lines,
            [
                "| MTU 9000 down ×1 IPv4 | 5.00 ±20 % | – | 2.50 (1 of 2 failed) | *no   connection* | 2.00 × | ≥ 1.25 × | yes |",
                "| MTU 9000 down ×1 IPv4 | 1.00 | 0.50 | 1.00 | – | 1.00 × | ≤ 0.8 × | **no** |",
                "| MTU 9000 down ×1 IPv4 | 1.00 | 0.50 | 2.00 × | ≤ 1.15 × | **no** |",
            ]
        );
        assert!(text.ends_with("1 of 2 targets met.\n"), "{text}");
    }

    #[test]
    fn what_failed_reaches_no_target() {
        let peer = Contender::Peer(Peer::Tun2proxy);
        let samples = [
            sample(Figure::Throughput, Contender::Telltale, 0, Err("stalled")),
            sample(Figure::Throughput, peer, 0, Ok(1.0)),
        ];
        let text = render(&samples, &[Contender::Telltale, peer]);
        assert!(text.contains("| *stalled* | 1.00 | – | ≥ 1.25 × | **no** |"), "{text}");
        assert!(text.ends_with("0 of 1 targets met.\n"), "{text}");
    }
}
