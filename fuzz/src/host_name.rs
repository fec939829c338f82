//! A host name as somebody wrote it: searched without a panic, every range inside the name, and the steps to a known value
//! lead to it again.

use inspect::Confidence;
use inspect::decode::explain;

use crate::scan::watching;

/// Runs it once.
pub fn run(data: &[u8]) {
    let Ok(name) = std::str::from_utf8(data) else { return };
    let len = data.len() as u64;
    for found in watching().clone().scan_name("dns name", name, 0..len).matches {
        let range = &found.range;
        assert!(range.start < range.end && range.end <= len, "{range:?}");
        let taken = explain(&data[range.start as usize..range.end as usize], &found.decode);
        if found.confidence == Confidence::Known {
            assert_eq!(taken.len(), found.decode.len(), "{:?}", found.decode);
        }
    }
}
