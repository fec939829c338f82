//! Where an HTTP/1.x body ends (RFC 9112 sections 6 and 7), with chunks read as leniently as browsers do.

use super::super::{BodyCoding, HttpHeader};
use super::head::parse_fields;

/// Longest chunk header, and all trailers together.
const MAX_LINE: usize = 16 * 1024;

/// How the body at hand is delimited.
#[derive(Debug, Clone)]
pub(super) enum Framing {
    /// So many bytes are to come.
    Length(u64),
    /// In chunks.
    Chunked(Chunks),
    /// Up to the end of the stream.
    UntilEnd,
}

/// Where in a chunked body we are.
#[derive(Debug, Clone)]
pub(super) struct Chunks {
    step: Step,
    /// A line of the coding as far as it came; for trailers, all of them.
    line: Vec<u8>,
    /// Whether a chunk was seen: up to there the coding may be a lie.
    any: bool,
    /// How it is delimited if it is.
    otherwise: Option<u64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Size,
    Data(u64),
    DataEnd,
    Trailers,
}

/// What feeding a body led to.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Progress {
    /// All bytes were taken.
    More,
    /// The body ended; trailers.
    Complete(Vec<HttpHeader>),
    /// The coding is broken here.
    Malformed,
}

impl Framing {
    /// Chunked; `otherwise` is the Content-Length if there is one, for senders that say chunked and are not.
    pub(super) fn chunked(otherwise: Option<u64>) -> Self {
        Self::Chunked(Chunks { step: Step::Size, line: Vec::new(), any: false, otherwise })
    }

    pub(super) fn is_chunked(&self) -> bool {
        matches!(self, Self::Chunked(_))
    }

    /// How a body that is delimited so stands in the stream.
    pub(super) fn coding(&self) -> BodyCoding {
        if self.is_chunked() { BodyCoding::Chunked } else { BodyCoding::Plain }
    }

    /// Whether nothing more belongs to the body.
    pub(super) fn is_complete(&self) -> bool {
        matches!(self, Self::Length(0))
    }

    /// Takes from `rest`, which begins at `at` in the stream, what belongs to the body, and hands its content to `keep`.
    pub(super) fn feed(&mut self, rest: &mut &[u8], at: u64, keep: &mut dyn FnMut(&[u8])) -> Progress {
        match self {
            Self::UntilEnd => {
                keep(std::mem::take(rest));
                Progress::More
            }
            Self::Length(left) => {
                let content = take(rest, *left);
                keep(content);
                *left -= content.len() as u64;
                if *left == 0 { Progress::Complete(Vec::new()) } else { Progress::More }
            }
            Self::Chunked(chunks) => {
                let progress = chunks.feed(rest, at, keep);
                if progress != Progress::Malformed || chunks.any {
                    return progress;
                }
                // Not chunked after all: the line that should have been a size is content.
                let line = std::mem::take(&mut chunks.line);
                *self = chunks.otherwise.map_or(Self::UntilEnd, Self::Length);
                match self.feed(&mut &line[..], at, keep) {
                    Progress::More => self.feed(rest, at, keep),
                    done => done,
                }
            }
        }
    }

    /// What came of a body that says chunked but shows no chunk: content after all.
    pub(super) fn take_unchunked(&mut self) -> Vec<u8> {
        match self {
            Self::Chunked(chunks) if !chunks.any => std::mem::take(&mut chunks.line),
            _ => Vec::new(),
        }
    }

    /// Passes over `len` bytes that were never seen. `false`: where the body ends is not known any more.
    pub(super) fn skip(&mut self, len: u64) -> bool {
        match self {
            Self::UntilEnd => true,
            Self::Length(left) if *left >= len => {
                *left -= len;
                true
            }
            Self::Chunked(Chunks { step: Step::Data(left), .. }) if *left > len => {
                *left -= len;
                true
            }
            Self::Length(_) | Self::Chunked(_) => false,
        }
    }
}

