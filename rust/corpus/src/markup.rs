//! Contents in text with marks: multipart, XML and what is written in it, header fields.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::content::Field;
use crate::random::Random;

/// `multipart/form-data` (RFC 7578).
pub fn multipart(fields: &[Field]) -> Vec<u8> {
    let mut out = String::new();
    for field in fields {
        out.push_str("------x7MA4YWxkTrZu0gW\r\n");
        out.push_str(&format!(
            "Content-Disposition: form-data; name=\"{}\"\r\n\r\n{}\r\n",
            field.name,
            field.text()
        ));
    }
    (out + "------x7MA4YWxkTrZu0gW--\r\n").into_bytes()
}

/// With what XML cannot hold as it is undone by entities.
pub fn marked(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('"', "&quot;")
}

/// An element for each field.
pub fn xml(fields: &[Field]) -> Vec<u8> {
    let parts = fields.iter().map(|it| format!("<{0}>{1}</{0}>", it.name, marked(&it.text())));
    format!(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<req><entry>{}</entry></req>",
        parts.collect::<String>()
    )
    .into_bytes()
}

/// An attribute for each field.
pub fn xml_attributes(fields: &[Field]) -> Vec<u8> {
    let pairs = fields.iter().map(|it| format!(" {}=\"{}\"", it.name, marked(&it.text())));
    format!("<?xml version=\"1.0\"?><report><entry{}/></report>", pairs.collect::<String>()).into_bytes()
}

/// Apple's property list (PropertyList-1.0.dtd); some values as `<data>`, which is base64.
pub fn property_list(fields: &[Field], random: &mut Random) -> Vec<u8> {
    let value = |it: &Field, random: &mut Random| {
        if it.is_number() && random.happens(40) {
            return format!("<integer>{}</integer>", it.text());
        }
        // A word may as well be base64 itself.
        if it.value.len() >= 14 && it.value.iter().all(u8::is_ascii_digit) && random.happens(30) {
            return format!("<data>\n\t{}\n\t</data>", STANDARD.encode(&it.value));
        }
        format!("<string>{}</string>", marked(&it.text()))
    };
    let pairs: String =
        fields.iter().map(|it| format!("\t<key>{}</key>\n\t{}\n", it.name, value(it, random))).collect();
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<!DOCTYPE plist PUBLIC \"-//Apple//DTD PLIST 1.0//EN\" \
         \"http://www.apple.com/DTDs/PropertyList-1.0.dtd\">\n<plist version=\"1.0\">\n<dict>\n{pairs}</dict>\n</plist>\n"
    )
    .into_bytes()
}

/// The address of a node of the management tree.
pub fn node(field: &Field) -> String {
    format!("./DevDetail/Ext/{}", field.name)
}

/// A package that replaces nodes of the management tree (OMA-TS-DM_RepPro; OMA-TS-DS_SyncML XML): each field is an item.
pub fn syncml(fields: &[Field]) -> Vec<u8> {
    let items: String = fields
        .iter()
        .map(|it| {
            let (node, data) = (node(it), marked(&it.text()));
            format!("<Item><Source><LocURI>{node}</LocURI></Source><Data>{data}</Data></Item>")
        })
        .collect();
    format!(
        "<SyncML xmlns=\"SYNCML:SYNCML1.2\"><SyncHdr><VerDTD>1.2</VerDTD><VerProto>DM/1.2</VerProto><SessionID>1</SessionID>\
         <MsgID>1</MsgID><Target><LocURI>http://dm.example/</LocURI></Target><Source><LocURI>client</LocURI></Source>\
         </SyncHdr><SyncBody><Replace><CmdID>2</CmdID>{items}</Replace><Final/></SyncBody></SyncML>"
    )
    .into_bytes()
}

/// Header fields and a body (RFC 5322, RFC 2045).
pub fn mime(fields: &[Field]) -> Vec<u8> {
    let fields: String = fields.iter().map(|it| format!("{}: {}\r\n", it.name, it.text())).collect();
    format!("MIME-Version: 1.0\r\n{fields}Content-Type: text/plain; charset=utf-8\r\n\r\nreport attached\r\n")
        .into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_are_as_specified() {
        let fields = [Field::new("imei", "1<2"), Field::new("n", "7")];
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        assert!(text(xml(&fields)).contains("<imei>1&lt;2</imei><n>7</n>"));
        assert!(text(xml_attributes(&fields)).contains("<entry imei=\"1&lt;2\" n=\"7\"/>"));
        let list = text(property_list(&fields, &mut Random::new(1, 1)));
        assert!(list.contains("\t<key>imei</key>\n\t<string>1&lt;2</string>\n"), "{list}");
        assert!(text(syncml(&fields)).contains("<LocURI>./DevDetail/Ext/n</LocURI></Source><Data>7</Data>"));
        assert!(text(mime(&fields)).contains("\r\nimei: 1<2\r\nn: 7\r\nContent-Type: "));
    }
}
