//! What the tests of the binary share: the real process, its output, its signals, and manifests to give it.
//!
//! Nothing here waits for a time to pass. It waits for a line, an answer or an exit, and when that does not come within
//! [`DEADLINE`], it fails the test with everything that the process has said.
#![allow(dead_code, reason = "each test binary uses its part")]
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "helpers of tests"
)]

pub mod command;
pub mod files;
pub mod gateway;
pub mod manifests;
pub mod process;
pub mod strict;

use std::time::Duration;

/// Nothing that is waited for takes longer, unless it never comes.
pub const DEADLINE: Duration = Duration::from_secs(30);

/// The binary.
pub const SEAWAY: &str = env!("CARGO_BIN_EXE_seaway");