impl Chunks {
    fn feed(&mut self, rest: &mut &[u8], at: u64, keep: &mut dyn FnMut(&[u8])) -> Progress {
        let all = rest.len();
        while !rest.is_empty() {
            if let Step::Data(left) = self.step {
                let content = take(rest, left);
                keep(content);
                let left = left - content.len() as u64;
                self.step = if left == 0 { Step::DataEnd } else { Step::Data(left) };
                continue;
            }
            if !self.take_line(rest) {
                return if self.is_hopeless() { Progress::Malformed } else { Progress::More };
            }
            let end = at + (all - rest.len()) as u64;
            match self.handle_line() {
                Some(false) => {}
                Some(true) => {
                    return Progress::Complete(parse_fields(
                        &self.line,
                        end.saturating_sub(self.line.len() as u64),
                    ));
                }
                None => return Progress::Malformed,
            }
        }
        Progress::More
    }

    /// Collects a line; `true` when it is there. What cannot be the first size ends it early, so that the bytes behind
    /// are still to be taken, wherever the stream is cut.
    fn take_line(&mut self, rest: &mut &[u8]) -> bool {
        if !self.any && self.line.trim_ascii().is_empty() {
            let first = rest.iter().position(|byte| *byte == b'\n' || !byte.is_ascii_whitespace());
            if let Some(at) = first.filter(|at| rest[*at] != b'\n' && !rest[*at].is_ascii_hexdigit()) {
                self.line.extend_from_slice(take(rest, at as u64 + 1));
                return false;
            }
        }
        let room = (MAX_LINE + 1).saturating_sub(self.line.len());
        let found = rest.iter().take(room).position(|&byte| byte == b'\n');
        self.line.extend_from_slice(take(rest, found.map_or(room, |at| at + 1) as u64));
        found.is_some()
    }

    /// Whether the line at hand, of which the end has not come, cannot be one of the coding.
    fn is_hopeless(&self) -> bool {
        let first = self.line.trim_ascii_start().first();
        let no_size = !self.any && first.is_some_and(|first| !first.is_ascii_hexdigit());
        no_size || self.line.len() > MAX_LINE
    }

    /// `Some(true)`: the body ended. `None`: not the coding.
    fn handle_line(&mut self) -> Option<bool> {
        match self.step {
            Step::Size if self.line.trim_ascii().is_empty() => {}
            Step::Size => {
                let size = chunk_size(&self.line)?;
                self.any = true;
                self.step = if size == 0 { Step::Trailers } else { Step::Data(size) };
            }
            Step::DataEnd if self.line.trim_ascii().is_empty() => self.step = Step::Size,
            Step::DataEnd => {
                // The line end is missing: the size follows at once.
                let size = chunk_size(&self.line)?;
                self.step = if size == 0 { Step::Trailers } else { Step::Data(size) };
            }
            Step::Trailers => {
                let last = self.line.strip_suffix(b"\n").unwrap_or(&self.line);
                let last = last.strip_suffix(b"\r").unwrap_or(last);
                return Some(last.is_empty() || last.ends_with(b"\n"));
            }
            Step::Data(_) => {}
        }
        self.line.clear();
        Some(false)
    }
}

/// The content of a body that is chunked from its first byte to its last chunk although no header said so.
pub(super) fn unchunk(body: &[u8]) -> Option<Vec<u8>> {
    let (mut framing, mut content, mut rest) = (Framing::chunked(None), Vec::new(), body);
    let first = body.iter().position(|&byte| byte == b'\n')?;
    chunk_size(&body[..first])?;
    match framing.feed(&mut rest, 0, &mut |bytes| content.extend_from_slice(bytes)) {
        Progress::Complete(_) if framing.is_chunked() && rest.is_empty() => Some(content),
        _ => None,
    }
}

