//! WBXML (WAP-192): XML as tokens. Device management speaks it: SyncML and what it carries.
//!
//! Names are known for SyncML, its meta information and device information; other documents' elements are called by
//! their code page and token (`p0x05`). Texts are the same in all.

mod names;

use std::ops::Range;

use super::tree::{self, Tree};
use super::{Piece, syncml, text};
use names::Document;

/// Elements inside each other beyond this are not believed.
const MAX_DEPTH: usize = 32;

const SWITCH_PAGE: u8 = 0x00;
const END: u8 = 0x01;
const ENTITY: u8 = 0x02;
const STR_I: u8 = 0x03;
const LITERAL: u8 = 0x04;
const PI: u8 = 0x43;
const STR_T: u8 = 0x83;
const OPAQUE: u8 = 0xc3;
/// Of an element's token: attributes follow, content follows.
const HAS_ATTRIBUTES: u8 = 0x80;
const HAS_CONTENT: u8 = 0x40;

/// The texts with their element paths, at most `limit`, if version (1.1 to 1.3) and character set (UTF-8, US-ASCII or
/// Latin 1) are in use and the tokens make sense to the end. `stop` hears when a bound was met.
pub fn pieces(bytes: &[u8], limit: usize, stop: &mut dyn FnMut(&'static str)) -> Option<Vec<Piece>> {
    let header = Header::read(bytes)?;
    let mut reader = Reader {
        bytes,
        at: header.body,
        table: header.table.clone(),
        document: header.document(bytes),
        page: 0,
        attribute_page: 0,
        tree: Tree::with_references(limit, bytes.len()),
    };
    reader.body()?;
    let spent = reader.tree.is_spent();
    let mut pieces = reader.tree.into_pieces();
    let telling = |it: &Piece| it.bytes(bytes).len() >= 3 && text::is_text(it.bytes(bytes));
    if !pieces.iter().any(telling) {
        return None;
    }
    if spent {
        stop("bytes");
    }
    syncml::name_data(bytes, &mut pieces);
    Some(pieces)
}

/// Reads a multi-byte integer (section 5.1) of at most 32 bits: its value and length.
fn number(bytes: &[u8]) -> Option<(u32, usize)> {
    let mut value = 0u32;
    for (index, &byte) in bytes.iter().take(5).enumerate() {
        value = value.checked_mul(128)? | u32::from(byte & 0x7f);
        if byte & 0x80 == 0 {
            return Some((value, index + 1));
        }
    }
    None
}

/// What stands before the elements (section 5.4).
struct Header {
    /// Public identifier, or where its text stands in the string table.
    public: Result<u32, u32>,
    table: Range<usize>,
    body: usize,
}

impl Header {
    fn read(bytes: &[u8]) -> Option<Self> {
        let mut at = 1;
        let mut next = || {
            let (value, length) = number(bytes.get(at..)?)?;
            at += length;
            Some(value)
        };
        let version = *bytes.first()?;
        let public = match next()? {
            0 => Err(next()?),
            known => Ok(known),
        };
        let charset = next()?;
        let length = usize::try_from(next()?).ok()?;
        let body = at.checked_add(length).filter(|body| *body < bytes.len())?;
        let believed = (1..=3).contains(&version) && matches!(charset, 3 | 4 | 106);
        believed.then_some(Self { public, table: at..body, body })
    }

    fn document(&self, bytes: &[u8]) -> Document {
        match self.public {
            Ok(number) => Document::by_number(number),
            Err(at) => Document::by_text(string(bytes, &self.table, at).unwrap_or_default()),
        }
    }
}

/// A text of the string table.
fn string<'a>(bytes: &'a [u8], table: &Range<usize>, at: u32) -> Option<&'a [u8]> {
    let start = table.start.checked_add(usize::try_from(at).ok()?)?;
    let rest = bytes.get(start..table.end)?;
    rest.split(|&byte| byte == 0).next()
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
    table: Range<usize>,
    document: Document,
    page: u8,
    attribute_page: u8,
    tree: Tree,
}

/// An open element: what leads back out of it, and the objects of what it holds and of itself.
struct Open {
    back: usize,
    inner: u32,
    own: u32,
}

