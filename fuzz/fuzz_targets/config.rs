//! libFuzzer's way into `xtask::fuzz::config`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    let _ = xtask::fuzz::config::run(input);
});
