//! The connections as an aligned table.

use std::collections::BTreeMap;

use inspect::report::Flow;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use crate::words::{self, number, visible};

/// Lines ready to print.
pub struct Table {
    /// The columns' names.
    pub header: String,
    /// In the order of the first flow.
    pub rows: Vec<Row>,
    /// What was left out or put together.
    pub note: Option<String>,
}

/// One line.
pub struct Row {
    /// No wider than asked for.
    pub text: String,
    /// Whether its content could be read by anybody.
    pub clear: bool,
}

/// More flows than this are put together by host.
const MOST_SINGLE: usize = 200;
const MOST_ROWS: usize = 400;
const GAP: usize = 2;

struct Column {
    name: &'static str,
    right: bool,
    /// Below this the column makes no sense; `None`: it cannot shrink.
    least: Option<usize>,
    /// Names are told apart by their ends, other text by its beginning.
    keep_end: bool,
    /// The highest goes first when there is no room; 0 stays.
    dispensable: u8,
}

const fn column(name: &'static str, right: bool, least: Option<usize>, dispensable: u8) -> Column {
    Column { name, right, least, keep_end: false, dispensable }
}

const COLUMNS: [Column; 10] = [
    column("flow", true, None, 0),
    Column { keep_end: true, ..column("host", false, Some(18), 0) },
    column("cc", false, None, 0),
    column("owner", false, Some(12), 3),
    column("purpose", false, Some(10), 5),
    column("proto", false, Some(5), 0),
    column("out", true, None, 0),
    column("in", true, None, 0),
    column("content", false, None, 0),
    Column { keep_end: true, ..column("app", false, Some(14), 4) },
];

const HOST: usize = 1;
/// The host may be this much wider than other columns: it says the most.
const HOST_BONUS: usize = 12;

/// The flows in at most `width` columns.
pub fn flows(flows: &[Flow], width: usize) -> Table {
    let (mut cells, mut note) = match flows.len() > MOST_SINGLE {
        true => {
            let cells = together(flows);
            let note = format!(
                "{} connections in {} rows, put together by host.",
                number(flows.len() as u64),
                number(cells.len() as u64)
            );
            (cells, Some(note))
        }
        false => (flows.iter().map(|flow| Summary::of(flow).cells()).collect(), None),
    };
    if cells.len() > MOST_ROWS {
        note = Some(format!(
            "The first {MOST_ROWS} of {} hosts; JSON and HTML have all.",
            number(cells.len() as u64)
        ));
        cells.truncate(MOST_ROWS);
    }
    let widths = widths(&cells, width);
    let header = line(&COLUMNS.each_ref().map(|column| column.name.to_owned()), &widths);
    let rows =
        cells.iter().map(|cells| Row { text: line(cells, &widths), clear: cells[8] == CLEAR }).collect();
    Table { header, rows, note }
}

const CLEAR: &str = "clear";

/// A flow, or several to the same host.
struct Summary<'a> {
    flow: &'a Flow,
    count: u64,
    bytes_out: u64,
    bytes_in: u64,
}

impl<'a> Summary<'a> {
    fn of(flow: &'a Flow) -> Self {
        Self { flow, count: 1, bytes_out: flow.bytes_out, bytes_in: flow.bytes_in }
    }

    fn cells(&self) -> [String; COLUMNS.len()] {
        let flow = self.flow;
        let text = |text: &Option<String>| {
            text.as_deref().map(|text| visible(text).into_owned()).unwrap_or_default()
        };
        let content = match flow.encrypted {
            Some(false) => CLEAR,
            Some(true) if flow.decrypted => "with keys",
            Some(true) => "encrypted",
            None => "?",
        };
        [
            if self.count == 1 { flow.id.to_string() } else { format!("{}×", number(self.count)) },
            words::flow_host(flow),
            text(&flow.country),
            text(&flow.owner),
            words::purpose(flow.purpose).into(),
            words::flow_protocol(flow),
            words::bytes(self.bytes_out),
            words::bytes(self.bytes_in),
            content.into(),
            flow.app.as_ref().map(|app| visible(&app.name).into_owned()).unwrap_or_default(),
        ]
    }
}

