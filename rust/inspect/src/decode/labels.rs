//! Texts too long for a label of a host name (63 letters, RFC 1035 section 2.3.4), spread over several: what tunnels through
//! DNS do.

use std::ops::Range;

/// A shorter label is followed by another for other reasons.
const LONG: usize = 24;

/// Labels of a name that stand together, and may be one text.
#[derive(Debug, PartialEq, Eq)]
pub struct Labels {
    /// Where the first begins in the name and the last ends.
    pub range: Range<usize>,
    lengths: Vec<usize>,
}

impl Labels {
    /// Those of a name that can be one text: long ones, and the next that may be the rest.
    pub fn of(name: &str) -> Vec<Self> {
        let mut labels = Vec::new();
        let mut start = 0;
        for label in name.split('.') {
            labels.push((start, label.len()));
            start += label.len() + 1;
        }
        let Some(first) = labels.iter().position(|(_, len)| *len >= LONG) else { return Vec::new() };
        let long = labels[first..].iter().take_while(|(_, len)| *len >= LONG).count();
        let all = |count: usize| {
            let labels = labels.get(first..first + count).filter(|labels| labels.len() > 1)?;
            let (start, end) = (labels.first()?.0, labels.last().map(|(start, len)| start + len)?);
            Some(Self { range: start..end, lengths: labels.iter().map(|(_, len)| *len).collect() })
        };
        [long + 1, long].into_iter().filter_map(all).collect()
    }

    /// The step: `labels 60+12`.
    pub fn step(&self) -> String {
        let lengths: Vec<String> = self.lengths.iter().map(ToString::to_string).collect();
        format!("labels {}", lengths.join("+"))
    }
}

/// Takes that step: puts labels together, with a byte between each that tells a length or is a dot.
pub fn join(bytes: &[u8], step: &str) -> Option<Vec<u8>> {
    let (mut out, mut rest) = (Vec::with_capacity(bytes.len()), bytes);
    for length in step.strip_prefix("labels ")?.split('+') {
        let (label, after) = rest.split_at_checked(length.parse().ok()?)?;
        out.extend_from_slice(label);
        rest = after.get(1..).unwrap_or_default();
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_labels_and_the_next_belong_together() {
        let name = format!("x.{}.{}.0a.t.example", "1f".repeat(30), "2e".repeat(30));
        let found = Labels::of(&name);
        assert_eq!(found.iter().map(Labels::step).collect::<Vec<_>>(), ["labels 60+60+2", "labels 60+60"]);
        assert_eq!(found[1].range, 2..123);
        let joined = join(name[found[0].range.clone()].as_bytes(), &found[0].step());
        assert_eq!(joined, Some(["1f".repeat(30), "2e".repeat(30), "0a".into()].concat().into_bytes()));
    }

    #[test]
    fn short_labels_stay_apart() {
        assert_eq!(Labels::of("ec2-52-23-111-175.compute-1.amazonaws.com"), []);
        assert_eq!(Labels::of(""), []);
        assert_eq!(Labels::of(&"a".repeat(40)), []);
        assert_eq!(join(b"ab", "labels 3"), None);
        assert_eq!(join(b"ab", "labels x"), None);
    }
}
