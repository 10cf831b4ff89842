//! Measuring rather than testing: with `SEAWAY_STRICT=1`, on a machine that has two cores to spare. A larger number makes
//! attackers so many times as fast.
//!
//! The gateway has core 0 for itself. Put everything else on core 1 by running the tests under `taskset -c 1`, with
//! `--profile quick` and one test at a time. Without the variable nothing of this happens, so that a test does not depend
//! on a quiet machine.

use std::process::Command;

use super::SEAWAY;

/// Whether it is meant strictly.
pub fn is() -> bool {
    std::env::var_os("SEAWAY_STRICT").is_some()
}

/// How many times as fast attackers are.
pub fn factor() -> f64 {
    let factor = std::env::var("SEAWAY_STRICT")
        .ok()
        .and_then(|text| text.parse().ok());
    factor.unwrap_or(1.0)
}

/// The gateway, or another build of it that is to be compared.
pub fn gateway() -> Command {
    if !is() {
        return Command::new(SEAWAY);
    }
    let binary = std::env::var_os("SEAWAY_BINARY").unwrap_or_else(|| SEAWAY.into());
    let mut pinned = Command::new("taskset");
    pinned.args(["--cpu-list", "0"]).arg(binary);
    pinned
}

/// Whoever attacks, on a thread of his own, gets of the core what is left: what is measured is the gateway, and not how the
/// system shares a core between its clients.
pub fn step_back() {
    if is() {
        // Where it may not be done, the figures are worse.
        let _ = rustix::process::setpriority_process(None, 19);
    }
}
