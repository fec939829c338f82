//! libFuzzer's program: the target's name is in the environment, for libFuzzer reads the arguments.

#![no_main]

use std::sync::OnceLock;

use fuzz::Target;
use libfuzzer_sys::fuzz_target;

static TARGET: OnceLock<Target> = OnceLock::new();

#[expect(clippy::disallowed_methods, reason = "which target is chosen is not part of what is fuzzed")]
fn chosen() -> Target {
    let name = std::env::var("TELLTALE_FUZZ_TARGET").unwrap_or_default();
    fuzz::target(&name).expect("TELLTALE_FUZZ_TARGET names a target")
}

fuzz_target!(|data: &[u8]| TARGET.get_or_init(chosen)(data));
