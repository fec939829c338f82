//! The classic format: a header, then records (draft-ietf-opsawg-pcap).

use std::io::Read;

use packet::Timestamp;

use crate::ReadError;
use crate::field::Endian;
use crate::frame::{Frame, LONGEST_PACKET, Step, clamped};
use crate::link::LinkType;
use crate::source::Source;

const HEADER_LEN: usize = 24;

/// Reads the records of a classic capture.
#[derive(Debug)]
pub(crate) struct Pcap {
    layout: Layout,
    /// Before version 2.3 a record's two lengths stood the other way round, in 2.3 either way.
    minor: u16,
    link: LinkType,
}

/// What the magic number tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Layout {
    endian: Endian,
    /// Nanoseconds in a unit of a record's second time field.
    unit: u32,
    /// Bytes in a record's header: 16, or 24 in the "modified" format of old Linux distributions.
    record_header: usize,
}

impl Layout {
    /// What `magic` tells, if it begins a classic capture.
    pub(crate) fn of(magic: [u8; 4]) -> Option<Self> {
        let of = |endian, number| match number {
            0xa1b2_c3d4 => Some(Self { endian, unit: 1_000, record_header: 16 }),
            0xa1b2_3c4d => Some(Self { endian, unit: 1, record_header: 16 }),
            0xa1b2_cd34 => Some(Self { endian, unit: 1_000, record_header: 24 }),
            _ => None,
        };
        of(Endian::Little, u32::from_le_bytes(magic)).or_else(|| of(Endian::Big, u32::from_be_bytes(magic)))
    }
}

impl Pcap {
    /// Reads the file header.
    pub(crate) fn open<R: Read>(source: &mut Source<R>, layout: Layout) -> Result<Self, ReadError> {
        if !source.fill(HEADER_LEN)? {
            return Err(ReadError::format(
                source.end(),
                "the capture is cut off inside its header, before any packet; record or fetch it again",
            ));
        }
        let header = source.take(HEADER_LEN);
        let header = source.bytes(header);
        let (major, minor) = (layout.endian.u16(header, 4), layout.endian.u16(header, 6));
        if major != 2 || minor > 4 {
            return Err(ReadError::format(
                4,
                format!(
                    "this is pcap version {major}.{minor}; only versions up to 2.4 exist, so the header is damaged: record the capture again"
                ),
            ));
        }
        // The upper half tells of frame check sequences, which IP's own lengths make irrelevant.
        let number = layout.endian.u32(header, 20) as u16;
        let link = LinkType::from_number(number)
            .ok_or_else(|| ReadError::format(20, crate::link::refusal(number)))?;
        Ok(Self { layout, minor, link })
    }

    /// Reads the next record.
    pub(crate) fn step<R: Read>(&mut self, source: &mut Source<R>) -> Result<Step, ReadError> {
        let Layout { endian, unit, record_header } = self.layout;
        if !source.fill(record_header)? {
            let at_border = source.ahead().is_empty();
            return Ok(if at_border { Step::End } else { Step::Cut { in_packet: true } });
        }
        let header = source.ahead();
        let at = timestamp(endian.u32(header, 0), endian.u32(header, 4), unit);
        let (mut captured, original) = (endian.u32(header, 8), endian.u32(header, 12));
        if self.minor < 3 || (self.minor == 3 && captured > original) {
            captured = original;
        }
        let captured = captured as usize;
        if captured > LONGEST_PACKET {
            return Err(ReadError::format(
                source.position() + 8,
                format!(
                    "a packet of {captured} bytes is announced, and none is longer than {LONGEST_PACKET}: the file is damaged from here on"
                ),
            ));
        }
        if !source.fill(record_header + captured)? {
            return Ok(Step::Cut { in_packet: true });
        }
        source.take(record_header);
        let bytes = source.take(captured);
        Ok(Step::Frame(Frame { at, link: Some(self.link), bytes, direction: None, app: None }))
    }
}

fn timestamp(seconds: u32, fraction: u32, unit: u32) -> Timestamp {
    clamped(i128::from(seconds) * 1_000_000_000 + i128::from(fraction) * i128::from(unit))
}
