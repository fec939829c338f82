//! XML and HTML, scanned with tolerance: elements' texts and attributes, no validation, no external entities.

use std::ops::Range;

use super::{Piece, shorten, syncml};

/// Element names kept in a path.
const MAX_DEPTH: usize = 32;
/// Longer names are cut.
const MAX_NAME: usize = 64;

/// Whether it begins as markup does.
pub fn is_xml(bytes: &[u8]) -> bool {
    let text = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes).trim_ascii_start();
    matches!(text, [b'<', next, ..] if next.is_ascii_alphabetic() || matches!(next, b'?' | b'!' | b'_'))
}

/// Texts and attribute values, at most `limit`. An element's path is its name and its parents'; one with a `name` or
/// `key` attribute is called by that (`<string name="imei">`), and so is a property list's value by the `<key>` before it.
/// SyncML's data is called as its node.
pub fn pieces(bytes: &[u8], limit: usize) -> Vec<Piece> {
    let mut scan = Scan { bytes, path: String::new(), open: Vec::new(), objects: 0, out: Vec::new(), limit };
    let mut at = 0;
    while at < bytes.len() && scan.out.len() < limit {
        let rest = &bytes[at..];
        at = if rest.starts_with(b"<![CDATA[") {
            let end = find(rest, b"]]>").unwrap_or(rest.len());
            scan.text(at + 9..at + end.max(9), false);
            at + end + 3
        } else if rest.starts_with(b"<!--") {
            at + find(rest, b"-->").map_or(rest.len(), |end| end + 3)
        } else if rest.starts_with(b"<") {
            scan.tag(at)
        } else {
            let end = at + memchr::memchr(b'<', rest).unwrap_or(rest.len());
            scan.text(at..end, true);
            end
        };
    }
    let mut pieces = scan.out;
    if pieces.iter().any(|it| it.path.starts_with("SyncML.")) {
        syncml::name_data(bytes, &mut pieces);
    }
    pieces
}

/// Undoes the five named entities and numeric ones; others stay.
pub fn unescape(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut at = 0;
    while let Some(&byte) = text.get(at) {
        let end = text[at..].iter().take(12).position(|&byte| byte == b';').map(|end| at + end);
        let decoded = match (byte, end) {
            (b'&', Some(end)) => entity(&text[at + 1..end]).map(|it| (it, end + 1)),
            _ => None,
        };
        match decoded {
            Some((character, end)) => {
                out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
                at = end;
            }
            None => {
                out.push(byte);
                at += 1;
            }
        }
    }
    out
}

fn entity(name: &[u8]) -> Option<char> {
    match name {
        b"amp" => Some('&'),
        b"lt" => Some('<'),
        b"gt" => Some('>'),
        b"quot" => Some('"'),
        b"apos" => Some('\''),
        [b'#', b'x' | b'X', digits @ ..] => {
            u32::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok().and_then(char::from_u32)
        }
        [b'#', digits @ ..] => std::str::from_utf8(digits).ok()?.parse().ok().and_then(char::from_u32),
        _ => None,
    }
}

fn find(text: &[u8], what: &[u8]) -> Option<usize> {
    memchr::memmem::find(text, what)
}

struct Open {
    /// Length of the path around it.
    around: usize,
    object: u32,
    /// Whether it is the `<dict>` of a property list.
    is_dictionary: bool,
    /// Whether it is a `<key>` in one.
    is_key: bool,
    /// What the next element is called: what a `<key>` said.
    next: Option<String>,
}

struct Scan<'a> {
    bytes: &'a [u8],
    path: String,
    open: Vec<Open>,
    objects: u32,
    out: Vec<Piece>,
    limit: usize,
}

