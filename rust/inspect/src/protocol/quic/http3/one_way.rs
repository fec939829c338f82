//! Streams on which one end sends (RFC 9114 section 6.2): settings, and the table that field sections are read with.

use packet::Direction;

use super::super::super::reader::Reader;
use super::Fields;

/// Types of streams (RFC 9114 section 6.2.1, RFC 9204 section 4.2).
const CONTROL: u64 = 0;
const ENCODER: u64 = 2;
/// The frame that every control stream begins with (RFC 9114 section 7.2.4).
const SETTINGS: u64 = 4;
/// Bytes of settings that are read: a dozen are known, of 16 bytes at most each.
const MOST_SETTINGS: usize = 1024;
/// RFC 9204 section 5.
const QPACK_MAX_TABLE_CAPACITY: u64 = 1;

/// One such stream.
#[derive(Debug, Clone)]
pub(in super::super) struct OneWay {
    /// Who sends on it.
    direction: Direction,
    says: Says,
}

#[derive(Debug, Clone)]
enum Says {
    /// Its type did not come yet.
    Nothing(Vec<u8>),
    /// Its settings, as far as they came.
    Control(Vec<u8>),
    /// What enters the table.
    Encoder,
    /// What matters to nobody else: acknowledgments, pushes, extensions.
    Other,
}

impl OneWay {
    pub(in super::super) const fn new(direction: Direction) -> Self {
        Self { direction, says: Says::Nothing(Vec::new()) }
    }

    /// Takes what comes next, where it stands at `at`. Returns whether it may help to read field sections.
    pub(in super::super) fn handle(
        &mut self,
        direction: Direction,
        bytes: &[u8],
        at: u64,
        fields: &mut Fields,
    ) -> bool {
        if direction != self.direction {
            return false;
        }
        match &mut self.says {
            Says::Nothing(head) => {
                let Some((&first, rest)) = bytes.split_first() else { return false };
                head.push(first);
                if let Some(kind) = Reader(head).varint() {
                    self.says = match kind {
                        CONTROL => Says::Control(Vec::new()),
                        ENCODER if fields.begin_encoder(direction) => Says::Encoder,
                        _ => Says::Other,
                    };
                }
                self.handle(direction, rest, at + 1, fields)
            }
            Says::Control(begin) => {
                begin.extend_from_slice(&bytes[..bytes.len().min(MOST_SETTINGS - begin.len())]);
                let Some(capacity) = max_table_capacity(begin) else { return false };
                fields.decoder(direction.reversed()).announce(capacity);
                self.says = Says::Other;
                true
            }
            Says::Encoder => {
                fields.decoder(direction).handle(bytes, at);
                true
            }
            Says::Other => false,
        }
    }

    /// How many bytes there are up to the last of those that wait behind a hole.
    pub(in super::super) fn set_ahead(&self, direction: Direction, bytes: u64, fields: &mut Fields) {
        if direction == self.direction && matches!(self.says, Says::Encoder) {
            fields.decoder(direction).set_ahead(bytes);
        }
    }
}

/// How large a table the sender of these settings allows; 0 unless they say it. `None`: their end did not come.
fn max_table_capacity(control: &[u8]) -> Option<usize> {
    let mut frame = Reader(control);
    if frame.varint()? != SETTINGS {
        return None;
    }
    let len = usize::try_from(frame.varint()?).ok()?;
    let mut settings = Reader(frame.take(len)?);
    while let (Some(id), Some(value)) = (settings.varint(), settings.varint()) {
        if id == QPACK_MAX_TABLE_CAPACITY {
            return usize::try_from(value).ok();
        }
    }
    Some(0)
}
