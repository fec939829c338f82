//! Bytes for people: as text, or in hex and ASCII, with some of them marked or hidden.

use std::fmt::Write;
use std::ops::Range;

/// Bytes of a hex dump's line.
const ROW: usize = 16;
/// A block with more lines than this is cut down to those around its marks.
const MOST_LINES: usize = 48;
/// Lines kept around a mark, and at the beginning, when a block is cut down.
const AROUND: usize = 2;
/// The most bytes that are shown as text.
const MOST_TEXT: usize = 256 << 10;

const ON: &str = "\x1b[1;31m";
const DIM: &str = "\x1b[2m";
const OFF: &str = "\x1b[0m";

/// A part of a block that means something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mark {
    /// Where in the block.
    pub range: Range<usize>,
    /// Shown in its place; `None`: it is shown as it is.
    pub mask: Option<String>,
}

/// How to show a block.
#[derive(Debug, Clone, Copy)]
pub struct Style {
    /// Whether to use ANSI colours.
    pub color: bool,
    /// Columns.
    pub width: usize,
}

struct Line {
    text: String,
    marked: bool,
}

/// Bytes as text if they are, else as a hex dump from offset 0. A line each, without indentation.
pub fn content(bytes: &[u8], marks: &[Mark], style: Style) -> Vec<String> {
    match str::from_utf8(&bytes[..bytes.len().min(MOST_TEXT)]) {
        Ok(text) if is_readable(text) => abridge(text_lines(text, bytes, marks, style)),
        _ => {
            let hidden: Vec<_> =
                marks.iter().filter(|mark| mark.mask.is_some()).map(|mark| mark.range.clone()).collect();
            hex_dump(0, bytes, marks, &hidden, style)
        }
    }
}

/// Bytes in hex and ASCII, their first one at `offset`. `marks` stand in brackets; what `hidden` covers is not shown.
pub fn hex_dump(
    offset: u64,
    bytes: &[u8],
    marks: &[Mark],
    hidden: &[Range<usize>],
    style: Style,
) -> Vec<String> {
    let covers = |ranges: &[Range<usize>], at: usize| ranges.iter().any(|range| range.contains(&at));
    let marked: Vec<_> = marks.iter().map(|mark| mark.range.clone()).collect();
    // Rows begin at multiples of 16, so that offsets are easy to read.
    let lead = (offset % ROW as u64) as usize;
    let mut lines = Vec::new();
    for row in 0..(lead + bytes.len()).div_ceil(ROW) {
        let mut hex = String::new();
        let mut ascii = String::new();
        let mut any = false;
        for column in 0..ROW {
            let at = (row * ROW + column).checked_sub(lead).filter(|at| *at < bytes.len());
            let before = (row * ROW + column).checked_sub(lead + 1).filter(|_| column > 0);
            let (here, there) = (
                at.is_some_and(|at| covers(&marked, at)),
                before.is_some_and(|before| before < bytes.len() && covers(&marked, before)),
            );
            hex.push(match (there, here) {
                (false, true) => '[',
                (true, false) => ']',
                _ => ' ',
            });
            any |= here;
            match at {
                None => {
                    hex.push_str("  ");
                    ascii.push(' ');
                }
                Some(at) if covers(hidden, at) => {
                    hex.push_str("··");
                    ascii.push('*');
                }
                Some(at) => {
                    let _ = write!(hex, "{:02x}", bytes[at]);
                    ascii.push(if bytes[at].is_ascii_graphic() || bytes[at] == b' ' {
                        bytes[at] as char
                    } else {
                        '.'
                    });
                }
            }
        }
        let last = (row * ROW + ROW - 1).checked_sub(lead).filter(|at| *at < bytes.len());
        hex.push(if last.is_some_and(|at| covers(&marked, at)) { ']' } else { ' ' });
        let at = offset - lead as u64 + (row * ROW) as u64;
        let text = format!("{at:08x} {hex} {ascii}");
        let text = text.trim_end();
        let text = match (style.color, any) {
            (true, true) => format!("{ON}{text}{OFF}"),
            (true, false) => format!("{DIM}{text}{OFF}"),
            (false, _) => text.to_owned(),
        };
        lines.push(Line { text, marked: any });
    }
    abridge(lines)
}

