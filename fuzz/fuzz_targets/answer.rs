//! libFuzzer's way into `xtask::fuzz::answer`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    let _ = xtask::fuzz::answer::run(input);
});
