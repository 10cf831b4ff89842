//! The request pipeline over real sockets on loopback, without the listeners in front of it.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    reason = "helpers of tests: what cannot be set up fails the test"
)]

#[path = "pipeline/support.rs"]
mod support;

#[path = "pipeline/answers.rs"]
mod answers;
#[path = "pipeline/bodies.rs"]
mod bodies;
#[path = "pipeline/challenges.rs"]
mod challenges;
#[path = "pipeline/clusters.rs"]
mod clusters;
#[path = "pipeline/cookies.rs"]
mod cookies;
#[path = "pipeline/headers.rs"]
mod headers;
#[path = "pipeline/interim.rs"]
mod interim;
#[path = "pipeline/mirrors.rs"]
mod mirrors;
#[path = "pipeline/retries.rs"]
mod retries;
#[path = "pipeline/splits.rs"]
mod splits;
#[path = "pipeline/targets.rs"]
mod targets;
#[path = "pipeline/threads.rs"]
mod threads;
#[path = "pipeline/timeouts.rs"]
mod timeouts;
#[path = "pipeline/tunnels.rs"]
mod tunnels;