fn together(flows: &[Flow]) -> Vec<[String; COLUMNS.len()]> {
    let mut index = BTreeMap::new();
    let mut sums: Vec<Summary<'_>> = Vec::new();
    for flow in flows {
        let app = flow.app.as_ref().map(|app| app.name.as_str());
        let key = (words::flow_host(flow), &flow.protocols, flow.encrypted, app);
        let slot = *index.entry(key).or_insert(sums.len());
        match sums.get_mut(slot) {
            Some(sum) => {
                sum.count += 1;
                sum.bytes_out = sum.bytes_out.saturating_add(flow.bytes_out);
                sum.bytes_in = sum.bytes_in.saturating_add(flow.bytes_in);
            }
            None => sums.push(Summary::of(flow)),
        }
    }
    sums.iter().map(Summary::cells).collect()
}

/// Each column's width; 0 for one that is left out.
fn widths(rows: &[[String; COLUMNS.len()]], width: usize) -> [usize; COLUMNS.len()] {
    let mut widths = [0; COLUMNS.len()];
    for (index, column) in COLUMNS.iter().enumerate() {
        let widest = rows.iter().map(|row| row[index].width()).max().unwrap_or(0);
        if widest > 0 {
            widths[index] = widest.max(column.name.len());
        }
    }
    while least(&widths) > width {
        let first = (0..COLUMNS.len()).filter(|&i| widths[i] > 0).max_by_key(|&i| COLUMNS[i].dispensable);
        match first {
            Some(index) if COLUMNS[index].dispensable > 0 => widths[index] = 0,
            _ => break,
        }
    }
    while total(&widths) > width {
        let shrinks = |&i: &usize| COLUMNS[i].least.is_some_and(|least| widths[i] > least);
        let room = |&i: &usize| widths[i].saturating_sub(if i == HOST { HOST_BONUS } else { 0 });
        let widest = (0..COLUMNS.len()).filter(shrinks).max_by_key(room);
        // Too narrow for what each column needs: the widest gives up more.
        let Some(index) = widest.or_else(|| (0..COLUMNS.len()).max_by_key(|&i| widths[i])) else { break };
        widths[index] -= 1;
    }
    widths
}

fn total(widths: &[usize]) -> usize {
    widths.iter().filter(|&&width| width > 0).map(|width| width + GAP).sum::<usize>().saturating_sub(GAP)
}

/// The narrowest that `widths` can be made without leaving out more columns.
fn least(widths: &[usize; COLUMNS.len()]) -> usize {
    let mut narrow = *widths;
    for (width, column) in narrow.iter_mut().zip(&COLUMNS) {
        *width = column.least.map_or(*width, |least| least.min(*width));
    }
    total(&narrow)
}

fn line(cells: &[String; COLUMNS.len()], widths: &[usize; COLUMNS.len()]) -> String {
    let mut out = String::new();
    for ((cell, &width), column) in cells.iter().zip(widths).zip(&COLUMNS) {
        if width == 0 {
            continue;
        }
        if !out.is_empty() {
            out.push_str("  ");
        }
        let cell = if column.keep_end { cut_left(cell, width) } else { cut_right(cell, width) };
        let pad = " ".repeat(width.saturating_sub(cell.width()));
        match column.right {
            true => out.extend([pad, cell]),
            false => out.extend([cell, pad]),
        }
    }
    out.truncate(out.trim_end().len());
    out
}

/// The beginning of `text` and `…`, in at most `width` columns.
pub fn cut_right(text: &str, width: usize) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    let mut kept = fit(text.chars(), width);
    kept.push('…');
    kept
}

/// `…` and the end of `text`, in at most `width` columns.
fn cut_left(text: &str, width: usize) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    let kept = fit(text.chars().rev(), width);
    std::iter::once('…').chain(kept.chars().rev()).collect()
}

/// As many characters as leave one column free.
fn fit(chars: impl Iterator<Item = char>, width: usize) -> String {
    let mut used = 1;
    chars
        .take_while(|c| {
            used += c.width().unwrap_or(0);
            used <= width
        })
        .collect()
}
