//! Where the timeline's marks and bars go. Places are percentages of the width, so that nothing is stretched when the
//! page is narrow; the number of marks is bounded, whatever the report holds.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use inspect::report::{Flow, PhaseAt, Report, Severity};
use packet::{Phase, Timestamp};

use crate::words::{self, counted, duration};

/// What the template draws.
pub struct Timeline {
    /// Height in pixels.
    pub height: u32,
    /// Where the numbers end and the lanes begin, in pixels.
    pub top: u32,
    /// One for each host, the last for all others when there are too many.
    pub lanes: Vec<Lane>,
    /// Moments at which the phone entered a phase: places of the vertical lines.
    pub lines: Vec<String>,
    /// Numbers on these lines; neighbours share one.
    pub badges: Vec<Badge>,
    /// What the numbers mean.
    pub legend: Vec<PhaseEntry>,
    /// Phases that are not drawn.
    pub phases_left_out: usize,
    /// Times on the axis.
    pub ticks: Vec<Tick>,
    /// Quiet times that are drawn shorter than they were.
    pub breaks: Vec<Break>,
}

/// A host.
pub struct Lane {
    /// Its name, shortened.
    pub label: String,
    /// Top in pixels.
    pub y: u32,
    /// When it was talked to.
    pub bars: Vec<Bar>,
    /// What was found.
    pub marks: Vec<Mark>,
}

/// Time during which connections of one sort were open.
pub struct Bar {
    /// Left end.
    pub x: String,
    /// Width.
    pub width: String,
    /// `encrypted`, `clear` or `unknown`.
    pub class: &'static str,
    /// For people.
    pub title: String,
}

/// A finding.
pub struct Mark {
    /// Place.
    pub x: String,
    /// Name of the severity.
    pub severity: &'static str,
    /// For people.
    pub title: String,
}

/// A number, or a range of them.
pub struct Badge {
    /// Place.
    pub x: String,
    /// `3`, `4–6`.
    pub text: String,
    /// Width in pixels.
    pub width: u32,
}

/// A line of the legend.
pub struct PhaseEntry {
    /// As on the badge.
    pub number: usize,
    /// `boot completed`.
    pub name: &'static str,
    /// `+19 s`.
    pub offset: String,
}

/// A time on the axis.
pub struct Tick {
    /// Place.
    pub x: String,
    /// `60 s`.
    pub text: String,
    /// SVG's `text-anchor`.
    pub anchor: &'static str,
}

/// A shortened quiet time.
pub struct Break {
    /// Left end.
    pub x: String,
    /// Width.
    pub width: String,
    /// How long it was.
    pub text: String,
}

const MOST_LANES: usize = 14;
const MOST_PHASES: usize = 24;
const LANE_HEIGHT: u32 = 34;
const TOP: u32 = 34;
const BOTTOM: u32 = 26;
/// Longest host name on a lane; the page may be 320 pixels wide.
const LABEL: usize = 40;
/// Marks and bars nearer than this (percent) become one.
const NEAR: f64 = 0.6;
/// Numbers nearer than this (percent) share a badge.
const BADGE_ROOM: f64 = 9.5;
/// A quiet time longer than this part of the session, and than this many nanoseconds, is drawn shorter, in `BREAK`
/// percent.
const QUIET: f64 = 0.08;
const QUIET_NANOS: f64 = 45e9;
const BREAK: f64 = 4.0;

/// The report's timeline; `None` when it holds no times.
pub fn timeline(report: &Report) -> Option<Timeline> {
    let axis = Axis::of(report)?;
    let top = if report.phases.is_empty() { 4 } else { TOP };
    let lanes = lanes(report, &axis, top);
    let (lines, badges, legend) = phases(report, &axis);
    Some(Timeline {
        top,
        height: top + LANE_HEIGHT * lanes.len() as u32 + BOTTOM,

        lanes,
        lines,
        badges,
        phases_left_out: report.phases.len().saturating_sub(legend.len()),
        legend,
        ticks: axis.ticks(),
        breaks: axis.breaks(),
    })
}

/// Maps time to place: linear, but for quiet times.
struct Axis {
    start: Timestamp,
    /// Ends of stretches: nanoseconds since `start`, percent, and whether the stretch that ends here is shortened.
    stops: Vec<(f64, f64, bool)>,
}

