//! Parts with their key paths, as readers of nested data collect them.

use std::fmt::Write;
use std::ops::Range;

use super::{Piece, Value, shorten};

/// Longer keys are cut.
pub const MAX_KEY: usize = 128;
/// Where a reference can stand for bytes, what is read of them may come to so many times the container's: a few bytes could
/// name a long text a hundred thousand times.
const REPEATED: usize = 16;

/// The path to where a reader is, and the parts that it found.
#[derive(Debug)]
pub struct Tree {
    path: String,
    pieces: Vec<Piece>,
    objects: u32,
    limit: usize,
    /// Bytes that parts may still come to; none once there were too many.
    room: Option<usize>,
}

impl Tree {
    /// An empty one that takes `limit` parts.
    pub fn new(limit: usize) -> Self {
        Self { path: String::new(), pieces: Vec::new(), objects: 0, limit, room: Some(usize::MAX) }
    }

    /// One for a container of so many bytes that can hold a part once and refer to it many times.
    pub fn with_references(limit: usize, container: usize) -> Self {
        Self { room: Some(container.saturating_mul(REPEATED)), ..Self::new(limit) }
    }

    /// Whether no more parts are wanted.
    pub fn is_full(&self) -> bool {
        self.pieces.len() >= self.limit || self.is_spent()
    }

    /// Whether references led to more bytes than they may.
    pub fn is_spent(&self) -> bool {
        self.room.is_none()
    }

    /// Counts bytes that a reference led to; of parts that are added it need not be told.
    pub fn spend(&mut self, bytes: usize) {
        self.room = self.room.and_then(|room| room.checked_sub(bytes));
    }

    /// How many parts there are.
    pub fn len(&self) -> usize {
        self.pieces.len()
    }

    /// What was found.
    pub fn into_pieces(self) -> Vec<Piece> {
        self.pieces
    }

    /// Begins another object; its number.
    pub fn begin_object(&mut self) -> u32 {
        self.objects = self.objects.saturating_add(1);
        self.objects
    }

    /// Goes to a key of the object; what [`Self::leave`] needs to come back.
    pub fn enter_key(&mut self, key: &str) -> usize {
        let length = self.path.len();
        if length > 0 {
            self.path.push('.');
        }
        let end = if key.len() > MAX_KEY { key.floor_char_boundary(MAX_KEY) } else { key.len() };
        self.path.push_str(key.get(..end).unwrap_or_default());
        length
    }

    /// Goes to an element of the array; what [`Self::leave`] needs to come back.
    pub fn enter_index(&mut self, index: usize) -> usize {
        let length = self.path.len();
        push_index(&mut self.path, index);
        length
    }

    /// Goes back.
    pub fn leave(&mut self, length: usize) {
        self.path.truncate(length);
    }

    /// A part that stands in the container as it is.
    pub fn add_slice(&mut self, range: Range<usize>, object: u32) {
        self.add(Value::Slice(range), object, "");
    }

    /// A part that was made of a piece of the container; `suffix` says how.
    pub fn add_own(&mut self, bytes: Vec<u8>, range: Range<usize>, object: u32, suffix: &'static str) {
        self.add(Value::Own(bytes, range), object, suffix);
    }

    fn add(&mut self, value: Value, object: u32, suffix: &'static str) {
        self.spend(value.len());
        if !self.is_full() {
            let path = shorten(&self.path);
            self.pieces.push(Piece::new(path, value, object, suffix));
        }
    }
}

/// So much of a key as is kept: many parts may refer to the same.
pub fn key(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes.get(..MAX_KEY).unwrap_or(bytes)).into_owned()
}

/// Appends the index of an array's element.
pub fn push_index(path: &mut String, index: usize) {
    path.push('[');
    if let Some(digit) = u32::try_from(index).ok().and_then(|index| char::from_digit(index, 10)) {
        path.push(digit);
    } else {
        // Writing to a string cannot fail.
        let _ = write!(path, "{index}");
    }
    path.push(']');
}
