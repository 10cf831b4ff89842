//! The data plane.
//!
//! One operating-system thread per core, each with its own single-threaded tokio runtime, accept sockets and upstream
//! pools. Threads share the published [`snapshot::Snapshot`] and nothing else but counters. State of a thread lives in
//! `thread_local!`s that are touched in short closures and never across an `await`, so futures stay `Send` and
//! `tokio::spawn` serves. The alternative, a multi-threaded runtime with a shared pool, measured ten per cent slower.
//!
//! Rooms: `downstream` accepts and speaks to clients, `pipeline` is what happens to a request in order, `l4` relays what is
//! not HTTP, `upstream` finds endpoints and speaks to them, `admin` answers operators, `overload` sheds what is too much.

pub mod admin;
#[doc(hidden)]
pub mod bench;
pub mod body;
pub mod challenges;
pub mod context;
pub mod downstream;
pub mod error;
mod http2;
mod in_place;
mod interim;
mod l4;
pub mod options;
pub mod overload;
mod pace;
pub mod pipeline;
pub mod proxy;
mod small_writes;
pub mod snapshot;
pub mod switch;
mod tally;
mod tcp;
mod text;
pub mod tls;
pub mod upstream;
mod wall;
pub mod worker;

pub use options::{Limits, Options};
pub use proxy::{Drained, ListenerStatus, Proxy};