impl Axis {
    fn of(report: &Report) -> Option<Self> {
        let flows = report.flows.iter().flat_map(|flow| [flow.opened, flow.last]);
        let moments: BTreeSet<Timestamp> = flows
            .chain(report.phases.iter().map(|entry| entry.at))
            .chain(report.findings.iter().map(|finding| finding.at))
            .chain(report.capture.first)
            .chain(report.capture.last)
            .collect();
        let start = *moments.first()?;
        let offsets: Vec<f64> = moments.iter().map(|at| at.since(start).as_nanos() as f64).collect();
        let span = offsets.last().copied().unwrap_or(0.0).max(1.0);
        let quiet = |pair: &[f64]| pair[1] - pair[0] > span * QUIET && pair[1] - pair[0] > QUIET_NANOS;
        let broken: Vec<&[f64]> = offsets.windows(2).filter(|pair| quiet(pair)).collect();
        let busy = span - broken.iter().map(|pair| pair[1] - pair[0]).sum::<f64>();
        if busy < span * 1e-6 {
            return Some(Self { start, stops: vec![(0.0, 0.0, false), (span, 100.0, false)] });
        }
        let scale = (100.0 - BREAK * broken.len() as f64) / busy;
        let mut stops = vec![(0.0, 0.0, false)];
        let (mut from, mut place) = (0.0, 0.0);
        for pair in broken {
            place += (pair[0] - from) * scale;
            stops.push((pair[0], place, false));
            place += BREAK;
            stops.push((pair[1], place, true));
            from = pair[1];
        }
        stops.push((span, 100.0, false));
        Some(Self { start, stops })
    }

    fn place(&self, at: Timestamp) -> f64 {
        let offset = at.since(self.start).as_nanos() as f64;
        let after =
            self.stops.iter().position(|stop| stop.0 >= offset).unwrap_or(self.stops.len() - 1).max(1);
        let (from, to) = (self.stops[after - 1], self.stops[after]);
        match to.0 > from.0 {
            true => (from.1 + (offset - from.0) / (to.0 - from.0) * (to.1 - from.1)).clamp(0.0, 100.0),
            false => to.1,
        }
    }

    fn breaks(&self) -> Vec<Break> {
        let shortened = self.stops.windows(2).filter(|pair| pair[1].2);
        shortened
            .map(|pair| Break {
                x: percent(pair[0].1),
                width: percent(pair[1].1 - pair[0].1),
                text: duration(Duration::from_nanos((pair[1].0 - pair[0].0) as u64)),
            })
            .collect()
    }

    /// About five times, round ones where the axis is linear, never so near that their texts touch.
    fn ticks(&self) -> Vec<Tick> {
        const ROOM: f64 = 19.0;
        let mut ticks: Vec<(f64, f64)> = vec![(0.0, 0.0)];
        for pair in self.stops.windows(2) {
            let (from, to) = (pair[0], pair[1]);
            let wide = to.1 - from.1;
            if to.2 || wide <= 0.0 {
                continue;
            }
            let step = round_step((to.0 - from.0) / wide * ROOM);
            let mut offset = (from.0 / step).ceil() * step;
            while offset <= to.0 {
                let place = from.1 + (offset - from.0) / (to.0 - from.0) * wide;
                if ticks.last().is_none_or(|last| place - last.1 >= ROOM) {
                    ticks.push((offset, place));
                }
                offset += step;
            }
        }
        let anchor = |place: f64| match place {
            ..4.0 => "start",
            96.0.. => "end",
            _ => "middle",
        };
        let text = |offset: f64| duration(Duration::from_nanos(offset as u64));
        ticks
            .into_iter()
            .map(|(offset, place)| Tick { x: percent(place), text: text(offset), anchor: anchor(place) })
            .collect()
    }
}

/// The next of 1, 2, 5, 10 … milliseconds or seconds, or of round minutes, hours and days, in nanoseconds.
fn round_step(nanos: f64) -> f64 {
    const SECONDS: [f64; 27] = [
        0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 30.0, 60.0, 120.0,
        300.0, 600.0, 1_200.0, 1_800.0, 3_600.0, 7_200.0, 14_400.0, 21_600.0, 43_200.0, 86_400.0,
    ];
    let rounded = SECONDS.iter().map(|seconds| seconds * 1e9).find(|step| *step >= nanos);
    rounded.unwrap_or_else(|| (nanos / 86_400e9).ceil() * 86_400e9)
}

fn percent(place: f64) -> String {
    format!("{place:.2}%")
}

/// At most [`MOST_PHASES`], in the order of time: the first of each phase before the second of any.
fn most_telling(phases: &[PhaseAt]) -> Vec<PhaseAt> {
    let mut times: BTreeMap<Phase, u64> = BTreeMap::new();
    let mut ranked: Vec<(u64, usize)> = Vec::new();
    for (index, entry) in phases.iter().enumerate() {
        let time = times.entry(entry.phase).or_insert(0);
        ranked.push((*time, index));
        *time += 1;
    }
    ranked.sort_unstable();
    ranked.truncate(MOST_PHASES);
    ranked.sort_unstable_by_key(|(_, index)| *index);
    ranked.into_iter().map(|(_, index)| phases[index]).collect()
}

