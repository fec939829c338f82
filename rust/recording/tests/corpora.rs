//! Every capture of the corpora, where there are any: nothing panics, each is read or refused with its place, and a
//! recording made of it reads back to the same inputs.

use std::fs::{self, File};
use std::io::{self, BufReader};
use std::path::{Path, PathBuf};

use packet::{Input, Packet, Reassembled, Reassembler, Timestamp};
use recording::{ReadError, Reader, Writer};

/// The folder of the corpora, if it is there.
fn corpora() -> Option<PathBuf> {
    let default = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/captures");
    #[expect(
        clippy::disallowed_methods,
        reason = "a test may be told where its captures are; no report depends on it"
    )]
    let folder = std::env::var("TELLTALE_CORPORA").unwrap_or_else(|_| default.to_owned());
    let folder = PathBuf::from(folder);
    folder.is_dir().then_some(folder)
}

fn captures(folder: &Path, found: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            captures(&path, found)?;
        } else if path.file_name().is_some_and(|name| name.to_string_lossy().contains(".pcap")) {
            found.push(path);
        }
    }
    Ok(())
}

/// An input as text, to compare.
fn shown(at: Timestamp, input: &Input<'_>) -> String {
    format!("{} {input:?}", at.as_nanos())
}

/// Reads a capture to its end, and what of it could be read.
fn drain(path: &Path) -> (Vec<u8>, Vec<String>, Option<ReadError>) {
    let mut writer = Writer::new(Vec::new(), "corpora").unwrap();
    let mut inputs = Vec::new();
    let mut reassembler = Reassembler::default();
    let file = BufReader::new(File::open(path).unwrap());
    let mut reader = match Reader::open(file, None) {
        Ok(reader) => reader,
        Err(error) => return (writer.into_inner().unwrap(), inputs, Some(error)),
    };
    let error = loop {
        match reader.next_input() {
            Ok(None) => break None,
            Err(error) => break Some(error),
            Ok(Some((at, input))) => {
                take_apart(&mut reassembler, at, &input);
                writer.write(at, &input).unwrap();
                // Keys are never recorded.
                if !matches!(input, Input::Keys(_)) {
                    inputs.push(shown(at, &input));
                }
            }
        }
    };
    (writer.into_inner().unwrap(), inputs, error)
}

fn take_apart(reassembler: &mut Reassembler, at: Timestamp, input: &Input<'_>) {
    let Input::Packet { bytes, .. } = input else { return };
    let Ok(packet) = Packet::parse(bytes).map(Packet::innermost) else { return };
    if packet.ip.fragment.is_none() {
        return;
    }
    if let Reassembled::Complete(whole) = reassembler.insert(at, &packet.ip) {
        let rebuilt = packet::IpPacket::parse(&whole).unwrap();
        assert_eq!(rebuilt.fragment, None);
    }
}

#[test]
fn every_capture_is_read_or_refused_and_its_recording_is_the_same() {
    let Some(folder) = corpora() else {
        eprintln!("TELLTALE_CORPORA: not there");
        return;
    };
    let mut paths = Vec::new();
    captures(&folder, &mut paths).unwrap();
    for path in &paths {
        let (written, inputs, error) = drain(path);
        if let Some(ReadError::Io(error)) = error {
            panic!("{}: {error}", path.display());
        }
        let mut reader = Reader::open(&written[..], None).unwrap();
        let mut count = 0;
        while let Some((at, input)) = reader.next_input().unwrap() {
            assert_eq!(inputs.get(count), Some(&shown(at, &input)), "{} input {count}", path.display());
            count += 1;
        }
        assert_eq!(count, inputs.len(), "{}", path.display());
        assert_eq!(reader.truncated(), None);
    }
}
