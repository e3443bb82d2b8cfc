//! One binary for all targets: `HOLDLINE_FUZZ_TARGET` names the one that runs. The laws stand in
//! the crates that they are about, so that plain tests replay the corpus through them.

#![no_main]

use holdline::fuzzing::find;
use std::sync::LazyLock;

static CHECK: LazyLock<fn(&[u8])> = LazyLock::new(|| {
    let name = std::env::var("HOLDLINE_FUZZ_TARGET").unwrap_or_default();
    match find(&name) {
        Some(target) => target.check,
        None => {
            eprintln!("set HOLDLINE_FUZZ_TARGET to a folder of fuzz/corpus, not to {name:?}");
            std::process::exit(2)
        }
    }
});

libfuzzer_sys::fuzz_target!(|input: &[u8]| CHECK(input));