impl Scan<'_> {
    /// Texts of sibling elements are one object: that of the element around them.
    fn outer_object(&self) -> u32 {
        self.open.iter().rev().nth(1).map_or(0, |it| it.object)
    }

    fn text(&mut self, range: Range<usize>, entities: bool) {
        let text = self.bytes.get(range.clone()).unwrap_or_default();
        let start = range.start + (text.len() - text.trim_ascii_start().len());
        let text = text.trim_ascii();
        if text.is_empty() {
            return;
        }
        if self.open.last().is_some_and(|it| it.is_key) {
            let called = String::from_utf8_lossy(text).chars().take(MAX_NAME).collect();
            if let Some(outer) = self.open.iter_mut().nth_back(1) {
                outer.next = Some(called);
            }
            return;
        }
        let object = self.outer_object();
        self.push(None, start..start + text.len(), object, entities);
    }

    /// A part at the path, or at an attribute there.
    fn push(&mut self, attribute: Option<&str>, range: Range<usize>, object: u32, entities: bool) {
        let raw = self.bytes.get(range.clone()).unwrap_or_default();
        if self.out.len() >= self.limit {
            return;
        }
        let length = self.path.len();
        if let Some(name) = attribute {
            self.path.push('.');
            self.path.push_str(name);
        }
        let path = shorten(&self.path);
        self.path.truncate(length);
        self.out.push(if entities && memchr::memchr(b'&', raw).is_some() {
            Piece::own(path, unescape(raw), range, object)
        } else {
            Piece::slice(path, range, object)
        });
    }

    /// Goes into an element that is called `called`, or by its name.
    fn enter(&mut self, local: &str, called: Option<&str>, object: u32, is_key: bool) {
        let around = self.path.len();
        if around > 0 {
            self.path.push('.');
        }
        self.path.push_str(called.unwrap_or(local));
        self.open.push(Open { around, object, is_dictionary: local == "dict", is_key, next: None });
    }

    fn leave(&mut self) {
        if let Some(open) = self.open.pop() {
            self.path.truncate(open.around);
        }
    }

    /// Reads the tag at `at`; gives where the text goes on.
    fn tag(&mut self, at: usize) -> usize {
        let rest = &self.bytes[at..];
        let name_end = 1 + rest[1..]
            .iter()
            .position(|byte| byte.is_ascii_whitespace() || b"/>".contains(byte))
            .unwrap_or(rest.len() - 1);
        if let [b'<', b'/', ..] = rest {
            self.leave();
            return at + memchr::memchr(b'>', rest).map_or(rest.len(), |end| end + 1);
        }
        let name = String::from_utf8_lossy(rest.get(1..name_end).unwrap_or_default());
        let name = name.get(..name.floor_char_boundary(MAX_NAME)).unwrap_or_default();
        let local = name.rsplit(':').next().unwrap_or_default();
        let (attributes, end, closed) = self.attributes(at + name_end);
        self.objects = self.objects.saturating_add(1);
        let object = self.objects;
        let in_dictionary = self.open.last().is_some_and(|it| it.is_dictionary);
        let is_key = local == "key" && in_dictionary && attributes.is_empty();
        let label = self.open.last_mut().and_then(|it| it.next.take());
        let called = self.called(&attributes).or(label);
        let pushed = self.open.len() < MAX_DEPTH;
        if pushed {
            self.enter(local, called.as_deref(), object, is_key);
        }
        for (key, range) in attributes {
            let named_value = called.is_some()
                && (key.eq_ignore_ascii_case("value") || key.eq_ignore_ascii_case("content"));
            if named_value {
                self.push(None, range, self.outer_object(), true);
            } else {
                self.push(Some(&key), range, object, true);
            }
        }
        if pushed && (closed || name.starts_with(['?', '!'])) {
            self.leave();
        }
        end
    }

    /// What an element's attributes call it.
    fn called(&self, attributes: &[(String, Range<usize>)]) -> Option<String> {
        let is_name = |key: &str| ["name", "key"].iter().any(|it| key.eq_ignore_ascii_case(it));
        let (_, range) = attributes.iter().find(|(key, _)| is_name(key))?;
        let value = String::from_utf8_lossy(self.bytes.get(range.clone())?);
        Some(value.chars().take(MAX_NAME).collect())
    }

    /// Attributes from `at` to the end of the tag, where the tag ends, and whether it closes itself.
    fn attributes(&self, mut at: usize) -> (Vec<(String, Range<usize>)>, usize, bool) {
        let bytes = self.bytes;
        let mut out = Vec::new();
        let mut slash = false;
        while let Some(&byte) = bytes.get(at) {
            match byte {
                b'>' => return (out, at + 1, slash),
                b'/' => {
                    slash = true;
                    at += 1;
                }
                byte if byte.is_ascii_whitespace() || byte == b'=' => at += 1,
                b'"' | b'\'' => at += 1,
                _ => {
                    slash = false;
                    let end = at
                        + bytes[at..]
                            .iter()
                            .position(|byte| byte.is_ascii_whitespace() || b"=/>\"'".contains(byte))
                            .unwrap_or(bytes.len() - at);
                    let name = String::from_utf8_lossy(&bytes[at..end]).chars().take(64).collect();
                    at = end;
                    if let Some((range, after)) = self.attribute_value(end) {
                        at = after;
                        if !range.is_empty() && out.len() < 64 {
                            out.push((name, range));
                        }
                    }
                }
            }
        }
        (out, bytes.len(), slash)
    }

    fn attribute_value(&self, at: usize) -> Option<(Range<usize>, usize)> {
        let rest = self.bytes.get(at..)?;
        let trimmed = rest.trim_ascii_start().strip_prefix(b"=")?.trim_ascii_start();
        let start = self.bytes.len() - trimmed.len();
        match trimmed.first() {
            Some(&quote @ (b'"' | b'\'')) => {
                let length = trimmed[1..].iter().position(|&byte| byte == quote).unwrap_or(trimmed.len() - 1);
                Some((start + 1..start + 1 + length, (start + 2 + length).min(self.bytes.len())))
            }
            _ => {
                let length = trimmed
                    .iter()
                    .position(|byte| byte.is_ascii_whitespace() || *byte == b'>')
                    .unwrap_or(trimmed.len());
                Some((start..start + length, start + length))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Vec<String> {
        let show = |it: &Piece| format!("{}={}", it.path, String::from_utf8_lossy(it.bytes(text.as_bytes())));
        pieces(text.as_bytes(), 100).iter().map(show).collect()
    }

    #[test]
    fn names_texts_and_attributes() {
        let text = "<?xml version='1.0'?><a:Source x=\"1&amp;2\"><LocURI>IMEI:1</LocURI><b/>t</a:Source>";
        assert_eq!(read(text), ["?xml.version=1.0", "Source.x=1&2", "Source.LocURI=IMEI:1", "Source=t"]);
        let text = "<map><string name=\"imei\">123</string><item key=mac value='02:00'/></map>";
        assert_eq!(read(text), ["map.imei.name=imei", "map.imei=123", "map.mac.key=mac", "map.mac=02:00"]);
        assert_eq!(read("<a><![CDATA[x<y]]></a><!-- <b>no</b> -->"), ["a=x<y"]);
    }

    #[test]
    fn values_of_property_lists_and_syncml_are_called_as_what_they_are() {
        let text = "<plist><dict><key>imei</key><string>123</string><key>l</key><array><string>x</string>\
            </array><key>on</key><true/><key>d</key><dict><key>mac</key><data>AA==</data></dict></dict></plist>";
        assert_eq!(read(text), ["plist.dict.imei=123", "plist.dict.l.string=x", "plist.dict.d.mac=AA=="]);
        let text = b"<SyncML><Item><Source><LocURI>./DevInfo/DevId</LocURI></Source><Data>IMEI:1</Data></Item></SyncML>";
        let keys: Vec<_> = pieces(text, 9).into_iter().map(|it| it.key).collect();
        assert_eq!(keys, [None, Some("DevId".into())]);
    }

    #[test]
    fn survives_nonsense() {
        for text in [
            "<",
            "<a",
            "<a b",
            "<a b=",
            "<a b='",
            "</",
            "<a/",
            "<!--",
            "<![CDATA[",
            "<a b=c",
            "&#xffffffff;<x>&#;",
        ] {
            pieces(text.as_bytes(), 10);
        }
        assert_eq!(unescape(b"&lt;&#65;&#x42;&nope;&"), b"<AB&nope;&");
    }
}