/// The size in a chunk header: hex digits, then anything that is no letter or digit.
fn chunk_size(line: &[u8]) -> Option<u64> {
    let line = line.trim_ascii();
    let digits = line.iter().position(|byte| !byte.is_ascii_hexdigit()).unwrap_or(line.len());
    if digits == 0 || line.get(digits).is_some_and(u8::is_ascii_alphanumeric) {
        return None;
    }
    let significant = line[..digits].iter().skip_while(|&&byte| byte == b'0');
    let mut size: u64 = 0;
    for &digit in significant {
        size = size.checked_mul(16)?.checked_add(char::from(digit).to_digit(16)?.into())?;
    }
    // Sizes are added to offsets.
    (size < 1 << 48).then_some(size)
}

fn take<'a>(rest: &mut &'a [u8], len: u64) -> &'a [u8] {
    let (head, tail) = rest.split_at(rest.len().min(usize::try_from(len).unwrap_or(usize::MAX)));
    *rest = tail;
    head
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Content, trailers and what follows; fed in pieces of `step` bytes.
    fn decode(mut framing: Framing, text: &[u8], step: usize) -> (Vec<u8>, Option<Progress>, Vec<u8>) {
        let mut content = Vec::new();
        let mut at = 0;
        for piece in text.chunks(step) {
            let mut rest = piece;
            let progress = framing.feed(&mut rest, at, &mut |bytes| content.extend_from_slice(bytes));
            at += (piece.len() - rest.len()) as u64;
            if progress != Progress::More {
                return (content, Some(progress), text[at as usize..].to_vec());
            }
        }
        (content, None, Vec::new())
    }

    #[test]
    fn chunks_with_extensions_and_trailers() {
        let text = b"4;name=value\r\nWiki\r\n005 \npedia\n0\r\nX: 1\r\nY: 2\r\n\r\nnext";
        for step in 1..text.len() {
            let (content, progress, rest) = decode(Framing::chunked(None), text, step);
            assert_eq!((&content[..], &rest[..]), (&b"Wikipedia"[..], &b"next"[..]), "step {step}");
            let Some(Progress::Complete(trailers)) = progress else { panic!("{progress:?}") };
            let values: Vec<_> =
                trailers.iter().map(|t| &text[t.range.start as usize..t.range.end as usize]).collect();
            assert_eq!(values, [b"1", b"2"]);
        }
    }

    #[test]
    fn a_body_that_lies_about_chunks_is_kept_whole() {
        for step in 1..6 {
            let (content, progress, _) = decode(Framing::chunked(Some(8)), b"{\"a\":1}\nx", step);
            assert_eq!((content, progress), (b"{\"a\":1}\n".to_vec(), Some(Progress::Complete(Vec::new()))));
            let (content, progress, _) = decode(Framing::chunked(None), b"hello\nworld", step);
            assert_eq!((content, progress), (b"hello\nworld".to_vec(), None));
            let mut short = Framing::chunked(None);
            assert_eq!(short.feed(&mut &b"abc"[..], 0, &mut |_| {}), Progress::More);
            assert_eq!(short.take_unchunked(), b"abc");
        }
    }

    #[test]
    fn chunks_that_no_header_told_of_are_undone_when_all_are_there() {
        assert_eq!(unchunk(b"3\r\nabc\r\n1\r\nd\r\n0\r\n\r\n"), Some(b"abcd".to_vec()));
        for other in [&b"3\r\nabc\r\n"[..], b"42\nis the answer", b"0\r\n\r\nx", b"", b"abc"] {
            assert_eq!(unchunk(other), None);
        }
    }

    #[test]
    fn sizes_are_bounded() {
        assert_eq!(chunk_size(b"0000000000000000000000001f\r\n"), Some(0x1f));
        assert_eq!(chunk_size(b"ffffffffffffffff"), None);
        assert_eq!(chunk_size(b"12g"), None);
        assert_eq!(chunk_size(b""), None);
    }

    #[test]
    fn a_gap_inside_a_chunk_is_passed_over() {
        let mut framing = Framing::chunked(None);
        let mut rest = &b"10\r\nabc"[..];
        assert_eq!(framing.feed(&mut rest, 0, &mut |_| {}), Progress::More);
        assert!(framing.skip(12));
        assert!(!framing.skip(1));
    }
}
