//! libFuzzer's way into `xtask::fuzz::guard`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    let _ = xtask::fuzz::guard::run(input);
});
