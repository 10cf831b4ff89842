//! `seaway run`, by the real binary over real sockets: its life from `ready` to exit 0, and what operators see of it.
#![allow(clippy::expect_used, clippy::indexing_slicing, reason = "helpers of tests")]

mod admin;
mod flags;
mod https;
mod lifecycle;
mod seeing;
#[path = "../support/mod.rs"]
mod support;
mod upgrade;

use seaway_testkit::echo::Backend;
use support::files::Folder;
use support::gateway::{Gateway, before_a_backend};

const HOST: &str = "shop.example.com";

/// A backend by name.
fn backend(name: &str) -> Backend {
    Backend::start(name).expect("a port")
}

/// A gateway that sends [`HOST`] to a backend.
async fn serving(more: &[&str]) -> (Folder, Backend, Gateway) {
    before_a_backend(HOST, &[], more).await
}
