//! The block format (draft-ietf-opsawg-pcapng): sections, interfaces, packets, and marks in journal blocks.

use std::io::Read;

use packet::{Direction, Timestamp};

use crate::ReadError;
use crate::field::Endian;
use crate::frame::{Frame, LONGEST_PACKET, Step, clamped};
use crate::link::{self, LinkType};
use crate::mark::Mark;
use crate::options::{self, Options};
use crate::pcapdroid::AppNames;
use crate::source::Source;

/// The block types that are read or written; all others are skipped (section 11.1 of the draft).
pub(crate) mod block {
    pub(crate) const SECTION: u32 = 0x0a0d_0d0a;
    pub(crate) const INTERFACE: u32 = 1;
    pub(crate) const PACKET: u32 = 2;
    pub(crate) const SIMPLE: u32 = 3;
    pub(crate) const ENHANCED: u32 = 6;
    pub(crate) const JOURNAL: u32 = 9;
    pub(crate) const SECRETS: u32 = 10;
    pub(crate) const CUSTOM: u32 = 0x0bad;
}

/// The name by which our own interface description is known again.
pub(crate) const OWN_INTERFACE: &str = "telltale";

/// The longest block that is held: the longest packet and as many bytes of options.
const LONGEST_BLOCK: u32 = 2 * LONGEST_PACKET as u32;

/// The longest block of secrets that is looked into: those of some ten thousand connections.
const LONGEST_SECRETS: u32 = 16 << 20;

/// The longest custom block that is looked into.
const LONGEST_CUSTOM: u32 = 4_096;

const MOST_INTERFACES: usize = 65_536;

/// Reads the blocks of a capture.
#[derive(Debug)]
pub(crate) struct Pcapng {
    endian: Endian,
    interfaces: Vec<Interface>,
    /// Of the last packet, for simple packets, which have none of their own.
    last: Timestamp,
    apps: AppNames,
    recorded_source: Option<String>,
    /// A block that is being let pass.
    skipped: Option<Block>,
}

#[derive(Debug)]
struct Interface {
    number: u16,
    link: Option<LinkType>,
    snaplen: u32,
    clock: Clock,
}

/// How an interface counts time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Clock {
    /// `if_tsresol`: a power of ten, or of two when the top bit is set.
    resolution: u8,
    /// `if_tsoffset`, in seconds.
    offset: i64,
}

impl Clock {
    fn at(self, units: u64) -> Timestamp {
        const SECOND: u128 = 1_000_000_000;
        let exponent = u32::from(self.resolution & 0x7f);
        let units = u128::from(units);
        let nanos = match (self.resolution & 0x80 != 0, exponent) {
            (true, _) => (units * SECOND) >> exponent,
            (false, 0..=9) => units * 10u128.pow(9 - exponent),
            (false, _) => 10u128.checked_pow(exponent - 9).map_or(0, |scale| units / scale),
        };
        clamped(nanos as i128 + i128::from(self.offset) * SECOND as i128)
    }
}

/// A block as it lies ahead.
#[derive(Debug, Clone, Copy)]
struct Block {
    kind: u32,
    len: u32,
    start: u64,
}

impl Pcapng {
    /// Reads the first section header, and the interface description behind it when it is there already, so that a
    /// recording's source is known from the start.
    pub(crate) fn open<R: Read>(source: &mut Source<R>) -> Result<Self, ReadError> {
        let mut pcapng = Self {
            endian: Endian::Little,
            interfaces: Vec::new(),
            last: Timestamp::default(),
            apps: AppNames::default(),
            recorded_source: None,
            skipped: None,
        };
        match pcapng.step(source)? {
            Step::Other => {}
            _ => {
                return Err(ReadError::format(
                    source.end(),
                    "the capture is cut off inside its header, before any packet; record or fetch it again",
                ));
            }
        }
        if pcapng.interface_is_here(source) {
            pcapng.step(source)?;
        }
        Ok(pcapng)
    }

