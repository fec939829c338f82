//! A capture: read to its end, written as a recording, and read again to the same inputs.

use packet::Timestamp;
use recording::{Reader, Writer};

/// Reads all inputs as text, and writes them on.
fn copy(bytes: &[u8]) -> (Vec<String>, Vec<u8>) {
    let mut seen = Vec::new();
    let mut writer = Writer::new(Vec::new(), "fuzz").expect("memory takes all");
    if let Ok(mut reader) = Reader::open(bytes, None) {
        while let Ok(Some((at, input))) = reader.next_input() {
            // A recording knows no time before 1970.
            let at = at.max(Timestamp::default());
            seen.push(format!("{} {input:?}", at.as_nanos()));
            writer.write(at, &input).expect("memory takes all");
        }
    }
    (seen, writer.into_inner().expect("memory takes all"))
}

/// Runs it once.
pub fn run(data: &[u8]) {
    let (first, written) = copy(data);
    let (second, again) = copy(&written);
    assert_eq!(first, second);
    assert_eq!(written, again);
}
