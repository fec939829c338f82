//! HTTP/2's frames (RFC 9113 sections 4 and 6).

use std::ops::Range;

/// Bytes of a frame's header.
const HEAD: usize = 9;
/// The most that is kept of a frame which is not DATA.
const MAX_KEPT: usize = 256 << 10;

pub(super) const DATA: u8 = 0;
pub(super) const HEADERS: u8 = 1;
pub(super) const PRIORITY: u8 = 2;
pub(super) const RST_STREAM: u8 = 3;
pub(super) const SETTINGS: u8 = 4;
pub(super) const PUSH_PROMISE: u8 = 5;
pub(super) const PING: u8 = 6;
pub(super) const GOAWAY: u8 = 7;
pub(super) const WINDOW_UPDATE: u8 = 8;
pub(super) const CONTINUATION: u8 = 9;

pub(super) const END_STREAM: u8 = 1;
pub(super) const END_HEADERS: u8 = 4;
const PADDED: u8 = 8;
const WITH_PRIORITY: u8 = 0x20;

/// A frame's header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) len: u32,
    pub(super) kind: u8,
    pub(super) flags: u8,
    pub(super) stream: u32,
    /// Where it begins in the stream of bytes.
    pub(super) at: u64,
}

impl Head {
    pub(super) fn parse(bytes: [u8; HEAD], at: u64) -> Self {
        let [a, b, c, kind, flags, stream @ ..] = bytes;
        let stream = u32::from_be_bytes(stream) & 0x7fff_ffff;
        Self { len: u32::from_be_bytes([0, a, b, c]), kind, flags, stream, at }
    }

    /// Where the frame ends.
    pub(super) fn end(&self) -> u64 {
        self.at + HEAD as u64 + u64::from(self.len)
    }

    pub(super) fn has(&self, flag: u8) -> bool {
        self.flags & flag != 0
    }

    /// The part of a whole payload that is left without padding and, of HEADERS, without its priority.
    pub(super) fn content(&self, payload: &[u8]) -> Option<Range<usize>> {
        let (mut start, mut padding) = (0, 0);
        if self.has(PADDED) {
            padding = usize::from(*payload.first()?);
            start = 1;
        }
        if self.kind == HEADERS && self.has(WITH_PRIORITY) {
            start += 5;
        }
        let end = payload.len().checked_sub(padding)?;
        (start <= end).then_some(start..end)
    }
}

/// What a direction's bytes yield.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step<'a> {
    /// Content of a DATA frame, which stands at `at`; `last`: the frame ends with it.
    Data { head: Head, at: u64, bytes: &'a [u8], last: bool },
    /// Another frame with its payload, `None` when that is too long to be kept.
    Frame { head: Head, payload: Option<Vec<u8>> },
}

/// Cuts one direction into frames.
#[derive(Debug, Clone, Default)]
pub(super) struct Frames {
    /// The header, as far as it came.
    start: Vec<u8>,
    /// Where `start` begins.
    at: u64,
    current: Option<Current>,
}

#[derive(Debug, Clone)]
struct Current {
    head: Head,
    /// Bytes of the payload that are to come.
    left: u32,
    /// Padding at the payload's end; `None`: its length is to come.
    padding: Option<u32>,
    payload: Vec<u8>,
    /// Whether what came of the payload was taken before it was whole.
    taken: bool,
}

impl Frames {
    /// Takes from `rest`, which begins at `at`. `None`: all was taken, and more is needed.
    pub(super) fn next<'a>(&mut self, rest: &mut &'a [u8], at: u64) -> Option<Step<'a>> {
        let all = rest.len();
        if self.current.is_none() {
            if self.start.is_empty() {
                self.at = at;
            }
            let (taken, after) = rest.split_at(rest.len().min(HEAD - self.start.len()));
            self.start.extend_from_slice(taken);
            *rest = after;
            let head = Head::parse(*self.start.first_chunk()?, self.at);
            self.start.clear();
            let padding = (head.kind != DATA || !head.has(PADDED)).then_some(0);
            self.current = Some(Current { head, left: head.len, padding, payload: Vec::new(), taken: false });
        }
        let at = at + (all - rest.len()) as u64;
        let current = self.current.as_mut()?;
        let step = if current.head.kind == DATA { current.data(rest, at) } else { current.collect(rest) };
        if current.left == 0 {
            self.current = None;
        }
        step
    }

    /// What came of a payload that is not DATA's; the rest is passed over.
    pub(super) fn take_partial(&mut self) -> Option<(Head, Vec<u8>)> {
        let current = self.current.as_mut().filter(|it| !it.payload.is_empty())?;
        current.taken = true;
        Some((current.head, std::mem::take(&mut current.payload)))
    }

    /// Whether there is something that [`Self::take_partial`] would yield.
    pub(super) fn has_partial(&self) -> bool {
        self.current.as_ref().is_some_and(|it| !it.payload.is_empty())
    }

    /// Passes over `len` bytes that were never seen. `Some`: they are content of that DATA frame; else it is not known
    /// any more where frames begin.
    pub(super) fn skip(&mut self, len: u64) -> Option<Head> {
        let current = self.current.as_mut().filter(|it| it.head.kind == DATA && it.padding.is_some())?;
        current.left = current.left.checked_sub(u32::try_from(len).ok()?)?;
        let head = current.head;
        if current.left == 0 {
            self.current = None;
        }
        Some(head)
    }
}

impl Current {
    fn data<'a>(&mut self, rest: &mut &'a [u8], at: u64) -> Option<Step<'a>> {
        let mut at = at;
        if self.padding.is_none() && self.left > 0 {
            let (&padding, after) = rest.split_first()?;
            *rest = after;
            at += 1;
            self.left -= 1;
            self.padding = Some(u32::from(padding));
        }
        let content = self.left.saturating_sub(self.padding.unwrap_or_default());
        let bytes = self.take(rest, content);
        // Padding follows the content.
        if bytes.len() == content as usize {
            let padding = self.left;
            self.take(rest, padding);
            self.padding = Some(self.left);
        }
        let last = self.left == 0;
        (last || !bytes.is_empty()).then_some(Step::Data { head: self.head, at, bytes, last })
    }

    fn collect<'a>(&mut self, rest: &mut &'a [u8]) -> Option<Step<'a>> {
        let taken = self.take(rest, self.left);
        let room = if self.taken { 0 } else { MAX_KEPT - self.payload.len() };
        self.payload.extend_from_slice(&taken[..taken.len().min(room)]);
        if self.left > 0 {
            return None;
        }
        let whole = self.head.len as usize <= MAX_KEPT && !self.taken;
        let payload = whole.then(|| std::mem::take(&mut self.payload));
        Some(Step::Frame { head: self.head, payload })
    }

    fn take<'a>(&mut self, rest: &mut &'a [u8], most: u32) -> &'a [u8] {
        let (taken, after) = rest.split_at(rest.len().min(most as usize));
        *rest = after;
        self.left -= taken.len() as u32;
        taken
    }
}

/// The content of a stream's DATA frames in `bytes`, which begin with a frame; as far as they are there.
pub fn data_of(bytes: &[u8], stream: u32) -> Vec<u8> {
    let (mut frames, mut rest, mut out) = (Frames::default(), bytes, Vec::new());
    while !rest.is_empty() {
        if let Some(Step::Data { head, bytes, .. }) = frames.next(&mut rest, 0)
            && head.stream == stream
        {
            out.extend_from_slice(bytes);
        }
    }
    out
}
