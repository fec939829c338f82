//! Writes recordings: pcapng in little-endian order, times in nanoseconds, raw IP, marks as journal entries.

use std::io::{self, Write};

use packet::{Direction, Input, Timestamp};

use crate::frame::LONGEST_PACKET;
use crate::mark;
use crate::options::{self, push, push_end};
use crate::pcapng::{OWN_INTERFACE, block};

/// The longest source that is remembered, in bytes.
const LONGEST_SOURCE: usize = 4_096;

/// Writes a recording: a capture that stock Wireshark, tshark and tcpdump open, and that reads back to the same
/// inputs.
#[derive(Debug)]
pub struct Writer<W> {
    sink: W,
    /// The block that is being put together: one write per block.
    block: Vec<u8>,
}

impl<W: Write> Writer<W> {
    /// Begins a recording of `source`, which the recording remembers (its first 4 KiB).
    ///
    /// # Errors
    /// Those of the sink.
    pub fn new(sink: W, source: &str) -> io::Result<Self> {
        let mut writer = Self { sink, block: Vec::new() };
        writer.section()?;
        writer.interface(source)?;
        Ok(writer)
    }

    /// Appends an input. Times before 1970 are written as 1970, packets longer than 256 KiB are cut there, and texts
    /// (names of apps, reasons) at 32 KiB.
    ///
    /// # Errors
    /// Those of the sink.
    pub fn write(&mut self, now: Timestamp, input: &Input<'_>) -> io::Result<()> {
        let now = now.max(Timestamp::default());
        match (input, mark::entry(now, input)) {
            (Input::Packet { direction, bytes }, _) => {
                self.write_beginning(now, *direction, bytes, bytes.len())
            }
            (_, Some(entry)) => {
                self.begin(block::JOURNAL);
                self.block.extend_from_slice(&entry);
                self.end()
            }
            (_, None) => Ok(()),
        }
    }

    /// Appends the first `kept` bytes of a packet, as a capture with a snap length has them.
    ///
    /// # Errors
    /// Those of the sink.
    pub fn write_beginning(
        &mut self,
        now: Timestamp,
        direction: Option<Direction>,
        bytes: &[u8],
        kept: usize,
    ) -> io::Result<()> {
        let captured = &bytes[..bytes.len().min(kept).min(LONGEST_PACKET)];
        let nanos = now.max(Timestamp::default()).as_nanos() as u64;
        let original = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        let numbers = [0, (nanos >> 32) as u32, nanos as u32, captured.len() as u32, original];
        self.begin(block::ENHANCED);
        let mut head = [0; 20];
        for (bytes, number) in head.as_chunks_mut().0.iter_mut().zip(numbers) {
            *bytes = number.to_le_bytes();
        }
        self.block.extend_from_slice(&head);
        self.block.extend_from_slice(captured);
        self.pad();
        if let Some(direction) = direction {
            self.block.extend_from_slice(&flags(direction));
        }
        self.end()
    }

    /// Hands everything to the sink.
    ///
    /// # Errors
    /// Those of the sink.
    pub fn flush(&mut self) -> io::Result<()> {
        self.sink.flush()
    }

    /// Hands everything to the sink and gives it back.
    ///
    /// # Errors
    /// Those of the sink.
    pub fn into_inner(mut self) -> io::Result<W> {
        self.sink.flush()?;
        Ok(self.sink)
    }

    fn section(&mut self) -> io::Result<()> {
        self.begin(block::SECTION);
        self.u32(0x1a2b_3c4d);
        self.u16(1);
        self.u16(0);
        // The section's length is not known yet.
        self.block.extend_from_slice(&[0xff; 8]);
        let application = concat!("Telltale ", env!("CARGO_PKG_VERSION"));
        push(&mut self.block, options::SHB_USERAPPL, application.as_bytes());
        push_end(&mut self.block);
        self.end()
    }

    fn interface(&mut self, source: &str) -> io::Result<()> {
        const RAW_IP: u16 = 101;
        const NANOSECONDS: u8 = 9;
        self.begin(block::INTERFACE);
        self.u16(RAW_IP);
        self.u16(0);
        self.u32(LONGEST_PACKET as u32);
        push(&mut self.block, options::IF_NAME, OWN_INTERFACE.as_bytes());
        let source = &source[..source.floor_char_boundary(LONGEST_SOURCE)];
        push(&mut self.block, options::IF_DESCRIPTION, source.as_bytes());
        push(&mut self.block, options::IF_TSRESOL, &[NANOSECONDS]);
        push_end(&mut self.block);
        self.end()
    }

    /// Begins a block; its length is filled in at its end.
    fn begin(&mut self, kind: u32) {
        self.block.clear();
        self.u32(kind);
        self.u32(0);
    }

    fn end(&mut self) -> io::Result<()> {
        self.pad();
        let len = (self.block.len() + 4) as u32;
        self.block[4..8].copy_from_slice(&len.to_le_bytes());
        self.u32(len);
        self.sink.write_all(&self.block)
    }

    fn pad(&mut self) {
        self.block.resize(self.block.len().next_multiple_of(4), 0);
    }

    fn u16(&mut self, number: u16) {
        self.block.extend_from_slice(&number.to_le_bytes());
    }

    fn u32(&mut self, number: u32) {
        self.block.extend_from_slice(&number.to_le_bytes());
    }
}

/// The option that tells a packet's direction, and the end of a block's options: each is a code, a length and as many
/// bytes.
const fn flags(direction: Direction) -> [u8; 12] {
    let [low, high] = options::EPB_FLAGS.to_le_bytes();
    let way = match direction {
        Direction::Inbound => 1,
        Direction::Outbound => 2,
    };
    [low, high, 4, 0, way, 0, 0, 0, 0, 0, 0, 0]
}