/// Text broken to the width, with its marks in `⟦⟧`. Control characters are shown, and cannot act.
fn text_lines(text: &str, bytes: &[u8], marks: &[Mark], style: Style) -> Vec<Line> {
    let mut lines = Vec::new();
    let mut line = Line { text: String::new(), marked: false };
    let mut columns = 0;
    let mut put = |piece: &str, marked: bool, lines: &mut Vec<Line>| {
        let len = piece.chars().count();
        if piece == "\n" || (columns > 0 && columns + len > style.width) {
            lines.push(std::mem::replace(&mut line, Line { text: String::new(), marked: false }));
            columns = 0;
        }
        if piece != "\n" {
            line.text.push_str(&if marked && style.color {
                format!("{ON}{piece}{OFF}")
            } else {
                piece.to_owned()
            });
            line.marked |= marked;
            columns += len;
        }
    };
    let mut at = 0;
    while at < text.len() {
        if let Some(mark) = marks.iter().find(|mark| mark.range.start == at && !mark.range.is_empty()) {
            let plain = || visible(&String::from_utf8_lossy(&bytes[mark.range.clone()]));
            let shown = mark.mask.clone().unwrap_or_else(plain);
            put(&format!("⟦{shown}⟧"), true, &mut lines);
            at = mark.range.end;
            continue;
        }
        let Some(c) = text.get(at..).and_then(|rest| rest.chars().next()) else { break };
        put(&if c == '\n' { c.to_string() } else { visible(&c.to_string()) }, false, &mut lines);
        at += c.len_utf8();
    }
    if !line.text.is_empty() {
        lines.push(line);
    }
    if bytes.len() > text.len() {
        lines.push(Line { text: format!("({} bytes in all)", bytes.len()), marked: false });
    }
    lines
}

/// Escapes what a terminal would act on, or what nobody can see.
pub fn visible(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        match c {
            ' ' => out.push(c),
            c if c.is_control() || c.is_whitespace() || is_format(c) => out.extend(c.escape_default()),
            c => out.push(c),
        }
    }
    out
}

/// Characters that turn the direction of writing, or that have no width.
fn is_format(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

fn is_readable(text: &str) -> bool {
    let strange = text.chars().filter(|c| c.is_control() && !matches!(c, '\n' | '\r' | '\t')).count();
    strange * 20 <= text.chars().count()
}

/// Leaves out what is far from any mark, when there is much.
fn abridge(lines: Vec<Line>) -> Vec<String> {
    if lines.len() <= MOST_LINES {
        return lines.into_iter().map(|line| line.text).collect();
    }
    let marks: Vec<_> = (0..lines.len()).filter(|at| lines[*at].marked).collect();
    // The first and last lines of each run of marked ones say enough of it.
    let edges: Vec<_> = marks
        .iter()
        .copied()
        .filter(|at| !marks.contains(&(at + 1)) || *at == 0 || !marks.contains(&(at - 1)))
        .take(MOST_LINES)
        .collect();
    let mut out = Vec::new();
    let mut skipped = 0;
    for (at, line) in lines.into_iter().enumerate() {
        if at <= AROUND || edges.iter().any(|edge| edge.abs_diff(at) <= AROUND) {
            if skipped > 0 {
                out.push(format!("… {skipped} lines …"));
                skipped = 0;
            }
            out.push(line.text);
        } else {
            skipped += 1;
        }
    }
    if skipped > 0 {
        out.push(format!("… {skipped} lines"));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: Style = Style { color: false, width: 40 };

    fn mark(range: Range<usize>, mask: Option<&str>) -> Mark {
        Mark { range, mask: mask.map(str::to_owned) }
    }

    #[test]
    fn a_dump_has_aligned_rows_and_brackets() {
        let hidden = 2..4;
        let lines = hex_dump(14, b"abcdef", &[mark(1..4, None)], std::slice::from_ref(&hidden), PLAIN);
        assert_eq!(
            lines,
            [
                "00000000                                            61[62]               ab",
                "00000010 [·· ··]65 66                                      **ef",
            ]
        );
    }

    #[test]
    fn marked_text_is_masked_and_control_characters_do_nothing() {
        let lines = content(b"imei=490154203237518\x1b[2J&x\nend", &[mark(5..20, Some("4901*"))], PLAIN);
        assert_eq!(lines, ["imei=⟦4901*⟧\\u{1b}[2J&x", "end"]);
    }

    #[test]
    fn bytes_that_are_no_text_are_dumped() {
        let lines = content(&[0xff, 0, 1], &[mark(1..2, Some("*"))], PLAIN);
        assert_eq!(lines, ["00000000  ff[··]01                                         .*."]);
    }

    #[test]
    fn a_long_block_keeps_what_is_near_its_marks() {
        let text = "line\n".repeat(500);
        let lines = content(text.as_bytes(), &[mark(1000..1004, None)], PLAIN);
        assert!(lines.len() < 15, "{}", lines.len());
        assert!(lines.iter().any(|line| line == "⟦line⟧"));
        assert_eq!(lines.last().map(String::as_str), Some("… 297 lines"));
    }
}
