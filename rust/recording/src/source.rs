//! The bytes of a capture: unzipped when they are gzipped (RFC 1952), looked at before they are taken, and asked for
//! no further ahead than the reader needs, so that a capture that still grows is read as it grows.

use std::io::{self, BufReader, Chain, Cursor, ErrorKind, Read};
use std::ops::Range;

use flate2::bufread::MultiGzDecoder;

use crate::ReadError;

/// The buffer grows by this much, and only while bytes really come in.
const CHUNK: usize = 128 * 1024;

const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];

type Unzipped<R> = MultiGzDecoder<BufReader<Chain<Cursor<Vec<u8>>, R>>>;

#[derive(Debug)]
enum Stream<R> {
    Plain(R),
    Gzip(Box<Unzipped<R>>),
    /// Read to its end, or failed.
    Ended,
}

/// A window on the bytes of a capture.
#[derive(Debug)]
pub(crate) struct Source<R> {
    stream: Stream<R>,
    buffer: Vec<u8>,
    /// The part of `buffer` that was read and not taken.
    ahead: Range<usize>,
    /// Where `ahead` starts in the uncompressed file.
    position: u64,
    /// Bytes that are to be skipped before anything else is read.
    to_skip: u64,
    /// The gzip stream ended before its trailer.
    unzip_cut: bool,
}

impl<R: Read> Source<R> {
    /// Looks at the first two bytes.
    pub(crate) fn open(source: R) -> Result<Self, ReadError> {
        let mut plain = Self {
            stream: Stream::Plain(source),
            buffer: Vec::new(),
            ahead: 0..0,
            position: 0,
            to_skip: 0,
            unzip_cut: false,
        };
        if !plain.fill(2)? || !plain.ahead().starts_with(&GZIP_MAGIC) {
            return Ok(plain);
        }
        let seen = Cursor::new(plain.ahead().to_vec());
        let Stream::Plain(rest) = plain.stream else { return Ok(plain) };
        let unzipped = MultiGzDecoder::new(BufReader::new(seen.chain(rest)));
        Ok(Self { stream: Stream::Gzip(Box::new(unzipped)), ahead: 0..0, ..plain })
    }

    /// Sees to it that `wanted` bytes lie ahead; `false` when the source ends before. Memory grows with what comes
    /// in, not with `wanted`.
    pub(crate) fn fill(&mut self, wanted: usize) -> Result<bool, ReadError> {
        while self.ahead.len() < wanted {
            self.make_room();
            let end = self.ahead.end;
            let read = match &mut self.stream {
                Stream::Plain(source) => source.read(&mut self.buffer[end..]),
                Stream::Gzip(source) => source.read(&mut self.buffer[end..]),
                Stream::Ended => return Ok(false),
            };
            match read {
                Ok(0) => self.stream = Stream::Ended,
                Ok(len) => self.ahead.end += len,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                // More will come: what lies ahead stays, and the same can be asked again.
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Err(error.into()),
                Err(error) => self.fail(error)?,
            }
        }
        Ok(true)
    }

    /// Ends the stream; a gzip stream that is cut off is no error.
    fn fail(&mut self, error: io::Error) -> Result<(), ReadError> {
        let zipped = matches!(self.stream, Stream::Gzip(_));
        self.stream = Stream::Ended;
        match error.kind() {
            ErrorKind::UnexpectedEof if zipped => {
                self.unzip_cut = true;
                Ok(())
            }
            ErrorKind::InvalidData | ErrorKind::InvalidInput if zipped => Err(ReadError::format(
                self.position + self.ahead.len() as u64,
                format!(
                    "the gzip stream is damaged ({error}); fetch the file again, or repair it with gzrecover"
                ),
            )),
            _ => Err(error.into()),
        }
    }

    fn make_room(&mut self) {
        if self.ahead.end < self.buffer.len() {
            return;
        }
        if self.ahead.start > 0 {
            self.buffer.copy_within(self.ahead.clone(), 0);
            self.ahead = 0..self.ahead.len();
        }
        if self.ahead.end == self.buffer.len() {
            self.buffer.resize(self.buffer.len() + CHUNK, 0);
        }
    }

    /// The bytes that lie ahead.
    pub(crate) fn ahead(&self) -> &[u8] {
        &self.buffer[self.ahead.clone()]
    }

    /// Takes the next `len` bytes (at most what lies ahead) and tells where [`Self::bytes`] finds them until the
    /// next `fill`.
    pub(crate) fn take(&mut self, len: usize) -> Range<usize> {
        let len = len.min(self.ahead.len());
        let taken = self.ahead.start..self.ahead.start + len;
        self.ahead.start = taken.end;
        self.position += len as u64;
        taken
    }

    /// The next `len` bytes are to pass without being held: [`Self::skip`] lets them.
    pub(crate) fn begin_skip(&mut self, len: u64) {
        self.to_skip = len;
    }

    /// Lets what is to be skipped pass; `false` when the source ends before. If the source would block it is to be
    /// called again.
    pub(crate) fn skip(&mut self) -> Result<bool, ReadError> {
        while self.to_skip > 0 {
            if !self.fill(1)? {
                self.to_skip = 0;
                return Ok(false);
            }
            let step = self.to_skip.min(self.ahead.len() as u64);
            self.take(step as usize);
            self.to_skip -= step;
        }
        Ok(true)
    }

    /// What [`Self::take`] took.
    pub(crate) fn bytes(&self, taken: Range<usize>) -> &[u8] {
        self.buffer.get(taken).unwrap_or_default()
    }

    /// How many bytes were taken.
    pub(crate) fn position(&self) -> u64 {
        self.position
    }

    /// How many bytes there are up to where the source ended.
    pub(crate) fn end(&self) -> u64 {
        self.position + self.ahead.len() as u64
    }

    /// Whether the gzip stream ended before its trailer.
    pub(crate) fn unzip_cut(&self) -> bool {
        self.unzip_cut
    }
}
