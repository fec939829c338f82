//! Compressed messages (RFC 7692 section 7.2): raw deflate, in which a message may repeat what former ones said.

use flate2::{Decompress, FlushDecompress, Status};

/// How far back a repetition reaches.
const WINDOW: usize = 32 << 10;
/// What the sender leaves out of each message's end.
const TAIL: [u8; 4] = [0, 0, 0xff, 0xff];

/// One direction's decompressor.
///
/// It keeps what was said last, instead of a decompressor's state, which cannot be cloned: each message is read with that
/// before it as a block that is stored uncompressed.
#[derive(Debug, Clone, Default)]
pub(super) struct Inflater {
    window: Vec<u8>,
}

impl Inflater {
    /// The content of a message, at most `most` bytes; of one that is broken or not whole, what comes before the break.
    pub(super) fn inflate(&mut self, message: &[u8], whole: bool, most: usize) -> Vec<u8> {
        let known = self.window.len();
        let mut input = Vec::with_capacity(5 + known + message.len() + TAIL.len());
        let len = known as u16;
        input.push(0);
        input.extend(len.to_le_bytes());
        input.extend((!len).to_le_bytes());
        input.extend_from_slice(&self.window);
        input.extend_from_slice(message);
        input.extend(if whole { &TAIL[..] } else { &[] });
        let (mut out, sound) = run(&input, known + most);
        if whole && sound {
            self.window = out[out.len().saturating_sub(WINDOW)..].to_vec();
        } else {
            self.lose();
        }
        out.drain(..known.min(out.len()));
        out
    }

    /// What comes cannot be read with what was said so far.
    pub(super) fn lose(&mut self) {
        self.window = Vec::new();
    }
}

/// Decompresses up to `most` bytes; `true` when the input was sound and all of it was read.
fn run(input: &[u8], most: usize) -> (Vec<u8>, bool) {
    let mut decompress = Decompress::new(false);
    let mut out = Vec::with_capacity(input.len().saturating_mul(2).min(most).max(64));
    loop {
        let (read, written) = (decompress.total_in() as usize, out.len());
        let Some(rest) = input.get(read..) else { return (out, false) };
        let status = decompress.decompress_vec(rest, &mut out, FlushDecompress::Sync);
        if out.len() > most {
            out.truncate(most);
            return (out, false);
        }
        let stuck = decompress.total_in() as usize == read && out.len() == written;
        match status {
            Err(_) => return (out, false),
            // A final block ends a message too.
            Ok(Status::StreamEnd) => return (out, true),
            Ok(_) if decompress.total_in() as usize == input.len() && out.len() < out.capacity() => {
                return (out, true);
            }
            Ok(_) if stuck && out.len() < out.capacity() => return (out, false),
            Ok(_) => out.reserve(out.len().min(most).max(64)),
        }
    }
}
