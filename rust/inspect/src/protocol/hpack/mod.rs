//! HPACK (RFC 7541): the header blocks of HTTP/2.
//!
//! An own decoder, because a value's place in the stream must be known: that of the literal it was first sent as, even
//! when the table repeats it later.

mod fixed;
mod huffman;
mod table;

use std::ops::Range;
use std::sync::Arc;

pub use huffman::decode as undo_huffman;
pub(super) use table::{ENTRY_OVERHEAD, MAX_TABLE, Table};

/// More fields than any message has.
pub(super) const MAX_FIELDS: usize = 1000;
/// Bytes that the fields of a block may come to: a block can name a long entry of the table a thousand times.
pub(super) const MAX_LIST: usize = 256 << 10;
/// The table's size before it is changed.
const DEFAULT_TABLE: usize = 4096;

/// A header block as its frames bring it.
#[derive(Debug, Clone, Default)]
pub(super) struct Block {
    bytes: Vec<u8>,
    /// Where in `bytes` each fragment begins, and where it stands in the stream.
    fragments: Vec<(usize, u64)>,
}

impl Block {
    /// Adds a fragment that stands at `at` in the stream.
    pub(super) fn add(&mut self, bytes: &[u8], at: u64) {
        if bytes.is_empty() {
            return;
        }
        let follows =
            self.fragments.last().is_some_and(|last| last.1 + (self.bytes.len() - last.0) as u64 == at);
        if !follows {
            self.fragments.push((self.bytes.len(), at));
        }
        self.bytes.extend_from_slice(bytes);
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Where the first byte stands in the stream.
    pub(super) fn at(&self) -> u64 {
        self.fragments.first().map_or(0, |fragment| fragment.1)
    }

    /// Where a part of it stands in the stream; longer than the part, if a frame's header stands inside.
    fn place(&self, part: Range<usize>) -> Range<u64> {
        let start = self.offset(part.start);
        start..self.offset(part.end.saturating_sub(1).max(part.start)) + u64::from(!part.is_empty())
    }

    fn offset(&self, at: usize) -> u64 {
        let known = self.fragments.partition_point(|fragment| fragment.0 <= at);
        let fragment = self.fragments.get(known.saturating_sub(1)).copied().unwrap_or_default();
        fragment.1 + (at - fragment.0) as u64
    }
}

/// A header field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Field {
    /// Empty when it stands in a part of the table that was not seen. Shared with the table, so that it costs little to name
    /// a long entry again and again.
    pub(super) name: Arc<str>,
    /// Bytes that are no UTF-8 are replaced.
    pub(super) value: Arc<str>,
    /// Where the value stands in the stream as a literal; of a field that all tables have, its index.
    pub(super) range: Range<u64>,
    /// Whether the literal is coded with [`undo_huffman`].
    pub(super) huffman: bool,
}

impl Field {
    /// One that all tables have, named by an index that stands at `range`.
    pub(super) fn fixed((name, value): (&str, &str), range: Range<u64>) -> Self {
        Self { name: name.into(), value: value.into(), range, huffman: false }
    }

    /// What it counts in a list (RFC 9113 section 6.5.2, RFC 9114 section 4.2.2).
    pub(super) fn size(&self) -> usize {
        self.name.len() + self.value.len() + ENTRY_OVERHEAD
    }
}

/// One direction's decoder.
#[derive(Debug, Clone)]
pub(super) struct Decoder {
    table: Table,
    /// Whether the table may hold more than is known: blocks were missed, or it is larger than what is kept.
    partial: bool,
}

impl Decoder {
    pub(super) fn new() -> Self {
        let mut table = Table::default();
        table.set_capacity(DEFAULT_TABLE);
        Self { table, partial: false }
    }

    /// A block was missed.
    pub(super) fn miss(&mut self) {
        self.table.clear();
        self.partial = true;
    }

    /// The fields of a block, and whether it is sound; those before the break if it is not.
    pub(super) fn decode(&mut self, block: &Block) -> (Vec<Field>, bool) {
        let mut out = Vec::new();
        let (mut reader, mut listed) = (Reader::new(block), 0);
        while reader.at < block.bytes.len() {
            let Some(field) = self.field(&mut reader) else { return (out, false) };
            let Some(field) = field else { continue };
            listed += field.size();
            if out.len() < MAX_FIELDS && listed <= MAX_LIST {
                out.push(field);
            }
        }
        (out, true)
    }