type Phases = (Vec<String>, Vec<Badge>, Vec<PhaseEntry>);

fn phases(report: &Report, axis: &Axis) -> Phases {
    let shown = most_telling(&report.phases);
    let places: Vec<f64> = shown.iter().map(|entry| axis.place(entry.at)).collect();
    let legend = shown.iter().enumerate().map(|(index, entry)| PhaseEntry {
        number: index + 1,
        name: words::phase_name(entry.phase),
        offset: format!("+{}", duration(entry.at.since(axis.start))),
    });
    let mut badges: Vec<(f64, usize, usize)> = Vec::new();
    for (index, &place) in places.iter().enumerate() {
        match badges.last_mut() {
            Some(badge) if place - badge.0 < BADGE_ROOM => badge.2 = index + 1,
            _ => badges.push((place, index + 1, index + 1)),
        }
    }
    let badges = badges.into_iter().map(|(place, first, last)| {
        let text = if first == last { first.to_string() } else { format!("{first}–{last}") };
        Badge { x: percent(place), width: 8 + 7 * text.chars().count() as u32, text }
    });
    let lines: BTreeSet<String> = places.iter().map(|place| percent(*place)).collect();
    (lines.into_iter().collect(), badges.collect(), legend.collect())
}

/// What is known of a host before it is drawn.
#[derive(Default)]
struct Host<'a> {
    flows: Vec<&'a Flow>,
    findings: Vec<(f64, Severity, &'a str)>,
}

impl Host<'_> {
    fn worst(&self) -> Option<Severity> {
        self.findings.iter().map(|finding| finding.1).max()
    }

    fn opened(&self) -> Option<Timestamp> {
        self.flows.iter().map(|flow| flow.opened).min()
    }

    fn bytes(&self) -> u64 {
        self.flows
            .iter()
            .fold(0, |sum, flow| sum.saturating_add(flow.bytes_out).saturating_add(flow.bytes_in))
    }
}