    /// Whether an interface description lies ahead as a whole, without asking for more.
    fn interface_is_here<R: Read>(&self, source: &Source<R>) -> bool {
        let ahead = source.ahead();
        self.endian.u32(ahead, 0) == block::INTERFACE && self.endian.u32(ahead, 4) as usize <= ahead.len()
    }

    /// What a recording remembers of its source.
    pub(crate) fn recorded_source(&self) -> Option<&str> {
        self.recorded_source.as_deref()
    }

    /// Reads the next block.
    pub(crate) fn step<R: Read>(&mut self, source: &mut Source<R>) -> Result<Step, ReadError> {
        if let Some(block) = self.skipped {
            return self.skip(source, block);
        }
        if !source.fill(8)? {
            let at_border = source.ahead().is_empty();
            return Ok(if at_border { Step::End } else { Step::Cut { in_packet: false } });
        }
        if source.ahead().starts_with(&block::SECTION.to_be_bytes()) && !self.begin_section(source)? {
            return Ok(Step::Cut { in_packet: false });
        }
        let header = source.ahead();
        let block = Block {
            kind: self.endian.u32(header, 0),
            len: self.endian.u32(header, 4),
            start: source.position(),
        };
        if block.len < 12 || !block.len.is_multiple_of(4) {
            return Err(corrupt(
                block.start + 4,
                &format!("a block of {} bytes, which no block can have", block.len),
            ));
        }
        match block.kind {
            block::SECTION
            | block::INTERFACE
            | block::PACKET
            | block::SIMPLE
            | block::ENHANCED
            | block::JOURNAL => self.held(source, &block),
            block::SECRETS if block.len <= LONGEST_SECRETS => self.held(source, &block),
            block::CUSTOM if block.len <= LONGEST_CUSTOM => self.held(source, &block),
            _ => {
                source.begin_skip(u64::from(block.len) - 4);
                self.skip(source, block)
            }
        }
    }

    /// Looks at a section header's byte-order magic; `false` when the source ends before it.
    fn begin_section<R: Read>(&mut self, source: &mut Source<R>) -> Result<bool, ReadError> {
        if !source.fill(12)? {
            return Ok(false);
        }
        self.endian = match source.ahead()[8..12] {
            [0x4d, 0x3c, 0x2b, 0x1a] => Endian::Little,
            [0x1a, 0x2b, 0x3c, 0x4d] => Endian::Big,
            _ => {
                return Err(corrupt(source.position() + 8, "a section whose byte order cannot be told"));
            }
        };
        Ok(true)
    }

    /// Reads a block that is needed as a whole.
    fn held<R: Read>(&mut self, source: &mut Source<R>, block: &Block) -> Result<Step, ReadError> {
        let in_packet = matches!(block.kind, block::PACKET | block::SIMPLE | block::ENHANCED);
        if block.len > LONGEST_BLOCK && block.kind != block::SECRETS {
            return Err(corrupt(
                block.start + 4,
                &format!(
                    "a block of {} bytes, and none of its kind is longer than {LONGEST_BLOCK}",
                    block.len
                ),
            ));
        }
        let len = block.len as usize;
        if !source.fill(len)? {
            return Ok(Step::Cut { in_packet });
        }
        self.check_trailer(block, self.endian.u32(source.ahead(), len - 4))?;
        let taken = source.take(len);
        let body = taken.start + 8..taken.end - 4;
        let bytes = source.bytes(body.clone());
        let start = block.start + 8;
        match block.kind {
            block::SECTION => self.section(start, bytes),
            block::INTERFACE => self.interface(start, bytes),
            block::ENHANCED => self.enhanced(start, bytes, body.start),
            block::PACKET => self.packet(start, bytes, body.start),
            block::SIMPLE => self.simple(start, bytes, body.start),
            block::SECRETS => Ok(self.secrets(bytes, body.start)),
            block::CUSTOM => {
                self.apps.learn(self.endian, bytes);
                Ok(Step::Other)
            }
            _ => Ok(Mark::parse(bytes).map_or(Step::Other, Step::Mark)),
        }
    }