    /// The next representation (RFC 7541 section 6): a field, or nothing if it changes the table's size only or names an
    /// entry that was not seen.
    fn field(&mut self, reader: &mut Reader<'_>) -> Option<Option<Field>> {
        let first = reader.peek()?;
        if first & 0x80 != 0 {
            let (index, place) = reader.placed(|reader| reader.integer(7))?;
            return self.entry(index, place);
        }
        if first & 0xe0 == 0x20 {
            let size = reader.integer(5)?;
            // Of a larger table the newest entries are known.
            self.partial |= size > MAX_TABLE;
            self.table.set_capacity(size);
            return Some(None);
        }
        let indexed = first & 0xc0 == 0x40;
        let name = match reader.integer(if indexed { 6 } else { 4 })? {
            0 => reader.string(7)?.0.value,
            index => self.entry(index, 0..0)?.map(|field| field.name).unwrap_or_default(),
        };
        let (value, len) = reader.string(7)?;
        let field = Field { name, ..value };
        if indexed {
            let size = field.name.len() + len + ENTRY_OVERHEAD;
            self.table.insert(field.clone(), size);
        }
        Some(Some(field))
    }

    /// The field of that index. `Some(None)`: it was not seen; `None`: there is none.
    fn entry(&self, index: usize, place: Range<u64>) -> Option<Option<Field>> {
        let index = index.checked_sub(1)?;
        if let Some(known) = fixed::FIELDS.get(index) {
            return Some(Some(Field::fixed(*known, place)));
        }
        match self.table.get(index - fixed::FIELDS.len()) {
            Some((field, _)) => Some(Some(field.clone())),
            None => self.partial.then_some(None),
        }
    }
}

/// Reads a block's integers and strings (RFC 7541 section 5).
pub(super) struct Reader<'a> {
    block: &'a Block,
    at: usize,
}

impl<'a> Reader<'a> {
    pub(super) const fn new(block: &'a Block) -> Self {
        Self { block, at: 0 }
    }

    /// How many bytes were read.
    pub(super) const fn position(&self) -> usize {
        self.at
    }

    pub(super) fn peek(&self) -> Option<u8> {
        self.block.bytes.get(self.at).copied()
    }

    fn byte(&mut self) -> Option<u8> {
        let byte = self.peek()?;
        self.at += 1;
        Some(byte)
    }

    /// What `read` yields, and where that stands in the stream.
    pub(super) fn placed<T>(&mut self, read: impl FnOnce(&mut Self) -> Option<T>) -> Option<(T, Range<u64>)> {
        let start = self.at;
        let yielded = read(self)?;
        Some((yielded, self.block.place(start..self.at)))
    }

    /// A number in the last `bits` of a byte, and more bytes where it is larger.
    pub(super) fn integer(&mut self, bits: u32) -> Option<usize> {
        let most = (1usize << bits) - 1;
        let mut value = usize::from(self.byte()?) & most;
        if value < most {
            return Some(value);
        }
        // Four more bytes are more than any block is long.
        for shift in [0, 7, 14, 21] {
            let byte = self.byte()?;
            value += usize::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Some(value);
            }
        }
        None
    }

    /// A literal whose length stands in the last `bits` of a byte.
    pub(super) fn literal(&mut self, bits: u32) -> Option<Literal> {
        let huffman = self.peek()? >> bits & 1 != 0;
        let length = self.integer(bits)?;
        let part = self.at..self.at.checked_add(length)?;
        self.block.bytes.get(part.clone())?;
        self.at = part.end;
        Some(Literal { part, huffman })
    }

    /// What a literal says, as a field without a name, and how many bytes that is. `None`: it is not in its code.
    pub(super) fn text(&self, literal: Literal) -> Option<(Field, usize)> {
        let Literal { part, huffman } = literal;
        let bytes = self.block.bytes.get(part.clone())?;
        let plain = if huffman { huffman::decode(bytes)? } else { bytes.to_vec() };
        let len = plain.len();
        let (name, value) = (Arc::default(), String::from_utf8_lossy(&plain).into());
        Some((Field { name, value, range: self.block.place(part), huffman }, len))
    }

    /// A literal, read.
    pub(super) fn string(&mut self, bits: u32) -> Option<(Field, usize)> {
        let literal = self.literal(bits)?;
        self.text(literal)
    }
}

/// Where in its block a literal stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Literal {
    part: Range<usize>,
    /// Whether it is coded with [`undo_huffman`].
    huffman: bool,
}

#[cfg(test)]
pub(super) mod tests;
