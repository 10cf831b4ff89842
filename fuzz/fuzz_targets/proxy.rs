//! libFuzzer's way into `xtask::fuzz::proxy`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    let _ = xtask::fuzz::proxy::run(input);
});