    /// Lets a block pass that is not needed.
    fn skip<R: Read>(&mut self, source: &mut Source<R>, block: Block) -> Result<Step, ReadError> {
        self.skipped = Some(block);
        if !source.skip()? || !source.fill(4)? {
            return Ok(Step::Cut { in_packet: false });
        }
        self.skipped = None;
        self.check_trailer(&block, self.endian.u32(source.ahead(), 0))?;
        source.take(4);
        Ok(Step::Other)
    }

    fn check_trailer(&self, block: &Block, trailer: u32) -> Result<(), ReadError> {
        if trailer == block.len {
            return Ok(());
        }
        Err(corrupt(
            block.start + u64::from(block.len) - 4,
            &format!("a block that begins with {} bytes and ends with {trailer}", block.len),
        ))
    }

    fn section(&mut self, start: u64, body: &[u8]) -> Result<Step, ReadError> {
        if body.len() < 16 {
            return Err(corrupt(start, "a section header that is too short"));
        }
        let (major, minor) = (self.endian.u16(body, 4), self.endian.u16(body, 6));
        if major != 1 || !matches!(minor, 0 | 2) {
            return Err(ReadError::format(
                start + 4,
                format!(
                    "this is pcapng version {major}.{minor}; only 1.0 and 1.2 exist, so the header is damaged or newer than this program: convert the file with `editcap -F pcapng`"
                ),
            ));
        }
        self.options(start, body, 16)?;
        self.interfaces.clear();
        Ok(Step::Other)
    }

    fn interface(&mut self, start: u64, body: &[u8]) -> Result<Step, ReadError> {
        if body.len() < 8 {
            return Err(corrupt(start, "an interface description that is too short"));
        }
        if self.interfaces.len() == MOST_INTERFACES {
            return Err(corrupt(start, &format!("more than {MOST_INTERFACES} interfaces")));
        }
        let found = self.options(start, body, 8)?;
        let number = self.endian.u16(body, 0);
        self.interfaces.push(Interface {
            number,
            link: LinkType::from_number(number),
            snaplen: self.endian.u32(body, 4),
            clock: Clock {
                resolution: found.byte(options::IF_TSRESOL).unwrap_or(6),
                offset: found.u64(options::IF_TSOFFSET).unwrap_or(0) as i64,
            },
        });
        if self.recorded_source.is_none() && found.text(options::IF_NAME) == Some(OWN_INTERFACE) {
            self.recorded_source = found.text(options::IF_DESCRIPTION).map(str::to_owned);
        }
        Ok(Step::Other)
    }

