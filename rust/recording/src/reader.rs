//! Reads captures: the format, the link layer, the direction and the app of each packet put together.

use std::io::Read;
use std::ops::Range;

use packet::{App, Direction, FlowKey, Input, Packet, Segment, Timestamp};

use crate::direction::Clues;
use crate::frame::{Frame, Step, user};
use crate::link::{self, LinkType};
use crate::mark::Mark;
use crate::pcap::{Layout, Pcap};
use crate::pcapdroid::{Told, Trailer};
use crate::pcapng::{self, Pcapng};
use crate::sniff;
use crate::source::Source;
use crate::{Phone, ReadError};

/// A frame of an interface whose link type is not read, in a capture with others that are.
const LINK_TYPE: &str = "link_type";

/// Reads a capture, one input at a time, in constant memory.
#[derive(Debug)]
pub struct Reader<R> {
    source: Source<R>,
    format: Format,
    phone: Option<Phone>,
    phone_seen: bool,
    told: Told,
    /// An owner to be told after the packet that brought it, and the mark that was read last.
    pending: Option<(Timestamp, FlowKey, App)>,
    current: Current,
    packets: u64,
    truncated: Option<String>,
    done: bool,
}

#[derive(Debug)]
enum Format {
    Pcap(Pcap),
    Pcapng(Pcapng),
}

/// What the input handed out last borrows from.
#[derive(Debug)]
enum Current {
    None,
    Mark(Mark),
    App(App),
}

/// A frame that was looked into.
enum Looked {
    Packet(Range<usize>, Option<Direction>),
    Skipped(&'static str, usize),
}

impl<R: Read> Reader<R> {
    /// Looks at the first bytes: pcap (µs, ns, both endians), pcapng, or either of them gzipped. Asks the source for no
    /// more than it has, so that a capture that still grows is read as it grows.
    ///
    /// # Errors
    /// See [`ReadError`]. An empty file is an error.
    pub fn open(source: R, phone: Option<Phone>) -> Result<Self, ReadError> {
        let mut source = Source::open(source)?;
        source.fill(4)?;
        let format = match source.ahead().first_chunk() {
            Some(magic) if *magic == pcapng::block::SECTION.to_be_bytes() => {
                Format::Pcapng(Pcapng::open(&mut source)?)
            }
            magic => match magic.and_then(|magic| Layout::of(*magic)) {
                Some(layout) => Format::Pcap(Pcap::open(&mut source, layout)?),
                None => return Err(ReadError::format(0, sniff::describe(source.ahead()))),
            },
        };
        Ok(Self {
            source,
            format,
            phone,
            phone_seen: false,
            told: Told::default(),
            pending: None,
            current: Current::None,
            packets: 0,
            truncated: None,
            done: false,
        })
    }

    /// The next input and its time; `None` at the end. A file that is cut off mid-packet ends there without an error:
    /// see [`Self::truncated`].
    ///
    /// # Errors
    /// See [`ReadError`]. What was read before stays good; after an error comes `None`, unless the source would only
    /// block ([`std::io::ErrorKind::WouldBlock`]): then it can be asked again.
    pub fn next_input(&mut self) -> Result<Option<(Timestamp, Input<'_>)>, ReadError> {
        if let Some((at, flow, app)) = self.pending.take() {
            self.current = Current::App(app);
            return Ok(self.current_app().map(|app| (at, Input::Owner { flow, app })));
        }
        match self.next_step() {
            Ok(Step::Frame(frame)) => {
                let at = frame.at;
                let input = match self.look(&frame) {
                    Looked::Skipped(reason, len) => Input::Skipped { reason, len },
                    Looked::Packet(range, direction) => {
                        Input::Packet { direction, bytes: self.source.bytes(range) }
                    }
                };
                Ok(Some((at, input)))
            }
            Ok(Step::Keys(at, range)) => Ok(Some((at, Input::Keys(self.source.bytes(range))))),
            Ok(Step::Mark(mark)) => {
                let at = mark.at;
                self.current = Current::Mark(mark);
                Ok(self.current_mark().map(|mark| (at, mark.kind.as_input())))
            }
            Ok(_) => {
                self.done = true;
                Ok(None)
            }
            Err(error) => {
                self.done = !would_block(&error);
                Err(error)
            }
        }
    }