/// The hosts with the worst findings, then those with the most bytes; the others together. In the order of their
/// first connection.
fn lanes(report: &Report, axis: &Axis, top: u32) -> Vec<Lane> {
    let mut hosts: BTreeMap<String, Host<'_>> = BTreeMap::new();
    let mut host_of = BTreeMap::new();
    for flow in &report.flows {
        let name = words::flow_host(flow);
        host_of.insert(flow.id, name.clone());
        hosts.entry(name).or_default().flows.push(flow);
    }
    for finding in &report.findings {
        let host = host_of.get(&finding.flow).and_then(|name| hosts.get_mut(name));
        if let Some(host) = host {
            host.findings.push((axis.place(finding.at), finding.severity, &finding.title));
        }
    }
    let mut ranked: Vec<(String, Host<'_>)> = hosts.into_iter().collect();
    ranked.sort_by_key(|(_, host)| std::cmp::Reverse((host.worst(), host.bytes())));
    let others = if ranked.len() > MOST_LANES { ranked.split_off(MOST_LANES - 1) } else { Vec::new() };
    ranked.sort_by_key(|(_, host)| host.opened());
    if !others.is_empty() {
        let label = counted(others.len() as u64, "other host", "other hosts");
        let mut together = Host::default();
        for (_, host) in others {
            together.flows.extend(host.flows);
            together.findings.extend(host.findings);
        }
        ranked.push((label, together));
    }
    let lane = |(index, (label, host)): (usize, (String, Host<'_>))| Lane {
        label: shorten(&label),
        y: top + LANE_HEIGHT * index as u32,
        bars: bars(&host.flows, axis),
        marks: marks(host.findings),
    };
    ranked.into_iter().enumerate().map(lane).collect()
}

/// The end of a long name: that is where its owner stands.
fn shorten(name: &str) -> String {
    let length = name.chars().count();
    match length > LABEL {
        true => std::iter::once('…').chain(name.chars().skip(length - LABEL + 1)).collect(),
        false => name.to_owned(),
    }
}

const fn class(encrypted: Option<bool>) -> &'static str {
    match encrypted {
        None => "unknown",
        Some(true) => "encrypted",
        Some(false) => "clear",
    }
}

/// One bar for connections of a sort that overlap; those in clear last, so that they are on top.
fn bars(flows: &[&Flow], axis: &Axis) -> Vec<Bar> {
    let mut bars = Vec::new();
    for sort in [None, Some(true), Some(false)] {
        let of_sort = flows.iter().filter(|flow| flow.encrypted == sort);
        let mut spans: Vec<(f64, f64)> =
            of_sort.map(|flow| (axis.place(flow.opened), axis.place(flow.last.max(flow.opened)))).collect();
        spans.sort_by(|a, b| a.0.total_cmp(&b.0));
        let mut merged: Vec<(f64, f64, u64)> = Vec::new();
        for (from, to) in spans {
            match merged.last_mut() {
                Some(bar) if from - bar.1 < NEAR => {
                    bar.1 = bar.1.max(to);
                    bar.2 += 1;
                }
                _ => merged.push((from, to, 1)),
            }
        }
        bars.extend(merged.into_iter().map(|(from, to, count)| {
            let width = (to - from).max(NEAR);
            Bar {
                x: percent(from.min(100.0 - width)),
                width: percent(width),
                class: class(sort),
                title: format!("{}, {}", counted(count, "connection", "connections"), words::content(sort)),
            }
        }));
    }
    bars
}

fn marks(mut findings: Vec<(f64, Severity, &str)>) -> Vec<Mark> {
    findings.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut merged: Vec<(f64, Severity, &str, u64)> = Vec::new();
    for (place, severity, title) in findings {
        match merged.last_mut() {
            Some(mark) if place - mark.0 < NEAR => {
                mark.3 += 1;
                if severity > mark.1 {
                    (mark.1, mark.2) = (severity, title);
                }
            }
            _ => merged.push((place, severity, title, 1)),
        }
    }
    merged
        .into_iter()
        .map(|(place, severity, title, count)| {
            let name = words::severity_name(severity);
            let more =
                if count > 1 { format!(" and {} more", words::number(count - 1)) } else { String::new() };
            Mark {
                x: percent(place),
                severity: name,
                title: format!("{name}: {}{more}", words::visible(title)),
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testdata;

    #[test]
    fn it_is_bounded_however_long_the_report() {
        let timeline = timeline(&testdata::hostile()).unwrap();
        assert_eq!(timeline.lanes.len(), MOST_LANES);
        assert!(timeline.lanes.last().unwrap().label.contains("other hosts"));
        let marks: usize = timeline.lanes.iter().map(|lane| lane.bars.len() + lane.marks.len()).sum();
        assert!(marks < MOST_LANES * 600, "{marks}");
        assert_eq!(timeline.legend.len() + timeline.phases_left_out, 301);
        assert_eq!(timeline.legend.last().unwrap().name, "SIM removed");
        assert!(timeline.badges.len() <= 12 && timeline.ticks.len() <= 7);
    }

    #[test]
    fn everything_lies_on_the_axis_in_the_order_of_time() {
        for report in testdata::all() {
            let axis = Axis::of(&report).unwrap();
            let mut moments: Vec<_> = report.flows.iter().map(|flow| flow.opened).collect();
            moments.sort();
            let places: Vec<_> = moments.iter().map(|at| axis.place(*at)).collect();
            assert!(places.is_sorted() && places.iter().all(|place| (0.0..=100.0).contains(place)));
        }
    }

    #[test]
    fn an_hour_of_quiet_does_not_hide_the_first_minute() {
        let report = testdata::first_boot();
        let timeline = timeline(&report).unwrap();
        assert_eq!(timeline.breaks.len(), 2);
        let axis = Axis::of(&report).unwrap();
        assert!(axis.place(report.findings[0].at) > 20.0);
    }

    #[test]
    fn a_single_moment_and_no_moment_are_no_trouble() {
        let mut report = testdata::nothing();
        report.flows.truncate(1);
        report.flows[0].last = report.flows[0].opened;
        report.capture.first = Some(report.flows[0].opened);
        report.capture.last = report.capture.first;
        assert_eq!(timeline(&report).unwrap().lanes.len(), 1);
        report.flows.clear();
        (report.capture.first, report.capture.last) = (None, None);
        assert!(timeline(&report).is_none());
    }

    #[test]
    fn findings_of_hosts_with_little_traffic_keep_their_lane() {
        let mut report = testdata::hostile();
        report.flows[0].host = Some("quiet.example".into());
        report.findings[0].severity = Severity::Critical;
        let timeline = timeline(&report).unwrap();
        let lane = timeline.lanes.iter().find(|lane| lane.label == "quiet.example").unwrap();
        assert_eq!(lane.marks[0].severity, "critical");
    }
}