    /// The options of a header block, where a broken one means that nothing after it can be trusted.
    fn options<'a>(&self, start: u64, body: &'a [u8], at: usize) -> Result<Options<'a>, ReadError> {
        let found = Options::new(self.endian, body.get(at..).unwrap_or_default());
        if found.is_broken() {
            return Err(corrupt(start + at as u64, "an option that runs past the end of its block"));
        }
        Ok(found)
    }

    fn enhanced(&mut self, start: u64, body: &[u8], at: usize) -> Result<Step, ReadError> {
        let id = self.endian.u32(body, 0);
        self.timed(start, body, at, id as usize)
    }

    fn packet(&mut self, start: u64, body: &[u8], at: usize) -> Result<Step, ReadError> {
        let id = self.endian.u16(body, 0);
        self.timed(start, body, at, usize::from(id))
    }

    /// An enhanced packet, or the obsolete packet block, which differs in the first four bytes alone.
    fn timed(&mut self, start: u64, body: &[u8], at: usize, id: usize) -> Result<Step, ReadError> {
        const HEADER: usize = 20;
        if body.len() < HEADER {
            return Err(corrupt(start, "a packet block that is too short"));
        }
        let captured = self.endian.u32(body, 12) as usize;
        if captured > LONGEST_PACKET || captured > body.len() - HEADER {
            return Err(corrupt(
                start + 12,
                &format!("a packet of {captured} bytes in a block that holds {}", body.len() - HEADER),
            ));
        }
        let units = u64::from(self.endian.u32(body, 4)) << 32 | u64::from(self.endian.u32(body, 8));
        let link = self.link(start, id)?;
        self.last = self.interfaces.get(id).map_or(self.last, |interface| interface.clock.at(units));
        let after = HEADER + captured.next_multiple_of(4);
        let found = Options::new(self.endian, body.get(after..).unwrap_or_default());
        let direction = match found.u32(options::EPB_FLAGS).map(|flags| flags & 3) {
            Some(1) => Some(Direction::Inbound),
            Some(2) => Some(Direction::Outbound),
            _ => None,
        };
        let app = found.text(options::COMMENT).and_then(|comment| self.apps.of_comment(comment));
        let bytes = at + HEADER..at + HEADER + captured;
        Ok(Step::Frame(Frame { at: self.last, link, bytes, direction, app }))
    }

    /// A simple packet: of the first interface, at a time unknown, its captured length to be worked out.
    fn simple(&mut self, start: u64, body: &[u8], at: usize) -> Result<Step, ReadError> {
        const HEADER: usize = 4;
        if body.len() < HEADER {
            return Err(corrupt(start, "a packet block that is too short"));
        }
        let link = self.link(start, 0)?;
        let original = self.endian.u32(body, 0);
        let snaplen = match self.interfaces.first().map_or(0, |interface| interface.snaplen) {
            0 => u32::MAX,
            snaplen => snaplen,
        };
        let captured = (original.min(snaplen) as usize).min(body.len() - HEADER).min(LONGEST_PACKET);
        let bytes = at + HEADER..at + HEADER + captured;
        Ok(Step::Frame(Frame { at: self.last, link, bytes, direction: None, app: None }))
    }

    /// Secrets that decrypt what the capture holds (section 4.7 of the draft); those of TLS and QUIC are of one kind.
    fn secrets(&self, body: &[u8], at: usize) -> Step {
        const HEADER: usize = 8;
        const TLS_KEY_LOG: u32 = 0x544c_534b;
        if body.len() < HEADER || self.endian.u32(body, 0) != TLS_KEY_LOG {
            return Step::Other;
        }
        let len = (self.endian.u32(body, 4) as usize).min(body.len() - HEADER);
        Step::Keys(self.last, at + HEADER..at + HEADER + len)
    }

    /// The link type of interface `id`. One that cannot be read is no error as long as there is another that can.
    fn link(&self, start: u64, id: usize) -> Result<Option<LinkType>, ReadError> {
        let Some(interface) = self.interfaces.get(id) else {
            return Err(corrupt(
                start,
                &format!("a packet of interface {id}, and {} are described", self.interfaces.len()),
            ));
        };
        if interface.link.is_none() && self.interfaces.iter().all(|other| other.link.is_none()) {
            return Err(ReadError::format(start, link::refusal(interface.number)));
        }
        Ok(interface.link)
    }
}

fn corrupt(offset: u64, what: &str) -> ReadError {
    ReadError::format(offset, format!("there is {what}: the file is damaged from here on"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_is_counted_in_powers_of_ten_and_of_two() {
        let at = |resolution, offset, units| Clock { resolution, offset }.at(units).as_nanos();
        assert_eq!(at(6, 0, 1_500_000), 1_500_000_000);
        assert_eq!(at(9, 0, 7), 7);
        assert_eq!(at(0, 0, 3), 3_000_000_000);
        assert_eq!(at(12, 0, 5_000), 5);
        assert_eq!(at(0x80 | 10, 0, 1_536), 1_500_000_000);
        assert_eq!(at(6, -2, 1_000_000), -1_000_000_000);
    }

    #[test]
    fn time_is_clamped_to_what_a_timestamp_holds() {
        let at = |resolution, offset, units| Clock { resolution, offset }.at(units).as_nanos();
        assert_eq!(at(0, i64::MAX, u64::MAX), i64::MAX);
        assert_eq!(at(0, i64::MIN, 0), i64::MIN);
        assert_eq!(at(0xff, 0, u64::MAX), 0);
        assert_eq!(at(0x7f, 0, u64::MAX), 0);
    }
}
