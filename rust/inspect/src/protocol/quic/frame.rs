//! Frames of encrypted packets (RFC 9000 section 19, RFC 9221).

use super::super::reader::Reader;
use super::skip_ack;

/// A frame, as far as it matters here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Frame<'a> {
    /// A piece of a stream.
    Stream { id: u64, offset: u64, bytes: &'a [u8], last: bool },
    /// What manages the connection, or stands outside of streams.
    Other,
}

/// The frames of a packet's content, up to one that cannot be read.
pub(super) fn frames(content: &[u8]) -> impl Iterator<Item = Frame<'_>> {
    let mut reader = Reader(content);
    std::iter::from_fn(move || if reader.is_empty() { None } else { frame(&mut reader) })
}

fn frame<'a>(reader: &mut Reader<'a>) -> Option<Frame<'a>> {
    let kind = reader.varint()?;
    match kind {
        // PADDING, PING, HANDSHAKE_DONE
        0x00 | 0x01 | 0x1e => {}
        0x02 | 0x03 => skip_ack(reader, kind == 3)?,
        // CRYPTO: session tickets
        0x06 => {
            reader.varint()?;
            counted(reader)?;
        }
        // NEW_TOKEN
        0x07 => drop(counted(reader)?),
        0x08..=0x0f => return stream(reader, kind),
        // NEW_CONNECTION_ID: its id has one byte of length, then comes a token
        0x18 => {
            skip_varints(reader, 2)?;
            reader.vec8()?;
            reader.take(16)?;
        }
        // PATH_CHALLENGE, PATH_RESPONSE
        0x1a | 0x1b => drop(reader.take(8)?),
        // CONNECTION_CLOSE
        0x1c | 0x1d => {
            skip_varints(reader, if kind == 0x1c { 2 } else { 1 })?;
            counted(reader)?;
        }
        // DATAGRAM
        0x30 => drop(reader.take(reader.0.len())?),
        0x31 => drop(counted(reader)?),
        // RESET_STREAM
        0x04 => skip_varints(reader, 3)?,
        // STOP_SENDING, MAX_STREAM_DATA, STREAM_DATA_BLOCKED
        0x05 | 0x11 | 0x15 => skip_varints(reader, 2)?,
        // MAX_DATA, MAX_STREAMS, DATA_BLOCKED, STREAMS_BLOCKED, RETIRE_CONNECTION_ID
        0x10 | 0x12..=0x14 | 0x16 | 0x17 | 0x19 => skip_varints(reader, 1)?,
        _ => return None,
    }
    Some(Frame::Other)
}

fn stream<'a>(reader: &mut Reader<'a>, kind: u64) -> Option<Frame<'a>> {
    let id = reader.varint()?;
    let offset = if kind & 4 == 0 { 0 } else { reader.varint()? };
    let bytes = if kind & 2 == 0 { reader.take(reader.0.len())? } else { counted(reader)? };
    Some(Frame::Stream { id, offset, bytes, last: kind & 1 != 0 })
}

fn counted<'a>(reader: &mut Reader<'a>) -> Option<&'a [u8]> {
    let len = usize::try_from(reader.varint()?).ok()?;
    reader.take(len)
}

fn skip_varints(reader: &mut Reader<'_>, count: usize) -> Option<()> {
    (0..count).try_for_each(|_| reader.varint().map(drop))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_is_passed_over_to_the_stream_behind_it() {
        let kinds: [&[u8]; 17] = [
            &[0x00],
            &[0x02, 9, 0, 1, 0, 1, 1],
            &[0x04, 1, 2, 3],
            &[0x05, 1, 2],
            &[0x06, 0, 2, 9, 9],
            &[0x07, 1, 9],
            &[0x10, 1],
            &[0x11, 1, 2],
            &[0x13, 1],
            &[0x15, 1, 2],
            &[0x18, 1, 0, 2, 9, 9, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
            &[0x19, 1],
            &[0x1a, 0, 0, 0, 0, 0, 0, 0, 0],
            &[0x1c, 1, 2, 1, 9],
            &[0x1d, 1, 1, 9],
            &[0x1e],
            &[0x31, 2, 7, 8],
        ];
        for kind in kinds {
            let content = [kind, &[0x0f, 4, 5, 2, b'o', b'k', 0x08, 4, b'x']].concat();
            let found: Vec<_> = frames(&content).collect();
            let first = Frame::Stream { id: 4, offset: 5, bytes: b"ok", last: true };
            let second = Frame::Stream { id: 4, offset: 0, bytes: b"x", last: false };
            assert_eq!(found, [Frame::Other, first, second], "{kind:x?}");
        }
        assert_eq!(frames(&[0x21, 0x08, 4]).count(), 0);
        assert_eq!(frames(&[0x30, 2, 7, 8]).collect::<Vec<_>>(), [Frame::Other]);
    }

    #[test]
    fn a_length_beyond_the_end_ends_it() {
        assert_eq!(frames(&[0x0a, 4, 9, b'x']).count(), 0);
        assert_eq!(frames(&[0x06, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]).count(), 0);
    }
}
