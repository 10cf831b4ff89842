//! The downstream half over real loopback sockets, with a closure in the pipeline's place.
//!
//! Nothing here sleeps: a test waits for bytes, for the end of a connection, or for the handler to say that it has been
//! reached.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "what goes wrong in a test has to stop it"
)]

#[path = "downstream_sockets/codec.rs"]
mod codec;
#[path = "downstream_sockets/guarded_http1.rs"]
mod guarded_http1;
#[path = "downstream_sockets/http1.rs"]
mod http1;
#[path = "downstream_sockets/http2.rs"]
mod http2;
#[path = "downstream_sockets/listeners.rs"]
mod listeners;
#[path = "downstream_sockets/support.rs"]
mod support;
#[path = "downstream_sockets/tls.rs"]
mod tls;
#[path = "downstream_sockets/tls_challenge.rs"]
mod tls_challenge;
