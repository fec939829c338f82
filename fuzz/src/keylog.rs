//! A key log: any bytes are taken without a panic, and the same ones twice are as good as once.

use inspect::KeyLog;

/// Runs it once.
pub fn run(data: &[u8]) {
    let mut keys = KeyLog::default();
    let taken = keys.add(data);
    assert!(taken <= data.split(|&byte| byte == b'\n').count());
    assert_eq!(keys.is_empty(), taken == 0);
    let once = keys.clone();
    assert_eq!(keys.add(data), taken);
    assert_eq!(keys, once);
}
