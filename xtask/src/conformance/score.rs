//! Counts what was found, missed and made up, and shows it.

use std::collections::BTreeMap;
use std::fmt;

/// Link types to be read: null, Ethernet, PPP (two), raw IP (four), cooked (two).
const LINK_TYPES: [u32; 10] = [0, 1, 9, 50, 12, 101, 228, 229, 113, 276];

/// Something of the truth that the engine did not give.
#[derive(Debug, Clone)]
pub struct Miss {
    /// Capture, flow, value.
    pub what: String,
    /// Why, in a few words.
    pub reason: String,
    /// Whether it counts: nobody could know it, or the engine is not to do it yet.
    pub in_scope: bool,
}

impl Miss {
    /// Something that the engine should have given.
    pub fn owed(what: String, reason: &str) -> Self {
        Self { what, reason: reason.to_owned(), in_scope: true }
    }

    /// Something that it could not give, or is not to give yet.
    pub fn excused(what: String, reason: &str) -> Self {
        Self { what, reason: reason.to_owned(), in_scope: false }
    }

    /// Something in a capture that was refused. That is an answer where it cannot be read by design: a link type that
    /// is not among those to be read, or a damaged file of which nobody else read anything either.
    pub fn refused(what: String, message: &str, others_read_it: bool) -> Self {
        let link_type = message.split_once("link type ").map(|(_, rest)| rest);
        let in_scope = match link_type.and_then(|rest| rest.split([' ', ',']).next()?.parse().ok()) {
            Some(number) => LINK_TYPES.contains(&number),
            None => others_read_it,
        };
        Self { what, reason: format!("refused: {message}"), in_scope }
    }
}

/// The counts of a source and field.
#[derive(Debug, Clone, Default)]
struct Counts {
    found: usize,
    extra: usize,
    misses: Vec<Miss>,
    extras: Vec<String>,
}

impl Counts {
    fn owed(&self) -> usize {
        self.misses.iter().filter(|miss| miss.in_scope).count()
    }

    fn recall(&self) -> f64 {
        ratio(self.found, self.owed())
    }

    fn recall_of_all(&self) -> f64 {
        ratio(self.found, self.misses.len())
    }

    fn precision(&self) -> f64 {
        ratio(self.found, self.extra)
    }

    fn add(&mut self, other: &Self) {
        self.found += other.found;
        self.extra += other.extra;
        self.misses.extend(other.misses.iter().cloned());
    }
}

fn ratio(good: usize, bad: usize) -> f64 {
    if good + bad == 0 { 1.0 } else { good as f64 / (good + bad) as f64 }
}

/// All counts.
#[derive(Debug, Default)]
pub struct Board {
    fields: BTreeMap<String, BTreeMap<String, Counts>>,
}

impl Board {
    /// Adds what was found, and what was given without being there.
    pub fn count(&mut self, source: &str, field: &str, found: usize, extra: usize) {
        let counts = self.of(source, field);
        counts.found += found;
        counts.extra += extra;
    }

    /// Adds a miss.
    pub fn miss(&mut self, source: &str, field: &str, miss: Miss) {
        self.of(source, field).misses.push(miss);
    }

    /// Adds something that was given without being there.
    pub fn extra(&mut self, source: &str, field: &str, what: String) {
        let counts = self.of(source, field);
        counts.extra += 1;
        counts.extras.push(what);
    }

    /// The fields that are below their thresholds.
    pub fn below(&self, thresholds: &[(&str, f64)]) -> Vec<String> {
        let mut below = Vec::new();
        for (field, least) in thresholds {
            let total = self.total(field);
            for (name, value) in [("recall", total.recall()), ("precision", total.precision())] {
                if value < *least {
                    below.push(format!("{field}: {name} {value:.4} < {least}"));
                }
            }
        }
        below
    }

    fn of(&mut self, source: &str, field: &str) -> &mut Counts {
        self.fields.entry(field.to_owned()).or_default().entry(source.to_owned()).or_default()
    }

    fn total(&self, field: &str) -> Counts {
        let mut total = Counts::default();
        self.fields.get(field).into_iter().flat_map(BTreeMap::values).for_each(|counts| total.add(counts));
        total
    }
}

impl fmt::Display for Board {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (field, sources) in &self.fields {
            for (source, counts) in sources {
                for miss in &counts.misses {
                    writeln!(f, "missed\t{source}\t{field}\t{}\t{}", miss.reason, miss.what)?;
                }
                for extra in &counts.extras {
                    writeln!(f, "extra\t{source}\t{field}\t{extra}")?;
                }
            }
        }
        writeln!(
            f,
            "\n{:12} {:18} {:>6} {:>6} {:>8} {:>6} {:>7} {:>9} {:>7}",
            "field", "source", "found", "missed", "excused", "extra", "recall", "precision", "of all"
        )?;
        for (field, sources) in &self.fields {
            let total = self.total(field);
            for (source, counts) in sources.iter().map(|(name, counts)| (name.as_str(), counts)) {
                line(f, field, source, counts)?;
            }
            if sources.len() > 1 {
                line(f, field, "= all", &total)?;
            }
        }
        writeln!(f, "\nreasons of misses:")?;
        for (reason, count) in self.reasons() {
            writeln!(f, "{count:6} {reason}")?;
        }
        Ok(())
    }
}

fn line(f: &mut fmt::Formatter<'_>, field: &str, source: &str, counts: &Counts) -> fmt::Result {
    let (owed, all) = (counts.owed(), counts.misses.len());
    writeln!(
        f,
        "{field:12} {source:18} {:6} {owed:6} {:8} {:6} {:7.4} {:9.4} {:7.4}",
        counts.found,
        all - owed,
        counts.extra,
        counts.recall(),
        counts.precision(),
        counts.recall_of_all()
    )
}

impl Board {
    fn reasons(&self) -> BTreeMap<String, usize> {
        let mut reasons = BTreeMap::new();
        for (field, sources) in &self.fields {
            for miss in sources.values().flat_map(|counts| &counts.misses) {
                let reason = miss.reason.split(": at byte").next().unwrap_or_default();
                let excused = if miss.in_scope { "" } else { " (excused)" };
                *reasons.entry(format!("{field}: {reason}{excused}")).or_default() += 1;
            }
        }
        reasons
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thresholds_are_about_what_is_in_scope() {
        let mut board = Board::default();
        board.count("a", "sni", 19, 0);
        board.miss("a", "sni", Miss::excused("x".into(), "needs keys"));
        assert!(board.below(&[("sni", 1.0), ("other", 1.0)]).is_empty());
        board.miss("b", "sni", Miss::owed("y".into(), "unknown"));
        assert!(board.below(&[("sni", 0.95)]).is_empty());
        assert_eq!(board.below(&[("sni", 0.96)]).len(), 1);
        board.extra("b", "sni", "z".into());
        board.extra("b", "sni", "z".into());
        assert_eq!(board.below(&[("sni", 0.95)]), ["sni: precision 0.9048 < 0.95"]);
    }
}