impl Reader<'_> {
    fn byte(&mut self) -> Option<u8> {
        let byte = *self.bytes.get(self.at)?;
        self.at += 1;
        Some(byte)
    }

    fn number(&mut self) -> Option<u32> {
        let (value, length) = number(self.bytes.get(self.at..)?)?;
        self.at += length;
        Some(value)
    }

    /// Elements and texts until all are closed.
    fn body(&mut self) -> Option<()> {
        let mut open: Vec<Open> = Vec::new();
        while self.at < self.bytes.len() && !self.tree.is_full() {
            let object = open.last().map_or(0, |it| it.own);
            match self.byte()? {
                SWITCH_PAGE => self.page = self.byte()?,
                END => self.tree.leave(open.pop()?.back),
                ENTITY => drop(self.number()?),
                PI => self.attributes(object)?,
                token @ (STR_I | STR_T | OPAQUE) => {
                    let range = self.text(token)?;
                    if !range.is_empty() {
                        self.tree.add_slice(range, object);
                    }
                }
                // Extensions: texts and numbers of the document's own.
                0x40..=0x42 => {
                    self.text(STR_I)?;
                }
                0x80..=0x82 => drop(self.number()?),
                0xc0..=0xc2 => {}
                token => self.element(token, &mut open)?,
            }
        }
        (open.is_empty() || self.tree.is_full()).then_some(())
    }

    fn element(&mut self, token: u8, open: &mut Vec<Open>) -> Option<()> {
        let identity = token & 0x3f;
        let name = if identity == LITERAL {
            let at = self.number()?;
            let name = string(self.bytes, &self.table, at)?;
            self.tree.spend(name.len());
            tree::key(name)
        } else {
            self.document.element(self.page, identity)
        };
        let (own, inner) = (open.last().map_or(0, |it| it.inner), self.tree.begin_object());
        let back = self.tree.enter_key(&name);
        if token & HAS_ATTRIBUTES != 0 {
            self.attributes(inner)?;
        }
        if token & HAS_CONTENT == 0 {
            self.tree.leave(back);
        } else if open.len() < MAX_DEPTH {
            open.push(Open { back, inner, own });
        } else {
            return None;
        }
        Some(())
    }

    /// Attributes to their end: which they are is the document's own, texts among them are read.
    fn attributes(&mut self, object: u32) -> Option<()> {
        while !self.tree.is_full() {
            match self.byte()? {
                END => break,
                SWITCH_PAGE => self.attribute_page = self.byte()?,
                ENTITY | LITERAL => drop(self.number()?),
                token @ (STR_I | STR_T | OPAQUE) => {
                    let range = self.text(token)?;
                    if !range.is_empty() {
                        self.tree.add_slice(range, object);
                    }
                }
                _ => {}
            }
        }
        Some(())
    }

    /// Where a text stands: here, in the string table, or here with its length before it.
    fn text(&mut self, token: u8) -> Option<Range<usize>> {
        match token {
            STR_T => {
                let at = self.number()?;
                let length = string(self.bytes, &self.table, at)?.len();
                let start = self.table.start.checked_add(usize::try_from(at).ok()?)?;
                Some(start..start + length)
            }
            OPAQUE => {
                let length = usize::try_from(self.number()?).ok()?;
                let end = self.at.checked_add(length).filter(|end| *end <= self.bytes.len())?;
                let range = self.at..end;
                self.at = end;
                Some(range)
            }
            _ => {
                let length = self.bytes.get(self.at..)?.iter().position(|&byte| byte == 0)?;
                let range = self.at..self.at + length;
                self.at = range.end + 1;
                Some(range)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8]) -> Option<Vec<String>> {
        let show = |it: &Piece| {
            let key = it.key.as_deref().map_or(String::new(), |key| format!(" ({key})"));
            format!("{}={}{key}", it.path, String::from_utf8_lossy(it.bytes(bytes)))
        };
        pieces(bytes, 100, &mut |_| {}).map(|pieces| pieces.iter().map(show).collect())
    }

    /// `<SyncML><SyncHdr><Source><LocURI>IMEI:1</LocURI></Source></SyncHdr><Item>...`
    const SYNCML: &[u8] = b"\x02\x00\x00\x6a\x1d-//SYNCML//DTD SyncML 1.2//EN\
        \x6d\x6c\x67\x57\x03IMEI:1\0\x01\x01\x5a\x00\x01\x53\x03text/plain\0\x01\x00\x00\x01\x01\
        \x54\x67\x57\x03./DevInfo/DevId\0\x01\x01\x4f\xc3\x06IMEI:2\x01\x01\x01";

    #[test]
    fn names_texts_by_element_path() {
        let expected = [
            "SyncML.SyncHdr.Source.LocURI=IMEI:1",
            "SyncML.SyncHdr.Meta.Type=text/plain",
            "SyncML.Item.Source.LocURI=./DevInfo/DevId",
            "SyncML.Item.Data=IMEI:2 (DevId)",
        ];
        assert_eq!(read(SYNCML).unwrap(), expected);
    }

    #[test]
    fn elements_without_a_name_are_called_by_their_token() {
        // A provisioning document with an attribute, and a string of the table.
        let bytes = b"\x03\x0b\x6a\x04abc\0\xc5\x46\x03imei\0\x01\x83\x00\x01";
        assert_eq!(read(bytes).unwrap(), ["p0x05=imei", "p0x05=abc"]);
    }

    #[test]
    fn a_text_of_the_table_is_not_read_for_ever() {
        let table = [&b"x".repeat(100)[..], b"\0"].concat();
        let head = [&b"\x03\x0b\x6a"[..], &[table.len() as u8], &table].concat();
        // Named by elements' content, by attributes, and as elements' names.
        for (open, again, close) in [
            (&b"\x45"[..], &b"\x83\0"[..], &b"\x01"[..]),
            (b"\x85", b"\x83\0", b"\x01"),
            (b"\x45\x03imei\0", b"\x04\0", b"\x01"),
        ] {
            let bytes = [&head, open, &again.repeat(2000), close].concat();
            let mut stopped = Vec::new();
            let found = pieces(&bytes, 100_000, &mut |why| stopped.push(why)).unwrap();
            let read: usize = found.iter().map(|it| it.bytes(&bytes).len()).sum();
            assert!(read <= 16 * bytes.len(), "{read} bytes of {}", bytes.len());
            assert_eq!(stopped, ["bytes"]);
        }
    }

    #[test]
    fn refuses_what_does_not_make_sense() {
        for end in 0..SYNCML.len() {
            assert_eq!(pieces(&SYNCML[..end], 100, &mut |_| {}), None, "{end}");
        }
        for bytes in
            [&b"\x02\xa4\x01\x6a\0\x01"[..], b"\x07\0\0\0\0\0", b"\x01\xff\xff\xff\xff\xff\xff", &[0x02; 90]]
        {
            assert_eq!(read(bytes), None, "{bytes:x?}");
        }
    }
}