    /// Whether any packet read so far is from or to the phone that [`Self::open`] was given; `true` when it was given
    /// none.
    pub fn saw_phone(&self) -> bool {
        self.phone.is_none() || self.phone_seen
    }

    /// Where and how the file was cut off, in plain words; known once [`Self::next_input`] gave `None`.
    pub fn truncated(&self) -> Option<&str> {
        self.truncated.as_deref()
    }

    /// What a recording of Telltale's own remembers of its source; known from the start.
    pub fn recorded_source(&self) -> Option<&str> {
        match &self.format {
            Format::Pcap(_) => None,
            Format::Pcapng(pcapng) => pcapng.recorded_source(),
        }
    }

    /// How many bytes were read so far, uncompressed.
    pub fn position(&self) -> u64 {
        self.source.position()
    }

    /// The next frame or mark, or the end.
    fn next_step(&mut self) -> Result<Step, ReadError> {
        while !self.done {
            let step = match &mut self.format {
                Format::Pcap(pcap) => pcap.step(&mut self.source)?,
                Format::Pcapng(pcapng) => pcapng.step(&mut self.source)?,
            };
            match step {
                Step::Other => {}
                Step::Cut { in_packet } => {
                    self.note_cut(in_packet);
                    return Ok(Step::End);
                }
                Step::End if self.source.unzip_cut() => {
                    self.note_cut(false);
                    return Ok(Step::End);
                }
                step => return Ok(step),
            }
        }
        Ok(Step::End)
    }

    fn note_cut(&mut self, in_packet: bool) {
        let place = match (in_packet, self.packets) {
            (true, before) => format!("inside packet {}", before + 1),
            (false, 0) => "before the first packet".to_owned(),
            (false, last) => format!("after packet {last}"),
        };
        let unzipped = if self.source.unzip_cut() { " (unzipped)" } else { "" };
        self.truncated = Some(format!("cut off at byte {}{unzipped}, {place}", self.source.end()));
    }

    /// Finds the packet in a frame, its direction and its app.
    fn look(&mut self, frame: &Frame) -> Looked {
        self.packets += 1;
        let bytes = self.source.bytes(frame.bytes.clone());
        let Some(link) = frame.link else { return Looked::Skipped(LINK_TYPE, bytes.len()) };
        let opened = match link::open(link, bytes) {
            Ok(opened) => opened,
            Err(reason) => return Looked::Skipped(reason, bytes.len()),
        };
        let trailer = (link == LinkType::Ethernet).then(|| Trailer::parse(bytes)).flatten();
        let end = trailer.as_ref().map_or(bytes.len(), |trailer| trailer.start);
        let bytes = bytes.get(opened.start..end).unwrap_or_default();
        let clues = Clues {
            phone: self.phone,
            recorded: frame.direction,
            opened,
            on_the_phone: trailer.is_some() || frame.app.is_some(),
        };
        let direction = clues.direction(bytes);
        self.phone_seen = self.phone_seen || (self.phone.is_some() && clues.is_of_phone(bytes));
        let app = trailer
            .and_then(|trailer| trailer.app)
            .or_else(|| frame.app.clone())
            .or_else(|| opened.uid.map(user));
        if let (Some(app), Ok(packet)) = (app, Packet::parse(bytes)) {
            let opens = matches!(packet.segment, Segment::Tcp(tcp) if tcp.flags.syn && !tcp.flags.ack);
            self.pending = packet
                .flow_key(direction.unwrap_or(Direction::Outbound))
                .and_then(|flow| self.told.news(frame.at, flow, opens, &app))
                .map(|flow| (frame.at, flow, app));
        }
        let start = frame.bytes.start + opened.start;
        Looked::Packet(start..start + bytes.len(), direction)
    }

    fn current_app(&self) -> Option<&App> {
        match &self.current {
            Current::App(app) => Some(app),
            _ => None,
        }
    }

    fn current_mark(&self) -> Option<&Mark> {
        match &self.current {
            Current::Mark(mark) => Some(mark),
            _ => None,
        }
    }
}

fn would_block(error: &ReadError) -> bool {
    matches!(error, ReadError::Io(error) if error.kind() == std::io::ErrorKind::WouldBlock)
}
