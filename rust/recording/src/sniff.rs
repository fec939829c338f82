//! Says what a file that is no capture is instead.

/// One plain sentence about a file that begins with `first`.
pub(crate) fn describe(first: &[u8]) -> String {
    const WANTED: &str = "give a pcap or pcapng file, plain or gzipped";
    if first.is_empty() {
        return "the file is empty; record again, or wait until the capture has written something".to_owned();
    }
    let known = KNOWN.iter().find(|(magic, ..)| first.starts_with(magic));
    if let Some((_, what, mend)) = known {
        return format!("this is {what}, not a capture; {}", mend.unwrap_or(WANTED));
    }
    let start: Vec<u8> = first.iter().copied().skip_while(u8::is_ascii_whitespace).take(5).collect();
    match start.to_ascii_lowercase().as_slice() {
        [b'<', ..] => return format!("this is HTML or XML, not a capture; {WANTED}"),
        [b'{' | b'[', ..] => return format!("this looks like JSON, not a capture; {WANTED}"),
        _ => {}
    }
    let shown: Vec<String> = first.iter().take(4).map(|byte| format!("{byte:02x}")).collect();
    format!("this is no capture (it begins with {}); {WANTED}", shown.join(" "))
}

/// The first bytes of files that are taken for captures, what they are, and what to do if more than giving another.
const KNOWN: &[(&[u8], &str, Option<&str>)] = &[
    (b"\x89PNG", "a PNG image", None),
    (b"\xff\xd8\xff", "a JPEG image", None),
    (b"%PDF", "a PDF document", None),
    (b"\x7fELF", "an ELF program", None),
    (b"PK\x03\x04", "a ZIP archive", Some("unzip it first")),
    (
        b"\x28\xb5\x2f\xfd",
        "a zstd-compressed file",
        Some("decompress it: `zstdcat FILE | telltale replay -`"),
    ),
    (b"\xfd7zXZ\0", "an xz-compressed file", Some("decompress it: `xzcat FILE | telltale replay -`")),
    (b"BZh", "a bzip2-compressed file", Some("decompress it: `bzcat FILE | telltale replay -`")),
    (b"\x04\x22\x4d\x18", "an LZ4-compressed file", Some("decompress it: `lz4cat FILE | telltale replay -`")),
    (b"snoop\0\0\0", "a Solaris snoop file", Some("convert it with `editcap -F pcapng IN OUT`")),
    (b"GMBU", "a Microsoft Network Monitor file", Some("convert it with `editcap -F pcapng IN OUT`")),
    (b"RTSS", "a Microsoft Network Monitor file", Some("convert it with `editcap -F pcapng IN OUT`")),
    (b"TRSNIFF data", "a Sniffer file", Some("convert it with `editcap -F pcapng IN OUT`")),
    (b"XCP\0", "a NetXRay file", Some("convert it with `editcap -F pcapng IN OUT`")),
    (b"btsnoop\0", "a Bluetooth log", Some("record the phone's network traffic instead")),
    (ETL, "a Windows event trace", Some("convert it with `etl2pcapng IN OUT`")),
];

/// An event trace begins with the size and type of its first buffer, 64 KiB in what `netsh trace` writes.
const ETL: &[u8] = &[0x00, 0x00, 0x01, 0x00];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_files_are_named_with_their_mend() {
        assert!(describe(b"").starts_with("the file is empty"));
        assert!(describe(b"\x89PNG\r\n").contains("a PNG image"));
        assert!(describe(b"  <!DOCTYPE html>").contains("HTML"));
        assert!(describe(b"{\"log\":").contains("JSON"));
        assert!(describe(b"snoop\0\0\0\0\0\0\x02").contains("editcap"));
        assert!(describe(&[1, 2, 3, 4, 5]).contains("01 02 03 04"));
    }
}
