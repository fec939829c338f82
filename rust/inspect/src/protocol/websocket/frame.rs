//! WebSocket's frames (RFC 6455 section 5.2).

/// Bytes of the longest header.
const MAX_HEAD: usize = 14;

pub(super) const CONTINUATION: u8 = 0;
pub(super) const TEXT: u8 = 1;
pub(super) const CLOSE: u8 = 8;
pub(super) const PING: u8 = 9;
const PONG: u8 = 10;
/// Payload of a control frame.
const MAX_CONTROL: u64 = 125;

/// A frame's header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Head {
    /// Whether it is the last of its message.
    pub(super) last: bool,
    /// RSV1: the message is compressed (RFC 7692 section 6).
    pub(super) compressed: bool,
    pub(super) opcode: u8,
    pub(super) mask: Option<[u8; 4]>,
    pub(super) len: u64,
}

impl Head {
    /// Reads the header at the start of `bytes`, and its length. `Ok(None)`: too few bytes; `Err`: it is none.
    fn parse(bytes: &[u8]) -> Result<Option<(Self, usize)>, ()> {
        let &[first, second, ref rest @ ..] = bytes else { return Ok(None) };
        let opcode = first & 0x0f;
        if first & 0x30 != 0 || !matches!(opcode, 0..=2 | CLOSE..=PONG) {
            return Err(());
        }
        let (len, size) = match second & 0x7f {
            126 => match rest.first_chunk() {
                Some(len) => (u64::from(u16::from_be_bytes(*len)), 2),
                None => return Ok(None),
            },
            127 => match rest.first_chunk() {
                Some(len) => (u64::from_be_bytes(*len), 8),
                None => return Ok(None),
            },
            len => (u64::from(len), 0),
        };
        let head = Self { last: first & 0x80 != 0, compressed: first & 0x40 != 0, opcode, mask: None, len };
        // Lengths are added to offsets.
        if len >= 1 << 48 || (head.is_control() && (!head.last || head.compressed || len > MAX_CONTROL)) {
            return Err(());
        }
        if second & 0x80 == 0 {
            return Ok(Some((head, 2 + size)));
        }
        let mask = rest.get(size..).and_then(|rest| rest.first_chunk());
        Ok(mask.map(|mask| (Self { mask: Some(*mask), ..head }, 6 + size)))
    }

    pub(super) const fn is_control(&self) -> bool {
        self.opcode >= CLOSE
    }

    /// What a message that begins with it is called.
    pub(super) const fn name(&self) -> &'static str {
        match self.opcode {
            TEXT => "text",
            CLOSE => "close",
            PING => "ping",
            PONG => "pong",
            _ => "binary",
        }
    }
}

/// What a direction's bytes yield.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// A frame begins at this offset.
    Begin(Head, u64),
    /// Payload of it, without its mask, which ends at this offset; `true`: the frame ends with it.
    Payload(Head, Vec<u8>, u64, bool),
    /// This is no frame.
    Malformed,
}

/// Cuts one direction into frames.
#[derive(Debug, Clone, Default)]
pub(super) struct Frames {
    /// The header, as far as it came.
    start: Vec<u8>,
    /// Where `start` begins.
    at: u64,
    /// The frame, and how much of its payload came.
    current: Option<(Head, u64)>,
}

impl Frames {
    /// Takes from `rest`, which begins at `at`. `None`: all was taken, and more is needed.
    pub(super) fn next(&mut self, rest: &mut &[u8], at: u64) -> Option<Step> {
        if let Some((head, done)) = &mut self.current {
            let left = usize::try_from(head.len - *done).unwrap_or(usize::MAX);
            let (taken, after) = rest.split_at(rest.len().min(left));
            let phase = *done;
            *done += taken.len() as u64;
            let (head, last) = (*head, *done == head.len);
            *rest = after;
            if last {
                self.current = None;
            } else if taken.is_empty() {
                return None;
            }
            let plain = unmask(taken, head.mask, phase);
            return Some(Step::Payload(head, plain, at + taken.len() as u64, last));
        }
        if self.start.is_empty() {
            self.at = at;
        }
        let before = self.start.len();
        self.start.extend(rest.iter().take(MAX_HEAD - before));
        match Head::parse(&self.start) {
            Err(()) => Some(Step::Malformed),
            Ok(None) => {
                *rest = &[];
                None
            }
            Ok(Some((head, len))) => {
                *rest = rest.get(len.saturating_sub(before)..).unwrap_or_default();
                self.start.clear();
                self.current = Some((head, 0));
                Some(Step::Begin(head, self.at))
            }
        }
    }

    /// Whether a frame's payload is yet to come that may be empty.
    pub(super) fn is_due(&self) -> bool {
        self.current.is_some_and(|(head, done)| head.len == done)
    }

    /// The bytes of a header that has not come whole, and where they stand.
    pub(super) fn unread(&mut self) -> (Vec<u8>, u64) {
        (std::mem::take(&mut self.start), self.at)
    }

    /// Passes over `len` bytes that were never seen. `false`: it is not known any more where frames begin.
    pub(super) fn skip(&mut self, len: u64) -> bool {
        let Some((head, done)) = &mut self.current else { return false };
        let left = head.len - *done;
        if len < left {
            *done += len;
        } else if len == left {
            self.current = None;
        }
        len <= left
    }
}

/// Undoes the mask (RFC 6455 section 5.3) of bytes before which `phase` stand in the frame.
fn unmask(bytes: &[u8], mask: Option<[u8; 4]>, phase: u64) -> Vec<u8> {
    let mut out = bytes.to_vec();
    if let Some(mut mask) = mask {
        mask.rotate_left((phase % 4) as usize);
        for four in out.chunks_mut(mask.len()) {
            four.iter_mut().zip(mask).for_each(|(byte, key)| *byte ^= key);
        }
    }
    out
}

/// The payload of the message that `bytes` begin with, as far as it is there, control frames inside it left out.
pub fn payload_of(bytes: &[u8]) -> Vec<u8> {
    let (mut frames, mut rest, mut out) = (Frames::default(), bytes, Vec::new());
    let mut control = None;
    while !rest.is_empty() || frames.is_due() {
        match frames.next(&mut rest, 0) {
            Some(Step::Begin(head, _)) => {
                control.get_or_insert(head.is_control());
            }
            Some(Step::Payload(head, payload, ..)) if control == Some(head.is_control()) => {
                out.extend(payload)
            }
            Some(Step::Payload(..)) => {}
            Some(Step::Malformed) => break,
            None => {}
        }
    }
    out
}
