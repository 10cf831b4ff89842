//! libFuzzer's way into `xtask::fuzz::decode`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    let _ = xtask::fuzz::decode::run(input);
});
