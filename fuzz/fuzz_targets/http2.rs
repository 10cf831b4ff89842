//! libFuzzer's way into `xtask::fuzz::http2`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    let _ = xtask::fuzz::http2::run(input);
});
