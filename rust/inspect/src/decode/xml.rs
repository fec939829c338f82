//! XML and HTML, scanned with tolerance: elements' texts and attributes, no validation, no external entities.

use super::{Piece, shorten};

/// Element names kept in a path.
const MAX_DEPTH: usize = 32;

/// Whether it begins as markup does.
pub fn is_xml(bytes: &[u8]) -> bool {
    let text = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes).trim_ascii_start();
    matches!(text, [b'<', next, ..] if next.is_ascii_alphabetic() || matches!(next, b'?' | b'!' | b'_'))
}

/// Texts and attribute values, at most `limit`. An element's path is its name and its parents'; one with a `name` or
/// `key` attribute is called by that (`<string name="imei">`).
pub fn pieces(bytes: &[u8], limit: usize) -> Vec<Piece> {
    let mut scan = Scan { bytes, open: Vec::new(), objects: 0, out: Vec::new(), limit };
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
            let end = at + rest.iter().position(|&byte| byte == b'<').unwrap_or(rest.len());
            scan.text(at..end, true);
            end
        };
    }
    scan.out
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
    text.windows(what.len()).position(|it| it == what)
}

struct Open {
    name: String,
    object: u32,
}

struct Scan<'a> {
    bytes: &'a [u8],
    open: Vec<Open>,
    objects: u32,
    out: Vec<Piece>,
    limit: usize,
}

impl Scan<'_> {
    fn path(&self) -> String {
        let names: Vec<_> = self.open.iter().map(|it| it.name.as_str()).collect();
        shorten(&names.join("."))
    }

    /// Texts of sibling elements are one object: that of the element around them.
    fn outer_object(&self) -> u32 {
        self.open.iter().rev().nth(1).map_or(0, |it| it.object)
    }

    fn text(&mut self, range: std::ops::Range<usize>, entities: bool) {
        let text = self.bytes.get(range.clone()).unwrap_or_default();
        let start = range.start + (text.len() - text.trim_ascii_start().len());
        let text = text.trim_ascii();
        if text.is_empty() {
            return;
        }
        let (path, object) = (self.path(), self.outer_object());
        self.push(path, start..start + text.len(), object, entities);
    }

    fn push(&mut self, path: String, range: std::ops::Range<usize>, object: u32, entities: bool) {
        let raw = self.bytes.get(range.clone()).unwrap_or_default();
        if self.out.len() >= self.limit {
            return;
        }
        self.out.push(if entities && raw.contains(&b'&') {
            Piece::own(path, unescape(raw), range, object)
        } else {
            Piece::slice(path, range, object)
        });
    }

    /// Reads the tag at `at`; gives where the text goes on.
    fn tag(&mut self, at: usize) -> usize {
        let rest = &self.bytes[at..];
        let name_end = 1 + rest[1..]
            .iter()
            .position(|byte| byte.is_ascii_whitespace() || b"/>".contains(byte))
            .unwrap_or(rest.len() - 1);
        if let [b'<', b'/', ..] = rest {
            self.open.pop();
            return at + rest.iter().position(|&byte| byte == b'>').map_or(rest.len(), |end| end + 1);
        }
        let name: String = String::from_utf8_lossy(&rest[1..name_end]).chars().take(64).collect();
        let local = name.rsplit(':').next().unwrap_or_default().to_owned();
        let (attributes, end, closed) = self.attributes(at + name_end);
        self.objects = self.objects.saturating_add(1);
        let value_of = |wanted: &[&str]| {
            let found =
                attributes.iter().find(|(key, _)| wanted.iter().any(|it| key.eq_ignore_ascii_case(it)));
            found.map(|(_, range)| {
                String::from_utf8_lossy(&self.bytes[range.clone()]).chars().take(64).collect::<String>()
            })
        };
        let called = value_of(&["name", "key"]);
        let object = self.objects;
        let pushed = self.open.len() < MAX_DEPTH;
        if pushed {
            self.open.push(Open { name: called.clone().unwrap_or(local), object });
        }
        for (key, range) in attributes {
            let named_value = called.is_some()
                && (key.eq_ignore_ascii_case("value") || key.eq_ignore_ascii_case("content"));
            let path = if named_value { self.path() } else { format!("{}.{key}", self.path()) };
            let object = if named_value { self.outer_object() } else { object };
            self.push(path, range, object, true);
        }
        let void = closed || name.starts_with(['?', '!']);
        if pushed && void {
            self.open.pop();
        }
        end
    }

    /// Attributes from `at` to the end of the tag, where the tag ends, and whether it closes itself.
    fn attributes(&self, mut at: usize) -> (Vec<(String, std::ops::Range<usize>)>, usize, bool) {
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

    fn attribute_value(&self, at: usize) -> Option<(std::ops::Range<usize>, usize)> {
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
