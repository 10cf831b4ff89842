//! Certificates that come by themselves: the real binary against a real ACME server. `cargo xtask parts pebble` brings
//! the server.
//!
//! The gateway starts first and without certificates, so that the ports that the server has to look at are known.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "helpers of tests"
)]

mod dns;
mod hand_over;
mod killed;
mod refused;
mod renewed;
mod served;
#[path = "../support/mod.rs"]
mod support;
mod world;

const HOST: &str = "shop.example.com";
