//! The counts as tables for people, and as JSON.

use std::fmt::Write;

use corpus::OUT_OF_SCOPE;
use serde_json::{Value, json};

use super::board::{Board, DIMENSIONS, Tally};

/// Causes of misses that are shown.
const CAUSES: usize = 25;

/// Everything, for a terminal.
pub fn text(board: &Board) -> String {
    let mut out = String::new();
    // Writing to a string does not fail.
    let _ = write_text(board, &mut out);
    out
}

fn write_text(board: &Board, out: &mut String) -> std::fmt::Result {
    for dimension in DIMENSIONS {
        writeln!(out, "{dimension:44} {:>9} {:>9} {:>9}", "there", "missed", "recall")?;
        for (row, tally) in rows(board, dimension) {
            let all = tally.found + tally.missed;
            writeln!(out, "  {row:42} {all:9} {:9} {:9.5}", tally.missed, tally.share())?;
        }
    }
    let claims = board.claims;
    writeln!(out, "precision at medium severity and above: {:.5} ({} wrong)", claims.share(), claims.missed)?;
    let alarmed: u64 = board.silence.values().map(|tally| tally.missed).sum();
    writeln!(out, "innocent conversations: {}, {alarmed} with a false alarm", board.flows[1])?;
    for (class, count) in &board.alarms {
        let of = board.lookalikes.get(class.as_str()).map(|all| format!(" of {all}")).unwrap_or_default();
        writeln!(out, "  {class}: {count}{of}")?;
    }
    let mut causes: Vec<_> = board.causes.iter().collect();
    causes.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
    for (cause, count) in causes.into_iter().take(CAUSES) {
        writeln!(out, "missed {count:5} {cause}")?;
    }
    for (number, miss) in &board.misses {
        writeln!(out, "miss {number}: {miss}")?;
    }
    for (number, alarm) in &board.false_alarms {
        writeln!(out, "false alarm {number}: {alarm}")?;
    }
    for (what, why) in OUT_OF_SCOPE {
        writeln!(out, "not asked: {what}: {why}")?;
    }
    Ok(())
}

fn rows<'a>(board: &'a Board, wanted: &'static str) -> impl Iterator<Item = (&'a str, Tally)> {
    let of = board.recall.iter().filter(move |((dimension, _), _)| *dimension == wanted);
    of.map(|((_, row), tally)| (row.as_str(), *tally))
}

/// The numbers.
pub fn json(board: &Board, seed: u64) -> Value {
    let recall: serde_json::Map<String, Value> = DIMENSIONS
        .into_iter()
        .map(|dimension| {
            let rows: serde_json::Map<_, _> = rows(board, dimension)
                .map(|(row, it)| (row.to_owned(), json!({ "found": it.found, "missed": it.missed })))
                .collect();
            (dimension.to_owned(), rows.into())
        })
        .collect();
    let list = |list: &std::collections::BTreeSet<(u64, String)>| -> Value {
        list.iter().map(|(number, what)| json!({ "number": number, "what": what })).collect()
    };
    json!({
        "seed": seed,
        "carrying": board.flows[0],
        "innocent": board.flows[1],
        "recall": recall,
        "claims": { "right": board.claims.found, "wrong": board.claims.missed },
        "false_alarms_by_lookalike": board.alarms,
        "misses": list(&board.misses),
        "false_alarms": list(&board.false_alarms),
        "out_of_scope": OUT_OF_SCOPE.map(|(what, why)| json!({ "what": what, "why": why })),
    })
}

/// The table for the README.
pub fn markdown(board: &Board, seed: u64) -> String {
    let mut out = String::new();
    let _ = write_markdown(board, seed, &mut out);
    out
}

fn write_markdown(board: &Board, seed: u64, out: &mut String) -> std::fmt::Result {
    let flows = board.flows[0];
    writeln!(out, "`cargo xtask accuracy --flows {flows} --seed {seed}`:\n")?;
    writeln!(out, "| found by | conversations | recall |\n| --- | --- | --- |")?;
    for (row, tally) in rows(board, "confidence") {
        writeln!(out, "| {row} | {} | {} |", thousands(tally.found + tally.missed), percent(tally))?;
    }
    writeln!(out, "\n| identifier | recall | | identifier | recall |\n| --- | --- | --- | --- | --- |")?;
    let kinds: Vec<_> =
        rows(board, "identifier").map(|(row, it)| format!("`{row}` | {}", percent(it))).collect();
    for pair in kinds.chunks(2) {
        writeln!(out, "| {} | | {} |", pair[0], pair.get(1).map_or(" | ", String::as_str))?;
    }
    let alarmed: u64 = board.silence.values().map(|it| it.missed).sum();
    writeln!(
        out,
        "\nPrecision at medium severity and above: {} ({} of {} claims are wrong; {alarmed} of {} innocent conversations \
         raise one).",
        percent(board.claims),
        thousands(board.claims.missed),
        thousands(board.claims.found + board.claims.missed),
        thousands(board.flows[1]),
    )
}

fn percent(tally: Tally) -> String {
    // Rounded down: 100 % is said of all only.
    format!("{:.2} %", (tally.share() * 10_000.0).floor() / 100.0)
}

fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let groups: Vec<_> = digits.as_bytes().rchunks(3).rev().map(String::from_utf8_lossy).collect();
    groups.join(",")
}
